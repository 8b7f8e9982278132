"""Claims about accuracy and robustness (W §3.2, Corollary 1; BatchNorm, §5.1)."""

import math

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE, minus
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.drawing.names import NAMES
from fhelpers.intervals import Estimate, paired_difference, proportion, within

EPSILON = 1 / 255  # root mean square: one grey level, which networks that are robust withstand
NETWORKS = ("natural", "batchnorm")
NORMS = tuple(f"corollary-{name}" for name in NETWORKS)
UNCHANGED = 1e-6  # of pixels in [0, 1]: the rounding of float32
SHARE = 0.1  # of the images: a few lie at the border of two classes of any network


def perturbations(history: pd.DataFrame) -> pd.DataFrame:
    """The smallest perturbations of all networks, with the column `network`."""
    rows = history[
        history.label.str.startswith("corollary-") & history.part.isin(["high", "low", "all"])
    ]
    return rows.assign(network=rows.label.str.removeprefix("corollary-"))


def perturbations_of_natural(runs) -> tuple:
    """The smallest perturbations of M_natural."""
    rows = perturbations(runs.history)
    return (rows[rows.network == "natural"],)


@claim(
    "W3",
    short="a small change of the high part alone flips predictions",
    text="For an image that a network classifies correctly there is another one with the same low "
    "part, within ε, that it classifies otherwise.",
    source="W, §3.2, Corollary 1",
    measure="share of correctly classified test images with a perturbation of the high part alone, "
    "of root mean square at most 1/255, that flips the prediction of M_natural; one that changes "
    f"the low part by more than {UNCHANGED:g} does not count",
    rule=f"reproduced if the interval lies above {MORE:g}, since the corollary is about one such "
    f"image; ours beside it: above {SHARE:g}",
    paper="proved as Corollary 1, without an example",
    figure="tradeoff-fooled",
    inputs=perturbations_of_natural,
    networks=("natural",),
)
def same_low_part_other_answer(perturbations: pd.DataFrame) -> tuple[list[Part], str]:
    """`perturbations`: rows of the part "high", one per seed and image: size and low_change.

    size: of the smallest perturbation found, root mean square in pixel units; 0 for images that
    are wrong anyway, infinite where none was found. What is found bounds the share from below.
    """
    rows = perturbations[(perturbations.part == "high") & (perturbations["size"] > 0)]
    if rows.empty:
        raise ValueError("No correctly classified image was attacked in the high part.")
    fooled = (rows["size"] <= EPSILON) & (rows.low_change <= UNCHANGED)
    seeds = [seed.to_numpy() for _, seed in fooled.groupby(rows.seed)]
    shares = [seed.mean() for seed in seeds]
    share = estimate(shares, lambda: proportion(seeds[0].sum(), len(seeds[0])))
    share = within(share, 0.0, 1.0)
    middle = rows.groupby("seed")["size"].quantile(0.5, interpolation="lower")
    half = 255 * middle.mean()
    note = f"Half of the images need {half:.1f}/255 or less"
    if math.isinf(half):
        note = "In some network less than half of the images were flipped"
    changed = f"the low part changes by {rows.low_change.max():.0e} at most"
    parts = [
        Part("share of images", share, MORE),
        Part("the same, against a tenth", share, SHARE, ours=True),
    ]
    return parts, f"{note}; {changed}."


def of_batchnorm(runs) -> tuple:
    """The smallest perturbations of M_natural and BatchNorm, and their rows under PGD."""
    rows, history = perturbations(runs.history), runs.history
    attacked = history[history.label.isin(NORMS) & history.part.eq("attacked")]
    return rows[rows.network.isin(NETWORKS)], attacked[attacked.epsilon.notna()]


@claim(
    "W27",
    short="a network with BatchNorm is more vulnerable to attacks",
    text="A network with BatchNorm is more vulnerable to adversarial perturbations than one "
    "without, when both are as accurate on clean images.",
    source="W, §5.1",
    measure="on test images that M_natural and BatchNorm both get right: share that stays right "
    "under any perturbation found of root mean square at most 1/255, M_natural minus BatchNorm; "
    "ours beside it: accuracy under PGD on all images measured, mean over the ε of the plan",
    rule=f"reproduced if the interval lies above {MORE:g}",
    paper="stated in the text, §5.1, without a number",
    figure="tradeoff-sizes",
    inputs=of_batchnorm,
    networks=NETWORKS,
)
def batchnorm_is_vulnerable(
    perturbations: pd.DataFrame, attacked: pd.DataFrame
) -> tuple[list[Part], str]:
    """`perturbations`: rows of the part "all" by network, seed and image, with size.

    `attacked`: rows by label (corollary-<network>), seed and epsilon, with images and accuracy.
    """
    rows = perturbations[perturbations.part == "all"]
    sizes = rows.pivot(index=["seed", "image"], columns="network", values="size")
    both = sizes[(sizes[list(NETWORKS)] > 0).all(axis=1)]
    name = "still right, M_natural minus BatchNorm"
    if both.empty:
        nothing = Estimate(math.nan, math.nan, math.nan, 0, "images")
        return [Part(name, nothing, MORE)], "No image is classified correctly by both networks."
    stays = (both > EPSILON).groupby("seed")
    pairs = [[seed[name].to_numpy() for name in NETWORKS] for _, seed in stays]
    effects = [first.mean() - second.mean() for first, second in pairs]
    left = {each: np.mean([pair[k].mean() for pair in pairs]) for k, each in enumerate(NETWORKS)}
    every = ", all seeds together" * (len(pairs) > 1)
    note = f"Both are right on {len(both):,} images{every}; of these stay right: "
    less, pgd = estimate(effects, lambda: paired_difference(*pairs[0])), under_attack(attacked)
    return [
        Part(name, less, MORE),
        Part("accuracy under PGD, M_natural minus BatchNorm", pgd, MORE, ours=True),
    ], (
        f"{note}{', '.join(f'{NAMES[each]} {share:.2f}' for each, share in left.items())}. "
        f"{kept_in_words(attacked)}"
    )


def under_attack(attacked: pd.DataFrame) -> Estimate:
    """Accuracy under PGD, M_natural minus BatchNorm, mean over the ε."""
    means = attacked.groupby(["label", "seed"]).accuracy.mean()
    return minus(*(means[label].to_numpy() for label in NORMS), int(attacked.images.min()))


def kept_in_words(attacked: pd.DataFrame) -> str:
    """What both keep under PGD at the smallest and at the largest ε, in a sentence."""
    kept = 100 * attacked.groupby(["epsilon", "label"]).accuracy.mean().unstack()
    said = (
        f"{row[NORMS[0]]:.1f} and {row[NORMS[1]]:.1f} % at ε = {epsilon:.3f}"
        for epsilon, row in kept.iloc[[0, -1]].iterrows()
    )
    return f"M_natural and BatchNorm keep under PGD {' and '.join(said)}."
