"""Runs about the masks of networks: learning and scoring them, and training through one.

K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel, Anselmi (2022).
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from fhelpers import data, frequency, masks, recipes, training
from fhelpers.measurements import OfNetwork
from fhelpers.recipes import Recipe
from fhelpers.similarity import structural_similarity

BANDS = 64  # of radial and angular energies (K)
FOLDS = 5  # disjoint sets of images, a mask each: how far a mask depends on the images it saw
COMPARED = 500  # test images, at most, whose structural similarity is taken
COMPUTING = ("frequency", "attacks", "training", "masks", "similarity", "mask_runs")
SCOPES = ("model", "class", "fold")
SAME = (
    "seed", "device", "dataset", "train_images", "model", "epochs", "optimiser", "learning_rate",
    "batch_size", "steps", "work",
)  # fmt: skip
VARIANTS = ("mask", "complement", "random", "disc", "permuted")


@dataclass(frozen=True, kw_only=True)
class MaskRecipe(OfNetwork):
    """Everything that decides the masks learned for one network."""

    carried_out_by: ClassVar[str] = "fhelpers.mask_runs:learn"
    rebuilt_by: ClassVar[str] = "fhelpers.mask_runs:rebuild_mask"
    decided_by: ClassVar[tuple[str, ...]] = COMPUTING

    scope: str = "model"  # one mask, or one a class (K), or one for each of FOLDS sets of images
    learned_on: str = "train"  # "test" is K's way: learned and judged on the same images
    images: int = 1_000  # the first so many
    per_channel: bool = False  # K has one mask for all channels
    sparsity_weight: float = 0.2  # λ (K)
    threshold: float = 0.99  # K
    patience: int = 7  # K
    learning_rate: float = 0.05
    batch_size: int = 50
    epochs: int = 10

    def __post_init__(self):
        for name, allowed in (("scope", SCOPES), ("learned_on", ("train", "test"))):
            if getattr(self, name) not in allowed:
                recipes.refuse(name, getattr(self, name), f"one of {', '.join(allowed)}")
        there = getattr(self.network, f"{self.learned_on}_images")
        if not FOLDS <= self.images <= there:
            recipes.refuse("images", self.images, f"from {FOLDS} to {there}, the network's own")
        _ = self.learning

    @property
    def learning(self) -> masks.Learning:
        names = [field.name for field in dataclasses.fields(masks.Learning)]
        return masks.Learning(**{name: getattr(self, name) for name in names if name in vars(self)})

    @property
    def train_images(self) -> int:
        return self.images

    @property
    def slug(self) -> str:
        words = ["mask"] + [self.scope] * (self.scope != "model")
        words += ["channels"] * self.per_channel + ["ontest"] * (self.learned_on == "test")
        return "-".join([*words, f"w{self.sparsity_weight:g}", self.network.slug])

    @property
    def steps(self) -> int:
        return self.epochs

    @property
    def work(self) -> int:
        return self.epochs * self.images


def images_of(network: Recipe) -> tuple[data.ImageData, data.ImageData]:
    """Training and test images of a network, with the labels that it was trained on."""
    options = dict(network.data_options)
    train = data.load(network.dataset, train=True, limit=network.train_images, **options)
    test = data.load(network.dataset, train=False, limit=network.test_images, **options)
    labels = training.prepare_labels(network, train.labels)
    return data.ImageData(train.images, labels, train.classes), test


def learn(recipe: MaskRecipe, folder: Path, progress, run):
    """Learn a recipe's masks and score them on training and test images."""
    network, compute = run.model(), training.choose_compute(recipe.network.precision, recipe.device)
    sets = dict(zip(("train", "test"), images_of(recipe.network), strict=True))
    source, count = sets[recipe.learned_on], recipe.images
    labels = source.labels[:count]
    groups = {
        "model": torch.zeros_like(labels),
        "class": labels,
        "fold": torch.arange(count) % FOLDS,
    }[recipe.scope]
    pixels = source.images[:count].float() / 255
    learned = masks.learn_mask(
        network, pixels, labels, recipe.learning, groups=groups, seed=recipe.seed,
        channels=pixels.shape[1] if recipe.per_channel else 1, compute=compute,
        checkpoint=folder / "checkpoint.pt", progress=progress,
    )  # fmt: skip
    found = learned.training
    found.rows += [{"epoch": found.epoch} | row for row in described(learned)]
    if recipe.scope != "fold":
        for split, images in sets.items():
            which = images.labels if recipe.scope == "class" else torch.zeros_like(images.labels)
            compared = COMPARED if split == "test" else 0
            rows = scored(network, learned.mask, images, which, compute, compared)
            found.rows += [{"epoch": found.epoch, "split": split, "scope": "all"} | r for r in rows]
    return found, compute


