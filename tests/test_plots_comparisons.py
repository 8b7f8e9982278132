"""Figures that compare networks, which several sections share: what they say is what was given."""

import itertools
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import check

from fhelpers.drawing import comparisons, numbers, style
from fhelpers.sections.architectures import figures as architectures
from fhelpers.sections.batch_size import figures as batch_size
from fhelpers.sections.heuristics import figures as heuristics
from fhelpers.sections.heuristics.claims import TABLE2_CLEAN

KINDS = ("resnet-8", "lenet", "alexnet", "vgg-11")
LABELS = (*heuristics.EVERY, *batch_size.OPTIMISERS, *KINDS, "batch-32", "batch-64", "batch-256")
LAST, SHORT, IMAGES = 8, 5, 400
EVERYTHING = [(1, (4, 8, 12, 16)), (3, (6,)), (2, (2.5, 9))]  # seeds and radii of a history


def end(label, split, part, radius=math.nan):
    """The accuracy that a planted run ends with: a function of everything it depends on."""
    rank = list(dict.fromkeys(LABELS)).index(label)
    whole = 0.4 + 0.02 * rank + (0.1 if split == "train" else 0)
    if part == "original":
        return whole
    return whole * (1 - math.exp(-radius / (2 + rank))) if part == "low" else 0.3 / radius


def history(seeds=1, radii=(4, 8, 12, 16)):
    random, rows = np.random.default_rng(0), []
    places = [("original", math.nan), *itertools.product(("low", "high"), radii)]
    for label, seed in itertools.product(dict.fromkeys(LABELS), range(seeds)):
        last = SHORT if label.startswith("adversarial") else LAST
        for split, (part, radius) in itertools.product(("train", "test"), places):
            goal = end(label, split, part, radius) + 0.01 * (seed - (seeds - 1) / 2)
            for epoch in range(last + 1):
                now = 0.1 + (goal - 0.1) * epoch / last
                rows.append((label, seed, epoch, split, part, radius, "subset", 100, now))
            rows.append((label, seed, last, split, part, radius, "all", IMAGES, goal))
        if label.startswith("adversarial"):
            for epoch in range(last + 1):
                now = 0.1 + 0.02 * epoch + 0.001 * random.random()
                rows.append((label, seed, epoch, "test", "attacked", math.nan, "subset", 100, now))
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def figures(frame):
    batches = batch_size.of_batches(frame.label)
    return {
        "batches": comparisons.panels(frame, batches, 0.1),
        "heuristics": comparisons.panels(frame, heuristics.HEURISTICS, 0.1),
        "ends": comparisons.ends(frame, heuristics.EVERY, 0.1, TABLE2_CLEAN),
        "bands": comparisons.bands(frame, heuristics.EVERY, 0.1),
        "kinds": comparisons.ends(frame, architectures.named(KINDS), 0.1, {}),
    }


