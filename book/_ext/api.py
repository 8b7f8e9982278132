"""Sphinx extension: docstrings, which are plain prose, as autodoc wants them.

Names stand in single backticks there, and bars are bars. Examples are left as they are.
"""

import re


def plain(app, what, name, obj, options, lines):
    """Turn names into code and keep bars, in place."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            marked = re.sub(r"(?<![`:])`([^`]+)`(?!`)", r"``\1``", line)
            lines[number] = re.sub(r"\|(?=[^`]*(?:``[^`]*``[^`]*)*$)", r"\\|", marked)


def setup(app):
    """Before a docstring is read."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
