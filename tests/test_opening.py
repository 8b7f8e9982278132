"""The first screen of the book: columns of claims, their bars, and the image that is split."""

import dataclasses
import re

import numpy as np
import pytest

from fhelpers import sections
from fhelpers.claims import CLAIMS, Part
from fhelpers.claims.verdicts import Verdict
from fhelpers.intervals import Estimate
from fhelpers.pages import opening
from fhelpers.pages.scorecard import Outcome


def outcome(id, verdict, value=0.2, low=0.1, high=0.3, margin=0.05, **changes):
    part = Part("effect", Estimate(value, low, high, 3, "seeds"), margin, **changes)
    return Outcome(id, Verdict(CLAIMS[id], part.estimate, verdict, "", (part,)))


def test_every_claim_stands_in_the_column_of_its_verdict():
    sections.all_claims()
    page = opening.columns(
        [
            outcome("W1", "reproduced"), outcome("W4", "weaker"), outcome("W5", "not reproduced"),
            outcome("W6", "undecided"), Outcome("W7", None, "no images"),
            outcome("W2", "reproduced"),
        ]
    )  # fmt: skip
    columns = re.findall(r"<h3>(.*?)</h3><ul>(.*?)</ul>", page)
    assert [title for title, _ in columns] == [
        "Held (1)",
        "Weaker, or not reproduced (2)",
        "Undecided (2)",
    ]
    ids = [re.findall(r"<small>(\w+)", items) for _, items in columns]
    assert ids == [["W1"], ["W4", "W5"], ["W6", "W7"]]
    without = opening.columns([outcome("W1", "reproduced"), outcome("W5", "not reproduced")])
    assert "<h3>Not reproduced (1)</h3>" in without
    apart = page.split("True by construction")[1]
    assert re.findall(r"<small>(\w+)", apart) == ["W2"]
    assert "<svg" not in apart  # an identity has no effect to show


def test_an_effect_says_what_was_measured():
    each = outcome("W5", "reproduced")
    part = each.verdict.parts[0]
    assert f"{part.text} · {part.name}</span>" in opening.item(each)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.2, "our check disagrees"),
        (0.5, "our check is open"),
        (0.2, "our check holds in part"),
        (0.7, None),
    ],
)
def test_a_claim_that_holds_says_where_our_own_check_does_not_agree(value, said):
    ours = Part("ours", Estimate(value, value - 0.1, value + 0.1, 3, "seeds"), 0.5, ours=True)
    held = outcome("W1", "reproduced").verdict
    shown = opening.item(Outcome("W1", dataclasses.replace(held, parts=(*held.parts, ours))))
    link = f'<small>W1; <a href="01_decomposition.html">{said}</a></small>'
    assert link in shown if said else "<small>W1</small>" in shown
    open_one = dataclasses.replace(held, verdict="undecided", parts=(*held.parts, ours))
    assert "our check" not in opening.item(Outcome("W1", open_one))


def test_each_claim_links_to_its_figure():
    for id, claim in sections.all_claims().items():
        link = f'href="{sections.slug_of(claim.section)}.html#fig-{claim.figure}"'
        assert link in opening.item(outcome(id, "reproduced"))


@pytest.mark.parametrize("ceiling", [False, True])
@pytest.mark.parametrize(("low", "value", "high"), [(0.1, 0.2, 0.4), (-0.3, -0.1, 0.0)])
def test_a_bar_places_its_marks_in_the_order_of_their_values(low, value, high, ceiling):
    part = Part("effect", Estimate(value, low, high, 3, "seeds"), 0.05, ceiling=ceiling)
    drawn = opening.bar(part)
    neutral, margin = (float(x) for x in re.findall(r'd="M([\d.]+) [\d.]+V', drawn))
    start, end = map(
        float,
        re.search(
            r'd="M([\d.]+) [\d.]+H([\d.]+)" stroke="currentColor" stroke-width', drawn
        ).groups(),
    )
    centre = float(re.search(r'cx="([\d.]+)"', drawn)[1])
    places = {0.0: neutral, 0.05: margin, low: start, value: centre, high: end}
    values = sorted(places)
    assert [places[v] for v in values] == sorted(places[v] for v in values)
    span = (places[values[-1]] - places[values[0]]) / (values[-1] - values[0])
    assert centre - start == pytest.approx(span * (value - low), abs=0.11)


def test_an_effect_without_an_interval_has_a_dot_alone_and_nothing_has_no_bar():
    nan = float("nan")
    alone = opening.bar(Part("effect", Estimate(0.2, nan, nan, 1, "seeds"), 0.05))
    assert "circle" in alone
    assert "stroke-width" not in alone
    assert opening.bar(Part("effect", Estimate(nan, nan, nan, 1, "seeds"), 0.05)) == ""


class Outcomes:
    """What a run says of its test images."""

    def __init__(self, **right):
        self.right = {name: np.array(own, dtype=bool) for name, own in right.items()}

    def correct(self, part, radius=None):
        return self.right[part]


def test_the_example_is_right_whole_and_from_its_high_part_only():
    run = Outcomes(original=[1, 1, 1], low=[1, 0, 0], high=[1, 0, 1])
    assert opening.example(run, 12) == 2
    run = Outcomes(original=[1, 1, 0], low=[1, 0, 0], high=[0, 0, 1])
    assert opening.example(run, 12) == 1
    run = Outcomes(original=[0, 1, 0], low=[1, 1, 0], high=[0, 0, 1])
    assert opening.example(run, 12) == 1
