"""Named image data sets as whole tensors: `load`, `describe`, `fetch`, `available`."""

from fhelpers.data.named import (
    NAMES,
    DatasetInfo,
    ImageData,
    available,
    describe,
    fetch,
    imagenet_subset,
    load,
)

__all__ = [
    "NAMES",
    "DatasetInfo",
    "ImageData",
    "available",
    "describe",
    "fetch",
    "imagenet_subset",
    "load",
]
