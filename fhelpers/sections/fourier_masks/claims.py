"""Claims about the masks of networks: K1 to K4 and K6.

`history` is that of section 11: masks are labelled mask/<network>, folds/<network>.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy import stats

from fhelpers.claims.masks import FIVE, LETTERS, rows_of
from fhelpers.claims.reliance import size_of
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import CONFIDENCE, Estimate

KEPT = 0.99  # share of the accuracy that a mask is to keep (K)
SPARSE = 0.65  # of the frequencies' total weight
LOW = 0.25  # of the largest distance: what counts as low radial energy
AXES = 22.5  # degrees to either side of an axis: the other half of all directions is oblique
UNEVEN = 0.01  # share of the energy: directions that differ by less count as alike
UNLIKE = 0.5  # structural similarity below which two images do not look alike


@claim(
    "K1",
    text="A sparse mask over the frequencies keeps 99 % of a network's accuracy on images that it "
    "was not learned from.",
    source="K, mask reliability",
    measure="accuracy on test images seen through the mask of N divided by that without it; the "
    "mask's total weight, 1 where it keeps everything",
    rule=f"reproduced if the first interval lies above {KEPT} and the weight below {SPARSE}",
    paper="mask learned until 0.99 of the accuracy remained, on the images it was judged on",
    figure="masks-reliability",
)
def sparse_and_enough(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label mask/natural; other masks there are named in the note."""
    parts = [
        Part("accuracy through the mask of N, as a share", kept(history, "mask/natural"), KEPT),
        Part("total weight of the mask of N", weight(history, "natural"), SPARSE, ceiling=True),
    ]
    others = [name for name in masked(history) if name != "natural"]
    listed = ", ".join(
        f"{short(name)} {100 * kept(history, f'mask/{name}').value:.0f} % at weight "
        f"{weight(history, name).value:.2f}"
        for name in others
    )
    return parts, f"Of the accuracy of other networks remain: {listed}." if listed else ""


