"""Figures of several networks: epoch by epoch, at the end, band by band.

All take runs.history, or what `at_common_accuracy` cuts from it, and labels with their names.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers import intervals
from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import charts, style, tables

# What the figures show, for those who cannot see it; {each} is what differs between networks.
ALT = {
    "panels": "A panel for each {each}: after each epoch the accuracy on whole test images in "
    "black, on their low parts in blue and on their high parts in vermilion, dashed at the small "
    "radius and solid at the large one. A thin grey curve is the accuracy on training images.",
    "ends": "A row for each {each}. A filled point is the accuracy on test images, an open circle "
    "that on training images; the line between them is the gap.",
    "bands": "A table in colours with a row for each {each} and a column for each band of "
    "frequencies. A cell holds what adding the band to all lower ones adds to the accuracy, with "
    "its interval; the last column sums up the bands beyond the smallest radius.",
}
SPLITS = {"train": "training images", "test": "test images"}


def two_radii(radii) -> list[float]:
    """The radii 4 and 12 where both are there, else the smallest and the largest."""
    return [4, 12] if {4, 12} <= set(radii) else sorted({min(radii), max(radii)})


@style.styled
def panels(history: pd.DataFrame, names: Mapping[str, str], chance: float) -> Figure:
    """W, Fig. 4 and 5: accuracy on whole test images and on their parts after each epoch."""
    rows = history[history.label.isin(list(names)) & (history.scope == "subset")]
    radii = two_radii(rows.radius.dropna().unique())
    shown = (rows.split == "test") & rows.part.isin(["low", "high"]) & rows.radius.isin(radii)
    rows = rows[shown | (rows.part == "original")]
    dashes = dict(zip(radii, ("--", "-") if len(radii) > 1 else "-", strict=True))
    look = {
        "colours": lambda split, part, _: style.COLOURS[part] if split == "test" else style.GREY,
        "names": lambda split, *part: f"{SPLITS[split]}: {style.part_name(*part)}",
        "styles": lambda split, part, radius: dashes.get(radius, "-"), "linewidth": 1.7,
    }  # fmt: skip

    def draw(panel: Axes, label: str) -> None:
        own = rows[rows.label == label]
        charts.curves(panel, own, x="epoch", y="accuracy", by=["split", "part", "radius"], **look)
        style.chance_line(panel, chance)

    figure, drawn = charts.small_multiples(
        names, 1.9, draw, head=1.0, columns=3 if len(names) > 4 else 2, colours=colour_of,
        xlabel="epochs of training", ylabel="accuracy",
    )  # fmt: skip
    charts.over_epochs(drawn[0], rows)
    style.percent(drawn[0], highest=min(1.02, np.ceil(10 * rows.accuracy.max() + 0.2) / 10))
    entries = [("whole image", style.COLOURS["original"]), ("training image", style.GREY)]
    entries += [charts.CHANCE] + [
        (f"{part}, r = {radius:g}", style.COLOURS[part], "", dashes[radius])
        for part in ("low", "high")
        for radius in radii
    ]
    return charts.key(figure, entries, ncols=3, handlelength=2.6)


def colour_of(label: str) -> str:
    return style.COLOURS["adversarial" if label.startswith("adversarial") else "original"]


def estimates(
    history: pd.DataFrame, names: Mapping[str, str], measures: Mapping[str, reliance.Measure]
) -> pd.DataFrame:
    """Every measure of every network: columns measure, label, value, low, high, n, over."""
    return intervals.estimates(
        lambda name, label: effect(history, {label: 1}, measures[name]),
        measure=list(measures), label=list(names),
    )  # fmt: skip


@style.styled
def ends(
    history: pd.DataFrame, names: Mapping[str, str], chance: float, published: Mapping[str, float]
) -> Figure:
    """Test accuracy and training accuracy of each network, and so the gap between them.

    published: test accuracies of the paper by label, which are drawn as hollow diamonds.
    """
    rows = estimates(history, names, {"test": TEST, "train": TRAIN})
    test, train = (rows[rows.measure == split] for split in ("test", "train"))
    theirs = {list(names).index(label): published[label] for label in names if label in published}
    paper, marks = "test, in the paper", [(SPLITS["test"], style.INK, "o", "")]
    marks += [(SPLITS["train"], style.GREY, "o", "", charts.HOLLOW)]
    marks += [("gap", style.PALE, "", "-", {"linewidth": 6})]
    marks += [(paper, *charts.PAPER[1:])] * bool(theirs)
    place, look = {"at": "label", "order": names}, {"colours": style.GREY, "names": SPLITS["train"]}
    look |= {"hollow": True, "marks": marks, "xlabel": "accuracy", "chance": chance}
    figure, axes = charts.rows(train, **place, **look)
    charts.dots(axes, test, colours=colour_of, names=SPLITS["test"], **place)
    for row, (label, pair) in enumerate(rows.groupby("label", sort=False).value):
        axes.plot(pair, [row] * 2, label=f"_gap of {names[label]}", **style.BROAD)
    if theirs:
        style.paper_value(axes, [*theirs.values()], [*theirs], name=paper)
    style.across_percent(axes, "accuracy")
    return figure


@style.styled
def bands(history: pd.DataFrame, names: Mapping[str, str], chance: float) -> Figure:
    """How much each network relies on each band: what the band adds to its test accuracy.

    A column per band, from the lowest up, whose first begins at guessing.
    """
    radii = reliance.monitored_radii(history)
    beyond = {f"all\nover {min(radii):g}": reliance.lost_without_high([min(radii)])}
    measures = reliance.gained(radii) | beyond
    rows = estimates(history, names, measures)
    rows.loc[rows.measure == next(iter(measures)), ["value", "low", "high"]] -= chance
    figure, axes = style.chart(1.1 + 0.36 * len(names))
    charts.heat(axes, rows.replace({"label": names}), rows="label", columns="measure")
    axes.vlines(len(measures) - 1, 0, len(names), color=style.INK, linewidth=1.2)
    axes.xaxis.tick_top()
    axes.set_xlabel("accuracy gained by the band, percentage points")
    return figure


def scores(history: pd.DataFrame, names: Mapping[str, str], *, first: str) -> pd.DataFrame:
    """Test accuracy, gap and accuracy lost without the high part as a table, with intervals."""
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    columns = {"test accuracy": TEST, "gap": GAP, "lost without high part": lost}
    rows = estimates(history, names, columns)
    return tables.spread(rows.assign(**{first: rows.label.map(names)}), [first], "measure")


def listed(history: pd.DataFrame, names: Mapping[str, str], measure: reliance.Measure) -> str:
    """A measure of every network in points: "M_natural (12), dropout (9) and BatchNorm (10)".

    All values and no winner: the first of a rounded order may well be chance.
    """
    rows = zip(names.values(), estimates(history, names, {"": measure}).value, strict=True)
    return style.listing(f"{name} ({round(100 * value)})" for name, value in rows)


def gaps(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The generalisation gap of every network, in a sentence."""
    return f"Generalisation gap in percentage points: {listed(history, names, GAP)}."


