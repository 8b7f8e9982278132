"""Masks against planted truths, single masks against each other, and what is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fhelpers import frequency, masks, networks
from fhelpers.masks import FourierMask, Learning, learn_image_masks, learn_mask
from fhelpers.masks.learning import BOUND, bounded_exp, frozen
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import training

FLOAT32 = choose_compute("float32", "cpu")


# --- the module --------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 13), width=st.integers(1, 13), channels=st.sampled_from([1, 3]),
    count=st.sampled_from([1, 4]), seed=st.integers(0, 99),
)  # fmt: skip
def test_filtering_multiplies_the_spectrum_and_leaves_nothing_imaginary(
    height, width, channels, count, seed
):
    torch.manual_seed(seed)
    mask = FourierMask(height, width, count=count, channels=channels).double()
    mask.weight.data.uniform_()
    images = torch.rand(4, 3, height, width, dtype=torch.float64)
    spectrum = torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1)) * mask.masks()
    complex_images = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1)))
    assert complex_images.imag.abs().max() < 1e-12
    torch.testing.assert_close(mask(images), complex_images.real)


@pytest.mark.parametrize(
    ("height", "width", "independent"), [(32, 32, 514), (28, 28, 394), (5, 5, 13), (4, 6, 14)]
)
def test_the_parameters_are_the_independent_weights_only(height, width, independent):
    # A real image has as many independent spectral magnitudes as pairs and unpaired bins.
    assert FourierMask(height, width).weight.numel() == independent


def test_weight_is_counted_over_bins_not_pairs():
    mask = FourierMask(4, 4)
    mask.weight.data.zero_()
    mask.weight.data[0, 0, mask.bins[2 * 4 + 2]] = 1.0  # the zero frequency: one bin
    assert mask.total_weight().item() == pytest.approx(1 / 16)
    mask.weight.data[0, 0, mask.bins[2 * 4 + 3]] = 0.5  # (0, 1) and (0, -1)
    assert mask.total_weight().item() == pytest.approx(2 / 16)


def test_masks_belong_to_the_images_they_are_said_to():
    mask = FourierMask(6, 7, count=2)
    mask.weight.data[1].zero_()
    images = torch.rand(3, 1, 6, 7)
    seen = mask(images, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(seen[[0, 2]], images[[0, 2]])
    assert seen[1].abs().max() == 0


def test_the_complement_holds_what_has_no_weight_at_all():
    mask = FourierMask(6, 7, count=2)
    mask.weight.data[0] = torch.linspace(0, 1, mask.weight.shape[-1])
    mask.weight.data[1, :, :5] = 1e-9
    gone = masks.complement(mask)
    assert gone.weight[0, 0].nonzero().flatten().tolist() == [0]
    assert gone.weight[1, 0].nonzero().flatten().tolist() == list(range(5))
    assert set(gone.weight.unique().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.rand(2, 3, 8, 9), "is for images .N, C, 8, 8."),
        (torch.rand(3, 8, 8), "is for images"),
        (torch.rand(3, 1, 8, 8), "2 masks and 3 images"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, says):
    with pytest.raises(ValueError, match=says):
        FourierMask(8, 8, count=2)(images)
    with pytest.raises(ValueError, match="3 channels cannot filter 1"):
        FourierMask(8, 8, channels=3)(torch.rand(2, 1, 8, 8))


# --- the loss ----------------------------------------------------------------------------------


def test_the_loss_is_the_papers_until_it_would_overflow():
    x = torch.linspace(0, BOUND, 50, requires_grad=True)
    torch.testing.assert_close(bounded_exp(x), x.exp())
    slope = torch.autograd.grad(bounded_exp(x).sum(), x)[0]
    torch.testing.assert_close(slope, x.exp())
    far = torch.tensor([20.0, 1e4], requires_grad=True)
    value = bounded_exp(far)
    slope = torch.autograd.grad(value.sum(), far)[0]
    assert torch.isfinite(value).all()
    torch.testing.assert_close(slope, torch.full((2,), math.exp(BOUND)))


# --- planted truths ----------------------------------------------------------------------------


def band(kind, first, last, size=32):
    """Bins of a band: distances in (first, last], or directions in [first, last) degrees."""
    axis = torch.arange(size) - size // 2
    rows, columns = axis[:, None].double(), axis[None, :].double()
    if kind == "radial":
        distance = (rows**2 + columns**2).sqrt()
        return (distance > first) & (distance <= last)
    angle = torch.rad2deg(torch.atan2(-rows, columns)) % 180
    ring = (rows**2 + columns**2).sqrt()
    return (angle >= first) & (angle < last) & (ring > 2) & (ring <= 14)


BANDS = {
    "low": ("radial", 0, 4), "middle": ("radial", 6, 9), "high": ("radial", 11, 14),
    "level": ("angular", 0, 30), "oblique": ("angular", 60, 100),
}  # fmt: skip


def planted(where, count, seed, classes=4):
    """Grey images of 1/f noise whose class shows in one band only, with their labels."""
    generator = torch.Generator().manual_seed(seed)
    inside = frequency.filter_spectrum(
        torch.randn(classes, 1, 32, 32, generator=torch.Generator().manual_seed(7)), where.float()
    )
    inside = inside / inside.flatten(1).std(1)[:, None, None, None]
    fall = 1 / frequency.radial_distance(32, 32).clamp(min=1)
    noise = frequency.filter_spectrum(torch.randn(count, 1, 32, 32, generator=generator), fall)
    labels = torch.arange(count) % classes
    images = 0.5 + 0.08 * noise / noise.std() + 0.08 * inside[labels]
    return images.clamp(0, 1), labels


def trained(images, labels, epochs=6):
    torch.manual_seed(0)
    network = networks.build("resnet-8", channels=1, classes=4, width=8, batchnorm="running")
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(25):
            loss = F.cross_entropy(network(images[chosen]), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


@pytest.mark.parametrize("name", BANDS)
def test_the_mask_of_a_network_lies_in_the_band_that_tells_the_class(name):
    where = band(*BANDS[name])
    images, labels = planted(where, 300, seed=1)
    network = trained(images, labels)
    held, answers = planted(where, 200, seed=2)
    before = (training.predict(network, held).argmax(1) == answers).float().mean()
    assert before > 0.9
    learned = learn_mask(network, images, labels, Learning(epochs=8), compute=FLOAT32)
    energy = learned.mask.masks()[0, 0].detach().square()
    above = (energy - energy.median()).clamp(min=0)
    symmetric = where | where.flip(0, 1).roll((1, 1), (0, 1))
    assert above[symmetric].sum() / above.sum() >= 0.9
    seen = masks.through(learned.mask, held)
    after = (training.predict(network, seen).argmax(1) == answers).float().mean()
    assert after >= 0.97 * before
    assert learned.mask.total_weight() < 0.5
    gone = (training.predict(network, held - seen).argmax(1) == answers).float().mean()
    assert gone < 0.5


class Matched(nn.Module):
    """A classifier that compares images with one template a class, scaled to be sure of itself."""

    def __init__(self, templates):
        super().__init__()
        self.templates = nn.Parameter(templates)

    def forward(self, images):
        return torch.einsum("nchw,kchw->nk", images, self.templates)


def matched(strength=0.2, size=16, classes=3):
    where = band("radial", 3, 5, size).float()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(classes, 1, size, size, generator=generator)
    templates = frequency.filter_spectrum(noise, where)
    labels = torch.arange(30) % classes
    images = (0.5 + 0.1 * templates[labels]).clamp(0, 1)
    return Matched(strength * templates).eval(), images, labels, where.bool()


def test_what_a_network_cannot_see_goes_and_what_it_needs_stays():
    network, images, labels, where = matched()
    learned = learn_mask(
        network, images, labels, Learning(epochs=40, batch_size=10), compute=FLOAT32
    )
    found = learned.mask.masks()[0, 0].detach()
    assert found[~where].max() == 0
    assert found[where].sum() > 0.2 * where.sum()
    assert learned.reached.all()


def test_more_weight_on_sparsity_leaves_less():
    network, images, labels, _ = matched()
    left = [
        learn_mask(
            network, images, labels, Learning(sparsity_weight=weight, epochs=20), compute=FLOAT32
        ).mask.total_weight().item()
        for weight in (0.0, 0.05, 1.0)
    ]  # fmt: skip
    assert left[0] == pytest.approx(1, abs=0.01)
    assert left[0] > left[1] > left[2]


def test_groups_are_learned_as_if_each_were_alone():
    network, images, labels, _ = matched()
    learning = Learning(epochs=5, batch_size=30)
    together = learn_mask(network, images, labels, learning, groups=labels, compute=FLOAT32)
    assert together.mask.weight.shape[0] == 3
    for number in range(3):
        own = labels == number
        alone = learn_mask(
            network, images[own], labels[own], Learning(epochs=5, batch_size=10), compute=FLOAT32
        )
        difference = (together.mask.masks()[number] - alone.mask.masks()[0]).abs().max()
        assert difference < 1e-3


# --- stopping and resuming ---------------------------------------------------------------------


def test_it_stops_once_accurate_and_settled():
    network, images, labels, _ = matched()
    learning = Learning(epochs=200, batch_size=10, patience=3, tolerance=0.01, learning_rate=0.2)
    learned = learn_mask(network, images, labels, learning, compute=FLOAT32)
    rows = [row for row in learned.training.rows if row["part"] == "masked"]
    assert 3 < learned.training.epoch < 200
    weights = [row["weight"] for row in rows[-4:]]
    assert max(weights) - min(weights) <= 0.01
    earlier = [row["weight"] for row in rows[-5:-1]]
    accurate = rows[-2]["accuracy"] >= 0.99
    assert max(earlier) - min(earlier) > 0.01 or not accurate


def test_a_mask_that_never_reaches_the_threshold_says_so():
    network, images, labels, _ = matched(strength=0.002)  # unsure: any change costs little
    learning = Learning(sparsity_weight=50.0, epochs=10, batch_size=10, learning_rate=0.2)
    learned = learn_mask(network, images, labels, learning, compute=FLOAT32)
    assert learned.reached.tolist() == [False]
    assert learned.training.epoch == 10
    assert learned.mask.total_weight() < 0.5


def test_a_killed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    network, images, labels, _ = matched()
    learning = Learning(epochs=6, batch_size=10)
    whole = learn_mask(network, images, labels, learning, compute=FLOAT32)

    def stop(epoch):
        if epoch == 3:
            raise KeyboardInterrupt

    file = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        learn_mask(
            network, images, labels, learning, compute=FLOAT32, checkpoint=file, progress=stop
        )
    again = learn_mask(network, images, labels, learning, compute=FLOAT32, checkpoint=file)
    assert torch.equal(whole.mask.weight, again.mask.weight)
    assert whole.training.rows == again.training.rows


def test_the_network_is_left_as_it_was():
    network, images, labels, _ = matched()
    network.templates.requires_grad_(True)
    before = network.templates.detach().clone()
    learn_mask(network, images, labels, Learning(epochs=1), compute=FLOAT32)
    assert torch.equal(network.templates, before)
    assert network.templates.requires_grad
    assert network.templates.grad is None


# --- single images -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    """A trained network with a kept BatchNorm state, and images it has not seen."""
    images, labels = planted(band(*BANDS["middle"]), 200, seed=1)
    return trained(images, labels, epochs=5), *planted(band(*BANDS["middle"]), 40, seed=3)


def test_masks_learned_at_once_are_those_learned_alone(small):
    network, images, _ = small
    learning = Learning(epochs=40)
    together = learn_image_masks(network, images, learning, compute=FLOAT32)
    for i in (0, 17, 39):
        alone = learn_image_masks(network, images[i : i + 1], learning, compute=FLOAT32)
        difference = (together.mask.masks()[i] - alone.mask.masks()[0]).abs().max()
        assert difference < 1e-3
    weights = together.mask.total_weight()
    assert weights.std() > 0  # they are not all one mask


def test_chunks_do_not_matter(small, monkeypatch):
    network, images, _ = small
    whole = learn_image_masks(network, images, Learning(epochs=10), compute=FLOAT32)
    monkeypatch.setattr("fhelpers.masks.learning.CHUNK", 17)
    done = []
    parts = learn_image_masks(
        network, images, Learning(epochs=10), compute=FLOAT32, progress=done.append
    )
    assert (whole.mask.weight - parts.mask.weight).abs().max() < 1e-3
    assert done == [17, 34, 40]


def test_an_image_that_is_wrong_keeps_its_predicted_class(small):
    network, images, _ = small
    learned = learn_image_masks(network, images, Learning(epochs=30), compute=FLOAT32)
    predicted = training.predict(network, images, precision="float32").argmax(1)
    assert torch.equal(learned.answers, predicted)
    after = training.predict(network, masks.through(learned.mask, images), precision="float32")
    assert torch.equal(after.argmax(1)[learned.reached], predicted[learned.reached])
    assert (after.argmax(1) == predicted).float().mean() > 0.95  # the others have the last that did
    assert learned.mask.total_weight().mean() < 0.5


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("learn", [learn_mask, learn_image_masks])
def test_a_network_in_training_mode_is_refused(learn):
    network, images, labels, _ = matched()
    network.train()
    arguments = (network, images, labels) if learn is learn_mask else (network, images)
    with pytest.raises(ValueError, match=r"in training mode: call network\.eval"):
        learn(*arguments)


def test_a_dropout_left_on_within_a_network_is_refused():
    network = nn.Sequential(matched()[0], nn.Dropout(0.5)).eval()
    network[1].train()
    with pytest.raises(ValueError, match="training mode"), frozen(network):
        pass


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sparsity_weight": -0.1}, "sparsity_weight=-0.1 .* a number from 0"),
        ({"sparsity_weight": math.nan}, "sparsity_weight=nan"),
        ({"threshold": 0}, "threshold=0 .* above 0 and at most 1"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"tolerance": -1}, "tolerance=-1"),
        ({"patience": 0}, "patience=0 .* at least 1"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"batch_size": True}, "batch_size=True"),
    ],
)
def test_impossible_settings_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        Learning(**changes)


def test_images_labels_and_groups_must_fit():
    network, images, labels, _ = matched()
    with pytest.raises(ValueError, match="equally many"):
        learn_mask(network, images, labels[:-1])
    with pytest.raises(ValueError, match="group 0 has no image"):
        learn_mask(network, images, labels, groups=torch.ones_like(labels))
    for groups in (labels / 2, labels - 1):
        with pytest.raises(ValueError, match="groups must be whole numbers from 0 on"):
            learn_mask(network, images, labels, groups=groups)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        learn_mask(network, 2 * images, labels)
