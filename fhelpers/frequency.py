"""Image frequencies: the low/high split of paper W, Fourier masks of paper K, energies per band.

Every spectrum and mask that enters or leaves this module is *centred*: zero frequency sits at row
H // 2, column W // 2, so it can be drawn as it is. Frequencies are counted in cycles per image.
All functions take float32 or float64, on any device.

W: Wang, Wu, Huang, Xing (2020). K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel,
Anselmi (2022).
"""

import math
from collections.abc import Iterable
from numbers import Integral, Real

import torch
from torch import Tensor
from torch.nn import functional as F

# Values filtered at a time by `split_many`. A piece of this size stays in the processor's cache
# between the forward transform and its inverses: 2 to 3 times as fast as 2,000 CIFAR-10 images in
# one piece.
PIECE = 2**18
ROUNDING = 1e-6  # by which a pixel may lie outside [0, 1]


def radial_distance(height: int, width: int) -> Tensor:
    """Distance of each bin of a centred spectrum to the zero-frequency bin, in bins (W §3.1).

    Returns (height, width), float32; 0 at (height // 2, width // 2).

    >>> frequency.radial_distance(3, 3)[0].tolist()
    [1.4142135381698608, 1.0, 1.4142135381698608]
    """
    rows, columns = _offsets(height, width)
    return (rows**2 + columns**2).sqrt().float()


def disc(height: int, width: int, radius: float, *, inclusive: bool = True) -> Tensor:
    """The centred low-frequency mask of W §3.1: bins at most `radius` from the centre.

    `inclusive` is the paper's ≤; False gives the < of the released code. Returns (height, width),
    bool. Raises ValueError if `radius` is not a number above 0.

    >>> [frequency.disc(32, 32, 4, inclusive=each).sum().item() for each in (True, False)]
    [49, 45]
    """
    if not isinstance(radius, Real) or isinstance(radius, bool) or not radius > 0:
        raise ValueError(f"radius must be a number above 0, not {radius!r}; give it in bins.")
    distance = radial_distance(height, width)
    return distance <= radius if inclusive else distance < radius


def filter_spectrum(images: Tensor, mask: Tensor) -> Tensor:
    """Re F⁻¹(mask · F(images)) over the last two axes: the mask module of K.

    `images` is (…, H, W) of any range, so perturbations pass too; `mask` is centred, real or bool,
    (H, W) or broadcastable to `images`. It need not be Hermitian-symmetric: the result is what
    discarding the imaginary part gives. Differentiable in both arguments. Raises ValueError for
    other types or sizes.

    >>> low = frequency.filter_spectrum(images, frequency.disc(32, 32, 8))
    >>> torch.allclose(low, frequency.split(images, 8)[0], atol=1e-6)
    True
    """
    _check_float(images)
    if not isinstance(mask, Tensor) or mask.is_complex() or mask.shape[-2:] != images.shape[-2:]:
        raise ValueError(
            f"the mask must be a real tensor whose last axes are {tuple(images.shape[-2:])} like "
            f"the images', not {_describe(mask)}."
        )
    height, width = images.shape[-2:]
    mask = torch.fft.ifftshift(mask.to(images), dim=(-2, -1))
    # For real images, discarding the imaginary part equals filtering with (M(u) + M(-u)) / 2.
    # That mask is symmetric, so half the spectrum is enough: 1.3 to 2.2 times as fast as fft2.
    # Index -u modulo the size is a flip followed by a step of one, which also leaves the bin at
    # -H/2 of even sizes, its own mirror image, where it is.
    mirrored = mask.flip(-2, -1).roll((1, 1), (-2, -1))
    half = ((mask + mirrored) / 2)[..., : width // 2 + 1]
    return torch.fft.irfft2(torch.fft.rfft2(images) * half, s=(height, width))


def check_images(images: Tensor) -> None:
    """Raise ValueError unless `images` is float (N, C, H, W) in [0, 1] without NaN.

    Rounding may have moved values out of [0, 1].

    >>> frequency.check_images(255 * images)
    Traceback (most recent call last):
    ValueError: images must lie in [0, 1], but they span [0, 255] ...
    """
    _check_float(images)
    if images.ndim != 4:
        raise ValueError(
            f"images must have 4 axes (N, C, H, W), but the shape is {tuple(images.shape)}."
        )
    if images.shape[3] in (1, 3, 4) and images.shape[1] > 4 < images.shape[2]:
        raise ValueError(
            f"images of shape {tuple(images.shape)} have their channels last, and the wrong axes "
            "would be filtered: turn them with images.permute(0, 3, 1, 2)."
        )
    if images.numel() == 0:
        return
    low, high = (value.item() for value in images.detach().aminmax())
    if math.isnan(low):
        raise ValueError("images contain NaN; look for a division by zero before this call.")
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"images must lie in [0, 1], but they span [{low:.4g}, {high:.4g}] "
            f"({_describe(images)}); divide by 255 what lies in [0, 255], and leave "
            "normalisation to the model."
        )


