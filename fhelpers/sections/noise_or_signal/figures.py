"""Figures of the section on singular values in place of frequencies (W §8)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from fhelpers import intervals
from fhelpers.drawing import charts, style
from fhelpers.drawing.names import NAMES
from fhelpers.sections.noise_or_signal import claims
from fhelpers.sections.noise_or_signal.measure import SPLITS

ALT = {
    "counts": "A row for each split: a point with its interval is the share of images that are "
    "classified correctly whole and from the rest but not from the first part; a vertical tick is "
    "the share to be expected if the three predictions were independent.",
    "networks": "A row for each network with three points: the share of such images by the "
    "Fourier split, by singular values of equal energy and of equally many coefficients.",
    "examples": "A row of pictures for each image: the image, its low and its high part, and the "
    "leading and trailing part by singular values, each with the network's prediction above it.",
}
LOOKS = {
    "colours": dict(zip(SPLITS, (style.COLOURS["high"], style.INK, style.GREY), strict=True)),
    "markers": dict(zip(SPLITS, "osD", strict=True)),
}


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """`share` of every network by every split: columns network, part, value, low, high, n, over."""
    groups = {key: group for key, group in rows.groupby(["network", "part"])}
    return intervals.estimates(
        lambda *key: claims.share(groups[key]) if key in groups else None,
        network=list(NAMES), part=SPLITS,
    )  # fmt: skip


@style.styled
def counts(rows: pd.DataFrame) -> Figure:
    """Share of the cases for one network by each split, beside what independence would give."""
    tick = ("if predictions were independent", style.GREY, "|", "", {"markersize": 14})
    words = {"at": "part", "order": SPLITS, "xlabel": "share of test images"}
    figure, axes = charts.rows(shares(rows), marks=[tick], **words, **LOOKS)
    alone = [claims.expected(rows[rows.part == split]) for split in SPLITS]
    look = {"color": style.GREY, "markersize": 20, "label": f"_{tick[0]}"}
    axes.plot(alone, range(len(SPLITS)), "|", **look)
    axes.set_xlim(0, 1.05 * max(*alone, axes.get_xlim()[1] / 1.05))
    return figure


@style.styled
def by_network(rows: pd.DataFrame) -> Figure:
    """Share of the cases for every network and split."""
    frame = shares(rows)
    names = {label: NAMES[label] for label in frame.network.unique()}
    words = {"at": "network", "order": names, "xlabel": "share of test images"}
    return charts.rows(frame, by="part", **words, **LOOKS)[0]


@style.styled
def examples(pictures: list[Mapping[str, tuple[Tensor, str]]]) -> Figure:
    """Images with their parts by two splits: a row for each, title -> (picture, prediction)."""
    images = [[image for image, _ in row.values()] for row in pictures]
    said = [[text for _, text in row.values()] for row in pictures]
    said[0] = [f"{title}\n{text}" for title, text in zip(pictures[0], said[0], strict=True)]
    return style.pictures(images, 1.42 * len(images) + 0.3, titles=[*zip(*said, strict=True)])[0]


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """The figure of one network in numbers, for a table."""
    splits = {split: rows[rows.part == split] for split in SPLITS}
    return pd.DataFrame(
        {
            "split": split,
            "cases": style.with_interval(claims.share(found)),
            "if independent": claims.expected(found),
            "energy in first part": found.energy.mean(),
            "first part correct": float(found.right_low.mean()),
            "rest correct": float(found.right_high.mean()),
        }
        for split, found in splits.items()
    )


def order_in_words(rows: pd.DataFrame) -> str:
    """In how many networks the Fourier split gives the most cases, in a sentence."""
    wide = shares(rows).pivot_table("value", "network", "part")[list(SPLITS)]
    most = (wide[SPLITS[0]] > wide[list(SPLITS[1:])].max(axis=1)).sum()
    return f"The Fourier split gives the most such images in {most} of {len(wide)} networks."
