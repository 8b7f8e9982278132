"""`fhelpers.report`: planted models whose report is known, models from outside, refusals."""

import html
import json
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fhelpers import data, frequency, networks, report
from fhelpers.networks.compute import choose_compute
from fhelpers.report import checks, measure
from fhelpers.report import models as outside
from fhelpers.report import page as pages
from fhelpers.runs import scales

CUES = {"low": (("low", 2.0), ("high", 0.0)), "high": (("low", 0.0), ("high", 3.0))}


@pytest.fixture(scope="module", params=["low", "high"])
def planted(request, carried_out):
    """The report of a network whose only cue was planted in one band."""
    options = CUES[request.param]
    network = scales.vanilla("smoke", "planted", 0, data_options=options, epochs=8)
    run = carried_out(network)
    test = data.load("planted", train=False, limit=200, **dict(options))
    found = report.frequency_report(
        run.model(), test.pixels(), test.labels, classes=10, radii=(4, 8, 16), few=50
    )
    return request.param, found


def value(found, name, part, at=None):
    rows = found.table[(found.table.measure == name) & (found.table.part == part)]
    return (rows if at is None else rows[rows["at"] == at]).iloc[0]


def test_the_report_finds_the_band_where_the_cue_was_planted(planted):
    band, found = planted
    whole = value(found, "accuracy", "original").value
    # The low cue lies within 4 bins of the centre, the high one between 10 and 14.
    low, high = (value(found, "accuracy", part, 8).value for part in ("low", "high"))
    if band == "low":
        assert low > 0.8 * whole
        assert high < 0.5 * whole
        assert value(found, "radius", "90 %").value <= 8
    else:
        assert high > 0.8 * whole
        assert low < 0.5 * whole
        assert value(found, "radius", "90 %").value > 8
        rings = found.table[found.table.part == "wave"].set_index("at").value
        inside, outside_ = rings[10:14].min(), rings[[2, 3, 4, 20, 21]].min()
        assert inside < outside_ - 0.1


def test_bands_add_up_to_the_accuracy_and_intervals_hold_their_values(planted):
    _, found = planted
    gained = found.table[found.table.measure == "gained"].value.sum()
    assert gained == pytest.approx(value(found, "accuracy", "original").value, abs=1e-9)
    rows = found.table.dropna()
    assert (rows.low <= rows.value + 1e-9).all()
    assert (rows.value <= rows.high + 1e-9).all()


def test_its_sentences_name_the_band_where_the_cue_was_planted(planted):
    band, found = planted
    ends = {"low": "from 0 to 4", "high": "from 8 to 16"}
    assert f"The band {ends[band]} adds most" in pages.band_in_short(found)
    inner, outer = map(int, re.findall(r"(\d+) %", pages.energies_in_short(found)))
    rings = found.table[found.table.part == "radial energy kept"].sort_values("at").value
    assert (inner, outer) == (round(100 * rings[:8].mean()), round(100 * rings[8:].mean()))
    least = round(100 * float(found.heat_map.min()))
    assert f"between {least} and" in pages.maps_in_short(found)
    robust = r"of 200 images .* of the first 50 at ε = 4/255\.$"
    assert re.search(robust, pages.robust_in_short(found))
    assert "of 50 images are correct; the mask, learned from 25," in pages.maps_in_short(found)
    page = pages.page(found)
    assert all(said(found) in html.unescape(page) for said in pages.IN_SHORT.values())


def test_json_and_page_are_whole_and_need_no_network(planted, tmp_path):
    _, found = planted
    files = pages.write(found, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f.name for f in files)
    loaded = json.loads((tmp_path / "report.json").read_text())
    assert len(loaded["table"]) == len(found.table)
    assert np.shape(loaded["heat_map"]) == (32, 32)
    page = (tmp_path / "report.html").read_text()
    # Every picture is written out in the page, and no style sheet, font or script is named.
    assert set(re.findall(r"""<(?:img|link|script|iframe)[^>]*?(?:src|href)="(\w+):""", page)) == {
        "data"
    }
    assert not re.search(r"<link|<script|@import|@font-face", page)
    assert "<script" not in page
    assert page.count("<img") == 2 * len(pages.FIGURES) == page.count("alt=")


@given(
    accuracies=st.lists(st.floats(0, 1), min_size=3, max_size=6), level=st.floats(0.01, 1)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_radius_of_a_level_against_a_fine_search(accuracies, level):
    radii = [2.0 * (place + 1) for place in range(len(accuracies))]
    found = measure.radius_of(radii, np.array(accuracies), level)
    fine = np.union1d(np.linspace(0, radii[-1], 4001), radii)
    curve = np.interp(fine, [0, *radii], [0, *accuracies])
    reached = fine[curve >= level - 1e-12]
    expected = reached[0] if len(reached) else radii[-1]
    assert found == pytest.approx(expected, abs=0.01)


class Fixed(nn.Module):
    """Takes 28×28 grey images only."""

    def __init__(self, outputs=4, answer=None):
        super().__init__()
        self.layer = nn.Linear(28 * 28, outputs)
        self.answer = answer

    def forward(self, images):
        logits = self.layer(images.flatten(1))
        return logits if self.answer is None else logits * 0 + self.answer


def test_models_that_cannot_be_asked_are_refused_in_a_sentence():
    images, labels = torch.rand(4, 1, 32, 32), torch.arange(4)
    with pytest.raises(ValueError, match=r"shape \(1, 32, 32\): it takes 28 × 28 pixels"):
        report.frequency_report(Fixed(), images, labels)
    small = torch.rand(4, 1, 28, 28)
    with pytest.raises(ValueError, match=r"answer with 4 numbers .* its answer is \(2, 7\)"):
        report.frequency_report(Fixed(7), small, labels)
    with pytest.raises(ValueError, match="hold NaN or infinite"):
        report.frequency_report(Fixed(answer=math.nan), small, labels)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        report.frequency_report(Fixed(), 255 * small, labels)
    network = networks.build("lenet", channels=1, classes=4)
    with pytest.raises(ValueError, match=r"shape \(3, 32, 32\): it takes 1 channel$"):
        report.frequency_report(network, torch.rand(4, 3, 32, 32), labels)


def test_models_from_files_and_functions_answer_as_they_did(tmp_path, monkeypatch):
    model = networks.build("lenet", channels=3, classes=10).eval()
    images = torch.rand(3, 3, 32, 32)
    expected = model(images)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(model, (images,), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    torch.jit.trace(model, images).save(tmp_path / "model.pt")
    (tmp_path / "of_mine.py").write_text(
        "from fhelpers import networks\n"
        "def lenet():\n    return networks.build('lenet', channels=3, classes=10)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for named in (f"{tmp_path}/model.pt2", f"{tmp_path}/model.pt", "of_mine:lenet"):
        loaded = outside.load_model(named, classes=tuple("0123456789"))
        torch.testing.assert_close(loaded(images), expected, rtol=1e-4, atol=1e-5)
        checks.check_model(loaded, images, torch.arange(3), 10)


def test_parts_of_the_report_are_those_of_the_split():
    images = torch.rand(6, 3, 16, 16)
    labels = torch.arange(6) % 3
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3)).eval()
    found = measure.correct_on_parts(model, images, labels, [3, 5], choose_compute())
    lows, highs = zip(*(frequency.split(images, radius) for radius in (3, 5)), strict=True)
    for correct, seen in zip(found, (images, *lows, *highs), strict=True):
        by_hand = model(seen).argmax(1) == labels
        assert (correct == by_hand).float().mean() > 0.8  # bfloat16 may decide a close call
