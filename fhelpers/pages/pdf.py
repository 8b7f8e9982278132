"""The built book as one PDF: title, contents, every page in order, with bookmarks and links.

The pages are those of the HTML book, printed by Chromium, so figures, tables and formulas look the
same. Folded code stays out; the scripts are on the pages to download.
"""

import html
import shutil
from pathlib import Path

from fhelpers import places

NAME = "frequencies-and-generalisation.pdf"
OPENING = Path("book", "sections", "00_scorecard.html")
PATIENCE = 300_000  # milliseconds for a page to load: a busy machine needs many times its second
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PLACE = '<span class="fh-pdf">'  # in the page "About this book"

# Runs in a page: its article, made fit to stand in one document with all others.
TAKE = """([number, pages]) => {
  const article = document.querySelector("article.bd-article").cloneNode(true);
  const away = "script, noscript, link, .headerlink, .fh-downloads, .fh-provenance, .only-dark, " +
    ".above-input, .fh-pdf, #fh-explorer, .toggle-details, .fh-foot";
  article.querySelectorAll(away).forEach((each) => each.remove());
  article.querySelectorAll("details").forEach((each) => { each.open = true; });
  article.querySelectorAll("[id]").forEach((each) => { each.id = `p${number}-${each.id}`; });
  article.querySelectorAll("img").forEach((each) => {
    each.src = new URL(each.getAttribute("src"), location).href;
    each.loading = "eager";
  });
  article.querySelectorAll("a[href]").forEach((each) => {
    const target = new URL(each.getAttribute("href"), location);
    const page = pages.indexOf(target.href.split("#")[0]);
    if (page >= 0) {
      each.setAttribute("href", `#p${page}${target.hash ? "-" + target.hash.slice(1) : ""}`);
    } else if (target.protocol === "file:") {
      each.replaceWith(...each.childNodes);
    }
  });
  const titles = [...article.querySelectorAll("h1, h2")].map(
    (each) => [each.tagName, each.textContent, each.closest("[id]")?.id]);
  return [article.innerHTML, titles];
}"""
STYLE = """
body { background: #ffffff; }
.fh-title { break-after: page; padding-top: 30vh; text-align: center; }
.fh-title h1 { font-size: 2rem !important; white-space: nowrap; border: 0; }
.fh-contents { break-after: page; }
.fh-contents li { list-style: none; }
.fh-page { break-before: page; }
/* A heading at the very top of a sheet would stand in the bookmarks twice, a broken one without the
   space at which it breaks. */
h1, h2, h3 { break-after: avoid; padding-top: 3mm; }
h1 { font-size: 1.5rem !important; }
h2 { font-size: 1.2rem !important; }
h3, h4 { font-size: 1.05rem !important; }
pre { white-space: pre-wrap !important; }
/* Paper does not scroll: wide tables are set smaller. */
.fh-table { overflow: visible; }
.fh-table table { font-size: 0.7rem; }
.fh-table :is(th, td) { padding-right: 0.6rem; }
.fh-table :is(th, td):first-child { min-width: 0; }
.fh-score fieldset { display: none; }
pre, tr, dl dd { break-inside: avoid; }
.bd-content, .bd-article { display: block; max-width: none; padding: 0; }
"""
FOOTER = (
    '<p style="width: 100%; font-size: 8px; text-align: center; color: #56697b">'
    '<span class="pageNumber"></span></p>'
)


def order(pages: Path) -> list[Path]:
    """The book's pages in the order of its table of contents, from the links that lead on."""
    found, queue = [], [pages / OPENING]
    while queue and queue[0] not in found:
        page = queue.pop()
        found.append(page)
        text = page.read_text("utf-8")
        if 'class="right-next"' in text:
            link = text.split('class="right-next"', 1)[1].split('href="', 1)[1].split('"', 1)[0]
            queue.append((page.parent / link).resolve())
    return found


