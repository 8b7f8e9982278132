"""Perturbations within a band: networks whose smallest one is known, and bands kept to."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fhelpers import frequency
from fhelpers.runs import scales
from fhelpers.sections.tradeoff import measure


class Linear(nn.Module):
    """Two classes by the sign of <direction, x - centre>; the nearest other answer is known."""

    def __init__(self, direction):
        super().__init__()
        self.direction = direction

    def forward(self, images):
        side = ((images.float() - 0.5) * self.direction).flatten(1).sum(1)
        return torch.stack([side, -side], 1)


def direction_in(band, seed=0):
    """A random direction in one band at r = 4, of root mean square 1."""
    noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    part = measure.in_band(noise, band, 4)
    return part / part.square().mean().sqrt()


def shifted_images(direction, sizes):
    """Grey images moved along the direction: each lies `size` from the other class."""
    return 0.5 + torch.tensor(sizes)[:, None, None, None] * direction


@pytest.mark.parametrize("lives", ["low", "high"])
def test_a_network_that_lives_on_one_band_is_fooled_there_at_the_known_size_and_not_in_the_other(
    lives,
):
    direction = direction_in(lives)
    sizes = [0.01, 0.02, 0.05]
    images, labels = shifted_images(direction, sizes), torch.zeros(3, dtype=torch.long)
    other = "high" if lives == "low" else "low"
    for band in (lives, "all"):
        found, _ = measure.smallest_perturbations(Linear(direction), images, labels, band, 4)
        torch.testing.assert_close(found, torch.tensor(sizes), rtol=0.05, atol=1e-4)
        assert (found >= torch.tensor(sizes) * 0.999).all()  # nothing nearer exists
    found, _ = measure.smallest_perturbations(Linear(direction), images, labels, other, 4)
    assert found.isinf().all()


@given(
    radius=st.floats(1, 10), epsilon=st.floats(0.001, 0.2), band=st.sampled_from(measure.BANDS),
    seed=st.integers(0, 20),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_perturbations_keep_to_their_band_and_size(radius, epsilon, band, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 144, 3))
    images, labels = torch.rand(4, 3, 14, 14), torch.randint(0, 3, (4,))
    found = measure.ascend_in_band(model, images, labels, epsilon, band, radius, steps=4)
    assert (measure.size_of(found) <= epsilon * (1 + 1e-4)).all()
    disc = frequency.disc(14, 14, radius)
    if band == "high":
        assert frequency.filter_spectrum(found, disc).abs().max() < 1e-6
    if band == "low":
        assert frequency.filter_spectrum(found, ~disc).abs().max() < 1e-6


def batchnorm_then_linear(seed=0):
    """A network whose answers depend on the other images of a batch, in eval mode too."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(3, track_running_stats=False)
    return nn.Sequential(nn.Conv2d(3, 3, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 2))


def test_with_batchnorm_no_image_is_fooled_by_what_is_done_to_another():
    model, images = batchnorm_then_linear(), torch.rand(30, 3, 8, 8)
    moved = model[0](images).detach()
    fixed = batchnorm_then_linear()
    fixed[1] = nn.BatchNorm2d(3).eval()
    fixed[1].running_mean = moved.mean((0, 2, 3))
    fixed[1].running_var = moved.var((0, 2, 3), correction=0)
    labels = fixed(images).argmax(1).detach()
    sizes, found = measure.smallest_perturbations(model, images, labels, "high", 2)
    assert torch.isfinite(sizes).sum() > 10
    alone = [measure.smallest_perturbations(fixed, image[None], label[None], "high", 2)[0]
             for image, label in zip(images, labels, strict=True)]  # fmt: skip
    torch.testing.assert_close(sizes, torch.cat(alone), rtol=1e-3, atol=1e-6)
    fooled = sizes.isfinite()
    assert (fixed(images + found).argmax(1) != labels)[fooled].all()
    assert model[1].running_mean is None


def test_images_that_are_wrong_anyway_have_size_0_and_sizes_belong_to_their_perturbations():
    direction = direction_in("high")
    images = shifted_images(direction, [0.02, -0.02])
    labels = torch.zeros(2, dtype=torch.long)
    sizes, found = measure.smallest_perturbations(Linear(direction), images, labels, "high", 4)
    assert sizes[1] == 0
    assert not found[1].any()
    torch.testing.assert_close(sizes, measure.size_of(found).flatten())
    assert Linear(direction)(images + found)[0].argmax() == 1


def test_what_cannot_be_searched_is_refused():
    images, labels = torch.rand(2, 3, 16, 16), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match="band 'middle' is not known"):
        measure.smallest_perturbations(Linear(1.0), images, labels, "middle", 4)
    with pytest.raises(ValueError, match="labels must lie from 0 to 1"):
        measure.smallest_perturbations(Linear(1.0), images, labels + 2, "high", 4)


@pytest.mark.parametrize(("low", "high"), [(2.0, 0.0), (0.0, 3.0)])
def test_trained_networks_are_fooled_in_the_band_where_their_cue_was_planted(
    carried_out, low, high
):
    options = {"data_options": (("low", low), ("high", high)), "epochs": 8}
    network = scales.vanilla("smoke", "planted", 0, **options)
    recipe = measure.Corollary(network=network, images=60, radius=8, epsilons=())
    history = carried_out(recipe).history
    right = history[history["size"] > 0]
    epsilon = 3 / 255
    fooled = {part: (rows["size"] <= epsilon).mean() for part, rows in right.groupby("part")}
    lives, other = ("low", "high") if low else ("high", "low")
    assert fooled[lives] > 0.35
    assert fooled[other] < 0.7 * fooled[lives]
    assert math.isclose(history.low_change[history.part == "high"].max(), 0, abs_tol=1e-6)
