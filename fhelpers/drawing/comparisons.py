"""Figures that set several networks beside each other: epoch by epoch, at the end, band by band.

All take runs.history, or what `claims.reliance.at_common_accuracy` cuts from it, and the labels to
show with their names.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import reliance
from fhelpers.claims.reliance import GAP, TEST, TRAIN, effect
from fhelpers.drawing import charts, style
from fhelpers.drawing.labels import over_seeds

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


# For sections that draw rows of their own.
across, finish_rows = charts.mark, charts.name_rows


SPLITS = {"train": "training images", "test": "test images"}


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
    look = {"colours": style.of_parts(radii), "names": style.part_name, "linewidth": 1.7}
    for line, (split, lines) in zip(axes, SPLITS.items(), strict=True):
        for panel, label in zip(line, names, strict=True):
            own = curves[(curves.label == label) & (curves.split == split)]
            charts.curves(panel, own, x="epoch", by=["part", "radius"], **look)
            panel.axhline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=3)
        line[0].set_ylabel(lines)
    for panel, label in zip(axes[0], names, strict=True):
        title = {"fontsize": 11, "fontweight": "normal", "loc": "center"}
        panel.set_title(names[label], color=colour_of(label), **title)
    last = int(rows.epoch.max())
    axes[0, 0].set(xlim=(0, last), xticks=[0, last])
    style.percent(axes[0, 0], highest=1.02)
    figure.supxlabel("epochs of training", fontsize=12)
    figure.supylabel("accuracy", fontsize=12)
    span = f"r = {', '.join(f'{radius:g}' for radius in radii)}"
    shades = [(part, list(style.shades(part, radii).values())) for part in ("low", "high")]
    entries = [(f"{part} part, {span}", colours) for part, colours in shades]
    whole = ("whole image", style.COLOURS["original"])
    charts.key(figure, [whole, *entries, charts.CHANCE], ncols=2, handlelength=3, fontsize=10.5)
    return figure


def colour_of(label: str) -> str:
    return style.COLOURS["adversarial" if label.startswith("adversarial") else "original"]


def estimates(
    history: pd.DataFrame, names: Mapping[str, str], measures: Mapping[str, reliance.Measure]
) -> pd.DataFrame:
    """Every measure of every network: columns label, measure, value, low, high, n, over."""
    rows = [
        {"label": label, "measure": name} | vars(effect(history, {label: 1}, measure))
        for name, measure in measures.items()
        for label in names
    ]
    return pd.DataFrame(rows)


@style.styled
def ends(
    history: pd.DataFrame, names: Mapping[str, str], chance: float, published: Mapping[str, float]
) -> Figure:
    """Test accuracy and training accuracy of each network, and so the gap between them.

    history: as for `against_batch`; published: test accuracies of the paper by label, which are
    drawn as hollow diamonds.
    """
    figure, ((axes,),) = style.canvas(1, 1, 1.6 + 0.36 * len(names))
    rows = estimates(history, names, {"test": TEST, "train": TRAIN})
    for place, pair in enumerate(rows.groupby("label", sort=False).value):
        axes.plot(pair[1], [place] * 2, color=style.PALE, linewidth=6, zorder=1, label="_gap")
    test, train = (rows[rows.measure == split] for split in ("test", "train"))
    look = {"at": "label", "order": names}
    charts.dots(axes, train, colours=style.GREY, names=SPLITS["train"], **charts.HOLLOW, **look)
    charts.dots(axes, test, colours=colour_of, names=SPLITS["test"], **look)
    theirs = {list(names).index(label): published[label] for label in names if label in published}
    paper = "test, in the paper"
    if theirs:
        style.paper_value(axes, list(theirs.values()), list(theirs), name=paper)
    axes.set(xlim=(0, 1.02), xlabel="accuracy")
    style.in_percent(axes.xaxis)
    axes.axvline(chance, color=style.GREY, linestyle=":", linewidth=1.6, zorder=1)
    entries = [
        (SPLITS["test"], style.INK, "o", ""),
        (SPLITS["train"], style.GREY, "o", "", charts.HOLLOW),
        ("gap", style.PALE, "", "-", {"linewidth": 6}),
        charts.CHANCE,
        *([(paper, *charts.PAPER[1:])] if theirs else []),
    ]
    charts.key(figure, entries, ncols=3 if theirs else 4, fontsize=10.5)
    return figure


@style.styled
def bands(history: pd.DataFrame, names: Mapping[str, str], chance: float) -> Figure:
    """How much each network relies on each band: what the band adds to its test accuracy.

    A panel per band, from the lowest up, a row per network; the first network is the one that the
    others are compared with. history: as for `against_batch`.
    """
    measures = reliance.gained(reliance.monitored_radii(history))
    shades = style.shades("high", range(len(measures) - 1)).values()
    colours = dict(zip(measures, [style.COLOURS["low"], *shades], strict=True))
    lowest, base = next(iter(measures)), next(iter(names.values()))

    def draw(panel: Axes, band: str) -> None:
        rows = estimates(history, names, {band: measures[band]})
        if band == lowest:  # above guessing
            rows[["value", "low", "high"]] -= chance
        first = {"color": style.PALE, "linewidth": 5, "zorder": 0, "label": f"_{base}, to compare"}
        panel.axvline(rows.value[0], **first)
        charts.dots(panel, rows, at="label", order=names, colours=colour_of, names=names)
        panel.axvline(0, color=style.INK, linewidth=0.9, zorder=1, label="_nothing gained")
        style.in_percent(panel.xaxis, unit="")
        panel.locator_params(axis="x", nbins=3, steps=[1, 2, 5, 10])
        panel.spines["left"].set_visible(False)

    figure, panels = charts.small_multiples(
        list(measures), 1.5 + 0.36 * len(names), draw, columns=len(measures)
    )
    for panel, band in zip(panels, measures, strict=True):
        panel.set_title(band, fontsize=11.5, color=style.for_text(colours[band]))
    middle = {"fontsize": 12, "x": 0.63}  # of the panels, not of the names and panels
    figure.supxlabel("accuracy gained, percentage points", **middle)
    figure.suptitle("band, by its distance from the spectrum's centre", **middle)
    return figure


# What the notebooks put into words and tables -------------------------------------------------


def scores(history: pd.DataFrame, names: Mapping[str, str], *, first: str) -> pd.DataFrame:
    """Test accuracy, gap and accuracy lost without the high part as a table, with intervals.

    `first` is the heading of the names.
    """
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    columns = {"test accuracy": TEST, "gap": GAP, "lost without high part": lost}
    rows = estimates(history, names, columns)
    rows = rows.assign(text=[style.with_interval(row) for row in rows.itertuples()])
    wide = rows.pivot(index="label", columns="measure", values="text").loc[list(names), [*columns]]
    wide.insert(0, first, [name.replace("\n", " ") for name in names.values()])
    return wide.reset_index(drop=True)


def listed(history: pd.DataFrame, names: Mapping[str, str], measure: reliance.Measure) -> str:
    """A measure of every network in points: "vanilla (12), dropout (9) and BatchNorm (10)".

    All values and no winner: the first of a rounded order may well be chance.
    """
    values = estimates(history, names, {"": measure}).value
    return style.listing(
        f"{name.replace(chr(10), ' ')} ({round(100 * value)})"
        for name, value in zip(names.values(), values, strict=True)
    )


def gaps(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The generalisation gap of every network, in a sentence."""
    return f"Generalisation gap in percentage points: {listed(history, names, GAP)}."


def losses(history: pd.DataFrame, names: Mapping[str, str]) -> str:
    """What the accuracy of every network loses without the high part, in a sentence."""
    lost = reliance.lost_without_high(reliance.monitored_radii(history))
    return (
        "Percentage points of test accuracy lost without the high part, mean over the radii: "
        f"{listed(history, names, lost)}."
    )


def common(level: float, chance: float) -> str:
    """At which training accuracy networks are compared, and whether that says much."""
    text = f"All reach a training accuracy of {100 * level:.0f} %"
    if level < 2 * chance:
        return f"{text}, so close to guessing ({100 * chance:.0f} %) that this says little."
    return f"{text}; there the networks are compared at equal accuracy on their training images."


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign; what rounds to 0 has none."""
    rounded = round(100 * difference)
    return f"{rounded:+d}" if rounded else "0"
