"""`fhelpers.sections`: the runs that each section asks for, and the parameters it refuses."""

import dataclasses
import math

import pytest

from fhelpers import data, sections
from fhelpers.runs import plans, records, scales
from fhelpers.runs.schedule import everything

NAN = math.nan
SEEDS = (0, 1)


@pytest.mark.parametrize("scale", scales.SCALES)
@pytest.mark.parametrize("dataset", ["planted", "cifar10", "mnist"])
def test_the_natural_runs_are_shared_between_sections(scale, dataset):
    first = sections.PLANS["decomposition"](scale, dataset, SEEDS)
    second = sections.PLANS["shuffled_labels"](scale, dataset, SEEDS)
    assert list(first) == ["natural", "split"]
    alone = {name: getattr(scales.SCALES[scale], name) for name in ("learning_rate", "epochs")}
    shared = [dataclasses.replace(r, **alone) for r in second["natural"]]
    assert [r.run_id for r in first["natural"]] == [r.run_id for r in shared]
    assert (shared == [*second["natural"]]) == (not scales.SCALES[scale].pair)
    assert len({r.run_id for group in second.values() for r in group}) == 2 * len(second)


def test_the_shuffled_labels_plan_is_that_of_figure_3_and_table_1():
    plan = sections.PLANS["shuffled_labels"]("standard", "cifar10", SEEDS)
    parts = [f"{band}-{radius}" for band in ("low", "high") for radius in (4, 8, 12, 16)]
    cues = [label for label in plan if label.startswith("cue-")]
    assert list(plan) == ["natural", "shuffled", *parts, *cues]
    for label in ("natural", "shuffled", *parts):
        group = plan[label]
        band, _, radius = label.partition("-")
        assert [r.seed for r in group] == list(SEEDS)
        for r in group:
            assert r.labels == ("shuffled" if label == "shuffled" else "true")
            assert (r.band, r.band_radius) == ((band, float(radius)) if radius else ("all", None))
            assert r.radii == ((float(radius),) if radius else (4, 8, 12, 16))
            assert (r.augmentation, r.adversary, r.mixup, r.batchnorm) == (
                "none",
                "none",
                None,
                "none",
            )


@pytest.mark.parametrize("scale", scales.SCALES)
@pytest.mark.parametrize("dataset", ["cifar10", "mnist"])
def test_true_and_shuffled_labels_are_learned_alike(scale, dataset):
    plan = plans.true_and_shuffled(scale, dataset, SEEDS)
    for natural, shuffled in zip(plan["natural"], plan["shuffled"], strict=True):
        assert shuffled.epochs >= natural.epochs
        asked = {"labels": "shuffled", "epochs": shuffled.epochs}
        assert dataclasses.replace(natural, **asked) == shuffled
    assert plan["low-4"][0] == dataclasses.replace(
        scales.vanilla(scale, dataset, SEEDS[0]), band="low", band_radius=4, radii=(4,)
    )


@pytest.mark.parametrize("scale", scales.SCALES)
@pytest.mark.parametrize("epochs", [0, 1, 5, 20])
def test_shuffled_labels_train_longer_in_the_scales_proportion(scale, epochs):
    own = scales.SCALES[scale]
    plan = sections.PLANS["shuffled_labels"](scale, "planted", [0], epochs=epochs)
    lengths = {label: group[0].epochs for label, group in plan.items()}
    expected, pair = epochs or own.epochs, dict(own.pair) if not epochs else {}
    assert {lengths["low-4"], lengths["high-16"]} == {expected}
    assert lengths["natural"] == pair.get("epochs", expected)
    proportion = own.memorising_epochs / own.epochs
    assert proportion > 1
    longer = pair.get("epochs") or math.ceil(expected * proportion)
    assert lengths["shuffled"] == longer
    if not epochs:
        assert longer >= own.memorising_epochs


def test_the_papers_scale_is_the_papers_set_up():
    paper = scales.vanilla("paper", "cifar10", 0)
    assert (paper.model, paper.optimiser, paper.learning_rate) == ("resnet-32", "adam", 1e-4)
    assert (paper.epochs, paper.batch_size, paper.train_images) == (100, 100, 50_000)
    assert scales.SCALES["paper"].memorising_epochs == 300


def test_sizes_shrink_to_what_a_small_data_set_holds(monkeypatch):
    info = dataclasses.replace(data.describe("mnist"), train=70, test=30)
    monkeypatch.setattr(data, "describe", lambda name, **options: info)
    small = scales.vanilla("quick", "mnist", 0)
    assert (small.train_images, small.test_images) == (70, 30)
    assert scales.vanilla("quick", "mnist", 0, train_images=50).train_images == 50


