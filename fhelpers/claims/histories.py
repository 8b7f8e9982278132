"""Reading accuracies out of a tidy history, and refusing one that cannot answer.

A history has one row per label, seed, epoch, split, part, radius and scope, as the run store gives
it. Runs are compared seed by seed, so the labels of a claim must have the same seeds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fhelpers.claims.verdicts import estimate
from fhelpers.intervals import (
    ROUNDING,
    Estimate,
    difference,
    independent_difference,
    proportion,
    shifted,
    within,
)  # fmt: skip

MORE = 0.0  # the margin where the paper says "more", "better" or "larger" without a size
OUTCOMES = ("right_original", "right_high", "right_low")  # columns, a row per image
COLUMNS = ("label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy")


def with_seen(runs) -> pd.DataFrame:
    """The history with a column `seen`: how many training images were seen until an epoch."""
    sizes = {
        label: getattr(group[0].recipe, "train_images", math.nan) for label, group in runs.items()
    }
    return runs.history.assign(seen=runs.history.epoch * runs.history.label.map(sizes))


def by_chance(original, high, low, answer) -> float:
    """The share right whole and on the high part but wrong on the low part, if by chance.

    That is, if within each class the answer to the high part were independent of the others. These
    two belong together, because a low part is nearly the image. All (images,): bool, and the class
    of each image.
    """
    missed, right = (np.bincount(answer, each) for each in (original & ~low, high))
    return float((missed * right / np.maximum(np.bincount(answer), 1)).sum() / len(answer))


@dataclass(frozen=True)
class Curve:
    """Accuracy by epoch of one run, epochs ascending, always on the same number of `images`."""

    epochs: np.ndarray
    accuracy: np.ndarray
    images: int


def curves(
    history: pd.DataFrame, *labels: str, split: str, part: str, radius=None, scope: str = "subset"
) -> dict[str, dict[int, Curve]]:
    """{label: {seed: Curve}}, the same seeds in the same order for every label.

    Raises ValueError when a column, a label or the rows asked for are missing, when an accuracy is
    NaN or outside [0, 1], when an epoch occurs twice, or when the labels have different seeds.
    """
    if missing := [column for column in COLUMNS if column not in history]:
        raise ValueError(f"The history has no column {', '.join(missing)}: pass runs.history.")
    chosen = (history.split == split) & (history.part == part) & (history.scope == scope)
    chosen &= True if radius is None else history.radius == radius
    rows = history[["label", "seed", "epoch", "accuracy", "images"]][chosen]
    where = f"{split} {part}" + ("" if radius is None else f" at r = {radius:g}")
    found, (names, *columns) = {}, (rows[column].to_numpy() for column in rows)
    for label in labels:
        own = names == label
        if not own.any() and label not in (present := set(history.label)):
            there = ", ".join(sorted(present)) or "none"
            raise ValueError(f"The history has no run labelled {label!r}; it has {there}.")
        found[label] = _by_seed([each[own] for each in columns], f"{label!r} ({where}, {scope})")
    seeds = {label: sorted(runs) for label, runs in found.items()}
    for label in labels[1:]:
        if seeds[label] != seeds[labels[0]]:
            raise ValueError(
                f"Runs are compared seed by seed, but {labels[0]!r} has seeds {seeds[labels[0]]} "
                f"and {label!r} has {seeds[label]}: run both with the same seeds."
            )
    return found


def _by_seed(columns: Sequence[np.ndarray], name: str) -> dict[int, Curve]:
    """columns: seed, epoch, accuracy and images of one label, all (rows,)."""
    if not len(columns[0]):
        raise ValueError(f"The history of {name} has no rows: run it with this evaluation.")
    order = np.lexsort((columns[1], columns[0]))
    seeds, epochs, accuracy, images = (column[order] for column in columns)
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError(f"An accuracy of {name} is NaN or outside [0, 1]: train that run again.")
    if ((np.diff(seeds) == 0) & (np.diff(epochs) == 0)).any():
        raise ValueError(
            f"The history of {name} has an epoch twice: pass one data set's runs only."
        )
    numbers, starts = np.unique(seeds, return_index=True)
    ends = zip(numbers.tolist(), starts, [*starts[1:], len(seeds)], strict=True)
    return {
        seed: Curve(epochs[start:end], accuracy[start:end], int(images[start:end].min()))
        for seed, start, end in ends
    }


def epochs_to(curve: Curve, level: float) -> float:
    """Epochs until `level` is first reached, between two epochs by interpolation; inf if never."""
    return crossing(curve.epochs, curve.accuracy, level)


def crossing(epochs: np.ndarray, accuracy: np.ndarray, level: float) -> float:
    reached = np.flatnonzero(accuracy >= level - ROUNDING)
    if reached.size == 0:
        return math.inf
    step = slice(max(reached[0] - 1, 0), reached[0] + 1)
    return float(np.interp(level, accuracy[step], epochs[step]))


def minus(first, second, images: int, others: int | None = None) -> Estimate:
    """Accuracies of the seeds minus others: over seeds, and with one seed over images.

    `first`, `second`: array (seeds,); with one seed their images are counted as independent.
    """
    others = images if others is None else others
    return estimate(
        first - second, lambda: difference(first[0] * images, images, second[0] * others, others)
    )


def lead(pairs: Sequence[Sequence[Estimate]]) -> Estimate:
    """The first of each seed's two estimates over images minus the second."""
    gaps = [first.value - second.value for first, second in pairs]
    return estimate(gaps, lambda: independent_difference(*pairs[0]))


def above_chance(scores: list[tuple[float, int]], chance: float) -> Estimate:
    """Accuracy minus `chance`, the share right by guessing, from each seed's (accuracy, images)."""
    if not 0 < chance < 1:
        raise ValueError(f"Chance must lie between 0 and 1, such as 1 / classes, not {chance!r}.")
    accuracy, images = scores[0]
    found = estimate([a for a, _ in scores], lambda: proportion(accuracy * images, images))
    return shifted(within(found, 0.0, 1.0), -chance)
