"""What a network costs: its weights, and the multiplications and additions of one answer."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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
    mode and gradients stay as they were.
    """
    device = next((each.device for each in model.parameters()), None)
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *image_shape, device=device))
    parameters = sum(each.numel() for each in model.parameters())
    return Cost(parameters, counter.get_total_flops() // 2)  # torch counts both operations
