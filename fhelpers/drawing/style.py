"""The visual language of the book, and how figures, tables and claims reach a page.

Figures are drawn once, for a white page. The dark version is the same SVG with every colour moved
until it stands out from the dark page as much as it did from the white one.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from fhelpers.drawing import numbers
from fhelpers.drawing.contrast import for_text, with_contrast
from fhelpers.drawing.names import NAMES
from fhelpers.drawing.svg import STYLE, darkened, data_uri, svg
from fhelpers.intervals import as_read, shows_sides

ROOT = Path(__file__).parents[2]
WIDTH = 6.0  # inches; wider, and a phone would shrink the words too far
WEIGHTS = "cividis"  # the colours of maps from 0 to 1: perceptually uniform, safe for all eyes

INK = "#1b1f24"
GREY = "#6b7280"
PALE = "#dfe3e8"
COLOURS = {  # Okabe and Ito: told apart with every kind of colour vision
    "original": "#000000",
    "natural": "#000000",
    "low": "#0072b2",
    "high": "#d55e00",
    "adversarial": "#009e73",
    "shuffled": "#cc79a7",
}
MARKERS = {"original": "o", "low": "o", "high": "s", "adversarial": "^", "shuffled": "s"}
SIGNS = {"reproduced": "✓", "weaker": "≈", "not reproduced": "✗", "undecided": "?"}

PLAIN = {"fontsize": 11.5, "fontweight": "normal", "loc": "center", "pad": 4}  # over pictures
BROAD = {"color": PALE, "linewidth": 6, "zorder": 1}  # joins two values of a row
DOTTED = {"color": GREY, "linestyle": ":", "linewidth": 1.6, "zorder": 1}  # for chance and margins
FAINTEST, STRONGEST = 3.0, 12.0  # contrast with the page of the smallest and the largest radius


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a plot function: it draws in the book's style and signs what it draws.

    The figure's `code` is where the function stands: its file in the repository, and the line.
    """
    where = Path(draw.__code__.co_filename)
    place = f"{where.relative_to(ROOT)}#L{draw.__code__.co_firstlineno}"

    @wraps(draw)
    def drawn(*given, **options) -> Figure:
        with rc_context(fname=STYLE):
            figure = draw(*given, **options)
        figure.code = getattr(figure, "code", place)
        return figure

    return drawn


def shades(part: str, radii: Iterable[float]) -> dict[float, str]:
    """One colour per radius: the hue of `part`, stronger as the radius grows, plain if alone."""
    ordered = sorted(set(radii))
    if len(ordered) == 1:
        return {ordered[0]: COLOURS[part]}
    ratios = np.geomspace(FAINTEST, STRONGEST, len(ordered)).tolist()
    return {r: with_contrast(COLOURS[part], each) for r, each in zip(ordered, ratios, strict=True)}


def of_parts(radii: Iterable[float]) -> dict:
    """The colours of whole images, "original", of every part, as (part, radius), and of others."""
    parts, radii = ("low", "high"), list(radii)
    return COLOURS | {(p, r): colour for p in parts for r, colour in shades(p, radii).items()}


def part_name(part: str, radius: float = np.nan) -> str:
    """How a part is called: whole image, or low part, r = 4."""
    return "whole image" if part == "original" else f"{part} part, r = {radius:g}"


