"""The figures of the sections on smooth kernels and on the smoothing defence."""

import itertools
import math

import pandas as pd
import pytest
import torch
from drawn import check
from test_claims_smooth_kernels import kernels
from test_claims_smoothing_defence import RHOS, table

from fhelpers.drawing import numbers
from fhelpers.drawing.svg import svg
from fhelpers.sections.smooth_kernels import figures as kernel_plots
from fhelpers.sections.smoothing_defence import figures as plots


def defence(seeds=(0,)):
    return table(lambda network, rho, attack, epsilon: 0.0 if epsilon > 0.05 else 0.4, seeds)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
@pytest.mark.filterwarnings("error")
def test_tables_are_drawn_at_page_width(seeds):
    frame = defence(seeds)
    smooth = kernels(0.1, seeds).assign(smoothed=0.0)
    drawn = {"curves": plots.curves(frame), "forms": plots.forms(frame)}
    check(drawn | {"smoothness": kernel_plots.smoothness(smooth)}, 300_000)


def test_the_ticks_of_neighbouring_panels_do_not_touch():
    figure = kernel_plots.smoothness(kernels(0.1).assign(smoothed=0.0))
    svg(figure)  # which lays it out
    boxes = sorted(
        (text.get_window_extent().extents[[0, 2]].tolist(), text.get_text())
        for panel in figure.axes
        for text in panel.get_xticklabels()
        if panel.get_xlim()[0] <= text.get_position()[0] <= panel.get_xlim()[1]
    )
    for ((_, end), one), ((start, _), other) in itertools.pairwise(boxes):
        assert end < start, (one, other)


def test_a_layer_that_averages_passes_nothing_of_the_finest_pattern():
    """A kernel of equal weights; one of a single weight passes every frequency alike."""
    one = torch.zeros(4, 3, 3, 3)
    one[:, :, 1, 1] = 1.0
    pairs = torch.zeros(4, 3, 2, 2)
    pairs[..., 0, 0] = pairs[..., 1, 1] = pairs[..., 0, 1] = pairs[..., 1, 0] = 0.25
    found = kernel_plots.gains({"one": one, "pairs": pairs})
    assert kernel_plots.corners_in_words(found) == (
        "Gain at the finest pattern, in the corners, against the mean: one 1.00; pairs 0.00."
    )
    assert all(gain.mean() == pytest.approx(1) for gain in found.values())


def test_falls_are_told_where_the_mean_over_waves_is_lowest():
    clean = {"map-natural": 0.6, "map-adversarial": 0.4, "map-smoothed": 0.5}
    lowest = {"map-natural": (5.0, 0.2), "map-adversarial": (0.0, 0.3), "map-smoothed": (2.0, 0.25)}
    rows = pd.DataFrame(
        {"label": label, "part": "wave", "radius": radius, "seed": seed,
         "accuracy": value - 0.05 + 0.1 * seed if radius == at else 0.39}
        for label, (at, value) in lowest.items()
        for radius in (0.0, 2.0, 5.0)
        for seed in (0, 1)
    )  # fmt: skip
    original = pd.DataFrame([{"label": "map-natural", "part": "original", "accuracy": 0.0}])
    assert kernel_plots.falls_in_words(pd.concat([rows, original]), clean) == (
        "Furthest below the diamond: M_natural 40 points at distance 5; M_adversarial 10 points at "
        "distance 0; M_natural, smoothed 25 points at distance 2."
    )


def test_the_papers_values_stand_inside_every_panel_in_their_networks_colour():
    panels = [panel for panel in plots.curves(defence()).axes if panel.lines]
    assert len(panels) == 7
    for panel in panels:
        marks = [line for line in panel.lines if "the paper" in line.get_label()]
        assert [line.get_markeredgecolor() for line in marks] == [
            *map(plots.NETWORKS.get, sorted(plots.NETWORKS))
        ]
        low, high = panel.get_ylim()
        for line in marks:
            assert len(line.get_xdata()) == len(RHOS)
            assert ((low < line.get_ydata()) & (line.get_ydata() < high)).all()


