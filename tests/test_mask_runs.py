"""The runs of the second paper: recipes, variants of masks, and records from end to end."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fhelpers import frequency, masks
from fhelpers.masks import recipes
from fhelpers.masks.recipes import MaskedTraining, MaskRecipe, varied
from fhelpers.runs import kinds, plans, scales
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.essential_frequencies.plan import plan as essential_frequencies
from fhelpers.sections.single_image_masks import measure as image_masks
from fhelpers.sections.single_image_masks.atlas import neighbour_map
from fhelpers.sections.single_image_masks.measure import ImageMasksRecipe, cross_validated

NETWORK = Recipe(
    dataset="planted", data_options=(("low", 0.0), ("high", 1.0)), train_images=200,
    test_images=100, watch_images=20, model="resnet-8", width=8, batchnorm=True,
    learning_rate=5e-3, batch_size=25, epochs=5, radii=(), precision="float32",
)  # fmt: skip
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


def test_single_image_masks_keep_what_they_are_said_to(runs):
    run = runs["images"]
    found, history = run.tensors(), run.history
    module = image_masks.single_masks(run)
    assert torch.equal(module.weight, found["weight"])
    assert found["map"].shape == (30, 2)
    assert found["attacked"].shape == (12, 3, 32, 32)
    right = history.query("among == 'right'").set_index("part").accuracy
    assert right["original"] == 1
    assert right["masked"] > 0.9 > 0.5 > right["complement"]
    own = history.query("among == 'all' and part == 'original'")
    assert own.accuracy.item() == (found["answers"] == found["labels"]).double().mean().item()


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
    made = {name: varied(mask, name, 1).masks().detach()[0, 0] for name in recipes.VARIANTS}
    torch.testing.assert_close(made["mask"] + made["complement"], torch.ones(height, width))
    weights = varied(mask, "random", 1).weight.detach()
    assert torch.equal(weights.sort().values, mask.weight.detach().sort().values)
    assert not torch.equal(made["random"], made["mask"])
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


# --- sections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", scales.SCALES)
def test_networks_are_those_of_other_sections(scale):
    plan = plans.masked_networks(scale, "cifar10", [0])
    radii = (4, 8, 12, 16)
    assert plan["natural"] == scales.natural(scale, "cifar10", [0], radii)
    attacked = plans.heuristics(scale, "cifar10", [0])["adversarial"]
    assert plan["adversarial"] == attacked
    if scale != "paper":
        other = plans.architectures(scale, "cifar10", [0])["vgg-11"]
        assert dataclasses.replace(plan["vgg-11-natural"][0], epochs=1) == dataclasses.replace(
            other[0], epochs=1
        )
    shuffled = plans.true_and_shuffled(scale, "cifar10", [0])["shuffled"]
    assert essential_frequencies(scale, "cifar10", [0])["shuffled"] == shuffled
    five = [name for name in plan if name.startswith("vgg")]
    assert len(five) == (5 if scale in ("standard", "paper") else 2)


def test_augmented_networks_differ_from_n_in_the_augmentation_only():
    plan = plans.masked_networks("quick", "cifar10", [0])
    for name in plans.AUGMENTED:
        again = dataclasses.replace(
            plan[name][0], augmentation="none", radii=plan["natural"][0].radii
        )
        assert again == plan["natural"][0]


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
