"""Sphinx extension: the files of the page "Explorer" go to `_static/explorer/` of the built book.

Those that are written by hand lie in book/_explorer/, those that come from trained networks in
_build/explorer/, where the workflow puts them (`fhelpers explorer`).
"""

import shutil
from pathlib import Path

PAGE = "book/explorer"


def copy(app, failure):
    """Copy both folders, when the book has that page."""
    if failure or app.builder.name != "html" or PAGE not in app.env.found_docs:
        return
    target = Path(app.outdir, "_static", "explorer")
    shutil.rmtree(target, ignore_errors=True)
    for folder in ("book/_explorer", "_build/explorer"):
        source = Path(app.srcdir, folder)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)


def setup(app):
    """Once all pages are written."""
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
