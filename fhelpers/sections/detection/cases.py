"""The images on which a detector gains or loses most on low parts (W, Figures 8 and 9)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from fhelpers.average_precision import Detections, overlaps
from fhelpers.data.objects import Truth
from fhelpers.sections.detection.measure import MARGIN, SURE, parts_of


class Case(NamedTuple):
    """An image on which one object is found better, or worse, on the low part."""

    name: str  # of the object's class
    box: np.ndarray
    scores: dict[str, float]  # of its best detection, by part
    pictures: dict[str, torch.Tensor]  # (3, H, W), by part
    found: dict[str, list[tuple]]  # boxes, with class and score and whether right, by part


def most(shown, radius: float, before: Mapping, after: Mapping, *, better: bool) -> list[Case]:
    """The cases of the largest gains on the low part, or of the largest losses."""
    places = chosen(before, after, shown.truth, better=better)
    lows = [parts_of([shown.image(number)], radius, number)["low"][0] for number, _ in places]
    return [case(shown, at, low, before, after) for at, low in zip(places, lows, strict=True)]


def chosen(before: Mapping, after: Mapping, truth: Truth, *, better: bool, count: int = 3):
    """(image, object) of the largest gains (or losses), one object per image, largest first."""
    change = (after["low/credit"] - before["original/credit"]).numpy()
    change = np.where(truth.crowd, 0, change if better else -change)
    first = {}
    for place in np.argsort(-change, kind="stable"):
        if change[place] > MARGIN:
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
