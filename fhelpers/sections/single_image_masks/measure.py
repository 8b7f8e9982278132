"""Runs about the masks of single images: learning them, what they keep, and what they tell (K).

K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel, Anselmi (2022).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from fhelpers import attacks, data, masks
from fhelpers.masks.recipes import FOLDS, images_of
from fhelpers.runs import training
from fhelpers.runs.checks import check_whole
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.sections.single_image_masks.atlas import neighbour_map

SHOWN = 12  # images of which the attacked version is kept for a figure
SCRAMBLES = 5  # times that classes are dealt out at random
RIDGE = 1.0  # penalty of the linear classifier, for each image and features of deviation 1


@dataclass(frozen=True, kw_only=True)
class ImageMasksRecipe(OfNetwork, kind="image-masks"):
    """Everything that decides the masks of single test images of one network."""

    word: ClassVar[str] = "imagemasks"
    images: int = 500  # the first so many of the test set
    epsilon: float = 3.5 / 255  # of the attack that makes x_A; K: 0.06 in normalised units
    attack_steps: int = 10  # K
    sparsity_weight: float = 0.2  # λ (K)
    learning_rate: float = 0.05
    epochs: int = 60  # steps, which each image takes all

    def __post_init__(self):
        super().__post_init__()
        check_whole("images", self.images, FOLDS)
        attacks.check_epsilon(self.epsilon)
        _ = self.learning

    @property
    def learning(self) -> masks.Learning:
        """How each mask is learned."""
        names = ("sparsity_weight", "learning_rate", "epochs")
        return masks.Learning(**{name: getattr(self, name) for name in names})

    @property
    def steps(self) -> int:
        return self.images

    @property
    def precision(self) -> str:
        return self.network.precision

    @property
    def work(self) -> int:
        return self.epochs * self.images

    def carry_out(self, job: Job) -> Result:
        return learn_images(self, job)


def learn_images(recipe: ImageMasksRecipe, job: Job) -> Result:
    """Learn a mask for every image, test it on the image and on its attacked version x_A.

    Rows: accuracy of each part among all images and among those that are right as they are, and of
    the linear classifiers. Tensors: weights of the masks, true classes and kept ones, whether the
    mask of the end keeps the class, the first attacked images, and a map in which similar masks are
    neighbours.
    """
    measured, compute, (run,) = Result(), job.compute, job.needed
    network = run.model()
    _, test = images_of(recipe.network)
    pixels, labels = test.images[: recipe.images].float() / 255, test.labels[: recipe.images]
    learned = masks.learn_image_masks(
        network, pixels, recipe.learning, compute=compute, progress=job.progress
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    attacked = attacks.pgd(
        network, pixels, labels, recipe.epsilon, steps=recipe.attack_steps, generator=generator
    )
    measured.rows += outcomes(network, learned, pixels, attacked, labels, compute)
    weights = learned.mask.weight.detach().flatten(1)
    measured.rows += classified(weights, {"kept": learned.answers, "true": labels}, recipe.seed)
    measured.tensors = {
        "weight": learned.mask.weight.detach(),
        "labels": labels,
        "answers": learned.answers,
        "reached": learned.reached,
        "attacked": attacked[:SHOWN],
        "map": neighbour_map(weights, seed=recipe.seed),
    }
    return measured


def outcomes(network, learned, pixels, attacked, labels, compute) -> list[dict]:
    """Accuracy on each version of the images; among "right" are those right as they are."""
    kept, kept_attacked = (masks.through(learned.mask, x) for x in (pixels, attacked))
    parts = {
        "original": pixels,
        "masked": kept,
        "complement": pixels - kept,
        "attacked": attacked,
        "attacked-masked": kept_attacked,
        "attacked-complement": attacked - kept_attacked,
    }
    right = {
        part: training.predict(network, seen, precision=compute.precision).argmax(1) == labels
        for part, seen in parts.items()
    }
    among = {"all": torch.ones_like(right["original"]), "right": right["original"]}
    return [
        {"epoch": 1, "split": "test", "scope": "all", "part": part, "among": name,
         "images": int(chosen.sum()), "accuracy": own[chosen].double().mean().item(),
         "reached": learned.reached[chosen].double().mean().item()}
        for name, chosen in among.items() if chosen.any()
        for part, own in right.items()
    ]  # fmt: skip


def classified(features: Tensor, classes: dict[str, Tensor], seed: int) -> list[dict]:
    """Cross-validated accuracy of a linear classifier of the masks, on true and dealt-out classes.

    classes: {name: int64 (N,)}. Dealt-out classes are as frequent as the true ones; their accuracy
    is the mean of SCRAMBLES deals.
    """
    generator, rows = torch.Generator().manual_seed(seed), []
    for name, labels in classes.items():
        deals = [torch.randperm(len(labels), generator=generator) for _ in range(SCRAMBLES)]
        scores = {
            "linear": [cross_validated(features, labels, seed)],
            "linear-scrambled": [cross_validated(features, labels[deal], seed) for deal in deals],
        }
        rows += [
            {"epoch": 1, "split": "test", "scope": "all", "part": part, "among": name,
             "images": len(labels), "accuracy": torch.stack(found).double().mean().item()}
            for part, found in scores.items()
        ]  # fmt: skip
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
