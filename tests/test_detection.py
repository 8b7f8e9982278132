"""Detectors of scenes and their evaluation: filters, records, resuming, refusals."""

import dataclasses
import math
from types import SimpleNamespace

import cocofolder
import numpy as np
import pandas as pd
import pytest
import torch

from fhelpers import frequency
from fhelpers.average_precision import MEASURES, Detections, Score, resamples
from fhelpers.data import scenes
from fhelpers.data.objects import Truth
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import kinds, scales, training
from fhelpers.runs.kinds import Job
from fhelpers.sections.detection import detectors, retinanet
from fhelpers.sections.detection import measure as detection
from fhelpers.sections.detection.detectors import DetectorRecipe
from fhelpers.sections.detection.measure import Evaluation
from fhelpers.sections.detection.plan import plan as plan_of

TINY = DetectorRecipe(
    dataset="planted", size=64, classes=2, width=8, channels=16, train_images=12, batch_size=4,
    epochs=2, precision="float32",
)  # fmt: skip
ON_TINY = Evaluation(detector=TINY, images=6)


# Filters ---------------------------------------------------------------------------------------


def test_parts_are_those_of_the_split_whatever_the_shapes_beside_them():
    images = [torch.rand(3, *shape) for shape in ((32, 32), (20, 45), (32, 32), (45, 20))]
    parts = detection.parts_of(images, 5, first=7)
    for place, image in enumerate(images):
        low, high = frequency.split(image[None], 5)
        assert torch.allclose(parts["low"][place], low[0], atol=1e-6)
        assert torch.allclose(parts["high"][place], high[0], atol=1e-6)
        alone = detection.parts_of([image], 5, first=7 + place)
        assert torch.allclose(parts["control"][place], alone["control"][0], atol=1e-6)
    assert detection.parts_of(images, None, 0).keys() == {"original"}


@pytest.mark.parametrize("shape", [(32, 32), (21, 34), (33, 17)])
def test_the_control_changes_as_much_as_the_low_part_at_every_frequency(shape):
    image = torch.rand(3, *shape)
    made = {part: each[0] for part, each in detection.parts_of([image], 4, 0).items()}
    added, taken = made["control"] - image, made["low"] - image
    amplitudes = [frequency.spectrum(each).abs() for each in (added, taken)]
    assert torch.allclose(*amplitudes, atol=2e-3)
    assert torch.allclose(*(each.square().sum((1, 2)) for each in (added, taken)), rtol=1e-3)
    # It is a real change: not the same one, nor its opposite.
    assert (added - taken).abs().max() > 0.1
    assert (added + taken).abs().max() > 0.1


def test_beyond_all_frequencies_every_part_is_harmless():
    image = torch.rand(3, 16, 16)
    made = detection.parts_of([image], 50, 0)
    assert torch.equal(made["low"][0], image)
    assert not made["high"][0].any()
    assert torch.allclose(made["control"][0], image, atol=1e-6)


# The detector ----------------------------------------------------------------------------------


def test_the_narrow_network_is_torchvisions_at_full_width():
    from torchvision.models import resnet18

    ours, theirs = retinanet.NarrowResNet(64).state_dict(), resnet18().state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
    narrow = retinanet.NarrowResNet(16)
    assert narrow.layer4[1].conv2.weight.shape == (128, 128, 3, 3)


def test_mirrored_boxes_lie_on_the_mirrored_objects():
    found = scenes.generate(TINY.scenes, "train", 1)
    target = detectors.target_of(found, 0, "cpu")
    moved = detectors.mirror(target, 64)["boxes"].int()
    image = found.images[0]
    for before, after in zip(target["boxes"].int(), moved, strict=True):
        one, two = (
            img[:, b[1] : b[3], b[0] : b[2]]
            for img, b in ((image, before), (image.flip(-1), after))
        )
        assert torch.equal(one.flip(-1), two)


