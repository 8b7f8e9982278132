"""Intervals against SciPy, against published examples, and against their promise: 95 % coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fhelpers.intervals import (
    Estimate,
    accuracy,
    at_confidence,
    bootstrap,
    difference,
    each_over_seeds,
    over_seeds,
    paired_difference,
    proportion,
    shifted,
    wilson,
    within,
)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12).filter(lambda v: np.ptp(v) > 1e-3))
def test_over_seeds_is_the_t_interval_of_scipy(values):
    found = over_seeds(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval))
    assert (found.value, found.n, found.over) == (
        pytest.approx(np.mean(values)),
        len(values),
        "seeds",
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-1, 1)), min_size=1, max_size=12))
def test_groups_have_each_the_interval_over_their_seeds(rows):
    frame = pd.DataFrame(rows, columns=["label", "accuracy"])
    found = each_over_seeds(frame, ["label"], "accuracy").set_index("label")
    for label, values in frame.groupby("label").accuracy:
        alone = over_seeds(values)
        told = found.loc[label, ["value", "low", "high"]].tolist()
        assert told == pytest.approx([alone.value, alone.low, alone.high], nan_ok=True)


def test_a_group_with_a_value_that_is_no_number_is_refused():
    frame = pd.DataFrame({"label": ["a", "a"], "accuracy": [0.5, math.nan]})
    with pytest.raises(ValueError, match="accuracy over seeds is NaN or infinite"):
        each_over_seeds(frame, ["label"], "accuracy")


def test_over_seeds_covers_the_truth_with_three_seeds():
    samples = np.random.default_rng(1).normal(0.3, 0.1, size=(4000, 3))
    intervals = [over_seeds(sample) for sample in samples]
    assert np.mean([i.low <= 0.3 <= i.high for i in intervals]) == pytest.approx(0.95, abs=0.01)


def test_one_seed_has_a_value_and_no_interval():
    found = over_seeds([0.25])
    assert (found.value, found.n, found.over) == (0.25, 1, "seeds")
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_another_confidence_is_narrower():
    for interval in (lambda: over_seeds([1, 2, 4]), lambda: proportion(30, 100)):
        wide = interval()
        with at_confidence(0.5):
            narrow = interval()
        assert wide.low < narrow.low < narrow.high < wide.high
        assert interval() == wide


def test_an_accuracy_of_no_seeds_is_refused():
    with pytest.raises(ValueError, match="No seeds"):
        accuracy([], 100)


def test_an_accuracy_over_seeds_keeps_to_what_is_possible():
    for values, ends in (([0.01, 0.0, 0.05], (0.0, 0.07)), ([0.99, 1.0, 0.95], (0.93, 1.0))):
        found = accuracy(values, 100)
        assert found.value == pytest.approx(np.mean(values))
        assert (found.low, found.high) == pytest.approx(ends, abs=0.02)
        assert (found.low == 0) == (ends[0] == 0)
        assert (found.high == 1) == (ends[1] == 1)
    alone = within(over_seeds([0.5]), 0, 1)
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf, 1.0]])
def test_over_seeds_refuses(values):
    with pytest.raises(ValueError, match="seeds"):
        over_seeds(values)


@given(st.data(), st.integers(1, 20000))
def test_proportion_is_wilsons_interval_of_scipy(data, images):
    successes = data.draw(st.integers(0, images))
    found = proportion(successes, images)
    interval = stats.binomtest(successes, images).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx(tuple(interval), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.n, found.over) == (images, "images")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_proportion_covers_the_truth(share):
    successes = np.arange(201)
    low, high = wilson(successes, 200)
    covered = stats.binom.pmf(successes, 200, share)[(low <= share) & (share <= high)].sum()
    assert 0.93 < covered < 0.98


def test_all_and_none_right():
    everything, nothing = proportion(30, 30), proportion(0, 30)
    assert everything.high == 1.0
    assert 0.8 < everything.low < 1.0
    assert nothing.low == 0.0
    assert nothing.high == pytest.approx(1 - everything.low)


@pytest.mark.parametrize(("successes", "images"), [(0, 0), (math.nan, 5), (6, 5), (-1, 5)])
def test_proportion_refuses(successes, images):
    with pytest.raises(ValueError, match="image"):
        proportion(successes, images)


def test_difference_gives_newcombes_published_example():
    found = difference(56, 70, 48, 80)  # Newcombe 1998, first example of the comparison
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("first", "second"), [(0.1, 0.1), (0.5, 0.4), (0.95, 0.99), (0.9, 0.2)])
def test_difference_covers_the_truth(first, second):
    draws = np.random.default_rng(2).binomial(100, [first, second], size=(3000, 2))
    unique, counts = np.unique(draws, axis=0, return_counts=True)
    intervals = [difference(int(a), 100, int(b), 100) for a, b in unique]
    inside = [i.low <= first - second <= i.high for i in intervals]
    assert 0.93 < np.average(inside, weights=counts) < 0.99


@given(st.integers(0, 60), st.integers(0, 40))
def test_difference_changes_sign_with_its_arguments(first, second):
    one, other = difference(first, 60, second, 40), difference(second, 40, first, 60)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert -1 <= one.low <= one.value <= one.high <= 1


CELLS = {  # both right, only the first, only the second, neither
    "agreeing": (0.55, 0.10, 0.05, 0.30),
    "independent": (0.30, 0.20, 0.30, 0.20),
    "nearly always right": (0.93, 0.04, 0.02, 0.01),
}


def outcomes(counts):
    first, second = np.array([True, True, False, False]), np.array([True, False, True, False])
    return np.repeat(first, counts), np.repeat(second, counts)


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
def test_paired_difference_covers_the_truth(cells):
    draws = np.random.default_rng(3).multinomial(150, cells, size=2000)
    intervals = [paired_difference(*outcomes(counts)) for counts in draws]
    truth = cells[1] - cells[2]
    assert 0.93 < np.mean([i.low <= truth <= i.high for i in intervals]) < 0.99


def test_pairing_narrows_the_interval_of_agreeing_outcomes():
    first, second = outcomes([800, 60, 20, 120])
    paired, unpaired = paired_difference(first, second), difference(860, 1000, 820, 1000)
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)
    # With a thousand images it must be near the textbook standard error of paired shares.
    error = math.sqrt((80 - 40**2 / 1000) / 1000**2)
    assert paired.high - paired.low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_paired_difference_follows_newcombes_formula():
    """Recomputed step by step for 20 images: 9 both right, 5 and 2 only one, 4 neither."""
    first, second = proportion(14, 20), proportion(11, 20)
    correlation = (9 * 4 - 5 * 2 - 20 / 2) / math.sqrt(14 * 6 * 11 * 9)
    down, up = first.value - first.low, second.high - second.value
    low = 0.15 - math.sqrt(down**2 - 2 * correlation * down * up + up**2)
    up, down = first.high - first.value, second.value - second.low
    high = 0.15 + math.sqrt(up**2 - 2 * correlation * up * down + down**2)
    found = paired_difference(*outcomes([9, 5, 2, 4]))
    assert (found.value, found.low, found.high) == pytest.approx((0.15, low, high))


def test_identical_outcomes_still_have_some_doubt():
    first, second = outcomes([0, 0, 0, 50])
    found = paired_difference(first, second)
    assert found.value == 0
    assert found.low < 0 < found.high


@pytest.mark.parametrize(
    ("first", "second"),
    [([], []), ([True], [True, False]), ([0.5, math.nan], [True, False]), ([[True]], [[True]])],
)
def test_paired_difference_refuses(first, second):
    with pytest.raises(ValueError, match=r"[Oo]utcomes"):
        paired_difference(first, second)


def test_bootstrap_agrees_with_scipy_and_with_the_normal_interval():
    generator = np.random.default_rng(4)
    first = generator.normal(size=800)
    second = first + generator.normal(size=800)

    def slope(a, b):
        return float(np.cov(a, b)[0, 1] / a.var(ddof=1))

    found = bootstrap(slope, first, second)
    peer = stats.bootstrap(
        (first, second),
        slope,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=1000,
        random_state=np.random.default_rng(5),
    ).confidence_interval
    assert found.value == pytest.approx(slope(first, second))
    assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=0.012)
    assert bootstrap(slope, first, second) == found  # the seed is fixed

    mean, error = first.mean(), first.std() / math.sqrt(800)
    found = bootstrap(np.mean, first)
    assert (found.low, found.high) == pytest.approx(
        (mean - 1.96 * error, mean + 1.96 * error), abs=0.15 * error
    )


def test_bootstrap_draws_whole_images():
    values = np.arange(50.0)
    found = bootstrap(lambda a, b: (a - b).sum(), values, values)
    assert (found.value, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize(
    "arrays",
    [([],), ([1.0], [1.0, 2.0]), ([1.0, math.nan],), ()],
    ids=["empty", "n", "NaN", "none"],
)
def test_bootstrap_refuses(arrays):
    with pytest.raises(ValueError, match=r"images?"):
        bootstrap(lambda *a: 0.0, *map(np.array, arrays))


def test_bootstrap_refuses_an_undefined_statistic():
    with pytest.raises(ValueError, match="NaN"):
        bootstrap(lambda a: math.nan, np.ones(5))


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.1234, 0.0811, 0.1622, 3, "seeds"), "0.12 [0.08, 0.16]"),
        (Estimate(0.6167, 0.6071, 0.6262, 10000, "images"), "0.617 [0.607, 0.626]"),
        (Estimate(200.4, 180.3, 220.9, 3, "seeds"), "200 [180, 221]"),
        (Estimate(0.5, math.nan, math.nan, 1, "seeds"), "0.5 (no interval)"),
        (Estimate(math.nan, math.nan, math.nan, 1, "seeds"), "not measured"),
        (Estimate(12.345, 3.21, math.inf, 3, "seeds"), "12 (at least 3)"),
        (Estimate(8.12, -math.inf, 34.3, 100, "images"), "8 (at most 34)"),
        (Estimate(8.12, -math.inf, math.inf, 3, "seeds"), "8.12 (no bound)"),
        (Estimate(math.inf, 3.0, math.inf, 3, "seeds"), "beyond what was measured"),
        (Estimate(3e-8, 3e-8, 3e-8, 10, "images"), "3e-08"),
    ],
)
def test_estimates_print_as_many_digits_as_the_interval_bears(estimate, text):
    assert str(estimate) == text


@pytest.mark.parametrize(
    ("ends", "mark", "text"),
    [
        ((0.09, 0.0767, 0.1017), 0.1, "0.090 [0.077, 0.102]"),
        ((0.00075047,) * 3, 0.00075, "0.0007505"),
        ((-0.0051, -0.0097, -0.0004), 0.0, "−0.0051 [−0.0097, −0.0004]"),
        ((0.3, 0.1, 0.5), 0.1, "0.3 [0.1, 0.5]"),  # it ends on the mark
        ((0.02, -0.03, 0.07), 0.5, "0.02 [−0.03, 0.07]"),
    ],
)
def test_beside_a_margin_an_interval_shows_on_which_side_it_ends(ends, mark, text):
    estimate = Estimate(*ends, 3, "seeds")
    assert estimate.against(mark) == text
    assert estimate.against() == str(estimate)


def test_shifted_moves_value_and_bounds():
    moved = shifted(Estimate(0.3, 0.2, 0.4, 5, "seeds"), -0.1)
    assert (moved.value, moved.low, moved.high) == pytest.approx((0.2, 0.1, 0.3))
    assert (moved.n, moved.over) == (5, "seeds")


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True, width=32)] * 3))
def test_no_estimate_prints_an_infinite_number(numbers):
    low, value, high = sorted(numbers)
    assert "inf" not in str(Estimate(value, low, high, 3, "seeds"))
