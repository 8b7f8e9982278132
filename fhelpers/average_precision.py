"""COCO's average precision, and what other images would have given.

The rules are those of COCO's own evaluation (Lin et al. 2014), as pycocotools carries them out:
ten IoU thresholds, 101 recalls, at most 100 detections an image and class, crowds and objects
outside a size class ignored. Matching is done once; the score is then a function of one weight per
image, so that resampling images a few hundred times costs little more than scoring once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fhelpers.data.objects import COCO_LIMITS, Truth

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the intersection over union
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100  # detections of a class in an image that count
SIZES = ("small", "medium", "large")
MEASURES = ("AP", "AP50", "AP75", *SIZES)
DRAWS = 400  # the ends of a 95 % interval then rest on 10 resamples each
CHUNK = 50  # resamples at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Detections:
    """What a detector found: image (n,), boxes (n, 4) as in `Truth`, label (n,), score (n,)."""

    image: np.ndarray
    boxes: np.ndarray
    label: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.score)

    def of_image(self, number: int) -> "Detections":
        own = self.image == number
        return Detections(self.image[own], self.boxes[own], self.label[own], self.score[own])


@dataclass(frozen=True)
class Matches:
    """The detections of one class and size class, by falling score, and what they hit.

    image (d,); inside (d,): the detection's own area is of the size class; hits (k,): places of
    detections that met an object at any threshold; met, right (thresholds, k): they met an object
    there, and one that counts; objects (images,): how many count.
    """

    image: np.ndarray
    inside: np.ndarray
    hits: np.ndarray
    met: np.ndarray
    right: np.ndarray
    objects: np.ndarray


def overlaps(found: np.ndarray, there: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (d, 4) with boxes (g, 4): (d, g), float64.

    Over the detection's own area where the object is a crowd.
    """
    found, there = found[:, None].astype(float), there[None].astype(float)
    ends = np.minimum(found[..., :2] + found[..., 2:], there[..., :2] + there[..., 2:])
    sides = np.clip(ends - np.maximum(found[..., :2], there[..., :2]), 0, None)
    shared, own = sides.prod(-1), found[..., 2:].prod(-1)
    union = np.where(crowd[None], own, own + there[..., 2:].prod(-1) - shared)
    return shared / np.maximum(union, np.finfo(float).tiny)


