"""The figures of the section on shuffled labels show what they were given."""

import math
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import check

from fhelpers.claims.labels import band_trained, monitored
from fhelpers.drawing import numbers
from fhelpers.drawing.svg import svg
from fhelpers.sections.shuffled_labels import claims
from fhelpers.sections.shuffled_labels import figures as shuffled_labels
from fhelpers.sections.shuffled_labels.claims import TABLE1


def history(seeds=(0, 1, 2), radii=(4, 8, 12, 16), noise=0.01):
    """A planted history: shuffled labels are learnt five times as slowly and from high parts."""
    random, rows = np.random.default_rng(0), []

    def add(*row):
        rows.append((*row, 500, min(1, row[-1] + noise * random.random())))

    for seed in seeds:
        for label, last in (("natural", 10), ("shuffled", 30)):
            speed = 2 if label == "natural" else 10
            for epoch in range(last + 1):
                whole = 0.1 + 0.85 * (1 - math.exp(-epoch / speed))
                for split in ("train", "test"):
                    add(label, seed, epoch, split, "original", math.nan, "subset", whole)
                    for radius in radii:
                        kept = (radius / 23) ** (0.3 if label == "natural" else 2)
                        low = 0.1 + (whole - 0.1) * kept
                        add(label, seed, epoch, split, "low", radius, "subset", low)
                        add(label, seed, epoch, split, "high", radius, "subset", 0.2)
            add(label, seed, last, "train", "original", math.nan, "all", whole - 0.01 * seed)
        for band in ("low", "high"):
            for radius in radii:
                label = f"{band}-{radius:g}"
                add(label, seed, 10, "train", band, radius, "all", 0.5)
                add(label, seed, 10, "train", "input", radius, "all", 0.9)
                add(label, seed, 10, "test", "input", radius, "all", 0.7)
                add(label, seed, 10, "test", "original", math.nan, "all", 0.3 + radius / 100)
    frame = pd.DataFrame(rows)
    frame.columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "true", "images",
                     "accuracy"]  # fmt: skip
    return frame


def figures(radii, seeds):
    frame = history(range(seeds), radii)
    return {
        "epochs": shuffled_labels.epochs_needed(frame),
        "by-epoch": shuffled_labels.by_epoch(frame, 0.1),
        "equal-accuracy": shuffled_labels.at_equal_accuracy(frame, 0.02),
        "table1": shuffled_labels.table1(band_trained(frame, radii), TABLE1, 0.1),
    }


@pytest.mark.parametrize(("radii", "seeds"), [([4, 8, 12, 16], 1), ([6], 3), ([2.5, 9], 1)])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(radii, seeds):
    before = dict(mpl.rcParams)
    drawn = figures(radii, seeds)
    assert set(drawn) == set(shuffled_labels.ALT) - {"cues"}  # of other networks: test_cues.py
    check(drawn)
    assert dict(mpl.rcParams) == before


def test_models_that_share_no_training_accuracy_still_give_a_page():
    frame = history((0,))
    frame.loc[frame.label == "shuffled", "accuracy"] = 0.05
    svg(shuffled_labels.at_equal_accuracy(frame, 0.1))
    assert shuffled_labels.at_highest_common(frame, [4, 8, 12, 16]).empty


def test_curves_are_means_over_seeds():
    frame = history()
    rows = monitored(frame, "shuffled").query("part == 'low' and radius == 8")
    own = frame.query("label == 'shuffled' and split == 'train' and part == 'low' and radius == 8")
    expected = own[own.scope == "subset"].groupby("epoch").accuracy.mean()
    assert rows.value.to_list() == pytest.approx(expected.to_list())
    figure = shuffled_labels.by_epoch(frame, 0.1)
    drawn = [line.get_ydata() for line in figure.axes[1].get_lines()]
    assert any(len(y) == len(expected) and np.allclose(y, expected) for y in drawn)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_equal_epochs_are_the_shorter_training_s_last():
    epoch, both = shuffled_labels.at_equal_epochs(history())
    assert epoch == 10
    assert both.shown.to_list()[:2] == ["whole images", "low parts, r = 4"]
    assert (both["true labels"] > both["shuffled labels"]).all()


@pytest.mark.parametrize(("shuffled", "said"), [(0.995, "equally many"), (0.9, "differ on whole")])
def test_equal_accuracy_is_asked_for_with_the_reason_that_holds(shuffled, said):
    rows = [("whole images", 1.0, shuffled), ("low parts, r = 4", 0.4, 0.1)]
    both = pd.DataFrame(rows, columns=["shown", *claims.NAMES.values()])
    assert said in shuffled_labels.why_equal_accuracy(8, both)


