"""Figures of the section on masks of single images (K)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import intervals
from fhelpers.claims.masks import rows_of
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.contrast import with_contrast
from fhelpers.drawing.masks import by_band, centres, looks, with_mean
from fhelpers.frequency import filter_spectrum
from fhelpers.intervals import Estimate
from fhelpers.masks import complement
from fhelpers.masks.images import single_masks
from fhelpers.masks.recipes import BANDS, ENERGIES
from fhelpers.sections.single_image_masks import claims

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "gallery": "A row for each of some test images: the image, its adversarial version, the mask, "
    "both versions seen through the mask, the mask's complement, which holds the frequencies "
    "whose weight is 0, and the image seen through the complement; all with the image's mean.",
    "versions": "For the natural network in black and the adversarially trained one in green: the "
    "share of each version that is classified correctly, among images that are correct as they "
    "are, with intervals.",
    "gains": "Two panels, rings on the left and directions on the right: the share of images "
    "whose mask has more energy in the band for A than for N, with an interval as a band and a "
    "line at one half.",
    "map": "Three times the same neighbour map, in which every point is the mask of one image, "
    "each time with one of the three most frequent classes in black and the others pale. In the "
    "last panel the accuracy of a linear classifier of the masks on the classes and on shuffled "
    "classes, for the natural network in black and the adversarial one in green.",
}
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
    """Images, their attacked versions, masks and what each lets through: a row an image."""
    kept, found = masks_of(run), run.tensors()
    gone = complement(single_masks(run)).masks().detach()[:, 0]
    rows = []
    for number in chosen:
        x, x_a = pixels[found["numbers"][number]], found["attacked"][number]
        mask, rest = kept[number], gone[number]
        shown = {"x": x, "x_A": x_a, "M": mask}
        shown |= {"M(x)": with_mean(filter_spectrum(x, mask), x)}
        shown |= {"M(x_A)": with_mean(filter_spectrum(x_a, mask), x_a)}
        shown |= {"C": rest, "C(x)": with_mean(filter_spectrum(x, rest), x)}
        rows.append([*shown.values()])
    return style.pictures(rows, 0.5 + 0.92 * len(rows), titles=[*shown])[0]


@style.styled
def versions(history: pd.DataFrame) -> Figure:
    """Share correct on each version of the images, N and A."""
    figure, ((axes,),) = style.canvas(1, 1, 3.2)
    both(axes, VERSIONS, lambda name, part: claims.right_on(history, f"images/{name}", part))
    style.percent(axes, highest=1.03)
    axes.set_ylabel("classified correctly")
    charts.key(figure, charts.entries(axes))
    return figure


def both(axes: Axes, parts: Mapping[str, str], measured: Callable[[str, str], Estimate]) -> None:
    """What was measured of both networks for each of the parts, with their names."""
    frame = intervals.estimates(measured, network=list(NETWORKS), part=list(parts))
    look = {"by": "network", "dodge": 0.18, "upright": True, **looks(NETWORKS)}
    charts.dots(axes, frame, at="part", order=parts, **look)


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
    """How many images keep a wrong class, in a sentence. runs: by images/<network>."""
    counts = []
    for name in ("natural", "adversarial"):
        found = [run.tensors() for run in runs[f"images/{name}"]]
        wrong = sum(int((each["answers"] != each["labels"]).sum()) for each in found)
        counts.append(f"{wrong:,} of {sum(len(each['labels']) for each in found):,} for {name}")
    return (
        f"Images that a network gets wrong keep the class that it predicts: {' and '.join(counts)}."
    )


@style.styled
def gain_by_band(frame: pd.DataFrame) -> Figure:
    """Share of images whose mask gains energy from N to A. frame: from `gains`."""
    figure, axes = style.canvas(1, 2, 2.9, sharey=True)
    by_band(axes[0], frame, colours=style.COLOURS["adversarial"], names="A − N", linewidth=1.6)
    for panel in axes[0]:
        panel.axhline(0.5, color=style.GREY, linewidth=1.2, zorder=1)
    style.percent(axes[0, 0])
    axes[0, 0].set_ylabel("images whose mask gains")
    return figure


def gains_in_words(frame: pd.DataFrame) -> str:
    """Where the masks of single images gain and lose from N to A, in a sentence."""
    radial = frame[frame.part == "radial"]
    quarter, half = DRAWN // 4, DRAWN // 2
    ends = (radial[radial.band < quarter].value, radial[radial.band >= half].value)
    low, high = (100 * float(values.mean()) for values in ends)
    return (
        f"From N to A, {low:.0f} % of the masks gain energy in a ring of the lowest quarter and "
        f"{high:.0f} % in one of the upper half, averaged over the rings."
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
    figure, axes = style.canvas(2, 2, 5.4)
    *panels, last = axes.flat
    for panel, number in zip(panels, frequent, strict=False):
        own = kept == number
        looks = {"other classes": (~own, with_contrast(style.GREY, 1.8), 3)}
        for name, (which, colour, size) in (looks | {classes[number]: (own, style.INK, 5)}).items():
            look = {"markersize": size, "label": f"_{name}"}
            panel.plot(*places[which].T, "o", color=colour, **look)
        panel.set(**middle(places))
        style.bare(panel)
        panel.set_title(f"masks of {classes[number]}")
    for panel in panels[len(frequent) :]:
        panel.set_axis_off()

    def measured(name: str, part: str) -> Estimate:
        rows = rows_of(history, f"images/{name}", part=part, among="kept")
        return intervals.accuracy(rows.accuracy, int(rows.images.min()))

    both(last, {"linear": "classes", "linear-scrambled": "shuffled"}, measured)
    style.percent(last, highest=1.03)
    last.set_title("linear classifier, correct")
    charts.key(figure, charts.entries(last))
    return figure


def middle(places: np.ndarray) -> dict:
    """Limits that leave out at most the two farthest hundredths on each side of a map."""
    ends = np.quantile(places, [0.02, 0.98], axis=0)
    room = 0.15 * (ends[1] - ends[0])
    (left, bottom), (right, top) = ends[0] - room, ends[1] + room
    return {"xlim": (left, right), "ylim": (bottom, top)}


def masks_of(run) -> Tensor:
    """The single-image masks of a run, (N, H, W)."""
    return single_masks(run).masks().detach()[:, 0]


def mostly_right(run, count: int = 4) -> list[int]:
    """The first images that are correct and whose mask kept their class, of those kept."""
    found = run.tensors()
    good = (found["answers"] == found["labels"]) & found["reached"]
    numbers = good[: len(found["attacked"])].nonzero().flatten().tolist()
    return (numbers + [n for n in range(len(found["attacked"])) if n not in numbers])[:count]


def gains(pairs: Sequence[tuple[Tensor, Tensor]]) -> pd.DataFrame:
    """Share of images whose mask has more energy for A than for N, in each band.

    pairs: a seed's masks (N, H, W) of N and of A. Columns part, band, value, low, high: over seeds,
    with one seed over images. A band counts where a full mask has energy; ties count half.
    """
    rows = []
    for part, energy in ENERGIES.items():
        there = energy(torch.ones(pairs[0][0].shape[-2:]), DRAWN) > 0
        shares = []
        for natural, adversarial in pairs:
            change = energy(adversarial, DRAWN) - energy(natural, DRAWN)
            shares.append(((change > 0).double() + (change == 0).double() / 2).mean(0))
        for band in there.nonzero().flatten().tolist():
            found = intervals.accuracy([float(share[band]) for share in shares], len(pairs[0][0]))
            place = centres(part, DRAWN)[band]
            rows.append({"part": part, "band": band, "place": place, **vars(found)})
    return pd.DataFrame(rows)
