"""The house: about twenty rooms, and imports in one direction (contracts in pyproject.toml)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_run_in_one_direction():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as f; f()"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "3 kept, 0 broken" in ended.stdout


def test_there_are_about_twenty_rooms():
    rooms = {
        path.stem
        for path in (ROOT / "fhelpers").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert len(rooms) <= 20, sorted(rooms)


def test_every_section_is_a_folder_with_a_plan_and_a_notebook():
    sections = [path for path in (ROOT / "fhelpers" / "sections").iterdir() if path.is_dir()]
    for section in sections:
        if section.name.startswith("_"):
            continue
        assert (section / "plan.py").exists(), section.name
        assert list((ROOT / "notebooks").glob(f"[0-9][0-9]_{section.name}.py")), section.name
