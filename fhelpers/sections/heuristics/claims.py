"""Claims about dropout, mix-up, adversarial training and the gap (W §5.1, Figure 5)."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy

from fhelpers.claims import reliance
from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import GAP, TEST, Measure, beside, effect, named, on_parts
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, over_seeds, quantile, within

MODELS = {"vanilla": "M_natural", "adversarial": "M_adversarial"}
ALIKE = 0.05  # accuracies that differ by less count as the same, and so does a smaller loss as none
CLOSE = 0.5  # rank correlation: from here on one ranking says more about the other than it hides
# Accuracy on clean test images of CIFAR-10 (W, Table 2): the only numbers that belong to Figure 5.
# The released adversarial training crops and flips, the natural one does not.
TABLE2_CLEAN = {"vanilla": 0.856, "adversarial-crop-flip": 0.707}


def larger_half(radii: list[float]) -> list[float]:
    """Of 4, 8, 12 and 16 the two that W names, 12 and 16; of others the larger half."""
    return radii[len(radii) // 2 :]


@claim(
    "W10",
    short="dropout behaves like M_natural",
    text="A network trained with dropout behaves like one without.",
    source="W, §5.1, Figure 5",
    measure="size of the difference between dropout and M_natural, in test accuracy and in the "
    "accuracy lost without the high part (test images, mean over the radii)",
    rule=f"reproduced if both intervals lie within {ALIKE:g} of 0, not reproduced if one lies "
    "outside",
    figure="heuristics-bands",
    networks=("vanilla", "dropout"),
)
def dropout_like_vanilla(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels dropout and vanilla, with low parts."""
    against = {"dropout": 1, "vanilla": -1}
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    measures = {"test accuracy": TEST, "accuracy lost without the high part": lost}
    parts = []
    for name, measure in measures.items():
        size = reliance.size_of(effect(history, against, measure))
        parts.append(Part(f"difference in {name}", size, ALIKE, ceiling=True))
    labels = {"dropout": "dropout", "vanilla": "M_natural"}
    return parts, (
        f"Test accuracy: {beside(history, TEST, labels)}. Lost: {beside(history, lost, labels)}."
    )


