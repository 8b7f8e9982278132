"""Figures of the section on masks of single images (K)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from fhelpers import frequency
from fhelpers.claims.masks import LETTERS, rows_of
from fhelpers.drawing import style
from fhelpers.drawing.masks import SIDE, WHOLE, centres, picture, scale_axis
from fhelpers.intervals import over_seeds, wilson
from fhelpers.masks.recipes import BANDS, ENERGIES
from fhelpers.sections.single_image_masks import claims
from fhelpers.sections.single_image_masks.measure import single_masks

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "gallery": (
        "A row for each of some test images: the image, its adversarial version, the mask, both "
        "versions seen through the mask, the complement of the mask, and what is left of the image "
        "through the complement."
    ),
    "versions": (
        "For the natural network in black and the adversarially trained one in green: the share "
        "classified right of each version of the images, among those right as they are, with "
        "intervals."
    ),
    "gains": (
        "Two panels, rings on the left and directions on the right: the share of images whose mask "
        "has more energy in the band for A than for N, with an interval as a band and a line at "
        "one half."
    ),
    "map": (
        "On the left a map in which every point is the mask of one image; the three most frequent "
        "classes have their own colour and sign, the others are pale. On the right the accuracy of "
        "a linear classifier of the masks on the classes and on classes dealt out at random."
    ),
}
VERSIONS = {
    "masked": "M(x)",
    "complement": "x − M(x)",
    "attacked": "x_A",
    "attacked-masked": "M(x_A)",
    "attacked-complement": "x_A − M(x_A)",
}


def masks_of(run) -> Tensor:
    """The single-image masks of a run, (N, H, W)."""
    return single_masks(run).masks().detach()[:, 0]


@style.styled
def gallery(pixels: Tensor, run, chosen: Sequence[int]) -> Figure:
    """Images, their attacked versions, masks and what each lets through: a row an image.

    pixels: (n, C, H, W), of which those numbered `chosen` are shown; run: with their masks.
    """
    kept, attacked = masks_of(run), run.tensors()["attacked"]
    names = ("x", "x_A", "M", "M(x)", "M(x_A)", "1 − M", "x − M(x)")
    figure, axes = style.canvas(len(chosen), len(names), 0.3 + 0.92 * len(chosen))
    for place, (row, number) in enumerate(zip(axes, chosen, strict=True)):
        mask = kept[number]
        x, x_a = pixels[number], attacked[number]
        low, low_a = (frequency.filter_spectrum(image, mask) for image in (x, x_a))
        shown = (x, x_a, mask, low, low_a, 1 - mask, x - low + 0.5)
        for panel, image, name in zip(row, shown, names, strict=True):
            title = "" if place else name
            if image.ndim == 2:
                style.picture(panel, image, title, cmap=WHOLE, vmin=0, vmax=1)
            else:
                picture(panel, image, title)
    return figure


def mostly_right(run, count: int = 4) -> list[int]:
    """The first images that are classified right and whose mask kept their class, of those kept."""
    found = run.tensors()
    good = (found["answers"] == found["labels"]) & found["reached"]
    numbers = good[: len(found["attacked"])].nonzero().flatten().tolist()
    return (numbers + [n for n in range(len(found["attacked"])) if n not in numbers])[:count]


@style.styled
def versions(history: pd.DataFrame) -> Figure:
    """Share right on each version of the images, N and A."""
    figure, ((axes,),) = style.canvas(1, 1, 3.2)
    kinds = {"natural": ("original", "o", -0.09), "adversarial": ("adversarial", "^", 0.09)}
    for name, (colour, marker, shift) in kinds.items():
        for place, part in enumerate(VERSIONS):
            found = claims.right_on(history, f"images/{name}", part)
            style.point(axes, place + shift, found, style.COLOURS[colour], marker=marker)
    style.percent(axes, highest=1.03)
    axes.set_xticks(range(len(VERSIONS)), list(VERSIONS.values()))
    axes.set(xlim=(-0.5, len(VERSIONS) - 0.5), ylabel="classified right")
    handles = [
        Line2D([], [], color=style.COLOURS[colour], marker=marker, linestyle="",
               label=f"{LETTERS[name]}, {name}")
        for name, (colour, marker, _) in kinds.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def versions_table(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on each version among all images and among those right as they are."""
    rows = []
    for name in ("natural", "adversarial"):
        for part, words in {"original": "x", **VERSIONS}.items():
            row = {"network": f"{LETTERS[name]}, {name}", "version": words}
            for among, title in (("all", "all images"), ("right", "those right on x")):
                found = claims.right_on(history, f"images/{name}", part, among)
                row[title] = style.with_interval(found)
            rows.append(row)
    return pd.DataFrame(rows)


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


