"""Figures of the section on kinds of networks (W, §5.1)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import charts, comparisons, style
from fhelpers.networks import NETWORKS
from fhelpers.networks.cost import Cost
from fhelpers.sections.architectures.claims import EQUAL, small_resnet, title

ALT = {
    "epochs": comparisons.ALT["panels"].format(each="kind of network"),
    "ends": comparisons.ALT["ends"].format(each="kind of network"),
    "bands": comparisons.ALT["bands"].format(each="kind of network"),
    "cost": "Six panels. Test accuracy, generalisation gap and the accuracy lost without the high "
    "part, one below the other, against the number of parameters on the left and the "
    "multiply-adds of one image on the right, both on logarithmic axes. A marker for each kind of "
    "network; hollow ones, close to the ResNet's, are versions of the other networks with about as "
    "many.",
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
    names = {label: title(label) for label in costs}
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    measures = {"test accuracy": TEST, "gap": GAP, "lost without\nhigh part": lost}
    rows = comparisons.estimates(history, names, measures)
    for count in COUNTS:
        rows[count] = [getattr(costs[label], count) for label in rows.label]
    look = {"order": "scale", "upright": True, "by": "label", "names": names, "markersize": 8}
    look |= {"colours": colour, "markers": lambda label, _: marker(label)}
    figure, axes = style.canvas(3, 2, 7.2, sharex="col", sharey="row")
    for row, (measure, own) in zip(axes, rows.groupby("measure", sort=False), strict=True):
        for panel, (count, words) in zip(row, COUNTS.items(), strict=True):
            equal = own.label.str.endswith(count.replace("_", "-"))
            charts.dots(panel, own[equal], at=count, hollow=True, **look)
            charts.dots(panel, own[own.label.isin(named(costs))], at=count, **look)
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
        row[0].set_ylabel(measure)
    marks = [(name, colour(label), marker(label), "") for label, name in named(costs).items()]
    if len(costs) > len(marks):
        marks.append(("as large as the ResNet", style.GREY, "o", "", charts.HOLLOW))
    return charts.key(figure, marks, columnspacing=1.2)


def colour(label: str, *_) -> str:
    """The ResNet, which the claim is about, in black; the networks it is compared with in grey."""
    return style.INK if label.startswith("resnet") else style.GREY


def marker(label: str) -> str:
    """The marker of a network, whatever its width."""
    for count in EQUAL:
        label = label.removesuffix(f"-{count}")
    return MARKERS.get(label, "o")


def costs_table(costs: Mapping[str, Cost], widths: Mapping[str, int | None]) -> pd.DataFrame:
    """Width, parameters and multiply-adds of each network as a table."""
    rows = []
    for label, name in named(costs).items():
        full = NETWORKS[label].width
        width = f"{widths[label] or full} (full width: {full})"
        rows.append((name, width, *(getattr(costs[label], count) for count in COUNTS)))
    columns = ["network", "channels of the first layer", *COUNTS.values()]
    return pd.DataFrame(rows, columns=columns)


def resnet18_in_words(costs: Mapping[str, Cost], large: Cost) -> str:
    """Whether the page has a ResNet-18, or how much more it would cost; large: its cost."""
    resnet = small_resnet(costs)
    own, name = costs[resnet], named(costs)[resnet]
    n = (int(resnet.removeprefix("resnet-")) - 2) // 6
    family = f"{name} has 6n + 2 layers with n = {n}; that of the released code has n = 5."
    if "resnet-18" in costs:
        return f"{family} ResNet-18 is among the networks, too."
    return (
        f"{family} ResNet-18 is trained at the scale `paper` only: on these images it takes "
        f"{large.multiply_adds / own.multiply_adds:.0f} times the multiply-adds of this page's "
        f"{name} and has {large.parameters / own.parameters:.0f} times its "
        "parameters."
    )


def gaps_in_words(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The gap of every network, and that it says nothing new where all fit their images."""
    text = comparisons.gaps(history, names)
    if min(effect(history, {label: 1}, TRAIN).value for label in names) < 0.995:
        return text
    return (
        f"{text} All networks fit their training images, so that the gap is 100 % minus the test "
        "accuracy and says nothing new."
    )


def lost_in_words(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """What all bands beyond the smallest radius add, and whether least to the ResNet."""
    radius = min(reliance.monitored_radii(history))
    lost, resnet = reliance.lost_without_high([radius]), small_resnet(names)
    groups = {"less than": [], "more than": [], "not clearly less or more than": []}
    for label in names:
        if label != resnet:
            more = effect(history, {resnet: 1, label: -1}, lost)
            side = "less than" if more.high < 0 else "more than" if more.low > 0 else [*groups][2]
            groups[side].append(names[label])
    here = ", ".join(f"{side} {style.listing(own)}" for side, own in groups.items() if own)
    return (
        f"Percentage points that all bands beyond r = {radius:g} add to the test accuracy: "
        f"{comparisons.listed(history, names, lost)}. The paper expects the ResNet to lose least "
        f"without them; here it loses {here}."
    )


def equal_in_words(history: pd.DataFrame, labels) -> str:
    """Test accuracies of networks as large as the ResNet, in a sentence; nothing without any."""
    said = []
    for count in EQUAL:
        own = {label: title(label.removesuffix(f"-{count}")) for label in labels if count in label}
        scores = comparisons.estimates(history, own, {"": TEST}).value
        listed = [f"{n} {100 * v:.0f} %" for n, v in zip(own.values(), scores, strict=True)]
        said += [f"with about as many {count} {style.listing(listed)}"] * bool(listed)
    resnet = 100 * effect(history, {small_resnet(labels): 1}, TEST).value
    start = f"The ResNet reaches a test accuracy of {resnet:.0f} %"
    return f"{'; '.join([start, *said])}." if said else ""


def cost_in_short(costs: Mapping[str, Cost], resnet: str) -> str:
    """How the ResNet stands among the others in size and in work, in a sentence."""
    others, own = [cost for label, cost in costs.items() if label != resnet], costs[resnet]
    fewer = sum(own.parameters < cost.parameters for cost in others)
    more = sum(own.multiply_adds > cost.multiply_adds for cost in others)
    return (
        f"{named(costs)[resnet]} has {own.parameters:,} parameters and takes {own.multiply_adds:,} "
        f"multiply-adds per image; of the {len(others)} other networks {fewer} have more "
        f"parameters and {more} take fewer multiply-adds."
    )
