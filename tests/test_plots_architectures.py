"""The figures of the section on kinds of networks show what they were given."""

import matplotlib as mpl
import pytest
from drawn import check
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


@pytest.mark.parametrize("scale", ["smoke", "paper"])
def test_every_network_of_the_plan_has_a_name(scale):
    kinds = PLANS["architectures"](scale, "planted", [0])
    own = {label for label in kinds if not label.endswith(EQUAL)}  # the others are on the card only
    assert set(architectures.named(kinds)) == own


def test_costs_and_widths_that_are_not_published_are_said():
    table = architectures.costs_table(COSTS, dict.fromkeys(KINDS) | {"alexnet": 16})
    assert table["channels of the first layer"].to_list()[2:] == [
        "16 (published: 64)",
        "64 (published: 64)",
    ]
    assert table.parameters.to_list() == [cost.parameters for cost in COSTS.values()]
    large = Cost(10 * COSTS["resnet-8"].parameters, 37 * COSTS["resnet-8"].multiply_adds)
    text = architectures.resnet18_in_words(COSTS, large)
    assert "37 times the multiply-adds of this page's ResNet-8 and has 10 times its para" in text
    assert "among them" in architectures.resnet18_in_words(COSTS | {"resnet-18": large}, large)
    text = architectures.cost_in_short(COSTS, "resnet-8")
    assert "fewer than 3 of the 3" in text
    assert "more than 3" in text