def split(images: Tensor, radius: float, *, inclusive: bool = True) -> tuple[Tensor, Tensor]:
    """Low and high part of `images` (N, C, H, W) in [0, 1], channel by channel (W §3.1).

    Parts have the shape of `images`, add up to them to 1e-6, and may leave [0, 1]. See `disc` for
    `radius` and `inclusive`. Differentiable. Raises ValueError as `check_images` and `disc` do.

    >>> low, high = frequency.split(images, 8)
    >>> torch.allclose(low + high, images, atol=1e-6)
    True
    """
    return split_many(images, [radius], inclusive=inclusive)[radius]


def split_many(
    images: Tensor, radii: Iterable[float], *, inclusive: bool = True
) -> dict[float, tuple[Tensor, Tensor]]:
    """`split` at several radii with one forward transform: {radius: (low, high)}.

    >>> [low.shape == images.shape for low, high in frequency.split_many(images, [4, 8]).values()]
    [True, True]
    """
    check_images(images)
    discs = {radius: disc(*images.shape[-2:], radius, inclusive=inclusive) for radius in radii}
    parts, masks = {}, {}
    for radius, mask in discs.items():
        if mask.all():
            parts[radius] = images.clone(), torch.zeros_like(images)
        else:
            parts[radius] = torch.empty_like(images), torch.empty_like(images)
            masks[radius] = _half_disc(mask).to(images)

    count = max(1, PIECE // max(1, images[:1].numel()))
    for start in range(0, len(images), count):
        place = slice(start, start + count)
        piece = images[place]
        spectrum = torch.fft.rfft2(piece)
        for radius, mask in masks.items():
            columns = torch.fft.ifft(spectrum[..., : mask.shape[-1]] * mask, dim=-2)
            filtered = torch.fft.irfft(columns, n=images.shape[-1])
            low, high = parts[radius]
            low[place] = filtered
            high[place] = piece - filtered
    return parts


def svd_split(images: Tensor, rank: int | Tensor) -> tuple[Tensor, Tensor]:
    """Leading and trailing part by truncated singular value decomposition of each channel (W §8).

    `images` is (N, C, H, W) in [0, 1]; the leading part keeps the `rank` largest singular values,
    the same number everywhere or one of an integer tensor (N, C) for each channel of each image.
    Parts have the shape of `images` and add up to them. Raises ValueError as `check_images` does
    and if a rank is not a whole number above 0.

    >>> leading, trailing = frequency.svd_split(images, 3)
    >>> torch.linalg.matrix_rank(leading[0, 0], atol=1e-4).item()
    3
    """
    check_images(images)
    if isinstance(rank, Tensor):
        if rank.is_floating_point() or rank.shape != images.shape[:2] or (rank < 1).any():
            raise ValueError("a tensor of ranks must hold whole numbers above 0 of shape (N, C).")
    else:
        _check_count("rank", rank)
        rank = torch.full(images.shape[:2], rank, device=images.device)
    if (rank >= min(images.shape[-2:])).all():
        return images.clone(), torch.zeros_like(images)
    # Autocast would run this product in bfloat16, in which the parts no longer add up.
    with torch.autocast(images.device.type, enabled=False):
        left, values, right = torch.linalg.svd(images, full_matrices=False)
        kept = torch.arange(values.shape[-1], device=images.device) < rank[..., None]
        leading = left * (values * kept)[..., None, :] @ right
    return leading, images - leading


def spectrum(images: Tensor) -> Tensor:
    """The centred complex spectrum of real images (…, H, W), of the same shape.

    Not normalised: the sum of its squared magnitudes is H · W times that of the images.

    >>> frequency.spectrum(torch.ones(4, 4)).abs().argmax().item() == 2 * 4 + 2  # the centre
    True
    """
    _check_float(images)
    return torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1))


def radial_energy(spectrum: Tensor, bands: int) -> Tensor:
    """Sum of |spectrum|² in `bands` rings of equal width (K, radial energies).

    `spectrum` is centred, (…, H, W), real (a mask) or complex. Ring b holds the distances from
    b/bands up to, not including, (b + 1)/bands of the largest one; the last holds that one too.
    Returns (…, bands); rings that meet no bin are 0. Raises ValueError if `bands` is not a whole
    number above 0.

    >>> frequency.radial_energy(frequency.disc(32, 32, 8), 4).tolist()
    [97.0, 100.0, 0.0, 0.0]
    """
    _check_count("bands", bands)
    rows, columns = _offsets(*spectrum.shape[-2:])
    squared = rows**2 + columns**2
    # Taking the ratio before the root keeps bins that lie on an edge exactly on it.
    position = (squared / squared.max().clamp(min=1)).sqrt() * bands
    return _energy(spectrum, position.long().clamp(max=bands - 1), bands)


