"""Section 11: single switches, what they change, and how that is drawn and said."""

import dataclasses
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import check

from fhelpers import sections
from fhelpers.drawing import style
from fhelpers.intervals import difference, paired_difference
from fhelpers.runs.schedule import everything
from fhelpers.sections.details import effects, figures
from fhelpers.sections.details.plan import SWITCHES, plan

RADII, IMAGES = (4, 12), 200
FAITHFUL = ("natural", "low", "high", "batchnorm", "adversarial")
# The share of images that the faithful networks get right, and what a switch adds to it.
SHARES = {"original": 0.6, "low": 0.4, "high": 0.2, "low/max": 0.5, "high/max": 0.2}
GAINS = {
    "bias": 0.1, "undivided": -0.05, "less-than": 0.02, "linear": 0.0, "float32": 0.03,
    "whole-divided": 0.01, "drawn": 0.05, "running": -0.2, "random-start": 0.15,
}  # fmt: skip


# --- the plan -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_faithful_networks_are_those_of_other_sections(scale):
    own, others = plan(scale, "cifar10", [0]), set()
    for name in ("shuffled_labels", "heuristics"):
        others |= everything(
            recipe for group in sections.PLANS[name](scale, "cifar10", [0]).values()
            for recipe in group
        ).keys()  # fmt: skip
    assert {own[label][0].run_id for label in FAITHFUL} <= others


@pytest.mark.parametrize("radii", [(4, 12), (12, 4), (5, 9), (6,)])
@pytest.mark.parametrize("scale", ["smoke", "quick", "standard"])
def test_each_other_network_has_one_switch_turned(scale, radii):
    runs = plan(scale, "cifar10", [0, 1], radii=radii)
    for label in set(runs) - set(FAITHFUL):
        network, _, switch = label.partition("-")
        for changed, faithful in zip(runs[label], runs[network], strict=True):
            fields = {
                field.name
                for field in dataclasses.fields(changed)
                if getattr(changed, field.name) != getattr(faithful, field.name)
            }
            assert fields - {"radii"} == (set(SWITCHES[switch][0]) or {switch}), label
            assert set(changed.radii) == set(faithful.radii) & set(radii)
    assert runs["low"][0].band_radius == runs["high"][0].band_radius == max(radii)


def test_images_are_drawn_where_there_are_some_to_draw():
    assert plan("smoke", "planted", [0])["natural-drawn"][0].drawn
    assert not plan("quick", "cifar10", [0])["natural-drawn"][0].drawn
    assert not plan("standard", "cifar10", [0])["natural-drawn"][0].drawn
    assert "natural-drawn" not in plan("paper", "cifar10", [0])


def test_a_page_trains_few_networks_of_its_own():
    runs = plan("quick", "cifar10", [0])
    assert len(set(runs) - set(FAITHFUL)) <= 14
    assert sum(run.work for group in runs.values() for (run,) in [group]) < 1_200_000


# --- the effects ----------------------------------------------------------------------------------


class Planted:
    """A run with a given share of images right: the first ones, whatever the part."""

    def __init__(self, label: str, seed: int):
        network, _, switch = label.partition("-")
        self.gain = GAINS.get(switch, 0.0) + 0.01 * seed * bool(switch)
        self.gain -= 0.1 * (network == "high")
        self.attacked = 0.3 + self.gain

    def correct(self, part, radius=None):
        share = SHARES[part] + self.gain + (0.001 * radius if radius else 0)
        return np.arange(IMAGES) < round(share * IMAGES)

    @property
    def history(self):
        last = {"part": "attacked", "images": 100, "accuracy": self.attacked}
        rows = [{"epoch": 3, **last}, {"epoch": 2, **last, "accuracy": 0.9}]
        return pd.DataFrame([*rows, {"epoch": 3, "part": "low", "images": 50, "accuracy": 0.1}])


def planted(seeds=1, dataset="cifar10"):
    labels = plan("quick", dataset, [0])
    return {label: [Planted(label, seed) for seed in range(seeds)] for label in labels}


def one(rows, switch, part, radius=None):
    at = rows.radius.isna() if radius is None else rows.radius == radius
    (found,) = rows[(rows.switch == switch) & (rows.part == part) & at].itertuples()
    return found


def test_effects_are_the_differences_that_were_planted():
    rows = effects.effects(planted(), RADII)
    for row in rows[rows.switch != "divided"].itertuples():
        gain = 0.0 if row.part == "bands" else GAINS[row.switch]
        assert row.difference.value == pytest.approx(gain, abs=1e-9), row
        assert row.changed - row.faithful == pytest.approx(gain, abs=1e-9)
        assert row.difference.low <= row.difference.value <= row.difference.high
        assert row.difference.over == "images"
    assert one(rows, "divided", "low", 4).difference.value == pytest.approx(0.1)
    assert one(rows, "divided", "high", 12).difference.value == 0
    assert one(rows, "bias", "bands", 12).faithful == pytest.approx(0.1)
    assert one(rows, "random-start", "attacked").faithful == pytest.approx(0.3)
    assert one(rows, "random-start", "attacked").difference.n == 100


def test_the_same_images_are_compared_pairwise_and_others_are_not():
    runs = planted()
    rows = effects.effects(runs, RADII)
    before, after = (runs[la][0].correct("original") for la in ("natural", "natural-bias"))
    assert one(rows, "bias", "original").difference == paired_difference(after, before)
    after = runs["natural-drawn"][0].correct("original")
    expected = difference(after.sum(), IMAGES, before.sum(), IMAGES)
    assert one(rows, "drawn", "original").difference == expected


