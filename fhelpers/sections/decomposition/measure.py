"""How exactly the two parts of an image add up (W §3.1)."""

from dataclasses import dataclass

import torch

from fhelpers import data, frequency
from fhelpers.runs.checks import check_radius, check_whole
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.runs.measurements import as_pixels


@dataclass(frozen=True, kw_only=True)
class SplitErrors(Runnable, kind="split-errors"):
    """The error of the split of each test image, and the imaginary part that is discarded."""

    dataset: str
    data_options: tuple[tuple[str, object], ...] = ()
    images: int  # test images, from the first on
    radius: float = 12.0  # W, Figure 2

    def __post_init__(self):
        check_whole("images", self.images, 1)
        check_radius("radius", self.radius)
        object.__setattr__(self, "radius", float(self.radius))

    @property
    def slug(self) -> str:
        return f"split-{self.dataset}-r{self.radius:g}-t{self.images}"

    @property
    def data_digest(self) -> str:
        return data.describe(self.dataset, **dict(self.data_options)).digest

    def carry_out(self, job: Job) -> Result:
        """Tensors sum_error and imaginary: the largest absolute value of each image, (N,)."""
        options = dict(self.data_options)
        images = as_pixels(
            data.load(self.dataset, train=False, limit=self.images, **options).images
        )
        low, high = frequency.split(images, self.radius)
        kept = frequency.spectrum(images) * frequency.disc(*images.shape[-2:], self.radius)
        back = torch.fft.ifft2(torch.fft.ifftshift(kept, dim=(-2, -1)))
        found = {
            "sum_error": (low + high - images).abs().amax((1, 2, 3)),
            "imaginary": back.imag.abs().amax((1, 2, 3)),
        }
        about = {"split": "test", "scope": "all", "images": len(images), "radius": self.radius}
        rows = [about | {"part": name, "value": each.max().item()} for name, each in found.items()]
        return Result(rows, found)
