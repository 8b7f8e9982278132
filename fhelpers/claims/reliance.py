"""What a trained network knows and which band it relies on, as weighted sums of accuracies.

A `Measure` says which accuracies of one network count, and how; `effect` says how networks are
weighed against each other. All are taken at the end of training on whole sets of images.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from fhelpers.claims.histories import curves, epochs_to
from fhelpers.claims.verdicts import estimate
from fhelpers.intervals import ROUNDING, Estimate, wilson


class Term(NamedTuple):
    """One accuracy and its weight; over several radii it is their mean, none means whole images."""

    weight: float
    split: str
    part: str
    radii: tuple[float, ...] = ()


BY_SEED = "A measure is compared seed by seed: evaluate all parts with all seeds."
Measure = tuple[Term, ...]
TRAIN: Measure = (Term(1, "train", "original"),)
TEST: Measure = (Term(1, "test", "original"),)
GAP: Measure = (*TRAIN, Term(-1, "test", "original"))  # the generalisation gap


def lost_without_high(radii: Iterable[float]) -> Measure:
    """Accuracy on test images minus that on their low parts: 0 is invariance to the high part.

    This is how W, §5.1 judges a network's reliance on high frequencies. Mean over `radii`.
    """
    return (*TEST, Term(-1, "test", "low", tuple(radii)))


def on_parts(part: str, radii: Iterable[float]) -> Measure:
    """Accuracy on the low or high parts of the test images, mean over `radii`."""
    return (Term(1, "test", part, tuple(radii)),)


def gained(radii: Iterable[float]) -> dict[str, Measure]:
    """What each band between neighbouring radii adds to test accuracy, from the lowest band up.

    The first is the accuracy on the low part of the smallest radius, the last what the high part
    of the largest radius adds; all together are the accuracy on whole images.
    """
    radii = sorted(set(radii))
    found = {f"0–{radii[0]:g}": on_parts("low", radii[:1])}
    for inner, outer in itertools.pairwise(radii):
        within = Term(-1, "test", "low", (inner,))
        found[f"{inner:g}–{outer:g}"] = (*on_parts("low", [outer]), within)
    return found | {f"over {radii[-1]:g}": lost_without_high(radii[-1:])}


def monitored_radii(history: pd.DataFrame) -> list[float]:
    """The radii at which low parts were scored, ascending. Raises ValueError without any."""
    radii = sorted(set(history.radius[history.part == "low"].dropna()))
    if not radii:
        raise ValueError("The history has no low parts: run with at least one radius.")
    return radii


def smallest_radii(history: pd.DataFrame, label: str, count: int) -> list[float]:
    """The `count` smallest radii of a run's low parts, fewer if there are fewer."""
    low = history[history.part == "low"]
    own = low[low.label == label]
    return monitored_radii(low if own.empty else own)[:count]


def effect(history: pd.DataFrame, networks: Mapping[str, float], measure: Measure) -> Estimate:
    """A measure of networks, each label with its weight: {"dropout": 1, "vanilla": -1}.

    Over seeds; with one seed over images. Raises ValueError as `histories.curves` does.
    """
    seeds: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for term in measure:
        for (label, seed), (accuracy, images) in at_the_end(history, networks, term).items():
            seeds[seed].append((networks[label] * term.weight, accuracy, images))
    if len({len(terms) for terms in seeds.values()}) > 1:
        raise ValueError(BY_SEED)
    per_seed = [sum(weight * accuracy for weight, accuracy, _ in terms) for terms in seeds.values()]
    return estimate(per_seed, lambda: weighted(next(iter(seeds.values()))))


def of_each(history: pd.DataFrame, labels: Sequence[str], measure: Measure) -> list[float]:
    """A measure of each network by itself, mean over seeds; raises as `effect` does."""
    terms = [(term.weight, at_the_end(history, labels, term)) for term in measure]
    if len({frozenset(ends) for _, ends in terms}) > 1:
        raise ValueError(BY_SEED)
    values = defaultdict(list)
    for label, seed in terms[0][1]:
        values[label].append(sum(weight * ends[label, seed][0] for weight, ends in terms))
    return [float(np.mean(values[label])) for label in labels]


def at_the_end(
    history: pd.DataFrame, labels: Iterable[str], term: Term
) -> dict[tuple[str, int], tuple[float, int]]:
    """{(label, seed): (accuracy, images)} of a term, its weight left out."""
    where = {"split": term.split, "part": term.part, "scope": "all"}
    found = [curves(history, *labels, radius=r, **where) for r in term.radii or (None,)]
    if len({tuple(seeds) for runs in found for seeds in runs.values()}) > 1:
        raise ValueError(BY_SEED)
    ends = {}
    for label, seeds in found[0].items():
        for seed in seeds:
            last = [runs[label][seed] for runs in found]
            accuracy = float(np.mean([curve.accuracy[-1] for curve in last]))
            ends[label, seed] = accuracy, min(curve.images for curve in last)
    return ends


