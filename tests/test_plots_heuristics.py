"""The figures of the section on training heuristics show what they were given."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import check
from test_plots_comparisons import EVERYTHING, SHORT, end, history

from fhelpers.claims import reliance
from fhelpers.drawing import comparisons, numbers, style
from fhelpers.sections import PLANS
from fhelpers.sections.heuristics import figures as heuristics


def figures(frame):
    _, cut = reliance.at_common_accuracy(frame, heuristics.of_batches(frame.label))
    return {
        "against": heuristics.against_batch(frame),
        "equal": heuristics.against_batch(cut),
        "attacked": heuristics.attacked(frame, 0.02),
    }


@pytest.mark.parametrize(("seeds", "radii"), EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    check(figures(history(seeds, radii)))
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_one_batch_size_is_a_page_too():
    frame = history()
    frame = frame[~frame.label.isin(["batch-64", "batch-256"])]
    style.svg(heuristics.against_batch(frame))
    style.svg(comparisons.panels(frame, heuristics.of_batches(frame.label), 0.1))


def test_batch_figures_hold_accuracy_gap_and_loss():
    figure = heuristics.against_batch(history())
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
    assert found["gap"]["gap"].get_ydata() == pytest.approx([0.1] * 3)
    lost = found["lost without\nhigh part"]
    at_four = [end(f"batch-{s}", "test", "original") - end(f"batch-{s}", "test", "low", 4)
               for s in sizes]  # fmt: skip
    assert lost["r = 4"].get_ydata() == pytest.approx(np.array(at_four))
    places = np.array([lost[f"r = {radius}"].get_xdata() for radius in (4, 12)])
    assert (np.diff(places, axis=0) > 0.1).all()  # intervals stand side by side
    rows = numbers.read(figure)
    assert set(rows.x_tick[rows.series == "r = 4"]) == {"32", "64", "256"}


def test_attacked_curves_are_those_under_attack():
    figure = heuristics.attacked(history(seeds=2), 0.1)
    _, attacked = figure.axes
    curves = {line.get_label(): line.get_ydata() for line in attacked.get_lines()}
    for name in heuristics.ATTACKED.values():
        expected = 0.1 + 0.02 * np.arange(SHORT + 1)
        assert curves[f"_{name}"] == pytest.approx(expected, abs=0.002)
    assert "training is 20 % without crop and flip" in heuristics.under_attack(history())


def run(epochs=4, warnings=(), under_attack=(0.1, 0.3, 0.25)):
    recipe = SimpleNamespace(seed=2, epochs=epochs)
    rows = [("attacked", epoch, accuracy) for epoch, accuracy in enumerate(under_attack)]
    rows += [("original", epoch, 0.9) for epoch in range(epochs + 1)]
    frame = pd.DataFrame(rows, columns=["part", "epoch", "accuracy"])
    return SimpleNamespace(recipe=recipe, record={"warnings": list(warnings)}, history=frame)


def test_warnings_of_the_runs_are_told_with_their_run():
    quiet = {label: [run()] for label in ("vanilla", *heuristics.ATTACKED)}
    nothing = "No run left a warning about its accuracy under PGD."
    assert heuristics.warned(quiet, 0.1) == nothing
    loud = quiet | {"adversarial": [run(), run(warnings=["epoch 3: it fell"])]}
    assert "adversarial, seed 2: epoch 3: it fell" in heuristics.warned(loud, 0.1)
    assert "could not be judged" not in heuristics.warned(loud, 0.1)


@pytest.mark.parametrize("under_attack", [(0.1, 0.15, 0.2), (0.9, 0.1, 0.1), ()])
def test_a_network_that_never_withstood_the_attack_is_not_called_sound(under_attack):
    runs = {label: [run()] for label in ("vanilla", *heuristics.ATTACKED)}
    runs["adversarial-crop-flip"] = [run(under_attack=under_attack)]
    text = heuristics.warned(runs, 0.1)
    assert "could not be judged for adversarial-crop-flip, seed 2:" in text
    assert "(20 %)" in text
    assert "No run left" not in text


def test_fewer_epochs_and_missing_batch_sizes_are_said():
    same = {"vanilla": [run()], "adversarial": [run()]}
    assert "All networks are trained for 4 epochs" in heuristics.trained_for(same)
    fewer = same | {"vanilla": [run(9)]}
    assert "has 4 epochs and everything else 9" in heuristics.trained_for(fewer)
    plan = PLANS["heuristics"]("smoke", "planted", [0])
    wanted = (32, 64, 128, 256, 512)
    assert "batch size 512, more than the 300" in heuristics.left_out(wanted, plan, 300)
    assert "All batch sizes" in heuristics.left_out((32, 64), plan, 300)
    with pytest.raises(ValueError, match="none fits into"):
        heuristics.of_batches(["vanilla", "batchnorm"])


def test_the_plan_has_all_that_the_pages_show():
    plan = PLANS["heuristics"]("smoke", "planted", [0])
    shown = {*heuristics.EVERY, *heuristics.VARIANTS, *heuristics.OPTIMISERS, *heuristics.ATTACKED}
    assert shown <= set(plan)
    others = {"lenet", "alexnet", "vgg-11"}  # of W25, shown on the next page
    assert shown | others | set(heuristics.of_batches(plan)) == set(plan)
