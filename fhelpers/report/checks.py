"""Whether a classifier can be asked about some images, and what is doubtful about its answers."""

import itertools
from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn

from fhelpers import attacks
from fhelpers.networks import answer, as_labels, device_of, evaluating, uses_batch_moments
from fhelpers.networks.asking import check_module
from fhelpers.networks.compute import Compute, choose_compute

CHANNELS = (3, 1, 4)  # tried to name a model's own, and so are
SIZES = (28, 32, 48, 64, 96, 128, 160, 192, 224, 256, 299, 384, 512)
HELD_AS = ("image_size", "img_size", "input_size")  # where models note the size that they take
LARGEST = 1e30  # logits beyond it count as infinite: losses on them are
TOLERANCE = 0.02  # of the largest logit: bfloat16 rounds to less


def check_model(
    model: nn.Module, images: Tensor, labels: Tensor, classes: int, precision: str = "auto"
) -> Compute:
    """The device and precision in which the model answers; float32 where bfloat16 fails.

    Raises ValueError for a model that cannot be asked about these images: one that takes others,
    or whose answers are not one number for each class.
    """
    if labels.shape != images.shape[:1] or len(images) < 2:
        raise ValueError(f"{len(images)} images need as many labels, and at least two")
    as_labels(labels, classes)
    compute = choose_compute(precision, device_of(model, images))
    try:
        logits = trial(model, images[:2], compute)
        if not uses_batch_moments(model):
            trial(model, images[:1], compute)
    except ValueError as error:
        if (precision, compute.precision) == ("auto", "bfloat16"):
            return check_model(model, images, labels, classes, "float32")
        if (hint := what_it_takes(model, images, compute)) is None:
            raise
        shape = tuple(images.shape[1:])
        raise ValueError(f"the model does not take images of shape {shape}: {hint}") from error
    if logits.shape != (2, classes):
        raise ValueError(
            f"the model must answer with {classes} numbers for each image, one for each class of "
            f"the data; for two images its answer is {tuple(logits.shape)}. Pass classes=… where "
            "some classes have no image among these"
        )
    return compute


class Watched(nn.Module):
    """A model that fails as soon as an answer is no number, which `argmax` would take for one."""

    def __init__(self, model: nn.Module):
        super().__init__()
        check_module(model)
        self.model = model

    def forward(self, images: Tensor) -> object:
        logits = self.model(images)
        if isinstance(logits, Tensor) and not (logits.float().abs() < LARGEST).all():
            raise ValueError("its answers hold NaN or infinite numbers, look at its weights")
        return logits


@torch.no_grad()
def trial(model: nn.Module, images: Tensor, compute: Compute) -> Tensor:
    with evaluating(model), compute.autocast():
        return answer(model, images).float()


def what_it_takes(model: nn.Module, images: Tensor, compute: Compute) -> str | None:
    """The first other channels and size that the model takes, in words."""
    _, own, _, side = images.shape
    sizes = dict.fromkeys([side, *noted_sizes(model), *SIZES])
    for channels, size in itertools.product(dict.fromkeys([own, *CHANNELS]), sizes):
        try:
            trial(model, images.new_zeros(2, channels, size, size), compute)
        except ValueError:
            continue
        words = [f"{channels} channel{'s' * (channels > 1)}"] * (channels != own)
        words += [f"{size} × {size} pixels"] * (size != side)
        return f"it takes {' and '.join(words)}" if words else None
    for words, others in {
        "images with the channels last: permute them": images[:2].permute(0, 2, 3, 1),
        "one image at a time: ask it for each of them": images[:1],
    }.items():
        with suppress(ValueError):
            trial(model, others, compute)
            return f"it takes {words} in a module around it"
    return None


def noted_sizes(model: nn.Module) -> Iterator[int]:
    """The sizes of images that a model and its parts have among their attributes."""
    holders = ("", "config", "default_cfg")
    for module, holder, name in itertools.product(model.modules(), holders, HELD_AS):
        size = None
        with suppress(Exception):  # an attribute may be anything, and be computed when asked
            held = getattr(module, holder) if holder else module
            size = held.get(name) if isinstance(held, dict) else getattr(held, name)
            size = size[-1] if isinstance(size, tuple | list) else size
        if isinstance(size, int) and 1 < size <= 2 * max(SIZES):
            yield size


def doubts(model: nn.Module, images: Tensor, labels: Tensor, compute: Compute) -> list[str]:
    """What makes a report on the model doubtful, in sentences."""
    few = images[: attacks.EXAMINED]
    with evaluating(model), compute.autocast():
        found = attacks.examine(model, few, labels[: attacks.EXAMINED])
    depends = uses_batch_moments(model)
    if not depends and not any("answers differently" in text for text in found):
        together = trial(model, few, compute)
        alone = torch.cat([trial(model, each, compute) for each in few.split(1)])
        depends = (alone - together).abs().max() > TOLERANCE * together.abs().max()
    if depends:
        found.append(
            "the answer to an image depends on the others of its batch, as with BatchNorm without "
            "running statistics: other batches would give other numbers"
        )
    return found
