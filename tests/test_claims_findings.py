"""The finding of a page: every card's verdict is in it, and what has not learned comes first."""

import dataclasses

import pytest

from fhelpers.claims import CLAIMS, Part, finding
from fhelpers.claims.findings import HEADS
from fhelpers.claims.verdicts import Verdict
from fhelpers.intervals import Estimate
from fhelpers.sections import all_claims

LONGEST = 100  # signs of a clause, so that a finding with five claims can be read


def verdict(id, word, *, n=3, parts=(), stuck=()):
    estimate = Estimate(0.2, 0.1, 0.3, n, "seeds")
    return Verdict(all_claims()[id], estimate, word, "", parts, stuck)


def test_every_verdict_is_in_the_finding_under_its_word():
    words = dict(zip(HEADS, ("W8", "W9", "W10", "W11"), strict=True))
    said = finding([verdict(id, word) for word, id in words.items()])
    assert said.startswith("Reproduced: smaller batches")
    for word, id in words.items():
        start = said.lower().index(f"{HEADS[word]}: ")
        assert f"{CLAIMS[id].short} ({id})" in said[start:].split(";")[0]


def test_several_claims_of_one_verdict_are_listed_with_a_single_and():
    ids = ("W8", "W9", "W10")
    said = finding([verdict(id, "reproduced") for id in ids])
    first, second, third = (f"{CLAIMS[id].short} ({id})" for id in ids)
    assert said[1:] == f"Reproduced: {first}, {second}, and {third}."[1:]
    assert f"{first}, and {second}." in finding([verdict(id, "reproduced") for id in ids[:2]])


def test_a_network_that_has_not_learned_comes_first_and_once():
    stuck = ("dropout (training accuracy 0.12)",)
    said = finding([verdict("W8", "reproduced"), *[verdict("W10", "undecided", stuck=stuck)] * 2])
    assert said.startswith(f"These networks have not learned: {stuck[0]}. Reproduced: ")
    assert said.count(stuck[0]) == 1


@pytest.mark.parametrize(
    ("value", "doubt"),
    [
        (-0.2, "does not bear it out"),
        (0.5, "leaves it open"),
        (0.2, "bears it out only in part"),
        (0.7, None),
    ],
)
def test_our_own_comparison_that_does_not_bear_a_claim_out_is_named(value, doubt):
    ours = Part("minus the disc", Estimate(value, value - 0.1, value + 0.1, 3, "seeds"), 0.5)
    parts = (dataclasses.replace(ours, ours=True),)
    said = finding([verdict("K5", "reproduced", parts=parts)])
    named = f"(K5; our own comparison {doubt}: minus the disc {ours.estimate})"
    assert named in said if doubt else "(K5)" in said


def test_one_seed_and_identities_are_said_to_be_such():
    said = finding([verdict("W1", "undecided", n=1), verdict("W2", "reproduced", n=1)])
    assert said.startswith("In this run, undecided: ")
    assert "true by construction: low part and high part add up to the image (W2)" in said


@pytest.mark.parametrize("id", CLAIMS)
def test_every_claim_has_a_clause_that_fits_into_a_finding(id):
    short = CLAIMS[id].short
    assert 20 < len(short) <= LONGEST
    assert not short.endswith(".")
