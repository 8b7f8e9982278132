"""Perturbations within an L∞ ball that raise a classifier's loss: FGSM and PGD.

Images and ε are in pixel units, [0, 1]. Gradients are taken for the input only, so a model's own
gradients stay untouched, and the model answers in eval mode while it is attacked.
"""

import math
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def check_epsilon(epsilon: float) -> None:
    """Raise ValueError unless ε is a number of pixel units in [0, 1]."""
    if not (isinstance(epsilon, int | float) and math.isfinite(epsilon) and 0 <= epsilon <= 1):
        raise ValueError(f"epsilon is in pixel units and lies between 0 and 1, not {epsilon!r}")


@contextmanager
def evaluating(model: nn.Module):
    """Put the model into eval mode and back into the mode it was in."""
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)


def input_gradient(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the summed cross-entropy for the images alone, shaped like them."""
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        loss = F.cross_entropy(model(images).float(), labels, reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def step(images: Tensor, current: Tensor, gradient: Tensor, size: float, epsilon: float) -> Tensor:
    """Move along the gradient's sign, then back into the ε-ball around the images and [0, 1]."""
    moved = current + size * gradient.sign()
    return torch.clamp(torch.clamp(moved, images - epsilon, images + epsilon), 0, 1)


def random_point(images: Tensor, epsilon: float, generator: torch.Generator | None) -> Tensor:
    """A uniform point of the ε-ball around each image, inside [0, 1]."""
    noise = torch.rand(images.shape, generator=generator).to(images.device) * 2 - 1
    return torch.clamp(images + epsilon * noise, 0, 1)


def ascend(model, images, labels, epsilon, *, steps, step_size, start) -> Tensor:
    """Take `steps` signed gradient steps from `start`, for every image alike.

    This is what adversarial training needs: the strongest image found, fooled or not.
    """
    current = start
    for _ in range(steps):
        gradient = input_gradient(model, current, labels)
        current = step(images, current, gradient, step_size, epsilon)
    return current.detach()


def fgsm(model: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """One step of size ε along the gradient's sign (Goodfellow et al. 2015).

    images: (N, C, H, W) in [0, 1]; labels: int64 (N,); ε in pixel units.
    Returns images of the same shape within ε and [0, 1]. Raises ValueError for another ε.
    """
    check_epsilon(epsilon)
    with evaluating(model):
        gradient = input_gradient(model, images, labels)
    return step(images, images, gradient, epsilon, epsilon)


def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    steps: int = 10,
    step_size: float | None = None,
    random_start: bool = True,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent (Madry et al. 2018), ending early for images already fooled.

    images: (N, C, H, W) in [0, 1]; labels: int64 (N,); ε and step_size in pixel units
    (step_size: 2.5 ε / steps unless given). Each restart begins at another random point and
    works only on the images that still resist.
    Returns images of the same shape within ε and [0, 1]. Raises ValueError for another ε.
    """
    check_epsilon(epsilon)
    size = 2.5 * epsilon / steps if step_size is None else step_size
    result = images.clone()
    with evaluating(model):
        left = torch.arange(len(images), device=images.device)
        for _ in range(restarts):
            current = images[left]
            if random_start:
                current = random_point(current, epsilon, generator)
            for _ in range(steps):
                if not len(left):
                    return result
                gradient = input_gradient(model, current, labels[left])
                current = step(images[left], current, gradient, size, epsilon)
                result[left] = current
                with torch.no_grad():
                    resists = model(current).argmax(1) == labels[left]
                left, current = left[resists], current[resists]
    return result
