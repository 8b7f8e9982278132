"""Figures of the section on training heuristics (W, §5.1: Fig. 4 and 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN
from fhelpers.drawing import charts, comparisons, style
from fhelpers.drawing.names import NAMES
from fhelpers.drawing.names import OPTIMISERS as OTHER_OPTIMISERS
from fhelpers.sections.heuristics import claims

# What each figure shows, for those who cannot see it. Captions hold the numbers.
PANELS, BANDS = comparisons.ALT["panels"], comparisons.ALT["bands"]
BATCH = (
    "Three panels against the batch size: accuracy on training and on test images, the gap between "
    "them, and for two radii the accuracy lost when the high part is removed, with intervals."
)
ALT = {
    "batch-sizes": PANELS.format(each="batch size"),
    "against-batch": BATCH,
    "against-batch-equal": f"{BATCH} Each network is taken when it first had the training accuracy "
    "that all reach, so that the training curve is flat.",
    "heuristics": PANELS.format(each="heuristic"),
    "ends": comparisons.ALT["ends"].format(each="heuristic")
    + " Hollow diamonds are the paper's test accuracies, where it gives any.",
    "bands": BANDS.format(each="heuristic"),
    "bands-equal": BANDS.format(each="heuristic")
    + " Each network is taken when it first had the training accuracy that all reach.",
    "attacked": "Two panels, clean test images and test images under PGD. In each a solid green "
    "curve is the accuracy after each epoch of adversarial training without crop and flip, a "
    "dashed one that with them. A dotted line marks chance.",
    "variants": PANELS.format(each="variant of mix-up and adversarial training"),
    "optimisers": PANELS.format(each="optimiser"),
    "optimiser-bands": BANDS.format(each="optimiser"),
}

SHOWN = ("vanilla", "dropout", "mixup-0.5", "mixup-1", "batchnorm", "adversarial")
EVERY = {label: NAMES[label] for label in (*SHOWN, "adversarial-crop-flip")}
HEURISTICS = {label: NAMES[label] for label in SHOWN if label != "mixup-1"}
VARIANTS = {label: name for label, name in EVERY.items() if label.startswith(("mixup", "adv"))}
OPTIMISERS = {"vanilla": "Adam", **OTHER_OPTIMISERS}
ATTACKED = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with crop and flip"}
CHECKED = {"original": "clean images", "attacked": "images under PGD"}


def of_batches(labels: Sequence[str]) -> dict[str, str]:
    """The labels batch-<size> with the titles of their panels, by size.

    Raises ValueError when there is none: the plan leaves out what the training set cannot fill.
    """
    found = {f"batch-{size}": f"batch {size}" for size in claims.batch_sizes(labels)}
    if not found:
        raise ValueError(
            "batch_sizes is not possible: none fits into the scale's training images; give one "
            "that is not larger than their number"
        )
    return found


@style.styled
def attacked(history: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on clean test images and under PGD after each epoch of adversarial training."""
    rows = history[(history.split == "test") & (history.scope == "subset")]
    rows = rows[rows.label.isin(list(ATTACKED)) & rows.part.isin(list(CHECKED))]
    look = {"by": "label", "colours": style.COLOURS["adversarial"], "names": ATTACKED}
    look["styles"] = dict(zip(ATTACKED, ("-", "--"), strict=True))

    def draw(panel: Axes, part: str) -> None:
        charts.curves(panel, rows[rows.part == part], x="epoch", y="accuracy", **look)
        style.chance_line(panel, chance, where=None)

    figure, panels = charts.small_multiples(
        CHECKED, 2.8, draw, head=0.6, xlabel="epochs of training", ylabel="accuracy on test images"
    )
    panels[0].set_xlim(0, rows.epoch.max())
    panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.percent(panels[0], highest=min(1.02, np.ceil(10 * rows.accuracy.max() + 0.5) / 10))
    lines = [(name, look["colours"], "", look["styles"][la]) for la, name in ATTACKED.items()]
    charts.key(figure, [*lines, charts.CHANCE])
    return figure


@style.styled
def against_batch(history: pd.DataFrame) -> Figure:
    """Accuracy, gap and dependence on the high part against the batch size."""
    sizes, radii = claims.batch_sizes(history.label), reliance.monitored_radii(history)
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


# What the notebook puts into words and tables --------------------------------------------------


def warned(runs: Mapping[str, Sequence], chance: float) -> str:
    """The warnings of all records in a sentence, or that there is none.

    A collapse can only be seen from some height: adversarial training whose accuracy under PGD
    never exceeded twice `chance` is said not to have been judged.
    """
    named = [(f"{la}, seed {run.recipe.seed}", run) for la, group in runs.items() for run in group]
    found = [f"{name}: {text}" for name, run in named for text in run.record["warnings"]]
    low = [
        f"{label}, seed {run.recipe.seed}"
        for label in ATTACKED
        for run in runs[label]
        if not (peak_under_attack(run.history) > 2 * chance)
    ]
    text = f"**Warnings of the runs.** {'; '.join(found)}." if found else ""
    if low:
        text += (
            f" Whether adversarial training overfitted to its attack could not be judged for "
            f"{style.listing(low)}: the accuracy under PGD never exceeded twice that of a guess "
            f"({200 * chance:.0f} %)."
        )
    return text.strip() or "No run left a warning about its accuracy under PGD."


def peak_under_attack(history: pd.DataFrame) -> float:
    """The highest accuracy under PGD of a run once it was trained; NaN if it was not attacked."""
    return history.accuracy[(history.part == "attacked") & (history.epoch > 0)].max()


def left_out(wanted: Sequence[int], labels: Sequence[str], images: int) -> str:
    """Which batch sizes the plan had to leave out, in a sentence."""
    missing = sorted(set(wanted) - set(claims.batch_sizes(labels)))
    if not missing:
        return f"All batch sizes asked for fit into the {images:,} training images."
    each = "batch size" if len(missing) == 1 else "batch sizes"
    return (
        f"Left out: {each} {style.listing(missing)}, more than the {images:,} training images "
        "that this scale has."
    )


def under_attack(history: pd.DataFrame) -> str:
    """Accuracy under PGD at the end of adversarial training, in a sentence."""
    rows = history[history.part == "attacked"]
    last = rows[rows.epoch == rows.groupby("label").epoch.transform("max")]
    ends = last.groupby("label").accuracy.mean()
    listed = " and ".join(f"{100 * ends[label]:.0f} % {name}" for label, name in ATTACKED.items())
    return f"Under PGD, the test accuracy at the end of adversarial training is {listed}."


def trained_for(runs: Mapping[str, Sequence]) -> str:
    """Whether adversarial training had as many epochs as the other networks, in a sentence."""
    plain, attacked = (runs[label][0].recipe.epochs for label in ("vanilla", "adversarial"))
    if plain == attacked:
        return f"All networks are trained for {plain} epochs, adversarial training too."
    return (
        f"Adversarial training attacks every batch before it learns from it and takes many times "
        f"as long, so at this scale it has {attacked} epochs and everything else {plain}: where "
        "its accuracy is lower or its gap smaller, part of that may be due to the epochs."
    )
