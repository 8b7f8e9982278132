"""The data that a figure offers is what was drawn in it."""

import io
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from fhelpers.drawing import charts, comparisons, numbers, style
from fhelpers.report import page as report
from fhelpers.sections.decomposition import figures as decomposition
from fhelpers.sections.detection import figures as detection
from fhelpers.sections.other_datasets import figures as other_datasets
from fhelpers.sections.shuffled_labels import figures as shuffled_labels
from fhelpers.sections.shuffled_labels.claims import TABLE1
from fhelpers.sections.smoothing_defence import figures as smoothing_defence

HEIGHTS = st.lists(st.floats(-1e3, 1e3).map(lambda v: float(f"{v:.5g}")), min_size=1, max_size=6)


def panel(title="", **labels):
    axes = Figure().subplots()
    axes.set_title(title)
    axes.set(**labels)
    return axes


def test_a_curve_with_its_band_and_its_name():
    axes = panel("accuracy on\ntest images", xlabel="epoch")
    rows = {"epoch": [0, 1, 2], "value": [0.1, 0.5, 0.75], "low": [0, 0.4, 0.7]}
    rows = pd.DataFrame(rows).assign(high=[0.2, 0.6, 0.8])
    look = {"colours": style.COLOURS["low"], "names": "low part, r = 4"}
    style.label_ends(axes, charts.curves(axes, rows, x="epoch", **look))
    frame = numbers.read(axes.figure)
    assert set(frame.panel) == {"accuracy on test images"}
    assert set(frame.series) == {"low part, r = 4"}
    assert set(frame.x_axis) == {"epoch"}
    assert frame[["x", "y", "low", "high"]].to_numpy().tolist() == [
        [0, 0.1, 0.0, 0.2], [1, 0.5, 0.4, 0.6], [2, 0.75, 0.7, 0.8],
    ]  # fmt: skip


def points(at, value, low, high):
    return pd.DataFrame({"at": at, "value": value, "low": low, "high": high})


@pytest.mark.parametrize("marker", ["o", "s"])
def test_points_keep_their_intervals_and_the_names_of_ticks(marker):
    axes = panel()
    rows = points([4.0, 8.0], [0.3, 0.6], [0.2, 0.5], [0.5, 0.8])
    look = {"markers": marker, "upright": True, "names": "without the low part", "dodge": 0.1}
    charts.dots(axes, rows, at="at", order={4.0: "r = 4", 8.0: "r = 8"}, **look)
    style.chance_line(axes, 0.1)
    frame = numbers.read(axes.figure)
    found = frame[frame.series == "without the low part"]
    assert found[["x_tick", "y"]].to_numpy().tolist() == [["r = 4", 0.3], ["r = 8", 0.6]]
    assert found.low.tolist() == pytest.approx([0.2, 0.5])
    assert found.high.tolist() == pytest.approx([0.5, 0.8])
    chance = frame[frame.series == "chance"]
    assert chance.y.tolist() == [0.1]
    assert len(frame) == 3  # no bar is left as a line of its own


def test_each_radius_of_a_part_has_a_name_of_its_own():
    axes = panel()
    rows = [(x, radius, radius) for radius in (4, 8) for x in (0, 1)]
    frame = pd.DataFrame(rows, columns=["x", "radius", "value"]).assign(part="low", seed=0)
    look = {"by": ["part", "radius"], "colours": style.of_parts((4, 8)), "names": style.part_name}
    charts.curves(axes, frame, x="x", **look)
    with pytest.raises(ValueError, match="need different names"):  # one would be lost in the data
        charts.curves(axes, frame, x="x", **look | {"names": "low part"})
    frame = numbers.read(axes.figure)
    assert frame.groupby("series").y.first().to_dict() == {
        "low part, r = 4": 4, "low part, r = 8": 8,
    }  # fmt: skip
    assert [line.get_color() for line in axes.lines] == list(style.shades("low", (4, 8)).values())


def test_a_bar_that_lies_is_an_interval_along_x():
    axes = panel()
    charts.dots(axes, points([1], [3], [2], [5]), at="at", names="adversarially trained")
    (row,) = numbers.read(axes.figure).to_dict("records")
    assert (row["x"], row["low"], row["high"], row["along"]) == (3, 2, 5, "x")
    assert row["series"] == "adversarially trained"


def test_one_seed_has_no_interval():
    axes = panel()
    charts.dots(axes, points([1], [0.4], math.nan, math.nan), at="at", names="a", upright=True)
    frame = numbers.read(axes.figure)
    assert frame.y.dropna().tolist() == [0.4]
    assert "low" not in frame


def test_an_interval_that_begins_at_its_value_is_one_all_the_same():
    axes = panel()
    look = {"order": "scale", "names": "a", "upright": True}
    charts.dots(axes, points([2], [0.0], [0.0], [0.1]), at="at", **look)
    (row,) = numbers.read(axes.figure).to_dict("records")
    assert (row["x"], row["y"], row["low"], row["high"]) == (2, 0, 0, 0.1)


