"""The runs of section 12."""

import dataclasses
import math
from collections.abc import Sequence

from fhelpers import data
from fhelpers.runs import plans
from fhelpers.runs.checks import refuse
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.scales import SCALES, Plan

# Numbers of training images that a scale compares with its own.
AMOUNTS = {
    "smoke": (100,),
    "quick": (1_000, 5_000),
    "standard": (1_000, 2_500, 10_000, 25_000, 50_000),
    "paper": (1_000, 2_500, 5_000, 10_000, 25_000),
}
FIVE = ("vanilla", "dropout", "mixup-0.5", "batchnorm", "adversarial")  # W, Fig. 5


def plan(scale, dataset, seeds, *, radii=plans.RADII, amounts=(0,), epochs=0) -> Plan:
    """Networks of sections 02 and 04 on several numbers of training images, at equal steps.

    All learn at the scale's rate, so that the number of images is all that differs. Labels:
    5000/natural, 5000/low-4, … At the scale's own number they are those sections' runs, but for
    M_shuffle where the scale has a `pair`. `trained_on` says which networks there are at which
    number.
    """
    own = SCALES[scale]
    alike = {"radii": radii, "epochs": epochs or own.epochs, "learning_rate": own.learning_rate}
    networks = plans.true_and_shuffled(scale, dataset, seeds, **alike)
    others = plans.heuristics(scale, dataset, seeds, radii=radii, epochs=epochs)
    networks |= {label: others[label] for label in FIVE}
    if len(set(radii)) < 2:
        refuse("radii", list(radii), "a list of two radii or more, which W7 and W13 compare")
    first = networks["natural"][0]
    sizes = checked(amounts, first) if set(amounts) != {0} else proposed(scale, first)
    common = {"own": first.train_images, "radii": radii, "few": scale in ("smoke", "quick")}
    return {
        f"{images}/{label}": tuple(resized(recipe, images) for recipe in networks[label])
        for images in sizes
        for label in trained_on(images, sizes, **common)
    }


def proposed(scale: str, recipe: Recipe) -> list[int]:
    """The scale's numbers of images, its own among them, as far as the data set holds them."""
    there = data.describe(recipe.dataset, **recipe.options).train
    return sorted({recipe.train_images, *(n for n in AMOUNTS[scale] if n <= there)})


def checked(amounts: Sequence[int], recipe: Recipe) -> list[int]:
    """The numbers asked for, with the scale's own among them."""
    there = data.describe(recipe.dataset, **recipe.options).train
    if not all(recipe.batch_size <= images <= there for images in amounts):
        allowed = f"[0], or a list of numbers from {recipe.batch_size}, a batch, to {there:,}"
        refuse("amounts", list(amounts), allowed)
    return sorted({recipe.train_images, *amounts})


def trained_on(
    images: int, amounts: Sequence[int], own: int, radii: Sequence[float], *, few: bool
) -> list[str]:
    """The labels of the networks trained on so many images.

    M_natural always; M_shuffle up to the scale's own number, since with more images its steps end
    before it has memorised them; the five of Fig. 5 and those of Table 1 at the scale's own number
    and at the one furthest from it; two of them at the smallest too. few: for a scale
    that cannot pay for the costly ones elsewhere than at its own number.
    """
    furthest = max(amounts, key=lambda each: abs(math.log(each / own)))
    labels = ["natural"] + ["shuffled"] * (images <= own)
    if images == own or (images == furthest and not few):
        labels += FIVE
    elif images == (furthest if few else min(amounts)):
        labels += ["vanilla", "batchnorm"]
    if images in (own, furthest):
        chosen = sorted({min(radii), max(radii)} if few else set(radii))
        labels += [f"{band}-{radius:g}" for band in ("low", "high") for radius in chosen]
    return labels


def resized(recipe: Recipe, images: int) -> Recipe:
    """The recipe on so many images: about as many steps, and about as often evaluated."""
    steps, others = (math.ceil(n / recipe.batch_size) for n in (recipe.train_images, images))
    counts = {
        name: max(1, round(getattr(recipe, name) * (steps / others)))
        for name in ("epochs", "monitor_every")
    }
    return dataclasses.replace(recipe, train_images=images, **counts)
