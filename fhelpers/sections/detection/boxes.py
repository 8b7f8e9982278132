"""Pictures with boxes on them, made so that they read on light and on dark pages."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from matplotlib.transforms import Bbox
from torch.nn import functional as F

from fhelpers.drawing import style
from fhelpers.drawing.contrast import OVER_PICTURES

SIZE = 7.5  # of the letters, in points
WIDEST = 160  # pixels of a drawn picture: more would make pages heavy


def draw_picture(axes: Axes, image: torch.Tensor) -> float:
    """Draw an image, made smaller where it is large; returns what its boxes shrink by."""
    scale = min(1.0, WIDEST / max(image.shape[-2:]))
    if scale < 1:
        size = [max(1, round(side * scale)) for side in image.shape[-2:]]
        image = F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    style.picture(axes, image)
    return scale


def frame(axes: Axes, box: np.ndarray, text="", taken=None, *, dashed=False, thick=0.9) -> None:
    """A box (x, y, width, height) on a picture, on a dark ring so that it shows on any ground.

    text: stands above the box, or lower where others do; taken: the list of their places (Bbox),
    which it joins.
    """
    x, y, width, height = box - [0.5, 0.5, 0, 0]
    wide, high = (max(3, round(4 * side)) for side in (width, height))
    ring = np.pad(np.zeros((high, wide)), 3, constant_values=0.7)
    shade(axes, (x - 0.75, y - 0.75, width + 1.5, height + 1.5), ring)
    line = {"linewidth": thick, "linestyle": "--" if dashed else "-"}
    axes.add_patch(Rectangle((x, y), width, height, fill=False, ec=OVER_PICTURES, **line))
    if not text:
        return
    right = axes.get_xlim()[1]
    point = right / 125  # a picture is about 125 points wide
    long = (TextPath((0, 0), text, size=SIZE).get_extents().width + 3) * point
    high, left = 9 * point, max(0, min(x, right - long))  # or it would leave the picture
    place = Bbox.from_bounds(left, max(y - 9 * point, 0), long, high)
    while place.count_overlaps(taken):
        place = place.translated(0, 0.35 * high)
    taken.append(place)
    shade(axes, place.bounds, np.full((1, 1), 0.7))
    at = place.x0 + point, place.y1 - 1.5 * point
    axes.text(*at, text, color=OVER_PICTURES, fontsize=SIZE, clip_on=True)


def shade(axes: Axes, place: tuple[float, float, float, float], alpha: np.ndarray) -> None:
    """Darken a place (x, y, width, height) of a picture by `alpha`, (rows, columns) from 0 to 1.

    As pixels, because drawn shapes change their colour on the dark page and pictures do not.
    """
    limits, (x, y, width, height) = axes.axis(), place
    black = np.concatenate([np.zeros((*alpha.shape, 3)), alpha[..., None]], axis=2)
    axes.imshow(black, extent=(x, x + width, y + height, y), zorder=1.5)
    axes.axis(limits)
