"""How classifiers are trained and watched, against hand-written references and planted data."""

import dataclasses
import io
import itertools
import math

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fhelpers import attacks, data, frequency, networks
from fhelpers.networks import compute
from fhelpers.networks.compute import Compute, choose_compute
from fhelpers.runs import classifier, monitoring, training
from fhelpers.runs.checks import DamagedRun
from fhelpers.runs.kinds import Job
from fhelpers.runs.recipes import Recipe

CLASSES = 4
CUES = (("low", 2.0), ("high", 2.0), ("classes", CLASSES))
FLOAT32 = Compute("cpu", "float32", 1)
PRECISIONS = ["float32", "auto"]


def tiny(**changes):
    """A recipe of a second: LeNet on a few dozen planted images."""
    values = {
        "dataset": "planted", "data_options": CUES, "model": "lenet", "train_images": 60,
        "test_images": 30, "monitored_images": 20, "batch_size": 20, "learning_rate": 3e-3,
        "epochs": 2, "radii": (8,),
    }  # fmt: skip
    return Recipe(**values | changes)


def random_images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def random_labels(count, seed=0):
    return torch.randint(CLASSES, (count,), generator=torch.Generator().manual_seed(seed))


def lenet(**switches):
    return networks.build("lenet", channels=3, classes=CLASSES, **switches)


def carry_out(recipe, folder):
    """The result of a recipe, the trained network and the history."""
    folder.mkdir(exist_ok=True)
    result = recipe.carry_out(Job(folder, choose_compute(recipe.precision, recipe.device)))
    model = recipe.rebuild().to(memory_format=torch.channels_last)
    model.load_state_dict(result.tensors)
    return result, model, pd.DataFrame(result.rows)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in another order give other bits, and tiny networks gain nothing from threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# --- the loss on one batch, written by hand -------------------------------------------------------


def cross_entropy(logits, targets):
    """Mean of -Σ target · log softmax over the batch, image by image; targets (N, classes)."""
    losses = []
    for row, target in zip(logits, targets, strict=True):
        shifted = row - row.max()
        losses.append(-(target * (shifted - shifted.exp().sum().log())).sum())
    return sum(losses) / len(losses)


def by_hand(model, x, masks):
    """LeNet in training mode: batch averages by hand, dropout with the given masks."""
    layers = list(model[1])
    statistics = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            mean = x.transpose(0, 1).flatten(1).mean(1)
            centred = x - mean[:, None, None]
            var = centred.square().transpose(0, 1).flatten(1).mean(1)
            statistics.append((mean.detach(), var.detach(), x[:, 0].numel()))
            x = centred / (var[:, None, None] + 1e-5).sqrt()
            x = x * layer.weight[:, None, None] + layer.bias[:, None, None]
        elif isinstance(layer, nn.Conv2d):
            x = F.conv2d(x, layer.weight, layer.bias, padding=2)
        elif isinstance(layer, nn.Linear):
            x = x @ layer.weight.T + layer.bias
        elif isinstance(layer, nn.Dropout):
            x = x * masks.pop(0) / (1 - layer.p)
        elif isinstance(layer, nn.ReLU):
            x = x.clamp(min=0)
        else:
            x = layer(x)
    return x, statistics


def test_a_step_with_batchnorm_and_dropout_equals_one_written_by_hand():
    recipe = tiny(batchnorm="running", dropout=0.5, optimiser="sgd", learning_rate=0.1)
    model, copy = (lenet(batchnorm="running", dropout=0.5, seed=1) for _ in range(2))
    masks = []
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.register_forward_hook(lambda _, given, kept: masks.append((kept != 0).float()))
    images, labels = random_images(20, 3, 32, 32), random_labels(20)
    loss = classifier.loss_of(recipe, CLASSES, FLOAT32)
    losses = []

    def recorded(model, batch):
        losses.append(loss(model, batch))
        return losses[-1]

    optimiser = training.OPTIMISERS[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)
    training.fit(
        training.Training(model, optimiser), lambda epoch: [(images, labels)], recorded,
        epochs=1, seed=0,
    )  # fmt: skip
    logits, statistics = by_hand(copy, images, masks)
    expected = cross_entropy(logits, F.one_hot(labels, CLASSES).float())
    torch.testing.assert_close(losses[0], expected, rtol=1e-5, atol=1e-5)

    gradients = torch.autograd.grad(expected, list(copy.parameters()))
    for ours, start, gradient in zip(model.parameters(), copy.parameters(), gradients, strict=True):
        torch.testing.assert_close(ours, start - 0.1 * gradient, rtol=1e-5, atol=1e-5)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer, (mean, var, count) in zip(norms, statistics, strict=True):
        torch.testing.assert_close(layer.running_mean, 0.1 * mean, rtol=1e-5, atol=1e-5)
        unbiased = var * count / (count - 1)
        torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * unbiased, rtol=1e-5, atol=1e-5)


