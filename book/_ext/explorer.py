"""Sphinx extension: what belongs to no page's source goes to `_static/` of the built book.

These are the files of the page "Explorer", which lie in book/_explorer/ where they are written by
hand, and in _build/explorer/ where they come from trained networks (`fhelpers explorer`), and the
archive of all records.
"""

import shutil
from pathlib import Path

PAGE = "book/explorer"
ARCHIVE = "records.zip"


def copy(app, failure):
    """Copy them, the explorer's when the book has that page."""
    if failure or app.builder.name != "html":
        return
    static, made = Path(app.outdir, "_static"), Path(app.srcdir, "_build")
    if (made / ARCHIVE).is_file():
        shutil.copy(made / ARCHIVE, static)
    shutil.rmtree(static / "explorer", ignore_errors=True)
    for folder in (Path(app.srcdir, "book", "_explorer"), made / "explorer"):
        if folder.is_dir() and PAGE in app.env.found_docs:
            shutil.copytree(folder, static / "explorer", dirs_exist_ok=True)


def setup(app):
    """Once all pages are written."""
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
