"""Figures of the section on the amount of data."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from fhelpers.claims.learning import trained_to
from fhelpers.claims.reliance import TEST, effect
from fhelpers.claims.verdicts import UNDECIDED
from fhelpers.drawing import charts, style
from fhelpers.runs.scales import SCALES
from fhelpers.sections.dose.effects import ACCURACY, STEPS, by_amount

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "effects": "Six panels, one for the first effect of each claim, over the number of training "
    "images on a logarithmic axis. Black points with intervals are after equal steps, hollow where "
    "a network has not learned; grey squares in a grey band are at equal training accuracy. A "
    "dashed line is the margin of the rule, and a sign above each point its verdict. Thin upright "
    "lines mark the numbers of images of two scales.",
    "further": "Panels of the same kind for the further effects of W7, W12 and W13.",
}
POINTS, SHARE, RATIO, RANKS = "points", "% of images", "ratio", "correlation"
PANELS = {  # (claim, part): its title, and its unit
    ("W1", 0): ("W1: cases of Figure 2", SHARE),
    ("W5", 0): ("W5: true − shuffled", POINTS),
    ("W7", 0): ("W7: trained, low − high", POINTS),
    ("W12", 0): ("W12: speed-up by BN", RATIO),
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
LEVEL = {"colours": style.GREY, "markers": "s", "linewidth": 1.6, "markersize": 4}


@style.styled
def effects(rows: pd.DataFrame, *, first: bool) -> Figure:
    """The first effect of each claim over the number of images, or all the others."""
    keys = [key for key in PANELS if (key[1] == 0) == first]
    keys = [key for key in keys if ((rows.claim == key[0]) & (rows.part == key[1])).any()]
    amounts = sorted(rows.images.unique())

    def draw(panel: Axes, key: tuple[str, int]) -> None:
        own = rows[(rows.claim == key[0]) & (rows.part == key[1])]
        over_amounts(panel, own, PANELS[key][1])
        across(panel, amounts)

    names = {key: PANELS[key][0] for key in keys}
    figure, _ = charts.small_multiples(
        names, 1.6, draw, head=1.0, xlabel="training images", sharex=False, sharey=False
    )
    shown = [name for name in MARKED if amounts[0] <= SCALES[name].train_images <= amounts[-1]]
    entries = [
        (STEPS, style.INK, "o"),
        (ACCURACY, style.GREY, "s", "-", {"markersize": 4}),
        ("not learned", style.INK, "o", "", charts.HOLLOW),
        ("margin", style.INK, "", "--", {"linewidth": 1.2}),
        *((f"n of {name}", style.GREY, "", MARKED[name], {"linewidth": 1.2}) for name in shown),
    ]
    charts.key(figure, entries, ncols=3)
    return figure


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
        place = {"xy": (row.images, 1.0), "xycoords": ("data", "axes fraction"), "va": "top"}
        panel.annotate(style.SIGNS[row.verdict], ha="center", fontsize=11, **place)
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + 0.18 * (top - bottom))  # room for the signs
    panel.yaxis.set_major_locator(MaxNLocator(4))
    if unit in (POINTS, SHARE):
        style.in_percent(panel.yaxis, unit="" if unit == POINTS else " %")
    panel.set_ylabel("" if unit == SHARE else unit, fontsize=11)


def across(panel: Axes, amounts: list[int]) -> None:
    """A logarithmic axis of numbers of images, on which scales are marked."""
    panel.set_xscale("log")
    panel.set_xlim(amounts[0] / 1.35, amounts[-1] * 1.35)
    ticks = amounts[-1:]
    for images in reversed(amounts):  # only numbers that have room for their names
        ticks = [images, *ticks] if images * 3 <= ticks[0] else ticks
    panel.xaxis.set_major_locator(FixedLocator(ticks))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(False, axis="x")
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for name, line in MARKED.items():
        images = SCALES[name].train_images
        if amounts[0] <= images <= amounts[-1]:
            panel.axvline(
                images, ymax=0.85, color=style.GREY, linewidth=1, linestyle=line, zorder=0
            )


# What the notebook puts into words and tables ------------------------------------------------


def verdicts(rows: pd.DataFrame) -> dict[str, dict[int, str]]:
    """{claim: {images: verdict}} after equal steps, where all its networks have learned."""
    own = rows[(rows.series == STEPS) & (rows.stuck == "") & (rows.part == 0)]
    return {
        id: dict(zip(each.images, each.said, strict=True))
        for id, each in own.groupby("claim", sort=False)
    }


def at_amounts(found: Mapping[int, str]) -> str:
    """Verdicts with the numbers of images that have them, in words."""
    where: dict[str, list[str]] = {}
    for images, said in found.items():
        where.setdefault(said, []).append(f"{images:,}")
    return ", ".join(f"{said} at {style.listing(some)}" for said, some in where.items())


def in_short(rows: pd.DataFrame) -> str:
    """Which claims keep their verdict over the numbers of images, and which change it."""
    found = verdicts(rows)
    groups: dict[str, list[str]] = {"kept": [], "changed": [], "open": [], "alone": []}
    for id in rows.claim.unique():
        each = found.get(id, {})
        said = set(each.values())
        kind = "changed" if len(said) > 1 else "open" if said == {UNDECIDED} else "kept"
        kind = kind if len(each) > 1 else "alone"
        where = f"{min(said)} at {len(each)} numbers" if kind == "kept" else at_amounts(each)
        groups[kind].append(id if kind in ("open", "alone") else f"{id} ({where})")
    kept, changed, undecided, alone = map(style.listing, groups.values())
    sides = kept_sides(rows)
    return (
        f"After equal steps on {style.listing(f'{n:,}' for n in sorted(rows.images.unique()))} "
        f"training images, these claims keep their verdict: {kept}; these change it: {changed}. "
        f"Undecided throughout: {undecided}. Judged at fewer than two numbers of images: {alone}. "
        f"Of {len(sides)} effects that can be compared, {sum(sides)} lie on the same side of no "
        "effect at every number."
    )


def kept_sides(rows: pd.DataFrame) -> list[bool]:
    """For each effect at two numbers of images or more, whether it keeps its sign."""
    own = rows[(rows.series == STEPS) & (rows.stuck == "") & rows.value.notna()]
    groups = [each for _, each in own.groupby(["claim", "part"]) if len(each) > 1]
    return [np.sign(each.value - each.neutral).nunique() == 1 for each in groups]


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


def so(rows: pd.DataFrame, own: int) -> str:
    """Which of the book's own verdicts are others with another amount of data, in a sentence."""
    groups: dict[str, list[str]] = {"changed": [], "stand": [], "open": []}
    found = verdicts(rows)
    for id in rows.claim.unique():
        said = found.get(id, {})
        others = [images for images in said if images != own]
        if own not in said or not others:
            groups["open"].append(id)
            continue
        furthest = max(others, key=lambda each: abs(math.log(each / own)))
        here, there = said[own], said[furthest]
        if here != there:
            groups["changed"].append(f"{id} ({here} here, {there} at {furthest:,})")
        else:
            kind = "open" if here == UNDECIDED else "stand"
            groups[kind].append(id if here == UNDECIDED else f"{id} ({here}, also at {furthest:,})")
    changed, stand, unknown = map(style.listing, groups.values())
    return (
        f"So: of the verdicts at {own:,} images, where this scale stands, these are others at the "
        "number furthest from it at which they were judged, and may be artefacts of size: "
        f"{changed}. These stand there: {stand}. Nothing can be said of: {unknown}."
    )


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Every effect after equal steps and at equal training accuracy, with intervals and verdict."""
    level = rows[rows.series == ACCURACY].set_index(["claim", "part", "images"])
    found = []
    for row in rows[rows.series == STEPS].itertuples():
        key = (row.claim, row.part, row.images)
        other = style.with_interval(level.loc[key]) if key in level.index else "–"
        found.append(
            {"claim": row.claim, "effect": row.name, "images": row.images,
             STEPS: style.with_interval(row), ACCURACY: other,
             "verdict": "not learned" if row.stuck else row.verdict}
        )  # fmt: skip
    return pd.DataFrame(found)


def accuracies(runs: Mapping, published: Mapping[str, float]) -> pd.DataFrame:
    """Training and test accuracy of every network at every number of images, and the paper's."""
    amounts = by_amount(runs)
    labels = dict.fromkeys(label for each in amounts.values() for label in each)
    table = pd.DataFrame({"network": list(labels)})
    for images, each in amounts.items():
        history = each.history
        table[f"n = {images:,}"] = [
            f"{trained_to(history, label):.2f} / {effect(history, {label: 1}, TEST).value:.2f}"
            if label in each
            else "–"
            for label in labels
        ]
    return table.assign(paper=[published.get(label) for label in labels])
