"""Measurements of a trained network as runs.

An attack on a network or a search over its test images can cost more than its training, so it is
a run too: carried out once, kept with a record, and named by all that decides it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

import torch
from torch import Tensor, nn

from fhelpers.runs.checks import check_radius, check_whole, refuse
from fhelpers.runs.kinds import Job, Runnable
from fhelpers.runs.recipes import Recipe, check_against_data, check_reach


@dataclass(frozen=True, kw_only=True)
class OfNetwork(Runnable):
    """What all measurements on one trained network's test images have in common."""

    network: Recipe
    images: int  # test images, from the first on
    word: ClassVar[str] = ""  # what is measured, for the run's name; the kind unless given
    precision = "float32"  # a perturbation found in one precision may fail in another

    def __post_init__(self):
        check_whole("images", self.images, 1)
        if self.images > self.network.test_images:
            allowed = f"at most {self.network.test_images:,}, the network's test images"
            refuse("images", self.images, allowed)
        if (radius := getattr(self, "radius", None)) is not None:
            check_radius("radius", radius)
            object.__setattr__(self, "radius", float(radius))

    @property
    def slug(self) -> str:
        return f"{self.word or self.kind}-{self.network.slug}"

    @property
    def data_digest(self) -> str:
        info = check_against_data(self.network)
        if (radius := getattr(self, "radius", None)) is not None:
            check_reach("radius", radius, info)
        return info.digest

    needs = property(lambda self: (self.network,))
    seed = property(attrgetter("network.seed"))
    dataset = property(attrgetter("network.dataset"))
    model = property(attrgetter("network.model"))
    device = property(attrgetter("network.device"))

    def test_set(self) -> tuple[Tensor, Tensor]:
        """The test images that are measured, as pixels in [0, 1], and their labels."""
        test = self.network.load(train=False)
        return as_pixels(test.images[: self.images]), test.labels[: self.images]

    def on_device(self, job: Job) -> tuple[nn.Module, Tensor, Tensor]:
        """The trained network, those images and their labels, all where the job computes."""
        images, labels = (each.to(job.compute.device) for each in self.test_set())
        return job.needed[0].model().to(job.compute.device), images, labels

    def held_out(self) -> tuple[Tensor, Tensor]:
        """The test images that follow those measured: for choices, which must not see the latter.

        Training images would not do, because a network may have memorised them.
        """
        test, last = self.network.load(train=False), 2 * self.images
        return as_pixels(test.images[self.images : last]), test.labels[self.images : last]


def of_each(kind: type[OfNetwork], group: Iterable[Recipe], **fields) -> tuple:
    """A measurement of each network of a group; on all its test images unless `images` is given."""
    return tuple(
        kind(**{"network": network, "images": network.test_images} | fields) for network in group
    )


def as_pixels(images: Tensor) -> Tensor:
    """uint8 images (N, C, H, W) as float32 in [0, 1]."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)
