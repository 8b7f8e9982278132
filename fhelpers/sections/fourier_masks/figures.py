"""Figures of the section on Fourier masks (K)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import masks as learning
from fhelpers.claims.masks import FIVE, LETTERS, PAIR, short
from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import CHANGE, by_band, looks, maps, told_apart, with_mean
from fhelpers.frequency import structural_similarity
from fhelpers.sections.fourier_masks import measure, readings

ALT = {
    "masks": "In the upper row the mask of each network over the spectrum, frequency zero in the "
    "centre, from dark for 0 to bright for 1. In the lower row what each mask has more of than "
    "that of N in green and less of in purple, white where they agree.",
    "reliability": "A row for each network. A circle marks its accuracy on test images and a "
    "square that on the same images seen through its mask, with intervals; the total weight of "
    "the mask is written beside them. Hollow diamonds are the paper's accuracies through the mask.",
    "energies": "Two panels, 16 rings on the left and 16 directions on the right: the share of a "
    "full mask's energy that each network's mask has in each of the bands, N black, A green, and "
    "S, T and R grey with different dashes, with intervals as bands.",
    "direction": "A curve over the directions from 0 to 180 degrees: how much more of its energy "
    "the mask of A has in a direction than that of N. Grey bands mark directions near an axis.",
    "differences": "A row of panels for each of A, S, T and R, rings on the left and directions "
    "on the right: how much larger the share of energy in each band is than in the mask of N, "
    "with an interval as a band and a line at zero.",
    "classes": "Masks learned from the images of one class each, for the natural network.",
    "images": "A row for each of some test images: the image, the image seen through the mask of "
    "N and what that mask takes away, then the same for the mask of A, all with the image's mean.",
    "nonlinearity": "Four panels, one for each nonlinearity: the strength of each multiple of the "
    "frequency of a sine that went in. All put something where the sine has nothing; softplus and "
    "ReLU at even multiples, tanh and hard tanh at odd ones.",
}
NAMES = {"natural": "natural", "adversarial": "adversarial", "scale": "random scale",
         "translate": "random translation", "rotate": "random rotation"}  # fmt: skip
PUBLISHED = {  # K: accuracy of VGG-11 through its mask, five classes of Imagenette
    "natural": 0.8920, "adversarial": 0.7897, "scale": 0.8672, "translate": 0.8535, "rotate": 0.6817
}  # fmt: skip
DASHES = {"natural": "-", "adversarial": "-", "scale": ":", "translate": "--", "rotate": "-."}
SEEN = {  # as entries of a key
    "original": ("whole images", style.INK, "o", ""),
    "masked": ("through the mask", style.INK, "s", ""),
}


def colour_of(name: str) -> str:
    """Black for N, green for A, grey for the others."""
    return style.COLOURS.get(name.removeprefix("vgg-11-"), style.GREY)


def title_of(name: str) -> str:
    """A network by K's letter and in words."""
    return f"{short(name)}, {NAMES[name.removeprefix('vgg-11-')]}"


@style.styled
def masks(found: Mapping[str, Tensor]) -> Figure:
    """Masks (H, W) of networks, the first of them N, and their differences to N."""
    columns = max(len(found), 3)
    figure, (top, bottom) = style.canvas(2, columns, 0.9 + 2.35 * 5 / columns)
    maps(top, {title_of(n).replace(", random ", ", ").replace(", ", "\n"): found[n] for n in found})
    first, *others = found
    changes = {f"{short(name)[-1]} − N": found[name] - found[first] for name in others}
    bottom[0].set_axis_off()
    widest = max([0.05, *(float(change.abs().max()) for change in changes.values())])
    maps(bottom[1:], changes, "difference", cmap=CHANGE, vmin=-widest, vmax=widest)
    return figure