def gains(pairs: Sequence[tuple[Tensor, Tensor]]) -> pd.DataFrame:
    """Share of images whose mask has more energy for A than for N, in each band.

    pairs: a seed's masks (N, H, W) of N and of A. Columns part, band, value, low, high: over seeds,
    with one seed over images. A band counts where a full mask has energy; ties count half.
    """
    rows = []
    for part, energy in ENERGIES.items():
        there = energy(torch.ones(pairs[0][0].shape[-2:]), BANDS) > 0
        shares = []
        for natural, adversarial in pairs:
            change = energy(adversarial, BANDS) - energy(natural, BANDS)
            shares.append(((change > 0).double() + (change == 0).double() / 2).mean(0).numpy())
        images = len(pairs[0][0])
        for band in there.nonzero().flatten().tolist():
            values = [share[band] for share in shares]
            if len(values) > 1:
                found = over_seeds(values)
                low, high = found.low, found.high
            else:
                low, high = (float(end) for end in wilson(values[0] * images, images))
            row = {"part": part, "band": band, "value": float(np.mean(values))}
            rows.append(row | {"low": low, "high": high})
    return pd.DataFrame(rows)


@style.styled
def gain_by_band(frame: pd.DataFrame) -> Figure:
    """Share of images whose mask gains energy from N to A. frame: from `gains`."""
    figure, axes = style.canvas(1, 2, 2.9, sharey=True)
    colour = style.COLOURS["adversarial"]
    for panel, part in zip(axes[0], SIDE, strict=True):
        rows = frame[frame.part == part]
        place = centres(part, BANDS)[rows.band]
        style.band(panel, place, rows.low, rows.high, colour)
        panel.plot(place, rows.value, color=colour, linewidth=1.6)
        panel.axhline(0.5, color=style.GREY, linewidth=1.2, zorder=1)
        scale_axis(panel, part)
        panel.set_xlabel(SIDE[part])
    style.percent(axes[0, 0])
    axes[0, 0].set_ylabel("images whose mask gains")
    return figure


def gains_in_words(frame: pd.DataFrame) -> str:
    """Where the masks of single images gain and lose from N to A, in a sentence."""
    radial = frame[frame.part == "radial"]
    ends = (radial[radial.band < BANDS // 4].value, radial[radial.band >= BANDS // 2].value)
    low, high = (100 * float(values.mean()) for values in ends)
    return (
        f"From N to A, {low:.0f} % of the masks gain energy in a ring of the lowest quarter and "
        f"{high:.0f} % in one of the upper half, averaged over the rings."
    )


def atlas(run, history: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """UMAP's map of the masks of one seed, and how well a linear classifier tells their classes."""
    return _atlas(run.tensors(), history, classes)


@style.styled
def _atlas(found: Mapping[str, Tensor], history: pd.DataFrame, classes: Sequence[str]) -> Figure:
    figure, ((left, right),) = style.canvas(1, 2, 3.7, width_ratios=[1.5, 1])
    places, kept = found["map"].numpy(), found["answers"].numpy()
    left.plot(*places.T, ".", color=style.with_contrast(style.GREY, 1.6), markersize=4,
              label="_all classes")  # fmt: skip
    frequent = np.bincount(kept).argsort()[::-1][:3]
    signs = (("low", "o"), ("high", "s"), ("adversarial", "^"))
    for number, (colour, marker) in zip(frequent, signs, strict=False):
        own = places[kept == number]
        if len(own):
            left.plot(*own.T, marker, color=style.COLOURS[colour], markersize=4,
                      label=classes[number], linestyle="")  # fmt: skip
    left.set(**middle(places))
    style.bare(left)
    figure.legend(loc="outside upper left", ncols=3)
    linear(right, history)
    return figure


def middle(places: np.ndarray) -> dict:
    """Limits that leave out at most the two farthest hundredths on each side of a map."""
    ends = np.quantile(places, [0.02, 0.98], axis=0)
    room = 0.15 * (ends[1] - ends[0])
    (left, bottom), (right, top) = ends[0] - room, ends[1] + room
    return {"xlim": (left, right), "ylim": (bottom, top)}


def linear(axes: Axes, history: pd.DataFrame) -> None:
    """Accuracy of the linear classifier on classes and on classes dealt out at random."""
    kinds = {"natural": ("original", "o", -0.09), "adversarial": ("adversarial", "^", 0.09)}
    for name, (colour, marker, shift) in kinds.items():
        axes.plot([], [], marker, color=style.COLOURS[colour], label=f"masks of {name[0].upper()}")
        for place, part in enumerate(("linear", "linear-scrambled")):
            rows = rows_of(history, f"images/{name}", part=part, among="kept")
            found = style.accuracy(rows.accuracy, int(rows.images.min()))
            style.point(axes, place + shift, found, style.COLOURS[colour], marker=marker)
    style.percent(axes, highest=None)
    axes.set_ylim(0, None)
    axes.set_xticks([0, 1], ["classes", "dealt out"])
    axes.set(xlim=(-0.5, 1.5))
    axes.set_title("told by a linear\nclassifier")
    axes.legend(loc="best")


def in_short(verdicts: Mapping) -> str:
    """Section 13's finding. verdicts: K7 and K8."""
    kept, attacked, gone = (100 * part.estimate.value for part in verdicts["K7"].parts)
    more = 100 * verdicts["K8"].estimate.value
    return (
        f"Of the test images that the natural network gets right, {kept:.0f} % stay right through "
        f"their own mask and {attacked:.0f} % of their adversarial versions become or stay right "
        f"through it; of what the masks take away, {gone:.0f} % is still recognised. A linear "
        f"classifier tells the class from the mask alone {more:.0f} percentage points more often "
        "than from classes dealt out at random."
    )
