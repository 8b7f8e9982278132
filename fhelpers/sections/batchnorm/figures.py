"""Figures of the section on BatchNorm (W, §5.2: Fig. 6)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fhelpers.claims.histories import curves
from fhelpers.claims.reliance import effect, lost_without_high, watched_radii
from fhelpers.claims.verdicts import estimate
from fhelpers.drawing import style
from fhelpers.drawing.labels import over_seeds
from fhelpers.sections.batchnorm import claims

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "by-epoch": (
        "A panel for each radius of the low parts that were trained on. In each the accuracy after "
        "each epoch on whole test images is black and on low parts of test images blue, solid "
        "without and dashed with BatchNorm. A dotted line marks chance."
    ),
    "help": (
        "Against the radius trained on stands the test accuracy with BatchNorm minus that without, "
        "on whole images as black circles and on low parts as blue squares, with intervals. A line "
        "at zero means no help."
    ),
    "speed": (
        "A row for each radius trained on. A circle marks the epochs that the network without "
        "BatchNorm needs to reach a training accuracy and a square those with BatchNorm; the "
        "quotient of the two is written beside them."
    ),
    "whole": (
        "Two panels for networks trained on whole images, solid without and dashed with BatchNorm: "
        "the training accuracy after each epoch, and the accuracy lost on test images when the "
        "high part is removed, for each radius with intervals."
    ),
    "cues": (
        "One planted image at each strength of its high cue, the strongest on the left: clouds and "
        "over them a fine pattern, the fainter the smaller the strength."
    ),
    "faintest": (
        "Test accuracy against the strength of the planted high cue, on an axis of doublings, "
        "solid without and dashed with BatchNorm, with intervals. A grey line marks the accuracy "
        "half-way between chance and all right, a dotted line chance."
    ),
}

NAMES = {"vanilla": "without BatchNorm", "batchnorm": "with BatchNorm"}
LINES = {"vanilla": "-", "batchnorm": (0, (4, 1.5))}
MARKERS = {"vanilla": "o", "batchnorm": "s"}
TESTED = {"whole images": ("original", "o"), "low parts": ("low", "s")}  # colour, marker


# Trained on low parts --------------------------------------------------------------------------


def tested(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy after each epoch of the networks trained on low parts, over seeds.

    Columns radius, network, tested (a name of `TESTED`), epoch, value, low, high.
    """
    frames = []
    for radius in claims.low_radii(history):
        for label in NAMES:
            rows = history[(history.label == f"{label}-low-{radius:g}") & (history.split == "test")]
            rows = rows[(rows.scope == "subset") & rows.part.isin(["original", "input"])]
            names = rows.part.map({"original": "whole images", "input": "low parts"})
            frames.append(rows.assign(network=label, tested=names, radius=radius))
    by = ["radius", "network", "tested", "epoch"]
    return over_seeds(pd.concat(frames), by, "accuracy")


