"""Files of weights from elsewhere, read without executing code."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights, read without executing code."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(
            f"{path} is damaged or would execute code when loaded, so it was not: save the "
            "state dict alone, or as .safetensors"
        ) from error