def test_another_model_comes_in_its_own_width():
    assert scales.vanilla("smoke", "planted", 0).width == scales.SCALES["smoke"].width
    assert scales.vanilla("smoke", "planted", 0, model="lenet").width is None
    assert scales.vanilla("smoke", "planted", 0, model="lenet", width=4).width == 4


def test_only_the_planted_data_have_planted_cues():
    assert scales.vanilla("smoke", "planted", 0).data_options == (("low", 2.0), ("high", 3.0))
    assert scales.vanilla("quick", "planted", 0).data_options == ()
    assert scales.vanilla("smoke", "mnist", 0).data_options == ()


def test_a_section_takes_the_parameters_that_concern_it():
    parameters = {"scale": "smoke", "dataset": "planted", "seeds": [2], "radii": [6], "epochs": 4}
    plan = sections.PLANS["shuffled_labels"]("smoke", "planted", [2], radii=[6], epochs=4)
    assert plan != sections.PLANS["shuffled_labels"]("smoke", "planted", [2])
    assert sections.of_section("02_shuffled_labels", parameters) == plan
    # The first section has no epochs, and figures have parameters that no run knows.
    plan = sections.PLANS["decomposition"]("smoke", "planted", [2], radii=[6])
    assert sections.of_section("01_decomposition", parameters | {"colour": "red"}) == plan


