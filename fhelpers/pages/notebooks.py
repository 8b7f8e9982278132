"""Notebooks as pages: Jupytext script, checked parameters, papermill, captions, provenance.

The only sources are notebooks/NN_slug.py. A notebook is executed by `execute`, from the command
line and from the Snakefile alike.
"""

import ast
import difflib
import html
import io
import json
import os
import tempfile
import tokenize
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jupytext
import nbformat
import papermill
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

from fhelpers import data, places, sections
from fhelpers.data.files import quoted
from fhelpers.runs import scales, store
from fhelpers.runs.checks import MOST, refuse
from fhelpers.runs.provenance import followed
from fhelpers.sections import NOTEBOOKS, slugs

FILES = {"coco_root", "model", "weights"}  # parameters that may name one of the user's own
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


def source(slug: str) -> Path:
    """The script of a notebook. Raises ValueError for a name that the book does not have."""
    if slug not in (known := slugs()):
        raise ValueError(f"notebook {quoted(slug)} is not known; choose one of {', '.join(known)}")
    return NOTEBOOKS / f"{slug}.py"


def read(slug: str):
    """The notebook of a script, with the kernel that runs it."""
    notebook, kernel = jupytext.read(source(slug)), {"name": "python3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel | {"display_name": "Python 3"}
    return notebook


def parameters_cell(slug: str) -> str:
    """The source of the cell tagged `parameters`. Raises ValueError where there is none."""
    if (found := tagged_parameters(source(slug).read_text("utf-8"))) is None:
        raise ValueError(f"notebook {slug!r} has no cell tagged parameters")
    return found


@cache  # by its text: a book is planned in several passes, and reading a script takes longest
def tagged_parameters(script: str) -> str | None:
    cells = jupytext.reads(script, "py:percent").cells
    return next((c.source for c in cells if "parameters" in c.metadata.get("tags", ())), None)


def defaults(slug: str) -> dict:
    """Names and values of the cell tagged `parameters`."""
    assignments = ast.parse(parameters_cell(slug)).body
    return {node.targets[0].id: ast.literal_eval(node.value) for node in assignments}


def explanations(slug: str) -> dict[str, str]:
    """What each parameter is, by name: the comment behind it, after the shared explanation."""
    cell = parameters_cell(slug)
    tokens = tokenize.generate_tokens(io.StringIO(cell).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    found = {}
    for node in ast.parse(cell).body:
        name = node.targets[0].id
        parts = [SHARED.get(name), comments.get(node.end_lineno)]
        found[name] = ". Here: ".join(part for part in parts if part)
    return found


def parse(text: str) -> object:
    """A value typed on the command line: a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError):
        return text


def check(slug: str, given: dict) -> dict:
    """The notebook's parameters with the given ones in place of the defaults.

    Raises ValueError for a name that the notebook does not have, a value of another type than
    the default's, and a value that no recipe can be made from.
    """
    known = defaults(slug)
    for name, value in given.items():
        if name not in known:
            refuse_unknown(name, known, slug, "it has")
        check_type(slug, name, value, known[name])
    values = known | given
    for name in FILES & set(values):  # now, from where the user stands: kernels run elsewhere
        if values[name] and os.path.exists(path := places.absolute(values[name])):
            values[name] = str(path)
    sections.of_section(slug, values)
    return values


def check_all(given: dict) -> None:
    """Check parameters that are meant for the whole book: each notebook takes those it has.

    Raises ValueError for one that no notebook has, and as `check` does.
    """
    taken = sorted({name for slug in slugs() for name in defaults(slug)})
    for name in given:
        if name not in taken:
            refuse_unknown(name, taken, "any notebook", "there are")
    for slug in slugs():
        check(slug, {name: given[name] for name in defaults(slug) if name in given})


def refuse_unknown(name: str, known: Iterable[str], where: str, has: str) -> None:
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"{has} {', '.join(known)}"
    raise ValueError(f"parameter {quoted(name)} is not known in {where}: {hint}")


def check_type(slug: str, name: str, value: object, default: object) -> None:
    """Raise ValueError unless a value has the default's type; lists go by their elements."""
    if isinstance(default, list):
        if not isinstance(value, list | tuple):
            wrong_type(slug, name, value, "a list such as " + repr(default))
        if default and not value:
            raise ValueError(f"parameter {name!r} of {slug} must not be empty: try {default!r}")
        for element in value:
            check_type(slug, name, element, default[0] if default else 0)
        return
    allowed = {bool: bool, int: int, float: int | float, str: str}[type(default)]
    if isinstance(default, int) and not isinstance(default, bool) and name in ("radii", "radius"):
        allowed = int | float
    if not isinstance(value, allowed) or isinstance(value, bool) != isinstance(default, bool):
        wrong_type(slug, name, value, f"{type(default).__name__}, such as {default!r}")
    if isinstance(value, int | float) and not abs(value) <= MOST:
        refuse(name, value, f"a number of at most {MOST:,}")


def wrong_type(slug: str, name: str, value: object, wanted: str) -> None:
    raise ValueError(
        f"parameter {name!r} of {slug} must be {wanted}; {quoted(value)} is {type(value).__name__}"
    )


def plan(slug: str, given: dict) -> sections.Plan:
    """The runs that the notebook needs with these parameters."""
    return sections.of_section(slug, check(slug, given))


def dependencies(slug: str) -> list[Path]:
    """Files whose change makes the page out of date: the script and all it imports from here.

    Imports are followed through the package, so that a page is rebuilt when its own plots change
    and left alone when another section's do.
    """
    folder = "*" if slug == sections.SCORECARD else slug.partition("_")[2]
    own = Path(sections.__file__).parent.glob(f"{folder}/*.py")  # registered, not imported
    found = followed([source(slug), Path(__file__), *own])
    styles = [style for path in found for style in path.parent.glob("*.mplstyle")]
    return sorted({*found, *styles})


def execute(
    slug: str, given: dict, destination: Path, *, provenance: bool = True, progress: bool = True
) -> Path:
    """Execute a notebook with parameters and write it, with outputs, to `destination`.

    The file appears whole or not at all. Raises ValueError for wrong parameters, before anything
    runs, and RuntimeError with the failing cell's error.
    """
    values, destination = check(slug, given), places.writable(destination)
    try:
        with tempfile.TemporaryDirectory() as folder:
            executed = papermill.execute_notebook(
                read(slug),
                None,
                parameters={name: values[name] for name in given},
                cwd=NOTEBOOKS.parent,
                progress_bar=progress,
                kernel_manager_class=own_kernel(Path(folder)),
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


def own_kernel(folder: Path) -> type[AsyncKernelManager]:
    """A manager of kernels in this very interpreter, whatever kernels the machine knows.

    They keep their files in `folder`: nothing is read from, or written to, the user's home.
    """
    private = {"IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(), language="python", env=private)

        def __init__(self, **options):
            # Sockets in the folder: of ports, two kernels that start at once may choose the same.
            file = str(folder / "kernel.json")
            super().__init__(connection_file=file, transport="ipc", **options)

    return OwnKernel


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
    known = defaults(slug)
    written = {name: repr(value).replace("'", '"') for name, value in known.items()}
    rows = [f"| `{n}` | `{written[n]}` | {text} |" for n, text in explanations(slug).items()]
    options = " ".join(f"-p {name} {typed(value)}" for name, value in example(known).items())
    table = ["| parameter | default | what it is |", "|---|---|---|", *rows]
    command = ["```bash", f"fhelpers notebook {slug} {options}", "```", ""]
    folded = [":::{dropdown} What can be changed, and the defaults", "", *table, ":::"]
    return "\n".join(["## Change it", "", *command, *folded])


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