def contents(titles: list[list]) -> str:
    """The table of contents from every page's (tag, text, anchor) of headings."""
    rows = ""
    for (_, title, top), *headings in titles:
        rows += f'<li><a href="#{top}">{html.escape(title)}</a>'
        for tag, text, anchor in headings:
            if tag == "H2" and anchor:
                rows += f'<br>&emsp;<a href="#{anchor}">{html.escape(text)}</a>'
        rows += "</li>"
    return f'<nav class="fh-contents"><h1>Contents</h1><ul>{rows}</ul></nav>'


def write(pages: Path | None = None) -> Path:
    """Print the book built in `pages` (_build/html unless given) and link to it on its pages.

    Raises FileNotFoundError where no book was built, and where Playwright or a browser is missing,
    RuntimeError where the browser cannot be started or fails.
    """
    pages = (pages or places.home() / "_build" / "html").resolve()
    if not (pages / OPENING).is_file():
        raise FileNotFoundError(f"{pages} holds no pages yet: run make book first")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError("there is no browser to print the book with: install chromium")
    try:
        from playwright.sync_api import Error
    except ImportError:
        what = 'playwright is missing: install it with `pip install "fhelpers[book]"`'
        raise FileNotFoundError(what) from None
    try:
        print_with(browser, pages)
    except Error as error:
        said = error.message.splitlines()[0]
        raise RuntimeError(f"{browser} could not print the book: {said}") from error
    link_from(pages / "book" / "about.html")
    return pages / NAME


def print_with(browser: str, pages: Path) -> None:
    """Print all pages with that browser. Raises Playwright's Error where it fails."""
    from playwright.sync_api import sync_playwright

    files, whole = order(pages), pages / ".whole.html"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = running.new_page(color_scheme="light")
        page.set_default_timeout(PATIENCE)
        taken = []
        for number, file in enumerate(files):
            page.goto(file.as_uri())
            taken.append(page.evaluate(TAKE, [number, [each.as_uri() for each in files]]))
        try:
            whole.write_text(document(page, taken), "utf-8")
            page.goto(whole.as_uri())
            page.evaluate("async () => { await document.fonts.ready }")
            margin = {"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"}
            page.pdf(
                path=pages / NAME, format="A4", margin=margin, print_background=True,
                outline=True, tagged=True, display_header_footer=True, header_template="<p></p>",
                footer_template=FOOTER,
            )  # fmt: skip
        finally:
            whole.unlink(missing_ok=True)
            running.close()


def document(page, taken: list) -> str:
    """One HTML document of all articles, with the style sheets of the page that is open."""
    sheets = page.eval_on_selector_all("head link[rel=stylesheet]", "all => all.map(a => a.href)")
    links = "".join(f'<link rel="stylesheet" href="{address}">' for address in sheets)
    title = page.title().rpartition(" — ")[2]
    author = page.locator("footer .component-author").first.text_content().strip()
    articles = "".join(
        f'<section class="fh-page" id="p{number}">{article}</section>'
        for number, (article, _) in enumerate(taken)
    )
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>'
        f'<meta charset="utf-8"><title>{html.escape(title)}</title>{links}<style>{STYLE}</style>'
        f'</head><body><div class="fh-title"><h1>{html.escape(title)}</h1>'
        f"<p>{html.escape(author)}</p></div>{contents([titles for _, titles in taken])}"
        f'<main class="bd-content"><article class="bd-article">{articles}</article></main>'
        f"</body></html>"
    )


def link_from(about: Path) -> None:
    """Put the link to the PDF where the page says how to make it."""
    text = about.read_text("utf-8")
    before, mark, after = text.partition(PLACE)
    if mark:
        rest = after.partition("</span>")[2]
        link = f'<a href="../{NAME}">The whole book as one PDF.</a>'
        about.write_text(f"{before}{PLACE}{link}</span>{rest}", "utf-8")
