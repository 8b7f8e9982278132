"""Section 12: the plan over numbers of images, effects on planted runs, figures and words."""

import dataclasses
import math
from functools import cache
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers import data, sections
from fhelpers.claims import CLAIMS, reliance
from fhelpers.drawing import style
from fhelpers.runs.records import Runs
from fhelpers.runs.scales import SCALES
from fhelpers.sections.dose import effects, figures
from fhelpers.sections.dose.plan import AMOUNTS, FIVE, plan

RADII, IMAGES, TESTED = (4.0, 8.0, 12.0, 16.0), 500, 500


# --- the plan -------------------------------------------------------------------------------------


def sharing(scale, dataset="cifar10"):
    """The names of all runs of the sections whose networks are trained on other numbers here."""
    groups = [
        sections.PLANS[name](scale, dataset, [0]) for name in ("shuffled_labels", "heuristics")
    ]
    return {recipe.run_id for plan in groups for group in plan.values() for recipe in group}


@pytest.mark.parametrize("scale", SCALES)
def test_at_the_scales_own_number_nothing_is_trained_twice(scale):
    own, others = SCALES[scale].train_images, sharing(scale)
    runs = plan(scale, "cifar10", [0])
    here = {label: group[0].run_id for label, group in runs.items() if label.startswith(f"{own}/")}
    assert {label.partition("/")[2] for label in here} >= {"natural", "shuffled", *FIVE}
    if SCALES[scale].pair:  # section 02's M_shuffle learns at another rate
        assert here.pop(f"{own}/shuffled") not in others
    assert set(here.values()) <= others
    elsewhere = {group[0].run_id for label, group in runs.items() if label not in here}
    assert elsewhere.isdisjoint(others)


@pytest.mark.parametrize("scale", SCALES)
def test_every_number_of_images_takes_as_many_steps_and_changes_nothing_else(scale):
    runs, own = plan(scale, "cifar10", [0, 3]), SCALES[scale].train_images
    for label, group in runs.items():
        images, _, network = label.partition("/")
        assert [recipe.seed for recipe in group] == [0, 3]
        for recipe, faithful in zip(group, runs[f"{own}/{network}"], strict=True):
            assert recipe.train_images == int(images)
            steps, expected = (
                each.epochs * math.ceil(each.train_images / each.batch_size)
                for each in (recipe, faithful)
            )
            assert steps == pytest.approx(expected, rel=0.08)  # epochs are whole
            if scale == "standard":
                assert steps == expected
            same = {"train_images": own, "epochs": faithful.epochs}
            same |= {"monitor_every": faithful.monitor_every}
            assert dataclasses.replace(recipe, **same) == faithful


def evaluated(recipe) -> int:
    """How many images the monitoring of a recipe evaluates."""
    epochs = range(recipe.epochs + 1)
    last, every = recipe.epochs, recipe.monitor_every
    times = sum(e <= 10 or e % every == 0 or e == last for e in epochs)
    parts = 1 + 2 * len(recipe.radii) + (recipe.band != "all")
    return times * parts * 2 * recipe.monitored_images


@pytest.mark.parametrize("scale", ["quick", "standard"])
def test_monitoring_costs_less_than_training(scale):
    for label, (recipe,) in plan(scale, "cifar10", [0]).items():
        # An image is evaluated in about a third of the time in which it is learned.
        assert evaluated(recipe) / 3 < recipe.epochs * recipe.train_images, label


def test_standard_goes_from_1000_to_all_images_and_has_table_1_there():
    runs = plan("standard", "cifar10", [0])
    found = effects.by_amount(runs)
    assert list(found) == [1_000, 2_500, 5_000, 10_000, 25_000, 50_000]
    assert all("natural" in each for each in found.values())
    bands = {f"{band}-{radius:g}" for band in ("low", "high") for radius in RADII}
    assert bands | {"natural", "adversarial"} <= set(found[50_000])
    assert [images for images, each in found.items() if "shuffled" in each] == [1_000, 2_500, 5_000]
    judged = {
        id: [images for images, each in found.items() if effects.about(id, each) is not None]
        for id in effects.NETWORKS
    }
    assert min(map(len, judged.values())) >= 2
    assert all({5_000} <= set(images) for images in judged.values())


