"""Figures of the section on true and shuffled labels (W, §4.2: Fig. 3 and Table 1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers.claims import labels
from fhelpers.claims.labels import NAMES, monitored
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.names import LINES
from fhelpers.sections.shuffled_labels import claims

ALT = {
    "epochs": "Accuracy on whole training images after each epoch, one curve for true and one for "
    "shuffled labels, both rising from chance.",
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
    "more accurate each network was on low parts than on high parts while it trained, with a line "
    "at zero.",
}


SPLITS = {"train": "training images", "test": "whole test images"}


@style.styled
def by_epoch(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3: accuracy after each epoch on training images and their low parts."""
    ends = []

    def draw(panel: Axes, label: str) -> None:
        rows = monitored(history, label)
        look = {"colours": style.of_parts(rows.radius.dropna()), "names": style.part_name}
        look |= {"by": ["part", "radius"], "clip_on": False}
        ends[:] = charts.curves(panel, rows, x="epoch", **look)
        style.chance_line(panel, chance, where=0.7)

    words = {"xlabel": "epochs of training", "ylabel": "accuracy on training images"}
    figure, panels = charts.small_multiples(NAMES, 4.2, draw, colours=style.COLOURS, **words)
    style.percent(panels[0], highest=1.02)
    panels[0].set_xlim(0, history[history.label.isin(NAMES)].epoch.max())
    ends = [(y, name.replace("whole ", "").replace(" part", ""), each) for y, name, each in ends]
    style.label_ends(panels[1], ends)
    return figure


@style.styled
def epochs_needed(history: pd.DataFrame) -> Figure:
    """Accuracy on whole training images after each epoch, true against shuffled labels."""
    words = {"xlabel": "epochs of training", "ylabel": "training accuracy"}
    figure, axes = style.chart(3.2, **words)
    rows = [monitored(history, label).assign(label=label) for label in NAMES]
    look = {"colours": style.COLOURS, "styles": LINES, "names": NAMES, "clip_on": False}
    charts.curves(axes, pd.concat(rows).query("part == 'original'"), x="epoch", by="label", **look)
    style.percent(axes, highest=1.02)
    axes.set_xlim(left=0)
    return charts.key(figure, handlelength=2.6)


@style.styled
def at_equal_accuracy(history: pd.DataFrame, chance: float) -> Figure:
    """W, Fig. 3 without epochs: accuracy on low parts against accuracy on the same whole images.

    Of several seeds each is a thin curve, and their mean a thick one as far as all of them reach.
    """
    radii = sorted(history[history.label == "natural"].radius.dropna().unique())
    frame, single = claims.compared(history, radii), claims.at_levels(history, radii)
    single = single.assign(low=np.nan, high=np.nan)
    if single.seed.nunique() == 1:
        single = single[:0]  # the mean is the curve itself
    shades = style.shades("low", radii)

    def draw(panel: Axes, radius: float) -> None:
        panel.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, label="_no loss")
        look = {
            "x": "level",
            "styles": LINES,
            "colours": style.COLOURS | {"natural": shades[radius]},
        }
        charts.curves(panel, frame[frame.radius == radius], by="label", names=NAMES, **look)
        look |= {"names": lambda label, seed: f"{NAMES[label]}, seed {seed}", "linewidth": 0.9}
        charts.curves(panel, single[single.radius == radius], y="a", by=["label", "seed"], **look)
        style.chance_line(panel, chance, where=0.62)

    titles = {radius: f"low parts, r = {radius:g}" for radius in radii}
    says = {"ylabel": "accuracy on their low parts", "colours": shades, "head": 0.8}
    says |= {"xlabel": "accuracy on the whole training images"}
    figure, panels = charts.small_multiples(titles, 2.3, draw, **says)
    highest = min(1.0, np.ceil(10 * max(frame.level.max(), single.level.max(), 0.2)) / 10)
    style.percent(panels[0], highest=highest)
    panels[0].set(xlim=(0, highest), xticks=[0, highest / 2, highest])
    style.in_percent(panels[0].xaxis)
    turned = {"rotation": 45, "rotation_mode": "anchor", "transform_rotates_text": True}
    look = {"color": style.GREY, "ha": "center"} | turned
    panels[0].text(0.42 * highest, 0.45 * highest, "no loss", **look)
    colours = style.COLOURS | {"natural": style.COLOURS["low"]}
    models = [(name, colours[label], "", LINES[label]) for label, name in NAMES.items()]
    return charts.key(figure, models, handlelength=2.6)


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
            look = {"colour": colours[split], "name": f"{name}, in the paper"}
            style.paper_value(panel, places, theirs[split], **look)
        style.chance_line(panel, chance)

    titles = {band: f"trained on {band} parts" for band in ("low", "high")}
    figure, panels = charts.small_multiples(
        titles, 3.7, draw, head=0.4, colours=style.COLOURS, xlabel="radius r", ylabel="accuracy"
    )
    style.percent(panels[0], highest=1.04)
    entries = [(SPLITS["train"], style.GREY, "s"), (SPLITS["test"], style.INK, "o")]
    return charts.key(figure, [*entries, *[charts.PAPER] * (len(published) > 0), charts.CHANCE])