def on_monitored(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """How far the curves of `panels` end from the accuracies on all images, in a sentence."""
    rows = history[history.label.isin(list(names)) & (history.part == "original")]
    last = rows[rows.epoch == rows.groupby(["label", "seed"]).epoch.transform("max")]
    ends = last.pivot_table("accuracy", ["label", "seed", "split"], "scope")
    apart = 100 * (ends.subset - ends["all"]).abs().max()
    images = last.images[last.scope == "subset"].min()
    return (
        f"The curves are of {images:,} monitored images of each split. At the end, their accuracies"
        f" on whole images differ by up to {apart:.0f} percentage points from those on all images."
    )


def attacked_in_words(runs) -> str:
    """How M_adversarial was trained, and how much it and M_natural learned; labels of both."""
    natural, adversarial = (runs[label][0].recipe for label in ("natural", "adversarial"))
    clean, attacked = (
        f"{100 * effect(runs.history, {label: 1}, TRAIN).value:.0f} %"
        for label in ("natural", "adversarial")
    )
    return (
        "M_adversarial is trained on images attacked by PGD "
        f"(ε = {255 * adversarial.epsilon:g}/255, {adversarial.attack_steps} steps) for "
        f"{adversarial.epochs} epochs, M_natural on clean ones for {natural.epochs}; at the end "
        f"they classify {attacked} and {clean} of their clean training images correctly."
    )


def common(level: float, chance: float) -> str:
    """At which training accuracy networks are compared, and whether that says much."""
    text = f"On monitored training images all reach {100 * level:.0f} % at some epoch"
    if level < 2 * chance:
        return f"{text}, so close to guessing ({100 * chance:.0f} %) that this says little."
    return f"{text}; there the networks are compared at equal accuracy on their training images."
