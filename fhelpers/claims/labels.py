"""Checks of networks trained on true labels, on shuffled labels, and on one band at a time.

Section 02 asks them of one data set (W5, W6, W7), section 07 of each of the paper's data sets.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE, Curve, above_chance, curves, minus
from fhelpers.claims.reliance import smallest_radii
from fhelpers.claims.verdicts import Part
from fhelpers.intervals import ROUNDING, Estimate, accuracy, each_over_seeds, estimates

NAMES = {"natural": "true labels", "shuffled": "shuffled labels"}
FAR = 0.10  # above chance, or above another: twice what counts as near, and below all of Table 1
NEAR = 0.05  # of chance: the high parts of Table 1 are 0.03 above it on average
FIRST = 50_000  # images seen in the paper's first epoch, 500 steps of 100


def at_equal_accuracy(history: pd.DataFrame, radius: float) -> pd.DataFrame:
    """Training accuracy on low parts as a function of the training accuracy on originals.

    A row per seed and whole per cent of training accuracy that both networks passed through;
    columns seed, level, natural, shuffled. Only epochs that beat all earlier ones count, so a level
    stands for the first time it was reached; between such epochs the values are interpolated.
    """
    originals = curves(history, "natural", "shuffled", split="train", part="original")
    lows = curves(history, "natural", "shuffled", split="train", part="low", radius=radius)
    frames = []
    for seed in originals["natural"]:
        paths = {label: _path(originals[label][seed], lows[label][seed]) for label in originals}
        first = max(whole[0] for whole, _ in paths.values())
        last = min(whole[-1] for whole, _ in paths.values())
        top = math.floor(100 * (last + ROUNDING))
        level = np.arange(math.ceil(100 * (first - ROUNDING)), top + 1) / 100
        values = {label: np.interp(level, *path) for label, path in paths.items()}
        frames.append(pd.DataFrame({"seed": seed, "level": level, **values}))
    return pd.concat(frames, ignore_index=True)


def _path(whole: Curve, low: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies on originals (strictly rising) and on low parts at the record epochs of a run."""
    if not np.array_equal(whole.epochs, low.epochs):
        raise ValueError("Originals and low parts must be evaluated at the same epochs.")
    record = np.diff(np.maximum.accumulate(whole.accuracy), prepend=-1.0) > 0
    return whole.accuracy[record], low.accuracy[record]


def low_parts_at_equal_accuracy(history: pd.DataFrame) -> tuple[list[Part], str]:
    """W5: training accuracy on low parts at equal training accuracy, true minus shuffled labels.

    With one seed a mean over epochs and radii counts as one yes-or-no outcome per image.
    """
    radii = smallest_radii(history, "natural", 2)
    name = "accuracy on low parts, true minus shuffled labels"
    frames = {radius: at_equal_accuracy(history, radius) for radius in radii}
    runs = curves(history, "natural", "shuffled", split="train", part="low", radius=radii[0])
    rows = pd.concat(frames)
    if set(rows.seed) != set(runs["natural"]):
        nothing = Estimate(math.nan, math.nan, math.nan, len(runs["natural"]), "seeds")
        return [Part(name, nothing, MORE)], "In some seed the two share no training accuracy."
    images = min(curve.images for seeds in runs.values() for curve in seeds.values())
    means = rows.groupby("seed")[["natural", "shuffled"]].mean()
    better = minus(means.natural.to_numpy(), means.shuffled.to_numpy(), images)
    gaps = [(f.natural - f.shuffled).groupby(f.seed).mean().mean() for f in frames.values()]
    by_radius = ", ".join(f"{g:+.3f} at r = {r:g}" for g, r in zip(gaps, radii, strict=True))
    note = f"{by_radius}; training accuracies {rows.level.min():.2f} to {rows.level.max():.2f}."
    return [Part(name, better, MORE)], note


