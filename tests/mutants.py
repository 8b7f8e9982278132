"""Wrong science that the reference notebooks must notice: `python tests/mutants.py [PAGE …]`.

Each mutant is one edit of one method. It is made in a copy of the package, and the reference
notebook that shows the method runs under nbval: red is right, green is a gap in what the page
prints. Trained networks come from the finished smoke runs, so a mutant costs one notebook.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import smoke

from fhelpers.pages import notebooks
from fhelpers.runs import records

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutant:
    """An edit: in `module` of the package, `old` becomes `new`. page: which must turn red."""

    page: str
    module: str
    what: str
    old: str
    new: str

    def edited(self, folder: Path) -> str:
        """The module's text with the edit. Raises ValueError unless `old` is there once."""
        text = (folder / "fhelpers" / self.module).read_text("utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.module} holds {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


def of(page: str, *edits: tuple[str, str, str, str]) -> list[Mutant]:
    return [Mutant(page, *edit) for edit in edits]


INTERVALS, VERDICTS = "intervals.py", "claims/verdicts.py"
FREQUENCY, ATTACKS, SMOOTHING = "frequency.py", "attacks.py", "smoothing.py"
CLASSIFIER, MONITORING = "runs/classifier.py", "runs/monitoring.py"
NETWORKS, LEARNING = "networks/classifiers.py", "masks/learning.py"
MASK = "masks/module.py"
LABELS, PRECISION = "claims/labels.py", "average_precision.py"
TRADEOFF, DETECTION = "sections/tradeoff/measure.py", "sections/detection/measure.py"
SINGLE, NOISE = "masks/images.py", "sections/noise_or_signal/measure.py"
BATCHES = "sections/batch_size/claims.py"
DOSE = "sections/dose/effects.py"
EFFECTS, SWITCHES = "sections/details/effects.py", "sections/details/plan.py"
ASCENT = "moved = current + size * gradient.sign()"

MUTANTS = [
    *of(
        "00_scorecard",
        (INTERVALS, "quantile of t", "(1 + _confidence.get()) / 2", "_confidence.get()"),
        (INTERVALS, "one degree of freedom too many", "stdtrit(n - 1,", "stdtrit(n,"),
        (VERDICTS, "the best part decides", "min((part.verdict", "max((part.verdict"),
        (
            VERDICTS,
            "value instead of interval beyond the margin",
            "if low > margin:",
            "if estimate.value > margin:",
        ),
    ),
    *of(
        "01_decomposition",
        (
            FREQUENCY,
            "low and high swapped",
            "low, high = parts[radius]",
            "high, low = parts[radius]",
        ),
        (FREQUENCY, "< instead of ≤", "return distance <= radius", "return distance < radius"),
        (FREQUENCY, "spectrum off centre", "float64) - width // 2", "float64) - (width - 1) // 2"),
        (
            FREQUENCY,
            "divided by each channel's maximum",
            "amax(dim=(1, 2, 3), keep",
            "amax(dim=(2, 3), keep",
        ),
    ),
    *of(
        "02_shuffled_labels",
        (
            CLASSIFIER,
            "labels not shuffled",
            "return labels[torch.randperm(len(labels), generator=generator)]",
            "return labels",
        ),
        (
            CLASSIFIER,
            "labels drawn with replacement",
            "randperm(len(labels), gen",
            "randint(len(labels), labels.shape, gen",
        ),
        (
            MONITORING,
            "trained on the other part",
            "part = low if recipe.band ==",
            "part = low if recipe.band !=",
        ),
        (
            MONITORING,
            "parts not divided",
            "frequency.divide_by_max(part) if recipe.rescale else part",
            "part",
        ),
    ),
    *of(
        "03_batch_size",
        (
            BATCHES,
            "a line over the size, not its logarithm",
            "np.log2(sizes) - np.log2(sizes).mean()",
            "np.array(sizes) - np.mean(sizes)",
        ),
        (BATCHES, "largest minus smallest batch", "weights = -steps /", "weights = steps /"),
    ),
    *of(
        "04_heuristics",
        (
            CLASSIFIER,
            "mix-up's labels with the other weight",
            "return mixed, share * one_hot + (1 - share) *",
            "return mixed, (1 - share) * one_hot + share *",
        ),
        (
            CLASSIFIER,
            "mix-up's images with another weight",
            "share * pixels + (1 - share)",
            "share**2 * pixels + (1 - share**2)",
        ),
        (ATTACKS, "PGD downhill", ASCENT, ASCENT.replace("+", "-")),
        (
            ATTACKS,
            "attacked pixels leave [0, 1]",
            "images + epsilon), 0, 1)",
            "images + epsilon), -1, 2)",
        ),
    ),
    *of(
        "05_architectures",
        (NETWORKS, "no shortcut", "return shortcut + self", "return self"),
        (
            NETWORKS,
            "another initialisation",
            "nn.init.xavier_uniform_(layer.weight)",
            "nn.init.xavier_normal_(layer.weight)",
        ),
        (
            NETWORKS,
            "less padding",
            "stride, padding=size // 2, bias",
            "stride, padding=size // 2 - (size > 3), bias",
        ),
    ),
    *of(
        "06_batchnorm",
        (
            NETWORKS,
            "running averages for batch moments",
            "running_stats=self.batchnorm ==",
            "running_stats=self.batchnorm !=",
        ),
        (NETWORKS, "second norm left out", "F.relu(self.norm2(x))", "F.relu(x)"),
    ),
    *of(
        "07_other_datasets",
        (
            LABELS,
            "shuffled minus true",
            "minus(means.natural.to_numpy(), means.shuffled.to_numpy()",
            "minus(means.shuffled.to_numpy(), means.natural.to_numpy()",
        ),
        (
            LABELS,
            "levels that one network never reached",
            "last = min(whole[-1]",
            "last = max(whole[-1]",
        ),
    ),
    *of(
        "08_smooth_kernels",
        (SMOOTHING, "no edge rule", 'mode="replicate"', 'mode="constant"'),
        (
            SMOOTHING,
            "a weight is its own neighbour",
            "(padded, 3, stride=1) - weight",
            "(padded, 3, stride=1)",
        ),
        (SMOOTHING, "another high part", "GRID, NYQUIST / 2)", "GRID, NYQUIST)"),
        ("heatmap.py", "map upside down", "(-up * rows", "(up * rows"),
    ),
    *of(
        "09_smoothing_defence",
        (ATTACKS, "PGD downhill", ASCENT, ASCENT.replace("+", "-")),
        (
            ATTACKS,
            "no projection",
            "torch.clamp(moved, images - epsilon, images + epsilon)",
            "moved",
        ),
        (SMOOTHING, "gain not kept", "/ (1 + 8 * rho)", "/ (1 + 9 * rho)"),
        (
            ATTACKS,
            "half a step of FGSM",
            "step(batch, batch, gradient, epsilon,",
            "step(batch, batch, gradient, epsilon / 2,",
        ),
    ),
    *of(
        "10_tradeoff",
        (TRADEOFF, "the other band", "disc if band ==", "disc if band !="),
        (TRADEOFF, "sum instead of mean square", "square().mean(", "square().sum("),
        (TRADEOFF, "shrunk too far", "return high * perturbation", "return low * perturbation"),
    ),
    *of(
        "13_detection",
        (PRECISION, "from 0.55", "linspace(0.5,", "linspace(0.55,"),
        (PRECISION, "union without what is shared", "prod(-1) - shared)", "prod(-1))"),
        (
            PRECISION,
            "precision at its lowest",
            "np.maximum.accumulate(precision[",
            "np.minimum.accumulate(precision[",
        ),
        (DETECTION, "control of another size", "turn.abs().clamp_min(1e-12)", "turn.abs().mean()"),
    ),
    *of(
        "15_fourier_masks",
        (MASK, "masks leave [0, 1]", "self.weight.clamp_(0, 1)", "self.weight.clamp_(-1, 1)"),
        (LEARNING, "no price for the mask", "self.learning.sparsity_weight * mask", "0 * mask"),
        (FREQUENCY, "directions mirrored", "broadcast_tensors(-rows,", "broadcast_tensors(rows,"),
    ),
    *of(
        "16_essential_frequencies",
        (
            "masks/recipes.py",
            "wrong complement",
            "weight = 1 - weight",
            "weight = (weight <= 0).float()",
        ),
        (
            "masks/recipes.py",
            "permuted over all rings",
            "ring = distance.round()",
            "ring = torch.zeros_like(distance)",
        ),
        (
            "masks/recipes.py",
            "disc of whole rings",
            "(left / sizes).clamp(0, 1)",
            "(left > 0).double()",
        ),
    ),
    *of(
        "17_single_image_masks",
        (MASK, "wrong complement", "mask.weight <= NOUGHT", "1 - mask.weight"),
        (MASK, "masks leave [0, 1]", "self.weight.clamp_(0, 1)", "self.weight.clamp_(-1, 1)"),
        (
            SINGLE,
            "tested on what it was trained on",
            "train, held = fold != number",
            "train, held = fold >= 0",
        ),
    ),
    *of(
        "14_noise_or_signal",
        (FREQUENCY, "a rank too many", "images.device) < rank", "images.device) <= rank"),
        (
            NOISE,
            "a coefficient's rank too few",
            "- bins).abs().argmin()) + 1",
            "- bins).abs().argmin())",
        ),
        (NOISE, "an energy's rank too few", ".abs().argmin(-1) + 1", ".abs().argmin(-1)"),
    ),
    *of(
        "18_imagenet_subset",
        (FREQUENCY, "< instead of ≤", "return distance <= radius", "return distance < radius"),
        (
            FREQUENCY,
            "similarity without brightness",
            "local = luminance * (2 * covariance + two)",
            "local = (2 * covariance + two)",
        ),
        (
            "sections/single_image_masks/claims.py",
            "the complement undoes the attack",
            'right_on(history, label, "attacked-masked")',
            'right_on(history, label, "attacked-complement")',
        ),
    ),
    *of(
        "19_report_card",
        (
            "report/measure.py",
            "gains with the wrong sign",
            "(low[place], low[place - 1])",
            "(low[place - 1], low[place])",
        ),
        (INTERVALS, "Wilson's interval too narrow", "share + z**2 / (2 * images)", "share"),
        (ATTACKS, "PGD downhill", ASCENT, ASCENT.replace("+", "-")),
    ),
    *of(
        "11_details",
        (EFFECTS, "unpaired", "if not paired:", "if True:"),
        (
            INTERVALS,
            "correlation with the wrong sign",
            "one**2 - 2 * correlation",
            "one**2 + 2 * correlation",
        ),
        (SWITCHES, "a switch that turns nothing", '({"rescale": False}', '({"rescale": True}'),
    ),
    *of(
        "12_dose",
        (
            DOSE,
            "networks trained on one part are cut by whole images",
            "history = as_trained(runs.history)",
            "history = runs.history",
        ),
        (
            VERDICTS,
            "a ceiling taken for a floor",
            "return REPRODUCED if high < margin else",
            "return REPRODUCED if high > margin else",
        ),
    ),
]


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A copy of what a reference notebook needs, with a store of its own.

    Finished runs are linked into it: what a mutant trains in vain stays out of the real one.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("fhelpers", "notebooks", "tests/reference"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        names = ("conftest", "browsing", "copies", "forked", "smoke", "standin")
        helpers = (f"tests/{name}.py" for name in names)
        for file in ("Snakefile", "pyproject.toml", *helpers):
            shutil.copy(ROOT / file, folder / file)
        (folder / "results").mkdir()
        for record in records.root().resolve().glob("*/record.json"):
            (folder / "results" / record.parent.name).symlink_to(record.parent)
        yield folder


def is_red(page: str, folder: Path) -> bool:
    """Whether nbval finds another output than the reference's. Raises RuntimeError if it cannot."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    own = {"PYTHONPATH": str(folder), "FHELPERS_RESULTS": str(folder / "results")}
    # Edits follow each other within a second, which is all that bytecode files can tell apart.
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [*command, f"tests/reference/{page}.ipynb"],
        cwd=folder, env=os.environ | own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"nbval could not run {page}: {done.stdout[-2000:]}")
    return done.returncode == 1


def try_out(mutant: Mutant, folder: Path) -> bool:
    """Whether a mutant turns its page red; the copy is as before afterwards."""
    module, text = folder / "fhelpers" / mutant.module, mutant.edited(folder)
    module.write_text(text, "utf-8")
    try:
        return is_red(mutant.page, folder)
    finally:
        shutil.copy(ROOT / "fhelpers" / mutant.module, module)


def main(wanted: list[str]) -> int:
    """Try the mutants of the wanted pages, or all; 1 where one stays green or a page is red."""
    pages = [slug for slug in notebooks.slugs() if not wanted or slug in wanted]
    smoke.carry_out(references=pages, others=())
    score, tried, blind = 0, 0, []
    with workplace() as folder:
        for page in pages:
            if is_red(page, folder):
                print(f"{page} is red as it stands: run `make reference` first")
                return 1
            own = [mutant for mutant in MUTANTS if mutant.page == page]
            found = [try_out(mutant, folder) for mutant in own]
            for mutant, red in zip(own, found, strict=True):
                print(f"{'red  ' if red else 'GREEN'}  {page:28} {mutant.what}", flush=True)
            score, tried = score + sum(found), tried + len(found)
            blind += [page] * (not any(found))
    print(f"{score} of {tried} mutants turn their page red; blind: {', '.join(blind) or 'no page'}")
    return int(score < tried)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
