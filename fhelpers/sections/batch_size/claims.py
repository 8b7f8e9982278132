"""Claims about the batch size (W §5.1, Figure 4)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fhelpers.claims import reliance
from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import GAP, TEST, TRAIN, Measure, beside, effect, named, sized
from fhelpers.claims.verdicts import Part, claim


def across_batch_sizes(labels: Iterable[str]) -> dict[str, float]:
    """Weights that make of a measure its change from the largest batch size to the smallest.

    The change is read off the straight line of least squares over log2 of the size, so that every
    size counts and not the two at the ends alone. Raises ValueError for fewer than two sizes.
    """
    sizes = reliance.batch_sizes(labels)
    if len(sizes) < 2:
        raise ValueError("Runs labelled batch-<size> are needed for at least two batch sizes.")
    steps = np.log2(sizes) - np.log2(sizes).mean()
    weights = -steps / (steps @ steps) * (steps[-1] - steps[0])
    return {f"batch-{size}": float(w) for size, w in zip(sizes, weights, strict=True)}


def at_equal_accuracy(history: pd.DataFrame, name: str, measure: Measure) -> list[Part]:
    """The same change where all have one training accuracy: ours, since large batches learn less.

    An empty list where nothing was monitored on the way.
    """
    if "subset" not in set(history.scope):
        return []
    weights = across_batch_sizes(history.label)
    level, equal = reliance.at_common_accuracy(history, weights)
    name = f"{name} at a training accuracy of {level:.2f}, fall of the fitted line"
    return [Part(name, effect(equal, weights, measure), MORE, ours=True)]


@claim(
    "W8",
    short="smaller batches give a higher accuracy and larger batches a smaller gap",
    text="Smaller batches give a higher training and test accuracy, larger batches a smaller gap "
    "between the two.",
    source="W, §5.1, Figure 4",
    measure="training accuracy, test accuracy and training minus test accuracy at the end, each as "
    "its fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if all three intervals lie above 0",
    figure="batch-size-against",
    networks=("batch-*",),
)
def small_batches(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels batch-<size> for at least two sizes, all trained for as many epochs."""
    weights = across_batch_sizes(history.label)
    measures = {"training accuracy": TRAIN, "test accuracy": TEST, "gap": GAP}
    parts = [
        Part(f"{name}, fall of the fitted line", effect(history, weights, measure), MORE)
        for name, measure in measures.items()
    ]
    parts += at_equal_accuracy(history, "gap", GAP)
    return parts, f"Gap by batch size: {beside(history, GAP, sized(weights))}."


@claim(
    "W9",
    short="larger batches make a network depend less on the high part",
    text="The larger the batches, the less a network is affected when the high part is removed.",
    source="W, §5.1, Figure 4",
    measure="accuracy on test images minus that on their low parts, mean over the radii, as its "
    "fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if the interval lies above 0",
    figure="batch-size-against",
    networks=("batch-*",),
)
def large_batches_are_invariant(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: as for W8, with low parts."""
    weights, radii = across_batch_sizes(history.label), reliance.monitored_radii(history)
    measure = reliance.lost_without_high(radii)
    name = "accuracy lost without the high part"
    lost = beside(history, measure, sized(weights))
    note = f"Lost by batch size, mean over {named(radii)}: {lost}."
    change = effect(history, weights, measure)
    parts = [Part(f"{name}, fall of the fitted line", change, MORE)]
    return parts + at_equal_accuracy(history, name, measure), note
