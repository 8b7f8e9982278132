"""Figures of the section on training heuristics (W, §5.1: Fig. 4 and 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN
from fhelpers.drawing import charts, comparisons, names, style
from fhelpers.drawing.comparisons import points
from fhelpers.drawing.labels import over_seeds
from fhelpers.sections.heuristics import claims

BANDS = comparisons.ALT["bands"]
# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "batch-sizes": comparisons.ALT["panels"].format(each="batch size"),
    "against-batch": (
        "Three panels against the batch size: accuracy on training and on test images, the gap "
        "between them, and for each radius the accuracy lost when the high part is removed. Points "
        "have intervals; a line joins them."
    ),
    "against-batch-equal": (
        "The same three panels against the batch size, each network taken when it first had the "
        "training accuracy that all reach, so that the training curve is flat."
    ),
    "heuristics": comparisons.ALT["panels"].format(each="heuristic"),
    "ends": comparisons.ALT["ends"].format(each="heuristic")
    + " Hollow diamonds are the paper's test accuracies, where it gives any.",
    "bands": BANDS.format(each="heuristic", first="vanilla training"),
    "bands-equal": BANDS.format(each="heuristic", first="vanilla training")
    + " Each network is taken when it first had the training accuracy that all reach.",
    "attacked": (
        "Two panels, adversarial training without and with crop and flip. In each a black curve is "
        "the accuracy on test images after each epoch and a green one that on attacked ones."
    ),
    "variants": comparisons.ALT["panels"].format(each="variant of mix-up and adversarial training"),
    "optimisers": comparisons.ALT["panels"].format(each="optimiser"),
    "optimiser-bands": BANDS.format(each="optimiser", first="Adam"),
}

HEURISTICS = {
    "vanilla": "vanilla",
    "dropout": "dropout",
    "mixup-0.5": "mix-up",
    "batchnorm": "BatchNorm",
    "adversarial": "adversarial",
}
VARIANTS = {
    "mixup-0.5": "mix-up,\nα = 0.5",
    "mixup-1": "mix-up,\nα = 1",
    "adversarial": "adversarial",
    "adversarial-crop-flip": "adversarial,\ncrop and flip",
}
EVERY = {
    "vanilla": "vanilla",
    "dropout": "dropout",
    "mixup-0.5": "mix-up, α = 0.5",
    "mixup-1": "mix-up, α = 1",
    "batchnorm": "BatchNorm",
    "adversarial": "adversarial",
    "adversarial-crop-flip": "with crop and flip",
}
OPTIMISERS = {"vanilla": "Adam", **names.OPTIMISERS}
ATTACKED = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with crop and flip"}
CHECKED = {"original": "clean images", "attacked": "under PGD"}


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
    """Accuracy under PGD after each epoch of adversarial training, beside that on clean images.

    history: runs.history with the labels of `ATTACKED`, whose part "attacked" holds the check on
    one batch of test images.
    """
    rows = history[(history.split == "test") & (history.scope == "subset")]
    rows = rows[rows.label.isin(list(ATTACKED)) & rows.part.isin(list(CHECKED))]
    lines = over_seeds(rows, ["label", "part", "epoch"], "accuracy")
    colours = dict(zip(CHECKED, map(style.COLOURS.get, ("original", "adversarial")), strict=True))

    def draw(panel: Axes, label: str) -> None:
        looks = {"by": "part", "colours": colours, "names": CHECKED}
        charts.curves(panel, lines[lines.label == label], x="epoch", **looks)
        panel.axhline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=1)

    figure, panels = charts.small_multiples(
        ATTACKED, 2.8, draw, head=0.6, xlabel="epochs of training", ylabel="accuracy on test images"
    )
    panels[0].set_xlim(0, rows.epoch.max())
    # The next tenth above all values: a scale that wastes no room on faint networks.
    style.percent(panels[0], highest=min(1.02, np.ceil(10 * rows.accuracy.max() + 0.5) / 10))
    entries = [(name, colours[part]) for part, name in CHECKED.items()]
    charts.key(figure, [*entries, charts.CHANCE])
    return figure


@style.styled
def against_batch(history: pd.DataFrame) -> Figure:
    """Accuracy, gap and dependence on the high part against the batch size.

    history: runs.history with labels batch-<size>, or one cut by `reliance.at_common_accuracy`.
    Values are from its rows of scope "all". Series stand side by side, or intervals would overlap.
    """
    sizes, radii = claims.batch_sizes(history.label), reliance.monitored_radii(history)
    black, reds = style.COLOURS["original"], style.shades("high", radii)
    contents = {
        "accuracy": {"training": (TRAIN, style.GREY), "test": (TEST, black)},
        "gap": {"gap": (GAP, black)},
        "lost without\nhigh part": {
            f"r = {radius:g}": (reliance.lost_without_high([radius]), reds[radius])
            for radius in radii
        },
    }
    figure, (panels,) = style.canvas(1, 3, 3.5)
    logs = {f"batch-{size}": np.log2(size) for size in sizes}
    for panel, (title, series) in zip(panels, contents.items(), strict=True):
        measures, colours = ({n: pair[k] for n, pair in series.items()} for k in (0, 1))
        rows = comparisons.estimates(history, logs, measures)
        steps = {name: 0.16 * (k - (len(series) - 1) / 2) for k, name in enumerate(series)}
        rows["place"] = rows.label.map(logs) + rows.measure.map(steps)
        looks = {"markers": "o", "bars": True, "linewidth": 1.2, "markersize": 4.5}
        charts.curves(panel, rows, x="place", by="measure", colours=colours, **looks)
        panel.set_xticks([*logs.values()], map(str, sizes), rotation=90 * (len(sizes) > 3))
        panel.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
        style.in_percent(panel.yaxis)
        panel.set_title(title, fontsize=11.5)
    figure.supxlabel("images in a batch", fontsize=12)
    lost = f"lost, r = {', '.join(f'{radius:g}' for radius in radii)}"
    entries = [("training", style.GREY), ("test, and gap", black), (lost, list(reds.values()))]
    charts.key(figure, entries, handlelength=3)
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


def in_short(verdicts: Mapping) -> str:
    """The section's finding: what batch size, mix-up and adversarial training changed."""
    found = {name: [part.estimate.value for part in each.parts] for name, each in verdicts.items()}
    text = ""
    if "W8" in found:
        _, test, gap, *_ = found["W8"]
        text = (
            f"From the largest batch to the smallest, test accuracy changes by {points(test)} "
            f"percentage points, the generalisation gap by {points(gap)} and the accuracy lost "
            f"without the high part by {points(found['W9'][0])}. "
        )
    kept, more, *_ = found["W11"]
    text += (
        f"Against vanilla training, mix-up changes test accuracy by {points(kept)} percentage "
        f"points and what is lost without the high part by {points(more)}"
    )
    if "W13" in found:
        cost, narrowed, *_ = found["W13"]
        text += (
            "; after equally many epochs, adversarial training changes test accuracy by "
            f"{points(-cost)} and the gap by {points(-narrowed)}"
        )
    return f"{text}."
