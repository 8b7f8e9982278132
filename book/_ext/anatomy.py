"""Sphinx extension: what stands at the foot of a section: the helpers it uses, and its set-up.

A notebook has to import and load before it can show anything, so its first cells are set-up.
Readers come for the result: on the page these cells, tagged `hide-cell`, move behind everything
else. The notebook itself keeps its order, also where a page offers it to download.
"""

import ast
import importlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

TITLE = "The code of the set-up"
# The modules whose functions the API pages describe.
MODULES = ("frequency", "data", "networks", "attacks", "smoothing", "masks", "heatmap", "report")


def used(sources):
    """Functions of the described modules that Python sources call, as module.name, sorted."""
    found = set()
    for tree in map(ast.parse, sources):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fhelpers."):
                module = node.module.removeprefix("fhelpers.")
                found.update((module, each.name) for each in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add((node.value.id, node.attr))
    described = sorted((module, name) for module, name in found if module in MODULES)
    return [f"fhelpers.{module}.{name}" for module, name in described if public(module, name)]


def public(module, name):
    """Whether the API pages describe a function or class of this name."""
    held = importlib.import_module(f"fhelpers.{module}")
    function = getattr(held, name, None)
    return name in getattr(held, "__all__", [name]) and callable(function)


def helpers(app, slug):
    """A paragraph with links to the helpers that a section's notebook and modules use, or None."""
    folder = Path(app.srcdir, "fhelpers", "sections", slug.partition("_")[2])
    script = Path(app.srcdir, "notebooks", f"{slug}.py")
    files = [script, *sorted(folder.glob("*.py"))] if script.is_file() else []
    names = used(file.read_text("utf-8") for file in files)
    if not names:
        return None
    said = nodes.paragraph("", "", nodes.strong("", "Helpers used here."), classes=["fh-helpers"])
    for name in names:
        short = nodes.literal(name, name.removeprefix("fhelpers."), classes=["xref", "py"])
        about = {"refdomain": "py", "reftype": "obj", "reftarget": name, "refexplicit": False}
        said += nodes.Text(" ")
        said += addnodes.pending_xref("", short, **about)
    return said


def to_the_foot(app, doctree):
    """Close a section with its helpers, and with its folded cells under a heading of their own."""
    if "/sections/" not in f"/{app.env.docname}":
        return
    page = next(doctree.findall(nodes.section))
    if said := helpers(app, app.env.docname.rpartition("/")[2]):
        page += said
    cells = [
        each for each in doctree.findall(nodes.container) if "tag_hide-cell" in each["classes"]
    ]
    if not cells:
        return
    foot = nodes.section("", nodes.title(TITLE, TITLE), ids=["set-up-code"], classes=["fh-foot"])
    for cell in cells:
        cell.parent.remove(cell)
        foot += cell
    page += foot


def setup(app):
    """Before Sphinx collects the headings of a page for its contents."""
    app.connect("doctree-read", to_the_foot, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