@pytest.mark.parametrize(
    ("images", "cues", "said"),
    [
        (500, 500, "see 500 training images of 900. With"),
        (900, 500, "see 900 training images; those on planted cues see 500 planted images. With"),
    ],
)
@pytest.mark.parametrize("rate", [2e-3, 1e-3])
def test_how_many_images_the_networks_see_is_said(images, cues, said, rate):
    def group(count, rate=2e-3):
        return [SimpleNamespace(recipe=SimpleNamespace(train_images=count, learning_rate=rate))]

    names = {"shuffled": group(images, rate), "low-4": group(images), "cue-1": group(cues)}
    runs = Grouped(names)
    runs.history = history(noise=0)
    text = shuffled_labels.trained_on(runs, 900)
    assert said in text
    assert "a training accuracy of 91 %, 90 % and 89 %; the highest on monitored images" in text
    assert ("learn at a rate of 0.001; at 0.002, the rate of the others" in text) == (rate < 2e-3)


@pytest.mark.parametrize(
    ("seeds", "ends", "best"),
    [
        ((0,), "the network ends at a training accuracy of 71 %", "was 91 %."),
        ((0, 1), "the networks of the seeds end at a training accuracy of 71 % and 70 %",
         "was 91 % and 91 %."),
    ],
)  # fmt: skip
def test_memorised_labels_are_told_at_the_end_and_at_the_best_of_every_seed(seeds, ends, best):
    frame = history(seeds, noise=0)
    frame.loc[frame.label.eq("shuffled") & frame.scope.eq("all"), "accuracy"] -= 0.2
    said = shuffled_labels.memorised(frame)
    assert said == f"With shuffled labels, {ends}; the highest on monitored images {best}"


class Grouped(dict):
    """Runs by label, with their history."""


def test_highest_common_accuracy_is_reached_by_both():
    rows = shuffled_labels.at_highest_common(history(), [4, 16])
    top = history().query("label == 'shuffled' and part == 'original' and split == 'train'")
    assert rows["whole images, both"].max() <= top.groupby("seed").accuracy.max().mean()
    assert (rows["true labels"] > rows["shuffled labels"]).all()


def test_a_seed_that_learns_nothing_does_not_hide_the_others():
    """Then no level is shared by all seeds, and there is no mean to draw."""
    frame = history((0, 1, 2))
    frame.loc[(frame.label == "shuffled") & (frame.seed == 2), "accuracy"] = 0.1
    assert claims.compared(frame, [4]).level.nunique() <= 1
    drawn = numbers.read(shuffled_labels.at_equal_accuracy(frame, 0.1))
    for label in ("true labels", "shuffled labels"):
        for seed in (0, 1):
            own = drawn[
                (drawn.series == f"{label}, seed {seed}") & (drawn.panel == "low parts, r = 4")
            ]
            assert own.x.max() > 0.8
    assert shuffled_labels.at_highest_common(frame, [4])["whole images, both"].item() > 0.5


def test_table1_shows_the_paper_where_it_has_numbers():
    scores = band_trained(history(radii=(4, 6)), [4, 6])
    figure = shuffled_labels.table1(scores, TABLE1, 0.1)
    diamonds = [
        y for axes in figure.axes for line in axes.get_lines()
        if line.get_marker() == "D" for y in line.get_ydata()
    ]  # fmt: skip
    assert sorted(diamonds) == sorted(TABLE1[TABLE1.radius == 4][["train", "test"]].to_numpy().flat)
    table = shuffled_labels.beside_paper(scores, TABLE1)
    tests = table["whole test images"]
    assert tests[0].startswith("0.34")
    assert tests[0].endswith(" (0.62)")
    assert tests.str.endswith(")").to_list() == [True, False, True, False]
    assert scores.over.unique().tolist() == ["seeds"]
    means = scores.groupby("split").value.mean()
    assert means[["train", "same"]].to_list() == pytest.approx([0.9, 0.7], abs=0.011)
    assert means.test == pytest.approx(0.35, abs=0.011)
    same = shuffled_labels.on_the_same_part(scores)["the same parts of them"]
    assert same.str[:3].isin(["0.7"]).all()
    one = band_trained(history((0,)), [4])
    assert one.over.unique().tolist() == ["images"]
    assert (one.high > one.value).all()
