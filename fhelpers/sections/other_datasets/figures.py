"""Figures of the section on other data sets (W, §4)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from fhelpers import data
from fhelpers.claims.histories import smallest_radii
from fhelpers.claims.labels import at_equal_accuracy
from fhelpers.claims.verdicts import REPRODUCED, Judged
from fhelpers.data import DatasetInfo
from fhelpers.drawing import style
from fhelpers.drawing.labels import LINES, NAMES, band_trained, monitored
from fhelpers.intervals import Estimate, shifted
from fhelpers.sections.other_datasets.claims import FURTHER, REPEATED, decided_by

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "pictures": (
        "A row for each data set: a test image, its low parts at the smallest and the largest "
        "radius, blurred by the same number of pixels in every row, and its high parts, which are "
        "outlines on grey."
    ),
    "summary": (
        "Three panels with a row for each data set. Above, accuracy on low parts with true and "
        "with shuffled labels at equal training accuracy; in the middle, the same for the smallest "
        "radius, with true labels after one epoch and with shuffled ones at the end; below, "
        "accuracy on whole test images of networks trained on low and on high parts. Points have "
        "intervals, and a dotted tick in each row marks chance."
    ),
    "by-epoch": (
        "A panel for each data set. Black curves are the accuracy on whole training images after "
        "each epoch, blue ones that on their low parts at the smallest radius, solid with true and "
        "dashed with shuffled labels. A dotted line marks chance."
    ),
}

PANELS = {
    "W5": "low parts, at equal training accuracy",
    "W6": "low parts of the smallest radius",
    "W7": "whole test images, trained on one part",
}
MARKERS = {"true labels": "o", "shuffled labels": "s", "low": "o", "high": "s"}


def title(dataset: str) -> str:
    """How a data set is called on the page."""
    return data.TITLES[dataset]


# What is compared ------------------------------------------------------------------------------


def summary(
    histories: Mapping[str, pd.DataFrame],
    verdicts: Mapping[str, Mapping[str, Judged]],
    chances: Mapping[str, float],
    radii: Mapping[str, Sequence[float]],
) -> pd.DataFrame:
    """The accuracies behind W5, W6 and W7 on each data set.

    Columns dataset, claim, series ("true labels", "shuffled labels", "low", "high"), radius (of
    W7), chance, value, low, high, n, over.
    """
    rows = []
    for name, history in histories.items():
        add = lambda claim, series, radius, found, name=name: rows.append(  # noqa: E731
            {"dataset": name, "claim": claim, "series": series, "radius": radius,
             "chance": chances[name]} | vars(found)
        )  # fmt: skip
        for label, found in equal_accuracy(history).items():
            add("W5", label, np.nan, found)
        for label, part in zip(NAMES.values(), verdicts[name]["W6"].parts, strict=True):
            add("W6", label, np.nan, shifted(part.estimate, chances[name]))
        for row in band_trained(history, sorted(radii[name])).itertuples():
            if row.split == "test":
                found = Estimate(row.value, row.low, row.high, row.n, row.over)
                add("W7", row.trained_on, row.radius, found)
    return pd.DataFrame(rows)


def equal_accuracy(history: pd.DataFrame) -> dict[str, Estimate]:
    """Accuracy on low parts, mean over W5's radii and levels: {"true labels": estimate, …}.

    Empty where the two networks share no training accuracy.
    """
    rows = pd.concat([at_equal_accuracy(history, r) for r in smallest_radii(history, 2)])
    if rows.seed.nunique() < history.seed.nunique():
        return {}
    images = int(history[(history.scope == "subset") & (history.split == "train")].images.min())
    means = rows.groupby("seed")[list(NAMES)].mean()
    return {name: style.accuracy(means[label], images) for label, name in NAMES.items()}


# Figures ---------------------------------------------------------------------------------------


@style.styled
def pictures(examples: Mapping[str, tuple[Tensor, Mapping[float, tuple]]]) -> Figure:
    """One image of each data set and its parts at the smallest and the largest radius.

    examples: {data set: (image (C, H, W), {radius: (low, high)})}.
    """
    ends = {name: sorted({min(parts), max(parts)}) for name, (_, parts) in examples.items()}
    columns = 1 + 2 * max(map(len, ends.values()))
    rows = len(examples)
    figure, axes = style.canvas(rows, columns, 0.3 + rows * 6.9 / columns)
    for line, (name, (image, parts)) in zip(axes, examples.items(), strict=True):
        style.picture(line[0], image, "whole")
        line[0].set_ylabel(title(name), fontsize=10.5)
        for shift, part in enumerate(("low", "high")):
            for place, radius in enumerate(ends[name]):
                panel = line[1 + shift * len(ends[name]) + place]
                pixels = parts[radius][shift] + (0.5 if part == "high" else 0)
                style.picture(panel, pixels, f"{part}, {radius:g}")
    return figure


@style.styled
def compared(frame: pd.DataFrame) -> Figure:
    """W5, W6 and W7 on all data sets at once, a panel a claim and a row a data set.

    frame: from `summary`. In the last panel the radius is by lightness, as everywhere.
    """
    names = list(frame.dataset.unique())
    figure, axes = style.canvas(3, 1, 1.9 + 3 * (0.36 + 0.3 * len(names)), sharex=True)
    for panel, (claim, words) in zip(axes[:, 0], PANELS.items(), strict=True):
        for place, name in enumerate(names):
            rows = frame[(frame.claim == claim) & (frame.dataset == name)]
            chance = frame[frame.dataset == name].chance.iloc[0]
            panel.plot([chance] * 2, [place - 0.42, place + 0.42], color=style.GREY,
                       linestyle=":", linewidth=1.6, zorder=1)  # fmt: skip
            across(panel, place, rows)
        panel.set_yticks(range(len(names)), [title(name) for name in names])
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.yaxis.grid(False)
        panel.set_title(words)
    axes[-1, 0].set_xlim(0, 1.01)
    axes[-1, 0].xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes[-1, 0].set_xlabel("accuracy")
    key(figure)
    return figure


def across(axes: Axes, place: float, rows: pd.DataFrame) -> None:
    """The points of one row, each with its interval, apart by a little where they would overlap."""
    shifts = dict(
        zip(("true labels", "low", "shuffled labels", "high"), (-1, -1, 1, 1), strict=True)
    )
    for row in rows.itertuples():
        colours = style.shades(row.series, rows.radius) if row.claim == "W7" else {}
        models = {"true labels": "original", "shuffled labels": "shuffled"}
        colour = colours.get(row.radius) or style.COLOURS[models[row.series]]
        height = place + 0.13 * shifts[row.series]
        axes.plot([row.low, row.high], [height] * 2, color=colour, linewidth=2, zorder=3)
        name = f"trained on {row.series} parts, r = {row.radius:g}" if colours else row.series
        axes.plot(row.value, height, MARKERS[row.series], color=colour, zorder=4, clip_on=False,
                  label=f"_{name}")  # fmt: skip


def key(figure: Figure) -> None:
    """What the marks are, above the panels."""
    entries = {
        "true labels": (style.COLOURS["original"], "o"),
        "shuffled labels": (style.COLOURS["shuffled"], "s"),
        "trained on low parts": (style.COLOURS["low"], "o"),
        "trained on high parts": (style.COLOURS["high"], "s"),
    }
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=2, label=name)
        for name, (colour, marker) in entries.items()
    ]
    handles.append(Line2D([], [], color=style.GREY, linestyle=":", linewidth=1.6, label="chance"))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.2)


@style.styled
def by_epoch(histories: Mapping[str, pd.DataFrame], chances: Mapping[str, float]) -> Figure:
    """W, Fig. 3 on every data set: training accuracy whole and on low parts of the smallest radius.

    histories: {data set: its history with the labels of section 02}; chances: {data set: 1 /
    classes}.
    """
    columns = min(2, len(histories))
    rows = -(-len(histories) // columns)
    figure, axes = style.canvas(rows, columns, 1.1 + 2.3 * rows, sharey=True)
    for panel, (name, history) in zip(axes.flat, histories.items(), strict=False):
        (radius,) = smallest_radii(history, 1)
        for label in NAMES:
            seen = monitored(history, label)
            seen = seen[(seen.part == "original") | (seen.radius == radius)]
            for part, line in seen.groupby("part"):
                colour = style.COLOURS[part]
                panel.plot(line.epoch, line.value, color=colour, linestyle=LINES[label])
                style.band(panel, line.epoch, line.low, line.high, colour)
            panel.set_xlim(0, history[history.label == "shuffled"].epoch.max())
        style.percent(panel, highest=1.02)
        style.chance_line(panel, chances[name], where=0.72)
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.set_title(f"{title(name)}, r = {radius:g}")
    for panel in axes.flat[len(histories) :]:
        panel.set_axis_off()
    parts = {"original": "whole images", "low": "their low parts"}
    handles = [
        Line2D([], [], color=style.COLOURS[part], linewidth=5, label=words)
        for part, words in parts.items()
    ]
    handles += [
        Line2D([], [], color=style.INK, linestyle=LINES[label], label=words)
        for label, words in NAMES.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=3)
    figure.supxlabel("epochs of training", fontsize=12)
    figure.supylabel("accuracy on training images", fontsize=12)
    return figure


# What the notebook puts into sentences and tables ----------------------------------------------


def scaled(infos: Mapping[str, DatasetInfo], radii: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Image sizes and radii of each data set, and the finest wave that a low part keeps."""
    rows = []
    for name, info in infos.items():
        ordered = sorted(radii[name])
        side = min(info.height, info.width)
        rows.append(
            {
                "data set": title(name),
                "images": f"{info.height} × {info.width}, "
                f"{'grey' if info.channels == 1 else 'colour'}",
                "classes": info.classes,
                "radii": ", ".join(f"{radius:g}" for radius in ordered),
                "finest wave in the low part, pixels": ", ".join(
                    f"{side / radius:.2g}" for radius in ordered
                ),
            }
        )
    return pd.DataFrame(rows)