def canvas(rows: int, columns: int, height: float, **options) -> tuple[Figure, np.ndarray]:
    """An empty figure of the page's width and its (rows, columns) array of axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.05, h_pad=0.05, wspace=0.02, hspace=0.02)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def chart(height: float, **words) -> tuple[Figure, Axes]:
    """An empty figure with a single panel, and its axes, set to what is given in `words`."""
    figure, ((axes,),) = canvas(1, 1, height, subplot_kw=words)
    return figure, axes


def picture(axes: Axes, image, title: str = "", **options):
    """Draw an image (C, H, W) or a map (H, W) pixel by pixel, without ticks, in a thin frame.

    A map holds weights from 0 to 1 unless `options` say otherwise.
    """
    pixels = np.asarray(image, dtype=np.float32)
    options = {"cmap": WEIGHTS, "vmin": 0, "vmax": 1} | options
    if pixels.ndim == 3:
        pixels = np.clip(pixels.transpose(1, 2, 0), 0, 1)
        if pixels.shape[-1] == 1:
            pixels, options["cmap"] = pixels[..., 0], "gray"
    drawn = axes.imshow(pixels, interpolation="none", **options)
    bare(axes)
    axes.set_title(title, **PLAIN)
    return drawn


def pictures(
    rows: Sequence[Sequence], height: float, *, titles: Sequence = (), names: Sequence = ()
) -> tuple[Figure, np.ndarray]:
    """Images and maps in a grid: the figure, and its axes. Titles of columns, names of rows.

    A title may be a tuple, one for each row. Panels for None are left to the caller.
    """
    figure, axes = canvas(len(rows), max(map(len, rows)), height)
    for line, images in zip(axes, rows, strict=True):
        for panel, image in zip(line, images, strict=True):
            if image is not None:
                picture(panel, image)
    for column, title in zip(axes.T, titles, strict=False):
        for panel, text in zip(column, [title] if isinstance(title, str) else title, strict=False):
            panel.set_title(text, **PLAIN)
    for panel, name in zip(axes[:, 0], names, strict=False):
        panel.set_ylabel(name, fontsize=11)
    return figure, axes


def bare(axes: Axes) -> None:
    """Remove ticks and grid and close the frame: for images."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.6)


def percent(axes: Axes, *, lowest: float = 0.0, highest: float = 1.0) -> None:
    """Make the vertical axis an accuracy in percent."""
    axes.set_ylim(lowest, highest)
    in_percent(axes.yaxis)


def across_percent(axes: Axes, label: str, chance: float | None = None) -> None:
    """Make the horizontal axis a share in percent from 0 on, with a dotted line at chance."""
    right = axes.get_xlim()[1]
    axes.set(xlim=(0, 1.02 if right > 0.97 else right), xlabel=label)  # whole points at 100 %
    in_percent(axes.xaxis)
    if chance is not None:
        axes.axvline(chance, label="_chance", **DOTTED)


def in_percent(axis: Axis, unit: str = " %") -> None:
    """Label ticks in percent, as precisely as they stand; without a unit, in percentage points."""
    axis.set_major_formatter(lambda value, _: as_read(f"{round(100 * value, 6):g}{unit}"))
    axis.get_major_formatter().times = 1 if unit else 100  # of the figure's data


def chance_line(axes: Axes, chance: float, *, where: float | None = None) -> None:
    """Mark guessing by a dotted line, with its name at a share of the axes' width."""
    axes.axhline(chance, label="_chance", **DOTTED)
    if where is not None:
        shift, side = (2, "bottom") if chance < 0.08 else (-2, "top")  # no room below
        write(axes, "chance", (where, chance), (0, shift), color=GREY, va=side)


def paper_value(axes: Axes, x, y, colour: str = INK, *, name: str = "the paper") -> None:
    """Published values: hollow diamonds. `name` is for the data."""
    look = {"markerfacecolor": "none", "markeredgecolor": colour, "markeredgewidth": 1.6}
    axes.plot(x, y, "D", markersize=8, zorder=5, label=f"_{name}", **look)


