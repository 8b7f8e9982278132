"""Figures of the section on accuracy and robustness (W §3.2, Corollary 1)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from fhelpers.claims.reliance import TEST, effect
from fhelpers.drawing import comparisons, style
from fhelpers.drawing.names import NAMES
from fhelpers.intervals import Estimate, over_seeds, proportion, wilson

ALT = {
    "pairs": (
        "Columns of four pictures: a test image, a perturbation of its high part made visible, the "
        "perturbed image, which looks like the first, and the low part that both share."
    ),
    "fooled": (
        "Share of fooled images against the size of the perturbation: a vermilion curve for "
        "perturbations of the high part, a blue one for the low part, a black one for both."
    ),
    "sizes": (
        "A row for each network. Three points: how large a perturbation of the high part, of the "
        "low part and of the whole image half of the images need."
    ),
    "scatter": (
        "Each network as a point: accuracy on test images to the right, accuracy under PGD upwards."
    ),
}
BANDS = {"high": "high part only", "low": "low part only", "all": "anything"}
COLOURS = {"high": "high", "low": "low", "all": "original"}
MARKERS = {"high": "s", "low": "o", "all": "D"}


def attacked(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracies under PGD of all networks, with the column `network`."""
    rows = history[history.label.str.startswith("corollary-") & (history.part == "attacked")]
    return rows.assign(network=rows.label.str.removeprefix("corollary-"))


@style.styled
def pairs(tensors: Mapping[str, Tensor], low: Tensor, classes) -> Figure:
    """Pairs of images with one low part and two answers.

    tensors: images, perturbations, labels and answers of a `Corollary` run; low: the images' low
    parts. The perturbation is stretched about grey, each by its own largest value.
    """
    count = min(6, len(tensors["images"]))
    figure, axes = style.canvas(4, count, 4.9)
    found = tensors["perturbations"]
    largest = found.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    rows = [tensors["images"], 0.5 + found / (2 * largest), tensors["images"] + found, low]
    for row, pictures in zip(axes, rows, strict=True):
        for panel, image in zip(row, pictures[:count], strict=True):
            style.picture(panel, image)
    for row, text in zip(
        axes, ("image", "difference", "perturbed", "low part\nof both"), strict=True
    ):
        row[0].set_ylabel(text, fontsize=11)
    for place, (top, bottom) in enumerate(zip(axes[0], axes[2], strict=True)):
        for panel, name in ((top, "labels"), (bottom, "answers")):
            panel.set_title(classes[int(tensors[name][place])], fontsize=10.5, fontweight="normal")
    return figure


def share_fooled(sizes: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Share of sizes at most each ε."""
    return np.searchsorted(np.sort(sizes), epsilons, side="right") / len(sizes)


@style.styled
def fooled(rows: pd.DataFrame) -> Figure:
    """Fooled share of the rightly answered images against ε, a curve for each band.

    rows: `perturbations` of one network. Bands are intervals over seeds, or over images.
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.6)
    epsilons = np.geomspace(0.25, 32, 80)
    ends = []
    for band, title in BANDS.items():
        colour = style.COLOURS[COLOURS[band]]
        right = rows[(rows.part == band) & (rows["size"] > 0)]
        seeds = [255 * seed["size"].to_numpy() for _, seed in right.groupby("seed")]
        shares = np.array([share_fooled(sizes, epsilons) for sizes in seeds])
        low, high = limits(shares, len(seeds[0]))
        axes.plot(epsilons, shares.mean(0), color=colour, linewidth=2.2)
        style.band(axes, epsilons, low, high, colour)
        ends.append((float(shares.mean(0)[-1]), title, colour))
    in_powers_of_two(axes)
    axes.set(xlabel="ε, root mean square in 255ths", ylabel="fooled images", xlim=(0.25, 32))
    style.percent(axes, highest=1.02)
    style.label_ends(axes, ends, gap=0.09)
    return figure


def in_powers_of_two(axes: Axes) -> None:
    """A logarithmic horizontal axis for sizes from 1/8 to 32."""
    axes.set_xscale("log", base=2)
    names = {0.125: "⅛", 0.25: "¼", 0.5: "½"} | {2**power: str(2**power) for power in range(6)}
    axes.set_xticks(list(names), names.values())
    axes.minorticks_off()


