"""Sphinx extension: the figures of a page become files beside it, each with links to fetch it.

An executed notebook carries its figures in itself, for light and for dark pages, and the data of
each in the output's metadata. On a page they would be loaded twice over and could not be saved, so
they are written to `_figures/<page>/`: <name>.svg, <name>-dark.svg and <name>.csv. The browser
loads only the image that is shown. The code that drew a figure becomes a page under `_static/code`.
"""

import html
import json
import re
import shutil
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FIGURE = re.compile(r'<div class="fh-figure" data-name="([^"]+)">(.*?)</div>', re.DOTALL)
IMAGE = re.compile(
    r'<img class="only-(light|dark)" alt="([^"]*)" src="data:image/svg\+xml,([^"]*)">'
)
# For notebooks opened by hand: rules for both modes, and the caption, which a page has numbered.
BY_HAND = re.compile(r'<style>.*?</style>|<p class="fh-caption">.*?</p>', re.DOTALL)


def offered(source):
    """{name of a figure: what its output tells of it} of an executed notebook."""
    found = {}
    for cell in json.loads(source.read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            figure = output.get("metadata", {}).get("fhelpers", {})
            if figure:
                found[figure["name"]] = figure
    return found


def move(app, pagename, templatename, context, doctree):
    """Write the figures of one page to files and let the page refer to them."""
    source = Path(app.env.doc2path(pagename)) if doctree is not None else None
    if source is None or source.suffix != ".ipynb" or "body" not in context:
        return
    folder = Path(app.outdir, "_figures", source.stem)
    shutil.rmtree(folder, ignore_errors=True)
    told, address = offered(source), context["pathto"](f"_figures/{source.stem}", 1)

    def written(match):
        name = html.unescape(match[1])
        inside = IMAGE.sub(lambda image: as_file(image, folder, address, name), match[2])
        links = [link(f"{address}/{name}.svg", name, "figure", "SVG")]
        if "data" in told.get(name, ()):
            (folder / f"{name}.csv").write_text(told[name]["data"], "utf-8")
            links.append(link(f"{address}/{name}.csv", name, "data", "CSV"))
        if told.get(name, {}).get("code"):
            page, _, line = code_page(app, told[name]["code"]).partition("#")
            code = f"{context['pathto'](page, 1)}#{line}"
            links.append(f'<a href="{code}" aria-label="The code that drew {name}">Code</a>')
        return (
            f'<div class="fh-figure" data-name="{match[1]}">{BY_HAND.sub("", inside)}'
            f'<p class="fh-downloads">{" ".join(links)}</p></div>'
        )

    context["body"] = FIGURE.sub(written, context["body"])


def as_file(image, folder, address, name):
    """The image with its picture in a file; its size stays, so that nothing jumps when it loads."""
    mode, alt, data = image.groups()
    text = unquote(html.unescape(data))
    file = f"{name}{'-dark' if mode == 'dark' else ''}.svg"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text, "utf-8")
    size = " ".join(
        f'{side}="{round(float(found[1]) * 4 / 3)}"'
        for side in ("width", "height")
        if (found := re.search(rf"<svg [^>]*?\b{side}='([\d.]+)pt'", text))
    )
    return f'<img class="only-{mode}" alt="{alt}" src="{address}/{file}" {size} loading="lazy">'


def code_page(app, place):
    """The address of a module, as a page with an anchor at each line; place: file#L<line>."""
    file, _, line = place.partition("#L")
    target = f"_static/code/{file.removesuffix('.py')}.html"
    page = Path(app.outdir, target)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(coloured(file, Path(app.srcdir, file).read_text("utf-8")), "utf-8")
    return f"{target}#L-{line}"


@cache  # one file draws most figures of a page
def coloured(file, text):
    """A module as a whole HTML page, with an anchor at each line."""
    look = {"title": file, "linenos": "table", "lineanchors": "L"}
    return highlight(text, PythonLexer(), HtmlFormatter(full=True, **look))


def link(address, name, what, kind):
    return (
        f'<a href="{address}" download="{name}.{kind.lower()}" '
        f'aria-label="Download the {what} {name} as {kind}">{what.capitalize()} ({kind})</a>'
    )


def setup(app):
    """Have every page's figures moved before the page is written."""
    app.connect("html-page-context", move, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
