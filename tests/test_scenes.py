"""Generated scenes: what is said about the objects is what is to be seen."""

import dataclasses
import json

import cocofolder
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fhelpers import data
from fhelpers.data import scenes
from fhelpers.data.scenes import Scenes, compose, generate, shared

PLAIN = Scenes("planted", classes=5, size=128)
SMALL = dataclasses.replace(PLAIN, size=64)


def digest(found):
    return found.images.numpy().tobytes()


def test_scene_i_is_the_same_whatever_else_is_asked_for():
    many, few = generate(SMALL, "test", 8), generate(SMALL, "test", 3, first=2)
    assert torch.equal(many.images[2:5], few.images)
    for number in range(3):
        assert np.array_equal(
            many.truth.of_image(number + 2).boxes, few.truth.of_image(number).boxes
        )
    scenes.backgrounds.cache_clear()
    scenes.objects.cache_clear()
    assert digest(generate(SMALL, "test", 8)) == digest(many)


def test_seeds_and_splits_give_other_scenes():
    kinds = [(SMALL, "train"), (SMALL, "test"), (dataclasses.replace(SMALL, seed=1), "train")]
    assert len({digest(generate(settings, split, 2)) for settings, split in kinds}) == 3


@pytest.mark.parametrize("backgrounds", ["planted", "cifar10"])
def test_training_and_test_scenes_share_neither_objects_nor_grounds(backgrounds):
    if not (backgrounds == "planted" or data.available("cifar10")):
        pytest.skip("CIFAR-10 is not at hand")
    settings = Scenes(backgrounds, classes=3)
    grounds = [{g.tobytes() for g in scenes.backgrounds(settings, s)[:300]} for s in scenes.STREAMS]
    assert not set.intersection(*grounds)
    for train, test in zip(*(scenes.objects(settings, s) for s in scenes.STREAMS), strict=True):
        assert not {o.tobytes() for o in train[:100]} & {o.tobytes() for o in test[:100]}


def test_pixels_differ_from_the_ground_where_objects_are_and_nowhere_else(monkeypatch):
    """Every box is filled to its edges by its silhouette, whose area is counted right."""
    black = np.zeros((1, 32, 32, 3), np.uint8)
    monkeypatch.setattr(scenes, "backgrounds", lambda settings, split: black)
    seen = 0
    for number in range(60):
        image, placed = compose(PLAIN, "train", number)
        if len(placed) != 1:
            continue
        x, y, width, height, _, area = placed[0]
        there = image.max(2) > 0
        outside = there.copy()
        outside[y : y + height, x : x + width] = False
        assert not outside.any()
        inside = there[y : y + height, x : x + width]
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
        # A soft edge is not black, so somewhat more than the silhouette is.
        assert 0.9 * area <= inside.sum() <= 1.6 * area
        seen += 1
    assert seen >= 5


def test_sizes_classes_and_overlaps_are_as_promised():
    found = generate(PLAIN, "train", 150)
    truth, (small, large) = found.truth, found.limits
    assert (small, large) == (256, 576)
    assert min((truth.area < small).mean(), (truth.area > large).mean()) > 0.15
    assert ((truth.area >= small) & (truth.area <= large)).mean() > 0.15
    counts = np.bincount(truth.label, minlength=6)[1:]
    assert counts.min() > 0.5 * counts.max()
    assert (truth.boxes[:, :2] >= 0).all()
    assert (truth.boxes[:, :2] + truth.boxes[:, 2:] <= 128).all()
    assert (truth.area <= truth.boxes[:, 2] * truth.boxes[:, 3]).all()
    for number in range(150):
        boxes = truth.of_image(number).boxes
        assert 1 <= len(boxes) <= scenes.MOST_OBJECTS
        for i in range(len(boxes)):
            assert all(shared(boxes[i], other) <= scenes.OVERLAP for other in boxes[:i])


boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2)


@given(boxes, boxes)
@settings(max_examples=60)
def test_shared_is_counted_pixel_by_pixel(first, second):
    masks = []
    for x, y, width, height in (first, second):
        mask = np.zeros((64, 64), bool)
        mask[y : y + height, x : x + width] = True
        masks.append(mask)
    smaller = min(mask.sum() for mask in masks)
    assert shared(first, second) == pytest.approx((masks[0] & masks[1]).sum() / smaller)


def test_a_silhouette_keeps_what_the_garment_encloses():
    grey = np.zeros((2, 28, 28), np.uint8)
    grey[0, 5:20, 8:18] = 90
    grey[0, 10:12, 12:14] = 0  # a dark print, where the other image is dark too
    grey[1, 2:4, 3:9] = 90
    first, second = scenes.silhouettes(grey)
    assert (first.shape, second.shape) == ((2, 15, 10), (2, 2, 6))
    assert (first[1] == 255).all()


def test_grey_data_sets_get_grounds_in_colour():
    assert Scenes("mnist").source == "cifar10"
    assert Scenes("cifar10").source == "cifar10"
    assert Scenes("planted", classes=2).source_options == {"low": 0.0, "high": 0.0}
    assert Scenes("mnist").class_names[:2] == ("Trouser", "Bag")
    assert set(Scenes("mnist").class_names) == set(data.DATASETS["fashion-mnist"].classes)


def test_the_folder_that_is_written_holds_the_scenes(tmp_path):
    found = generate(SMALL, "test", 5)
    cocofolder.write(found, tmp_path)
    content = json.loads((tmp_path / "annotations" / "instances_val2017.json").read_text())
    assert [c["name"] for c in content["categories"]] == list(found.class_names)
    for number, image in enumerate(content["images"]):
        with Image.open(tmp_path / "val2017" / image["file_name"]) as file:
            assert np.array_equal(np.asarray(file), found.images[number].permute(1, 2, 0).numpy())
        own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        truth = found.truth.of_image(number)
        assert [a["bbox"] for a in own] == truth.boxes.tolist()
        assert [a["area"] for a in own] == truth.area.tolist()
        assert [a["category_id"] for a in own] == truth.label.tolist()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Scenes("planted", classes=6), "classes must be a whole number from 1 to 5, not 6"),
        (lambda: Scenes("cifar10", classes=True), "classes must be a whole number .*, not True"),
        (lambda: Scenes("cifar10", size=16), "scenes: size must be .* from 32 to 1024, not 16"),
        (lambda: Scenes("cifar10", seed=-1), "scenes: seed must be a whole number from 0"),
        (lambda: generate(SMALL, "validation", 1), "'validation' is not known"),
        (lambda: generate(SMALL, "test", 0), "0 scenes from 0 are not possible"),
    ],
)
def test_impossible_scenes_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
