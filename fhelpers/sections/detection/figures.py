"""Figures of the section on detection (W §7, Figures 8 and 9)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from torch import Tensor

from fhelpers import intervals
from fhelpers.data.objects import Truth
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.contrast import for_text
from fhelpers.sections.detection import claims
from fhelpers.sections.detection.boxes import draw_picture, frame
from fhelpers.sections.detection.cases import Case

PAPER_GAINED = 1684 / 5000
NAMES = {"original": "originals", "low": "low parts", "high": "high parts", "control": "control"}
COLOURS = style.COLOURS | {"control": style.GREY}
MARKERS = {"low": "o", "high": "s", "control": "v"}
PARTS = {"original": "image", "low": "low part", "high": "high part", "control": "control"}
CURVES = {"colours": COLOURS, "markers": MARKERS, "styles": {"control": "--"}, "names": NAMES}

ALT = {
    "images": "Some test images with a frame around each annotated object, their classes beneath.",
    "parts": "One test image four times: as it is; its low part, blurred; its high part, outlines "
    "on grey; and the control, the image with a fine cloudy pattern over it.",
    "map": "Mean average precision against the radius: a level line for originals, and a curve "
    "each for low parts, high parts and the control, with intervals.",
    "kept": "Two rows, low parts and high parts: the share of the mAP on originals that is left, "
    "ours as a point with its interval and the paper's as a hollow diamond.",
    "sizes": "Three rows, small, medium and large objects: a point with its interval is the share "
    "of its mAP that a size class loses on low parts.",
    "losing": "Up to three test images, originals above and low parts below, with the detector's "
    "frames. An object that is found on the original is missed, or found with a lower score, "
    "below.",
    "gaining": "Up to three test images, originals above and low parts below, with the detector's "
    "frames. An object is found on the low part with a higher score than on the original.",
    "gained": "Share of images with an object found better, against the radius: on low parts and "
    "on the control, with intervals, and the paper's share as a hollow diamond.",
}


@style.styled
def images(pictures: Sequence[Tensor], truths: Sequence[Truth], names: Sequence[str]) -> Figure:
    """Images (3, H, W) with their annotated objects; names of the labels 1, 2, …"""
    figure, axes = style.canvas(1, len(pictures), 2.4)
    for panel, image, truth in zip(axes[0], pictures, truths, strict=True):
        scale = draw_picture(panel, image)
        for box in truth.boxes:
            frame(panel, box * scale)
        held = [*dict.fromkeys(names[label - 1] for label in truth.label)]
        panel.set_xlabel("\n".join(held[:4]), fontsize=11)
    return figure


@style.styled
def parts(image: Tensor, made: Mapping[str, Tensor], radius: float) -> Figure:
    """An image (3, H, W) and its low part, its high part (drawn on grey) and the control."""
    figure, axes = style.canvas(1, 1 + len(made), 2.0)
    for panel, (part, pixels) in zip(axes[0], {"original": image, **made}.items(), strict=True):
        draw_picture(panel, pixels + 0.5 * (part == "high"))
        title = PARTS[part] + ", + grey" * (part == "high")
        panel.set_title(title, loc="center", fontsize=11, color=for_text(COLOURS[part]))
        panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
    axes[0, 1].set_xlabel(f"r = {radius:g}", fontsize=11)
    return figure


def against_radius(frame: pd.DataFrame, ylabel: str, height: float) -> tuple[Figure, Axes, list]:
    """A curve for each part against the radius: the figure, its axes and their ends."""
    words = {"xlabel": "radius r (bins of the spectrum)", "ylabel": ylabel, "xmargin": 0.06}
    figure, axes = style.chart(height, xticks=sorted(frame.radius.unique()), **words)
    return figure, axes, charts.curves(axes, frame, x="radius", by="part", **CURVES)


@style.styled
def by_radius(scores: pd.DataFrame) -> Figure:
    """mAP of every part against the radius; scores: what `scored` returns for "AP"."""
    rows = scores[scores.part != "original"]
    figure, axes, ends = against_radius(rows, "mAP", 3.8)
    original, colour = scores[scores.part == "original"].iloc[0], COLOURS["original"]
    axes.axhline(original.value, color=colour, linewidth=2.2, label="_originals")
    if np.isfinite(original.low):
        axes.axhspan(original.low, original.high, color=colour, alpha=0.2, linewidth=0)
    style.percent(axes, highest=1.1 * max(scores.high.max(), scores.value.max(), 0.01))
    style.label_ends(axes, [(original.value, "originals", colour), *ends])
    return figure


@style.styled
def kept(frame: pd.DataFrame) -> Figure:
    """How much of the mAP on originals is left; frame: what `shares_kept` returns."""
    paper, words = "the paper, on COCO", {"xlabel": "share of the mAP on originals", "at": "part"}
    words |= {"order": {part: NAMES[part] for part in frame.part}, "names": NAMES}
    look = {"colours": COLOURS, "markers": MARKERS, "marks": [(paper, *charts.PAPER[1:])]}
    figure, axes = charts.rows(frame, **words, **look)
    style.paper_value(axes, frame.paper, range(len(frame)), name=paper)
    axes.axvline(1, color=COLOURS["original"], linewidth=1.6, label="_originals")
    axes.set_xlim(0, max(1.08, 1.05 * np.nanmax([*frame.high, *frame.value])))
    return figure


@style.styled
def sizes(frame: pd.DataFrame) -> Figure:
    """Share of its mAP that each size class loses on low parts; frame: what `by_size` returns."""
    words = {"xlabel": "share of mAP lost on low parts", "at": "size", "names": "lost"}
    figure, axes = charts.rows(frame, colours=COLOURS["low"], marks=[], **words)
    ends = [end for end in (*frame.low, *frame.high, *frame.value, 0.1) if np.isfinite(end)]
    axes.set_xlim(min(0, 1.05 * min(ends)), 1.05 * max(ends))
    return figure


@style.styled
def gained(frame: pd.DataFrame, over_paper: float) -> Figure:
    """Share of images that gain, on low parts and on the control; frame: `scored` for "gained"."""
    rows, words = frame[frame.part.isin(["low", "control"])], "images with an object\nfound better"
    figure, axes, ends = against_radius(rows, words, 3.4)
    style.paper_value(axes, [over_paper], [PAPER_GAINED])
    style.percent(axes, highest=1.1 * max(PAPER_GAINED, rows.high.max(), rows.value.max()))
    style.label_ends(axes, [*ends, (PAPER_GAINED, "the paper", style.INK)])
    return figure


@style.styled
def cases(chosen: Sequence[Case]) -> Figure:
    """W, Fig. 8 and 9: originals above, low parts below, with the detector's frames.

    They are solid where right, dashed where wrong, and thick around the object in question.
    """
    figure, axes = style.canvas(2, 3, 4.9)
    for panel in axes.flat:
        panel.set_axis_off()
    if not chosen:
        charts.nothing(axes[0, 1])
    for place, case in enumerate(chosen[:3]):
        for panel, part in zip(axes[:, place], ("original", "low"), strict=True):
            panel.set_axis_on()
            taken: list[Bbox] = []
            scale = draw_picture(panel, case.pictures[part])
            panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
            for box, text, right in case.found[part]:
                frame(panel, box * scale, text, taken, dashed=not right)
            frame(panel, case.box * scale, thick=2.2)
            said = f"{100 * case.scores[part]:.0f} %" if case.scores[part] > 0 else "not found"
            panel.set_xlabel(f"{case.name}: {said}", fontsize=11, fontweight="bold")
            if place == 0:
                panel.set_ylabel(PARTS[part], color=COLOURS[part], fontweight="bold")
    return figure


def overview(history: pd.DataFrame) -> pd.DataFrame:
    """A row per part at the largest radius: every measure with its interval, and the paper."""
    rows = intervals.estimates(
        lambda part, measure: claims.compared(history, part, measure),
        shown=list(NAMES), measure=["AP", "AP50", *claims.SIZES],
    )  # fmt: skip
    rows["paper"] = rows.shown.map(claims.PAPER).where(rows.measure == "AP")
    rows = rows.replace({"shown": NAMES, "measure": {"AP": "mAP (the paper's)"}})
    return tables.spread(rows, ["shown"], "measure")


def order_in_words(scores: pd.DataFrame) -> str:
    """At which radii the order of low and high parts is not clearly that of W20, in a sentence."""
    low, high = (scores[scores.part == part].set_index("radius") for part in ("low", "high"))
    above, below = (low.index[one.low > other.high] for one, other in ((high, low), (low, high)))
    if len(below) == len(low):
        return "At every radius the detector finds more on low parts than on high parts."
    said = {
        "the detector finds more on high parts than on low parts": above,
        "the intervals of low and high parts meet": low.index.difference(above.union(below)),
    }
    listed = (
        f"at r = {style.listing(f'{radius:g}' for radius in radii)} {what}"
        for what, radii in said.items()
        if len(radii)
    )
    return f"W20 is judged at r = {low.index.max():g}; {', and '.join(listed)}."


def kept_in_words(frame: pd.DataFrame, radius: float) -> str:
    """What is left of the mAP on each part, beside the paper's."""
    parts = style.listing(
        f"{NAMES[row.part]} keep {100 * row.value:.0f} % (the paper's {100 * row.paper:.0f} %)"
        for row in frame.dropna(subset="value").itertuples()
    )
    if parts == "none":
        return "Nothing is found on originals, so there is nothing to keep."
    return f"Of the mAP on originals, {parts}; r = {radius:g} here, r = 128 in the paper."
