"""W24 against planted records, and how one data set's records are picked out of all."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fhelpers import data
from fhelpers.claims import CLAIMS, Part, conjunction
from fhelpers.claims.verdicts import confidence_of
from fhelpers.intervals import Estimate
from fhelpers.runs import plans, scales
from fhelpers.runs.recipes import Recipe
from fhelpers.sections import PLANS
from fhelpers.sections.other_datasets import claims as other_datasets
from fhelpers.sections.other_datasets.claims import decided_by, of_dataset, repeated

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"
RADII = (3.5, 10.5)
ALL = ("mnist", "fashion-mnist", "tiny-imagenet")


def planted(*, seeds=3, kept=0.03, high=0.1, grows=0.1, first=0.5, chance=0.1, radii=RADII):
    """A data set's records as in section 02: W5 and W6 fail with `kept`, W7 with the others."""
    random, rows = np.random.default_rng(5), []

    def add(label, seed, epochs, scores, split, part, radius, scope):
        for epoch, score in zip(epochs, scores, strict=True):
            score = min(max(score + 0.004 * random.normal(), 0), 1)
            rows.append((label, seed, epoch, split, part, radius, scope, 2000, score))

    epochs = np.arange(31)
    for seed in range(seeds):
        for label, pace, share in (
            ("natural", -1 / math.log(1 - first), 0.8),
            ("shuffled", 9, kept),
        ):
            rise = (0.95 - chance) * (1 - np.exp(-epochs / pace))
            whole = ("train", "original", math.nan, "subset")
            add(label, seed, epochs, chance + rise, *whole)
            for radius in radii:
                scores = chance + share * rise
                add(label, seed, epochs, scores, "train", "low", radius, "subset")
        for place, radius in enumerate(radii):
            for band, score in (("low", 0.6 + grows * place), ("high", high)):
                end = ("test", "original", math.nan, "all")
                add(f"{band}-{radius:g}", seed, [30], [score], *end)
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def judged(**changes):
    """W24 on all three data sets, some changed: {"mnist": {"kept": 0.8}}."""
    names = [name for name in ALL if changes.get(name) != "absent"]
    histories = {name: planted(**changes.get(name, {})) for name in names}
    return CLAIMS["W24"](histories, dict.fromkeys(names, 0.1))


@pytest.mark.parametrize("seeds", [1, 3])
def test_w24_holds_when_all_hold(seeds):
    verdict = judged(**{name: {"seeds": seeds} for name in ALL})
    assert verdict.verdict == YES
    assert len(verdict.parts) == 9
    assert confidence_of(verdict.parts) == pytest.approx(1 - 0.05 / 18)  # 1, 2 and 3 effects each
    assert "MNIST: W5 reproduced, W6 reproduced, W7 reproduced; Fashion" in verdict.note
    assert verdict.claim.published == "stated, without numbers"
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


@pytest.mark.parametrize(
    ("change", "expected", "failed"),
    [
        # Shuffled labels are ahead on low parts.
        ({"kept": 0.95}, NO, "W5: accuracy on low parts, true minus shuffled labels"),
        # True labels are near chance after an epoch.
        ({"first": 0.05}, WEAK, "W6: true labels above chance at r = 3.5 after 50,000 images"),
        ({"high": 0.5}, NO, "W7: high above chance"),
        ({"high": 0.15}, OPEN, "W7: high above chance"),  # at the margin
        ({"grows": -0.1}, NO, "W7: low, r = 10.5 minus r = 3.5"),
        ({"grows": 0.0}, OPEN, "W7: low, r = 10.5 minus r = 3.5"),
    ],
)
@pytest.mark.parametrize("name", ALL)
def test_w24_fails_where_one_claim_fails_on_one_data_set(name, change, expected, failed):
    verdict = judged(**{name: change})
    assert verdict.verdict == expected
    found = [part.name for part in verdict.parts if part.verdict == expected]
    assert found.count(f"{data.TITLES[name]}, {failed}") == 1
    others = [part for part in verdict.parts if not part.name.startswith(data.TITLES[name])]
    assert {part.verdict for part in others} == {YES}


@pytest.mark.parametrize("name", ALL)
def test_w24_is_open_without_one_of_the_data_sets(name):
    verdict = judged(**{name: "absent"})
    assert verdict.verdict == OPEN
    assert "not available" in verdict.note
    refuted = judged(**{name: "absent"}, **{ALL[ALL.index(name) - 1]: {"high": 0.5}})
    assert refuted.verdict == NO


def test_w24_is_open_where_a_network_has_not_learned():
    histories = {name: planted() for name in ALL}
    stuck = histories["mnist"].label.eq("shuffled")
    histories["mnist"].loc[stuck, "accuracy"] *= 0.25
    verdict = CLAIMS["W24"](histories, dict.fromkeys(ALL, 0.1))
    assert verdict.verdict == OPEN
    open_parts = {part.name for part in verdict.parts if part.verdict == OPEN}
    assert {name.partition(":")[0] for name in open_parts} == {"MNIST, W5", "MNIST, W6"}
    assert "MNIST, not judged because these have not learned: shuffled (" in verdict.note


def test_w24_takes_either_imagenet_subset_and_passes_over_cifar10():
    histories = {name: planted() for name in ("mnist", "fashion-mnist", "imagenette")}
    chances = dict.fromkeys([*histories, "cifar10"], 0.1)
    assert CLAIMS["W24"](histories, chances).verdict == YES
    more = histories | {"cifar10": planted(high=0.6)}
    assert CLAIMS["W24"](more, chances) == CLAIMS["W24"](histories, chances)


