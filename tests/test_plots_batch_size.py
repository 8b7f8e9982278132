"""The figures of the section on batch size and optimiser show what they were given."""

import matplotlib as mpl
import numpy as np
import pytest
from drawn import check
from test_plots_comparisons import EVERYTHING, end, history

from fhelpers.claims import reliance
from fhelpers.drawing import comparisons, numbers
from fhelpers.drawing.svg import svg
from fhelpers.sections import PLANS
from fhelpers.sections.batch_size import figures as batch_size


@pytest.mark.parametrize(("seeds", "radii"), EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before, frame = dict(mpl.rcParams), history(seeds, radii)
    _, cut = reliance.at_common_accuracy(frame, batch_size.of_batches(frame.label))
    check({"against": batch_size.against(frame), "equal": batch_size.against(cut)})
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_one_batch_size_is_a_page_too():
    frame = history()
    frame = frame[~frame.label.isin(["batch-64", "batch-256"])]
    svg(batch_size.against(frame))
    svg(comparisons.panels(frame, batch_size.of_batches(frame.label), 0.1))


def test_batch_figures_hold_accuracy_gap_and_loss():
    figure = batch_size.against(history())
    sizes = (32, 64, 256)
    found = {
        panel.get_title(loc="left"): {
            line.get_label()[1:]: line for line in panel.get_lines() if hasattr(line, "spans")
        }
        for panel in figure.axes
    }
    tests = [end(f"batch-{size}", "test", "original") for size in sizes]
    assert found["accuracy"]["test"].get_ydata() == pytest.approx(np.array(tests))
    trains = [end(f"batch-{size}", "train", "original") for size in sizes]
    assert found["accuracy"]["training"].get_ydata() == pytest.approx(np.array(trains))
    assert found["gap, in points"]["gap"].get_ydata() == pytest.approx([0.1] * 3)
    lost = found["lost, in points"]
    at_four = [end(f"batch-{s}", "test", "original") - end(f"batch-{s}", "test", "low", 4)
               for s in sizes]  # fmt: skip
    assert lost["r = 4"].get_ydata() == pytest.approx(np.array(at_four))
    mean = [np.mean([end(f"batch-{s}", "test", "original") - end(f"batch-{s}", "test", "low", r)
                     for r in (4, 8, 12, 16)]) for s in sizes]  # fmt: skip
    assert lost["mean over the radii"].get_ydata() == pytest.approx(np.array(mean))
    places = np.array([lost[f"r = {radius}"].get_xdata() for radius in (4, 12)])
    assert (np.diff(places, axis=0) > 0.1).all()  # intervals stand side by side
    rows = numbers.read(figure)
    assert set(rows.x_tick[rows.series == "r = 4"]) == {"32", "64", "256"}


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ((0.9, 0.9, 0.9), (0.6, 0.6, 0.6), ""),
        ((0.9, 0.9, 0.7), (0.6, 0.6, 0.6), "Batches of 256 images end at training accuracies of "
         "only 70 %, and most of the fall of the gap is theirs."),
        ((0.9, 0.85, 0.7), (0.5, 0.6, 0.5), "Batches of 256 images end at training accuracies of "
         "only 70 %."),
        ((0.9, 0.9, 0.5), (0.7, 0.6, 0.2), "Batches of 256 images end at training accuracies of "
         "only 50 %."),  # here the gap grows
        ((0.7, 0.9, 0.9), (0.6, 0.6, 0.6), "Batches of 32 images end at training accuracies of "
         "only 70 %."),
    ],
)  # fmt: skip
def test_sizes_whose_training_ends_lower_are_named_with_their_part_in_the_fall(train, test, said):
    frame = history()
    for size, *ends in zip((32, 64, 256), train, test, strict=True):
        for split, accuracy in zip(("train", "test"), ends, strict=True):
            own = frame.label.eq(f"batch-{size}") & frame.split.eq(split)
            frame.loc[own & frame.part.eq("original"), "accuracy"] = accuracy
    assert batch_size.ends_low(frame) == said


def test_rates_are_said_to_be_those_of_another_set_up_unless_they_are_of_this_one():
    assert batch_size.not_chosen_here("quick", "cifar10") == ""
    for other in (("standard", "cifar10"), ("quick", "mnist")):
        assert "not again here" in batch_size.not_chosen_here(*other)


def test_missing_batch_sizes_are_said():
    plan = PLANS["batch_size"]("smoke", "planted", [0])
    wanted = (32, 64, 128, 256, 512)
    assert "batch size 512, more than the 300" in batch_size.left_out(wanted, plan, 300)
    assert "All batch sizes" in batch_size.left_out((32, 64), plan, 300)


def test_the_plan_has_all_that_the_page_shows():
    plan = PLANS["batch_size"]("smoke", "planted", [0])
    assert {*batch_size.OPTIMISERS, *batch_size.of_batches(plan)} == set(plan)
