"""Images and labels as people have them, in the form that models take."""

import numpy as np
import torch
from torch import Tensor

from fhelpers import frequency

CHANNELS = (1, 3, 4)  # of grey, colour, and colour with transparency
SMALLEST = 5  # pixels of a side that cannot be mistaken for channels


def as_images(images: Tensor | np.ndarray, *, bounded: bool = True) -> Tensor:
    """Images as a floating-point tensor (N, C, H, W), in [0, 1] if `bounded`.

    Taken as they are meant where that is clear: arrays, whole numbers from 0 to 255, channels
    last, half precision, and values that rounding has moved out of [0, 1]. Raises ValueError, with
    dtype, shape and range, for all else.

    >>> whole = (255 * images).to(torch.uint8).permute(0, 2, 3, 1)
    >>> networks.as_images(whole).shape
    torch.Size([20, 3, 32, 32])
    """
    images = as_tensor(images, "images")
    if images.ndim != 4:
        hint = "add the missing axis, with images[None] for one image or images[:, None] for grey"
        raise ValueError(f"images must have 4 axes (N, C, H, W), not {described(images)}: {hint}")
    if 0 in images.shape[1:]:
        raise ValueError(f"images are {described(images)}: they have no pixels")
    _, rows, columns, last = images.shape
    if last in CHANNELS and min(rows, columns) >= SMALLEST:
        images = images.permute(0, 3, 1, 2)
    elif last in CHANNELS and rows in CHANNELS and rows == columns != last:
        hint = "turn the latter with images.permute(0, 3, 1, 2), or use larger images"
        raise ValueError(
            f"images are {described(images)}: (N, C, H, W) and (N, H, W, C) look alike; {hint}"
        )
    if not images.is_floating_point():
        images = from_whole_numbers(images)
    elif images.dtype not in (torch.float32, torch.float64):
        images = images.float()
    if bounded:
        frequency.check_images(images)
        if images.numel() and (images.min() < 0 or images.max() > 1):  # by rounding
            images = images.clamp(0, 1)
    return images


def from_whole_numbers(images: Tensor) -> Tensor:
    """Pixels in [0, 1] from whole numbers that can only mean 0 to 255, or from True and False."""
    if images.dtype == torch.bool or not images.numel():
        return images.float()
    if images.is_complex():
        raise ValueError(f"images must be real, not {described(images)}: take images.real")
    if images.dtype in (torch.uint16, torch.uint32, torch.uint64):
        images = images.long()  # torch counts few things in those
    low, high = (int(value) for value in images.aminmax())
    if low < 0 or high > 255 or images.dtype == torch.int8:  # which has no room for 255
        hint = "turn them into floats and scale them to [0, 1] first"
        raise ValueError(f"images are {described(images)}: {hint}")
    if high == 1:
        hint = "use images.float() if 1 is white, images / 255 if it is next to black"
        raise ValueError(f"images are {described(images)}, which may mean two things: {hint}")
    return images.float().div(255)


def as_labels(labels: Tensor | np.ndarray, classes: int | None = None) -> Tensor:
    """Labels as int64 (N,), from whole numbers of any type, a column of them, or one-hot rows.

    Raises ValueError for all else, and for labels that are not from 0 to `classes` - 1, if given.

    >>> networks.as_labels([[0, 0, 1], [1, 0, 0]])
    tensor([2, 0])
    """
    labels = as_tensor(labels, "labels")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all():
        labels = labels.int().argmax(1)
    if labels.ndim != 1 or labels.is_complex() or (labels != labels.double().round()).any():
        hint = "give the number of each image's class, such as labels.argmax(1)"
        raise ValueError(f"labels must be whole numbers (N,), not {described(labels)}: {hint}")
    labels = labels.long()
    if classes is not None and len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        low, high = labels.min().item(), labels.max().item()
        hint = "; they seem to count from 1: subtract 1" if low >= 1 and high == classes else ""
        raise ValueError(
            f"labels must lie from 0 to {classes - 1}, the classes of the model, not from {low} to "
            f"{high}{hint}"
        )
    return labels


def as_tensor(values, name: str) -> Tensor:
    """Values as a dense tensor, detached. Raises ValueError for what holds no numbers."""
    try:
        if np.ma.is_masked(values):
            raise TypeError("some of them are masked")
        found = values
        if not isinstance(values, Tensor | list | tuple):
            found = np.asarray(values)
            found = np.ascontiguousarray(found, found.dtype.newbyteorder("="))
        found = torch.as_tensor(found)
        if found.layout != torch.strided or found.is_nested or found.is_meta or found.is_quantized:
            raise TypeError("they are not stored one by one")
    except Exception as error:
        what = f"{name} are {type(values).__name__} of {getattr(values, 'dtype', 'objects')}"
        hint = "stack them first, as a dense tensor"
        raise ValueError(f"{what}, which are no numbers of one shape: {hint}") from error
    return found.clone() if found.is_inference() else found.detach()


def described(values: Tensor) -> str:
    """dtype, shape and range of some values, for a message."""
    text = f"{str(values.dtype).removeprefix('torch.')} of shape {tuple(values.shape)}"
    if values.numel() and not values.is_complex():
        low, high = (value.item() for value in values.detach().double().aminmax())
        text += f" in [{low:.4g}, {high:.4g}]"
    return text
