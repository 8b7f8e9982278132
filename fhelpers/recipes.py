"""What decides a training run, the scales, and the runs that each section of the book needs.

A recipe is plain data: nothing here trains, loads images or imports a network. A section is one
function that maps (scale, dataset, seeds, its own parameters) to labelled recipes, one a seed.
"""

import ast
import dataclasses
import hashlib
import json
import math
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from fhelpers import data

MODELS = ("resnet-8", "resnet-20", "resnet-32", "resnet-18", "lenet", "alexnet", "vgg-11")
OPTIMISERS = ("adam", "sgd", "adagrad", "adadelta", "rmsprop")
AUGMENTATIONS = ("none", "crop-flip", "scale", "translate", "rotate")
CHOICES = {
    "dataset": data.NAMES,
    "labels": ("true", "shuffled"),
    "band": ("all", "low", "high"),
    "model": MODELS,
    "optimiser": OPTIMISERS,
    "augmentation": AUGMENTATIONS,
    "adversary": ("none", "pgd", "single-step"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda"),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the training of one classifier."""

    carried_out_by: ClassVar[str] = "fhelpers.training:train_classifier"
    rebuilt_by: ClassVar[str] = "fhelpers.training:rebuild_classifier"
    # The images are in the run's name by their digest; how folders of files become images is not.
    decided_by: ClassVar[tuple[str, ...]] = (
        "frequency",
        "folders",
        "models",
        "attacks",
        "training",
    )

    dataset: str = "cifar10"  # W, §4: CIFAR-10 first, then MNIST, Fashion-MNIST, ImageNet
    data_options: tuple[tuple[str, object], ...] = ()  # strengths of planted cues, image size
    train_images: int = 50_000  # the first so many of the training set
    test_images: int = 10_000  # the first so many of the test set, used once at the end
    watch_images: int = 500  # of each split, evaluated every epoch
    labels: str = "true"  # "shuffled" permutes the training labels (W, §4.2)
    band: str = "all"  # train on the whole image, its low or its high part (W, Table 1)
    band_radius: float | None = None  # where the parts divide
    rescale: bool = True  # divide filtered training images by their maximum, as W's code does
    model: str = "resnet-32"  # W's released network
    width: int | None = None  # channels of the first layer; None: as published
    batchnorm: bool = False  # W's "vanilla" has none
    dropout: float = 0.0  # W, Fig. 5: 0.5 in fully connected layers
    kernel_size: int | None = None  # of the first layer (W, §6.2: 5); None: as published
    optimiser: str = "adam"  # W, §4
    learning_rate: float = 1e-4  # W's released code
    batch_size: int = 100  # W's released code
    epochs: int = 100  # W, §4
    mixup: float | None = None  # α of Beta(α, α) (W, §5.1); None: no mix-up
    augmentation: str = "none"  # W's natural training has none
    adversary: str = "none"  # "pgd" (W, §5.1) or "single-step" with a random start
    epsilon: float = 8 / 255  # of the adversary, pixel units
    attack_steps: int = 10  # of the adversary "pgd"
    radii: tuple[float, ...] = (4, 8, 12, 16)  # where accuracy is watched (W, Fig. 3)
    precision: str = "auto"  # bfloat16 where the processor has it: twice as fast, same trends
    device: str = "auto"  # a GPU if there is one
    seed: int = 0  # initial weights, order of batches, permuted labels, noise

    def __post_init__(self):
        check(self)
        object.__setattr__(self, "radii", tuple(float(radius) for radius in self.radii))
        if self.band_radius is not None:
            object.__setattr__(self, "band_radius", float(self.band_radius))

    @property
    def slug(self) -> str:
        """What a person recognises the run by."""
        words = [self.dataset, self.model]
        words += [f"{name}{value:g}" for name, value in self.data_options if is_number(value)]
        words += ["shuffled"] * (self.labels == "shuffled")
        words += [f"{self.band}{self.band_radius:g}"] if self.band != "all" else []
        words += [f"w{self.width}"] if self.width is not None else []
        words += ["batchnorm"] * self.batchnorm + [f"dropout{self.dropout:g}"] * (self.dropout > 0)
        words += [f"mixup{self.mixup:g}"] if self.mixup is not None else []
        words += [word for word in (self.augmentation, self.adversary) if word != "none"]
        words += [self.optimiser] * (self.optimiser != "adam") + [f"b{self.batch_size}"]
        return "-".join([*words, f"n{self.train_images}", f"e{self.epochs}", f"s{self.seed}"])

    @property
    def run_id(self) -> str:
        """Slug and 8 hex digits over the recipe, the data and the code that decides training."""
        return run_id(self, check_against_data(self).digest)

    @property
    def needs(self) -> tuple:
        """Recipes whose runs must exist first: none for a classifier."""
        return ()

    @property
    def steps(self) -> int:
        """How many units of progress the run reports: its epochs."""
        return self.epochs


def run_id(recipe, data_digest: str) -> str:
    """The name of a recipe's run, for any kind of recipe."""
    decided = [json.dumps(as_json(recipe), sort_keys=True), data_digest]
    decided += [source_digest(module) for module in recipe.decided_by]
    digest = hashlib.sha256("\n".join(decided).encode()).hexdigest()
    return f"{recipe.slug}-{digest[:8]}"


def as_json(recipe) -> dict:
    """The recipe as JSON values, with its kind."""
    kind = f"{type(recipe).__module__}:{type(recipe).__qualname__}"
    return {"kind": kind, **json.loads(json.dumps(dataclasses.asdict(recipe)))}


def from_json(values: dict):
    """The recipe that `as_json` wrote. Raises ValueError where it is not one of this package's."""
    values = {k: tuplify(v) for k, v in values.items()}
    kind = str(values.pop("kind", ""))
    made = pkgutil.resolve_name(kind) if kind.startswith("fhelpers.") else None
    if not (isinstance(made, type) and hasattr(made, "carried_out_by")):
        raise ValueError(f"{kind!r} is not a kind of recipe that this package knows")
    return made(**values)


def tuplify(value: object) -> object:
    """Lists of JSON as the tuples that a frozen recipe holds."""
    return tuple(tuplify(v) for v in value) if isinstance(value, list) else value


@lru_cache
def source_digest(module: str) -> str:
    """Digest of what a module of this package does: its syntax tree without docstrings.

    A reworded comment or docstring must not cost hours of training; any change of code must.
    The tree is compared as the text it unparses to, which is the same on all Python versions.
    """
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and is_docstring(body[0]):
            node.body = body[1:]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(recipe: Recipe) -> None:
    """Refuse an unknown or impossible recipe with a sentence that names the field."""
    for name, allowed in CHOICES.items():
        if getattr(recipe, name) not in allowed:
            refuse(name, getattr(recipe, name), f"one of {', '.join(allowed)}")
    for name in ("train_images", "test_images", "watch_images", "batch_size", "epochs"):
        check_whole(name, getattr(recipe, name), 1)
    check_whole("attack_steps", recipe.attack_steps, 1)
    check_whole("seed", recipe.seed, 0)
    if not (is_number(recipe.learning_rate) and 0 < recipe.learning_rate < math.inf):
        refuse("learning_rate", recipe.learning_rate, "a number above 0")
    if not (is_number(recipe.dropout) and 0 <= recipe.dropout < 1):
        refuse("dropout", recipe.dropout, "a probability of at least 0 and below 1")
    if recipe.mixup is not None and not (is_number(recipe.mixup) and 0 < recipe.mixup < math.inf):
        refuse("mixup", recipe.mixup, "an α above 0, or None for no mix-up")
    if not (is_number(recipe.epsilon) and 0 < recipe.epsilon <= 1):
        refuse("epsilon", recipe.epsilon, "above 0 and at most 1, in pixel units")
    if recipe.kernel_size is not None and recipe.kernel_size not in (1, 3, 5, 7, 9, 11):
        refuse("kernel_size", recipe.kernel_size, "an odd number from 1 to 11")
    if recipe.width is not None:
        check_whole("width", recipe.width, 1)
    for name in ("batchnorm", "rescale"):
        if not isinstance(getattr(recipe, name), bool):
            refuse(name, getattr(recipe, name), "True or False")
    if not isinstance(recipe.radii, list | tuple):
        refuse("radii", recipe.radii, "a list of radii, such as (4, 8)")
    for radius in recipe.radii:
        check_radius("radii", radius)
    if (recipe.band == "all") != (recipe.band_radius is None):
        refuse("band_radius", recipe.band_radius, 'a radius with band "low" or "high", else None')
    if recipe.band_radius is not None:
        check_radius("band_radius", recipe.band_radius)
    if recipe.band == "high" and recipe.adversary != "none":
        refuse("adversary", recipe.adversary, '"none" with band "high", whose pixels leave [0, 1]')


def check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        refuse(name, value, f"a whole number of at least {least}")


def check_radius(name: str, radius: object) -> None:
    if not (is_number(radius) and 0 < radius < math.inf):
        refuse(name, radius, "a number above 0, in bins of the spectrum")


def check_against_data(recipe: Recipe) -> data.DatasetInfo:
    """Compare the recipe with what its data set holds, without reading an image."""
    info = data.describe(recipe.dataset, **dict(recipe.data_options))
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if getattr(recipe, name) > there:
            refuse(name, getattr(recipe, name), f"at most {there:,}: {info.name} has no more")
    if recipe.batch_size > recipe.train_images:
        refuse("batch_size", recipe.batch_size, f"at most train_images, {recipe.train_images}")
    farthest = math.hypot(info.height // 2, info.width // 2)
    if recipe.band == "high" and recipe.band_radius >= farthest:
        allowed = f"below {farthest:.1f}: from there on nothing is left of the high part"
        refuse("band_radius", recipe.band_radius, allowed)
    return info


def refuse(name: str, value: object, allowed: str) -> None:
    raise ValueError(f"{name}={value!r} is not possible: it must be {allowed}")


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
    planted: tuple = ()  # strengths of the planted cues


SCALES = {
    "smoke": Scale(
        train_images=300, test_images=300, watch_images=100, model="resnet-8", width=8,
        learning_rate=4e-3, batch_size=25, epochs=10, memorising_epochs=15,
        planted=(("low", 2.0), ("high", 3.0)),
    ),
    "quick": Scale(
        train_images=2_000, test_images=2_000, watch_images=250, model="resnet-8", width=None,
        learning_rate=2e-3, batch_size=50, epochs=24, memorising_epochs=60,
    ),
    "standard": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-8", width=None,
        learning_rate=1e-3, batch_size=100, epochs=30, memorising_epochs=90,
    ),
    "paper": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-32", width=None,
        learning_rate=1e-4, batch_size=100, epochs=100, memorising_epochs=300,
    ),
}  # fmt: skip

Plan = dict[str, tuple[Recipe, ...]]


def vanilla(scale: str, dataset: str, seed: int, **changes) -> Recipe:
    """The scale's plain recipe (W, §4) with some fields changed.

    Sizes shrink to what a small data set holds. Raises ValueError for an unknown scale.
    """
    known(scale, dataset)
    size = dataclasses.asdict(SCALES[scale])
    planted = size.pop("planted")
    del size["memorising_epochs"]
    size.update(dataset=dataset, seed=seed, data_options=planted if dataset == "planted" else ())
    if "model" in changes:
        size["width"] = None  # the scale's width is meant for the scale's model
    size.update(changes)
    info = data.describe(dataset, **dict(size["data_options"]))
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if name not in changes:
            size[name] = min(size[name], there)
    return Recipe(**size)


def known(scale: str, dataset: str) -> None:
    """Raise ValueError unless scale and data set are ones that the book has."""
    if scale not in SCALES:
        raise ValueError(f"scale {scale!r} is not known; choose one of {', '.join(SCALES)}")
    if dataset not in data.NAMES:
        raise ValueError(
            f"data set {dataset!r} is not known; choose one of {', '.join(data.NAMES)}"
        )


def natural(scale: str, dataset: str, seeds: Sequence[int], radii, epochs=0) -> tuple[Recipe, ...]:
    """M_natural, which several sections share: the longest training, watched at every radius."""
    epochs = epochs or SCALES[scale].epochs
    return tuple(vanilla(scale, dataset, s, radii=tuple(radii), epochs=epochs) for s in seeds)


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
    plan["shuffled"] = tuple(vanilla(scale, dataset, s, **shuffled) for s in seeds)
    for band in ("low", "high"):
        for radius in radii:
            changes = {"band": band, "band_radius": radius, "radii": (radius,), "epochs": epochs}
            plan[f"{band}-{radius:g}"] = tuple(vanilla(scale, dataset, s, **changes) for s in seeds)
    return plan


SECTIONS = {
    "01_decomposition": decomposition,
    "02_shuffled_labels": shuffled_labels,
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
    if parameters.get("epochs", 0) < 0:
        refuse("epochs", parameters["epochs"], "at least 1, or 0 for the scale's own")
    section = SECTIONS[slug]
    names = section.__code__.co_varnames[: section.__code__.co_argcount]
    names += tuple(section.__kwdefaults__ or ())
    return section(**{name: value for name, value in parameters.items() if name in names})
