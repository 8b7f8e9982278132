"""Runs -> executed notebooks -> pages. Local cores, or a cluster with `--executor slurm`.

    snakemake --cores 2 book --config scale=standard dataset=cifar10

Any parameter of a notebook may stand behind --config; a notebook takes those that it has.
"""

import importlib
import inspect
import json
import os
import re
import shlex
import sys
from pathlib import Path

import torch

from fhelpers.pages import notebooks
from fhelpers.runs import records, schedule, store
from fhelpers.runs.provenance import followed
from fhelpers.sections import SCORECARD

FHELPERS = f"{shlex.quote(sys.executable)} -m fhelpers"
# More threads than cores would wait for each other.
PAGE = "OMP_NUM_THREADS={threads} " + FHELPERS
JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
# Only what the table of contents lists becomes a page, so nothing else is executed.
SECTIONS = re.findall(r"book/sections/(\w+)", Path("_toc.yml").read_text("utf-8"))


def literal(value):
    """A value of --config as Python: its parser leaves the numbers of a list as text."""
    if isinstance(value, list):
        return [literal(each) for each in value]
    return notebooks.parse(value) if isinstance(value, str) else value


# Once for all: a call that finds nothing to do should take no time.
DEFAULTS = [notebooks.defaults(slug) for slug in SECTIONS]
TEXTS = {n for known in DEFAULTS for n, value in known.items() if isinstance(value, str)}
# A folder may be called 2017, which the parser of --config takes for a number.
ASKED = {n: str(value) if n in TEXTS else literal(value) for n, value in config.items()}
try:
    BOOK = notebooks.of_book(ASKED, SECTIONS)
except (ValueError, OSError) as error:
    print(f"fhelpers: {error}", file=sys.stderr, flush=True)
    os._exit(2)  # Snakemake would make it 1


def record(run_id):
    done = store.finished(run_id)
    return str((done.path if done else records.root() / run_id) / "record.json")


# Every run that a page needs by its name, those that others need included, needs first.
PLANS = {slug: plan for slug, (_, plan) in BOOK.items()}
NEEDED = {
    slug: schedule.everything(recipe for group in plan.values() for recipe in group)
    for slug, plan in PLANS.items()
}
RUNS = {run_id: recipe for runs in NEEDED.values() for run_id, recipe in runs.items()}
# The scorecard comes last here, because it needs what all others do.
PAGES = sorted(SECTIONS, key=lambda slug: slug == SCORECARD)
FIRST_PAGE = {
    run_id: number for number, slug in reversed([*enumerate(PAGES)]) for run_id in NEEDED[slug]
}
URGENCY = schedule.urgency(RUNS)
PUBLISHED = {file.parent.name for file in records.published().glob("*/record.json")}
if workflow.is_main_process:  # a job on a cluster reads this file again, while others finish runs
    missing = {run_id: r for run_id, r in RUNS.items() if store.finished(run_id) is None}
    for recipe in missing.values():
        store.plan(recipe)
    if missing:
        print(schedule.announced(missing), file=sys.stderr)
# One run at a time on a GPU of this machine (profiles/default). A cluster's are asked for by
# --default-resources.
GPU = {"gpu": 1} if torch.cuda.is_available() else {}

# The explorer shows two networks that sections train anyway; both are planned before any rule runs.
SHOWN = {"01_decomposition": "natural", "04_heuristics": "adversarial"}
EXPLORED = [PLANS[slug][label][0].run_id for slug, label in SHOWN.items()]
# The modules whose docstrings are the API pages.
DESCRIBED = re.findall(
    r"automodule:: (\S+)", "".join(page.read_text("utf-8") for page in Path("book").glob("api*.md"))
)


rule book:
    input:
        "_build/html/index.html",


rule html:
    localrule: True
    input:
        expand("book/sections/{slug}.ipynb", slug=SECTIONS),
        [str(page) for page in sorted(Path("book").glob("*.md"))],
        "_build/explorer/data.js",
        "_build/records.zip",
        "_config.yml",
        "_toc.yml",
        "book/references.bib",
        ["CHANGELOG.md", "CITATION.cff", "LICENSE"],
        [f"notebooks/{slug}.py" for slug in SECTIONS],
        [inspect.getsourcefile(importlib.import_module(name)) for name in DESCRIBED],
        [
            str(path)
            for folder in ("_static", "_root", "_ext", "_explorer")
            for path in Path("book", folder).glob("*.*")
        ],
    output:
        "_build/html/index.html",
    shell:
        # --all: after a build that failed on a warning, the next would read changed pages only.
        # The index of a failed build is removed: the next call would take the book for finished.
        f"{JUPYTER_BOOK} build . --all --builder html -W -n --keep-going"
        " || {{ rm -f {output}; exit 1; }}"


rule explorer:
    localrule: True
    priority: 1  # it takes as long as two pages: last, it would keep the rest waiting
    input:
        [record(run_id) for run_id in EXPLORED],
        [str(path) for path in followed([Path("fhelpers/pages/explorer.py").absolute()])],
    output:
        "_build/explorer/data.js",
    params:
        runs=" ".join(EXPLORED),
    shell:
        PAGE + " explorer {params.runs}"


rule records:
    localrule: True
    input:
        [record(run_id) for run_id in RUNS],
        page=f"book/sections/{SCORECARD}.ipynb",
    output:
        "_build/records.zip",
    params:
        run_ids=list(RUNS),
    script:
        "workflow/scripts/archive.py"


rule notebook:
    input:
        lambda wildcards: [record(run_id) for run_id in NEEDED[wildcards.slug]],
        lambda wildcards: notebooks.dependencies(wildcards.slug),
    output:
        "book/sections/{slug}.ipynb",
    params:
        given=lambda wildcards: " ".join(
            f"-p {name} {shlex.quote(json.dumps(value) if not isinstance(value, str) else value)}"
            for name, value in BOOK[wildcards.slug][0].items()
        ),
    threads: 1
    resources:
        runtime=120,
        mem_mb=lambda wildcards, attempt: 4_000 * attempt,
        gpu=0,
    shell:
        PAGE + " notebook {wildcards.slug} {params.given} --to {output}"


# A rule for each lot of runs, because only rules have priorities: a long chain of runs begun last
# would keep one core busy and leave the others idle. A finished run is no output: Snakemake deletes
# what it is about to make again, and a run's name alone says whether it is out of date.
for number, lot in enumerate(schedule.batches(RUNS, FIRST_PAGE)):
    missing = [run_id for run_id in lot if store.finished(run_id) is None]

    rule:
        name:
            f"runs_{number}"
        input:
            sorted({record(n.run_id) for i in missing for n in lot[i].needs if n.run_id not in lot}),
        output:
            [record(run_id) for run_id in missing],
        params:
            # Not those published without their tensors, which `fhelpers run` would make whole.
            run_ids=" ".join(run_id for run_id in lot if run_id not in PUBLISHED),
        priority: max(URGENCY[run_id] for run_id in lot)
        threads: 1
        resources:
            runtime=schedule.minutes(lot.values()),
            mem_mb=lambda wildcards, attempt: 4_000 * attempt,
            **GPU,
        shell:
            FHELPERS + " run {params.run_ids} --threads {threads}"
