"""Figures of the section on BatchNorm (W, §5.2: Fig. 6)."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers import intervals
from fhelpers.claims.reliance import TEST, effect
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.contrast import for_text
from fhelpers.drawing.style import points
from fhelpers.sections.batchnorm import claims

ALT = {
    "by-epoch": "A column for each radius of the low parts that were trained on: the accuracy "
    "after each epoch on whole test images in the upper row, black, and on their low parts in the "
    "lower row, blue; solid without and dashed with BatchNorm. A dotted line marks chance.",
    "help": "Against the radius trained on stands the test accuracy with BatchNorm minus that "
    "without, on whole images as black circles and on low parts as blue squares, with intervals. "
    "A line at zero means no help.",
    "speed": "A row for each radius trained on. A circle marks the epochs that the network "
    "without BatchNorm needs to reach a training accuracy and a square those with BatchNorm; the "
    "quotient of the two is written beside them.",
    "whole": "Two panels for networks trained on whole images, solid without and dashed with "
    "BatchNorm: the training accuracy after each epoch in black, and at each radius the accuracy "
    "on low parts of test images in blue and on high parts in vermilion, with intervals.",
    "cues": "One planted image at each strength of its high cue, the strongest on the left: "
    "clouds and over them a fine pattern, the fainter the smaller the strength.",
    "faintest": "Test accuracy against the strength of the planted high cue, the faintest on the "
    "left, solid without and dashed with BatchNorm, with intervals. A grey line marks the "
    "accuracy half-way between chance and all right, a dotted line chance.",
}
NAMES = {"vanilla": "without BatchNorm", "batchnorm": "with BatchNorm"}
LOW = NAMES | {"averages": "with running averages"}  # the networks trained on low parts
LINES = {"vanilla": "-", "batchnorm": "--"}
MARKERS = {"vanilla": "o", "batchnorm": "s"}
COLOURS = {"whole images": style.COLOURS["original"], "low parts": style.COLOURS["low"]}
TESTED = {"original": "whole images", "input": "low parts"}  # by the part in the history


def joined(axes: Axes, frame: pd.DataFrame, at: str, by: list[str], **looks) -> None:
    """Points with intervals against the values of `at`, joined, networks or tests side by side."""
    order = {value: fraction(value) for value in sorted(frame[at].unique())}
    charts.dots(axes, frame, at=at, order=order, by=by, dodge=0.1, upright=True, **looks)


@style.styled
def whole(history: pd.DataFrame, chance: float) -> Figure:
    """Trained on whole images: how fast, and how much of each part is picked up."""
    figure, ((left, right),) = style.canvas(1, 2, 3.9)
    rows = history[history.label.isin(claims.NETWORKS) & (history.scope == "subset")]
    rows = rows[(rows.split == "train") & (rows.part == "original")]
    looks = {"styles": LINES, "names": NAMES, "clip_on": False}
    charts.curves(left, rows, x="epoch", y="accuracy", by="label", **looks)
    style.percent(left, highest=above(rows.accuracy.max()))
    charts.over_epochs(left, rows, 5)
    left.set(xlabel="epochs of training", title="accuracy on\ntraining images")
    looks = {"colours": style.COLOURS, "styles": LINES, "markers": MARKERS}
    looks["names"] = lambda network, part, _: f"{part} parts, {NAMES[network]}"
    parts = claims.on_each_part(history)
    for _, own in parts.groupby("part", sort=False):
        joined(right, own, "radius", ["network", "part"], **looks)
    style.percent(right, highest=above(parts.value.max()))
    right.set(xlabel="radius r", title="accuracy on parts\nof test images")
    style.chance_line(left, chance, where=0.6)
    style.chance_line(right, chance)
    entries = [(NAMES[la], style.INK, MARKERS[la], LINES[la]) for la in NAMES]
    entries += [(f"{part} parts", style.COLOURS[part]) for part in ("low", "high")]
    return charts.key(figure, entries, ncols=2, handlelength=3)


def above(accuracy: float) -> float:
    """Where an axis ends that holds an accuracy: at whole tens of per cents."""
    return min(1.02, np.ceil(10 * accuracy + 0.2) / 10)


@style.styled
def by_epoch(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 6: trained on low parts only, test accuracy by epoch, a column for each radius."""
    named = history.label.astype(str).str.extract("^(vanilla|batchnorm)-low-(.+)$")
    rows = history.assign(network=named[0], trained=named[1].astype(float)).dropna(subset="network")
    rows = rows[(rows.split == "test") & (rows.scope == "subset")]
    looks = {"x": "epoch", "y": "accuracy", "by": "network", "styles": LINES, "clip_on": False}

    def draw(panel: Axes, shown: tuple[str, float]) -> None:
        part, radius = shown
        looks["names"] = lambda network: f"tested on {TESTED[part]}, {NAMES[network]}"
        own = rows[(rows.part == part) & (rows.trained == radius)]
        charts.curves(panel, own, colours=COLOURS[TESTED[part]], **looks)
        style.chance_line(panel, chance)

    radii = sorted(rows.trained.unique())
    titles = {(part, r): f"r = {r:g}" * (part == "original") for part in TESTED for r in radii}
    words = {"xlabel": "epochs of training", "ylabel": "accuracy on test images"}
    columns = len(radii)
    figure, panels = charts.small_multiples(titles, 1.75, draw, head=1.1, columns=columns, **words)
    for panel, text in zip(panels[::columns], COLOURS, strict=True):
        panel.set_ylabel(text, color=for_text(COLOURS[text]))
    charts.over_epochs(panels[0], rows, 3)
    shown = rows[rows.part.isin(TESTED)]
    style.percent(panels[0], highest=above(shown.accuracy.max()))
    lines = [(NAMES[label], style.INK, "", LINES[label]) for label in NAMES]
    return charts.key(figure, [*lines, charts.CHANCE], handlelength=3)