@style.styled
def by_epoch(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 6: trained on low parts only, test accuracy after each epoch, a panel a radius.

    history: runs.history; chance: accuracy of a guess. All panels have the same axes.
    """
    frame = tested(history)
    radii = sorted(frame.radius.unique())
    columns = min(2, len(radii))
    rows = -(-len(radii) // columns)
    figure, axes = style.canvas(rows, columns, 1.1 + 2.2 * rows, sharex=True, sharey=True)
    for panel, radius in zip(axes.flat, radii, strict=False):
        for (label, name), line in frame[frame.radius == radius].groupby(["network", "tested"]):
            colour = style.COLOURS[TESTED[name][0]]
            panel.plot(line.epoch, line.value, color=colour, linestyle=LINES[label], clip_on=False)
            style.band(panel, line.epoch, line.low, line.high, colour)
        style.percent(panel)
        style.chance_line(panel, chance, where=0.72)
        panel.set_xlim(0, frame.epoch.max())
        panel.set_title(f"low parts, r = {radius:g}", color=style.COLOURS["low"])
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for panel in axes.flat[len(radii) :]:
        panel.set_axis_off()
    tests = [
        Line2D([], [], color=style.COLOURS[part], label=f"tested on {name}", linewidth=5)
        for name, (part, _) in TESTED.items()
    ]
    figure.legend(
        handles=[*tests, *network_key()], loc="outside upper left", ncols=2, handlelength=3
    )
    figure.supxlabel("epochs of training", fontsize=12)
    figure.supylabel("accuracy on test images", fontsize=12)
    return figure


def network_key(markers: bool = False, colour: str = style.INK) -> list[Line2D]:
    """Line style, and marker where points are drawn, of the two networks."""
    return [
        Line2D([], [], color=colour, linestyle=LINES[label], label=name,
               marker=MARKERS[label] if markers else "")
        for label, name in NAMES.items()
    ]  # fmt: skip


def helped(history: pd.DataFrame) -> pd.DataFrame:
    """BatchNorm's help at the end: columns tested, radius, value, low, high, n, over."""
    rows = [
        {"tested": name, "radius": radius}
        | vars(effect(history, claims.helped(radius), claims.TESTED[name]))
        for name in TESTED
        for radius in claims.low_radii(history)
    ]
    return pd.DataFrame(rows)


@style.styled
def help_by_radius(frame: pd.DataFrame) -> Figure:
    """Test accuracy with BatchNorm minus without, against the radius trained on.

    frame: from `helped`.
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.3)
    radii = sorted(frame.radius.unique())
    axes.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
    for shift, (name, (part, marker)) in zip((-0.06, 0.06), TESTED.items(), strict=True):
        rows = frame[frame.tested == name]
        places = [radii.index(radius) + shift for radius in rows.radius]
        axes.plot(places, rows.value, color=style.COLOURS[part], linewidth=1.4)
        for place, row in zip(places, rows.itertuples(), strict=True):
            style.point(axes, place, row, style.COLOURS[part], marker=marker)
    points(axes)
    axes.set_xticks(range(len(radii)), [f"{radius:g}" for radius in radii])
    axes.set(xlim=(-0.4, len(radii) - 0.6), xlabel="radius r of the low parts trained on")
    axes.set_ylabel("change by BatchNorm,\npercentage points")
    handles = [
        Line2D([], [], color=style.COLOURS[part], marker=marker, label=f"tested on {name}")
        for name, (part, marker) in TESTED.items()
    ]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def points(axes: Axes) -> None:
    """Make the vertical axis a difference of accuracies in percentage points."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}" if value else "0")


# Speed -----------------------------------------------------------------------------------------


def epochs_needed(history: pd.DataFrame) -> tuple[float | None, pd.DataFrame]:
    """The level of training accuracy that all networks trained on low parts pass, and when.

    Columns radius, vanilla, batchnorm (epochs, estimates) and times (their quotient); no rows and
    no level where some network learns too little.
    """
    radii = claims.low_radii(history)
    runs = {radius: claims.trained_on_low(history, radius) for radius in radii}
    level, rows = claims.common_level(runs.values()), []
    for radius in radii if level else ():
        row = {"radius": radius}
        for label, seeds in runs[radius].items():
            logs = [claims.log_epochs(curve, level) for curve in seeds.values()]
            epochs = estimate([log.value for log in logs], lambda logs=logs: logs[0])
            row[label] = claims.times(epochs)
        ratio = claims.speed_up(*(runs[radius][name] for name in claims.NETWORKS), level)
        rows.append(row | {"times": claims.times(ratio)})
    return level, pd.DataFrame(rows, columns=["radius", *NAMES, "times"])