def test_dropout_leaves_out_a_new_half_each_time():
    loss = classifier.loss_of(tiny(dropout=0.5), CLASSES, FLOAT32)
    model, batch = lenet(dropout=0.5), (random_images(20, 3, 32, 32), random_labels(20))
    shares = []
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.register_forward_hook(
                lambda _, given, kept: shares.append((kept[given[0] > 0] == 0).float().mean())
            )
    first, second = (loss(model.train(), batch).item() for _ in range(2))
    assert first != second
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.05)
    assert loss(model.eval(), batch).item() == loss(model.eval(), batch).item()


def test_mix_up_mixes_images_and_labels_alike():
    """Image i is filled with a value of its own and has a class of its own."""
    values = torch.tensor([0.0, 0.1, 0.3, 0.7])
    images = values[:, None, None, None].expand(4, 3, 5, 5)
    shares = []
    torch.manual_seed(0)
    for _ in range(1000):
        mixed, targets = classifier.mix(images, torch.arange(4), 0.5, classes=4)
        torch.testing.assert_close(targets.sum(1), torch.ones(4))
        torch.testing.assert_close(mixed, (targets @ values)[:, None, None, None].expand_as(images))
        own = targets.diagonal()[targets.diagonal() < 1 - 1e-6]
        assert (own - own[:1]).abs().sum() < 1e-5  # one λ for the whole batch
        shares += own[:1].tolist()
    # Beta(α, α) has mean 1/2 and variance 1 / (4 (2 α + 1)): 0.125 at α = 0.5.
    shares = torch.tensor(shares)
    assert len(shares) > 900
    assert shares.mean().item() == pytest.approx(0.5, abs=0.05)
    assert shares.var().item() == pytest.approx(0.125, abs=0.02)


def test_mix_up_loss_equals_one_written_by_hand(monkeypatch):
    model, images, labels = lenet(), random_images(20, 3, 32, 32), random_labels(20)
    drawn = []
    mix = classifier.mix
    monkeypatch.setattr(classifier, "mix", lambda *given: drawn.append(mix(*given)) or drawn[-1])
    value = classifier.loss_of(tiny(mixup=0.5), CLASSES, FLOAT32)(model, (images, labels))
    (mixed, targets) = drawn[0]
    assert not torch.equal(mixed, images)
    logits, _ = by_hand(model, mixed, [torch.ones(())] * 2)
    torch.testing.assert_close(value, cross_entropy(logits, targets), rtol=1e-5, atol=1e-5)


# --- augmentations --------------------------------------------------------------------------------


def padded_crops(image):
    """Each crop of the image padded with 4 black pixels, and its mirror image, by its bytes."""
    _, height, width = image.shape
    padded = torch.zeros(image.shape[0], height + 8, width + 8)
    for i, j in itertools.product(range(height), range(width)):
        padded[:, i + 4, j + 4] = image[:, i, j]
    crops = {}
    for top, left in itertools.product(range(9), range(9)):
        crop = padded[:, top : top + height, left : left + width]
        crops[crop.numpy().tobytes()] = (top, left, False)
        mirrored = torch.stack([crop[:, :, width - 1 - j] for j in range(width)], dim=2)
        crops[mirrored.numpy().tobytes()] = (top, left, True)
    return crops


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 13), (32, 32)])
def test_crop_flip_draws_every_padded_crop_and_its_mirror_image(height, width):
    torch.manual_seed(0)
    image = random_images(3, height, width)
    crops = padded_crops(image)
    augmented = classifier.augment(image.expand(1500, 3, height, width), "crop-flip")
    found = pd.DataFrame([crops[each.contiguous().numpy().tobytes()] for each in augmented])
    for column, choices in ((0, 9), (1, 9), (2, 2)):
        shares = found[column].value_counts(normalize=True)
        assert len(shares) == choices
        assert (shares - 1 / choices).abs().max() < 0.05
    assert abs(found[0].corr(found[1])) < 0.1


def draw(monkeypatch, *values):
    """Let each image's random numbers be these instead."""
    monkeypatch.setattr(torch, "rand", lambda count, _: torch.tensor([values] * count))


def bright_pixel(height, width, i, j):
    image = torch.zeros(1, 1, height, width)
    image[..., i, j] = 1
    return image


def test_rotation_by_known_angles(monkeypatch):
    image = random_images(2, 3, 9, 9)
    draw(monkeypatch, 0.5, 0.0, 0.0)  # angle 0
    torch.testing.assert_close(classifier.augment(image, "rotate"), image)
    draw(monkeypatch, 1.0, 0.0, 0.0)  # 180°
    torch.testing.assert_close(
        classifier.augment(image, "rotate"), image.flip(2, 3), rtol=0, atol=1e-5
    )
    draw(monkeypatch, 0.75, 0.0, 0.0)  # 90°
    turned = classifier.augment(image, "rotate")
    assert min(
        (turned - torch.rot90(image, k, (2, 3))).abs().max().item() for k in (1, -1)
    ) == pytest.approx(0, abs=1e-5)  # fmt: skip
    # In an oblong image a quarter turn takes 3 pixels beside the centre to 3 pixels above it.
    turned = classifier.augment(bright_pixel(9, 13, 4, 6 + 3), "rotate")
    above, below = turned[0, 0, 1, 6].item(), turned[0, 0, 7, 6].item()
    assert max(above, below) == pytest.approx(1, abs=1e-4)
    assert turned.sum().item() == pytest.approx(1, abs=1e-4)


