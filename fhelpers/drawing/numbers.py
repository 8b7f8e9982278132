"""The numbers in a figure, read back from what was drawn, so that every figure can offer its data.

Nothing has to be said twice: a page that draws a curve, bars, points or a picture needs no second
copy of its values. A series has the label that it got where it was drawn (see `label_of`), and else
its colour for a name; dotted lines across a panel are chance. Intervals are what `spanned` says of
a line; a line that only shows one has the label INTERVAL.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, Container
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

COLUMNS = [
    "panel", "series", "x_axis", "x", "x_tick", "y_axis", "y", "y_tick", "low", "high", "along",
    "value", "red", "green", "blue",
]  # fmt: skip
MOST_PIXELS = 30_000  # of photographs: beyond, a file would be large and the figure holds them too
MADE_UP = re.compile(r"_(child|container)\d+|_nolegend_")  # matplotlib's, for what has no label


def read(figure: Figure, meanings: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The data of a figure as a tidy table: one row for each point, bar or pixel.

    meanings: what colours (hex) stand for, where a series has no label.

    Columns (those that would be empty are left out): panel, series; x_axis and y_axis, what the
    axes say; x and y in their units, with the name of the nearest tick where ticks have names;
    low and high, the interval, and along which axis where it is not y; value of a map's pixel;
    red, green and blue (0 to 255) of a photograph's pixel. Photographs of more than 30,000 pixels
    in all are left to the figure itself.
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    named, rows = titles(panels), []
    room = MOST_PIXELS
    for axes, title in zip(panels, named, strict=True):
        for image in axes.images:
            found = pixels(image)
            if "red" in found[0]:
                room -= len(found)
                if room < 0:
                    continue
            rows += [{"panel": title, **row} for row in found]
        for row in [*bars(axes), *drawn(axes), *cells(axes)]:
            rows.append({"panel": title} | around(axes, row) | in_units(axes, row))
    if not rows:  # such as "none was found": the words are what the figure says
        words = [
            (title, text) for axes, title in zip(panels, named, strict=True) for text in axes.texts
        ]
        rows = [{"panel": title, "series": text.get_text()} for title, text in words]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["series"] = frame.series.replace(meanings or {})
    return frame.dropna(axis="columns", how="all")


def as_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV text: six significant digits, whole numbers as they are."""
    return frame.infer_objects().to_csv(index=False, lineterminator="\n", float_format="%.6g")


def titles(panels: list[Axes]) -> list[str]:
    """A name for each panel: its title on one line, else its number."""
    found = []
    for number, axes in enumerate(panels, 1):
        text = next(filter(None, (axes.get_title(loc) for loc in ("left", "center", "right"))), "")
        found.append(" ".join(text.split()) or f"panel {number}")
    return [
        f"{name} ({number})" if found.count(name) > 1 else name
        for number, name in enumerate(found, 1)
    ]


def colour_of(colour) -> str:
    return to_hex(colour) if isinstance(colour, str) else to_hex(tuple(np.atleast_2d(colour)[0]))


def label_of(artist: Artist | Container) -> str:
    """The label that was given to an artist, or nothing.

    As in matplotlib an underscore before it keeps it out of keys; the data have it all the same.
    """
    label = " ".join(str(artist.get_label()).split())
    return "" if MADE_UP.fullmatch(label) else label.removeprefix("_")


def around(axes: Axes, row: dict) -> dict:
    """What the axes say about a row: their labels, and the names of the ticks nearest to it."""
    shared = {"x": axes.figure.get_supxlabel(), "y": axes.figure.get_supylabel()}
    said = {}
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        said[f"{name}_axis"] = " ".join((axis.get_label_text() or shared[name]).split()) or None
        said[f"{name}_tick"] = tick(axis, row.get(name))
    return said


