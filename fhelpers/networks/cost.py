"""What a network costs: its weights, and the multiplications and additions of one answer."""

from dataclasses import dataclass

import torch
from torch import nn

from fhelpers.networks.asking import evaluating


@dataclass(frozen=True)
class Cost:
    """Size and work of a network, whatever it was trained on."""

    parameters: int  # numbers that training sets
    multiply_adds: int  # of one image's way forward, in convolutions and matrix products


def cost(model: nn.Module, image_shape: tuple[int, int, int]) -> Cost:
    """Count a network's parameters and the multiply-adds it spends on one image (C, H, W).

    torch counts a multiplication and the addition that follows it as two operations; papers on
    networks count them as one multiply-add, and so does this. Biases, normalisation, activations
    and poolings are left out, as they are there. The model's mode and gradients stay as they were.
    """
    from torch.utils.flop_counter import FlopCounterMode  # imported late: Triton comes with it

    device = next((parameter.device for parameter in model.parameters()), None)
    image = torch.zeros(1, *image_shape, device=device)
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Cost(parameters, counter.get_total_flops() // 2)
