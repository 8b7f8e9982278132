"""W10, W11, W13 and W25 against planted runs with a known answer."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fhelpers.claims import CLAIMS
from fhelpers.intervals import at_confidence, over_seeds
from fhelpers.sections.heuristics.claims import larger_half, over_networks

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"
RADII = (4.0, 8.0, 12.0, 16.0)
SHARES = (1.5, 1.2, 0.8, 0.5)  # of the mean loss without the high part, by radius
EPOCHS = 6


def network(train=0.7, test=0.5, lost=0.2, high=0.15, low=None):
    """The accuracies of a network at its end: {(split, part, radius): accuracy}."""
    ends = {("train", "original", math.nan): train, ("test", "original", math.nan): test}
    for radius, share in zip(RADII, SHARES, strict=True):
        ends["test", "low", radius] = test - share * lost if low is None else low
        ends["train", "low", radius] = train - share * lost
        ends["test", "high", radius] = high
        ends["train", "high", radius] = high
    return ends


def history(ends, *, seeds=3, images=4000, spread=0.004):
    """Runs that rise from 0.1 in a straight line to their ends: {label: network(…)}."""
    generator, rows = np.random.default_rng(6), []
    for (label, accuracies), seed in itertools.product(ends.items(), range(seeds)):
        for (split, part, radius), end in accuracies.items():
            end = end + spread * generator.normal()
            steps = [(epoch, "subset", epoch / EPOCHS) for epoch in range(EPOCHS + 1)]
            for epoch, scope, done in [*steps, (EPOCHS, "all", 1.0)]:
                accuracy = float(np.clip(0.1 + (end - 0.1) * done, 0, 1))
                rows.append((label, seed, epoch, split, part, radius, scope, images, accuracy))
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def over(verdict, seeds):
    return verdict.estimate.over == ("images" if seeds == 1 else "seeds")


# --- W10, W11: dropout and mix-up ---------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("dropout", "expected"),
    [
        ({}, YES),
        ({"test": 0.51, "lost": 0.19}, YES),
        ({"test": 0.55}, OPEN),
        ({"test": 0.62}, NO),
        ({"test": 0.38}, NO),
        ({"lost": 0.35}, NO),
    ],
)
def test_w10(seeds, dropout, expected):
    runs = {"vanilla": network(), "dropout": network(**dropout)}
    verdict = CLAIMS["W10"](history(runs, seeds=seeds, images=20_000, spread=0.002))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("mixup", "expected"),
    [
        ({"lost": 0.3}, YES),
        ({"test": 0.6, "lost": 0.3}, YES),
        ({}, OPEN),
        ({"lost": 0.1}, NO),
        ({"test": 0.38, "lost": 0.3}, NO),  # accuracy is not kept
    ],
)
def test_w11(seeds, mixup, expected):
    runs = {"vanilla": network(), "mixup-0.5": network(**mixup), "mixup-1": network(lost=0.9)}
    verdict = CLAIMS["W11"](history(runs, seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)
    assert "Beta(1, 1)" in verdict.note


def test_w11_does_not_need_the_released_variant():
    runs = history({"vanilla": network(), "mixup-0.5": network(lost=0.3)})
    assert "Beta" not in CLAIMS["W11"](runs).note


# --- W13: adversarial training ------------------------------------------------------------------

ATTACKED = {"train": 0.4, "test": 0.38, "lost": (0.15, 0.06, 0.015, 0.005), "high": 0.25}


def attacked(train, test, lost, high):
    """An adversarially trained network that loses so much without the high part of each radius."""
    ends = network(train, test, high=high)
    for radius, loss in zip(RADII, lost, strict=True):
        ends["test", "low", radius] = test - loss
    return ends


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, YES),
        ({"test": 0.6, "train": 0.62}, NO),  # better than vanilla
        ({"train": 0.7}, NO),  # the gap is wider
        ({"lost": (0.2, 0.2, 0.15, 0.15)}, NO),  # depends on the high part at large radii
        ({"lost": (0.2, 0.2, 0.05, 0.05)}, OPEN),
        ({"high": 0.05}, NO),  # vanilla is better on high parts
        ({"high": 0.15}, OPEN),
        ({"lost": (0.0,) * 4}, YES),  # what it loses at the smallest radius decides nothing
    ],
    ids=["paper", "better", "wider", "depends", "margin", "blind", "alike", "low parts"],
)
def test_w13(seeds, changes, expected):
    runs = {"vanilla": network(), "adversarial": attacked(**(ATTACKED | changes))}
    verdict = CLAIMS["W13"](history(runs, seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


def test_w13_compares_at_the_same_epoch():
    """Adversarial training stops after half the epochs, when vanilla has not learned much."""
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)}, spread=0)
    shorter = (runs.label == "adversarial") & (runs.epoch > 3)
    ended = runs[~shorter & (runs.label.eq("vanilla") | runs.scope.eq("subset"))]
    worse, narrower, lost, _ = CLAIMS["W13"](ended).parts

    def half(end):
        return 0.1 + (end - 0.1) / 2

    assert worse.estimate.value == pytest.approx(half(0.5) - half(0.38))
    assert narrower.estimate.value == pytest.approx((0.2 - 0.02) / 2)
    assert lost.estimate.value == pytest.approx(0.01 / 2)
    assert CLAIMS["W13"](ended).note.startswith("After 3 epochs.")


def test_w13_says_which_training_the_papers_number_belongs_to():
    runs = {"vanilla": network(), "adversarial": attacked(**ATTACKED)}
    assert "0.707" not in CLAIMS["W13"](history(runs)).note
    runs["adversarial-crop-flip"] = attacked(0.45, 0.44, ATTACKED["lost"], 0.2)
    note = CLAIMS["W13"](history(runs, spread=0)).note
    assert "without crop and flip 0.380, with both 0.440; the paper's 0.707 belongs to" in note


def test_w13_needs_two_radii():
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)})
    with pytest.raises(ValueError, match="at least two radii"):
        CLAIMS["W13"](runs[runs.radius.isna() | runs.radius.eq(8)])


def test_w13_looks_at_the_larger_radii_and_at_the_smallest():
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)}, spread=0)
    parts = CLAIMS["W13"](runs).parts
    assert "r = 12, 16" in parts[2].name
    assert "r = 4" in parts[3].name
    assert [part.estimate.value for part in parts[2:]] == pytest.approx([0.01, 0.1])
    unread = runs.radius.eq(8) | (runs.part.eq("high") & ~runs.radius.eq(4))
    changed = runs.assign(accuracy=np.where(unread, 0.3, runs.accuracy))
    assert CLAIMS["W13"](changed).parts == parts
    assert larger_half([4, 8, 12, 16]) == [12, 16]
    assert larger_half([5, 9]) == [9]


@pytest.mark.parametrize(("lost", "expected"), [(0.02, YES), (-0.02, YES), (0.2, NO), (-0.2, NO)])
def test_w13_is_invariant_if_accuracy_moves_neither_way(lost, expected):
    runs = {"vanilla": network(), "adversarial": network(test=0.45, lost=lost, high=0.3)}
    assert CLAIMS["W13"](history(runs, spread=0.001)).parts[2].verdict == expected


# --- W25: gap and high part ---------------------------------------------------------------------


def related(*, sizes=6, others=12, turned=False, shuffled=()):
    """Networks whose gap grows with what they lose without the high part, or falls."""
    ends = {}
    for name, count in (("batch-{}", sizes), ("other-{}", others)):
        for place in range(count):
            lost = 0.1 + 0.2 * place / count
            place = shuffled[place] if shuffled else place
            gap = 0.1 + 0.2 * (count - place if turned else place) / count
            ends[name.format(2 ** (place + 4))] = network(0.5 + gap, 0.5, lost)
    return ends


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({}, YES),
        ({"turned": True}, NO),
        ({"sizes": 12, "shuffled": (5, 3, 9, 11, 0, 7, 2, 10, 4, 1, 8, 6)}, NO),
    ],
    ids=["related", "turned", "unrelated"],
)
def test_w25(ends, expected):
    verdict = CLAIMS["W25"](history(related(**ends), spread=0.001))
    assert verdict.verdict == expected
    assert [part.estimate.over for part in verdict.parts] == ["seeds", "seeds"]


def test_no_correlation_of_few_seeds_is_said_to_reach_beyond_one():
    for spread in (0.03, 0.1, 0.2):
        verdict = CLAIMS["W25"](history(related(sizes=5), spread=spread))
        for part in verdict.parts:
            assert -1 <= part.estimate.low <= part.estimate.value <= part.estimate.high <= 1


def test_w25_with_one_seed_is_over_the_networks():
    verdict = CLAIMS["W25"](history(related(sizes=5), seeds=1, spread=0))
    every, sizes = verdict.parts
    assert (every.estimate.n, sizes.estimate.n) == (17, 5)
    assert every.estimate.over == "networks"
    assert every.estimate.value > 0.9
    assert sizes.estimate.value == pytest.approx(1)
    half = rank_interval(0.6, 12)
    assert half == pytest.approx((0.6 - 0.663, 0.6 + 0.288), abs=0.1)
    few = CLAIMS["W25"](history(related(sizes=3), seeds=1, spread=0))
    assert (few.verdict, few.parts[1].estimate.n) == (OPEN, 3)


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_an_order_there_is_no_rank_correlation(seeds):
    alike = {f"batch-{size}": network() for size in (32, 64, 128, 256, 512)}
    verdict = CLAIMS["W25"](history(alike, seeds=seeds, spread=0))
    assert verdict.verdict == OPEN
    for part in verdict.parts:
        assert math.isnan(part.estimate.value)
        assert math.isnan(part.estimate.low)
        assert math.isnan(part.estimate.high)


def test_seeds_that_agree_in_every_rank_leave_an_interval_as_wide_as_one_swapped_pair():
    sizes = CLAIMS["W25"](history(related(sizes=5), seeds=3, spread=0)).parts[1].estimate
    assert (sizes.value, sizes.high, sizes.over, sizes.n) == (pytest.approx(1), 1, "seeds", 3)
    swapped = [stats.spearmanr(range(5), order).statistic for order in ((1, 0, 2, 3, 4), range(5))]
    with at_confidence(0.975):  # of two parts
        other = over_seeds([*swapped, 1.0])
    assert sizes.low == pytest.approx(1 - (other.high - other.low) / 2)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_perfect_order_of_few_networks_has_a_wide_interval(sign):
    # Half a swapped pair of five: 0.95, and 1.832 ± 1.697 after Fisher's transformation.
    ends = [math.tanh(1.832 - 1.697), 1.0]
    assert rank_interval(1.0 * sign, 5) == pytest.approx(sorted(sign * e for e in ends), abs=1e-3)


def rank_interval(correlation, networks):
    found = over_networks(correlation, networks)
    return found.low, found.high