def in_units(axes: Axes, row: dict) -> dict:
    """A row in the units in which its axes are labelled, such as percentage points."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        times = getattr(axis.get_major_formatter(), "times", 1)
        held = (name, "low", "high") if row.get("along", "y") == name else (name,)
        row |= {each: times * row[each] for each in held if each in row and times != 1}
    return row


def tick(axis, value: float | None) -> str | None:
    """The name of the nearest tick, where the ticks of an axis have names that are no numbers."""
    places = np.asarray(axis.get_majorticklocs(), dtype=float)
    named = isinstance(axis.get_major_locator(), FixedLocator)
    if value is None or not np.isfinite(value) or not len(places) or not named:
        return None
    names = axis.get_major_formatter().format_ticks(places)
    if all(map(is_number, names, places)):
        return None
    return " ".join(names[int(np.abs(places - value).argmin())].split())


def is_number(name: str, place: float) -> bool:
    """Whether a tick is called by the number at which it stands, perhaps in percent."""
    digits, percent = name.replace("\N{MINUS SIGN}", "-").removesuffix(" %"), name.endswith(" %")
    try:
        return bool(np.isclose(float(digits), 100 * place if percent else place))
    except ValueError:
        return False


# Pictures and bars -------------------------------------------------------------------------------


def pixels(image: AxesImage) -> list[dict]:
    """One row per pixel: its value, or red, green and blue. y counts from the top."""
    array = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    rows, columns = (index.ravel() for index in np.indices(array.shape[:2]))
    if array.ndim == 2:
        colours = {"value": array.ravel()}
    else:
        scale = 255 if array.max(initial=0) <= 1 else 1
        eight_bit = np.rint(array[..., :3].reshape(-1, 3) * scale).astype(int)
        colours = dict(zip(("red", "green", "blue"), eight_bit.T.tolist(), strict=True))
    return [
        dict(zip(("x", "y", *colours), values, strict=True))
        for values in zip(columns.tolist(), rows.tolist(), *colours.values(), strict=True)
    ]


def bars(axes: Axes) -> Iterator[dict]:
    """One row per bar: its middle and its two ends, low and high."""
    for container in axes.containers:
        if not isinstance(container, BarContainer):
            continue
        for bar in container.patches:
            (left, bottom), width, height = bar.get_xy(), bar.get_width(), bar.get_height()
            named = label_of(container) or to_hex(bar.get_facecolor())
            if container.orientation == "horizontal":
                along = {"x": left + width, "y": bottom + height / 2, "along": "x"}
                yield {"series": named, **along, "low": left, "high": left + width}
            else:
                along = {"x": left + width / 2, "y": bottom + height}
                yield {"series": named, **along, "low": bottom, "high": bottom + height}


# Lines, points, intervals ------------------------------------------------------------------------


def spanned(line: Line2D, low: Sequence, high: Sequence, *, along: str = "y") -> None:
    """Say how far the intervals of a line's points reach."""
    way = {} if along == "y" else {"along": along}
    line.spans = [
        {"low": float(a), "high": float(b)} | way if np.isfinite([a, b]).any() else {}
        for a, b in zip(low, high, strict=True)
    ]


def is_seen(line: Line2D) -> bool:
    """Whether a line has points that show; those that carry error bars only have none."""
    return len(line.get_xdata()) > 0 and (line.get_linestyle(), line.get_marker()) != ("None",) * 2


def drawn(axes: Axes) -> Iterator[dict]:
    """One row per point of each line, with its interval if it has one."""
    for line in axes.lines:
        if not is_seen(line):
            continue
        name = label_of(line) or colour_of(line.get_color())
        x, y = (np.asarray(values, dtype=float).tolist() for values in line.get_data(orig=False))
        if not line.get_transform().contains_branch(axes.transData):  # across the panel
            known = {"y": y[0]} if len(set(y)) == 1 else {"x": x[0]}
            yield {"series": "chance" if line.get_linestyle() == ":" else name, **known}
            continue
        spans = getattr(line, "spans", [{}] * len(x))
        for here, there, span in zip(x, y, spans, strict=True):
            yield {"series": name, "x": here, "y": there} | span


def cells(axes: Axes) -> Iterator[dict]:
    """One row per cell of a heat map, with its interval if it has one."""
    for mesh in (each for each in axes.collections if isinstance(each, QuadMesh)):
        values = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), np.nan)
        for (row, column), value in np.ndenumerate(values):
            span = mesh.spans[row * values.shape[1] + column]
            yield {"series": "", "x": column + 0.5, "y": row + 0.5, "value": value} | span
