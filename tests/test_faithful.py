"""What W's text and released code do, rewritten slowly in NumPy, against what the package does."""

import numpy as np
import pytest
import torch

from fhelpers import attacks, frequency, networks, smoothing
from fhelpers.networks.classifiers import Normalize
from fhelpers.runs import classifier, monitoring
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.training import predict

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def same(found: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().double().numpy(), expected, **CLOSE)


def random_images(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def as_tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


# --- the split (§3.1) and the division by the maximum ---------------------------------------------


def waves(size: int) -> np.ndarray:
    """The Fourier matrix, rows by frequency from −size/2 on, so that 0 is in the middle."""
    frequencies = np.arange(size) - size // 2
    return np.exp(-2j * np.pi * np.outer(frequencies, np.arange(size)) / size)


def slow_split(channel: np.ndarray, radius: float, *, inclusive: bool):
    """Low and high part of one channel: every bin by itself, imaginary parts discarded."""
    height, width = channel.shape
    down, across = waves(height), waves(width)
    spectrum = down @ channel @ across.T
    parts = np.zeros((2, height, width), dtype=complex)
    for i in range(height):
        for j in range(width):
            distance = np.sqrt((i - height // 2) ** 2 + (j - width // 2) ** 2)
            low = distance <= radius if inclusive else distance < radius
            wave = np.outer(down[i].conj(), across[j].conj()) / (height * width)
            parts[0 if low else 1] += spectrum[i, j] * wave
    return parts.real


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize(("size", "radius"), [((12, 12), 4), ((12, 12), 5), ((9, 14), 3.5)])
def test_the_split_is_that_of_the_paper_and_with_less_than_that_of_the_code(
    size, radius, inclusive
):
    images = random_images(2, 3, *size)
    low, high = frequency.split(as_tensor(images), radius, inclusive=inclusive)
    for n in range(2):
        for c in range(3):
            expected = slow_split(images[n, c], radius, inclusive=inclusive)
            same(low[n, c], expected[0])
            same(high[n, c], expected[1])


@pytest.mark.parametrize(("radius", "below", "at_most"), [
    (4, 45, 49), (8, 193, 197), (12, 437, 441), (16, 793, 795),
])  # fmt: skip
def test_the_bins_on_the_circle_are_what_the_two_rules_differ_in(radius, below, at_most):
    for inclusive, bins in ((False, below), (True, at_most)):
        assert frequency.disc(32, 32, radius, inclusive=inclusive).sum() == bins


def divided(part: np.ndarray) -> np.ndarray:
    """Image by image by its maximum over all channels, as the released code does."""
    return np.stack([image / max(image.reshape(-1)) for image in part])


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("band", ["low", "high"])
def test_training_and_test_parts_are_divided_image_by_image(band, inclusive):
    recipe = Recipe(band=band, band_radius=4, radii=(4,), inclusive=inclusive)
    numbers = np.random.default_rng(1).integers(0, 256, (3, 3, 12, 12))
    images = torch.tensor(numbers, dtype=torch.uint8)
    split = [
        [slow_split(channel / 255, 4, inclusive=inclusive) for channel in image]
        for image in numbers
    ]
    low, high = np.moveaxis(np.array(split), 2, 0)
    same(monitoring.prepare_pixels(recipe, images), divided(low if band == "low" else high))
    parts = dict(monitoring.every_part(recipe, images, divided=True))
    for name, expected in (("low", low), ("high", high)):
        same(parts[name, 4.0], expected)
        same(parts[f"{name}/max", 4.0], divided(expected))
    whole = monitoring.prepare_pixels(Recipe(), images)
    same(whole, numbers / 255)  # the clean images are divided by 255 and by nothing else


# --- smoothing (§6.3, eq. 3) ----------------------------------------------------------------------


def slow_smoothing(kernel: np.ndarray, rho: float) -> np.ndarray:
    """Each weight plus ρ times its eight neighbours; outside, the nearest weight of the edge."""
    height, width = kernel.shape
    smoothed = np.zeros_like(kernel)
    for i in range(height):
        for j in range(width):
            neighbours = [
                kernel[min(max(i + down, 0), height - 1), min(max(j + across, 0), width - 1)]
                for down in (-1, 0, 1)
                for across in (-1, 0, 1)
                if (down, across) != (0, 0)
            ]
            smoothed[i, j] = kernel[i, j] + rho * sum(neighbours)
    return smoothed


@pytest.mark.parametrize("rho", [0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("size", [3, 5])
def test_smoothing_is_equation_3(size, rho):
    weight = random_images(4, 3, size, size) - 0.5
    expected = np.array([[slow_smoothing(k, rho) for k in kernels] for kernels in weight])
    same(smoothing.smooth_kernel(as_tensor(weight), rho), expected)
    kept = smoothing.smooth_kernel(as_tensor(weight), rho, keep_gain=True)
    same(kept, expected / (1 + 8 * rho))


# --- PGD as released ------------------------------------------------------------------------------


def slow_pgd(weight, offset, images, labels, epsilon, *, size, start):
    """Ten steps of PGD on a linear softmax network, whose gradient is written out.

    Each goes along the gradient's sign, back into the ball, then into [0, 1].
    """
    attacked = start.copy()
    for _ in range(10):
        logits = attacked.reshape(len(images), -1) @ weight.T + offset
        odds = np.exp(logits - logits.max(1, keepdims=True))
        wrong = odds / odds.sum(1, keepdims=True) - np.eye(len(weight))[labels]
        gradient = (wrong @ weight).reshape(images.shape)
        attacked = attacked + size * np.sign(gradient)
        attacked = np.minimum(np.maximum(attacked, images - epsilon), images + epsilon)
        attacked = np.minimum(np.maximum(attacked, 0), 1)
    return attacked


def linear():
    """A linear network as a model and as arrays, images and labels."""
    random = np.random.default_rng(2)
    images, labels = random.random((6, 3, 5, 5)), random.integers(0, 4, 6)
    images[0], images[1] = 0, 1  # where only the clip to [0, 1] holds
    weight, offset = random.normal(size=(4, 75)), random.normal(size=4)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(75, 4))
    with torch.no_grad():
        model[1].weight.copy_(as_tensor(weight))
        model[1].bias.copy_(as_tensor(offset))
    return model, (weight, offset), images, labels


@pytest.mark.parametrize("epsilon", [8 / 255, 0.1])
def test_adversarial_training_sees_pgd_as_released(epsilon):
    """Ten steps of ε / 10 that begin at the image itself."""
    model, arrays, images, labels = linear()
    recipe = Recipe(adversary="pgd", epsilon=epsilon)
    assert (recipe.attack_steps, recipe.random_start) == (10, False)
    given = as_tensor(images), torch.tensor(labels)
    found = classifier.attack_for_training(recipe, model, *given)
    options = {"size": epsilon / 10, "start": images}
    same(found, slow_pgd(*arrays, images, labels, epsilon, **options))
    assert (found - given[0]).abs().max() == pytest.approx(epsilon, abs=1e-6)


def test_pgd_is_projected_and_clipped():
    """With larger steps from another point of the ball, where the projection matters."""
    model, arrays, images, labels = linear()
    start = np.clip(images + 0.1 * (2 * random_images(*images.shape) - 1), 0, 1)
    options = {"steps": 10, "step_size": 0.07, "start": as_tensor(start)}
    found = attacks.ascend(model, as_tensor(images), torch.tensor(labels), 0.1, **options)
    same(found, slow_pgd(*arrays, images, labels, 0.1, size=0.07, start=start))


def test_the_network_is_fed_attacked_images_only(monkeypatch):
    fed = []
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    pixels, labels = torch.rand(4, 3, 2, 2), torch.tensor([0, 1, 0, 1])
    attacked = torch.rand(4, 3, 2, 2)
    monkeypatch.setattr(classifier, "attack_for_training", lambda *given: attacked)
    model.register_forward_hook(lambda module, given, answers: fed.append(given[0]))
    compute = classifier.Compute("cpu", "float32", 1)
    classifier.loss_of(Recipe(adversary="pgd"), 2, compute)(model, (pixels, labels))
    assert len(fed) == 1
    assert torch.equal(fed[0], attacked)


# --- the 6n + 2 network ---------------------------------------------------------------------------


def slow_convolution(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """3×3 kernels over an image with a border of zeros, no bias; x: (N, C, H, W)."""
    count, _, height, width = x.shape
    bordered = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = range(0, height, stride), range(0, width, stride)
    result = np.zeros((count, len(weight), len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            seen = bordered[:, :, row : row + 3, column : column + 3].reshape(count, -1)
            result[:, :, i, j] = seen @ weight.reshape(len(weight), -1).T
    return result


def slow_norm(x, scale, offset) -> np.ndarray:
    """By the moments of this very batch, channel by channel; the variance has no correction."""
    result = np.zeros_like(x)
    for c in range(x.shape[1]):
        values = x[:, c].reshape(-1)
        mean = sum(values) / len(values)
        variance = sum((values - mean) ** 2) / len(values)
        result[:, c] = (x[:, c] - mean) / np.sqrt(variance + 1e-5) * scale[c] + offset[c]
    return result


def slow_shortcut(x: np.ndarray, outputs: int) -> np.ndarray:
    """The mean of each 2×2 square, and zeros for new channels on both sides."""
    added = outputs - x.shape[1]
    count, inputs, height, width = x.shape
    result = np.zeros((count, outputs, height // 2, width // 2))
    for i in range(height // 2):
        for j in range(width // 2):
            square = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            result[:, added // 2 : added // 2 + inputs, i, j] = square.mean((2, 3))
    return result


def slow_network(state: dict, images: np.ndarray, blocks: int) -> np.ndarray:
    """W's released network in the order of its code; a norm where the weights have one."""
    state = {name: value.double().numpy() for name, value in state.items()}

    def norm(x, name):
        if f"{name}.weight" not in state:
            return x
        return slow_norm(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def relu(x):
        return np.maximum(x, 0)

    x = relu(norm(slow_convolution(images, state["1.0.weight"]), "1.1"))
    for place in range(3 * blocks):
        name = f"1.{3 + place}"
        first, halves = place == 0, place in (blocks, 2 * blocks)
        shortcut = slow_shortcut(x, 2 * x.shape[1]) if halves else x
        inner = x if first else relu(norm(x, f"{name}.norm1"))
        inner = slow_convolution(inner, state[f"{name}.conv1.weight"], 2 if halves else 1)
        inner = relu(norm(inner, f"{name}.norm2"))
        x = shortcut + slow_convolution(inner, state[f"{name}.conv2.weight"])
    last = 3 + 3 * blocks
    pooled = relu(norm(x, f"1.{last}")).mean((2, 3))
    head = f"1.{last + 5}"
    return pooled @ state[f"{head}.weight"].T + state[f"{head}.bias"]


def faithful_network(name: str, batchnorm: str) -> torch.nn.Module:
    """A small network of the recipe's defaults whose norms and head do something."""
    recipe = Recipe(model=name, width=6, batchnorm=batchnorm)
    model, random = classifier.build(recipe), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.rand(parameter.shape, generator=random) - 0.1)
    return model


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batchnorm", ["none", "batch"])
@pytest.mark.parametrize(("name", "blocks"), [("resnet-8", 1), ("resnet-20", 3)])
def test_the_network_is_that_of_the_code(name, blocks, batchnorm, training):
    model, images = faithful_network(name, batchnorm), random_images(4, 3, 16, 16)
    with torch.no_grad():
        found = model.train(training)(as_tensor(images))
    expected = slow_network(model.state_dict(), images, blocks)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.numpy() / scale, expected / scale, **CLOSE)


def test_the_default_network_is_the_released_one_with_one_bias():
    model = classifier.build(Recipe())
    biases = [name for name, _ in model.named_parameters() if name.endswith("bias")]
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    assert len(weights) == 6 * 5 + 2
    assert [len(w) for w in weights][::10] == [16, 16, 32, 64]
    assert biases == [f"1.{len(model[1]) - 1}.bias"]
    assert not dict(model.named_parameters())[biases[0]].any()
    assert (model[0].mean, model[0].std) == (0, 1)
    assert isinstance(model[0], Normalize)


def test_without_biases_an_image_times_a_constant_gives_logits_times_it():
    model, images = classifier.build(Recipe(model="resnet-8")), random_images(2, 3, 16, 16)
    with torch.no_grad():
        once, half = (model(as_tensor(images * gain)) for gain in (1, 0.5))
    same(half, once.double().numpy() / 2)


# --- BatchNorm as released ------------------------------------------------------------------------


def test_evaluation_takes_the_moments_of_batches_of_100():
    model, images = faithful_network("resnet-8", "batch"), random_images(120, 3, 8, 8, seed=3)
    assert not any("running" in name for name in model.state_dict())
    found = predict(model, as_tensor(images)).double().numpy()
    state = model.state_dict()
    expected = [slow_network(state, batch, 1) for batch in (images[:100], images[100:])]
    scale = np.abs(found).max()
    np.testing.assert_allclose(found / scale, np.concatenate(expected) / scale, **CLOSE)
    together = slow_network(state, images, 1)
    assert np.abs(found - together).max() > 1e-3 * scale  # the batches matter


def test_running_averages_are_a_switch():
    model = networks.build("resnet-8", channels=3, classes=10, batchnorm="running")
    assert any("running_mean" in name for name in model.state_dict())
