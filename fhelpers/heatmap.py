"""The Fourier heat map: accuracy when one single frequency is added to every image.

Yin et al. (2019): each bin shows how well a network withstands noise of that frequency. The
perturbation is a plane wave of fixed L2 norm, with a sign drawn for each image and channel.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fhelpers import frequency, smoothing
from fhelpers.networks import answer, as_images, as_labels, device_of, evaluating
from fhelpers.networks.compute import choose_compute, portion
from fhelpers.runs import checks, recipes
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.training import correct

__all__ = ["half_plane", "heat_map", "waves"]
WAVES = 2**22  # values of the waves that are held at once
EXACT = 64  # pixels of the largest image whose every frequency is tried in a report
GRID = 32  # frequencies in each direction that are tried of larger ones
NORM = 4.0  # of Yin et al. for CIFAR-10: 1/8 for each of 32 × 32 pixels, root mean square


def half_plane(height: int, width: int, step: int = 1) -> Tensor:
    """Bins (B, 2) of a centred spectrum that stand for all plane waves, or for every `step`-th.

    A wave and the one of the opposite frequency are the same wave at another phase, so the upper
    half of the plane is enough. Zero frequency is always among them.

    >>> heatmap.half_plane(8, 8).shape
    torch.Size([34, 2])
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    mirror_row, mirror_column = (2 * (height // 2) - rows) % height, -columns + 2 * (width // 2)
    first = rows * width + columns <= mirror_row * width + mirror_column % width
    tried = (nearest(height, step)[rows] == rows) & (nearest(width, step)[columns] == columns)
    return torch.stack([rows, columns], -1)[first & tried]


def waves(bins: Tensor, height: int, width: int) -> Tensor:
    """The plane waves of some bins (B, 2), of norm 1: (B, H, W).

    cos + sin, not cos alone, has the same norm at every frequency.

    >>> basis = heatmap.waves(heatmap.half_plane(8, 8), 8, 8)
    >>> round(basis[0].norm().item(), 3)
    1.0
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    up, right = height // 2 - bins[:, 0, None, None], bins[:, 1, None, None] - width // 2
    phase = 2 * math.pi * (-up * rows / height + right * columns / width)
    return (phase.cos() + phase.sin()) / math.sqrt(height * width)


def coarse_step(height: int, width: int) -> int:
    """1 for small images; for larger ones the step between the frequencies that can be paid."""
    largest = max(height, width)
    return 1 if largest <= EXACT else -(-largest // GRID)


def norm_for(height: int, width: int) -> float:
    """The norm of a wave that changes each pixel of such images as `NORM` does of 32 × 32.

    >>> heatmap.norm_for(64, 64)
    8.0
    """
    return NORM * math.sqrt(height * width) / 32


def heat_map(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    norm: float = NORM,
    step: int = 1,
    seed: int = 0,
    precision: str = "float32",
) -> Tensor:
    """Accuracy under each single frequency, (H, W) on the CPU, zero frequency in the centre.

    images: (N, C, H, W) in [0, 1]; labels: (N,); norm: L2 norm of the perturbation of each channel,
    4 as Yin et al. take for CIFAR-10 images; step: between the frequencies that are tried, each of
    which then stands for those around it. Perturbed images are clipped to [0, 1]. The map is
    symmetric about its centre. seed: draws the signs; precision: as for `predict`. Raises
    ValueError for images outside [0, 1] or none, labels that do not fit them or the model, a norm
    below 0, a step that is no whole number above 0, and answers that are NaN or infinite.

    >>> heatmap.heat_map(model, images[:2, :, :8, :8], labels[:2]).shape
    torch.Size([8, 8])
    """
    images, labels = as_images(images), as_labels(labels)
    if not 0 <= norm < math.inf:
        raise ValueError(f"norm must be a number of at least 0, not {norm!r}")
    if not len(images):
        raise ValueError("there are no images")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images need as many labels, not {len(labels)}")
    checks.check_whole("step", step, 1)
    height, width = images.shape[-2:]
    bins = half_plane(height, width, step)
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (*images.shape[:2], 1, 1), generator=generator) * 2.0 - 1
    signs = signs.to(images)
    right = torch.zeros(len(bins), device=images.device)
    compute = choose_compute(precision, device_of(model, images))
    places = torch.arange(len(images), device=images.device).split(portion(images))
    pieces = torch.arange(len(bins)).split(max(1, WAVES // (height * width)))
    with evaluating(model), torch.no_grad(), compute.autocast():
        for piece, place in itertools.product(pieces, places):
            some, sign, answers = images[place], signs[place], labels[place]
            made = norm * waves(bins[piece], height, width).to(images)
            for number, wave in zip(piece.tolist(), made, strict=True):
                logits = answer(model, torch.addcmul(some, sign, wave).clamp_(0, 1))
                if not logits.isfinite().all():
                    raise ValueError("the model's answers hold NaN or infinite numbers")
                right[number] += (logits.argmax(1) == answers).sum()
    as_labels(labels, logits.shape[1])
    return spread_out(bins, right.cpu() / len(images), height, width, step)


def spread_out(bins: Tensor, values: Tensor, height: int, width: int, step: int) -> Tensor:
    """Values of the half-plane's bins and of their mirror images, as a map (H, W).

    Every bin has the value of the one nearest to it that was tried.
    """
    rows, columns = bins.T
    found = torch.zeros(height, width)
    found[rows, columns] = values
    found[(2 * (height // 2) - rows) % height, (2 * (width // 2) - columns) % width] = values
    return found[nearest(height, step)][:, nearest(width, step)]


def nearest(size: int, step: int) -> Tensor:
    """For each of `size` places the nearest one that is tried, whole steps from the centre."""
    offset = torch.arange(size) - size // 2
    farthest = size // 2 if step == 1 else (size - 1) // 2 // step * step
    steps = (offset.abs() + (step - 1) // 2) // step
    return size // 2 + offset.sign() * (steps * step).clamp(max=farthest)


def by_ring(found: Tensor) -> dict[float, float]:
    """Mean of a map (H, W) at each distance from its centre, rounded to whole bins."""
    rings = frequency.radial_distance(*found.shape).round()
    return {ring: found[rings == ring].mean().item() for ring in rings.unique().tolist()}


@dataclass(frozen=True, kw_only=True)
class HeatMap(OfNetwork, kind="heatmap", version=2):
    """The heat map of one network, its first layer smoothed with ρ where ρ is not 0."""

    rho: float = 0.0  # 0: the network as it was trained
    norm: float = 4.0  # Yin et al., for CIFAR-10

    @property
    def slug(self) -> str:
        return super().slug + (f"-rho{self.rho:g}" if self.rho else "")

    def __post_init__(self):
        super().__post_init__()
        checks.check_positive("norm", self.norm)
        checks.check_not_negative("rho", self.rho)

    @property
    def work(self) -> int:
        info = recipes.check_against_data(self.network)
        return self.images * info.height * info.width // 6

    def carry_out(self, job: Job) -> Result:
        """Tensor: the map. Rows: accuracy on each ring of bins, and on images as they are."""
        measured, (model, images, labels) = Result(), self.on_device(job)
        model = smoothing.smooth_first_layer(model, self.rho)
        found = heat_map(model, images, labels, norm=self.norm, seed=self.seed)
        measured.tensors["accuracy"] = found
        about = {"split": "test", "scope": "all", "rho": self.rho, "images": len(images)}
        clean = correct(model, images, labels).float().mean().item()
        measured.rows.append(about | {"part": "original", "radius": math.nan, "accuracy": clean})
        for ring, accuracy in by_ring(found).items():
            measured.rows.append(about | {"part": "wave", "radius": ring, "accuracy": accuracy})
        return measured
