"""The recipe of a classifier: everything that decides one training, as plain data."""

import math
from dataclasses import dataclass
from operator import attrgetter

import torch
from torch import nn

from fhelpers import data
from fhelpers.networks import NETWORKS
from fhelpers.networks.compute import DEVICES, PRECISIONS
from fhelpers.runs import classifier
from fhelpers.runs.checks import (
    check_choice,
    check_positive,
    check_radius,
    check_switch,
    check_whole,
    is_number,
    refuse,
)
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.runs.training import OPTIMISERS

CHOICES = {
    "dataset": data.NAMES,
    "labels": ("true", "shuffled"),
    "band": ("all", "low", "high"),
    "model": tuple(NETWORKS),
    "optimiser": tuple(OPTIMISERS),
    "augmentation": classifier.AUGMENTATIONS,
    "adversary": ("none", "pgd", "single-step"),
    "batchnorm": ("none", "batch", "running"),
    "schedule": ("constant", "linear"),
    "precision": PRECISIONS,
    "device": DEVICES,
}


@dataclass(frozen=True, kw_only=True)
class Recipe(Runnable, kind="classifier", version=2):
    """Everything that decides the training of one classifier."""

    dataset: str = "cifar10"  # W, §4: CIFAR-10 first, then MNIST, Fashion-MNIST, ImageNet
    data_options: tuple[tuple[str, object], ...] = ()  # strengths of planted cues, image size
    train_images: int = 50_000  # how many of the training set
    test_images: int = 10_000  # how many of the test set, used once at the end
    monitored_images: int = 500  # of each split, evaluated while training
    monitored_attacks: int = 100  # of these test images, under attack in adversarial training
    monitor_every: int = 1  # epochs from one evaluation to the next, after the tenth
    drawn: bool = False  # images drawn by the seed where there are fewer than all; else the first
    labels: str = "true"  # "shuffled" permutes the training labels (W, §4.2)
    band: str = "all"  # train on the whole image, its low or its high part (W, Table 1)
    band_radius: float | None = None  # where the parts divide
    inclusive: bool = True  # the low part's d ≤ r (W, §3.1); False: d < r as W's code has it
    rescale: bool = True  # divide filtered training images by their maximum, as W's code does
    rescale_whole: bool = False  # divide whole training images too, as W's code does
    model: str = "resnet-32"  # W's released network
    width: int | None = None  # channels of the first layer; None: as published
    batchnorm: str = "none"  # W's vanilla has none; "batch": moments of the batch in evaluation
    # too, as in W's released code; "running": averages in evaluation, as in K's
    bias: bool | None = None  # of convolutions; None: as published, none in W's 6n + 2 network
    dropout: float = 0.0  # W, Fig. 5: 0.5 in fully connected layers
    kernel_size: int | None = None  # of the first layer (W, §6.2: 5); None: as published
    optimiser: str = "adam"  # W, §4
    learning_rate: float = 1e-4  # W's released code
    schedule: str = "constant"  # W's released code; "linear" falls to 0 and lowers seed noise
    batch_size: int = 100  # W's released code
    epochs: int = 100  # W, §4
    mixup: float | None = None  # α of Beta(α, α) (W, §5.1); None: no mix-up
    augmentation: str = "none"  # W's natural training has none
    adversary: str = "none"  # "pgd" (W, §5.1) or "single-step" with a random start
    epsilon: float = 8 / 255  # of the adversary, pixel units
    attack_steps: int = 10  # of the adversary "pgd", each ε / steps long (W's released code)
    random_start: bool = False  # of the adversary "pgd"; W's released code starts at the image
    radii: tuple[float, ...] = (4, 8, 12, 16)  # where accuracy is evaluated (W, Fig. 3)
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
        words += [f"{name}{value:g}" for name, value in self.data_options if is_plain(value)]
        words += ["shuffled"] * (self.labels == "shuffled")
        words += [f"{self.band}{self.band_radius:g}"] if self.band != "all" else []
        words += [f"w{self.width}"] if self.width is not None else []
        words += ["batchnorm"] * (self.batchnorm != "none")
        words += [f"dropout{self.dropout:g}"] * (self.dropout > 0)
        words += [f"mixup{self.mixup:g}"] if self.mixup is not None else []
        words += [word for word in (self.augmentation, self.adversary) if word != "none"]
        words += [self.optimiser] * (self.optimiser != "adam") + [f"b{self.batch_size}"]
        return "-".join([*words, f"n{self.train_images}", f"e{self.epochs}", f"s{self.seed}"])

    @property
    def data_digest(self) -> str:
        """Digest of the data set. Raises ValueError for more than it holds."""
        return check_against_data(self).digest

    @property
    def options(self) -> dict:
        """The options of the data set by name."""
        return dict(self.data_options)

    def load(self, *, train: bool) -> data.ImageData:
        """Its training or test images: the first ones, or those that its seed draws."""
        count = self.train_images if train else self.test_images
        if not self.drawn:
            return data.load(self.dataset, train=train, limit=count, **self.options)
        whole = data.load(self.dataset, train=train, **self.options)
        generator = torch.Generator().manual_seed(2 * self.seed + train)
        chosen = torch.randperm(len(whole), generator=generator)[:count]
        return data.ImageData(whole.images[chosen], whole.labels[chosen], whole.classes)

    steps = property(attrgetter("epochs"))

    @property
    def work(self) -> int:
        """Images seen in training, attacked ones many times."""
        attacked = {"none": 1, "single-step": 2, "pgd": self.attack_steps}[self.adversary]
        return self.epochs * self.train_images * attacked

    def carry_out(self, job: Job) -> Result:
        """Train the classifier and evaluate it on every part."""
        return classifier.train(self, job)

    def rebuild(self) -> nn.Module:
        """The untrained network."""
        return classifier.build(self)