def weighted(terms: Iterable[tuple[float, float, int]]) -> Estimate:
    """A weighted sum of proportions, each (weight, share of images, images), over images.

    The distances of the shares to their own Wilson limits are combined like standard errors (Zou
    and Donner 2008), which for two is Newcombe's difference. Shares of the same images are counted
    as independent: where the weights sum to 0 and images that are easy for one are easy for the
    other, the interval is too wide rather than too narrow.
    """
    value = down = up = 0.0
    smallest = math.inf
    for weight, share, images in terms:
        low, high = wilson(share * images, images)
        below, above = (share - low, high - share) if weight > 0 else (high - share, share - low)
        value, smallest = value + weight * share, min(smallest, images)
        down, up = math.hypot(down, weight * below), math.hypot(up, weight * above)
    return Estimate(float(value), float(value - down), float(value + up), int(smallest), "images")


def size_of(difference: Estimate) -> Estimate:
    """The absolute value of a difference: below a margin only if all of the interval is within it.

    With `claims.decide` this makes the rule of equivalence: two one-sided tests.
    """
    ends = sorted([abs(difference.low), abs(difference.high)])
    nearest = 0.0 if difference.low <= 0 <= difference.high else ends[0]
    return Estimate(abs(difference.value), nearest, ends[1], difference.n, difference.over)


def at_common_accuracy(history: pd.DataFrame, labels: Iterable[str]) -> tuple[float, pd.DataFrame]:
    """The runs as they were when all had the same training accuracy: (that accuracy, history).

    The accuracy is the highest whole per cent that every run reaches on the monitored training
    images; each run is cut where it first does, between two epochs by interpolation. The history
    is like one of runs that ended there (scope "all"), on the monitored images.
    """
    runs = curves(history, *labels, split="train", part="original")
    best = min(curve.accuracy.max() for seeds in runs.values() for curve in seeds.values())
    level = math.floor(100 * (best + ROUNDING)) / 100
    ends = {(label, s): epochs_to(c, level) for label in runs for s, c in runs[label].items()}
    rows = history[(history.scope == "subset") & history.label.isin(list(runs))]
    cut = []
    for key, group in rows.groupby(["label", "seed", "split", "part", "radius"], dropna=False):
        group, end = group.sort_values("epoch"), ends[key[:2]]
        accuracy = float(np.interp(end, group.epoch, group.accuracy))
        cut.append((*key, end, "all", int(group.images.min()), accuracy))
    columns = ["label", "seed", "split", "part", "radius", "epoch", "scope", "images", "accuracy"]
    return level, pd.DataFrame(cut, columns=columns)


def at_common_epoch(history: pd.DataFrame, *labels: str) -> tuple[int, pd.DataFrame]:
    """The runs as they were when the first of them ended: (that epoch, history).

    Runs of equal length are taken at their end on all images, others at the last epoch that all
    have, on the monitored images (then given as scope "all").
    """
    rows = history[history.label.isin(labels)]
    ends = rows[rows.split == "test"].groupby(["label", "seed"]).epoch.max()
    epoch = int(ends.min())
    if ends.nunique() == 1:
        return epoch, rows
    return epoch, rows[(rows.scope == "subset") & (rows.epoch == epoch)].assign(scope="all")


def batch_sizes(labels: Iterable[str]) -> list[int]:
    """The sizes of the labels batch-<size>, ascending."""
    ends = [label.partition("batch-")[2] for label in set(labels) if label.startswith("batch-")]
    return sorted(int(end) for end in ends)


def sized(labels: Iterable[str]) -> dict[str, str]:
    """The labels batch-<size> and how a note names them, by size."""
    return {f"batch-{size}": f"at {size}" for size in batch_sizes(labels)}


def named(radii: Iterable[float]) -> str:
    return "r = " + ", ".join(f"{radius:g}" for radius in radii)


def beside(history: pd.DataFrame, measure: Measure, labels: Mapping[str, str]) -> str:
    """A measure of some labels, each with its name, for a note: "M_natural 0.51, dropout 0.50"."""
    values = zip(labels.values(), of_each(history, list(labels), measure), strict=True)
    return ", ".join(f"{name} {value:.3f}" for name, value in values)
