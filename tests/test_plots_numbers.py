"""The data that a figure offers is what was drawn in it."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from fhelpers.intervals import Estimate
from fhelpers.plots import numbers, style

HEIGHTS = st.lists(st.floats(-1e3, 1e3).map(lambda v: float(f"{v:.5g}")), min_size=1, max_size=6)


def panel(title="", **labels):
    axes = Figure().subplots()
    axes.set_title(title)
    axes.set(**labels)
    return axes


def test_a_curve_with_its_band_and_the_word_at_its_end():
    axes = panel("accuracy on\ntest images", xlabel="epoch")
    axes.plot([0, 1, 2], [0.1, 0.5, 0.75], color=style.COLOURS["low"])
    style.band(axes, [0, 1, 2], [0.0, 0.4, 0.7], [0.2, 0.6, 0.8], style.COLOURS["low"])
    style.label_ends(axes, [(0.75, "low part, r = 4", style.COLOURS["low"])])
    frame = numbers.read(axes.figure)
    assert set(frame.panel) == {"accuracy on test images"}
    assert set(frame.series) == {"low part, r = 4"}
    assert set(frame.x_axis) == {"epoch"}
    assert frame[["x", "y", "low", "high"]].to_numpy().tolist() == [
        [0, 0.1, 0.0, 0.2], [1, 0.5, 0.4, 0.6], [2, 0.75, 0.7, 0.8],
    ]  # fmt: skip


@pytest.mark.parametrize("marker", ["o", "s"])
def test_points_keep_their_intervals_and_the_names_of_ticks_and_keys(marker):
    axes = panel()
    for place, value in enumerate([0.3, 0.6]):
        estimate = Estimate(value=value, low=value - 0.1, high=value + 0.2, n=3, over="seeds")
        style.point(axes, place + 0.05, estimate, style.COLOURS["high"], marker=marker)
    axes.set_xticks([0, 1], ["r = 4", "r = 8"])
    key = Line2D([], [], color=style.COLOURS["high"], marker=marker, label="without the low part")
    axes.figure.legend(handles=[key])
    style.chance_line(axes, 0.1)
    frame = numbers.read(axes.figure)
    points = frame[frame.series == "without the low part"]
    assert points[["x_tick", "y"]].to_numpy().tolist() == [["r = 4", 0.3], ["r = 8", 0.6]]
    assert points.low.tolist() == pytest.approx([0.2, 0.5])
    assert points.high.tolist() == pytest.approx([0.5, 0.8])
    chance = frame[frame.series == "chance"]
    assert chance.y.tolist() == [0.1]
    assert len(frame) == 3  # no bar is left as a line of its own


def test_an_entry_of_the_key_for_several_radii_names_each():
    axes = panel()
    shades = style.shades("low", (4, 8))
    for radius, colour in shades.items():
        axes.plot([0, 1], [radius, radius], color=colour)
    lines = tuple(Line2D([], [], color=colour) for colour in shades.values())
    entry = {"handler_map": {tuple: HandlerTuple(ndivide=None)}}
    axes.figure.legend(handles=[lines], labels=["low part, r = 4, 8"], **entry)
    frame = numbers.read(axes.figure)
    assert frame.groupby("series").y.first().to_dict() == {
        "low part, r = 4": 4, "low part, r = 8": 8,
    }  # fmt: skip


def test_a_bar_that_lies_is_an_interval_along_x():
    axes = panel()
    axes.plot([2, 5], [1, 1], color="#009e73")
    axes.plot(3, 1, "o", color="#009e73")
    (row,) = numbers.read(axes.figure, style.MEANINGS).to_dict("records")
    assert (row["x"], row["low"], row["high"], row["along"]) == (3, 2, 5, "x")
    assert row["series"] == "adversarially trained"


def test_one_seed_has_no_interval():
    axes = panel()
    lone = Estimate(value=0.4, low=math.nan, high=math.nan, n=1, over="seeds")
    style.point(axes, 1, lone, style.COLOURS["low"])
    frame = numbers.read(axes.figure)
    assert frame.y.dropna().tolist() == [0.4]
    assert "low" not in frame


def test_bars_lying_and_standing():
    axes = panel()
    axes.barh([0, 1], [0.25, 0.5], left=[0.5, 0.5], label="high part")
    axes.bar([3], [7], bottom=1, color=style.COLOURS["low"])
    frame = numbers.read(axes.figure, style.MEANINGS)
    lying = frame[frame.series == "high part"]
    assert lying[["y", "low", "high"]].to_numpy().tolist() == [[0, 0.5, 0.75], [1, 0.5, 1.0]]
    standing = frame[frame.series == "low part"]
    assert standing[["x", "low", "high"]].to_numpy().tolist() == [[3, 1, 8]]


def test_maps_and_photographs_pixel_by_pixel_without_the_colour_bar():
    figure, ((left, right),) = style.canvas(1, 2, 3)
    values = np.arange(12.0).reshape(3, 4)
    drawn = style.picture(left, values, "a mask", cmap="magma")
    figure.colorbar(drawn, ax=left)
    photograph = np.random.default_rng(0).integers(0, 256, (3, 2, 5)) / 255
    style.picture(right, photograph, "a frog")
    frame = numbers.read(figure)
    mask = frame[frame.panel == "a mask"].pivot(index="y", columns="x", values="value")
    np.testing.assert_array_equal(mask, values)
    frog = frame[frame.panel == "a frog"]
    for channel, name in enumerate(("red", "green", "blue")):
        back = frog.pivot(index="y", columns="x", values=name)
        np.testing.assert_array_equal(back, np.rint(photograph[channel] * 255))
    assert set(frame.panel) == {"a mask", "a frog"}


def test_photographs_stop_where_the_file_would_become_large_and_maps_do_not():
    figure, axes = style.canvas(1, 4, 3)
    for place in axes[0][:3]:
        style.picture(place, np.zeros((3, 120, 120)))
    style.picture(axes[0][3], np.zeros((200, 200)))
    frame = numbers.read(figure)
    assert frame.groupby("panel").size().to_dict() == {
        "panel 1": 14_400, "panel 2": 14_400, "panel 4": 40_000,
    }  # fmt: skip


def test_scatters_and_panels_of_one_name():
    figure, ((left, right),) = style.canvas(1, 2, 3)
    for axes in (left, right):
        axes.set_title("same")
    left.scatter([1, 2], [3, 4], color=style.COLOURS["low"], label="two points")
    right.scatter([5], [6], c=[0.5])
    frame = numbers.read(figure)
    assert frame.panel.tolist() == ["same (1)", "same (1)", "same (2)"]
    assert frame.series.tolist()[:2] == ["two points"] * 2
    assert frame.value.dropna().tolist() == [0.5]


@given(HEIGHTS)
def test_what_is_drawn_can_be_read_back_from_the_file(heights):
    axes = panel()
    axes.plot(range(len(heights)), heights, "-o", label="any curve")
    text = numbers.as_csv(numbers.read(axes.figure))
    back = pd.read_csv(io.StringIO(text))
    np.testing.assert_allclose(back.y, heights, rtol=1e-5)
    assert back.x.tolist() == list(range(len(heights)))


def test_strokes_are_read_as_far_as_they_reach_and_intervals_only_once():
    axes = panel()
    axes.vlines([1, 2], 0, [0.5, 0.25], color=style.COLOURS["low"], label="amplitude")
    axes.errorbar([5], [3], yerr=[[1], [2]], fmt="o", color=style.COLOURS["high"])
    frame = numbers.read(axes.figure, style.MEANINGS)
    strokes = frame[frame.series == "amplitude"]
    assert strokes[["x", "low", "high"]].to_numpy().tolist() == [[1, 0, 0.5], [2, 0, 0.25]]
    (point,) = frame[frame.series != "amplitude"].to_dict("records")
    assert (point["x"], point["y"], point["low"], point["high"]) == (5, 3, 2, 5)


def test_a_figure_of_words_offers_them_and_an_empty_one_an_empty_file():
    axes = panel()
    axes.text(0, 0.5, "No image was found.")
    (row,) = numbers.read(axes.figure).to_dict("records")
    assert row == {"panel": "panel 1", "series": "No image was found."}
    assert numbers.as_csv(numbers.read(Figure())).strip() == ""
