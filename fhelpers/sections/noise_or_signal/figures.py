"""Figures of the section on singular values in place of frequencies (W §8)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from fhelpers.drawing import comparisons, style
from fhelpers.drawing.names import NAMES
from fhelpers.intervals import Estimate, over_seeds, proportion
from fhelpers.sections.noise_or_signal.claims import cases
from fhelpers.sections.noise_or_signal.measure import SPLITS

ALT = {
    "counts": (
        "A row for each split: a point with its interval is the share of images that are right "
        "whole and from the rest but wrong from the first part; a vertical tick is the share to be "
        "expected if the three answers were independent."
    ),
    "networks": (
        "A row for each network with three points: the share of such images by the Fourier split, "
        "by singular values of equal energy and of equally many coefficients."
    ),
    "examples": (
        "Rows of pictures, one image a row: the image, its low and its high part, and the leading "
        "and trailing part by singular values, each with the network's answer above it."
    ),
}
MARKS = dict(zip(SPLITS, (("high", "o"), ("original", "s"), ("shuffled", "D")), strict=True))


def share(rows: pd.DataFrame) -> Estimate:
    """Share of the cases among the images of one network and split: over seeds, or over images."""
    seeds = [cases(seed) for _, seed in rows.groupby("seed")]
    if len(seeds) > 1:
        return over_seeds([seed.mean() for seed in seeds])
    return proportion(int(seeds[0].sum()), len(seeds[0]))


def expected(rows: pd.DataFrame) -> float:
    """The share of cases if the three answers were independent."""
    whole, rest, first = (rows[f"right_{part}"].mean() for part in ("original", "high", "low"))
    return float(whole * rest * (1 - first))


@style.styled
def counts(rows: pd.DataFrame) -> Figure:
    """Share of the cases for one network by each split, beside what independence would give."""
    figure, ((axes,),) = style.canvas(1, 1, 2.5)
    for place, split in enumerate(SPLITS):
        found = rows[rows.part == split]
        colour = style.COLOURS[MARKS[split][0]]
        comparisons.across(axes, place, share(found), colour, marker=MARKS[split][1])
        axes.plot(expected(found), place, marker="|", markersize=20, color=style.GREY)
    comparisons.finish_rows(axes, {split: split for split in SPLITS})
    axes.set(xlabel="share of test images", xlim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.1f} %")
    mark = Line2D([], [], marker="|", linestyle="", markersize=14, color=style.GREY)
    figure.legend([mark], ["if the answers were independent"], loc="outside upper left")
    return figure


@style.styled
def by_network(rows: pd.DataFrame) -> Figure:
    """Share of the cases for every network and split."""
    names = {label: name for label, name in NAMES.items() if label in set(rows.network)}
    figure, ((axes,),) = style.canvas(1, 1, 1.7 + 0.36 * len(names))
    for place, network in enumerate(names):
        for shift, split in zip((-0.2, 0, 0.2), SPLITS, strict=True):
            found = rows[(rows.network == network) & (rows.part == split)]
            colour, marker = MARKS[split]
            comparisons.across(
                axes, place + shift, share(found), style.COLOURS[colour], marker=marker
            )
    comparisons.finish_rows(axes, names)
    axes.set(xlabel="share of test images", xlim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    marks = [
        Line2D([], [], color=style.COLOURS[c], marker=m, linestyle="", label=split)
        for split, (c, m) in MARKS.items()
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=3, fontsize=10.5)
    return figure


@style.styled
def examples(pictures: list[Mapping[str, tuple[Tensor, str]]]) -> Figure:
    """Images with their parts by two splits: a row for each, title -> (picture, answer)."""
    titles = list(pictures[0])
    figure, axes = style.canvas(len(pictures), len(titles), 1.42 * len(pictures) + 0.3)
    for number, (row, shown) in enumerate(zip(axes, pictures, strict=True)):
        for panel, title in zip(row, titles, strict=True):
            image, answer = shown[title]
            head = f"{title}\n{answer}" if number == 0 else answer
            style.picture(panel, image)
            panel.set_title(head, fontsize=10.5, fontweight="normal")
    return figure


# What the notebook puts into words --------------------------------------------------------------


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """The figure of one network in numbers, for a table."""
    listed = []
    for split in SPLITS:
        found = rows[rows.part == split]
        row = {"split": split, "cases": style.with_interval(share(found))}
        row |= {"if independent": expected(found), "energy in first part": found.energy.mean()}
        for part, name in (("low", "first part right"), ("high", "rest right")):
            row[name] = float(found[f"right_{part}"].mean())
        listed.append(row)
    return pd.DataFrame(listed)


def in_short(verdict, rows: pd.DataFrame) -> str:
    """The page's finding, in one sentence."""
    words = {
        "reproduced": "fewer than the Fourier split's",
        "not reproduced": "more than the Fourier split's",
        "inconclusive": "not to be told from the Fourier split's",
    }
    fourier, energy, _ = (share(rows[rows.part == split]) for split in SPLITS)
    return (
        f"By singular values of equal energy {100 * energy.value:.1f} % of the images are right "
        f"whole and from the rest but wrong from the leading part: {words[verdict.verdict]} "
        f"{100 * fourier.value:.1f} %."
    )


def order_in_words(rows: pd.DataFrame) -> str:
    """In how many networks the Fourier split gives the most cases, in a sentence."""
    most, all_of_them = 0, rows.network.unique()
    for network in all_of_them:
        found = [share(rows[(rows.network == network) & (rows.part == s)]).value for s in SPLITS]
        most += int(np.argmax(found) == 0 and found[0] > max(found[1:]))
    return f"The Fourier split gives the most such images in {most} of {len(all_of_them)} networks."
