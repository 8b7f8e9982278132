"""What a measurement leaves in the run store when nothing is trained: rows and tensors.

An attack on a trained network or a search over its test images can cost more than its training,
so it is a run too: carried out once, kept with a record, and named by all that decides it.
"""

import time
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from fhelpers import data, recipes
from fhelpers.recipes import Recipe


@dataclass
class Measured:
    """The result of a measurement, in the form in which the store takes a training's result.

    rows: tidy history, a dict a row; tensors: named results that are no table, such as a map.
    """

    rows: list[dict] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    epoch: int = 1
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Time since this was made: make it first, then fill it."""
        return time.perf_counter() - self.started

    @property
    def model(self) -> "Measured":
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.tensors


@dataclass(frozen=True, kw_only=True)
class OfNetwork:
    """The part that all measurements on one trained network's test images have in common."""

    network: Recipe
    images: int  # the first so many of the test set
    word: ClassVar[str]  # what is measured, for the run's name

    def __post_init__(self):
        recipes.check_whole("images", self.images, 1)
        if self.images > self.network.test_images:
            allowed = f"at most {self.network.test_images:,}, the network's test images"
            recipes.refuse("images", self.images, allowed)

    @property
    def slug(self) -> str:
        return f"{self.word}-{self.network.slug}"

    @property
    def run_id(self) -> str:
        return recipes.run_id(self, recipes.check_against_data(self.network).digest)

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

    @property
    def steps(self) -> int:
        """Units of progress: one, since a measurement is short."""
        return 1

    def test_set(self) -> tuple[Tensor, Tensor]:
        """The test images that are measured, as pixels in [0, 1], and their labels."""
        options = dict(self.network.data_options)
        test = data.load(self.network.dataset, train=False, limit=self.images, **options)
        return as_pixels(test.images), test.labels

    def held_out(self) -> tuple[Tensor, Tensor]:
        """The test images that follow those measured: for choices, which must not see the latter.

        Training images would not do, because a network may know them by heart.
        """
        options = dict(self.network.data_options)
        limit = min(2 * self.images, self.network.test_images)
        test = data.load(self.network.dataset, train=False, limit=limit, **options)
        return as_pixels(test.images[self.images :]), test.labels[self.images :]


def as_pixels(images: Tensor) -> Tensor:
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)
