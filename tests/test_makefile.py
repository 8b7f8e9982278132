"""The Makefile with programs that only print what they are given: nothing reaches a shell."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = [
    "quick; touch x", "`touch x`", "$(touch x)", "$(shell touch x)", "$$(touch x)", "${PATH}",
    '"; touch x; "', "'; touch x; '", "a\tb", "$(error stop)", "| touch x", "--help",
]  # fmt: skip


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile and an environment of two programs."""
    folder = tmp_path / "check out"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "pyvenv.cfg").write_text(f"command = x -m venv {folder}/.venv\n")
    (folder / ".venv" / ".complete").touch()
    for name in ("fhelpers", "python"):
        (programs / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (programs / name).chmod(0o755)
    return folder


def make(folder, *words, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--silent", *words], cwd=folder, env=clean | environment, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("code", CODE)
def test_what_a_variable_holds_is_text_and_never_a_command(checkout, code):
    names = {"SCALE": "scale", "SEEDS": "seeds", "DATASET": "dataset", "JOBS": "jobs"}
    before = sorted(checkout.rglob("*"))
    expected = ["book", *(f"--{option}={code}" for option in names.values())]
    typed = make(checkout, "book", *(f"{name}={code}" for name in names))
    exported = make(checkout, "book", **dict.fromkeys(names, code))
    for done in (typed, exported):
        assert (done.returncode, done.stdout.splitlines()) == (0, expected), done.stderr
    done = make(checkout, "data", f"DATASET={code}")
    assert done.stdout.splitlines() == ["data", "--", code]
    (checkout / "_build" / "html").mkdir(parents=True)
    (checkout / "_build" / "html" / "index.html").touch()
    assert make(checkout, "serve", f"PORT={code}").stdout.splitlines()[-2:] == ["--", code]
    shutil.rmtree(checkout / "_build")
    (checkout / ".venv" / ".complete").unlink()
    assert make(checkout, "book", f"PYTHON={code}").returncode == 2
    (checkout / ".venv" / ".complete").touch()
    assert sorted(checkout.rglob("*")) == before


def test_every_variable_has_a_default(checkout):
    *words, jobs = make(checkout, "book").stdout.split()
    assert words == ["book", "--scale=standard", "--seeds=", "--dataset=cifar10"]
    assert int(jobs.removeprefix("--jobs=")) >= 1


def test_a_moved_checkout_is_told_what_to_do(checkout):
    moved = checkout.rename(checkout.with_name("moved"))
    done = make(moved, "book")
    assert done.returncode == 2
    assert "this folder was moved or copied, or its Python is gone. Type rm -r .venv" in done.stderr
    assert done.stdout == ""


def test_an_environment_without_its_interpreter_is_told_what_to_do(checkout):
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout / "gone")
    done = make(checkout, "data")
    assert done.returncode == 2
    assert "its Python is gone. Type rm -r .venv and call make again" in done.stderr
