"""CONTRIBUTING.md: what it says to add is added to a copy of the package, and works there."""

import re
from pathlib import Path

import copies
import pytest
from copies import ROOT

STEP = re.compile(
    r"<!-- (new file|into|replace in|at the end of) (\S+?)(?:(?: after)?: (.*?))? -->\n"
    r"```\w+\n(.*?)```",
    re.DOTALL,
)


def steps(heading: str) -> list[tuple[str, str, str, str]]:
    """(how, file, where, text) of a section of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return STEP.findall(section)


def add(folder: Path, heading: str) -> set[str]:
    """Do what a section says, and return the files that it touched."""
    for how, file, where, text in steps(heading):
        path = folder / file
        if how == "new file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            continue
        lines = path.read_text("utf-8").splitlines(keepends=True)
        if how == "at the end of":
            lines += ["\n\n", text]
        else:
            (place,) = (n for n, line in enumerate(lines) if line.strip().startswith(where.strip()))
            lines[place : place + 1] = [text] if how == "replace in" else [lines[place], text]
        path.write_text("".join(lines), "utf-8")
    return {file for _, file, _, _ in steps(heading)}


@pytest.fixture
def copy(tmp_path):
    return copies.copy_of_the_package(tmp_path)


def python(folder: Path, code: str) -> str:
    ended = copies.python(folder, code)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_network(copy):
    assert len(add(copy, "Add a network")) == 2
    printed = python(
        copy,
        "import sys; sys.path.insert(0, 'tests/golden')\n"
        "import runs\n"
        "from fhelpers.drawing.names import NAMES\n"
        "recipe = runs.every()['resnet-14']\n"
        "weights = sum(p.numel() for p in recipe.rebuild().parameters())\n"
        "result = runs.carry_out(recipe, {})\n"
        "print(NAMES['resnet-14'], weights > 0, len(result.rows) > 0)\n",
    )
    assert printed == "ResNet-14 True True"


def test_a_data_set(copy):
    assert len(add(copy, "Add a data set")) == 2
    printed = python(
        copy,
        "from fhelpers import data, sections\n"
        "found = data.load('stripes', train=True, limit=5)\n"
        "asked = {'scale': 'smoke', 'dataset': 'stripes', 'seeds': [0]}\n"
        "plans = [sections.of_section(slug, asked) for slug in sections.slugs()]\n"
        "print(tuple(found.images.shape), data.TITLES['stripes'], all(plans))\n",
    )
    assert printed == "(5, 1, 32, 32) stripes True"


def test_a_claim(copy):
    assert len(add(copy, "Add a claim")) == 1
    printed = python(
        copy,
        "from fhelpers import sections\n"
        "claim = sections.all_claims()['W99']\n"
        "print(claim.section, claim.figure, list(sections.all_claims()).index('W99'))\n",
    )
    assert printed.startswith("shuffled_labels shuffled-by-epoch")


def test_a_kind_of_measurement(copy):
    assert len(add(copy, "Add a kind of measurement")) == 2
    printed = python(
        copy,
        "import dataclasses\n"
        "from fhelpers import sections\n"
        "from fhelpers.runs.schedule import fetch\n"
        "asked = {'scale': 'smoke', 'dataset': 'planted', 'seeds': [0]}\n"
        "plan = sections.of_section('02_shuffled_labels', asked)\n"
        "(recipe,) = plan['logits']\n"
        "network = dataclasses.replace(recipe.network, train_images=40, test_images=40, epochs=1)\n"
        "run = fetch({'logits': [dataclasses.replace(recipe, network=network, images=20)]})\n"
        "print(recipe.kind, run['logits'][0].tensors()['largest'].shape[0])\n",
    )
    assert printed == "logits 20"


def test_a_section(copy):
    assert len(add(copy, "Add a section")) == 4
    printed = python(
        copy,
        "from pathlib import Path\n"
        "from fhelpers import sections\n"
        "from fhelpers.pages import execution\n"
        "given = {'scale': 'smoke', 'dataset': 'planted', 'seeds': [0], 'epochs': 1}\n"
        "page = execution.execute('20_first_look', given, Path('page.ipynb'), progress=False)\n"
        "print(sections.slug_of('first_look'), '1 network' in page.read_text())\n",
    )
    assert printed == "20_first_look True"
    assert "20_first_look" in (copy / "_toc.yml").read_text()