@style.styled
def speed(frame: pd.DataFrame, level: float | None) -> Figure:
    """Epochs to a training accuracy with and without BatchNorm, a row for each radius.

    frame, level: from `epochs_needed`. Without a level the figure says that there is none.
    """
    figure, ((axes,),) = style.canvas(1, 1, 1.7 + 0.42 * max(len(frame), 1))
    if level is None:
        axes.set_axis_off()
        axes.text(0, 0.5, "Some network stays too close to guessing for a comparison.")
        return figure
    for place, row in enumerate(frame.itertuples()):
        axes.plot([row.vanilla.value, row.batchnorm.value], [place, place], color=style.PALE,
                  linewidth=5, zorder=1)  # fmt: skip
        for label, shift in zip(NAMES, (-0.08, 0.08), strict=True):
            found = getattr(row, label)
            y = [place + shift] * 2
            axes.plot([found.low, found.high], y, color=style.COLOURS["low"], linewidth=2)
            filled = {} if label == "vanilla" else {"markerfacecolor": "#ffffff"}
            axes.plot(found.value, place + shift, MARKERS[label], color=style.COLOURS["low"],
                      **filled)  # fmt: skip
        axes.annotate(
            f"× {row.times.value:.1f}", (1, place), xycoords=("axes fraction", "data"),
            xytext=(8, 0), textcoords="offset points", va="center", annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(frame)), [f"r = {radius:g}" for radius in frame.radius])
    axes.set(
        ylim=(len(frame) - 0.5, -0.5),
        xlabel=f"epochs to a training accuracy of {100 * level:.0f} %",
    )
    axes.set_xlim(left=0)
    axes.yaxis.grid(False)
    handles = [
        Line2D([], [], color=style.COLOURS["low"], marker=MARKERS[label], label=name, linestyle="",
               markerfacecolor=style.COLOURS["low"] if label == "vanilla" else "#ffffff")
        for label, name in NAMES.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


# Whole images ----------------------------------------------------------------------------------


def lost(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy that networks trained on whole images lose without the high part.

    Columns network, radius, value, low, high, n, over.
    """
    whole = history[history.label.isin(claims.NETWORKS)]
    rows = [
        {"network": label, "radius": radius}
        | vars(effect(whole, {label: 1}, lost_without_high([radius])))
        for label in NAMES
        for radius in watched_radii(whole)
    ]
    return pd.DataFrame(rows)


@style.styled
def whole(history: pd.DataFrame, chance: float) -> Figure:
    """Trained on whole images: how fast, and how much is lost with the high part.

    history: runs.history with the labels "vanilla" and "batchnorm"; chance: accuracy of a guess.
    """
    figure, ((left, right),) = style.canvas(1, 2, 3.9)
    rows = history[history.label.isin(claims.NETWORKS) & (history.scope == "subset")]
    rows = rows[(rows.split == "train") & (rows.part == "original")]
    for label, line in over_seeds(rows, ["label", "epoch"], "accuracy").groupby("label"):
        colour = style.COLOURS["original"]
        left.plot(line.epoch, line.value, color=colour, linestyle=LINES[label], clip_on=False)
        style.band(left, line.epoch, line.low, line.high, colour)
    style.percent(left, highest=1.02)
    style.chance_line(left, chance, where=0.6)
    left.set(xlim=(0, rows.epoch.max()), xlabel="epochs of training")
    left.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    left.set_title("accuracy on\ntraining images")
    frame = lost(history)
    radii = sorted(frame.radius.unique())
    right.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
    for label, shift in zip(NAMES, (-0.06, 0.06), strict=True):
        line = frame[frame.network == label]
        places = [radii.index(radius) + shift for radius in line.radius]
        colour = style.COLOURS["high"]
        right.plot(places, line.value, color=colour, linestyle=LINES[label], linewidth=1.4)
        for place, row in zip(places, line.itertuples(), strict=True):
            style.point(right, place, row, colour, marker=MARKERS[label])
    right.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    right.set_xticks(range(len(radii)), [f"{radius:g}" for radius in radii])
    right.set(xlim=(-0.4, len(radii) - 0.6), xlabel="radius r")
    right.set_title("lost without\nthe high part")
    right.set_ylabel("percentage points")
    figure.legend(
        handles=network_key(markers=True), loc="outside upper left", ncols=2, handlelength=3
    )
    return figure


# Faint cues ------------------------------------------------------------------------------------


@style.styled
def cues(images: Sequence, strengths: Sequence[float]) -> Figure:
    """The same planted image (C, H, W) with its high cue at each strength, strongest first."""
    order = sorted(range(len(strengths)), key=lambda place: -strengths[place])
    figure, axes = style.canvas(1, len(order), 0.4 + 5.6 / max(len(order), 3))
    for panel, place in zip(axes[0], order, strict=True):
        style.picture(panel, images[place], fraction(strengths[place]))
    return figure


def fraction(strength: float) -> str:
    """A strength below 1 as a fraction where it is one: 0.0625 is 1/16."""
    inverse = 1 / strength
    whole = strength < 1 and math.isclose(inverse, round(inverse))
    return f"1/{inverse:.0f}" if whole else f"{strength:g}"


def by_strength(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy at each strength of the cue: columns network, strength, value, low, high, …"""
    rows = []
    for label in NAMES:
        for strength in claims.strengths(history):
            run = f"{label}-cue-{strength:g}"
            found = curves(history, run, split="test", part="original", scope="all")[run]
            ends = [curve.accuracy[-1] for curve in found.values()]
            images = min(curve.images for curve in found.values())
            rows.append(
                {"network": label, "strength": strength} | vars(style.accuracy(ends, images))
            )
    return pd.DataFrame(rows)


@style.styled
def faintest(frame: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on whole planted test images against the strength of their only cue.

    frame: from `by_strength`; chance: accuracy of a guess.
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.7)
    colour = style.COLOURS["high"]
    half = claims.half_way(chance)
    axes.axhline(half, color=style.GREY, linewidth=1.2, zorder=1)
    for label, shift in zip(NAMES, (-0.04, 0.04), strict=True):
        line = frame[frame.network == label].sort_values("strength")
        places = np.log2(line.strength) + shift
        axes.plot(places, line.value, color=colour, linestyle=LINES[label], linewidth=1.6)
        for place, row in zip(places, line.itertuples(), strict=True):
            style.point(axes, place, row, colour, marker=MARKERS[label])
    style.percent(axes, highest=1.04)
    strengths = sorted(frame.strength.unique())
    places = np.log2(strengths)
    axes.set_xticks(places, [fraction(strength) for strength in strengths])
    axes.set_xlim(places[0] - 0.4, places[-1] + 0.4)
    axes.set(xlabel="strength of the high cue", ylabel="accuracy on test images")
    axes.annotate(
        "counts as learnt above this line", (0.02, half), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", color=style.GREY, fontsize=10.5,
    )  # fmt: skip
    style.chance_line(axes, chance, where=0.86)
    figure.legend(
        handles=network_key(markers=True, colour=colour),
        loc="outside upper left",
        ncols=2,
        handlelength=3,
    )
    return figure


# What the notebook puts into sentences and tables ----------------------------------------------


def at_the_end(history: pd.DataFrame, refreshed: Mapping[float, Sequence[float]]) -> pd.DataFrame:
    """Test accuracy at the end of the networks trained on low parts, as text with intervals.

    refreshed: {radius: each seed's accuracy on whole images once BatchNorm's averages were taken
    anew from whole images}.
    """
    rows = []
    for radius in claims.low_radii(history):
        for name, measure in claims.TESTED.items():
            row = {"trained on": f"low parts, r = {radius:g}", "tested on": name}
            for label, words in NAMES.items():
                found = effect(history, {f"{label}-low-{radius:g}": 1}, measure)
                row[words] = style.with_interval(found)
            anew = style.accuracy(refreshed[radius], found.n) if name == "whole images" else None
            row["averages taken anew"] = style.with_interval(anew) if anew else None
            rows.append(row)
    return pd.DataFrame(rows)


def in_points(value: float) -> str:
    """A difference of accuracies in percentage points, with its sign: +3."""
    return f"{100 * value:+.0f}" if round(100 * value) else "0"


def help_in_words(frame: pd.DataFrame) -> str:
    """BatchNorm's help at the smallest and the largest radius, in a sentence. frame: `helped`."""
    texts = []
    for name in TESTED:
        own = frame[frame.tested == name].set_index("radius").value
        ends = (
            f"{in_points(own[r])} at r = {r:g}" for r in sorted({min(own.index), max(own.index)})
        )
        texts.append(f"on {name} by {style.listing(ends)}")
    return f"BatchNorm changes the test accuracy {style.listing(texts)} (percentage points)."


def speed_in_words(frame: pd.DataFrame, level: float | None) -> str:
    """How much sooner BatchNorm learns low parts, in a sentence. From `epochs_needed`."""
    if level is None:
        return "Some network learns too little for its speed to be compared."
    listed = (f"{row.times.value:.1f} times at r = {row.radius:g}" for row in frame.itertuples())
    return (
        f"To a training accuracy of {100 * level:.0f} %, training takes {style.listing(listed)} "
        "as many epochs without BatchNorm as with it."
    )


def in_short(verdicts: Mapping, frame: pd.DataFrame) -> str:
    """The section's finding. verdicts: with "W12" and "Hypothesis"; frame: from `helped`."""
    speed, more = (part.estimate.value for part in verdicts["W12"].parts)
    fast = verdicts["W12"].note
    if math.isfinite(speed):
        fast = (
            f"Without BatchNorm, training on whole images takes {speed:.1f} times as many epochs."
        )
    which = "more" if more >= 0 else "less"
    faintest = verdicts["Hypothesis"].note.replace("strength learnt", "planted cue that is learnt")
    return (
        f"{fast} When the high part is taken away, a network with BatchNorm loses "
        f"{100 * abs(more):.0f} percentage points {which} than one without. In networks trained on "
        f"low parts only, {help_in_words(frame)} {faintest}"
    )


def averages_in_words(history: pd.DataFrame, refreshed: Mapping[float, Sequence[float]]) -> str:
    """What fresh averages change on whole images, mean over the radii, in two sentences."""
    radii = claims.low_radii(history)
    ends = {
        label: np.mean(
            [effect(history, {f"{label}-low-{r:g}": 1}, claims.TESTED["whole images"]).value
             for r in radii]
        )
        for label in NAMES
    }  # fmt: skip
    anew = float(np.mean([np.mean(refreshed[radius]) for radius in radii]))
    return (
        f"With averages taken anew, the networks with BatchNorm get {100 * anew:.0f} % of whole "
        f"test images right instead of {100 * ends['batchnorm']:.0f} %, averaged over the radii. "
        f"Those without BatchNorm get {100 * ends['vanilla']:.0f} %."
    )
