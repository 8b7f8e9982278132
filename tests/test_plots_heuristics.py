"""The figures of the section on training heuristics show what they were given."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import check
from test_plots_comparisons import EVERYTHING, SHORT, history

from fhelpers.sections import PLANS
from fhelpers.sections.heuristics import figures as heuristics


@pytest.mark.parametrize(("seeds", "radii"), EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    check({"attacked": heuristics.attacked(history(seeds, radii), 0.02)})
    assert dict(mpl.rcParams) == before


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
    nothing = "No run triggered a warning about its accuracy under PGD."
    assert heuristics.warned(quiet, 0.1) == nothing
    loud = quiet | {"adversarial": [run(), run(warnings=["epoch 3: it fell"])]}
    assert "M_adversarial, seed 2: epoch 3: it fell" in heuristics.warned(loud, 0.1)
    assert "could not be judged" not in heuristics.warned(loud, 0.1)


@pytest.mark.parametrize("under_attack", [(0.1, 0.15, 0.2), (0.9, 0.1, 0.1), ()])
def test_a_network_that_never_withstood_the_attack_is_not_called_sound(under_attack):
    runs = {label: [run()] for label in ("vanilla", *heuristics.ATTACKED)}
    runs["adversarial-crop-flip"] = [run(under_attack=under_attack)]
    text = heuristics.warned(runs, 0.1)
    assert "could not be judged for M_adversarial, crop-flip, seed 2:" in text
    assert "(20 %)" in text
    assert "No run left" not in text


def test_two_classes_are_judged_like_ten():
    runs = {
        label: [run(under_attack=(0.5, 0.7, 0.3))] for label in ("vanilla", *heuristics.ATTACKED)
    }
    assert "could not be judged" not in heuristics.warned(runs, 0.5)
    assert "by more than ten points (60 %)" in heuristics.warned(
        runs | {"adversarial": [run(under_attack=(0.5, 0.58, 0.3))]}, 0.5
    )


def test_fewer_epochs_are_said():
    same = {"vanilla": [run()], "adversarial": [run()]}
    assert "All networks are trained for 4 epochs" in heuristics.trained_for(same)
    fewer = same | {"vanilla": [run(9)]}
    assert "has 4 epochs and everything else 9" in heuristics.trained_for(fewer)


def test_the_plan_has_all_that_the_pages_show():
    plan = PLANS["heuristics"]("smoke", "planted", [0])
    shown = {*heuristics.EVERY, *heuristics.VARIANTS, *heuristics.ATTACKED}
    assert shown <= set(plan)
    others = {*PLANS["batch_size"]("smoke", "planted", [0]), "lenet", "alexnet", "vgg-11"}
    assert shown | others == set(plan)  # W25 takes in the networks of neighbouring pages
