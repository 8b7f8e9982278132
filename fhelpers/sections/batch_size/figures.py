"""Figures of the section on batch size and optimiser (W, §5.1: Fig. 4)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import charts, comparisons, style
from fhelpers.drawing.names import OPTIMISERS as OTHERS

PANELS, BANDS = comparisons.ALT["panels"], comparisons.ALT["bands"]
BATCH = (
    "Three panels against the batch size: accuracy on training and on test images, the gap between "
    "them, and the accuracy lost when the high part is removed, for two radii and as the mean over "
    "all of them, with intervals."
)
ALT = {
    "curves": PANELS.format(each="batch size"),
    "against": BATCH,
    "against-equal": f"{BATCH} Each network is taken when it first had the training accuracy that "
    "all reach, so that the training curve is flat.",
    "optimisers": PANELS.format(each="optimiser"),
    "optimiser-bands": BANDS.format(each="optimiser"),
}
OPTIMISERS = {"vanilla": "Adam", **OTHERS}


def of_batches(labels: Sequence[str]) -> dict[str, str]:
    """The labels batch-<size> with the titles of their panels, by size."""
    return {f"batch-{size}": f"batch {size}" for size in reliance.batch_sizes(labels)}


@style.styled
def against(history: pd.DataFrame) -> Figure:
    """Accuracy, gap and dependence on the high part against the batch size."""
    labels = {f"batch-{size}": str(size) for size in reliance.batch_sizes(history.label)}
    radii = reliance.monitored_radii(history)
    reds = style.shades("high", comparisons.two_radii(radii))
    lost = {f"r = {radius:g}": reliance.lost_without_high([radius]) for radius in reds}
    if len(radii) > 1:
        lost["mean over the radii"] = reliance.lost_without_high(radii)
    contents = {"accuracy": {"training": TRAIN, "test": TEST}, "gap, in points": {"gap": GAP}}
    contents |= {"lost, in points": lost}
    black = style.COLOURS["original"]
    colours = {"training": style.GREY, "test": black, "gap": black}
    colours |= dict(zip(lost, [*reds.values(), black], strict=False))
    markers = dict.fromkeys(colours, "o") | {"training": "s"} | dict(zip(lost, "^v", strict=False))
    look = {"by": "measure", "colours": colours, "markers": markers, "styles": "-", "dodge": 0.22}
    look |= {"order": labels, "upright": True, "markersize": 5}

    def draw(panel: Axes, title: str) -> None:
        rows = comparisons.estimates(history, labels, contents[title])
        charts.dots(panel, rows, at="label", **look)
        panel.tick_params(axis="x", rotation=90 * (len(labels) > 3))
        panel.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
        style.in_percent(panel.yaxis, unit="" if "points" in title else " %")

    words = {"columns": 3, "sharex": False, "sharey": False, "xlabel": "images in a batch"}
    figure, _ = charts.small_multiples([*contents], 3.5, draw, **words)
    said = {"training": "training", "test": "test, and gap"}
    said |= {each: f"lost, {each}" for each in lost}
    return charts.key(figure, [(text, colours[each], markers[each]) for each, text in said.items()])


def in_points(history: pd.DataFrame) -> str:
    """The gap and the mean accuracy lost of every batch size, in two sentences."""
    names, radii = of_batches(history.label), reliance.monitored_radii(history)
    lost = comparisons.listed(history, names, reliance.lost_without_high(radii))
    over = f", mean over {reliance.named(radii)}" * (len(radii) > 1)
    return f"{comparisons.gaps(history, names)} Lost without the high part{over}: {lost}."


def ends_low(history: pd.DataFrame) -> str:
    """The batch sizes whose training ends lower, and whether the fall of the gap is theirs."""
    sizes = reliance.batch_sizes(history.label)
    train, gap = (
        {size: effect(history, {f"batch-{size}": 1}, measure).value for size in sizes}
        for measure in (TRAIN, GAP)
    )
    low = [size for size in sizes if train[size] < max(train.values()) - 0.1]
    if not low:
        return ""
    ends = style.listing(f"{100 * train[size]:.0f} %" for size in low)
    fall, before = (gap[each[0]] - gap[each[-1]] for each in (sizes, sizes[: -len(low)] or sizes))
    theirs = low == sizes[-len(low) :] and fall > 0 and before < fall / 2
    return (
        f"Batches of {style.listing(low)} images end at training accuracies of only {ends}"
        f"{', and most of the fall of the gap is theirs' if theirs else ''}."
    )


def not_chosen_here(scale: str, dataset: str) -> str:
    """Where the learning rates come from, unless they were chosen for this very set-up."""
    if (scale, dataset) == ("quick", "cifar10"):
        return ""
    return (
        " They were chosen at scale quick on CIFAR-10 and not again here, so a difference between "
        "optimisers may be one between well and badly chosen rates."
    )


def left_out(wanted: Sequence[int], labels: Sequence[str], images: int) -> str:
    """Which batch sizes the plan had to leave out, in a sentence."""
    missing = sorted(set(wanted) - set(reliance.batch_sizes(labels)))
    if not missing:
        return f"All batch sizes asked for fit into the {images:,} training images."
    each = "batch size" if len(missing) == 1 else "batch sizes"
    return (
        f"Left out: {each} {style.listing(missing)}, more than the {images:,} training images "
        "that this scale has."
    )
