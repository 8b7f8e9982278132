"""Charts from tidy frames: curves with bands, points with intervals, heat maps.

Colours, line styles, markers and names are chosen per series: one value for all, a function of the
series' values, or a mapping that knows the series or one of its values.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fhelpers import intervals
from fhelpers.drawing import numbers, style
from fhelpers.drawing.contrast import WHITE_PAGE

HOLLOW = {"markerfacecolor": WHITE_PAGE}
PAPER = ("the paper", style.INK, "D", "", {"markerfacecolor": "none", "markersize": 8})
CHANCE = ("chance", style.GREY, "", ":", {"linewidth": 1.6})
DASHES = {"--": (0, (4, 1.5)), ":": (0, (1, 1.2)), "-.": (0, (6, 1.5, 1, 1.5))}

Choice = Any  # a value for all series, a function of a series' values, or a mapping


def chosen(choice: Choice, series: tuple[Hashable, ...], otherwise: Any = None) -> Any:
    """What `choice` says of a series, whose values are those of the columns in `by`."""
    if callable(choice):
        return choice(*series)
    if not isinstance(choice, Mapping):
        return otherwise if choice is None else choice
    for known in (series, series[:-1], *series):
        if known in choice:
            return choice[known]
    return otherwise


def in_series(
    frame: pd.DataFrame, by: str | Sequence[str], *at: str, colours, styles, markers, names
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frame with the numbers of each row's `line` and `look`, and the looks themselves.

    A look (columns name, colour, marker, line) is that of a series, or of its place `at`.
    """
    frame, by = frame.reset_index(drop=True), [by] if isinstance(by, str) else list(by)
    series = frame.groupby(by, sort=False, dropna=False).ngroup() if by else [0] * len(frame)
    columns = [frame[column] for column in [*by, *at]]
    rows = zip(*columns, strict=True) if columns else [()] * len(frame)
    looks = [
        (number, chosen(names, row, ", ".join(map(str, row[: len(by)])) or "value"),
         chosen(colours, row, style.INK), chosen(markers, row, "o"), chosen(styles, row, "-"))
        for number, row in zip(series, rows, strict=True)
    ]  # fmt: skip
    levels = {look: number for number, look in enumerate(dict.fromkeys(looks))}
    frame = frame.assign(line=series, look=[levels[look] for look in looks])
    return frame, pd.DataFrame(list(levels), columns=["_", "name", "colour", "marker", "line"])


def draw(
    axes: Axes, frame: pd.DataFrame, looks: pd.DataFrame, x: str, y: str, along: str, **options
) -> Iterator[tuple[Line2D, pd.DataFrame]]:
    """The line of each look, with the rows behind it in the order in which it joins them.

    along: the axis of the values, in whose column each row has its own.
    """
    value, place = (x, y) if along == "x" else (y, x)
    options = {"markeredgewidth": 0.75} | options
    for number, own in frame.sort_values([place, value]).groupby("look"):
        name, colour, marker, dashes = looks.loc[number, ["name", "colour", "marker", "line"]]
        (line,) = axes.plot(
            own[x], own[y], color=colour, marker=marker, linestyle=DASHES.get(dashes, dashes),
            markeredgecolor=colour, label=f"_{name}", **options,
        )  # fmt: skip
        line.entry = name, colour, marker, dashes
        numbers.spanned(line, own.low, own.high, along=along)
        yield line, own


def reach(own: pd.DataFrame, value: str) -> tuple[pd.Series, pd.Series] | None:
    """The ends of the intervals, an open one at the value itself; None where there are none."""
    ends = own[["low", "high"]].astype(float)
    bounded = np.isfinite(ends)
    if not bounded.to_numpy().any():
        return None
    ends = ends.where(bounded, own[value], axis="index")
    return ends.low, ends.high


