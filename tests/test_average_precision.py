"""COCO's average precision against COCO's own code and against its rules spelt out in loops."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhelpers import average_precision as scoring
from fhelpers.average_precision import Detections, Score
from fhelpers.data.objects import COCO_LIMITS, Truth

LIMITS = (16.0**2, 24.0**2)


def planted(seed, images=12, classes=3, objects=40, guesses=60, digits=2, crowds=0.1):
    """Objects of all sizes, detections near some of them and others anywhere; scores may tie."""
    random = np.random.default_rng(seed)
    boxes = np.c_[random.uniform(0, 90, (objects, 2)), random.uniform(6, 38, (objects, 2))]
    label = random.integers(1, classes + 1, objects)
    truth = Truth(
        random.integers(0, images, objects), boxes, label,
        boxes[:, 2] * boxes[:, 3] * random.uniform(0.5, 1, objects),
        random.random(objects) < crowds, images,
    )  # fmt: skip
    near = random.integers(0, objects, guesses)
    anywhere = np.c_[random.uniform(0, 90, (guesses, 2)), random.uniform(6, 38, (guesses, 2))]
    moved = np.where(random.random((guesses, 1)) < 0.7, boxes[near], anywhere)
    found = Detections(
        truth.image[near], moved + random.normal(0, 1.5, (guesses, 4)).clip(-3, 3),
        np.where(random.random(guesses) < 0.8, label[near], 1),
        np.round(random.random(guesses), digits),
    )  # fmt: skip
    return truth, found


def in_loops(truth, found, limits):
    """AP, AP50, AP75 and AP by size, as COCO's rules say, one image and threshold at a time."""
    classes = sorted(set(truth.label[~truth.crowd]))
    ranges = [(0, 1e10), (0, limits[0]), limits, (limits[1], 1e10)]
    table = np.full((4, len(classes), 10), np.nan)
    for a, (least, most) in enumerate(ranges):
        for c, label in enumerate(classes):
            for t, threshold in enumerate(np.linspace(0.5, 0.95, 10)):
                table[a, c, t] = one_curve(truth, found, label, least, most, threshold)
    means = [np.nanmean(each) if np.isfinite(each).any() else np.nan for each in table]
    at = [np.nanmean(table[0, :, t]) for t in (0, 5)]
    return np.array([means[0], *at, *means[1:]])


def one_curve(truth, found, label, least, most, threshold):
    outcomes, objects = [], 0
    for image in range(truth.images):
        things = [
            i for i in range(len(truth)) if (truth.image[i], truth.label[i]) == (image, label)
        ]
        skipped = {i: truth.crowd[i] or not least <= truth.area[i] <= most for i in things}
        things.sort(key=lambda i: skipped[i])
        objects += sum(not skipped[i] for i in things)
        taken = set()
        seen = [d for d in range(len(found)) if (found.image[d], found.label[d]) == (image, label)]
        for d in sorted(seen, key=lambda d: -found.score[d])[:100]:
            best, match = min(threshold, 1 - 1e-10), None
            for i in things:
                if i in taken and not truth.crowd[i]:
                    continue
                if match is not None and not skipped[match] and skipped[i]:
                    break
                overlap = of_boxes(found.boxes[d], truth.boxes[i], truth.crowd[i])
                if overlap >= best:
                    best, match = overlap, i
            taken |= {match}
            own = found.boxes[d, 2] * found.boxes[d, 3]
            if match is None:
                outcomes.append((found.score[d], False, not least <= own <= most))
            else:
                outcomes.append((found.score[d], True, skipped[match]))
    if objects == 0:
        return np.nan
    outcomes = sorted((o for o in outcomes if not o[2]), key=lambda o: -o[0])
    right = np.cumsum([o[1] for o in outcomes])
    precision = right / np.arange(1, len(outcomes) + 1)
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        total += max(
            (p for p, r in zip(precision, right, strict=True) if r / objects >= recall), default=0
        )
    return total / 101


