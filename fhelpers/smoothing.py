"""Smoothing the first layer's kernels, and how smooth kernels are (W, §6).

A convolution is a filter: what its kernels do to frequencies is their transfer function. W adds to
each weight a share of its neighbours, so that the kernel lets less of the high part through.
"""

import copy
import math
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import frequency, networks

GRID = 32  # transfer functions are sampled at as many frequencies a side as CIFAR-10 has pixels
NYQUIST = GRID // 2


def smooth_kernel(weight: Tensor, rho: float, *, keep_gain: bool = False) -> Tensor:
    """Add ρ times the sum of its eight neighbours to each weight (W, §6.3, eq. 3).

    weight: (O, I, k, k); neighbours outside the kernel repeat its edge. As published, the sum is
    not normalised, so that a constant kernel grows by 1 + 8ρ; `keep_gain` divides by that, which
    leaves a constant kernel as it is. Returns a new tensor of the same shape. Raises ValueError
    unless ρ is a number of at least 0 and the weight has four axes.

    >>> smoothing.smooth_kernel(torch.ones(1, 1, 3, 3), 0.5)[0, 0, 0].tolist()  # 1 + 8 · 0.5
    [5.0, 5.0, 5.0]
    """
    if not isinstance(rho, Real) or isinstance(rho, bool) or not 0 <= rho < math.inf:
        raise ValueError(f"rho must be a number of at least 0, not {rho!r}")
    if weight.ndim != 4:
        raise ValueError(f"weights must have the shape (O, I, k, k), not {tuple(weight.shape)}")
    padded = F.pad(weight, (1, 1, 1, 1), mode="replicate")
    neighbours = 9 * F.avg_pool2d(padded, 3, stride=1) - weight
    smoothed = weight + rho * neighbours
    return smoothed / (1 + 8 * rho) if keep_gain else smoothed


def smooth_first_layer(model: nn.Module, rho: float, *, keep_gain: bool = False) -> nn.Module:
    """A copy of the model whose first convolution has smoothed kernels; see `smooth_kernel`.

    Works for any model with a two-dimensional convolution, whose kernels may have any size; the
    bias and all other layers stay as they are, and the model itself is not touched. The first is
    that of `networks.first_convolution`. Raises ValueError for a model without a convolution, for
    one whose weight is computed from others, and as `smooth_kernel` does.

    >>> smoother = smoothing.smooth_first_layer(model, 0.5)
    >>> smoother(images).shape
    torch.Size([20, 10])
    """
    return with_first_weight(model, lambda weight: smooth_kernel(weight, rho, keep_gain=keep_gain))


def scale_first_layer(model: nn.Module, gain: float) -> nn.Module:
    """A copy of the model whose first kernels are multiplied by `gain`: eq. 3 without smoothing.

    >>> louder = smoothing.scale_first_layer(model, 2.0)
    """
    return with_first_weight(model, lambda weight: gain * weight)


def with_first_weight(model: nn.Module, change) -> nn.Module:
    networks.first_convolution(model)  # refuse before copying
    changed = copy.deepcopy(model)
    convolution = networks.first_convolution(changed)
    if convolution._parameters.get("weight") is None:
        raise ValueError(
            "the first convolution computes its weight from others, as under weight or spectral "
            "normalisation: call torch.nn.utils.parametrize.remove_parametrizations first, or for "
            "the older hooks remove_weight_norm or remove_spectral_norm"
        )
    with torch.no_grad():
        convolution.weight.copy_(change(convolution.weight))
    return changed


def adjacent_difference(weight: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring weights over their mean absolute value, per filter.

    weight: (O, I, k, k) -> (O,). 0 for constant kernels; scaling a kernel changes nothing. NaN for
    kernels of size 1, which have no neighbours, and for those that are zero throughout.

    >>> smoothing.adjacent_difference(torch.ones(1, 1, 3, 3)).item()
    0.0
    """
    across = (weight[..., 1:] - weight[..., :-1]).abs().flatten(1)
    down = (weight[..., 1:, :] - weight[..., :-1, :]).abs().flatten(1)
    return torch.cat([across, down], 1).mean(1) / weight.abs().flatten(1).mean(1)


def transfer_function(weight: Tensor) -> Tensor:
    """How strongly each filter passes each frequency: (O, 32, 32), zero frequency in the centre.

    weight: (O, I, k, k), k up to 32. Root of the summed squared magnitudes over the input channels.
    Raises ValueError for larger kernels.

    >>> smoothing.transfer_function(networks.first_convolution(model).weight).shape
    torch.Size([4, 32, 32])
    """
    height, width = weight.shape[-2:]
    if max(height, width) > GRID:
        raise ValueError(f"kernels may have up to {GRID} × {GRID} weights, not {height} × {width}")
    padded = F.pad(weight.float(), (0, GRID - width, 0, GRID - height))
    return frequency.spectrum(padded).abs().square().sum(1).sqrt()


def high_share(weight: Tensor) -> Tensor:
    """Share of a filter's transfer energy beyond half the Nyquist frequency, (O, I, k, k) -> (O,).

    A kernel of one single weight passes all frequencies alike and has the share of the grid that
    lies out there, 0.81; a constant kernel has less the larger it is. Raises as
    `transfer_function` does.

    >>> dot = torch.tensor([[[[1.0]]]])
    >>> round(smoothing.high_share(dot).item(), 2)
    0.81
    """
    outside = ~frequency.disc(GRID, GRID, NYQUIST / 2)
    energy = transfer_function(weight).square()
    return (energy * outside).sum((1, 2)) / energy.sum((1, 2))
