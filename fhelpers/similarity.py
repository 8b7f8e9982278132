"""How alike two images look: structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004)."""

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, DEVIATION = 11, 1.5  # pixels of the Gaussian window, as published
STABILISERS = (0.01**2, 0.03**2)  # C₁ and C₂ for pixels in [0, 1], as published


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean structural similarity (SSIM) of each pair of images, (N,); 1 for equal ones.

    first, second: (N, C, H, W); pixels are clipped to [0, 1], as a screen would do, and channels
    averaged. Only windows that lie within the image count. Raises ValueError for other shapes and
    for images smaller than the window.
    """
    if first.shape != second.shape or first.ndim != 4 or min(first.shape[-2:]) < WINDOW:
        raise ValueError(
            f"two equal shapes (N, C, H, W) of at least {WINDOW} pixels are needed, not "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    x, y = (images.float().clamp(0, 1).flatten(0, 1)[:, None] for images in (first, second))
    mean_x, mean_y = blurred(x), blurred(y)
    covariance = blurred(x * y) - mean_x * mean_y
    variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
    one, two = STABILISERS
    luminance = (2 * mean_x * mean_y + one) / (mean_x**2 + mean_y**2 + one)
    local = luminance * (2 * covariance + two) / (variances + two)
    return local.mean((1, 2, 3)).view(first.shape[:2]).mean(1)


def blurred(images: Tensor) -> Tensor:
    """Images (N, 1, H, W) averaged under the window: (N, 1, H − 10, W − 10)."""
    place = torch.arange(WINDOW, dtype=images.dtype) - WINDOW // 2
    weights = torch.exp(-(place**2) / (2 * DEVIATION**2))
    weights = (weights / weights.sum()).view(1, 1, -1, 1)
    return F.conv2d(F.conv2d(images, weights), weights.transpose(2, 3))
