"""The claim about singular values in place of frequencies (W §8)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE, OUTCOMES, by_chance
from fhelpers.claims.learning import chance_of
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, accuracy, paired_difference

FOURIER, EQUAL_ENERGY = "Fourier", "SVD, equal energy"
NEAR = 0.05  # of chance: who is no better on the rest gives almost every rest the same class


def outcomes(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of all networks, with the column `network`."""
    rows = history[history.label.str.startswith("cases-")]
    return rows.assign(network=rows.label.str.removeprefix("cases-"))


def outcomes_of_natural(runs) -> tuple:
    """What M_natural gets right by each split, and what guessing would."""
    rows = outcomes(runs.history)
    return rows[rows.network == "natural"], chance_of(runs["natural"][0])


def cases(rows: pd.DataFrame) -> np.ndarray:
    """Which images are right whole and from the rest, and wrong from the first part: bool."""
    whole, rest, first = (rows[name].to_numpy(dtype=bool) for name in OUTCOMES)
    return whole & rest & ~first


@claim(
    "W23",
    short="a split by singular values gives fewer Figure 2 cases than the Fourier split",
    text="A split by singular values that keeps as much energy gives fewer images that are right "
    "whole and from the rest but wrong from the leading part than the Fourier split does.",
    source="W, §8",
    measure="share of such test images of M_natural by the Fourier split minus that by singular "
    "values of equal energy",
    rule="reproduced if the interval lies above 0",
    paper="far fewer, without a number",
    figure="noise-counts",
    inputs=outcomes_of_natural,
    networks=("natural",),
)
def fewer_cases(outcomes: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`outcomes`: rows of one network by seed, part (the split) and image, with `OUTCOMES`.

    chance: what guessing gets right.
    """
    if missing := [n for n in ("seed", "part", "image", *OUTCOMES) if n not in outcomes]:
        raise ValueError(f"The outcomes have no column {', '.join(missing)}.")
    pairs = []
    for _, seed in outcomes.sort_values("image").groupby("seed"):
        found = [seed[seed.part == split] for split in (FOURIER, EQUAL_ENERGY)]
        if found[0].empty or list(found[0].image) != list(found[1].image):
            raise ValueError("Both splits must be of the same images, at least one of them.")
        pairs.append([cases(rows) for rows in found])
    effects = [fourier.mean() - svd.mean() for fourier, svd in pairs]
    effect = estimate(effects, lambda: paired_difference(*pairs[0]))
    images = len(pairs[0][0])
    counts = [np.mean([pair[k].mean() for pair in pairs]) * images for k in (0, 1)]
    note = f"{counts[0]:,.0f} of {images:,} images by the Fourier split, {counts[1]:,.0f} by SVD."
    return [
        Part("share of images, difference", effect, MORE)
    ], f"{note} {on_rests(outcomes, chance)}"


def on_rests(outcomes: pd.DataFrame, chance: float) -> str:
    """How often one network is right on second parts, and what a count then says, in words."""
    right = [outcomes.right_high[outcomes.part == each].mean() for each in (FOURIER, EQUAL_ENERGY)]
    said = (
        f"On what the first part leaves, M_natural is right for {100 * right[0]:.0f} and "
        f"{100 * right[1]:.0f} % of the images, where guessing is right for {100 * chance:.0f} %"
    )
    if max(right) > chance + NEAR:
        return f"{said}."
    return f"{said}: the counts say how often a first part is misread, not what the other carries."


def share(rows: pd.DataFrame) -> Estimate:
    """Share of the cases among the images of one network and split: over seeds, or over images."""
    seeds = [cases(seed) for _, seed in rows.groupby("seed")]
    return accuracy([seed.mean() for seed in seeds], len(seeds[0]))


def with_answers(rows: pd.DataFrame, trained: Iterable) -> pd.DataFrame:
    """The rows of one network with the class of each image; trained: its run for each seed."""
    labels = {run.recipe.seed: run.recipe.load(train=False).labels.numpy() for run in trained}
    places = zip(rows.seed, rows.image.astype(int), strict=True)
    return rows.assign(answer=[labels[seed][image] for seed, image in places])


def expected(rows: pd.DataFrame) -> float:
    """The share of cases if the rest were right by chance (`by_chance`), mean over seeds."""
    seeds = [
        [*(seed[name].to_numpy(dtype=bool) for name in OUTCOMES), seed.answer.to_numpy()]
        for _, seed in rows.groupby("seed")
    ]
    return float(np.mean([by_chance(*seed) for seed in seeds]))
