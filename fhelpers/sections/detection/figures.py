"""Figures of the section on detection (W §7, Figures 8 and 9)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.average_precision import Detections, overlaps
from fhelpers.data.objects import Truth
from fhelpers.drawing import charts, style
from fhelpers.sections.detection import claims
from fhelpers.sections.detection.boxes import draw_picture, frame
from fhelpers.sections.detection.measure import SURE

PAPER_GAINED = 1684 / 5000
NAMES = {"original": "originals", "low": "low parts", "high": "high parts", "control": "control"}
COLOURS = {part: style.COLOURS[part] for part in ("original", "low", "high")}
COLOURS["control"] = style.GREY
MARKERS = {"low": "o", "high": "s", "control": "v"}
PARTS = {"original": "image", "low": "low part", "high": "high part", "control": "control"}
CURVES = {"colours": COLOURS, "markers": MARKERS, "styles": {"control": "--"}, "names": NAMES}
SIZE_MARKERS = {"small": "o", "medium": "s", "large": "^"}
SIZE_STYLES = {"small": "-", "medium": "--", "large": ":"}

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "images": "Some test images with a frame around each annotated object, their classes beneath.",
    "parts": "One test image four times: as it is; its low part, blurred; its high part, outlines "
    "on grey; and the control, the image with a fine cloudy pattern over it.",
    "map": "Mean average precision against the radius: a level line for originals, and a curve "
    "each for low parts, high parts and the control, with intervals.",
    "kept": "Two rows, low parts and high parts: the share of the mAP on originals that is left, "
    "ours as a point with its interval and the paper's as a hollow diamond.",
    "sizes": "The share of its mAP that each size class keeps on low parts, against the radius: a "
    "line each for small, medium and large objects.",
    "losing": "Up to three test images, originals above and low parts below, with the detector's "
    "frames. An object that is found on the original is missed, or found with a lower score, "
    "below.",
    "gaining": "Up to three test images, originals above and low parts below, with the detector's "
    "frames. An object is found on the low part with a higher score than on the original.",
    "gained": "Share of images with an object found better, against the radius: on low parts and "
    "on the control, with intervals, and the paper's share as a hollow diamond.",
}


@style.styled
def images(
    pictures: Sequence[torch.Tensor], truths: Sequence[Truth], names: Sequence[str]
) -> Figure:
    """Images (3, H, W) with their annotated objects; names of the labels 1, 2, …"""
    figure, axes = style.canvas(1, len(pictures), 2.4)
    for panel, image, truth in zip(axes[0], pictures, truths, strict=True):
        scale = draw_picture(panel, image)
        for box in truth.boxes:
            frame(panel, box * scale)
        held = dict.fromkeys(names[label - 1] for label in truth.label)
        panel.set_xlabel("\n".join(list(held)[:4]), fontsize=11)
    return figure


@style.styled
def parts(image: torch.Tensor, made: Mapping[str, torch.Tensor], radius: float) -> Figure:
    """An image (3, H, W) and its low part, its high part (drawn on grey) and the control."""
    figure, axes = style.canvas(1, 1 + len(made), 2.0)
    for panel, (part, pixels) in zip(axes[0], {"original": image, **made}.items(), strict=True):
        draw_picture(panel, pixels + 0.5 * (part == "high"))
        title = PARTS[part] + ", + grey" * (part == "high")
        panel.set_title(title, loc="center", fontsize=11, color=style.for_text(COLOURS[part]))
        panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
    axes[0, 1].set_xlabel(f"r = {radius:g}", fontsize=11)
    return figure


def against_radius(frame: pd.DataFrame, ylabel: str, height: float) -> tuple[Figure, Axes, list]:
    """A curve for each part against the radius: the figure, its axes and their ends."""
    figure, ((axes,),) = style.canvas(1, 1, height)
    ends = charts.curves(axes, frame, x="radius", by="part", **CURVES)
    axes.margins(x=0.06)
    axes.set(xlabel="radius r (bins of the spectrum)", ylabel=ylabel)
    axes.set_xticks(sorted(frame.radius.unique()))
    return figure, axes, ends


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
    figure, ((axes,),) = style.canvas(1, 1, 2.1)
    order = {part: NAMES[part] for part in frame.part}
    look = {"colours": COLOURS, "markers": MARKERS, "names": NAMES}
    charts.dots(axes, frame, at="part", order=order, **look)
    style.paper_value(axes, frame.paper, range(len(frame)), name="the paper, on COCO")
    axes.axvline(1, color=COLOURS["original"], linewidth=1.6, label="_originals")
    axes.set(xlabel="share of the mAP on originals")
    axes.set_xlim(0, max(1.08, 1.05 * np.nanmax([*frame.high, *frame.value])))
    style.in_percent(axes.xaxis)
    charts.key(figure, [("the paper, on COCO", *charts.PAPER[1:])])
    return figure


@style.styled
def sizes(frame: pd.DataFrame) -> Figure:
    """Share of its mAP that each size class keeps on low parts; frame: what `by_size` returns."""
    figure, ((axes,),) = style.canvas(1, 1, 3.6)
    look = {"colours": COLOURS["low"], "markers": SIZE_MARKERS, "styles": SIZE_STYLES}
    order = sorted(frame.radius.unique())
    charts.dots(axes, frame, at="radius", order=order, by="size", dodge=0.1, upright=True, **look)
    axes.axhline(1, color=COLOURS["original"], linewidth=1.6)
    style.percent(axes, highest=float(np.clip(1.05 * np.nanmax([*frame.high, 1.1]), 1.15, 2.0)))
    axes.set(xlabel="radius r (bins of the spectrum)", ylabel="share of mAP kept")
    charts.key(figure, charts.entries(axes), handlelength=3)
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
def cases(chosen: Sequence["Case"]) -> Figure:
    """W, Fig. 8 and 9: originals above, low parts below, with the detector's frames.

    The object in question has a thick frame. Thin frames are the detector's: solid where right,
    dashed where wrong. No case at all draws a sentence instead.
    """
    figure, axes = style.canvas(2, 3, 4.9)
    for panel in axes.flat:
        panel.set_axis_off()
    if not chosen:
        charts.nothing(axes[0, 1])
    for place, case in enumerate(chosen[:3]):
        for panel, part in zip(axes[:, place], ("original", "low"), strict=True):
            panel.set_axis_on()
            scale = draw_picture(panel, case.pictures[part])
            panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
            for box, text, right in case.found[part]:
                frame(panel, box * scale, text, dashed=not right)
            frame(panel, case.box * scale, thick=2.2)
            said = f"{100 * case.scores[part]:.0f} %" if case.scores[part] > 0 else "not found"
            panel.set_xlabel(f"{case.name}: {said}", fontsize=11, fontweight="bold")
            if place == 0:
                panel.set_ylabel(PARTS[part], color=COLOURS[part], fontweight="bold")
    return figure


# What the notebook hands to the figures ----------------------------------------------------------


def overview(history: pd.DataFrame) -> pd.DataFrame:
    """A row per part at the largest radius: every measure with its interval, and the paper."""
    names = {"AP": "mAP (the paper's)", "AP50": "AP50"} | {size: size for size in claims.SIZES}
    rows = []
    for part in NAMES:
        found = {name: claims.compared(history, part, measure) for measure, name in names.items()}
        texts = {
            n: style.with_interval(x) if np.isfinite(x.value) else None for n, x in found.items()
        }
        texts[names["AP"]] = style.with_interval(found[names["AP"]], claims.PAPER.get(part))
        rows.append({"shown": NAMES[part]} | texts)
    return pd.DataFrame(rows)


class Case(NamedTuple):
    """An image on which one object is found better, or worse, on the low part."""

    name: str  # of the object's class
    box: np.ndarray
    scores: dict[str, float]  # of its best detection, by part
    pictures: dict[str, torch.Tensor]  # (3, H, W), by part
    found: dict[str, list[tuple]]  # boxes, with class and score and whether right, by part


def chosen(before: Mapping, after: Mapping, truth: Truth, *, better: bool, count: int = 3):
    """(image, object) of the largest gains (or losses), one object an image, largest first."""
    change = (after["low/credit"] - before["original/credit"]).numpy()
    change = np.where(truth.crowd, 0, change if better else -change)
    first = {}
    for place in np.argsort(-change, kind="stable"):
        if change[place] > 0.1:
            first.setdefault(int(truth.image[place]), int(place))
    return list(first.items())[:count]


def case(shown, place: tuple[int, int], low: torch.Tensor, before: Mapping, after: Mapping) -> Case:
    """What `cases` draws of one (image, object); shown: the evaluated images."""
    number, thing = place
    truth, names = shown.truth.of_image(number), shown.class_names
    scores, found = {}, {}
    for part, tensors in (("original", before), ("low", after)):
        scores[part] = float(tensors[f"{part}/credit"][thing])
        kept = (tensors[f"{part}/{n}"].numpy() for n in ("image", "boxes", "label", "score"))
        found[part] = drawn(Detections(*kept).of_image(number), truth, names)
    name, box = names[shown.truth.label[thing] - 1], shown.truth.boxes[thing]
    return Case(name, box, scores, {"original": shown.image(number), "low": low}, found)


def drawn(found: Detections, truth: Truth, names: Sequence[str]) -> list[tuple]:
    """Boxes of the surer detections, with class and score, and whether they hit such an object.

    Of several on one place, whatever their class, the surest is drawn.
    """
    overlap = overlaps(found.boxes, truth.boxes, truth.crowd)
    right = ((found.label[:, None] == truth.label[None]) & (overlap >= 0.5)).any(1)
    each_other = overlaps(found.boxes, found.boxes, np.zeros(len(found), bool))
    kept: list[int] = []
    for place in np.argsort(-found.score, kind="stable"):
        if found.score[place] >= SURE and not (each_other[place, kept] > 0.5).any():
            kept.append(place)
    texts = [f"{names[found.label[i] - 1]} {100 * found.score[i]:.0f} %" for i in kept]
    return list(zip(found.boxes[kept], texts, right[kept].tolist(), strict=True))


def kept_in_words(frame: pd.DataFrame) -> str:
    """What is left of the mAP on each part, beside the paper's."""
    parts = [
        f"{NAMES[row.part]} keep {100 * row.value:.0f} % (the paper's {100 * row.paper:.0f} %)"
        for row in frame.itertuples()
        if np.isfinite(row.value)
    ]
    if not parts:
        return "Nothing is found on originals, so there is nothing to keep."
    return f"Of the mAP on originals, {style.listing(parts)}."
