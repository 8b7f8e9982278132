"""What the page "Explorer" shows: test images, and how sure networks are of them and their parts.

The page computes the parts of an image itself. For the images that it comes with, the networks have
been asked beforehand, at every radius; for an image of the reader's own they run in the browser.
"""

import base64
import contextlib
import io
import json
import logging
import shutil
import tarfile
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fhelpers import data, frequency, smoothing
from fhelpers.data import sources
from fhelpers.runs import training
from fhelpers.runs.store import Run

RHOS = (0.1, 0.25, 0.5, 1.0)  # of M_natural(ρ), as in W's Table 2
PER_CLASS = 2
CASES = 4  # images that are known by their high part only (W, Fig. 2)
CASE_RADIUS = 12 / 32  # of the image's side
PIXEL_BYTES = 300_000  # of all images together: the page must stay small
STEPS = 65_535  # probabilities travel as whole numbers of two bytes
RUNTIME = sources.Package(
    tool="npm",
    name="onnxruntime-web",
    version="1.30.0",
    size=33_106_585,
    sha256="d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
)
RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def networks(natural: nn.Module, adversarial: nn.Module) -> dict[str, nn.Module]:
    """The networks of the page by name: natural, adversarial, natural-0.1, … natural-1."""
    smoothed = {f"natural-{rho:g}": smoothing.smooth_first_layer(natural, rho) for rho in RHOS}
    return {"natural": natural, "adversarial": adversarial} | smoothed


def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """Class probabilities (N, classes) of images (N, C, H, W), in float32 as in a browser."""
    return training.predict(model, images, precision="float32").softmax(1)


def whole_radii(height: int, width: int) -> list[int]:
    """The whole numbers from 1 up to the last radius that leaves something of the high part."""
    return list(range(1, int(frequency.radial_distance(height, width).max() - 1e-6) + 1))


def choose(model: nn.Module, test: data.ImageData) -> list[int]:
    """Places of the images to show: the first of each class, then cases as in W's Figure 2.

    A case is right as a whole and by its high part and wrong by its low part.
    """
    room = max(1, PIXEL_BYTES // test.images[0].numel())
    firsts = [
        (test.labels == label).nonzero().flatten()[:PER_CLASS].tolist()
        for label in range(len(test.classes))
    ]
    chosen = [place for group in zip(*firsts, strict=False) for place in group][:room]
    pixels = test.pixels()
    low, high = frequency.split(pixels, CASE_RADIUS * pixels.shape[-1])
    right = [probabilities(model, part).argmax(1) == test.labels for part in (pixels, low, high)]
    cases = (right[0] & ~right[1] & right[2]).nonzero().flatten().tolist()
    more = [place for place in cases if place not in chosen][: min(CASES, room - len(chosen))]
    return chosen + more


def answers(model: nn.Module, pixels: Tensor, radii: list[int]) -> Tensor:
    """Probabilities (images, 1 + 2 · radii, classes): whole, then low and high at each radius."""
    parts = [pixels]
    for pair in frequency.split_many(pixels, radii).values():
        parts += pair
    return torch.stack([probabilities(model, part) for part in parts], 1)


def encoded(values: Tensor) -> str:
    """Bytes, or numbers from 0 to 1 as little-endian pairs of bytes, in base64."""
    if values.dtype != torch.uint8:
        values = (values * STEPS).round().to(torch.int32)
        values = torch.stack([values % 256, values // 256], -1).to(torch.uint8)
    return base64.b64encode(values.contiguous().numpy().tobytes()).decode()


def content(models: Mapping[str, nn.Module], test: data.ImageData) -> dict:
    """All that the first mode of the page needs, as JSON values."""
    chosen = choose(models["natural"], test)
    pixels = test.pixels()[chosen]
    channels, height, width = pixels.shape[1:]
    radii = whole_radii(height, width)
    return {
        "classes": list(test.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "radii": radii,
        "rhos": list(RHOS),
        "steps": STEPS,
        "labels": test.labels[chosen].tolist(),
        "images": encoded(test.images[chosen]),
        "answers": {name: encoded(answers(model, pixels, radii)) for name, model in models.items()},
    }


def as_onnx(model: nn.Module, shape: tuple[int, ...]) -> bytes:
    """The network as an ONNX file that maps an image and its two parts to probabilities."""
    whole = nn.Sequential(model, nn.Softmax(1)).eval()
    pixels = torch.zeros(3, *shape)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    names = {"input_names": ["pixels"], "output_names": ["probabilities"]}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(whole, (pixels,), dynamo=True, verbose=False, **names)
    return program.model_proto.SerializeToString()


def runtime(folder: Path) -> str:
    """Put what runs networks in a browser into `folder`; the reason as a sentence if it cannot be.

    It is fetched once, as data sets are, and kept in the data folder.
    """
    kept = data.folder() / f"{RUNTIME.name}-{RUNTIME.version}"
    if not kept.is_dir():
        if sources.offline():
            return "FHELPERS_OFFLINE forbade the network"
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            workspace = Path(name)
            try:
                archive = sources.fetch_package(RUNTIME, workspace)
            except sources.Unreachable as error:
                return f"{RUNTIME.name} could not be fetched: {error}"
            unpacked = workspace / "unpacked"
            unpacked.mkdir()
            with tarfile.open(archive) as tar:
                for file in RUNTIME_FILES:
                    source = tar.extractfile(f"package/dist/{file}")
                    (unpacked / file).write_bytes(source.read())
            unpacked.replace(kept)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return ""


def write(natural: Run, adversarial: Run, folder: Path) -> Path:
    """Write the page's files: data.js, an ONNX file for each network, and what runs them.

    The networks must have been trained on the same data set. Raises ValueError if they were not.
    Returns data.js, which is written last.
    """
    recipe, other = natural.recipe, adversarial.recipe
    if (recipe.dataset, recipe.data_options) != (other.dataset, other.data_options):
        raise ValueError(
            f"the explorer needs two networks of one data set, not {natural.run_id} and "
            f"{adversarial.run_id}"
        )
    test = recipe.load(train=False)
    models = networks(natural.model(), adversarial.model())
    shown = content(models, test)
    shown["runs"] = [natural.run_id, adversarial.run_id]
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        (folder / f"{name}.onnx").write_bytes(as_onnx(model, tuple(test.images.shape[1:])))
    shown["missing"] = runtime(folder)
    file = folder / "data.js"
    file.write_text(f"window.fhExplorer = {json.dumps(shown)};\n", "utf-8")
    return file
