"""The figures of the section on BatchNorm show what they were given, whatever the parameters."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers.drawing import numbers, style
from fhelpers.drawing.svg import svg
from fhelpers.sections.batchnorm import claims
from fhelpers.sections.batchnorm import figures as batchnorm

EPOCHS, ENDS = 8, {"vanilla": 0.6, "batchnorm": 0.8}


def planted(radii=(4, 8, 12, 16), strengths=(1.0, 0.5, 0.25), seeds=(0,)):
    """Records in which BatchNorm is 0.2 better, and helps on low parts by a hundredth of r."""
    random, rows = np.random.default_rng(0), []

    def add(label, seed, split, part, radius, end):
        noise = 0.004 * random.random()
        for epoch in range(EPOCHS + 1):
            accuracy = 0.1 + (end - 0.1) * epoch / EPOCHS + noise
            rows.append((label, seed, epoch, split, part, radius, "subset", 500, accuracy))
        rows.append((label, seed, EPOCHS, split, part, radius, "all", 2000, end + noise))

    for seed, (name, end) in itertools.product(seeds, ENDS.items()):
        for split in ("train", "test"):
            add(name, seed, split, "original", math.nan, end)
            for radius in radii:
                add(name, seed, split, "low", radius, 0.6 * end)
                add(name, seed, split, "high", radius, 0.3 * end)
                better = radius / 100 * (name == "batchnorm")
                tests = {f"{name}-low-{radius:g}": 0.4 + better}
                if name == "batchnorm":
                    tests[f"averages-low-{radius:g}"] = 0.7
                for label, whole in tests.items():
                    add(label, seed, split, "original", math.nan, whole)
                    add(label, seed, split, "input", radius, 0.6 + better)
            for strength in strengths:
                cue = min(1, end * strength ** (0.2 if name == "batchnorm" else 2)) - 0.01
                add(f"{name}-cue-{strength:g}", seed, split, "original", math.nan, cue)
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def figures(history, strengths=(1.0, 0.5, 0.25)):
    level, needed = claims.epochs_needed(history)
    return {
        "by-epoch": batchnorm.by_epoch(history, 0.1),
        "help": batchnorm.help_by_radius(batchnorm.helped(history)),
        "speed": batchnorm.speed(needed, level),
        "whole": batchnorm.whole(history, 0.02),
        "cues": batchnorm.cues([torch.rand(1, 28, 28) for _ in strengths], strengths),
        "faintest": batchnorm.faintest(claims.by_strength(history), 0.1),
    }


@pytest.mark.parametrize(
    ("radii", "strengths", "seeds"),
    [((4, 8, 12, 16), (1.0, 0.5, 0.25), (0,)), ((6,), (1,), (0, 1)), ((2.5, 9, 11), (2, 1), (3,))],
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(radii, strengths, seeds):
    drawn = figures(planted(radii, strengths, seeds), strengths)
    assert set(drawn) == set(batchnorm.ALT)
    check(drawn)


def test_help_is_with_minus_without():
    frame = batchnorm.helped(planted(seeds=(0, 1, 2)))
    assert frame.value.to_list() == pytest.approx(frame.radius / 100, abs=0.005)
    lines = [line.get_ydata() for line in batchnorm.help_by_radius(frame).axes[0].get_lines()]
    for _, own in frame.groupby("tested"):
        assert any(len(y) == 4 and np.allclose(y, own.value) for y in lines)
    for radii in ((2.5, 7.5), (4, 8)):
        (axes,) = batchnorm.help_by_radius(batchnorm.helped(planted(radii))).axes
        texts = axes.yaxis.get_major_formatter().format_ticks([-0.075, 0, 0.025])
        assert texts == ["\N{MINUS SIGN}7.5", "0", "2.5"]
    text = batchnorm.help_in_words(frame)
    assert "on whole images by +4 at r = 4 and +16 at r = 16" in text


def test_speed_is_epochs_to_the_same_accuracy():
    history = planted(radii=(4,))
    level, needed = claims.epochs_needed(history)
    row = needed.set_index("network").value
    for name, end in (("vanilla", 0.6), ("batchnorm", 0.64)):
        expected = EPOCHS * (level - 0.1) / (end - 0.1)
        assert row[name] == pytest.approx(expected, rel=0.03)
    assert row.times == pytest.approx(row.vanilla / row.batchnorm)
    assert f"{row.times:.1f} times at r = 4" in batchnorm.speed_in_words(needed, level)


@pytest.mark.parametrize(("least", "said"), [(4, "as the paper reports"), (8, "here r = 4")])
def test_where_the_speed_up_is_smallest_is_said_beside_the_paper(least, said):
    frame = pd.DataFrame({"network": "times", "radius": [4.0, 8.0, 16.0], "value": 2.0})
    frame.loc[frame.radius == least, "value"] = 1.5
    text = batchnorm.speed_in_words(frame, 0.9)
    assert f"On average the factor is smallest at r = {least}" in text
    assert text.endswith(f"{said}.")
    assert "smallest" not in batchnorm.speed_in_words(frame[:1], 0.9)


def test_a_sudden_dip_is_explained_only_where_there_is_one():
    history = planted()
    assert batchnorm.dips_in_words(history) == ""
    curve = (history.label == "batchnorm") & (history.split == "train")
    curve &= (history.scope == "subset") & (history.part == "original")
    history.loc[curve, "accuracy"] = [0.1, 0.5, 0.2, 0.9, 1, 0.68, 1, 1, 1]  # the first is no dip
    text = batchnorm.dips_in_words(history)
    assert "drops with BatchNorm to 68 % (epoch 5): probably" in text
    assert "without" not in text


def test_networks_that_learn_nothing_still_give_a_page():
    history = planted()
    history.loc[history.label.str.startswith("vanilla"), "accuracy"] = 0.1
    level, needed = claims.epochs_needed(history)
    assert level is None
    svg(batchnorm.speed(needed, level))
    assert "too little" in batchnorm.speed_in_words(needed, level)


def test_whole_holds_the_accuracy_on_each_part():
    history = planted(seeds=(0, 1))
    frame = claims.on_each_part(history)
    expected = frame.network.map(ENDS) * frame.part.map({"low": 0.6, "high": 0.3})
    assert frame.value.to_list() == pytest.approx(expected.to_list(), abs=0.005)
    _, parts = batchnorm.whole(history, 0.1).axes
    lines = [line for line in parts.get_lines() if len(line.get_xdata()) == 4]
    drawn = {(line.get_color(), line.get_linestyle()): line for line in lines}
    for (part, name), own in frame.groupby(["part", "network"]):
        line = drawn[style.COLOURS[part], "-" if name == "vanilla" else "--"]
        assert line.get_ydata() == pytest.approx(own.value.to_numpy())


def test_no_two_curves_of_a_panel_have_one_name_in_the_data():
    history = planted(seeds=(0, 1, 2))
    for figure, count in (
        (batchnorm.whole(history, 0.1), 2),
        (batchnorm.by_epoch(history, 0.1), 2),
    ):
        rows = numbers.read(figure)
        rows = rows[rows.panel == rows.panel.iloc[0]]
        curves = rows[rows.series.str.contains("BatchNorm")]
        assert curves.series.nunique() == count
        assert not curves.duplicated(["series", "x"]).any()
        assert np.isfinite(curves[["low", "high"]]).to_numpy().all()


def test_the_table_holds_both_tests_and_the_running_averages():
    table = batchnorm.at_the_end(planted())
    assert table["tested on"].to_list() == ["whole images", "low parts"] * 4
    assert table.columns.to_list()[2:] == list(batchnorm.LOW.values())
    assert table["with running averages"].str[:4].to_list()[::2] == ["0.70"] * 4
    assert table["with running averages"].str[:4].to_list()[1] == "0.64"
    text = batchnorm.averages_in_words(planted())
    assert "classify 50 % of whole test images correctly" in text
    assert "with running averages 70 %" in text
    assert "without BatchNorm classify 40 %" in text


@pytest.mark.parametrize(
    ("strength", "text"), [(1, "1"), (0.5, "1/2"), (0.0625, "1/16"), (0.3, "0.3"), (2, "2")]
)
def test_strengths_are_fractions_where_they_are(strength, text):
    assert batchnorm.fraction(strength) == text
