"""Figures of the section on other data sets (W, §4)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import data
from fhelpers.claims.labels import NAMES, NEAR, monitored
from fhelpers.claims.reliance import smallest_radii
from fhelpers.claims.verdicts import Part, conjunction, deciding
from fhelpers.data import TITLES, DatasetInfo
from fhelpers.drawing import charts, style
from fhelpers.drawing.names import LINES
from fhelpers.runs import plans
from fhelpers.sections.other_datasets.claims import FURTHER, REPEATED

ALT = {
    "pictures": "A row for each data set: a test image, its low parts at the smallest and the "
    "largest radius, blurred by the same number of pixels in every row, and its high parts, which "
    "are outlines on grey.",
    "summary": "Three panels with a row for each data set. Above, accuracy on low parts with true "
    "and with shuffled labels at equal training accuracy; in the middle, the same for the "
    "smallest radius, with true labels early and with shuffled ones late in training; below, "
    "accuracy on whole test images of networks trained on low and on high parts, in stronger "
    "shades for larger radii. Points have intervals, and a dotted tick in each row marks chance.",
    "by-epoch": "A panel for each data set. Black curves are the accuracy on whole training "
    "images after each epoch, blue ones that on their low parts at the smallest radius, solid "
    "with true and dashed with shuffled labels. A dotted line marks chance.",
}

PANELS = {
    "W5": "low parts, at equal training accuracy",
    "W6": "low parts of the smallest radius",
    "W7": "whole test images, trained on one part",
}
MARKERS = {"true labels": "o", "shuffled labels": "s", "low": "o", "high": "s"}
LABELS = {"true labels": "original", "shuffled labels": "shuffled"}  # and their colours


@style.styled
def pictures(examples: Mapping[str, tuple[Tensor, Mapping[float, tuple]]]) -> Figure:
    """One image of each data set and its parts at the smallest and the largest radius."""
    rows, titles = [], []
    for image, parts in examples.values():
        ends = sorted({min(parts), max(parts)})
        rows.append([image, *(parts[r][0] for r in ends), *(0.5 + parts[r][1] for r in ends)])
        titles.append(["whole", *(f"{part}, {r:g}" for part in ("low", "high") for r in ends)])
    height, names = 0.3 + len(rows) * 6.9 / len(rows[0]), [TITLES[name] for name in examples]
    return style.pictures(rows, height, titles=[*zip(*titles, strict=True)], names=names)[0]


@style.styled
def compared(frame: pd.DataFrame) -> Figure:
    """W5, W6 and W7 on all data sets at once: a panel for each claim, a row for each data set."""
    names = {name: TITLES[name] for name in frame.dataset.unique()}
    labels = {name: style.COLOURS[hue] for name, hue in LABELS.items()}
    look = {"markers": MARKERS, "names": said, "by": ["series", "radius"], "clip_on": False}

    def draw(panel: Axes, claim: str) -> None:
        for place, (_, own) in enumerate(frame.groupby("dataset", sort=False)):
            ends = [place - 0.42, place + 0.42]
            panel.plot([own.chance.iloc[0]] * 2, ends, label="_chance", **style.DOTTED)
            rows = own[own.claim == claim]
            shades = labels | style.of_parts(rows.radius.dropna())
            series = max(len(rows[look["by"]].drop_duplicates()), 1)
            options = {"colours": shades, "dodge": min(0.26, 0.8 / series)} | look
            charts.dots(panel, rows, at="dataset", order=names, **options)

    height = 0.36 + 0.36 * len(names)
    figure, panels = charts.small_multiples(
        PANELS, height, draw, columns=1, head=1.9, xlabel="accuracy"
    )
    panels[-1].set_xlim(0, 1.01)
    style.in_percent(panels[-1].xaxis)
    entries = [(name, colour, MARKERS[name]) for name, colour in labels.items()]
    return charts.key(figure, [*entries, *of_bands(frame), charts.CHANCE], ncols=3)


def of_bands(frame: pd.DataFrame) -> list[tuple]:
    """Entries of the key for networks trained on one part, at the smallest and largest radius."""
    radii, entries = frame[frame.dataset == frame.dataset.iloc[0]].radius.dropna(), []
    for part in ("low", "high"):
        shades = style.shades(part, radii)
        ends = {min(shades): ", smallest r", max(shades): ", largest r"}
        ends = ends if len(ends) > 1 else dict.fromkeys(ends, "")
        entries += [(f"on {part} parts{end}", shades[r], MARKERS[part]) for r, end in ends.items()]
    return entries


def said(series: str, radius: float = np.nan, *_) -> str:
    """What a series of `summary` is called."""
    name = series if series in LABELS else f"trained on {series} parts"
    return name if np.isnan(radius) else f"{name}, r = {radius:g}"


@style.styled
def by_epoch(histories: Mapping[str, pd.DataFrame], chances: Mapping[str, float]) -> Figure:
    """W, Fig. 3 on every data set: accuracy on training images and their smallest low parts."""
    radii = {name: smallest_radii(history, "natural", 1)[0] for name, history in histories.items()}
    parts = {"original": "whole images", "low": "their low parts"}
    look = {"colours": style.COLOURS, "styles": LINES}
    look["names"] = lambda part, label: f"{parts[part]}, {NAMES[label]}"

    def draw(panel: Axes, name: str) -> None:
        each = [monitored(histories[name], label).assign(label=label) for label in LINES]
        rows = pd.concat(each)
        rows = rows[(rows.part == "original") | (rows.radius == radii[name])]
        charts.curves(panel, rows, x="epoch", by=["part", "label"], **look)
        charts.over_epochs(panel, rows)
        style.chance_line(panel, chances[name], where=0.72)

    titles = {name: f"{TITLES[name]}, r = {radius:g}" for name, radius in radii.items()}
    says = {"xlabel": "epochs of training", "ylabel": "accuracy on training images"}
    figure, panels = charts.small_multiples(titles, 2.4, draw, head=1.1, sharex=False, **says)
    style.percent(panels[0], highest=1.02)
    wide = {"linewidth": 5}
    entries = [(words, style.COLOURS[part], "", "-", wide) for part, words in parts.items()]
    entries += [(words, style.INK, "", LINES[label]) for label, words in NAMES.items()]
    return charts.key(figure, entries, ncols=2, handlelength=3)


def scaled(infos: Mapping[str, DatasetInfo], radii: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Image sizes and radii of each data set, and the finest wave that a low part keeps."""
    rows = []
    for name, info in infos.items():
        ordered, side = sorted(radii[name]), min(info.height, info.width)
        waves = ", ".join(f"{side / radius:.2g}" for radius in ordered)
        kind = "grey" if info.channels == 1 else "colour"
        row = {"data set": TITLES[name], "images": f"{info.height} × {info.width}, {kind}"}
        row |= {"classes": info.classes, "radii": ", ".join(f"{radius:g}" for radius in ordered)}
        rows.append(row | {"finest wave in the low part, pixels": waves})
    return pd.DataFrame(rows)


