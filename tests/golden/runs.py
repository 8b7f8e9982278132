"""Tiny runs of every kind, whose results are kept: a change of behaviour shows in their numbers.

    python tests/golden/runs.py              compare all with results.json
    python tests/golden/runs.py NAME …       compare some
    python tests/golden/runs.py --write      keep today's results

All are on planted images, in float32, on one thread. Between them they use every optimiser, band,
augmentation, adversary, switch and network. Digests are kept for each type of machine that has
written them; on another type the sums are compared.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from fhelpers.networks.compute import Compute
from fhelpers.runs import records
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.runs.recipes import Recipe

FILE = Path(__file__).with_name("results.json")
PLANTED = {"dataset": "planted", "data_options": (("classes", 4), ("low", 1.0), ("high", 2.0))}
TINY = PLANTED | {
    "model": "lenet", "train_images": 40, "test_images": 40, "monitored_images": 10,
    "batch_size": 10, "learning_rate": 3e-3, "epochs": 1, "radii": (4, 8), "precision": "float32",
    "device": "cpu",
}  # fmt: skip
TOLERANCE = 1e-4  # on another type of machine
CLOSE_CALLS = 1e-3  # of accuracies there: one answer in all the rows of a run may fall otherwise
# Rounding grows without bound while a detector is trained: of these only the columns are compared.
CHAOTIC = ("detector", "detection", "detection on parts")


def tiny(**changes) -> Recipe:
    return Recipe(**TINY | changes)


NETWORK = tiny(epochs=3)
SMALL = {"model": "resnet-8", "width": 8}


def classifiers() -> dict[str, Recipe]:
    return {
        "plain": NETWORK,
        "resnet-8": tiny(model="resnet-8", radii=(4, 8, 12, 16)),
        "resnet-8, with biases, running averages": tiny(
            **SMALL, bias=True, batchnorm="running", schedule="linear", epochs=2
        ),
        "pgd from a random point, <": tiny(
            **SMALL, adversary="pgd", attack_steps=3, random_start=True, inclusive=False
        ),
        "resnet-20, sgd, shuffled": tiny(model="resnet-20", optimiser="sgd", labels="shuffled"),
        "resnet-32, adagrad, batchnorm": tiny(
            model="resnet-32", optimiser="adagrad", batchnorm="batch", train_images=20
        ),
        "resnet-18": tiny(model="resnet-18", train_images=10, test_images=10, batch_size=5),
        "pgd, monitored now and then": tiny(
            adversary="pgd", attack_steps=2, monitored_attacks=5, monitor_every=3, epochs=13
        ),
        "lenet, adadelta, dropout, 3×3": tiny(optimiser="adadelta", dropout=0.5, kernel_size=3),
        "alexnet, rmsprop, mixup": tiny(model="alexnet", width=8, optimiser="rmsprop", mixup=0.5),
        "vgg-11, low": tiny(model="vgg-11", width=8, band="low", band_radius=8),
        "high": tiny(**SMALL, band="high", band_radius=8),
        "high, not divided": tiny(**SMALL, band="high", band_radius=8, rescale=False),
        "whole, divided": tiny(rescale_whole=True),
        "pgd": tiny(**SMALL, adversary="pgd", attack_steps=3, epsilon=0.05),
        "single-step, crop-flip": tiny(**SMALL, adversary="single-step", augmentation="crop-flip"),
        "scale": tiny(augmentation="scale"),
        "translate": tiny(augmentation="translate", seed=1, drawn=True),
        "rotate": tiny(augmentation="rotate"),
        "crop-flip-translate": tiny(augmentation="crop-flip-translate"),
        "crop-flip-rotate": tiny(augmentation="crop-flip-rotate"),
        "crop-flip, then scale": tiny(augmentation="crop-flip-scale"),
    }


def others() -> dict[str, Runnable]:
    """Measurements, masks and detectors; imported here, because most of them import much."""
    from fhelpers.heatmap import HeatMap
    from fhelpers.masks.images import ImageMasksRecipe
    from fhelpers.masks.recipes import VARIANTS, MaskedTraining, MaskRecipe
    from fhelpers.sections.decomposition.measure import SplitErrors
    from fhelpers.sections.detection.detectors import DetectorRecipe
    from fhelpers.sections.detection.measure import Evaluation
    from fhelpers.sections.noise_or_signal.measure import Cases
    from fhelpers.sections.report_card.measure import Report
    from fhelpers.sections.smooth_kernels.measure import Kernels
    from fhelpers.sections.smoothing_defence.measure import DefenceChecks, RobustnessTable
    from fhelpers.sections.tradeoff.measure import Corollary

    network = {"network": NETWORK}
    learning = {"images": 20, "batch_size": 5, "epochs": 4}
    # Weights run into both bounds, so that the clamp shows.
    mask = MaskRecipe(**network, **learning, learning_rate=0.3, sparsity_weight=1.0)
    detector = DetectorRecipe(
        dataset="planted", size=64, classes=2, train_images=16, width=8, channels=16, batch_size=4,
        epochs=15, learning_rate=1e-2, precision="float32", device="cpu",
    )  # fmt: skip
    found = Evaluation(detector=detector, images=6, device="cpu")
    return {
        "mask": mask,
        "mask of each class and channel": MaskRecipe(
            **network, **learning, scope="class", per_channel=True
        ),
        "mask of each fold, on test images": MaskRecipe(
            **network, **learning, scope="fold", learned_on="test"
        ),
        **{
            f"through the {variant}": MaskedTraining(**network, mask=mask, variant=variant)
            for variant in VARIANTS
            if variant != "binary-complement"  # tests/test_mask_runs.py compares it bit by bit
        },
        "image masks": ImageMasksRecipe(**network, images=8, epochs=6, attack_steps=2),
        "image masks, not selected": ImageMasksRecipe(
            **network, images=8, epochs=6, attack_steps=2, selected=False
        ),
        "image masks, selected for another": ImageMasksRecipe(
            **network, images=8, epochs=6, attack_steps=2, chooser=tiny(epochs=2)
        ),
        "heat map": HeatMap(**network, images=4, rho=0.5),
        "split errors": SplitErrors(**PLANTED, images=10, radius=8.0),
        "kernels": Kernels(**network, rho=0.5),
        "cases": Cases(**network, images=20, radius=8.0),
        "corollary": Corollary(**network, images=6, radius=8.0, epsilons=(0.02,), attack_steps=3),
        "robustness": RobustnessTable(
            **network, images=10, rhos=(0.0, 0.5), epsilons=(0.02,), attack_steps=3
        ),
        "robustness by search": RobustnessTable(
            **network, images=10, rhos=(0.0, 0.5), epsilons=(0.02,), attack_steps=3, search=True
        ),
        "defence checks": DefenceChecks(
            **network, images=6, epsilons=(0.02,), attack_steps=2, long_steps=3, auto_images=2,
            queries=4,
        ),
        "report": Report(**network, images=20, few=6),
        "detector": detector,
        "detection": found,
        "detection on parts": Evaluation(detector=detector, images=6, radius=8.0, device="cpu"),
    }  # fmt: skip


def every() -> dict[str, Runnable]:
    return classifiers() | others()


def machine() -> str:
    """What the bits of a result depend on: the type of processor, and the release of torch."""
    words = {}
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        name, _, value = line.partition(":")
        words.setdefault(name.strip(), value.strip())
    processor = [words.get(name, "?") for name in ("vendor_id", "cpu family", "model")]
    return " ".join([*processor, torch.backends.cpu.get_cpu_capability(), torch.__version__])


def carry_out(recipe: Runnable, done: dict[str, SimpleNamespace]) -> Result:
    """A recipe's result in float32 on one thread, and those that it needs, each only once."""
    needed = []
    for each in recipe.needs:
        if each.run_id not in done:
            done[each.run_id] = as_run(each, carry_out(each, done))
        needed.append(done[each.run_id])
    with tempfile.TemporaryDirectory() as folder:
        return recipe.carry_out(Job(Path(folder), Compute("cpu", "float32", 1), tuple(needed)))