def verdict_table(verdicts: Mapping[str, Mapping[str, Judged]]) -> pd.DataFrame:
    """Verdicts and deciding effects, a row a data set and a column a claim."""
    rows = []
    for name, own in verdicts.items():
        row = {"data set": title(name)}
        for id in REPEATED:
            row[id] = None
            if id in own:
                part, outcome = decided_by(id, own[id]), own[id].verdict
                row[id] = f"{style.SIGNS[outcome]} {outcome}, {part.estimate}"
        rows.append(row)
    return pd.DataFrame(rows)


CLAIMED = {
    "W5": "true labels are ahead on low parts at equal training accuracy (W5)",
    "W6": "the smallest low parts are known at once with true labels and hardly ever with shuffled "
    "ones (W6)",
    "W7": "low parts teach what whole images need and high parts hardly do (W7)",
}


def in_short(verdicts: Mapping[str, Mapping[str, Judged]]) -> str:
    """The section's finding: on which data sets each claim is reproduced."""
    said = []
    for id, words in CLAIMED.items():
        judged = [name for name, own in verdicts.items() if id in own]
        held = [title(name) for name in judged if verdicts[name][id].verdict == REPRODUCED]
        said.append(f"{words}: {style.listing(held)}" if judged else f"{words}: not compared")
    return f"What holds, and on which of the data sets: {'; '.join(said)}."


