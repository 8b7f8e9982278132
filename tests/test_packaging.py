"""The files that describe the environment agree, and nothing is tracked that should not be."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MEGABYTE = 1_000_000


def lines(name):
    """The lines of a file in the root that are neither empty nor a comment."""
    stripped = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def pins():
    """Every requirement of the lock by its name; there may be one for each kind of system."""
    found = {}
    for line in lines("requirements.lock"):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def declared():
    """Every dependency in pyproject.toml, the extras included."""
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for group in groups for text in group]


def version(requirement):
    """The one version that a line of the lock allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is not pinned"
    assert "*" not in specifier.version, f"{requirement} is not exact"
    return specifier.version


def test_the_lock_names_exact_versions_only():
    for requirements in pins().values():
        for requirement in requirements:
            assert version(requirement)
            assert requirement.url is None


@pytest.mark.parametrize("dependency", declared(), ids=str)
def test_every_dependency_is_in_the_lock_with_a_version_that_fits(dependency):
    locked = pins()[canonicalize_name(dependency.name)]
    for requirement in locked:
        assert dependency.specifier.contains(version(requirement), prereleases=True)


def test_what_builds_the_package_is_in_the_lock():
    # `make` installs the package without build isolation, so this must be there already.
    for text in PROJECT["build-system"]["requires"]:
        needed = Requirement(text)
        (locked,) = pins()[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version(locked))


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text()
    for dependency in declared():
        pattern = rf'^ *"{re.escape(dependency.name)}[^"]*", *# .{{10,}}$'
        assert re.search(pattern, text, re.MULTILINE), f"{dependency.name} has no comment"


def test_conda_gets_the_same_environment():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    packages = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    # The versions are those of the lock because it is the lock that pip reads.
    assert pip == ["--requirement requirements.lock", "--editable ."]
    (python,) = [item.removeprefix("python=") for item in packages if item.startswith("python=")]
    assert Requirement(f"python{PROJECT['project']['requires-python']}").specifier.contains(python)
    named = {re.split("[=<>]", item)[0] for item in packages}
    assert {"pip", "make", "nodejs"} <= named
    assert environment["name"] == PROJECT["project"]["name"]


def test_the_versions_of_the_project_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["project"]["version"]
    assert f"## {PROJECT['project']['version']}" in (ROOT / "CHANGELOG.md").read_text()


def tracked():
    """Every file that git tracks, or would track if everything were added now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if printed.returncode:
        pytest.skip("this is not a checkout of the repository")
    names = printed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_no_tracked_file_is_large():
    """Published records have bounds of their own (test_published.py)."""
    records = ROOT / "results" / "published"
    sizes = {path: path.stat().st_size for path in tracked() if records not in path.parents}
    assert {path: size for path, size in sizes.items() if size > MEGABYTE} == {}


def test_notebooks_have_outputs_only_where_they_are_references():
    executed = []
    for path in tracked():
        if path.suffix == ".ipynb" and (ROOT / "tests" / "reference") not in path.parents:
            cells = json.loads(path.read_text())["cells"]
            executed += [path for cell in cells if cell.get("outputs")][:1]
    assert executed == []


# The pieces are put together here, so that this file does not find itself.
HOME_FOLDERS = [rf"(?<![\w}}])/{name}/" for name in ("root", "Users", "home", "work", "tmp")]
SERVERS = ["regi" + r"stry\.\w", "python" + "hosted", "pypi" + r"\.org", "deb" + r"\.debian"]
NAMES = re.compile("|".join(HOME_FOLDERS + SERVERS))
TEXT = {"", ".bib", ".cff", ".css", ".ipynb", ".json", ".lock", ".md", ".py", ".toml", ".yml"}


def test_no_tracked_file_names_a_folder_or_a_server_of_someones_machine():
    found = []
    for path in tracked():
        if path.suffix in TEXT:
            found += [(path.name, word) for word in NAMES.findall(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("in {} it is", ["/ro" + "ot/a", "/wo" + "rk/a", "x = '/ho" + "me/a'", "(/tm" + "p/a)"]),
        (
            "from {} here",
            ["https://regi" + "stry.npmjs.org", "regi" + "stry.example", "pypi" + ".org"],
        ),
    ],
)
def test_such_names_are_found(text, named):
    assert [NAMES.search(text.format(each)) is not None for each in named] == [True] * len(named)
    assert NAMES.search("an entry of the registry. It lies in root/ or data/root/names") is None


def test_code_is_tidy():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
