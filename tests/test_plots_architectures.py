"""The figures of the section on kinds of networks show what they were given."""

import matplotlib as mpl
import pandas as pd
import pytest
from drawn import check
from test_claims_heuristics import history as planted
from test_claims_heuristics import network
from test_plots_comparisons import EVERYTHING, KINDS, end, history, points_of

from fhelpers.networks.cost import Cost
from fhelpers.sections import PLANS
from fhelpers.sections.architectures import figures as architectures
from fhelpers.sections.architectures.claims import EQUAL

COSTS = {label: Cost(20_000 * 4**i, 9_000_000 // 2**i) for i, label in enumerate(KINDS)}


@pytest.mark.parametrize(("seeds", "radii"), EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_the_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    check({"cost": architectures.against_cost(history(seeds, radii), COSTS)})
    assert dict(mpl.rcParams) == before


def test_cost_has_each_network_at_its_size():
    figure = architectures.against_cost(history(), COSTS)
    for label in KINDS:
        marker = architectures.MARKERS.get(label, "o")
        test = end(label, "test", "original")
        for panel, expected in ((0, (COSTS[label].parameters, test)),
                                (3, (COSTS[label].multiply_adds, 0.1))):  # fmt: skip
            (point,) = points_of(figure.axes[panel], marker)
            assert point == pytest.approx(expected)
    texts = figure.axes[-1].xaxis.get_major_formatter()
    assert [texts(value) for value in (50_000, 2e6)] == ["50 k", "2 M"]


def test_networks_as_large_as_the_resnet_are_hollow_where_their_count_is_the_axis():
    equal = {f"vgg-11-{count}": Cost(21_000 + n, 9_000_001 + n) for n, count in enumerate(EQUAL)}
    frame = history()
    copies = [frame[frame.label == "vgg-11"].assign(label=label) for label in equal]
    frame, costs = pd.concat([frame, *copies]), COSTS | equal
    figure = architectures.against_cost(frame, costs)
    counts = costs["vgg-11-parameters"].parameters, costs["vgg-11-multiply-adds"].multiply_adds
    for panel, count in zip(figure.axes, counts, strict=False):
        hollow = [
            line.get_xdata().tolist()
            for line in panel.lines
            if line.get_marker() == "v" and line.get_markerfacecolor() != line.get_color()
        ]
        assert hollow == [[count]]
        assert len(points_of(panel, "v")) == 2
    text = architectures.equal_in_words(frame, costs)
    names = ("resnet-8", "vgg-11")
    resnet, other = (f"{100 * end(name, 'test', 'original'):.0f} %" for name in names)
    assert text.startswith(
        f"The ResNet reaches a test accuracy of {resnet}; with about as many parameters"
    )
    assert text.endswith(f"with about as many multiply-adds VGG-11 {other}.")
    assert architectures.equal_in_words(frame, COSTS) == ""


def test_a_gap_that_says_nothing_new_is_said_to():
    frame, names = history(), architectures.named(KINDS)
    assert "nothing new" not in architectures.gaps_in_words(frame, names)
    frame.loc[frame.split == "train", "accuracy"] = 1.0
    assert "nothing new" in architectures.gaps_in_words(frame, names)


def test_what_the_high_part_adds_stands_beside_what_the_paper_expects():
    kinds = {"resnet-8": network(0.9, 0.6, 0.2), "lenet": network(0.9, 0.6, 0.1)}
    kinds |= {"alexnet": network(0.9, 0.6, 0.2), "vgg-11": network(0.9, 0.6, 0.4)}
    names = architectures.named(kinds)
    text = architectures.lost_in_words(planted(kinds), names)
    assert "less than VGG-11, more than LeNet, not clearly less or more than AlexNet." in text


@pytest.mark.parametrize("scale", ["smoke", "paper"])
def test_every_network_of_the_plan_has_a_name(scale):
    kinds = PLANS["architectures"](scale, "planted", [0])
    own = {label for label in kinds if not label.endswith(EQUAL)}  # the others are on the card only
    assert set(architectures.named(kinds)) == own


def test_costs_and_widths_that_are_not_published_are_said():
    table = architectures.costs_table(COSTS, dict.fromkeys(KINDS) | {"alexnet": 16})
    assert table["channels of the first layer"].to_list()[2:] == [
        "16 (full width: 64)",
        "64 (full width: 64)",
    ]
    assert table.parameters.to_list() == [cost.parameters for cost in COSTS.values()]
    large = Cost(10 * COSTS["resnet-8"].parameters, 37 * COSTS["resnet-8"].multiply_adds)
    text = architectures.resnet18_in_words(COSTS, large)
    assert "37 times the multiply-adds of this page's ResNet-8 and has 10 times its para" in text
    assert text.startswith("ResNet-8 has 6n + 2 layers with n = 1;")
    assert "among the networks" in architectures.resnet18_in_words(
        COSTS | {"resnet-18": large}, large
    )
    text = architectures.cost_in_short(COSTS, "resnet-8")
    assert "of the 3 other networks 3 have more parameters and 3 take fewer multiply-adds" in text