def test_a_value_that_has_no_row_is_refused():
    with pytest.raises(ValueError, match=r"a chart by at has no row for \['0'\]"):
        charts.dots(panel(), points([0, 1], [0.1, 0.2], 0.0, 1.0), at="at", order=[1])


@given(HEIGHTS, st.booleans())
@settings(max_examples=10, deadline=None)
def test_a_chart_draws_the_value_and_its_own_interval(heights, upright):
    axes = panel()
    rows = points(range(len(heights)), heights, [h - 1 for h in heights], [h + 2 for h in heights])
    charts.dots(axes, rows, at="at", upright=upright, styles="-")
    line, across = axes.lines[0], "y" if upright else "x"
    assert getattr(line, f"get_{across}data")() == pytest.approx(np.array(heights))
    ends = [end for stroke in axes.collections[0].get_segments() for end in stroke[:, upright * 1]]
    assert sorted(ends) == pytest.approx(
        sorted([h - 1 for h in heights] + [h + 2 for h in heights])
    )


def test_percentage_points_are_so_in_the_data_as_well():
    axes = panel(ylabel="change, percentage points")
    charts.dots(axes, points([1], [0.05], [0.04], [0.07]), at="at", names="a", upright=True)
    style.in_percent(axes.yaxis, unit="")
    (row,) = numbers.read(axes.figure).to_dict("records")
    assert (row["y"], row["low"], row["high"]) == pytest.approx((5, 4, 7))


def test_a_heat_map_says_and_offers_each_estimate():
    axes = panel()
    rows = pd.DataFrame({"network": list("aabb"), "band": ["0–4", "over 4"] * 2})
    rows = rows.assign(value=[0.5, -0.25, 0.125, 0], low=[0.4, -0.3, 0.1, -0.1])
    charts.heat(axes, rows.assign(high=2 * rows.value - rows.low), rows="network", columns="band")
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["50 ± 10", "−25 ± 5", "12 ± 2", "0 ± 10"]
    frame = numbers.read(axes.figure)
    assert (
        frame[["y_tick", "x_tick"]].to_numpy().tolist()
        == rows[["network", "band"]].to_numpy().tolist()
    )
    assert frame.value.tolist() == pytest.approx(100 * rows.value)
    assert frame.low.tolist() == pytest.approx(100 * rows.low)


def test_panels_say_what_their_shared_axes_say_and_a_percentage_is_no_name():
    frame = pd.DataFrame({"x": [0.0, 0.4, 1.0], "value": [1, 2, 3]})

    def draw(axes, name):
        charts.curves(axes, frame, x="x", names=name)

    figure, panels = charts.small_multiples(["a", "b"], 2.0, draw, xlabel="share", ylabel="cost")
    panels[0].set_xticks([0, 0.5, 1])
    style.in_percent(panels[0].xaxis)
    found = numbers.read(figure)
    assert found[["panel", "series"]].drop_duplicates().to_numpy().tolist() == [
        ["a"] * 2,
        ["b"] * 2,
    ]
    assert set(found.x_axis) == {"share"}
    assert set(found.y_axis) == {"cost"}
    assert "x_tick" not in found


def test_ticks_in_percent_never_say_the_same_of_two_places():
    axes = panel()
    style.percent(axes, highest=0.02)
    names = axes.yaxis.get_major_formatter().format_ticks([-0.005, 0, 0.005, 0.01, 0.015])
    assert names == ["−0.5 %", "0 %", "0.5 %", "1 %", "1.5 %"]


def test_bars_lying_and_standing():
    axes = panel()
    axes.barh([0, 1], [0.25, 0.5], left=[0.5, 0.5], label="high part")
    axes.bar([3], [7], bottom=1, label="_low part")
    frame = numbers.read(axes.figure)
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


def test_panels_of_one_name_are_numbered():
    figure, ((left, right),) = style.canvas(1, 2, 3)
    for axes in (left, right):
        axes.set_title("same")
        axes.plot([1, 2], [3, 4], label="a line")
    assert numbers.read(figure).panel.tolist() == ["same (1)"] * 2 + ["same (2)"] * 2


@given(HEIGHTS)
@settings(max_examples=20, deadline=None)
def test_what_is_drawn_can_be_read_back_from_the_file(heights):
    axes = panel()
    axes.plot(range(len(heights)), heights, "-o", label="any curve")
    text = numbers.as_csv(numbers.read(axes.figure))
    back = pd.read_csv(io.StringIO(text))
    np.testing.assert_allclose(back.y, heights, rtol=1e-5)
    assert back.x.tolist() == list(range(len(heights)))


def test_a_figure_of_words_offers_them_and_an_empty_one_an_empty_file():
    axes = panel()
    axes.text(0, 0.5, "No image was found.")
    (row,) = numbers.read(axes.figure).to_dict("records")
    assert row == {"panel": "panel 1", "series": "No image was found."}
    assert numbers.as_csv(numbers.read(Figure())).strip() == ""