def of_boxes(d, g, crowd):
    width = min(d[0] + d[2], g[0] + g[2]) - max(d[0], g[0])
    height = min(d[1] + d[3], g[1] + g[3]) - max(d[1], g[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared, own = width * height, d[2] * d[3]
    return shared / (own if crowd else own + g[2] * g[3] - shared)


def by_coco(truth, found, limits):
    """The same by pycocotools, called directly."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    columns = zip(truth.image, truth.boxes, truth.label, truth.area, truth.crowd, strict=True)
    annotations = [
        {
            "id": n, "image_id": int(i) + 1, "bbox": b.tolist(), "category_id": int(c),
            "area": float(a), "iscrowd": int(k),
        }
        for n, (i, b, c, a, k) in enumerate(columns, start=1)
    ]  # fmt: skip
    results = [
        {"image_id": int(i) + 1, "bbox": b.tolist(), "category_id": int(c), "score": float(s)}
        for i, b, c, s in zip(found.image, found.boxes, found.label, found.score, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": n + 1} for n in range(truth.images)],
            "annotations": annotations,
            "categories": [{"id": int(c)} for c in np.unique(truth.label)],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        small, large = limits
        evaluation.params.areaRng = [[0, 1e10], [0, small], [small, large], [large, 1e10]]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = evaluation.stats[:6]
    return np.where(stats < 0, np.nan, stats)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("limits", [LIMITS, COCO_LIMITS])
def test_scores_are_those_of_pycocotools(seed, limits):
    truth, found = planted(seed, images=40, objects=150, guesses=400)
    expected = by_coco(truth, found, limits)
    assert Score(truth, found, limits).values()[0] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from([0.0, 0.1, 0.5]))
@settings(max_examples=25, deadline=None)
def test_scores_are_those_of_the_rules_in_loops(seed, guesses, crowds):
    truth, found = planted(seed, images=5, objects=14, guesses=guesses, digits=3, crowds=crowds)
    # Which of two equal scores comes first is a convention; here only the rules are compared.
    _, first = np.unique(found.score, return_index=True)
    first = np.sort(first)
    found = Detections(*(getattr(found, n)[first] for n in ("image", "boxes", "label", "score")))
    if truth.crowd.all():
        return
    assert Score(truth, found, LIMITS).values()[0] == pytest.approx(
        in_loops(truth, found, LIMITS), abs=1e-9, nan_ok=True
    )


def test_at_most_a_hundred_detections_of_a_class_in_an_image_count():
    truth, _ = planted(0, images=2, classes=1, objects=4)
    random = np.random.default_rng(3)
    wrong = np.tile([95.0, 95.0, 2.0, 2.0], (150, 1))
    found = Detections(
        np.r_[np.zeros(150, int), truth.image], np.r_[wrong, truth.boxes], np.ones(154, int),
        np.r_[random.uniform(0.5, 1, 150), np.full(4, 0.1)],
    )  # fmt: skip
    kept = ~((found.image == 0) & (found.score == 0.1))
    fewer = Detections(*(getattr(found, n)[kept] for n in ("image", "boxes", "label", "score")))
    assert Score(truth, found).values() == pytest.approx(Score(truth, fewer).values(), nan_ok=True)


def test_the_truth_itself_scores_one_and_nothing_scores_nought():
    truth, found = planted(1, crowds=0)
    perfect = Detections(truth.image, truth.boxes, truth.label, np.ones(len(truth)))
    assert Score(truth, perfect, LIMITS).values()[0] == pytest.approx(1)
    none = Detections(*(getattr(found, n)[:0] for n in ("image", "boxes", "label", "score")))
    assert Score(truth, none, LIMITS).values()[0] == pytest.approx(0)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_weights_count_images_as_copies_of_them_would(seed):
    truth, found = planted(seed, images=6, digits=9)
    random = np.random.default_rng(seed)
    weights = random.multinomial(6, np.full(6, 1 / 6))
    copies = np.repeat(np.arange(6), weights)
    rows, guesses = ([np.flatnonzero(each.image == i) for i in copies] for each in (truth, found))
    places = [np.repeat(np.arange(6), [len(r) for r in each]) for each in (rows, guesses)]
    rows, guesses = np.concatenate(rows), np.concatenate(guesses)
    again = Truth(
        places[0], truth.boxes[rows], truth.label[rows], truth.area[rows], truth.crowd[rows], 6
    )
    shown = Detections(places[1], found.boxes[guesses], found.label[guesses], found.score[guesses])
    if again.crowd.all():
        return
    # Equal scores of copies may come in any order, which matters where right and wrong ones tie.
    score = Score(truth, found, LIMITS).values(weights[None])[0]
    assert score == pytest.approx(Score(again, shown, LIMITS).values()[0], abs=2e-2, nan_ok=True)


def test_resamples_are_paired_and_spread_as_images_do():
    truth, found = planted(2, images=60, objects=200, guesses=300)
    score = Score(truth, found, LIMITS)
    assert np.array_equal(scoring.resamples(60), scoring.resamples(60))
    assert (scoring.resamples(60).sum(1) == 60).all()
    draws = score.resampled(200)
    assert draws.shape == (200, 6)
    assert np.array_equal(draws, score.resampled(400)[:200])
    halves = []
    for half in (np.arange(60) < 30, np.arange(60) >= 30):
        halves.append(score.values(half[None].astype(float))[0, 0])
    assert draws[:, 0].std() == pytest.approx(abs(halves[0] - halves[1]) / np.sqrt(2), abs=0.05)


def test_credit_is_the_score_of_the_detection_that_meets_an_object():
    truth = Truth(
        np.array([0, 0, 1]), np.array([[0, 0, 20, 20], [50, 50, 20, 20], [0, 0, 20, 20]], float),
        np.array([1, 1, 1]), np.full(3, 400.0), np.zeros(3, bool), 2,
    )  # fmt: skip
    found = Detections(
        np.array([0, 0, 1]), np.array([[1, 0, 20, 20], [0, 0, 20, 20], [30, 30, 20, 20]], float),
        np.array([1, 1, 1]), np.array([0.9, 0.8, 0.7]),
    )  # fmt: skip
    assert Score(truth, found).credit.tolist() == [0.9, 0, 0]


def test_an_evaluation_of_nothing_is_refused():
    truth, found = planted(0)
    none = Truth(*(getattr(truth, n)[:0] for n in ("image", "boxes", "label", "area", "crowd")), 0)
    with pytest.raises(ValueError, match="no images to evaluate"):
        Score(none, found)
    with pytest.raises(ValueError, match="None of the 3 images holds an annotated object"):
        Score(Truth(none.image, none.boxes, none.label, none.area, none.crowd, 3), found)
