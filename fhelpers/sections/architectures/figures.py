"""Figures of the section on kinds of networks (W, §5.1)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST
from fhelpers.drawing import charts, comparisons, style
from fhelpers.networks import NETWORKS
from fhelpers.networks.cost import Cost
from fhelpers.sections.architectures.claims import small_resnet

ALT = {
    "epochs": comparisons.ALT["panels"].format(each="kind of network"),
    "ends": comparisons.ALT["ends"].format(each="kind of network"),
    "bands": comparisons.ALT["bands"].format(each="kind of network"),
    "cost": "Six panels. Test accuracy, generalisation gap and the accuracy lost without the high "
    "part, one below the other, against the number of parameters on the left and the "
    "multiply-adds of one image on the right, both on logarithmic axes. A marker for each kind of "
    "network.",
}
MARKERS = {"lenet": "s", "alexnet": "^", "vgg-11": "v", "resnet-18": "P"}
COUNTS = {"parameters": "parameters", "multiply_adds": "multiply-adds per image"}


def named(labels) -> dict[str, str]:
    """The labels of a history with their names, the 6n + 2 ResNet first."""
    resnet = small_resnet(labels)
    others = [label for label in NETWORKS if label in set(labels) and label != resnet]
    return {label: NETWORKS[label].title for label in (resnet, *others)}


@style.styled
def against_cost(history: pd.DataFrame, costs: Mapping[str, Cost]) -> Figure:
    """Accuracy, gap and dependence on the high part against the size and the work of a network."""
    names = named(costs)
    # The ResNet, which the claim is about, in black; the networks it is compared with in grey.
    colours = {la: style.INK if la.startswith("resnet") else style.GREY for la in names}
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    measures = {"test accuracy": TEST, "gap": GAP, "lost without\nhigh part": lost}
    rows = comparisons.estimates(history, names, measures)
    for count in COUNTS:
        rows[count] = [getattr(costs[label], count) for label in rows.label]
    look = {"order": "scale", "upright": True, "by": "label", "names": names, "markersize": 8}
    look |= {"colours": colours, "markers": lambda label, _: MARKERS.get(label, "o")}
    figure, axes = style.canvas(3, 2, 7.2, sharex="col", sharey="row")
    for row, (title, own) in zip(axes, rows.groupby("measure", sort=False), strict=True):
        for panel, (count, words) in zip(row, COUNTS.items(), strict=True):
            charts.dots(panel, own, at=count, **look)
            limits = rows[count].min() / 1.6, rows[count].max() * 1.6
            panel.set(xscale="log", xlim=limits, xlabel=words)
            panel.label_outer()
            panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.xaxis.set_major_formatter(EngFormatter())
            panel.minorticks_off()
            panel.tick_params(axis="x", rotation=45)
        style.in_percent(row[0].yaxis)
        low, high = row[0].get_ylim()
        room = 0.06 * (high - min(low, 0))  # or a marker at the edge would be cut
        row[0].set_ylim(min(low, 0) - room, max(high, 0.02) + room)
        row[0].set_ylabel(title)
    return charts.key(figure, columnspacing=1.2)


def costs_table(costs: Mapping[str, Cost], widths: Mapping[str, int | None]) -> pd.DataFrame:
    """Width, parameters and multiply-adds of each network as a table."""
    rows = []
    for label, name in named(costs).items():
        published = NETWORKS[label].width
        width = f"{widths[label] or published} (published: {published})"
        rows.append((name, width, *(getattr(costs[label], count) for count in COUNTS)))
    columns = ["network", "channels of the first layer", *COUNTS.values()]
    return pd.DataFrame(rows, columns=columns)


def resnet18_in_words(costs: Mapping[str, Cost], large: Cost) -> str:
    """Whether the page has a ResNet-18, or how much more it would cost; large: its cost."""
    if "resnet-18" in costs:
        return "ResNet-18 is among them."
    resnet = small_resnet(costs)
    own = costs[resnet]
    return (
        "ResNet-18 is trained at the scale `paper` only: on these images it takes "
        f"{large.multiply_adds / own.multiply_adds:.0f} times the multiply-adds of this page's "
        f"{named(costs)[resnet]} and has {large.parameters / own.parameters:.0f} times its "
        "parameters."
    )


def cost_in_short(costs: Mapping[str, Cost], resnet: str) -> str:
    """How the ResNet stands among the others in size and in work, in a sentence."""
    others, own = [cost for label, cost in costs.items() if label != resnet], costs[resnet]
    fewer = sum(own.parameters < cost.parameters for cost in others)
    more = sum(own.multiply_adds > cost.multiply_adds for cost in others)
    return (
        f"{named(costs)[resnet]} has {own.parameters:,} parameters, fewer than {fewer} of the "
        f"{len(others)} other networks, and takes {own.multiply_adds:,} multiply-adds an image, "
        f"more than {more} of them."
    )