def test_two_bands_move_apart():
    runs = planted()
    runs["low-bias"][0].gain = 0.3
    found = one(effects.effects(runs, RADII), "bias", "bands", 12).difference
    assert found.value == pytest.approx(0.3 - 0.1)
    assert found.low < found.value < found.high
    assert found.n == IMAGES


def test_several_seeds_give_intervals_over_seeds():
    rows = effects.effects(planted(3), RADII)
    found = one(rows, "linear", "original").difference
    assert (found.over, found.n) == ("seeds", 3)
    assert found.value == pytest.approx(0.01)


def test_every_switch_is_judged_and_what_it_cannot_change_is_left_out():
    rows = effects.effects(planted(), RADII)
    assert list(dict.fromkeys(rows.switch)) == list(SWITCHES)
    assert not len(rows[(rows.switch == "less-than") & (rows.part == "original")])
    assert not rows.duplicated(["switch", "network", "part", "radius"]).any()
    runs = planted()
    del runs["natural-drawn"]  # as where all images are used
    assert "drawn" not in set(effects.effects(runs, RADII).switch)


def test_what_counts_lies_beyond_what_rounding_does():
    rows = effects.effects(planted(), RADII)
    least = effects.by_rounding(rows)
    ends = [end for row in rows[rows.switch == "float32"].difference for end in (row.low, row.high)]
    assert least == max(map(abs, ends)) > 0.03
    assert effects.that_count(rows) == ["running", "random-start"]
    bias = one(
        rows, "bias", "original"
    ).difference  # not 0, and larger than rounding, but by little
    assert bias.value > least > bias.low > 0


# --- figure, table and words ----------------------------------------------------------------------


@pytest.mark.parametrize(("seeds", "radii"), [(1, (4, 12)), (2, (4, 12)), (1, (12,))])
@pytest.mark.filterwarnings("error")
def test_the_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    check({"effects": figures.effects(effects.effects(planted(seeds), radii), NAMES)})
    assert dict(mpl.rcParams) == before


NAMES = figures.named(drawn=True)


def test_the_figure_holds_every_effect_in_its_panel_and_row():
    rows = effects.effects(planted(), RADII)
    figure = figures.effects(rows, NAMES)
    assert len(figure.axes) == len(figures.PANELS)
    for panel, kind in zip(figure.axes, figures.PANELS, strict=True):
        own = rows[rows.part.replace("attacked", "original") == kind]
        points = [line for line in panel.get_lines() if hasattr(line, "spans")]
        assert sorted(x for line in points for x in line.get_xdata()) == pytest.approx(
            sorted(one.value for one in own.difference)
        )
        placed = {round(y) for line in points for y in line.get_ydata()}
        assert placed == {list(SWITCHES).index(switch) for switch in own.switch}
        zeros = [line for line in panel.get_lines() if list(line.get_xdata()) == [0, 0]]
        assert zeros[-1].get_color() == style.GREY
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(NAMES.values())
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(named) == sorted([
        "whole images", "attacked images", "low parts, r = 4", "low parts, r = 12",
        "high parts, r = 4", "high parts, r = 12", "rounding alone",
    ])  # fmt: skip


def test_switches_that_were_not_turned_have_no_row():
    runs = planted()
    del runs["natural-drawn"]
    figure = figures.effects(effects.effects(runs, RADII), NAMES)
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == [name for switch, name in NAMES.items() if switch != "drawn"]


def test_every_switch_has_a_name():
    assert list(NAMES) == list(SWITCHES)
    assert figures.named(drawn=False)["drawn"] == "drawn images"
    assert NAMES["drawn"] == "the first images"


def test_words_and_table_are_the_effects():
    rows = effects.effects(planted(), RADII)
    others = rows[rows.switch != "float32"]
    clear = sum(one.low > 0 or one.high < 0 for one in others.difference)
    text = figures.in_short(rows, NAMES)
    assert text.startswith(f"Of {len(others)} effects of a single switch {clear} have an interval")
    same = rows.difference[rows.switch == "float32"]
    by_rounding = sum(one.low > 0 or one.high < 0 for one in same)
    assert f"; of {len(same)} effects of rounding alone {by_rounding} do. Only those of" in text
    assert "“running averages” moves the accuracy of BatchNorm on" in text
    assert "by −20.0 percentage points" in text
    said = figures.so(rows, NAMES)
    assert said.startswith("So: only “running averages” and “PGD, random start” change an ")
    assert f" {100 * effects.by_rounding(rows):.1f} points " in said
    unknown = ("bias", "undivided", "whole-divided", "less-than", "linear", "drawn")
    assert f": {style.listing(f'“{NAMES[each]}”' for each in unknown)}. “test parts div" in said
    assert said.endswith(" 2 of 4 accuracies exclude 0, and the largest change is 10.0 points.")
    assert said.count("only tests the same M_natural otherwise") == 1  # < r: no interval excludes 0
    table = figures.table(rows, NAMES)
    assert len(table) == len(rows)
    assert table.difference[0].startswith("0.10 ")
    assert table.quantity[0] == "accuracy of M_natural on whole images"
    assert not rows.difference.map(lambda each: math.isnan(each.value)).any()


def test_where_nothing_counts_the_words_say_none():
    rows = effects.effects(planted(), RADII)
    rows = rows[rows.switch.isin(["linear", "float32"])]
    said = figures.so(rows, NAMES)
    assert said.startswith("So: none changes an accuracy by clearly more than ")
    assert said.endswith(" this page cannot tell: “falling learning rate”.")
    same = rows.difference.map(lambda one: dataclasses.replace(one, value=0.0))
    assert "all networks were trained in float32" in figures.so(rows.assign(difference=same), NAMES)
