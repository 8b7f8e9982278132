"""The numbers in a figure, read back from what was drawn, so that every figure can offer its data.

Nothing has to be said twice. What has a label is data, and the label, without the underscore that
keeps it out of keys, is the name of its series; what has none, such as a line at zero, is
decoration. Intervals are what `spanned` says of a line.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.container import BarContainer, Container
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

COLUMNS = [
    "panel", "series", "x_axis", "x", "x_tick", "y_axis", "y", "y_tick", "low", "high", "along",
    "value", "red", "green", "blue",
]  # fmt: skip
MOST_PIXELS = 30_000  # of photographs in one CSV file; the figure has the others
MADE_UP = re.compile(r"_(child|container)\d+|_nolegend_")  # matplotlib's, for what has no label


def read(figure: Figure) -> pd.DataFrame:
    """The data of a figure as a tidy table: one row for each point, bar, cell or pixel.

    Columns (empty ones are left out): panel, series; x_axis and y_axis, what the axes say; x and y
    in their units, with the name of the nearest tick if it has one; low and high, the interval, and
    along which axis if not y; value, or red, green and blue (0 to 255), of a pixel.
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    named = list(zip(panels, titles(panels), strict=True))
    tables, room = [], MOST_PIXELS
    for axes, title in named:
        for image in axes.images:
            height, width, *colours = image.get_array().shape
            room -= height * width if colours else 0
            if not colours or room >= 0:
                tables.append(pixels(image).assign(panel=title))
        if rows := [{"panel": title} | row for row in drawn(axes)]:
            tables.append(pd.DataFrame(rows))
    if not tables:  # such as "none was found": the words are what the figure says
        texts = [(title, text.get_text()) for axes, title in named for text in axes.texts]
        tables.append(pd.DataFrame(texts, columns=["panel", "series"]))
    frame = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS)
    return frame.dropna(axis="columns", how="all")


def as_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV text: six significant digits, whole numbers as they are."""
    return frame.infer_objects().to_csv(index=False, lineterminator="\n", float_format="%.6g")


def titles(panels: list[Axes]) -> list[str]:
    """A name for each panel: its title on one line, else its number."""
    texts = [[axes.get_title(side) for side in ("left", "center", "right")] for axes in panels]
    found = [" ".join(" ".join(each).split()) or f"panel {n}" for n, each in enumerate(texts, 1)]
    numbered = enumerate(found, 1)
    return [f"{name} ({n})" if found.count(name) > 1 else name for n, name in numbered]


def label_of(artist: Artist | Container) -> str:
    """The label that was given to an artist, or nothing."""
    label = " ".join(str(artist.get_label()).split())
    return "" if MADE_UP.fullmatch(label) else label.removeprefix("_")


def labels(axes: Axes) -> dict:
    """What the axes are called, x_axis and y_axis; where they share a name, that of the figure."""
    shared = (axes.figure.get_supxlabel(), axes.figure.get_supylabel())
    own = (axes.get_xlabel(), axes.get_ylabel())
    pairs = zip("xy", own, shared, strict=True)
    return {f"{n}_axis": " ".join((text or other).split()) or None for n, text, other in pairs}


def in_units(axes: Axes, row: dict) -> dict:
    """A row in the units in which its axes are labelled, such as percentage points."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        times = getattr(axis.get_major_formatter(), "times", 1)
        held = (name, "low", "high") if row.get("along", "y") == name else (name,)
        row |= {each: times * row[each] for each in held if each in row}
    return row


def ticks(axis: Axis) -> dict[float, str]:
    """The names of an axis's ticks by their places, unless they are only the numbers there."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return {}
    places = np.asarray(axis.get_majorticklocs(), dtype=float).tolist()
    names = axis.get_major_formatter().format_ticks(places)
    if all(map(is_number, names, places)):
        return {}
    return {at: " ".join(name.split()) for at, name in zip(places, names, strict=True)}


def nearest(named: dict[float, str], value: float | None) -> str | None:
    """The name of the tick nearest to a value."""
    if value is None or not np.isfinite(value) or not named:
        return None
    return named[min(named, key=lambda place: abs(place - value))]


def is_number(name: str, place: float) -> bool:
    """Whether a tick is called by the number at which it stands, perhaps in percent."""
    digits = pd.to_numeric(name.replace("−", "-").removesuffix(" %"), errors="coerce")
    return bool(np.isclose(digits, 100 * place if name.endswith(" %") else place))


def pixels(image: AxesImage) -> pd.DataFrame:
    """One row per pixel: its value, or red, green and blue. y counts from the top."""
    array = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    y, x = np.indices(array.shape[:2]).reshape(2, -1)
    table = pd.DataFrame({"x": x, "y": y})
    if array.ndim == 2:
        return table.assign(value=array.ravel())
    scale = 255 if array.max(initial=0) <= 1 else 1
    colours = np.rint(array[..., :3].reshape(-1, 3) * scale).astype(int)
    return table.join(pd.DataFrame(colours, columns=["red", "green", "blue"]))


def drawn(axes: Axes) -> Iterator[dict]:
    """One row per bar, point and cell, with what the axes say and the nearest ticks' names."""
    said, named = labels(axes), {"x": ticks(axes.xaxis), "y": ticks(axes.yaxis)}
    for row in [*bars(axes), *points(axes), *cells(axes)]:
        near = {f"{way}_tick": nearest(each, row.get(way)) for way, each in named.items()}
        yield said | near | in_units(axes, row)


def bars(axes: Axes) -> Iterator[dict]:
    """One row per bar: its middle and its two ends, low and high."""
    for held in (each for each in axes.containers if isinstance(each, BarContainer)):
        for bar in held.patches if label_of(held) else ():
            (left, bottom), width, height = bar.get_xy(), bar.get_width(), bar.get_height()
            right, top, name = left + width, bottom + height, {"series": label_of(held)}
            if held.orientation == "horizontal":
                row = {"x": right, "y": bottom + height / 2, "along": "x"}
                yield name | row | {"low": left, "high": right}
            else:
                yield name | {"x": left + width / 2, "y": top, "low": bottom, "high": top}


def spanned(line: Line2D, low: Sequence, high: Sequence, *, along: str = "y") -> None:
    """Attach to a line the intervals of its points, for `points` to read."""
    way = {} if along == "y" else {"along": along}
    line.spans = [
        {"low": float(a), "high": float(b)} | way if np.isfinite([a, b]).any() else {}
        for a, b in zip(low, high, strict=True)
    ]


def points(axes: Axes) -> Iterator[dict]:
    """One row per point of each line, with its interval if it has one."""
    for line in filter(label_of, axes.lines):
        x, y = (np.asarray(values, dtype=float).tolist() for values in line.get_data(orig=False))
        if not line.get_transform().contains_branch(axes.transData):  # across the panel
            yield {"series": label_of(line)} | ({"y": y[0]} if len(set(y)) == 1 else {"x": x[0]})
            continue
        spans = getattr(line, "spans", [{}] * len(x))
        for here, there, span in zip(x, y, spans, strict=True):
            yield {"series": label_of(line), "x": here, "y": there} | span


def cells(axes: Axes) -> Iterator[dict]:
    """One row per cell of a heat map, with its interval."""
    for mesh in (each for each in axes.collections if isinstance(each, QuadMesh)):
        values = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), np.nan)
        for ((row, column), value), span in zip(np.ndenumerate(values), mesh.spans, strict=True):
            yield {"x": column + 0.5, "y": row + 0.5, "value": value} | span
