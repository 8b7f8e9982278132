"""Where a result comes from: machine, versions, commit, and the source that made it.

All of this stands in a record, and none of it decides a run's name.
"""

import hashlib
import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGE = Path(__file__).parent.parent
PACKAGES = ("fhelpers", "torch", "torchvision", "numpy")
IMPORT = re.compile(  # in the forms that ruff leaves; a comment may hold a bracket
    r"^[ \t]*(?:from (fhelpers[\w.]*) import (\((?:[^)#]|#.*)*\)|.*)|import (fhelpers[\w.]*))",
    re.MULTILINE,
)


def machine() -> dict:
    """Processor, cores and system, but no name by which the machine could be found."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    about = {"processor": processor, "instructions": torch.backends.cpu.get_cpu_capability()}
    return about | {"cores": os.cpu_count(), "gpu": gpu, "system": platform.system()}


def processor_of(machine: dict) -> str:
    """Processor and instructions, on which a result's bits depend.

    Virtual machines give very different processors one name. Records that do not name the
    instructions were made before this was kept, with AVX-512.
    """
    return f"{machine['processor']} with {machine.get('instructions', 'AVX512')}"


def versions() -> dict:
    """Versions of Python and of the packages that decide most."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


@cache
def commit() -> str | None:
    """The commit of the checkout, with a + where files differ from it; None outside a checkout."""
    if not (PACKAGE.parent / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE.parent), "describe", "--always", "--dirty=+", "--abbrev=12"]
    command += ["--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def source_digest(file: Path) -> str:
    """Digest of a source file and of all that it imports from this package."""
    digest = hashlib.sha256()
    for path in followed([file]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def followed(files: list[Path]) -> list[Path]:
    """The files, and all modules of this package that they import, directly or not."""
    found, queue = set(), list(files)
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += _read_imports(path, path.stat().st_mtime_ns)
    return sorted(found)


@cache
def _read_imports(path: Path, changed: int) -> tuple[Path, ...]:
    """Modules of this package that a file imports, as it was when it was last `changed`.

    Read by pattern: parsing would take longer than all else that a call with nothing to do does.
    """
    names = []
    for module, several, alone in IMPORT.findall(path.read_text("utf-8")):
        names += [module or alone, *(f"{module}.{name}" for name in re.findall(r"\w+", several))]
    stems = [PACKAGE.parent.joinpath(*name.split(".")) for name in names]
    files = [stem.with_suffix(".py") for stem in stems] + [stem / "__init__.py" for stem in stems]
    return tuple(file for file in files if file.exists())
