"""Figures of the section on details of the set-up."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.drawing import charts, style
from fhelpers.sections.details.effects import by_rounding, leaves_0_out, that_count

ALT = {
    "effects": "Four panels with a row for each switch: whole images, low parts, high parts, and "
    "trained on low minus trained on high parts. A point with its interval is what the switch "
    "changes; a thin line marks 0. Black points are whole images, a green triangle attacked ones, "
    "blue and vermilion points low and high parts, darker at the larger radius.",
}
NETWORKS = {"natural": "M_natural", "batchnorm": "BatchNorm", "adversarial": "M_adversarial"}
WHOLE = {"original": "whole images", "attacked": "attacked images"}
PANELS = {  # the titles by part
    "original": "whole\nimages", "low": "low\nparts", "high": "high\nparts",
    "bands": "trained:\nlow − high",
}  # fmt: skip


def named(drawn: bool) -> dict[str, str]:
    """The switches and what they change; drawn: whether the scale draws its images."""
    return {
        "bias": "biases",
        "undivided": "training undivided",
        "divided": "test parts divided",
        "less-than": "< r instead of ≤ r",
        "linear": "falling learning rate",
        "float32": "float32",
        "drawn": "the first images" if drawn else "drawn images",
        "running": "running averages",
        "random-start": "PGD, random start",
    }


@style.styled
def effects(rows: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """What each switch changes, a panel for each kind of quantity."""
    names = {switch: name for switch, name in names.items() if switch in set(rows.switch)}
    radii = rows.radius.dropna().unique()
    frame = rows.assign(kind=rows.part.replace("attacked", "original"))
    frame = frame.join(pd.DataFrame(map(vars, rows.difference), index=rows.index))
    colours = style.of_parts(radii) | {"attacked": style.COLOURS["adversarial"]}
    look = {"at": "switch", "order": names, "by": ["part", "radius"], "names": said}
    look |= {"colours": colours, "markers": {"attacked": "^"}, "markersize": 5, "dodge": 0.3}

    def draw(panel: Axes, kind: str) -> None:
        charts.dots(panel, frame[frame.kind == kind], **look)
        panel.axvline(0, color=style.GREY, linewidth=1.2, zorder=1)
        style.in_percent(panel.xaxis, unit="")
        panel.locator_params(axis="x", nbins=3, steps=[1, 2, 5, 10])
        panel.spines["left"].set_visible(False)

    figure, panels = charts.small_multiples(PANELS, 1.7 + 0.42 * len(names), draw, columns=4)
    figure.supxlabel("change of accuracy, percentage points", x=0.65)
    return charts.key(figure, charts.entries(*panels[:3]), ncols=2)


def said(part: str, radius: float, *_) -> str:
    """What an effect is called in the key."""
    return WHOLE.get(part) or (f"{part} parts, r = {radius:g}" if part != "bands" else "low − high")


def quantity(row) -> str:
    """What an effect is one of, in words."""
    if row.part == "bands":
        return f"lead of training on low over training on high parts (r = {row.radius:g})"
    part = WHOLE.get(row.part) or f"{row.part} parts (r = {row.radius:g})"
    return f"accuracy of {NETWORKS[row.network]} on {part}"


def table(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Every effect as a row of a table, with its interval."""
    said = {
        "switch": rows.switch.map(names),
        "difference": rows.difference.map(style.with_interval),
    }
    columns = ["switch", "quantity", "faithful", "changed", "difference"]
    return rows.assign(quantity=[*map(quantity, rows.itertuples())], **said)[columns]


def in_short(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """How many effects leave 0 out, and which is the largest."""
    clear = sum(map(leaves_0_out, rows.difference))
    largest = max(rows.itertuples(), key=lambda row: abs(row.difference.value))
    return (
        f"{clear} of {len(rows)} effects of a single switch have a 95 % interval that leaves 0 "
        f"out. The largest: “{names[largest.switch]}” moves the {quantity(largest)} by "
        f"{style.points(largest.difference.value)} percentage points, from "
        f"{100 * largest.faithful:.0f} to {100 * largest.changed:.0f}."
    )


def so(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which switches do more than rounding, in a sentence."""
    count = that_count(rows)
    rest = [switch for switch in dict.fromkeys(rows.switch) if switch not in (*count, "float32")]
    do, do_not = (style.listing(f"“{names[switch]}”" for switch in some) for some in (count, rest))
    least = f"{100 * by_rounding(rows):.0f} points, which rounding alone can make"
    return f"So: changes of more than {least}, come from these details: {do}. Not from: {do_not}."
