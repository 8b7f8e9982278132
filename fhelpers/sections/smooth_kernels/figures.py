"""Figures of the section on first-layer kernels (W, §6.1 and 6.2, Figure 7) and of heat maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from fhelpers import smoothing
from fhelpers.drawing import comparisons, style
from fhelpers.sections.smooth_kernels.claims import MEASURES, over_seeds_or_filters

ALT = {
    "kernels": (
        "Four rows of small squares, one square a filter of the first layer, its weights shown as "
        "colours: the natural network, the same smoothed, the adversarially trained network, the "
        "same smoothed."
    ),
    "smoothness": (
        "Two panels, one for each measure of smoothness. A row for each network and kernel size, "
        "before and after smoothing: small dots are filters, a point with its interval their mean."
    ),
    "transfer": (
        "Four maps of frequencies with zero frequency in the centre: how strongly the first layer "
        "of each network passes each frequency, bright where it passes more than on average."
    ),
    "maps": (
        "Three maps of frequencies with zero frequency in the centre: the accuracy that is left "
        "when one single frequency is added to every image, bright where much is left."
    ),
    "profile": (
        "Accuracy against the distance of the added frequency from the spectrum's centre, a curve "
        "for each of three networks."
    ),
}
NAMES = {"natural": "natural", "adversarial": "adversarial", "smoothed": "natural, smoothed"}
COLOURS = {"natural": "original", "adversarial": "adversarial", "smoothed": "low"}


def before_and_after(weights: Mapping[str, Tensor], rho: float) -> dict[str, Tensor]:
    """First weights by title: each network as it is, then smoothed with ρ."""
    found = {}
    for name, weight in weights.items():
        found[name] = weight
        found[f"{name}, ρ = {rho:g}"] = smoothing.smooth_kernel(weight, rho)
    return found


@style.styled
def kernels(weights: Mapping[str, Tensor], *, most: int = 16) -> Figure:
    """First-layer kernels as images (W, Fig. 7): a row for each title, a square for each filter.

    weights: (O, C, k, k) by title, C 1 or 3. Each filter is stretched from its smallest to its
    largest weight, so colours compare within a square only.
    """
    count = min(most, *(len(weight) for weight in weights.values()))
    figure, axes = style.canvas(len(weights), count, 0.7 * len(weights))
    figure.get_layout_engine().set(
        w_pad=0.01, h_pad=0.12, wspace=0, hspace=0, rect=(0, 0, 1, 1 - 0.1 / len(weights))
    )
    for row, (title, weight) in zip(axes, weights.items(), strict=True):
        for panel, kernel in zip(row, weight[:count], strict=True):
            low, high = kernel.min(), kernel.max()
            style.picture(panel, (kernel - low) / (high - low).clamp(min=1e-12))
        name_row(row[0], title)
    return figure


def name_row(axes: Axes, title: str) -> None:
    """A title above a row of pictures that is wider than the first of them."""
    options = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    words = axes.annotate(title, (0, 1), xytext=(0, 2.5), fontsize=10.5, **options)
    words.set_in_layout(False)  # or the first column would grow as wide as the title


@style.styled
def smoothness(table: pd.DataFrame) -> Figure:
    """Both measures of smoothness, a row for each network, kernel size and smoothing.

    table: from `claims.kernels_of`; its column `smoothed` is the ρ, 0 for none.
    """
    groups = list(table.groupby(["kernel_size", "network", "smoothed"], sort=False))
    names = {key: row_name(*key) for key, _ in groups}
    figure, axes = style.canvas(1, 2, 1.1 + 0.36 * len(groups), sharey=True)
    for panel, (measure, title) in zip(axes[0], MEASURES.items(), strict=True):
        for row, ((_, network, _), found) in enumerate(groups):
            colour = style.COLOURS[COLOURS[network]]
            dots = {"markersize": 3.5, "alpha": 0.3, "linestyle": "", "marker": "o"}
            panel.plot(found[measure], np.full(len(found), row), color=colour, **dots)
            seeds = [each[measure].to_numpy() for _, each in found.groupby("seed")]
            comparisons.across(panel, row, over_seeds_or_filters(seeds), colour)
        panel.set_title(title, fontsize=11.5, loc="left", fontweight="normal")
        panel.set_xlim(left=0)
        comparisons.finish_rows(panel, names)
    figure.supxlabel("smoother to the left", fontsize=12)
    return figure


def row_name(size: int, network: str, rho: float) -> str:
    return f"{size}×{size} {NAMES[network]}" + (f", ρ = {rho:g}" if rho else "")


@style.styled
def transfer(weights: Mapping[str, Tensor]) -> Figure:
    """How strongly whole first layers pass each frequency, against their own mean.

    weights: (O, C, k, k) by title. Root mean square over filters.
    """
    figure, axes = style.canvas(1, len(weights), 2.25)
    maps = {}
    for title, weight in weights.items():
        found = smoothing.transfer_function(weight).square().mean(0).sqrt()
        maps[title] = found / found.mean()
    limit = max(float(found.max()) for found in maps.values())
    for panel, (title, found) in zip(axes[0], maps.items(), strict=True):
        shown = style.picture(panel, found, title.replace(", ", ",\n"), vmin=0, vmax=limit)
        shown.set_cmap("viridis")
    bar = figure.colorbar(shown, ax=axes[0].tolist(), fraction=0.03, pad=0.02)
    bar.set_label("gain / mean gain", fontsize=10.5)
    return figure


@style.styled
def maps(found: Mapping[str, Tensor]) -> Figure:
    """Fourier heat maps (Yin et al. 2019) by title: accuracy under each single frequency."""
    figure, axes = style.canvas(1, len(found), 2.7)
    highest = max(float(each.max()) for each in found.values())
    for panel, (title, each) in zip(axes[0], found.items(), strict=True):
        options = {"vmin": 0, "vmax": highest, "cmap": "viridis"}
        shown = style.picture(panel, each, title.replace(", ", ",\n"), **options)
    bar = figure.colorbar(shown, ax=axes[0].tolist(), fraction=0.03, pad=0.02)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    bar.set_label("accuracy", fontsize=10.5)
    return figure


@style.styled
def profile(history: pd.DataFrame, clean: Mapping[str, float], chance: float) -> Figure:
    """Accuracy against the distance of the added frequency, a curve for each network.

    history: rows of the heat maps' runs, labels map-…; clean: by label, with nothing added.
    """
    figure, ((axes,),) = style.canvas(1, 1, 3.4)
    ends = []
    for name, title in NAMES.items():
        rows = history[(history.label == f"map-{name}") & (history.part == "wave")]
        colour = style.COLOURS[COLOURS[name]]
        curve = rows.groupby("radius").accuracy.mean()
        for _, seed in rows.groupby("seed"):
            axes.plot(seed.radius, seed.accuracy, color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(curve.index, curve, color=colour, linewidth=2.2)
        axes.plot(-1.2, clean[f"map-{name}"], marker="D", color=colour, markersize=6, clip_on=False)
        ends.append((float(curve.iloc[-1]), title, colour))
    style.percent(axes, highest=1.1 * float(history.accuracy.max()))
    axes.set(xlabel="distance of the added frequency from the centre", ylabel="accuracy")
    axes.set_xlim(-1.2, float(history.radius.max()))
    style.chance_line(axes, chance, where=0.3)
    mark = Line2D([], [], marker="D", linestyle="", color=style.GREY, label="nothing added")
    figure.legend(handles=[mark], loc="outside upper left")
    style.label_ends(axes, ends, gap=0.09)
    return figure


# What the notebook puts into words --------------------------------------------------------------


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of both measures for each network, kernel size and smoothing, for a table."""
    groups = table.groupby(["kernel_size", "network", "smoothed"], sort=False)
    found = groups[list(MEASURES)].mean().reset_index()
    names = [row_name(*key) for key in found[["kernel_size", "network", "smoothed"]].to_numpy()]
    return pd.DataFrame({"first layer": names} | {t: found[m] for m, t in MEASURES.items()})


def in_short(verdict) -> str:
    """The page's finding, in one sentence."""
    words = {
        "reproduced": "are smoother than the natural network's",
        "not reproduced": "are not smoother than the natural network's",
        "inconclusive": "cannot be told from the natural network's in smoothness",
    }
    decides = min(verdict.parts, key=lambda part: part.estimate.high)
    return (
        f"The adversarially trained network's first kernels {words[verdict.verdict]}. What "
        f"decides: {decides.name}, natural minus adversarial, {decides.estimate}."
    )


def weakest(found: Tensor) -> tuple[float, float]:
    """Lowest accuracy of a heat map and the distance of its frequency from the centre."""
    height, width = found.shape
    row, column = divmod(int(found.argmin()), width)
    return float(found.min()), float(np.hypot(row - height // 2, column - width // 2))


def maps_in_words(found: Mapping[str, Sequence[float] | Tensor]) -> str:
    """Where each network is weakest, in a sentence."""
    parts = []
    for title, each in found.items():
        lowest, distance = weakest(each)
        parts.append(f"{title}: {100 * lowest:.0f} % at distance {distance:.0f}")
    return f"Lowest accuracy under one single frequency: {'; '.join(parts)}."
