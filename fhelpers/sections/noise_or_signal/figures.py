"""Figures of the section on singular values in place of frequencies (W §8)."""

from collections.abc import Mapping, Sequence

import numpy as np
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
    "the share to be expected if being right on the rest were independent of the others.",
    "networks": "A row for each network with three points: the share of such images by the "
    "Fourier split, by singular values of equal energy and of equally many coefficients.",
    "examples": "A row of pictures for each image, named after its split: the image, its low and "
    "its high part, and the leading and trailing part by singular values, each with the network's "
    "prediction above it.",
}
LOOKS = {
    "colours": dict(zip(SPLITS, (style.INK, style.GREY, style.GREY), strict=True)),
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
    tick = ("if the rest were right independently", style.GREY, "|", "", {"markersize": 14})
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
def examples(pictures: list[Mapping[str, tuple[Tensor, str]]], names: Sequence[str]) -> Figure:
    """Images with their parts by two splits: a named row for each, title -> (picture, answer)."""
    images = [[image for image, _ in row.values()] for row in pictures]
    said = [[text for _, text in row.values()] for row in pictures]
    said[0] = [f"{title}\n{text}" for title, text in zip(pictures[0], said[0], strict=True)]
    titles, height = [*zip(*said, strict=True)], 1.42 * len(images) + 0.3
    return style.pictures(images, height, titles=titles, names=names)[0]


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """The figure of one network in numbers, for a table."""
    splits = {split: rows[rows.part == split] for split in SPLITS}
    return pd.DataFrame(
        {
            "split": split,
            "cases": style.with_interval(claims.share(found)),
            "if independent": claims.expected(found),
            "energy in first part": f"{found.energy.mean():.3f}",
            "first part correct": float(found.right_low.mean()),
            "rest correct": float(found.right_high.mean()),
        }
        for split, found in splits.items()
    )


def order_in_words(rows: pd.DataFrame, chance: float) -> str:
    """In how many networks the Fourier split gives the most cases, and which see its rest."""
    wide = shares(rows).pivot_table("value", "network", "part")[list(SPLITS)]
    most = list(wide.index[wide[SPLITS[0]] > wide[list(SPLITS[1:])].max(axis=1)])
    right = rows[rows.part == SPLITS[0]].groupby("network").right_high.mean().astype(float)
    able = right[right > chance + claims.NEAR].sort_values(ascending=False)
    named = style.listing(f"{NAMES[label]} ({100 * each:.0f} %)" for label, each in able.items())
    return (
        f"The Fourier split gives the most such images in {len(most)} of {len(wide)} networks"
        f"{': ' * bool(most)}{style.listing(NAMES[label] for label in most)}. Above guessing on "
        f"the high part by more than {100 * claims.NEAR:g} points: {named}."
    )


def in_one_class(rows: pd.DataFrame, classes: Sequence[str]) -> str:
    """How many cases of each split are of a single class, in a sentence.

    rows: of one network, with the class of each image.
    """
    said = []
    for split in SPLITS[:2]:
        own = rows[rows.part == split]
        answers = own.answer[claims.cases(own)]
        if len(answers):
            counts = np.bincount(answers)
            said.append(
                f"{classes[counts.argmax()]}, {counts.max():,} of {len(answers):,} ({split})"
            )
    which = "cases of all seeds" if rows.seed.nunique() > 1 else "cases"
    return f"The commonest class among the {which}: {'; '.join(said) or 'none'}."