@style.styled
def cues(found: pd.DataFrame) -> Figure:
    """Which planted cue true labels are learned from, against how distinctive the cues are."""
    words = {"xlabel": "signal-to-noise ratio, high cue over low cue", "xscale": "log"}
    figure, axes = style.chart(2.6, ylabel="accuracy on\nlow − high parts", **words)
    charts.curves(axes, found, x="advantage", markers="o", names="low − high")
    axes.axhline(0, color=style.GREY, linewidth=0.9, zorder=1)
    axes.axvline(1, color=style.GREY, linewidth=0.9, zorder=1)
    style.percent(axes, lowest=-1.02, highest=1.02)
    axes.xaxis.set_major_formatter("{x:g}")
    style.write(axes, "low part preferred", (0.02, 0.06), (0, 0), color=style.GREY, va="bottom")
    style.write(axes, "high part preferred", (0.02, -0.06), (0, 0), color=style.GREY, va="top")
    return figure


def at_equal_epochs(history: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """The last epoch that both models have, and their training accuracies then, as text."""
    rows = [monitored(history, label).assign(name=name) for label, name in NAMES.items()]
    epoch = min(int(each.epoch.max()) for each in rows)
    both = pd.concat(rows).query("epoch == @epoch")
    both = both.sort_values("radius", na_position="first", kind="stable")
    said = map(style.part_name, both.part, both.radius)
    both["shown"] = [text.replace("image", "images").replace("part", "parts") for text in said]
    wide = both.pivot_table("value", "shown", "name", sort=False)
    return epoch, wide.rename_axis(columns=None).reset_index()


def why_equal_accuracy(epoch: int, both: pd.DataFrame) -> str:
    """Why networks are compared at equal training accuracy, from `at_equal_epochs`, in words."""
    true, shuffled = both.iloc[0][list(NAMES.values())]
    if abs(true - shuffled) < 0.01:
        return (
            f"After {epoch} epochs both networks classify equally many of their training images "
            "correctly, so the difference on low parts is not one of accuracy. To compare them "
            "earlier as well, we take them at equal training accuracy."
        )
    return (
        "Equal epochs do not mean equal knowledge. The two networks differ on whole images too, so "
        "they would differ on low parts even if both used the same frequencies. We therefore also "
        "compare them at equal training accuracy."
    )


def memorised(history: pd.DataFrame) -> str:
    """How many shuffled labels each network has right at the end and at its best, in words."""
    own = history.query("label == 'shuffled' and split == 'train' and part == 'original'")
    ends = own[own.scope == "all"].sort_values("seed").accuracy
    best = own[own.scope == "subset"].groupby("seed").accuracy.max()
    last, most = (style.listing(f"{100 * share:.0f} %" for share in each) for each in (ends, best))
    who = "the network ends" if len(ends) == 1 else "the networks of the seeds end"
    return (
        f"With shuffled labels, {who} at a training accuracy of {last}; the highest on monitored "
        f"images was {most}."
    )


def trained_on(runs: Mapping[str, Sequence], available: int) -> str:
    """How many images the networks see, and whether shuffled labels are memorised, in words."""
    recipe, history = runs["shuffled"][0].recipe, runs.history
    images = recipe.train_images
    cues = next(runs[label][0].recipe.train_images for label in runs if label.startswith("cue-"))
    said = f"The networks on this page see {images:,} training images"
    if images < available:
        said += f" of {available:,}"
    if cues != images:
        said += f"; those on planted cues see {cues:,} planted images"
    said += f". {memorised(history)}"
    band = next(runs[label][0].recipe for label in runs if label.startswith("low-"))
    if recipe.learning_rate != band.learning_rate:
        said += (
            f" M_shuffle and the network with true labels learn at a rate of "
            f"{recipe.learning_rate:g}; at {band.learning_rate:g}, the rate of the others, "
            "M_shuffle did not memorise CIFAR-10 with one of the first three seeds."
        )
    return said


def at_highest_common(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Accuracy on low parts at the highest training accuracy that both models passed through."""
    rows = []
    for radius in sorted(radii):
        wide = labels.at_equal_accuracy(history, radius)
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