def as_run(recipe: Runnable, result: Result) -> SimpleNamespace:
    """A result in the form of a finished run."""

    def model():
        network = recipe.rebuild()
        network.load_state_dict(result.tensors)
        return network.eval().to(memory_format=torch.channels_last)

    history = records.tidy(result.rows)
    return SimpleNamespace(
        recipe=recipe, history=history, model=model, tensors=lambda: result.tensors
    )


def summary(result: Result) -> dict:
    """A digest of all numbers, and sums that differ wherever one of them does.

    For each numeric column, and for all tensors together: how many, the mean, the mean square,
    and the mean weighted by place.
    """
    history, digest = records.tidy(result.rows), hashlib.sha256()
    columns = {
        name: history[name].astype(float).to_numpy()
        for name in history
        if pd.api.types.is_numeric_dtype(history[name])
    }
    digest.update(history.drop(columns=list(columns)).to_json().encode())
    tensors = [v.detach().cpu().double().flatten() for _, v in sorted(result.tensors.items())]
    columns["tensors"] = torch.cat(tensors).numpy() if tensors else np.zeros(0)
    sums = {}
    for name, values in columns.items():
        digest.update(name.encode() + values.tobytes())
        known = np.where(np.isfinite(values), values, 7.0)
        weights = np.cos(np.arange(len(known)))
        sums[name] = [
            len(known),
            *(float(np.mean(x)) if len(x) else 0.0 for x in (known, known**2, known * weights)),
        ]
    for (part, radius), correct in result.outcomes.items():
        digest.update(f"{part} {radius}".encode() + correct.numpy().tobytes())
    return {"digest": digest.hexdigest()[:16], "sums": sums}


