"""Where and how precisely this machine computes, and how many images at a time."""

import platform
from dataclasses import dataclass

import torch

CHUNK = 500  # images whose parts are held at once: more would leave the processor's cache
EVALUATION_BATCH = 250  # large enough to keep a core busy, small enough for its cache
MOMENTS_BATCH = 100  # where BatchNorm takes the moments of the batch at hand (W's released code)
PRECISIONS = ("auto", "float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")


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
    float32. Raises ValueError when a GPU is asked for that torch does not see.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is not possible: torch sees no GPU on this machine")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    return Compute(device, precision, torch.get_num_threads())


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu.get_capabilities().get("avx512_bf16", False)
    return False
