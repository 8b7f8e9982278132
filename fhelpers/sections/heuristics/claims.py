"""Claims about batch size, dropout, mix-up and adversarial training (W §5.1, Figures 4 and 5)."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import (
    GAP,
    TEST,
    TRAIN,
    Measure,
    at_common_epoch,
    effect,
    lost_without_high,
    monitored_radii,
    on_parts,
    size_of,
)
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, quantile

ALIKE = 0.05  # accuracies that differ by less count as the same, and so does a smaller loss as none
CLOSE = 0.5  # rank correlation: from here on one ranking says more about the other than it hides
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


@claim(
    "W8",
    short="smaller batches give a higher accuracy and larger batches a smaller gap",
    text="Smaller batches give a higher training and test accuracy, larger batches a smaller gap "
    "between the two.",
    source="W, §5.1, Figure 4",
    measure="training accuracy, test accuracy and training minus test accuracy at the end, each as "
    "its fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if all three intervals lie above 0",
    paper=None,
    figure="heuristics-batch-sizes",
    networks=("batch-*",),
)
def small_batches(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels batch-<size> for at least two sizes, all trained for as many epochs."""
    weights = across_batch_sizes(history.label)
    measures = {"training accuracy": TRAIN, "test accuracy": TEST, "gap": GAP}
    parts = [
        Part(f"{name}, smallest minus largest batch", effect(history, weights, measure), MORE)
        for name, measure in measures.items()
    ]
    return parts, f"Gap by batch size: {beside(history, GAP, sized(weights))}."


