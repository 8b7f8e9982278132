"""Verdicts under other rules: margins, boundaries and radii against planted effects."""

import dataclasses
from types import SimpleNamespace

import pandas as pd
import pytest
from test_claims_heuristics import history, network
from test_claims_verdicts import SomeRuns

from fhelpers.claims import CLAIMS, Part
from fhelpers.intervals import Estimate
from fhelpers.pages import multiverse
from fhelpers.pages.scorecard import outcome
from fhelpers.sections import all_claims


def part(value, margin, **options):
    return Part(
        "effect", Estimate(value, value - 0.01, value + 0.01, 3, "seeds"), margin, **options
    )


@pytest.mark.parametrize(
    ("margin", "neutral", "half", "twice"),
    [
        (0.1, 0.0, 0.05, 0.2),
        (0.0, 0.0, 0.0, 0.0),
        (-0.05, 0.0, -0.025, -0.1),
        (1.0, 1.0, 1.0, 1.0),  # a ratio
        (0.99, 0.0, 0.995, 0.98),  # a share to be kept
        (0.5, 0.0, 0.25, None),  # no share exceeds 1
    ],
)
def test_a_margin_is_halved_and_doubled_from_no_effect(margin, neutral, half, twice):
    one = part(0.3, margin, neutral=neutral)
    for factor, expected in ((0.5, half), (2.0, twice), (1.0, margin)):
        found = multiverse.scaled(one, factor)
        assert (found and found.margin) == pytest.approx(expected)


def test_the_other_boundary_decides_where_an_interval_ends_on_the_margin():
    touching = Part("effect", Estimate(0.2, 0.1, 0.3, 3, "seeds"), 0.1)
    assert (touching.verdict, multiverse.closed(touching).verdict) == ("undecided", "reproduced")
    below = dataclasses.replace(touching, margin=0.3, ceiling=True)
    assert (below.verdict, multiverse.closed(below).verdict) == ("undecided", "reproduced")


def frame_of(id, frame):
    runs = SomeRuns(frame)
    one = outcome(all_claims()[id], runs)
    return multiverse.settings([one], {CLAIMS[id].section: runs})


def test_every_setting_is_there_once_and_a_large_effect_stands_in_all():
    # 0.04 within 0.05 and 0.1, not within 0.025.
    alike = {"vanilla": network(), "dropout": network(test=0.54)}
    frame = frame_of("W10", history(alike, spread=0.0001))
    assert not frame.duplicated(["id", *multiverse.AXES]).any()
    assert len(frame) == 3 * 2 * 3
    assert set(frame.verdict[frame.margin != "half"]) == {"reproduced"}
    assert set(frame.verdict[frame.margin == "half"]) == {"not reproduced"}
    assert multiverse.shares(frame).to_dict() == {"W10": pytest.approx(2 / 3)}
    assert (
        multiverse.in_short(frame)
    ) == "0 of 1 verdicts stand in every setting. Least often: W10 (67 %)."
    multiverse.figure(frame)


def test_verdicts_that_stand_equally_often_are_all_named():
    stands = {"W1": [True], "W2": [0, 0], "W3": [1, 0], "W4": [1, 0], "W5": [0, 1]}
    rows = [(id, bool(own)) for id, each in stands.items() for own in each]
    said = multiverse.in_short(pd.DataFrame(rows, columns=["id", "stands"]))
    assert said.endswith("Least often: W2 (0 %) and W3, W4, W5 (50 %).")


def test_a_margin_of_no_effect_is_not_counted_three_times():
    runs = {f"batch-{size}": network(lost=0.3 - size / 2000) for size in (32, 64, 128)}
    frame = frame_of("W9", history(runs, spread=0.001))
    assert set(frame.margin) == {"as fixed"}
    assert len(frame) == 2 * 3
    assert frame.stands.all()


def test_without_a_radius_no_row_and_no_network_of_it_is_left():
    frame = history({"natural": network(), "low-4": network(), "low-14": network()})
    runs = SomeRuns(frame)
    less = multiverse.without(runs, 4)
    assert list(less) == ["natural", "low-14"]
    assert 4 not in set(less.history.radius)
    assert set(less.history.label) == {"natural", "low-14"}
    assert len(less.history.radius.unique()) == len(frame.radius.unique()) - 1


def test_w1_is_judged_at_the_neighbouring_radii_and_by_the_other_split():
    asked = []

    def inputs(runs, radius=12):
        asked.append((runs, radius))
        value = {"natural": 0.2, "less": 0.05}[runs] + (radius == 16)
        return ([part(value, 0.1)],)

    claim = dataclasses.replace(
        CLAIMS["W1"], inputs=inputs, check=lambda parts: (parts, ""), networks=()
    )
    one = outcome(claim, "natural")
    judged = multiverse.judged(one.verdict, "natural", "less")
    rows = [(boundary, radius, parts[0].verdict) for boundary, radius, parts, _ in judged]
    assert one.word == "reproduced"
    assert rows == [
        ("as fixed", "as fixed", "reproduced"),
        ("other", "as fixed", "weaker"),
        ("as fixed", "without smallest", "reproduced"),
        ("as fixed", "without largest", "reproduced"),
    ]
    assert {radius for _, radius in asked} == {8, 12, 16}


def test_a_radius_that_a_claim_does_not_look_at_is_no_setting(monkeypatch):
    monkeypatch.setattr(multiverse, "without", lambda runs, radius: str(radius))

    def check(without):
        return [part(0.3 if without == "16" else 0.2, 0.1)], ""

    claim = dataclasses.replace(CLAIMS["W5"], inputs=lambda runs: (runs,), check=check, networks=())
    runs = SimpleNamespace(history=pd.DataFrame({"radius": [4, 8, 16]}))
    found = [name for name, _ in multiverse.elsewhere(claim(""), runs)]
    assert found == ["without largest"]


def test_records_of_the_other_split_are_used_only_where_they_exist(monkeypatch):
    def judged(section, scale, dataset, seeds):
        own = seeds or [{"decomposition": 0, "details": 1}[section]]
        label = {"decomposition": "natural", "details": "natural-less-than"}[section]
        return {label: [SimpleNamespace(run_id="ab"[seed], seed=seed) for seed in own]}

    monkeypatch.setattr(multiverse.sections, "judged", judged)
    monkeypatch.setattr(multiverse.store, "finished", lambda run_id: run_id)
    # Without seeds those of W1, and not those of the section that trained the other networks.
    assert multiverse.split_less_than("quick", "cifar10", [])["natural"] == ["a"]
    assert multiverse.split_less_than("quick", "cifar10", [0, 1])["natural"] == ["a", "b"]
    monkeypatch.setattr(multiverse.store, "finished", lambda run_id: {"a": "a"}.get(run_id))
    assert multiverse.split_less_than("quick", "cifar10", [0, 1]) is None


def test_claims_that_were_not_computed_have_no_settings():
    failed = outcome(CLAIMS["W2"], {})
    frame = multiverse.settings([failed], {})
    assert frame.empty
    assert multiverse.in_short(frame) == "No claim was computed."