def compare(name: str, recipe: Runnable, found: dict, kept: dict) -> str:
    """What is wrong with a result, in a sentence; nothing where it is what was kept."""
    if name not in kept["runs"]:
        return f"{name!r} has no kept result: python tests/golden/runs.py --write"
    before = kept["runs"][name]
    if before["version"] != recipe.version:
        return f"{recipe.kind!r} has a new version: python tests/golden/runs.py --write"
    if same(name, found, before):
        return ""
    return (
        f"results of kind {recipe.kind!r} have changed ({name}); raise its VERSION, or restore them"
    )


def same(name: str, found: dict, before: dict) -> bool:
    """Whether a result is the kept one: bit for bit where this type of machine has kept it."""
    if digest := before["digests"].get(machine()):
        return found["digest"] == digest
    if set(found["sums"]) != set(before["sums"]):
        return False
    allowed = {"accuracy": CLOSE_CALLS}
    return name in CHAOTIC or all(
        np.allclose(found["sums"][column], values, TOLERANCE, allowed.get(column, TOLERANCE))
        for column, values in before["sums"].items()
    )


def keep(name: str, recipe: Runnable, found: dict, kept: dict) -> dict:
    """What is kept of a result, with the digests of other types of machine while it is the same."""
    before = kept["runs"].get(name, {"version": None})
    if before["version"] != recipe.version or not same(name, found, before):
        before = {"digests": {}, "sums": found["sums"]}
    digests = before["digests"] | {machine(): found["digest"]}
    known = {"kind": recipe.kind, "version": recipe.version}
    return known | {"digests": dict(sorted(digests.items())), "sums": before["sums"]}


def main(arguments: list[str]) -> int:
    torch.set_num_threads(1)
    names = [each for each in arguments if each != "--write"]
    known = classifiers()
    recipes = known if names and set(names) <= set(known) else every()
    done: dict[str, SimpleNamespace] = {}
    found = {}
    for name in names or recipes:
        found[name] = summary(carry_out(recipes[name], done))
    kept = json.loads(FILE.read_text("utf-8"))
    if "--write" in arguments:
        runs = {name: keep(name, recipes[name], each, kept) for name, each in found.items()}
        kept = {"runs": kept["runs"] | runs if names else runs}
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
        return 0
    wrong = [text for name in found if (text := compare(name, recipes[name], found[name], kept))]
    print("\n".join(wrong) or f"{len(found)} results are what they were")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