def helped(history: pd.DataFrame) -> pd.DataFrame:
    """BatchNorm's help at the end: columns tested, radius, value, low, high, n, over."""
    return intervals.estimates(
        lambda name, radius: effect(history, claims.helped(radius), claims.TESTED[name]),
        tested=list(claims.TESTED), radius=claims.after(history, "low"),
    )  # fmt: skip


@style.styled
def help_by_radius(frame: pd.DataFrame) -> Figure:
    """Test accuracy with BatchNorm minus without, against the radius trained on."""
    words = {"xlabel": "radius r of the low parts trained on"}
    figure, axes = style.chart(3.3, ylabel="change by BatchNorm,\npercentage points", **words)
    looks = {"colours": COLOURS, "markers": dict(zip(COLOURS, "os", strict=True)), "styles": "-"}
    joined(axes, frame, "radius", ["tested"], names="tested on {}".format, **looks)
    axes.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
    style.in_percent(axes.yaxis, unit="")
    return charts.key(figure)


@style.styled
def speed(frame: pd.DataFrame, level: float | None) -> Figure:
    """Epochs to a training accuracy with and without BatchNorm, a row for each radius.

    frame, level: from `epochs_needed`. Without a level the figure says that there is none.
    """
    wide = frame.pivot(index="radius", columns="network", values="value")
    figure, axes = style.chart(1.7 + 0.42 * max(len(wide), 1))
    if level is None:
        charts.nothing(axes, "Some network stays too close to guessing for a comparison.")
        return figure
    for place, row in enumerate(wide.itertuples()):
        axes.plot([row.vanilla, row.batchnorm], [place] * 2, **style.BROAD)
        style.write(axes, f"× {row.times:.1f}", (1, place))
    rows = frame[frame.network.isin(list(NAMES))]
    looks = {"colours": style.COLOURS["low"], "markers": MARKERS, "names": NAMES, "dodge": 0.2}
    order = {radius: f"r = {radius:g}" for radius in wide.index}
    charts.dots(axes, rows, at="radius", order=order, by="network", **looks)
    axes.set_xlabel(f"epochs to a training accuracy of {100 * level:.0f} %")
    axes.set_xlim(left=0)
    return charts.key(figure)


@style.styled
def cues(images: Sequence, strengths: Sequence[float]) -> Figure:
    """The same planted image (C, H, W) with its high cue at each strength, strongest first."""
    order, height = np.argsort(strengths)[::-1], 0.4 + 5.6 / max(len(strengths), 3)
    titles = [fraction(strengths[place]) for place in order]
    return style.pictures([[images[place] for place in order]], height, titles=titles)[0]


def fraction(value: float) -> str:
    """A value below 1 as a fraction where it is one: 0.0625 is 1/16."""
    found = Fraction(value).limit_denominator(1000)
    return str(found) if found.numerator == 1 else f"{value:g}"