def test_rotation_keeps_the_distance_to_the_centre_and_takes_every_angle():
    torch.manual_seed(0)
    turned = classifier.augment(bright_pixel(33, 33, 16, 26).expand(800, 1, 33, 33), "rotate")
    rows, columns = centroids(turned)
    radius = torch.hypot(rows - 16, columns - 16)
    assert (radius - 10).abs().max() < 0.3
    quarters = torch.atan2(rows - 16, columns - 16).div(math.pi / 2).floor()
    assert quarters.unique(return_counts=True)[1].div(800).sub(0.25).abs().max() < 0.06


def centroids(images):
    """Mean row and column of each image (N, 1, H, W), weighted by brightness."""
    height, width = images.shape[-2:]
    weights = images[:, 0] / images.sum(dim=(1, 2, 3))[:, None, None]
    rows = (weights.sum(2) * torch.arange(height)).sum(1)
    columns = (weights.sum(1) * torch.arange(width)).sum(1)
    return rows, columns


def blob(height, width, side):
    image = torch.zeros(1, 1, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image[..., top : top + side, left : left + side] = 1
    return image


def test_scaling_by_known_factors(monkeypatch):
    for value, factor in ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5)):
        draw(monkeypatch, value, 0.0, 0.0)
        scaled = classifier.augment(blob(32, 48, 8), "scale")
        assert scaled.sum().item() == pytest.approx((8 * factor) ** 2, rel=0.02)
        rows, columns = centroids(scaled)
        assert (rows.item(), columns.item()) == pytest.approx((15.5, 23.5), abs=1e-3)
    draw(monkeypatch, 0.0, 0.0, 0.0)
    shrunk = classifier.augment(torch.ones(1, 1, 32, 32), "scale")
    assert shrunk[..., 9:23, 9:23].eq(1).all()  # half the size, black around it
    assert shrunk.sum().item() == pytest.approx(16**2, rel=0.01)


def test_scaling_takes_factors_from_a_half_to_one_and_a_half():
    torch.manual_seed(0)
    areas = classifier.augment(blob(32, 32, 12).expand(1000, 1, 32, 32), "scale").sum(dim=(1, 2, 3))
    factors = areas.sqrt() / 12
    assert factors.min() > 0.48
    assert factors.max() < 1.52
    assert factors.mean().item() == pytest.approx(1, abs=0.03)
    assert factors.std().item() == pytest.approx(1 / math.sqrt(12), abs=0.02)


def test_translation_reaches_40_percent_each_way():
    torch.manual_seed(0)
    moved = classifier.augment(blob(40, 20, 2).expand(1500, 1, 40, 20), "translate")
    torch.testing.assert_close(moved.sum(dim=(1, 2, 3)), torch.full((1500,), 4.0))
    rows, columns = centroids(moved)
    for place, size in ((rows, 40), (columns, 20)):
        shift = (place - (size - 1) / 2) / size
        assert shift.abs().max() <= 0.4 + 1e-4
        assert shift.abs().max() > 0.39
        assert shift.mean().item() == pytest.approx(0, abs=0.03)
        assert shift.std().item() == pytest.approx(0.8 / math.sqrt(12), abs=0.01)
    assert torch.corrcoef(torch.stack([rows, columns]))[0, 1].abs() < 0.1


@pytest.mark.parametrize("augmentation", ["crop-flip", "scale", "translate", "rotate"])
def test_augmented_images_stay_in_range_and_a_recipe_trains_on_them(augmentation):
    torch.manual_seed(0)
    model, images, seen = lenet(), random_images(20, 3, 32, 32), []
    model.register_forward_hook(lambda _, given, logits: seen.append(given[0]))
    loss = classifier.loss_of(tiny(augmentation=augmentation), CLASSES, FLOAT32)
    value = loss(model, (images, random_labels(20)))
    (batch,) = seen
    assert value.isfinite()
    assert batch.shape == (20, 3, 32, 32)
    assert batch.min() >= 0
    assert batch.max() <= 1 + 1e-6
    assert not any(torch.equal(*pair) for pair in zip(batch, images, strict=True))


# --- labels, pixels, batches ----------------------------------------------------------------------


def test_shuffled_labels_keep_the_sizes_of_the_classes():
    labels = torch.arange(2000) % CLASSES
    shuffled = classifier.prepare_labels(tiny(labels="shuffled", seed=1), labels)
    assert torch.equal(shuffled.bincount(), labels.bincount())
    assert (shuffled == labels).float().mean().item() == pytest.approx(1 / CLASSES, abs=0.05)
    again = classifier.prepare_labels(tiny(labels="shuffled", seed=1, epochs=7), labels)
    other = classifier.prepare_labels(tiny(labels="shuffled", seed=2), labels)
    assert torch.equal(shuffled, again)
    assert not torch.equal(shuffled, other)
    assert torch.equal(classifier.prepare_labels(tiny(), labels), labels)


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("band", ["low", "high"])
def test_band_pixels_are_the_parts_divided_by_their_own_maxima(monkeypatch, band, rescale):
    monkeypatch.setattr(monitoring, "CHUNK", 7)
    images = data.load("planted", train=True, limit=20).images
    recipe = tiny(band=band, band_radius=6, rescale=rescale)
    prepared = monitoring.prepare_pixels(recipe, images)
    low, high = frequency.split(images.float() / 255, 6)
    expected = low if band == "low" else high
    if rescale:
        expected = torch.stack([image / image.max() for image in expected])
    torch.testing.assert_close(prepared, expected)


