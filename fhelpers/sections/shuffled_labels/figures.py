"""Figures of the section on true and shuffled labels (W, §4.2: Fig. 3 and Table 1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fhelpers.claims.labels import at_equal_accuracy as at_equal_training_accuracy
from fhelpers.drawing import style
from fhelpers.drawing.labels import LINES, NAMES, monitored, over_seeds

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "epochs": (
        "Accuracy on whole training images after each epoch, one curve for true and one for "
        "shuffled labels. Both rise from chance, the one with true labels faster."
    ),
    "by-epoch": (
        "Two panels with equal axes, true labels and shuffled labels. In each the accuracy on "
        "whole training images after each epoch is a black curve, and the accuracy on their low "
        "parts one blue curve for each radius. A dotted line marks chance."
    ),
    "equal-accuracy": (
        "A panel for each radius. Against the accuracy on whole training images stands the "
        "accuracy on their low parts, a solid curve for true labels and a dashed one for shuffled "
        "labels. The diagonal would be no loss; a dotted line marks chance."
    ),
    "table1": (
        "Two panels, trained on low parts and trained on high parts. For each radius the accuracy "
        "on training images and on whole test images with intervals, and the published values as "
        "hollow diamonds. A dotted line marks chance."
    ),
}


@style.styled
def by_epoch(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3: accuracy after each epoch on training images and their low parts, a panel a model.

    history: runs.history with the labels "natural" and "shuffled"; chance: accuracy of a guess.
    Both panels have the same axes, so equal epochs stand at equal places.
    """
    figure, axes = style.canvas(1, 2, 4.2, sharey=True)
    longest = history[history.label.isin(NAMES)].epoch.max()
    for panel, label in zip(axes[0], NAMES, strict=True):
        rows = monitored(history, label)
        ends = draw_parts(panel, rows)
        style.percent(panel, highest=1.02)
        panel.set(xlim=(0, longest), xlabel="epochs of training")
        style.chance_line(panel, chance, where=0.7)
        panel.set_title(NAMES[label], color=model_colour(label))
    axes[0, 0].set_ylabel("accuracy on training images")
    style.label_ends(axes[0, 1], ends)
    return figure


def model_colour(label: str) -> str:
    return style.COLOURS["shuffled"] if label == "shuffled" else style.COLOURS["original"]


def draw_parts(axes: Axes, rows: pd.DataFrame) -> list[tuple[float, str, str]]:
    """A curve per part with its band; returns what `style.label_ends` needs."""
    colours = style.shades("low", rows.radius.dropna())
    ends = []
    for (part, radius), line in rows.groupby(["part", "radius"], dropna=False):
        whole = part == "original"
        colour = style.COLOURS["original"] if whole else colours[radius]
        name = "_whole image" if whole else f"_low part, r = {radius:g}"
        axes.plot(line.epoch, line.value, color=colour, clip_on=False, label=name)
        style.band(axes, line.epoch, line.low, line.high, colour)
        ends.append((line.value.iloc[-1], "image" if whole else f"low, r = {radius:g}", colour))
    return ends


@style.styled
def epochs_needed(history: pd.DataFrame) -> Figure:
    """Accuracy on whole training images after each epoch, true against shuffled labels.

    history: runs.history with the labels "natural" and "shuffled".
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.4)
    ends = []
    for label in NAMES:
        line = monitored(history, label).query("part == 'original'")
        colour = model_colour(label)
        axes.plot(line.epoch, line.value, color=colour, linestyle=LINES[label], clip_on=False)
        style.band(axes, line.epoch, line.low, line.high, colour)
        ends.append((line, label))
    style.percent(axes, highest=1.02)
    axes.set(xlim=(0, None), xlabel="epochs of training", ylabel="accuracy on training images")
    for line, label in ends:
        name_curve(axes, line, NAMES[label], model_colour(label))
    return figure


def name_curve(axes: Axes, line: pd.DataFrame, text: str, colour: str) -> None:
    """Write a curve's name below and right of where it has done half of its climb."""
    half = (line.value.iloc[0] + line.value.max()) / 2
    at = line[line.value >= half].iloc[0]
    colour = style.for_text(colour)
    axes.annotate(
        text,
        (at.epoch, at.value),
        xytext=(10, -4),
        textcoords="offset points",
        va="top",
        color=colour,
        fontweight="bold",
    )


