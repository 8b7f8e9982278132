"""What the masks of networks keep, and what nonlinearities make of a sine (K)."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from fhelpers.claims.masks import rows_of
from fhelpers.drawing import style
from fhelpers.drawing.masks import SIDE, centres
from fhelpers.intervals import accuracy, over_seeds
from fhelpers.sections.fourier_masks import readings

MERGED = {"radial": 4, "angular": 4}  # neighbouring bands drawn as one: each has few bins


def mean_masks(groups: Mapping[str, Sequence]) -> dict[str, Tensor]:
    """{network: mask (H, W), mean over seeds and channels}. groups: runs by mask/<network>."""
    found = {}
    for label in (label for label in groups if label.startswith("mask/")):
        each = [run.model().masks().detach()[0].mean(0) for run in groups[label]]
        found[label.removeprefix("mask/")] = torch.stack(each).mean(0)
    return found


def reliability(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with and without the mask, and its weight: a row for each network.

    Columns network, original, masked, complement, share (estimates), weight, reached (share of
    seeds whose mask reached the threshold where it was learned).
    """
    rows = []
    for name in readings.masked(history):
        row, label = {"network": name}, f"mask/{name}"
        for part in ("original", "masked", "complement"):
            own = rows_of(history, label, split="test", scope="all", part=part)
            row[part] = accuracy(own.accuracy, int(own.images.min()))
        row |= {"share": readings.kept(history, label), "weight": readings.weight(history, name)}
        reached = rows_of(history, label, split="mask", part="weight").reached
        rows.append(row | {"reached": float(reached.astype(float).mean())})
    return pd.DataFrame(rows)


def of_folds(history: pd.DataFrame, name: str) -> bool:
    """Whether the energies of a network are those of its masks of disjoint sets of images."""
    seeds = history[history.label == f"mask/{name}"].seed.nunique()
    return seeds == 1 and f"folds/{name}" in set(history.label)


def band_shares(history: pd.DataFrame, name: str, part: str) -> np.ndarray:
    """Energy in each band over that of a mask of ones, (masks, bands), NaN where no bin is.

    The masks of all seeds; with one seed those of folds/<network> where there are such.
    """
    label = f"{'folds' if of_folds(history, name) else 'mask'}/{name}"
    rows = rows_of(history, label, split="mask", part=part)
    bands = rows.assign(band=rows.band // MERGED[part]).groupby(["seed", "mask", "band"])
    sums = bands[["value", "whole"]].sum()
    return (sums.value / sums.whole.where(sums.whole > 0)).unstack().to_numpy()


def banded(history: pd.DataFrame, names: Iterable[str], minus: str = "") -> pd.DataFrame:
    """The mean of `band_shares` over masks, or of its difference to `minus`, with its interval.

    Columns network, part, place, value, low, high; for the networks of `names` that have a mask.
    Intervals are over seeds; with one seed over masks of disjoint sets of images.
    """
    rows = []
    for name in (name for name in names if name in readings.masked(history)):
        for part in SIDE:
            shares = band_shares(history, name, part)
            shares = shares - (band_shares(history, minus, part) if minus else 0)
            for place, each in zip(centres(part, shares.shape[1]), shares.T, strict=True):
                if np.isfinite(each).all():
                    row = {"network": name, "part": part, "place": place}
                    rows.append(row | vars(over_seeds(each)))
    return pd.DataFrame(rows)


NONLINEARITIES = {
    "softplus": F.softplus, "tanh": torch.tanh, "ReLU": F.relu, "hard tanh": F.hardtanh
}  # fmt: skip


def harmonics(amplitude: float = 2.0, count: int = 9) -> pd.DataFrame:
    """Amplitudes at 0 to `count` times the frequency of a sine behind each nonlinearity."""
    samples = 1024
    phase = 2 * torch.pi * torch.arange(samples, dtype=torch.float64) / samples
    sine = amplitude * torch.sin(phase)
    waves = {"sine": sine} | {name: function(sine) for name, function in NONLINEARITIES.items()}
    spectra = {name: torch.fft.rfft(wave).abs() * 2 / samples for name, wave in waves.items()}
    for each in spectra.values():
        each[0] /= 2  # the mean has no negative frequency beside it
    return pd.DataFrame({name: each[: count + 1].numpy() for name, each in spectra.items()})


def on_which_images(history: pd.DataFrame) -> pd.DataFrame:
    """The mask of N learned on training and on test images, judged on both."""
    rows = []
    for label, learned in (("mask/natural", "training images"), ("ontest/natural", "test images")):
        row = {"learned on": learned}
        for split, words in (("train", "training"), ("test", "test")):
            own = rows_of(history, label, split=split, scope="all")
            ends = own.groupby("part").accuracy.mean()
            both = style.rounded(ends["original"]), style.rounded(ends["masked"])
            row[f"{words}: whole, masked"] = ", ".join(both)
            row[f"share kept, {words}"] = ends["masked"] / ends["original"]
        weight = rows_of(history, label, split="mask", part="weight").value.mean()
        images = rows_of(history, label, split="learning").images.iloc[0]
        rows.append(row | {"weight": weight, "images": int(images)})
    return pd.DataFrame(rows)