@style.styled
def faintest(frame: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on whole planted test images against the strength of their only cue."""
    words = {"xlabel": "strength of the high cue", "ylabel": "accuracy on test images"}
    figure, axes = style.chart(3.7, **words)
    looks = {"colours": style.COLOURS["high"], "styles": LINES, "markers": MARKERS, "names": NAMES}
    joined(axes, frame, "strength", ["network"], **looks)
    style.percent(axes, highest=1.04)
    half, look = claims.half_way(chance), {"color": style.GREY, "ha": "right", "va": "baseline"}
    axes.axhline(half, color=style.GREY, linewidth=1.2, zorder=1)
    style.write(axes, "counts as learned above this line", (0.98, half), (0, 3), **look)
    style.chance_line(axes, chance, where=0.86)
    return charts.key(figure, handlelength=3)


def at_the_end(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy at the end of the networks trained on low parts, as text with intervals."""
    trained = {r: f"low parts, r = {r:g}" for r in claims.after(history, "low")}
    rows = intervals.estimates(
        lambda r, name, label: effect(history, {f"{label}-low-{r:g}": 1}, claims.TESTED[name]),
        **{"trained on": trained, "tested on": list(claims.TESTED), "network": LOW},
    )
    return tables.spread(rows, ["trained on", "tested on"], "network")


def averages_in_words(history: pd.DataFrame) -> str:
    """What running averages change on whole images, mean over the radii, in two sentences."""
    radii = claims.after(history, "low")
    plain, batch, averages = (
        effect(history, {f"{label}-low-{r:g}": 1 / len(radii) for r in radii}, TEST)
        for label in LOW
    )
    return (
        f"Tested with the moments of the batch, the networks with BatchNorm classify "
        f"{100 * batch.value:.0f} % of whole test images correctly, averaged over the radii; with "
        f"running averages {100 * averages.value:.0f} %. Those without BatchNorm classify "
        f"{100 * plain.value:.0f} % correctly."
    )


def parts_in_words(verdict) -> str:
    """What BatchNorm changes on either part, in a sentence. verdict: on W12."""
    low, high = (points(part.estimate.value) for part in verdict.parts[1:3])
    return (
        f"Trained on whole images, BatchNorm changes the accuracy on low parts by {low} and on "
        f"high parts by {high} percentage points, mean over the radii."
    )


def watched_in_words(recipe) -> str:
    """On how many images curves are drawn, and on how many the ends are measured."""
    return (
        f"Curves over epochs are drawn on {recipe.monitored_images:,} images, accuracies at the "
        f"end are measured on {recipe.test_images:,}; they may differ by some points."
    )


def dips_in_words(history: pd.DataFrame) -> str:
    """Where training on whole images suddenly loses what it had learned, in a sentence, if at all.

    A dip is a loss of more than 20 points, from above 90 %, between two monitored epochs.
    """
    rows = history[(history.scope == "subset") & (history.split == "train")]
    rows = rows[rows.part == "original"].groupby(["label", "epoch"]).accuracy.mean()
    said = []
    for label, name in NAMES.items():
        change = rows[label].diff()[rows[label].shift() > 0.9]
        if change.min() < -0.2:
            at = change.idxmin()
            said.append(f"{name} to {100 * rows[label][at]:.0f} % (epoch {at:.0f})")
    if not said:
        return ""
    return (
        f"The training accuracy suddenly drops {style.listing(said)}: probably a spike, as Adam "
        "can have at a constant learning rate once the gradients are small."
    )


def help_in_words(frame: pd.DataFrame) -> str:
    """BatchNorm's help at the smallest and the largest radius, in a sentence. frame: `helped`."""
    texts = []
    for name, own in frame.groupby("tested", sort=False):
        ends = own[own.radius.isin([own.radius.min(), own.radius.max()])]
        listed = (f"{points(row.value)} at r = {row.radius:g}" for row in ends.itertuples())
        texts.append(f"on {name} by {style.listing(listed)}")
    return f"BatchNorm changes the test accuracy {style.listing(texts)} (percentage points)."


def speed_in_words(frame: pd.DataFrame, level: float | None) -> str:
    """How much sooner BatchNorm learns low parts, in a sentence. From `epochs_needed`."""
    if level is None:
        return "Some network learns too little for its speed to be compared."
    ratios = frame[frame.network == "times"]
    listed = (f"{row.value:.1f} times at r = {row.radius:g}" for row in ratios.itertuples())
    return (
        f"To a training accuracy of {100 * level:.0f} %, training takes {style.listing(listed)} "
        f"as many epochs without BatchNorm as with it.{least_in_words(ratios)}"
    )


def least_in_words(ratios: pd.DataFrame) -> str:
    """Whether the speed-up is smallest where the paper reports it, in a sentence to add."""
    if len(ratios) < 2:
        return ""
    least, smallest = ratios.radius[ratios.value.idxmin()], ratios.radius.min()
    where = f" On average the factor is smallest at r = {least:g}"
    if least == smallest:
        return f"{where}, the smallest radius, as the paper reports."
    return f"{where}; the paper reports it smallest at the smallest radius, here r = {smallest:g}."
