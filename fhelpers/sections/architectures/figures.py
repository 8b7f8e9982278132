"""Figures of the section on kinds of networks (W, §5.1)."""

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, effect
from fhelpers.drawing import comparisons, style
from fhelpers.networks import NETWORKS
from fhelpers.networks.cost import Cost
from fhelpers.sections.architectures.claims import small_resnet

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "epochs": comparisons.ALT["panels"].format(each="kind of network"),
    "ends": comparisons.ALT["ends"].format(each="kind of network"),
    "bands": comparisons.ALT["bands"].format(each="kind of network", first="the ResNet"),
    "cost": (
        "Six panels. Test accuracy, generalisation gap and the accuracy lost without the high "
        "part, one below the other, against the number of parameters on the left and the "
        "multiply-adds of one image on the right, both on logarithmic axes. A marker for each kind "
        "of network."
    ),
}
MARKERS = {"lenet": "s", "alexnet": "^", "vgg-11": "v", "resnet-18": "P"}


def named(labels) -> dict[str, str]:
    """The labels of a history with their names, the 6n + 2 ResNet first."""
    resnet = small_resnet(labels)
    others = [label for label in NETWORKS if label in set(labels) and label != resnet]
    return {label: NETWORKS[label].title for label in (resnet, *others)}


@style.styled
def against_cost(history: pd.DataFrame, costs: Mapping[str, Cost]) -> Figure:
    """Accuracy, gap and dependence on the high part against the size and the work of a network.

    history: runs.history with a label for each network; costs: by label. If what is seen followed
    from size alone, the points of a panel would lie on one rising or falling line.
    """
    lost = reliance.lost_without_high(reliance.watched_radii(history))
    measures = {"test accuracy": TEST, "gap": GAP, "lost without\nhigh part": lost}
    sizes = {
        "parameters": {label: cost.parameters for label, cost in costs.items()},
        "multiply-adds per image": {label: cost.multiply_adds for label, cost in costs.items()},
    }
    names = named(costs)
    figure, axes = style.canvas(3, 2, 7.2, sharex="col", sharey="row")
    for row, (title, measure) in zip(axes, measures.items(), strict=True):
        found = {label: effect(history, {label: 1}, measure) for label in names}
        for panel, size in zip(row, sizes.values(), strict=True):
            for label, one in found.items():
                options = {"marker": MARKERS.get(label, "o"), "label": names[label]}
                style.point(panel, size[label], one, colour_of(label), markersize=8, **options)
        finish_measure(row[0], title)
    for panel, (title, counts) in zip(axes[-1], sizes.items(), strict=True):
        finish_counts(panel, title, counts.values())
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=len(names), columnspacing=1.2)
    return figure


def colour_of(label: str) -> str:
    """The ResNet, which the claim is about, in black; the networks it is compared with in grey."""
    return style.COLOURS["original"] if label.startswith("resnet") else style.GREY


def finish_measure(axes: Axes, title: str) -> None:
    axes.set_ylabel(title)
    axes.locator_params(axis="y", steps=[1, 2, 5, 10])  # whole per cents
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    low, high = axes.get_ylim()
    room = 0.06 * (high - min(low, 0))  # or a marker at the edge would be cut
    axes.set_ylim(min(low, 0) - room, max(high, 0.02) + room)


def finish_counts(axes: Axes, title: str, counts: Iterable[int]) -> None:
    """A logarithmic axis for counts, a tick at every 1, 2 and 5 of each power of ten."""
    axes.set_xscale("log")
    axes.set(xlabel=title, xlim=(min(counts) / 1.6, max(counts) * 1.6))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: in_short(value))
    axes.minorticks_off()
    axes.tick_params(axis="x", rotation=45)


def in_short(count: float) -> str:
    """A count in thousands (k) or millions (M)."""
    return f"{count / 1e6:g} M" if count >= 1e6 else f"{count / 1e3:g} k"


def costs_table(costs: Mapping[str, Cost], widths: Mapping[str, int | None]) -> pd.DataFrame:
    """Width, parameters and multiply-adds of each network as a table.

    widths: channels of the first layer by label, None for as many as published.
    """
    rows = []
    for label, name in named(costs).items():
        published = NETWORKS[label].width
        width = f"{widths[label] or published} (published: {published})"
        counts = costs[label].parameters, costs[label].multiply_adds
        rows.append((name, width, *counts))
    columns = ["network", "channels of the first layer", "parameters", "multiply-adds per image"]
    return pd.DataFrame(rows, columns=columns)


def widths_in_words(widths: Mapping[str, int | None]) -> str:
    """Which networks are narrower than published, in a sentence; widths as for `costs_table`."""
    factors = {la: NETWORKS[la].width / width for la, width in widths.items() if width}
    names = named(widths)
    narrow = [f"{names[la]} by a factor of {f:g}" for la, f in factors.items() if f != 1]
    if not narrow:
        return "All networks have as many channels as published."
    return f"To save time, networks have fewer channels than published: {style.listing(narrow)}."


def others_in_short(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Test accuracies, gaps and losses of the networks that a ResNet is compared with, as spans."""
    lost = reliance.lost_without_high(reliance.watched_radii(history))
    spans = []
    for measure in (TEST, GAP, lost):
        values = [round(100 * effect(history, {label: 1}, measure).value) for label in names]
        spans.append(f"{min(values)} to {max(values)}")
    return (
        f"For {style.listing(names.values())} the test accuracy is {spans[0]} %, the gap "
        f"{spans[1]} percentage points and the loss without the high part {spans[2]}."
    )


def resnet18_in_words(costs: Mapping[str, Cost], large: Cost) -> str:
    """Whether the page has a ResNet-18, or how much more it would cost; large: its cost."""
    if "resnet-18" in costs:
        return "ResNet-18 is among them."
    resnet = small_resnet(costs)
    own, name = costs[resnet], named(costs)[resnet]
    return (
        "ResNet-18 is trained at the scale `paper` only: on these images it takes "
        f"{large.multiply_adds / own.multiply_adds:.0f} times the multiply-adds of this page's "
        f"{name} and has {large.parameters / own.parameters:.0f} times its parameters."
    )


def cost_in_short(costs: Mapping[str, Cost], resnet: str) -> str:
    """How the ResNet stands among the others in size and in work, in a sentence."""
    others = [cost for label, cost in costs.items() if label != resnet]
    name, own = named(costs)[resnet], costs[resnet]
    fewer = sum(own.parameters < cost.parameters for cost in others)
    more = sum(own.multiply_adds > cost.multiply_adds for cost in others)
    return (
        f"{name} has {own.parameters:,} parameters, fewer than {fewer} of the {len(others)} other "
        f"networks, and takes {own.multiply_adds:,} multiply-adds an image, more than {more} of "
        "them."
    )
