"""Claims about true against shuffled labels and about training on one band (W §4.2, Table 1)."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims import labels
from fhelpers.claims.histories import (
    Curve,
    chance_of,
    crossing,
    curves,
    epochs_to,
)
from fhelpers.claims.labels import FAR, NEAR
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, wilson

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


def with_chance(runs) -> tuple:
    """The history, and the share right by guessing."""
    return runs.history, chance_of(runs["natural"][0])


@claim(
    "W4",
    text="To reach the same training accuracy a network needs more epochs on shuffled labels than "
    "on true ones.",
    source="W, §4.2",
    measure="epochs until a training accuracy is first reached, shuffled minus natural, at the "
    f"highest of the levels {LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs reach",
    rule="reproduced if the interval lies above 0; if no level is reached by all runs, the highest "
    "is taken that all runs of one kind reach, a run that never does counts as its last epoch, and "
    "the interval is open on that side",
    paper="300 epochs against 100 for a comparable training accuracy",
    figure="shuffled-epochs",
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
        early = min(crossing(curve.epochs, high, level), counted)
        ends.append((counted, counted - early, crossing(curve.epochs, low, level) - counted))
    (natural_at, natural_down, natural_up), (shuffled_at, down, up) = ends
    value = shuffled_at - natural_at
    low, high = value - math.hypot(down, natural_up), value + math.hypot(up, natural_down)
    return Estimate(value, low, high, min(natural.images, shuffled.images), "images")


def _span(epochs: list[float]) -> str:
    finite = [epoch for epoch in epochs if math.isfinite(epoch)]
    never = f"never in {len(epochs) - len(finite)} of {len(epochs)} runs"
    mean = f"{np.mean(finite):.1f}" if finite else ""
    return mean if len(finite) == len(epochs) else f"{mean} {never}".strip()


@claim(
    "W5",
    text="At equal training accuracy a network trained on true labels is better on the low parts "
    "of its training images than one trained on shuffled labels, at small radii.",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts, natural minus shuffled, mean over the two smallest "
    "radii and over every training accuracy that both networks passed through",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="shuffled-equal-accuracy",
)
def low_parts_at_equal_accuracy(history: pd.DataFrame) -> tuple[list[Part], str]:
    """With one seed a mean over epochs and radii counts as one yes-or-no outcome per image."""
    return labels.low_parts_at_equal_accuracy(history)


@claim(
    "W6",
    text="On the low parts of the smallest radius a network trained on shuffled labels stays near "
    "chance, and one trained on true labels is far above chance after its first epoch.",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts at the smallest radius, minus chance: of natural after "
    "epoch 1; of shuffled, mean of the last quarter of its epochs, where it has memorised most",
    rule=f"reproduced if natural is more than {FAR:g} above chance and shuffled less than {NEAR:g}",
    paper=None,
    figure="shuffled-by-epoch",
    inputs=with_chance,
)
def smallest_low_parts(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes."""
    return labels.smallest_low_parts(history, chance)


@claim(
    "W7",
    text="Trained on low parts a network generalises to whole images, the better the larger the "
    "radius; trained on high parts it hardly does.",
    source="W, §4.2, Table 1",
    measure="test accuracy on originals: trained on low minus trained on high parts, at the radius "
    "where this is smallest; trained on low parts, largest minus smallest radius; trained on high "
    "parts, mean over radii minus chance",
    rule=f"reproduced if the first exceeds {FAR:g}, the second 0, and the third is below {NEAR:g}",
    paper="0.62 to 0.77 trained on low parts, 0.09 to 0.20 trained on high parts",
    figure="shuffled-table1",
    inputs=with_chance,
)
def trained_on_one_band(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes. Labels: low-<radius> and high-<radius>."""
    return labels.trained_on_one_band(history, chance)