@pytest.mark.parametrize("slug", sections.slugs())
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scale": "tiny"}, "scale 'tiny' is not known; choose one of smoke, quick"),
        ({"dataset": "cifar"}, "unknown data set 'cifar': choose one of cifar10"),
        ({"seeds": [1, 1]}, r"seeds=\[1, 1\] is not possible"),
        ({"seeds": [1, 0, 1]}, r"seeds=\[1, 0, 1\] is not possible: .* each once"),
        ({"seeds": [-1]}, "seed=-1 is not possible"),
        ({"seeds": [0.5]}, "seed=0.5 is not possible"),
        ({"radii": []}, r"radii=\[\] is not possible: .* one radius or more"),
    ],
)
def test_sections_refuse_wrong_parameters(slug, changes, says):
    parameters = {"scale": "smoke", "dataset": "planted", "seeds": [0], "radii": [4]}
    with pytest.raises(ValueError, match=says) as caught:
        sections.of_section(slug, parameters | changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("slug", ["01_decomposition", "02_shuffled_labels"])
@pytest.mark.parametrize("radius", [0, -4, "8", NAN])
def test_sections_refuse_impossible_radii(slug, radius):
    parameters = {"scale": "smoke", "dataset": "planted", "seeds": [0], "radii": [4, radius]}
    with pytest.raises(ValueError, match=f"radii={radius!r} is not possible"):
        sections.of_section(slug, parameters)


def test_sections_refuse_negative_epochs_and_unknown_sections():
    parameters = {"scale": "smoke", "dataset": "planted", "seeds": [0], "epochs": -1}
    with pytest.raises(ValueError, match="epochs=-1 is not possible"):
        sections.of_section("02_shuffled_labels", parameters)
    with pytest.raises(ValueError, match="'03_nothing' is not known; choose one of 00_"):
        sections.of_section("03_nothing", parameters)


def test_every_folder_has_a_notebook_and_every_notebook_a_plan():
    named = {slug.partition("_")[2]: slug for slug in sections.slugs()}
    assert set(sections.FOLDERS) == set(sections.PLANS) == set(named) - {"scorecard"}
    assert all(sections.slug_of(name) == slug for name, slug in named.items())
    with pytest.raises(ValueError, match=r"'nothing' has no notebook: add notebooks/NN_nothing.py"):
        sections.slug_of("nothing")


def test_radii_grow_with_the_images():
    assert scales.scaled_radii("quick", "cifar10", [4, 12]) == (4, 12)
    assert scales.scaled_radii("quick", "mnist", [4, 12]) == (3.5, 10.5)


@pytest.mark.parametrize(
    ("slug", "parameters", "words"),
    [
        ("02_shuffled_labels", {"radii": [30]}, "nothing is left of the high part"),
        ("02_shuffled_labels", {"radii": [0.5]}, "only the mean is left"),
        ("03_batch_size", {"batch_sizes": [4096]}, "batch_sizes=.* at most 300"),
    ],
)
def test_what_no_run_can_do_is_refused_with_the_parameters(slug, parameters, words):
    common = {"scale": "smoke", "dataset": "planted", "seeds": [0]}
    with pytest.raises(ValueError, match=words):
        sections.of_section(slug, common | parameters)


@pytest.mark.parametrize("slug", sections.slugs())
@pytest.mark.parametrize("dataset", ["cifar10", "mnist", "fashion-mnist", "planted"])
@pytest.mark.parametrize("scale", scales.SCALES)
def test_every_page_has_a_plan_for_every_data_set_and_scale(slug, dataset, scale):
    plan = sections.of_section(slug, {"scale": scale, "dataset": dataset, "seeds": [0, 1]})
    names = {recipe.run_id for group in plan.values() for recipe in group}
    for label, group in plan.items():  # how an image is split depends on no seed
        fewer = label.endswith("split") or plans.SUBSET in group[0].run_id  # what is published
        alone = slug == "19_report_card"  # a report is of one network
        assert len(group) in ((1,) if alone else (1, 2) if fewer else (2,)), label
    assert len(names) >= 2


def test_the_scorecard_asks_for_nothing_but_the_runs_of_the_sections():
    given = {"scale": "quick", "dataset": "cifar10", "seeds": [0]}

    def names(slug):
        groups = sections.of_section(slug, given).values()
        return {recipe.run_id for group in groups for recipe in group}

    others = set().union(*(names(slug) for slug in sections.slugs() if slug != "00_scorecard"))
    assert names("00_scorecard") <= others


@pytest.mark.parametrize(
    ("published", "shown"),
    [
        ([], [0]),
        ([0, 1], [0]),  # two decide nothing
        ([0, 1, 2], [0, 1, 2]),
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([1, 2, 3], [0]),
        ([0, 1, 3], [0]),
    ],
)
def test_a_page_shows_the_seeds_whose_runs_are_all_published(
    tmp_path, monkeypatch, published, shown
):
    monkeypatch.setattr(records, "published", lambda: tmp_path)
    asked = {"scale": "smoke", "dataset": "planted", "radii": [5, 9]}
    for seed in published:
        plan = sections.of_section("02_shuffled_labels", asked | {"seeds": [seed]})
        for recipe in everything(recipe for group in plan.values() for recipe in group).values():
            (tmp_path / recipe.run_id).mkdir(exist_ok=True)
            (tmp_path / recipe.run_id / "record.json").touch()
    assert sections.published_seeds("02_shuffled_labels", asked) == shown
    assert sections.published_seeds("02_shuffled_labels", asked | {"radii": [4]}) == [0]
    assert sections.published_seeds("02_shuffled_labels", asked | {"scale": "quick"}) == [0]
    if len(published) > 3:
        (tmp_path / recipe.run_id / "record.json").unlink()  # one run of the last seed
        assert sections.published_seeds("02_shuffled_labels", asked) == [0, 1, 2]


def test_a_seed_of_which_this_machine_can_show_only_a_part_is_not_shown(tmp_path, monkeypatch):
    def without(slug, parameters):
        plan = whole(slug, parameters)
        return plan if parameters["seeds"] != [3] else {"natural": plan["natural"]}

    whole, asked = sections.of_section, {"scale": "smoke", "dataset": "planted"}
    for seed in range(5):
        plan = whole("02_shuffled_labels", asked | {"seeds": [seed]})
        for id in everything(recipe for group in plan.values() for recipe in group):
            (tmp_path / id).mkdir()
            (tmp_path / id / "record.json").touch()
    monkeypatch.setattr(records, "published", lambda: tmp_path)
    assert sections.published_seeds("02_shuffled_labels", asked) == [0, 1, 2, 3, 4]
    monkeypatch.setattr(sections, "of_section", without)
    assert sections.published_seeds("02_shuffled_labels", asked) == [0, 1, 2]


def test_each_claim_is_judged_on_the_seeds_of_its_page_unless_some_are_given(monkeypatch):
    own = {"07_other_datasets": [0, 1, 2]}
    monkeypatch.setattr(sections, "published_seeds", lambda slug, asked: own.get(slug, [0]))
    for asked, seeds in (((), [0, 1, 2]), ((4, 5), [4, 5])):
        plan = sections.of_section(
            sections.SCORECARD, {"scale": "smoke", "dataset": "planted", "seeds": asked}
        )
        found = {label: [recipe.seed for recipe in group] for label, group in plan.items()}
        others = [label for label in found if label.startswith("other_datasets/")]
        assert found[others[0]] == seeds
        assert found["decomposition/natural"] == (seeds if asked else [0])


def test_a_page_needs_a_seed():
    with pytest.raises(ValueError, match=r"seeds=\[\] is not possible"):
        sections.of_section("03_batch_size", {"scale": "smoke", "dataset": "planted", "seeds": []})
