"""Claims about detection on filtered images (W §7, Figures 8 and 9).

They read the histories of evaluations: a row per part, radius and measure, as measured (scope
"all") and for images drawn anew (scope "draw"). The resamples of all evaluations are paired, so the
interval of a difference over images is that of one and the same draw. All are judged at the
largest radius that the page evaluates, which by default is the paper's.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.verdicts import Claim, Part, claim, estimate
from fhelpers.intervals import Estimate, estimates, proportion, quantile, within

SHARE = 0.10  # of the images: what counts as sizeable; the paper found 0.337
COLUMNS = ("seed", "part", "radius", "scope", "measure", "draw", "images", "value")
PAPER = {"original": 0.356, "low": 0.275, "high": 0.107}  # W §7: mAP on COCO, r = 128
SIZES = ("small", "medium", "large")

Wanted = tuple[str, str]  # part and measure


def objects(runs) -> tuple:
    """The measures of detection on every part."""
    return (runs.history.query("split == 'images'"),)


@claim(
    "W20",
    short="a detector finds most on originals, less on low parts and least on high parts",
    text="A detector finds most on the originals, less on their low parts, and least on their high "
    "parts.",
    source="W, §7",
    measure="COCO's mAP on the originals minus that on low parts, and on low minus on high parts, "
    "at the largest radius",
    rule="reproduced if both intervals lie above 0",
    paper="mAP 35.6 on originals, 27.5 on low parts, 10.7 on high parts, in % (r = 128, COCO)",
    figure="detection-map",
    inputs=objects,
)
def original_low_high(history: pd.DataFrame) -> tuple[list[Part], str]:
    """history: that of evaluations. Raises ValueError as `measured` does."""
    original, low, high = ((part, "AP") for part in ("original", "low", "high"))
    parts = [
        Part("original minus low part", compare(history, np.subtract, original, low), MORE),
        Part("low minus high part", compare(history, np.subtract, low, high), MORE),
    ]
    scores = [100 * mean(history, each) for each in (original, low, high)]
    note = "mAP in %: {:.1f} on originals, {:.1f} on low parts, {:.1f} on high parts (r = {:g})."
    return parts, note.format(*scores, largest(history))


@claim(
    "W21",
    short="small objects lose most on low parts",
    text="Small objects lose most when only the low part is left.",
    source="W, §7.1, Figure 8",
    measure="share of its mAP that each size class loses from originals to low parts at the "
    "largest radius: small minus medium, and small minus large",
    rule="reproduced if both intervals lie above 0",
    figure="detection-sizes",
    inputs=objects,
)
def small_lose_most(history: pd.DataFrame) -> tuple[list[Part], str]:
    """history: that of evaluations. A size class without objects leaves its part open."""
    parts = []
    for size in SIZES[1:]:
        more = compare(
            history, lambda *four: lost(*four[:2]) - lost(*four[2:]), *pairs("small"), *pairs(size)
        )
        parts.append(Part(f"small minus {size}", more, MORE))
    shares = {size: compare(history, lost, *pairs(size)).value for size in SIZES}
    losses = [f"{size} {100 * loss:.0f} %" for size, loss in shares.items() if math.isfinite(loss)]
    note = f"Share of mAP lost at r = {largest(history):g}: {', '.join(losses) or 'not measured'}."
    return parts, note


@claim(
    "W22",
    short="on a sizeable share of images an object is detected better on the low part",
    text="On a sizeable share of images some object is detected better on the low part.",
    source="W, §7.2, Figure 9",
    measure="share of images with an object whose best detection (right class, overlap of at least "
    "0.5, counted as 0 if there is none) scores more than 0.1 higher on the low part, at the "
    "largest radius",
    rule=f"reproduced if the interval lies above {SHARE:g}, our reading of sizeable; ours beside "
    "it: more than after a change of the same size that removes nothing",
    paper="1684 of 5,000 images, a share of 0.337",
    figure="detection-gained",
    inputs=objects,
)
def gained_on_low(history: pd.DataFrame) -> tuple[list[Part], str]:
    """history: that of evaluations."""
    low, control = (mean(history, (part, "gained")) for part in ("low", "control"))
    images = int(history.images.min())
    shares = [value for value, _ in measured(history, ("low", "gained")).values()]
    share = estimate(shares, lambda: proportion(round(shares[0] * images), images))
    more = compare(history, np.subtract, ("low", "gained"), ("control", "gained"))
    return [
        Part("share of images", within(share, 0.0, 1.0), SHARE),
        Part("minus that after the control", more, MORE, ours=True),
    ], (
        f"{low * images:,.0f} of {images:,} images gain on the low part, {control * images:,.0f} "
        "after a change of the same size that removes nothing."
    )


def more_than_chance(history: pd.DataFrame) -> tuple[list[Part], str]:
    """history: that of evaluations."""
    low, control = ("low", "gained"), ("control", "gained")
    part = Part("low part minus control", compare(history, np.subtract, low, control), MORE)
    worse = [mean(history, (name, "lost")) for name in ("low", "control")]
    return [part], (
        f"Images with an object found worse: {100 * worse[0]:.0f} % on the low part, "
        f"{100 * worse[1]:.0f} % on the control."
    )


# The paper counts without a comparison; this is ours and has no number in the list of claims.
CONTROL = Claim(
    id="Control",
    short="more images gain from the low part than from a change that removes nothing",
    text="More images gain from the low part than from a change of the same size that removes no "
    "frequency.",
    source="W, §7.2",
    measure="share of images that gain on the low part minus the share that gain on the control, "
    "at the largest radius",
    rule="reproduced if the interval lies above 0",
    paper="not compared",
    figure="detection-gained",
    check=more_than_chance,
)


# Reading evaluations ---------------------------------------------------------------------------


def pairs(size: str) -> tuple[Wanted, Wanted]:
    return ("original", size), ("low", size)


def lost(before, after):
    """Share lost; NaN where there was nothing to lose."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(before) > 0, 1 - np.divide(after, before), math.nan)


