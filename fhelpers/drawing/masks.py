"""What figures of masks have in common."""

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from fhelpers.drawing import style

WHOLE, CHANGE = "cividis", "PRGn"  # perceptually uniform, and diverging, both safe for all eyes
SIDE = {"radial": "distance, % of the largest", "angular": "direction, degrees"}


def centres(part: str, bands: int) -> np.ndarray:
    """Middle of each band: per cent of the largest distance, or degrees."""
    return (np.arange(bands) + 0.5) * (100 if part == "radial" else 180) / bands


def scale_axis(axes: Axes, part: str) -> None:
    if part == "angular":
        axes.set_xticks([0, 45, 90, 135, 180])
        axes.set(xlim=(0, 180))
    else:
        axes.set(xlim=(0, 100))


def for_eyes(image: Tensor) -> np.ndarray:
    """An image (C, H, W) with negative pixels as a screen can show it: (H, W, 3) in [0, 1]."""
    pixels = image.detach().clamp(0, 1).permute(1, 2, 0).numpy()
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def picture(axes: Axes, image: Tensor, title: str = "") -> None:
    """An image (C, H, W) that may leave [0, 1], clipped to what a screen shows."""
    axes.imshow(for_eyes(image), interpolation="none")
    style.bare(axes)
    axes.set_title(title, fontsize=11.5, fontweight="normal", loc="center", pad=4)
