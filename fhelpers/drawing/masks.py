"""What figures of masks have in common."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from torch import Tensor

from fhelpers.drawing import charts, style
from fhelpers.frequency import filter_spectrum

CHANGE = "PRGn"  # of maps around zero: diverging, safe for all eyes
SIDE = {"radial": "distance, % of the largest", "angular": "direction, degrees"}


def maps(panels: Sequence[Axes], shown: Mapping[str, Tensor], label="weight", **options) -> None:
    """Maps over frequencies by title, all on one scale of colours, from 0 to 1 unless told.

    Panels that are left over stay empty.
    """
    used, left = list(panels[: len(shown)]), panels[len(shown) :]
    for panel in left:
        panel.set_axis_off()
    for panel, (title, each) in zip(used, shown.items(), strict=True):
        drawn = style.picture(panel, each, title, **options)
    if used:
        used[0].figure.colorbar(drawn, ax=used, label=label, shrink=0.8, aspect=14)


def with_mean(part: Tensor, whole: Tensor) -> Tensor:
    """A part of images (…, H, W), moved to the image's mean in each channel."""
    return part + (whole - part).mean((-2, -1), keepdim=True)


def through(image: Tensor, mask: Tensor) -> Tensor:
    """An image (C, H, W) seen through a mask (H, W), with the image's mean."""
    return with_mean(filter_spectrum(image, mask), image)


def centres(part: str, bands: int) -> np.ndarray:
    """Middle of each band: per cent of the largest distance, or degrees."""
    return (np.arange(bands) + 0.5) * (100 if part == "radial" else 180) / bands


def by_band(panels: Sequence[Axes], frame: pd.DataFrame, **options) -> None:
    """Curves over the rings on the first panel and over the directions on the second."""
    for panel, (part, words) in zip(panels, SIDE.items(), strict=True):
        charts.curves(panel, frame[frame.part == part], x="place", **options)
        panel.set(xlabel=words, xlim=(0, 100))
        if part == "angular":
            panel.set(xlim=(0, 180), xticks=[0, 45, 90, 135, 180])


def told_apart(frame: pd.DataFrame, at: str, columns: Iterable[str]) -> pd.DataFrame:
    """A row for each estimate in `columns` of a frame: at, seen (the column), value, low, high."""
    return pd.DataFrame(
        {at: row[at], "seen": column, **vars(row[column])}
        for row in frame.to_dict("records")
        for column in columns
    )


def looks(entries: Mapping[str, tuple]) -> dict[str, dict]:
    """How series look in `charts.dots`, from their entries in a key: label, colour, marker."""
    columns = (
        dict(zip(entries, each, strict=True)) for each in zip(*entries.values(), strict=True)
    )
    return dict(zip(("names", "colours", "markers"), columns, strict=False))
