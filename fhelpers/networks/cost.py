"""What a network costs: its weights, and the multiplications and additions of one answer."""

from dataclasses import dataclass

import torch
from torch import nn

from fhelpers.networks.asking import evaluating


@dataclass(frozen=True)
class Cost:
    """Size and work of a network, whatever it was trained on."""

    parameters: int  # numbers that training sets
    multiply_adds: int  # of one image's way forward, in convolutions and linear layers


def cost(model: nn.Module, image_shape: tuple[int, int, int]) -> Cost:
    """Count a network's parameters and the multiply-adds it spends on one image (C, H, W).

    A multiplication and the addition that follows it count as one, as in papers on networks.
    Biases, normalisation, activations and poolings are left out, as they are there. The model's
    mode and gradients stay as they were. PyTorch's own counter gives the same, but takes seconds to
    import, which every plan of the book would pay.
    """
    counted = 0

    def count(layer: nn.Module, inputs: tuple, outputs: torch.Tensor) -> None:
        nonlocal counted
        counted += outputs.numel() * layer.weight[0].numel()  # each output has weights of its own

    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    device = next((parameter.device for parameter in model.parameters()), None)
    try:
        with evaluating(model), torch.no_grad():
            model(torch.zeros(1, *image_shape, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return Cost(sum(parameter.numel() for parameter in model.parameters()), counted)