def described(learned: masks.Learned) -> list[dict]:
    """Weight, success and energies of each mask, a row each."""
    with torch.no_grad():
        learnt, weight = learned.mask.masks().mean(1), learned.mask.total_weight()
    rows = [
        {"split": "mask", "part": "weight", "scope": "mask", "mask": number, "value": value,
         "reached": reached}
        for number, (value, reached) in enumerate(
            zip(weight.tolist(), learned.reached.tolist(), strict=True)
        )
    ]  # fmt: skip
    for part, energy in ENERGIES.items():
        whole = energy(torch.ones(learned.mask.size), BANDS).tolist()
        for number, found in enumerate(energy(learnt, BANDS).tolist()):
            rows += [
                {"split": "mask", "part": part, "scope": "mask", "mask": number, "band": band,
                 "value": found[band], "whole": whole[band]}
                for band in range(BANDS)
            ]  # fmt: skip
    return rows


ENERGIES = {"radial": frequency.radial_energy, "angular": frequency.angular_energy}


def scored(network, mask, images: data.ImageData, which, compute, compared: int) -> list[dict]:
    """Accuracy on images, on what their masks let through and on what they take away.

    which: int64 (N,), the mask of each image. `both` is the share right on the original and on the
    part; "similarity" the mean structural similarity of the first `compared` images to the part,
    with its deviation.
    """
    right: dict[str, list[Tensor]] = {"original": [], "masked": [], "complement": []}
    alike: dict[str, list[Tensor]] = {"masked": [], "complement": []}
    for chunk in torch.arange(len(images)).split(training.CHUNK):
        pixels, labels = images.images[chunk].float() / 255, images.labels[chunk]
        kept = masks.through(mask, pixels, which[chunk])
        parts = {"original": pixels, "masked": kept, "complement": pixels - kept}
        for part, seen in parts.items():
            logits = training.predict(network, seen, precision=compute.precision)
            right[part].append(logits.argmax(1) == labels)
            if part in alike and chunk[0] < compared:
                alike[part].append(structural_similarity(pixels, seen))
    rows, original = [], torch.cat(right["original"])
    for part, outcomes in right.items():
        own = torch.cat(outcomes)
        row = {"part": part, "images": len(own), "accuracy": own.double().mean().item()}
        row["both"] = (own & original).double().mean().item()
        if alike.get(part):
            values = torch.cat(alike[part])[:compared]
            row |= {"similarity": values.mean().item(), "deviation": values.std().item()}
            row["compared"] = len(values)
        rows.append(row)
    return rows


def rebuild_mask(recipe: MaskRecipe) -> masks.FourierMask:
    """The untrained mask of a recipe, for a record's weights."""
    info = data.describe(recipe.dataset, **dict(recipe.network.data_options))
    count = {"model": 1, "class": info.classes, "fold": FOLDS}[recipe.scope]
    channels = info.channels if recipe.per_channel else 1
    return masks.FourierMask(info.height, info.width, count=count, channels=channels)