def test_the_data_of_the_two_forms_name_every_curve():
    data = numbers.read(plots.forms(defence()))
    names = {f"M_{network}, {form}" for network in plots.NETWORKS for form in plots.LINES}
    assert set(data.series) == names
    assert (data.groupby(["panel", "series"]).size() == len(RHOS)).all()


def test_table_2_has_the_papers_values_in_brackets():
    shown = plots.side_by_side(defence(), "natural")
    assert shown.columns.to_list()[:3] == ["ρ", "clean", "FGSM 0.03"]
    assert shown["clean"].str.endswith(("(0.856)", "(0.743)", "(0.631)")).all()
    assert shown["clean"].str.fullmatch(r"0\.\d{3} \(0\.\d{3}\)").all()
    frame = defence()
    other = pd.concat([frame, frame[frame.rho == 0.25].assign(rho=0.7)])
    assert "(" not in plots.side_by_side(other, "natural").set_index("ρ").loc["0.7", "clean"]


def test_effects_are_said_in_percentage_points():
    def accuracy(network, rho, attack, epsilon):
        if network == "adversarial":
            return 0.3 - 0.1 * rho
        return 0.6 - 0.2 * rho if attack == "clean" else 0.1 + 0.05 * rho * (attack == "pgd")

    text = plots.effects_in_words(table(accuracy, (0, 1, 2)))
    assert "with ρ = 1 changes M_natural by −20 clean, 0 under FGSM and +5 under PGD" in text
    assert "−10 at ε = 0.03, −10 at ε = 0.06 and −10 at ε = 0.09" in text
    assert text.endswith("at ε = 0.09 the smoothed M_natural differs from M_adversarial by −15.")


def test_a_lead_that_stronger_attacks_take_is_said_to_be_gone():
    kept = {
        ("natural", "PGD", 0.09): 0.1, ("natural", "all together", 0.09): 0.0,
        ("adversarial", "PGD", 0.09): 0.04, ("adversarial", "all together", 0.09): 0.024,
        ("natural", "PGD", 0.03): 0.104, ("natural", "all together", 0.03): 0.0,
        ("adversarial", "PGD", 0.03): 0.256, ("adversarial", "all together", 0.03): 0.2,
    }  # fmt: skip
    defences = {"natural": ("smoothed", 1.0), "adversarial": ("as it is", math.nan)}
    rows = pd.DataFrame(
        {"label": f"checks-{network}", "attack": attack, "epsilon": epsilon, "accuracy": value,
         "defence": defences[network][0], "setting": defences[network][1]}
        for (network, attack, epsilon), value in kept.items()
    ).assign(seed=0, images=1000)  # fmt: skip
    assert " ".join(plots.kept_in_words(rows, each) for each in (0.03, 0.09)) == (
        "At ε = 0.03, M_natural with ρ = 1 keeps 10.4 % under PGD and 0.0 % under all checks "
        "together; M_adversarial keeps 25.6 % and 20.0 % (1,000 images). "
        "At ε = 0.09, M_natural with ρ = 1 keeps 10.0 % under PGD and 0.0 % under all checks "
        "together; M_adversarial keeps 4.0 % and 2.4 % (1,000 images), so that the lead under "
        "PGD is gone."
    )
    # A lead that may be chance is none to lose.
    assert "is gone" not in plots.kept_in_words(rows.assign(images=250), 0.09)


def test_points_at_0_per_cent_are_whole():
    frame = table(lambda network, rho, attack, epsilon: 0.0)
    for panel in plots.forms(frame.assign(accuracy=0.0)).axes:
        low, zero = panel.transData.transform([(0, panel.get_ylim()[0]), (0, 0)])[:, 1]
        assert zero - low > 1
