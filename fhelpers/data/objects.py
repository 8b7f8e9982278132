"""The objects of a detection data set."""

from dataclasses import dataclass

import numpy as np

COCO_LIMITS = (32.0**2, 96.0**2)  # areas in pixels: small below the first, large above the second


@dataclass(frozen=True)
class Truth:
    """The objects of a data set, a row each, images numbered from 0.

    image (n,), boxes (n, 4) as x, y, width, height in pixels, label (n,), area (n,) in pixels,
    crowd (n,) bool; images: how many there are, those without objects included.
    """

    image: np.ndarray
    boxes: np.ndarray
    label: np.ndarray
    area: np.ndarray
    crowd: np.ndarray
    images: int

    def __len__(self) -> int:
        return len(self.label)

    def of_image(self, number: int) -> "Truth":
        """The objects of one image."""
        own = self.image == number
        fields = (self.image, self.boxes, self.label, self.area, self.crowd)
        return Truth(*(field[own] for field in fields), self.images)
