"""How accurate a classifier is on whole images, on their parts and under attack.

Evaluated on a monitored subset while training, and once on all images when training has ended.
"""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import attacks, frequency
from fhelpers.data import ImageData
from fhelpers.networks import device_of
from fhelpers.networks.compute import CHUNK, Compute
from fhelpers.runs.training import Training, predict, score

if TYPE_CHECKING:
    from fhelpers.runs.recipes import Recipe


def score_parts(
    recipe: "Recipe", model: nn.Module, images: ImageData, precision: str, *, divided: bool
):
    """Accuracy and loss on all images and on their parts: (rows, outcomes).

    outcomes: {(part, radius): bool (N,)}, which images are right. The parts are made and scored
    chunk by chunk, because all parts of a whole data set would fill several gigabytes.
    """
    right: dict[tuple[str, float], list[Tensor]] = {}
    losses: dict[tuple[str, float], float] = {}
    device = device_of(model, images.images)
    for pair in zip(images.images.split(CHUNK), images.labels.split(CHUNK), strict=True):
        chunk, labels = (each.to(device) for each in pair)
        for key, pixels in every_part(recipe, chunk, divided=divided):
            logits = predict(model, pixels, precision=precision)
            right.setdefault(key, []).append((logits.argmax(1) == labels).cpu())
            loss = F.cross_entropy(logits, labels, reduction="sum").item()
            losses[key] = losses.get(key, 0.0) + loss
    outcomes = {key: torch.cat(pieces) for key, pieces in right.items()}
    rows = [
        {"part": part, "radius": radius, "images": len(images),
         "accuracy": own.double().mean().item(), "loss": losses[part, radius] / len(images)}
        for (part, radius), own in outcomes.items()
    ]  # fmt: skip
    return rows, outcomes


def prepare_pixels(recipe: "Recipe", images: Tensor) -> Tensor:
    """Training pixels (N, C, H, W): whole images, or one part of each (W, Table 1)."""
    if recipe.band == "all":
        whole = images.float() / 255
        return frequency.divide_by_max(whole) if recipe.rescale_whole else whole
    chunks = []
    for chunk in images.split(CHUNK):
        pixels, radius = chunk.float() / 255, recipe.band_radius
        low, high = frequency.split(pixels, radius, inclusive=recipe.inclusive)
        part = low if recipe.band == "low" else high
        chunks.append(frequency.divide_by_max(part) if recipe.rescale else part)
    return torch.cat(chunks)


def every_part(
    recipe: "Recipe", images: Tensor, *, divided: bool = False
) -> Iterable[tuple[tuple[str, float], Tensor]]:
    """Pairs of (part, radius) and pixels, from uint8 images (N, C, H, W).

    "original", then "low" and "high" at every radius of the recipe; with `divided` also "low/max"
    and "high/max", the parts divided by their maximum as in W's released code; for a model trained
    on one part also "input": that part, prepared as in its training.
    """
    pixels = images.float() / 255
    yield ("original", math.nan), pixels
    split = frequency.split_many(pixels, recipe.radii, inclusive=recipe.inclusive)
    for radius, (low, high) in split.items():
        yield ("low", radius), low
        yield ("high", radius), high
        if divided:
            yield ("low/max", radius), frequency.divide_by_max(low)
            yield ("high/max", radius), frequency.divide_by_max(high)
    if recipe.band != "all":
        yield ("input", recipe.band_radius), prepare_pixels(recipe, images)


def sparsely(recipe: "Recipe", watch: Callable[[Training], None]) -> Callable[[Training], None]:
    """A watcher that looks after each of the first ten epochs, then as often as the recipe says."""

    def look(training: Training) -> None:
        done = training.epoch
        if done <= 10 or done % recipe.monitor_every == 0 or done == recipe.epochs:
            watch(training)

    return look


def monitor_parts(recipe: "Recipe", sets: dict[str, ImageData], compute: Compute):
    """A watcher that scores a fixed subset of each split on every part."""
    prepared, count = {}, recipe.monitored_images
    for split, images in sets.items():
        parts = {
            key: part.contiguous(memory_format=torch.channels_last)
            for key, part in every_part(recipe, images.images[:count].to(compute.device))
        }
        prepared[split] = (parts, images.labels[:count].to(compute.device))

    def watch(training: Training) -> None:
        for split, (parts, labels) in prepared.items():
            for (part, radius), pixels in parts.items():
                row = {"epoch": training.epoch, "split": split, "part": part, "radius": radius}
                row |= {"scope": "subset", "images": len(labels)}
                training.rows.append(row | score(training.model, pixels, labels, compute.precision))

    return watch


def monitor_overfitting(recipe: "Recipe", test: ImageData, compute: Compute):
    """A watcher that attacks monitored test images with PGD-10 in adversarial training.

    Single-step training can collapse from one epoch to the next (catastrophic overfitting): the
    network resists the single step and nothing else. A fall below half the best is a warning, once
    that best was ten points above what guessing gives.
    """
    something = 1 / len(test.classes) + 0.1
    count = recipe.monitored_attacks
    pixels, labels = (each[:count].to(compute.device) for each in (test.images, test.labels))
    pixels = pixels.float() / 255

    def watch(training: Training) -> None:
        generator = torch.Generator().manual_seed(recipe.seed)
        with compute.autocast():
            attacked = attacks.pgd(
                training.model, pixels, labels, recipe.epsilon, steps=10, generator=generator
            )
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
