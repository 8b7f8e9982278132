"""Where and how precisely this machine computes, and how many images at a time."""

import os
import platform
from dataclasses import dataclass

import torch
from torch import Tensor

BATCH = 250  # images in a forward pass: enough to keep a core busy, few enough for its cache
CHUNK = 500  # images whose parts are held at once: more would leave the processor's cache
MOMENTS_BATCH = 100  # where BatchNorm uses the moments of the batch itself (W's released code)
LARGEST = BATCH * 3 * 128**2  # values in a batch: of images with more pixels it has fewer
ON_GPU = 8  # times as much there: a GPU has no cache to stay within, and idles on small batches
PRECISIONS = ("auto", "float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")


def portion(images: Tensor, count: int | None = None) -> int:
    """How many images (N, C, H, W) of this size to process at a time.

    `count` or BATCH, fewer where they are large, and eight times as many on a GPU.
    """
    times = 1 if images.device.type == "cpu" else ON_GPU
    room = times * LARGEST // max(1, images[:1].numel())
    return max(1, min(times * (count or BATCH), room))


@dataclass(frozen=True)
class Compute:
    """Device, precision and number of threads of a run."""

    device: str
    precision: str
    threads: int

    def autocast(self):
        """A context in which matrix products run in the chosen precision."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device, torch.bfloat16 if enabled else None, enabled=enabled)


def choose_compute(precision: str = "auto", device: str = "auto") -> Compute:
    """Resolve "auto" on this machine.

    bfloat16 only where the hardware computes in it: elsewhere it is emulated, and slower than
    float32. Raises ValueError for another precision, and where cuda is asked for and torch sees no
    GPU.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not possible: use {', '.join(PRECISIONS)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is not possible: torch sees no GPU on this machine")
    if device == "auto":
        device = accelerator()
    if device != "cpu":
        make_reproducible()
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    return Compute(device, precision, torch.get_num_threads())


def accelerator() -> str:
    """The type of the device that is fastest here: cuda where torch sees a GPU, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def make_reproducible() -> None:
    """Have a GPU give the same numbers twice, and keep float32 products free of TF32."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = False


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    intel = device == "cpu" and platform.machine() in ("x86_64", "AMD64")
    return intel and torch.cpu.get_capabilities().get("avx512_bf16", False)
