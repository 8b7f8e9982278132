"""Ten classes of Tiny ImageNet: the images themselves, and pages that show runs without them."""

import os

import numpy as np
import pytest
import torch
from drawn import check

from fhelpers import data
from fhelpers.claims import CLAIMS
from fhelpers.data import imagenet
from fhelpers.data.dataset import ImageData
from fhelpers.masks.images import image_masks_of
from fhelpers.masks.recipes import masks_of
from fhelpers.runs import plans, records, store
from fhelpers.runs.recipes import Recipe
from fhelpers.sections import PLANS
from fhelpers.sections.imagenet_subset import figures
from fhelpers.sections.other_datasets import claims as other_claims
from fhelpers.sections.other_datasets import figures as other_datasets
from fhelpers.sections.other_datasets import plan as other_plan

SUBSET = plans.SUBSET
NETWORK = Recipe(
    dataset=SUBSET, data_options=(("classes", 5), ("grey", True)), train_images=20, test_images=15,
    monitored_images=5, model="resnet-8", width=4, batch_size=10, epochs=1, radii=(),
    precision="float32",
)  # fmt: skip
FOLDER = imagenet.TINY_IMAGENET.find(data.folder())
INSTALLED = pytest.mark.skipif(
    FOLDER is None, reason="Tiny ImageNet is not installed: set FHELPERS_TINY_IMAGENET to it"
)


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Neither images nor runs: an empty folder for each."""
    monkeypatch.delenv("FHELPERS_TINY_IMAGENET", raising=False)
    for name in ("FHELPERS_DATA", "FHELPERS_RESULTS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(records, "published", lambda: tmp_path / "published")
    return tmp_path


# --- the images --------------------------------------------------------------------------------


@INSTALLED
def test_the_ten_classes_are_those_pinned_and_are_found_among_others(tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    (whole / "val").mkdir(parents=True)
    for name in ("wnids.txt", "words.txt", "val/images"):
        os.symlink((FOLDER / name).resolve(), whole / name)
    for each in (FOLDER / "train").iterdir():
        (whole / "train").mkdir(exist_ok=True)
        os.symlink(each.resolve(), whole / "train" / each.name)
    (whole / "train" / "n00000001" / "images").mkdir(parents=True)
    rows = (FOLDER / "val" / "val_annotations.txt").read_text("utf-8")
    (whole / "val" / "val_annotations.txt").write_text(f"{rows}other.JPEG\tn00000001\t0\t0\t9\t9\n")
    monkeypatch.setenv("FHELPERS_TINY_IMAGENET", str(whole))
    for train, count in ((True, 500), (False, 50)):
        images = data.load(SUBSET, train=train, root=tmp_path)  # compared with the pinned digests
        assert images.labels.bincount().tolist() == [count] * 10
        five = data.load(SUBSET, train=train, root=tmp_path, classes=5, grey=True)
        assert five.labels.bincount().tolist() == [count] * 5
        assert five.images.shape[1:] == (1, 64, 64)


# --- which runs there are ----------------------------------------------------------------------


def labels_on_subset(plan) -> dict[str, list]:
    return {k: [r.seed for r in v] for k, v in plan.items() if v[0].dataset == SUBSET}


@pytest.mark.parametrize("section", ["imagenet_subset", "other_datasets"])
def test_without_images_and_runs_nothing_is_planned(away, section):
    for scale in ("quick", "standard"):
        assert not labels_on_subset(PLANS[section](scale, "cifar10", [0, 1]))
    assert not (away / "FHELPERS_DATA").exists()


@pytest.mark.parametrize("section", ["imagenet_subset", "other_datasets"])
def test_runs_are_the_same_at_both_scales_and_for_the_seeds_that_have_them(
    away, section, monkeypatch
):
    monkeypatch.setattr(data, "available", lambda name, **options: name == SUBSET)
    one, both = (PLANS[section](scale, "cifar10", [0, 1]) for scale in ("quick", "standard"))
    wanted = labels_on_subset(one)
    assert len(wanted) == {"imagenet_subset": 8, "other_datasets": 6}[section]
    assert all(seeds == [0, 1] for seeds in wanted.values())
    assert all(one[label] == both[label] for label in wanted)
    # Without the images, those of the seeds of which no run is missing.
    there = {group[0].run_id for label, group in one.items() if label in wanted}
    last = sorted({group[1].run_id for label, group in one.items() if label in wanted})[1:]
    monkeypatch.setattr(data, "available", lambda name, **options: False)
    monkeypatch.setattr(store, "finished", lambda run_id: run_id in there | set(last) or None)
    assert labels_on_subset(PLANS[section]("quick", "cifar10", [0, 1])) == {k: [0] for k in wanted}


def test_a_page_about_the_subset_itself_has_it_once(away):
    plan = PLANS["other_datasets"]("standard", SUBSET, [0])
    assert plan[f"{SUBSET}/natural"][0].train_images == 5_000
    assert "imagenet" not in {label.partition("/")[0] for label in plan}


# --- pages without the images ------------------------------------------------------------------


NOISE = torch.randint(
    0, 256, (20, 1, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


@pytest.fixture
def published(away, monkeypatch):
    """Carries out a plan on noise, and returns its runs as a clone without the images has them."""

    def load(self, split, limit, root, *, classes=10, grey=False):
        images = NOISE if grey else NOISE.expand(-1, 3, -1, -1)
        return ImageData(images[:limit], torch.arange(20)[:limit] % classes, self.classes[:classes])

    def carried_out(plan):
        with monkeypatch.context() as patch:
            patch.setattr(imagenet.TenClasses, "load", load)
            torch.set_num_threads(1)
            for (recipe,) in plan.values():
                store.publish(store.carry_out(recipe), tensors=recipe.kind != "classifier")
        monkeypatch.setenv("FHELPERS_RESULTS", str(away / "another"))
        return records.Runs({label: [store.carry_out(r) for r in plan[label]] for label in plan})

    return carried_out


@pytest.fixture
def groups(published):
    """The runs of one network of the page on the subset."""
    short = {"resnet/mask": {"epochs": 1}, "resnet/ontest": {"epochs": 1, "learned_on": "test"}}
    plan = {"resnet/natural": (NETWORK,)}
    plan |= {f"{kind}/natural": masks_of("smoke", (NETWORK,), 0.2, **short[kind]) for kind in short}
    own = image_masks_of("smoke", (NETWORK,), 0.2, pictures=True, epochs=2)
    return records.by_prefix(published(plan | {"resnet/images/natural": own}))


def test_masks_are_judged_and_drawn_without_the_images(groups, away, monkeypatch):
    found = groups["resnet"]["images/natural"][0].tensors()
    assert torch.equal(found["pictures"], NOISE[found["numbers"][:12]].float() / 255)
    names = figures.names(groups)
    assert names == {"resnet": "ResNet, Tiny ImageNet-10, 64 pixels"}
    verdicts = {"resnet": {id: CLAIMS[id].of(groups["resnet"]) for id in ("K6", "K7")}}
    frame = figures.effects(verdicts)
    check({"pictures": figures.pictures(groups, names)}, 700_000)
    check({"effects": figures.compared(frame, names)})
    whole = groups["resnet"]["mask/natural"][0].model()
    none = found | {"reached": torch.zeros_like(found["reached"])}  # as if no mask kept enough
    monkeypatch.setattr(type(groups["resnet"]["images/natural"][0]), "tensors", lambda run: none)
    monkeypatch.setattr(type(groups["resnet"]["images/natural"][0]), "model", lambda run: whole)
    assert len(figures.pictures(groups, names).axes) == 2 * 7
    none["reached"][[1, 3]] = 1  # these come first
    shown = [figures.pictures(groups, names).axes[n].images[0].get_array() for n in (0, 7)]
    for array, place in zip(shown, (1, 3), strict=True):
        expected = found["pictures"][place].permute(1, 2, 0).squeeze(-1).numpy()
        np.testing.assert_allclose(np.asarray(array), expected, atol=1 / 255)
    assert "have not learned" in figures.in_words(verdicts, names)
    alike = [p.estimate.value for p in verdicts["resnet"]["K6"].parts if "similarity" in p.name]
    said = f"64 pixels: {alike[0]:.2f} and {alike[1]:.2f}."
    assert figures.apart_in_words(verdicts, names).endswith(said)
    assert "chance 20 %" in figures.accuracies_in_words(groups, names)
    assert not (away / "FHELPERS_DATA").exists()
    with pytest.raises(FileNotFoundError, match="tiny-imagenet-200"):
        NETWORK.load(train=False)


def test_what_is_drawn_is_what_the_claims_judge(groups):
    verdict = CLAIMS["K7"].of(groups["resnet"])
    frame = figures.effects({"vgg-11": {"K7": verdict}})
    claimed = [part for part in verdict.parts if not part.ours]
    assert frame.effect.to_list() == [f"K7: {part.name}" for part in claimed]
    assert frame.value.to_list() == [part.estimate.value for part in claimed]
    assert frame.margin.to_list() == [part.margin for part in claimed]


def test_a_subset_that_is_missing_is_said_to_be():
    assert "FHELPERS_TINY_IMAGENET" in figures.in_words({"small": {}}, {"small": "ResNet"})


def test_the_page_on_other_data_shows_the_images_that_there_are(monkeypatch):
    names = ["cifar10", SUBSET]
    for there, said in ((True, False), (False, True)):
        monkeypatch.setattr(data, "available", lambda name, there=there: there)
        assert list(filter(other_datasets.can_be_shown, names)) == names[: 2 if there else 1]
        assert ("Tiny ImageNet-10" in other_datasets.shown_in_words(names)) == said


def test_w24_is_judged_and_drawn_without_the_images(published, away, monkeypatch):
    tiny = {"train_images": 20, "test_images": 20, "batch_size": 10, "epochs": 1, "memorising": 1}
    monkeypatch.setattr(other_plan, "ON_SUBSET", tiny | {"width": 4, "monitored_images": 20})
    with monkeypatch.context() as patch:
        patch.setattr(data, "available", lambda name: True)
        plan = other_plan.plan("standard", "cifar10", [0], others=["imagenet"])
    runs = published({label: group for label, group in plan.items() if SUBSET in label})
    found = other_plan.plan("quick", "cifar10", [0], others=["imagenet"])
    assert all(found[label][0] == runs[label][0].recipe for label in runs)
    verdict = CLAIMS["W24"].of(runs)
    assert "MNIST, not available" in verdict.note
    assert "ImageNet subset, not available" not in verdict.note
    histories, chances = other_claims.by_dataset(runs)
    verdicts = {SUBSET: other_claims.repeated(histories[SUBSET], chances[SUBSET])}
    frame = other_claims.summary(histories, verdicts, chances, {SUBSET: (8, 24)})
    check({"compared": other_datasets.compared(frame)})
    check({"by epoch": other_datasets.by_epoch(histories, chances)})
    assert not (away / "FHELPERS_DATA").exists()