def test_whole_pixels_are_the_images_over_255_or_over_their_own_maxima():
    images = torch.arange(128, dtype=torch.uint8).view(2, 1, 8, 8)
    divided = monitoring.prepare_pixels(tiny(rescale_whole=True), images)
    torch.testing.assert_close(divided, images / torch.tensor([63, 127]).view(2, 1, 1, 1))
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    prepared = monitoring.prepare_pixels(tiny(), images)
    assert prepared.dtype == torch.float32
    assert torch.equal(prepared.flatten(), torch.arange(256) / 255)


def test_an_epoch_shows_every_image_once_in_a_new_order():
    pixels = torch.arange(50).float().view(50, 1, 1, 1).expand(50, 3, 2, 2)
    batches = training.shuffled(20, pixels, torch.arange(50))
    orders = []
    for epoch in (1, 2):
        shown = list(batches(epoch))
        assert [len(labels) for _, labels in shown] == [20, 20, 10]
        for images, labels in shown:
            assert torch.equal(images[:, 0, 0, 0], labels.float())
        orders.append(torch.cat([labels for _, labels in shown]))
        assert torch.equal(orders[-1].sort().values, torch.arange(50))
    assert not torch.equal(*orders)


# --- scores ---------------------------------------------------------------------------------------


def one_by_one(model, recipe, images):
    """{(part, radius): (N, 2)}: whether each image is right, and its loss."""
    found = {}
    for pixels, label in zip(images.pixels(), images.labels, strict=True):
        parts = {("original", None): pixels[None]}
        for radius in recipe.radii:
            low, high = frequency.split(pixels[None], radius)
            parts |= {("low", radius): low, ("high", radius): high}
        if recipe.band != "all":
            part = parts[recipe.band, recipe.band_radius]
            parts["input", recipe.band_radius] = part / part.max()
        for key, part in parts.items():
            with torch.no_grad():
                logits = model.eval()(part)[0]
            loss = logits.exp().sum().log() - logits[label]
            found.setdefault(key, []).append((float(logits.argmax() == label), loss.item()))
    return {key: torch.tensor(pairs) for key, pairs in found.items()}


def plain_scores(model, recipe, images):
    """{(part, radius): (accuracy, loss)} over all images."""
    found = one_by_one(model, recipe, images)
    return {key: pairs.mean(0).tolist() for key, pairs in found.items()}


def key_of(part, radius):
    return part, None if math.isnan(radius) else radius


@pytest.mark.parametrize("band", ["all", "high"])
def test_scores_of_parts_equal_a_plain_loop(monkeypatch, band):
    monkeypatch.setattr(monitoring, "CHUNK", 11)
    monkeypatch.setattr("fhelpers.networks.compute.BATCH", 4)
    recipe = tiny(band=band, band_radius=None if band == "all" else 8, radii=(4, 8))
    images = data.load("planted", train=False, limit=25, **dict(CUES))
    model = lenet(seed=3)
    rows, outcomes = monitoring.score_parts(recipe, model, images, "float32", divided=False)
    expected = one_by_one(model, recipe, images)
    assert len(rows) == len(outcomes) == len(expected) == (5 if band == "all" else 6)
    for row in rows:
        means = expected[key_of(row["part"], row["radius"])].mean(0)
        assert (row["accuracy"], row["loss"]) == pytest.approx(tuple(means.tolist()), abs=1e-5)
        assert row["images"] == 25
    for key, right in outcomes.items():
        assert torch.equal(right, expected[key_of(*key)][:, 0].bool())


def test_predictions_are_those_of_the_model_in_eval_mode():
    model = lenet(batchnorm="running", dropout=0.5).train()
    images = random_images(7, 3, 32, 32)
    logits = training.predict(model, images, precision="float32")
    assert model.training
    assert logits.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(logits, model.eval()(images), rtol=1e-5, atol=1e-5)
    half = training.predict(model, images, precision="bfloat16")
    assert 0 < (half - logits).abs().max() < 0.05 * logits.abs().max() + 0.02


