"""All claims of both papers at once: which held, by how much, and where to look.

The claims stand in their sections; here the opening page and `fhelpers claims` get the verdicts
that the sections' own pages show.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fhelpers import sections
from fhelpers.claims import CLAIMS, Claim, Verdict
from fhelpers.claims.verdicts import deciding
from fhelpers.runs import store
from fhelpers.runs.records import Runs
from fhelpers.runs.schedule import everything, fetch

CLAIMS_JSON = "claims.json"  # what it is called where the scorecard's page keeps it
COMPARED = ("quick", "standard", "paper")  # scales whose networks are about something


@dataclass(frozen=True)
class Outcome:
    """A claim's verdict, or the sentence that says why it could not be computed."""

    id: str
    verdict: Verdict | None
    failure: str = ""

    @property
    def word(self) -> str:
        return self.verdict.verdict if self.verdict else "not computed"

    @property
    def seeds(self) -> int:
        return self.verdict.seeds if self.verdict else 0


def load(scale: str, dataset: str, seeds: Sequence[int]) -> dict[str, Runs]:
    """{section: its runs} of all sections with claims, training what is missing.

    Without seeds each section has those that its own page shows.
    Raises ValueError for a scale, data set or seeds that are not possible.
    """
    return {
        name: fetch(sections.judged(name, scale, dataset, seeds)) for name in sections.checking()
    }


def judge(runs: Mapping[str, Runs]) -> list[Outcome]:
    """Every claim's outcome; one that cannot be computed is an outcome too, with a sentence."""
    return [outcome(claim, runs[claim.section]) for claim in sections.all_claims().values()]


def outcome(claim: Claim, runs: Runs) -> Outcome:
    try:
        return Outcome(claim.id, claim.of(runs))
    except (ValueError, KeyError, ArithmeticError) as error:
        return Outcome(claim.id, None, " ".join(str(error).split()))


def elsewhere(scale: str, dataset: str, seeds: Sequence[int]) -> dict[str, list[Outcome]]:
    """{other scale: outcomes of the claims whose runs are all finished there}; nothing is trained.

    With all seeds where those are finished, else with the first one.
    """
    found = {other: [] for other in COMPARED if other != scale}
    for other, outcomes in found.items():
        for name in sections.checking():
            for some in (seeds, seeds[:1] or [0]):
                plan = sections.judged(name, other, dataset, some)
                if all(map(store.finished, everything(sum(plan.values(), start=())))):
                    own = [each for each in sections.all_claims().values() if each.section == name]
                    runs = fetch(plan)
                    outcomes += [outcome(claim, runs) for claim in own]
                    break
    return {other: outcomes for other, outcomes in found.items() if outcomes}


def table(outcomes: Sequence[Outcome], scale: str) -> pd.DataFrame:
    """One row a claim, in plain values: what `claims.json` and the opening page hold."""
    rows = []
    for each in outcomes:
        claim = CLAIMS[each.id]
        row = {"id": each.id, "paper": each.id[0], "claim": claim.text, "short": claim.short}
        row |= {"section": sections.slug_of(claim.section), "figure": claim.figure}
        row |= {name: getattr(claim, name) for name in ("source", "measure", "rule", "published")}
        row |= {"verdict": each.word, "identity": claim.identity, "scale": scale}
        stuck = each.verdict.stuck if each.verdict else ()
        row |= {"failure": each.failure, "not_learned": ", ".join(stuck)}
        if each.verdict:
            part = deciding(each.verdict.parts)
            row |= {"effect": part.name, "margin": part.margin, "ceiling": part.ceiling}
            row |= vars(part.estimate) | {"sample": part.estimate.sample}
            row |= {"text": part.text, "note": each.verdict.note}
        rows.append(row)
    return pd.DataFrame(rows)


def as_shown(page: Path) -> str:
    """claims.json from an executed notebook. Raises ValueError for one that does not show them."""
    cells = json.loads(page.read_text("utf-8"))["cells"]
    metadata = (each.get("metadata", {}) for cell in cells for each in cell.get("outputs", ()))
    found = [each[CLAIMS_JSON] for each in metadata if CLAIMS_JSON in each]
    if not found:
        raise ValueError(f"{page} keeps no {CLAIMS_JSON}: delete it, and it is executed again")
    return found[0]


def to_json(frame: pd.DataFrame) -> str:
    """The table as JSON, missing and infinite numbers as null."""
    return json.dumps(json.loads(frame.to_json(orient="records")), indent=1, ensure_ascii=False)


def advice(row: Mapping) -> str:
    """What it would take to decide a claim that is not decided."""
    if row["verdict"] == "not computed":
        return row["failure"]
    if row["verdict"] != "undecided":
        return ""
    if row.get("not_learned"):
        return f"Not judged, because these have not learned: {row['not_learned']}."
    more = {"smoke": "scale quick", "quick": "scale standard", "standard": "more seeds"}
    return f"Not decided at scale {row['scale']}: needs {more.get(row['scale'], 'more seeds')}."
