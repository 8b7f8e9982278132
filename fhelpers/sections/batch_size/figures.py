"""Figures of the section on batch size and optimiser (W, §5.1: Fig. 4)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN
from fhelpers.drawing import charts, comparisons, style
from fhelpers.drawing.names import OPTIMISERS as OTHERS

# What each figure shows, for those who cannot see it. Captions hold the numbers.
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
    sizes, radii = reliance.batch_sizes(history.label), reliance.monitored_radii(history)
    radii = comparisons.two_radii(radii)
    black, reds = style.COLOURS["original"], style.shades("high", radii)
    lost = {f"r = {radius:g}": reliance.lost_without_high([radius]) for radius in radii}
    contents = {
        "accuracy": {"training": TRAIN, "test": TEST},
        "gap": {"gap": GAP},
        "lost without\nhigh part": lost,
    }
    colours = {"training": style.GREY, "test": black, "gap": black}
    colours |= dict(zip(lost, reds.values(), strict=True))
    markers = dict(zip(colours, "soo" + "^v", strict=False))
    figure, (panels,) = style.canvas(1, 3, 3.5)
    labels = {f"batch-{size}": str(size) for size in sizes}
    look = {"by": "measure", "colours": colours, "markers": markers, "styles": "-", "dodge": 0.22}
    for panel, (title, measures) in zip(panels, contents.items(), strict=True):
        rows = comparisons.estimates(history, labels, measures)
        charts.dots(panel, rows, at="label", order=labels, upright=True, markersize=5, **look)
        panel.tick_params(axis="x", rotation=90 * (len(sizes) > 3))
        panel.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
        style.in_percent(panel.yaxis)
        panel.set_title(title)
    figure.supxlabel("images in a batch", fontsize=12)
    said = {"training": "training", "test": "test, and gap"} | {
        each: f"lost, {each}" for each in lost
    }
    charts.key(figure, [(text, colours[name], markers[name]) for name, text in said.items()])
    return figure


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
