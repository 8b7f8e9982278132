"""`fhelpers.runs.kinds` and `fhelpers.runs.recipes`: names of runs, JSON, and refused values."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhelpers import data
from fhelpers.heatmap import HeatMap
from fhelpers.runs import kinds, recipes
from fhelpers.runs.recipes import Recipe

# Every field with another possible value; fields that only go together are changed together.
CHANGES = {
    "dataset": {"dataset": "mnist"},
    "data_options": {"data_options": (("high", 2.0),)},
    "train_images": {"train_images": 100},
    "test_images": {"test_images": 100},
    "monitored_images": {"monitored_images": 10},
    "monitored_attacks": {"monitored_attacks": 50},
    "monitor_every": {"monitor_every": 5},
    "labels": {"labels": "shuffled"},
    "band": {"band": "low", "band_radius": 4},
    "band_radius": {"band": "low", "band_radius": 5},
    "rescale": {"rescale": False},
    "rescale_whole": {"rescale_whole": True},
    "model": {"model": "resnet-8"},
    "width": {"width": 8},
    "batchnorm": {"batchnorm": "batch"},
    "bias": {"bias": True},
    "schedule": {"schedule": "linear"},
    "random_start": {"random_start": True},
    "inclusive": {"inclusive": False},
    "drawn": {"drawn": True},
    "dropout": {"dropout": 0.5},
    "kernel_size": {"kernel_size": 5},
    "optimiser": {"optimiser": "sgd"},
    "learning_rate": {"learning_rate": 1e-3},
    "batch_size": {"batch_size": 10},
    "epochs": {"epochs": 3},
    "mixup": {"mixup": 0.5},
    "augmentation": {"augmentation": "rotate"},
    "adversary": {"adversary": "pgd"},
    "epsilon": {"epsilon": 0.1},
    "attack_steps": {"attack_steps": 7},
    "radii": {"radii": (4, 8)},
    "precision": {"precision": "float32"},
    "device": {"device": "cpu"},
    "seed": {"seed": 1},
}


def recipe(**changes):
    return Recipe(**{"dataset": "planted", **changes})


# --- names of runs --------------------------------------------------------------------------------


def test_changes_cover_every_field():
    assert set(CHANGES) == {field.name for field in dataclasses.fields(Recipe)}


def test_every_field_changes_the_name():
    names = [recipe(**change).run_id for change in CHANGES.values()]
    assert len({recipe().run_id, *names}) == len(CHANGES) + 1


def test_the_name_is_readable_and_fit_for_a_folder():
    given = recipe(
        labels="shuffled", band="high", band_radius=12, batchnorm="batch", dropout=0.5, mixup=0.5,
        model="lenet", optimiser="sgd", data_options=(("low", 0.5),), augmentation="rotate",
    )  # fmt: skip
    slug, _, digest = given.run_id.rpartition("-")
    assert slug == (
        "planted-lenet-low0.5-shuffled-high12-batchnorm-dropout0.5-mixup0.5-rotate-sgd-b100-"
        "n50000-e100-s0"
    )
    assert len(digest) == 8
    assert int(digest, 16) >= 0


def test_numbers_that_are_equal_give_one_name():
    assert recipe(radii=(4, 8)).run_id == recipe(radii=[4.0, 8.0]).run_id
    low = {"band": "low"}
    assert recipe(band_radius=4, **low).run_id == recipe(band_radius=4.0, **low).run_id


def test_the_name_is_the_same_in_another_process():
    code = (
        "from fhelpers.runs.recipes import Recipe; print(Recipe(dataset='planted', seed=3).run_id)"
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == recipe(seed=3).run_id


def test_fields_at_their_defaults_are_absent_from_a_name():
    assert recipe().decided == {
        "kind": "classifier",
        "version": Recipe.version,
        "fields": {"dataset": "planted"},
        "data": data.describe("planted").digest,
        "needs": [],
    }
    assert recipe(seed=2, epochs=100, radii=(4, 8)).decided["fields"] == {
        "dataset": "planted", "seed": 2, "radii": [4, 8],
    }  # fmt: skip


def test_kind_and_version_are_part_of_the_name(monkeypatch):
    before = recipe().run_id
    monkeypatch.setattr(Recipe, "version", 99)
    assert recipe().run_id != before
    monkeypatch.undo()
    assert recipe().run_id == before
    monkeypatch.setattr(Recipe, "kind", "another")
    assert recipe().run_id != before


def test_a_recipe_within_a_recipe_counts_by_the_name_of_its_run():
    measured = HeatMap(network=recipe(seed=4), images=3)
    assert measured.decided["fields"] == {"network": recipe(seed=4).run_id, "images": 3}
    assert measured.decided["needs"] == [recipe(seed=4).run_id]
    assert kinds.from_json(json.loads(json.dumps(kinds.as_json(measured)))) == measured


def test_a_word_belongs_to_one_kind():
    with pytest.raises(ValueError, match="kind 'classifier' is taken by Recipe"):

        class Other(kinds.Runnable, kind="classifier"):
            pass

    assert kinds.KINDS["classifier"] is Recipe


def test_a_recipe_of_another_version_is_refused():
    values = kinds.as_json(recipe()) | {"version": 99}
    with pytest.raises(ValueError, match="version 99 of the kind 'classifier'; this package has"):
        kinds.from_json(values)


def test_the_data_change_the_name(monkeypatch):
    before = recipe().run_id
    info = data.describe("planted")
    changed = dataclasses.replace(info, digest="0" * 64)
    monkeypatch.setattr(data, "describe", lambda name, **options: changed)
    assert recipe().run_id != before


# --- JSON -----------------------------------------------------------------------------------------


def test_a_recipe_survives_json():
    for change in CHANGES.values():
        given = recipe(**change)
        again = kinds.from_json(json.loads(json.dumps(kinds.as_json(given))))
        assert again == given
        assert hash(again) == hash(given)
        assert again.run_id == given.run_id


OTHER_KINDS = (
    "", None, "os:system", "fhelpers.runs.recipes:Recipe", "Recipe", 3, ["classifier"],
)  # fmt: skip


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_are_refused(kind):
    values = kinds.as_json(recipe()) | {"kind": kind}
    with pytest.raises(ValueError, match="not a kind of run"):
        kinds.from_json(values)


def test_json_with_a_field_of_another_version_is_refused():
    with pytest.raises(ValueError, match="colour"):
        kinds.from_json(kinds.as_json(recipe()) | {"colour": "red"})


# --- refused values -------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf
WRONG = [
    *((name, value) for name in recipes.CHOICES for value in ("nonsense", None, 3, [])),
    *(
        (name, value)
        for name in ("train_images", "test_images", "monitored_images", "batch_size", "epochs")
        for value in (0, -1, 1.0, "1", True, None)
    ),
    *(("seed", value) for value in (-1, 0.5, "0", None, False)),
    *(("attack_steps", value) for value in (0, 1.5, None)),
    *(("learning_rate", value) for value in (0, -1e-3, NAN, INF, "1e-3", None, True)),
    *(("dropout", value) for value in (-0.1, 1, 1.5, NAN, "0.5", None)),
    *(("mixup", value) for value in (0, -1, NAN, INF, "0.5", False)),
    *(("epsilon", value) for value in (0, -0.1, 1.1, 8, NAN, "8/255", None)),
    *(("kernel_size", value) for value in (0, 2, 13, 5.5, 3.0, "5")),
    *(("width", value) for value in (0, -4, 8.0, "8")),
    *(
        (name, value)
        for name in ("drawn", "inclusive", "random_start")
        for value in (1, None, "no")
    ),
    *(("bias", value) for value in (1, 0, "yes")),
    *(("rescale", value) for value in (1, None)),
    *(("rescale_whole", value) for value in (1, None)),
    *(("radii", value) for value in (8, "8", [0], [-4], [NAN], [INF], ["4"], [True], None)),
    ("data_options", {"low": 1.0}),
    ("data_options", (("low",),)),
    ("data_options", (("low", 1.0, 2.0),)),
    ("data_options", ((1, 1.0),)),
    ("data_options", "low"),
    ("data_options", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_values_are_refused_with_the_field_and_what_is_allowed(name, value):
    with pytest.raises(ValueError, match=f"^{name}=.* is not possible: it must be ") as caught:
        recipe(**{name: value})
    culprit = value[0] if name == "radii" and isinstance(value, list) else value
    assert repr(culprit) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("band_radius", {"band": "low"}),
        ("band_radius", {"band_radius": 4}),
        *(("band_radius", {"band": "low", "band_radius": r}) for r in (0, -1, NAN, INF, "4", True)),
        ("adversary", {"band": "high", "band_radius": 4, "adversary": "pgd"}),
        ("rescale_whole", {"band": "high", "band_radius": 4, "rescale_whole": True}),
    ],
)
def test_fields_that_do_not_go_together_are_refused(field, values):
    with pytest.raises(ValueError, match=f"^{field}=.* is not possible: it must be "):
        recipe(**values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"train_images": 50_001}, "train_images=50001 .* at most 50,000"),
        ({"test_images": 10_001}, "test_images=10001 .* at most 10,000"),
        ({"train_images": 50, "batch_size": 51}, "batch_size=51 .* train_images, 50"),
        ({"band": "high", "band_radius": 23}, "band_radius=23.0 .* below 22.6"),
        ({"data_options": (("colour", 1),)}, "colour"),
    ],
)
def test_more_than_the_data_set_holds_is_refused_when_the_run_is_named(values, says):
    with pytest.raises(ValueError, match=says):
        _ = recipe(**values).run_id


@given(
    epochs=st.integers(1, 1000),
    learning_rate=st.floats(1e-8, 10),
    radii=st.lists(st.floats(0.1, 100), max_size=4).map(tuple),
    mixup=st.none() | st.floats(0.01, 10),
    seed=st.integers(0, 10**6),
)
def test_possible_recipes_are_accepted_and_survive_json(**values):
    given = recipe(**values)
    assert kinds.from_json(json.loads(json.dumps(kinds.as_json(given)))) == given


# --- with other modules --------------------------------------------------------------------------


def test_attacked_images_are_more_work():
    plain = recipe(epochs=2, train_images=100)
    assert plain.work == 200
    assert recipe(epochs=2, train_images=100, adversary="pgd", attack_steps=7).work == 1400