def test_the_watched_subset_is_scored_before_training_and_after_each_epoch():
    recipe = tiny(monitored_images=12)
    sets = {
        split: data.load("planted", train=split == "train", limit=30, **dict(CUES))
        for split in ("train", "test")
    }
    model = lenet(seed=1)
    state = training.Training(model, torch.optim.SGD(model.parameters(), 0.1))
    watch = monitoring.monitor_parts(recipe, sets, FLOAT32)
    watch(state)
    with torch.no_grad():
        for p in model.parameters():
            p.neg_()
    state.epoch = 1
    watch(state)
    assert len(state.rows) == 2 * 2 * 3
    for epoch, sign in ((0, 1), (1, -1)):
        original = lenet(seed=1)
        with torch.no_grad():
            for p in original.parameters():
                p.mul_(sign)
        for split, images in sets.items():
            subset = data.ImageData(images.images[:12], images.labels[:12], images.classes)
            expected = plain_scores(original, recipe, subset)
            found = [r for r in state.rows if (r["epoch"], r["split"]) == (epoch, split)]
            assert [(r["scope"], r["images"]) for r in found] == [("subset", 12)] * 3
            for row in found:
                values = row["accuracy"], row["loss"]
                means = expected[key_of(row["part"], row["radius"])]
                assert values == pytest.approx(tuple(means), abs=1e-5)


# --- the loop -------------------------------------------------------------------------------------


def little(schedule=False):
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    steps = torch.optim.lr_scheduler.StepLR(optimiser, 2, 0.5) if schedule else None
    return training.Training(model, optimiser, steps)


def noisy_batches(epoch):
    yield from torch.rand(4, 5, 3)


def squares(model, batch):
    return (model(batch) - batch.sum(1, keepdim=True) * torch.rand(())).square().mean()


def note(state):
    weight = next(state.model.parameters()).sum().item()
    state.rows.append({"epoch": state.epoch, "weight": weight})


def bits(model):
    return [value.clone() for value in model.state_dict().values()]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_loop_ends_bit_equal(tmp_path, stop):
    options = {"epochs": 4, "seed": 7, "watchers": [note]}
    whole = training.fit(little(True), noisy_batches, squares, **options)

    def interrupted(epoch):
        if epoch == stop + 1:
            yield torch.rand(5, 3)
            raise KeyboardInterrupt
        yield from noisy_batches(epoch)

    options["checkpoint"] = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        training.fit(little(True), interrupted, squares, **options)
    torch.manual_seed(99)
    seen = []
    resumed = training.fit(
        little(True), noisy_batches, squares, progress=seen.append, **options
    )  # fmt: skip
    assert seen == list(range(stop, 5))
    assert resumed.rows == whole.rows
    assert [row["epoch"] for row in whole.rows] == [0, 1, 2, 3, 4]
    assert all(map(torch.equal, bits(resumed.model), bits(whole.model)))
    assert resumed.optimiser.param_groups[0]["lr"] == whole.optimiser.param_groups[0]["lr"]
    assert list(tmp_path.iterdir()) == [tmp_path / "checkpoint.pt"]


def test_a_resumed_loop_counts_the_seconds_before(tmp_path):
    state = little()
    state.earlier = 100.0
    state.save(tmp_path / "checkpoint.pt")
    resumed = little()
    resumed.load(tmp_path / "checkpoint.pt")
    assert 100 <= resumed.seconds < 160


def test_a_checkpoint_cannot_execute_code(tmp_path):
    marker = tmp_path / "executed"

    class Malice:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    content = io.BytesIO()
    torch.save({"parts": [Malice()]}, content)
    path = tmp_path / "checkpoint.pt"
    for written in (content.getvalue(), training.sealed(tmp_path.name, content.getvalue())):
        path.write_bytes(written)
        with pytest.raises(DamagedRun, match=f"delete {path} to begin anew"):
            little().load(path)
        assert not marker.exists()


def test_a_watcher_may_end_the_training_early():
    def enough(state):
        state.finished = state.epoch == 2

    done = training.fit(little(), noisy_batches, squares, epochs=9, seed=0, watchers=[enough])
    assert done.epoch == 2


def test_every_epoch_trains_in_training_mode_whatever_a_watcher_leaves():
    modes = []

    def loss(model, batch):
        modes.append(model.training)
        return squares(model, batch)

    def evaluate(state):
        state.model.eval()

    training.fit(little(), noisy_batches, loss, epochs=2, seed=0, watchers=[evaluate])
    assert modes == [True] * 8


