"""Named image data sets as whole tensors: `load`, `describe`, `fetch`, `available`."""

from fhelpers.data.dataset import DatasetInfo, ImageData
from fhelpers.data.named import (
    DATASETS,
    NAMES,
    TITLES,
    available,
    describe,
    fetch,
    folder,
    imagenet_subset,
    load,
)

__all__ = [
    "DATASETS",
    "NAMES",
    "TITLES",
    "DatasetInfo",
    "ImageData",
    "available",
    "describe",
    "fetch",
    "folder",
    "imagenet_subset",
    "load",
]
