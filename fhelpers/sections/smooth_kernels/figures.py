"""Figures of the section on first-layer kernels (W, §6.1 and 6.2, Figure 7) and of heat maps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import intervals, smoothing
from fhelpers.claims.verdicts import deciding
from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import maps as draw_maps
from fhelpers.sections.smooth_kernels.claims import MEASURES, over_filters

ALT = {
    "kernels": "Four rows of small squares, one square for each filter of the first layer, its "
    "weights shown as colours: M_natural, the same smoothed, M_adversarial, the same smoothed.",
    "smoothness": "Two panels, one for each measure of smoothness. A row for each network and "
    "kernel size, before and after smoothing: small dots are filters, a point with its interval "
    "their mean.",
    "transfer": "Four maps of frequencies with zero frequency in the centre: how strongly the "
    "first layer of each network passes each frequency, bright where it passes more than on "
    "average.",
    "maps": "Three maps of frequencies with zero frequency in the centre: the accuracy that is "
    "left when one single frequency is added to every image, bright where much is left.",
    "profile": "Accuracy against the distance of the added frequency from the spectrum's centre, "
    "a curve with its interval for each of three networks, dashed for the smoothed one, and a "
    "diamond at the left for its accuracy with nothing added, hollow for the smoothed one.",
}
NAMES = {each: f"M_{each}" for each in ("natural", "adversarial")}
NAMES |= {"smoothed": "M_natural, smoothed"}
COLOURS = style.COLOURS | {"smoothed": style.COLOURS["natural"]}
ROW = ["kernel_size", "network", "smoothed"]


def before_and_after(weights: Mapping[str, Tensor], rho: float) -> dict[str, Tensor]:
    """First weights by title: each network as it is, then smoothed with ρ."""
    found = {}
    for name, weight in weights.items():
        found |= {name: weight, f"{name}, ρ = {rho:g}": smoothing.smooth_kernel(weight, rho)}
    return found


@style.styled
def kernels(weights: Mapping[str, Tensor]) -> Figure:
    """First-layer kernels as images (W, Fig. 7): a row for each title, a square for each filter.

    weights: (O, C, k, k) by title. A filter is stretched from its smallest to its largest weight.
    """
    count = min(16, *(len(weight) for weight in weights.values()))
    figure, axes = style.canvas(len(weights), count, 0.7 * len(weights))
    room = {"w_pad": 0.01, "h_pad": 0.12, "rect": (0, 0, 1, 1 - 0.1 / len(weights))}
    figure.get_layout_engine().set(wspace=0, hspace=0, **room)
    above = {"xycoords": "axes fraction", "va": "bottom", "in_layout": False}
    for row, (title, weight) in zip(axes, weights.items(), strict=True):
        for panel, kernel in zip(row, weight[:count], strict=True):
            low, high = kernel.min(), kernel.max()
            style.picture(panel, (kernel - low) / (high - low).clamp(min=1e-12))
        # In the layout, the first column would grow as wide as the title.
        style.write(row[0], title, (0, 1), (0, 2.5), **above)
    return figure


@style.styled
def smoothness(table: pd.DataFrame) -> Figure:
    """Both measures of smoothness, a row for each network, kernel size and smoothing."""
    groups = {row_name(*key): rows for key, rows in table.groupby(ROW, sort=False)}
    colours = {name: COLOURS[rows.network.iloc[0]] for name, rows in groups.items()}
    figure, axes = style.canvas(1, 2, 1.1 + 0.36 * len(groups), sharey=True)
    figure.get_layout_engine().set(wspace=0.1)
    for panel, (measure, title) in zip(axes[0], MEASURES.items(), strict=True):
        means = []
        for place, (name, rows) in enumerate(groups.items()):
            look = {"color": colours[name], "markersize": 3.5, "alpha": 0.3, "linestyle": ""}
            panel.plot(
                rows[measure], np.full(len(rows), place), "o", label=f"_{name}, filters", **look
            )
            seeds = [each[measure].to_numpy() for _, each in rows.groupby("seed")]
            means.append({"row": name, **vars(over_filters(seeds))})
        charts.dots(panel, pd.DataFrame(means), at="row", colours=colours, names="mean")
        panel.set_title(title.replace(" ", "\n", 1))
        panel.set_xlim(left=0)
        panel.xaxis.set_major_formatter("{x:g}")
    figure.supxlabel("smoother to the left")
    return figure


def row_name(size: int, network: str, rho: float) -> str:
    return f"{size}×{size} {NAMES[network]}" + (f", ρ = {rho:g}" if rho else "")


@style.styled
def transfer(found: Mapping[str, Tensor]) -> Figure:
    """How strongly whole first layers pass each frequency, from `gains`."""
    return spectra(found, "gain / mean gain")


@style.styled
def maps(found: Mapping[str, Tensor]) -> Figure:
    """Fourier heat maps (Yin et al. 2019) by title: accuracy under each single frequency."""
    figure = spectra(found, "accuracy")
    style.in_percent(figure.axes[-1].yaxis)
    return figure


def spectra(found: Mapping[str, Tensor], label: str) -> Figure:
    """Maps over frequencies beside each other, from 0 to their common maximum."""
    figure, axes = style.canvas(1, len(found), 2.5)
    highest = max(float(each.max()) for each in found.values())
    shown = {title.replace(", ", ",\n"): each for title, each in found.items()}
    draw_maps(axes[0], shown, label, cmap="viridis", vmax=highest)
    return figure


@style.styled
def profile(history: pd.DataFrame, clean: Mapping[str, float], chance: float) -> Figure:
    """Accuracy against the distance of the added frequency, a curve for each network."""
    words = {"xlabel": "distance of the added frequency from the centre", "ylabel": "accuracy"}
    figure, axes = style.chart(3.4, **words)
    frame = pd.DataFrame(
        {"network": label.removeprefix("map-"), "radius": radius}
        | vars(intervals.accuracy(rows.accuracy, int(rows.images.min())))
        for (label, radius), rows in history[history.part == "wave"].groupby(["label", "radius"])
    )
    look = {"colours": COLOURS, "names": NAMES, "styles": {"smoothed": "--"}}
    ends = charts.curves(axes, frame, x="radius", by="network", **look)
    for name, title in NAMES.items():
        look = {"color": COLOURS[name], "markersize": 6, "clip_on": False}
        look |= charts.HOLLOW if name == "smoothed" else {}
        axes.plot(-1.2, clean[f"map-{name}"], "D", label=f"_{title}, nothing added", **look)
    style.percent(axes, highest=1.1 * float(history.accuracy.max()))
    axes.set_xlim(-1.2, float(history.radius.max()))
    style.chance_line(axes, chance, where=0.3)
    style.label_ends(axes, ends, gap=0.09)
    return charts.key(figure, [("nothing added", style.GREY, "D", "")])


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of both measures for each network, kernel size and smoothing, for a table."""
    found = table.groupby(ROW, sort=False)[list(MEASURES)].mean()
    names = [row_name(*key) for key in found.index]
    return found.set_axis(names).rename_axis("first layer").rename(columns=MEASURES).reset_index()


