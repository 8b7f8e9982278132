"""Figures of the section on accuracy and robustness (W §3.2, Corollary 1)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from torch import Tensor

from fhelpers import intervals
from fhelpers.claims.reliance import TEST, effect
from fhelpers.drawing import charts, numbers, style, tables
from fhelpers.drawing.contrast import for_text
from fhelpers.drawing.names import NAMES
from fhelpers.intervals import Estimate
from fhelpers.sections.tradeoff.measure import LARGEST, median_size, sizes_in

ALT = {
    "pairs": "Columns of four pictures: a test image, a perturbation of its high part made "
    "visible, the perturbed image, which looks like the first, and the low part that both share.",
    "fooled": "Share of fooled images against the size of the perturbation: a vermilion curve for "
    "perturbations of the high part, a blue one for the low part, a black one for both.",
    "sizes": "A row for each network. Three points: how large a perturbation of the high part, of "
    "the low part and of the whole image half of the images need.",
    "scatter": "A point for each network, with its name beside it: accuracy on test images to the "
    "right, accuracy under PGD upwards. Adversarially trained networks are green triangles.",
}
BANDS = {"high": "high part only", "low": "low part only", "all": "anything"}
COLOURS = {band: style.COLOURS.get(band, style.COLOURS["original"]) for band in BANDS}
MARKERS = {"high": "s", "low": "o", "all": "D"}


@style.styled
def pairs(tensors: Mapping[str, Tensor], low: Tensor, classes) -> Figure:
    """Pairs of images with one low part and two predictions; low: the images' low parts.

    tensors: of a `Corollary` run. Each perturbation is stretched about grey by its largest value.
    """
    images, found = tensors["images"], tensors["perturbations"]
    largest = found.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    rows = {
        "image": images,
        "difference": 0.5 + found / (2 * largest),
        "perturbed": images + found,
        "low part\nof both": low,
    }
    said = zip(tensors["labels"], tensors["answers"], strict=True)
    titles = [(classes[label], "", classes[answer]) for label, answer in said]
    shown = [row[:6] for row in rows.values()]
    return style.pictures(shown, 4.9, titles=titles[:6], names=[*rows])[0]


@style.styled
def fooled(rows: pd.DataFrame) -> Figure:
    """Fooled share of the correctly classified images against ε, a curve for each band."""
    found = {band: sizes_in(rows, band) for band in BANDS}

    def share(band: str, epsilon: float) -> Estimate:
        each = [(sizes <= epsilon).mean() for sizes in found[band]]
        return intervals.accuracy(each, len(found[band][0]))

    shares = intervals.estimates(share, part=list(BANDS), epsilon=np.geomspace(0.25, LARGEST, 80))
    figure, axes = style.chart(3.6, ylabel="fooled images")
    charts.curves(axes, shares, x="epsilon", by="part", colours=COLOURS, names=BANDS)
    in_powers_of_two(axes)
    axes.set(xlabel="ε, root mean square in 255ths", xlim=(0.25, LARGEST))
    style.percent(axes, highest=1.02)
    return charts.key(figure)


def in_powers_of_two(axes: Axes) -> None:
    """A logarithmic horizontal axis for sizes from 1/8 to 32."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(2.0 ** np.arange(-3, 6), ["⅛", "¼", "½", "1", "2", "4", "8", "16", "32"])
    axes.minorticks_off()


def medians(rows: pd.DataFrame) -> pd.DataFrame:
    """`median_size` of every network that classifies some image correctly, in every band."""
    able = set(rows.network[rows["size"] > 0])
    return intervals.estimates(
        lambda label, band: median_size(rows[rows.network == label], band),
        network=[label for label in NAMES if label in able], part=list(BANDS),
    )  # fmt: skip


@style.styled
def sizes(rows: pd.DataFrame) -> Figure:
    """How large a perturbation half of the images need, for every network and band."""
    frame = medians(rows)
    labels = list(frame.network.unique())
    figure, axes = style.chart(1.7 + 0.36 * len(labels))
    some, order = frame[np.isfinite(frame.value)], {label: NAMES[label] for label in labels}
    looks = {"colours": COLOURS, "markers": MARKERS, "names": BANDS}
    charts.dots(axes, some, at="network", order=order, by="part", dodge=0.24, **looks)
    for label in frame.network[~np.isfinite(frame.value) & (frame.part == "all")]:
        place = LARGEST + 2, labels.index(label)
        axes.annotate(f"over {LARGEST}", place, va="center", color=style.GREY)
    in_powers_of_two(axes)
    axes.set(xlabel="ε that fools half of the images, in 255ths", xlim=(0.1, 60))
    return charts.key(figure)