def test_random_numbers_depend_on_seed_and_epoch_alone():
    drawn = {}

    def batches(epoch):
        drawn.setdefault(epoch, []).append(torch.rand(3).tolist())
        yield torch.rand(5, 3)

    for disturbance in (0, 1):
        torch.manual_seed(disturbance)
        training.fit(little(), batches, squares, epochs=3, seed=5)
    assert all(first == second for first, second in drawn.values())
    assert len({tuple(first) for first, _ in drawn.values()}) == 3
    training.fit(little(), batches, squares, epochs=1, seed=6)
    assert drawn[1][2] != drawn[1][0]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_loss_that_is_no_number_ends_in_one_sentence(tmp_path, precision):
    recipe = tiny(learning_rate=1e6, optimiser="sgd", precision=precision)
    says = r"in epoch [12]: the learning rate is too high"
    with pytest.raises(FloatingPointError, match=says) as caught:
        carry_out(recipe, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("optimiser", training.OPTIMISERS)
def test_every_optimiser_lowers_the_loss(optimiser):
    torch.manual_seed(0)
    model, (images, labels) = lenet(), (random_images(20, 3, 32, 32), random_labels(20))
    rate = {"adadelta": 1.0, "sgd": 0.05, "adagrad": 0.01}.get(optimiser, 1e-3)
    state = training.Training(model, training.OPTIMISERS[optimiser](model.parameters(), lr=rate))
    losses = []

    def loss(model, batch):
        losses.append(F.cross_entropy(model(images), labels))
        return losses[-1]

    training.fit(state, lambda epoch: [None] * 10, loss, epochs=1, seed=0)
    assert losses[-1] < losses[0] - 0.02


# --- whole runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_seed_gives_the_same_bits_again_and_another_seed_others(tmp_path, precision):
    recipe = tiny(precision=precision, labels="shuffled", dropout=0.5, augmentation="crop-flip")
    _, first, history = carry_out(recipe, tmp_path / "first")
    torch.rand(17)
    _, second, again = carry_out(recipe, tmp_path / "second")
    assert all(map(torch.equal, bits(first), bits(second)))
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    _, other, _ = carry_out(dataclasses.replace(recipe, seed=1), tmp_path / "other")
    weights = networks.first_convolution(first).weight
    assert not torch.equal(weights, networks.first_convolution(other).weight)


def test_a_job_says_in_which_precision_is_trained(tmp_path):
    recipe, weights = tiny(epochs=1), []
    for precision in ("float32", "bfloat16"):
        job = Job(tmp_path / precision, Compute("cpu", precision, 1))
        job.folder.mkdir()
        weights.append(torch.cat([t.flatten() for t in recipe.carry_out(job).tensors.values()]))
    assert 0 < (weights[0] - weights[1]).abs().max() < 0.05


def test_a_history_has_every_epoch_split_and_part(tmp_path):
    recipe = tiny(band="low", band_radius=6, radii=(4, 8), epochs=2)
    result, model, history = carry_out(recipe, tmp_path)
    parts = {("original", None), ("input", 6.0)}
    parts |= {(part, radius) for part in ("low", "high") for radius in (4.0, 8.0)}
    groups = history.groupby(["scope", "epoch", "split"])
    assert set(groups.groups) == {
        *itertools.product(["subset"], [0, 1, 2], ["train", "test"]),
        ("all", 2, "train"), ("all", 2, "test"),
    }  # fmt: skip
    divided = {(part, radius) for part in ("low/max", "high/max") for radius in (4.0, 8.0)}
    for (scope, _, split), rows in groups:
        there = parts | (divided if (scope, split) == ("all", "test") else set())
        assert {key_of(r.part, r.radius) for r in rows.itertuples()} == there
        assert len(rows) == len(there)
        everything = 60 if split == "train" else 30
        assert set(rows.images) == {everything if scope == "all" else 20}
    assert history.accuracy.between(0, 1).all()
    final = history.query("scope == 'all' and split == 'test' and part == 'original'")
    test = data.load("planted", train=False, limit=30, **dict(CUES))
    right = training.predict(model, test.pixels()).argmax(1) == test.labels
    assert final.accuracy.item() == right.double().mean().item()
    assert {key_of(*key) for key in result.outcomes} == parts | divided
    assert torch.equal(result.outcomes["original", math.nan], right)


def test_shuffled_labels_are_scored_as_trained_and_the_test_set_as_it_is(tmp_path):
    recipe = tiny(labels="shuffled", precision="float32")
    _, model, history = carry_out(recipe, tmp_path)
    for split, count in (("train", 60), ("test", 30)):
        images = data.load("planted", train=split == "train", limit=count, **dict(CUES))
        logits = training.predict(model, images.pixels(), precision="float32")
        shuffled = classifier.prepare_labels(recipe, images.labels)
        given, other = (shuffled, images.labels)[:: 1 if split == "train" else -1]
        row = history.query("scope == 'all' and split == @split and part == 'original'")
        right = (logits.argmax(1) == given).float().mean().item()
        assert row.accuracy.item() == pytest.approx(right)
        # A network that has hardly learnt says one class, so the loss tells the labels apart.
        assert row.loss.item() == pytest.approx(F.cross_entropy(logits, given).item(), abs=1e-5)
        assert abs(row.loss.item() - F.cross_entropy(logits, other).item()) > 1e-4


# Strong enough to be learnt in a second. Far above it pixels are cut off at black and white, and
# what is cut off spreads over all frequencies: at 4 the low parts alone tell some classes apart.
STRENGTH = 1.5


@pytest.mark.parametrize("cue", ["low", "high"])
def test_a_network_lives_on_the_band_where_the_cue_was_planted(tmp_path, cue):
    """The known answer: near 1 where the cue is, chance (1/4) where it is not."""
    cues = {"low": 0.0, "high": 0.0, cue: STRENGTH, "classes": CLASSES}
    sizes = {"train_images": 200, "test_images": 200, "epochs": 15}
    recipe = tiny(data_options=tuple(cues.items()), **sizes)
    *_, history = carry_out(recipe, tmp_path)
    final = history.query("scope == 'all' and split == 'test'").set_index("part").accuracy
    other = "high" if cue == "low" else "low"
    assert final["original"] > 0.95
    assert final[cue] > 0.9
    assert final[other] < 0.35
    before = history.query("epoch == 0 and split == 'test'").set_index("part").accuracy
    assert before["original"] < 0.6


@pytest.mark.parametrize("part", ["low", "high"])
def test_a_network_trained_on_one_part_learns_the_cue_that_is_there(tmp_path, part):
    """With a high cue only, the low parts hold nothing to learn."""
    cues = {"low": 0.0, "high": STRENGTH, "classes": CLASSES}
    recipe = tiny(
        band=part, band_radius=8, data_options=tuple(cues.items()), train_images=120,
        test_images=200, epochs=6,
    )  # fmt: skip
    *_, history = carry_out(recipe, tmp_path)
    final = history.query("scope == 'all' and split == 'test'").set_index("part").accuracy
    if part == "high":
        assert final["input"] > 0.95
    else:
        assert final["input"] < 0.4


# --- adversaries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("adversary", ["pgd", "single-step"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_training_images_are_attacked_without_touching_the_networks_own_state(adversary, precision):
    recipe = tiny(adversary=adversary, epsilon=0.1, attack_steps=4)
    model = lenet(batchnorm="running", seed=2).train()
    images, labels = random_images(20, 3, 32, 32), random_labels(20)
    before = bits(model)
    with choose_compute(precision).autocast():
        torch.manual_seed(0)
        clean = classifier.attack_for_training(recipe, model, images, labels)
        assert all(p.grad is None for p in model.parameters())
        for p in model.parameters():
            p.grad = torch.full_like(p, 1e3)
        torch.manual_seed(0)
        again = classifier.attack_for_training(recipe, model, images, labels)
    assert torch.equal(clean, again)
    assert all((p.grad == 1e3).all() for p in model.parameters())
    assert model.training
    assert all(map(torch.equal, bits(model), before))
    assert not clean.requires_grad
    moved = (clean - images).abs()
    assert moved.max() <= 0.1 + 1e-6
    assert moved.mean() > 0.03
    assert clean.min() >= 0
    assert clean.max() <= 1


@pytest.mark.parametrize("adversary", ["pgd", "single-step"])
def test_the_attack_is_the_published_one(monkeypatch, adversary):
    """PGD: from the image, steps of ε / steps; single step: 1.25 ε from a random point."""
    calls = []
    monkeypatch.setattr(attacks, "ascend", lambda *given, **options: calls.append((given, options)))
    recipe = tiny(adversary=adversary, epsilon=0.08, attack_steps=5)
    images, labels = random_images(6, 3, 32, 32), random_labels(6)
    classifier.attack_for_training(recipe, lenet(), images, labels)
    ((_, given, _, epsilon), options) = calls[0]
    assert torch.equal(given, images)
    assert epsilon == 0.08
    start = options.pop("start")
    if adversary == "pgd":
        assert torch.equal(start, images)
    else:
        assert 0.03 < (start - images).abs().mean() < 0.05
    expected = {"pgd": (5, 0.016), "single-step": (1, 0.1)}[adversary]
    assert (options["steps"], options["step_size"]) == pytest.approx(expected)


def test_a_random_start_is_a_switch(monkeypatch):
    calls = []
    monkeypatch.setattr(attacks, "ascend", lambda *given, **options: calls.append(options))
    recipe = tiny(adversary="pgd", epsilon=0.08, attack_steps=5, random_start=True)
    images = random_images(6, 3, 32, 32)
    classifier.attack_for_training(recipe, lenet(), images, random_labels(6))
    assert 0.03 < (calls[0]["start"] - images).abs().mean() < 0.05
    assert calls[0]["step_size"] == pytest.approx(0.016)


def test_a_linear_schedule_falls_to_nothing():
    recipe = tiny(schedule="linear", epochs=2)
    optimiser = torch.optim.SGD(lenet().parameters(), lr=1.0)
    schedule = classifier.schedule_of(recipe, optimiser)
    steps = 2 * math.ceil(recipe.train_images / recipe.batch_size)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([1 - step / steps for step in range(steps)])
    assert optimiser.param_groups[0]["lr"] == 0
    assert classifier.schedule_of(tiny(), optimiser) is None


def test_drawn_images_are_the_seeds_own_and_belong_together():
    cheap = (("size", 8), ("channels", 1), ("low_band", (0, 1)), ("high_band", (2, 4)))
    small = {"data_options": cheap, "radii": (2,), "drawn": True}
    first, again, other = (tiny(**small, seed=seed) for seed in (1, 1, 2))
    images = [recipe.load(train=True) for recipe in (first, again, other)]
    assert torch.equal(images[0].images, images[1].images)
    assert not torch.equal(images[0].images, images[2].images)
    whole = data.load("planted", train=True, limit=500, **first.options)
    assert not torch.equal(images[0].images, whole.images[: len(images[0])])
    assert len(images[0]) == first.train_images


def test_the_loss_is_that_of_the_attacked_images():
    model, batch = lenet(seed=1), (random_images(20, 3, 32, 32), random_labels(20))
    clean = classifier.loss_of(tiny(), CLASSES, FLOAT32)(model, batch)
    recipe = tiny(adversary="pgd", epsilon=0.1)
    torch.manual_seed(0)
    attacked = classifier.loss_of(recipe, CLASSES, FLOAT32)(model, batch)
    torch.manual_seed(0)
    images = classifier.attack_for_training(recipe, model, *batch)
    torch.testing.assert_close(attacked, F.cross_entropy(model(images), batch[1]))
    assert attacked > clean + 0.01
    attacked.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("adversary", ["pgd", "single-step"])
def test_adversarial_runs_watch_their_robust_accuracy(tmp_path, adversary):
    recipe = tiny(adversary=adversary, attack_steps=2, batchnorm="running", epsilon=0.02)
    result, _, history = carry_out(recipe, tmp_path)
    attacked = history[history.part == "attacked"]
    assert attacked.epoch.tolist() == [0, 1, 2]
    assert set(attacked.scope) == {"subset"}
    assert set(attacked.images) == {30}
    original = history.query("part == 'original' and split == 'test' and scope == 'subset'")
    assert attacked.accuracy.iloc[-1] <= original.accuracy.iloc[-1] + 0.2
    assert result.warnings == []


class Stubborn(nn.Module):
    """Says class 0 to every image, so that no attack changes its accuracy."""

    def __init__(self):
        super().__init__()
        self.answer = nn.Parameter(torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, images):
        return self.answer + 0 * images.mean(dim=(1, 2, 3))[:, None]


@pytest.mark.parametrize(
    ("before", "now", "warned"),
    [
        ([0.3, 0.8], 0.35, True),  # less than half of the best
        ([0.3, 0.8], 0.45, False),
        ([0.3, 0.8, 0.6], 0.35, True),
        ([0.3, 0.25], 0.1, True),
        ([0.3, 0.15], 0.0, False),  # there was nothing to lose
        ([0.9], 0.1, False),  # before training does not count
        ([], 0.1, False),
    ],
)
@pytest.mark.filterwarnings("ignore::fhelpers.attacks.SuspectGradients")
def test_a_collapse_of_robust_accuracy_is_a_warning(before, now, warned):
    labels = (torch.arange(20) >= round(20 * now)).long()
    test = data.ImageData(torch.zeros(20, 3, 8, 8, dtype=torch.uint8), labels, tuple("0123456789"))
    model = Stubborn()
    state = training.Training(model, torch.optim.SGD(model.parameters(), 0.1))
    state.rows = [{"part": "attacked", "accuracy": accuracy} for accuracy in before]
    state.epoch = len(before)
    monitoring.monitor_overfitting(tiny(adversary="single-step"), test, FLOAT32)(state)
    assert state.rows[-1]["accuracy"] == pytest.approx(now)
    assert bool(state.warnings) == warned
    if warned:
        assert f"epoch {len(before)}: " in state.warnings[0]
        assert "overfitted to its own attack" in state.warnings[0]


# --- machine --------------------------------------------------------------------------------------


def test_precision_is_chosen_by_what_the_processor_computes_in(monkeypatch):
    for there, chosen in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(compute, "has_bfloat16", lambda device, there=there: there)
        assert choose_compute(device="cpu").precision == chosen
        assert choose_compute("float32", "cpu").precision == "float32"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_compute().device == "cpu"
    with pytest.raises(ValueError, match="no GPU"):
        choose_compute(device="cuda")


def test_matrix_products_run_in_the_chosen_precision():
    layer, images = nn.Linear(4, 4), torch.rand(2, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with Compute("cpu", precision, 1).autocast():
            assert layer(images).dtype == dtype


def test_a_rebuilt_network_fits_the_trained_weights(tmp_path):
    kind = {"batchnorm": "batch", "dropout": 0.3, "kernel_size": 3, "width": 4}
    recipe = tiny(**kind, epochs=1, precision="float32")
    result, _, history = carry_out(recipe, tmp_path)
    again = recipe.rebuild()
    again.load_state_dict(result.tensors)
    test = data.load("planted", train=False, limit=30, **dict(CUES))
    logits = training.predict(again, test.pixels(), precision="float32")
    scored = history.query("scope == 'all' and split == 'test' and part == 'original'")
    assert scored.loss.item() == pytest.approx(F.cross_entropy(logits, test.labels).item())
    assert scored.accuracy.item() == (logits.argmax(1) == test.labels).double().mean().item()


def test_images_with_other_channels_are_refused_in_a_sentence():
    model = networks.build("resnet-8", channels=3, classes=10, width=8)
    with pytest.raises(ValueError, match=r"fails on images .* to have 3 channels, but got 1"):
        training.predict(model, torch.rand(2, 1, 32, 32))
    with pytest.raises(ValueError, match=r"must have 4 axes \(N, C, H, W\)"):
        training.predict(model, torch.rand(3, 32, 32))