@pytest.mark.parametrize(("scale", "minutes"), [("quick", 5), ("standard", 75)])
def test_what_is_trained_for_this_page_alone_is_bounded(scale, minutes):
    shared, seconds = sharing(scale), {}
    for group in plan(scale, "cifar10", [0]).values():
        recipe = group[0]
        if recipe.run_id not in shared:
            # Measured: 400,000 images in 160 s with evaluation, attacked ones ten times as long.
            slow = 10 if recipe.adversary == "pgd" else 1
            seconds[recipe.run_id] = slow * recipe.epochs * recipe.train_images / 2_500
    assert sum(seconds.values()) < 60 * minutes


@pytest.mark.parametrize("scale", SCALES)
def test_a_small_data_set_bounds_the_numbers(monkeypatch, scale):
    small = dataclasses.replace(data.describe("cifar10"), train=4_000)
    monkeypatch.setattr(data, "describe", lambda name, **options: small)
    own = min(SCALES[scale].train_images, 4_000)
    expected = sorted({own, *(images for images in AMOUNTS[scale] if images <= 4_000)})
    assert list(effects.by_amount(plan(scale, "cifar10", [0]))) == expected


def test_other_numbers_stand_beside_the_scales_own():
    runs = plan("smoke", "planted", [0], amounts=[50, 600])
    assert list(effects.by_amount(runs)) == [50, 300, 600]
    assert "50/shuffled" in runs
    assert "600/shuffled" not in runs


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"amounts": [0, 100]},
            r"amounts=\[0, 100\] is not possible: .* from 25, a batch, to 50,000",
        ),
        ({"amounts": [60_000]}, "amounts=.* to 50,000"),
        ({"radii": [8]}, r"radii=\[8\] is not possible: .* two radii or more"),
    ],
)
def test_impossible_numbers_and_a_single_radius_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        plan("smoke", "planted", [0], **changes)


# --- planted runs ---------------------------------------------------------------------------------


def ends(network: str, images: int) -> dict:
    """The accuracies of a network at its end: {(split, part, radius): accuracy}."""
    test = 0.4 + 0.1 * math.log10(images / 1_000)
    train, low, high = 0.98, test - 0.05, 0.15
    if network == "shuffled":
        test, low, high = 0.1, 0.12, 0.1
        train = 0.95 if images < 5_000 else 0.2
    elif network == "batchnorm":  # ahead on low parts with few images, behind with many
        low, high = low + (0.05 if images < 5_000 else -0.05), 0.3
    elif network == "adversarial":
        train, test, low, high = 0.5, test - 0.1, test - 0.12, 0.2
    elif network in ("dropout", "mixup-0.5"):
        train, low = 0.9 if network == "dropout" else 0.8, low + 0.01
    found = {("train", "original"): train, ("test", "original"): test}
    if network.startswith(("low-", "high-")):
        lost = 4 / float(network.partition("-")[2]) / 10
        test = test - lost if network.startswith("low") else 0.11 + 0.5 * (images > 5_000)
        found = {("train", "original"): 0.15, ("train", "input"): 0.9 + lost / 10}
        found |= {("test", "original"): test, ("test", "input"): test}
    every = {(split, part): at for split in ("train", "test") for part, at in
             (("low", low), ("high", high))}  # fmt: skip
    return {(*key, math.nan): at for key, at in found.items()} | {
        (split, part, radius): at + 0.001 * radius
        for (split, part), at in every.items() for radius in RADII
    }  # fmt: skip


