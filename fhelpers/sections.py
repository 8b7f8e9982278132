"""The scales, and the runs that each section of the book needs.

A section is one function that maps (scale, dataset, seeds, its own parameters) to labelled
recipes, one a seed. Sections that ask for the same recipe share its run.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from fhelpers import data, recipes
from fhelpers.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything a book at this scale uses."""

    train_images: int
    test_images: int
    watch_images: int
    model: str
    width: int | None
    learning_rate: float
    batch_size: int
    epochs: int  # with true labels
    memorising_epochs: int  # with shuffled labels, which take longer to learn (W, §4.2)
    short_epochs: int  # where a section compares many networks with each other
    attacked_epochs: int  # of adversarial training, which costs eight times as much
    narrow: int  # divides the widths of AlexNet and VGG-11
    planted: tuple = ()  # strengths of the planted cues


SCALES = {
    "smoke": Scale(
        train_images=300, test_images=300, watch_images=100, model="resnet-8", width=8,
        learning_rate=4e-3, batch_size=25, epochs=10, memorising_epochs=15,
        short_epochs=6, attacked_epochs=4, narrow=8,
        planted=(("low", 2.0), ("high", 3.0)),
    ),
    "quick": Scale(
        train_images=2_000, test_images=2_000, watch_images=250, model="resnet-8", width=None,
        learning_rate=2e-3, batch_size=50, epochs=24, memorising_epochs=60,
        short_epochs=16, attacked_epochs=12, narrow=4,
    ),
    "standard": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-8", width=None,
        learning_rate=1e-3, batch_size=100, epochs=30, memorising_epochs=90,
        short_epochs=30, attacked_epochs=20, narrow=1,
    ),
    "paper": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-32", width=None,
        learning_rate=1e-4, batch_size=100, epochs=100, memorising_epochs=300,
        short_epochs=100, attacked_epochs=100, narrow=1,
    ),
}  # fmt: skip

Plan = dict[str, tuple[Recipe, ...]]


def vanilla(scale: str, dataset: str, seed: int, **changes) -> Recipe:
    """The scale's plain recipe (W, §4) with some fields changed.

    Sizes shrink to what a small data set holds. Raises ValueError for an unknown scale.
    """
    known(scale, dataset)
    size = dataclasses.asdict(SCALES[scale])
    for name in ("memorising_epochs", "short_epochs", "attacked_epochs", "narrow", "planted"):
        del size[name]
    size.update(dataset=dataset, seed=seed, data_options=data_options(scale, dataset))
    if "model" in changes:
        size["width"] = None  # the scale's width is meant for the scale's model
    size.update(changes)
    info = data.describe(dataset, **dict(size["data_options"]))
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if name not in changes:
            size[name] = min(size[name], there)
    return Recipe(**size)


def data_options(scale: str, dataset: str) -> tuple:
    """What a scale asks of a data set: strengths of planted cues, a size of images that it can pay.

    Four times the pixels cost four times the training; W's ImageNet subset has no stated size.
    """
    if dataset == "imagenette" and scale != "paper":
        return (("size", 64),)
    return SCALES[scale].planted if dataset == "planted" else ()


def known(scale: str, dataset: str) -> None:
    """Raise ValueError unless scale and data set are ones that the book has."""
    if scale not in SCALES:
        raise ValueError(f"scale {scale!r} is not known; choose one of {', '.join(SCALES)}")
    if dataset not in data.NAMES:
        raise ValueError(
            f"data set {dataset!r} is not known; choose one of {', '.join(data.NAMES)}"
        )


def several(scale, dataset, seeds, **changes) -> tuple[Recipe, ...]:
    """The plain recipe with some fields changed, once a seed."""
    return tuple(vanilla(scale, dataset, seed, **changes) for seed in seeds)


def natural(scale: str, dataset: str, seeds: Sequence[int], radii, epochs=0) -> tuple[Recipe, ...]:
    """M_natural, which several sections share: the longest training, watched at every radius."""
    epochs = epochs or SCALES[scale].epochs
    return several(scale, dataset, seeds, radii=tuple(radii), epochs=epochs)


def decomposition(scale, dataset, seeds, *, radii=(4, 8, 12, 16)) -> Plan:
    """Section 01 (W, §3.1 and Fig. 2): the model whose mistakes on low parts are shown."""
    return {"natural": natural(scale, dataset, seeds, radii)}


