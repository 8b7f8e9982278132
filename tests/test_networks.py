"""`fhelpers.networks` against explicit loops, a hand-counted network and a functional rewrite."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fhelpers import networks
from fhelpers.networks.classifiers import Normalize, PreActivationBlock, Switches

NAMES = tuple(networks.NETWORKS)


def build(name="resnet-8", **changes):
    return networks.build(name, **{"channels": 3, "classes": 10, **changes})


def random_images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def convolutions(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def weighted(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


# --- shapes and sizes ---------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_every_network_takes_every_size_of_image(name, channels):
    switches = {} if name == "resnet-18" else {"width": 6}
    model = build(name, channels=channels, classes=7, **switches).eval()
    with torch.no_grad():
        for size in (28, 32, 33, 64):
            assert model(random_images(2, channels, size, size)).shape == (2, 7)


@pytest.mark.parametrize("bias", [None, True])
@pytest.mark.parametrize(("name", "blocks"), [("resnet-8", 1), ("resnet-20", 3), ("resnet-32", 5)])
def test_6n2_networks_have_as_many_parameters_as_counted_by_hand(name, blocks, bias):
    """Two 3×3 convolutions per block, widths 16, 32, 64; shortcuts have no weights.

    As released there is one bias, in the last layer.
    """
    biases = 1 if bias else 0
    expected = 3 * 9 * 16 + 16 * biases + 64 * 10 + 10
    inputs = 16
    for outputs in (16, 32, 64):
        for _ in range(blocks):
            expected += inputs * 9 * outputs + outputs * 9 * outputs + 2 * outputs * biases
            inputs = outputs
    model = build(name, bias=bias)
    assert sum(p.numel() for p in model.parameters()) == expected
    assert len(weighted(model)) == 6 * blocks + 2


def test_published_networks_have_their_published_layers():
    counted = {name: [0, 0] for name in ("lenet", "alexnet", "vgg-11", "resnet-18")}
    for name, counts in counted.items():
        for layer in weighted(build(name)):
            counts[isinstance(layer, nn.Linear)] += 1
    # ResNet-18: 17 convolutions and 3 projections on its shortcuts.
    assert counted == {"lenet": [2, 3], "alexnet": [5, 3], "vgg-11": [8, 3], "resnet-18": [20, 1]}
    # LeNet at 32 pixels: 5×5 kernels to 6 and 16 maps, then 400-120-84-10.
    assert [tuple(layer.weight.shape) for layer in weighted(build("lenet"))] == [
        (6, 3, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84),
    ]  # fmt: skip


def test_width_scales_all_layers_in_proportion():
    for name in ("resnet-8", "alexnet", "vgg-11"):
        own = [layer.out_channels for layer in convolutions(build(name))]
        half = build(name, width=networks.NETWORKS[name].width // 2)
        assert [2 * layer.out_channels for layer in convolutions(half)] == own


# --- the released network -------------------------------------------------------------------------


def slow_shortcut(x, outputs):
    """Mean of each 2×2 square (fewer pixels at an odd edge), new channels 0 on both sides."""
    count, inputs, height, width = x.shape
    result = torch.zeros(count, outputs, math.ceil(height / 2), math.ceil(width / 2))
    before = (outputs - inputs) // 2
    for n in range(count):
        for c in range(inputs):
            for i in range(0, height, 2):
                for j in range(0, width, 2):
                    square = [
                        x[n, c, i + di, j + dj].item()
                        for di in (0, 1)
                        for dj in (0, 1)
                        if i + di < height and j + dj < width
                    ]
                    result[n, before + c, i // 2, j // 2] = sum(square) / len(square)
    return result


@pytest.mark.parametrize("size", [8, 7])
def test_shortcut_averages_and_pads_with_zero_channels(size):
    switches = Switches(batchnorm="", bias=True, dropout=0.0, kernel_size=3)
    block = PreActivationBlock(4, 8, stride=2, switches=switches, first=False)
    for layer in convolutions(block):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    x = random_images(2, 4, size, size)
    with torch.no_grad():
        torch.testing.assert_close(block(x), slow_shortcut(x, 8))
    assert {name.split(".")[0] for name, _ in block.named_parameters()} == {"conv1", "conv2"}


def functional_resnet_8(state, x, batchnorm):
    """Stem, norm, ReLU; blocks norm-ReLU-conv-norm-ReLU-conv; norm, ReLU, mean over pixels, fc."""

    def convolve(x, name, stride=1):
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, padding=1)

    def normalise(x, name):
        if not batchnorm:
            return x
        mean, var, scale, offset = (
            state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * scale + offset

    x = torch.relu(normalise(convolve(x, "1.0"), "1.1"))
    for block, outputs in ((3, 16), (4, 32), (5, 64)):
        name, stride = f"1.{block}", 1 if block == 3 else 2
        shortcut = x if stride == 1 else slow_shortcut(x, outputs)
        if block > 3:
            x = torch.relu(normalise(x, f"{name}.norm1"))
        x = convolve(x, f"{name}.conv1", stride)
        x = convolve(torch.relu(normalise(x, f"{name}.norm2")), f"{name}.conv2")
        x = shortcut + x
    x = torch.relu(normalise(x, "1.6")).mean(dim=(2, 3))
    return x @ state["1.11.weight"].T + state["1.11.bias"]


@pytest.mark.parametrize("bias", [None, True])
@pytest.mark.parametrize("batchnorm", ["", "running"])
def test_resnet_8_equals_a_functional_rewrite(batchnorm, bias):
    model = build(batchnorm=batchnorm, bias=bias)
    with torch.no_grad():
        for seed, p in enumerate(model.parameters()):  # biases and offsets too must matter
            p.add_(0.2 * random_images(*p.shape, seed=seed) - 0.1)
        model.train()(random_images(8, 3, 32, 32, seed=3))  # moves BatchNorm's running averages
        images = random_images(2, 3, 32, 32, seed=4)
        expected = functional_resnet_8(model.state_dict(), images, batchnorm)
        torch.testing.assert_close(model.eval()(images), expected, rtol=1e-5, atol=1e-5)


# --- initial weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_weights_start_xavier_uniform_and_biases_at_zero(name):
    for layer in weighted(build(name)):
        weight = layer.weight
        area = weight[0, 0].numel() if weight.ndim == 4 else 1
        bound = math.sqrt(6 / (area * (weight.shape[0] + weight.shape[1])))
        assert weight.abs().max() <= bound
        if weight.numel() > 1000:
            assert weight.abs().max() > 0.98 * bound
            assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("name", NAMES)
def test_batchnorm_is_off_unless_asked_for_and_starts_at_scale_1_offset_0(name):
    def norms(model):
        return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]

    assert not norms(build(name))
    found = norms(build(name, batchnorm="running"))
    assert len(found) >= len(convolutions(build(name))) - 1
    for layer in found:
        assert torch.equal(layer.weight, torch.ones_like(layer.weight))
        assert not layer.bias.any()


def test_seed_alone_decides_the_weights():
    torch.manual_seed(1)
    first = build(seed=5).state_dict()
    torch.manual_seed(2)
    again, other = build(seed=5).state_dict(), build(seed=6).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first if "weight" in name)


@pytest.mark.parametrize("name", ["resnet-8", "resnet-18", "vgg-11"])
def test_building_leaves_the_global_random_numbers_alone(name):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build(name)
    assert torch.equal(torch.rand(4), expected)


# --- switches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_dropout_stands_before_fully_connected_layers_only(name):
    layers = [m for m in build(name, dropout=0.5).modules() if not list(m.children())]
    order = [type(m) for m in layers if isinstance(m, nn.Dropout | nn.Linear | nn.Conv2d)]
    first = order.index(nn.Linear)
    fully_connected = order[first:].count(nn.Linear)
    # A row of several is entered without it, as AlexNet and VGG do behind their first layer.
    before_first = order[:first].count(nn.Dropout)
    assert order[-1] is nn.Linear
    assert before_first == (fully_connected == 1)
    assert order[first:].count(nn.Dropout) == fully_connected - 1
    assert nn.Conv2d not in order[order.index(nn.Dropout) :]


def test_dropout_is_switched_off_in_eval_mode():
    images = random_images(4, 3, 32, 32)
    for name in ("resnet-8", "lenet"):
        model, plain = build(name, dropout=0.5, seed=1), build(name, seed=1)
        with torch.no_grad():
            assert torch.equal(model.eval()(images), plain.eval()(images))
            assert not torch.equal(model.train()(images), model(images))


@pytest.mark.parametrize("name", NAMES)
def test_first_layer_can_have_5_by_5_kernels(name):
    model = build(name, kernel_size=5)
    kernels = [layer.kernel_size for layer in convolutions(model)]
    own = [layer.kernel_size for layer in convolutions(build(name))]
    assert kernels == [(5, 5), *own[1:]]
    assert networks.first_convolution(model) is convolutions(model)[0]
    with torch.no_grad():
        assert model.eval()(random_images(1, 3, 32, 32)).shape == (1, 10)


def test_normalize_shifts_and_scales():
    images = random_images(2, 3, 5, 5)
    torch.testing.assert_close(Normalize(0.25, 0.5)(images), images * 2 - 0.5)
    first = build()[0]
    assert isinstance(first, Normalize)
    assert torch.equal(first(images), images)


# --- wrong input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("resnet-9", {}, r"'resnet-9' is not known; choose one of resnet-8,"),
        ("resnet-8", {"kernel_size": 4}, "kernel_size=4 .* odd"),
        ("resnet-18", {"width": 16}, "width of 64"),
        ("resnet-8", {"dropout": 1.5}, "dropout"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(name, changes, says):
    with pytest.raises(ValueError, match=says) as caught:
        build(name, **changes)
    assert "\n" not in str(caught.value)


def test_a_model_without_convolution_has_no_first_kernels():
    with pytest.raises(ValueError, match="no first kernels"):
        networks.first_convolution(nn.Linear(3, 2))


def test_moments_that_cannot_be_held_leave_the_model_as_it_was():
    layers = nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.Linear(7, 2)
    model = nn.Sequential(*layers)  # seven values, which no image of this size has
    with (
        pytest.raises(ValueError, match="fails"),
        networks.moments_held(model, torch.rand(4, 3, 8, 8)),
    ):
        pass
    assert networks.uses_batch_moments(model)
    assert not model[0]._forward_pre_hooks