def test_a_label_with_an_underscore_names_the_data_and_stays_out_of_the_key():
    axes = panel()
    axes.plot([0, 1], [2, 3], label="_a line")
    axes.bar([2], [4], label="_a bar")
    axes.plot([0, 1], [4, 5], color=style.COLOURS["low"], label="in the key")
    axes.legend()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["in the key"]
    frame = numbers.read(axes.figure)
    assert set(frame.series) == {"a line", "a bar", "in the key"}


def test_what_has_no_label_is_decoration():
    axes = panel()
    axes.plot([0, 1], [2, 3])
    axes.axhline(0)
    axes.bar([2, 3], [4, 5])
    axes.errorbar([5], [3], yerr=[[1], [2]], fmt="o")
    assert numbers.read(axes.figure).empty


def watched():
    """A history of both models of section 02: three epochs, one seed, two radii."""
    rows = [
        (label, epoch, part, radius, 0.1 + 0.4 * epoch)
        for label, epoch in itertools.product(("natural", "shuffled"), (0, 1, 2))
        for part, radius in (("original", math.nan), ("low", 4.0), ("low", 8.0))
    ]
    frame = pd.DataFrame(rows, columns=["label", "epoch", "part", "radius", "accuracy"])
    return frame.assign(seed=0, split="train", scope="subset", images=500)


def ends():
    """A history with the end of one network."""
    rows = [(split, accuracy) for split, accuracy in (("train", 0.9), ("test", 0.6))]
    frame = pd.DataFrame(rows, columns=["split", "accuracy"])
    return frame.assign(
        label="vanilla", seed=0, epoch=1, part="original", radius=math.nan, scope="all", images=100
    )


def smoothed():
    """Accuracies of both networks of section 09 with and without the defence."""
    at = itertools.product((0.0, 0.5), (("clean", 0.0), ("fgsm", 0.03), ("pgd", 0.03)))
    rows = [(network, rho, *attack, 0.4) for rho, attack in at
            for network in smoothing_defence.NETWORKS]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["network", "rho", "attack", "epsilon", "accuracy"])
    return frame.assign(seed=0, form="published", images=100)


def between(**columns):
    """Rows of these columns, each with a value and its interval."""
    return pd.DataFrame(columns).assign(value=0.5, low=0.4, high=0.6)


PARTS = ["low", "low", "high", "high"]
MODELS = ("true labels", "shuffled labels")
NAMED = {
    "energy": (
        lambda: decomposition.energy(between(radius=[4]).assign(least=0.3, most=0.7, bins=0.1)),
        {"low part", "high part", "middle 90 % of the images", "the low part's share of the bins"},
    ),
    "by epoch": (
        lambda: shuffled_labels.by_epoch(watched(), 0.1),
        {"whole image", "low part, r = 4", "low part, r = 8", "chance"},
    ),
    "equal accuracy": (
        lambda: shuffled_labels.at_equal_accuracy(watched(), 0.1), {*MODELS, "no loss", "chance"},
    ),
    "Table 1": (
        lambda: shuffled_labels.table1(
            between(trained_on=2 * PARTS, radius=4 * [4, 8], split=4 * ["test"] + 4 * ["train"]),
            TABLE1, 0.1,
        ),
        {"training images", "training images, in the paper", "chance",
         "whole test images", "whole test images, in the paper"},
    ),
    "ends": (
        lambda: comparisons.ends(ends(), {"vanilla": "vanilla"}, 0.1, {"vanilla": 0.7}),
        {"gap of vanilla", "training images", "test images", "test, in the paper", "chance"},
    ),
    "data sets": (
        lambda: other_datasets.compared(
            between(dataset="mnist", chance=0.1, series=[*MODELS, *PARTS],
                    claim=["W5"] * 2 + ["W7"] * 4, radius=[math.nan] * 2 + [4, 8] * 2)
        ),
        {*MODELS, "chance"}
        | {f"trained on {part} parts, r = {r}" for part in ("low", "high") for r in (4, 8)},
    ),
    "defence": (
        lambda: smoothing_defence.curves(smoothed()),
        {"M_natural", "M_natural, the paper", "M_adversarial", "M_adversarial, the paper"},
    ),
    "kept": (
        lambda: detection.kept(between(part=["low", "high"]).assign(paper=0.7)),
        {"low parts", "high parts", "the paper, on COCO", "originals"},
    ),
    "gained": (
        lambda: detection.gained(between(part=["low", "control"], radius=34), 34),
        {"low parts", "control", "the paper"},
    ),
    "energies": (
        lambda: report.energies(
            SimpleNamespace(
                table=between(measure="mask", at=[0, 1] * 2,
                              part=[f"{p} energy kept" for p in ("radial", "angular")
                                    for _ in range(2)])
            )
        ),
        {"learned mask"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("draw", "names"), NAMED.values(), ids=NAMED)
def test_no_series_is_a_bare_colour(draw, names):
    frame = numbers.read(draw())
    assert set(frame.series) == names
