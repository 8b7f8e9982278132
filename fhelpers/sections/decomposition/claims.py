"""Claims about the decomposition of images into low and high parts (W §3.1, Figure 2)."""

import numpy as np
import pandas as pd

from fhelpers.claims.histories import OUTCOMES
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, bootstrap

TOLERANCE = 1e-6  # of pixels in [0, 1]: about ten times the rounding of float32


def correct_on_parts(runs, radius: float = 12) -> tuple:
    """A row per seed and test image: whether M_natural is right on it, on its high and low part."""
    frames = [
        pd.DataFrame(
            {
                "seed": run.recipe.seed,
                "right_original": run.correct("original"),
                "right_high": run.correct("high", radius),
                "right_low": run.correct("low", radius),
            }
        )
        for run in runs["natural"]
    ]
    return (pd.concat(frames, ignore_index=True),)


def split_errors(runs) -> tuple:
    """By how much sum and imaginary part of each test image are off."""
    tensors = runs["split"][0].tensors()
    return tensors["sum_error"], tensors["imaginary"]


@claim(
    "W1",
    text="There are test images that a network gets right whole and from their high part alone but "
    "wrong from their low part, and more of them than if the three outcomes were independent.",
    source="W, Figure 2",
    measure="share of test images right on x and x_h and wrong on x_l, minus the product of the "
    "three separate shares",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="decomposition-counts",
    inputs=correct_on_parts,
)
def excess_of_high_part_images(outcomes: pd.DataFrame) -> tuple[list[Part], str]:
    """`outcomes`: a row per seed and test image; columns seed and the bool ones of `OUTCOMES`.

    The effect is a difference and not a ratio: it stays defined when no such image is found or
    expected, and its unit is images. It can be negative: an image that is easy whole is often easy
    in its low part too, and this dependence makes such images rarer.
    """
    if missing := [name for name in ("seed", *OUTCOMES) if name not in outcomes]:
        raise ValueError(f"The outcomes have no column {', '.join(missing)}.")
    if outcomes.empty or any(outcomes[name].dtype != bool for name in OUTCOMES):
        raise ValueError("Outcomes must be True or False (not NaN) for at least one image.")
    seeds = [[rows[name].to_numpy() for name in OUTCOMES] for _, rows in outcomes.groupby("seed")]
    excess = estimate([_excess(*seed) for seed in seeds], lambda: bootstrap(_excess, *seeds[0]))
    images = len(seeds[0][0])
    found, expected = (np.mean([f(*seed) for seed in seeds]) * images for f in (_found, _expected))
    note = f"{found:,.0f} such images of {images:,}, {expected:,.0f} if independent."
    return [Part("excess share of images", excess, 0.0)], note


def _found(original, high, low) -> float:
    return (original & high & ~low).mean()


def _expected(original, high, low) -> float:
    return original.mean() * high.mean() * (1 - low.mean())


def _excess(*right) -> float:
    return _found(*right) - _expected(*right)


@claim(
    "W2",
    text="Low part and high part add up to the image, and both are real once the rounding left in "
    "the imaginary part is discarded.",
    source="W, §3.1",
    measure="the larger of max |x_l + x_h - x| and max |Im F⁻¹(M F(x))|, pixels being in [0, 1]",
    rule=f"reproduced if below {TOLERANCE:g}; computed and not sampled, so the interval is a point",
    paper=None,
    figure="decomposition-split",
    inputs=split_errors,
)
def decomposition_error(sum_error, imaginary) -> tuple[list[Part], str]:
    """`sum_error`, `imaginary`: (images,) largest absolute error, imaginary part of each image."""
    errors = [np.asarray(values, dtype=float).ravel() for values in (sum_error, imaginary)]
    if any(values.size == 0 or not (values >= 0).all() for values in errors):
        raise ValueError("Errors of the split must be numbers >= 0, for at least one image.")
    worst = float(max(values.max() for values in errors))
    exact = Estimate(worst, worst, worst, errors[0].size, "images")
    note = f"Sum {errors[0].max():.1e}, imaginary part {errors[1].max():.1e}."
    return [Part("largest error", exact, TOLERANCE, ceiling=True)], note