@style.styled
def scatter(history: pd.DataFrame, epsilon: float) -> Figure:
    """Accuracy against robustness of all networks, each named beside its point."""
    words = {"xlabel": "accuracy on test images", "ylabel": f"accuracy under PGD, ε = {epsilon:g}"}
    figure, axes = style.chart(5.2, **words)
    attacked = history[(history.part == "attacked") & np.isclose(history.epsilon, epsilon)]
    points = []
    for label in (label for label in NAMES if label in set(history.label)):
        rows = attacked[attacked.label == f"corollary-{label}"]
        clean = effect(history, {label: 1}, TEST)
        under = intervals.accuracy(rows.accuracy, int(rows.images.iloc[0]))
        trained = "adversarial" if label.startswith("adversarial") else "original"
        colour, marker = style.COLOURS[trained], style.MARKERS[trained]
        bar = {"color": colour, "linewidth": 1, "alpha": 0.4}
        axes.hlines(under.value, clean.low, clean.high, **bar)
        axes.vlines(clean.value, under.low, under.high, **bar)
        look = {"color": colour, "markersize": 6.5, "label": f"_{NAMES[label]}"}
        (drawn,) = axes.plot(clean.value, under.value, marker, **look)
        numbers.spanned(drawn, [under.low], [under.high])
        points.append((clean.value, under.value, NAMES[label], colour))
    axes.margins(0.12)
    bottom, top = axes.get_ylim()
    style.percent(axes, lowest=max(bottom, -0.03), highest=top)
    style.in_percent(axes.xaxis)
    name_points(axes, points)
    return figure


def name_points(axes: Axes, points: Sequence[tuple[float, float, str, str]]) -> None:
    """Names beside points (x, y, name, colour), near them and where they cover no other."""
    axes.figure.draw_without_rendering()  # until then the layout is not known
    spots = axes.transData.transform([point[:2] for point in points])
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    leaders, panel, dots = [], axes.bbox, axes.figure.dpi / 72  # dots in a point
    grid = [(side * x, y) for x in range(8, 65, 8) for y in range(-64, 65, 8) for side in (1, -1)]
    offsets = sorted(grid, key=lambda offset: math.hypot(*offset))
    leader = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3}
    for spot, (*point, name, colour) in zip(spots, points, strict=True):
        look = {"va": "center", "color": for_text(colour), "textcoords": "offset points"}
        text = axes.annotate(name, point, (0, 0), arrowprops=leader, in_layout=False, **look)
        size = Text.get_window_extent(text).size  # without the line

        def placed(offset: tuple[float, float], spot=spot, size=size) -> tuple[Bbox, Path]:
            """Where the name and its line would be."""
            end = spot + dots * np.array(offset)
            corner = end - size * (offset[0] < 0, 0.5)
            return Bbox.from_bounds(*corner, *size), Path([spot, end])

        def covered(offset: tuple[float, float], placed=placed) -> int:
            """How many others name and line would cross, and ten more outside the panel."""
            box, line = placed(offset)
            inside = panel.x0 < box.x0 and box.x1 < panel.x1 and panel.y0 < box.y0
            crossed = sum(
                other.intersects_path(line) or other.intersects_bbox(box) for other in leaders
            )
            return box.count_overlaps(taken) + crossed + 10 * (not inside)

        best = min(offsets, key=covered)
        text.set(position=best, ha="left" if best[0] > 0 else "right")
        box, line = placed(best)
        taken.append(box)
        leaders.append(line)


def in_short(verdict, rows: pd.DataFrame) -> str:
    """The page's finding, in one sentence."""
    high, low = (
        median_size(rows[rows.network == "natural"], band).value for band in ("high", "low")
    )
    text = (
        "A perturbation of the high part alone, of root mean square 1/255 or less, changes "
        f"{100 * verdict.parts[0].estimate.value:.0f} % of M_natural's correct predictions while "
        "the low part stays as it was"
    )
    if np.isfinite([high, low]).all():
        text += (
            f"; half of them change at {high:.1f}/255 in the high part and at {low:.1f}/255 in the "
            "low part"
        )
    return f"{text}."


def sizes_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The medians of `sizes` as a table, in 255ths."""
    frame = medians(rows).replace({"network": NAMES, "part": BANDS})
    return tables.spread(frame, ["network"], "part", least=1).replace("inf", f"over {LARGEST}")


def order_in_words(rows: pd.DataFrame) -> str:
    """Which networks need the largest perturbations of the high part, in a sentence."""
    frame = medians(rows)
    high = frame[frame.part == "high"].sort_values("value", kind="stable")
    texts = high.value.map("{:.1f}".format).replace("inf", f"over {LARGEST}")
    names = high.network.map(NAMES)
    listed = "; ".join(f"{name} ({text})" for name, text in zip(names, texts, strict=True))
    ends = frame.pivot(index="network", columns="part", values=["value", "low", "high"])
    less = ends["value", "low"] < ends["value", "high"]
    clear = ends["high", "low"] < ends["low", "high"]
    meet = sum(high.high.iloc[:-1].to_numpy() >= high.low.iloc[1:].to_numpy())
    open_order = (
        f" Intervals of neighbours in this order overlap in {meet} of {len(high) - 1} pairs."
    )
    return (
        f"In {less.sum()} of {len(less)} networks a smaller perturbation suffices in the low part, "
        f"in {clear.sum()} of them with intervals that do not overlap. From the most easily fooled "
        f"in its high part (255ths): {listed}.{open_order * (len(high) > 1)}"
    )


def samples(history: pd.DataFrame, epsilon: float) -> str:
    """Over what the intervals of `scatter` are, in a sentence."""
    clean = effect(history, {"natural": 1}, TEST)
    attacked = history[(history.part == "attacked") & np.isclose(history.epsilon, epsilon)]
    few = f"over {attacked.images.iloc[0]:,.0f} images"
    upwards = few if clean.over == "images" else clean.sample
    if upwards == clean.sample:
        return f"Intervals are {upwards}."
    return f"Intervals are {clean.sample} along the horizontal axis and {upwards} along the other."