def planted(label: str, seed: int, epochs: int):
    """A run that rises to its ends along the same curve, BatchNorm twice as fast."""
    images, _, network = label.partition("/")
    images, rows, pace = int(images), [], 8.0 if network == "batchnorm" else 4.0
    for (split, part, radius), end in ends(network, images).items():
        end += 0.004 * np.sin(7 * seed + len(network))
        for epoch in [*np.linspace(0, epochs, 9), math.inf]:
            done = 1 - math.exp(-pace * min(epoch / epochs, 1)) if epoch else 0.0
            scope = "subset" if epoch < math.inf else "all"
            count = TESTED if scope == "all" and split == "test" else IMAGES
            rows.append(
                (min(epoch, epochs), split, part, radius, scope, count, 0.1 + (end - 0.1) * done)
            )
    columns = ["epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    recipe = SimpleNamespace(
        seed=seed, dataset="cifar10", options={}, train_images=images, radii=RADII,
        load=lambda train: SimpleNamespace(labels=torch.arange(TESTED) % 10),
    )  # fmt: skip

    def correct(part, radius=None):
        assert radius in (None, 12)
        share = {"original": 0.6, "low": 0.3, "high": 0.4 if images > 1_000 else 0.2}[part]
        return np.arange(TESTED) < share * TESTED

    return SimpleNamespace(
        recipe=recipe, history=pd.DataFrame(rows, columns=columns), correct=correct
    )


def everything(seeds) -> Runs:
    """Planted runs of everything that standard trains."""
    recipes = plan("standard", "cifar10", range(seeds))
    return Runs(
        {
            label: [planted(label, recipe.seed, recipe.epochs) for recipe in group]
            for label, group in recipes.items()
        }
    )


@cache
def computed(seeds) -> tuple[Runs, pd.DataFrame]:
    """The planted runs and their effects."""
    return everything(seeds), effects.effects(everything(seeds))


@pytest.fixture(params=[1, 3])
def runs(request):
    return computed(request.param)[0]


@pytest.fixture
def rows(runs):
    return computed(len(runs["5000/natural"]))[1]


@pytest.fixture
def single():
    return computed(1)[1]


# --- the effects ----------------------------------------------------------------------------------


def test_effects_after_equal_steps_are_those_of_the_claims(runs, rows):
    steps, seeds = rows[rows.series == effects.STEPS], len(runs["5000/natural"])
    for id, wanted in effects.NETWORKS.items():
        for images, each in effects.by_amount(runs).items():
            own = steps[(steps.claim == id) & (steps.images == images)]
            if effects.about(id, each) is None:
                assert own.empty
                continue
            if id == "W1":
                verdict = CLAIMS[id].of(Runs({"natural": each["natural"]}))
            else:
                kept = [la for la in each if la in wanted or (id == "W7" and "-" in la)]
                if id == "W7":
                    kept = ["natural", *(la for la in kept if la[:3] in ("low", "hig"))]
                verdict = CLAIMS[id].of(Runs({la: each[la] for la in kept}))
            parts = [part for part in verdict.parts if not part.ours][: 1 if id == "W25" else None]
            assert list(own.name) == [part.name for part in parts]
            assert list(own.value) == [part.estimate.value for part in parts]
            assert list(own.verdict) == [part.verdict for part in parts]
            assert set(own.stuck) == {", ".join(verdict.stuck)}
            if id not in ("W1", "W25"):
                assert set(own.over) == {"images" if seeds == 1 else "seeds"}


def at(rows, claim, part, images, series=effects.STEPS):
    (found,) = rows[
        (rows.claim == claim) & (rows.part == part) & (rows.images == images)
        & (rows.series == series)
    ].itertuples()  # fmt: skip
    return found


def test_planted_effects_are_found_where_they_were_planted(rows):
    assert at(rows, "W1", 0, 1_000).value == 0.0
    assert at(rows, "W1", 0, 50_000).value == pytest.approx(0.1)
    assert at(rows, "W12", 1, 1_000).value == pytest.approx(0.05, abs=0.01)
    assert at(rows, "W12", 1, 50_000).value == pytest.approx(-0.05, abs=0.01)
    assert at(rows, "W12", 0, 50_000).value == pytest.approx(2, rel=0.2)
    assert at(rows, "W7", 2, 5_000).verdict == "reproduced"
    assert at(rows, "W7", 2, 50_000).verdict == "not reproduced"
    assert at(rows, "W5", 0, 1_000).verdict == "reproduced"


