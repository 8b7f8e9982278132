"""Claims about true against shuffled labels and about training on one band (W §4.2, Table 1)."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims.histories import Curve, above_chance, curves, smallest_radii
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, difference, wilson

# Table 1 of W: accuracy on the band it was trained on ("train") and on the original test set.
TABLE1 = pd.DataFrame(
    [
        ("low", 4, 0.9668, 0.6167),
        ("low", 8, 0.9786, 0.7154),
        ("low", 12, 0.9786, 0.7516),
        ("low", 16, 0.9839, 0.7714),
        ("high", 4, 0.9885, 0.2002),
        ("high", 8, 0.9768, 0.0920),
        ("high", 12, 0.9797, 0.0997),
        ("high", 16, 0.9384, 0.1281),
    ],
    columns=["trained_on", "radius", "train", "test"],
)
LEVELS = tuple(level / 100 for level in range(95, 45, -5))  # training accuracies, highest first
FAR, NEAR = 0.10, 0.05  # above chance: "far" is more than the first, "near" less than the second


@claim(
    "W4",
    text="To reach the same training accuracy a network needs more epochs on shuffled labels than "
    "on true ones.",
    section="02_shuffled_labels",
    source="W, §4.2",
    measure="epochs until a training accuracy is first reached, shuffled minus natural, at the "
    f"highest of the levels {LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs reach",
    rule="reproduced if the interval lies above 0; if no level is reached by all runs, the highest "
    "is taken that all runs of one kind reach, a run that never does counts as its last epoch, and "
    "the interval is open on that side",
    paper="300 epochs against 100 for a comparable training accuracy",
)
def extra_epochs(history: pd.DataFrame) -> tuple[list[Part], str]:
    """A run that stops before the level bounds the effect on one side only: its end is infinite."""
    runs = curves(history, "natural", "shuffled", split="train", part="original")
    name, level = "epochs more with shuffled labels", common_level(runs)
    if level is None:
        nothing = Estimate(math.nan, math.nan, math.nan, len(runs["natural"]), "seeds")
        return [Part(name, nothing, 0.0)], f"No label reaches a training accuracy of {LEVELS[-1]}."
    pairs = list(zip(runs["natural"].values(), runs["shuffled"].values(), strict=True))
    more = estimate(
        [_counted(shuffled, level) - _counted(natural, level) for natural, shuffled in pairs],
        lambda: _epochs_over_images(*pairs[0], level),
    )
    epochs = {label: [epochs_to(c, level) for c in seeds.values()] for label, seeds in runs.items()}
    if math.inf in epochs["shuffled"]:
        more = replace(more, high=math.inf)
    if math.inf in epochs["natural"]:
        more = replace(more, low=-math.inf)
    reached = ", ".join(f"{label} {_span(values)}" for label, values in epochs.items())
    return [Part(name, more, 0.0)], f"Epochs to a training accuracy of {level:g}: {reached}."


def common_level(runs: dict[str, dict[int, Curve]]) -> float | None:
    """The highest of `LEVELS` that every run reaches, else every run of one label, else None."""
    reached = [min(curve.accuracy.max() for curve in seeds.values()) for seeds in runs.values()]
    for accuracy in (min(reached), max(reached)):
        if levels := [level for level in LEVELS if level <= accuracy]:
            return levels[0]
    return None


def epochs_to(curve: Curve, level: float) -> float:
    """Epochs until `level` is first reached, between two epochs by interpolation; inf if never."""
    return _crossing(curve.epochs, curve.accuracy, level)


def _crossing(epochs, accuracy, level) -> float:
    reached = np.flatnonzero(accuracy >= level)
    if reached.size == 0:
        return math.inf
    step = slice(max(reached[0] - 1, 0), reached[0] + 1)
    return float(np.interp(level, accuracy[step], epochs[step]))


def _counted(curve: Curve, level: float) -> float:
    return min(epochs_to(curve, level), float(curve.epochs[-1]))


def _epochs_over_images(natural: Curve, shuffled: Curve, level: float) -> Estimate:
    """One seed: a run's crossing lies between those of Wilson's upper and lower limits.

    The two runs' distances to these bounds are combined like standard errors.
    """
    ends = []
    for curve in (natural, shuffled):
        low, high = wilson(curve.accuracy * curve.images, curve.images)
        counted = _counted(curve, level)
        early = min(_crossing(curve.epochs, high, level), counted)
        ends.append((counted, counted - early, _crossing(curve.epochs, low, level) - counted))
    (natural_at, natural_down, natural_up), (shuffled_at, down, up) = ends
    value = shuffled_at - natural_at
    low, high = value - math.hypot(down, natural_up), value + math.hypot(up, natural_down)
    return Estimate(value, low, high, min(natural.images, shuffled.images), "images")


def _span(epochs: list[float]) -> str:
    finite = [epoch for epoch in epochs if math.isfinite(epoch)]
    never = f"never in {len(epochs) - len(finite)} of {len(epochs)} runs"
    mean = f"{np.mean(finite):.1f}" if finite else ""
    return mean if len(finite) == len(epochs) else f"{mean} {never}".strip()


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
        level = np.arange(math.ceil(first * 100), math.floor(last * 100) + 1) / 100
        values = {label: np.interp(level, *path) for label, path in paths.items()}
        frames.append(pd.DataFrame({"seed": seed, "level": level, **values}))
    return pd.concat(frames, ignore_index=True)


def _path(whole: Curve, low: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies on originals (strictly rising) and on low parts at the record epochs of a run."""
    if not np.array_equal(whole.epochs, low.epochs):
        raise ValueError("Originals and low parts must be evaluated at the same epochs.")
    record = np.diff(np.maximum.accumulate(whole.accuracy), prepend=-1.0) > 0
    return whole.accuracy[record], low.accuracy[record]