def in_short(verdict) -> str:
    """The page's finding, in two sentences."""
    words = {
        "reproduced": "are smoother than those of M_natural",
        "not reproduced": "are not smoother than those of M_natural",
        "undecided": "may or may not be smoother than those of M_natural",
    }
    decides = deciding(verdict.parts)
    return (
        f"The first kernels of M_adversarial {words[verdict.verdict]}. What "
        f"decides: {decides.name}, M_natural minus M_adversarial, {decides.estimate}."
    )


def gains(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """How strongly whole first layers pass each frequency, against their own mean, by title."""
    found = {t: smoothing.transfer_function(w).square().mean(0).sqrt() for t, w in weights.items()}
    return {title: gain / gain.mean() for title, gain in found.items()}


def corners_in_words(found: Mapping[str, Tensor]) -> str:
    """How strongly each layer passes the finest pattern, that of the corners, in a sentence."""
    parts = "; ".join(f"{title} {float(gain[0, 0]):.2f}" for title, gain in found.items())
    return f"Gain at the finest pattern, in the corners, against the mean: {parts}."


def falls_in_words(history: pd.DataFrame, clean: Mapping[str, float]) -> str:
    """At which distance each network's mean over all waves is lowest, in a sentence."""
    waves = history[history.part == "wave"].groupby(["label", "radius"]).accuracy.mean()
    parts = []
    for name, title in NAMES.items():
        label = f"map-{name}"
        fall = 100 * (clean[label] - waves[label])
        parts.append(f"{title} {fall.max():.0f} points at distance {fall.idxmax():.0f}")
    return f"Furthest below the diamond: {'; '.join(parts)}."


def maps_in_words(found: Mapping[str, Tensor]) -> str:
    """Where each network is weakest, and how far from the centre that is, in a sentence."""
    parts = []
    for title, each in found.items():
        row, column = divmod(int(each.argmin()), each.shape[1])
        distance = np.hypot(row - each.shape[0] // 2, column - each.shape[1] // 2)
        parts.append(f"{title}: {100 * float(each.min()):.0f} % at distance {distance:.0f}")
    return f"Lowest accuracy under a single frequency, in part by chance: {'; '.join(parts)}."
