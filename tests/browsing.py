"""The built book in a browser: shared by the tests of its pages and of the explorer.

The pages are built from notebooks executed at smoke scale, with parameters that are not their
defaults. `--pages _build/html` checks those of a real build instead.
"""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
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
SHOW_ALL = """async () => {
  const images = [...document.querySelectorAll("img")].filter((each) => each.offsetParent);
  images.forEach((each) => { each.loading = "eager"; });
  await Promise.all(images.map((each) => each.decode().catch(() => {})));
  return images.map((each) => [each.alt, each.naturalWidth]);
}"""
BESIDE = ("CHANGELOG.md", "CITATION.cff", "LICENSE")  # files in the root that pages include


def project(folder, sections):
    """Lay out a book in `folder`: the settings, the hand-written pages, executed notebooks."""
    for name in ("_config.yml", "_toc.yml", *BESIDE):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("sections"))
    for name in ("notebooks", "fhelpers"):  # figures link to the code that drew them
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
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


def explore(folder):
    """Write the explorer's files and the archive of records, as the workflow does."""
    import smoke

    from fhelpers.pages import explorer, notebooks, published
    from fhelpers.runs import store

    runs = []
    for slug, label in (("01_decomposition", "natural"), ("04_heuristics", "adversarial")):
        plan = notebooks.plan(slug, smoke.other_parameters(slug))
        runs.append(store.carry_out(plan[label][0]))
    explorer.write(*runs, folder / "_build" / "explorer")
    published.archive([run.run_id for run in runs], "[]", folder / "_build" / "records.zip")


def shared(request, tmp_path_factory):
    """A folder that all processes of a test run share: those of pytest-xdist have theirs inside."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if hasattr(request.config, "workerinput") else folder


@pytest.fixture(scope="session")
def pages(request, tmp_path_factory):
    """The folder of built pages."""
    if given := request.config.getoption("--pages"):
        assert (Path(given) / "index.html").is_file(), f"{given} holds no built pages"
        return Path(given).resolve()
    folder = shared(request, tmp_path_factory) / "book"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            sections = request.getfixturevalue("other_pages").values()
            folder.mkdir()
            explore(project(folder, sections))
            status, printed = build(folder)
            assert status == 0, printed[-4000:]
    return folder / "_build" / "html"


def html_files(pages):
    """All pages by their path below `pages`, without the theme's own templates."""
    found = {path.relative_to(pages).as_posix(): path for path in pages.rglob("*.html")}
    return {name: path for name, path in sorted(found.items()) if not name.startswith("_static/")}


def appearance(page):
    """What is wrong with a page as it stands in the window."""
    images = page.evaluate(SHOW_ALL)
    troubles = [f"image without size: {alt}" for alt, width in images if width == 0]
    folded = page.locator("details:not([open]) .fh-figure").count()
    figures = page.locator(".fh-figure").count() - folded
    shown = page.locator(".fh-figure img:visible").count()
    if figures != shown:
        troubles.append(f"{figures} figures, but {shown} images are visible")
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide > room:
        troubles.append(f"the page is {wide} pixels wide where there are {room}")
    return troubles


@contextlib.contextmanager
def serving(folder):
    """Serves a folder on this machine; gives the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture(scope="session")
def server(pages):
    """The address at which the pages are served."""
    with serving(pages) as address:
        yield address


@pytest.fixture(scope="module")  # while it runs, nothing else can run an event loop
def browser():
    """Headless Chromium with an empty profile. Without one: skipped, or failed where CI is set."""
    from playwright.sync_api import Error, sync_playwright

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
