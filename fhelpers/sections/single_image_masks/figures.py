"""Figures of the section on masks of single images (K)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import intervals
from fhelpers.claims.masks import LETTERS, rows_of
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.contrast import with_contrast
from fhelpers.drawing.masks import by_band, centres, looks, through
from fhelpers.drawing.style import listing
from fhelpers.masks import complement
from fhelpers.masks.images import single_masks
from fhelpers.masks.module import NOUGHT
from fhelpers.masks.recipes import BANDS, ENERGIES
from fhelpers.sections.single_image_masks import claims

ALT = {
    "gallery": "A row for each of some test images: the image, its adversarial version, the mask, "
    "both versions seen through the mask, the mask's complement, which holds the frequencies "
    "whose weight is 0, and the image seen through the complement; all with the image's mean.",
    "versions": "For the natural network in black and the adversarially trained one in green: the "
    "share of each version that is classified correctly, among images that are correct as they "
    "are, with intervals. Hollow diamonds are the paper's values for N, a dotted line is chance.",
    "gains": "Two panels, rings on the left and directions on the right: the share of images "
    "whose mask has more energy in the band for A than for N, with an interval as a band and a "
    "line at one half.",
    "map": "Three times the same neighbour map, in which every point is the mask of one image, "
    "each time with one of the three most frequent classes in orange and the others pale. In the "
    "last panel the accuracy of a linear classifier of the masks on the classes and on scrambled "
    "classes, for the natural network in black and the adversarial one in green, with hollow "
    "diamonds for the paper's values.",
}
CLASS = "#e69f00"  # Okabe and Ito's orange, which stands for nothing else in the book
PUBLISHED = {"masked": 1.0, "complement": 0.5552, "attacked": 0.0, "attacked-masked": 0.5869,
             "linear": 0.8224, "linear-scrambled": 0.2056}  # fmt: skip  # K, of N
DRAWN = BANDS // 4  # a single one of the paper's bands holds few frequencies
VERSIONS = {  # C is the complement: the frequencies whose weight is 0
    "masked": "M(x)",
    "complement": "C(x)",
    "rest": "x − M(x)",
    "attacked": "x_A",
    "attacked-masked": "M(x_A)",
    "attacked-complement": "C(x_A)",
}
NETWORKS = {  # as entries of a key
    "natural": ("N, natural", style.COLOURS["original"], "o", ""),
    "adversarial": ("A, adversarial", style.COLOURS["adversarial"], "^", ""),
}


@style.styled
def gallery(pixels: Tensor, run, chosen: Sequence[int]) -> Figure:
    """Images, their attacked versions, masks and what each lets through: a row for each image."""
    kept, found = masks_of(run), run.tensors()
    gone = complement(single_masks(run)).masks().detach()[:, 0]
    rows = []
    for number in chosen:
        x, x_a = pixels[found["numbers"][number]], found["attacked"][number]
        mask, rest = kept[number], gone[number]
        rows.append([x, x_a, mask, through(x, mask), through(x_a, mask), rest, through(x, rest)])
    titles = ["x", "x_A", "M", "M(x)", "M(x_A)", "C", "C(x)"]
    return style.pictures(rows, 0.5 + 0.92 * len(rows), titles=titles)[0]


@style.styled
def versions(history: pd.DataFrame, chance: float) -> Figure:
    """Share correct on each version of the images, N and A."""
    figure, axes = style.chart(3.2, ylabel="classified correctly")
    both(axes, history, VERSIONS, "right")
    style.percent(axes, lowest=-0.04, highest=1.05)
    style.chance_line(axes, chance)
    return charts.key(figure, [*charts.entries(axes), charts.PAPER, charts.CHANCE])


def versions_in_words(history: pd.DataFrame) -> str:
    """What is right on x_A, and how many masks kept their class to the end, N and A."""
    right, held = {}, {}
    for letter, name in {"N": "natural", "A": "adversarial"}.items():
        found = claims.right_on(history, f"images/{name}", "attacked").value
        right[letter] = f"{100 * found:.0f} % for {letter}"
        rows = rows_of(history, f"images/{name}", part="original", among="all")
        held[letter] = f"{100 * rows.reached.mean():.0f} % of {letter}'s"
    return (
        f"Correct on x_A itself: {listing(right.values())}. At the last step "
        f"{listing(held.values())} masks kept their image's class; for the others we take the last "
        "mask that did."
    )


def means_in_words(runs: Mapping) -> str:
    """Why so little is right on C(x): how many masks keep some of the image's mean."""
    kept = torch.cat([masks_of(run) for run in runs["images/natural"]])
    height, width = kept.shape[-2:]
    count = int((kept[:, height // 2, width // 2] > NOUGHT).sum())
    return (
        f"Of {len(kept):,} masks of N, {count:,} give weight to frequency zero and so keep some of "
        "their image's mean. C(x) then lacks the mean and varies around black, as no training "
        "image did. The paper's code masks normalised images, whose mean is near zero anyway. This "
        "may be one reason why its share of correct C(x) is different."
    )


def both(axes: Axes, history: pd.DataFrame, parts: Mapping[str, str], among: str) -> None:
    """What is right of both networks on each of the parts, which have names."""
    frame = intervals.estimates(
        lambda name, part: claims.right_on(history, f"images/{name}", part, among),
        network=list(NETWORKS), part=list(parts),
    )  # fmt: skip
    look = {"by": "network", "dodge": 0.36, "upright": True, **looks(NETWORKS)}
    charts.dots(axes, frame, at="part", order=parts, **look)
    theirs = {n: PUBLISHED[part] for n, part in enumerate(parts) if part in PUBLISHED}
    style.paper_value(axes, [*theirs], [*theirs.values()])


def versions_table(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on each version among all images and among those correct as they are."""
    rows = intervals.estimates(
        lambda name, part, among: claims.right_on(history, f"images/{name}", part, among),
        network={name: entry[0] for name, entry in NETWORKS.items()},
        version={"original": "x"} | VERSIONS,
        among={"all": "all images", "right": "those correct on x"},
    )
    return tables.spread(rows, ["network", "version"], "among")


def wrong_in_words(runs: Mapping) -> str:
    """How many masks keep a wrong class, in a sentence. runs: by images/<network>."""
    counts = []
    for name in NETWORKS:
        found = [run.tensors() for run in runs[f"images/{name}"]]
        wrong = torch.cat([each["answers"] != each["labels"] for each in found])
        counts.append(f"{int(wrong.sum()):,} of {len(wrong):,} ({LETTERS[name]})")
    return (
        "The mask of a misclassified image keeps the class that the network predicts, not the true "
        f"one. Misclassified images: {listing(counts)}."
    )


@style.styled
def gain_by_band(frame: pd.DataFrame) -> Figure:
    """Share of images whose mask gains energy from N to A. frame: from `gains`."""
    figure, axes = style.canvas(1, 2, 2.9, sharey=True)
    if frame.empty:
        for panel in axes[0]:
            charts.nothing(panel, "No image to compare.")
        return figure
    by_band(axes[0], frame, colours=style.COLOURS["adversarial"], names="A − N", linewidth=1.6)
    for panel in axes[0]:
        panel.axhline(0.5, color=style.GREY, linewidth=1.2, zorder=1)
    style.percent(axes[0, 0])
    axes[0, 0].set_ylabel("images whose mask gains")
    return figure


def gains_in_words(frame: pd.DataFrame, pairs: Sequence[tuple[Tensor, Tensor]]) -> str:
    """Where the masks of single images gain and lose from N to A, in two sentences."""
    if frame.empty:
        return "No image is right and has a mask that kept its class, for both networks."
    radial = frame[frame.part == "radial"].set_index("band").value
    ends = radial[radial.index < DRAWN // 4], radial[radial.index >= DRAWN // 2]
    low, high = (100 * float(values.mean()) for values in ends)
    before, after = (torch.cat(each).mean((1, 2)) for each in zip(*pairs, strict=True))
    return (
        f"From N to A, {low:.0f} % of the masks gain energy in a ring of the lowest quarter and "
        f"{high:.0f} % in one of the upper half, averaged over the rings; a tie counts half. "
        f"These are {len(before):,} images{', all seeds together,' * (len(pairs) > 1)} that both "
        f"networks get right and whose masks kept the class to the end; the median "
        f"total weight is {before.median():.3f} for N and {after.median():.3f} for A."
    )


@style.styled
def atlas(run, history: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """A neighbour map of the masks of one seed, and how well a linear classifier tells classes.

    The map minimises UMAP's objective over all pairs; it is not UMAP itself.
    """
    found = run.tensors()
    places, kept = found["map"].numpy(), found["answers"].numpy()
    counts = np.bincount(kept)
    frequent = [number for number in counts.argsort()[::-1][:3] if counts[number]]
    ends = np.quantile(places, [0.02, 0.98], axis=0)  # what lies further out may be left out
    limits = ends + 0.15 * np.outer([-1, 1], ends[1] - ends[0])
    figure, axes = style.canvas(2, 2, 5.4)
    *panels, last = axes.flat
    for panel, number in zip(panels, frequent, strict=False):
        own, pale = kept == number, with_contrast(style.GREY, 1.8)
        panel.plot(*places[~own].T, "o", color=pale, markersize=3, label="_other classes")
        panel.plot(*places[own].T, "o", color=CLASS, markersize=5, label=f"_{classes[number]}")
        panel.set(xlim=limits[:, 0], ylim=limits[:, 1], title=f"masks of {classes[number]}")
        style.bare(panel)
    for panel in panels[len(frequent) :]:
        panel.set_axis_off()
    both(last, history, {"linear": "classes", "linear-scrambled": "scrambled"}, "kept")
    style.percent(last, highest=1.03)
    last.set_title("linear classifier, correct")
    one = ("masks of the panel's class", CLASS, "o", "")
    return charts.key(figure, [one, *charts.entries(last), charts.PAPER])


def order_of_map(run) -> float:
    """Rank correlation of distance on the map and difference in total weight, over all pairs."""
    places = run.tensors()["map"].double()
    weights = masks_of(run).mean((1, 2)).double()[:, None]
    return float(scipy.stats.spearmanr(torch.pdist(places), torch.pdist(weights)).statistic)


def masks_of(run) -> Tensor:
    """The single-image masks of a run, (N, H, W)."""
    return single_masks(run).masks().detach()[:, 0]


def mostly_right(run, count: int = 4) -> list[int]:
    """The first images that are correct and whose mask kept their class, of those kept."""
    found = run.tensors()
    good = (found["answers"] == found["labels"]) & found["reached"]
    numbers = good[: len(found["attacked"])].nonzero().flatten().tolist()
    return (numbers + [n for n in range(len(found["attacked"])) if n not in numbers])[:count]


def comparable(natural, adversarial) -> tuple[Tensor, Tensor]:
    """The masks of two runs for the images that both get right, and whose class both kept."""
    good = torch.ones(len(masks_of(natural)), dtype=torch.bool)
    for found in (natural.tensors(), adversarial.tensors()):
        good &= found["reached"] & (found["answers"] == found["labels"])
    return masks_of(natural)[good], masks_of(adversarial)[good]


def gains(pairs: Sequence[tuple[Tensor, Tensor]]) -> pd.DataFrame:
    """Share of images whose mask has more energy for A than for N, in each band.

    pairs: a seed's masks (N, H, W) of N and of A. Ties count half; bands that no mask can fill are
    left out. Columns part, band, place, value, low, high. Seeds without a mask are left out.
    """
    rows, pairs = [], [pair for pair in pairs if len(pair[0])]
    if not pairs:
        return pd.DataFrame()
    for part, energy in ENERGIES.items():
        there = energy(torch.ones(pairs[0][0].shape[-2:]), DRAWN).nonzero().flatten()
        changes = [energy(after, DRAWN) - energy(before, DRAWN) for before, after in pairs]
        shares = [(0.5 + change.sign().double() / 2).mean(0) for change in changes]
        for band in there.tolist():
            found = intervals.accuracy([float(share[band]) for share in shares], len(pairs[0][0]))
            row = {"part": part, "band": band, "place": centres(part, DRAWN)[band]}
            rows.append(row | vars(found))
    return pd.DataFrame(rows)
