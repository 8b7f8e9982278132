"""The mode a model is in, training or evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode; afterwards each of its modules is in the mode it was in before.

    >>> with networks.evaluating(model):
    ...     logits = model(images)
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes:
            module.training = training


def uses_batch_moments(model: nn.Module) -> bool:
    """Whether an image's answer depends on the others of its batch, in eval mode too.

    >>> networks.uses_batch_moments(model)
    False
    """
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None
        for module in model.modules()
    )
