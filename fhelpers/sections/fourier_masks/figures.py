"""Figures of the section on Fourier masks (K)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor
from torch.nn import functional as F

from fhelpers import masks as learning
from fhelpers.drawing import style
from fhelpers.drawing.masks import CHANGE, SIDE, WHOLE, centres, picture, scale_axis
from fhelpers.frequency import structural_similarity
from fhelpers.sections.fourier_masks import claims

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "masks": (
        "In the upper row the mask of each network over the spectrum, frequency zero in the "
        "centre, from dark for 0 to bright for 1. In the lower row what each mask has more of than "
        "that of N in green and less of in purple, white where they agree."
    ),
    "reliability": (
        "A row for each network. A filled circle marks its accuracy on test images and an open "
        "square that on the same images seen through its mask, with intervals; the total weight "
        "of the mask is written beside them."
    ),
    "energies": (
        "Two panels, rings on the left and directions on the right: the share of a full mask's "
        "energy that each network's mask has in each of the bands, N black, A green, and S, T and "
        "R grey with different dashes."
    ),
    "differences": (
        "A row of panels for each of A, S, T and R, rings on the left and directions on the right: "
        "how much larger the share of energy in each band is than in the mask of N, with an "
        "interval as a band and a line at zero."
    ),
    "classes": "Masks learned from the images of one class each, for the natural network.",
    "images": (
        "A row for each of some test images: the image, the image seen through the mask of N and "
        "what that mask takes away, then the same for the mask of A."
    ),
    "nonlinearity": (
        "Four panels, one for each nonlinearity: the strength of each multiple of the frequency of "
        "a sine that went in. All put something where the sine has nothing; softplus and ReLU at "
        "even multiples, tanh and hard tanh at odd ones."
    ),
}
NAMES = {"natural": "natural", "adversarial": "adversarial", "scale": "random scale",
         "translate": "random shift", "rotate": "random turn"}  # fmt: skip
DASHES = {"natural": "-", "adversarial": "-", "scale": (0, (1, 1)), "translate": (0, (4, 1.5)),
          "rotate": (0, (6, 1.5, 1, 1.5))}  # fmt: skip


def colour_of(name: str) -> str:
    """Black for N, green for A, grey for the others."""
    kind = name.removeprefix("vgg-11-")
    named = {"natural": style.COLOURS["original"], "adversarial": style.COLOURS["adversarial"]}
    return named.get(kind, style.GREY)


def title_of(name: str) -> str:
    """A network by K's letter and in words."""
    kind = name.removeprefix("vgg-11-")
    return f"{claims.short(name)}, {NAMES[kind]}"


def mean_masks(groups: Mapping[str, Sequence]) -> dict[str, Tensor]:
    """{network: mask (H, W), mean over seeds and channels}. groups: runs by mask/<network>."""
    return {
        label.removeprefix("mask/"): torch.stack(
            [run.model().masks().detach()[0].mean(0) for run in runs]
        ).mean(0)
        for label, runs in groups.items()
        if label.startswith("mask/")
    }


@style.styled
def masks(found: Mapping[str, Tensor]) -> Figure:
    """Masks (H, W) of networks, the first of them N, and their differences to N.

    found: {network: mask}, from `mean_masks`. Zero frequency is in the centre.
    """
    columns = max(len(found), 3)
    figure, axes = style.canvas(2, columns, 0.9 + 2.35 * 5 / columns)
    first = next(iter(found.values()))
    for place in range(columns):
        for panel in axes[:, place]:
            panel.set_axis_off()
    widest = max([float((mask - first).abs().max()) for mask in found.values()] + [0.05])
    for place, (name, mask) in enumerate(found.items()):
        top, bottom = axes[:, place]
        top.set_axis_on()
        title = title_of(name).replace(", random ", "\n").replace(", ", "\n")
        whole = style.picture(top, mask, title, cmap=WHOLE, vmin=0, vmax=1)
        if place:
            bottom.set_axis_on()
            letter = claims.LETTERS[name.removeprefix("vgg-11-")]
            change = style.picture(
                bottom, mask - first, f"{letter} − N", cmap=CHANGE, vmin=-widest, vmax=widest
            )
    figure.colorbar(whole, ax=list(axes[0, : len(found)]), label="weight", shrink=0.8, aspect=12)
    if len(found) > 1:
        figure.colorbar(
            change, ax=list(axes[1, : len(found)]), label="difference", shrink=0.8, aspect=12
        )
    return figure


