"""The summary to cite says what claims.json says, and no more than two pages of it."""

import importlib.util
import json
import zipfile

import pytest
from browsing import ROOT

from fhelpers import sections
from fhelpers.claims import CLAIMS
from fhelpers.pages import scorecard

WORDS_ON_TWO_PAGES = 1_300


@pytest.fixture(scope="module")
def summary():
    place = ROOT / "book" / "_ext" / "summary.py"
    module = importlib.util.module_from_spec(
        spec := importlib.util.spec_from_file_location("s", place)
    )
    spec.loader.exec_module(module)
    return module


def row(id, verdict="reproduced", **changes):
    return {
        "id": id, "short": CLAIMS[id].short, "section": sections.slug_of(CLAIMS[id].section),
        "verdict": verdict, "identity": CLAIMS[id].identity, "scale": "standard",
        "effect": "some effect", "text": "0.31 [0.25, 0.37]", "margin": 0.1, "ceiling": False,
        "sample": "over 3 seeds",
    } | changes  # fmt: skip


def test_every_claim_stands_under_its_verdict_with_its_effect(summary):
    rows = [row("W4"), row("W9", "undecided", ceiling=True), row("W2")]
    text = summary.composed(rows)
    held, undecided, identity = text.split("**Held (1)**")[1].split("**")[0::2]
    assert "(sections/02_shuffled_labels.ipynb)" in held
    assert "some effect 0.31 [0.25, 0.37], has to lie above 0.1." in held
    assert "W9" in undecided
    assert "has to lie below 0.1" in undecided
    assert "W2" in identity
    assert "0.31" not in identity
    assert "of 2 claims: 1 held, 1 undecided" in text
    assert "over seeds" in text


def test_of_claims_that_rest_on_one_training_it_says_what_was_sampled(summary):
    one = {"sample": "over 500 images"}
    text = summary.composed([row("W4"), row("W9", **one)])
    assert "over seeds for 1 of them; the other 1 rest on one training" in text
    assert text.count("(over 500 images)") == 1
    assert "(over 3 seeds)" not in text
    alone = summary.composed([row("W4", **one), row("W9", **one)])
    assert "over images of one training." in alone
    assert "(over 500 images)" not in alone


def test_a_claim_that_could_not_be_computed_has_no_effect(summary):
    text = summary.composed([row("W4", "not computed", text=None, sample=None)])
    assert "Not computed (1)" in text
    assert "0.31" not in text


def test_a_book_without_records_says_so(summary, tmp_path):
    assert summary.verdicts(tmp_path / "records.zip") == []
    assert "without records" in summary.composed([])


def test_the_verdicts_are_those_of_the_archive(summary, tmp_path):
    file = tmp_path / "records.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("claims.json", json.dumps([row("W4")]))
    assert summary.verdicts(file) == [row("W4")]


def test_all_claims_fit_on_two_pages(summary):
    asked = [scorecard.Outcome(id, None, "a sentence") for id in sections.all_claims()]
    named = scorecard.table(asked, "smoke").to_dict("records")
    rows = [own | row(own["id"]) for own in named]
    words = summary.composed(rows) + (ROOT / "book" / "summary.md").read_text("utf-8")
    assert len(words.split()) < WORDS_ON_TWO_PAGES
