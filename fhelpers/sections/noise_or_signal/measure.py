"""Fourier split against singular value decomposition: which one tells W's story (W §8).

Figure 2 of W shows images that a network gets right whole and from their high part, but wrong from
their low part. Are such images a matter of frequency, or of any split that takes most of an image's
energy away? The same count for leading and trailing singular values answers it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fhelpers import frequency
from fhelpers.networks.compute import CHUNK
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.training import correct

SPLITS = ("Fourier", "SVD, equal energy", "SVD, equal coefficients")


def ranks_of_equal_energy(images: Tensor, low: Tensor) -> Tensor:
    """For each channel of each image the rank whose leading part has the energy nearest `low`'s.

    images, low: (N, C, H, W); returns int64 (N, C), at least 1. Energy is the sum of squares; the
    squared singular values of a channel add up to it.
    """
    energies = torch.linalg.svdvals(images.double()).square().cumsum(-1)
    wanted = low.double().square().sum((-2, -1))
    return (energies - wanted[..., None]).abs().argmin(-1) + 1


def rank_of_equal_coefficients(height: int, width: int, radius: float) -> int:
    """The rank that takes as many numbers to write down as the low part at a radius does.

    The spectrum of a real image has as many independent real numbers in the disc as the disc has
    bins; a matrix of rank k has k (H + W - k).
    """
    bins = int(frequency.disc(height, width, radius).sum())
    ranks = torch.arange(1, min(height, width) + 1)
    return int((ranks * (height + width - ranks) - bins).abs().argmin()) + 1


def split_all(images: Tensor, radius: float) -> dict[str, tuple[Tensor, Tensor]]:
    """{split: (first part, rest)} of images (N, C, H, W) in [0, 1], for each of `SPLITS`."""
    low, high = frequency.split(images, radius)
    rank = rank_of_equal_coefficients(*images.shape[-2:], radius)
    ranks = (ranks_of_equal_energy(images, low), rank)
    svd = [frequency.svd_split(images, each) for each in ranks]
    return dict(zip(SPLITS, [(low, high), *svd], strict=True))


@dataclass(frozen=True, kw_only=True)
class Cases(OfNetwork, kind="cases", version=2):
    """Which test images a network gets right whole, from a split's first part, from the rest."""

    radius: float = 12.0  # W, Figure 2

    work = property(lambda self: 4 * self.images)

    def carry_out(self, job: Job) -> Result:
        """A row for each split and image, with what the network got right.

        Columns: part (the split), radius, image, right_original, right_low (from the first part),
        right_high (from the rest), energy (share of the image's energy in the first part).
        """
        measured, (model, images, labels) = Result(), self.on_device(job)
        for number, (chunk, answers) in enumerate(
            zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
        ):
            whole = correct(model, chunk, answers).tolist()
            for split, (first, rest) in split_all(chunk, self.radius).items():
                found = {
                    "right_original": whole,
                    "right_low": correct(model, first, answers).tolist(),
                    "right_high": correct(model, rest, answers).tolist(),
                    "energy": (energy(first) / energy(chunk)).tolist(),
                }
                about = {"split": "test", "scope": "all", "part": split, "radius": self.radius}
                for place, values in enumerate(zip(*found.values(), strict=True)):
                    image = {"image": number * CHUNK + place, "images": len(images)}
                    measured.rows.append(about | image | dict(zip(found, values, strict=True)))
        return measured


def energy(images: Tensor) -> Tensor:
    return images.square().sum((1, 2, 3))
