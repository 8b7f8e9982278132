"""Runs about the masks of single images: learning them, what they keep, and what they tell (K).

K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel, Anselmi (2022).
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from fhelpers import attacks, data, masks
from fhelpers.masks.atlas import neighbour_map
from fhelpers.masks.recipes import FOLDS
from fhelpers.networks.compute import CHUNK
from fhelpers.runs import training
from fhelpers.runs.checks import check_switch, check_whole, refuse
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.recipes import Recipe

SINGLE_IMAGES = {"smoke": 40, "quick": 500, "standard": 1_000, "paper": 2_000}
SHOWN = 12  # images of which the attacked version is kept for a figure
SCRAMBLES = 5  # times that classes are scrambled
RIDGE = 1.0  # penalty of the linear classifier, for each image and features of deviation 1


@dataclass(frozen=True, kw_only=True)
class ImageMasksRecipe(OfNetwork, kind="image-masks", version=2):
    """Everything that decides the masks of single test images of one network.

    selected: only images that are right, and wrong once attacked (K), for the network or for
    `chooser`, so that two networks get masks of the same images; where there are fewer than FOLDS
    of them, and with False, the first images as they come.
    """

    word: ClassVar[str] = "imagemasks"
    images: int = 500  # at most; the first of the test set
    selected: bool = True
    chooser: Recipe | None = None
    epsilon: float = 3.5 / 255  # of the attack that makes x_A; K: 0.06 in normalised units
    attack_steps: int = 10  # K
    sparsity_weight: float = 0.2  # λ (K)
    learning_rate: float = 0.05
    epochs: int = 60  # steps, which each image takes all
    pictures: bool = False  # the first images are kept, for pages where the data set is not there

    def __post_init__(self):
        super().__post_init__()
        check_whole("images", self.images, FOLDS)
        check_whole("attack_steps", self.attack_steps, 1)
        check_switch("selected", self.selected)
        check_switch("pictures", self.pictures)
        if self.chooser is not None and images_seen(self.chooser) != images_seen(self.network):
            refuse("chooser", self.chooser.slug, "a network with the same test images, or None")
        attacks.check_epsilon(self.epsilon)
        _ = self.learning

    steps = property(attrgetter("images"))
    precision = property(attrgetter("network.precision"))
    learning = property(masks.Learning.of)

    @property
    def needs(self) -> tuple:
        return (self.network,) if self.chooser is None else (self.network, self.chooser)

    work = property(lambda self: self.epochs * self.images)

    def carry_out(self, job: Job) -> Result:
        """Learn a mask for every image, test it on the image and on its attacked version x_A.

        Rows: accuracy of each part among all images and among those right as they are, and of the
        linear classifiers; among "tried": of the images among which they were selected. Tensors:
        weights of the masks, places of the images in the test set, true and kept classes, whether
        the mask of the end keeps the class, the first attacked images and, with `pictures`, the
        first images, and a map in which similar masks are neighbours.
        """
        measured, compute = Result(), job.compute
        network, chooser = (
            run.model().to(compute.device) for run in (job.needed[0], job.needed[-1])
        )
        where, pixels, attacked, labels = chosen_images(self, chooser, compute.device, measured)
        if self.chooser is not None:
            attacked = attack(self, network, pixels, labels)
        learned = masks.learn_image_masks(
            network, pixels, self.learning, compute=compute, progress=job.progress
        )
        measured.rows += outcomes(network, learned, pixels, attacked, labels, compute)
        weights = learned.mask.cpu().weight.detach().flatten(1)
        labels = labels.cpu()
        measured.rows += classified(weights, {"kept": learned.answers, "true": labels}, self.seed)
        measured.tensors = {
            "weight": learned.mask.weight.detach(),
            "numbers": where,
            "labels": labels,
            "answers": learned.answers,
            "reached": learned.reached,
            "attacked": attacked[:SHOWN],
            "map": neighbour_map(weights, seed=self.seed),
        }
        if self.pictures:
            measured.tensors["pictures"] = pixels[:SHOWN]
        return measured


def image_masks_of(scale, group, sparsity_weight, choosers=None, **changes) -> tuple:
    """A recipe for each network of a group, of as many test images as the scale can pay.

    choosers: the networks that the images are selected for; None: each for itself.
    """
    return tuple(
        ImageMasksRecipe(
            network=network,
            images=min(SINGLE_IMAGES[scale], network.test_images),
            sparsity_weight=float(sparsity_weight),
            chooser=None if network == chooser else chooser,
            **changes,
        )
        for network, chooser in zip(group, choosers or group, strict=True)
    )


def images_seen(network: Recipe) -> tuple:
    """What decides the test images of a network."""
    drawn = network.drawn and network.seed
    return network.dataset, network.data_options, network.test_images, drawn


def attack(recipe: ImageMasksRecipe, network, pixels: Tensor, labels: Tensor) -> Tensor:
    """Images x_A after all steps, as K has them; `attacks.pgd` would stop at the boundary."""
    start = attacks.random_point(pixels, recipe.epsilon, torch.Generator().manual_seed(recipe.seed))
    size = 2.5 * recipe.epsilon / recipe.attack_steps
    options = {"steps": recipe.attack_steps, "step_size": size, "start": start}
    return attacks.ascend(network, pixels, labels, recipe.epsilon, **options)


def chosen_images(recipe: ImageMasksRecipe, network, device: str, measured: Result):
    """Places, images, their attacked versions and labels; what was tried joins the rows."""
    test = recipe.network.load(train=False)
    tried, qualified = [], 0
    for chunk in torch.arange(len(test)).split(CHUNK):
        pixels, labels = test.images[chunk].to(device).float() / 255, test.labels[chunk].to(device)
        made = attack(recipe, network, pixels, labels)
        right = [training.correct(network, each, labels) for each in (pixels, made)]
        tried.append((pixels, made, labels, *right))
        qualified += int((right[0] & ~right[1]).sum()) if recipe.selected else len(chunk)
        if qualified >= recipe.images:
            break
    pixels, made, labels, clean, attacked = map(torch.cat, zip(*tried, strict=True))
    for part, right in (("original", clean), ("attacked", attacked)):
        measured.rows.append(row(part, "tried", right))
    chosen = clean & ~attacked if recipe.selected else torch.ones_like(clean)
    if chosen.sum() < FOLDS:
        measured.warnings.append(
            f"{int(chosen.sum())} of {len(chosen)} images are right and can be fooled: masks were "
            "learned for the first images instead"
        )
        chosen = torch.ones_like(clean)
    where = chosen.nonzero().flatten()[: recipe.images]
    return where, pixels[where], made[where], labels[where]


def outcomes(network, learned, pixels, attacked, labels, compute) -> list[dict]:
    """Accuracy on each version of the images; among "right" are those right as they are.

    complement: the frequencies whose weight is 0 (K); rest: all that the mask takes away, x − M(x).
    """
    gone, parts = masks.complement(learned.mask), {}
    for start, seen in (("", pixels), ("attacked-", attacked)):
        kept = masks.through(learned.mask, seen)
        parts |= {
            start.removesuffix("-") or "original": seen,
            f"{start}masked": kept,
            f"{start}complement": masks.through(gone, seen),
            f"{start}rest": seen - kept,
        }
    right = {
        part: training.correct(network, seen, labels, precision=compute.precision)
        for part, seen in parts.items()
    }
    among = {"all": torch.ones_like(right["original"]), "right": right["original"]}
    reached = learned.reached.double()
    return [
        row(part, name, own[chosen]) | {"reached": reached[chosen.cpu()].mean().item()}
        for name, chosen in among.items()
        if chosen.any()
        for part, own in right.items()
    ]


def row(part: str, among: str, right: Tensor) -> dict:
    """A row on the accuracy of some images, from which of them are right."""
    about = {"epoch": 1, "split": "test", "scope": "all", "part": part, "among": among}
    return about | {"images": len(right), "accuracy": right.double().mean().item()}


def classified(features: Tensor, classes: dict[str, Tensor], seed: int) -> list[dict]:
    """Cross-validated accuracy of a linear classifier of the masks, on true and scrambled classes.

    classes: {name: int64 (N,)}. Scrambled classes are as frequent as the true ones; their accuracy
    is the mean over SCRAMBLES permutations.
    """
    generator, rows = torch.Generator().manual_seed(seed), []
    for name, labels in classes.items():
        orders = [torch.randperm(len(labels), generator=generator) for _ in range(SCRAMBLES)]
        scores = {
            "linear": [cross_validated(features, labels, seed)],
            "linear-scrambled": [
                cross_validated(features, labels[order], seed) for order in orders
            ],
        }
        for part, found in scores.items():
            rows.append(row(part, name, torch.stack(found)) | {"images": len(labels)})
    return rows


def cross_validated(features: Tensor, labels: Tensor, seed: int) -> Tensor:
    """Whether a linear classifier gets each held-out row right, bool (N,), in FOLDS folds.

    It is the ridge regression of one-hot classes on standardised features (N, P), solved exactly.
    """
    fold = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)) % FOLDS
    right = torch.zeros(len(labels), dtype=torch.bool)
    for number in range(FOLDS):
        train, held = fold != number, fold == number
        mean, deviation = features[train].mean(0), features[train].std(0) + 1e-6
        x, new = ((features[part] - mean).double() / deviation for part in (train, held))
        y = F.one_hot(labels[train], int(labels.max()) + 1).double()
        centre = y.mean(0)
        # As many equations as images: the kernel form, solved in the smaller space.
        kernel = x @ x.T + RIDGE * len(x) * torch.eye(len(x), dtype=x.dtype)
        scores = new @ x.T @ torch.linalg.solve(kernel, y - centre) + centre
        right[held] = scores.argmax(1) == labels[held]
    return right


def single_masks(run) -> masks.FourierMask:
    """The masks of a finished run, one for each image in order."""
    weight = run.tensors()["weight"]
    recipe = run.recipe
    info = data.describe(recipe.dataset, **recipe.network.options)
    module = masks.FourierMask(info.height, info.width, count=len(weight))
    module.weight.data.copy_(weight)
    return module