def write(axes: Axes, text: str, at: tuple, shift: tuple = (8, 0), **look) -> None:
    """Write at a share of the axes' width and a height in data units, moved by points."""
    where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axes.annotate(text, at, shift, **where | {"annotation_clip": False, "va": "center"} | look)


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], *, gap: float = 0.075) -> None:
    """Name curves at the right edge, pushed apart so that no two names overlap.

    ends: (y in data units, text, colour) of each; gap: a share of the axes' height.
    """
    bottom, top = axes.get_ylim()
    order = sorted(ends, key=lambda end: end[0])
    heights = [(y - bottom) / (top - bottom) for y, _, _ in order]
    for (_, text, colour), place in zip(order, spread(heights, gap), strict=True):
        where = {"xycoords": "axes fraction", "color": for_text(colour)}
        write(axes, text, (1.02, place), (0, 0), **where)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move sorted heights as little as needed for neighbours to be `gap` apart, within 0 to 1."""
    steps = gap * np.arange(len(heights))
    if not len(heights):
        return []
    apart = isotonic_regression(np.asarray(heights) - steps).x
    return list(np.clip(apart, 0, max(0.0, 1 - steps[-1])) + steps)


# A page of the book knows its theme; a notebook opened by hand does not and needs these rules.
_BY_HAND = (
    "<style>html:not([data-theme]) .fh-figure .only-dark{display:none}"
    "html[data-theme] .fh-figure .fh-caption{display:none}"
    '[data-jp-theme-light="false"] .fh-figure img.only-light{display:none}'
    'html:not([data-theme]) [data-jp-theme-light="false"] .fh-figure img.only-dark{display:inline}'
    "</style>"
)


def show(figure: Figure, *, name: str, caption: str, alt: str) -> None:
    """Display a figure in a notebook, for light and dark pages.

    `caption` states the finding, `alt` says what is to be seen, `name` is the label for references.
    They travel in the output's metadata, from where the book makes a numbered caption, and so do
    the figure's data and the place of its code. Raises ValueError if one of them is empty.
    """
    for what, value in (("name", name), ("caption", caption), ("alt", alt)):
        if not value or not value.strip():
            raise ValueError(f"The {what} of a figure must not be empty: write one.")
    light, caption = svg(figure), as_read(caption)
    images = "".join(
        f'<img class="{which}" alt="{html.escape(alt)}" src="{data_uri(text)}">'
        for which, text in (("only-light", light), ("only-dark", darkened(light)))
    )
    page = (
        f'<div class="fh-figure" data-name="{html.escape(name)}">{_BY_HAND}{images}'
        f'<p class="fh-caption">{html.escape(caption)}</p></div>'
    )
    offered = numbers.as_csv(numbers.read(figure))
    output = {"text/html": page, "text/plain": f"Figure {name}: {caption}"}
    about = {"name": name, "caption": caption, "data": offered, "code": getattr(figure, "code", "")}
    display(output, raw=True, metadata={"fhelpers": about})


def with_interval(
    estimate, paper: float | None = None, *, least: int = 0, marks: Iterable[float] = ()
) -> str:
    """A value with its interval for a table, and the paper's in brackets: 0.36 ± 0.02 (0.62).

    At least two decimals, or `least` for values beyond ±1; up to four where the interval is narrow
    or where rounding would hide on which side of a value in `marks` an end lies. An asymmetric
    interval is given by its ends: 0.36 [0.30, 0.45].
    """
    low, value, high = estimate.low, estimate.value, estimate.high
    theirs = "" if paper is None or pd.isna(paper) else f" ({rounded(paper)})"
    ends = np.abs([end - value for end in (low, high) if np.isfinite(end)])
    if not np.isfinite(value) or np.isnan([low, high]).any() or not ends.any():
        return f"{rounded(value)}{theirs}"
    half = ends.mean()
    places = int(np.clip(np.ceil(-np.log10(half)), 2 if abs(value) <= 1 else least, 4))
    while True:
        mean, first, last, down, up = (
            round(each, places) for each in (value, low, high, value - low, high - value)
        )
        shown = (mean - down, mean + up) if up == down else (first, last)
        if places >= 4 or all(
            shows_sides(round(one, places), end, marks)
            for one, end in zip(shown, (low, high), strict=True)
        ):
            break
        places += 1
    mean, first, last, half = (
        as_read(f"{each:.{places}f}").replace("-", "−").replace("inf", "∞")
        for each in (mean, first, last, up)
    )
    return f"{mean} ± {half}{theirs}" if up == down else f"{mean} [{first}, {last}]{theirs}"


def rounded(value: float) -> str:
    """A number to two places, or to two digits where that would leave fewer; – for none."""
    if pd.isna(value):
        return "–"
    return as_read(f"{value:.2f}" if abs(value) >= 0.0995 or value == 0 else f"{value:.2g}")


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign; what rounds to 0 has none."""
    return as_read(f"{100 * difference:+.0f}")


