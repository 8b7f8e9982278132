"""Execute every notebook, or those named, at smoke scale: the references that nbval compares.

Only plain text is kept of each output, which is what nbval compares and a person can read in a
diff.
"""

import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent))
import smoke

from fhelpers.pages import execution, notebooks


def keep_text(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("jupytext", None)  # it lists cells' keys in an order of the moment
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # not a new one each time, so that a diff shows results
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            for kind in set(output.get("data", {})) - {"text/plain"}:
                del output.data[kind]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    slugs = sys.argv[1:] or notebooks.slugs()
    smoke.carry_out(references=slugs, others=())
    for slug in slugs:
        destination = Path(__file__).with_name(f"{slug}.ipynb")
        given = smoke.reference_parameters(slug)
        keep_text(execution.execute(slug, given, destination, provenance=False))
        print(destination)