def test_networks_that_have_not_learned_are_not_judged(rows):
    found = at(rows, "W5", 0, 5_000)
    assert found.stuck.startswith("shuffled (training accuracy 0.2")
    assert (found.verdict, found.said) == ("undecided", "undecided")
    assert math.isnan(found.low)
    assert math.isfinite(found.value)
    level = rows[(rows.claim == "W5") & (rows.series == effects.ACCURACY)]
    assert list(level.images) == [1_000, 2_500]


def test_at_equal_accuracy_all_networks_of_a_claim_are_cut_at_the_level_of_the_worst(runs, rows):
    level = rows[rows.series == effects.ACCURACY].groupby("claim")["level"].first()
    assert "W1" not in level  # which image is right is known at the end alone
    least = {"W5": 0.95, "W12": 0.98, "W13": 0.5, "W25": 0.5, "W7": 0.9}
    for id, most in least.items():
        assert most - 0.05 < level[id] < most + 0.03, id
    # M_natural rises in a straight line with its accuracy, so the cut is known in closed form.
    own = effects.by_amount(runs)
    vanilla, worse = ends("vanilla", 50_000), ends("adversarial", 50_000)
    done = {
        "vanilla": (level["W13"] - 0.1) / (vanilla["train", "original", math.nan] - 0.1),
        "adversarial": (level["W13"] - 0.1) / (worse["train", "original", math.nan] - 0.1),
    }
    tests = {
        name: 0.1 + (ends(name, 50_000)["test", "original", math.nan] - 0.1) * share
        for name, share in done.items()
    }
    found = at(rows, "W13", 0, 50_000, effects.ACCURACY)
    assert found.value == pytest.approx(tests["vanilla"] - tests["adversarial"], abs=0.01)
    assert found.value != at(rows, "W13", 0, 50_000).value
    assert own[50_000]["vanilla"]  # the runs themselves are as they were
    groups = {images: effects.about("W13", own[images]) for images in (5_000, 50_000)}
    common, cut = effects.cut_level("W13", groups)
    assert common == level["W13"]
    for each in cut.values():
        reached = reliance.effect(each.history, {"vanilla": 1}, reliance.TRAIN)
        assert reached.value == pytest.approx(common, abs=0.001)


def test_band_trained_networks_are_cut_by_the_accuracy_on_their_band(runs):
    each = effects.by_amount(runs)[50_000]
    history = effects.as_trained(effects.about("W7", each).history)
    whole = history[(history.split == "train") & (history.part == "original")]
    low, natural = (whole[(whole.label == name) & (whole.scope == "all")] for name in
                    ("low-4", "natural"))  # fmt: skip
    assert low.accuracy.mean() == pytest.approx(0.91, abs=0.03)
    assert natural.accuracy.mean() == pytest.approx(0.98, abs=0.03)
    assert not whole.duplicated(["label", "seed", "epoch", "scope"]).any()


def test_the_way_to_the_end_is_kept_where_a_claim_is_about_it(runs):
    groups = {
        images: effects.about("W12", each)
        for images, each in effects.by_amount(runs).items()
        if effects.about("W12", each)
    }
    level, cut = effects.cut_level("W12", groups)
    for each in cut.values():
        own = each.history
        watched = own[(own.split == "train") & (own.part == "original") & (own.scope == "subset")]
        assert watched.groupby(["label", "seed"]).accuracy.max().to_list() == pytest.approx(
            [level] * watched.groupby(["label", "seed"]).ngroups
        )
        assert not own.duplicated(
            ["label", "seed", "epoch", "split", "part", "radius", "scope"]
        ).any()


# --- figures and words ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_figures_have_the_pages_width_and_leave_no_trace(single):
    before = dict(mpl.rcParams)
    whole = {name: figures.effects(single, first=name == "first") for name in ("first", "further")}
    nothing = single.assign(value=math.nan, low=math.nan, high=math.nan)[single.claim == "W12"]
    steps = single[(single.claim == "W7") & (single.series == effects.STEPS)]
    check(whole | {"gaps": figures.effects(pd.concat([steps, nothing]), first=True)})
    assert dict(mpl.rcParams) == before


