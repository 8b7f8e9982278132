"""Models from outside the project: by name, by file, by function, or as a run of the store.

Nothing that is loaded here as weights can execute code. Naming a function runs it, of course.
"""

import pickle
import pkgutil
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model, list_models

from fhelpers.networks.weights import read_weights
from fhelpers.runs import store


class Program(nn.Module):
    """A program of torch.export, which has no modes, as a module that has them."""

    def __init__(self, program: nn.Module):
        super().__init__()
        self.held = [program]  # in a list, so that eval() and train() do not reach it

    def forward(self, images: Tensor) -> Tensor:
        return self.held[0](images)


def load_model(named: str, *, weights: str | None = None, classes: int) -> nn.Module:
    """A classifier in eval mode from what a person can name on the command line.

    named: a file written by torch.export (.pt2) or TorchScript (.pt, .pth); the function
    package.module:function, which returns a module; a run of `fhelpers runs`; or the name of a
    torchvision model, for which `weights` is a file of weights (.safetensors, or a state dict that
    holds tensors only) or DEFAULT for the published ones. classes: outputs of such a model, if its
    weights are a file. Raises ValueError or FileNotFoundError with a sentence that says what to do.
    """
    if named.endswith((".pt2", ".pt", ".pth")):
        return from_file(Path(named)).eval()
    if ":" in named:
        return from_function(named).eval()
    if named in list_models():
        return from_torchvision(named, weights, classes).eval()
    try:
        recipe = store.find(named)
    except ValueError:
        raise ValueError(
            f"model {named!r} is not known: give a .pt2 or TorchScript file, "
            "package.module:function, a run of `fhelpers runs`, or a torchvision model's name"
        ) from None
    return store.carry_out(recipe).model()


def from_file(path: Path) -> nn.Module:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    try:
        if path.suffix == ".pt2":
            return Program(torch.export.load(path).module())
        return torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise ValueError(
            f"{path} holds no model that can be run without executing its code: save it with "
            "torch.export.save or as TorchScript, or name a torchvision model and give its "
            "weights with --weights"
        ) from error


def from_function(named: str) -> nn.Module:
    try:
        model = pkgutil.resolve_name(named)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{named} cannot be imported: {error}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"{named} returned a {type(model).__name__}, not a torch.nn.Module")
    return model


def from_torchvision(name: str, weights: str | None, classes: int) -> nn.Module:
    if weights == "DEFAULT":
        try:
            return get_model(name, weights="DEFAULT")
        except OSError as error:
            raise OSError(
                f"the published weights of {name} cannot be downloaded ({error}): give a file with "
                "--weights"
            ) from error
    if weights is None:
        raise ValueError(f"{name} needs weights: give a file with --weights, or DEFAULT")
    model = get_model(name, num_classes=classes)
    try:
        model.load_state_dict(read_weights(Path(weights)))
    except RuntimeError as error:
        wrong = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{weights} does not fit {name} with {classes} classes: {wrong}"
        ) from error
    return model