def curves(
    axes: Axes,
    frame: pd.DataFrame,
    *,
    x: str,
    y: str = "value",
    by: str | Sequence[str] = (),
    colours: Choice = style.INK,
    styles: Choice = "-",
    markers: Choice = "",
    names: Choice = None,
    **options,
) -> list[tuple[float, str, str]]:
    """(last y, name, colour) of each series of a tidy frame, drawn as a line with a band.

    The band is that of the columns low and high; without them a point is the mean of its rows over
    seeds. by: the columns that tell series apart; names: what the figure's data call them.
    """
    if "low" not in frame:
        groups = [*([by] if isinstance(by, str) else by), x]
        frame, y = intervals.each_over_seeds(frame, groups, y), "value"
    look = {"colours": colours, "styles": styles, "markers": markers, "names": names}
    frame, looks = in_series(frame, by, **look)
    if looks.name.duplicated().any():
        raise ValueError(f"curves of one chart need different names, not {list(looks.name)}")
    ends = []
    for line, own in draw(axes, frame.dropna(subset=y), looks, x, y, "y", **options):
        if interval := reach(own, y):
            axes.fill_between(own[x], *interval, color=line.get_color(), alpha=0.2, linewidth=0)
        ends.append((float(own[y].iloc[-1]), line.entry[0], line.entry[1]))
    return ends


def dots(
    axes: Axes,
    frame: pd.DataFrame,
    *,
    at: str,
    order: Mapping[Hashable, str] | Sequence[Hashable] | None = None,
    by: str | Sequence[str] = (),
    colours: Choice = style.INK,
    markers: Choice = "o",
    styles: Choice = "none",
    names: Choice = None,
    dodge: float = 0.26,
    upright: bool = False,
    hollow: bool = False,
    **options,
) -> None:
    """A point with its interval (value, low, high) for each row of a tidy frame.

    at: the column whose values are the rows, or with `upright` the columns, of the chart; order:
    those values in order, with their names if a mapping, or "scale" for numbers that stand where
    they are; by: the columns that tell series apart; styles: of the lines that join a series;
    dodge: how far apart series are drawn; names: what the figure's data call them. Looks may also
    be chosen by the value of `at`.
    """
    look = {"colours": colours, "styles": styles, "markers": markers, "names": names}
    frame, looks = in_series(frame, by, at, **look)
    shift = dodge * (frame.line - frame.line.max() / 2)
    if isinstance(order, str):
        frame["place"] = frame[at]
    else:
        order = list(dict.fromkeys(frame[at])) if order is None else order
        places = {each: n for n, each in enumerate(order)}
        if unknown := set(frame[at]) - set(places):
            raise ValueError(f"a chart by {at} has no row for {sorted(map(str, unknown))}")
        frame["place"] = frame[at].map(places).astype(float) + shift
        name_rows(axes, order, upright=upright)
    x, y, along = ("place", "value", "y") if upright else ("value", "place", "x")
    options = {"linewidth": 1.4, "markersize": 6.5, "zorder": 4} | options
    bars = axes.vlines if upright else axes.hlines
    for line, own in draw(axes, frame.dropna(subset="value"), looks, x, y, along, **options):
        line.set_markerfacecolor(WHITE_PAGE if hollow else line.get_color())
        if interval := reach(own, "value"):
            bars(own.place, *interval, color=line.get_color(), linewidth=2, zorder=2)


def rows(
    frame: pd.DataFrame,
    *,
    at: str,
    order: Mapping[Hashable, str] | Sequence[Hashable] | None = None,
    xlabel: str,
    chance: float | None = None,
    marks: Sequence[tuple] | None = None,
    height: float = 0.38,
    **looks,
) -> tuple[Figure, Axes]:
    """A figure with a named row for each value of `at`, and its axes: shares with intervals.

    order and looks: as for `dots`; marks: entries of the key, if not those of the series.
    """
    order = list(dict.fromkeys(frame[at])) if order is None else order
    figure, axes = style.chart(1.6 + height * len(order))
    dots(axes, frame, at=at, order=order, **looks)
    style.across_percent(axes, xlabel, chance)
    marks = entries(axes) if marks is None else marks
    return key(figure, [*marks, *[CHANCE] * (chance is not None)]), axes


