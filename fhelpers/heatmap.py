"""The Fourier heat map: accuracy when one single frequency is added to every image.

Yin et al. (2019): a bin tells how a network bears noise of that frequency. The perturbation is a
plane wave of fixed L2 norm, with a sign drawn for each image and channel.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from fhelpers import frequency, smoothing
from fhelpers.networks import evaluating
from fhelpers.runs import checks, recipes
from fhelpers.runs.compute import choose_compute
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.training import predict

__all__ = ["heat_map", "waves"]
BATCH = 250  # images a forward pass: more would leave the processor's cache


def waves(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Every real plane wave once: bins (B, 2) of a centred spectrum and waves (B, H, W) of norm 1.

    A wave and the one of the opposite frequency are the same wave at another phase, so the upper
    half of the plane is enough. cos + sin, not cos alone, has the same norm at every frequency.

    >>> bins, basis = heatmap.waves(8, 8)
    >>> len(bins), round(basis[0].norm().item(), 3)
    (34, 1.0)
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    up, right = height // 2 - rows, columns - width // 2
    mirror_row, mirror_column = (2 * (height // 2) - rows) % height, -columns + 2 * (width // 2)
    first = rows * width + columns <= mirror_row * width + mirror_column % width
    bins = torch.stack([rows[first], columns[first]], 1)
    phase = (
        2
        * math.pi
        * (
            -up[first][:, None, None] * rows / height
            + right[first][:, None, None] * columns / width
        )
    )
    return bins, (phase.cos() + phase.sin()) / math.sqrt(height * width)


def heat_map(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    norm: float = 4.0,
    seed: int = 0,
    precision: str = "float32",
) -> Tensor:
    """Accuracy under each single frequency, (H, W), zero frequency in the centre.

    images: (N, C, H, W) in [0, 1]; labels: int64 (N,); norm: L2 norm of the perturbation of each
    channel, 4 as Yin et al. take for CIFAR-10 images. Perturbed images are clipped to [0, 1]. The
    map is symmetric about its centre. Raises ValueError for images outside [0, 1] and for a norm
    below 0.

    >>> heatmap.heat_map(model, images[:2, :, :8, :8], labels[:2]).shape
    torch.Size([8, 8])
    """
    frequency.check_images(images)
    if not 0 <= norm < math.inf:
        raise ValueError(f"norm must be a number of at least 0, not {norm!r}")
    height, width = images.shape[-2:]
    bins, basis = waves(height, width)
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (*images.shape[:2], 1, 1), generator=generator) * 2.0 - 1
    signs, basis = signs.to(images.device), (norm * basis).to(images.device)
    right = torch.zeros(len(bins), device=images.device)
    compute = choose_compute(precision, images.device.type)
    with evaluating(model), torch.inference_mode(), compute.autocast():
        for place in torch.arange(len(images)).split(BATCH):
            some, sign, answers = images[place], signs[place], labels[place]
            for number, wave in enumerate(basis):
                logits = model(torch.addcmul(some, sign, wave).clamp_(0, 1))
                right[number] += (logits.argmax(1) == answers).sum()
    return spread_out(bins, right.cpu() / len(images), height, width)


def spread_out(bins: Tensor, values: Tensor, height: int, width: int) -> Tensor:
    """Values of the half-plane's bins and of their mirror images, as a map (H, W)."""
    rows, columns = bins.T
    found = torch.zeros(height, width)
    found[rows, columns] = values
    found[(2 * (height // 2) - rows) % height, (2 * (width // 2) - columns) % width] = values
    return found


@dataclass(frozen=True, kw_only=True)
class HeatMap(OfNetwork, kind="heatmap", version=2):
    """The heat map of one network, its first layer smoothed with ρ where ρ is not 0."""

    word: ClassVar[str] = "heatmap"

    rho: float = 0.0  # 0: the network as it was trained
    norm: float = 4.0  # Yin et al., for CIFAR-10

    @property
    def slug(self) -> str:
        return super().slug + (f"-rho{self.rho:g}" if self.rho else "")

    def __post_init__(self):
        super().__post_init__()
        if not (checks.is_number(self.norm) and 0 < self.norm < math.inf):
            checks.refuse("norm", self.norm, "a number above 0")

    @property
    def work(self) -> int:
        info = recipes.check_against_data(self.network)
        return self.images * info.height * info.width // 6

    def carry_out(self, job: Job) -> Result:
        return measure(self, job)


def measure(recipe: HeatMap, job: Job) -> Result:
    """Carry out a `HeatMap`: the map as a tensor, a row for each ring of bins, one clean."""
    measured, compute, (run,) = Result(), job.compute, job.needed
    images, labels = (each.to(compute.device) for each in recipe.test_set())
    model = smoothing.smooth_first_layer(run.model().to(compute.device), recipe.rho)
    found = heat_map(model, images, labels, norm=recipe.norm, seed=recipe.seed)
    measured.tensors["accuracy"] = found
    about = {"split": "test", "scope": "all", "rho": recipe.rho, "images": len(images)}
    clean = (predict(model, images).argmax(1) == labels).float().mean().item()
    measured.rows.append(about | {"part": "original", "radius": math.nan, "accuracy": clean})
    rings = frequency.radial_distance(*found.shape).round()
    for ring in rings.unique().tolist():
        accuracy = found[rings == ring].mean().item()
        measured.rows.append(about | {"part": "wave", "radius": ring, "accuracy": accuracy})
    job.progress(1)
    return measured