def shuffled_labels(scale, dataset, seeds, *, radii=(4, 8, 12, 16), epochs=0) -> Plan:
    """Section 02 (W, Fig. 3 and Table 1): true and shuffled labels, then one band at a time.

    epochs: of M_natural and the band-trained models, 0 for the scale's own; M_shuffle trains
    longer in the scale's proportion.
    """
    plan = {"natural": natural(scale, dataset, seeds, radii, epochs)}
    own = SCALES[scale]
    epochs = epochs or own.epochs
    longer = math.ceil(epochs * own.memorising_epochs / own.epochs)
    shuffled = {"labels": "shuffled", "radii": tuple(radii), "epochs": longer}
    plan["shuffled"] = several(scale, dataset, seeds, **shuffled)
    for band in ("low", "high"):
        for radius in radii:
            changes = {"band": band, "band_radius": radius, "radii": (radius,), "epochs": epochs}
            plan[f"{band}-{radius:g}"] = several(scale, dataset, seeds, **changes)
    return plan


# Chosen on training images held out from training, by benchmarks/learning_rates.py at quick on
# CIFAR-10. Adam's is the scale's own, which was within sampling error of the best there.
OPTIMISER_RATES = {"sgd": 0.05, "adagrad": 0.02, "adadelta": 3.0, "rmsprop": 2e-3}
MODEL_RATES = {"lenet": 2e-3, "alexnet": 1e-3, "vgg-11": 5e-4}


def heuristics(
    scale, dataset, seeds, *, radii=(4, 8, 12, 16), batch_sizes=(32, 64, 128, 256, 512), epochs=0
) -> Plan:
    """Section 03 (W, §5.1, Fig. 4 and 5): batch sizes, heuristics and optimisers.

    Batch sizes that the scale's training set cannot fill are left out; the page says so.
    """
    own = SCALES[scale]
    if not any(size <= own.train_images for size in batch_sizes):
        allowed = f"a list with a size of at most {own.train_images}, the images of this scale"
        recipes.refuse("batch_sizes", batch_sizes, allowed)
    radii, longest = tuple(radii), epochs or own.short_epochs
    attacked = epochs or own.attacked_epochs
    kinds = {
        f"batch-{size}": {"batch_size": size} for size in batch_sizes if size <= own.train_images
    }
    kinds |= {
        "vanilla": {},
        "dropout": {"dropout": 0.5},
        "mixup-0.5": {"mixup": 0.5},
        "mixup-1": {"mixup": 1.0},
        "batchnorm": {"batchnorm": True},
        "adversarial": {"adversary": "pgd", "epochs": attacked},
        "adversarial-crop-flip": {
            "adversary": "pgd",
            "augmentation": "crop-flip",
            "epochs": attacked,
        },
    }
    kinds |= {
        name: {"optimiser": name, "learning_rate": rate} for name, rate in OPTIMISER_RATES.items()
    }
    common = {"radii": radii, "epochs": longest}
    return {
        label: several(scale, dataset, seeds, **(common | kind)) for label, kind in kinds.items()
    }