def at_levels(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Accuracy on low parts at equal training accuracy: columns radius, seed, level, label, a."""
    frames = []
    for radius in radii:
        wide = at_equal_training_accuracy(history, radius).assign(radius=radius)
        keys = ["radius", "seed", "level"]
        frames.append(wide.melt(keys, ["natural", "shuffled"], "label", value_name="a"))
    return pd.concat(frames, ignore_index=True)


def compared(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """`at_levels` over seeds: columns radius, label, level, value, low, high.

    Only levels that every seed passed through, so that no step in a curve is a change of seeds.
    """
    tidy = at_levels(history, radii)
    seeds = tidy.groupby(["radius", "level"]).seed.transform("nunique")
    return over_seeds(tidy[seeds == history.seed.nunique()], ["radius", "label", "level"], "a")


@style.styled
def at_equal_accuracy(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3 without epochs: accuracy on low parts against accuracy on the same whole images.

    A panel per radius; where the models differ, equal training accuracy hides different features.
    Of several seeds each is a thin curve, and their mean a thick one as far as all of them reach.
    history: runs.history with the labels "natural" and "shuffled"; chance: accuracy of a guess.
    """
    radii = sorted(history[history.label == "natural"].radius.dropna().unique())
    frame, single = compared(history, radii), at_levels(history, radii)
    if single.seed.nunique() == 1:
        single = single[:0]  # the mean is the curve itself
    columns = min(2, len(radii))
    rows = -(-len(radii) // columns)
    figure, axes = style.canvas(rows, columns, 0.8 + 2.3 * rows, sharex=True, sharey=True)
    colours = style.shades("low", radii)
    for panel, radius in zip(axes.flat, radii, strict=False):
        panel.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, label="_no loss")
        for label, line in frame[frame.radius == radius].groupby("label"):
            colour = colours[radius] if label == "natural" else style.COLOURS["shuffled"]
            named = {"linestyle": LINES[label], "label": f"_{NAMES[label]}"}
            panel.plot(line.level, line.value, color=colour, **named)
            style.band(panel, line.level, line.low, line.high, colour)
        for (label, seed), line in single[single.radius == radius].groupby(["label", "seed"]):
            colour = colours[radius] if label == "natural" else style.COLOURS["shuffled"]
            named = {"linestyle": LINES[label], "label": f"_{NAMES[label]}, seed {seed}"}
            panel.plot(line.level, line.a, color=colour, linewidth=0.9, **named)
        style.percent(panel)
        style.chance_line(panel, chance, where=0.62)
        panel.set_xlim(0, 1)
        panel.set_xticks([0, 0.5, 1])
        panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        panel.set_title(f"low parts, r = {radius:g}", color=colours[radius])
    for panel in axes.flat[len(radii) :]:
        panel.set_axis_off()
    axes[0, 0].text(
        0.42,
        0.45,
        "no loss",
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        color=style.GREY,
        fontsize=10.5,
        ha="center",
    )
    model_key(figure)
    figure.supxlabel("accuracy on the whole training images", fontsize=12)
    figure.supylabel("accuracy on their low parts", fontsize=12)
    return figure


def model_key(figure: Figure) -> None:
    """Line style and name of the two models, above the panels."""
    colours = {"natural": style.COLOURS["low"], "shuffled": style.COLOURS["shuffled"]}
    lines = [
        Line2D([], [], color=colours[label], linestyle=LINES[label], label=name)
        for label, name in NAMES.items()
    ]
    figure.legend(handles=lines, loc="outside upper left", ncols=2, handlelength=2.6, fontsize=12)


@style.styled
def table1(scores: pd.DataFrame, published: pd.DataFrame, chance: float) -> Figure:
    """W, Table 1: trained on one part of the images, tested on whole images.

    scores: from `band_trained`; published: `claims.TABLE1`, drawn as hollow diamonds
    at the radii that were run; chance: accuracy of a guess. Lines join our values.
    """
    figure, axes = style.canvas(1, 2, 4.1, sharey=True)
    radii = sorted(scores.radius.unique())
    for panel, band in zip(axes[0], ("low", "high"), strict=True):
        ours = scores[scores.trained_on == band]
        theirs = published[(published.trained_on == band) & published.radius.isin(radii)]
        for split, name in (("train", "training images"), ("test", "whole test images")):
            colour = style.GREY if split == "train" else style.COLOURS[band]
            draw_scores(panel, ours[ours.split == split], radii, colour, style.MARKERS[band], name)
            places = [radii.index(radius) + 0.2 for radius in theirs.radius]
            style.paper_value(panel, places, theirs[split], colour, name=f"{name}, in the paper")
        style.percent(panel, highest=1.04)
        style.chance_line(panel, chance)
        panel.set_xticks(range(len(radii)), [f"{radius:g}" for radius in radii])
        panel.set(xlim=(-0.4, len(radii) - 0.5), xlabel="radius r")
        panel.set_title(f"trained on {band} parts", color=style.COLOURS[band])
    axes[0, 0].set_ylabel("accuracy")
    name_table1(axes[0], scores, published.radius.isin(radii).any())
    return figure


def draw_scores(axes: Axes, rows, radii: list, colour: str, marker: str, name: str) -> None:
    places = [radii.index(radius) for radius in rows.radius]
    axes.plot(places, rows.value, color=colour, linewidth=1.4, label=f"_{name}")
    for place, row in zip(places, rows.itertuples(), strict=True):
        style.point(axes, place, row, colour, marker=marker, label=f"_{name}")


def name_table1(panels: Sequence[Axes], scores: pd.DataFrame, published: bool) -> None:
    """Name our two lines at the right edge and the paper's mark, if there is one, in a key."""
    last = scores[(scores.trained_on == "high") & (scores.radius == scores.radius.max())]
    train, test = (last[last.split == split].value.iloc[0] for split in ("train", "test"))
    style.label_ends(
        panels[1],
        [
            (train, "training\nimages", style.GREY),
            (test, "whole\ntest\nimages", style.COLOURS["high"]),
        ],
        gap=0.2,
    )
    if published:
        ours = panels[0].plot([], [], color=style.INK, marker="o", linewidth=1.4, label="here")
        theirs = style.paper_value(panels[0], [], [])
        theirs.set_label("in the paper")
        figure = panels[0].figure
        figure.legend(handles=[*ours, theirs], loc="outside upper left", ncols=2)


# What the notebook puts into tables ----------------------------------------------------------


def at_equal_epochs(history: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """The last epoch that both models have, and their training accuracies then, as text.

    history: as for `by_epoch`. A row for whole images and one for the low parts of each radius.
    """
    rows = {label: monitored(history, label) for label in NAMES}
    epoch = min(int(frame.epoch.max()) for frame in rows.values())
    columns = {}
    for label, frame in rows.items():
        frame = frame[frame.epoch == epoch].sort_values("radius", na_position="first")
        columns["shown"] = [
            "whole images" if part == "original" else f"low parts, r = {radius:g}"
            for part, radius in zip(frame.part, frame.radius, strict=True)
        ]
        columns[NAMES[label]] = frame.value.to_list()
    return epoch, pd.DataFrame(columns)


def at_highest_common(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Accuracy on low parts at the highest training accuracy that both models passed through.

    The mean over seeds, each taken at its own highest.
    """
    rows = []
    for radius in sorted(radii):
        wide = at_equal_training_accuracy(history, radius)
        if len(wide):
            mean = wide.groupby("seed").tail(1).mean()
            rows.append((f"r = {radius:g}", mean.level, mean.natural, mean.shuffled))
    return pd.DataFrame(rows, columns=["low parts", "whole images, both", *NAMES.values()])


def beside_paper(scores: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Table 1 as a table: ours with interval beside the paper's; "–" where it has none."""
    rows = []
    for (band, radius), own in scores.groupby(["trained_on", "radius"], sort=False):
        row = {"trained on": f"{band} parts", "r": f"{radius:g}"}
        theirs = published[(published.trained_on == band) & (published.radius == radius)]
        for split, name in (("train", "training images"), ("test", "whole test images")):
            line = own[own.split == split].iloc[0]
            row[f"{name}, here"] = style.with_interval(line)
            row[f"{name}, paper"] = theirs[split].iloc[0] if len(theirs) else None
        rows.append(row)
    return pd.DataFrame(rows)


def in_short(verdicts: Mapping, scores: pd.DataFrame) -> str:
    """The section's finding: W4, W5 and Table 1, each in a sentence.

    verdicts: {"W4": …, "W5": …}; what could not be measured is left to the note that says why.
    """
    lead = verdicts["W5"].estimate.value
    equal = verdicts["W5"].note
    if np.isfinite(lead):
        which = "more" if lead >= 0 else "fewer"
        equal = (
            "At equal training accuracy, the network with true labels gets "
            f"{100 * abs(lead):.0f} percentage points {which} of low parts of small radius right."
        )
    tests = scores[scores.split == "test"]
    ranges = {
        band: f"{100 * values.min():.0f} to {100 * values.max():.0f} %"
        for band, values in tests.groupby("trained_on").value
    }
    return (
        f"{verdicts['W4'].note} {equal} Trained on low parts, networks get {ranges['low']} of "
        f"whole test images right; trained on high parts, {ranges['high']}."
    )


def on_the_same_part(scores: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on whole test images beside that on the part of them that was trained on."""
    rows = []
    for (band, radius), own in scores.groupby(["trained_on", "radius"], sort=False):
        row = {"trained on": f"{band} parts", "r": f"{radius:g}"}
        for split, name in (("test", "whole test images"), ("same", "the same parts of them")):
            line = own[own.split == split].iloc[0]
            row[name] = style.with_interval(line)
        rows.append(row)
    return pd.DataFrame(rows)
