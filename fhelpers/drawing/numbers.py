"""The numbers in a figure, read back from what was drawn, so that every figure can offer its data.

Nothing has to be said twice: a page that draws a curve, bars, points or a picture needs no second
copy of its values. Names of series come from keys and from the words at the ends of curves; what
neither names gets a label where it is drawn, with an underscore before it (see `label_of`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, Container
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.offsetbox import HPacker, TextArea
from matplotlib.ticker import FixedLocator

COLUMNS = [
    "panel", "series", "x_axis", "x", "x_tick", "y_axis", "y", "y_tick", "low", "high", "along",
    "value", "red", "green", "blue",
]  # fmt: skip
MOST_PIXELS = 30_000  # of photographs: beyond, a file would be large and the figure holds them too
EMPTY = ("", "None", "none", " ")
MADE_UP = re.compile(r"_(child|container)\d+|_nolegend_")  # matplotlib's, for what has no label


def read(figure: Figure, meanings: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The data of a figure, tidy: a row a point, bar or pixel.

    meanings: what colours (hex) stand for, where neither a key nor a word in the figure says it.

    Columns (those that would be empty are left out): panel, series; x_axis and y_axis, what the
    axes say; x and y in their units, with the name of the nearest tick where ticks have names;
    low and high, the interval, and along which axis where it is not y; value of a map's pixel;
    red, green and blue (0 to 255) of a photograph's pixel. Photographs of more than 30,000 pixels
    in all are left to the figure itself.
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    named, rows = titles(panels), []
    keys = [key for owner in (figure, *panels) for key in keys_of(owner)]
    room = MOST_PIXELS
    for axes, title in zip(panels, named, strict=True):
        for image in axes.images:
            found = pixels(image)
            if "red" in found[0]:
                room -= len(found)
                if room < 0:
                    continue
            rows += [{"panel": title, **row} for row in found]
        for row in [*bars(axes), *drawn(axes, keys)]:
            rows.append({"panel": title} | around(axes, row) | row)
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
    return frame.map(short).to_csv(index=False, lineterminator="\n")


def short(value: object) -> object:
    """A number with six significant digits; anything else as it is."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6g}"
    return value


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


def keys_of(owner: Figure | Axes) -> Iterator[tuple[tuple, str]]:
    """The (look, name) pairs of the keys of a figure or of axes.

    An entry with several lines, such as one for the radii 4, 8 and 12, names each by its radius.
    """
    legends = owner.legends if isinstance(owner, Figure) else [owner.get_legend()]
    for legend in filter(None, legends):
        for entry in legend.findobj(lambda box: type(box) is HPacker):
            inside = entry.get_children()
            if not (len(inside) == 2 and isinstance(inside[1], TextArea)):
                continue
            text = inside[1].get_text()
            lines = [each for each in inside[0].get_children() if isinstance(each, Line2D)]
            kind, _, listed = text.rpartition(" = ")
            values = listed.split(", ")
            several = kind and len(values) == len(lines) > 1
            for index, line in enumerate(lines):
                yield look(line), f"{kind} = {values[index]}" if several else text


def look(line: Line2D) -> tuple:
    """What tells a line from others: colour, dashes and marker."""
    return colour_of(line.get_color()), str(line.get_linestyle()), str(line.get_marker())


def colour_of(colour) -> str:
    return to_hex(colour) if isinstance(colour, str) else to_hex(tuple(np.atleast_2d(colour)[0]))


def label_of(artist: Artist | Container) -> str:
    """The label that was given to an artist, or nothing.

    As in matplotlib an underscore before it keeps it out of keys; the data have it all the same.
    """
    label = str(artist.get_label())
    return "" if MADE_UP.fullmatch(label) else label.removeprefix("_")