def smallest_low_parts(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """W6: accuracy above chance on small low parts, early for true labels, late for shuffled ones.

    `chance`: share right by guessing, 1 / classes. Without a column `seen` an epoch is `FIRST`. A
    run that ends before it has seen `FIRST` images counts as it was at its end.
    """
    (radius,) = smallest_radii(history, "natural", 1)
    runs = curves(history, "natural", "shuffled", split="train", part="low", radius=radius)
    epoch, note = first_epoch(history), f"Chance is {chance:g}."
    if (end := min(curve.epochs[-1] for curve in runs["natural"].values())) < epoch:
        note += f" With true labels training ends after {end / epoch:.0%} of {FIRST:,} images."
    natural, shuffled = (runs[label].values() for label in NAMES)
    if any(_apart(curve.epochs, min(epoch, end)) > max(1, epoch / 4) for curve in natural):
        raise ValueError(f"The history of 'natural' has no epoch {epoch:g}, nor any close to it.")
    first = [(float(np.interp(epoch, c.epochs, c.accuracy)), c.images) for c in natural]
    late = [(c.accuracy[c.epochs > 0.75 * c.epochs[-1]].mean(), c.images) for c in shuffled]
    name = f"above chance at r = {radius:g}"
    soon, ever = above_chance(first, chance), above_chance(late, chance)
    return [
        Part(f"true labels {name} after {FIRST:,} images", soon, FAR),
        Part(f"shuffled labels {name}", ever, NEAR, ceiling=True),
    ], note


def _apart(epochs: np.ndarray, epoch: float) -> float:
    """How far the monitored epochs on both sides of an epoch are apart; 0 where it is one."""
    return np.min(epochs[epochs >= epoch]) - np.max(epochs[epochs <= epoch], initial=0)


def first_epoch(history: pd.DataFrame) -> float:
    """The epoch at which natural has seen `FIRST` images, between two epochs as a fraction."""
    if "seen" not in history:
        return 1.0
    rows = history[(history.label == "natural") & (history.epoch > 0)]
    return FIRST / float((rows.seen / rows.epoch).min())


def trained_on_one_band(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """W7: accuracy on whole test images after training on low or on high parts only.

    `chance`: share right by guessing, 1 / classes. Labels: low-<radius> and high-<radius>.
    """
    radii, low, high, images = _band_scores(history)
    closest = (low - high).argmin(0), np.arange(low.shape[1])  # the radius of each seed
    lead, grown = minus(low[closest], high[closest], images), minus(low[-1], low[0], images)
    beyond = above_chance([(score, images) for score in high.mean(0)], chance)
    parts = [
        Part("trained on low minus trained on high", lead, FAR),
        Part(f"low, r = {radii[-1]:g} minus r = {radii[0]:g}", grown, MORE),
        Part("high above chance", beyond, NEAR, ceiling=True),
    ]
    scores = zip(radii, low.mean(1), high.mean(1), strict=True)
    listed = ", ".join(f"{a:.3f} and {b:.3f} at r = {radius:g}" for radius, a, b in scores)
    chosen = "The radius with the smallest lead is chosen for each seed."
    return parts, f"Trained on low and high parts: {listed}. {chosen}"


def _band_scores(history: pd.DataFrame) -> tuple[list[float], np.ndarray, np.ndarray, int]:
    """Radii, accuracies on all original test images (radii, seeds) of low and high, images."""
    bands = [str(label).partition("-") for label in set(history.label)]
    radii = sorted({float(r) for band, _, r in bands if r and band in ("low", "high")})
    if len(radii) < 2:
        raise ValueError("Runs labelled low-<r> and high-<r> are needed for at least two radii.")
    labels = [f"{band}-{radius:g}" for band in ("low", "high") for radius in radii]
    runs = curves(history, *labels, split="test", part="original", scope="all")
    last = [[curve.accuracy[-1] for curve in runs[label].values()] for label in labels]
    images = min(curve.images for seeds in runs.values() for curve in seeds.values())
    low, high = np.split(np.array(last), 2)
    return radii, low, high, images


def monitored(history: pd.DataFrame, label: str) -> pd.DataFrame:
    """Training accuracy of a label's runs after each epoch, over seeds."""
    rows = history[(history.label == label) & (history.split == "train")]
    rows = rows[(rows.scope == "subset") & rows.part.isin(["original", "low"])]
    return each_over_seeds(rows, ["part", "radius", "epoch"], "accuracy")


def band_trained(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Table 1 from our runs: columns trained_on, radius, split, value, low, high, over.

    split "train": accuracy on the training images as they were trained on, one part of each;
    "test": on whole test images; "same": on that part of the test images. With one seed the
    interval is over images.
    """
    final = history[history.scope == "all"]
    seen = {"train": ("train", "input"), "test": ("test", "original"), "same": ("test", "input")}

    def measured(band: str, radius: float, split: str) -> Estimate:
        images, part = seen[split]
        own = final[(final.label == f"{band}-{radius:g}") & (final.split == images)]
        scores = own[own.part == part]
        return accuracy(scores.accuracy, int(scores.images.iloc[0]))

    return estimates(measured, trained_on=("low", "high"), radius=radii, split=list(seen))
