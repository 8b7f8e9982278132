"""How exactly the two parts of an image add up (W §3.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from fhelpers import data, frequency, intervals
from fhelpers.claims.histories import by_chance
from fhelpers.claims.verdicts import estimate
from fhelpers.runs.checks import check_radius, check_whole
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.runs.measurements import as_pixels
from fhelpers.runs.recipes import check_reach
from fhelpers.sections.decomposition import claims


@dataclass(frozen=True, kw_only=True)
class SplitErrors(Runnable, kind="split-errors"):
    """The error of the split of each test image, and the imaginary part that is discarded."""

    dataset: str
    data_options: tuple[tuple[str, object], ...] = ()
    images: int  # test images, from the first on
    radius: float = 12.0  # W, Figure 2

    def __post_init__(self):
        check_whole("images", self.images, 1)
        check_radius("radius", self.radius)
        object.__setattr__(self, "radius", float(self.radius))

    @property
    def slug(self) -> str:
        return f"split-{self.dataset}-r{self.radius:g}-t{self.images}"

    @property
    def data_digest(self) -> str:
        info = data.describe(self.dataset, **dict(self.data_options))
        check_reach("radius", self.radius, info)
        return info.digest

    def carry_out(self, job: Job) -> Result:
        """Tensors sum_error and imaginary: the largest absolute value of each image, (N,)."""
        options = {"limit": self.images, **dict(self.data_options)}
        images = as_pixels(data.load(self.dataset, train=False, **options).images)
        low, high = frequency.split(images, self.radius)
        kept = frequency.spectrum(images) * frequency.disc(*images.shape[-2:], self.radius)
        back = torch.fft.ifft2(torch.fft.ifftshift(kept, dim=(-2, -1)))
        found = {
            "sum_error": (low + high - images).abs().amax((1, 2, 3)),
            "imaginary": back.imag.abs().amax((1, 2, 3)),
        }
        about = {"split": "test", "scope": "all", "images": len(images), "radius": self.radius}
        rows = [about | {"part": name, "value": each.max().item()} for name, each in found.items()]
        return Result(rows, found)


WHOLE = ("original", None)  # the key of whole images among those of parts, (part, radius)


def outcomes(right: Mapping, labels: torch.Tensor, radius: float) -> list[dict]:
    """Which test images each seed classifies correctly: original, high, low, answer; all (images,).

    right: {(part, radius): bool (images,) of each seed}, whole images under WHOLE; labels:
    (images,).
    """
    keys = {"original": WHOLE, "high": ("high", radius), "low": ("low", radius)}
    return [
        {name: right[key][place] for name, key in keys.items()} | {"answer": labels.numpy()}
        for place in range(len(right[WHOLE]))
    ]


def found(right: Mapping, labels: torch.Tensor, radii: Sequence[float]) -> pd.DataFrame:
    """Shares of images of Fig. 2's kind: what `counts` draws, a row per radius.

    independent: the share by chance; beyond: the lower end of the difference's interval.
    """
    rows = []
    for radius in radii:
        seeds = outcomes(right, labels, radius)
        shares = [float((s["original"] & s["high"] & ~s["low"]).mean()) for s in seeds]
        share = intervals.accuracy(shares, len(labels))
        expected = np.mean([by_chance(**seed) for seed in seeds])
        beyond = claims.beyond_chance([tuple(seed.values()) for seed in seeds]).low
        rows.append({"radius": radius, **vars(share), "independent": expected, "beyond": beyond})
    return pd.DataFrame(rows)


def change(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> intervals.Estimate:
    """Accuracy after minus before on the same images; bool (images,) for each seed."""
    gained = [new.mean() - old.mean() for old, new in zip(before, after, strict=True)]
    return estimate(gained, lambda: intervals.paired_difference(after[0], before[0]))


def changed(frame: pd.DataFrame, what: str) -> str:
    """By how much `what` changes accuracies at most, and how often for certain, in a sentence.

    frame: rows of `change`, with the columns part and radius.
    """
    most, clear = frame.loc[frame.value.abs().idxmax()], (frame.low > 0) | (frame.high < 0)
    points = f"{100 * abs(most.value):.1f} percentage points"
    if not clear.any():
        return f"{what} changes no accuracy by more than {points}, and no interval excludes zero."
    return (
        f"{what} changes accuracies by {points} at most, on {most.part} parts at "
        f"r = {most.radius:g}; {clear.sum()} of {len(frame)} intervals exclude zero."
    )


def most_confident(predictions: Mapping[str, torch.Tensor], labels: torch.Tensor, count: int):
    """Places of the images of Fig. 2's kind on which a network is most confident.

    That is, the least of its three confidences is highest. predictions: logits (images, classes)
    for "original", "low" and "high". Returns the places (cases,) and a frame with the class (its
    number) and the confidence for each of the three.
    """
    tops = {name: logits.softmax(1).max(1) for name, logits in predictions.items()}
    right = {name: top.indices == labels for name, top in tops.items()}
    places = (right["original"] & right["high"] & ~right["low"]).nonzero().flatten()
    sure = torch.stack([top.values for top in tops.values()]).amin(0)[places]
    places = places[sure.argsort(descending=True, stable=True)[:count]]
    frame = {name: top.indices[places].tolist() for name, top in tops.items()}
    frame |= {f"{name}_sure": top.values[places].tolist() for name, top in tops.items()}
    return places, pd.DataFrame(frame)