def test_w24_with_one_radius_is_open():
    history = planted(radii=(4,))
    assert set(repeated(history, 0.1)) == {"W5", "W6"}
    verdict = CLAIMS["W24"](dict.fromkeys(ALL, history), dict.fromkeys(ALL, 0.1))
    assert verdict.verdict == OPEN
    assert math.isnan(verdict.parts[2].estimate.value)


def test_each_data_set_has_its_own_chance():
    history = planted(chance=0.02, high=0.02)
    assert conjunction(repeated(history, 0.02)["W6"]) == YES
    low, high = (part.estimate.value for part in repeated(history, 0.02)["W6"])
    assert low - high > 0.2


@pytest.mark.parametrize(
    ("values", "expected"), [((0.5, 0.3, 0.9), 0.3), ((0.5, 0.0, 0.9), 0.0), ((-0.5, 0.0), -0.5)]
)
def test_a_verdict_is_listed_by_the_part_that_decides_it(values, expected):
    parts = [Part("a", Estimate(v, v - 0.1, v + 0.1, 9, "seeds"), 0.0) for v in values]
    part = decided_by("new", parts)
    assert (part.name, part.estimate.value) == ("new: a", expected)
    assert part.verdict == conjunction(parts)
    nothing = decided_by("new", None)
    assert (nothing.name, nothing.verdict) == ("new", OPEN)


def test_one_data_set_is_picked_with_its_radii_only():
    histories = [
        planted(radii=radii, seeds=1).assign(label=lambda h, name=name: f"{name}/" + h.label)
        for name, radii in (("cifar10", (4, 8, 12, 16)), ("mnist", RADII))
    ]
    everything = pd.concat(histories, ignore_index=True)
    cifar = of_dataset(everything, "cifar10", (4, 12))
    assert set(cifar.label) == {"natural", "shuffled", "low-4", "low-12", "high-4", "high-12"}
    assert set(cifar.radius.dropna()) == {4, 12}
    pd.testing.assert_frame_equal(
        of_dataset(everything, "mnist", RADII).reset_index(drop=True), planted(seeds=1)
    )


def test_finished_runs_are_sorted_by_data_set_each_at_its_own_radii():
    radii = {"cifar10": (4.0, 12.0), "mnist": RADII}
    frames = {name: planted(radii=own, seeds=1) for name, own in radii.items()}
    runs = SomeRuns(radii)
    runs.history = pd.concat([f.assign(label=f"{n}/" + f.label) for n, f in frames.items()])
    histories, chances = other_datasets.by_dataset(runs)
    assert chances == {"cifar10": 0.1, "mnist": 0.1}
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(histories[name].drop(columns="seen"), frame)
        natural = histories[name][frame.label == "natural"]
        assert (natural.seen == natural.epoch * 50_000).all()
    histories, _ = other_datasets.by_dataset(runs, radii=(12,))
    assert set(histories["mnist"].radius.dropna()) == {10.5}
    assert CLAIMS["W24"].of(runs) == CLAIMS["W24"](frames, chances)


class SomeRuns(dict):
    """Runs of data sets by the label of the natural network; the history is to be set."""

    def __init__(self, names):
        super().__init__(
            {f"{name}/natural": [SimpleNamespace(recipe=Recipe(dataset=name))] for name in names}
        )


@pytest.mark.parametrize("radii", [(4, 12), (5, 7.3), (10 / 3,)])
def test_the_plan_s_labels_are_those_that_are_picked(radii):
    plan = PLANS["other_datasets"]("smoke", "planted", [0], others=["mnist"], radii=radii)
    frame = pd.DataFrame({"label": list(plan), "radius": math.nan})
    scaled = scales.scaled_radii("smoke", "mnist", radii)
    for name, own in (("planted", radii), ("mnist", scaled)):
        labels = set(of_dataset(frame, name, own).label)
        bands = {f"{band}-{radius:g}" for band, radius in itertools.product(("low", "high"), own)}
        assert labels == {"natural", "shuffled"} | bands


@pytest.mark.parametrize("radii", [(4, 12), (5, 7.3)])
def test_radii_grow_with_the_images_of_the_first_data_set_too(radii):
    first, other = (
        PLANS["other_datasets"]("smoke", dataset, [0], others=others, radii=radii)
        for dataset, others in (("mnist", ["planted"]), ("planted", ["mnist"]))
    )
    bands = {name for name in first if name.startswith("mnist/")}
    assert bands == {name for name in other if name.startswith("mnist/")}
    assert f"mnist/low-{radii[0] * 28 / 32:g}" in bands
    assert first["mnist/natural"][0].radii == scales.scaled_radii("smoke", "mnist", radii)


@pytest.mark.parametrize("first", ["cifar10", "mnist", "planted"])
def test_all_data_sets_are_compared_and_cifar10_shares_the_runs_of_section_02(first):
    plan = PLANS["other_datasets"]("quick", first, [0])
    names = list(dict.fromkeys(label.partition("/")[0] for label in plan))
    assert names[0] == first
    assert {"cifar10", "mnist", "fashion-mnist"} <= set(names)
    own = {
        label.partition("/")[2]: group
        for label, group in plan.items()
        if label.startswith("cifar10/")
    }
    assert own == plans.true_and_shuffled("quick", "cifar10", [0])


def test_w24_says_where_the_number_of_classes_is_another():
    histories = {name: planted() for name in ALL}
    chances = dict.fromkeys(ALL, 0.1)
    assert "classes" not in CLAIMS["W24"](histories, chances).note
    note = CLAIMS["W24"](histories, chances | {"tiny-imagenet": 1 / 200}).note
    assert "Tiny ImageNet has 200 classes, and the margins 0.1 and 0.05" in note
    assert note.count("classes") == 1


def test_every_further_data_set_is_one_that_can_be_loaded():
    assert {n for names in other_datasets.FURTHER.values() for n in names} <= set(data.NAMES)
