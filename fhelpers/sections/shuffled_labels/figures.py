"""Figures of the section on true and shuffled labels (W, §4.2: Fig. 3 and Table 1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims.labels import NAMES, monitored
from fhelpers.claims.labels import at_equal_accuracy as at_equal_training_accuracy
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.names import LINES
from fhelpers.sections.shuffled_labels import claims

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "epochs": "Accuracy on whole training images after each epoch, one curve for true and one for "
    "shuffled labels. Both rise from chance, the one with true labels faster.",
    "by-epoch": "Two panels with equal axes, true labels and shuffled labels. In each the "
    "accuracy on whole training images after each epoch is a black curve, and the accuracy on "
    "their low parts one blue curve for each radius. A dotted line marks chance.",
    "equal-accuracy": "A panel for each radius. Against the accuracy on whole training images "
    "stands the accuracy on their low parts, a solid curve for true labels and a dashed one for "
    "shuffled labels. The diagonal would be no loss; a dotted line marks chance.",
    "table1": "Two panels, trained on low parts and trained on high parts. For each radius the "
    "accuracy on training images and on whole test images with intervals, and the published "
    "values as hollow diamonds. A dotted line marks chance.",
    "cues": "Against the signal-to-noise ratio of the high cue over that of the low one, how much "
    "more accurate each network was on low parts than on high parts while it trained. The points "
    "fall from above zero to below it.",
}


COLOURS = {"natural": style.COLOURS["original"], "shuffled": style.COLOURS["shuffled"]}
SPLITS = {"train": "training images", "test": "whole test images"}


@style.styled
def by_epoch(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3: accuracy after each epoch on training images and their low parts."""
    ends = []

    def draw(panel: Axes, label: str) -> None:
        rows = monitored(history, label)
        look = {"colours": style.of_parts(rows.radius.dropna()), "names": style.part_name}
        ends[:] = charts.curves(
            panel, rows, x="epoch", by=["part", "radius"], clip_on=False, **look
        )
        style.chance_line(panel, chance, where=0.7)

    figure, panels = charts.small_multiples(
        NAMES, 4.2, draw, colours=COLOURS, xlabel="epochs of training"
    )
    style.percent(panels[0], highest=1.02)
    panels[0].set(ylabel="accuracy on training images")
    panels[0].set_xlim(0, history[history.label.isin(NAMES)].epoch.max())
    short = {"whole image": "image"}
    ends = [(y, short.get(name, name.replace(" part", "")), colour) for y, name, colour in ends]
    style.label_ends(panels[1], ends)
    return figure


@style.styled
def epochs_needed(history: pd.DataFrame) -> Figure:
    """Accuracy on whole training images after each epoch, true against shuffled labels."""
    figure, ((axes,),) = style.canvas(1, 1, 2.6)
    rows = [monitored(history, label).assign(label=label) for label in NAMES]
    look = {"colours": COLOURS, "styles": LINES, "names": NAMES, "clip_on": False}
    charts.curves(axes, pd.concat(rows).query("part == 'original'"), x="epoch", by="label", **look)
    style.percent(axes, highest=1.02)
    axes.set(xlim=(0, None), xlabel="epochs of training", ylabel="accuracy on training images")
    charts.key(figure, charts.entries(axes), handlelength=2.6)
    return figure


