"""Claims about BatchNorm: its speed, its use of high parts, and faint signals (W §5.1, §5.2)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims.histories import Curve, curves
from fhelpers.claims.shuffled_labels import epochs_to
from fhelpers.claims.verdicts import Claim, Part, Verdict, claim, conjunction, estimate
from fhelpers.intervals import Estimate, difference, over_seeds, wilson

NETWORKS = ("vanilla", "batchnorm")
# Training accuracies, highest first. They reach further down than those of W4: networks without
# BatchNorm on small low parts may end far below one half.
LEVELS = tuple(level / 100 for level in range(95, 15, -5))
SOONEST = 0.05  # epochs: where within the first one a level is passed cannot be told any finer


@claim(
    "W12",
    text="With BatchNorm a network learns whole images in fewer epochs, and relies more on their "
    "high parts.",
    section="05_batchnorm",
    source="W, §5.1, Figure 5",
    measure="epochs until a training accuracy is first reached, without BatchNorm divided by with, "
    f"at the highest of the levels {LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs pass "
    "beyond doubt; accuracy on test images minus accuracy on their low parts, mean over radii, "
    "with BatchNorm minus without",
    rule="reproduced if the first interval lies above 1 and the second above 0",
    paper=None,
)
def faster_and_higher(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels "vanilla" and "batchnorm", trained on whole images."""
    runs = curves(history, *NETWORKS, split="train", part="original")
    lost, text = "lost without the high part, with BatchNorm minus without", "No common level."
    speed, level = missing(len(runs["vanilla"])), common_level([runs])
    if level is not None:
        speed = times(speed_up(runs["vanilla"], runs["batchnorm"], level))
        text = f"Epochs to a training accuracy of {level:g}: {spans(runs, level)}."
    parts = [Part("epochs without BatchNorm divided by with", speed, 1.0)]
    return [*parts, Part(lost, more_lost(history), 0.0)], text


def more_lost(history: pd.DataFrame) -> Estimate:
    """How much more of its test accuracy the network with BatchNorm loses with the high part."""
    radii = sorted(set(history.radius[history.label.isin(NETWORKS) & (history.part == "low")]))
    if not radii:
        raise ValueError("The history has no low parts: run with at least one radius.")
    whole, images = last(history, NETWORKS, "original")
    low = np.mean([last(history, NETWORKS, "low", radius)[0] for radius in radii], axis=0)
    (plain, normed), (plain_low, normed_low) = whole, low

    def over_images() -> Estimate:
        each = [
            difference(w[0] * images, images, part[0] * images, images)
            for w, part in ((normed, normed_low), (plain, plain_low))
        ]
        return minus(*each)

    return estimate((normed - normed_low) - (plain - plain_low), over_images)


