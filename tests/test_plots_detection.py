"""The figures of the section on detection show what they were given, whatever the parameters."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers.average_precision import MEASURES, Detections
from fhelpers.data import scenes
from fhelpers.data.objects import Truth
from fhelpers.data.scenes import Scenes
from fhelpers.drawing import style
from fhelpers.sections.detection import cases as selection
from fhelpers.sections.detection import claims
from fhelpers.sections.detection import figures as plots
from fhelpers.sections.detection.boxes import frame

SHOWN = scenes.generate(Scenes("planted", size=64, classes=3), "test", 5)


def planted(radii=(8.0, 16.0, 34.0), seeds=(0,), small=0.1):
    """Evaluations in which low parts gain 0.002 of mAP a unit of the radius."""
    random, rows = np.random.default_rng(0), []
    for seed in seeds:
        parts = [("original", np.nan)] + [(p, r) for r in radii for p in ("low", "high", "control")]
        for part, radius in parts:
            level = {"original": 0.3, "low": 0.2, "high": 0.05, "control": 0.25}[part]
            level += 0 if part == "original" else 0.002 * radius
            names = [*MEASURES, *([] if part == "original" else ["gained", "lost"])]
            for name in names:
                value = small if name == "small" else level
                row = {"seed": seed, "part": part, "radius": radius, "measure": name, "images": 50}
                rows.append(row | {"scope": "all", "draw": -1, "value": value + 0.001 * seed})
                for draw in range(40):
                    moved = value + 0.01 * random.standard_normal()
                    rows.append(row | {"scope": "draw", "draw": draw, "value": moved})
    return pd.DataFrame(rows)


def tensors(part, scores):
    """What an evaluation keeps: each object found with its score, and one wrong frame."""
    truth = SHOWN.truth
    image, boxes = np.r_[truth.image, 0], np.r_[truth.boxes, [[0.0, 0, 9, 9]]]
    label, score = np.r_[truth.label, 1], np.r_[scores, 0.9]
    found = {"image": image, "boxes": boxes, "label": label, "score": score, "credit": scores}
    return {f"{part}/{name}": torch.tensor(each) for name, each in found.items()}


BEFORE = np.linspace(0.2, 0.6, len(SHOWN.truth))
AFTER = BEFORE + np.where(np.arange(len(BEFORE)) % 2, 0.3, -0.15)


def cases(better):
    before, after = tensors("original", BEFORE), tensors("low", AFTER)
    places = selection.chosen(before, after, SHOWN.truth, better=better)
    return [selection.case(SHOWN, place, SHOWN.image(place[0]), before, after) for place in places]


def figures(history):
    radius = history.radius.max()
    image = SHOWN.image(0)
    made = {"low": image, "high": image - image.mean(), "control": image}
    truths = [SHOWN.truth.of_image(i) for i in range(3)]
    return {
        "images": plots.images([SHOWN.image(i) for i in range(3)], truths, SHOWN.class_names),
        "parts": plots.parts(image, made, radius),
        "map": plots.by_radius(claims.scored(history, "AP")),
        "kept": plots.kept(claims.shares_kept(history)),
        "sizes": plots.sizes(claims.by_size(history)),
        "losing": plots.cases(cases(False)),
        "gaining": plots.cases([]),
        "gained": plots.gained(claims.scored(history, "gained"), radius),
    }


@pytest.mark.parametrize(
    ("radii", "seeds", "small"),
    [((8.0, 16.0, 34.0), (0,), 0.1), ((5.0,), (0, 1), 0.0), ((2.5, 9.0), (3,), np.nan)],
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(radii, seeds, small):
    drawn = figures(planted(radii, seeds, small))
    assert set(drawn) == set(plots.ALT)
    check(drawn, 300_000)


def test_curves_are_the_scores_at_every_radius():
    history = planted()
    scores = claims.scored(history, "AP")
    low = scores[scores.part == "low"].sort_values("radius")
    assert low.value.to_list() == pytest.approx([0.2 + 0.002 * r for r in (8, 16, 34)])
    assert ((low.low < low.value) & (low.value < low.high)).all()
    lines = [line.get_ydata() for line in plots.by_radius(scores).axes[0].get_lines()]
    assert any(len(y) == 3 and np.allclose(y, low.value) for y in lines)


def test_shares_are_relative_to_originals_and_beside_the_papers():
    kept = claims.shares_kept(planted()).set_index("part")
    assert kept.value["low"] == pytest.approx(0.268 / 0.3)
    assert kept.paper.to_list() == pytest.approx([27.5 / 35.6, 10.7 / 35.6])
    assert "low parts keep 89 % (the paper's 77 %)" in plots.kept_in_words(kept.reset_index(), 34)
    sizes = claims.by_size(planted()).set_index("size").value
    assert sizes.to_dict() == pytest.approx(
        {"small": 0, "medium": 1 - 0.268 / 0.3, "large": 1 - 0.268 / 0.3}
    )


def test_the_radii_are_named_at_which_high_parts_score_higher():
    scores = claims.scored(planted(), "AP")
    assert plots.order_in_words(scores).startswith("At every radius the detector finds more on low")
    high, ends = scores.part == "high", ["value", "low", "high"]
    scores.loc[high & (scores.radius < 20), ends] = (0.5, 0.49, 0.51)
    start = f"W20 is judged at r = {scores.radius.max():g}; at r = 8 and 16 the detector finds more"
    assert plots.order_in_words(scores) == f"{start} on high parts than on low parts."
    scores.loc[high & (scores.radius == 16), "low"] = 0.0
    said = plots.order_in_words(scores)
    assert "; at r = 8 the detector finds more on high parts" in said
    assert said.endswith(", and at r = 16 the intervals of low and high parts meet.")


def test_the_overview_has_a_row_for_each_part_and_dashes_where_there_is_nothing():
    table = plots.overview(planted(small=np.nan))
    assert table.shown.to_list() == ["originals", "low parts", "high parts", "control"]
    assert table.small.map(style.cell_text).to_list() == ["–"] * 4
    texts = table["mAP (the paper's)"].str
    assert texts.endswith(("(0.36)", "(0.28)", "(0.11)")).to_list() == [True] * 3 + [False]


@pytest.mark.parametrize("better", [True, False])
def test_the_largest_changes_are_chosen_one_object_an_image(better):
    found = selection.chosen(
        tensors("original", BEFORE), tensors("low", AFTER), SHOWN.truth, better=better
    )
    images = [image for image, _ in found]
    assert len(set(images)) == len(images) <= 3
    for image, thing in found:
        assert SHOWN.truth.image[thing] == image
        assert (AFTER - BEFORE)[thing] == pytest.approx(0.3 if better else -0.15)
    same = selection.chosen(
        tensors("original", BEFORE), tensors("low", BEFORE), SHOWN.truth, better=better
    )
    assert same == []


def test_frames_are_right_where_class_and_place_are():
    truth = Truth(
        np.zeros(2, int), np.array([[0, 0, 10, 10], [20, 20, 10, 10]], float), np.array([1, 2]),
        np.full(2, 100.0), np.zeros(2, bool), 1,
    )  # fmt: skip
    boxes = [[0, 0, 10, 9], [0, 0, 10, 9], [14, 14, 10, 10], [20, 20, 10, 10]]
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    found = Detections(np.zeros(4, int), np.array(boxes, float), np.array([1, 2, 2, 2]), scores)
    drawn = selection.drawn(found, truth, ("disc", "square"))
    assert [(text, right) for _, text, right in drawn] == [
        ("disc 90 %", True), ("square 70 %", False)
    ]  # fmt: skip


def test_large_pictures_shrink_with_their_boxes():
    figure, axes = style.canvas(1, 1, 2)
    scale = plots.draw_picture(axes[0, 0], torch.rand(3, 480, 640))
    assert scale == 0.25
    assert axes[0, 0].get_images()[0].get_array().shape[:2] == (120, 160)
    assert plots.draw_picture(figure.add_subplot(), torch.rand(3, 64, 64)) == 1


def test_names_of_boxes_do_not_cover_each_other():
    _, axes = style.canvas(1, 1, 2)
    plots.draw_picture(axes[0, 0], torch.rand(3, 125, 125))
    taken = []
    for shift in range(4):
        frame(axes[0, 0], np.array([80.0 + shift, 1, 20, 20]), "Ankle boot 33 %", taken)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(taken, 2))
    assert all(p.x0 >= 0 and p.x1 <= 125 and p.y0 >= 0 for p in taken)
    assert len(axes[0, 0].texts) == len(taken) == 4
