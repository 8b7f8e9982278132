"""The executed smoke notebooks that nbval runs again: they exist, hold outputs, and can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from fhelpers.pages import notebooks
from fhelpers.runs import store

ROOT = Path(__file__).parent.parent
REFERENCE = Path(__file__).parent / "reference"
EXEMPT = {"parameters", "injected-parameters", "nbval-ignore-output"}


def code_cells(slug: str) -> list:
    notebook = nbformat.read(REFERENCE / f"{slug}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_every_section_has_a_reference_of_the_notebook_as_it_stands(slug):
    stored = [cell.source for cell in code_cells(slug) if "injected" not in str(cell.metadata)]
    current = notebooks.read(slug)
    assert stored == [cell.source for cell in current.cells if cell.cell_type == "code"], (
        f"notebooks/{slug}.py changed: run `make reference` and look at what else changed"
    )


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_every_compared_cell_has_output_to_compare(slug):
    compared = [c for c in code_cells(slug) if not EXEMPT & set(c.metadata.get("tags", ()))]
    assert len(compared) >= 3
    for cell in compared:
        plain = [
            output
            for output in cell.outputs
            if output.get("text") or "text/plain" in output.get("data", {})
        ]
        assert plain, f"nothing to compare in this cell of {slug}:\n{cell.source}"


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_references_hold_no_errors_and_are_small(slug):
    for cell in code_cells(slug):
        assert all(output.output_type != "error" for output in cell.outputs)
    assert (REFERENCE / f"{slug}.ipynb").stat().st_size < 1_000_000


def test_nbval_goes_red_when_low_and_high_are_swapped(tmp_path):
    """In a copy of the package, `split` returns its parts the wrong way round."""
    for name in ("fhelpers", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(REFERENCE, tmp_path / "tests" / "reference")
    for name in ("conftest.py", "browsing.py", "smoke.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    module = tmp_path / "fhelpers" / "frequency.py"
    module.write_text(module.read_text() + SWAPPED)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "FHELPERS_RESULTS": str(store.root()),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/reference/01_decomposition.ipynb"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-2000:]
    assert "FAILED tests/reference/01_decomposition.ipynb" in done.stdout


SWAPPED = """

_split_many = split_many


def split_many(*arguments, **options):
    return {r: (high, low) for r, (low, high) in _split_many(*arguments, **options).items()}
"""
