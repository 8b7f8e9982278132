"""Claims about BatchNorm: its speed, its use of high parts, and faint signals (W §5.1, §5.2)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims import reliance
from fhelpers.claims.histories import MORE, Curve, crossing, curves, epochs_to, lead, minus
from fhelpers.claims.reliance import TEST, Measure, Term, effect, on_parts
from fhelpers.claims.verdicts import Claim, Part, claim, estimate
from fhelpers.intervals import Estimate, estimates, wilson

NETWORKS = ("vanilla", "batchnorm")
TESTED: dict[str, Measure] = {"whole images": TEST, "low parts": (Term(1, "test", "input"),)}
# Training accuracies, highest first. They reach further down than those of W4: networks without
# BatchNorm on small low parts may end far below one half.
LEVELS = tuple(level / 100 for level in range(95, 15, -5))
AS_FAST = 1.0  # ratio: the paper says "faster" or "fainter" without a size
SOONEST = 0.05  # epochs: within the first one, nothing says where a level is passed


@claim(
    "W12",
    short="BatchNorm learns faster and picks up more of both parts",
    text="With BatchNorm a network learns whole images in fewer epochs, and picks up more of both "
    "their low and their high parts.",
    source="W, §5.1, Figure 5",
    measure="epochs until a training accuracy is first reached, without BatchNorm divided by with, "
    f"at the highest of the levels {LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs pass "
    "beyond doubt; accuracy on the low and on the high parts of test images, mean over radii, with "
    "BatchNorm minus without; ours beside it: the same of the accuracy lost without the high part",
    rule=f"reproduced if the first interval lies above {AS_FAST:g} and the others above {MORE:g}",
    figure="batchnorm-whole",
    networks=NETWORKS,
)
def faster_and_more_of_both(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels "vanilla" and "batchnorm", trained on whole images."""
    runs = curves(history, *NETWORKS, split="train", part="original")
    whole = history[history.label.isin(NETWORKS)]
    radii, more = reliance.monitored_radii(whole), {"batchnorm": 1, "vanilla": -1}
    speed, note = missing(len(runs["vanilla"])), "No common level of training accuracy."
    if level := common_level([runs]):
        speed = times(speed_up(runs["vanilla"], runs["batchnorm"], level))
        note = f"Epochs to a training accuracy of {level:g}: {spans(runs, level)}."
    parts = [Part("epochs without BatchNorm divided by with", speed, AS_FAST, neutral=AS_FAST)]
    for band in ("low", "high"):
        found = effect(whole, more, on_parts(band, radii))
        parts.append(Part(f"on {band} parts, with BatchNorm minus without", found, MORE))
    lost = effect(whole, more, reliance.lost_without_high(radii))
    name = "accuracy lost without the high part, with BatchNorm minus without"
    return [*parts, Part(name, lost, MORE, ours=True)], note


