"""Effects of ours beside a verdict, networks that have not learned, and how often rules err."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_claims_heuristics import history, network

from fhelpers.claims import CLAIMS, Claim, Part, conjunction, decide
from fhelpers.claims.learning import LEARNED, failed, not_learned, trained_to
from fhelpers.claims.verdicts import confidence_of, deciding, distance, estimate
from fhelpers.intervals import CONFIDENCE, Estimate, over_seeds
from fhelpers.runs.recipes import Recipe
from fhelpers.sections import all_claims

WORDS = ("short", "text", "source", "measure", "rule", "figure")
YES = Part("claimed", Estimate(1.0, 0.5, 1.5, 3, "seeds"), 0.0)
NO = Part("beside", Estimate(-1.0, -1.5, -0.5, 3, "seeds"), 0.0, ours=True)


def test_what_is_ours_decides_nothing():
    assert conjunction([YES, NO]) == "reproduced"
    assert deciding([YES, NO]) is YES
    assert "ours > 0: not reproduced" in str(NO)


@pytest.mark.parametrize(("ours", "claimed"), [(0, 1), (2, 1), (0, 3), (2, 3)])
def test_what_is_ours_widens_no_interval(ours, claimed):
    seeds = [0.1, 0.2, 0.4]

    def check():
        parts = [Part(f"part {number}", over_seeds(seeds), 0.0) for number in range(claimed)]
        return parts + [dataclasses.replace(parts[0], ours=True)] * ours, ""

    verdict = Claim("X1", **dict.fromkeys(WORDS, "word"), paper=None, check=check)()
    assert len(verdict.parts) == claimed + ours
    share = 1 - (1 - CONFIDENCE) / claimed
    half = stats.t.ppf((1 + share) / 2, 2) * np.std(seeds, ddof=1) / 3**0.5
    assert verdict.estimate.high - verdict.estimate.value == pytest.approx(half)


def test_the_part_that_decides_stands_for_all_it_was_chosen_from():
    chosen = dataclasses.replace(YES, chosen_from=5)
    assert confidence_of([chosen, YES, NO]) == pytest.approx(1 - 0.05 / 6)


def test_identities_are_marked():
    assert {claim.id for claim in all_claims().values() if claim.identity} == {"W2"}


def test_no_effect_of_a_ratio_is_one():
    slower = Part("ratio", Estimate(0.5, 0.4, 0.6, 3, "seeds"), 1.5, neutral=1.0)
    assert slower.verdict == "not reproduced"
    faster = dataclasses.replace(slower, estimate=Estimate(1.3, 1.2, 1.4, 3, "seeds"))
    assert faster.verdict == "weaker"


def test_seeds_that_agree_exactly_have_the_interval_over_images():
    images = Estimate(0.5, 0.4, 0.7, 100, "images")
    for value in (0.0, 0.1, float(np.float32(0.6)) - 0.2):  # the mean of 0.1 is a little off
        found = estimate([value] * 3, lambda: images)
        assert (found.value, found.n, found.over) == (pytest.approx(value), 3, "seeds")
        assert (found.low, found.high) == pytest.approx((value - 0.1, value + 0.2))
    differ = estimate([0.0, 0.0, 0.03], lambda: images)
    assert differ == over_seeds([0.0, 0.0, 0.03])


def test_what_lies_on_the_margin_without_width_lies_on_neither_claimed_side():
    for ceiling in (False, True):
        part = Part("exact", Estimate(0.0, 0.0, 0.0, 9, "images"), 0.0, ceiling=ceiling)
        assert part.verdict == "not reproduced"
        assert distance(part) == (-np.inf,) * 3


# --- networks that have not learned --------------------------------------------------------------


class SomeRuns(dict):
    """Runs of CIFAR-10 by label, with a planted history."""

    def __init__(self, frame: pd.DataFrame):
        run = SimpleNamespace(recipe=Recipe(dataset="cifar10"))
        super().__init__({label: [run] for label in dict.fromkeys(frame.label)})
        self.history = frame


def test_a_network_has_learned_when_it_is_far_enough_above_chance():
    frame = history({"stuck": network(train=0.25), "fine": network()}, spread=0)
    assert trained_to(frame, "stuck") == pytest.approx(0.25)
    assert failed(frame, ("*",), 0.1) == ["stuck (training accuracy 0.25)"]
    assert failed(frame, ("*",), 0.25 - LEARNED - 0.01) == []
    assert failed(frame, ("unrecorded",), 0.1) == []


def test_the_seed_that_learned_least_and_the_band_trained_on_count():
    frame = history({"low-4": network(train=0.9)}, spread=0)
    frame.loc[(frame.seed == 1) & (frame.split == "train"), "accuracy"] *= 0.2
    assert trained_to(frame, "low-4") == pytest.approx(0.18)
    own = frame[frame.part == "original"].assign(part="input", accuracy=0.6)
    assert trained_to(pd.concat([frame, own]), "low-4") == pytest.approx(0.6)


def test_a_claim_about_a_network_that_has_not_learned_is_undecided_and_names_it():
    frame = history({"vanilla": network(), "mixup-0.5": network(lost=0.3)}, spread=0.001)
    runs = SomeRuns(frame)
    assert CLAIMS["W11"].of(runs).verdict == "reproduced"
    runs.history = history({"vanilla": network(), "mixup-0.5": network(0.21, 0.2, 0.1)})
    verdict = CLAIMS["W11"].of(runs)
    assert verdict.verdict == "undecided"
    assert {part.verdict for part in verdict.parts} == {"undecided"}
    assert verdict.lines["Not judged"].startswith("because these have not learned: mixup-0.5 (")
    assert "have not learned" not in verdict.note  # captions repeat the note
    assert [name.split(" (")[0] for name in verdict.stuck] == ["mixup-0.5"]


@pytest.mark.parametrize("id", [f"W{number}" for number in (1, *range(3, 16), 23, 25, 26, 27)])
def test_every_claim_about_trained_networks_names_them(id):
    claim = all_claims()[id]
    assert claim.networks
    for pattern in claim.networks:
        label = pattern.replace("*", "8")
        runs = SomeRuns(history({label: network(train=0.2), "other": network()}))
        (stuck,) = not_learned(runs, claim.networks)
        assert stuck == f"{label} (training accuracy 0.20)"
        learned_all = SomeRuns(history({label: network(), "elsewhere": network()}))
        assert not_learned(learned_all, claim.networks) == ()


# --- how often a rule errs -----------------------------------------------------------------------

DRAWS, MARGIN, SPREAD = 2000, 0.05, 0.01


def shares(effect: float, *, ceiling: bool = False, seeds: int = 3) -> dict[str, float]:
    """How often each verdict comes out, when seeds scatter around an effect."""
    generator = np.random.default_rng(11)
    draws = effect + SPREAD * generator.normal(size=(DRAWS, seeds))
    found = [decide(over_seeds(draw), MARGIN, ceiling=ceiling) for draw in draws]
    return {word: found.count(word) / DRAWS for word in sorted(set(found))}


@pytest.mark.parametrize(("effect", "power"), [(0.0, 0.0), (MARGIN / 2, 0.0), (2 * MARGIN, 0.8)])
def test_three_seeds_reproduce_what_is_there_and_nothing_else(effect, power):
    found = shares(effect)
    print(f"effect {effect:g}, margin {MARGIN:g}, spread {SPREAD:g}: {found}")
    error = 3 * (0.025 * 0.975 / DRAWS) ** 0.5
    if effect > MARGIN:
        assert found.get("reproduced", 0) >= power
        assert found.get("not reproduced", 0) + found.get("weaker", 0) <= 0.025 + error
    else:
        assert found.get("reproduced", 0) <= 0.025 + error


def test_at_the_margin_itself_a_wrong_verdict_is_as_rare_as_the_interval_says():
    error = 3 * (0.025 * 0.975 / DRAWS) ** 0.5
    assert abs(shares(MARGIN)["reproduced"] - 0.025) <= error
    assert abs(shares(MARGIN, ceiling=True)["reproduced"] - 0.025) <= error


def test_two_seeds_reproduce_nothing():
    assert shares(2 * MARGIN, seeds=2) == {"undecided": 1.0}


def test_a_card_says_what_is_ours_what_it_would_find_and_what_holds_by_construction():
    wide = Estimate(0.2, 0.1, 0.3, 100, "images")
    parts = [Part("theirs", wide, 0.05), Part("our own", wide, 0.0, ours=True)]
    claim = Claim("X1", **dict.fromkeys(WORDS, ""), paper=None, check=lambda: (parts, ""))
    lines = claim().lines
    assert lines["Here"] == f"theirs {wide} (over 100 images)"
    assert lines["Ours, beside it"] == f"our own {wide} (over 100 images)"
    # Half a width for the interval, and 0.84 / 1.96 of it to be found four times of five.
    assert lines["Power"].startswith("an effect 0.14 beyond the margin")
    # Two claimed parts have wider intervals, 2.24 standard errors to either side, and as much power
    # only where these come from narrower errors: 0.1 · (1 + 0.84 / 2.24).
    two = dataclasses.replace(claim, check=lambda: ([*parts, parts[0]], ""))
    assert two().power == pytest.approx(0.1 * (1 + 0.8416 / 2.2414), abs=1e-4)
    identity = dataclasses.replace(claim, identity=True)
    assert (identity().said, identity.published) == ("identity", "an identity")
    assert "Identity" in identity().lines


def test_a_card_says_of_each_part_what_was_sampled_where_that_differs():
    parts = [YES, dataclasses.replace(YES, name="fewer", estimate=Estimate(1, 0, 2, 1, "seeds"))]
    claim = Claim("X1", **dict.fromkeys(WORDS, ""), paper=None, check=lambda: (parts, ""))
    assert (
        claim().lines["Here"]
        == "claimed 1.0 [0.5, 1.5] (over 3 seeds); fewer 1 [0, 2] (over 1 seed)"
    )
