"""The networks of both papers by name (`build`), their first kernels and their cost."""

from fhelpers.networks.classifiers import NETWORKS, build, first_convolution
from fhelpers.networks.modes import evaluating, uses_batch_moments

__all__ = ["NETWORKS", "build", "evaluating", "first_convolution", "uses_batch_moments"]
