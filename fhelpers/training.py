"""The training loop, its per-epoch evaluation of frequencies, and how a classifier is trained.

`fit` is the only loop of the project: batches in, loss out, and watchers for what is looked at
after each epoch. Classifiers, detectors and masks all go through it.
"""

import io
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import attacks, data, frequency, models
from fhelpers.recipes import Recipe

CHUNK = 500  # images whose parts are held at once: more would leave the processor's cache
EVALUATION_BATCH = 250  # large enough to keep a core busy, small enough for its cache
OPTIMISERS = {
    "adam": torch.optim.Adam,
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
}


@dataclass(frozen=True)
class Compute:
    """Where and how precisely a run computes: device, precision, number of threads."""

    device: str
    precision: str
    threads: int

    def autocast(self):
        """A context in which matrix products run in the chosen precision."""
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device, dtype=dtype if enabled else None, enabled=enabled)


def choose_compute(precision: str = "auto", device: str = "auto") -> Compute:
    """Resolve "auto" on this machine.

    bfloat16 only where the hardware computes in it: elsewhere it is emulated, and slower than
    float32. Raises ValueError when a GPU or a precision is asked for that is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is not possible: this machine has no GPU that torch sees")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    return Compute(device, precision, torch.get_num_threads())


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu.get_capabilities().get("avx512_bf16", False)
    return False


@dataclass
class Training:
    """What `fit` advances and a checkpoint holds."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    rows: list[dict] = field(default_factory=list)  # the history so far
    warnings: list[str] = field(default_factory=list)
    epoch: int = 0  # epochs finished
    finished: bool = False  # a watcher may end the training early
    earlier: float = 0.0  # seconds that interrupted processes spent on it
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Time spent so far, in this process and in those it continues."""
        return self.earlier + time.perf_counter() - self.started

    def parts(self) -> list:
        return [part for part in (self.model, self.optimiser, self.schedule) if part is not None]

    def save(self, path: Path) -> None:
        """Write the checkpoint under a temporary name and rename it."""
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        state = {"parts": [part.state_dict() for part in self.parts()], "rows": self.rows}
        state |= {"warnings": self.warnings, "epoch": self.epoch, "finished": self.finished}
        content = io.BytesIO()
        torch.save(state | {"seconds": self.seconds}, content)
        try:
            # torch would report a full disk as a broken file; Python names it.
            temporary.write_bytes(content.getbuffer())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint, which is read without executing code."""
        state = torch.load(path, weights_only=True)
        for part, saved in zip(self.parts(), state["parts"], strict=True):
            part.load_state_dict(saved)
        self.rows, self.warnings = state["rows"], state["warnings"]
        self.epoch, self.finished = state["epoch"], state["finished"]
        self.earlier = state["seconds"]


def fit(
    training: Training,
    batches: Callable[[int], Iterable],
    loss: Callable[[nn.Module, object], Tensor],
    *,
    epochs: int,
    seed: int,
    watchers: Sequence[Callable[[Training], None]] = (),
    checkpoint: Path | None = None,
    progress: Callable[[int], None] = lambda epoch: None,
) -> Training:
    """Train until `epochs` are done or a watcher sets `finished`.

    batches: epoch (from 1) -> the epoch's batches; loss: (model, batch) -> scalar. The random
    state is a function of seed and epoch alone, so that a run resumed from its checkpoint ends
    bit-equal to one that was never interrupted. Watchers see epoch 0 too, before any training.
    Raises FloatingPointError when the loss stops being a number.
    """
    if checkpoint is not None and checkpoint.exists():
        training.load(checkpoint)
    elif training.epoch == 0:
        for watch in watchers:
            watch(training)
    progress(training.epoch)
    while training.epoch < epochs and not training.finished:
        torch.manual_seed(seed * 1_000_003 + training.epoch + 1)
        training.model.train()
        total = torch.zeros(())
        for batch in batches(training.epoch + 1):
            value = loss(training.model, batch)
            training.optimiser.zero_grad(set_to_none=True)
            value.backward()
            training.optimiser.step()
            if training.schedule is not None:
                training.schedule.step()
            total = total + value.detach().cpu()
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss stopped being a number in epoch {training.epoch + 1}: "
                "the learning rate is too high for this network and optimiser"
            )
        training.epoch += 1
        for watch in watchers:
            watch(training)
        if checkpoint is not None:
            training.save(checkpoint)
        progress(training.epoch)
    return training


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, *, precision: str = "auto") -> Tensor:
    """Logits (N, classes), float32, of images (N, C, H, W) in eval mode and in batches.

    Raises ValueError when the images have another number of channels than the model takes.
    """
    check_channels(model, images)
    device = next((p.device for p in model.parameters()), images.device)
    compute = choose_compute(precision, device.type)
    with attacks.evaluating(model), compute.autocast():
        logits = [
            model(batch.to(device).contiguous(memory_format=torch.channels_last)).float().cpu()
            for batch in images.split(EVALUATION_BATCH)
        ]
    return torch.cat(logits)