@pytest.mark.parametrize(("seeds", "radii"), EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    check(figures(history(seeds, radii)))
    assert dict(mpl.rcParams) == before


def points_of(axes, marker="o"):
    """The points of a panel, from top to bottom or left to right."""
    return [
        tuple(point)
        for line in axes.get_lines()
        if line.get_marker() == marker
        for point in sorted(line.get_xydata().tolist(), key=lambda point: point[1])
    ]


def test_panels_hold_every_part_at_two_radii_over_seeds():
    frame = history(seeds=3)
    figure = comparisons.panels(frame, heuristics.HEURISTICS, 0.1)
    for panel, label in zip(figure.axes, heuristics.HEURISTICS, strict=False):
        drawn = {line.get_label(): line for line in panel.get_lines()}
        shown = [("test images", "test", "original", math.nan)]
        shown += [("training images", "train", "original", math.nan)]
        shown += [("test images", "test", part, r) for part in ("low", "high") for r in (4, 12)]
        for images, *place in shown:
            line = drawn[f"_{images}: {style.part_name(*place[1:])}"]
            assert line.get_ydata()[-1] == pytest.approx(end(label, *place))
            last = SHORT if label == "adversarial" else LAST
            assert line.get_xdata()[-1] == last
        assert len({(line.get_color(), line.get_linestyle()) for line in drawn.values()}) == 7
        assert panel.get_xlim() == (0, LAST)
        assert panel.get_ylim() == figure.axes[0].get_ylim()


def test_ends_are_the_accuracies_with_the_papers_beside_them():
    figure = comparisons.ends(history(), heuristics.EVERY, 0.1, TABLE2_CLEAN)
    (axes,) = figure.axes
    found = points_of(axes)
    for row, label in enumerate(heuristics.EVERY):
        train, test = found[row], found[row + len(heuristics.EVERY)]
        assert train == pytest.approx((end(label, "train", "original"), row))
        assert test == pytest.approx((end(label, "test", "original"), row))
    (diamonds,) = [line for line in axes.get_lines() if line.get_marker() == "D"]
    named = dict(zip(heuristics.EVERY.values(), range(7), strict=True))
    rows = [named["M_natural"], named["M_adversarial, crop-flip"]]  # as in the released code
    assert list(zip(diamonds.get_xdata(), diamonds.get_ydata(), strict=True)) == [
        (0.856, rows[0]),
        (0.707, rows[1]),
    ]
    for published, there in ((TABLE2_CLEAN, True), ({}, False)):
        (key,) = comparisons.ends(history(), heuristics.EVERY, 0.1, published).legends
        assert ("test, in the paper" in [text.get_text() for text in key.get_texts()]) == there


def test_points_at_100_per_cent_are_whole():
    learned = history()
    learned.loc[learned.split == "train", "accuracy"] = 1.0
    (axes,) = comparisons.ends(learned, heuristics.EVERY, 0.1, {}).axes
    left, right = axes.transData.transform([(1, 0), (axes.get_xlim()[1], 0)])[:, 0]
    assert right - left > 5  # pixels, at 100 to the inch: half a marker


def test_bands_are_steps_from_chance_to_the_whole_image():
    cells = numbers.read(comparisons.bands(history(radii=(4, 8)), heuristics.HEURISTICS, 0.1))
    gains = cells.pivot(index="y_tick", columns="x_tick", values="value") / 100
    assert cells.x_tick.to_list()[:4] == ["0–4", "4–8", "over 8", "all over 4"]
    for label, name in heuristics.HEURISTICS.items():
        own, low = gains.loc[name], end(label, "test", "low", 4)
        assert own["0–4"] == pytest.approx(low - 0.1)
        assert own["all over 4"] == pytest.approx(end(label, "test", "original") - low)
        assert own["4–8"] + own["over 8"] == pytest.approx(own["all over 4"])


def test_scores_give_each_measure_with_its_interval():
    table = comparisons.scores(history(seeds=3), batch_size.OPTIMISERS, first="optimiser")
    assert table.optimiser.to_list() == list(batch_size.OPTIMISERS.values())
    assert table["gap"].str.startswith("0.10").all()
    assert table["test accuracy"][0].startswith(f"{end('vanilla', 'test', 'original'):.2f} ±")


def test_a_level_near_chance_is_said_to_mean_little():
    assert "says little" in comparisons.common(0.12, 0.1)
    assert "equal accuracy" in comparisons.common(0.5, 0.1)


def test_curves_of_monitored_images_say_how_far_they_end_from_all_images():
    frame, names = history(), {"vanilla": "M_natural", "adversarial": "M_adversarial"}
    ends = frame.label.eq("adversarial") & frame.scope.eq("all") & frame.split.eq("test")
    frame.loc[ends & frame.part.eq("original"), "accuracy"] += 0.04
    assert comparisons.on_monitored(frame, names) == (
        "The curves are of 100 monitored images of each split. At the end, their accuracies on "
        "whole images differ by up to 4 percentage points from those on all images."
    )


def test_captions_list_every_value_and_name_no_winner():
    names = {"vanilla": "one, again", "batchnorm": "two"}
    assert comparisons.gaps(history(), names).endswith(": one, again (10) and two (10).")
    nothing = history().assign(accuracy=0.5)
    nothing.loc[nothing.split.eq("test") & nothing.part.eq("original"), "accuracy"] = 0.501
    assert comparisons.gaps(nothing, names).endswith(": one, again (0) and two (0).")
    assert [style.points(x) for x in (-0.001, 0.001, -0.02, 0.02)] == ["0", "0", "−2", "+2"]
