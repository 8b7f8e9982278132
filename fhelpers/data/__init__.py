"""The registry of named image data sets, and what can be asked of each.

    train = load("cifar10", train=True, limit=2000)
    train.pixels()          # float32 (2000, 3, 32, 32) in [0, 1]

The first call finds or fetches the files, decodes them once and keeps the tensors at
``root/<name>/``; later calls read those in a fraction of a second. What is kept is written under a
temporary name, renamed, and compared with its digest when read.
"""

import os
from pathlib import Path

from fhelpers import places
from fhelpers.data import arrays, imagenet, planted
from fhelpers.data.dataset import Dataset, DatasetInfo, ImageData
from fhelpers.data.files import quoted

__all__ = [
    "DATASETS", "NAMES", "TITLES", "DatasetInfo", "ImageData", "available", "describe", "fetch",
    "folder", "imagenet_subset", "load",
]  # fmt: skip

# Every data set of the book: an entry here is all that a new one needs.
DATASETS: dict[str, Dataset] = {
    entry.name: entry
    for entry in (
        arrays.CIFAR10,
        arrays.MNIST,
        arrays.FASHION_MNIST,
        imagenet.IMAGENETTE,
        imagenet.TINY_IMAGENET,
        imagenet.TINY_IMAGENET_10,
        planted.PLANTED,
    )
}
NAMES = tuple(DATASETS)
TITLES = {name: entry.title for name, entry in DATASETS.items()}


def load(name: str, *, train: bool, limit: int | None = None, root=None, **options) -> ImageData:
    """Load the first ``limit`` images (None: all) of a split of the data set ``name``.

    The order is fixed: the published one, or a fixed shuffle for folders of files, so that any
    prefix mixes the classes. ``root`` is where files are looked for and kept (default:
    FHELPERS_DATA, else data/ of the checkout).

    Options: imagenette ``classes`` (10 or 5), ``size`` (pixels, 128), ``grey`` (False);
    tiny-imagenet ``classes`` (all); tiny-imagenet-10 ``classes`` (10), ``grey`` (False); planted:
    the fields of :class:`fhelpers.data.planted.Planted`.

    Raises ValueError for an unknown name or option, a ``train`` that is no bool, too large a limit
    or a damaged file, FileNotFoundError when the data can neither be found nor fetched, OSError on
    a full disk.

    >>> data.load("planted", train=True, limit=100).images.shape
    torch.Size([100, 3, 32, 32])
    """
    if not isinstance(train, bool):
        raise ValueError(
            f"train is True for training images and False for test images, not {train!r}"
        )
    split = "train" if train else "test"
    return known(name, options).load(split, limit, folder(root), **options)


def describe(name: str, *, root=None, **options) -> DatasetInfo:
    """Shape, sizes and digest of a data set, without reading images where they are pinned.

    For a folder of files the digest is computed from their contents once, and remembered until a
    file changes. Raises like :func:`load`.

    >>> data.describe("cifar10").train
    50000
    """
    return known(name, options).describe(folder(root), **options)


def available(name: str, root=None, **options) -> bool:
    """Whether the data set can be loaded from files already there; never uses the network.

    >>> data.available("planted")
    True
    """
    return known(name, options).available(folder(root), **options)


def fetch(name: str, root=None, **options) -> DatasetInfo:
    """Make a data set ready for use: find or fetch its files and decode them. Says what it is.

    >>> data.fetch("planted").classes
    10
    """
    known(name, options).fetch(folder(root), **options)
    return describe(name, root=root, **options)


def imagenet_subset() -> str | None:
    """The first ImageNet subset of the registry that can be loaded without a network.

    >>> data.imagenet_subset() in (None, "imagenette", "tiny-imagenet", "tiny-imagenet-10")
    True
    """
    subsets = (name for name, entry in DATASETS.items() if entry.subset_of == "ImageNet")
    return next(filter(available, subsets), None)


def folder(root=None) -> Path:
    """Where data are looked for and kept, as an absolute path.

    >>> data.folder("elsewhere").is_absolute()
    True
    """
    return places.absolute(root or os.environ.get("FHELPERS_DATA") or places.home() / "data")


def known(name: str, options: dict) -> Dataset:
    """The registry's entry. Raises ValueError for an unknown name, option or value."""
    if name not in DATASETS:
        raise ValueError(f"unknown data set {quoted(name)}: choose one of {', '.join(DATASETS)}")
    DATASETS[name].check(options)
    return DATASETS[name]
