"""Sphinx extension: what stands around a page: downloads, launch and edit links, icons.

The theme offers some of this, but for a book whose notebooks lie in git. Here the sources are
scripts, and the executed notebooks exist in the built book only, so each button is told where its
file really is. Everything that needs a public address follows from `repository: url`.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pydata_sphinx_theme

LAUNCHER = "notebooks/launch.ipynb"  # Colab opens .ipynb files from git, and no section is one
# Icons that the theme's own scripts put on a page while it is read.
ICONS_OF_SCRIPTS = {"fa-bars", "fa-list", "fa-xmark", "fa-magnifying-glass"}
READ_ICONS = """
global.window = global;
global.document = {createElement: () => ({}), head: {}, documentElement: {}};
document.addEventListener = document.querySelector = document.getElementsByTagName = () => {};
document.documentElement.doScroll = false;
try { require(process.argv[1]); } catch (error) {}
const {fab, far, fas} = window.___FONT_AWESOME___.styles;
const sets = {...fab, ...far, ...fas};
const chosen = Object.entries(sets).filter(([name]) => process.argv.includes("fa-" + name));
console.log(JSON.stringify(Object.fromEntries(chosen)));
"""
DRAW_ICONS = """/* Icons of Font Awesome Free (fontawesome.com, CC BY 4.0) that this book shows. */
(() => {
  const icons = %s;
  const draw = (place) => place.querySelectorAll("i[class*=fa-], span.fa-solid").forEach((sign) => {
    const name = [...sign.classList].find((each) => each.slice(3) in icons);
    if (!name) return;
    const [width, height, , , path] = icons[name.slice(3)];
    sign.innerHTML = `<svg aria-hidden="true" viewBox="0 0 ${width} ${height}">` +
      `<path fill="currentColor" d="${path}"></path></svg>`;
    sign.classList.add("fh-icon");
  });
  draw(document);
})();
"""


def script_of(app, pagename):
    """The script behind a page, by its name in the repository; None for hand-written pages."""
    path = Path(app.srcdir, "notebooks", f"{Path(pagename).name}.py")
    return f"notebooks/{path.name}" if "/sections/" in pagename and path.is_file() else None


def buttons(app, pagename, templatename, context, doctree):
    """Name the downloads, add the script and the buttons that need a public address."""
    if doctree is None or "header_buttons" not in context:
        return
    script = script_of(app, pagename)
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            group["buttons"] = downloads(app, context, group["buttons"], script)
    if script:
        context["header_buttons"].append(
            {
                "type": "javascript",
                "javascript": "fhToggleCode(this)",
                "icon": "fas fa-code",
                "tooltip": "Show or hide all code",
                "label": "code-button",
                "classes": "pst-navbar-icon",
            }
        )
    address = app.config.html_theme_options.get("repository_url", "").rstrip("/")
    if address:
        context["header_buttons"] += public(app, address, pagename, script)
    for button in context["header_buttons"]:
        # The theme gives buttons without a text no name that a screen reader could say.
        button.setdefault("tooltip", button.get("text"))


def mend(app, pagename, templatename, context, doctree):
    """Take back a role that promises a list where Sphinx lists sources by another role."""
    if "body" in context:
        lists = 'role="list" class="citation-list"'
        context["body"] = context["body"].replace(lists, 'class="citation-list"')


def downloads(app, context, theirs, script):
    """The theme's list of downloads with words that say what each is."""
    words = {
        ".ipynb": ("Notebook with results (.ipynb)", "fas fa-file-code"),
        ".md": ("Source (.md)", "fas fa-file"),
        ".pdf": ("Print this page", "fas fa-print"),
    }
    listed = []
    for button in theirs:
        text, icon = words[button["text"]]
        listed.append(button | {"text": text, "icon": icon, "tooltip": None})
    if script:
        copy = Path(app.outdir, "_sources", script)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(app.srcdir, script), copy)
        button = {
            "type": "link",
            "url": context["pathto"](f"_sources/{script}", 1),
            "text": "Script (.py)",
            "icon": "fab fa-python",
            "label": "download-script-button",
        }
        listed.insert(1, button)
    return listed


def public(app, address, pagename, script):
    """Links to the repository: its start, this page's source, a new issue; Binder and Colab."""
    if not address.startswith("https://github.com/"):
        raise ValueError(f"repository url {address!r} in _config.yml must be one of github.com")
    branch = app.config.html_theme_options.get("repository_branch") or "main"
    source = script or Path(app.env.doc2path(pagename)).relative_to(app.srcdir).as_posix()
    name = address.removeprefix("https://github.com/")
    links = [
        ("Repository", address, "fab fa-github"),
        ("Edit this page", f"{address}/edit/{branch}/{source}", "fas fa-pencil"),
        ("Report a fault", f"{address}/issues/new?title=Page%20{pagename}", "fas fa-lightbulb"),
    ]
    groups = [("Source repository", "fab fa-github", "source-buttons", links)]
    if script:
        binder = f"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{source}"
        colab = f"https://colab.research.google.com/github/{name}/blob/{branch}/{LAUNCHER}"
        launch = [("Binder", binder, "fas fa-rocket"), ("Colab", colab, "fas fa-rocket")]
        groups.insert(0, ("Run this page elsewhere", "fas fa-rocket", "launch-buttons", launch))
    return [
        {
            "type": "group",
            "tooltip": tooltip,
            "icon": icon,
            "label": label,
            "buttons": [
                {"type": "link", "url": url, "text": text, "icon": sign}
                for text, url, sign in links
            ],
        }
        for tooltip, icon, label, links in groups
    ]


def fewer_icons(app, failure):
    """Replace the theme's 1.5 MB of icons by the few that the pages show."""
    if failure or app.builder.name != "html":
        return
    used = set(ICONS_OF_SCRIPTS)
    for page in Path(app.outdir).rglob("*.html"):
        used.update(re.findall(r"\bfa-[a-z-]+", page.read_text("utf-8")))
    folder = Path(pydata_sphinx_theme.__file__).parent
    bundle = next(folder.rglob("static/scripts/fontawesome.js"))
    command = ["node", "-e", READ_ICONS, str(bundle), *sorted(used)]
    icons = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    script = Path(app.outdir, "_static", "scripts", "fontawesome.js")
    script.write_text(DRAW_ICONS % json.dumps(json.loads(icons)), "utf-8")


def setup(app):
    """After the theme has put its own buttons there, and after everything is written."""
    app.connect("html-page-context", buttons, priority=600)
    app.connect("html-page-context", mend, priority=600)
    app.connect("build-finished", fewer_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