def limits(shares: np.ndarray, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a mean share at every ε: over seeds, or over images if there is one seed."""
    if len(shares) == 1:
        return wilson(shares[0] * images, np.full(shares.shape[1], images))
    found = [over_seeds(column) for column in shares.T]
    return np.array([each.low for each in found]), np.array([each.high for each in found])


def median_size(rows: pd.DataFrame, band: str) -> Estimate:
    """The ε, in 255ths, at which half of the rightly answered images are fooled in a band.

    Over seeds; with one seed the interval between two order statistics (binomial). Infinite where
    fewer than half were fooled.
    """
    right = rows[(rows.part == band) & (rows["size"] > 0)]
    seeds = [255 * np.sort(seed["size"].to_numpy()) for _, seed in right.groupby("seed")]
    if not seeds:
        return Estimate(np.nan, np.nan, np.nan, 0, "images")
    medians = [float(np.quantile(sizes, 0.5, method="lower")) for sizes in seeds]
    if len(seeds) > 1:
        finite = np.isfinite(medians).all()
        return (
            over_seeds(medians)
            if finite
            else Estimate(np.inf, min(medians), np.inf, len(seeds), "seeds")
        )
    n = len(seeds[0])
    reach = 1.96 * np.sqrt(n) / 2
    ends = [int(np.clip(place, 0, n - 1)) for place in (n / 2 - reach, n / 2 + reach)]
    low, high = (float(seeds[0][place]) for place in ends)
    return Estimate(medians[0], low, high, n, "images")


def there(rows: pd.DataFrame) -> dict[str, str]:
    """Names of the networks that got some image right, in their order."""
    able = set(rows.network[rows["size"] > 0])
    return {label: name for label, name in NAMES.items() if label in able}


@style.styled
def sizes(rows: pd.DataFrame) -> Figure:
    """How large a perturbation half of the images need, for every network and band."""
    names = there(rows)
    figure, ((axes,),) = style.canvas(1, 1, 1.7 + 0.36 * len(names))
    for place, network in enumerate(names):
        for shift, band in zip((-0.2, 0, 0.2), BANDS, strict=True):
            found = median_size(rows[rows.network == network], band)
            if np.isfinite(found.value):
                colour = style.COLOURS[COLOURS[band]]
                comparisons.across(axes, place + shift, found, colour, marker=MARKERS[band])
        if not np.isfinite(median_size(rows[rows.network == network], "all").value):
            axes.annotate("over 32", (34, place), va="center", color=style.GREY, fontsize=10.5)
    comparisons.finish_rows(axes, names)
    in_powers_of_two(axes)
    axes.set(xlabel="ε that fools half of the images, in 255ths", xlim=(0.1, 60))
    marks = [
        Line2D(
            [], [], color=style.COLOURS[COLOURS[band]], marker=MARKERS[band], linestyle="", label=t
        )
        for band, t in BANDS.items()
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=3)
    return figure


def robust(history: pd.DataFrame, network: str, epsilon: float) -> Estimate:
    """Accuracy of a network under PGD within ε, with its interval."""
    rows = attacked(history)
    rows = rows[(rows.network == network) & np.isclose(rows.epsilon, epsilon)]
    if len(rows) > 1:
        return over_seeds(rows.accuracy)
    images = int(rows.images.iloc[0])
    return proportion(round(rows.accuracy.iloc[0] * images), images)


@style.styled
def scatter(history: pd.DataFrame, epsilon: float) -> Figure:
    """Accuracy against robustness of all networks, named beside their points."""
    figure, ((axes,),) = style.canvas(1, 1, 4.2)
    names = {label: name for label, name in NAMES.items() if label in set(history.label)}
    ends = []
    for label, name in names.items():
        clean, under = effect(history, {label: 1}, TEST), robust(history, label, epsilon)
        colour = comparisons.colour_of(label)
        axes.plot([clean.low, clean.high], [under.value] * 2, color=colour, linewidth=1.2)
        axes.plot([clean.value] * 2, [under.low, under.high], color=colour, linewidth=1.2)
        marker = "^" if label.startswith("adversarial") else "o"
        axes.plot(clean.value, under.value, marker=marker, color=colour, markersize=6.5)
        ends.append((clean.value, under.value, name, colour))
    top = axes.get_ylim()[1]
    style.percent(axes, lowest=-0.01, highest=top)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set(xlabel="accuracy on test images", ylabel=f"accuracy under PGD, ε = {epsilon:g}")
    name_points(axes, ends)
    return figure


def name_points(axes, ends) -> None:
    """Names in a column at the right edge, each joined to its point."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    order = sorted(ends, key=lambda end: end[1])
    heights = [(y - bottom) / (top - bottom) for _, y, _, _ in order]
    for (x, _, name, colour), height, place in zip(
        order, heights, style.spread(heights, 0.068), strict=True
    ):
        axes.annotate(
            name,
            ((x - left) / (right - left), height),
            xytext=(1.04, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=style.for_text(colour),
            va="center",
            fontsize=10.5,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": style.GREY, "linewidth": 0.6, "shrinkB": 4},
        )
    axes.set_xlim(left, right)


# What the notebook puts into words --------------------------------------------------------------


def in_short(verdict, rows: pd.DataFrame) -> str:
    """The page's finding, in one sentence."""
    share = verdict.parts[0].estimate
    need = {band: median_size(rows[rows.network == "natural"], band) for band in ("high", "low")}
    text = (
        f"A perturbation of the high part alone, of root mean square 8/255 or less, changes "
        f"{100 * share.value:.0f} % of M_natural's right answers while the low part stays as it was"
    )
    if all(np.isfinite(each.value) for each in need.values()):
        text += (
            f"; half of them change at {need['high'].value:.1f}/255 in the high part and at "
            f"{need['low'].value:.1f}/255 in the low part"
        )
    return f"{text}."


def sizes_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The medians of `sizes` as a table, in 255ths."""
    listed = []
    for network, name in there(rows).items():
        row = {"network": name}
        for band, title in BANDS.items():
            found = median_size(rows[rows.network == network], band)
            row[title] = str(found) if np.isfinite(found.value) else "over 32"
        listed.append(row)
    return pd.DataFrame(listed)


def order_in_words(rows: pd.DataFrame) -> str:
    """Which networks need the largest perturbations of the high part, in a sentence."""
    found = {
        n: median_size(rows[rows.network == label], "high") for label, n in there(rows).items()
    }
    listed = sorted(found.items(), key=lambda each: each[1].value)
    texts = [
        f"{n} ({e.value:.1f})" if np.isfinite(e.value) else f"{n} (over 32)" for n, e in listed
    ]
    return f"From the most easily fooled in its high part (255ths): {style.listing(texts)}."