@style.styled
def at_equal_accuracy(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3 without epochs: accuracy on low parts against accuracy on the same whole images.

    A panel per radius; where the models differ, equal training accuracy hides different features.
    Of several seeds each is a thin curve, and their mean a thick one as far as all of them reach.
    history: runs.history with the labels "natural" and "shuffled"; chance: accuracy of a guess.
    """
    radii = sorted(history[history.label == "natural"].radius.dropna().unique())
    frame, single = claims.compared(history, radii), claims.at_levels(history, radii)
    if single.seed.nunique() == 1:
        single = single[:0]  # the mean is the curve itself
    shades = style.shades("low", radii)

    def draw(panel: Axes, radius: float) -> None:
        panel.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, label="_no loss")
        look = {"x": "level", "styles": LINES, "colours": COLOURS | {"natural": shades[radius]}}
        charts.curves(panel, frame[frame.radius == radius], by="label", names=NAMES, **look)
        named = {"names": lambda label, seed: f"{NAMES[label]}, seed {seed}"}
        own = single[single.radius == radius].assign(low=np.nan, high=np.nan)
        charts.curves(panel, own, y="a", by=["label", "seed"], linewidth=0.9, **look, **named)
        style.chance_line(panel, chance, where=0.62)

    titles = {radius: f"low parts, r = {radius:g}" for radius in radii}
    says = {"xlabel": "accuracy on the whole training images"}
    says |= {"ylabel": "accuracy on their low parts"}
    figure, panels = charts.small_multiples(titles, 2.3, draw, head=0.8, colours=shades, **says)
    highest = min(1.0, np.ceil(10 * max(frame.level.max(), single.level.max(), 0.2)) / 10)
    style.percent(panels[0], highest=highest)
    panels[0].set(xlim=(0, highest), xticks=[0, highest / 2, highest])
    style.in_percent(panels[0].xaxis)
    turned = {"rotation": 45, "rotation_mode": "anchor", "transform_rotates_text": True}
    looks = {"color": style.GREY, "fontsize": 11, "ha": "center"}
    panels[0].text(0.42 * highest, 0.45 * highest, "no loss", **turned, **looks)
    colours = COLOURS | {"natural": style.COLOURS["low"]}
    models = [(name, colours[label], "", LINES[label]) for label, name in NAMES.items()]
    charts.key(figure, models, handlelength=2.6)
    return figure


@style.styled
def table1(scores: pd.DataFrame, published: pd.DataFrame, chance: float) -> Figure:
    """W, Table 1: trained on one part of the images, tested on whole images."""
    radii = sorted(scores.radius.unique())
    scores = scores[scores.split.isin(SPLITS)]
    published = published[published.radius.isin(radii)]

    def draw(panel: Axes, band: str) -> None:
        colours = {"train": style.GREY, "test": style.COLOURS[band]}
        look = {"colours": colours, "markers": {"train": "s", "test": "o"}, "names": SPLITS}
        ours, theirs = (frame[frame.trained_on == band] for frame in (scores, published))
        look |= {"order": radii, "by": "split", "dodge": 0, "styles": "-", "upright": True}
        charts.dots(panel, ours, at="radius", **look)
        places = theirs.radius.map(radii.index) + 0.2
        for split, name in SPLITS.items():
            name = f"{name}, in the paper"
            style.paper_value(panel, places, theirs[split], colours[split], name=name)
        style.chance_line(panel, chance, where=None)

    titles = {band: f"trained on {band} parts" for band in ("low", "high")}
    figure, panels = charts.small_multiples(
        titles, 3.7, draw, head=0.4, colours=style.COLOURS, xlabel="radius r", ylabel="accuracy"
    )
    style.percent(panels[0], highest=1.04)
    entries = [(SPLITS["train"], style.GREY, "s"), (SPLITS["test"], style.INK, "o")]
    charts.key(figure, [*entries, *[charts.PAPER] * (len(published) > 0), charts.CHANCE])
    return figure


@style.styled
def cues(found: pd.DataFrame) -> Figure:
    """Which planted cue true labels are learned from, against how distinctive the cues are."""
    figure, ((axes,),) = style.canvas(1, 1, 2.6)
    charts.curves(axes, found, x="advantage", colours=style.INK, markers="o", names="low − high")
    axes.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
    axes.axvline(1, color=style.GREY, linewidth=0.9, zorder=1)
    axes.set(xscale="log", xlabel="signal-to-noise ratio, high cue over low cue")
    axes.set(ylim=(-1.02, 1.02), ylabel="accuracy on\nlow − high parts")
    style.in_percent(axes.yaxis)
    axes.xaxis.set_major_formatter("{x:g}")
    looks = {"color": style.GREY, "fontsize": 11, "transform": axes.transAxes}
    axes.text(0.02, 0.53, "low part preferred", va="bottom", **looks)
    axes.text(0.02, 0.47, "high part preferred", va="top", **looks)
    return figure


# What the notebook puts into tables ----------------------------------------------------------


def at_equal_epochs(history: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """The last epoch that both models have, and their training accuracies then, as text."""
    rows = {name: monitored(history, label) for label, name in NAMES.items()}
    epoch = min(int(frame.epoch.max()) for frame in rows.values())
    both = pd.concat([frame.assign(name=name) for name, frame in rows.items()])
    both = both[both.epoch == epoch].sort_values("radius", na_position="first", kind="stable")
    said = map(style.part_name, both.part, both.radius)
    both["shown"] = [text.replace("image", "images").replace("part", "parts") for text in said]
    wide = both.pivot_table("value", "shown", "name", sort=False)
    return epoch, wide.rename_axis(columns=None).reset_index()


def at_highest_common(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Accuracy on low parts at the highest training accuracy that both models passed through."""
    rows = []
    for radius in sorted(radii):
        wide = at_equal_training_accuracy(history, radius)
        if len(wide):
            mean = wide.groupby("seed").tail(1).mean()
            rows.append((f"r = {radius:g}", mean.level, mean.natural, mean.shuffled))
    return pd.DataFrame(rows, columns=["low parts", "whole images, both", *NAMES.values()])


def beside_paper(scores: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Table 1 as a table: ours with interval, and the paper's in brackets where it has one."""
    paper = published.melt(["trained_on", "radius"], list(SPLITS), "split", value_name="paper")
    shown = scores.merge(paper, "left", ["trained_on", "radius", "split"])
    return by_part(shown[shown.split.isin(SPLITS)].replace({"split": SPLITS}))


def on_the_same_part(scores: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on whole test images beside that on the part of them that was trained on."""
    names = {"test": SPLITS["test"], "same": "the same parts of them"}
    return by_part(scores[scores.split.isin(names)].replace({"split": names}))


def by_part(scores: pd.DataFrame) -> pd.DataFrame:
    """Accuracies with intervals, a row for each part trained on and a column for each split."""
    rows = scores.assign(r=scores.radius.map("{:g}".format))
    rows = rows.assign(**{"trained on": rows.trained_on + " parts"})
    return tables.spread(rows, ["trained on", "r"], "split")