def largest(history: pd.DataFrame) -> float:
    """The largest radius of a history. Raises ValueError where only originals were evaluated."""
    radii = history.radius.dropna()
    if radii.empty:
        raise ValueError("The history has no filtered images: evaluate at least one radius.")
    return float(radii.max())


def measured(history: pd.DataFrame, wanted: Wanted, radius: float | None = None) -> dict:
    """{seed: (value, values of the resamples)} of a part's measure.

    radius: the largest unless given. Raises ValueError when columns or the measure are missing, or
    when a row occurs twice.
    """
    if missing := ", ".join(column for column in COLUMNS if column not in history):
        raise ValueError(f"The history has no column {missing}: pass that of evaluations.")
    part, measure = wanted
    rows = history[(history.part == part) & (history.measure == measure)]
    if part != "original":
        rows = rows[rows.radius == (largest(history) if radius is None else radius)]
    if rows.empty:
        raise ValueError(f"The history has no {measure} on the part {part!r}: evaluate it first.")
    if rows.duplicated(["seed", "scope", "draw"]).any():
        raise ValueError(f"The {measure} on {part!r} occurs twice: pass one data set's runs only.")
    found = {}
    for seed, own in rows.groupby("seed"):
        draws = own[own.scope == "draw"].sort_values("draw").value.to_numpy()
        found[int(seed)] = float(own[own.scope == "all"].value.iloc[0]), draws
    return found


def mean(history: pd.DataFrame, wanted: Wanted) -> float:
    """A measure averaged over seeds, at the largest radius."""
    return float(np.mean([value for value, _ in measured(history, wanted).values()]))


def compare(
    history: pd.DataFrame, combine: Callable, *wanted: Wanted, radius: float | None = None
) -> Estimate:
    """combine(value, …) of some measures, over seeds, or with one seed over images."""
    found = [measured(history, each, radius) for each in wanted]
    seeds = list(found[0])
    if any(list(each) != seeds for each in found):
        raise ValueError("Parts are compared seed by seed: evaluate all with the same seeds.")
    values = [float(combine(*(each[seed][0] for each in found))) for seed in seeds]
    images = int(history.images.min())
    if not np.isfinite(values).all():
        return Estimate(math.nan, math.nan, math.nan, images, "images")

    def over_images() -> Estimate:
        draws = combine(*(each[seeds[0]][1] for each in found))
        return Estimate(values[0], *ends(draws, values[0]), images, "images")

    return estimate(values, over_images)


def ends(draws: np.ndarray, value: float) -> tuple[float, float]:
    """The middle 95 % of the resamples, moved so that their median is the measured value.

    Images that are drawn twice agree with each other, which lifts average precision a little in
    every resample. There is no interval when half of the resamples could not be computed.
    """
    there = draws[np.isfinite(draws)]
    if len(there) <= len(draws) / 2:
        return math.nan, math.nan
    low, middle, high = np.quantile(there, [1 - quantile(), 0.5, quantile()])
    return float(value + low - middle), float(value + high - middle)


def scored(history: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A measure of every part with its interval: columns part, radius, value, low, high."""
    there = history[(history.measure == measure) & (history.scope == "all")]
    return pd.DataFrame(
        {"part": part, "radius": radius} | vars(compared(history, part, measure, radius))
        for part, radius in there[["part", "radius"]].drop_duplicates().itertuples(index=False)
    )


def compared(history: pd.DataFrame, part: str, measure: str, radius: float | None = None):
    """A measure of one part; without a radius at the largest."""
    return compare(history, lambda x: x, (part, measure), radius=radius)


def shares_kept(history: pd.DataFrame) -> pd.DataFrame:
    """What is left of the mAP on originals at the largest radius, and in the paper."""
    return pd.DataFrame(
        {"part": part, "paper": PAPER[part] / PAPER["original"]}
        | vars(compare(history, lambda *both: 1 - lost(*both), ("original", "AP"), (part, "AP")))
        for part in ("low", "high")
    )


def by_size(history: pd.DataFrame) -> pd.DataFrame:
    """Share of its mAP that each size class loses at the largest radius: size, value, low, high."""
    return estimates(lambda size: compare(history, lost, *pairs(size)), size=SIZES)