def cell_text(value) -> str:
    """One table cell: numbers to two places, missing values as a dash."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 2 else rounded(value)
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def table(frame: pd.DataFrame, *, caption: str) -> None:
    """Display a data frame without its index, numbers to two places; caption as for `show`."""
    if not caption.strip():
        raise ValueError("The caption of a table must not be empty: write one sentence.")
    texts = frame.reset_index(drop=True).map(cell_text).map(as_read).astype(object)
    kinds = [_cell_class(texts[column]) for column in texts]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(spaced(column))}</th>'
        for column, kind in zip(frame, kinds, strict=True)
    )
    cells = texts.map(html.escape)
    for column, kind in zip(cells, kinds, strict=True):
        cells[column] = f"<td{kind}>" + cells[column] + "</td>"
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in cells.to_numpy())
    # A caption inside the table would be as narrow, or as wide beyond the page, as the table.
    page = (
        f'<div class="fh-table{" fh-wide" * (len(kinds) > 5)}">'
        f'<p class="fh-caption">{html.escape(caption)}</p>'
        f'<table aria-label="{html.escape(caption)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    display(
        {"text/html": page, "text/plain": f"{caption}\n{texts.to_string(index=False)}"}, raw=True
    )


def setup(frame: pd.DataFrame, *, caption: str, names: Mapping[str, str] = NAMES) -> None:
    """Display a set-up table (`runs.setup()`), narrow enough for a page.

    What is the same for all rows goes into the caption; a single row is turned on its side. A
    network has the name that it has in figures; `names` are those of a page with names of its own.
    """
    frame = frame.assign(run=[named(labels, NAMES | names) for labels in frame.run])
    if len(frame) == 1:
        names, values = [*map(spaced, frame)], frame.iloc[0].map(cell_text)
        table(pd.DataFrame({"what": names, "value": values.to_numpy()}), caption=caption)
        return
    same = [column for column in frame if frame[column].nunique() == 1]
    common = ", ".join(f"{spaced(c)} {cell_text(frame[c].iloc[0])}" for c in same)
    table(frame.drop(columns=same), caption=f"{caption} The same for all: {common}.")


def named(labels: str, names: Mapping[str, str]) -> str:
    """The names of labels in a plan, which are joined by commas, each of them once."""
    return ", ".join(dict.fromkeys(names.get(label, label) for label in labels.split(", ")))


def spaced(column) -> str:
    """A column's name with spaces; M_natural and its like keep their underscore."""
    return re.sub(r"(?<!\bM)_", " ", str(column))


def _cell_class(texts: pd.Series) -> str:
    """How a column is set: numbers to the right, single words like resnet-8 on one line."""
    if texts.str.fullmatch(r"[-+−]?\d[^a-df-zA-Z]*|–").all():
        return ' class="fh-number"'
    return "" if texts.str.contains(" ").any() else ' class="fh-word"'


def finding(text: str) -> None:
    """Display one sentence computed from the numbers, as Markdown."""
    text = as_read(text)
    display({"text/markdown": text, "text/plain": text}, raw=True)


def card(verdict) -> None:
    """Display a claim: its words, the paper's number, ours with interval, and the verdict.

    `verdict` is a claims.Verdict. A sign and a word carry the verdict, so colour is not needed.
    """
    claim, outcome, sign = verdict.claim, verdict.verdict, SIGNS[verdict.verdict]
    said = verdict.said
    lines = {"The paper": claim.published} | verdict.lines
    folded = {"Measured": claim.measure, "Rule": claim.rule}
    folded |= {term: lines.pop(term) for term in ("Power",) if term in lines}
    listed, below = (
        "".join(f"<dt>{term}</dt><dd>{html.escape(text)}</dd>" for term, text in own.items())
        for own in (lines, folded)
    )
    note = f'<p class="fh-claim-note">{html.escape(verdict.note)}</p>' if verdict.note else ""
    page = (
        f'<div class="fh-claim fh-{outcome.replace(" ", "-")}" role="group" '
        f'aria-label="Claim {claim.id}: {said}"><p class="fh-claim-head">'
        f'<span class="fh-claim-id">{claim.id}</span> <span class="fh-verdict">'
        f'<span class="fh-sign" aria-hidden="true">{sign}</span> {said}</span></p>'
        f'<p class="fh-claim-text">{html.escape(claim.text)}</p><dl>{listed}</dl>'
        f"<details><summary>Measure, rule and more</summary><dl>{below}</dl>{note}</details></div>"
    )
    plain = (
        f"{sign} {claim.id} {said}: {claim.text}\nPaper: {claim.published}\nHere: {lines['Here']}\n"
        f"{verdict.note}"
    )
    display({"text/html": as_read(page), "text/plain": as_read(plain.strip())}, raw=True)


def listing(values: Iterable) -> str:
    """The values as a list in a sentence: a, b and c; "none" if there are none."""
    *most, last = [str(value) for value in values] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last
