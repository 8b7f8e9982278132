"""The runs of the second paper: recipes, variants of masks, and records from end to end."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fhelpers import frequency, masks
from fhelpers.heatmap import HeatMap
from fhelpers.masks import images as image_masks
from fhelpers.masks import recipes
from fhelpers.masks.atlas import neighbour_map
from fhelpers.masks.images import ImageMasksRecipe, cross_validated
from fhelpers.masks.recipes import MaskedTraining, MaskRecipe, varied
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import classifier, kinds, plans, scales
from fhelpers.runs.kinds import Job
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.essential_frequencies.plan import plan as essential_frequencies
from fhelpers.sections.single_image_masks.plan import plan as single_image_masks

NETWORK = Recipe(
    dataset="planted", data_options=(("low", 0.0), ("high", 1.0)), train_images=200,
    test_images=100, monitored_images=20, model="resnet-8", width=8, batchnorm="running",
    learning_rate=5e-3, batch_size=25, epochs=5, radii=(), precision="float32",
)  # fmt: skip
OTHER = dataclasses.replace(NETWORK, epochs=2)
MASK = MaskRecipe(network=NETWORK, images=150, epochs=4)


@pytest.fixture(scope="module")
def runs(carried_out):
    """A network that lives on the planted high band, and every kind of run on top of it."""
    wanted = {
        "mask": MASK,
        "classes": dataclasses.replace(MASK, scope="class", epochs=1),
        "folds": dataclasses.replace(MASK, scope="fold", learned_on="test", images=50),
        "through": MaskedTraining(network=NETWORK, mask=MASK),
        "images": ImageMasksRecipe(network=NETWORK, images=30, epochs=20),
        "as they come": ImageMasksRecipe(network=NETWORK, images=30, epochs=20, selected=False),
        "chosen": ImageMasksRecipe(network=OTHER, chooser=NETWORK, images=30, epochs=5),
    }
    return {name: carried_out(recipe) for name, recipe in wanted.items()}


# --- records -----------------------------------------------------------------------------------


def test_a_mask_of_a_planted_network_is_found_and_scored(runs):
    run = runs["mask"]
    mask = run.model().masks().detach()[0, 0]
    energy = (mask.square() - mask.square().median()).clamp(min=0)
    distance = frequency.radial_distance(32, 32)
    assert energy[(distance > 10) & (distance <= 14)].sum() >= 0.9 * energy.sum()
    ends = run.history[(run.history.scope == "all") & (run.history.split == "test")]
    accuracy = ends.set_index("part").accuracy
    assert accuracy["masked"] >= 0.93 * accuracy["original"] > 0.75
    assert accuracy["complement"] < 0.3
    assert (ends.both <= ends.accuracy + 1e-9).all()
    assert ends.set_index("part").compared["masked"] == 100


def test_energies_in_a_record_are_those_of_the_mask(runs):
    run = runs["mask"]
    mask = run.model().masks().detach()[0, 0]
    for part, energy in recipes.ENERGIES.items():
        rows = run.history[run.history.part == part].sort_values("band")
        np.testing.assert_allclose(rows.value, energy(mask, 64).numpy(), rtol=1e-4, atol=1e-5)
        assert rows.whole.sum() == pytest.approx(1024 - (part == "angular"))
    weight = run.history[run.history.part == "weight"].value.item()
    assert weight == pytest.approx(mask.mean().item(), abs=1e-5)


def test_classes_and_folds_have_a_mask_each(runs):
    assert runs["classes"].model().weight.shape == (10, 1, 514)
    assert runs["folds"].model().weight.shape == (5, 1, 514)
    assert set(runs["folds"].history["mask"].dropna()) == set(range(5))
    assert runs["folds"].history.query("split == 'learning' and epoch == 0").images.sum() == 50


def test_training_through_a_mask_sees_masked_images_and_is_tested_on_both(runs):
    ends = runs["through"].history.query("scope == 'all' and split == 'test'").set_index("part")
    assert ends.accuracy["input"] > 0.4  # of ten classes: the mask lets the planted cue through
    assert set(ends.index) == {"original", "input"}
    assert runs["through"].model()(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("radius", [4, 5, 8, 9, 12, 16])
def test_energies_within_rings_show_no_direction_of_a_disc(radius):
    distance = frequency.radial_distance(32, 32)
    disc = recipes.within_rings((distance <= radius).float()[None])
    torch.testing.assert_close(disc["value"], disc["even"])
    soft = recipes.within_rings(torch.sigmoid((radius - distance) / 2)[None])
    torch.testing.assert_close(soft["value"], soft["even"])
    # Frequency zero has no direction.
    assert disc["whole"].sum() == (distance <= 16).sum() - 1


def test_energies_within_rings_show_the_directions_of_a_cross():
    cross = torch.zeros(1, 32, 32)
    cross[:, 16], cross[:, :, 16] = 1, 1
    found = {name: each[0] for name, each in recipes.within_rings(cross).items()}
    assert found["value"].sum() == pytest.approx(found["even"].sum().item(), rel=0.02)
    assert found["value"][[0, 32]].sum() == found["value"].sum()
    assert found["even"][[0, 32]].sum() < 0.5 * found["even"].sum()


def test_the_history_of_a_mask_holds_its_low_energy(runs):
    for name in ("mask", "folds"):
        rows = runs[name].history.query("split == 'learning'")
        assert rows.low_share.between(0, 1).all()
        last = rows[rows.epoch == rows.epoch.max()].set_index("mask")
        radial = runs[name].history.query("part == 'radial'").sort_values("band")
        for number, own in radial.groupby("mask"):
            share = own.value.head(16).sum() / own.value.sum()
            assert last.low_share[number] == pytest.approx(share, rel=1e-4)
            assert last["weight"][number] == pytest.approx(
                runs[name].history.query("part == 'weight'").set_index("mask").value[number]
            )


@pytest.mark.parametrize("name", ["images", "as they come"])
def test_single_image_masks_keep_what_they_are_said_to(runs, name):
    run = runs[name]
    found, history = run.tensors(), run.history
    module, count = image_masks.single_masks(run), len(found["labels"])
    assert torch.equal(module.weight, found["weight"])
    assert found["map"].shape == (count, 2)
    assert found["attacked"].shape == (12, 3, 32, 32)
    right = history.query("among == 'right'").set_index("part").accuracy
    assert right["original"] == 1
    assert right["masked"] > 0.9 > right["rest"]
    assert right["rest"] < 0.5
    assert right["complement"] < 0.9
    own = history.query("among == 'all' and part == 'original'")
    assert own.accuracy.item() == (found["answers"] == found["labels"]).double().mean().item()
    tried = history.query("among == 'tried'").set_index("part").accuracy
    assert 1 >= tried["original"] > tried["attacked"]


def test_masks_are_learned_for_images_that_are_right_and_can_be_fooled(runs):
    run = runs["images"]
    found = run.tensors()
    assert torch.equal(found["answers"], found["labels"])
    ends = run.history.query("among == 'all'").set_index("part").accuracy
    assert (ends["original"], ends["attacked"]) == (1, 0)
    whole = run.recipe.network.load(train=False)
    assert torch.equal(whole.labels[found["numbers"]], found["labels"])
    assert (found["numbers"].diff() > 0).all()
    images = whole.pixels()[found["numbers"][:12]]
    assert (found["attacked"] - images).abs().max() <= run.recipe.epsilon + 1e-6
    assert torch.equal(runs["as they come"].tensors()["numbers"], torch.arange(30))


def test_another_network_gets_masks_of_the_same_images(runs):
    first, second = runs["images"].tensors(), runs["chosen"].tensors()
    assert torch.equal(first["numbers"], second["numbers"])
    assert not torch.equal(first["attacked"], second["attacked"])
    with pytest.raises(ValueError, match="a network with the same test images"):
        ImageMasksRecipe(
            network=NETWORK, images=10, chooser=dataclasses.replace(NETWORK, test_images=50)
        )


def test_without_images_to_select_the_first_are_taken(carried_out, tmp_path):
    recipe = ImageMasksRecipe(network=NETWORK, epsilon=0.0, epochs=1, images=10)
    job = Job(tmp_path, choose_compute("float32", "cpu"), (carried_out(NETWORK),))
    found = recipe.carry_out(job)
    assert found.warnings[0].startswith("0 of 100 images are right and can be fooled")
    assert torch.equal(found.tensors["numbers"], torch.arange(10))


def test_recipes_survive_their_record(runs):
    for run in runs.values():
        recipe = kinds.from_json(kinds.as_json(run.recipe))
        assert recipe == run.recipe
        assert recipe.run_id == run.run_id


# --- variants of a mask ------------------------------------------------------------------------


def some_mask(height=32, width=32, channels=1):
    mask = masks.FourierMask(height, width, channels=channels)
    torch.manual_seed(0)
    mask.weight.data.uniform_()
    return mask


@pytest.mark.parametrize(("height", "width"), [(32, 32), (9, 12)])
def test_variants_are_what_they_are_called(height, width):
    mask = some_mask(height, width)
    mask.weight.data[..., ::3] = 0
    made = {name: varied(mask, name, 1).masks().detach()[0, 0] for name in recipes.VARIANTS}
    torch.testing.assert_close(made["mask"] + made["complement"], torch.ones(height, width))
    assert torch.equal(made["binary-complement"], (made["mask"] == 0).float())
    for name in ("random", "random-but-zero"):
        weights = varied(mask, name, 1).weight.detach()
        assert torch.equal(weights.sort().values, mask.weight.detach().sort().values)
    assert not torch.equal(made["random"], made["mask"])
    around = made["random-but-zero"]
    assert around[height // 2, width // 2] == made["mask"][height // 2, width // 2]
    assert (around != made["mask"]).float().mean() > 0.5
    assert not torch.equal(around, made["random"])
    total = mask.total_weight().item()
    assert made["disc"].mean().item() == pytest.approx(total, abs=1e-5)
    order = frequency.radial_distance(height, width).flatten().argsort()
    assert (made["disc"].flatten()[order].diff() <= 1e-6).all()  # falls with the distance only


def test_permuting_keeps_each_ring():
    mask = some_mask()
    ring = frequency.radial_distance(32, 32).round()
    before, after = mask.masks().detach()[0, 0], varied(mask, "permuted", 3).masks().detach()[0, 0]
    assert not torch.equal(before, after)
    for radius in range(1, 16):  # rings whose frequencies all have a partner
        kept = before[ring == radius].sort().values, after[ring == radius].sort().values
        assert torch.equal(*kept)


# --- what a recipe decides ---------------------------------------------------------------------


def test_names_tell_what_differs():
    few = dataclasses.replace(MASK, images=90)
    others = {
        "scope": "class", "learned_on": "test", "sparsity_weight": 0.5, "per_channel": True,
        "images": 91, "epochs": 9, "threshold": 0.9, "patience": 2,
    }  # fmt: skip
    names = {dataclasses.replace(few, **{k: v}).run_id for k, v in others.items()}
    assert len(names | {few.run_id}) == len(others) + 1
    variants = {MaskedTraining(network=NETWORK, mask=MASK, variant=v).run_id
                for v in recipes.VARIANTS}  # fmt: skip
    assert len(variants) == len(recipes.VARIANTS)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sparsity_weight": -1.0}, "sparsity_weight=-1.0"),
        ({"scope": "image"}, "scope='image' .* one of model, class, fold"),
        ({"learned_on": "all"}, "learned_on='all'"),
        ({"images": 201}, "images=201 .* from 5 to 200"),
        ({"learned_on": "test"}, "images=150 .* from 5 to 100"),
        ({"images": 10.5}, "images=10.5 .* from 5 to 200"),
        ({"images": "10"}, "images='10' .* from 5 to 200"),
    ],
)
def test_impossible_masks_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(MASK, **changes)


def test_impossible_runs_are_refused():
    with pytest.raises(ValueError, match="variant='half'"):
        MaskedTraining(network=NETWORK, mask=MASK, variant="half")
    with pytest.raises(ValueError, match='a mask of scope "model"'):
        MaskedTraining(network=NETWORK, mask=dataclasses.replace(MASK, scope="fold"))
    with pytest.raises(ValueError, match="at most 100"):
        ImageMasksRecipe(network=NETWORK, images=101)
    with pytest.raises(ValueError, match="epsilon"):
        ImageMasksRecipe(network=NETWORK, images=10, epsilon=2.0)
    with pytest.raises(ValueError, match="attack_steps=0 is not"):
        ImageMasksRecipe(network=NETWORK, images=10, attack_steps=0)
    with pytest.raises(ValueError, match="rho=-1 is not"):
        HeatMap(network=NETWORK, images=10, rho=-1)


# --- sections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", scales.SCALES)
def test_networks_are_those_of_other_sections(scale):
    plan = plans.masked_networks(scale, "cifar10", [0], cropped=False)
    radii = (4, 8, 12, 16)
    cropped = plans.masked_networks(scale, "cifar10", [0], cropped=True)
    default = plan if scale == "smoke" else cropped
    assert plans.masked_networks(scale, "cifar10", [0]) == default
    if scale != "standard":  # where they have BatchNorm and more images
        others = plans.heuristics(scale, "cifar10", [0])
        assert plan["natural"] == scales.natural(scale, "cifar10", [0], radii)
        assert plan["adversarial"] == others["adversarial"]
        assert cropped["adversarial"] == others["adversarial-crop-flip"]
    if scale not in ("standard", "paper"):
        other = plans.architectures(scale, "cifar10", [0])["vgg-11"]
        assert dataclasses.replace(plan["vgg-11-natural"][0], epochs=1) == dataclasses.replace(
            other[0], epochs=1
        )
    shuffled = plans.true_and_shuffled(scale, "cifar10", [0])["shuffled"]
    assert essential_frequencies(scale, "cifar10", [0])["shuffled"] == shuffled
    five = [name for name in plan if name.startswith("vgg")]
    assert len(five) == (5 if scale in ("standard", "paper") else 2)


@pytest.mark.parametrize("cropped", [True, False])
def test_all_networks_see_crops_and_flips_unless_switched_off(cropped):
    plan = plans.masked_networks("standard", "cifar10", [0], cropped=cropped)
    for label, (recipe,) in plan.items():
        name = label.removeprefix("vgg-11-")
        plain = "crop-flip" if cropped else "none"
        own = "crop-flip-" * cropped + name
        assert recipe.augmentation == (own if name in plans.AUGMENTED else plain)


@pytest.mark.parametrize("cropped", [True, False])
def test_augmented_networks_differ_from_n_in_the_augmentation_only(cropped):
    plan = plans.masked_networks("quick", "cifar10", [0], cropped=cropped)
    natural = plan["natural"][0]
    for name in plans.AUGMENTED:
        again = dataclasses.replace(
            plan[name][0], augmentation=natural.augmentation, radii=natural.radii
        )
        assert again == natural


def test_crops_and_flips_come_first():
    images = torch.rand(4, 3, 16, 16)
    torch.manual_seed(3)
    both = classifier.augment(images, "crop-flip-rotate")
    torch.manual_seed(3)
    cropped = classifier.augment(images, "crop-flip")
    assert torch.equal(both, classifier.augment(cropped, "rotate"))


def test_masks_of_both_networks_are_of_the_same_images():
    plan = single_image_masks("smoke", "planted", [0, 1])
    for natural, adversarial in zip(
        plan["images/natural"], plan["images/adversarial"], strict=True
    ):
        assert natural.selected
        assert natural.chooser is None
        assert adversarial.chooser == natural.network


# --- the classifier and the map ----------------------------------------------------------------


def test_the_linear_classifier_finds_a_planted_class_and_nothing_in_noise():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 4
    noise = torch.randn(200, 300, generator=generator)
    noise[:, 7] = 0  # a feature that never changes
    assert cross_validated(noise, labels, 0).double().mean() < 0.4
    planted = noise + 4 * F.one_hot(labels, 300)
    assert cross_validated(planted, labels, 0).double().mean() > 0.6
    assert cross_validated(noise, torch.zeros_like(labels), 0).all()


def test_the_linear_classifier_is_ridge_regression():
    generator = torch.Generator().manual_seed(1)
    x, labels = torch.randn(60, 5, generator=generator), torch.arange(60) % 3
    fold = torch.randperm(60, generator=torch.Generator().manual_seed(4)) % 5
    right = torch.zeros(60, dtype=torch.bool)
    for number in range(5):
        train = fold != number
        mean, deviation = x[train].mean(0), x[train].std(0)
        z = ((x - mean) / deviation).double()
        y = F.one_hot(labels, 3).double()
        slope = torch.linalg.solve(
            z[train].T @ z[train] + train.sum() * torch.eye(5),
            z[train].T @ (y[train] - y[train].mean(0)),
        )
        right[~train] = (z[~train] @ slope + y[train].mean(0)).argmax(1) == labels[~train]
    assert torch.equal(cross_validated(x, labels, 4), right)


def test_the_map_keeps_planted_clusters_together():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    points = 4 * torch.randn(3, 40, generator=generator)[labels]
    points += torch.randn(120, 40, generator=generator)
    places = neighbour_map(points)
    distance = torch.cdist(places, places).fill_diagonal_(math.inf)
    nearest = labels[distance.topk(5, largest=False).indices]
    assert (nearest == labels[:, None]).double().mean() > 0.95
    assert torch.equal(places, neighbour_map(points))
    assert not torch.equal(places, neighbour_map(points, seed=1))
    with pytest.raises(ValueError, match="three points"):
        neighbour_map(points[:2])
    assert torch.isfinite(neighbour_map(torch.zeros(5, 1))).all()  # all in one place