def architectures(scale, dataset, seeds, *, radii=(4, 8, 12, 16), epochs=0) -> Plan:
    """Section 04 (W, §5.1): other networks at equal data; ResNet-18 at the scale paper only."""
    own = SCALES[scale]
    common = {"radii": tuple(radii), "epochs": epochs or own.short_epochs}
    widths = {"alexnet": 64 // own.narrow, "vgg-11": 64 // own.narrow}
    plan = {own.model: several(scale, dataset, seeds, **common)}
    for model, rate in MODEL_RATES.items():
        kind = {"model": model, "width": widths.get(model), "learning_rate": rate}
        plan[model] = several(scale, dataset, seeds, **common, **kind)
    if scale == "paper":
        plan["resnet-18"] = several(scale, dataset, seeds, **common, model="resnet-18")
    return plan


def batchnorm(
    scale,
    dataset,
    seeds,
    *,
    radii=(4, 8, 12, 16),
    strengths=(1, 0.5, 0.25, 0.125, 0.0625),
    epochs=0,
) -> Plan:
    """Section 05 (W, §5.2, Fig. 6): BatchNorm on low parts, and on ever fainter planted cues.

    Labels: vanilla, batchnorm (whole images, the runs of section 03); vanilla-low-4,
    batchnorm-low-4, …; vanilla-cue-1, batchnorm-cue-1, … The runs without BatchNorm on low parts
    are those of section 02.
    """
    if not strengths or min(strengths) <= 0:
        recipes.refuse("strengths", list(strengths), "one or more numbers above 0")
    own, shared = SCALES[scale], (4, 8, 12, 16)  # section 03's radii: with them its runs serve here
    short = epochs or own.short_epochs
    whole = {"radii": shared if set(radii) <= set(shared) else tuple(radii), "epochs": short}
    plan = {}
    for name, switch in (("vanilla", {}), ("batchnorm", {"batchnorm": True})):
        plan[name] = several(scale, dataset, seeds, **whole, **switch)
        for radius in radii:
            kind = {"band": "low", "band_radius": radius, "radii": (radius,)}
            kind |= {"epochs": epochs or own.epochs} | switch
            plan[f"{name}-low-{radius:g}"] = several(scale, dataset, seeds, **kind)
        for strength in strengths:
            cue = {"data_options": (("low", 0.0), ("high", float(strength))), "radii": (8,)}
            kind = cue | {"epochs": short} | switch
            plan[f"{name}-cue-{strength:g}"] = several(scale, "planted", seeds, **kind)
    return plan


def scaled_radii(scale: str, dataset: str, radii) -> tuple[float, ...]:
    """Radii given for 32×32 images, in proportion to a data set's image size."""
    info = data.describe(dataset, **dict(data_options(scale, dataset)))
    return tuple(radius * min(info.height, info.width) / 32 for radius in radii)


def other_datasets(
    scale,
    dataset,
    seeds,
    *,
    others=("cifar10", "mnist", "fashion-mnist", "imagenet"),
    radii=(4, 12),
    epochs=0,
) -> Plan:
    """Section 06 (W, §4): section 02 on every data set of the paper; radii grow with the images.

    Labels: cifar10/natural, mnist/low-3.5, … with the radius for that data set's image size. The
    first data set and CIFAR-10 are trained as long as in section 02, and where images have 32
    pixels its runs serve here. "imagenet" is Imagenette or else a Tiny ImageNet folder; without
    either it is left out, and the page says so.
    """
    shared = (4, 8, 12, 16)  # section 02's radii
    found = (imagenet_subset() if name == "imagenet" else name for name in others)
    plan = {}
    for name in dict.fromkeys([dataset, *filter(None, found)]):
        known(scale, name)
        own, length = scaled_radii(scale, name, radii), epochs or SCALES[scale].short_epochs
        if name in (dataset, "cifar10"):
            length = epochs
            own = shared if own == tuple(radii) and set(radii) <= set(shared) else own
        there = shuffled_labels(scale, name, seeds, radii=own, epochs=length)
        plan |= {f"{name}/{label}": group for label, group in there.items()}
    return plan


def imagenet_subset() -> str | None:
    """The ImageNet subset that is at hand without a network: Imagenette, else Tiny ImageNet."""
    for name in ("imagenette", "tiny-imagenet"):
        if data.available(name):
            return name
    return None


SECTIONS = {
    "01_decomposition": decomposition,
    "02_shuffled_labels": shuffled_labels,
    "03_heuristics": heuristics,
    "04_architectures": architectures,
    "05_batchnorm": batchnorm,
    "06_other_datasets": other_datasets,
}


def of_section(slug: str, parameters: dict) -> Plan:
    """The plan of a section for a notebook's parameters; those of no concern to it are left out.

    Raises ValueError for a section that the book does not have.
    """
    if slug not in SECTIONS:
        raise ValueError(f"section {slug!r} is not known; choose one of {', '.join(SECTIONS)}")
    known(parameters["scale"], parameters["dataset"])
    seeds = parameters["seeds"]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} is not possible: give one or more, each once, such as [0]")
    if not parameters.get("radii", [4]):
        recipes.refuse("radii", parameters["radii"], "a list of one radius or more, such as [4, 8]")
    if parameters.get("epochs", 0) < 0:
        recipes.refuse("epochs", parameters["epochs"], "at least 1, or 0 for the scale's own")
    section = SECTIONS[slug]
    names = section.__code__.co_varnames[: section.__code__.co_argcount]
    names += tuple(section.__kwdefaults__ or ())
    plan = section(**{name: value for name, value in parameters.items() if name in names})
    for recipe in (recipe for group in plan.values() for recipe in group):
        recipes.check_against_data(recipe)
    return plan