def heat(axes: Axes, frame: pd.DataFrame, *, rows: str, columns: str) -> None:
    """A heat map of estimates (value, low, high) in percentage points, a number in each cell."""
    order = {"index": frame[rows].unique(), "columns": frame[columns].unique()}
    value, low, high = (
        100 * frame.pivot(index=rows, columns=columns, values=name).reindex(**order)
        for name in ("value", "low", "high")
    )
    said = (value / 100).map(lambda each: style.points(each).lstrip("+"))
    texts = said + ((high - low) / 2).map(lambda half: f" ± {half:.0f}" if half == half else "")
    widest = 2.2 * float(np.nanmax(np.abs(value))) or 1.0  # pale, so that the text stays dark
    look = {"cmap": "PRGn", "vmin": -widest, "vmax": widest, "linewidth": 1.5, "edgecolor": "none"}
    mesh = axes.pcolormesh(value.to_numpy(float), **look)
    ends = zip(low.to_numpy().flat, high.to_numpy().flat, strict=True)
    mesh.spans = [{"low": a, "high": b} for a, b in ends]
    for (row, column), text in np.ndenumerate(texts.where(value.notna(), "")):
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center")
    for axis, named in ((axes.xaxis, value.columns), (axes.yaxis, value.index)):
        axis.set_ticks(np.arange(len(named)) + 0.5, named)
    axes.invert_yaxis()
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def name_rows(axes: Axes, names: Mapping | Sequence, *, upright: bool = False) -> None:
    """Name the rows of a chart, the first on top, or with `upright` its columns."""
    texts = names.values() if isinstance(names, Mapping) else names
    texts = [f"{text:g}" if isinstance(text, float) else str(text) for text in texts]
    if upright:
        axes.set_xticks(range(len(texts)), texts)
        axes.set_xlim(-0.5, len(texts) - 0.5)
        return
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def key(figure: Figure, marks: Iterable[tuple] | None = None, **options) -> Figure:
    """The figure with a key above its panels: of all series, or of `marks`.

    marks: (label, colour, marker, line style, options of the line), where all after the colour may
    be left out. `PAPER` and `CHANCE` are such for what the paper says and for guessing; `options`
    are those of `legend`, where ncols is the most columns there may be.
    """
    handles = []
    for label, colour, *rest in entries(*figure.axes) if marks is None else marks:
        marker, line, further = (*rest, *("", "-", {})[len(rest) :])
        look = {"marker": marker, "linestyle": DASHES.get(line, line)} | further
        handles.append(Line2D([], [], color=colour, label=label, **look))
    most = options.pop("ncols", len(handles))
    for columns in range(most, 0, -1):
        options["ncols"] = -(-len(handles) // -(-len(handles) // columns))  # rows of equal length
        legend = figure.legend(handles=handles, loc="outside upper left", **options)
        if legend.get_window_extent().width < 0.96 * figure.bbox.width or columns == 1:
            break
        legend.remove()
    return figure


def entries(*panels: Axes) -> list[tuple]:
    """An entry of a key for each series that `curves` and `dots` drew on the panels."""
    lines = (line for panel in panels for line in panel.lines if hasattr(line, "entry"))
    return list(dict.fromkeys(line.entry for line in lines if line.entry[0]))


def small_multiples(
    names: Mapping[Hashable, str] | Sequence[str],
    height: float,
    draw: Callable[[Axes, Hashable], Any],
    *,
    columns: int = 2,
    head: float = 0.0,
    xlabel: str = "",
    ylabel: str = "",
    colours: Choice = style.INK,
    **options,
) -> tuple[Figure, list[Axes]]:
    """A titled panel for each name, drawn by `draw(axes, name)`, all on the same two scales.

    names: the panels, with their titles if a mapping; height: of a row of panels, in inches; head:
    what the key needs; colours: of the titles; options: of `style.canvas`, such as sharex=False.
    """
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    options = {"sharex": True, "sharey": True} | options
    figure, axes = style.canvas(rows, columns, head + rows * height, **options)
    panels = list(axes.flat)
    for panel, name in zip(panels, names, strict=False):
        draw(panel, name)
        title = names[name] if isinstance(names, Mapping) else name
        panel.set_title(title, color=chosen(colours, (name,), style.INK))
    for place, panel in enumerate(panels[len(names) :], len(names)):
        panel.set_axis_off()
        panels[place - columns].tick_params(labelbottom=True)
    figure.supxlabel(xlabel)
    figure.supylabel(ylabel)
    return figure, panels[: len(names)]


def over_epochs(axes: Axes, frame: pd.DataFrame, ticks: int = 4) -> None:
    """Let the horizontal axis reach from 0 to the last epoch of a frame."""
    axes.set_xlim(0, frame.epoch.max())
    axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))


def nothing(axes: Axes, text: str = "No test image is of this kind.") -> None:
    """A sentence in place of a chart."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes)
