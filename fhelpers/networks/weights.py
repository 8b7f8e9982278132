"""Files of weights from elsewhere, read without executing code."""

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fhelpers.networks.asking import said

POINTER = b"version https://git-lfs"
LISTED = 8  # keys of a file that a message names


def load_weights(model: nn.Module, path: Path) -> None:
    """Give a model the weights of a file: a state dict, or a checkpoint with one that fits.

    The state dict may stand under any key or in a list, in any precision, and behind a prefix that
    wrappers add, such as "module.". Raises ValueError where none or more than one fits.
    """
    found = contents(path)
    states = state_dicts(found)
    fitting = [each for state in states if (each := fitted(state, model))]
    if len(fitting) > 1 or (len(states) != 1 and not fitting):
        what = "more than one set of weights that fits" if fitting else "no weights that fit"
        raise ValueError(f"{path} holds {what}: {described(found)}; save the state dict alone")
    try:
        model.load_state_dict((fitting or states)[0])
    except RuntimeError as error:
        wrong = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} does not fit {type(model).__name__}: {wrong}") from error


def state_dicts(found: object, depth: int = 2) -> list[Mapping[str, Tensor]]:
    """The state dicts in what a file holds, down to those in a checkpoint in a list."""
    if is_state_dict(found):
        return [found]
    parts = found.values() if isinstance(found, Mapping) else found
    if depth == 0 or not isinstance(found, Mapping | list | tuple):
        return []
    return [state for part in parts for state in state_dicts(part, depth - 1)]


def is_state_dict(found: object) -> bool:
    return (
        isinstance(found, Mapping)
        and bool(found)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items())
    )


def fitted(state: Mapping[str, Tensor], model: nn.Module) -> Mapping[str, Tensor] | None:
    """A state dict under the names and in the shapes of a model, or None."""
    own = {name: value.shape for name, value in model.state_dict().items() if counts(name)}
    while {name: value.shape for name, value in state.items() if counts(name)} != own:
        if len({name.partition(".")[0] for name in state}) != 1 or not all("." in n for n in state):
            return None
        state = {name.partition(".")[2]: value for name, value in state.items()}
    return state


def counts(name: str) -> bool:
    """Whether a tensor must be there: old files have no count of batches."""
    return not name.endswith("num_batches_tracked")


def contents(path: Path) -> object:
    """What a file of weights holds. Raises ValueError for one that is none, or is damaged."""
    head = first_bytes(path)
    try:
        if path.suffix == ".safetensors" or head[8:9] == b"{":
            return load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):  # settings, in checkpoints
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({named[1]})" if named else ""
        raise ValueError(
            f"{path} is damaged or would execute code when loaded{what}, so it was not: save the "
            "state dict alone, or as .safetensors"
        ) from error
    except Exception as error:
        raise ValueError(f"{path} is damaged or no file of weights: {said(error)}") from error


def first_bytes(path: Path) -> bytes:
    """The first bytes of a file. Raises ValueError for one that can hold no network."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if head.startswith(POINTER):
        raise ValueError(f"{path} is a pointer of Git LFS, not the file: call git lfs pull")
    if not head or all(32 <= byte < 127 or byte in b"\t\n\r" for byte in head):
        raise ValueError(f"{path} is {'a text file' if head else 'empty'} and holds no weights")
    return head


def described(found: object) -> str:
    """What a file holds, in words."""
    if not isinstance(found, Mapping):
        return f"this file holds a {type(found).__name__}"
    keys = [str(key) for key in found]
    more = ", …" if len(keys) > LISTED else ""
    return f"this file holds the keys {', '.join(keys[:LISTED])}{more}"
