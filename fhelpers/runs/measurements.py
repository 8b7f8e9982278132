"""Measurements of a trained network as runs.

An attack on a network or a search over its test images can cost more than its training, so it is
a run too: carried out once, kept with a record, and named by all that decides it.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fhelpers.runs.checks import check_whole, refuse
from fhelpers.runs.kinds import Runnable
from fhelpers.runs.recipes import Recipe, check_against_data, check_reach


@dataclass(frozen=True, kw_only=True)
class OfNetwork(Runnable):
    """What all measurements on one trained network's test images have in common."""

    network: Recipe
    images: int  # test images, from the first on
    word: ClassVar[str]  # what is measured, for the run's name
    precision = "float32"  # what is searched for must hold where it is judged

    def __post_init__(self):
        check_whole("images", self.images, 1)
        if self.images > self.network.test_images:
            allowed = f"at most {self.network.test_images:,}, the network's test images"
            refuse("images", self.images, allowed)

    @property
    def slug(self) -> str:
        return f"{self.word}-{self.network.slug}"

    @property
    def data_digest(self) -> str:
        info = check_against_data(self.network)
        if (radius := getattr(self, "radius", None)) is not None:
            check_reach("radius", radius, info)
        return info.digest

    @property
    def needs(self) -> tuple:
        return (self.network,)

    @property
    def seed(self) -> int:
        return self.network.seed

    @property
    def dataset(self) -> str:
        return self.network.dataset

    @property
    def model(self) -> str:
        return self.network.model

    @property
    def device(self) -> str:
        return self.network.device

    def test_set(self) -> tuple[Tensor, Tensor]:
        """The test images that are measured, as pixels in [0, 1], and their labels."""
        test = self.network.load(train=False)
        return as_pixels(test.images[: self.images]), test.labels[: self.images]

    def held_out(self) -> tuple[Tensor, Tensor]:
        """The test images that follow those measured: for choices, which must not see the latter.

        Training images would not do, because a network may have memorised them.
        """
        test, last = self.network.load(train=False), 2 * self.images
        return as_pixels(test.images[self.images : last]), test.labels[self.images : last]


def as_pixels(images: Tensor) -> Tensor:
    """uint8 images (N, C, H, W) as float32 in [0, 1]."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)
