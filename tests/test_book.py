"""The book builds without a warning, and its pages work in a browser without any other server.

`pytest tests/test_book.py --pages _build/html` checks a real build instead of a smoke one.
"""

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from browsing import BESIDE, ROOT, appearance, build, html_files

REFERENCE = ROOT / "tests" / "reference"
NOT_LOADED = ("index", "search", "canonical", "prev", "next")  # <link rel=…> without a file


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


def test_pages_open_as_files_with_the_network_cut_off(pages, browser):
    context = browser.new_context(offline=True)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    page.goto((pages / "index.html").as_uri())
    page.wait_for_url(f"**/{contents()[0]}.html")
    for name in html_files(pages).keys() - {"index.html"}:
        page.goto((pages / name).as_uri())
        troubles += [f"{name}: {trouble}" for trouble in appearance(page)]
    assert troubles == []
    # A file may not read others, so the list of results comes without the words around each.
    page.goto((pages / "search.html").as_uri() + "?q=radius")
    page.wait_for_selector("#search-results li a")
    context.close()


def test_every_figure_can_be_downloaded_with_its_data(pages, server, page):
    section = sorted((pages / "book" / "sections").glob("*.html"))[0]
    figures = 0
    for file in sorted((pages / "book" / "sections").glob("*.html")):
        text = file.read_text("utf-8")
        links = re.findall(r'href="([^"]+)" download="([^"]+)"', text)
        here = [name for _, name in links if name.endswith(".svg")]
        assert len(here) == text.count('class="fh-figure"') > 0, file.name
        assert sorted(name.replace(".csv", ".svg") for _, name in links) == sorted(2 * here)
        for address, name in links:
            content = (file.parent / address).read_text("utf-8")
            if name.endswith(".csv"):
                head, *rows = csv.reader(content.splitlines())
                assert "panel" in head or len(head) > 1, (file.name, name)
                assert len(rows) > 0, (file.name, name)
        codes = re.findall(r'href="([^"]+_static/code/[^"#]+)#(L-\d+)"', text)
        assert len(codes) == len(here), file.name
        for address, anchor in codes:
            assert f'id="{anchor}"' in (file.parent / address).read_text("utf-8")
        figures += len(here)
    page.goto(f"{server}book/sections/{section.name}")
    with page.expect_download() as caught:
        page.get_by_role("link", name="as CSV").first.click()
    assert Path(caught.value.path()).read_text("utf-8").startswith("panel,")
    assert figures > 6


def test_every_section_offers_its_notebook_and_its_script(pages, parsed):
    for name, page in parsed.items():
        if not name.startswith("book/sections/"):
            continue
        slug = Path(name).stem
        for address in (f"_sources/book/sections/{slug}.ipynb", f"_sources/notebooks/{slug}.py"):
            assert f"../../{address}" in page.links
            assert (pages / address).is_file()
        script = (pages / "_sources" / "notebooks" / f"{slug}.py").read_text("utf-8")
        assert script == (ROOT / "notebooks" / f"{slug}.py").read_text("utf-8")


def test_all_code_of_a_page_unfolds_and_folds(pages, server, page):
    section = sorted((pages / "book" / "sections").glob("*.html"))[1]
    page.goto(f"{server}book/sections/{section.name}")
    cells = page.locator("details.above-input").count()
    assert cells > 3
    for unfolded in (cells, 0):
        page.locator(".btn-code-button").click()
        assert page.locator("details.above-input[open]").count() == unfolded


def test_a_page_follows_the_readers_mode(server, page):
    page.goto(server + "book/intro.html")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_selector(f"html[data-theme={scheme}]")


def test_a_page_prints_light_and_is_dark_again(server, page):
    page.emulate_media(color_scheme="dark")
    page.goto(server + "book/intro.html")
    page.wait_for_selector("html[data-theme=dark]")
    for event, mode in (("beforeprint", "light"), ("afterprint", "dark")):
        page.evaluate("name => dispatchEvent(new Event(name))", event)
        assert page.locator("html").get_attribute("data-theme") == mode


def test_the_search_finds_a_word_without_a_network(server, page):
    page.goto(server + "search.html?q=radius")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() >= 1


def test_the_search_finds_the_pages_on_masks(pages, server, page):
    masks = {path.stem for path in (pages / "book" / "sections").glob("*mask*.html")}
    if not masks:
        pytest.skip("this book has no page on masks")
    page.goto(server + "search.html?q=mask")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function("document.querySelector('.search-summary')?.textContent.match(/found/)")
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert masks <= {Path(urlsplit(link).path).stem for link in links}


def one_page(folder, text):
    """Lay out a book of a single page in `folder`, with the settings of the real one."""
    others = shutil.ignore_patterns("*.md", "sections")
    shutil.copytree(ROOT / "book", folder / "book", ignore=others)
    for name in ("_config.yml", *BESIDE):
        shutil.copy(ROOT / name, folder)
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