def test_a_detector_learns_its_scenes():
    """Eight large objects, seen again and again, are found."""
    recipe = dataclasses.replace(
        TINY, classes=1, width=16, channels=32, train_images=8, batch_size=8, epochs=120,
        learning_rate=5e-3,
    )  # fmt: skip
    found = scenes.generate(recipe.scenes, "train", 8)
    model = recipe.rebuild()
    compute = choose_compute("float32", "cpu")
    state = training.Training(model, torch.optim.AdamW(model.parameters(), recipe.learning_rate))
    training.fit(
        state, detectors.batches_of(recipe, found, "cpu"),
        lambda model, batch: detectors.loss_of(compute, [], model, batch),
        epochs=recipe.epochs, seed=0,
    )  # fmt: skip
    seen = detectors.detect(model, [found.image(i) for i in range(8)], compute)
    assert Score(found.truth, seen, found.limits).values()[0, 1] > 0.4


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path):
    folders = [tmp_path / name for name in ("whole", "cut")]
    for folder in folders:
        folder.mkdir()
    compute = choose_compute()
    whole = TINY.carry_out(Job(folders[0], compute))

    def stop(epoch):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TINY.carry_out(Job(folders[1], compute, progress=stop))
    again = TINY.carry_out(Job(folders[1], compute))
    assert again.rows == whole.rows
    for name, weights in whole.tensors.items():
        assert torch.equal(weights, again.tensors[name]), name


def test_detections_are_numbered_and_within_the_image():
    model = TINY.rebuild()
    images = [torch.rand(3, 64, 64) for _ in range(3)]
    found = detectors.detect(model, images, choose_compute("float32", "cpu"), first=5)
    assert set(found.image) <= {5, 6, 7}
    assert set(found.label) <= {1, 2}
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= 64 + 1e-3).all()


# The evaluation --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evaluated(carried_out):
    """The runs of a tiny detector on originals and at r = 9."""
    filtered = carried_out(dataclasses.replace(ON_TINY, radius=9))
    return carried_out(ON_TINY), filtered


def test_an_evaluation_keeps_what_scores_and_pictures_need(evaluated):
    shown = detection.images_of(ON_TINY)
    for run in evaluated:
        history, tensors = run.history, run.tensors()
        for part in history.part.unique():
            names = detection.OBJECT_FIELDS
            kept = Detections(*(tensors[f"{part}/{name}"].numpy() for name in names))
            score = Score(shown.truth, kept, shown.limits)
            own = history[(history.part == part) & (history.scope == "all")].set_index("measure")
            assert own.value[list(MEASURES)].to_numpy() == pytest.approx(
                score.values()[0], nan_ok=True
            )
            assert np.array_equal(tensors[f"{part}/credit"].numpy(), score.credit)
    assert set(evaluated[1].history.part) == set(detection.PARTS)


def test_unsure_detections_are_scored_but_not_kept(tmp_path, monkeypatch):
    eager = TINY.rebuild()
    eager.score_thresh = 0.0
    job = Job(tmp_path, choose_compute("float32", "cpu"), (SimpleNamespace(model=lambda: eager),))
    monkeypatch.setattr(detection, "SURE", 0.0)
    every = ON_TINY.carry_out(job)
    score = every.tensors["original/score"]
    assert len(score) > 100
    shown = detection.images_of(ON_TINY)
    kept = [every.tensors[f"original/{name}"].numpy() for name in detection.OBJECT_FIELDS]
    again = Score(shown.truth, Detections(*kept), shown.limits).values()[0]
    found = {row["measure"]: row["value"] for row in every.rows if row["scope"] == "all"}
    assert [found[name] for name in MEASURES] == pytest.approx(list(again), nan_ok=True)
    monkeypatch.setattr(detection, "SURE", float(score.median()))
    fewer = ON_TINY.carry_out(job)
    assert 0 < len(fewer.tensors["original/score"]) < len(score)
    assert (fewer.tensors["original/score"] >= score.median()).all()
    assert pd.DataFrame(fewer.rows).equals(pd.DataFrame(every.rows))


def test_gains_and_losses_are_counted_image_by_image():
    """Four images: one gains, one loses, one does both, and of one only a crowd changes."""
    image = np.array([0, 1, 2, 2, 3])
    boxes = np.array(
        [[4, 4, 20, 20]] * 2 + [[4, 4, 20, 20], [30, 30, 20, 20], [4, 4, 20, 20]], float
    )
    crowd = np.array([False, False, False, False, True])
    truth = Truth(image, boxes, np.ones(5, int), np.full(5, 400.0), crowd, 4)
    before = np.array([0.3, 0.8, 0.2, 0.9, 0.0])
    found = Detections(image, boxes, np.ones(5, int), np.array([0.41, 0.69, 0.9, 0.1, 0.9]))
    score = Score(truth, found)
    changed = detection.changed(score, before)
    assert changed["gained"].tolist() == [1, 0, 1, 0]
    assert changed["lost"].tolist() == [0, 1, 1, 0]
    rows = pd.DataFrame(
        detection.rows_of(dataclasses.replace(ON_TINY, radius=9), "low", score, before)
    )
    own = rows[rows.measure == "gained"]
    assert own[own.scope == "all"].value.item() == 0.5
    draws = own[own.scope == "draw"].sort_values("draw").value
    assert draws.to_numpy() == pytest.approx(resamples(4) @ [1, 0, 1, 0] / 4)
    nearly = detection.changed(score, np.array([0.35, 0.75, 0.85, 0.15, 0.0]))
    assert not np.any(list(nearly.values()))  # no change of more than 0.1


