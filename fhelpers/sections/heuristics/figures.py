"""Figures of the section on training heuristics (W, §5.1: Fig. 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.drawing import charts, comparisons, style
from fhelpers.drawing.names import NAMES

PANELS, BANDS = comparisons.ALT["panels"], comparisons.ALT["bands"]
ALT = {
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
}

SHOWN = ("vanilla", "dropout", "mixup-0.5", "mixup-1", "batchnorm", "adversarial")
EVERY = {label: NAMES[label] for label in (*SHOWN, "adversarial-crop-flip")}
HEURISTICS = {label: NAMES[label] for label in SHOWN if label != "mixup-1"}
VARIANTS = {label: name for label, name in EVERY.items() if label.startswith(("mixup", "adv"))}
ATTACKED = {"adversarial": "without crop and flip", "adversarial-crop-flip": "with crop and flip"}
CHECKED = {"original": "clean images", "attacked": "images under PGD"}


@style.styled
def attacked(history: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on clean test images and under PGD after each epoch of adversarial training."""
    rows = history[(history.split == "test") & (history.scope == "subset")]
    rows = rows[rows.label.isin(list(ATTACKED)) & rows.part.isin(list(CHECKED))]
    look = {"by": "label", "colours": style.COLOURS["adversarial"], "names": ATTACKED}
    look["styles"] = dict(zip(ATTACKED, ("-", "--"), strict=True))

    def draw(panel: Axes, part: str) -> None:
        charts.curves(panel, rows[rows.part == part], x="epoch", y="accuracy", **look)
        style.chance_line(panel, chance)

    figure, panels = charts.small_multiples(
        CHECKED, 2.8, draw, head=0.6, xlabel="epochs of training", ylabel="accuracy on test images"
    )
    charts.over_epochs(panels[0], rows)
    style.percent(panels[0], highest=min(1.02, np.ceil(10 * rows.accuracy.max() + 0.5) / 10))
    return charts.key(figure, [*charts.entries(*panels), charts.CHANCE])


def warned(runs: Mapping[str, Sequence], chance: float) -> str:
    """The warnings of all records, and which runs under PGD stayed too low to be judged."""
    found, low = [], []
    for label, run in ((label, run) for label, group in runs.items() for run in group):
        name = f"{NAMES.get(label, label)}, seed {run.recipe.seed}"
        found += [f"{name}: {text}" for text in run.record["warnings"]]
        peak = run.history.query("part == 'attacked' and epoch > 0").accuracy.max()
        low += [name] * (label in ATTACKED and not peak > chance + 0.1)
    text = f"**Warnings of the runs.** {'; '.join(found)}." if found else ""
    if low:
        text += (
            f" Whether adversarial training overfitted to its attack could not be judged for "
            f"{style.listing(low)}: the accuracy under PGD never exceeded that of a guess by "
            f"more than ten points ({100 * chance + 10:.0f} %)."
        )
    return text.strip() or "No run triggered a warning about its accuracy under PGD."


def under_attack(history: pd.DataFrame) -> str:
    """Accuracy under PGD at the end of adversarial training, in a sentence."""
    rows = history[history.part == "attacked"]
    last = rows[rows.epoch == rows.groupby("label").epoch.transform("max")]
    ends = last.groupby("label").accuracy.mean()
    listed = style.listing(f"{100 * ends[la]:.0f} % {name}" for la, name in ATTACKED.items())
    return (
        f"Under PGD, the accuracy on {rows.images.min():,} test images at the end of adversarial "
        f"training is {listed}."
    )


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
