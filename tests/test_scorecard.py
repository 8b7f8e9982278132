"""The scorecard: every claim once, on one axis, and a failure that stops no other claim."""

import ast
import dataclasses
import inspect
import json
import re
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import fhelpers
from fhelpers import cli, data, frequency, sections
from fhelpers.claims import CLAIMS
from fhelpers.claims.learning import chance_of
from fhelpers.claims.verdicts import whole_history
from fhelpers.drawing.style import SIGNS
from fhelpers.pages import notebooks, scorecard
from fhelpers.pages import scorecard_figures as plots
from fhelpers.runs import store, training
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.records import Runs

ALL = [f"W{number}" for number in range(1, 28)] + [f"K{number}" for number in range(1, 9)]


# --- where claims stand ------------------------------------------------------------------------


def test_every_claim_of_both_papers_is_there_once_in_the_papers_order():
    found = sections.all_claims()
    assert list(found) == ALL
    assert [claim.id for claim in found.values()] == ALL
    assert sorted(CLAIMS) == sorted(ALL)


@pytest.mark.parametrize("id", ALL)
def test_a_claim_belongs_to_the_section_where_its_check_stands(id):
    claim = CLAIMS[id]
    folder = Path(fhelpers.__file__).parent / "sections" / claim.section
    assert Path(inspect.getfile(claim.check)) == folder / "claims.py"
    assert claim.section in sections.PLANS


