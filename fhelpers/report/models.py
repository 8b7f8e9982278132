"""Models from outside the project: by name, by file, by function, or as a run of the store.

Nothing that is loaded here from a file can execute code. Naming a function runs it, of course.
"""

import os
import pkgutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model, get_model_weights, list_models

from fhelpers.data import ImageData
from fhelpers.networks import archives
from fhelpers.networks.asking import FOREIGN, said
from fhelpers.networks.weights import contents, described, first_bytes, load_weights, published
from fhelpers.runs import store
from fhelpers.runs.recipes import Recipe

SUFFIXES = (".pt2", ".pt", ".pth", ".safetensors", ".ckpt", ".bin", ".onnx")


def load_model(named: str, *, weights: str | None = None, classes: Sequence[str]) -> nn.Module:
    """A classifier in eval mode from what a person can name on the command line.

    named: a file of torch.export or TorchScript; package.module:function, which returns a module;
    a run of `fhelpers runs`; or a torchvision model. weights: of a function's or torchvision's
    model, a file that `load_weights` knows, or DEFAULT for torchvision's published ones. classes:
    the names of the data's classes. Raises ValueError or FileNotFoundError with a sentence that
    says what to do.
    """
    file = Path(os.path.expanduser(named))
    if ":" in named and not os.path.exists(file):
        return with_weights(from_function(named), weights)
    if named in list_models(module=torchvision.models):
        return from_torchvision(named, weights, classes)
    if weights:
        raise ValueError(f"{named} takes no --weights: functions and torchvision models do")
    if named.endswith(SUFFIXES) or os.path.exists(file):
        return from_file(file).eval()
    return store.carry_out(run_of(named)).model()


def with_weights(model: nn.Module, weights: str | None) -> nn.Module:
    """The model in eval mode, with the weights of a file if one is named."""
    if weights:
        load_weights(model, Path(os.path.expanduser(weights)))
    return model.eval()


def is_run(named: str) -> bool:
    """Whether a name can only be a run's: no function, no file and no model of torchvision's."""
    other = ":" in named or named.endswith(SUFFIXES) or os.path.exists(os.path.expanduser(named))
    return not other and named not in list_models(module=torchvision.models)


def run_of(named: str):
    """The recipe of a classifier of the store; `recipe.setup` says what it was trained on."""
    try:
        recipe = store.find(named)
    except (ValueError, OSError) as error:  # of a name that is too long, too
        if named in list_models():
            raise ValueError(f"torchvision's {named} is no classifier of images") from None
        if store.finished(named) or os.path.exists(store.unfinished(named)):
            raise error  # a damaged run, or one whose data is missing
        raise ValueError(
            f"model {named!r} is not known: give a file of torch.export or TorchScript, "
            "package.module:function, a run of `fhelpers runs`, or a torchvision model's name"
        ) from None
    if not isinstance(recipe.setup, Recipe):
        raise ValueError(f"{named} is a run of kind {recipe.kind!r}, which has no classifier")
    return recipe


def test_images(named: str, dataset: str | None, limit: int | None) -> ImageData:
    """The test images of a run, the first `limit` of them. Raises ValueError for other data."""
    recipe = run_of(named).setup
    if dataset not in (None, recipe.dataset):
        raise ValueError(f"{named} was trained on {recipe.dataset}: leave --dataset out")
    test = recipe.load(train=False)
    if (limit or 0) > len(test):
        raise ValueError(f"{named} has only {len(test)} test images: ask for at most that many")
    return ImageData(test.images[:limit], test.labels[:limit], test.classes)


def from_file(path: Path) -> nn.Module:
    first_bytes(path)
    if archives.kind_of(path):
        return archives.load(path)
    raise ValueError(
        f"{path} has no network in it ({described(contents(path))}): name the network, as "
        "package.module:function or a torchvision model, and give this file with --weights; or "
        "save the model with torch.export.save"
    )


def from_function(named: str) -> nn.Module:
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, folder)  # as `python -m` does: the models of the folder one stands in
    try:
        found = pkgutil.resolve_name(named)
    except FOREIGN as error:
        raise ValueError(f"{named} cannot be imported: {said(error)}") from error
    if isinstance(found, nn.Module):
        return found
    try:
        model = found()
    except FOREIGN as error:
        raise ValueError(f"{named} cannot be called without arguments: {said(error)}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"{named} returned a {type(model).__name__}, not a torch.nn.Module")
    return model


def from_torchvision(name: str, weights: str | None, classes: Sequence[str]) -> nn.Module:
    if weights is None:
        raise ValueError(f"{name} needs weights: give a file with --weights, or DEFAULT")
    if weights == "DEFAULT":
        return Published(name, classes).eval()
    return with_weights(get_model(name, num_classes=len(classes)), weights)


class Published(nn.Module):
    """A torchvision network with its published weights, for a data set of some ImageNet classes.

    It enlarges images to the size that its weights were trained for, normalises them, and answers
    with the logits of the data set's classes alone.
    """

    def __init__(self, name: str, classes: Sequence[str]):
        super().__init__()
        weights = get_model_weights(name).DEFAULT
        known, transform = weights.meta["categories"], weights.transforms()
        if missing := [each for each in classes if each not in known]:
            raise ValueError(
                f"the published weights of {name} know ImageNet's classes, and {missing[0]!r} is "
                "none: use imagenette or tiny-imagenet-10, or give a file with --weights"
            )
        self.network = published(weights, partial(get_model, name))
        self.columns = [known.index(each) for each in classes]
        self.size = transform.crop_size[0]
        for part in ("mean", "std"):
            self.register_buffer(part, torch.tensor(getattr(transform, part)).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        options = {"mode": "bilinear", "antialias": True}
        images = F.interpolate(images, (self.size, self.size), **options)
        return self.network((images - self.mean) / self.std)[:, self.columns]
