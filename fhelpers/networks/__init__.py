"""The networks of both papers by name (`build`), and how any network is asked (`answer`)."""

from fhelpers.networks.asking import (
    answer,
    device_of,
    evaluating,
    moments_held,
    uses_batch_moments,
)  # fmt: skip
from fhelpers.networks.classifiers import NETWORKS, build, first_convolution
from fhelpers.networks.inputs import as_images, as_labels

__all__ = [
    "NETWORKS",
    "answer",
    "as_images",
    "as_labels",
    "build",
    "device_of",
    "evaluating",
    "first_convolution",
    "moments_held",
    "uses_batch_moments",
]
