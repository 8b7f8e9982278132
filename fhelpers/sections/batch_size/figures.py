"""Figures of the section on batch size and optimiser (W, §5.1: Fig. 4)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN
from fhelpers.drawing import charts, comparisons, style
from fhelpers.drawing.names import OPTIMISERS as OTHERS

PANELS, BANDS = comparisons.ALT["panels"], comparisons.ALT["bands"]
BATCH = (
    "Three panels against the batch size: accuracy on training and on test images, the gap between "
    "them, and for two radii the accuracy lost when the high part is removed, with intervals."
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
    """The labels batch-<size> with the titles of their panels, by size.

    Raises ValueError when there is none: the plan leaves out what the training set cannot fill.
    """
    found = {f"batch-{size}": f"batch {size}" for size in reliance.batch_sizes(labels)}
    if not found:
        raise ValueError(
            "batch_sizes is not possible: none fits into the scale's training images; give one "
            "that is not larger than their number"
        )
    return found


@style.styled
def against(history: pd.DataFrame) -> Figure:
    """Accuracy, gap and dependence on the high part against the batch size."""
    labels = {f"batch-{size}": str(size) for size in reliance.batch_sizes(history.label)}
    reds = style.shades("high", comparisons.two_radii(reliance.monitored_radii(history)))
    lost = {f"r = {radius:g}": reliance.lost_without_high([radius]) for radius in reds}
    contents = {"accuracy": {"training": TRAIN, "test": TEST}, "gap": {"gap": GAP}}
    contents |= {"lost without\nhigh part": lost}
    black = style.COLOURS["original"]
    colours = {"training": style.GREY, "test": black, "gap": black}
    colours |= dict(zip(lost, reds.values(), strict=True))
    markers = dict(zip(colours, "soo" + "^v", strict=False))
    look = {"by": "measure", "colours": colours, "markers": markers, "styles": "-", "dodge": 0.22}
    look |= {"order": labels, "upright": True, "markersize": 5}

    def draw(panel: Axes, title: str) -> None:
        rows = comparisons.estimates(history, labels, contents[title])
        charts.dots(panel, rows, at="label", **look)
        panel.tick_params(axis="x", rotation=90 * (len(labels) > 3))
        panel.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
        style.in_percent(panel.yaxis)

    words = {"columns": 3, "sharex": False, "sharey": False, "xlabel": "images in a batch"}
    figure, _ = charts.small_multiples([*contents], 3.5, draw, **words)
    said = {"training": "training", "test": "test, and gap"}
    said |= {each: f"lost, {each}" for each in lost}
    return charts.key(figure, [(text, colours[each], markers[each]) for each, text in said.items()])


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