@claim(
    "W5",
    text="At equal training accuracy a network trained on true labels is better on the low parts "
    "of its training images than one trained on shuffled labels, at small radii.",
    section="02_shuffled_labels",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts, natural minus shuffled, mean over the two smallest "
    "radii and over every training accuracy that both networks passed through",
    rule="reproduced if the interval lies above 0",
    paper=None,
)
def low_parts_at_equal_accuracy(history: pd.DataFrame) -> tuple[list[Part], str]:
    """With one seed a mean over epochs and radii counts as one yes-or-no outcome per image."""
    radii, name = smallest_radii(history, 2), "accuracy on low parts, natural minus shuffled"
    frames = {radius: at_equal_accuracy(history, radius) for radius in radii}
    runs = curves(history, "natural", "shuffled", split="train", part="low", radius=radii[0])
    rows = pd.concat(frames)
    if set(rows.seed) != set(runs["natural"]):
        nothing = Estimate(math.nan, math.nan, math.nan, len(runs["natural"]), "seeds")
        return [Part(name, nothing, 0.0)], "In some seed the two share no training accuracy."
    images = min(curve.images for seeds in runs.values() for curve in seeds.values())
    means = rows.groupby("seed")[["natural", "shuffled"]].mean()
    natural, shuffled = means.natural.to_numpy(), means.shuffled.to_numpy()
    better = estimate(
        natural - shuffled,
        lambda: difference(natural[0] * images, images, shuffled[0] * images, images),
    )
    gaps = [(f.natural - f.shuffled).groupby(f.seed).mean().mean() for f in frames.values()]
    by_radius = ", ".join(f"{g:+.3f} at r = {r:g}" for g, r in zip(gaps, radii, strict=True))
    note = f"{by_radius}; training accuracies {rows.level.min():.2f} to {rows.level.max():.2f}."
    return [Part(name, better, 0.0)], note