def series_of(line: Line2D, keys: list, words: dict[str, str]) -> str:
    """A line's name: its label, the key's for its look or colour, or the words in its colour."""
    if label := label_of(line):
        return label
    own = look(line)
    for parts in (own, own[:2], own[:1]):
        names = {name for theirs, name in keys if theirs[: len(parts)] == parts}
        if len(names) == 1:
            return names.pop()
    return words.get(own[0], own[0])


def words_of(axes: Axes) -> dict[str, str]:
    """The words of an axes by the colour they or their connecting lines have."""
    found = {}
    for text in axes.texts:
        arrow = getattr(text, "arrow_patch", None)
        found.setdefault(to_hex(arrow.get_edgecolor() if arrow else text.get_color()), text)
    return {colour: " ".join(text.get_text().split()) for colour, text in found.items()}


def around(axes: Axes, row: dict) -> dict:
    """What the axes say about a row: their labels, and the names of the ticks nearest to it."""
    said = {}
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        said[f"{name}_axis"] = " ".join(axis.get_label_text().split()) or None
        said[f"{name}_tick"] = tick(axis, row.get(name))
    return said


def tick(axis, value: float | None) -> str | None:
    """The name of the nearest tick, where the ticks of an axis have names that are no numbers."""
    places = np.asarray(axis.get_majorticklocs(), dtype=float)
    if value is None or not np.isfinite(value) or not len(places):
        return None
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return None
    names = axis.get_major_formatter().format_ticks(places)
    if all(is_number(name, place) for name, place in zip(names, places, strict=True)):
        return None
    return " ".join(names[int(np.abs(places - value).argmin())].split())


def is_number(name: str, place: float) -> bool:
    """Whether a tick is called by the number at which it stands."""
    try:
        return bool(np.isclose(float(name.replace("\N{MINUS SIGN}", "-")), place))
    except ValueError:
        return False


# Pictures and bars -------------------------------------------------------------------------------


def pixels(image: AxesImage) -> list[dict]:
    """A row a pixel: value of a map, or red, green and blue. y counts rows from the top."""
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
    """A row a bar: its middle, and from where to where it reaches (low to high)."""
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


def drawn(axes: Axes, keys: list) -> Iterator[dict]:
    """A row a point of every line, scatter and mesh, with its interval where one was drawn."""
    words = words_of(axes)
    lines = [line for line in axes.lines if len(line.get_xdata())]
    points = [
        (colour_of(line.get_color()), x, y)
        for line in lines
        for x, y in np.column_stack(line.get_data(orig=False)).astype(float)
    ]
    spans, rest = intervals(axes, lines, points)
    for line in rest:
        name = series_of(line, keys, words)
        data = line.get_transform().contains_branch(axes.transData)
        x, y = (np.asarray(values, dtype=float) for values in line.get_data(orig=False))
        if not data:  # a line across the panel, such as chance
            across = len(set(y.tolist())) == 1
            known = {"y": y[0]} if across else {"x": x[0]}
            yield {"series": "chance" if line.get_linestyle() == ":" else name, **known}
            continue
        for here in zip(x.tolist(), y.tolist(), strict=True):
            colour = colour_of(line.get_color())
            point = dict(zip(("x", "y"), here, strict=True))
            yield {"series": name} | point | spans.get((colour, *rounded(here)), {})
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            yield from strokes(collection, points, words)
        else:
            yield from scattered(collection, words)


def rounded(point: Iterable[float]) -> tuple:
    return tuple(float(f"{value:.6g}") for value in point)


def intervals(axes: Axes, lines: list[Line2D], points: list[tuple]) -> tuple[dict, list[Line2D]]:
    """{(colour, x, y): low and high} of points with a bar or a band, and the lines that remain."""
    spans, rest = {}, []
    for line in lines:
        ends = np.column_stack(line.get_data(orig=False)).astype(float)
        owners = bar_of(line, ends, points)
        if owners is None:
            rest.append(line)
        spans |= owners or {}
    for band in axes.collections:
        if isinstance(band, PolyCollection) and len(band.get_paths()):
            spans |= band_of(band, points)
        if isinstance(band, LineCollection):
            for line, ends in segments(band):
                spans |= bar_of(line, ends, points) or {}
    return spans, rest


