"""Corollary 1 of W made visible: the smallest perturbation of one band that changes an answer.

A perturbation of the high part leaves the low part, all that W supposes a human to see (assumption
A1), exactly as it was. Its size is its root mean square over an image's values, in pixel units:
for that norm the nearest point of a band and of an ε-ball is known in closed form, which it is not
for the largest value of any pixel. Perturbed images may leave [0, 1], as low and high parts do.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from fhelpers import attacks, frequency
from fhelpers.intervals import Estimate, over_seeds
from fhelpers.networks import answer, moments_held
from fhelpers.networks.compute import portion
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.training import correct

BANDS = ("high", "low", "all")
# Sizes that are tried, in pixel units; between two of them the size is found by halving.
SIZES = tuple(2.0**power / 255 for power in range(-1, 6))
HALVINGS = 6
LARGEST = 32  # of the sizes, in 255ths


def in_band(perturbation: Tensor, band: str, radius: float) -> Tensor:
    """The part of perturbations (N, C, H, W) that lies in a band: "low", "high" or "all"."""
    if band == "all":
        return perturbation
    disc = frequency.disc(*perturbation.shape[-2:], radius).to(perturbation.device)
    return frequency.filter_spectrum(perturbation.float(), disc if band == "low" else ~disc)


def size_of(perturbation: Tensor) -> Tensor:
    """Root mean square of each perturbation: (N, C, H, W) -> (N, 1, 1, 1), in pixel units."""
    return perturbation.square().mean((1, 2, 3), keepdim=True).sqrt()


def ascend_in_band(
    model: nn.Module, images: Tensor, labels: Tensor, epsilon: float, band: str, radius: float,
    *, steps: int,
) -> Tensor:  # fmt: skip
    """Perturbations of one band with root mean square at most ε that raise the loss.

    Gradient ascent from 0 on the margin between the best wrong logit and the right one. Each step
    is the gradient's part in the band, set to 2.5 ε / steps in size; then the perturbation is
    shrunk to ε where it is larger. images: (N, C, H, W); labels: int64 (N,). Returns perturbations
    shaped like the images. Images that are fooled keep the perturbation that fooled them.
    """
    perturbation = torch.zeros_like(images)
    left = torch.arange(len(images), device=images.device)
    for done in range(steps + 1):
        logits, gradient = attacks.answers_and_gradient(
            model, images[left] + perturbation[left], labels[left], attacks.margin
        )
        resists = logits.argmax(1) == labels[left]
        left, gradient = left[resists], gradient[resists]
        if done == steps or not len(left):
            return perturbation
        direction = in_band(gradient, band, radius)
        moved = perturbation[left] + 2.5 * epsilon / steps * direction / nonzero(size_of(direction))
        perturbation[left] = moved * (epsilon / nonzero(size_of(moved))).clamp(max=1)


def nonzero(sizes: Tensor) -> Tensor:
    return sizes.clamp(min=torch.finfo(sizes.dtype).tiny)


def smallest_perturbations(
    model: nn.Module, images: Tensor, labels: Tensor, band: str, radius: float, *, steps: int = 10
) -> tuple[Tensor, Tensor]:
    """The smallest perturbation found for each image in one band: sizes (N,) and perturbations.

    Sizes are tried from small to large for the images that still resist; then each perturbation is
    shrunk by halving for as long as it changes the answer. Size 0 for an image that is wrong
    anyway, infinite where no size up to 32/255 was enough. What is found is an upper bound.
    BatchNorm divides by the moments of the unperturbed images throughout, so that an image's size
    depends on no other perturbation. Raises ValueError for another band, for images outside [0, 1]
    and for labels as `attacks.examine`.
    """
    if band not in BANDS:
        raise ValueError(f"band {band!r} is not known; choose one of {', '.join(BANDS)}")
    with moments_held(model, images):
        attacks.examine(model, images, labels)
        fooled = answers(model, images) != labels
        found = torch.zeros_like(images)
        sizes = torch.where(fooled, 0.0, math.inf)
        for epsilon in SIZES:
            left = torch.nonzero(sizes.isinf()).flatten()
            for place in left.split(portion(images)):
                tried = ascend_in_band(
                    model, images[place], labels[place], epsilon, band, radius, steps=steps
                )
                won = answers(model, images[place] + tried) != labels[place]
                found[place[won]] = tried[won]
                sizes[place[won]] = epsilon
        place = torch.nonzero((sizes > 0) & sizes.isfinite()).flatten()
        found[place] = shrink(model, images[place], labels[place], found[place])
    sizes = torch.where(sizes.isfinite(), size_of(found).flatten(), sizes)
    return sizes, found


def shrink(model: nn.Module, images: Tensor, labels: Tensor, perturbation: Tensor) -> Tensor:
    """Perturbations that change the answers, made as small as halving the interval finds."""
    low = torch.zeros(len(images), 1, 1, 1, device=images.device)
    high = torch.ones_like(low)
    for _ in range(HALVINGS if len(images) else 0):
        middle = (low + high) / 2
        still = (answers(model, images + middle * perturbation) != labels)[:, None, None, None]
        low, high = torch.where(still, low, middle), torch.where(still, middle, high)
    return high * perturbation


@torch.no_grad()
def answers(model: nn.Module, images: Tensor) -> Tensor:
    """Predicted classes of a few images, in the precision of the surrounding context.

    `training.predict` would choose a precision of its own.
    """
    if not len(images):
        return torch.zeros(0, dtype=torch.long, device=images.device)
    return torch.cat([answer(model, some).argmax(1) for some in images.split(portion(images))])


@dataclass(frozen=True, kw_only=True)
class Corollary(OfNetwork, kind="corollary", version=3):
    """The smallest perturbations of a network's test images in the high part, low part and whole.

    Also its accuracy under PGD within a few ε, for the figure of accuracy against robustness.
    """

    radius: float = 12.0  # W, Figure 2
    epsilons: tuple[float, ...] = (0.004, 0.008, 0.016, 0.031)  # of PGD: about 1, 2, 4, 8 / 255
    attack_steps: int = 10

    def __post_init__(self):
        super().__post_init__()
        for epsilon in self.epsilons:
            attacks.check_epsilon(epsilon)

    work = property(lambda self: self.images * self.attack_steps * len(BANDS) * len(SIZES))

    def carry_out(self, job: Job) -> Result:
        """For each band and image the smallest size, for each ε the accuracy under PGD.

        "low_change" is by how much the low part changed, its largest value. Tensors: images,
        perturbations of the high part and answers of the first images whose answer they change.
        """
        measured, (model, images, labels) = Result(), self.on_device(job)
        about = {"split": "test", "scope": "all"}
        for band in BANDS:
            # In float32: what fools a network by a hair in bfloat16 need not fool it at all.
            sizes, found = smallest_perturbations(
                model, images, labels, band, self.radius, steps=self.attack_steps
            )
            changed = in_band(found, "low", self.radius).abs().amax((1, 2, 3))
            values = zip(sizes.tolist(), changed.tolist(), strict=True)
            for image, (size, low_change) in enumerate(values):
                row = {"part": band, "radius": self.radius, "image": image, "images": len(images)}
                measured.rows.append(about | row | {"size": size, "low_change": low_change})
            if band == "high":
                keep_examples(measured, model, images, labels, sizes, found)
        for epsilon in self.epsilons:
            generator = torch.Generator().manual_seed(self.seed)
            # The margin: cross-entropy has no gradient where a network is very sure (BatchNorm).
            options = {"steps": self.attack_steps, "generator": generator, "loss": attacks.margin}
            with job.compute.autocast():
                made = attacks.pgd(model, images, labels, epsilon, **options)
            accuracy = correct(model, made, labels).float().mean().item()
            row = {"part": "attacked", "epsilon": epsilon, "images": len(images)}
            measured.rows.append(about | row | {"accuracy": accuracy})
        return measured


def keep_examples(measured, model, images, labels, sizes, found, count=8) -> None:
    """Keep the first images that are right and are fooled by their high part alone."""
    place = torch.nonzero((sizes > 0) & sizes.isfinite()).flatten()[:count]
    chosen = {"images": images[place], "perturbations": found[place], "labels": labels[place]}
    with moments_held(model, images):
        chosen["answers"] = answers(model, images[place] + found[place])
    measured.tensors |= {name: value.cpu().contiguous() for name, value in chosen.items()}


def sizes_in(rows: pd.DataFrame, band: str) -> list[np.ndarray]:
    """Each seed's smallest perturbations of the correctly classified images, in 255ths, sorted."""
    right = rows[(rows.part == band) & (rows["size"] > 0)]
    return [255 * np.sort(seed["size"].to_numpy()) for _, seed in right.groupby("seed")]


def median_size(rows: pd.DataFrame, band: str) -> Estimate:
    """The ε, in 255ths, at which half of the correctly classified images are fooled in a band.

    Over seeds, from 0 on, because no size is below it; with one seed the interval between two order
    statistics (binomial). Infinite where fewer than half were fooled.
    """
    seeds = sizes_in(rows, band)
    if not seeds:
        return Estimate(np.nan, np.nan, np.nan, 0, "images")
    medians = [float(np.quantile(sizes, 0.5, method="lower")) for sizes in seeds]
    if len(seeds) > 1:
        if np.isfinite(medians).all():
            mean = over_seeds(medians)
            return replace(mean, low=max(mean.low, 0.0))
        return Estimate(np.inf, min(medians), np.inf, len(seeds), "seeds")
    n = len(seeds[0])
    reach = 1.96 * np.sqrt(n) / 2
    low, high = (int(np.clip(place, 0, n - 1)) for place in (n / 2 - reach, n / 2 + reach))
    return Estimate(medians[0], float(seeds[0][low]), float(seeds[0][high]), n, "images")
