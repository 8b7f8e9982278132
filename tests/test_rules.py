"""The rules of the claims are those that were fixed, before any published record."""

import datetime
import json

import pytest
from golden import rules

from fhelpers.runs import records

KEPT = json.loads(rules.FILE.read_text("utf-8"))


@pytest.mark.parametrize("id", KEPT["rules"])
def test_a_rule_is_what_it_was_when_it_was_fixed(id):
    assert rules.present()[id] == KEPT["rules"][id], (
        f"the rule of {id} is not the one fixed on {KEPT['fixed']}: if it has to change, say why "
        "in intro.md, and keep it by `python tests/golden/rules.py --write`"
    )


def test_every_claim_has_a_fixed_rule():
    assert list(rules.present()) == list(KEPT["rules"])
    assert datetime.date.fromisoformat(KEPT["fixed"]) <= datetime.date.today()


def test_no_published_record_is_older_than_the_rules():
    for file in records.published().glob("*/record.json"):
        assert json.loads(file.read_text("utf-8"))["finished"] >= KEPT["fixed"], file.parent.name
