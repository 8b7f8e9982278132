"""`fhelpers.scorecard`: every claim once, on one axis, and a failure that stops no other claim."""

import json
import math
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhelpers import data, frequency, sections
from fhelpers.claims import CLAIMS, Part
from fhelpers.claims.verdicts import Verdict, conjunction
from fhelpers.intervals import Estimate
from fhelpers.pages import notebooks, scorecard
from fhelpers.pages import scorecard_figures as plots
from fhelpers.runs import store, training

ALL = [f"W{number}" for number in range(1, 25)] + [f"K{number}" for number in range(1, 9)]


def test_every_claim_of_both_papers_is_there_once_with_a_figure_that_exists():
    assert list(scorecard.FIGURES) == ALL
    assert sorted(CLAIMS) == sorted(ALL)
    for id, figure in scorecard.FIGURES.items():
        script = notebooks.source(CLAIMS[id].section).read_text("utf-8")
        assert f'name="{figure}"' in script, f"{id} points at {figure}"
        # Section and page of the scorecard are those of the claim itself.
        assert CLAIMS[id].section in scorecard.INPUTS


def estimates():
    numbers = st.floats(-5, 5)
    return st.tuples(numbers, st.floats(0.01, 3), st.floats(0, 1)).map(
        lambda t: Estimate(t[0], t[0] - 2 * t[1] * t[2], t[0] + 2 * t[1] * (1 - t[2]), 3, "seeds")
    )


@given(estimate=estimates(), margin=st.floats(-3, 3), ceiling=st.booleans())
def test_the_common_axis_says_what_the_rule_says(estimate, margin, ceiling):
    part = Part("effect", estimate, margin, ceiling)
    low, value, high = scorecard.distance(part)
    assert low <= value + 1e-6
    assert value <= high + 1e-6
    assert high - low == pytest.approx(2)
    expected = "reproduced" if low > 0 else "not reproduced" if high < 0 else "inconclusive"
    if min(abs(low), abs(high)) > 1e-9:
        assert part.verdict == expected


def test_the_part_that_decides_is_the_worst_one():
    parts = [
        Part("well", Estimate(1.0, 0.9, 1.1, 3, "seeds"), 0.0),
        Part("badly", Estimate(-0.2, -0.4, 0.0, 3, "seeds"), 0.1),
        Part("exactly", Estimate(1e-8, 1e-8, 1e-8, 9, "images"), 1e-6, ceiling=True),
    ]
    verdict = Verdict(CLAIMS["W1"], parts[0].estimate, conjunction(parts), "", tuple(parts))
    assert scorecard.deciding(verdict).name == "badly"
    assert scorecard.distance(parts[2]) == (math.inf,) * 3


def test_one_claim_that_fails_is_told_and_stops_no_other():
    def broken():
        raise ValueError("the history has no radius")

    failed = scorecard.outcome("W1", broken)
    assert failed.word == "not computed"
    fine = scorecard.outcome("W2", lambda: ([1e-8, 2e-8], [1e-9, 1e-9]))
    assert fine.word == "reproduced"
    frame = scorecard.table([failed, fine], "smoke")
    assert list(frame.verdict) == ["not computed", "reproduced"]
    assert scorecard.advice(frame.iloc[0].to_dict()) == "the history has no radius"
    assert json.loads(scorecard.to_json(frame))[0]["value"] is None
    plots.effects([failed, fine])


def test_undecided_claims_say_what_they_need():
    row = {"verdict": "inconclusive", "scale": "quick", "failure": ""}
    assert scorecard.advice(row) == "Not decided at scale quick: needs scale standard."
    assert scorecard.advice(row | {"verdict": "reproduced"}) == ""


@pytest.fixture(scope="module")
def outcomes():
    return scorecard.compute("smoke", "planted", [0])


def test_all_claims_are_computed_at_smoke(outcomes):
    assert [each.id for each in outcomes] == ALL
    assert not [f"{each.id}: {each.failure}" for each in outcomes if each.verdict is None]


def test_w1_is_what_the_network_itself_answers(outcomes):
    recipe = sections.decomposition("smoke", "planted", [0])["natural"][0]
    model = store.carry_out(recipe, "smoke").model()
    options = dict(recipe.data_options)
    test = data.load("planted", train=False, limit=recipe.test_images, **options)
    images, labels = test.pixels(), test.labels
    low, high = frequency.split(images, 12)
    right = [(training.predict(model, each).argmax(1) == labels) for each in (images, high, low)]
    found = (right[0] & right[1] & ~right[2]).double().mean()
    expected = right[0].double().mean() * right[1].double().mean() * (1 - right[2].double().mean())
    first = outcomes[0].verdict.estimate.value
    assert first == pytest.approx(float(found - expected), abs=0.01)


def test_the_table_links_every_claim_and_can_be_filtered(outcomes):
    frame = scorecard.table(outcomes, "smoke")
    rows = [plots.row_of(row) for row in frame.to_dict("records")]
    for id, row in zip(ALL, rows, strict=True):
        assert f'href="{CLAIMS[id].section}.html#fig-{scorecard.FIGURES[id]}"' in row
        assert f'data-paper="{id[0]}"' in row
        assert re.search(r'data-verdict="(reproduced|not-reproduced|inconclusive)"', row)
    summary = plots.summary(frame)
    assert "Of 24 claims of Wang et al." in summary
    assert "Of 8 claims of Karantzas et al." in summary


def test_the_command_prints_all_and_writes_json(tmp_path):
    file = tmp_path / "claims.json"
    command = [sys.executable, "-m", "fhelpers", "claims", "--scale", "smoke"]
    command += ["--dataset", "planted", "--to", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["id"] for row in json.loads(file.read_text())] == ALL
    assert len(re.findall(r"^[WK]\d+ ", done.stdout, re.MULTILINE)) == len(ALL)
    wrong = subprocess.run([*command, "--seeds", "[]"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
