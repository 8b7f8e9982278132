"""Results of every kind of run are what they were, names do not depend on how code is written."""

import dataclasses
import json
import re
from pathlib import Path

import copies
import pytest
from golden import runs

from fhelpers.networks import NETWORKS
from fhelpers.runs.classifier import AUGMENTATIONS
from fhelpers.runs.kinds import KINDS
from fhelpers.runs.recipes import CHOICES, Recipe

RECIPES = runs.every()
KEPT = json.loads(runs.FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def done():
    """Runs that several recipes need, carried out once."""
    return {}


@pytest.mark.parametrize("name", RECIPES)
def test_results_are_what_they_were(name, done):
    found = runs.summary(runs.carry_out(RECIPES[name], done))
    assert not (wrong := runs.compare(name, RECIPES[name], found, KEPT)), wrong


def test_the_kept_results_cover_every_kind_and_choice():
    kinds = {kind for kind, cls in KINDS.items() if cls.__module__.startswith("fhelpers.")}
    assert {recipe.kind for recipe in RECIPES.values()} == kinds
    known = runs.classifiers().values()
    for name in ("labels", "band", "model", "optimiser", "augmentation", "adversary"):
        assert {getattr(recipe, name) for recipe in known} == set(CHOICES[name])
    assert set(NETWORKS) == set(CHOICES["model"])
    assert set(AUGMENTATIONS) == set(CHOICES["augmentation"])
    same = {"dataset", "data_options", "precision", "device", "monitored_images", "learning_rate"}
    for field in dataclasses.fields(Recipe):
        values = {getattr(recipe, field.name) for recipe in known}
        assert len(values) > 1 or field.name in same


@pytest.mark.parametrize(
    ("shift", "digest", "others"), [(0.0, "new", {"elsewhere": "old"}), (1.0, "new", {})]
)
def test_digests_of_other_machines_stay_while_results_do(monkeypatch, shift, digest, others):
    before = {"version": 2, "digests": {"elsewhere": "old"}, "sums": {"loss": [3, 0.5, 0.25, 0.1]}}
    found = {"digest": digest, "sums": {"loss": [3, 0.5 + shift, 0.25, 0.1]}}
    monkeypatch.setattr(runs, "machine", lambda: "here")
    kept = runs.keep("plain", RECIPES["plain"], found, {"runs": {"plain": before}})
    assert kept["digests"] == others | {"here": "new"}
    assert kept["sums"] == (found if shift else before)["sums"]
    again = runs.keep(
        "plain", RECIPES["plain"], found | {"digest": "newer"}, {"runs": {"plain": kept}}
    )
    assert again["digests"] == {"here": "newer"}


def test_elsewhere_one_close_call_may_fall_otherwise_and_no_loss(monkeypatch):
    monkeypatch.setattr(runs, "machine", lambda: "elsewhere")
    before = {"digests": {"here": "x"}, "sums": {"accuracy": [44, 0.2], "loss": [44, 0.2]}}
    for column, moved, expected in (("accuracy", 6e-4, True), ("loss", 6e-4, False)):
        found = {"digest": "y", "sums": before["sums"] | {column: [44, 0.2 + moved]}}
        assert runs.same("plain", found, before) == expected
        assert runs.same("detector", found, before)


# --- a change of behaviour turns them red ---------------------------------------------------------

EDITS = {
    "the split's ≤": ("plain", "frequency.py", "distance <= radius if", "distance < radius if"),
    "the sign of PGD": ("pgd", "attacks.py", "current + size *", "current - size *"),
    "PGD's projection": ("pgd", "attacks.py", "images - epsilon", "images - 2 * epsilon"),
    "the clamp of a mask": ("mask", "masks/module.py", "clamp_(0, 1)", "clamp_(0.1, 1)"),
    "the range of scales": ("scale", "runs/classifier.py", "0.5 + draw[:, 0]", "0.6 + draw[:, 0]"),
    "the range of shifts": ("translate", "runs/classifier.py", "* 0.4 * 2", "* 0.3 * 2"),
    "an optimiser's default": (
        "resnet-20, sgd, shuffled", "runs/training.py", "momentum=0.9", "momentum=0.8",
    ),
    "a network's padding": (
        "resnet-8", "networks/classifiers.py", "(added // 2, added - added // 2)", "(0, added)",
    ),
    "the weight of mix-up": (
        "alexnet, rmsprop, mixup", "runs/classifier.py", "share * one_hot +", "one_hot +",
    ),
    "the maximum of a part": ("high", "frequency.py", "images / torch", "images * torch"),
    "the edge of a kernel": ("robustness", "smoothing.py", 'mode="replicate"', 'mode="constant"'),
    "a rank of singular values": (
        "cases", "sections/noise_or_signal/measure.py", ".argmin(-1) + 1", ".argmin(-1) + 2",
    ),
    "the complement of a mask": (
        "through the complement", "masks/recipes.py", "weight = 1 - w", "weight = 0.9 - w",
    ),
    "the smallest overlap": (
        "detection", "average_precision.py", "np.linspace(0.5", "np.linspace(0.55",
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_changes_results_is_noticed(edit, tmp_path):
    name, file, old, new = EDITS[edit]
    if name in runs.CHAOTIC and runs.machine() not in KEPT["runs"][name]["digests"]:
        pytest.skip("no result of a detector is kept for this type of machine")
    path = copies.copy_of_the_package(tmp_path) / "fhelpers" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    code = "import sys; sys.path.insert(0, 'tests/golden'); import runs; "
    ended = copies.python(tmp_path, f"{code}sys.exit(runs.main([{name!r}]))")
    assert ended.returncode == 1, ended.stderr
    assert "have changed" in ended.stdout
    assert "raise its VERSION, or restore them" in ended.stdout


# --- and nothing else changes a name --------------------------------------------------------------

NAMES = """
import fhelpers
assert fhelpers.__file__.startswith({folder!r}), fhelpers.__file__
from fhelpers import sections
from fhelpers.runs.schedule import everything
for slug in sections.slugs():
    plan = sections.of_section(slug, dict(scale="smoke", dataset="planted", seeds=[0]))
    print(*everything(recipe for group in plan.values() for recipe in group))
"""


def names_of(folder: Path) -> set[str]:
    ended = copies.python(folder, NAMES.format(folder=str(folder)))
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def replace(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in pairs:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    path.write_text(text, "utf-8")


def rename_functions(package: Path) -> None:
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8")
        for name in ("split_many", "score_parts", "smallest_perturbations", "learn_mask"):
            text = re.sub(rf"\b{name}\b", f"{name}_renamed", text)
        path.write_text(text, "utf-8")


def move_modules(package: Path) -> None:
    """The heat map moves into the room of the report, with its kind."""
    (package / "heatmap.py").rename(package / "report" / "waves.py")
    for path in package.rglob("*.py"):
        text = path.read_text("utf-8").replace(
            "from fhelpers.heatmap", "from fhelpers.report.waves"
        )
        text = text.replace("import attacks, frequency, heatmap, ", "import attacks, frequency, ")
        text = text.replace("from fhelpers import heatmap\n", "")
        if "heatmap." in text:
            text = text.replace("\n\n", "\nfrom fhelpers.report import waves as heatmap\n\n", 1)
        path.write_text(text, "utf-8")


def reword_messages(package: Path) -> None:
    replace(package / "runs" / "checks.py", ("is not possible", "will not do"))
    replace(package / "heatmap.py", ('"""The heat map of one network', '"""Some map of a network'))


def add_defaulted_fields(package: Path) -> None:
    replace(
        package / "runs" / "recipes.py",
        ("    seed: int = 0", "    fresh: int = 3\n    seed: int = 0"),
    )
    replace(
        package / "heatmap.py",
        ("    rho: float = 0.0", "    fresh: str = ''\n    rho: float = 0.0"),
    )


@pytest.fixture(scope="module")
def names_now(tmp_path_factory):
    return names_of(copies.copy_of_the_package(tmp_path_factory.mktemp("now")))


@pytest.mark.parametrize(
    "change", [rename_functions, move_modules, reword_messages, add_defaulted_fields]
)
def test_names_survive(change, tmp_path, names_now):
    folder = copies.copy_of_the_package(tmp_path)
    change(folder / "fhelpers")
    assert names_of(folder) == names_now
    assert len(names_now) > 100