def is_plain(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_option(pair: object) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)


def check(recipe: Recipe) -> None:
    """Refuse an unknown or impossible recipe with a sentence that names the field."""
    for name, allowed in CHOICES.items():
        check_choice(name, getattr(recipe, name), allowed)
    for name in ("train_images", "test_images", "batch_size", "epochs", "attack_steps"):
        check_whole(name, getattr(recipe, name), 1)
    for name in ("monitored_images", "monitored_attacks", "monitor_every"):
        check_whole(name, getattr(recipe, name), 1)
    check_whole("seed", recipe.seed, 0)
    check_positive("learning_rate", recipe.learning_rate)
    if not (is_number(recipe.dropout) and 0 <= recipe.dropout < 1):
        refuse("dropout", recipe.dropout, "a probability of at least 0 and below 1")
    if recipe.mixup is not None and not (is_number(recipe.mixup) and recipe.mixup > 0):
        refuse("mixup", recipe.mixup, "an α above 0, or None for no mix-up")
    if not (is_number(recipe.epsilon) and 0 < recipe.epsilon <= 1):
        refuse("epsilon", recipe.epsilon, "above 0 and at most 1, in pixel units")
    size = recipe.kernel_size
    if size is not None and not (isinstance(size, int) and size in (1, 3, 5, 7, 9, 11)):
        refuse("kernel_size", recipe.kernel_size, "an odd number from 1 to 11")
    if recipe.width is not None:
        check_whole("width", recipe.width, 1)
    if recipe.bias is not None:
        check_switch("bias", recipe.bias)
    for name in ("drawn", "inclusive", "rescale", "rescale_whole", "random_start"):
        check_switch(name, getattr(recipe, name))
    options = recipe.data_options
    if not (isinstance(options, tuple) and all(map(is_option, options))):
        refuse("data_options", options, 'pairs of name and value, such as (("high", 0.0),)')
    if not isinstance(recipe.radii, list | tuple):
        refuse("radii", recipe.radii, "a list of radii, such as (4, 8)")
    for radius in recipe.radii:
        check_radius("radii", radius)
    if (recipe.band == "all") != (recipe.band_radius is None):
        refuse("band_radius", recipe.band_radius, 'a radius with band "low" or "high", else None')
    if recipe.band_radius is not None:
        check_radius("band_radius", recipe.band_radius)
    if recipe.rescale_whole and recipe.band != "all":
        refuse("rescale_whole", True, f'False with band "{recipe.band}": its images are not whole')
    if recipe.band == "low" and recipe.band_radius < 1:
        refuse("band_radius", recipe.band_radius, "at least 1: below it only the mean is left")
    if recipe.band == "high" and recipe.adversary != "none":
        refuse("adversary", recipe.adversary, '"none" with band "high", whose pixels leave [0, 1]')


def check_against_data(recipe: Recipe) -> data.DatasetInfo:
    """Compare the recipe with what its data set holds, without reading an image."""
    info = data.describe(recipe.dataset, **recipe.options)
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if getattr(recipe, name) > there:
            refuse(name, getattr(recipe, name), f"at most {there:,}: {info.name} has no more")
    if recipe.batch_size > recipe.train_images:
        refuse("batch_size", recipe.batch_size, f"at most train_images, {recipe.train_images}")
    if recipe.band == "high":
        check_reach("band_radius", recipe.band_radius, info)
    return info


def check_reach(name: str, radius: float, info: data.DatasetInfo) -> None:
    """Refuse a radius beyond which images have no frequency."""
    farthest = math.hypot(info.height // 2, info.width // 2)
    if radius >= farthest:
        allowed = f"below {farthest:.1f}: from there on nothing is left of the high part"
        refuse(name, radius, allowed)
