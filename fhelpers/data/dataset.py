"""What every named data set is: a title, its options, a description and its images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch

from fhelpers.data.files import quoted

SPLITS = ("train", "test")
Options = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class ImageData:
    """Images uint8 (N, C, H, W), labels int64 (N,) and the names of the classes."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self) -> torch.Tensor:
        """The images as float32 in [0, 1], the form that filters, attacks and models take."""
        return self.images.float().div_(255)


@dataclass(frozen=True)
class DatasetInfo:
    """What can be said about a data set without reading its images."""

    name: str
    channels: int
    height: int
    width: int
    classes: int
    train: int  # images
    test: int
    digest: str  # changes whenever an image, a label or an option does


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """A named data set. Each kind of them says how it is described, loaded and found.

    `root` is an absolute path, and options have been checked, wherever a method takes them.
    """

    name: str
    title: str  # in figures and messages
    options: tuple[str, ...] = ()  # the names of those it takes
    # Options for a purpose. "small": images that a processor can pay; "easy": learned from a few
    # hundred images; "plain": images without a class; "K": as the paper K has the data set
    proposals: Mapping[str, Options] = field(default_factory=dict)
    subset_of: str = ""  # the larger data set that it can stand for
    generated: ClassVar[bool] = False  # by code, with no file behind it
    by_hand: ClassVar[bool] = False  # no source has its files: a person has to put them there

    def check(self, options: Mapping[str, object]) -> None:
        """Refuse unknown options and impossible values with ValueError."""
        for option in options:
            if option not in self.options:
                names = ", ".join(self.options)
                choice = f"its options are {names}" if names else "it has no options"
                what = f"unknown option {quoted(option)} of the data set {self.name}"
                raise ValueError(f"{what}: {choice}")
        self.check_values(**options)

    def check_values(self, **options) -> None:
        """Refuse impossible values of known options with ValueError."""

    def describe(self, root: Path, **options) -> DatasetInfo:
        """Shape, sizes and digest."""
        raise NotImplementedError

    def load(self, split: str, limit: int | None, root: Path, **options) -> ImageData:
        """The first `limit` images of "train" or "test", the same on every machine."""
        raise NotImplementedError

    def available(self, root: Path, **options) -> bool:
        """Whether `load` needs no network."""
        raise NotImplementedError

    def fetch(self, root: Path, **options) -> None:
        """Make both splits ready for use."""
        for split in SPLITS:
            self.load(split, None, root, **options)

    def proposed(self, *purposes: str) -> Options:
        """The options for the first of these purposes that the data set has some for, else ()."""
        return next((self.proposals[each] for each in purposes if each in self.proposals), ())

    def limited(self, split: str, limit: int | None, count: int) -> int:
        """How many images of a split are meant. Raises ValueError for more than there are."""
        if limit is None:
            return count
        check_whole(self.name, "limit", limit, 1)
        if limit > count:
            raise ValueError(
                f"limit {limit} is larger than the data set: {self.name} has {count} {split} images"
            )
        return limit


def check_whole(whose: str, what: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse anything but a whole number in a range."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        refuse(whose, what, value, f"a whole number from {least}" + (f" to {most}" if most else ""))


def check_switch(whose: str, what: str, value: object) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool):
        refuse(whose, what, value, "True or False")


def refuse(whose: str, what: str, value: object, allowed: str) -> None:
    """Raise the error for an impossible value of a data set or of scenes."""
    raise ValueError(f"{whose}: {what} must be {allowed}, not {quoted(value)}")