@claim(
    "W15",
    text="For networks trained on low parts only, BatchNorm helps the less the smaller the radius "
    "is, and speeds up training least at the smallest radius.",
    section="05_batchnorm",
    source="W, §5.2, Figure 6",
    measure="test accuracy with BatchNorm minus without, at the largest radius minus at the "
    "smallest, on whole images and on the same low parts; epochs until a training accuracy is "
    "first reached, without BatchNorm divided by with, at the other radius where this is smallest "
    f"divided by that at the smallest radius, at the highest of the levels {LEVELS[-1]}, "
    f"{LEVELS[-2]}, …, {LEVELS[0]} that all runs pass beyond doubt",
    rule="reproduced if the first two intervals lie above 0 and the third above 1",
    paper=None,
)
def help_on_low_parts(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels vanilla-low-<r> and batchnorm-low-<r> for two radii or more."""
    radii = low_radii(history)
    if len(radii) < 2:
        raise ValueError("Runs labelled vanilla-low-<r> and batchnorm-low-<r> need two radii.")
    parts = [
        Part(f"help {name}, r = {radii[-1]:g} minus r = {radii[0]:g}", grown, 0.0)
        for name, grown in (
            ("on whole images", growth(history, radii, "original")),
            ("on low parts", growth(history, radii, "input")),
        )
    ]
    runs = {radius: trained_on_low(history, radius) for radius in radii}
    level, name = common_level(runs.values()), f"speed-up, other radii by r = {radii[0]:g}"
    if level is None:
        none = missing(len(runs[radii[0]]["vanilla"]))
        return [*parts, Part(name, none, 1.0)], "No common level of training accuracy."
    ratios = {r: times(speed_up(run["vanilla"], run["batchnorm"], level)) for r, run in runs.items()}
    listed = ", ".join(f"{ratio.value:.2f} at r = {radius:g}" for radius, ratio in ratios.items())
    note = f"Speed-up to a training accuracy of {level:g}: {listed}."
    return [*parts, Part(name, times(least_elsewhere(runs, level)), 1.0)], note


# An experiment of ours on what the paper supposes: it has no number in the list of claims.
HYPOTHESIS_WORDS = Claim(
    id="Hypothesis",
    text="BatchNorm puts signals of different size on one scale, so that a network learns from "
    "fainter ones.",
    section="05_batchnorm",
    source="W, §5.2",
    measure="strength of a planted high cue from which on a network gets more than half of what "
    "lies between chance and all test images right, without BatchNorm divided by with",
    rule="reproduced if the interval lies above 1; a network that learns no cue, or every one, "
    "counts as if the strongest, or faintest, were its limit, and the interval is open on that "
    "side",
    paper="stated, not tested",
    check=lambda history, chance: faintest_cues(history, chance),
)


def hypothesis(history: pd.DataFrame, chance: float) -> Verdict:
    """The verdict on W's explanation, from the labels vanilla-cue-<s> and batchnorm-cue-<s>."""
    return HYPOTHESIS_WORDS(history, chance)


def faintest_cues(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes of the planted data."""
    found = thresholds(history, chance)
    seeds = zip(*(found[name] for name in NETWORKS), strict=True)
    logs = [plain.value - normed.value for plain, normed in seeds]
    ratio = estimate(logs, lambda: minus(found["vanilla"][0], found["batchnorm"][0]))
    # Where one limit is beyond the strengths that were tried, the ratio is bounded on one side.
    first, second = found["vanilla"], found["batchnorm"]
    if any(one.high == math.inf for one in first) or any(one.low == -math.inf for one in second):
        ratio = replace(ratio, high=math.inf)
    if any(one.low == -math.inf for one in first) or any(one.high == math.inf for one in second):
        ratio = replace(ratio, low=-math.inf)
    limits = f"{limit_in_words(first)} without BatchNorm, {limit_in_words(second)} with"
    name = "faintest strength without BatchNorm divided by with"
    return [Part(name, times(ratio), 1.0)], f"Faintest strength learnt: {limits}."


# Reading the history ---------------------------------------------------------------------------


def after(history: pd.DataFrame, kind: str) -> list[float]:
    """The numbers behind labels such as batchnorm-low-8 (kind "low"), ascending."""
    labels = [str(label).partition(f"-{kind}-") for label in set(history.label)]
    return sorted({float(number) for name, _, number in labels if number and name in NETWORKS})


def low_radii(history: pd.DataFrame) -> list[float]:
    """The radii of low parts that networks were trained on."""
    return after(history, "low")


def strengths(history: pd.DataFrame) -> list[float]:
    """The strengths of the planted cues that networks were trained on."""
    return after(history, "cue")


def pair(kind: str, number: float) -> list[str]:
    return [f"{name}-{kind}-{number:g}" for name in NETWORKS]


def trained_on_low(history: pd.DataFrame, radius: float) -> dict[str, dict[int, Curve]]:
    """Accuracy by epoch on the low parts trained on: {"vanilla": {seed: Curve}, "batchnorm": …}."""
    labels = pair("low", radius)
    found = curves(history, *labels, split="train", part="input")
    return dict(zip(NETWORKS, found.values(), strict=True))


def last(history: pd.DataFrame, labels, part: str, radius=None) -> tuple[np.ndarray, int]:
    """Accuracies on all test images (labels, seeds) at the end of training, and how many images."""
    found = curves(history, *labels, split="test", part=part, radius=radius, scope="all")
    scores = [[curve.accuracy[-1] for curve in seeds.values()] for seeds in found.values()]
    return np.array(scores), min(c.images for seeds in found.values() for c in seeds.values())


def helped(history: pd.DataFrame, radius: float, part: str) -> tuple[np.ndarray, Estimate]:
    """Test accuracy with BatchNorm minus without, trained on low parts: each seed's, and estimate.

    part: "original" for whole test images, "input" for their low parts as in training.
    """
    (plain, normed), images = last(history, pair("low", radius), part)
    each = normed - plain
    over_images = lambda: difference(normed[0] * images, images, plain[0] * images, images)  # noqa: E731
    return each, estimate(each, over_images)


def growth(history: pd.DataFrame, radii: Sequence[float], part: str) -> Estimate:
    """BatchNorm's help at the largest radius minus that at the smallest."""
    (small, least), (large, most) = (helped(history, r, part) for r in (radii[0], radii[-1]))
    return estimate(large - small, lambda: minus(most, least))


# Speed -----------------------------------------------------------------------------------------


def common_level(groups) -> float | None:
    """The highest of `LEVELS` that each run passes by more than its sampling error, if any.

    groups: dictionaries {network: {seed: Curve}}. The sampling error is that of the images that
    were watched: a level that a run barely touches would leave its epochs unknown.
    """
    seen = [curve for runs in groups for seeds in runs.values() for curve in seeds.values()]
    reached = min(wilson(c.accuracy.max() * c.images, c.images)[0] for c in seen)
    return next((level for level in LEVELS if level <= reached), None)


def log_epochs(curve: Curve, level: float) -> Estimate:
    """Logarithm to base 2 of the epochs to `level`, with the interval over images.

    Its ends are the crossings of Wilson's upper and lower limits of the accuracy.
    """
    low, high = wilson(curve.accuracy * curve.images, curve.images)
    crossed = [
        epochs_to(Curve(curve.epochs, accuracy, curve.images), level)
        for accuracy in (curve.accuracy, high, low)
    ]
    value, early, late = (math.log2(max(epochs, SOONEST)) for epochs in crossed)
    return Estimate(value, early, late, curve.images, "images")


def speed_up(slow: dict[int, Curve], fast: dict[int, Curve], level: float) -> Estimate:
    """Logarithm to base 2 of how many times as many epochs the first runs need."""
    pairs = [(log_epochs(slow[s], level), log_epochs(fast[s], level)) for s in slow]
    return estimate([a.value - b.value for a, b in pairs], lambda: minus(*pairs[0]))


def least_elsewhere(runs: dict[float, dict], level: float) -> Estimate:
    """The smallest speed-up at other radii over that at the smallest radius, logarithm to base 2.

    The radius is chosen seed by seed.
    """
    smallest, *others = sorted(runs)
    per_seed, chosen = [], []
    for seed in runs[smallest]["vanilla"]:
        each = {
            radius: speed_up(*({seed: run[name][seed]} for name in NETWORKS), level)
            for radius, run in runs.items()
        }
        weakest = min((each[radius] for radius in others), key=lambda ratio: ratio.value)
        chosen.append((weakest, each[smallest]))
        per_seed.append(weakest.value - each[smallest].value)
    return estimate(per_seed, lambda: minus(*chosen[0]))


def spans(runs: dict[str, dict[int, Curve]], level: float) -> str:
    """Mean epochs to a level, in words."""
    means = {n: np.mean([epochs_to(c, level) for c in seeds.values()]) for n, seeds in runs.items()}
    return f"{means['vanilla']:.1f} without BatchNorm, {means['batchnorm']:.1f} with"


# Faint cues ------------------------------------------------------------------------------------


def half_way(chance: float) -> float:
    """The accuracy in the middle between guessing and all right."""
    if not 0 < chance < 1:
        raise ValueError(f"Chance must lie between 0 and 1, such as 1 / classes, not {chance!r}.")
    return (1 + chance) / 2


def thresholds(history: pd.DataFrame, chance: float) -> dict[str, list[Estimate]]:
    """{network: [each seed's log2 of the faintest cue strength it learns, over images]}.

    An infinite end means that the limit lies beyond the strengths that were tried; the value is
    then the strength at that end.
    """
    sizes = strengths(history)
    if not sizes:
        raise ValueError("Runs labelled vanilla-cue-<s> and batchnorm-cue-<s> are needed.")
    level, found = half_way(chance), {}
    for name in NETWORKS:
        labels = [f"{name}-cue-{size:g}" for size in sizes]
        scores, images = last(history, labels, "original")
        found[name] = [threshold(sizes, of_seed, images, level) for of_seed in scores.T]
    return found


def threshold(sizes: Sequence[float], scores: np.ndarray, images: int, level: float) -> Estimate:
    """log2 of the faintest strength learnt by one seed, from its accuracy at each (ascending)."""
    low, high = wilson(scores * images, images)
    ends = np.log2([sizes[0], sizes[-1]])
    value, below, above = (faintest(sizes, accuracy, level) for accuracy in (scores, high, low))
    return Estimate(float(np.clip(value, *ends)), below, above, images, "images")


def faintest(sizes: Sequence[float], accuracy: np.ndarray, level: float) -> float:
    """log2 of the strength at which accuracy falls below `level`, coming from the strongest.

    Between two strengths by interpolation; inf if it starts below, -inf if it never falls.
    """
    logs, failed = np.log2(sizes), np.flatnonzero(accuracy < level)
    if failed.size == 0:
        return -math.inf
    if failed[-1] == len(sizes) - 1:
        return math.inf
    step = slice(failed[-1], failed[-1] + 2)
    return float(np.interp(level, accuracy[step], logs[step]))


def limit_in_words(found: Sequence[Estimate]) -> str:
    """The faintest strength of a network, mean over seeds, or on which side of all it lies."""
    mean = 2 ** np.mean([one.value for one in found])
    if all(one.low == math.inf for one in found):
        return "none"
    return "every one" if all(one.high == -math.inf for one in found) else f"{mean:.2g}"


# Arithmetic of estimates -----------------------------------------------------------------------


def missing(seeds: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, seeds, "seeds")


def minus(first: Estimate, second: Estimate) -> Estimate:
    """Difference of two independent estimates over images.

    Their distances to their ends are combined like standard errors (Zou and Donner 2008).
    """
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - down, value + up, min(first.n, second.n), "images")


def times(logarithm: Estimate) -> Estimate:
    """2 to the power of an estimate: a ratio from a difference of logarithms."""
    ends = {name: 2 ** getattr(logarithm, name) for name in ("value", "low", "high")}
    return replace(logarithm, **ends)