def test_recipes_survive_the_store_and_name_what_decides_them(evaluated):
    for run in evaluated:
        assert kinds.from_json(kinds.as_json(run.recipe)) == run.recipe
        with pytest.raises(ValueError, match="of kind 'detection', which keeps no network"):
            run.model()
    filtered = dataclasses.replace(ON_TINY, radius=9)
    assert filtered.radius == 9.0
    assert [need.slug for need in filtered.needs] == [TINY.slug, ON_TINY.slug]
    names = {ON_TINY.run_id, filtered.run_id, dataclasses.replace(ON_TINY, images=7).run_id}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: dataclasses.replace(ON_TINY, radius=50), r"radii=50.0 is .* below 45.3"),
        (lambda: dataclasses.replace(ON_TINY, radius=0), "radii=0 is not possible"),
        (lambda: dataclasses.replace(ON_TINY, images=0), "images=0 is not possible"),
        (lambda: Evaluation(images=5), "coco_root='' is not possible"),
        (lambda: dataclasses.replace(ON_TINY, coco_root="x"), "coco_root='x' is not possible"),
        (lambda: dataclasses.replace(TINY, batch_size=13), "at most train_images"),
        (lambda: dataclasses.replace(TINY, epochs=0), "epochs=0 is not possible"),
        (lambda: retinanet.for_coco("nowhere.pth"), "there is no such file"),
        (lambda: Evaluation(coco_root="nowhere").run_id, "instances_val2017.json is missing"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(make, says):
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        make()


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"other\.pth does not hold the weights"):
        retinanet.for_coco(str(path))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"other\.pth does not hold the weights"):
        retinanet.for_coco(str(path))


def test_published_weights_are_not_fetched_where_the_network_is_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="name the file by the parameter weights"):
        retinanet.for_coco()


# The section -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", scales.SCALES)
@pytest.mark.parametrize("dataset", ["planted", "cifar10", "mnist"])
def test_the_plan_evaluates_originals_and_every_radius(scale, dataset):
    radii = (4, 8.5)
    plan = plan_of(scale, dataset, (0, 3), radii=radii)
    assert list(plan) == ["detector", "original", "r-4", "r-8.5"]
    for label, group in plan.items():
        assert [recipe.seed for recipe in group] == [0, 3]
        if label != "detector":
            assert [recipe.detector for recipe in group] == list(plan["detector"])
            radius = group[0].radius
            assert (radius or math.nan) == pytest.approx(
                {"original": math.nan, "r-4": 4, "r-8.5": 8.5}[label], nan_ok=True
            )


def test_a_coco_folder_is_evaluated_instead_and_once(tmp_path):
    root = str(cocofolder.write(scenes.generate(TINY.scenes, "test", 1), tmp_path))
    asked = {"radii": (128,), "coco_root": root, "weights": "random"}
    plan = plan_of("quick", "cifar10", (2, 3), **asked)
    assert list(plan) == ["original", "r-128"]
    (only,) = plan["r-128"]
    assert (only.detector, only.coco_root, only.weights) == (None, root, "random")
    assert only.images == 0
    with pytest.raises(FileNotFoundError, match=r"instances_val2017\.json is missing"):
        plan_of("quick", "cifar10", (0,), coco_root="nowhere")
    with pytest.raises(FileNotFoundError, match=r"weights='no\.pth'"):
        plan_of("quick", "cifar10", (0,), coco_root=root, weights="no.pth")


def test_weights_without_a_folder_are_refused():
    with pytest.raises(ValueError, match=r"weights='w' is not possible: .* without coco_root"):
        plan_of("quick", "cifar10", (0,), weights="w")
