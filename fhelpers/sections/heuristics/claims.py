"""Claims about batch size, dropout, mix-up and adversarial training (W §5.1, Figures 4 and 5)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims.histories import chance_of
from fhelpers.claims.reliance import (
    GAP,
    TEST,
    TRAIN,
    Measure,
    effect,
    lost_without_high,
    on_parts,
    size_of,
    watched_radii,
)
from fhelpers.claims.verdicts import REPRODUCED, Part, claim, decide
from fhelpers.intervals import shifted

ALIKE = 0.05  # accuracies that differ by less count as the same, and so does a smaller loss as none
LEARNT = 0.10  # above chance: with less, a network has too little to lose to be called invariant
# Accuracy on clean test images of CIFAR-10 (W, Table 2): the only numbers that belong to Figure 5.
# The released adversarial training crops and flips, the natural one does not.
TABLE2_CLEAN = {"vanilla": 0.856, "adversarial-crop-flip": 0.707}


def batch_sizes(labels: Iterable[str]) -> list[int]:
    """The sizes of the labels batch-<size>, ascending."""
    ends = [label.partition("batch-")[2] for label in set(labels) if label.startswith("batch-")]
    return sorted(int(end) for end in ends)


def across_batch_sizes(labels: Iterable[str]) -> dict[str, float]:
    """Weights that make of a measure its change from the largest batch size to the smallest.

    The change is read off the straight line of least squares over log2 of the size, so that every
    size counts and not the two at the ends alone. Raises ValueError for fewer than two sizes.
    """
    sizes = batch_sizes(labels)
    if len(sizes) < 2:
        raise ValueError("Runs labelled batch-<size> are needed for at least two batch sizes.")
    steps = np.log2(sizes) - np.log2(sizes).mean()
    weights = -steps / (steps @ steps) * (steps[-1] - steps[0])
    return {f"batch-{size}": float(w) for size, w in zip(sizes, weights, strict=True)}


def sized(labels: Iterable[str]) -> dict[str, str]:
    """The labels batch-<size> and how a note names them, by size."""
    return {f"batch-{size}": f"at {size}" for size in batch_sizes(labels)}


def larger_half(radii: list[float]) -> list[float]:
    """Of 4, 8, 12 and 16 the two that W names, 12 and 16; of others the larger half."""
    return radii[len(radii) // 2 :]


def named(radii: Iterable[float]) -> str:
    return "r = " + ", ".join(f"{radius:g}" for radius in radii)


def beside(history: pd.DataFrame, measure: Measure, labels: Mapping[str, str]) -> str:
    """A measure of some labels, each with its name, for a note: "vanilla 0.512, dropout 0.498"."""
    values = {name: effect(history, {label: 1}, measure).value for label, name in labels.items()}
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def with_chance(runs) -> tuple:
    """The history, and the share right by guessing."""
    return runs.history, chance_of(runs["vanilla"][0])


@claim(
    "W8",
    text="Smaller batches give a higher training and test accuracy, larger batches a smaller gap "
    "between the two.",
    source="W, §5.1, Figure 4",
    measure="training accuracy, test accuracy and training minus test accuracy at the end, each as "
    "its fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if all three intervals lie above 0",
    paper=None,
    figure="heuristics-batch-sizes",
)
def small_batches(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels batch-<size> for at least two sizes, all trained for as many epochs."""
    weights = across_batch_sizes(history.label)
    measures = {"training accuracy": TRAIN, "test accuracy": TEST, "gap": GAP}
    parts = [
        Part(f"{name}, smallest minus largest batch", effect(history, weights, measure), 0.0)
        for name, measure in measures.items()
    ]
    return parts, f"Gap by batch size: {beside(history, GAP, sized(weights))}."


