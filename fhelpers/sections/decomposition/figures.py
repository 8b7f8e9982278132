"""Figures of the section on the two parts of an image (W, §3.1 and Fig. 2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from fhelpers import frequency
from fhelpers.drawing import charts, style
from fhelpers.drawing.contrast import OVER_PICTURES

ALT = {
    "primer": "Three striped images and a test image, each above its spectrum. The stripes give "
    "two bright points beside the centre, which is the mean of the image, further out for finer "
    "stripes; the spectrum of the test image is bright in the middle and fades outwards.",
    "split": "For two test images: the image and its spectrum with a circle for each radius, "
    "beside them the low part above the high part for each radius. Low parts are blurred at small "
    "radii; high parts are outlines on grey that grow fainter as the radius grows.",
    "energy": "A bar for each radius, divided into the low part's and the high part's share of "
    "the energy. The low part's share grows with the radius and is larger than its share of the "
    "bins.",
    "cases": "Test images in threes: the image, its low part, which looks like the image but "
    "blurred, and its high part, which is nearly grey. Under each stands the predicted class and "
    "its confidence: correct, wrong, correct.",
    "counts": "For each radius a point with its interval, the share of such images, and a bar, "
    "the share expected if the high part were right independently, within each class.",
    "inclusive": "For each radius the difference in accuracy between the two rules, on low and on "
    "high parts, as points with intervals around a line at zero.",
    "stretched": "A test image, its low part and its high part, before and after division by "
    "their own maximum. Only the high part changes visibly: its contrast grows.",
    "divided": "For each radius the change in accuracy through division by the maximum, on low "
    "and on high parts, as points with intervals around a line at zero.",
}

PARTS = {"original": "image", "low": "low part", "high": "high part"}
DECADES = 4  # amplitudes shown: from the largest down to a ten-thousandth of it


def amplitude(image: torch.Tensor) -> np.ndarray:
    """log10 of the mean amplitude over channels, relative to the largest, at least -DECADES."""
    size = frequency.spectrum(image).abs().mean(0)
    return (size / size.max()).clamp_min(10.0**-DECADES).log10().numpy()


def draw_spectrum(axes: Axes, image: torch.Tensor, circles: Sequence[float] = ()):
    """Draw the spectrum of an image (C, H, W), with circles at radii."""
    drawn = style.picture(axes, amplitude(image), cmap="magma", vmin=-DECADES, vmax=0)
    centre, look = (image.shape[-1] // 2, image.shape[-2] // 2), {"color": OVER_PICTURES}
    for radius in circles:
        axes.add_artist(Circle(centre, radius, fill=False, linewidth=1, **look))
    return drawn


def amplitude_bar(figure: Figure, drawn, axes) -> None:
    """The colour bar of spectra: amplitudes as plain fractions of the largest."""
    look = {"location": "bottom", "shrink": 0.7, "aspect": 32, "pad": 0.03}
    words = "amplitude of a wave, relative to the largest"
    bar = figure.colorbar(drawn, ax=axes, label=words, ticks=range(-DECADES, 1), **look)
    bar.ax.xaxis.set_major_formatter(lambda t, _: f"{10.0**t:g}" if t else "largest")
    bar.outline.set_visible(False)


@style.styled
def primer(images: torch.Tensor, names: Sequence[str]) -> Figure:
    """Images (N, C, H, W) above their spectra, zero frequency in the centre."""
    rows, below = ["image", "spectrum"], [None] * len(images)
    figure, axes = style.pictures([images, below], 4.5, titles=names, names=rows)
    for panel, image in zip(axes[1], images, strict=True):
        drawn = draw_spectrum(panel, image)
    axes[1, 0].set_xlabel("centre: the mean")
    axes[1, -1].set_xlabel("edge: fine waves")
    amplitude_bar(figure, drawn, axes)
    return figure


@style.styled
def split(images: torch.Tensor, parts: Mapping[float, tuple]) -> Figure:
    """Each image with its spectrum, then its low part above its high part at every radius.

    images: (N, C, H, W); parts: {radius: (low, high)}. High parts are drawn on mid-grey.
    """
    radii, colours = sorted(parts), style.of_parts(parts)
    rows = []
    for index, image in enumerate(images):
        rows.append([image, *(parts[radius][0][index] for radius in radii)])
        rows.append([None, *(0.5 + parts[radius][1][index] for radius in radii)])
    titles, names = ["", *(f"r = {radius:g}" for radius in radii)], ["image", "spectrum"]
    height = 2.45 * len(images) + 0.9
    figure, axes = style.pictures(rows, height, titles=titles, names=names * len(images))
    for number, line in enumerate(axes):
        part = ("low", "high")[number % 2]
        for panel, radius in zip(line[1:], radii, strict=True):
            panel.spines[:].set(color=colours[part, radius], linewidth=2.5)
        if part == "high":
            drawn = draw_spectrum(line[0], images[number // 2], radii)
        line[-1].yaxis.set_label_position("right")
        line[-1].set_ylabel(PARTS[part], color=style.COLOURS[part], fontweight="bold")
    amplitude_bar(figure, drawn, axes)
    return figure


@style.styled
def energy(shares: pd.DataFrame) -> Figure:
    """How the energy of the images divides at each radius.

    shares: columns radius, low (mean share), least and most (its middle 90 %), bins (their share).
    """
    figure, axes = style.chart(0.9 + 0.62 * len(shares))
    shares, low, high = shares.sort_values("radius"), style.COLOURS["low"], style.COLOURS["high"]
    middle, bins = "middle 90 % of the images", "the low part's share of the bins"
    for row, line in enumerate(shares.itertuples()):
        axes.barh(row, line.low, 0.62, color=low, label="_low part")
        axes.barh(row, 1 - line.low, 0.62, line.low, color=high, label="_high part")
        span, look = [line.least, line.most], {"color": OVER_PICTURES, "linewidth": 2.2}
        axes.plot(span, [row, row], label=f"_{middle}", **look)
        ends, look = [row - 0.4, row + 0.4], {"color": style.INK, "linewidth": 3}
        axes.plot([line.bins] * 2, ends, label=f"_{bins}", **look)
        share = f"{100 * line.low:.{int(line.low > 0.99)}f} %"
        style.write(axes, share, (1, row), color=low, fontweight="bold")
    charts.name_rows(axes, [f"r = {radius:g}" for radius in shares.radius])
    axes.set(xlim=(0, 1), xlabel="share of the energy")
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    style.in_percent(axes.xaxis)
    tick = {"markersize": 13, "markeredgewidth": 3}
    entries = [("low part", low, "s", ""), ("high part", high, "s", "")]
    return charts.key(figure, [*entries, (bins, style.INK, "|", "", tick)])


@style.styled
def changes(frame: pd.DataFrame, label: str) -> Figure:
    """Accuracy changed by a choice, on low and on high parts: columns part, radius, value, …"""
    figure, axes = style.chart(3.5, ylabel=f"{label}\n(percentage points)", ymargin=0.15)
    look = {"colours": style.COLOURS, "markers": style.MARKERS, "names": PARTS, "dodge": 0.24}
    order = {radius: f"r = {radius:g}" for radius in sorted(frame.radius.unique())}
    charts.dots(axes, frame, at="radius", order=order, by="part", upright=True, **look)
    axes.axhline(0, color=style.GREY, linewidth=1.2, label="_no change")
    style.in_percent(axes.yaxis, unit="")
    return charts.key(figure)


@style.styled
def stretched(images: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Figure:
    """Images (C, H, W) before and after division by their own maximum, {name: (before, after)}."""
    columns, titles = [], []
    for name, both in images.items():
        columns.append([part + 0.5 * name.startswith("high") for part in both])
        before, after = (part.max().item() for part in both)
        titles.append((name, f"× {after / before:.2f}"))
    rows, names = [*zip(*columns, strict=True)], ["as it is", "divided"]
    return style.pictures(rows, 4.4, titles=titles, names=names)[0]


@style.styled
def cases(images: torch.Tensor, predicted: pd.DataFrame) -> Figure:
    """W, Fig. 2: images classified correctly whole and from the high part, not from the low part.

    images: (N, 3, C, H, W), for each case the image, its low and its high part (high parts around
    zero); predicted: from `in_words`. No case at all draws a sentence instead.
    """
    columns = 6 if len(images) > 1 else 3
    rows = max(1, -(-3 * len(images) // columns))
    figure, axes = style.canvas(rows, columns, 1.52 * rows + 0.3)
    for panel in axes.flat:
        panel.set_axis_off()
    if not len(images):
        charts.nothing(axes[0, 1])
    trios = zip(axes.reshape(-1, 3), images, predicted.to_dict("records"), strict=False)
    for trio, parts, said in trios:
        for panel, name, pixels in zip(trio, PARTS, parts, strict=True):
            panel.set_axis_on()
            style.picture(panel, pixels + 0.5 * (name == "high"))
            panel.spines[:].set(color=style.COLOURS[name], linewidth=2.5)
            sign, weight = ("✗", "bold") if name == "low" else ("✓", "normal")
            words = f"\n{sign} ".join(said[name].split(" ", 1))
            panel.set_xlabel(words, fontsize=11, labelpad=3, fontweight=weight)
    for panel, (part, name) in zip(axes[0], [*PARTS.items()] * 2, strict=False):
        panel.set_title(name, loc="center", fontsize=11.5, color=style.COLOURS[part])
    return figure


@style.styled
def counts(frame: pd.DataFrame, images: int) -> Figure:
    """How many of the test images are of Fig. 2's kind. frame: from `measure.found`."""
    figure, axes = style.chart(3.6, ylabel="share of the test images")
    frame = frame.sort_values("radius").reset_index(drop=True)
    alone, wide = (
        "if the high part were right independently, within each class",
        {"markeredgewidth": 3.5},
    )
    axes.plot(frame.independent, "_", color=style.GREY, label=f"_{alone}", markersize=26, **wide)
    look = {"order": {radius: f"r = {radius:g}" for radius in frame.radius}, "upright": True}
    look |= {"colours": style.COLOURS["high"], "names": "found", "markersize": 9}
    charts.dots(axes, frame, at="radius", **look)
    top = 1.25 * np.nanmax([*frame.independent, *frame.high, *frame.value, 0.01])
    style.percent(axes, highest=top)
    beside = axes.secondary_yaxis("right", functions=(lambda y: y * images, lambda y: y / images))
    beside.set_ylabel("images")
    beside.spines["right"].set_visible(False)
    expected = (alone, style.GREY, "", "-", {"linewidth": 3.5})
    return charts.key(figure, [*charts.entries(axes), expected])


def where_above_independence(frame: pd.DataFrame) -> str:
    """At which radii images of Fig. 2's kind are more than independence gives.

    frame: from `measure.found`.
    """
    above = frame.radius[frame.beyond > 0]
    if len(above) in (0, len(frame)):
        return "all" if len(above) else "none"
    return f"r = {style.listing(f'{r:g}' for r in above)}"


def in_words(said: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """What `most_confident` returns as text, for example "cat 97 %"."""

    def text(number: int, sure: float) -> str:
        return f"{classes[number].replace(' ', '-')} {100 * sure:.0f} %"

    return pd.DataFrame({part: list(map(text, said[part], said[f"{part}_sure"])) for part in PARTS})
