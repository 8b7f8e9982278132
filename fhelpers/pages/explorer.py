"""What the page "Explorer" loads: test images and two networks, which then run in the browser.

The page computes the parts of an image and runs the networks itself, so that it answers for the
reader's own images too and needs no server.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx import Node

from fhelpers import data, frequency
from fhelpers.places import write_text
from fhelpers.runs import training
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.records import Run

ASKED = 2_000  # test images among which cases are looked for
PER_CLASS = 2
CASES = 4  # images that are recognised from their high part only (W, Fig. 2)
CASE_RADIUS = 12 / 32  # of the image's side
SEEN_RADIUS = 6 / 32  # of the side: from here on, people go by the low part of a mix
PIXEL_BYTES = 300_000  # of all images together: the page must stay small
# What book/_explorer/network.js can compute: the layers of W's released network.
LAYERS = {
    "sub", "div", "conv2d", "relu", "add", "avg_pool2d", "pad", "adaptive_avg_pool2d", "flatten",
    "dropout", "linear",
}  # fmt: skip


def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """Class probabilities (N, classes) of images (N, C, H, W), in float32 as in a browser."""
    return training.predict(model, images, precision="float32").softmax(1)


def whole_radii(height: int, width: int) -> list[int]:
    """The whole numbers from 1 up to the last radius that leaves something of the high part."""
    return list(range(1, int(frequency.radial_distance(height, width).max() - 1e-6) + 1))


def case_radius(width: int) -> int:
    """The radius at which cases are chosen and the page opens, whole as on its slider."""
    return round(CASE_RADIUS * width)


def choose(models: Mapping[str, nn.Module], test: data.ImageData) -> list[int]:
    """Places of the images to show: first cases as in W's Figure 2, then some of each class.

    A case is recognised by M_natural as a whole and from its high part, and mistaken in its low
    part. One of each class is taken, those first whose low part M_adversarial recognises, then the
    clearest. Without any, the first image that M_natural recognises.
    """
    pixels = test.pixels()
    parts = [pixels, *frequency.split(pixels, case_radius(pixels.shape[-1]))]
    answers = [probabilities(models["natural"], part) for part in parts]
    whole, low, high = (answer.argmax(1) == test.labels for answer in answers)
    cases = places(whole & ~low & high)
    clear = torch.stack([answer[cases].amax(1) for answer in answers]).amin(0)
    withstood = probabilities(models["adversarial"], parts[1]).argmax(1) == test.labels
    order = (clear + withstood[cases]).argsort(descending=True)
    by_class: dict[int, int] = {}
    for place in [cases[number] for number in order.tolist()]:
        by_class.setdefault(test.labels[place].item(), place)
    first = list(by_class.values())[:CASES] or places(whole)[:1]
    groups = [places(test.labels == label)[:PER_CLASS] for label in range(len(test.classes))]
    first += [place for group in zip(*groups, strict=False) for place in group]
    return list(dict.fromkeys(first))[: max(3, PIXEL_BYTES // test.images[0].numel())]


def places(mask: Tensor) -> list[int]:
    """Where a mask (N,) is True."""
    return mask.nonzero().flatten().tolist()


def mixes(
    models: Mapping[str, nn.Module], pixels: Tensor, labels: Tensor, radii: list[int]
) -> tuple[dict, tuple]:
    """What the networks make of the low part of one image with the high part of another.

    Of all pairs of different classes: {network: [share named after the low part, after the high
    part] at each radius}, and the clearest pair as (low, high, radius), which M_natural names
    after its high part and M_adversarial after its low part.
    """
    low, high = (labels[:, None] != labels).nonzero(as_tuple=True)
    shares, clearest = {name: [] for name in models}, []
    for radius, (lows, highs) in frequency.split_many(pixels, radii).items():
        pairs = lows[low] + highs[high]
        answers = {name: probabilities(model, pairs) for name, model in models.items()}
        for name, answer in answers.items():
            named = [answer.argmax(1) == labels[part] for part in (low, high)]
            shares[name].append([round(each.float().mean().item(), 4) for each in named])
        by_high = answers["natural"].gather(1, labels[high][:, None])
        by_low = answers["adversarial"].gather(1, labels[low][:, None])
        score, place = torch.minimum(by_high, by_low)[:, 0].max(0)
        if radius >= SEEN_RADIUS * pixels.shape[-1]:
            clearest.append((score.item(), low[place].item(), high[place].item(), radius))
    return shares, max(clearest)[1:]


def encoded(values: Tensor) -> str:
    """The values as they lie in memory, bytes or little-endian numbers, in base64."""
    return base64.b64encode(values.detach().contiguous().numpy().tobytes()).decode()


def exported(model: nn.Module, shape: tuple[int, ...]) -> dict:
    """A network for one image as JSON values: its weights, and its steps in order.

    A step is [operation, argument, …]; {"step": i} is what step i gives, -1 the image, and
    {"weight": i} a weight. Raises ValueError for an operation that the page cannot compute.
    """
    program = torch.export.export(model.eval(), (torch.zeros(1, *shape),))
    names = program.graph_signature.inputs_to_parameters
    weights, steps, known = [], [], {}

    def plain(argument):
        return known[argument.name] if isinstance(argument, Node) else argument

    for node in program.graph.nodes:
        if node.name in names:
            weight = program.state_dict[names[node.name]]
            known[node.name] = {"weight": len(weights)}
            weights.append({"shape": list(weight.shape), "values": encoded(weight.float())})
        elif node.op == "placeholder":
            known[node.name] = {"step": -1}
        elif node.op == "call_function":
            operation = node.target.overloadpacket.__name__
            if operation not in LAYERS:
                raise ValueError(f"the explorer cannot compute {operation!r}, which a network uses")
            known[node.name] = {"step": len(steps)}
            steps.append([operation, *map(plain, node.args)])
    return {"weights": weights, "steps": steps}


def write(natural: Run, adversarial: Run, folder: Path) -> Path:
    """Write data.js, all that the page loads besides its own scripts, and return its path.

    The networks must have been trained on the same data set. Raises ValueError if they were not,
    and for runs that are no classifiers.
    """
    recipe, other = natural.recipe, adversarial.recipe
    for run, own in ((natural, recipe), (adversarial, other)):
        if not isinstance(own, Recipe):
            raise ValueError(
                f"the explorer needs classifiers; {run.run_id} is of kind {own.kind!r}"
            )
    if (recipe.dataset, recipe.data_options) != (other.dataset, other.data_options):
        raise ValueError(
            f"the explorer needs two networks of one data set, not {natural.run_id} and "
            f"{adversarial.run_id}"
        )
    every = recipe.load(train=False)
    test = data.ImageData(every.images[:ASKED], every.labels[:ASKED], every.classes)
    models = {"natural": natural.model(), "adversarial": adversarial.model()}
    chosen = choose(models, test)
    pixels, labels = test.pixels()[chosen], test.labels[chosen]
    channels, height, width = pixels.shape[1:]
    radii = whole_radii(height, width)
    shares, clearest = mixes(models, pixels, labels, radii)
    shown = {
        "runs": [natural.run_id, adversarial.run_id],
        "classes": list(test.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "radii": radii,
        "radius": case_radius(width),
        "seen": SEEN_RADIUS * width,
        "labels": labels.tolist(),
        "images": encoded(test.images[chosen]),
        "shares": shares,
        "mix": clearest,
        "networks": {name: exported(each, pixels.shape[1:]) for name, each in models.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "data.js"
    write_text(file, f"window.fhExplorer = {json.dumps(shown)};\n")
    return file
