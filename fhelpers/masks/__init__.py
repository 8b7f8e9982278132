"""Masks of frequencies learned for a trained network (K): `learn_mask`, `learn_image_masks`."""

from fhelpers.masks.learning import Learned, Learning, learn_image_masks, learn_mask
from fhelpers.masks.module import FourierMask, complement, through

__all__ = [
    "FourierMask",
    "Learned",
    "Learning",
    "complement",
    "learn_image_masks",
    "learn_mask",
    "through",
]