@style.styled
def accuracies(frame: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on test images with and without the mask. frame: from `reliability`."""
    look = looks(SEEN) | {"colours": {name: colour_of(name) for name in frame.network}}
    look |= {"order": {name: title_of(name) for name in frame.network}, "chance": chance}
    look |= {"by": "seen", "xlabel": "accuracy on test images"}
    look["marks"] = [*SEEN.values(), ("the paper, through the mask", *charts.PAPER[1:])]
    figure, axes = charts.rows(told_apart(frame, "network", SEEN), at="network", **look)
    theirs = frame.network.str.split("vgg-11-").str[1].map(PUBLISHED).dropna()
    style.paper_value(axes, theirs, theirs.index + 0.13)
    axes.set_xlim(0, 1.02)
    style.write(axes, "weight", (1, -0.55))
    for place, weight in enumerate(frame.weight):
        style.write(axes, f"{weight.value:.2f}", (1, place))
    return figure


@style.styled
def energies(history: pd.DataFrame) -> Figure:
    """Radial and angular energies of the five masks, as shares of a full mask's (K)."""
    figure, axes = style.canvas(1, 2, 3.4, sharey=True)
    frame = measure.banded(history, FIVE)
    look = {"by": "network", "colours": colour_of, "styles": DASHES, "names": title_of}
    by_band(axes[0], frame, linewidth=1.6, **look)
    style.percent(axes[0, 0], highest=1.02)
    axes[0, 0].set_ylabel("energy kept in the band")
    return charts.key(figure, ncols=3, handlelength=3)


@style.styled
def differences(history: pd.DataFrame) -> Figure:
    """Energy kept in each band minus that of N, a row for each of A, S, T and R, with intervals."""
    frame = measure.banded(history, FIVE[1:], minus="natural")
    names = list(frame.network.unique())
    figure, axes = style.canvas(len(names), 2, 0.7 + 1.25 * len(names), sharey=True, sharex="col")
    for row, name in zip(axes, names, strict=True):
        own = f"{LETTERS[name]} − N"
        look = {"colours": colour_of(name), "names": own, "linewidth": 1.6}
        by_band(row, frame[frame.network == name], **look)
        for panel in row:
            panel.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
            panel.text(0.98, 0.9, own, transform=panel.transAxes, ha="right", va="top")
            panel.label_outer()
    style.in_percent(axes[0, 0].yaxis, unit="")
    figure.supylabel("difference in energy kept, percentage points")
    return figure


@style.styled
def direction(frame: pd.DataFrame) -> Figure:
    """What adversarial training does by direction alone. frame: from `readings.by_direction`."""
    words = {
        "xlabel": "direction, degrees",
        "ylabel": "A − N, share beyond\na mask without direction",
    }
    figure, axes = style.chart(2.9, xlim=(0, 180), xticks=range(0, 181, 45), **words)
    half = 90 / len(frame)
    for angle in frame.angle[frame.near_axis]:
        axes.axvspan(angle - half, angle + half, color=style.PALE, linewidth=0)
    axes.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
    charts.curves(axes, frame, x="angle", colours=colour_of("adversarial"), names="A − N")
    style.in_percent(axes.yaxis, unit=" pp")
    return figure


@style.styled
def class_masks(found: Tensor, classes: Sequence[str]) -> Figure:
    """Masks (classes, H, W) learned from one class each, at most ten of them."""
    rows = -(-min(len(classes), 10) // 5)
    figure, axes = style.canvas(rows, 5, 0.3 + 1.25 * rows)
    maps(axes.flat, dict(zip(classes[:10], found, strict=False)))
    return figure


@style.styled
def images(pixels: Tensor, modules: Mapping[str, learning.FourierMask]) -> Figure:
    """Images (n, C, H, W) seen through masks, and what those take away, with their similarity.

    modules: {K's letter of a network: its mask}. What lacks the image's mean is drawn with it.
    """
    titles, columns, alike = ["x"], [pixels], []
    for letter, mask in modules.items():
        kept = learning.through(mask, pixels).detach()
        alike += [(len(columns), *each) for each in enumerate(structural_similarity(pixels, kept))]
        titles += [f"through {letter}", f"taken by {letter}"]
        columns += [with_mean(kept, pixels), with_mean(pixels - kept, pixels)]
    rows, height = [*zip(*columns, strict=True)], 0.5 + 1.28 * len(pixels)
    figure, axes = style.pictures(rows, height, titles=titles)
    for column, row, similar in alike:
        axes[row, column].set_xlabel(f"{similar:.2f}", fontsize=11)
    return figure


@style.styled
def nonlinearity(frame: pd.DataFrame) -> Figure:
    """The multiples of a sine's frequency behind each nonlinearity. frame: from `harmonics`."""
    colours = [style.COLOURS["original" if place == 1 else "high"] for place in frame.index]

    def draw(panel, name):
        panel.bar(frame.index, frame[name], 0.35, color=colours, label="_amplitude")
        panel.set(yscale="log", ylim=(1e-4, 4), xlim=(-0.7, len(frame) - 0.3))
        panel.set_xticks(range(1, len(frame), 2))

    words = {"xlabel": "multiple of the sine's frequency", "ylabel": "amplitude"}
    return charts.small_multiples(list(measure.NONLINEARITIES), 2.3, draw, columns=4, **words)[0]


def gain_of_test_set(frame: pd.DataFrame) -> str:
    """What learning on the test set changes, in sentences. frame: from `on_which_images`."""
    (first, second), (own, other) = (100 * frame[f"share kept, {w}"] for w in ("training", "test"))
    seen, apart = [first - own, other - second], other - own
    text = (
        f"Learned on training images, the mask of N keeps {first:.1f} % of the accuracy on "
        f"training images and {own:.1f} % on test images; learned on test images, it keeps "
        f"{second:.1f} % and {other:.1f} %. So it makes a difference of {seen[0]:+.1f} and "
        f"{seen[1]:+.1f} percentage points whether a mask was learned on the images that judge it."
    )
    few, many = frame.images
    if few == many or abs(apart) <= max(map(abs, seen)):
        return text
    return (
        f"{text} The share on test images differs by more between the two masks, {apart:+.1f} "
        f"points, but these were also learned from {few:,} and {many:,} images, and in different "
        "numbers of steps."
    )


def binarised_in_words(found: Sequence[Tensor]) -> str:
    """What the released code makes of masks when it takes their complement, in a sentence."""
    mask = torch.cat([*found]).detach()
    return (
        "For a complement, the released code sets all weights above 10⁻⁸ to 1 in the mask itself: "
        f"N's would then weigh {(mask > 1e-8).float().mean():.2f} instead of {mask.mean():.2f}."
    )


def threshold_in_words(frame: pd.DataFrame, recipe) -> str:
    """Which masks kept what they had to where they were learned. frame: from `reliability`."""
    missed = [short(row.network) for row in frame.itertuples() if row.reached < 1]
    kept, count = f"{100 * recipe.threshold:.0f} %", len(frame)
    start = (
        f"A mask should keep {kept} of the accuracy on the images it is learned from. Learning "
        f"ends when it does and its weight has not changed for {recipe.patience} epochs, or after "
        f"{recipe.epochs} epochs."
    )
    if not missed:
        return f"{start} All masks keep as much."
    return f"{start} {len(missed)} of {count} ended below {kept}: {style.listing(missed)}."


def energies_in_words(history: pd.DataFrame) -> str:
    """How much the masks of N and A keep near frequency zero and far from it."""
    rows = measure.banded(history, PAIR).query("part == 'radial'")
    ends = [rows[rows.place < 100 * readings.LOW], rows[rows.place > 50]]
    near, far = (100 * each.groupby("network").value.mean() for each in ends)
    return (
        f"Of a ring in the lowest quarter of the distances N keeps {near['natural']:.0f} % and A "
        f"{near['adversarial']:.0f} %, of one in the upper half {far['natural']:.0f} % and "
        f"{far['adversarial']:.0f} %, averaged over the rings. {which_masks(history)}"
    )


def differences_in_words(history: pd.DataFrame) -> str:
    """How much more than N every network keeps near frequency zero and further from it."""
    rows = measure.banded(history, FIVE[1:], minus="natural").query("part == 'radial'")
    ends = [rows[rows.place < 100 * readings.LOW], rows[rows.place > 100 / 3]]
    near, far = (each.groupby("network", sort=False).value.mean() for each in ends)
    listed = style.listing(
        f"{LETTERS[name]} {style.points(near[name])} and {style.points(far[name])}"
        for name in near.index
    )
    both = [LETTERS[name] for name in near.index if near[name] > 0 > far[name]]
    return (
        "Energy kept beyond that of N, in percentage points, within a quarter of the largest "
        f"distance and beyond a third of it: {listed}. Both more near zero and less beyond: "
        f"{style.listing(both)}. {which_masks(history)}"
    )


def which_masks(history: pd.DataFrame) -> str:
    """Whose energies are drawn, where these are not the masks shown above."""
    if not measure.of_folds(history, "natural"):
        return ""
    return (
        "With one seed, curves and bands are those of five masks per network, each learned from a "
        "fifth of the images: not the masks shown above."
    )


def classes_in_words(history: pd.DataFrame, found: Tensor, threshold: float) -> str:
    """What is known of the masks of single classes. found: (classes, H, W), mean over seeds."""
    own = history[history.label == "classes/natural"]
    ends = own[(own.split == "mask") & (own.part == "weight")]
    missed = len(ends) - int(ends.reached.astype(bool).sum())
    images = own[(own.split == "learning") & (own.epoch == 0)].images
    with np.errstate(invalid="ignore"):  # a mask that keeps nothing is like no other
        alike = np.nan_to_num(np.corrcoef(found.flatten(1)))[np.triu_indices(len(found), 1)]
    counts = " to ".join(f"{each:.0f}" for each in sorted({images.min(), images.max()}))
    return (
        f"Masks of N for single classes, each learned from {counts} images. Their total weight "
        f"lies between {ends.value.min():.2f} and {ends.value.max():.2f}; {missed} of {len(ends)} "
        f"ended below {100 * threshold:.0f} % of the accuracy. Correlations between two of them "
        f"range from {alike.min():.2f} to {alike.max():.2f}."
    )
