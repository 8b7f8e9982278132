"""Figures that set several networks beside each other: epoch by epoch, at the end, band by band.

All take runs.history, or what `claims.reliance.at_common_accuracy` cuts from it, and the labels to
show with their names.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import style
from fhelpers.drawing.labels import over_seeds
from fhelpers.intervals import Estimate, shifted

# What the figures show, for those who cannot see them; {each} is what differs between networks and
# {first} the network that the others are compared with.
ALT = {
    "panels": (
        "A column for each {each}, training images above, test images below, all on one scale. In "
        "each panel the accuracy after each epoch on whole images is a black curve, on low parts a "
        "blue one and on high parts a vermilion one for each radius. A dotted line marks chance."
    ),
    "ends": (
        "A row for each {each}. A filled point is the accuracy on test images, an open circle that "
        "on training images; the line between them is the gap."
    ),
    "bands": (
        "A panel for each band of frequencies and a row for each {each}. A point with its interval "
        "is the accuracy gained when the band is added to all lower ones; a grey line marks the "
        "value of {first}."
    ),
}


@style.styled
def panels(history: pd.DataFrame, names: Mapping[str, str], chance: float) -> Figure:
    """W, Fig. 4 and 5: accuracy on whole images and on their parts after each epoch.

    history: runs.history; names: the labels to show and the titles of their columns; chance:
    accuracy of a guess. Training images above, test images below. All panels share both axes, so
    a run with fewer epochs ends earlier.
    """
    rows = history[history.label.isin(list(names)) & (history.scope == "subset")]
    rows = rows[rows.part.isin(["original", "low", "high"])]
    curves = over_seeds(rows, ["label", "split", "part", "radius", "epoch"], "accuracy")
    figure, axes = style.canvas(2, len(names), 4.9, sharex=True, sharey=True)
    radii = sorted(rows.radius.dropna().unique())
    for column, label in zip(axes.T, names, strict=True):
        for panel, split in zip(column, ("train", "test"), strict=True):
            draw_parts(panel, curves[(curves.label == label) & (curves.split == split)], radii)
            panel.axhline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=3)
        title = {"fontsize": 11, "fontweight": "normal", "loc": "center"}
        column[0].set_title(names[label], color=colour_of(label), **title)
    last = int(rows.epoch.max())
    axes[0, 0].set(xlim=(0, last), xticks=[0, last])
    style.percent(axes[0, 0], highest=1.02)
    axes[0, 0].set_ylabel("training images")
    axes[1, 0].set_ylabel("test images")
    figure.supxlabel("epochs of training", fontsize=12)
    figure.supylabel("accuracy", fontsize=12)
    key_of_parts(figure, radii)
    return figure


def colour_of(label: str) -> str:
    return style.COLOURS["adversarial" if label.startswith("adversarial") else "original"]


def draw_parts(axes: Axes, curves: pd.DataFrame, radii: Sequence[float]) -> None:
    """A curve per part with its band over seeds, whole images on top."""
    shades = {part: style.shades(part, radii) for part in ("low", "high")}
    for (part, radius), line in curves.groupby(["part", "radius"], dropna=False):
        whole = part == "original"
        colour = style.COLOURS["original"] if whole else shades[part][radius]
        width, order = (2.2, 4) if whole else (1.5, 2)
        axes.plot(line.epoch, line.value, color=colour, linewidth=width, zorder=order)
        style.band(axes, line.epoch, line.low, line.high, colour)


def key_of_parts(figure: Figure, radii: Sequence[float]) -> None:
    """A key above the panels: one line for whole images, a row of shades for either part."""
    entries = {"whole image": [style.COLOURS["original"]]}
    span = f"r = {', '.join(f'{radius:g}' for radius in radii)}"
    for part in ("low", "high"):
        entries[f"{part} part, {span}"] = list(style.shades(part, radii).values())
    entries["chance"] = [style.GREY]
    handles = [
        tuple(Line2D([], [], color=c, linestyle=":" if name == "chance" else "-") for c in colours)
        for name, colours in entries.items()
    ]
    figure.legend(
        handles,
        entries,
        loc="outside upper left",
        ncols=2,
        handlelength=3,
        fontsize=10.5,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.3)},
    )


@style.styled
def ends(
    history: pd.DataFrame, names: Mapping[str, str], chance: float, published: Mapping[str, float]
) -> Figure:
    """Test accuracy and training accuracy of each network, and so the gap between them.

    history: as for `against_batch`; published: test accuracies of the paper by label, which are
    drawn as hollow diamonds.
    """
    figure, ((axes,),) = style.canvas(1, 1, 1.6 + 0.36 * len(names))
    for row, label in enumerate(names):
        test, train = (effect(history, {label: 1}, measure) for measure in (TEST, TRAIN))
        axes.plot([test.value, train.value], [row, row], color=style.PALE, linewidth=6, zorder=1)
        across(axes, row, train, style.GREY, markerfacecolor=style.WHITE_PAGE)
        across(axes, row, test, colour_of(label))
    theirs = [label for label in names if label in published]
    rows = [list(names).index(label) for label in theirs]
    if rows:
        values = [published[label] for label in theirs]
        style.paper_value(axes, values, rows, name="test, in the paper")
    finish_rows(axes, names)
    axes.set(xlim=(0, 1.02), xlabel="accuracy")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.axvline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=1)
    key_of_ends(figure, published=bool(rows))
    return figure


def across(axes: Axes, row: float, estimate: Estimate, colour: str, **options) -> None:
    """A value with its interval along the horizontal axis."""
    axes.plot([estimate.low, estimate.high], [row, row], color=colour, linewidth=2, zorder=3)
    options = {"marker": "o", "markersize": 6.5, "linestyle": "", "zorder": 4} | options
    axes.plot(estimate.value, row, color=colour, markeredgecolor=colour, **options)


def finish_rows(axes: Axes, names: Mapping[str, str]) -> None:
    """Name the rows, the first on top."""
    axes.set_yticks(range(len(names)), [name.replace("\n", " ") for name in names.values()])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def key_of_ends(figure: Figure, *, published: bool) -> None:
    dot = {"marker": "o", "linestyle": "", "markersize": 6.5}
    open_dot = {"color": style.GREY, "markerfacecolor": style.WHITE_PAGE}
    marks = [
        Line2D([], [], color=style.INK, label="test images", **dot),
        Line2D([], [], label="training images", **dot, **open_dot),
        Line2D([], [], color=style.PALE, linewidth=6, label="gap"),
        Line2D([], [], color=style.GREY, linestyle=":", label="chance"),
    ]
    if published:
        hollow = {"marker": "D", "linestyle": "", "markerfacecolor": "none"}
        marks.append(Line2D([], [], color=style.INK, label="test, in the paper", **hollow))
    figure.legend(
        handles=marks, loc="outside upper left", ncols=3 if published else 4, fontsize=10.5
    )


@style.styled
def bands(history: pd.DataFrame, names: Mapping[str, str], chance: float) -> Figure:
    """How much each network relies on each band: what the band adds to its test accuracy.

    A panel per band, from the lowest up, a row per network; the first network is the one that the
    others are compared with. history: as for `against_batch`.
    """
    measures = reliance.gained(reliance.watched_radii(history))
    figure, axes = style.canvas(1, len(measures), 1.5 + 0.36 * len(names), sharex=True, sharey=True)
    shades = style.shades("high", range(len(measures) - 1))
    for place, (panel, (band, measure)) in enumerate(zip(axes[0], measures.items(), strict=True)):
        for row, label in enumerate(names):
            gain = effect(history, {label: 1}, measure)
            gain = shifted(gain, -chance) if place == 0 else gain
            if row == 0:
                panel.axvline(gain.value, color=style.PALE, linewidth=5, zorder=0)
            across(panel, row, gain, colour_of(label))
        panel.axvline(0, color=style.INK, linewidth=0.9, zorder=1)
        colour = style.COLOURS["low"] if place == 0 else shades[place - 1]
        panel.set_title(band, fontsize=11.5, color=style.for_text(colour))
        panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
        panel.locator_params(axis="x", nbins=4, steps=[1, 2, 5, 10])
        panel.spines["left"].set_visible(False)
        finish_rows(panel, names)
    middle = {"fontsize": 12, "x": 0.63}  # of the panels, not of the names and panels
    figure.supxlabel("accuracy gained, percentage points", **middle)
    figure.suptitle("band, by its distance from the spectrum's centre", **middle)
    return figure


# What the notebooks put into words and tables -------------------------------------------------


def scores(history: pd.DataFrame, names: Mapping[str, str], *, first: str) -> pd.DataFrame:
    """Test accuracy, gap and accuracy lost without the high part as a table, with intervals.

    `first` is the heading of the names.
    """
    lost = reliance.lost_without_high(reliance.watched_radii(history))
    columns = {"test accuracy": TEST, "gap": GAP, "lost without high part": lost}
    rows = [
        {first: name.replace("\n", " ")}
        | {
            column: style.with_interval(effect(history, {label: 1}, measure))
            for column, measure in columns.items()
        }
        for label, name in names.items()
    ]
    return pd.DataFrame(rows)


def listed(history: pd.DataFrame, names: Mapping[str, str], measure: reliance.Measure) -> str:
    """A measure of every network in points: "vanilla (12), dropout (9) and BatchNorm (10)".

    All values and no winner: the first of a rounded order may well be chance.
    """
    values = {label: effect(history, {label: 1}, measure).value for label in names}
    return style.listing(
        f"{name.replace(chr(10), ' ')} ({round(100 * values[label])})"
        for label, name in names.items()
    )


def gaps(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The generalisation gap of every network, in a sentence."""
    return f"Generalisation gap in percentage points: {listed(history, names, GAP)}."


def losses(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """What the accuracy of every network loses without the high part, in a sentence."""
    lost = reliance.lost_without_high(reliance.watched_radii(history))
    return (
        "Percentage points of test accuracy lost without the high part, mean over the radii: "
        f"{listed(history, names, lost)}."
    )


def common(level: float, chance: float) -> str:
    """At which training accuracy networks are compared, and whether that says much."""
    text = f"All reach a training accuracy of {100 * level:.0f} %"
    if level < 2 * chance:
        return f"{text}, so close to guessing ({100 * chance:.0f} %) that this says little."
    return f"{text}; there they can be compared knowing equally much of their training images."


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign; what rounds to 0 has none."""
    rounded = round(100 * difference)
    return f"{rounded:+d}" if rounded else "0"
