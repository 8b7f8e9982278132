"""Choose learning rates on training images that are held out from training, never on test images.

    python benchmarks/learning_rates.py [SCALE]

Every optimiser and architecture is trained on the scale's training images at each rate of a grid
and scored on the training images that follow them. The best rates stand in
`fhelpers.runs.plans.OPTIMISER_RATES` and `MODEL_RATES`.
"""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from fhelpers import data
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import classifier, plans, scales, training
from fhelpers.runs.kinds import Job
from fhelpers.runs.recipes import Recipe

HELD_OUT = 2_000
GRIDS = {
    "adam": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
    "sgd": (1e-2, 2e-2, 5e-2, 1e-1, 2e-1),
    "adagrad": (5e-3, 1e-2, 2e-2, 5e-2),
    "adadelta": (0.3, 1.0, 3.0, 10.0),
    "rmsprop": (3e-4, 1e-3, 2e-3, 4e-3),
    "lenet": (1e-3, 2e-3, 4e-3),
    "alexnet": (3e-4, 1e-3, 2e-3),
    "vgg-11": (2e-4, 5e-4, 1e-3),
}


def held_out_accuracy(recipe: Recipe) -> float:
    """Accuracy on the training images behind those that the recipe trains on."""
    torch.set_num_threads(1)
    compute = choose_compute(recipe.precision, recipe.device)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = classifier.train(recipe, Job(Path(folder), compute))
        except FloatingPointError:
            return float("nan")
    model = recipe.rebuild()
    model.load_state_dict(found.tensors)
    more = data.load(recipe.dataset, train=True, limit=recipe.train_images + HELD_OUT)
    images, labels = more.pixels()[recipe.train_images :], more.labels[recipe.train_images :]
    return training.score(model, images, labels, "auto")["accuracy"]


def candidates(scale: str) -> dict[tuple[str, float], Recipe]:
    """(optimiser or model, rate) -> the recipe that tries it."""
    own = scales.SCALES[scale]
    there = data.describe("cifar10").train
    tried = {}
    for name, rates in GRIDS.items():
        if name in plans.MODEL_RATES:
            width = {"lenet": None}.get(name, 64 // own.narrow)
            kind = {"model": name, "width": width}
        else:
            kind = {"optimiser": name}
        for rate in rates:
            tried[name, rate] = scales.vanilla(
                scale, "cifar10", 0, **kind, learning_rate=rate, epochs=own.short_epochs,
                radii=(), monitored_images=1, test_images=1,
                train_images=min(own.train_images, there - HELD_OUT),
            )  # fmt: skip
    return tried


if __name__ == "__main__":
    tried = candidates(sys.argv[1] if len(sys.argv) > 1 else "quick")
    with ProcessPoolExecutor() as pool:
        scores = dict(zip(tried, pool.map(held_out_accuracy, tried.values()), strict=True))
    for name in GRIDS:
        row = {rate: score for (what, rate), score in scores.items() if what == name}
        best = max(row, key=lambda rate: row[rate] if row[rate] == row[rate] else 0)
        listed = "  ".join(f"{rate:g}: {score:.3f}" for rate, score in row.items())
        print(f"{name:10} {listed}   best {best:g}")
