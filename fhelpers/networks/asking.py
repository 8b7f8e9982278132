"""How a model is asked: on its own device, in its own precision and layout, in evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

FOREIGN = (Exception, SystemExit)  # what code of other people may raise


def answer(model: nn.Module, images: Tensor) -> Tensor:
    """Logits (N, classes) on the images' device, of images (N, C, H, W).

    The model sees a copy on its own device, in its own precision and in the memory format of its
    convolutions: it is never shown a layout that it was not written for, and cannot change the
    caller's images. Raises ValueError for whatever it raises, and for answers of another shape.

    >>> networks.answer(model, images).shape
    torch.Size([20, 10])
    """
    own = first_values(model, images)
    layout = torch.channels_last if has_channels_last(model) else torch.contiguous_format
    shown = images.to(own.device, own.dtype, memory_format=layout, copy=True)
    try:
        with torch.set_grad_enabled(torch.is_grad_enabled()):  # which the model may switch
            logits = model(shown)
    except FOREIGN as error:
        shape = tuple(images.shape)
        raise ValueError(f"the model fails on images of shape {shape}: {said(error)}") from error
    if not are_logits(logits, len(images)):
        found = f"a {type(logits).__name__}"
        if isinstance(logits, Tensor):
            found = f"{tuple(logits.shape)} of {str(logits.dtype).removeprefix('torch.')}"
        raise ValueError(
            f"the model must answer (N, classes), numbers for each image; for {len(images)} "
            f"image{'s' * (len(images) != 1)} it answers {found}: wrap it in a module that returns "
            "its logits alone"
        )
    return logits.to(images.device)


def are_logits(found: object, count: int) -> bool:
    """Whether an answer is a dense tensor of real numbers, a row for each of `count` images."""
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != count:
        return False
    return not found.is_complex() and found.dtype != torch.bool and found.layout == torch.strided


def said(error: BaseException) -> str:
    """The last line of an error that foreign code raised, behind the error's name."""
    lines = str(error).strip().splitlines()
    return ": ".join([type(error).__name__, *(line.strip()[:300] for line in lines[-1:])])


def first_values(model: nn.Module, images: Tensor) -> Tensor:
    """The model's first tensor of floating-point numbers, or the images where it has none.

    Raises ValueError for what is no module, and for one whose weights hold no numbers.
    """
    check_module(model)
    own = chain(model.parameters(), model.buffers())
    found = next((each for each in own if each.is_floating_point()), images)
    if found.is_meta:
        what = "the model's weights are on the device meta, where they hold no numbers"
        raise ValueError(f"{what}: call model.to_empty(device='cpu') and load them")
    return found


def check_module(model: object) -> None:
    """Raise ValueError for anything but a module."""
    if not isinstance(model, nn.Module):
        what = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise ValueError(f"the model must be a torch.nn.Module, not {what}")


def device_of(model: nn.Module, images: Tensor) -> str:
    """The type of the device on which the model answers.

    >>> networks.device_of(model, images)
    'cpu'
    """
    return first_values(model, images).device.type


def has_channels_last(model: nn.Module) -> bool:
    """Whether the kernels of its convolutions are stored with the channels last."""
    kernels = (each for each in model.parameters() if each.ndim == 4 and not each.is_contiguous())
    return any(each.is_contiguous(memory_format=torch.channels_last) for each in kernels)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in eval mode; afterwards each of its modules is in the mode it was in before.

    >>> with networks.evaluating(model):
    ...     logits = model(images)
    """
    check_module(model)
    modes = [(module, getattr(module, "training", False)) for module in model.modules()]
    try:
        model.eval()
    except FOREIGN:  # a program of torch.export has its mode built in, others a train of their own
        for module, _ in modes:
            module.training = False
    try:
        yield model
    finally:
        for module, training in modes:
            if getattr(module, "training", training) != training:
                module.training = training


def takes_batch_moments(module: nn.Module) -> bool:
    """Whether it is a BatchNorm layer that takes its moments from each batch, in eval mode too."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def uses_batch_moments(model: nn.Module) -> bool:
    """Whether an image's answer depends on the others of its batch, in eval mode too.

    >>> networks.uses_batch_moments(model)
    False
    """
    return any(map(takes_batch_moments, model.modules()))


@contextmanager
def moments_held(model: nn.Module, images: Tensor) -> Iterator[nn.Module]:
    """The model in eval mode, BatchNorm dividing by the moments of these images, whatever is asked.

    Only layers that would take the moments of each batch are changed, and only inside the context:
    there an image's answer depends on no other. images: (N, C, H, W), answered in one batch.

    >>> with networks.moments_held(model, images):
    ...     networks.uses_batch_moments(model)
    False
    """

    def hold(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        seen = inputs[0].transpose(0, 1).flatten(1).float()
        layer.running_var, layer.running_mean = torch.var_mean(seen, 1, correction=0)

    layers = list(filter(takes_batch_moments, model.modules()))
    hooks = [layer.register_forward_pre_hook(hold) for layer in layers]
    try:
        with evaluating(model):
            try:
                with torch.no_grad():
                    answer(model, images)
            finally:
                for hook in hooks:
                    hook.remove()
            yield model
    finally:
        for layer in layers:
            layer.running_mean = layer.running_var = None