@claim(
    "W9",
    text="The larger the batches, the less a network is affected when the high part is removed.",
    source="W, §5.1, Figure 4",
    measure="accuracy on test images minus that on their low parts, mean over the radii, as its "
    "fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="heuristics-against-batch",
)
def large_batches_are_invariant(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: as for W8, with low parts."""
    weights, radii = across_batch_sizes(history.label), watched_radii(history)
    measure = lost_without_high(radii)
    name = "accuracy lost without the high part, smallest minus largest batch"
    lost = beside(history, measure, sized(weights))
    note = f"Lost by batch size, mean over {named(radii)}: {lost}."
    return [Part(name, effect(history, weights, measure), 0.0)], note


@claim(
    "W10",
    text="A network trained with dropout behaves like one without.",
    source="W, §5.1, Figure 5",
    measure="size of the difference between dropout and vanilla, in test accuracy and in the "
    "accuracy lost without the high part (test images, mean over the radii)",
    rule=f"reproduced if both intervals lie within {ALIKE:g} of 0, not reproduced if one lies "
    "outside",
    paper=None,
    figure="heuristics-bands",
)
def dropout_like_vanilla(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels dropout and vanilla, with low parts."""
    against = {"dropout": 1, "vanilla": -1}
    lost = lost_without_high(watched_radii(history))
    measures = {"test accuracy": TEST, "accuracy lost without the high part": lost}
    parts = [
        Part(
            f"difference in {name}", size_of(effect(history, against, measure)), ALIKE, ceiling=True
        )
        for name, measure in measures.items()
    ]
    labels = {"dropout": "dropout", "vanilla": "vanilla"}
    return parts, (
        f"Test accuracy: {beside(history, TEST, labels)}. Lost: {beside(history, lost, labels)}."
    )


@claim(
    "W11",
    text="Mix-up keeps the accuracy and makes a network rely more on the high part.",
    source="W, §5.1, Figure 5",
    measure="mix-up (α = 0.5) minus vanilla: test accuracy, and accuracy lost without the high "
    "part (test images, mean over the radii)",
    rule=f"reproduced if the first interval lies above -{ALIKE:g} and the second above 0",
    paper=None,
    figure="heuristics-bands",
)
def mixup_relies_on_high(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels mixup-0.5 and vanilla, with low and high parts; mixup-1 is only told."""
    radii, against = watched_radii(history), {"mixup-0.5": 1, "vanilla": -1}
    lost = lost_without_high(radii)
    parts = [
        Part("test accuracy, mix-up minus vanilla", effect(history, against, TEST), -ALIKE),
        Part(
            "accuracy lost without the high part, mix-up minus vanilla",
            effect(history, against, lost),
            0.0,
        ),
    ]
    labels = {"mixup-0.5": "mix-up", "vanilla": "vanilla"}
    if "mixup-1" in set(history.label):
        labels["mixup-1"] = "mix-up with Beta(1, 1)"
    note = f"Lost: {beside(history, lost, labels)}. "
    return parts, note + f"On high parts: {beside(history, on_parts('high', radii), labels)}."


@claim(
    "W13",
    text="Adversarial training gives a lower accuracy and a smaller generalisation gap; the "
    "network is invariant to the high part at the larger radii and sensitive to it at the "
    "smallest.",
    source="W, §5.1, Figure 5",
    measure="test accuracy and gap, vanilla minus adversarial, both without crop and flip; "
    "accuracy that the adversarial network loses without the high part (test images), mean over "
    "the larger half of the radii, and at the smallest",
    rule=f"reproduced if the first two are above 0, the third is below {ALIKE:g} and the fourth "
    f"above {ALIKE:g}; the last two are inconclusive unless the test accuracy of the adversarial "
    f"network lies more than {LEARNT:g} above chance, for who has learnt nothing loses nothing",
    paper="accuracy 0.707, trained with crop and flip, against 0.856 without (Table 2); invariant "
    "at r = 12 and 16, sensitive at r = 4 (Figure 5)",
    figure="heuristics-five",
    inputs=with_chance,
)
def adversarial_training(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`history`: labels adversarial and vanilla, with low parts; with crop and flip only told.

    `chance`: share right by guessing, 1 / classes. Raises ValueError for fewer than two radii.
    """
    radii = watched_radii(history)
    if len(radii) < 2:
        raise ValueError("Low parts are needed for at least two radii: W13 compares them.")
    large, smallest = larger_half(radii), radii[:1]
    worse, alone = {"vanilla": 1, "adversarial": -1}, {"adversarial": 1}
    lost = [effect(history, alone, lost_without_high(some)) for some in (large, smallest)]
    above = shifted(effect(history, alone, TEST), -chance)
    learnt = decide(above, LEARNT) == REPRODUCED
    if not learnt:
        lost = [replace(one, low=math.nan, high=math.nan) for one in lost]
    name = "accuracy lost without the high part"
    parts = [
        Part("test accuracy, vanilla minus adversarial", effect(history, worse, TEST), 0.0),
        Part("gap, vanilla minus adversarial", effect(history, worse, GAP), 0.0),
        Part(f"{name}, {named(large)}", lost[0], ALIKE, ceiling=True),
        Part(f"{name}, {named(smallest)}", lost[1], ALIKE),
    ]
    note = f"Adversarial test accuracy is {above} above chance"
    note += ". " if learnt else ": too little to judge what is lost. "
    return parts, note + beside_adversarial(history, smallest)


def beside_adversarial(history: pd.DataFrame, smallest: list[float]) -> str:
    """What the note of W13 tells beside its parts: vanilla's loss, and crop and flip."""
    labels = {"adversarial": "adversarial", "vanilla": "vanilla"}
    lost = beside(history, lost_without_high(smallest), labels)
    note = f"Lost without the high part at {named(smallest)}: {lost}. "
    if "adversarial-crop-flip" in set(history.label):
        labels = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with both"}
        note += f"Test accuracy, adversarial {beside(history, TEST, labels)}; "
        note += "the paper's 0.707 belongs to the latter."
    return note.strip()
