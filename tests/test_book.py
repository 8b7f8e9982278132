"""The book builds without a warning, and every page works in a browser without any other server.

The pages are built from notebooks executed at smoke scale, with parameters that are not their
defaults. `pytest tests/test_book.py --pages _build/html` checks those of a real build instead.
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from playwright.sync_api import Error, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "reference"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
NOT_LOADED = ("index", "search", "canonical", "prev", "next")  # <link rel=…> without a file
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


def project(folder, sections):
    """Lay out a book in `folder`: the settings, the hand-written pages, executed notebooks."""
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("sections"))
    (folder / "book" / "sections").mkdir()
    for notebook in sections:
        shutil.copy(notebook, folder / "book" / "sections")
    return folder


def build(folder):
    """Build the book in `folder` as the workflow does; gives exit status and what was printed."""
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [program, "build", ".", "-W", "-n", "--keep-going"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages(request, tmp_path_factory):
    """The folder of built pages."""
    if given := request.config.getoption("--pages"):
        assert (Path(given) / "index.html").is_file(), f"{given} holds no built pages"
        return Path(given).resolve()
    sections = request.getfixturevalue("other_pages").values()
    folder = project(tmp_path_factory.mktemp("book"), sections)
    status, printed = build(folder)
    assert status == 0, printed[-4000:]
    return folder / "_build" / "html"


class Page(HTMLParser):
    """The links, anchors and loaded files of one HTML file."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.loaded, self.images = [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Sort one tag into the four lists."""
        given = dict(attributes)
        self.anchors.update(given[key] for key in ("id", "name") if given.get(key))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("href") and given.get("rel") not in NOT_LOADED:
            self.loaded.append(given["href"])
        if tag == "img":
            self.images.append(given)
        if tag in ("script", "img", "iframe", "source", "video", "audio") and given.get("src"):
            self.loaded.append(given["src"])


def html_files(pages):
    """All pages by their path below `pages`, without the theme's own templates."""
    found = {path.relative_to(pages).as_posix(): path for path in pages.rglob("*.html")}
    return {name: path for name, path in sorted(found.items()) if not name.startswith("_static/")}


@pytest.fixture(scope="module")
def parsed(pages):
    """Every page, parsed, by its path."""
    return {name: Page(path) for name, path in html_files(pages).items()}


