"""What the claims and figures of section 15 read out of a history of masks.

`history` is that of section 15: masks are labelled mask/<network>, folds/<network>.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import special

from fhelpers.claims.masks import LETTERS, rows_of
from fhelpers.claims.verdicts import estimate
from fhelpers.intervals import Estimate, over_seeds, quantile, shifted, student, within

LOW = 0.25  # of the largest distance: what counts as low radial energy
AXES = 22.5  # degrees to either side of an axis: the other half of all directions is oblique


def masked(history: pd.DataFrame) -> list[str]:
    """Names of the networks that have a mask, in the history's order."""
    labels = [str(label) for label in dict.fromkeys(history.label)]
    return [label.removeprefix("mask/") for label in labels if label.startswith("mask/")]


def kept(history: pd.DataFrame, label: str) -> Estimate:
    """Accuracy on test images through a mask divided by that without it.

    With one seed over images: the two outcomes of an image go together, so the interval is that of
    a ratio of means with their covariance (the delta method).
    """
    whole, through = (
        rows_of(history, label, split="test", scope="all", part=part).set_index("seed")
        for part in ("original", "masked")
    )
    if (whole.accuracy == 0).any():
        raise ValueError(f"The network of {label!r} gets no test image right: train it longer.")
    ratios = (through.accuracy / whole.accuracy).to_list()

    def over_images() -> Estimate:
        n, p, q = whole.images.iloc[0], whole.accuracy.iloc[0], through.accuracy.iloc[0]
        both, ratio = through.both.iloc[0], q / p
        variance = (q + ratio**2 * p - 2 * ratio * both) - (q - ratio * p) ** 2
        variance = max(variance, 1 / n)  # another image might have been answered otherwise
        half = special.ndtri(quantile()) * np.sqrt(variance / n) / p
        return Estimate(float(ratio), float(ratio - half), float(ratio + half), int(n), "images")

    return estimate(ratios, over_images)


def similarity(history: pd.DataFrame, label: str, part: str = "masked") -> Estimate:
    """Mean structural similarity of test images to what the mask lets through, or takes away."""
    rows = rows_of(history, label, split="test", scope="all", part=part)

    def over_images() -> Estimate:
        row = rows.iloc[0]
        n = int(row.compared)
        half = student(row.deviation, n)
        value = float(row.similarity)
        return Estimate(value, float(value - half), float(value + half), n, "images")

    return within(estimate(rows.similarity.to_list(), over_images), -1.0, 1.0)


def weight(history: pd.DataFrame, name: str) -> Estimate:
    """Total weight of a network's mask; with one seed over disjoint sets of images."""
    return contrast(Facts(history), {name: 1}, lambda rows: rows["weight"])


def energies(history: pd.DataFrame, label: str, part: str, column: str = "value") -> dict:
    """{(seed, mask): energy in each band}; part: "radial", "angular" or "within"."""
    rows = rows_of(history, label, split="mask", part=part).sort_values("band")
    return {key: group[column].to_numpy() for key, group in rows.groupby(["seed", "mask"])}


def facts(history: pd.DataFrame, label: str) -> dict[tuple[int, int], dict]:
    """{(seed, mask): weight, energies, and how weight and low share went while it was learned}.

    Of the path the masks of ones that learning starts from are left out: nothing was learned there.
    """
    own = history[history.label == label]
    weights = rows_of(own, label, split="mask", part="weight").set_index(["seed", "mask"]).value
    found = {part: energies(own, label, part) for part in ("radial", "within")}
    found["even"] = energies(own, label, "within", "even")
    learning = rows_of(own, label, split="learning").query("epoch > 0").sort_values("epoch")
    found["path"] = {
        key: (group["weight"].to_numpy(), group.low_share.to_numpy())
        for key, group in learning.groupby(["seed", "mask"])
    }
    return {
        key: {"weight": float(value)} | {part: each[key] for part, each in found.items()}
        for key, value in weights.items()
    }


class Facts(dict):
    """{label: its `facts`}, read from the history when they are first asked for."""

    def __init__(self, history: pd.DataFrame):
        self.history = history

    def __missing__(self, label: str) -> dict:
        self[label] = facts(self.history, label)
        return self[label]


def low_share(facts: dict) -> float:
    """Share of the energy in the bands up to LOW of the largest distance."""
    energy = facts["radial"]
    return share(energy[: round(LOW * len(energy))], energy)


def low_share_at(weight: float) -> Callable[[dict], float]:
    """The share of low energy that a mask had when its total weight last was `weight`.

    Between two epochs by interpolation.
    """

    def statistic(facts: dict) -> float:
        weights, shares = facts["path"]
        sides = np.sign(weights - weight)
        last = np.flatnonzero(sides[:-1] * sides[1:] <= 0)[-1:].sum()  # 0 if there is one epoch
        pair = np.argsort(weights[last : last + 2]) + last
        return float(np.interp(weight, weights[pair], shares[pair]))

    return statistic


