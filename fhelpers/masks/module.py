"""What a Fourier mask is, and images seen through it (K, mask module)."""

import torch
from torch import Tensor, nn

from fhelpers import frequency
from fhelpers.runs.checks import check_whole

NOUGHT = 1e-8  # a weight up to this counts as 0 (K's released code)


def pairs(height: int, width: int) -> Tensor:
    """For each bin of a centred spectrum the number of its pair, (height, width) int64.

    A bin and its mirror image through the zero frequency are one pair; the zero frequency, and in
    even sizes the highest ones, are pairs by themselves. 32×32 bins make 514 pairs.
    """
    rows = (torch.arange(height) - height // 2) % height
    columns = (torch.arange(width) - width // 2) % width
    here = rows[:, None] * width + columns
    there = (-rows % height)[:, None] * width + -columns % width
    return torch.minimum(here, there).unique(return_inverse=True)[1]


class FourierMask(nn.Module):
    """y = Re F⁻¹(M ⊙ F(x)) with learnable real masks M that start at 1 (K, mask module).

    The parameters are one weight for each pair of bins, so that every mask is Hermitian-symmetric
    whatever is done to them. K's code has a weight for each bin, and discards an imaginary part.

    count: how many masks, for as many groups of images or single images; channels: 1 for one mask
    on all channels, or as many as the images have. Any size, even or odd, square or oblong.
    """

    def __init__(self, height: int, width: int, *, count: int = 1, channels: int = 1):
        super().__init__()
        for name, value in (("height", height), ("width", width), ("count", count)):
            check_whole(name, value, 1)
        bins = pairs(height, width)
        self.size = (height, width)
        self.register_buffer("bins", bins.flatten(), persistent=False)
        self.weight = nn.Parameter(torch.ones(count, channels, int(bins.max()) + 1))

    def masks(self, which: Tensor | None = None) -> Tensor:
        """The masks numbered `which`, or all: centred, (n, channels, height, width)."""
        weight = self.weight if which is None else self.weight.index_select(0, which)
        return weight.index_select(-1, self.bins).unflatten(-1, self.size)

    def forward(self, images: Tensor, which: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) through the masks numbered `which` (N,).

        Without `which`, one mask serves all images, or each image has its own. Raises ValueError
        for images of another size, number or number of channels than the masks.
        """
        if images.ndim != 4 or images.shape[-2:] != self.size:
            raise ValueError(
                f"the mask is for images (N, C, {self.size[0]}, {self.size[1]}), not for "
                f"{tuple(images.shape)}: learn one of that size"
            )
        count, channels = self.weight.shape[:2]
        if channels not in (1, images.shape[1]):
            raise ValueError(f"a mask of {channels} channels cannot filter {images.shape[1]}")
        if which is None and count not in (1, len(images)):
            raise ValueError(f"{count} masks and {len(images)} images: say which belongs to which")
        return frequency.filter_spectrum(images, self.masks(which))

    def total_weight(self) -> Tensor:
        """‖M‖₁ / ‖M₀‖₁ of each mask (count,): 1 keeps everything, 0 nothing."""
        return self.masks().abs().mean((1, 2, 3))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring all weights back into [0, 1], as K does after each step."""
        self.weight.clamp_(0, 1)


@torch.no_grad()
def complement(mask: FourierMask) -> FourierMask:
    """The binary masks of the frequencies whose weight is 0, as K's released code takes them.

    They are on the CPU.

    >>> masks.complement(masks.FourierMask(32, 32)).total_weight().item()  # nothing is gone yet
    0.0
    """
    count, channels, _ = mask.weight.shape
    gone = FourierMask(*mask.size, count=count, channels=channels)
    gone.weight.data.copy_(mask.weight <= NOUGHT)
    return gone


@torch.no_grad()
def low_share(mask: FourierMask) -> Tensor:
    """Share of each mask's energy in the lowest quarter of the distances, (count,)."""
    quarters = frequency.radial_energy(mask.masks().mean(1), 4)
    return quarters[:, 0] / quarters.sum(1).clamp(min=NOUGHT)


@torch.no_grad()
def through(mask: FourierMask, images: Tensor, which: Tensor | None = None) -> Tensor:
    """Images (N, C, H, W) seen through masks, on the images' device; they may leave [0, 1].

    The mask is moved there and stays.

    >>> seen = masks.through(masks.FourierMask(32, 32), images)
    >>> torch.allclose(seen, images, atol=1e-6)
    True
    """
    return mask.to(images.device)(images, which)