def reliability(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with and without the mask, and its weight: a row a network.

    Columns network, original, masked, complement, share (estimates), weight, reached (share of
    seeds whose mask reached the threshold where it was learned).
    """
    rows = []
    for name in claims.masked(history):
        row, label = {"network": name}, f"mask/{name}"
        for part in ("original", "masked", "complement"):
            own = claims.rows_of(history, label, split="test", scope="all", part=part)
            row[part] = style.accuracy(own.accuracy, int(own.images.min()))
        row |= {"share": claims.kept(history, label), "weight": claims.weight(history, name)}
        reached = claims.rows_of(history, label, split="mask", part="weight").reached
        rows.append(row | {"reached": float(reached.astype(float).mean())})
    return pd.DataFrame(rows)


@style.styled
def accuracies(frame: pd.DataFrame, chance: float) -> Figure:
    """Accuracy on test images with and without the mask. frame: from `reliability`."""
    figure, ((axes,),) = style.canvas(1, 1, 1.4 + 0.42 * len(frame))
    for place, row in enumerate(frame.itertuples()):
        colour = colour_of(row.network)
        ends = ((row.original, -0.12, "o", {}), (row.masked, 0.12, "s", {"mfc": style.WHITE_PAGE}))
        for value, shift, marker, options in ends:
            axes.plot([value.low, value.high], [place + shift] * 2, color=colour, linewidth=2)
            axes.plot(value.value, place + shift, marker, color=colour, **options)
        axes.annotate(
            f"{row.weight.value:.2f}", (1, place), xycoords=("axes fraction", "data"),
            xytext=(8, 0), textcoords="offset points", va="center", annotation_clip=False,
        )  # fmt: skip
    axes.annotate("weight", (1, 1), xycoords="axes fraction", xytext=(8, 2),
                  textcoords="offset points", annotation_clip=False)  # fmt: skip
    axes.set_yticks(range(len(frame)), map(title_of, frame.network))
    axes.axvline(chance, color=style.GREY, linestyle=":", linewidth=1.6)
    axes.set(ylim=(len(frame) - 0.5, -0.5), xlim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_xlabel("accuracy on test images (dotted: chance)")
    axes.yaxis.grid(False)
    handles = [
        Line2D([], [], color=style.INK, marker="o", linestyle="", label="whole images"),
        Line2D([], [], color=style.INK, marker="s", linestyle="", mfc="#ffffff", label="masked"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def band_shares(history: pd.DataFrame, name: str, part: str) -> np.ndarray:
    """Energy in each band over that of a mask of ones, (masks, bands), NaN where no bin is.

    The masks of all seeds; with one seed those of folds/<network> where there are such.
    """
    label = f"mask/{name}"
    seeds = history[history.label == label].seed.nunique()
    if seeds == 1 and f"folds/{name}" in set(history.label):
        label = f"folds/{name}"
    rows = claims.rows_of(history, label, split="mask", part=part)
    share = rows.assign(share=rows.value / rows.whole.where(rows.whole > 0))
    return share.pivot_table("share", ["seed", "mask"], "band", dropna=False).to_numpy()


@style.styled
def energies(history: pd.DataFrame) -> Figure:
    """Radial and angular energies of the five masks, as shares of a full mask's (K)."""
    figure, axes = style.canvas(1, 2, 3.4, sharey=True)
    names = [name for name in claims.FIVE if name in claims.masked(history)]
    for panel, part in zip(axes[0], SIDE, strict=True):
        for name in names:
            mean = band_shares(history, name, part).mean(0)
            place, there = centres(part, len(mean)), np.isfinite(mean)
            panel.plot(place[there], mean[there], color=colour_of(name), linestyle=DASHES[name],
                       linewidth=2 if name in claims.FIVE[:2] else 1.3,
                       label=f"_{title_of(name)}")  # fmt: skip
        scale_axis(panel, part)
        panel.set_xlabel(SIDE[part])
    axes[0, 0].set_ylim(0, 1.02)
    axes[0, 0].set_ylabel("energy kept in the band")
    handles = [
        Line2D([], [], color=colour_of(name), linestyle=DASHES[name], label=title_of(name))
        for name in names
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=3)
    return figure


@style.styled
def differences(history: pd.DataFrame) -> Figure:
    """Energy kept in each band minus that of N, a row for each of A, S, T and R, with intervals.

    Intervals are over seeds; with one seed over masks of disjoint sets of images.
    """
    names = [name for name in claims.FIVE[1:] if name in claims.masked(history)]
    figure, axes = style.canvas(len(names), 2, 0.7 + 1.25 * len(names), sharey=True, sharex="col")
    for row, name in zip(axes, names, strict=True):
        for panel, part in zip(row, SIDE, strict=True):
            change = band_shares(history, name, part) - band_shares(history, "natural", part)
            mean, count = change.mean(0), len(change)
            place, there = centres(part, len(mean)), np.isfinite(mean)
            panel.axhline(0, color=style.GREY, linewidth=1.2, zorder=1)
            if count > 1:
                half = claims.stats.t.ppf(0.975, count - 1) * change.std(0, ddof=1) / count**0.5
                low, high = mean - half, mean + half
                style.band(panel, place[there], low[there], high[there], colour_of(name))
            panel.plot(place[there], mean[there], color=colour_of(name), linewidth=1.6)
            scale_axis(panel, part)
            panel.text(0.98, 0.9, f"{claims.LETTERS[name]} − N", transform=panel.transAxes,
                       ha="right", va="top")  # fmt: skip
    for panel, part in zip(axes[-1], SIDE, strict=True):
        panel.set_xlabel(SIDE[part])
    figure.supylabel("difference in energy kept", fontsize=12)
    return figure


@style.styled
def class_masks(found: Tensor, classes: Sequence[str]) -> Figure:
    """Masks (classes, H, W) learned from one class each, at most ten of them."""
    shown = list(zip(found[:10], classes, strict=False))
    columns = 5
    rows = -(-len(shown) // columns)
    figure, axes = style.canvas(rows, columns, 0.3 + 1.25 * rows)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, (mask, name) in zip(axes.flat, shown, strict=False):
        panel.set_axis_on()
        drawn = style.picture(panel, mask, name, cmap=WHOLE, vmin=0, vmax=1)
    figure.colorbar(drawn, ax=list(axes.flat), label="weight", shrink=0.8)
    return figure


@style.styled
def images(pixels: Tensor, modules: Mapping[str, learning.FourierMask]) -> Figure:
    """Images (n, C, H, W) seen through masks, and what those take away, with their similarity.

    modules: {K's letter of a network: its mask}. What is taken away is shown around mid-grey.
    """
    figure, axes = style.canvas(len(pixels), 1 + 2 * len(modules), 0.2 + 1.28 * len(pixels))
    for number, (row, image) in enumerate(zip(axes, pixels, strict=True)):
        first = number == 0
        picture(row[0], image, "x" if first else "")
        for place, (letter, mask) in enumerate(modules.items()):
            kept = learning.through(mask, image[None])[0]
            alike = structural_similarity(image[None], kept[None]).item()
            named = (f"through {letter}", f"taken by {letter}") if first else ("", "")
            picture(row[1 + 2 * place], kept, named[0])
            row[1 + 2 * place].set_xlabel(f"{alike:.2f}", fontsize=10.5)
            picture(row[2 + 2 * place], image - kept + 0.5, named[1])
    return figure


# A nonlinearity makes new frequencies ----------------------------------------------------------

NONLINEARITIES = {"softplus": F.softplus, "tanh": torch.tanh, "ReLU": F.relu,
                  "hard tanh": F.hardtanh}  # fmt: skip


def harmonics(amplitude: float = 2.0, count: int = 9) -> pd.DataFrame:
    """Amplitudes at 0 to `count` times the frequency of a sine behind each nonlinearity."""
    samples = 1024
    phase = 2 * torch.pi * torch.arange(samples, dtype=torch.float64) / samples
    sine = amplitude * torch.sin(phase)
    rows = {"sine": sine} | {name: function(sine) for name, function in NONLINEARITIES.items()}
    found = {name: torch.fft.rfft(wave).abs()[: count + 1] * 2 / samples
             for name, wave in rows.items()}  # fmt: skip
    return pd.DataFrame({name: values.numpy() for name, values in found.items()})


@style.styled
def nonlinearity(frame: pd.DataFrame) -> Figure:
    """The multiples of a sine's frequency behind each nonlinearity. frame: from `harmonics`."""
    figure, axes = style.canvas(1, len(NONLINEARITIES), 2.3, sharey=True)
    for panel, name in zip(axes[0], NONLINEARITIES, strict=True):
        colours = ["original" if place == 1 else "high" for place in frame.index]
        panel.vlines(frame.index, 1e-4, frame[name].clip(lower=1e-4),
                     colors=[style.COLOURS[c] for c in colours], linewidth=3)  # fmt: skip
        panel.set(yscale="log", ylim=(1e-4, 4), xlim=(-0.7, len(frame) - 0.3))
        panel.set_xticks(range(1, len(frame), 2))
        panel.set_title(name)
    axes[0, 0].set_ylabel("amplitude")
    figure.supxlabel("multiple of the sine's frequency", fontsize=12)
    return figure


# What the notebook puts into sentences and tables ----------------------------------------------


def on_which_images(history: pd.DataFrame) -> pd.DataFrame:
    """The mask of N learned on training and on test images, judged on both."""
    rows = []
    for label, learned in (("mask/natural", "training images"), ("ontest/natural", "test images")):
        row = {"learned on": learned}
        for split, words in (("train", "training"), ("test", "test")):
            ends = [
                claims.rows_of(history, label, split=split, scope="all", part=part).accuracy.mean()
                for part in ("original", "masked")
            ]
            row |= {f"{words} images": ends[0], f"{words}, masked": ends[1]}
            row[f"share kept, {words}"] = ends[1] / ends[0]
        own = claims.rows_of(history, label, split="mask", part="weight")
        rows.append(row | {"weight": own.value.mean()})
    return pd.DataFrame(rows)


def gain_of_test_set(frame: pd.DataFrame) -> str:
    """What learning on the test set changes, in a sentence. frame: from `on_which_images`."""
    own, paper = frame["share kept, test"]
    change = 100 * (paper - own)
    return (
        f"Learned on test images, the mask keeps {100 * paper:.1f} % of the accuracy on these very "
        f"images; learned on training images it keeps {100 * own:.1f} %. Judging a mask by the "
        f"images it has seen changes the result by {f'{change:+.1f}'.replace('-', '−')} "
        "percentage points here."
    )


def threshold_in_words(frame: pd.DataFrame, threshold: float) -> str:
    """Which masks kept what they had to where they were learned. frame: from `reliability`."""
    missed = [title_of(row.network) for row in frame.itertuples() if row.reached < 1]
    start = f"A mask is to keep {100 * threshold:.0f} % of the accuracy on the images it learns on."
    if not missed:
        return f"{start} All masks do."
    return (
        f"{start} At this sparsity weight and length, {len(frame) - len(missed)} of {len(frame)} "
        f"do; those of {style.listing(missed)} end as results that did not reach it."
    )


def in_short(verdicts: Mapping, frame: pd.DataFrame) -> str:
    """The section's finding. verdicts: K1 to K4 and K6; frame: from `reliability`."""
    first = frame.iloc[0]
    low, alike = verdicts["K2"].estimate.value, verdicts["K6"].estimate.value
    which = "larger" if low > 0 else "smaller"
    return (
        f"A mask that keeps {100 * first.weight.value:.0f} % of the frequencies' weight leaves the "
        f"natural network {100 * first.share.value:.0f} % of its accuracy on new images. The share "
        f"of low frequencies in the mask of the adversarially trained network is "
        f"{100 * abs(low):.0f} percentage points {which}. Images seen through the natural "
        f"network's mask have a structural similarity of {alike:.2f} to the originals."
    )
