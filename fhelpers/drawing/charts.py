"""Charts from tidy frames: curves with bands, points with intervals, keys and rows of panels.

Colours, line styles, markers and names are chosen per series: one value for all, a function of the
series' values, or a mapping that knows the series or one of its values.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from fhelpers.drawing import numbers, style

HOLLOW = {"markerfacecolor": style.WHITE_PAGE}
PAPER = ("in the paper", style.INK, "D", "", {"markerfacecolor": "none", "markersize": 8})
CHANCE = ("chance", style.GREY, "", ":", {"linewidth": 1.6})

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


def grouped(frame: pd.DataFrame, by: str | Sequence[str]) -> Iterable[tuple[tuple, pd.DataFrame]]:
    """The rows of each series, in the order in which the series first appear."""
    columns = [by] if isinstance(by, str) else list(by)
    if not columns:
        return [((), frame)]
    return frame.groupby(columns, sort=False, dropna=False)


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
    band: tuple[str, str] | None = ("low", "high"),
    bars: bool = False,
    **options,
) -> list[tuple[float, str, str]]:
    """A line for each series of a tidy frame, with its interval as a band, or as `bars`.

    by: the columns that tell series apart; names: what the figure's data call them. Returns
    (last y, name, colour) of each, which is what `style.label_ends` takes.
    """
    ends = []
    for series, line in grouped(frame, by):
        colour = chosen(colours, series, style.INK)
        name = chosen(names, series, ", ".join(map(str, series)))
        look = {"color": colour, "linestyle": chosen(styles, series, "-"), "label": f"_{name}"}
        look |= {"marker": chosen(markers, series, "")} | options
        (drawn,) = axes.plot(line[x], line[y], **look)
        if band is not None:
            low, high = line[band[0]], line[band[1]]
            numbers.spanned(drawn, low, high)
            if bars:
                stroke = {"color": colour, "linewidth": 2, "label": numbers.INTERVAL}
                axes.plot([line[x]] * 2, [low, high], **stroke)
            else:
                style.band(axes, line[x], low, high, colour)
        ends.append((float(line[y].iloc[-1]), name, colour))
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
    names: Choice = None,
    dodge: float | Mapping[Hashable, float] = 0.26,
    upright: bool = False,
    **options,
) -> None:
    """A point with its interval (value, low, high) for each row of a tidy frame.

    at: the column whose values are the rows, or with `upright` the columns, of the chart; order:
    those values in order, with their names if a mapping; by: the columns that tell series apart;
    dodge: how far apart series are drawn, or for each how far from the row's middle; names: what
    the figure's data call them. Colours, markers and names may also be chosen by the value of `at`.
    """
    order = list(dict.fromkeys(frame[at])) if order is None else order
    places = {value: place for place, value in enumerate(order)}
    series = list(grouped(frame, by))
    for number, (values, rows) in enumerate(series):
        shift = chosen(dodge, values) if isinstance(dodge, Mapping) else None
        shift = dodge * (number - (len(series) - 1) / 2) if shift is None else shift
        for here, row in zip(rows[at], rows.itertuples(), strict=True):
            known = (*values, here)
            name = chosen(names, known, ", ".join(map(str, values)))
            look = {"marker": chosen(markers, known, "o")}
            look |= ({"label": f"_{name}"} if name else {}) | options
            colour = chosen(colours, known, style.INK)
            mark(axes, places[here] + shift, row, colour, upright=upright, **look)
    name_rows(axes, order, upright=upright)


def mark(
    axes: Axes, place: float, estimate, colour: str, *, upright: bool = False, **options
) -> None:
    """An estimate (value, low, high; NaN for none) across the axes, or with `upright` along."""
    turned = (lambda *pair: pair) if upright else (lambda *pair: pair[::-1])
    span = turned([place, place], [estimate.low, estimate.high])
    axes.plot(*span, color=colour, linewidth=2, zorder=3, label=numbers.INTERVAL)
    options = {"marker": "o", "markersize": 6.5, "linestyle": "", "zorder": 4} | options
    point = turned([place], [estimate.value])
    (drawn,) = axes.plot(*point, color=colour, markeredgecolor=colour, **options)
    along = "y" if upright else "x"
    numbers.spanned(drawn, [estimate.low], [estimate.high], along=along)


def name_rows(axes: Axes, names: Mapping | Sequence, *, upright: bool = False) -> None:
    """Name the rows of a chart, the first on top, or with `upright` its columns."""
    texts = names.values() if isinstance(names, Mapping) else names
    texts = [f"{text:g}" if isinstance(text, float) else str(text) for text in texts]
    if upright:
        axes.set_xticks(range(len(texts)), texts)
        axes.set_xlim(-0.5, len(texts) - 0.5)
        return
    axes.set_yticks(range(len(texts)), [text.replace("\n", " ") for text in texts])
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def key(owner: Figure | Axes, entries: Iterable[tuple], **options) -> Legend:
    """A key from (label, colour, marker, line style, further options of the line).

    All after the colour may be left out. A list of colours gives a row of lines. `PAPER` and
    `CHANCE` are entries for what the paper says and for guessing. Of a figure it stands above the
    panels; `options` are those of `legend`.
    """
    handles, labels = [], []
    for label, colour, *rest in entries:
        marker, line, further = (*rest, *("", "-", {})[len(rest) :])
        look = {"marker": marker, "linestyle": line} | further
        several = [colour] if isinstance(colour, str) else colour
        lines = tuple(Line2D([], [], color=each, **look) for each in several)
        handles.append(lines[0] if len(lines) == 1 else lines)
        labels.append(label)
    if isinstance(owner, Figure):
        options = {"loc": "outside upper left", "ncols": min(len(labels), 4)} | options
    rows = {tuple: HandlerTuple(ndivide=None, pad=0.3)}
    return owner.legend(handles, labels, **{"handler_map": rows} | options)


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
    what keys and titles of the figure need; colours: of the titles; options: of `style.canvas`,
    such as sharex=False. Panels that are left over stay empty.
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
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    figure.supxlabel(xlabel, fontsize=12)
    figure.supylabel(ylabel, fontsize=12)
    return figure, panels[: len(names)]


def nothing(axes: Axes, text: str = "No test image is of this kind.") -> None:
    """A sentence in place of a chart."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes)
