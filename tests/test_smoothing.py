"""`fhelpers.smoothing`: eq. 3 against a slow loop, kernels of known smoothness, nothing touched."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from fhelpers import networks, smoothing


def slow_smooth(weight, rho):
    """Eq. 3 weight by weight, the index held within the kernel."""
    size = weight.shape[-1]
    result = weight.clone()
    for y in range(size):
        for x in range(size):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (dy, dx) != (0, 0):
                        row, column = min(max(y + dy, 0), size - 1), min(max(x + dx, 0), size - 1)
                        result[..., y, x] += rho * weight[..., row, column]
    return result


@given(
    size=st.integers(1, 9), rho=st.floats(0, 3), inputs=st.integers(1, 4), seed=st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_equation_3_against_a_loop_and_scipy(size, rho, inputs, seed):
    weight = torch.randn(5, inputs, size, size, generator=torch.Generator().manual_seed(seed))
    before = weight.clone()
    smoothed = smoothing.smooth_kernel(weight, rho)
    torch.testing.assert_close(smoothed, slow_smooth(weight, rho), rtol=1e-5, atol=1e-5)
    stencil = np.full((1, 1, 3, 3), rho)
    stencil[0, 0, 1, 1] = 1
    again = ndimage.correlate(weight.numpy().astype(float), stencil, mode="nearest")
    torch.testing.assert_close(smoothed, torch.from_numpy(again).float(), rtol=1e-5, atol=1e-5)
    assert torch.equal(weight, before)


@given(size=st.integers(1, 7), rho=st.floats(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_constant_kernel_grows_by_1_plus_8_rho_or_stays(size, rho):
    weight = torch.full((2, 3, size, size), 0.5)
    published = smoothing.smooth_kernel(weight, rho)
    kept = smoothing.smooth_kernel(weight, rho, keep_gain=True)
    torch.testing.assert_close(published, weight * (1 + 8 * rho))
    torch.testing.assert_close(kept, weight)


def test_rho_0_changes_nothing_and_the_two_forms_differ_by_gain_alone():
    weight = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(smoothing.smooth_kernel(weight, 0.0), weight, rtol=1e-6, atol=1e-6)
    published, kept = (smoothing.smooth_kernel(weight, 0.5, keep_gain=k) for k in (False, True))
    torch.testing.assert_close(published, 5 * kept)


@pytest.mark.parametrize("name", ["resnet-8", "lenet", "vgg-11", "resnet-18"])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_a_smoothed_model_is_a_copy_that_differs_in_its_first_weight_only(name, kernel_size):
    width = None if name == "resnet-18" else 8
    model = networks.build(
        name, channels=3, classes=4, width=width, kernel_size=kernel_size, batchnorm="running"
    )
    before = copy.deepcopy(model.state_dict())
    smoothed = smoothing.smooth_first_layer(model, 1.0)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    changed = [k for k, v in smoothed.state_dict().items() if not torch.equal(v, before[k])]
    assert len(changed) == 1
    expected = slow_smooth(networks.first_convolution(model).weight.detach(), 1.0)
    torch.testing.assert_close(smoothed.state_dict()[changed[0]], expected, rtol=1e-5, atol=1e-5)
    images = torch.rand(2, 3, 32, 32)
    assert not torch.equal(smoothed.eval()(images), model.eval()(images))


def test_what_cannot_be_smoothed_is_refused_in_a_sentence():
    weight = torch.zeros(1, 1, 3, 3)
    for rho in (-0.1, float("nan"), float("inf"), "1", True):
        with pytest.raises(ValueError, match="rho must be a number of at least 0"):
            smoothing.smooth_kernel(weight, rho)
    with pytest.raises(ValueError, match=r"must have the shape \(O, I, k, k\)"):
        smoothing.smooth_kernel(torch.zeros(3, 3), 1.0)
    with pytest.raises(ValueError, match="no two-dimensional convolution"):
        smoothing.smooth_first_layer(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), 1.0)


def test_smoothness_of_kernels_whose_smoothness_is_known():
    constant, checkers = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)
    checkers[..., ::2, 1::2] = checkers[..., 1::2, ::2] = -1
    spike = torch.zeros(1, 1, 3, 3)
    spike[..., 1, 1] = 1
    kernels = torch.cat([constant, spike, checkers])
    # Twelve pairs of neighbours; a spike meets four of them and has a ninth of weight on average.
    expected = torch.tensor([0.0, (4 / 12) / (1 / 9), 2.0])
    torch.testing.assert_close(smoothing.adjacent_difference(kernels), expected)
    shares = smoothing.high_share(kernels)
    rows = torch.arange(32) - 16
    outside = (rows[:, None] ** 2 + rows**2 > 8**2).float().mean()
    torch.testing.assert_close(shares[1], outside)  # a spike passes all frequencies alike
    assert shares[0] < 0.4 < shares[1] < shares[2]
    assert smoothing.adjacent_difference(torch.ones(2, 3, 1, 1)).isnan().all()


def test_a_kernel_larger_than_the_grid_is_refused_and_an_oblong_one_is_padded():
    with pytest.raises(ValueError, match="up to 32 × 32 weights, not 33 × 3"):
        smoothing.transfer_function(torch.ones(1, 1, 33, 3))
    flat, tall = (
        smoothing.transfer_function(torch.ones(1, 1, *size))[0] for size in ((1, 3), (3, 1))
    )
    assert flat.shape == (32, 32)
    torch.testing.assert_close(flat, tall.T)


def test_the_transfer_function_is_what_the_filter_does_to_a_wave():
    weight = torch.randn(1, 1, 5, 5)
    transfer = smoothing.transfer_function(weight)[0]
    place = torch.arange(32)
    for u, v in ((0, 0), (3, 0), (2, 7), (16, 5)):
        angle = 2 * torch.pi * (u * place[:, None] + v * place) / 32
        wave = torch.stack([angle.cos(), angle.sin()])[:, None]
        around = torch.nn.functional.pad(wave, (2, 2, 2, 2), mode="circular")
        out = torch.nn.functional.conv2d(around, weight)
        gain = out.square().sum(0).sqrt().mean()
        torch.testing.assert_close(
            transfer[(u + 16) % 32, (v + 16) % 32], gain, rtol=1e-3, atol=1e-3
        )


@given(rho=st.floats(0.05, 2), seed=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_smoothing_makes_random_kernels_smoother(rho, seed):
    weight = torch.randn(16, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    smoothed = smoothing.smooth_kernel(weight, rho)
    for measure in (smoothing.adjacent_difference, smoothing.high_share):
        assert measure(smoothed).mean() < measure(weight).mean()
        torch.testing.assert_close(measure(3 * weight), measure(weight), rtol=1e-4, atol=1e-4)