@claim(
    "W11",
    short="mix-up keeps the accuracy and relies more on the high part",
    text="Mix-up keeps the accuracy and makes a network rely more on the high part.",
    source="W, §5.1, Figure 5",
    measure="mix-up (α = 0.5) minus M_natural: test accuracy, and accuracy lost without the high "
    "part (test images, mean over the radii)",
    rule=f"reproduced if the first interval lies above -{ALIKE:g} and the second above 0",
    figure="heuristics-bands",
    networks=("vanilla", "mixup-0.5"),
)
def mixup_relies_on_high(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels mixup-0.5 and vanilla, with low and high parts; mixup-1 for the note."""
    radii, against = reliance.monitored_radii(history), {"mixup-0.5": 1, "vanilla": -1}
    lost = reliance.lost_without_high(radii)
    kept, more = (effect(history, against, measure) for measure in (TEST, lost))
    parts = [
        Part("test accuracy, mix-up minus M_natural", kept, -ALIKE),
        Part("accuracy lost without the high part, mix-up minus M_natural", more, MORE),
    ]
    labels = {"mixup-0.5": "mix-up", "vanilla": "M_natural"}
    if "mixup-1" in set(history.label):
        labels["mixup-1"] = "mix-up with Beta(1, 1)"
    note = f"Lost: {beside(history, lost, labels)}. "
    return parts, note + f"On high parts: {beside(history, on_parts('high', radii), labels)}."


@claim(
    "W13",
    short="adversarial training lowers accuracy and gap and keeps only the coarsest high part",
    text="Adversarial training gives a lower accuracy and a smaller generalisation gap; the "
    "network is invariant to the high part at the larger radii and sensitive to that of the "
    "smallest, which M_natural ignores.",
    source="W, §5.1, Figure 5",
    measure="at the last epoch that both have, both without crop and flip: test accuracy and gap, "
    "M_natural minus M_adversarial; size of what M_adversarial loses of its accuracy without the "
    "high part (test images), mean over the larger half of the radii; accuracy on the high parts "
    "of test images at the smallest radius, M_adversarial minus M_natural",
    rule=f"reproduced if the third is below {ALIKE:g} and the others above {MORE:g}",
    paper="accuracy 0.707, trained with crop and flip, against 0.856 without (Table 2); invariant "
    "at r = 12 and 16, sensitive at r = 4 (Figure 5)",
    figure="heuristics-five",
    networks=("vanilla", "adversarial"),
)
def adversarial_training(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels adversarial and vanilla, with low and high parts at two radii or more."""
    radii = reliance.monitored_radii(history)
    if len(radii) < 2:
        raise ValueError("Low parts are needed for at least two radii: W13 compares them.")
    large, smallest = larger_half(radii), radii[:1]
    epoch, both = reliance.at_common_epoch(history, "vanilla", "adversarial")
    worse, better = {"vanilla": 1, "adversarial": -1}, {"vanilla": -1, "adversarial": 1}
    lost = reliance.size_of(effect(both, {"adversarial": 1}, reliance.lost_without_high(large)))
    sensitive = effect(both, better, on_parts("high", smallest))
    parts = [
        Part("test accuracy, M_natural minus M_adversarial", effect(both, worse, TEST), MORE),
        Part("gap, M_natural minus M_adversarial", effect(both, worse, GAP), MORE),
        Part(f"accuracy lost without the high part, {named(large)}", lost, ALIKE, ceiling=True),
        Part(f"on high parts, {named(smallest)}, M_adversarial minus M_natural", sensitive, MORE),
    ]
    high = beside(both, on_parts("high", smallest), MODELS)
    note = f"After {epoch} epochs. On high parts, {named(smallest)}: {high}."
    if "adversarial-crop-flip" in set(history.label):
        labels = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with both"}
        note += f" Test accuracy at the end, M_adversarial {beside(history, TEST, labels)}; "
        note += "the paper's 0.707 belongs to the latter."
    return parts, note


@claim(
    "W25",
    short="the generalisation gap goes with the reliance on the high part",
    text="The generalisation gap of a network is closely related to its tendency to capture the "
    "high part.",
    source="W, §5.1",
    measure="Spearman's rank correlation of the gap with the accuracy lost without the high part "
    "(test images, mean over the radii), over all networks of the sections on batch "
    "size, heuristics and architectures, and over the batch sizes",
    rule=f"reproduced if both exceed {CLOSE:g}; with one seed the interval is over the networks "
    "(Fisher's transformation, Bonett and Wright's standard error)",
    figure="heuristics-bands",
    networks=("*",),
)
def gap_and_high_part(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: every network with low parts, among them batch-<size>."""
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    labels = sorted(set(history.label[(history.split == "test") & (history.part == "low")]))
    groups = {"all networks": labels, "batch sizes": list(reliance.sized(labels))}
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
        pairs = [reliance.of_each(seed, labels, measure) for measure in (first, second)]
        alike = any(len(set(values)) == 1 for values in pairs)
        found.append(math.nan if alike else float(scipy.stats.spearmanr(*pairs).statistic))
    if np.isnan(found).any():  # of networks that are all alike in one of the two
        return Estimate(math.nan, math.nan, math.nan, len(labels), "networks")
    over = estimate(found, lambda: over_networks(found[0], len(labels)))
    if len(found) == 1 or len(set(found)) > 1:
        return within(over, -1.0, 1.0)
    # Seeds that agree in every rank: as wide as one pair swapped in one of them would make it.
    swapped = found[0] - math.copysign(one_swap(len(labels)), found[0])
    other = over_seeds([swapped, *found[1:]])
    half = (other.high - other.low) / 2
    return within(replace(over, low=over.value - half, high=over.value + half), -1.0, 1.0)


def one_swap(networks: int) -> float:
    """How much of a perfect rank correlation two neighbours that change places take away."""
    return 12 / (networks * (networks**2 - 1))


def over_networks(correlation: float, networks: int) -> Estimate:
    """The interval of a rank correlation over so many networks, as if drawn at random.

    Fisher's transformation of 1 is infinite: a perfect order counts as half a swapped pair less.
    """
    most = 1 - one_swap(networks) / 2
    inside = np.clip(correlation, -most, most)
    half = scipy.special.ndtri(quantile()) * math.sqrt((1 + correlation**2 / 2) / (networks - 3))
    low, high = np.tanh(np.arctanh(inside) + np.array([-half, half]))
    low, high = min(low, correlation), max(high, correlation)
    return Estimate(correlation, float(low), float(high), networks, "networks")