def verdict_table(verdicts: Mapping[str, Mapping[str, list[Part]]]) -> pd.DataFrame:
    """Verdicts and deciding effects, a row for each data set and a column for each claim."""
    said = {
        TITLES[name]: {
            id: f"{style.SIGNS[word]} {word}: {part.name} {part.estimate}"
            for id, parts in own.items()
            for word, part in [(conjunction(parts), deciding(parts))]
        }
        for name, own in verdicts.items()
    }
    return pd.DataFrame(said, REPEATED).T.rename_axis("data set").reset_index()


def leads_in_words(frame: pd.DataFrame) -> str:
    """How far true labels are ahead on low parts at equal training accuracy. frame: `summary`."""
    wide = frame[frame.claim == "W5"].pivot(index="dataset", columns="series", values="value")
    if wide.empty:
        return "On no data set do the two networks share a training accuracy in every seed."
    leads = 100 * (wide["true labels"] - wide["shuffled labels"])
    named = [name for name in frame.dataset.unique() if name in leads]
    listed = (f"{leads[name]:+.0f} on {TITLES[name]}" for name in named)
    return (
        "Accuracy on low parts at equal training accuracy, true minus shuffled labels, in "
        f"percentage points: {style.listing(listed)}."
    )


def high_in_words(frame: pd.DataFrame) -> str:
    """Where networks trained on high parts do better than W7 says, in a sentence. From `summary`.

    Nothing where they do so on no data set.
    """
    high = frame[(frame.claim == "W7") & (frame.series == "high")]
    beyond = (high.low > high.chance + NEAR).groupby(high.dataset, sort=False).all()
    scores = (100 * high.value).groupby(high.dataset).agg(["min", "max"]).round().astype(int)
    listed = style.listing(
        f"{' to '.join(dict.fromkeys(map(str, scores.loc[name])))} % on {TITLES[name]}"
        for name in beyond.index[beyond]
    )
    if listed == "none":
        return ""
    return (
        f"Of whole test images, networks trained on high parts classify {listed} correctly, where "
        "W7 expects hardly more than chance."
    )


def lengths_in_words(epochs: Mapping[str, int]) -> str:
    """How long each data set's network with true labels is trained: {data set: epochs}."""
    counts = dict.fromkeys(epochs.values())
    alike = {count: [TITLES[name] for name in epochs if epochs[name] == count] for count in counts}
    each = [f"{count} epochs on {style.listing(names)}" for count, names in alike.items()]
    return f"M_natural is trained for {'; '.join(each)}."


def can_be_shown(name: str) -> bool:
    """Whether there are images to show: of published runs the data set may be missing."""
    return name != plans.SUBSET or data.available(name)


def shown_in_words(names: Sequence[str]) -> str:
    """The caption of `pictures`, which names the data set that it has to leave out."""
    text = "A test image of each data set and its parts. The number is the radius."
    missing = style.listing(TITLES[name] for name in names if not can_be_shown(name))
    if missing == "none":
        return text
    return f"{text} Without {missing}, whose images are not installed here."


def on_imagenet(names: Sequence[str], found: str | None) -> str:
    """Which ImageNet subset the page shows, or how to get one."""
    shown = [TITLES[name] for name in names if name in FURTHER["ImageNet subset"]]
    if shown:
        return f"ImageNet is on this page as its subset {style.listing(shown)}."
    if found is not None:
        return f"{TITLES[found]} is installed but was not asked for: add imagenet to `others`."
    return (
        "**No ImageNet subset is installed, so this page shows none.** There are two ways to get "
        "one. Imagenette: `fhelpers data imagenette` lets torchvision download it into `data/`. "
        "Tiny ImageNet: put its official folder at `data/tiny-imagenet-200`, or set "
        "`FHELPERS_TINY_IMAGENET` to where it is. Then build the page again."
    )


def ends_in_words(histories: Mapping[str, pd.DataFrame]) -> str:
    """Training accuracy with shuffled labels at the end on each data set, in a sentence."""
    ends, seeds = [], 1
    for name, history in histories.items():
        seeds = history.seed.nunique()
        line = monitored(history, "shuffled").query("part == 'original'")
        ends.append(f"{100 * line.value.iloc[-1]:.0f} % on {TITLES[name]}")
    return (
        "Of the shuffled labels of monitored images the network has memorised "
        f"{style.listing(ends)} at the end{', mean over the seeds' * (seeds > 1)}."
    )
