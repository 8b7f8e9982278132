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


def parameters(slug):
    """What this call of the workflow asks of a notebook."""
    return {name: ASKED[name] for name in notebooks.defaults(slug) if name in ASKED}


def records(wildcards):
    """The records that a page is made from; planning them notes each run's recipe."""
    plan = notebooks.plan(wildcards.slug, parameters(wildcards.slug))
    scale = (notebooks.defaults(wildcards.slug) | parameters(wildcards.slug))["scale"]
    run_ids = [store.plan(recipe, scale) for group in plan.values() for recipe in group]
    return [record(run_id, scale) for run_id in run_ids]


def record(run_id, scale):
    done = store.finished(run_id, scale)
    return (done.path if done else store.root() / scale / run_id) / "record.json"


def needed_records(wildcards):
    recipe, scale = store.find(wildcards.run_id)
    return [record(needed.run_id, scale) for needed in recipe.needs]


rule book:
    input:
        "_build/html/index.html",


rule html:
    input:
        expand("book/sections/{slug}.ipynb", slug=SECTIONS),
        [str(page) for page in sorted(Path("book").glob("*.md"))],
        "_config.yml",
        "_toc.yml",
        "book/references.bib",
        [str(path) for folder in ("_static", "_root", "_ext") for path in Path("book", folder).glob("*.*")],
    output:
        "_build/html/index.html",
    shell:
        # --all: after a build that failed on a warning, the next would read changed pages only.
        f"{JUPYTER_BOOK} build . --all --builder html -W -n --keep-going"


rule notebook:
    input:
        records,
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


rule run:
    input:
        needed_records,
    output:
        str(store.root()) + "/{scale}/{run_id}/record.json",
    wildcard_constraints:
        run_id="[^/.][^/]*",
    threads: 1
    shell:
        FHELPERS + " run {wildcards.run_id} --threads {threads}"
