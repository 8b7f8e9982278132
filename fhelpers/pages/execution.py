"""Notebooks become pages: executed by papermill, with captions, closing sections and provenance.

From the command line and from the Snakefile alike.
"""

import ast
import html
import io
import json
import tempfile
import tokenize
from pathlib import Path

import jupytext
import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from fhelpers import data, places, sections
from fhelpers.pages import kernels, notebooks
from fhelpers.runs import scales, store

WIDGET = "application/vnd.jupyter.widget-view+json"


def choices(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


# Parameters of every notebook; the others are explained by the comments behind their defaults.
SHARED = {
    "scale": "how many images, how large the networks and how long their training: "
    + choices(scales.SCALES),
    "dataset": f"the images: {choices(data.NAMES)}",
    "seeds": "every run is repeated once for each, and several give intervals over seeds; this "
    "book shows those that are published",
}


def execute(
    slug: str,
    given: dict,
    destination: Path,
    *,
    provenance: bool = True,
    progress: bool = True,
    fork: bool = False,
) -> Path:
    """Execute a notebook with parameters and write it, with outputs, to `destination`.

    fork: see `kernels.own`. The file appears whole or not at all. Raises ValueError for wrong
    parameters, before anything runs, and RuntimeError with the failing cell's error.
    """
    values, destination = notebooks.check(slug, given), places.writable(destination)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            kernels.own(Path(folder), fork=fork) as manager,
        ):
            executed = papermill.execute_notebook(
                read(slug),
                None,
                parameters={name: values[name] for name in given},
                cwd=notebooks.NOTEBOOKS.parent,
                progress_bar=progress,
                kernel_manager_class=manager,
                shutdown_kernel="immediate",  # PyTorch takes two seconds to leave in good order
            )
    except PapermillExecutionError as error:
        raise RuntimeError(
            f"{slug} stopped in cell {error.exec_count}: {error.ename}: {error.evalue}"
        ) from error
    finish(executed, slug, values, provenance)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with places.replacing(destination) as file:
        nbformat.write(executed, file)
    return destination


def read(slug: str):
    """The notebook of a script, with the kernel that runs it."""
    notebook = jupytext.read(notebooks.source(slug))
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook.metadata["kernelspec"] = kernel
    return notebook


def finish(notebook, slug: str, values: dict, provenance: bool) -> None:
    """Make an executed notebook a page: no progress bars, captions as figures, closing sections."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [
                output
                for output in cell.outputs
                if output.get("name") != "stderr" and WIDGET not in output.get("data", {})
            ]
            if "injected-parameters" in cell.metadata.get("tags", ()):
                cell.metadata["tags"].append("remove-cell")
            caption(cell, slug)
            fold(cell)
    if any("parameters" in cell.metadata.get("tags", ()) for cell in notebook.cells):
        notebook.cells.append(nbformat.v4.new_markdown_cell(change_it(slug)))
    if provenance:
        notebook.cells.append(nbformat.v4.new_markdown_cell(provenance_of(slug, values)))


def caption(cell, slug: str) -> None:
    """Hand a shown figure's name and caption to MyST-NB, which numbers it and lets pages refer."""
    figures = [o.metadata["fhelpers"] for o in cell.outputs if "fhelpers" in o.get("metadata", {})]
    if len(figures) > 1:
        raise ValueError(f"{slug}: a cell shows {len(figures)} figures; give each its own cell")
    for figure in figures:
        options = {"caption": figure["caption"], "name": f"fig-{figure['name']}"}
        cell.metadata["mystnb"] = {"figure": options}


def fold(cell) -> None:
    """Let MyST-NB fold what a cell shows where its metadata has a title for that: `folded`."""
    if title := cell.metadata.get("folded"):
        cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "remove-input", "hide-output"]
        prompts = {"code_prompt_show": title, "code_prompt_hide": title}
        cell.metadata["mystnb"] = cell.metadata.get("mystnb", {}) | prompts


def change_it(slug: str) -> str:
    """A section with the page's parameters, their defaults, and a command that changes some."""
    known = notebooks.defaults(slug)
    written = {name: repr(value).replace("'", '"') for name, value in known.items()}
    rows = [f"| `{n}` | `{written[n]}` | {text} |" for n, text in explanations(slug).items()]
    options = " ".join(f"-p {name} {typed(value)}" for name, value in example(known).items())
    table = ["| parameter | default | what it is |", "|---|---|---|", *rows]
    command = ["```bash", f"fhelpers notebook {slug} {options}", "```", ""]
    folded = [":::{dropdown} What can be changed, and the defaults", "", *table, ":::"]
    return "\n".join(["## Change it", "", *command, *folded])


def explanations(slug: str) -> dict[str, str]:
    """What each parameter is, by name: the comment behind it, after the shared explanation."""
    cell = notebooks.parameters_cell(slug)
    tokens = tokenize.generate_tokens(io.StringIO(cell).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    found = {}
    for node in ast.parse(cell).body:
        name = node.targets[0].id
        parts = [SHARED.get(name), comments.get(node.value.end_lineno)]
        found[name] = ". Here: ".join(part for part in parts if part)
    return found


def typed(value: object) -> str:
    """A value as one types it in a shell."""
    return f'"{value}"' if isinstance(value, list) else str(value)


def example(known: dict) -> dict:
    """A scale that trains in minutes, and the first parameter of the page's own to be halved."""
    for name, value in known.items():
        if name in SHARED or not value or isinstance(value, str):
            continue
        half = value[: (len(value) + 1) // 2] if isinstance(value, list) else type(value)(value / 2)
        return {"scale": "quick", name: half}
    return {"scale": "quick"}


def provenance_of(slug: str, values: dict) -> str:
    """A folded block that says from which runs, code and machine a page was made."""
    groups = sections.of_section(slug, values).values()
    recipes = {recipe.run_id: recipe for group in groups for recipe in group}
    runs = [store.carry_out(recipe) for recipe in recipes.values()]
    records = [run.record for run in runs]
    machines, versions = (
        sorted({json.dumps(record[name], sort_keys=True) for record in records})
        for name in ("machine", "versions")
    )
    seconds = sum(record["seconds"] for record in records)
    warnings = [f"{run.run_id}: {text}" for run in runs for text in run.record["warnings"]]
    quickest = sorted(runs, key=lambda run: run.record["seconds"])[:1]
    rows = [
        ("Notebook", f"notebooks/{slug}.py"),
        ("Parameters", json.dumps(values)),
        ("Training", f"{len(runs)} runs, {seconds:.0f} s of processor time in all"),
        ("Precision", ", ".join(sorted({record["precision"] for record in records}))),
        ("Machine", "; ".join(machines)),
        ("Versions", "; ".join(versions)),
        ("Warnings", "; ".join(warnings) or "none"),
        ("Runs", ", ".join(run.run_id for run in runs)),
        *(("One of them anew", f"fhelpers verify {run.run_id}") for run in quickest),
    ]
    lines = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows)
    return (
        '<details class="fh-provenance"><summary>Provenance: where these numbers come from'
        f"</summary><dl>{lines}</dl></details>"
    )