def shown_on(slug: str) -> set[str]:
    """The names of the figures that a notebook shows."""
    source = notebooks.source(slug).read_text("utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    shows = [call for call in calls if ast.unparse(call.func) == "style.show"]
    given = [keyword for call in shows for keyword in call.keywords if keyword.arg == "name"]
    return {keyword.value.value for keyword in given}


@pytest.mark.parametrize("id", ALL)
def test_the_figure_of_a_claim_is_shown_on_the_page_of_its_section(id):
    claim = CLAIMS[id]
    assert claim.figure in shown_on(sections.slug_of(claim.section))


# --- a failure stops no other ------------------------------------------------------------------


def fake_runs(sum_error, imaginary):
    """Runs of section 01 without a store: what W2 needs."""
    tensors = {"sum_error": torch.tensor(sum_error), "imaginary": torch.tensor(imaginary)}
    return {"split": [SimpleNamespace(tensors=lambda: tensors)]}


def test_one_claim_that_fails_is_told_and_stops_no_other():
    def broken(runs):
        raise ValueError("the history\nhas no radius")

    failed = scorecard.outcome(dataclasses.replace(CLAIMS["W1"], inputs=broken), {})
    assert (failed.word, failed.failure) == ("not computed", "the history has no radius")
    fine = scorecard.outcome(CLAIMS["W2"], fake_runs([1e-8, 2e-8], [1e-9, 1e-9]))
    assert fine.word == "reproduced"
    frame = scorecard.table([failed, fine], "smoke")
    assert list(frame.verdict) == ["not computed", "reproduced"]
    assert scorecard.advice(frame.iloc[0].to_dict()) == "the history has no radius"
    assert json.loads(scorecard.to_json(frame))[0]["value"] is None
    plots.effects([failed, fine])


def test_a_claim_whose_runs_are_not_what_it_needs_is_an_outcome_too():
    assert scorecard.outcome(CLAIMS["W2"], {}).word == "not computed"
    empty = scorecard.outcome(CLAIMS["W2"], fake_runs([], []))
    assert empty.failure.startswith("Errors of the split must be numbers")


def test_undecided_claims_say_what_they_need():
    row = {"verdict": "undecided", "scale": "quick", "failure": ""}
    assert scorecard.advice(row) == "Not decided at scale quick: needs scale standard."
    assert scorecard.advice(row | {"verdict": "reproduced"}) == ""
    said = scorecard.advice(row | {"not_learned": "natural (training accuracy 0.12)"})
    assert said == "Not judged, because these have not learned: natural (training accuracy 0.12)."


# --- all of them at the smallest scale ---------------------------------------------------------


@pytest.fixture(scope="module")
def runs():
    return scorecard.load("smoke", "planted", [0])


@pytest.fixture(scope="module")
def outcomes(runs):
    return scorecard.judge(runs)


def test_all_claims_are_computed_at_smoke(outcomes):
    assert [each.id for each in outcomes] == ALL
    assert not [f"{each.id}: {each.failure}" for each in outcomes if each.verdict is None]


def test_other_scales_are_compared_where_their_runs_are_finished(outcomes, monkeypatch):
    some = {id: CLAIMS[id] for id in ("W1", "W2", "W3", "W20")}
    monkeypatch.setattr(sections, "all_claims", lambda: some)
    monkeypatch.setattr(scorecard, "COMPARED", ("smoke",))
    monkeypatch.setattr(store, "carry_out", lambda recipe: store.finished(recipe.run_id))
    assert scorecard.elsewhere("smoke", "planted", [0]) == {}
    (same,) = scorecard.elsewhere("quick", "planted", [0, 17]).values()  # no run has seed 17
    words = {each.id: each.word for each in same}
    assert words == {each.id: each.word for each in outcomes if each.id in some}

    gone = sections.PLANS["decomposition"]("smoke", "planted", [0])["natural"][0].run_id
    finished = store.finished
    monkeypatch.setattr(store, "finished", lambda id, **_: None if id == gone else finished(id))
    (rest,) = scorecard.elsewhere("quick", "planted", [0]).values()
    assert [each.id for each in rest] == ["W3", "W20"]  # W3 looks at a network of fewer epochs


def test_scales_stand_side_by_side_with_the_effect_that_decides(outcomes):
    turned = {"reproduced": "undecided", "undecided": "reproduced"}
    other = [
        dataclasses.replace(
            each,
            verdict=dataclasses.replace(each.verdict, verdict=turned.get(each.word, each.word)),
        )
        for each in outcomes[:12]
    ]
    found = {"quick": outcomes, "standard": other}
    frame = plots.scales(found, "quick")
    assert len(frame) == sum(not CLAIMS[each.id].identity for each in outcomes)
    first = frame.set_index("claim").filter(like="(W1)", axis=0).iloc[0]
    own = {each.id: each for each in outcomes}
    assert first["scale quick"][0] == SIGNS[own["W1"].word]
    assert first["scale standard"][0] == SIGNS[turned.get(own["W1"].word, own["W1"].word)]
    assert first["scale quick"][1:] == first["scale standard"][1:]
    assert (frame["scale standard"] == "–").sum() == len(frame) - sum(
        not CLAIMS[each.id].identity for each in other
    )
    changed = [
        each for each in other if each.word != own[each.id].word and not CLAIMS[each.id].identity
    ]
    said = plots.compared(found, "quick")
    assert all(f"{each.id} ({each.word})" in said for each in changed)
    assert plots.compared({"quick": outcomes}, "quick").startswith("No other scale")


@pytest.mark.parametrize("name", ["cifar10", "mnist", "fashion-mnist", "tiny-imagenet-10"])
def test_what_a_claim_takes_from_a_data_set_is_there_for_every_one(runs, name, monkeypatch):
    """The smoke runs, as if their images were of another size, number of channels or classes."""
    info = data.describe(name)
    random = torch.Generator().manual_seed(0)

    def load(recipe, *, train):
        shape = (300, info.channels, info.height, info.width)
        images = torch.randint(256, shape, dtype=torch.uint8, generator=random)
        labels = torch.arange(300) % info.classes
        return data.ImageData(images, labels, tuple(map(str, range(info.classes))))

    monkeypatch.setattr(Recipe, "load", load)
    moved = {section: Moved(group, info) for section, group in runs.items()}
    for claim in sections.all_claims().values():
        group = moved[claim.section]
        network = next(
            (runs[0] for runs in group.values() if isinstance(runs[0].recipe, Recipe)), None
        )
        assert network is None or chance_of(network) == 1 / info.classes
        inputs = claim.inputs(group)
        if claim.inputs is not whole_history and claim.section in OF_IMAGES:
            assert claim(*inputs).verdict in SIGNS, claim.id


# Sections whose claims take more from a data set than its number of classes.
OF_IMAGES = ("decomposition", "shuffled_labels", "other_datasets")


class Moved(Runs):
    """Runs of planted images, said to be of another data set; radii grow with the images."""

    def __init__(self, runs, info):
        own = {label: runs[label] for label in runs if not label.startswith(f"{info.name}/")}
        super().__init__({la.replace("planted", info.name): group for la, group in own.items()})
        self.info, self.whole = info, runs

    def __getitem__(self, label):
        return [self.one(run) for run in super().__getitem__(label)]

    def one(self, run):
        recipe = run.recipe
        if isinstance(recipe, Recipe) and recipe.dataset == "planted":
            recipe = dataclasses.replace(recipe, dataset=self.info.name, data_options=())
        return SimpleNamespace(recipe=recipe, correct=run.correct, tensors=run.tensors)

    @cached_property
    def history(self):
        rows, name = self.whole.history, self.info.name
        rows = rows[~rows.label.str.startswith(f"{name}/")].copy()
        grown = min(self.info.height, self.info.width) / 32
        own = rows.label.str.startswith("planted/")
        rows.loc[own, "radius"] *= grown
        labels = rows.label.str.replace("planted", name)
        radii = labels.str.extract(r"-([\d.]+)$")[0].astype(float)
        scaled = labels.str.replace(r"-[\d.]+$", "", regex=True) + (grown * radii).map(
            "-{:g}".format
        )
        return rows.assign(label=labels.where(~own | radii.isna(), scaled))


def test_all_other_claims_are_computed_where_one_fails(runs, outcomes, monkeypatch):
    def broken(history):
        raise KeyError("no such column")

    # The section follows from the check.
    monkeypatch.setattr(broken, "__module__", "fhelpers.sections.batch_size.claims")
    few = {id: CLAIMS[id] for id in ("W2", "W8", "W9")}
    few["W8"] = dataclasses.replace(few["W8"], check=broken)
    monkeypatch.setattr(sections, "all_claims", lambda: few)
    before, failed, behind = scorecard.judge(runs)
    assert (failed.id, failed.word) == ("W8", "not computed")
    assert "no such column" in failed.failure
    assert str(before.verdict) == str(outcomes[1].verdict)
    assert str(behind.verdict) == str(outcomes[ALL.index("W9")].verdict)


def test_a_card_and_the_scorecard_give_the_same_numbers_of_images(outcomes):
    frame = scorecard.table(outcomes, "smoke").set_index("id")
    for each in outcomes:
        sample = frame.loc[each.id, "sample"]
        assert sample in each.verdict.lines["Here"], each.id
        assert "inf" not in "".join(each.verdict.lines.values()).replace("infinite", "")


def test_w1_is_what_the_network_itself_answers(outcomes):
    recipe = sections.PLANS["decomposition"]("smoke", "planted", [0])["natural"][0]
    model = store.carry_out(recipe).model()
    test = data.load("planted", train=False, limit=recipe.test_images, **recipe.options)
    images, labels = test.pixels(), test.labels
    low, high = frequency.split(images, 12)
    right = [(training.predict(model, each).argmax(1) == labels) for each in (images, high, low)]
    found = (right[0] & right[1] & ~right[2]).double().mean()
    assert outcomes[0].verdict.estimate.value == pytest.approx(float(found), abs=0.01)


def test_the_table_links_every_claim_and_can_be_filtered(outcomes):
    frame = scorecard.table(outcomes, "smoke")
    rows = [plots.row_of(row) for row in frame.to_dict("records")]
    for id, row in zip(ALL, rows, strict=True):
        page = sections.slug_of(CLAIMS[id].section)
        assert f'href="{page}.html#fig-{CLAIMS[id].figure}"' in row
        assert f'data-paper="{id[0]}"' in row
        assert re.search(r'data-verdict="(reproduced|weaker|not-reproduced|undecided)"', row)
        assert "inf" not in row.replace("info", "")
    summary = plots.summary(frame)
    assert "Of 26 claims of Wang et al." in summary
    assert summary.endswith("Not counted, because it holds by construction: W2.")
    assert "Of 8 claims of Karantzas et al." in summary


def test_the_scorecards_page_keeps_claims_json_beside_its_table(tmp_path, outcomes, monkeypatch):
    frame, shown = scorecard.table(outcomes, "smoke"), []
    monkeypatch.setattr(plots, "display", lambda data, raw, metadata: shown.append(metadata))
    plots.show_table(frame)
    output = {"output_type": "display_data", "data": {}, "metadata": shown[0]}
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [{}, output]}]
    page = tmp_path / "page.ipynb"
    page.write_text(json.dumps({"cells": cells}))
    assert scorecard.as_shown(page) == scorecard.to_json(frame)
    page.write_text(json.dumps({"cells": cells[:1]}))
    with pytest.raises(ValueError, match=r"page\.ipynb keeps no claims\.json"):
        scorecard.as_shown(page)


def test_the_command_prints_all_and_writes_json(tmp_path, outcomes, monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(scorecard, "load", lambda **given: asked.update(given))
    monkeypatch.setattr(scorecard, "judge", lambda runs: outcomes)
    file = tmp_path / "claims.json"
    assert cli.claims(scale="smoke", dataset="planted", seeds="[0, 1]", to=file) == 0
    assert asked == {"scale": "smoke", "dataset": "planted", "seeds": [0, 1]}
    assert [row["id"] for row in json.loads(file.read_text())] == ALL
    assert len(re.findall(r"^[WK]\d+ ", capsys.readouterr().out, re.MULTILINE)) == len(ALL)
    assert cli.claims(scale="smoke", dataset="planted", to=file) == 0
    assert asked["seeds"] == []  # each section's own
