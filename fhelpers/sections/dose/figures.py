"""Figures of the section on the amount of data."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fhelpers.claims import CLAIMS
from fhelpers.claims.verdicts import UNDECIDED
from fhelpers.drawing import charts, style
from fhelpers.runs.scales import SCALES
from fhelpers.sections.dose.effects import ACCURACY, STEPS

ALT = {
    "effects": "Six panels, one for the first effect of each claim, over the number of training "
    "images on a logarithmic axis. Black points with intervals are after equal steps, hollow where "
    "a network has not learned; grey squares in a grey band are at equal training accuracy. A "
    "dashed line is the margin of the rule, and a sign above each point its verdict. Thin vertical "
    "lines mark the numbers of images of two scales.",
    "further": "Panels of the same kind for the further effects of W7, W12 and W13.",
}
POINTS, SHARE, RATIO, RANKS = "points", "% of images", "ratio", "correlation"
PANELS = {  # (claim, part): its title, and its unit
    ("W1", 0): ("W1: cases of Figure 2", SHARE),
    ("W5", 0): ("W5: true − shuffled", POINTS),
    ("W7", 0): ("W7: trained, low − high", POINTS),
    ("W12", 0): ("W12: BatchNorm, speed", RATIO),
    ("W13", 0): ("W13: accuracy lost", POINTS),
    ("W25", 0): ("W25: gap, high part", RANKS),
    ("W7", 1): ("W7: low, gain with r", POINTS),
    ("W7", 2): ("W7: high − chance", POINTS),
    ("W12", 1): ("W12: more of low", POINTS),
    ("W12", 2): ("W12: more of high", POINTS),
    ("W13", 1): ("W13: smaller gap", POINTS),
    ("W13", 2): ("W13: lost without high", POINTS),
    ("W13", 3): ("W13: coarse high parts", POINTS),
}
MARKED = {"quick": ":", "standard": "-"}  # scales whose number of images is marked
LEVEL = {"colours": style.GREY, "markers": "s", "linewidth": 1.6, "markersize": 8}  # under black


@style.styled
def effects(rows: pd.DataFrame, *, first: bool) -> Figure:
    """The first effect of each claim over the number of images, or all the others."""
    own = dict(list(rows.groupby(["claim", "part"])))
    names = {key: PANELS[key][0] for key in PANELS if key in own and (key[1] == 0) == first}
    amounts, hollow = sorted(rows.images.unique()), (rows.stuck[rows.series == STEPS] != "").any()
    scales = {name: SCALES[name].train_images for name in MARKED}
    scales = {name: n for name, n in scales.items() if amounts[0] <= n <= amounts[-1]}

    def draw(panel: Axes, key: tuple[str, int]) -> None:
        over_amounts(panel, own[key], PANELS[key][1])
        limits, ticks = (amounts[0] / 1.35, amounts[-1] * 1.35), with_room(own[key].images)
        panel.set(xscale="log", xlim=limits, xticks=ticks)
        panel.minorticks_off()
        panel.grid(False, axis="x")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        for name, images in scales.items():
            look = {"color": style.GREY, "linewidth": 1, "linestyle": MARKED[name], "zorder": 0}
            panel.axvline(images, ymax=0.85, **look)

    figure, _ = charts.small_multiples(
        names, 1.6, draw, head=1.0, xlabel="training images", sharex=False, sharey=False
    )
    entries = [
        (STEPS, style.INK, "o"),
        (ACCURACY, style.GREY, "s", "-", {"markersize": 8}),
        *[("not learned", style.INK, "o", "", charts.HOLLOW)] * int(hollow),
        ("margin", style.INK, "", "--", {"linewidth": 1.2}),
        *((f"n of {name}", style.GREY, "", MARKED[name], {"linewidth": 1.2}) for name in scales),
    ]
    return charts.key(figure, entries, ncols=3)


def with_room(images: pd.Series) -> list[int]:
    """Those of the numbers that have room for their names on a logarithmic axis, the last first."""
    first, *others = sorted(images.unique(), reverse=True)
    ticks = [first]
    for each in others:
        if each * 3 <= ticks[-1]:
            ticks.append(each)
    return ticks


def over_amounts(panel: Axes, rows: pd.DataFrame, unit: str) -> None:
    """One effect in both series, with its margin and the verdicts."""
    look = {"at": "images", "order": "scale", "by": "series", "upright": True, "markersize": 5.5}
    level, steps = (rows[rows.series == series] for series in (ACCURACY, STEPS))
    charts.curves(panel, level, x="images", by="series", **LEVEL)
    stuck = steps.stuck != ""
    charts.dots(panel, steps[~stuck], names=STEPS, styles="-", **look)
    charts.dots(panel, steps[stuck], names="not learned", hollow=True, **look)
    margin = {"color": style.INK, "linestyle": "--", "linewidth": 1.2, "zorder": 1}
    panel.axhline(rows.margin.iloc[0], label="_margin", **margin)
    for row in steps.itertuples():
        place = {"transform": panel.get_xaxis_transform(), "ha": "center", "va": "top"}
        panel.text(row.images, 1.0, style.SIGNS[row.verdict], **place)
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + 0.18 * (top - bottom))  # room for the signs
    panel.yaxis.set_major_locator(MaxNLocator(4))
    if unit in (POINTS, SHARE):
        style.in_percent(panel.yaxis, unit="" if unit == POINTS else " %")
    panel.set_ylabel("" if unit == SHARE else unit, fontsize=11)


def verdicts(rows: pd.DataFrame) -> dict[str, dict[int, str]]:
    """{claim: {images: verdict}} after equal steps, where all its networks have learned."""
    own = rows[(rows.series == STEPS) & (rows.stuck == "") & (rows.part == 0)]
    return {id: each.set_index("images").said.to_dict() for id, each in own.groupby("claim")}


def in_short(rows: pd.DataFrame) -> str:
    """Which claims keep their verdict over the numbers of images, and which change it."""
    found, said = verdicts(rows), {}
    for id in rows.claim.unique():
        each = found.get(id, {})
        where = {word: [f"{n:,}" for n in each if each[n] == word] for word in each.values()}
        if len(each) < 2:
            group, at = "judged at fewer than two numbers of images", ""
        elif len(where) > 1:
            group = "these change it"
            at = ": " + ", ".join(
                f"{word} at {style.listing(some)}" for word, some in where.items()
            )
        elif UNDECIDED in where:
            group, at = "undecided throughout", ""
        else:
            group, at = (
                "these claims keep their verdict",
                f": {min(where)} at {'both' if len(each) == 2 else f'all {len(each)}'}",
            )
        said.setdefault(group, []).append(f"{CLAIMS[id].short} ({id}{at})")
    clauses = "; ".join(f"{group}: {'; '.join(some)}" for group, some in said.items())
    numbers = style.listing(f"{n:,}" for n in sorted(rows.images.unique()))
    return f"After equal steps on {numbers} training images, {clauses}."


def not_judged(rows: pd.DataFrame) -> str:
    """Where networks have not learned, number by number, in a sentence."""
    stuck = rows[(rows.series == STEPS) & (rows.stuck != "") & (rows.part == 0)]
    if stuck.empty:
        return "At every number of images all networks have learned."
    said = [
        f"{row.claim} at {row.images:,} images, because of {row.stuck}"
        for row in stuck.sort_values("images", kind="stable").itertuples()
    ]
    return f"Not judged, for a network that has not learned: {'; '.join(said)}."


def levels(rows: pd.DataFrame) -> str:
    """The training accuracies at which the networks of each claim were cut, in words."""
    own = rows[rows.series == ACCURACY].drop_duplicates("claim")
    said = [f"{100 * row.level:.0f} % for {row.claim}" for row in own.itertuples()]
    return f"The common training accuracy: {style.listing(said)}."


def so(rows: pd.DataFrame, own: int, fitted: Mapping[int, float]) -> str:
    """Which of the book's own verdicts are others with another amount of data, in a sentence.

    fitted: the training accuracy of M_natural at each number of images.
    """
    found, groups, there = verdicts(rows), {}, []
    for id in rows.claim.unique():
        said = found.get(id, {})
        furthest = max(said, key=lambda each: abs(math.log(each / own)), default=own)
        here, other = said.get(own), said.get(furthest)
        if here is None or furthest == own:
            group, text = "not judged at two numbers", id
        elif here != other:
            group, text = "others", f"{id} ({here} here, {other} at {furthest:,})"
            there.append(furthest)
        elif here == UNDECIDED:
            group, text = "undecided at both", id
        else:
            group, text = "the same at both", f"{id} ({here}, also at {furthest:,})"
        groups.setdefault(group, []).append(text)
    between = f"between {own:,} images (this scale) and the number furthest from it"
    start = f"{between} no verdict changes"
    if others := groups.pop("others", []):
        epochs = style.listing(
            f"{'fewer' if n > own else 'more'} epochs on {n:,} (M_natural fits "
            f"{100 * fitted[n]:.0f} %)"
            for n in dict.fromkeys(there)
        )
        start = (
            f"{between} these verdicts change: {style.listing(others)}; the cause may be the "
            f"number of images, or that the same steps are {epochs} than on {own:,} "
            f"({100 * fitted[own]:.0f} %)"
        )
    rest = [f"{group}: {style.listing(some)}" for group, some in groups.items()]
    return f"So: {'; '.join([start, *rest])}."


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Every effect after equal steps and at equal training accuracy, with intervals and verdict."""
    said = rows.assign(effect=rows.name, text=[*map(style.with_interval, rows.itertuples())])
    said["verdict"] = said.verdict.where(said.stuck == "", "not learned")
    key = ["claim", "part", "images"]
    steps, level = (said[said.series == series] for series in (STEPS, ACCURACY))
    both = steps.merge(level[[*key, "text"]], "left", key).rename(
        columns={"text_x": STEPS, "text_y": ACCURACY}
    )
    return both[["claim", "effect", "images", STEPS, ACCURACY, "verdict"]].fillna("–")
