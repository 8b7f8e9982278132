"""Copies of the package that a test changes, and Python in them.

Importing PyTorch takes longer than most of what is asked there, so a server imports it once and
forks; the package itself is imported from the copy.
"""

import multiprocessing
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parent.parent
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["torch", "torch._dynamo", "torchvision", "matplotlib.figure", "ipykernel.kernelapp"]
)


def copy_of_the_package(folder: Path) -> Path:
    """Copy the package, its notebooks and its golden results."""
    for name in ("fhelpers", "notebooks", "tests/golden"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "pyproject.toml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    return folder


def python(folder: Path, code: str) -> SimpleNamespace:
    """Carry out code in a copy, as `python -c` would there: returncode, stdout, stderr."""
    printed = folder / "printed"
    child = FORKS.Process(target=carry_out, args=(folder, code, printed))
    child.start()
    child.join()
    texts = {way: printed.with_suffix(f".{way}").read_text("utf-8") for way in ("stdout", "stderr")}
    return SimpleNamespace(returncode=child.exitcode, **texts)


def carry_out(folder: Path, code: str, printed: Path) -> None:
    """In the forked process: look for modules in the copy first, print into files."""
    assert "fhelpers" not in sys.modules
    os.chdir(folder)
    os.environ |= {
        "PYTHONPATH": str(folder),
        "FHELPERS_RESULTS": str(folder / "results"),
        "FHELPERS_DATA": str(ROOT / "data"),
    }
    sys.path.insert(0, str(folder))
    with (
        open(printed.with_suffix(".stdout"), "w", encoding="utf-8") as out,
        open(printed.with_suffix(".stderr"), "w", encoding="utf-8") as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        exec(code, {"__name__": "__main__"})