@claim(
    "W15",
    short="on low parts, the smaller the radius, the less BatchNorm helps",
    text="For networks trained on low parts only, the smaller the radius, the less BatchNorm "
    "helps, and it speeds up training least at the smallest radius.",
    source="W, §5.2, Figure 6",
    measure="test accuracy with BatchNorm minus without, at the largest radius minus at the "
    "smallest, on whole images and on the same low parts; the smallest speed-up at the other radii "
    "divided by that at the smallest radius, a speed-up being the epochs without BatchNorm divided "
    "by those with it until a training accuracy is first reached, the highest of the levels "
    f"{LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs clearly pass",
    rule="reproduced if the first two intervals lie above 0 and the third above 1",
    figure="batchnorm-help",
    networks=("vanilla-low-*", "batchnorm-low-*"),
)
def help_on_low_parts(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels vanilla-low-<r> and batchnorm-low-<r> for two radii or more."""
    radii = after(history, "low")
    if len(radii) < 2:
        raise ValueError("Runs labelled vanilla-low-<r> and batchnorm-low-<r> need two radii.")
    small, large = (helped(radius) for radius in (radii[0], radii[-1]))
    grown = large | {label: -weight for label, weight in small.items()}
    ends = f"r = {radii[-1]:g} minus r = {radii[0]:g}"
    parts = [
        Part(f"help on {name}, {ends}", effect(history, grown, measure), MORE)
        for name, measure in TESTED.items()
    ]
    runs = {radius: trained_on_low(history, radius) for radius in radii}
    speed, note = missing(len(runs[radii[0]]["vanilla"])), "No common level of training accuracy."
    if level := common_level(runs.values()):
        ratios = {r: times(speed_up(*run.values(), level)) for r, run in runs.items()}
        listed = ", ".join(f"{ratio.value:.2f} at r = {r:g}" for r, ratio in ratios.items())
        speed = times(least_elsewhere(runs, level))
        note = f"Speed-up to a training accuracy of {level:g}: {listed}. "
        note += "The smallest at the other radii is chosen for each seed."
    name = f"speed-up, other radii by r = {radii[0]:g}"
    return [*parts, Part(name, speed, AS_FAST, neutral=AS_FAST)], note


def faintest_cues(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes of the planted data."""
    found, sizes = thresholds(history, chance), after(history, "cue")
    seeds = zip(*found.values(), strict=True)
    ratio = lead([[within(one, sizes) for one in pair] for pair in seeds])
    # Where one limit is beyond the strengths that were tried, the ratio is bounded on one side.
    plain, normed = ({one.value for one in found[name]} for name in NETWORKS)
    if math.inf in plain or -math.inf in normed:
        ratio = replace(ratio, high=math.inf)
    if -math.inf in plain or math.inf in normed:
        ratio = replace(ratio, low=-math.inf)
    limits = " without BatchNorm, ".join(limit_in_words(found[name]) for name in NETWORKS)
    name = "faintest strength without BatchNorm divided by with"
    part = Part(name, times(ratio), AS_FAST, neutral=AS_FAST)
    epochs = history[history.label.isin([f"vanilla-cue-{size:g}" for size in sizes])].epoch.max()
    note = f"Faintest strength learned within {epochs:.0f} epochs: {limits} with."
    return [part], f"{note} {still_learning(history, chance)}".strip()


# An experiment of ours on what the paper supposes: it has no number in the list of claims.
HYPOTHESIS = Claim(
    id="Hypothesis",
    short="within the same epochs, a network with BatchNorm learns fainter signals",
    text="BatchNorm puts signals of different size on one scale, so that within the same epochs a "
    "network learns fainter ones.",
    source="W, §5.2",
    measure="strength of the faintest planted high cue with which a network is, at the end of "
    "training, more than half-way from chance to all test images correct, without BatchNorm "
    "divided by with; between the strengths tried it is interpolated, which the interval leaves "
    "out",
    rule="reproduced if the interval lies above 1; a network that learns no cue, or every one, "
    "counts as if the strongest, or faintest, were its limit, and the interval is open on that "
    "side",
    paper="stated, not tested",
    figure="batchnorm-faintest",
    check=faintest_cues,
)


# Reading the history ---------------------------------------------------------------------------


def after(history: pd.DataFrame, kind: str) -> list[float]:
    """The numbers behind labels such as batchnorm-low-8 (kind "low"), ascending."""
    labels = [str(label).partition(f"-{kind}-") for label in set(history.label)]
    return sorted({float(number) for name, _, number in labels if number and name in NETWORKS})


def helped(radius: float) -> dict[str, float]:
    """The weights that make of a measure BatchNorm's help: with it minus without it."""
    return {f"batchnorm-low-{radius:g}": 1, f"vanilla-low-{radius:g}": -1}


def trained_on_low(history: pd.DataFrame, radius: float) -> dict[str, dict[int, Curve]]:
    """Accuracy by epoch on the low parts trained on: {"vanilla": {seed: Curve}, "batchnorm": …}."""
    labels = [f"{name}-low-{radius:g}" for name in NETWORKS]
    found = curves(history, *labels, split="train", part="input")
    return dict(zip(NETWORKS, found.values(), strict=True))


# Speed -----------------------------------------------------------------------------------------


def common_level(groups: Iterable[dict]) -> float | None:
    """The highest of `LEVELS` that each run passes by more than its sampling error, if any.

    groups: dictionaries {network: {seed: Curve}}. The sampling error is that of the images that
    were monitored: a level that a run barely touches would leave its epochs unknown.
    """
    seen = [curve for runs in groups for seeds in runs.values() for curve in seeds.values()]
    reached = min(wilson(c.accuracy.max() * c.images, c.images)[0] for c in seen)
    return next((level for level in LEVELS if level <= reached), None)


def log_epochs(curve: Curve, level: float) -> Estimate:
    """Logarithm to base 2 of the epochs to `level`, with the interval over images.

    Its ends are the crossings of Wilson's upper and lower limits of the accuracy.
    """
    low, high = wilson(curve.accuracy * curve.images, curve.images)
    crossed = [crossing(curve.epochs, each, level) for each in (curve.accuracy, high, low)]
    value, early, late = (math.log2(max(epochs, SOONEST)) for epochs in crossed)
    return Estimate(value, early, late, curve.images, "images")


def speed_up(slow: dict[int, Curve], fast: dict[int, Curve], level: float) -> Estimate:
    """Logarithm to base 2 of how many times as many epochs the first runs need."""
    return lead([[log_epochs(runs[seed], level) for runs in (slow, fast)] for seed in slow])


def least_elsewhere(runs: dict[float, dict], level: float) -> Estimate:
    """The smallest speed-up at other radii over that at the smallest radius, logarithm to base 2.

    The radius is chosen seed by seed.
    """
    smallest, *others = sorted(runs)
    pairs = []
    for seed in runs[smallest]["vanilla"]:
        each = {
            radius: speed_up(*({seed: run[name][seed]} for name in NETWORKS), level)
            for radius, run in runs.items()
        }
        weakest = min((each[radius] for radius in others), key=lambda ratio: ratio.value)
        pairs.append((weakest, each[smallest]))
    return lead(pairs)


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

    What is infinite lies beyond the strengths that were tried: no cue learned, or every one (-inf).
    """
    sizes = after(history, "cue")
    if not sizes:
        raise ValueError("Runs labelled vanilla-cue-<s> and batchnorm-cue-<s> are needed.")
    level, found = half_way(chance), {}
    for name in NETWORKS:
        labels = [f"{name}-cue-{size:g}" for size in sizes]
        runs = curves(history, *labels, split="test", part="original", scope="all").values()
        found[name] = [
            threshold(sizes, [seeds[seed] for seeds in runs], level) for seed in next(iter(runs))
        ]
    return found


def threshold(sizes: Sequence[float], runs: Sequence[Curve], level: float) -> Estimate:
    """log2 of the faintest strength learned by one seed, whose runs belong to ascending `sizes`."""
    scores, images = np.array([run.accuracy[-1] for run in runs]), min(run.images for run in runs)
    low, high = wilson(scores * images, images)
    value, below, above = (faintest(sizes, accuracy, level) for accuracy in (scores, high, low))
    return Estimate(value, below, above, images, "images")


def within(limit: Estimate, sizes: Sequence[float]) -> Estimate:
    """The limit with what is beyond all strengths counted as the last one, open on that side."""
    first, last = (math.log2(size) for size in (sizes[0], sizes[-1]))
    value = min(max(limit.value, first), last)
    return replace(limit, value=value, low=min(limit.low, last), high=max(limit.high, first))


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


def still_learning(history: pd.DataFrame, chance: float) -> str:
    """How the network without BatchNorm ended on the strongest cue that it missed, in a sentence.

    Nothing where it missed none.
    """
    ends = by_strength(history).query("network == 'vanilla'")
    missed = ends.strength[ends.value < half_way(chance)]
    if missed.empty:
        return ""
    label = f"vanilla-cue-{missed.max():g}"
    runs = curves(history, label, split="train", part="original")[label].values()
    last = np.array([run.accuracy[-1] for run in runs])
    before = np.array([np.interp(0.75 * run.epochs[-1], run.epochs, run.accuracy) for run in runs])
    images = min(run.images for run in runs)
    pairs = zip(last[:, None], before[:, None], strict=True)  # each run by itself, over its images
    rose = sum(minus(*pair, images).low > 0 for pair in pairs)
    which = "this run" if len(last) == 1 else f"{rose} of {len(last)} runs"
    return (
        f"At strength {missed.max():g}, which the network without BatchNorm does not learn, its "
        f"training accuracy went from {100 * before.mean():.0f} to {100 * last.mean():.0f} % in "
        f"the last quarter of the epochs{', on average' * (len(last) > 1)}: "
        + (f"a clear rise in {which}, which may only need longer." if rose else "no clear rise.")
    )


def limit_in_words(found: Sequence[Estimate]) -> str:
    """The faintest strength that a network learns, mean over seeds, or that there is none."""
    finite = [one.value for one in found if math.isfinite(one.value)]
    words = [f"{2 ** np.mean(finite):.2g}"] if finite else []
    for value, word in ((math.inf, "none"), (-math.inf, "every one")):
        if count := sum(one.value == value for one in found):
            words.append(word if count == len(found) else f"{word} in {count} of {len(found)} runs")
    return ", ".join(words)


# Arithmetic of estimates -----------------------------------------------------------------------


def missing(seeds: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, seeds, "seeds")


def times(logarithm: Estimate) -> Estimate:
    """2 to the power of an estimate: a ratio from a difference of logarithms."""
    ends = {name: 2 ** getattr(logarithm, name) for name in ("value", "low", "high")}
    return replace(logarithm, **ends)


def on_each_part(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy on low and high parts of the networks trained on whole images."""
    whole = history[history.label.isin(NETWORKS)]
    return estimates(
        lambda part, label, radius: effect(whole, {label: 1}, on_parts(part, [radius])),
        part=("low", "high"), network=NETWORKS, radius=reliance.monitored_radii(whole),
    )  # fmt: skip


def epochs_needed(history: pd.DataFrame) -> tuple[float | None, pd.DataFrame]:
    """The level of training accuracy that all networks trained on low parts pass, and when.

    Columns radius, network ("times" for the quotient of the two), value, low, high, n, over; no
    rows and no level where some network learns too little.
    """
    radii = after(history, "low")
    runs = {radius: trained_on_low(history, radius) for radius in radii}
    level, rows = common_level(runs.values()), []
    for radius in radii if level else ():
        logs = {"times": speed_up(*runs[radius].values(), level)}
        for label, seeds in runs[radius].items():
            each = [log_epochs(curve, level) for curve in seeds.values()]
            logs[label] = estimate([log.value for log in each], lambda each=each: each[0])
        for label, log in logs.items():
            rows.append({"radius": radius, "network": label} | vars(times(log)))
    return level, pd.DataFrame(rows, columns=["radius", "network", *Estimate.__annotations__])


def by_strength(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy at each strength of the cue: columns network, strength, value, low, high, …"""
    return estimates(
        lambda label, strength: effect(history, {f"{label}-cue-{strength:g}": 1}, TEST),
        network=NETWORKS, strength=after(history, "cue"),
    )  # fmt: skip