@claim(
    "W6",
    text="On the low parts of the smallest radius a network trained on shuffled labels stays near "
    "chance, and one trained on true labels is far above chance after its first epoch.",
    section="02_shuffled_labels",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts at the smallest radius, minus chance: of natural after "
    "epoch 1; of shuffled, mean of the last quarter of its epochs, where it has memorised most",
    rule=f"reproduced if natural is more than {FAR:g} above chance and shuffled less than {NEAR:g}",
    paper=None,
)
def smallest_low_parts(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes."""
    (radius,) = smallest_radii(history, 1)
    runs = curves(history, "natural", "shuffled", split="train", part="low", radius=radius)
    if not all(1 in curve.epochs for curve in runs["natural"].values()):
        raise ValueError("The history of 'natural' has no epoch 1: train it for at least one.")
    first = [(c.accuracy[c.epochs == 1][0], c.images) for c in runs["natural"].values()]
    late = [
        (c.accuracy[c.epochs > 0.75 * c.epochs[-1]].mean(), c.images)
        for c in runs["shuffled"].values()
    ]
    natural = f"natural above chance at r = {radius:g} after epoch 1"
    shuffled = f"shuffled above chance at r = {radius:g}"
    return [
        Part(natural, above_chance(first, chance), FAR),
        Part(shuffled, above_chance(late, chance), NEAR, ceiling=True),
    ], f"Chance is {chance:g}."


@claim(
    "W7",
    text="Trained on low parts a network generalises to whole images, the better the larger the "
    "radius; trained on high parts it hardly does.",
    section="02_shuffled_labels",
    source="W, §4.2, Table 1",
    measure="test accuracy on originals: trained on low minus trained on high parts, at the radius "
    "where this is smallest; trained on low parts, largest minus smallest radius; trained on high "
    "parts, mean over radii minus chance",
    rule=f"reproduced if the first exceeds {FAR:g}, the second 0, and the third is below {NEAR:g}",
    paper="0.62 to 0.77 trained on low parts, 0.09 to 0.20 trained on high parts",
)
def trained_on_one_band(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes. Labels: low-<radius> and high-<radius>."""
    radii, low, high, images = _band_scores(history)

    def minus(first, second):  # (seeds,) each
        return estimate(
            first - second,
            lambda: difference(first[0] * images, images, second[0] * images, images),
        )

    closest = (low - high).argmin(0), np.arange(low.shape[1])  # the radius of each seed
    parts = [
        Part("trained on low minus trained on high", minus(low[closest], high[closest]), FAR),
        Part(f"low, r = {radii[-1]:g} minus r = {radii[0]:g}", minus(low[-1], low[0]), 0.0),
        Part(
            "high above chance",
            above_chance([(score, images) for score in high.mean(0)], chance),
            NEAR,
            ceiling=True,
        ),
    ]
    scores = zip(radii, low.mean(1), high.mean(1), strict=True)
    listed = ", ".join(f"{a:.3f} and {b:.3f} at r = {radius:g}" for radius, a, b in scores)
    return parts, f"Trained on low and high parts: {listed}."


def _band_scores(history: pd.DataFrame) -> tuple[list[float], np.ndarray, np.ndarray, int]:
    """Radii, accuracies on all original test images (radii, seeds) of low and high, images."""
    bands = [str(label).partition("-") for label in set(history.label)]
    radii = sorted(
        {float(radius) for band, _, radius in bands if radius and band in ("low", "high")}
    )
    if len(radii) < 2:
        raise ValueError("Runs labelled low-<r> and high-<r> are needed for at least two radii.")
    labels = [f"{band}-{radius:g}" for band in ("low", "high") for radius in radii]
    runs = curves(history, *labels, split="test", part="original", scope="all")
    last = [[curve.accuracy[-1] for curve in runs[label].values()] for label in labels]
    images = min(curve.images for seeds in runs.values() for curve in seeds.values())
    low, high = np.split(np.array(last), 2)
    return radii, low, high, images