# Training through a mask -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MaskedTraining:
    """A classifier trained anew on images seen through a mask, or through what it is compared with.

    variant: the mask; its complement 1 − M; its weights dealt out at random over all frequencies,
    or within each ring of radii that round to the same number; the disc of the same total weight.
    """

    carried_out_by: ClassVar[str] = "fhelpers.mask_runs:train_through"
    rebuilt_by: ClassVar[str] = "fhelpers.mask_runs:rebuild_classifier"
    decided_by: ClassVar[tuple[str, ...]] = ("folders", "models", *COMPUTING)

    network: Recipe  # trained anew
    mask: MaskRecipe  # of this or another network
    variant: str = "mask"

    def __post_init__(self):
        if self.variant not in VARIANTS:
            recipes.refuse("variant", self.variant, f"one of {', '.join(VARIANTS)}")
        if self.mask.scope != "model":
            recipes.refuse("mask", self.mask.scope, 'a mask of scope "model"')

    def __getattr__(self, name: str):
        """What a set-up table shows, and where and how long it trains, is the network's."""
        if name in SAME:
            return getattr(self.network, name)
        raise AttributeError(name)

    @property
    def needs(self) -> tuple:
        """The run whose mask the images are seen through."""
        return (self.mask,)

    @property
    def run_id(self) -> str:
        return recipes.run_id(self, recipes.check_against_data(self.network).digest)

    @property
    def slug(self) -> str:
        whose = "-shuffled" * (self.mask.network.labels != self.network.labels)
        return f"through{whose}-{self.variant}-{self.network.slug}"


def varied(mask: masks.FourierMask, variant: str, seed: int) -> masks.FourierMask:
    """A mask of the same size made from another; see `MaskedTraining` for the variants."""
    made = masks.FourierMask(*mask.size, channels=mask.weight.shape[1])
    weight = mask.weight.detach()
    distance = torch.empty(weight.shape[-1])
    distance[mask.bins] = frequency.radial_distance(*mask.size).flatten()
    generator = torch.Generator().manual_seed(seed)
    order = torch.argsort(torch.rand(len(distance), generator=generator))
    if variant == "complement":
        weight = 1 - weight
    elif variant == "random":
        weight = weight[..., order]
    elif variant == "permuted":
        ring = distance.round()
        # Twice sorted by ring, once behind a random order: rank for rank within each ring.
        shuffled = order[torch.argsort(ring[order], stable=True)]
        weight = weight.clone().index_copy_(
            -1, torch.argsort(ring, stable=True), weight[..., shuffled]
        )
    elif variant == "disc":
        weight = disc(mask, distance)
    made.weight.data.copy_(weight)
    return made


def disc(mask: masks.FourierMask, distance: Tensor) -> Tensor:
    """Weights of the disc whose total weight is the mask's; its outermost ring is part of one."""
    bins = mask.bins.bincount().double()
    rings, ring = distance.unique(return_inverse=True)
    sizes = torch.zeros(len(rings), dtype=torch.float64).index_add_(0, ring, bins)
    left = mask.total_weight().item() * bins.sum() - (sizes.cumsum(0) - sizes)
    filled = (left / sizes).clamp(0, 1)
    return filled[ring].float().expand_as(mask.weight)


def train_through(recipe: MaskedTraining, folder: Path, progress, run):
    """Train a classifier anew through a mask; score it on originals and through the same mask."""
    mask = varied(run.model(), recipe.variant, recipe.seed)

    def prepare(images: Tensor) -> Tensor:
        chunks = images.split(training.CHUNK)
        return torch.cat([masks.through(mask, chunk.float() / 255) for chunk in chunks])

    network = dataclasses.replace(recipe.network, radii=())
    found, compute = training.train_classifier(network, folder, progress, prepare=prepare)
    row = {"epoch": found.epoch, "scope": "all", "part": "input"}
    for split, images in zip(("train", "test"), images_of(network), strict=True):
        seen = prepare(images.images)
        score = training.score(found.model, seen, images.labels, compute.precision)
        found.rows.append(row | {"split": split, "images": len(images)} | score)
    return found, compute


def rebuild_classifier(recipe: MaskedTraining) -> nn.Module:
    """The untrained network of a recipe, for a record's weights."""
    return training.rebuild_classifier(recipe.network)