def leads_in_words(frame: pd.DataFrame) -> str:
    """How far true labels are ahead on low parts at equal training accuracy. frame: `summary`."""
    wide = frame[frame.claim == "W5"].pivot(index="dataset", columns="series", values="value")
    if wide.empty:
        return "On no data set do the two networks share a training accuracy in every seed."
    leads = 100 * (wide["true labels"] - wide["shuffled labels"])
    listed = (f"{leads[name]:+.0f} on {title(name)}" for name in frame.dataset.unique()
              if name in leads)  # fmt: skip
    return (
        "Accuracy on low parts at equal training accuracy, true minus shuffled labels, in "
        f"percentage points: {style.listing(listed)}."
    )


def lengths_in_words(epochs: Mapping[str, int]) -> str:
    """How long each data set's network with true labels is trained: {data set: epochs}."""
    alike: dict[int, list[str]] = {}
    for name, count in epochs.items():
        alike.setdefault(count, []).append(title(name))
    each = [f"{count} epochs on {style.listing(names)}" for count, names in alike.items()]
    return f"Networks with true labels are trained for {'; '.join(each)}."


def on_imagenet(names: Sequence[str], found: str | None) -> str:
    """Which ImageNet subset the page shows, or how to get one.

    names: the data sets on the page; found: the subset at hand, None without any.
    """
    shown = [title(name) for name in names if name in FURTHER["ImageNet subset"]]
    if shown:
        return f"ImageNet is on this page as its subset {style.listing(shown)}."
    if found is not None:
        return f"{title(found)} is at hand but was not asked for: add imagenet to `others`."
    return (
        "**No ImageNet subset is at hand, so this page shows none.** There are two ways to get "
        "one. Imagenette: `fhelpers data imagenette` lets torchvision download it into `data/`. "
        "Tiny ImageNet: put its official folder at `data/tiny-imagenet-200`, or set "
        "`FHELPERS_TINY_IMAGENET` to where it is. Then build the page again."
    )


def ends_in_words(histories: Mapping[str, pd.DataFrame]) -> str:
    """Training accuracy with shuffled labels at the end on each data set, in a sentence."""
    ends = []
    for name, history in histories.items():
        line = monitored(history, "shuffled").query("part == 'original'")
        ends.append(f"{100 * line.value.iloc[-1]:.0f} % on {title(name)}")
    return f"Of the shuffled labels, the network has memorised {style.listing(ends)} at the end."