def test_every_effect_has_a_panel_with_its_values_and_margin(single):
    keys = set(zip(single.claim, single.part, strict=True))
    assert keys == set(figures.PANELS)
    for first in (True, False):
        figure = figures.effects(single, first=first)
        shown = [key for key in figures.PANELS if (key[1] == 0) == first]
        assert len([panel for panel in figure.axes if panel.axison]) == len(shown)
        for panel, (claim, part) in zip(figure.axes, shown, strict=False):
            own = single[(single.claim == claim) & (single.part == part)]
            lines = [line for line in panel.lines if hasattr(line, "spans")]
            drawn = sorted((x, y) for line in lines for x, y in zip(*line.get_data(), strict=True))
            expected = sorted(zip(own.images, own.value, strict=True))
            assert np.allclose(drawn, expected)
            margins = [line for line in panel.lines if line.get_label() == "_margin"]
            assert margins[0].get_ydata()[0] == own.margin.iloc[0]
            assert panel.get_xscale() == "log"
            assert set(panel.get_xticks()) <= set(own.images)
            marked = {line.get_xdata()[0] for line in panel.lines if line.get_label()[0] != "_"}
            assert {2_000, 5_000} <= marked | {line.get_xdata()[0] for line in panel.lines}


def test_scales_outside_the_numbers_are_not_marked(single):
    few = single[single.images >= 5_000]
    named = [text.get_text() for text in figures.effects(few, first=True).legends[0].get_texts()]
    assert "n of standard" in named
    assert "n of quick" not in named
    assert "not learned" in named
    learned = figures.effects(few[few.stuck == ""], first=True)
    assert "not learned" not in [text.get_text() for text in learned.legends[0].get_texts()]


def test_the_words_say_which_verdicts_keep_and_which_change(single):
    text = figures.in_short(single)
    assert "1,000, 2,500, 5,000, 10,000, 25,000 and 50,000 training images" in text
    kept, changed = text.split("; these claims keep their verdict: ")[::-1]
    assert f"{CLAIMS['W5'].short} (W5: reproduced at both)" in kept
    assert "(W1: undecided at 1,000, reproduced at 2,500, 5,000, 10,000" in changed
    assert "(W7: reproduced at 5,000, not reproduced at 50,000)" in changed
    assert text.count("undecided throughout: ") == 1
    assert "fewer than two" not in text
    said = figures.so(single, 5_000, {5_000: 0.98, 50_000: 0.714})
    others, rest = said.split("; the cause may be ")
    assert said.startswith("So: between 5,000 images (this scale) and the number furthest from it ")
    assert "it these verdicts change: " in said
    assert others.endswith("W7 (reproduced here, not reproduced at 50,000)")
    said = "the same steps are fewer epochs on 50,000 (M_natural fits 71 %) than on 5,000 (98 %); "
    assert said in rest
    assert "the same at both: W1 (reproduced, also at 50,000)" in rest
    assert "not judged at two numbers: W5" in rest
    assert rest.endswith("undecided at both: W12, W13 and W25.")
    same = single[single.claim == "W1"]
    assert "furthest from it no verdict changes; " in figures.so(same, 5_000, {})
    assert "W5 at 5,000 images, because of shuffled (training accuracy 0.2" in figures.not_judged(
        single
    )
    learned = single[single.stuck == ""]
    assert figures.not_judged(learned).startswith("At every number of images all networks have")


def test_the_tables_hold_every_effect_and_every_network(single):
    table = figures.table(single)
    assert len(table) == (single.series == effects.STEPS).sum()
    assert set(table.verdict[table.claim == "W5"]) == {"reproduced", "not learned"}
    assert (table[effects.ACCURACY][table.claim == "W1"] == "–").all()
    frame = effects.accuracies(computed(1)[0], {"low-4": 0.6167})
    row = frame.set_index("network").loc["trained on low parts, r = 4"]
    assert row["n = 2,500"] == "–"
    assert row["n = 50,000"] == "0.89 / 0.46"
    assert row.paper == 0.6167
    assert set(style.SIGNS) >= set(table.verdict) - {"not learned"}