def contents():
    """The pages that _toc.yml lists, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def test_every_page_of_the_contents_was_built(pages):
    assert [name for name in contents() if not (pages / f"{name}.html").is_file()] == []


def test_every_notebook_stands_in_the_contents_and_has_a_reference():
    sections = [Path(name).name for name in contents() if name.startswith("book/sections/")]
    assert sections
    assert sorted(sections) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
    assert sorted(sections) == sorted(path.stem for path in REFERENCE.glob("*.ipynb"))


def test_every_section_stands_on_the_map_in_the_introduction():
    text = (ROOT / "book" / "intro.md").read_text()
    sections = [name.removeprefix("book/") for name in contents() if "/sections/" in name]
    assert [name for name in sections if f"{{doc}}`{name}`" not in text] == []


def test_nothing_is_loaded_from_another_server(parsed):
    foreign = [
        (name, address)
        for name, page in parsed.items()
        for address in page.loaded
        if urlsplit(address).netloc
    ]
    assert not foreign


def test_every_internal_link_leads_somewhere(pages, parsed):
    broken = []
    for name, page in parsed.items():
        for link in page.links:
            target = urlsplit(urljoin(f"site:///{name}", link))
            if target.scheme != "site":
                continue
            path, anchor = unquote(target.path).lstrip("/"), unquote(target.fragment)
            known = parsed[path].anchors if path in parsed else {anchor}
            if not (pages / path).is_file() or (anchor and anchor not in known):
                broken.append((name, link))
    assert not broken


def test_every_image_says_in_words_what_it_shows(parsed):
    silent = [
        name
        for name, page in parsed.items()
        for image in page.images
        if len((image.get("alt") or "").strip()) < 10
    ]
    assert not silent
    sections = [page for name, page in parsed.items() if name.startswith("book/sections/")]
    assert all(page.images for page in sections), "a section has no figure at all"


@pytest.fixture(scope="module")
def server(pages):
    """Serves the pages on this machine; gives the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=pages)
    ) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium with an empty profile. Without one: skipped, or failed where CI is set."""
    own = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=own, args=FLAGS)
        except Error as error:
            why = error.message.splitlines()[0]
            reason = f"There is no browser to open the pages with: install chromium. ({why})"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield running
        running.close()


@pytest.fixture
def page(browser):
    """A fresh tab without history or settings."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def visit(page, address):
    """Open one page, on a desk by day and on a phone by night; report its faults as sentences."""
    troubles = []
    here = "{0.scheme}://{0.netloc}/".format(urlsplit(address))
    listeners = {
        "console": lambda message: message.type == "error" and troubles.append(message.text),
        "pageerror": lambda error: troubles.append(f"script: {error}"),
        "request": lambda request: (
            request.url.startswith((here, "data:", "blob:"))
            or troubles.append(f"request to another server: {request.url}")
        ),
        "response": lambda response: (
            response.status >= 400 and troubles.append(f"missing: {response.url}")
        ),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    for scheme, viewport in (("light", DESK), ("dark", PHONE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        if page.url != address:
            page.goto(address)
            page.wait_for_load_state("networkidle")
        troubles += [f"{trouble} ({scheme})" for trouble in appearance(page)]
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return troubles


def appearance(page):
    """What is wrong with a page as it stands in the window."""
    images = page.eval_on_selector_all(
        "img", "all => all.filter(i => i.offsetParent).map(i => [i.alt, i.naturalWidth])"
    )
    troubles = [f"image without size: {alt}" for alt, width in images if width == 0]
    figures = page.locator(".fh-figure").count()
    shown = page.locator(".fh-figure img:visible").count()
    if figures != shown:
        troubles.append(f"{figures} figures, but {shown} images are visible")
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide > room:
        troubles.append(f"the page is {wide} pixels wide where there are {room}")
    return troubles


def test_every_page_opens_without_trouble(pages, server, page):
    troubles = {name: visit(page, server + name) for name in html_files(pages)}
    assert not {name: found for name, found in troubles.items() if found}


def test_a_page_follows_the_readers_mode(server, page):
    page.goto(server + "book/intro.html")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_selector(f"html[data-theme={scheme}]")


def test_the_search_finds_a_word_without_a_network(server, page):
    page.goto(server + "search.html?q=radius")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() >= 1


# The checks above are worth something only if they can fail.


def test_a_page_with_every_fault_is_found_out(pages, server, page):
    faulty = pages / "faulty.html"
    faulty.write_text(
        '<img alt="a picture that is not there" src="absent.png" style="min-width: 999px">'
        '<script src="http://127.0.0.2:8/foreign.js"></script><script>throw Error("mine")</script>'
        '<div class="fh-figure"></div>'
    )
    try:
        troubles = "\n".join(visit(page, server + "faulty.html"))
    finally:
        faulty.unlink()
    for words in ("missing", "another server", "mine", "without size", "0 images", "pixels wide"):
        assert words in troubles, troubles


def one_page(folder, text):
    """Lay out a book of a single page in `folder`, with the settings of the real one."""
    others = shutil.ignore_patterns("*.md", "sections")
    shutil.copytree(ROOT / "book", folder / "book", ignore=others)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/page\n")
    (folder / "book" / "page.md").write_text(f"# A page\n\n{text}\n")
    return folder


def test_broken_references_stop_the_build_and_are_named(tmp_path):
    text = "See {doc}`nowhere`, {cite:t}`nobody1900` and {term}`a word that nobody explained`."
    status, printed = build(one_page(tmp_path, text))
    assert status != 0
    for name in ("nowhere", "nobody1900", "a word that nobody explained"):
        assert name in printed.split("reading sources", 1)[1], printed[-2000:]


def test_a_formula_that_cannot_be_read_stops_the_build_and_is_named(tmp_path):
    status, printed = build(one_page(tmp_path, r"A formula $\notacommand{x}$."))
    assert status != 0
    assert "notacommand" in printed
