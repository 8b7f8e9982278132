"""Ten classes of Tiny ImageNet: the images themselves, and pages that show runs without them."""

import math
import os

import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers import data
from fhelpers.claims import CLAIMS
from fhelpers.data import folders
from fhelpers.data.dataset import ImageData
from fhelpers.masks.images import image_masks_of
from fhelpers.masks.recipes import masks_of
from fhelpers.runs import plans, records, store
from fhelpers.runs.recipes import Recipe
from fhelpers.sections import PLANS
from fhelpers.sections.imagenet_subset import figures
from fhelpers.sections.imagenet_subset.plan import by_network
from fhelpers.sections.other_datasets import figures as other_datasets

SUBSET = plans.SUBSET
NETWORK = Recipe(
    dataset=SUBSET, data_options=(("classes", 5), ("grey", True)), train_images=20, test_images=15,
    monitored_images=5, model="resnet-8", width=4, batch_size=10, epochs=1, radii=(),
    precision="float32",
)  # fmt: skip
FOLDER = folders._find_tiny(data.folder())
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


@pytest.fixture
def published(away, monkeypatch):
    """The runs of a network as a clone has them, made of noise, and the page's groups of them."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (20, 1, 64, 64), generator=generator, dtype=torch.uint8)
    labels = torch.arange(20) % 5

    def load(self, split, limit, root, **options):
        return ImageData(noise[:limit], labels[:limit], self.classes[:5])

    plan = {
        "resnet/natural": (NETWORK,),
        "resnet/mask/natural": masks_of("smoke", (NETWORK,), 0.2, epochs=1),
        "resnet/ontest/natural": masks_of("smoke", (NETWORK,), 0.2, learned_on="test", epochs=1),
        "resnet/images/natural": image_masks_of("smoke", (NETWORK,), 0.2, pictures=True, epochs=2),
    }
    with monkeypatch.context() as patch:
        patch.setattr(folders.TenClasses, "load", load)
        torch.set_num_threads(1)
        for group in plan.values():
            run = store.carry_out(group[0])
            store.publish(run, tensors=run.recipe.kind != "classifier")
    monkeypatch.setenv("FHELPERS_RESULTS", str(away / "another"))
    runs = {label: [store.carry_out(recipe) for recipe in group] for label, group in plan.items()}
    return noise, by_network(runs)


def test_published_runs_are_judged_and_drawn_without_the_images(published, away):
    noise, groups = published
    found = groups["resnet"]["images/natural"][0].tensors()
    assert torch.equal(found["pictures"], noise[found["numbers"][:12]].float() / 255)
    names = figures.names(groups)
    assert names == {"resnet": "ResNet, Tiny ImageNet-10, 64 pixels"}
    verdicts = {"resnet": {id: CLAIMS[id].of(groups["resnet"]) for id in ("K6", "K7")}}
    frame = figures.effects(verdicts)
    check({"pictures": figures.pictures(groups, names)}, 700_000)
    check({"effects": figures.compared(frame, names)})
    assert "have not learned" in figures.in_words(verdicts, names)
    assert not (away / "FHELPERS_DATA").exists()
    with pytest.raises(FileNotFoundError, match="tiny-imagenet-200"):
        NETWORK.load(train=False)


def test_what_is_drawn_is_what_the_claims_judge(published):
    _, groups = published
    verdict = CLAIMS["K7"].of(groups["resnet"])
    frame = figures.effects({"vgg-11": {"K7": verdict}})
    claimed = [part for part in verdict.parts if not part.ours]
    assert frame.effect.to_list() == [f"K7: {part.name}" for part in claimed]
    assert frame.value.to_list() == [part.estimate.value for part in claimed]
    assert frame.margin.to_list() == [part.margin for part in claimed]


def test_a_subset_that_is_missing_is_said_to_be():
    assert "FHELPERS_TINY_IMAGENET" in figures.in_words({"small": {}}, {"small": "ResNet"})
    frame = pd.DataFrame({"effect": ["K6: structural similarity"], "network": ["small"]})
    said = figures.apart_in_words(frame.assign(value=0.912, margin=0.5, low=math.nan))
    assert said == "Through the mask, the small images have a similarity of 0.91."


def test_the_page_on_other_data_shows_the_images_that_there_are(monkeypatch):
    names = ["cifar10", SUBSET]
    for there, said in ((True, False), (False, True)):
        monkeypatch.setattr(data, "available", lambda name, there=there: there)
        assert list(filter(other_datasets.can_be_shown, names)) == names[: 2 if there else 1]
        assert ("Tiny ImageNet-10" in other_datasets.shown_in_words(names)) == said
