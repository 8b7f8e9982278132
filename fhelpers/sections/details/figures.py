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
    "changes; a thin line marks 0, a grey band what rounding alone can change. Black points are "
    "whole images, a green triangle attacked ones, blue and vermilion points low and high parts, "
    "darker at the larger radius.",
}
NETWORKS = {"natural": "M_natural", "batchnorm": "BatchNorm", "adversarial": "M_adversarial"}
ROUNDING = ("rounding alone", style.PALE, "", "-", {"linewidth": 8})
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
        "whole-divided": "whole images divided",
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
    radii, rounding = rows.radius.dropna().unique(), by_rounding(rows)
    frame = rows.assign(kind=rows.part.replace("attacked", "original"))
    frame = frame.join(pd.DataFrame(map(vars, rows.difference), index=rows.index))
    colours = style.of_parts(radii) | {"attacked": style.COLOURS["adversarial"]}
    look = {"at": "switch", "order": names, "by": ["part", "radius"], "names": said}
    look |= {"colours": colours, "markers": {"attacked": "^"}, "markersize": 5, "dodge": 0.3}

    def draw(panel: Axes, kind: str) -> None:
        charts.dots(panel, frame[frame.kind == kind], **look)
        panel.axvspan(-rounding, rounding, color=style.PALE, linewidth=0, zorder=0)
        panel.axvline(0, color=style.GREY, linewidth=1.2, zorder=1)
        style.in_percent(panel.xaxis, unit="")
        panel.locator_params(axis="x", nbins=4, steps=[1, 5, 10])  # more would touch each other
        panel.spines["left"].set_visible(False)

    figure, panels = charts.small_multiples(PANELS, 1.7 + 0.42 * len(names), draw, columns=4)
    figure.supxlabel("change of accuracy, percentage points", x=0.65)
    return charts.key(figure, [*charts.entries(*panels[:3]), ROUNDING], ncols=2)


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
    """How many effects besides that of rounding leave 0 out, and which is the largest."""
    rounding, count = rows.difference[rows.switch == "float32"], that_count(rows)
    rows = rows[rows.switch != "float32"]
    clear, same = (sum(map(leaves_0_out, each)) for each in (rows.difference, rounding))
    some = style.listing(f"“{names[each]}”" for each in count)
    beyond = f"Only those of {some} exceed" if count else "None exceeds"
    largest = max(rows.itertuples(), key=lambda row: abs(row.difference.value))
    moved = f"{100 * largest.difference.value:+.1f}".replace("-", "−")
    return (
        f"Of {len(rows)} effects of a single switch {clear} have an interval that excludes 0; of "
        f"{len(rounding)} effects of rounding alone {same} do. {beyond} what rounding does. The "
        "largest: "
        f"“{names[largest.switch]}” moves the {quantity(largest)} by {moved} percentage points, "
        f"from {100 * largest.faithful:.1f} to {100 * largest.changed:.1f}."
    )


def so(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which switches do more than rounding, in a sentence; “divided” trains nothing anew."""
    if not any(one.value for one in rows.difference[rows.switch == "float32"]):
        return "So: all networks were trained in float32, and nothing shows what rounding does."
    count = that_count(rows)
    others = (*count, "float32", "divided")
    rest = [switch for switch in dict.fromkeys(rows.switch) if switch not in others]
    do, unknown = (style.listing(f"“{names[each]}”" for each in some) for some in (count, rest))
    who = f"only {do} {'changes' if len(count) == 1 else 'change'}" if count else "none changes"
    return (
        f"So: {who} an accuracy by clearly more than the {100 * by_rounding(rows):.1f} points "
        "that one retraining with other rounding may make. Of the others that were trained anew "
        f"this page cannot tell: {unknown}.{tested_otherwise(rows, names)}"
    )


def tested_otherwise(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """What smaller effects are clear because the same network is only tested in another way."""
    text, count = "", that_count(rows)
    for switch in ("divided", "less-than"):
        own = rows[(rows.switch == switch) & (rows.network == "natural")].difference
        clear = own[own.map(leaves_0_out)]
        if len(clear) and switch not in count:
            most = 100 * clear.map(lambda one: abs(one.value)).max()
            text += (
                f" “{names[switch]}” only tests the same M_natural otherwise, so that rounding has "
                f"no part in it: the intervals of {len(clear)} of {len(own)} accuracies exclude 0, "
                f"and the largest change is {most:.1f} points."
            )
    return text
