"""Sums of accuracies and their intervals against planted runs with a known answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_claims_architectures import KINDS
from test_claims_batch_size import FALLING, batches
from test_claims_heuristics import EPOCHS, RADII, history, network

from fhelpers.claims import CLAIMS, decide, reliance
from fhelpers.intervals import Estimate, difference, over_seeds, proportion

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"


@given(st.integers(0, 300), st.integers(0, 500))
def test_two_shares_give_newcombes_difference_and_one_gives_wilsons_interval(first, second):
    ours = reliance.weighted([(1, first / 300, 300), (-1, second / 500, 500)])
    theirs = difference(first, 300, second, 500)
    ours_alone, alone = reliance.weighted([(1, first / 300, 300)]), proportion(first, 300)
    for one, other in ((ours, theirs), (ours_alone, alone)):
        assert (one.value, one.low, one.high) == pytest.approx(
            (other.value, other.low, other.high), abs=1e-9
        )
        assert (one.n, one.over) == (other.n, other.over)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(-3, 3), st.floats(-3, 3))
def test_the_interval_of_a_sum_turns_with_its_sign(first, second, weight, other):
    terms = [(weight, first, 200), (other, second, 100)]
    plus = reliance.weighted(terms)
    minus = reliance.weighted([(-w, share, images) for w, share, images in terms])
    assert (-plus.value, -plus.high, -plus.low) == pytest.approx(
        (minus.value, minus.low, minus.high)
    )


def test_intervals_of_sums_cover_what_they_say():
    generator, shares = np.random.default_rng(3), np.array([0.9, 0.5, 0.6, 0.45])
    weights = (1, -1, -1, 1)
    truth, covered = float(shares @ weights), 0
    for right in generator.binomial(200, shares, (400, 4)) / 200:
        found = reliance.weighted([(w, a, 200) for w, a in zip(weights, right, strict=True)])
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 400 <= 0.99


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.02, 0.03, (0.0, 0.03, YES)),
        (-0.04, -0.01, (0.01, 0.04, YES)),
        (-0.01, 0.06, (0.0, 0.06, OPEN)),
        (0.06, 0.09, (0.06, 0.09, NO)),
        (-0.2, -0.1, (0.1, 0.2, NO)),
        (-math.inf, 0.0, (0.0, math.inf, OPEN)),
    ],
)
def test_equivalence_needs_the_whole_interval_within_the_margin(low, high, expected):
    size = reliance.size_of(Estimate((low + high) / 2, low, high, 3, "seeds"))
    assert (size.low, size.high, decide(size, 0.05, ceiling=True)) == expected


def test_effects_are_differences_of_the_planted_ends():
    runs = history({"a": network(0.9, 0.6, 0.2), "b": network(0.7, 0.5, 0.1)}, spread=0)
    lost = reliance.lost_without_high(RADII)
    against = {"a": 1, "b": -1}
    values = [reliance.effect(runs, against, m).value for m in (reliance.GAP, lost)]
    assert values == pytest.approx([0.3 - 0.2, 0.2 - 0.1])
    only = reliance.lost_without_high([16])
    assert reliance.effect(runs, {"a": 1}, only).value == pytest.approx(0.5 * 0.2)
    assert reliance.effect(runs, {"a": 1}, reliance.on_parts("high", [4])).value == 0.15


def test_effects_pair_the_seeds():
    runs = history({"a": network(), "b": network()}, spread=0.05)
    b = runs.label == "b"
    less = 0.02 + 1e-5 * runs.seed[b]  # exactly the same, and they would say nothing of seeds
    runs.loc[b, "accuracy"] = runs.accuracy[~b].to_numpy() - less
    found = reliance.effect(runs, {"a": 1, "b": -1}, reliance.TEST)
    paired = over_seeds([0.02, 0.02001, 0.02002])
    assert (found.value, found.low, found.high) == pytest.approx(
        (paired.value, paired.low, paired.high), abs=1e-9
    )


def test_a_seed_that_lacks_a_part_is_refused():
    runs = history({"a": network()})
    low = (runs.seed == 2) & (runs.part == "low")
    for lacking in (runs[~low], runs[~(low & (runs.radius == 16))]):
        with pytest.raises(ValueError, match="evaluate all parts with all seeds"):
            reliance.effect(lacking, {"a": 1}, reliance.lost_without_high(RADII))
        with pytest.raises(ValueError, match="evaluate all parts with all seeds"):
            reliance.of_each(lacking, ["a"], reliance.lost_without_high(RADII))


def test_a_level_that_float32_stores_a_little_lower_is_reached():
    runs = history({"a": network(0.57, 0.5)}, spread=0)
    runs["accuracy"] = runs.accuracy.astype("float32").astype(float)
    assert runs.accuracy.max() < 0.57
    level, cut = reliance.at_common_accuracy(runs, ["a"])
    assert level == 0.57
    assert cut.epoch.unique() == [EPOCHS]


def test_bands_add_up_to_the_whole_image():
    runs, measures = history({"a": network()}), reliance.gained([16, 4, 8])
    assert list(measures) == ["0–4", "4–8", "8–16", "over 16"]
    gains = [reliance.effect(runs, {"a": 1}, measure).value for measure in measures.values()]
    assert sum(gains) == pytest.approx(reliance.effect(runs, {"a": 1}, reliance.TEST).value)
    assert list(reliance.gained([6])) == ["0–6", "over 6"]


def test_runs_are_cut_where_they_first_know_the_same():
    runs = history({"fast": network(0.9, 0.6, 0.2), "slow": network(0.455, 0.3, 0.1)}, spread=0)
    level, cut = reliance.at_common_accuracy(runs, ["fast", "slow"])
    assert level == 0.45
    train = reliance.effect(cut, {"fast": 1, "slow": -1}, reliance.TRAIN)
    assert train.value == pytest.approx(0, abs=1e-9)
    done = (0.45 - 0.1) / (0.9 - 0.1)  # of the straight way to the end
    test = reliance.effect(cut, {"fast": 1}, reliance.TEST)
    assert test.value == pytest.approx(0.1 + done * (0.6 - 0.1))
    assert set(cut.groupby("label").epoch.nunique()) == {1}


def test_a_level_counts_when_it_is_first_reached():
    runs = history({"a": network(0.5, 0.4), "b": network(0.5, 0.4)}, spread=0)
    later = (runs.label == "a") & (runs.epoch > 3)
    runs.loc[later & (runs.part == "original"), "accuracy"] = 0.9
    _, cut = reliance.at_common_accuracy(runs, ["a", "b"])
    assert 3 < cut[cut.label == "a"].epoch.iloc[0] < 4


# --- what all claims that use them have in common ------------------------------------------------

EVERYTHING = KINDS | batches(**FALLING)
EVERYTHING |= {name: network() for name in ("vanilla", "dropout", "mixup-0.5", "adversarial")}
IDS = ["W8", "W9", "W10", "W11", "W13", "W14", "W25"]


def check(id, runs):
    return CLAIMS[id](runs)


@pytest.mark.parametrize("id", IDS)
def test_only_the_end_of_training_counts_and_the_order_of_rows_does_not(id):
    runs = history(EVERYTHING)
    noise = runs.assign(accuracy=np.where(runs.scope == "subset", 0.5, runs.accuracy))
    mixed = noise.sample(frac=1, random_state=0)
    claimed = [[part for part in check(id, each).parts if not part.ours] for each in (mixed, runs)]
    assert claimed[0] == claimed[1]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("value", [math.nan, 1.2])
def test_accuracies_outside_their_range_are_refused(id, value):
    runs = history(EVERYTHING)
    with pytest.raises(ValueError, match="NaN or outside"):
        check(id, runs.assign(accuracy=np.where(runs.seed == 1, value, runs.accuracy)))


@pytest.mark.parametrize("id", ["W9", "W10", "W11", "W13", "W14", "W25"])
def test_low_parts_are_needed(id):
    runs = history(EVERYTHING)
    with pytest.raises(ValueError, match="no low parts"):
        check(id, runs[runs.part == "original"])