def common_weight(history: pd.DataFrame, names: Iterable[str]) -> float | None:
    """The smallest total weight that the masks of all networks had after an epoch of learning.

    None where there is no such weight.
    """
    labels = [f"{kind}/{name}" for kind in ("mask", "folds") for name in names]
    rows = history[history.label.isin(labels) & (history.split == "learning")].query("epoch > 0")
    by_mask = rows.groupby(["label", "seed", "mask"])["weight"]
    least, most = float(by_mask.min().max()), float(by_mask.max().min())
    return least if least <= most else None


def axis_share(facts: dict) -> float:
    """Share of the energy along the axes beyond that of a mask without direction."""
    by_angle = beyond_even(facts, len(facts["within"]))
    return float(by_angle[near_axis(len(by_angle))].sum())


def beyond_even(facts: dict, wedges: int) -> np.ndarray:
    """Each wedge's share of the energy beyond that of a mask without direction, (wedges,)."""
    own, even = (
        np.array([share(some, facts[part]) for some in np.split(facts[part], wedges)])
        for part in ("within", "even")
    )
    return own - even


def near_axis(wedges: int) -> np.ndarray:
    """Which of the wedges between 0 and 180 degrees lie along an axis, bool (wedges,)."""
    centre = (np.arange(wedges) + 0.5) * 180 / wedges
    return np.minimum(centre % 90, 90 - centre % 90) < AXES


def by_direction(history: pd.DataFrame, networks: dict[str, float], wedges: int = 16):
    """What K3 judges, for its figure: a row for each wedge, with angle, near_axis and an estimate.

    networks: as for `contrast`; over seeds, without an interval for one seed. The sum of the values
    near an axis is the effect of the claim.
    """
    found = {name: facts(history, f"mask/{name}") for name in networks}
    seeds = [
        sum(w * beyond_even(found[name][key], wedges) for name, w in networks.items())
        for key in next(iter(found.values()))
    ]
    angles = (np.arange(wedges) + 0.5) * 180 / wedges
    return pd.DataFrame(
        {"angle": angle, "near_axis": near} | vars(over_seeds(values))
        for angle, near, values in zip(angles, near_axis(wedges), np.transpose(seeds), strict=True)
    )


def shares(read: Facts, measure: Callable, names: Iterable[str]) -> str:
    """What part of the energy of each network's mask a measure finds, in words."""
    found = {name: 100 * contrast(read, {name: 1}, measure).value for name in names}
    *some, last = (f"{value:.0f} % of {LETTERS[name]}'s" for name, value in found.items())
    return f"{', '.join(some)} and {last} energy"


def weights(read: Facts, names: Iterable[str]) -> str:
    """The total weight of each network's mask, in words."""
    found = {name: contrast(read, {name: 1}, lambda rows: rows["weight"]).value for name in names}
    *some, last = (f"{value:.2f} ({LETTERS[name]})" for name, value in found.items())
    return f"{', '.join(some)} and {last}"


def share(part: Iterable[float], whole: Iterable[float]) -> float:
    """Part of a sum; 0 of a mask that keeps nothing, which is what a network without use leaves."""
    total = float(np.sum(whole))
    return float(np.sum(part)) / total if total > 0 else 0.0


def contrast(read: Facts, networks: dict[str, float], statistic) -> Estimate:
    """A weighted sum of a statistic of the masks of networks, {"adversarial": 1, "natural": -1}.

    Over seeds. With one seed the value is that of the masks and the interval that over the masks
    folds/<network>, each learned from its own images: Student's t for their mean, as wide as the
    images differ. Without such masks there is no interval.
    """
    whole = {name: read[f"mask/{name}"] for name in networks}
    seeds = sorted({seed for found in whole.values() for seed, _ in found})

    def weighed(facts: dict[str, dict], key: tuple[int, int]) -> float:
        return sum(weight * statistic(facts[name][key]) for name, weight in networks.items())

    values = [weighed(whole, (seed, 0)) for seed in seeds]

    def over_folds() -> Estimate:
        names = [f"folds/{name}" for name in networks]
        if not set(names) <= set(read.history.label):
            return Estimate(float(values[0]), np.nan, np.nan, 1, "seeds")
        folds = {name: read[f"folds/{name}"] for name in networks}
        each = over_seeds([weighed(folds, key) for key in next(iter(folds.values()))])
        rows = read.history.query("split == 'learning' and epoch == 0")
        images = int(rows[rows.label.isin(names)].groupby("label").images.sum().min())
        return replace(shifted(each, float(values[0]) - each.value), n=images, over="images")

    return estimate(values, over_folds)
