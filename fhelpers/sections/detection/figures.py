"""Figures of the section on detection (W §7, Figures 8 and 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.average_precision import Detections, overlaps
from fhelpers.data.objects import Truth
from fhelpers.drawing import style
from fhelpers.intervals import Estimate
from fhelpers.sections.detection import claims
from fhelpers.sections.detection.boxes import draw_picture, frame

PAPER = {"original": 0.356, "low": 0.275, "high": 0.107}  # W §7: mAP on COCO, r = 128
PAPER_GAINED = 1684 / 5000
SURE = 0.3  # detections with a lower score are not drawn
NAMES = {"original": "originals", "low": "low parts", "high": "high parts", "control": "control"}
COLOURS = {part: style.COLOURS[part] for part in ("original", "low", "high")}
COLOURS["control"] = style.GREY
MARKERS = {"low": "o", "high": "s", "control": "v"}
SIZE_MARKERS = {"small": "o", "medium": "s", "large": "^"}

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "images": "Some test images with a frame around each annotated object, their classes beneath.",
    "parts": (
        "One test image four times: as it is; its low part, blurred; its high part, outlines on "
        "grey; and the control, the image with a fine cloudy pattern over it."
    ),
    "map": (
        "Mean average precision against the radius: a level line for originals, and a curve each "
        "for low parts, high parts and the control, with intervals."
    ),
    "kept": (
        "Two rows, low parts and high parts: the share of the mAP on originals that is left, ours "
        "as a point with its interval and the paper's as a hollow diamond."
    ),
    "sizes": (
        "The share of its mAP that each size class keeps on low parts, against the radius: a line "
        "each for small, medium and large objects."
    ),
    "losing": (
        "Up to three test images, originals above and low parts below, with the detector's frames. "
        "An object that is found on the original is missed, or found with a lower score, below."
    ),
    "gaining": (
        "Up to three test images, originals above and low parts below, with the detector's frames. "
        "An object is found on the low part with a higher score than on the original."
    ),
    "gained": (
        "Share of images with an object found better, against the radius: on low parts and on the "
        "control, with intervals, and the paper's share as a hollow diamond."
    ),
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
        panel.set_xlabel("\n".join(list(held)[:4]), fontsize=10.5)
    return figure


@style.styled
def parts(image: torch.Tensor, made: Mapping[str, torch.Tensor], radius: float) -> Figure:
    """An image (3, H, W) and its low part, its high part (drawn on grey) and the control."""
    figure, axes = style.canvas(1, 1 + len(made), 2.0)
    shown = {"original": image, **made}
    for panel, (part, pixels) in zip(axes[0], shown.items(), strict=True):
        draw_picture(panel, pixels + 0.5 * (part == "high"))
        title = {"original": "image", "control": "control"}.get(part, f"{part} part")
        panel.set_title(title, loc="center", fontsize=11.5, color=style.for_text(COLOURS[part]))
        panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
    axes[0, 1].set_xlabel(f"r = {radius:g}", fontsize=10.5)
    return figure


@style.styled
def by_radius(scores: pd.DataFrame) -> Figure:
    """mAP of every part against the radius; scores: what `scored` returns for "AP"."""
    figure, ((axes,),) = style.canvas(1, 1, 3.8)
    axes.margins(x=0.06)
    original = scores[scores.part == "original"].iloc[0]
    ends = [(original.value, "originals", COLOURS["original"])]
    for part in ("low", "high", "control"):
        own = scores[scores.part == part].sort_values("radius")
        line = {"linestyle": "--" if part == "control" else "-", "marker": MARKERS[part]}
        axes.plot(own.radius, own.value, color=COLOURS[part], **line)
        style.band(axes, own.radius, own.low, own.high, COLOURS[part])
        ends.append((own.value.iloc[-1], NAMES[part], COLOURS[part]))
    axes.axhline(original.value, color=COLOURS["original"], linewidth=2.2)
    if np.isfinite(original.low):
        axes.axhspan(original.low, original.high, color=COLOURS["original"], alpha=0.2, linewidth=0)
    percent(axes, top=1.1 * max(scores.high.max(), scores.value.max(), 0.01))
    axes.set(xlabel="radius r (bins of the spectrum)", ylabel="mAP")
    axes.set_xticks(sorted(scores.radius.dropna().unique()))
    style.label_ends(axes, ends)
    return figure


@style.styled
def kept(frame: pd.DataFrame) -> Figure:
    """How much of the mAP on originals is left; frame: what `shares_kept` returns."""
    figure, ((axes,),) = style.canvas(1, 1, 2.1)
    for row, line in enumerate(frame.itertuples()):
        colour = COLOURS[line.part]
        axes.plot([line.low, line.high], [row, row], color=colour, linewidth=2)
        axes.plot(line.value, row, marker=MARKERS[line.part], color=colour, linestyle="")
        drawn = style.paper_value(axes, line.paper, row, name="the paper, on COCO")
    axes.axvline(1, color=COLOURS["original"], linewidth=1.6)
    axes.set(ylim=(len(frame) - 0.4, -0.6), xlabel="share of the mAP on originals")
    axes.set_xlim(0, max(1.08, 1.05 * np.nanmax([*frame.high, *frame.value])))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_yticks(range(len(frame)), [NAMES[part] for part in frame.part])
    axes.legend(
        [drawn], ["the paper, on COCO"], loc="lower right", bbox_to_anchor=(1, 1), borderpad=0
    )
    return figure


@style.styled
def sizes(frame: pd.DataFrame) -> Figure:
    """Share of its mAP that each size class keeps on low parts; frame: what `by_size` returns."""
    figure, ((axes,),) = style.canvas(1, 1, 3.6)
    radii = sorted(frame.radius.unique())
    ends = []
    for place, (size, marker) in enumerate(SIZE_MARKERS.items()):
        own = frame[frame["size"] == size].dropna(subset="value").sort_values("radius")
        if own.empty:
            continue
        shift = 0.012 * (place - 1) * (radii[-1] - radii[0] or 1)
        line = {"marker": marker, "linestyle": ("-", "--", ":")[place]}
        axes.plot(own.radius + shift, own.value, color=COLOURS["low"], label=f"_{size}", **line)
        for each in own.itertuples():
            axes.plot(
                [each.radius + shift] * 2, [each.low, each.high], color=COLOURS["low"], lw=1.2
            )
        ends.append((own.value.iloc[-1], size, COLOURS["low"]))
    axes.axhline(1, color=COLOURS["original"], linewidth=1.6)
    top = 1.15 if frame.high.dropna().empty else min(2.0, max(1.15, frame.high.max() * 1.05))
    percent(axes, top=top)
    axes.set(xlabel="radius r (bins of the spectrum)", ylabel="share of mAP kept")
    axes.set_xticks(radii)
    style.label_ends(axes, [(min(y, top), text, colour) for y, text, colour in ends])
    return figure


@style.styled
def gained(frame: pd.DataFrame, over_paper: float) -> Figure:
    """Share of images that gain, on low parts and on the control; frame: `scored` for "gained".

    over_paper: the radius at which the paper's share is drawn.
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.4)
    ends = []
    for part in ("low", "control"):
        own = frame[frame.part == part].sort_values("radius")
        style_of = "--" if part == "control" else "-"
        axes.plot(
            own.radius, own.value, color=COLOURS[part], marker=MARKERS[part], linestyle=style_of
        )
        style.band(axes, own.radius, own.low, own.high, COLOURS[part])
        ends.append((own.value.iloc[-1], NAMES[part], COLOURS[part]))
    style.paper_value(axes, [over_paper], [PAPER_GAINED])
    ends.append((PAPER_GAINED, "the paper", style.INK))
    percent(axes, top=1.1 * max(PAPER_GAINED, frame.high.max(), frame.value.max()))
    axes.set(xlabel="radius r (bins of the spectrum)", ylabel="images with an object\nfound better")
    axes.set_xticks(sorted(frame.radius.unique()))
    axes.margins(x=0.06)
    style.label_ends(axes, ends)
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
        axes[0, 1].text(
            0.5, 0.5, "No test image is of this kind.", ha="center", transform=axes[0, 1].transAxes
        )
    for column, case in enumerate(chosen[:3]):
        for panel, part in zip(axes[:, column], ("original", "low"), strict=True):
            panel.set_axis_on()
            scale = draw_picture(panel, case.pictures[part])
            panel.spines[:].set(color=COLOURS[part], linewidth=2.5)
            for box, text, right in case.found[part]:
                frame(panel, box * scale, text, dashed=not right)
            frame(panel, case.box * scale, thick=2.2)
            score = case.scores[part]
            said = f"{100 * score:.0f} %" if score > 0 else "not found"
            panel.set_xlabel(f"{case.name}: {said}", fontsize=10.5, fontweight="bold")
    for panel, name, part in zip(
        axes[:, 0], ("image", "low part"), ("original", "low"), strict=True
    ):
        panel.set_ylabel(name, color=COLOURS[part], fontweight="bold")
    return figure


