"""Files of weights from elsewhere, read without executing code."""

import argparse
import pickle
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fhelpers.data import sources
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
    fitting = [each for state in states for each in fitted(state, model)]
    if len(fitting) > 1 or (len(states) != 1 and not fitting):
        what = "more than one set of weights that fits" if fitting else "no weights that fit"
        raise ValueError(f"{path} holds {what}: {described(found)}; save the state dict alone")
    (state,) = fitting or states
    if wrong := misfits(state, model.state_dict()):  # before anything is loaded
        raise ValueError(f"{path} does not fit {type(model).__name__}: {'; '.join(wrong[:LISTED])}")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit {type(model).__name__}: {said(error)}") from error


def published(weights, make: Callable[..., nn.Module], way_out: str = "", **options) -> nn.Module:
    """The network that `make` builds with torchvision's published weights, cached or downloaded.

    Raises FileNotFoundError where they are neither there nor to be had, with where to put them.
    """
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        if sources.offline() and not kept.is_file():
            raise sources.Unreachable("FHELPERS_OFFLINE forbids the network")
        return make(weights=weights, **options)
    except Exception as error:
        what = f"torchvision's published {weights} cannot be fetched ({said(error)})"
        raise FileNotFoundError(f"{what}: put {kept.name} into {kept.parent}{way_out}") from error


def misfits(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """In words, the tensors that a model lacks, or does not have in the same form."""
    wrong = [f"it lacks {name}" for name in own if name not in state and counts(name)]
    wrong += [f"the model has no {name}" for name in state if name not in own]
    for name in own.keys() & state.keys():
        there, here = form(state[name]), form(own[name])
        wrong += [f"{name} is {there}, in the model {here}"] * (there != here)
    return wrong


def form(value: Tensor) -> str:
    """The shape and kind of numbers of a tensor, whatever their precision."""
    kind = "" if value.is_floating_point() else f"{value.dtype} of ".removeprefix("torch.")
    return f"{kind}{tuple(value.shape)}"


def state_dicts(found: object, depth: int = 2) -> list[Mapping[str, Tensor]]:
    """The state dicts in what a file holds, down to those in a checkpoint in a list."""
    if isinstance(found, Mapping):
        if found and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
            return [found]
        found = list(found.values())
    if depth == 0 or not isinstance(found, list | tuple):
        return []
    return [state for part in found for state in state_dicts(part, depth - 1)]


def fitted(state: Mapping[str, Tensor], model: nn.Module) -> list[Mapping[str, Tensor]]:
    """The parts of a state dict, each behind one prefix, in the names and shapes of a model."""
    own = model.state_dict()
    first = next(filter(counts, own), "")
    prefixes = [name.removesuffix(first) for name in state if f".{name}".endswith(f".{first}")]
    parts = [
        {name.removeprefix(before): each for name, each in state.items() if name.startswith(before)}
        for before in prefixes
    ]
    # A small part that happens to fit is a layer of another network.
    return [part for part in parts if 2 * len(part) >= len(state) and not misfits(part, own)]


def counts(name: str) -> bool:
    """Whether a tensor must be there: old files have no count of batches."""
    return not name.endswith("num_batches_tracked")


def contents(path: Path) -> object:
    """What a file of weights holds. Raises ValueError for one that is none, or is damaged."""
    head = first_bytes(path)
    try:
        if head[8:9] == b"{":  # a file of safetensors, whatever its name
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
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise ValueError(f"{path} cannot be read: it is no file")
        with path.open("rb") as file:
            head = file.read(256)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there") from None
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
    keys = [str(key)[:40] for key in found]
    more = ", …" if len(keys) > LISTED else ""
    return f"this file holds the keys {', '.join(keys[:LISTED])}{more}"