@claim(
    "K2",
    text="The mask of an adversarially trained network has a larger share of low radial energy "
    "than that of a naturally trained one.",
    source="K, radial energies",
    measure=f"share of the mask's energy in the {LOW:.0%} of the bands nearest to frequency zero, "
    "A minus N",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="masks-energies",
)
def adversarial_is_lower(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of natural and adversarial."""
    more = contrast(history, {"adversarial": 1, "natural": -1}, low_share)
    note = f"The lowest quarter of the distances holds {shares(history, low_share, FIVE[:2])}."
    return [Part("share of low radial energy, A minus N", more, 0.0)], note


@claim(
    "K3",
    text="How adversarial training moves the mask differs by direction.",
    source="K, angular energies",
    measure=f"share of the mask's energy in directions within {AXES} degrees of the horizontal or "
    "the vertical axis (half of all directions; frequency zero left out), A minus N, without its "
    "sign",
    rule=f"reproduced if the interval lies above {UNEVEN}",
    paper=None,
    figure="masks-energies",
)
def direction_matters(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of natural and adversarial."""
    change = contrast(history, {"adversarial": 1, "natural": -1}, axis_share)
    held = shares(history, axis_share, FIVE[:2])
    note = f"The directions near an axis hold {held}; A minus N {change}."
    return [Part("share along the axes, size of A minus N", size_of(change), UNEVEN)], note


@claim(
    "K4",
    text="Random scales, translations or rotations in training do not give the low-frequency bias "
    "that adversarial training gives.",
    source="K, radial energies",
    measure=f"share of the mask's energy in the {LOW:.0%} of the bands nearest to frequency zero, "
    "A minus S, A minus T and A minus R",
    rule="reproduced if all three intervals lie above 0",
    paper=None,
    figure="masks-differences",
)
def augmentation_is_not_lower(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of all five networks."""
    parts = [
        Part(
            f"share of low radial energy, A minus {LETTERS[name]}",
            contrast(history, {"adversarial": 1, name: -1}, low_share),
            0.0,
        )
        for name in ("scale", "translate", "rotate")
    ]
    return parts, f"The lowest quarter of the distances holds {shares(history, low_share, FIVE)}."


@claim(
    "K6",
    text="Images seen through the mask do not look like the originals, while the network still "
    "classifies them.",
    source="K, masked images",
    measure="structural similarity of test images to themselves seen through the mask of N; "
    "accuracy on the latter divided by that on the former",
    rule=f"reproduced if the similarity's interval lies below {UNLIKE} and that of the quotient "
    f"above {KEPT}",
    paper=None,
    figure="masks-images",
)
def unlike_but_classified(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label mask/natural."""
    alike = similarity(history, "mask/natural")
    gone = similarity(history, "mask/natural", part="complement")
    return [
        Part("structural similarity", alike, UNLIKE, ceiling=True),
        Part("accuracy through the mask, as a share", kept(history, "mask/natural"), KEPT),
    ], f"What the mask takes away has a similarity of {gone.value:.2f} to the originals."


# Reading the history ---------------------------------------------------------------------------


def masked(history: pd.DataFrame) -> list[str]:
    """Names of the networks that have a mask, in the history's order."""
    labels = [str(label) for label in dict.fromkeys(history.label)]
    return [label.removeprefix("mask/") for label in labels if label.startswith("mask/")]


def short(name: str) -> str:
    """K's letter for a network: A, or VGG-11 A."""
    start, _, kind = name.rpartition("vgg-11-")
    return "VGG-11 " * bool(_) + LETTERS[kind or start]


def kept(history: pd.DataFrame, label: str) -> Estimate:
    """Accuracy on test images through a mask divided by that without it.

    With one seed over images: the two outcomes of an image go together, so the interval is that of
    a ratio of means with their covariance (the delta method).
    """
    ends = {
        part: rows_of(history, label, split="test", scope="all", part=part).set_index("seed")
        for part in ("original", "masked")
    }
    whole, through = ends["original"], ends["masked"]
    if (whole.accuracy == 0).any():
        raise ValueError(f"The network of {label!r} gets no test image right: train it longer.")
    ratios = (through.accuracy / whole.accuracy).to_list()

    def over_images() -> Estimate:
        n, p, q, both = whole.images[0], whole.accuracy[0], through.accuracy[0], through.both[0]
        ratio = q / p
        variance = (q + ratio**2 * p - 2 * ratio * both) - (q - ratio * p) ** 2
        half = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(max(variance, 0) / n) / p
        return Estimate(float(ratio), float(ratio - half), float(ratio + half), int(n), "images")

    whole, through = whole.reset_index(), through.reset_index()
    return estimate(ratios, over_images)


def similarity(history: pd.DataFrame, label: str, part: str = "masked") -> Estimate:
    """Mean structural similarity of test images to what the mask lets through, or takes away."""
    rows = rows_of(history, label, split="test", scope="all", part=part)

    def over_images() -> Estimate:
        row = rows.iloc[0]
        n = int(row.compared)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * row.deviation / np.sqrt(n)
        value = float(row.similarity)
        return Estimate(value, float(value - half), float(value + half), n, "images")

    return estimate(rows.similarity.to_list(), over_images)


def weight(history: pd.DataFrame, name: str) -> Estimate:
    """Total weight of a network's mask; with one seed over disjoint sets of images."""
    return contrast(history, {name: 1}, lambda rows: rows["weight"])


def energies(history: pd.DataFrame, label: str, part: str) -> dict[tuple[int, int], np.ndarray]:
    """{(seed, mask): energy in each band}; part: "radial" or "angular"."""
    rows = rows_of(history, label, split="mask", part=part).sort_values("band")
    return {key: group.value.to_numpy() for key, group in rows.groupby(["seed", "mask"])}


def facts(history: pd.DataFrame, label: str) -> dict[tuple[int, int], dict]:
    """{(seed, mask): weight and energies} of a label's masks."""
    weights = rows_of(history, label, split="mask", part="weight").set_index(["seed", "mask"]).value
    both = {part: energies(history, label, part) for part in ("radial", "angular")}
    return {
        key: {"weight": float(value)} | {part: found[key] for part, found in both.items()}
        for key, value in weights.items()
    }


def low_share(facts: dict) -> float:
    """Share of the energy in the bands up to LOW of the largest distance."""
    energy = facts["radial"]
    return share(energy[: round(LOW * len(energy))], energy)


def axis_share(facts: dict) -> float:
    """Share of the energy along the axes, frequency zero left out."""
    energy = facts["angular"]
    centre = (np.arange(len(energy)) + 0.5) * 180 / len(energy)
    return share(energy[np.minimum(centre % 90, 90 - centre % 90) < AXES], energy)


def shares(history: pd.DataFrame, measure: Callable, names: Iterable[str]) -> str:
    """What part of the energy of each network's mask a measure finds, in words."""
    found = {name: 100 * contrast(history, {name: 1}, measure).value for name in names}
    *some, last = (f"{value:.0f} % of {LETTERS[name]}'s" for name, value in found.items())
    return f"{', '.join(some)} and {last} energy"


def share(part: Iterable[float], whole: Iterable[float]) -> float:
    """Part of a sum; 0 of a mask that keeps nothing, which is what a network without use leaves."""
    total = float(np.sum(whole))
    return float(np.sum(part)) / total if total > 0 else 0.0


def contrast(history: pd.DataFrame, networks: dict[str, float], statistic) -> Estimate:
    """A weighted sum of a statistic of the masks of networks, {"adversarial": 1, "natural": -1}.

    Over seeds. With one seed the value is that of the masks and the interval that over the masks
    folds/<network>, each learned from its own images: Student's t for their mean, as wide as the
    images differ. Without such masks there is no interval.
    """
    whole = {name: facts(history, f"mask/{name}") for name in networks}
    seeds = sorted({seed for found in whole.values() for seed, _ in found})
    values = [
        sum(w * statistic(whole[name][seed, 0]) for name, w in networks.items()) for seed in seeds
    ]

    def over_folds() -> Estimate:
        if any(f"folds/{name}" not in set(history.label) for name in networks):
            return Estimate(float(values[0]), np.nan, np.nan, 1, "seeds")
        folds = {name: facts(history, f"folds/{name}") for name in networks}
        each = [
            sum(w * statistic(folds[name][key]) for name, w in networks.items())
            for key in next(iter(folds.values()))
        ]
        n, names = len(each), [f"folds/{name}" for name in networks]
        half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(each, ddof=1) / np.sqrt(n)
        rows = history[history.label.isin(names) & (history.split == "learning")]
        images = int(rows[(rows.epoch == 0)].groupby("label").images.sum().min())
        value = float(values[0])
        return Estimate(value, value - float(half), value + float(half), images, "images")

    return estimate(values, over_folds)
