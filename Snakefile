"""Runs -> executed notebooks -> pages. Local cores, or a cluster with `--executor slurm`.

    snakemake --cores 2 book --config scale=quick seeds="[0]" dataset=cifar10

Any parameter of a notebook may stand behind --config; a notebook takes those that it has.
"""

import json
import re
import shlex
import sys
from pathlib import Path

from fhelpers import notebooks, store

FHELPERS = f"{shlex.quote(sys.executable)} -m fhelpers"
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
# Only what the table of contents lists becomes a page, so nothing else is executed.
SECTIONS = re.findall(r"book/sections/(\w+)", Path("_toc.yml").read_text("utf-8"))


def literal(value):
    """A value of --config as Python: its parser leaves the numbers of a list as text."""
    if isinstance(value, list):
        return [literal(each) for each in value]
    return notebooks.parse(value) if isinstance(value, str) else value


ASKED = {name: literal(value) for name, value in config.items()}
try:
    notebooks.check_all(ASKED)
except (ValueError, OSError) as error:
    sys.exit(f"fhelpers: {error}")


# Read once: a call that finds nothing to do should take no time.
DEFAULTS = {slug: notebooks.defaults(slug) for slug in SECTIONS}


def parameters(slug):
    """What this call of the workflow asks of a notebook."""
    return {name: ASKED[name] for name in DEFAULTS[slug] if name in ASKED}


def scale_of(slug):
    return (DEFAULTS[slug] | parameters(slug))["scale"]


def recipes_of(slug):
    """Every recipe that a page needs, those that others need included."""
    plan = notebooks.plan(slug, parameters(slug))
    queue = [recipe for group in plan.values() for recipe in group]
    for recipe in queue:
        queue += recipe.needs
    return queue


def record(recipe, scale):
    run_id = store.plan(recipe, scale)
    done = store.finished(run_id, scale)
    return str((done.path if done else store.root() / scale / run_id) / "record.json")


# The explorer shows two networks that sections train anyway; both are planned before any rule runs.
SHOWN = {"01_decomposition": "natural", "03_heuristics": "adversarial"}
EXPLORED = {slug: notebooks.plan(slug, parameters(slug))[label][0] for slug, label in SHOWN.items()}
RECIPES = {slug: recipes_of(slug) for slug in SECTIONS}
RUNS = {record(recipe, scale_of(slug)): recipe for slug in SECTIONS for recipe in RECIPES[slug]}


rule book:
    input:
        "_build/html/index.html",


rule html:
    input:
        expand("book/sections/{slug}.ipynb", slug=SECTIONS),
        [str(page) for page in sorted(Path("book").glob("*.md"))],
        "_build/explorer/data.js",
        "_config.yml",
        "_toc.yml",
        "book/references.bib",
        ["CHANGELOG.md", "CITATION.cff", "LICENSE"],
        [f"notebooks/{slug}.py" for slug in SECTIONS],
        [
            str(path)
            for folder in ("_static", "_root", "_ext", "_explorer")
            for path in Path("book", folder).glob("*.*")
        ],
    output:
        "_build/html/index.html",
    shell:
        # --all: after a build that failed on a warning, the next would read changed pages only.
        f"{JUPYTER_BOOK} build . --all --builder html -W -n --keep-going"


rule explorer:
    input:
        [record(recipe, scale_of(slug)) for slug, recipe in EXPLORED.items()],
        [f"fhelpers/{name}.py" for name in ("explorer", "smoothing", "frequency", "models")],
    output:
        "_build/explorer/data.js",
    params:
        runs=" ".join(recipe.run_id for recipe in EXPLORED.values()),
    shell:
        FHELPERS + " explorer {params.runs}"


rule notebook:
    input:
        lambda wildcards: [record(r, scale_of(wildcards.slug)) for r in RECIPES[wildcards.slug]],
        lambda wildcards: notebooks.dependencies(wildcards.slug),
    output:
        "book/sections/{slug}.ipynb",
    params:
        given=lambda wildcards: " ".join(
            f"-p {name} {shlex.quote(json.dumps(value) if not isinstance(value, str) else value)}"
            for name, value in parameters(wildcards.slug).items()
        ),
    shell:
        FHELPERS + " notebook {wildcards.slug} {params.given} --to {output}"


# A rule for each run, because only rules have priorities: the longest run begun last would keep one
# core busy and leave the others idle. A finished run has none: Snakemake deletes what it is about to
# make again, and a run's name alone says whether it is out of date.
for number, (path, recipe) in enumerate(RUNS.items()):
    if Path(path).exists():
        continue

    rule:
        name:
            f"run_{number}"
        input:
            [record(needed, Path(path).parts[-3]) for needed in recipe.needs],
        output:
            path,
        params:
            run_id=recipe.run_id,
        priority: recipe.work
        threads: 1
        shell:
            FHELPERS + " run {params.run_id} --threads {threads}"