@claim(
    "W9",
    short="larger batches make a network depend less on the high part",
    text="The larger the batches, the less a network is affected when the high part is removed.",
    source="W, §5.1, Figure 4",
    measure="accuracy on test images minus that on their low parts, mean over the radii, as its "
    "fall from the smallest to the largest batch on the straight line over log2 of the size",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="heuristics-against-batch",
    networks=("batch-*",),
)
def large_batches_are_invariant(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: as for W8, with low parts."""
    weights, radii = across_batch_sizes(history.label), monitored_radii(history)
    measure = lost_without_high(radii)
    name = "accuracy lost without the high part, smallest minus largest batch"
    lost = beside(history, measure, sized(weights))
    note = f"Lost by batch size, mean over {named(radii)}: {lost}."
    return [Part(name, effect(history, weights, measure), MORE)], note


@claim(
    "W10",
    short="dropout behaves like vanilla training",
    text="A network trained with dropout behaves like one without.",
    source="W, §5.1, Figure 5",
    measure="size of the difference between dropout and vanilla, in test accuracy and in the "
    "accuracy lost without the high part (test images, mean over the radii)",
    rule=f"reproduced if both intervals lie within {ALIKE:g} of 0, not reproduced if one lies "
    "outside",
    paper=None,
    figure="heuristics-bands",
    networks=("vanilla", "dropout"),
)
def dropout_like_vanilla(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels dropout and vanilla, with low parts."""
    against = {"dropout": 1, "vanilla": -1}
    lost = lost_without_high(monitored_radii(history))
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
    short="mix-up keeps the accuracy and relies more on the high part",
    text="Mix-up keeps the accuracy and makes a network rely more on the high part.",
    source="W, §5.1, Figure 5",
    measure="mix-up (α = 0.5) minus vanilla: test accuracy, and accuracy lost without the high "
    "part (test images, mean over the radii)",
    rule=f"reproduced if the first interval lies above -{ALIKE:g} and the second above 0",
    paper=None,
    figure="heuristics-bands",
    networks=("vanilla", "mixup-0.5"),
)
def mixup_relies_on_high(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels mixup-0.5 and vanilla, with low and high parts; mixup-1 for the note."""
    radii, against = monitored_radii(history), {"mixup-0.5": 1, "vanilla": -1}
    lost = lost_without_high(radii)
    parts = [
        Part("test accuracy, mix-up minus vanilla", effect(history, against, TEST), -ALIKE),
        Part(
            "accuracy lost without the high part, mix-up minus vanilla",
            effect(history, against, lost),
            MORE,
        ),
    ]
    labels = {"mixup-0.5": "mix-up", "vanilla": "vanilla"}
    if "mixup-1" in set(history.label):
        labels["mixup-1"] = "mix-up with Beta(1, 1)"
    note = f"Lost: {beside(history, lost, labels)}. "
    return parts, note + f"On high parts: {beside(history, on_parts('high', radii), labels)}."


@claim(
    "W13",
    short="adversarial training lowers accuracy and gap and keeps only the coarsest high part",
    text="Adversarial training gives a lower accuracy and a smaller generalisation gap; the "
    "network is invariant to the high part at the larger radii and sensitive to that of the "
    "smallest, which vanilla ignores.",
    source="W, §5.1, Figure 5",
    measure="at the last epoch that both have, both without crop and flip: test accuracy and gap, "
    "vanilla minus adversarial; accuracy that the adversarial network loses without the high part "
    "(test images), mean over the larger half of the radii; accuracy on the high parts of test "
    "images at the smallest radius, adversarial minus vanilla",
    rule=f"reproduced if the third is below {ALIKE:g} and the others above {MORE:g}",
    paper="accuracy 0.707, trained with crop and flip, against 0.856 without (Table 2); invariant "
    "at r = 12 and 16, sensitive at r = 4 (Figure 5)",
    figure="heuristics-five",
    networks=("vanilla", "adversarial"),
)
def adversarial_training(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels adversarial and vanilla, with low and high parts at two radii or more."""
    radii = monitored_radii(history)
    if len(radii) < 2:
        raise ValueError("Low parts are needed for at least two radii: W13 compares them.")
    large, smallest = larger_half(radii), radii[:1]
    epoch, both = at_common_epoch(history, "vanilla", "adversarial")
    worse, better = {"vanilla": 1, "adversarial": -1}, {"vanilla": -1, "adversarial": 1}
    lost = effect(both, {"adversarial": 1}, lost_without_high(large))
    sensitive = effect(both, better, on_parts("high", smallest))
    parts = [
        Part("test accuracy, vanilla minus adversarial", effect(both, worse, TEST), MORE),
        Part("gap, vanilla minus adversarial", effect(both, worse, GAP), MORE),
        Part(f"accuracy lost without the high part, {named(large)}", lost, ALIKE, ceiling=True),
        Part(f"on high parts, {named(smallest)}, adversarial minus vanilla", sensitive, MORE),
    ]
    high = beside(both, on_parts("high", smallest), {label: label for label in better})
    note = f"After {epoch} epochs. On high parts, {named(smallest)}: {high}."
    if "adversarial-crop-flip" in set(history.label):
        labels = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with both"}
        note += f" Test accuracy at the end, adversarial {beside(history, TEST, labels)}; "
        note += "the paper's 0.707 belongs to the latter."
    return parts, note


@claim(
    "W25",
    short="the generalisation gap goes with the reliance on the high part",
    text="The generalisation gap of a network is closely related to its tendency to capture the "
    "high part.",
    source="W, §5.1",
    measure="Spearman's rank correlation of the gap with the accuracy lost without the high part "
    "(test images, mean over the radii), over all networks of sections 04 and 05, and over the "
    "batch sizes",
    rule=f"reproduced if both exceed {CLOSE:g}; with one seed the interval is over the networks "
    "(Fisher's transformation, Bonett and Wright's standard error)",
    paper=None,
    figure="heuristics-bands",
    networks=("*",),
)
def gap_and_high_part(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: every network with low parts, among them batch-<size>."""
    lost = lost_without_high(monitored_radii(history))
    labels = sorted(set(history.label[(history.split == "test") & (history.part == "low")]))
    groups = {"all networks": labels, "batch sizes": list(sized(labels))}
    parts = [
        Part(f"rank correlation over {name}", rank_correlation(history, some, GAP, lost), CLOSE)
        for name, some in groups.items()
    ]
    return parts, f"{len(labels)} networks, {len(groups['batch sizes'])} batch sizes."


def rank_correlation(history, labels: list[str], first: Measure, second: Measure) -> Estimate:
    """Spearman's correlation of two measures over networks, mean over seeds; four or more."""
    found = []
    if len(labels) < 4:  # the standard error is not defined
        return Estimate(math.nan, math.nan, math.nan, len(labels), "networks")
    ends = history[history.label.isin(labels) & (history.scope == "all")]
    for _, seed in ends.groupby("seed"):
        pairs = [[effect(seed, {la: 1}, m).value for la in labels] for m in (first, second)]
        found.append(float(stats.spearmanr(*pairs).statistic))
    return estimate(found, lambda: over_networks(found[0], len(labels)))


def over_networks(correlation: float, networks: int) -> Estimate:
    """The interval of a rank correlation over so many networks, as if drawn at random."""
    inside = np.clip(correlation, -1 + 1e-9, 1 - 1e-9)
    half = stats.norm.ppf(quantile()) * math.sqrt((1 + correlation**2 / 2) / (networks - 3))
    low, high = np.tanh(np.arctanh(inside) + np.array([-half, half]))
    return Estimate(correlation, float(low), float(high), networks, "networks")
