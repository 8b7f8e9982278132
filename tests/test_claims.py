"""What a claim, a part and a verdict are, and which part of a claim decides."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_claims_shuffled_labels import bands

from fhelpers.claims import CLAIMS, Claim, Part, conjunction, decide
from fhelpers.claims.histories import Curve, epochs_to
from fhelpers.claims.verdicts import claim, deciding, distance
from fhelpers.intervals import Estimate

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"
WORDS = ("short", "text", "source", "measure", "rule", "figure")


def part(value, half=0.1, *, name="effect", margin=0.0, ceiling=False):
    """A part of three seeds; `half`: half the width of its interval, NaN where it has none."""
    return Part(name, Estimate(value, value - half, value + half, 3, "seeds"), margin, ceiling)


# --- the rule itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "floor", "ceiling"),
    [
        (0.2, 0.3, YES, NO),
        (-0.3, 0.0, NO, YES),
        (0.0, 0.2, OPEN, OPEN),
        (0.1, 0.1, WEAK, NO),
        (0.02, 0.08, WEAK, YES),
        (0.0, 0.08, NO, YES),
        (math.nan, math.nan, OPEN, OPEN),
        (0.2, math.inf, YES, NO),
        (-math.inf, 0.2, OPEN, OPEN),
    ],
)
def test_the_whole_interval_decides(low, high, floor, ceiling):
    estimate = Estimate((low + high) / 2, low, high, 3, "seeds")
    assert decide(estimate, 0.1) == floor
    assert decide(estimate, 0.1, ceiling=True) == ceiling


def test_a_claim_of_parts_needs_all_of_them():
    yes, no, unsure = part(2.0), part(-2.0), part(0.0)
    for found, expected in (
        ([yes, yes], YES),
        ([yes, unsure], OPEN),
        ([no, unsure], NO),
        ([no, yes], NO),
    ):
        assert conjunction(found) == expected


def test_an_id_is_registered_once():
    with pytest.raises(ValueError, match="W1 is registered twice"):
        claim("W1", **dict.fromkeys(WORDS, ""), paper=None)(len)


def test_every_claim_carries_its_words():
    for id, registered in CLAIMS.items():
        assert registered.id == id
        for field in (*WORDS, "section"):
            assert getattr(registered, field), (id, field)


def test_a_claim_is_asked_with_data_or_with_runs():
    def check(low, high):
        parts = [part(low, name="low"), part(high, name="high", margin=1.0)]
        return parts, "A note."

    def inputs(runs, times=1):
        return runs["low"] * times, runs["high"] * times

    made = Claim("X1", **dict.fromkeys(WORDS, "word"), paper=None, check=check, inputs=inputs)
    verdict = made(0.5, 2.0)
    assert (list(verdict.parts), verdict.note) == made.check(0.5, 2.0)
    assert (verdict.claim, verdict.verdict) == (made, YES)
    assert verdict.estimate == verdict.parts[0].estimate
    assert made.of({"low": 0.5, "high": 2.0}) == verdict
    assert made.of({"low": 0.25, "high": 1.0}, times=2) == verdict
    assert made.of({"low": 0.25, "high": 1.0}).verdict == OPEN


def test_verdicts_become_sentences():
    verdict = CLAIMS["W7"](bands(), chance=0.1)
    assert str(verdict).startswith("W7 reproduced (over 3 seeds). trained on low minus")
    assert all(part.name in str(verdict) for part in verdict.parts)
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.verdict = NO


# --- which part decides ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([part(0.5), part(0.3), part(0.9)], 0.3),
        ([part(0.5), part(0.3), part(0.0)], 0.0),
        ([part(0.5), part(0.0), part(0.2, ceiling=True)], 0.2),  # the worst, though further away
        ([part(0.05), part(-0.05)], -0.05),  # of two undecided that with the least on its side
        ([part(-0.2), part(-0.9)], -0.9),
        ([part(0.3, 0.1), part(0.4, 0.3)], 0.4),  # counted in half-widths
        ([part(0.3, ceiling=True, margin=1.0), part(0.9, ceiling=True, margin=1.2)], 0.9),
    ],
)
def test_the_worst_part_decides_and_then_that_with_the_least_on_its_side(found, expected):
    for order in itertools.permutations(found):
        assert deciding(order).estimate.value == expected


@pytest.mark.parametrize("equal", [0.09, -0.09])
def test_a_part_without_an_interval_decides_over_an_equal_one_that_has_one(equal):
    none = part(7.0, math.nan)
    for order in itertools.permutations([none, part(equal), part(5.0)]):
        assert deciding(order) is none
    failing = part(-1.0)
    assert deciding([none, failing]) is failing
    open_ended = Part("effect", Estimate(5.0, 4.0, math.inf, 3, "seeds"), 0.0)
    assert deciding([part(1.0), open_ended]) is open_ended


def test_an_exact_part_is_as_far_from_its_margin_as_can_be():
    exactly = Part("exactly", Estimate(1e-8, 1e-8, 1e-8, 9, "images"), 1e-6, ceiling=True)
    assert distance(exactly) == (math.inf,) * 3
    badly = part(-0.2, 0.2, name="badly", margin=0.1)
    assert deciding([part(1.0, name="well"), badly, exactly]).name == "badly"


def estimates():
    numbers = st.floats(-5, 5)
    return st.tuples(numbers, st.floats(0.01, 3), st.floats(0, 1)).map(
        lambda t: Estimate(t[0], t[0] - 2 * t[1] * t[2], t[0] + 2 * t[1] * (1 - t[2]), 3, "seeds")
    )


def parts():
    return st.builds(Part, st.just("effect"), estimates(), st.floats(-3, 3), st.booleans())


@given(parts())
def test_the_common_axis_says_what_the_rule_says(part):
    low, value, high = distance(part)
    assert low <= value + 1e-6
    assert value <= high + 1e-6
    assert high - low == pytest.approx(2)
    below = WEAK if part.estimate.low > 0 and not part.ceiling else NO
    expected = YES if low > 0 else below if high < 0 else OPEN
    if min(abs(low), abs(high)) > 1e-9:
        assert part.verdict == expected


@given(st.lists(parts(), min_size=1, max_size=5))
def test_the_part_that_decides_has_the_verdict_of_the_whole(found):
    chosen = deciding(found)
    assert chosen.verdict == conjunction(found)
    equals = [each for each in found if each.verdict == chosen.verdict]
    assert distance(chosen)[1] == min(distance(each)[1] for each in equals)


# --- reading a history -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "epoch"), [(0.1, 0.0), (0.2, 0.25), (0.5, 1.0), (0.6, 3.25), (0.95, math.inf)]
)
def test_epochs_are_counted_to_the_first_crossing(level, epoch):
    curve = Curve(np.arange(5), np.array([0.1, 0.5, 0.4, 0.5, 0.9]), 2000)
    assert epochs_to(curve, level) == pytest.approx(epoch)
