"""Figures of the section on training heuristics (W, §5.1: Fig. 4 and 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import comparisons, names, style
from fhelpers.drawing.comparisons import points
from fhelpers.drawing.labels import over_seeds
from fhelpers.sections.heuristics import claims

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
    "bands": comparisons.ALT["bands"].format(each="heuristic", first="vanilla training"),
    "bands-equal": comparisons.ALT["bands"].format(each="heuristic", first="vanilla training")
    + " Each network is taken when it first had the training accuracy that all reach.",
    "attacked": (
        "Two panels, adversarial training without and with crop and flip. In each a black curve is "
        "the accuracy on test images after each epoch and a green one that on attacked ones."
    ),
    "variants": comparisons.ALT["panels"].format(each="variant of mix-up and adversarial training"),
    "optimisers": comparisons.ALT["panels"].format(each="optimiser"),
    "optimiser-bands": comparisons.ALT["bands"].format(each="optimiser", first="Adam"),
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
    figure, axes = style.canvas(1, len(ATTACKED), 3.3, sharex=True, sharey=True)
    rows = history[(history.split == "test") & (history.scope == "subset")]
    colours = {"original": style.COLOURS["original"], "attacked": style.COLOURS["adversarial"]}
    for panel, label in zip(axes[0], ATTACKED, strict=True):
        own = rows[(rows.label == label) & rows.part.isin(list(colours))]
        curves, ends = over_seeds(own, ["part", "epoch"], "accuracy"), []
        for part, colour in colours.items():
            line = curves[curves.part == part]
            panel.plot(line.epoch, line.value, color=colour)
            style.band(panel, line.epoch, line.low, line.high, colour)
            name = "clean" if part == "original" else "under\nPGD"
            ends.append((line.value.iloc[-1], name, colour))
        panel.set(xlabel="epochs of training", xlim=(0, own.epoch.max()))
        panel.set_title(ATTACKED[label])
        panel.axhline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=1)
    style.percent(axes[0, 0], highest=round_up(rows[rows.label.isin(list(ATTACKED))].accuracy))
    style.chance_line(axes[0, 0], chance, where=0.6)
    axes[0, 0].set_ylabel("accuracy on test images")
    style.label_ends(axes[0, -1], ends, gap=0.14)
    return figure


def round_up(accuracies: Sequence[float]) -> float:
    """The next tenth above all values: a scale that wastes no room on faint networks."""
    return min(1.02, np.ceil(10 * max(accuracies) + 0.5) / 10)


@style.styled
def against_batch(history: pd.DataFrame) -> Figure:
    """Accuracy, gap and dependence on the high part against the batch size.

    history: runs.history with labels batch-<size>, or one cut by `reliance.at_common_accuracy`.
    Values are from its rows of scope "all".
    """
    sizes, radii = claims.batch_sizes(history.label), reliance.watched_radii(history)
    figure, ((left, middle, right),) = style.canvas(1, 3, 3.5)
    accuracies = []
    for name, measure, colour in (
        ("train", TRAIN, style.GREY),
        ("test", TEST, style.COLOURS["original"]),
    ):
        end = draw_sizes(left, history, sizes, measure, colour)
        accuracies.append((end, name, colour))
    draw_sizes(middle, history, sizes, GAP, style.COLOURS["original"])
    shades, losses = style.shades("high", radii), []
    for radius in radii:
        lost = reliance.lost_without_high([radius])
        end = draw_sizes(right, history, sizes, lost, shades[radius])
        losses.append((end, f"r = {radius:g}", shades[radius]))
    for panel, title in zip(
        (left, middle, right), ("accuracy", "gap", "lost without\nhigh part"), strict=True
    ):
        finish_sizes(panel, sizes, title)
    style.label_ends(left, accuracies, gap=0.1)
    style.label_ends(right, losses, gap=0.1)
    figure.supxlabel("images in a batch", fontsize=12)
    return figure


def draw_sizes(axes: Axes, history, sizes: Sequence[int], measure, colour: str) -> float:
    """A measure against the batch size with its intervals; returns where the line ends."""
    found = [effect(history, {f"batch-{size}": 1}, measure) for size in sizes]
    axes.plot(sizes, [one.value for one in found], color=colour, linewidth=1.4)
    for size, one in zip(sizes, found, strict=True):
        style.point(axes, size, one, colour, markersize=5)
    return found[-1].value


def finish_sizes(axes: Axes, sizes: Sequence[int], title: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes], rotation=90 if len(sizes) > 3 else 0)
    axes.minorticks_off()
    axes.locator_params(axis="y", steps=[1, 2, 5, 10])  # whole per cents
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
    axes.set_title(title, fontsize=11.5)


# What the notebook puts into words and tables --------------------------------------------------


def at_equal_epochs(history: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """The last epoch of adversarial training, and how it and vanilla stand then.

    Mean over seeds of the accuracies on the watched images.
    """
    labels = {"vanilla": "vanilla", "adversarial": "adversarial"}
    rows = history[history.label.isin(list(labels)) & (history.scope == "subset")]
    rows = rows[rows.part == "original"]
    epoch = int(rows.groupby("label").epoch.max().min())
    wide = rows[rows.epoch == epoch].pivot_table(
        index="label", columns="split", values="accuracy", aggfunc="mean"
    )
    table = pd.DataFrame(
        {
            "network": list(labels.values()),
            "training accuracy": wide.train[list(labels)].to_list(),
            "test accuracy": wide.test[list(labels)].to_list(),
        }
    )
    return epoch, table.assign(gap=table["training accuracy"] - table["test accuracy"])


def warned(runs: Mapping[str, Sequence], chance: float) -> str:
    """The warnings of all records in a sentence, or that there is none.

    A collapse can only be seen from some height: adversarial training whose accuracy under PGD
    never exceeded twice `chance` is said not to have been judged.
    """
    found = [
        f"{label}, seed {run.recipe.seed}: {text}"
        for label, group in runs.items()
        for run in group
        for text in run.record["warnings"]
    ]
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
    told = [f"{100 * ends[label]:.0f} % {name}" for label, name in ATTACKED.items()]
    return f"Under PGD, adversarial training ends with {' and '.join(told)} of a test batch right."


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
    text = ""
    if "W8" in verdicts:
        _, test, gap = (part.estimate.value for part in verdicts["W8"].parts)
        lost = verdicts["W9"].estimate.value
        text = (
            f"From the largest batch to the smallest, test accuracy changes by {points(test)} "
            f"percentage points, the generalisation gap by {points(gap)} and the accuracy lost "
            f"without the high part by {points(lost)}. "
        )
    kept, more = (part.estimate.value for part in verdicts["W11"].parts)
    text += (
        f"Against vanilla training, mix-up changes test accuracy by {points(kept)} percentage "
        f"points and what is lost without the high part by {points(more)}"
    )
    if "W13" not in verdicts:
        return f"{text}."
    cost, narrowed, *_ = (part.estimate.value for part in verdicts["W13"].parts)
    return (
        f"{text}; adversarial training changes test accuracy by {points(-cost)} and the gap by "
        f"{points(-narrowed)}."
    )
