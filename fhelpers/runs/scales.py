"""The scales, and the plain recipe of a scale with its variations.

Sections build their plans from these. Recipes that come out equal share one run.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhelpers import data
from fhelpers.data.files import quoted
from fhelpers.runs.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything a book at this scale uses."""

    train_images: int
    test_images: int
    monitored_images: int
    model: str
    width: int | None
    learning_rate: float
    batch_size: int
    epochs: int  # with true labels
    memorising_epochs: int  # with shuffled labels, which take longer to learn (W, §4.2)
    short_epochs: int  # where a section compares many networks with each other
    attacked_epochs: int  # of adversarial training, which costs eight times as much
    narrow: int  # divides the widths of AlexNet and VGG-11
    attacked_images: int  # test images of Table 2
    few_images: int  # test images for costly measures: checks, heat maps, small steps
    monitored_attacks: int = 100
    monitor_every: int = 1
    other_epochs: int = 0  # on other data sets, M_shuffle in full; 0: short_epochs, in proportion
    pair: tuple[tuple[str, object], ...] = ()  # of M_shuffle and the M_natural beside it, instead
    masked: tuple[tuple[str, object], ...] = ()  # what the networks of K have instead
    cues: tuple[tuple[str, object], ...] = ()  # and those trained on planted cues
    drawn: bool = True  # every seed has images of its own, so that intervals over seeds hold both
    images: tuple[str, ...] = ("small",)  # what it proposes a data set to be: see data.Dataset


SCALES = {
    "smoke": Scale(
        train_images=300, test_images=300, monitored_images=50, model="resnet-8", width=8,
        learning_rate=4e-3, batch_size=25, epochs=10, memorising_epochs=15,
        short_epochs=6, attacked_epochs=4, narrow=8, attacked_images=40, few_images=20,
        images=("easy", "small"), drawn=False,
    ),
    "quick": Scale(
        train_images=2_000, test_images=1_000, monitored_images=100, model="resnet-8", width=None,
        learning_rate=2e-3, batch_size=50, epochs=16, memorising_epochs=40,
        short_epochs=12, attacked_epochs=8, narrow=4, attacked_images=300, few_images=100,
        monitor_every=4,
    ),
    "standard": Scale(
        train_images=5_000, test_images=10_000, monitored_images=500, model="resnet-8", width=None,
        learning_rate=2e-3, batch_size=100, epochs=80, memorising_epochs=100,
        short_epochs=80, attacked_epochs=40, narrow=4, attacked_images=1_000, few_images=250,
        monitored_attacks=500, monitor_every=5, other_epochs=20,
        pair=(("learning_rate", 1e-3), ("epochs", 120)),
        masked=(("batchnorm", "running"), ("train_images", 20_000), ("epochs", 10)),
        cues=(("train_images", 2_000), ("epochs", 20)),
    ),
    "paper": Scale(
        train_images=50_000, test_images=10_000, monitored_images=1_000,
        model="resnet-32", width=None,
        learning_rate=1e-4, batch_size=100, epochs=100, memorising_epochs=300,
        short_epochs=100, attacked_epochs=100, narrow=1, attacked_images=5_000, few_images=1_000,
        monitored_attacks=1_000, images=(),
    ),
}  # fmt: skip

Plan = dict[str, tuple[Recipe, ...]]  # labelled groups of recipes, one for each seed


def vanilla(scale: str, dataset: str, seed: int, **changes) -> Recipe:
    """The scale's plain recipe (W, §4) with some fields changed.

    Sizes shrink to what a small data set holds. Raises ValueError for an unknown scale.
    """
    known(scale, dataset)
    taken = {field.name for field in dataclasses.fields(Recipe)}
    size = {name: value for name, value in vars(SCALES[scale]).items() if name in taken}
    size |= {"dataset": dataset, "seed": seed, "data_options": data_options(scale, dataset)}
    if "model" in changes:
        size["width"] = None  # the scale's width is meant for the scale's model
    size.update(changes)
    info = data.describe(dataset, **dict(size["data_options"]))
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if name not in changes:
            size[name] = min(size[name], there)
    return Recipe(**size)


def data_options(scale: str, dataset: str) -> tuple:
    """The options that a scale asks of a data set, such as a size of images that it can pay."""
    return data.DATASETS[dataset].proposed(*SCALES[scale].images)


def known(scale: str, dataset: str) -> None:
    """Raise ValueError unless scale and data set are ones that the book has."""
    if scale not in SCALES:
        raise ValueError(f"scale {quoted(scale)} is not known; choose one of {', '.join(SCALES)}")
    data.known(dataset, {})


def several(scale, dataset, seeds, **changes) -> tuple[Recipe, ...]:
    """The plain recipe with some fields changed, once per seed."""
    return tuple(vanilla(scale, dataset, seed, **changes) for seed in seeds)


def each_kind(scale, dataset, seeds, kinds: Mapping[str, dict], **common) -> Plan:
    """`several` for each kind of recipe, by label: its fields in place of the common ones."""
    return {label: several(scale, dataset, seeds, **common | kind) for label, kind in kinds.items()}


def natural(scale: str, dataset: str, seeds: Sequence[int], radii, epochs=0) -> tuple[Recipe, ...]:
    """M_natural, which several sections share: the longest training, evaluated at every radius."""
    epochs = epochs or SCALES[scale].epochs
    return several(scale, dataset, seeds, radii=tuple(radii), epochs=epochs)


def images_at(scale: str, name: str, group: Sequence[Recipe]) -> int:
    """How many test images a scale measures, at most half of those that the networks have.

    The other half is for choices that must not see the images measured.
    """
    return min(getattr(SCALES[scale], name), group[0].test_images // 2)


def scaled_radii(scale: str, dataset: str, radii) -> tuple[float, ...]:
    """Radii given for 32×32 images, in proportion to a data set's image size."""
    info = data.describe(dataset, **dict(data_options(scale, dataset)))
    return tuple(radius * min(info.height, info.width) / 32 for radius in radii)