def percent(axes: Axes, top: float) -> None:
    axes.set_ylim(0, top)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")


# What the notebook hands to the figures ----------------------------------------------------------


def scored(history: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A measure of every part with its interval: columns part, radius, value, low, high."""
    there = history[(history.measure == measure) & (history.scope == "all")]
    rows = []
    for part, radius in sorted(set(zip(there.part, there.radius.fillna(-1), strict=True))):
        at = None if radius < 0 else radius
        one = claims.compare(history, lambda x: x, (part, measure), radius=at)
        rows.append({"part": part, "radius": np.nan if at is None else at, **bounds(one)})
    return pd.DataFrame(rows)


def bounds(estimate: Estimate) -> dict:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def share_left(before, after):
    return 1 - claims.lost(before, after)


def shares_kept(history: pd.DataFrame) -> pd.DataFrame:
    """What is left of the mAP on originals at the largest radius, and in the paper."""
    rows = []
    for part in ("low", "high"):
        one = claims.compare(history, share_left, ("original", "AP"), (part, "AP"))
        rows.append({"part": part, "paper": PAPER[part] / PAPER["original"], **bounds(one)})
    return pd.DataFrame(rows)


def by_size(history: pd.DataFrame) -> pd.DataFrame:
    """Share of its mAP that each size class keeps on low parts: size, radius, value, low, high."""
    rows = []
    for radius in sorted(history.radius.dropna().unique()):
        for size in claims.SIZES:
            one = claims.compare(history, share_left, *claims.pairs(size), radius=radius)
            rows.append({"size": size, "radius": radius, **bounds(one)})
    return pd.DataFrame(rows)


def overview(history: pd.DataFrame) -> pd.DataFrame:
    """A row per part at the largest radius: every measure with its interval, and the paper."""
    rows = []
    for part in NAMES:
        row = {"shown": NAMES[part]}
        for measure in ("AP", "AP50", *claims.SIZES):
            one = claims.compare(history, lambda x: x, (part, measure))
            name = {"AP": "mAP", "AP50": "AP50"}.get(measure, measure)
            row[name] = style.with_interval(one) if np.isfinite(one.value) else None
        rows.append(row | {"paper's mAP": f"{PAPER[part]:.3f}" if part in PAPER else "–"})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Case:
    """An image on which one object is found better, or worse, on the low part.

    name, box: of the object; scores: {part: of its best detection}; pictures: {part: (3, H, W)};
    found: {part: [(box, class and score, whether it is right)]}.
    """

    name: str
    box: np.ndarray
    scores: dict[str, float]
    pictures: dict[str, torch.Tensor]
    found: dict[str, list[tuple]]


def chosen(before: Mapping, after: Mapping, truth: Truth, *, better: bool, count: int = 3):
    """(image, object) of the largest gains (or losses), one object an image, largest first.

    before, after: tensors of the evaluations of originals and of one radius.
    """
    change = (after["low/credit"] - before["original/credit"]).numpy()
    change = np.where(truth.crowd, 0, change if better else -change)
    places = [place for place in np.argsort(-change, kind="stable") if change[place] > 0.1]
    first = {}
    for place in places:
        first.setdefault(int(truth.image[place]), int(place))
    return list(first.items())[:count]


def case(shown, place: tuple[int, int], low: torch.Tensor, before: Mapping, after: Mapping) -> Case:
    """What `cases` draws of one (image, object); shown: the evaluated images."""
    number, thing = place
    truth, name = shown.truth.of_image(number), shown.class_names[shown.truth.label[thing] - 1]
    box = shown.truth.boxes[thing]
    credit = {"original": before["original/credit"], "low": after["low/credit"]}
    found = {
        part: drawn(detections(source, part).of_image(number), truth, shown.class_names)
        for part, source in (("original", before), ("low", after))
    }
    scores = {part: float(values[thing]) for part, values in credit.items()}
    return Case(name, box, scores, {"original": shown.image(number), "low": low}, found)


def detections(tensors: Mapping, part: str) -> Detections:
    """The detections that an evaluation keeps of one part."""
    return Detections(
        *(tensors[f"{part}/{n}"].numpy() for n in ("image", "boxes", "label", "score"))
    )


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


def in_short(verdicts: Sequence) -> str:
    """The page's finding: what the verdicts say, in two sentences."""
    said = [f"{verdict.claim.id} {verdict.verdict}" for verdict in verdicts[:3]]
    chance = {
        "reproduced": "more often than after a change of the same size that removes nothing",
        "not reproduced": "less often than after a change of the same size that removes nothing",
    }.get(verdicts[3].verdict, "about as often as after a change that removes nothing")
    return (
        f"{verdicts[0].note[:-1]}: {style.listing(said)}. An object is found better on the low "
        f"part {chance}."
    )


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
