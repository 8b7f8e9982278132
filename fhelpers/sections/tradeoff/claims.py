"""The claim about accuracy and robustness (W §3.2, Corollary 1)."""

import pandas as pd

from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, proportion

EPSILON = 8 / 255  # W's ε of adversarial training, here of the root mean square
UNCHANGED = 1e-6  # of pixels in [0, 1]: the rounding of float32
SHARE = 0.01


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
    text="For images that a network gets right there is another image with the same low part, "
    "within ε, on which it answers otherwise.",
    source="W, §3.2, Corollary 1",
    measure="share of rightly answered test images with a perturbation of the high part alone, of "
    "root mean square at most 8/255, that changes the answer of M_natural; largest change of a low "
    "part by these perturbations",
    rule=f"reproduced if the share's interval lies above {SHARE:g} and no low part changes by more "
    f"than {UNCHANGED:g}",
    paper=None,
    figure="tradeoff-fooled",
    inputs=perturbations_of_natural,
)
def same_low_part_other_answer(perturbations: pd.DataFrame) -> tuple[list[Part], str]:
    """`perturbations`: rows of the part "high", one per seed and image: size and low_change.

    size: of the smallest perturbation found, root mean square in pixel units; 0 for images that
    are wrong anyway, infinite where none was found. What is found bounds the share from below.
    """
    rows = perturbations[(perturbations.part == "high") & (perturbations["size"] > 0)]
    if rows.empty:
        raise ValueError("No rightly answered image was attacked in the high part.")
    seeds = [seed for _, seed in rows.groupby("seed")]
    shares = [(seed["size"] <= EPSILON).mean() for seed in seeds]
    share = estimate(shares, lambda: proportion((seeds[0]["size"] <= EPSILON).sum(), len(seeds[0])))
    worst = float(rows.low_change.max())
    exact = Estimate(worst, worst, worst, len(rows), "images")
    found = rows["size"].median()
    parts = [
        Part("share of images", share, SHARE),
        Part("largest change of a low part", exact, UNCHANGED, ceiling=True),
    ]
    return parts, f"Half of the images need {255 * found:.1f}/255 or less."