def check_channels(model: nn.Module, images: Tensor) -> None:
    """Raise ValueError unless images (N, C, H, W) have the channels of the first convolution."""
    wanted = next((m.in_channels for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    if images.ndim != 4:
        raise ValueError(f"images must have the shape (N, C, H, W), not {tuple(images.shape)}")
    if wanted not in (None, images.shape[1]):
        raise ValueError(f"the model takes images of {wanted} channels, not {images.shape[1]}")


def score(model: nn.Module, images: Tensor, labels: Tensor, precision: str) -> dict:
    """Accuracy and mean cross-entropy over all images."""
    logits = predict(model, images, precision=precision)
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return {"accuracy": accuracy, "loss": F.cross_entropy(logits, labels).item()}


def score_parts(recipe: Recipe, model, images: data.ImageData, precision: str) -> list[dict]:
    """Accuracy and loss on all images and on their parts, a row each.

    The parts are made and scored chunk by chunk, because all parts of a whole data set would
    fill several gigabytes.
    """
    sums: dict[tuple, list[dict]] = {}
    weights = []
    for chunk, answers in zip(images.images.split(CHUNK), images.labels.split(CHUNK), strict=True):
        weights.append(len(chunk))
        for key, part in every_part(recipe, chunk):
            sums.setdefault(key, []).append(score(model, part, answers, precision))
    rows = []
    for (part, radius), scores in sums.items():
        row = {"part": part, "radius": radius, "images": len(images)}
        for name in ("accuracy", "loss"):
            weighted = (w * s[name] for w, s in zip(weights, scores, strict=True))
            row[name] = sum(weighted) / len(images)
        rows.append(row)
    return rows


def every_part(recipe: Recipe, images: Tensor) -> Iterable[tuple[tuple[str, float], Tensor]]:
    """Pairs of (part, radius) and pixels, from uint8 images (N, C, H, W).

    "original", then "low" and "high" at every radius of the recipe; for a model trained on one
    part also "input": that part, prepared as in its training.
    """
    pixels = images.float() / 255
    yield ("original", math.nan), pixels
    for radius, (low, high) in frequency.split_many(pixels, recipe.radii).items():
        yield ("low", radius), low
        yield ("high", radius), high
    if recipe.band != "all":
        yield ("input", recipe.band_radius), prepare_pixels(recipe, images)


def prepare_labels(recipe: Recipe, labels: Tensor) -> Tensor:
    """The training labels as they are, or permuted so that the class sizes stay (W, §4.2)."""
    if recipe.labels == "true":
        return labels
    generator = torch.Generator().manual_seed(recipe.seed)
    return labels[torch.randperm(len(labels), generator=generator)]


def prepare_pixels(recipe: Recipe, images: Tensor) -> Tensor:
    """Training pixels (N, C, H, W): whole images, or one part of each (W, Table 1)."""
    if recipe.band == "all":
        return images.float() / 255
    chunks = []
    for chunk in images.split(CHUNK):
        low, high = frequency.split(chunk.float() / 255, recipe.band_radius)
        part = low if recipe.band == "low" else high
        chunks.append(frequency.divide_by_max(part) if recipe.rescale else part)
    return torch.cat(chunks)


def augment(pixels: Tensor, augmentation: str) -> Tensor:
    """Change each image of a batch (N, C, H, W) at random.

    crop-flip: W's adversarial training; scale 0.5–1.5, translate up to 40 %, rotate up to 180°:
    the models S, T and R of K. Places outside the image are black.
    """
    count, _, height, width = pixels.shape
    draw = torch.rand(count, 3)
    matrix = torch.zeros(count, 2, 3)
    if augmentation == "crop-flip":
        # By whole pixels: a crop of the image padded with 4 on each side.
        shift = (draw[:, :2] * 9).floor() - 4
        matrix[:, 0, 0] = 1 - 2 * (draw[:, 2] < 0.5).float()
        matrix[:, 1, 1] = 1
        matrix[:, 0, 2], matrix[:, 1, 2] = 2 * shift[:, 0] / width, 2 * shift[:, 1] / height
    elif augmentation == "rotate":
        angle = (draw[:, 0] * 2 - 1) * math.pi
        matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos(), -angle.sin() * height / width
        matrix[:, 1, 0], matrix[:, 1, 1] = angle.sin() * width / height, angle.cos()
    else:
        scale = 0.5 + draw[:, 0] if augmentation == "scale" else torch.ones(count)
        matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / scale
        if augmentation == "translate":
            matrix[:, :, 2] = (draw[:, :2] * 2 - 1) * 0.4 * 2
    grid = F.affine_grid(matrix.to(pixels), list(pixels.shape), align_corners=False)
    mode = "nearest" if augmentation == "crop-flip" else "bilinear"
    return F.grid_sample(pixels, grid, mode=mode, align_corners=False)


def mix(pixels: Tensor, labels: Tensor, alpha: float, classes: int) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al. 2018): pairs of images and of their one-hot labels, one λ a batch."""
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    partner = torch.randperm(len(pixels), device=pixels.device)
    one_hot = F.one_hot(labels, classes).float()
    mixed = share * pixels + (1 - share) * pixels[partner]
    return mixed, share * one_hot + (1 - share) * one_hot[partner]


def attack_for_training(recipe: Recipe, model, pixels: Tensor, labels: Tensor) -> Tensor:
    """The strongest images found within ε: PGD, or one step from a random start (Wong et al. 2020).

    The model answers in eval mode, so that BatchNorm's averages see each batch once.
    """
    if recipe.adversary == "none":
        return pixels
    single = recipe.adversary == "single-step"
    steps = 1 if single else recipe.attack_steps
    size = 1.25 * recipe.epsilon if single else 2.5 * recipe.epsilon / steps
    start = attacks.random_point(pixels, recipe.epsilon, None)
    with attacks.evaluating(model):
        return attacks.ascend(
            model, pixels, labels, recipe.epsilon, steps=steps, step_size=size, start=start
        )


def batches_of(recipe: Recipe, pixels: Tensor, labels: Tensor):
    """epoch -> shuffled batches of (pixels, labels), the last one smaller if need be."""

    def batches(epoch: int):
        order = torch.randperm(len(pixels)).to(pixels.device)
        for chosen in order.split(recipe.batch_size):
            batch = pixels[chosen].contiguous(memory_format=torch.channels_last)
            if recipe.augmentation != "none":
                batch = augment(batch, recipe.augmentation)
            yield batch, labels[chosen]

    return batches


def loss_of(recipe: Recipe, classes: int, compute: Compute):
    """(model, batch) -> cross-entropy, on attacked or mixed images where the recipe says so."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, labels = batch
        with compute.autocast():
            pixels = attack_for_training(recipe, model, pixels, labels)
            if recipe.mixup is not None:
                pixels, labels = mix(pixels, labels, recipe.mixup, classes)
            logits = model(pixels)
        return F.cross_entropy(logits.float(), labels)

    return loss


def watch_parts(recipe: Recipe, sets: dict[str, data.ImageData], compute: Compute):
    """A watcher that scores a fixed subset of each split on every part, every epoch."""
    prepared = {}
    for split, images in sets.items():
        parts = {
            key: part.contiguous(memory_format=torch.channels_last)
            for key, part in every_part(recipe, images.images[: recipe.watch_images])
        }
        prepared[split] = (parts, images.labels[: recipe.watch_images])

    def watch(training: Training) -> None:
        for split, (parts, labels) in prepared.items():
            for (part, radius), pixels in parts.items():
                row = {"epoch": training.epoch, "split": split, "part": part, "radius": radius}
                row |= {"scope": "subset", "images": len(labels)}
                training.rows.append(row | score(training.model, pixels, labels, compute.precision))

    return watch


def watch_overfitting(recipe: Recipe, test: data.ImageData, compute: Compute):
    """A watcher that attacks one test batch with PGD-10 each epoch of adversarial training.

    Single-step training can collapse from one epoch to the next (catastrophic overfitting): the
    network resists the single step and nothing else. A fall below half the best is a warning, once
    that best was ten points above what guessing gives.
    """
    something = 1 / len(test.classes) + 0.1
    pixels = test.images[:100].float() / 255
    labels = test.labels[:100]

    def watch(training: Training) -> None:
        generator = torch.Generator().manual_seed(recipe.seed)
        with compute.autocast():
            attacked = attacks.pgd(
                training.model, pixels.to(compute.device), labels.to(compute.device),
                recipe.epsilon, steps=10, generator=generator,
            )  # fmt: skip
        row = {"epoch": training.epoch, "split": "test", "part": "attacked", "radius": math.nan}
        row |= {"scope": "subset", "images": len(labels)}
        training.rows.append(row | score(training.model, attacked, labels, compute.precision))
        robust = [row["accuracy"] for row in training.rows if row["part"] == "attacked"]
        best = max(robust[1:], default=0.0)
        if best > something and robust[-1] < best / 2:
            training.warnings.append(
                f"epoch {training.epoch}: accuracy under PGD-10 fell to {robust[-1]:.2f} from "
                f"{best:.2f}; adversarial training may have overfitted to its own attack"
            )

    return watch


def train_classifier(
    recipe: Recipe,
    folder: Path,
    progress=lambda epoch: None,
    prepare: Callable[[Tensor], Tensor] | None = None,
):
    """Carry out a classifier's recipe: its finished Training and how it was computed.

    folder holds the checkpoint; prepare: uint8 training images -> pixels, `prepare_pixels` unless
    given. One loop trains, watches every epoch, and at the end everything is scored once, training
    and test set, on originals and on every part.
    """
    prepare = prepare or partial(prepare_pixels, recipe)
    compute = choose_compute(recipe.precision, recipe.device)
    options = dict(recipe.data_options)
    train = data.load(recipe.dataset, train=True, limit=recipe.train_images, **options)
    test = data.load(recipe.dataset, train=False, limit=recipe.test_images, **options)
    labels = prepare_labels(recipe, train.labels)
    train = data.ImageData(train.images, labels, train.classes)
    classes = len(train.classes)
    model = models.build(
        recipe.model,
        channels=train.images.shape[1],
        classes=classes,
        width=recipe.width,
        batchnorm=recipe.batchnorm,
        dropout=recipe.dropout,
        kernel_size=recipe.kernel_size,
        seed=recipe.seed,
    ).to(compute.device, memory_format=torch.channels_last)
    optimiser = OPTIMISERS[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)
    training = Training(model, optimiser)
    sets = {"train": train, "test": test}
    watchers = [watch_parts(recipe, sets, compute)]
    if recipe.adversary != "none":
        watchers.append(watch_overfitting(recipe, test, compute))
    pixels = prepare(train.images).to(compute.device)
    fit(
        training,
        batches_of(recipe, pixels, labels.to(compute.device)),
        loss_of(recipe, classes, compute),
        epochs=recipe.epochs,
        seed=recipe.seed,
        watchers=watchers,
        checkpoint=folder / "checkpoint.pt",
        progress=progress,
    )
    for split, images in sets.items():
        for row in score_parts(recipe, model, images, compute.precision):
            training.rows.append({"epoch": training.epoch, "split": split, "scope": "all"} | row)
    return training, compute


def rebuild_classifier(recipe: Recipe) -> nn.Module:
    """The recipe's untrained network, for a record's weights."""
    info = data.describe(recipe.dataset, **dict(recipe.data_options))
    return models.build(
        recipe.model,
        channels=info.channels,
        classes=info.classes,
        width=recipe.width,
        batchnorm=recipe.batchnorm,
        dropout=recipe.dropout,
        kernel_size=recipe.kernel_size,
        seed=recipe.seed,
    )
