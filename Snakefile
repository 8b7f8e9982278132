"""Runs -> executed notebooks -> pages. Local cores, or a cluster with `--executor slurm`.

    snakemake --cores 2 book --config scale=quick seeds="[0]" dataset=cifar10

Any parameter of a notebook may stand behind --config; a notebook takes those that it has.
"""

import json
import re
import shlex
import sys
from itertools import groupby
from pathlib import Path

from fhelpers import notebooks, store

FHELPERS = f"{shlex.quote(sys.executable)} -m fhelpers"
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
# Only what the table of contents lists becomes a page, so nothing else is executed.
SECTIONS = re.findall(r"book/sections/(\w+)", Path("_toc.yml").read_text("utf-8"))
TOGETHER = 150_000  # images seen in training, or what costs as much, by runs that share a process


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
WANTED = {path: [slug for slug in SECTIONS if RUNS[path] in RECIPES[slug]] for path in RUNS}


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
        # Pages that failed are no pages: kept, the next call would take them for finished.
        f"{JUPYTER_BOOK} build . --all --builder html -W -n --keep-going"
        " || {{ rm -f {output}; exit 1; }}"


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


def depth(recipe):
    """How many runs have to be done one after the other before this one can begin."""
    return max((1 + depth(needed) for needed in recipe.needs), default=0)


def batches():
    """Missing runs that the same pages need, as early as each other: the longest first.

    They share a process, which takes seconds to start, as long as a small run. Runs of some length
    have one of their own.
    """

    def alike(path):
        return WANTED[path], depth(RUNS[path])

    missing = [path for path in RUNS if not Path(path).exists()]
    for _, group in groupby(sorted(missing, key=alike), alike):
        batch, work = {}, 0
        for path in sorted(group, key=lambda path: -RUNS[path].work):
            if batch and work + RUNS[path].work > TOGETHER:
                yield batch
                batch, work = {}, 0
            batch[path] = RUNS[path]
            work += RUNS[path].work
        yield batch


# A rule for each batch, because only rules have priorities: the longest begun last would keep one
# core busy and leave the others idle. A finished run has none: Snakemake deletes what it is about to
# make again, and a run's name alone says whether it is out of date.
for number, batch in enumerate(batches()):

    rule:
        name:
            f"runs_{number}"
        input:
            sorted({record(n, Path(p).parts[-3]) for p, r in batch.items() for n in r.needs}),
        output:
            list(batch),
        params:
            run_ids=" ".join(recipe.run_id for recipe in batch.values()),
        priority: sum(recipe.work for recipe in batch.values())
        threads: 1
        shell:
            FHELPERS + " run {params.run_ids} --threads {threads}"