def segments(collection: LineCollection) -> Iterator[tuple[Line2D, np.ndarray]]:
    """Every stroke of a collection as a line, with its two or more ends (n, 2)."""
    colours = collection.get_color()
    for index, ends in enumerate(collection.get_segments()):
        yield Line2D(*ends.T, color=tuple(colours[index % len(colours)])), ends


def strokes(collection: LineCollection, points: list[tuple], words: dict) -> Iterator[dict]:
    """A row a stroke that is no point's interval, such as those of `vlines`: from low to high."""
    for line, ends in segments(collection):
        colour = colour_of(line.get_color())
        if len(ends) != 2 or bar_of(line, ends, points):
            continue
        (x0, y0), (x1, y1) = ends.tolist()
        row = {"series": label_of(collection) or words.get(colour, colour)}
        if x0 == x1:
            yield row | {"x": x1, "y": y1, "low": min(y0, y1), "high": max(y0, y1)}
        else:
            along = {"low": min(x0, x1), "high": max(x0, x1), "along": "x"}
            yield row | {"x": x1, "y": y1} | along


def bar_of(line: Line2D, ends: np.ndarray, points: list[tuple]) -> dict | None:
    """The interval that a bar of two ends draws at a point of its colour; None if it is no bar."""
    if len(ends) != 2 or str(line.get_marker()) not in EMPTY:
        return None
    (x0, y0), (x1, y1) = ends
    colour, upright = colour_of(line.get_color()), np.isclose(x0, x1)
    if upright == np.isclose(y0, y1) and np.isfinite(ends).all():
        return None
    found = {}
    for theirs, x, y in points:
        fixed, own = ((x, y) if upright else (y, x)), ((x0, y0, y1) if upright else (y0, x0, x1))
        low, high = sorted(own[1:])
        inside = not np.isfinite([low, high]).all() or low - 1e-9 < fixed[1] < high + 1e-9
        at_an_end = np.isclose(fixed[1], own[1:]).any()
        if theirs == colour and np.isclose(fixed[0], own[0]) and inside and not at_an_end:
            span = {"low": low, "high": high} | ({} if upright else {"along": "x"})
            found[(theirs, *rounded((x, y)))] = span
    return found or None


def band_of(band: PolyCollection, points: list[tuple]) -> dict:
    """The interval that a band of the same colour draws at each point."""
    colour, found = to_hex(band.get_facecolor()[0][:3]), {}
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    for theirs, x, y in points:
        here = corners[np.isclose(corners[:, 0], x), 1]
        if theirs == colour and len(here) and here.min() - 1e-9 <= y <= here.max() + 1e-9:
            found[(theirs, *rounded((x, y)))] = {"low": here.min(), "high": here.max()}
    return found


def scattered(collection, words: dict[str, str]) -> Iterator[dict]:
    """A row a point of a scatter plot or a cell of a mesh, with its value where it has one."""
    values = collection.get_array()
    if isinstance(collection, QuadMesh):
        corners = collection.get_coordinates()
        middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
        for (x, y), value in zip(middles.reshape(-1, 2), np.ravel(values), strict=True):
            yield {"x": x, "y": y, "value": float(value)}
    elif isinstance(collection, PathCollection):
        faces = collection.get_facecolor()
        faces = faces if len(faces) else collection.get_edgecolor()
        for index, (x, y) in enumerate(np.asarray(collection.get_offsets(), dtype=float)):
            colour = to_hex(faces[index % len(faces)][:3]) if len(faces) else ""
            named = label_of(collection) or words.get(colour, colour)
            row = {"series": named, "x": x, "y": y}
            yield row if values is None else row | {"value": float(np.ravel(values)[index])}