def assign(overlap: np.ndarray, crowd: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Which object each detection meets at each threshold: (thresholds, d), -1 for none.

    overlap (d, g) with detections by falling score. A detection takes the free object that it
    overlaps most, one that counts before one that is ignored; crowds are never used up. Of equal
    overlaps the later object is taken, as pycocotools does.
    """
    given = np.full((len(THRESHOLDS), len(overlap)), -1)
    near = np.flatnonzero((overlap >= THRESHOLDS[0]).any(1)) if overlap.size else []
    free = np.ones((len(THRESHOLDS), len(crowd)), bool)
    rows = np.arange(len(THRESHOLDS))
    last = len(crowd) - 1
    for place in near:
        allowed = (free | crowd) & (overlap[place] >= THRESHOLDS[:, None])
        counting = allowed & ~ignored
        choice = np.where(counting.any(1, keepdims=True), counting, allowed)
        best = last - np.where(choice, overlap[place], -1.0)[:, ::-1].argmax(1)
        taken = choice.any(1)
        given[taken, place] = best[taken]
        free[rows[taken], best[taken]] = False
    return given


def check(truth: Truth) -> None:
    """Raise ValueError where there is nothing to score: no images, or no object that counts."""
    if truth.images == 0:
        raise ValueError("There are no images to evaluate, so there is no average precision.")
    if not (~truth.crowd).any():
        raise ValueError(
            f"None of the {truth.images} images holds an annotated object, so there is nothing to "
            "find: choose images with objects."
        )


class Score:
    """Detections matched with the truth once; scores follow for any weights of the images.

    limits: the areas (px²) between small, medium and large objects. credit (objects,): the score of
    the detection that meets each object at an overlap of 0.5, 0 for objects that none meets. Raises
    ValueError as `check`.
    """

    def __init__(self, truth: Truth, found: Detections, limits: Sequence[float] = COCO_LIMITS):
        check(truth)
        self.truth, self.images = truth, truth.images
        small, large = limits
        # As in COCO, both ends belong to a size class.
        self.ranges = [(0, np.inf), (0, small), (small, large), (large, np.inf)]
        self.credit = np.zeros(len(truth))
        classes = np.unique(truth.label[~truth.crowd])
        self.matches = [self.of_class(found, label) for label in classes]

    def of_class(self, found: Detections, label: int) -> list[Matches]:
        """Matches of one class in each range of areas; fills in `credit`, too."""
        own = np.flatnonzero(found.label == label)
        own = own[np.lexsort((-found.score[own], found.image[own]))]
        rank = np.arange(len(own)) - np.searchsorted(found.image[own], found.image[own])
        own = own[rank < MOST]
        there = np.flatnonzero(self.truth.label == label)
        there = there[np.argsort(self.truth.image[there], kind="stable")]
        met = np.full((len(self.ranges), len(THRESHOLDS), len(own)), -1)
        for number in np.intersect1d(found.image[own], self.truth.image[there]):
            mine = slice(*np.searchsorted(found.image[own], [number, number + 1]))
            its = there[slice(*np.searchsorted(self.truth.image[there], [number, number + 1]))]
            self.match_image(found, own[mine], its, met[:, :, mine])
        order = np.argsort(-found.score[own], kind="stable")
        return [
            self.collect(found, own[order], there, met[k][:, order], k)
            for k in range(len(self.ranges))
        ]

    def match_image(self, found: Detections, mine, its, met: np.ndarray) -> None:
        """Fill met (ranges, thresholds, d) with the objects that one image's detections meet."""
        crowd = self.truth.crowd[its]
        overlap = overlaps(found.boxes[mine], self.truth.boxes[its], crowd)
        for k in range(len(self.ranges)):
            given = assign(overlap, crowd, self.ignored(its, k))
            met[k] = np.where(given >= 0, its[given], -1)
        first = met[0, 0]
        self.credit[first[first >= 0]] = found.score[mine][first >= 0]

    def ignored(self, objects: np.ndarray, k: int) -> np.ndarray:
        least, most = self.ranges[k]
        area = self.truth.area[objects]
        return self.truth.crowd[objects] | (area < least) | (area > most)

    def collect(self, found: Detections, own, there, met: np.ndarray, k: int) -> Matches:
        least, most = self.ranges[k]
        area = found.boxes[own, 2] * found.boxes[own, 3]
        hits = np.flatnonzero((met >= 0).any(0))
        met = met[:, hits]
        right = (met >= 0) & ~self.ignored(met, k)
        counting = there[~self.ignored(there, k)]
        objects = np.bincount(self.truth.image[counting], minlength=self.images)
        inside = (area >= least) & (area <= most)
        return Matches(found.image[own], inside, hits, met >= 0, right, objects)

    def values(self, weights: np.ndarray | None = None) -> np.ndarray:
        """The `MEASURES` with each image counted `weights` (draws, images) times: (draws, 6).

        Without weights each image counts once. NaN where no object is of the size class.
        """
        weights = np.ones((1, self.images)) if weights is None else weights
        # (classes, ranges, draws, thresholds)
        precision = np.array([[average(m, weights) for m in ranges] for ranges in self.matches])
        there = ~np.isnan(precision)
        with np.errstate(invalid="ignore"):  # NaN where no class has objects; nanmean would warn
            means = np.where(there, precision, 0).sum(0) / there.sum(0)
        whole = means[0]
        columns = [whole.mean(1), whole[:, 0], whole[:, 5], *(each.mean(1) for each in means[1:])]
        return np.stack(columns, 1)

    def resampled(self, draws: int = DRAWS) -> np.ndarray:
        """The `MEASURES` for images drawn anew, with replacement: (draws, 6)."""
        chunks = np.array_split(resamples(self.images, draws), -(-draws // CHUNK))
        return np.concatenate([self.values(chunk) for chunk in chunks])


def resamples(images: int, draws: int = DRAWS) -> np.ndarray:
    """How often each image is drawn, (draws, images): always the same for a number of images.

    So the resamples of two evaluations of the same images are paired: their differences are those
    of one and the same draw.
    """
    return np.random.default_rng(0).multinomial(images, np.full(images, 1 / images), size=draws)


def average(matches: Matches, weights: np.ndarray) -> np.ndarray:
    """Average precision of one class at each threshold: (draws, thresholds), NaN without objects.

    Precision and recall are needed only where some detection hits; in between there are only false
    alarms, and their number is all that matters.
    """
    objects = (weights @ matches.objects).astype(float)
    shape = (len(weights), len(THRESHOLDS))
    if len(matches.hits) == 0:
        return np.where(objects[:, None] > 0, np.zeros(shape), np.nan)
    each = weights[:, matches.image].astype(float)
    claimed = np.cumsum(each * matches.inside, axis=1)[:, matches.hits]
    hitting = each[:, matches.hits]
    right = np.cumsum(hitting[:, None] * matches.right, axis=2)
    excused = np.cumsum(hitting[:, None] * (matches.met & matches.inside[matches.hits]), axis=2)
    wrong = claimed[:, None] - excused
    precision = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / objects[:, None, None]
    reached = np.searchsorted(RECALLS, recall, side="right")
    # The lowest recall of all, 0, is reached by the first detection, whatever it is.
    steps = np.diff(reached, axis=2, prepend=0)
    return np.where(objects[:, None] > 0, (best * steps).sum(2) / len(RECALLS), np.nan)
