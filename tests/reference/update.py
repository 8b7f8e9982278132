"""Execute every notebook, or those named, at smoke scale: the references that nbval compares.

Only plain text is kept of each output, which is what nbval compares and a person can read in a
diff.
"""

import sys
from pathlib import Path

import nbformat

from fhelpers.pages import notebooks

SMOKE = {"scale": "smoke", "dataset": "planted", "seeds": [0]}
FEWER = {"others": ["fashion-mnist"], "strengths": [1.0, 0.25]}  # where a section takes them


def keep_text(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            for kind in set(output.get("data", {})) - {"text/plain"}:
                del output.data[kind]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for slug in sys.argv[1:] or notebooks.slugs():
        destination = Path(__file__).with_name(f"{slug}.ipynb")
        known = notebooks.defaults(slug)
        given = SMOKE | {name: value for name, value in FEWER.items() if name in known}
        keep_text(notebooks.execute(slug, given, destination, provenance=False))
        print(destination)