def angular_energy(spectrum: Tensor, bands: int) -> Tensor:
    """Sum of |spectrum|² in `bands` directions of equal width, without DC (K, angular energies).

    `spectrum` is as for `radial_energy`. Angles run counter-clockwise as drawn, modulo π: 0 is
    change from left to right, π/2 change from top to bottom. Band b holds angles from b·π/bands
    up to, not including, (b + 1)·π/bands. Returns (…, bands). Raises ValueError if `bands` is not
    a whole number above 0.

    >>> stripes = torch.tensor([0.0, 1.0]).repeat(8, 4)  # they change from left to right
    >>> frequency.angular_energy(frequency.spectrum(stripes), 4).round().tolist()
    [1024.0, 0.0, 0.0, 0.0]
    """
    _check_count("bands", bands)
    rows, columns = _offsets(*spectrum.shape[-2:])
    up, right = torch.broadcast_tensors(-rows, columns)
    # A bin and its mirror image are one direction. Turning the lower half plane over before taking
    # the angle, rather than reducing the angle, keeps the two in one band at the edges as well.
    turn = (up < 0) | ((up == 0) & (right < 0))
    angle = torch.atan2(torch.where(turn, -up, up), torch.where(turn, -right, right))
    band = (angle / math.pi * bands).long()
    centre = (up == 0) & (right == 0)
    return _energy(spectrum.masked_fill(centre.to(spectrum.device), 0), band, bands)


def divide_by_max(images: Tensor) -> Tensor:
    """Each image (N, C, H, W) divided by its own maximum, as W's released code does to its inputs.

    The maximum is taken over channels and pixels together. Images whose maximum is not above 0 are
    returned as they are: the released code makes NaN of a black image and would turn an image of
    negative values upside down.

    >>> frequency.divide_by_max(images / 2).amax().item()
    1.0
    """
    largest = images.amax(dim=(1, 2, 3), keepdim=True)
    return images / torch.where(largest > 0, largest, torch.ones_like(largest))


def _offsets(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Row (height, 1) and column (1, width) frequencies of a centred spectrum, float64."""
    rows = torch.arange(height, dtype=torch.float64) - height // 2
    columns = torch.arange(width, dtype=torch.float64) - width // 2
    return rows[:, None], columns[None, :]


def _half_disc(mask: Tensor) -> Tensor:
    """A centred disc in the layout of `rfft2`, without the columns that are False throughout.

    Leaving those columns out of the inverse transform makes it 1.05 (32×32) to 1.3 times
    (128×128 and above) as fast. Measured against this, matrix products with a real Fourier (or
    Hartley) basis are level at 32×32 and take twice the time from 128×128 on, so there is one
    method for all sizes.
    """
    half = torch.fft.ifftshift(mask)[:, : mask.shape[-1] // 2 + 1]
    return half[:, half.any(dim=0)]


def _energy(spectrum: Tensor, band: Tensor, bands: int) -> Tensor:
    """Sum |spectrum|² (…, H, W) over the bins of each band; `band` (H, W) holds band numbers."""
    if spectrum.is_complex():
        energy = spectrum.real.square() + spectrum.imag.square()
    else:
        energy = (spectrum if spectrum.is_floating_point() else spectrum.float()).square()
    energy = energy.flatten(-2)
    index = band.flatten().to(energy.device)
    return energy.new_zeros(*energy.shape[:-1], bands).index_add(-1, index, energy)


def _check_float(images: Tensor) -> None:
    if not isinstance(images, Tensor) or images.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"images must be a float32 or float64 tensor, not {_describe(images)}; "
            "turn uint8 pixels into float and divide them by 255."
        )


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number above 0, not {value!r}.")


# Similarity of images ----------------------------------------------------------------------

WINDOW, DEVIATION = 11, 1.5  # pixels of the Gaussian window, as published
STABILISERS = (0.01**2, 0.03**2)  # C₁ and C₂ for pixels in [0, 1], as published


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean structural similarity of each pair of images, (N,); 1 for equal ones.

    SSIM of Wang, Bovik, Sheikh and Simoncelli (2004).

    first, second: (N, C, H, W); pixels are clipped to [0, 1], as a screen would do, and channels
    averaged. Only windows that lie within the image count. Raises ValueError for other shapes and
    for images smaller than the window.

    >>> frequency.structural_similarity(images, images).mean().item()
    1.0
    """
    if first.shape != second.shape or first.ndim != 4 or min(first.shape[-2:]) < WINDOW:
        raise ValueError(
            f"two equal shapes (N, C, H, W) of at least {WINDOW} pixels are needed, not "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    x, y = (images.float().clamp(0, 1).flatten(0, 1)[:, None] for images in (first, second))
    mean_x, mean_y = _blurred(x), _blurred(y)
    covariance = _blurred(x * y) - mean_x * mean_y
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    one, two = STABILISERS
    luminance = (2 * mean_x * mean_y + one) / (mean_x**2 + mean_y**2 + one)
    local = luminance * (2 * covariance + two) / (variances + two)
    return local.mean((1, 2, 3)).view(first.shape[:2]).mean(1)


def _blurred(images: Tensor) -> Tensor:
    """Images (N, 1, H, W) averaged under the window: (N, 1, H − 10, W − 10)."""
    place = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    weights = torch.exp(-(place**2) / (2 * DEVIATION**2))
    weights = (weights / weights.sum()).view(1, 1, -1, 1)
    return F.conv2d(F.conv2d(images, weights), weights.transpose(2, 3))
