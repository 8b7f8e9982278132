"""What the built pages say agrees with what they show, and each has the anatomy of the book.

`pytest tests/test_built_pages.py --pages _build/html` checks a real build instead of a smoke one.
Every check is a function of text or of an open page; each has a test that shows it a planted fault.
"""

import ast
import csv
import html
import io
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from browsing import ROOT

from fhelpers.drawing.style import COLOURS

TALLEST = 9_000  # pixels of a page at 1280 × 800
TWO_SCREENS = 1_600
SMALL, LARGE = (1280, 800), (1440, 900)
GREYS = 60  # of 255: the theme's muted text is this bluish at most
WORDS = {  # what is not English, or not the field's word: what to say instead
    r"learnt": "learned",
    r"by heart": "memorised",
    r"at hand": "available",
    r"told apart by": "distinguished by",
    r"not to be told from": "indistinguishable from",
    r"dealt out": "distributed",
    r"lives? on the (?:low|high)": "relies on",
    r"owes? to": "gains from",
    r"turn (?:its|their|the) answer": "flip the prediction",
    r"the watched images": "the monitored subset",
    r"left a warning": "triggered a warning",
    r"who wants to know": "to see",
    r"take the averages anew": "recompute the statistics",
}


@pytest.fixture(scope="module")
def sections(pages):
    """The HTML of every section by its slug."""
    folder = pages / "book" / "sections"
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.html"))}


@pytest.fixture(scope="module")
def figures(pages):
    """The SVG of every figure for light pages, by its name."""
    found = sorted((pages / "_figures").glob("*/*.svg"))
    return {path.stem: path.read_text("utf-8") for path in found if "-dark" not in path.stem}


@pytest.fixture(scope="module")
def tables(pages):
    """The rows of every figure's CSV file, by its name."""
    found = sorted((pages / "_figures").glob("*/*.csv"))
    return {path.stem: list(csv.DictReader(io.StringIO(path.read_text("utf-8")))) for path in found}


def plain(text):
    """The words of HTML, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def article(text):
    """What a page itself says, without code, provenance and what stands around it."""
    inside = re.search(r"<article.*?</article>", text, re.DOTALL)
    text = inside[0] if inside else text
    away = r'<pre.*?</pre>|<details class="fh-provenance".*?</details>'
    return re.sub(away, "", text, flags=re.DOTALL)


# --- ticks ---------------------------------------------------------------------------------------


def ticks(svg, axes="xy"):
    """For each axis of a figure its ticks: [(place in points, label)], horizontal axes first."""
    found = []
    for axis, place in zip("xy", (1, 2), strict=True):
        if axis not in axes:
            continue
        label = r"<text [^>]*?\bx='([\d.-]+)' y='([\d.-]+)'[^>]*>([^<]*)</text>"
        for group in re.split(r"<g id='matplotlib\.axis_\d+'>", svg)[1:]:
            each = re.findall(rf"<g id='{axis}tick_\d+'>.*?{label}", group)
            if each:
                found.append([(float(one[place - 1]), one[2]) for one in each])
    return found


def lying(labels):
    """Why the labels of one axis cannot be right, or nothing: [(place, text)] -> sentence."""
    texts = [text.replace("−", "-") for _, text in labels]
    if repeated := [text for text, count in Counter(texts).items() if text and count > 1]:
        return f"repeats {', '.join(repeated)}"
    read = [re.fullmatch(r"([+-]?\d+)( %)?", text) for text in texts]  # those that may be rounded
    if len(read) < 3 or not all(read):
        return ""
    values, places = [int(one[1]) for one in read], [place for place, _ in labels]
    apart, steps = np.diff(places), np.diff(values)
    even = np.allclose(apart, apart.mean(), rtol=0.02)
    rounded = np.abs(steps - steps.mean()).max() <= 1 and len(set(steps.tolist())) > 1
    return f"rounds {', '.join(texts)}" if even and rounded else ""


def test_no_axis_repeats_or_rounds_its_labels(figures):
    told = {name: [lying(axis) for axis in ticks(svg)] for name, svg in figures.items()}
    assert sum(map(len, told.values())) > 20
    assert {name: list(filter(None, found)) for name, found in told.items() if any(found)} == {}


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (["0 %", "0 %", "1 %"], "repeats 0 %"),
        (["+2", "−2", "−8"], "rounds +2, -2, -8"),
        (["0", "5", "10"], ""),
        (["4", "8", "16"], ""),
        (["2.5 %", "5 %", "7.5 %"], ""),
    ],
)
def test_labels_that_lie_are_found(labels, why):
    axis = "".join(
        f"<g id='ytick_{k}'> <g> <text style='a' x='9' y='{10 * k}' b='c'>{text}</text> </g> </g>"
        for k, text in enumerate(labels)
    )
    (found,) = ticks(f"<svg> <g id='matplotlib.axis_2'> {axis} </g></svg>")
    assert lying(found) == why


# --- CSV files -----------------------------------------------------------------------------------


def merged(rows):
    """Series under whose name a figure has two curves: their points go back to where they began."""
    series = defaultdict(list)
    for row in rows:
        if row.get("series") and row.get("x") and row.get("y"):
            grid = row.get("x_tick") and row.get("y_tick")  # marks in a table of words
            series[row.get("panel"), row["series"]] += [] if grid else [(row["x"], row["y"])]
    return [
        name
        for name, points in series.items()
        if all(len({point[axis] for point in points}) < most(points) for axis in (0, 1))
        and len(set(points)) > 1
    ]


def most(points):
    """How many values a coordinate of one curve has; in a large scatter some agree by chance."""
    return len(points) if len(points) < 500 else 0.95 * len(points)


def in_shares(rows, svg):
    """Axes that say percentage points over a column that holds shares."""
    found = []
    for axis in ("x", "y"):
        own = [row for row in rows if "percentage points" in (row.get(f"{axis}_axis") or "")]
        ends = {axis: (axis, "low", "high")}
        own = [
            abs(float(row[end]))
            for row in own
            for end in ends.get(row.get("along") or "y", (axis,))
            if row.get(end)
        ]
        said = [text.replace("−", "-") for each in ticks(svg, axis) for _, text in each]
        said = [float(text) for text in said if re.fullmatch(r"[+-]?\d+(\.\d+)?", text)]
        if any(own) and said and max(own) < 0.02 * max(map(abs, said)):
            found.append(axis)
    return found


def test_no_two_curves_of_a_csv_file_share_a_name(tables):
    assert {name: found for name, rows in tables.items() if (found := merged(rows))} == {}


def test_percentage_points_are_not_given_as_shares(tables, figures):
    told = {name: in_shares(rows, figures[name]) for name, rows in tables.items()}
    assert {name: axes for name, axes in told.items() if axes} == {}


def test_merged_curves_and_shares_are_found():
    one = [{"panel": "a", "series": "s", "x": str(x), "y": str(x % 2)} for x in range(4)]
    assert merged(one) == []
    assert merged(one + one[::-1][:3]) == [("a", "s")]
    rows = [{"x_axis": "gain, percentage points", "x": "0.12"}]
    axis = [f"<g id='xtick_{k}'><text x='{k}' y='0' z=''>{5 * k}</text></g>" for k in range(4)]
    svg = f"<g id='matplotlib.axis_1'>{''.join(axis)}</g>"
    assert in_shares(rows, svg) == ["x"]
    assert in_shares([rows[0] | {"x": "12"}], svg) == []


# --- one network, one accuracy -------------------------------------------------------------------

# Networks that several pages show at the end of training: by figure the row in which each stands.
SAME = {"heuristics-ends": "M_natural", "architectures-ends": "ResNet"}


def disagreeing(tables, same):
    """Accuracies of one network that differ between figures: {what: {figure: values}}."""
    found = defaultdict(dict)
    for name, label in same.items():
        for row in tables.get(name, ()):
            if (row.get("y_tick") or "").startswith(label) and "images" in row["series"]:
                found[row["series"]].setdefault(name, row["x"])
    return {what: values for what, values in found.items() if len(set(values.values())) > 1}


def test_a_network_has_one_accuracy_on_all_pages(tables):
    assert disagreeing(tables, SAME) == {}


def test_a_network_with_two_accuracies_is_found():
    row = {"series": "test images", "y_tick": "M_natural", "x": "0.41"}
    shown = {"heuristics-ends": [row], "architectures-ends": [row | {"y_tick": "ResNet-8"}]}
    assert disagreeing(shown, SAME) == {}
    shown["architectures-ends"][0]["x"] = "0.43"
    assert set(disagreeing(shown, SAME)) == {"test images"}


# --- words ---------------------------------------------------------------------------------------


def without_value(text):
    """Places where a page prints a number that is none, or a card says that it has none."""
    cards = plain(" ".join(re.findall(r'<div class="fh-claim .*?</dl>', text, re.DOTALL)))
    shape = r"[^.]{0,20}(?:[\[ −-]inf\b|\bnan\b)[^.]{0,20}"
    return re.findall(shape, plain(article(text))) + re.findall(r"no number.{0,20}", cards)


def unclear(text):
    """Words of the list that a text uses, with what to say instead."""
    return {word: better for word, better in WORDS.items() if re.search(rf"\b{word}\b", text, re.I)}


def docstrings():
    """Every docstring of the package and of the book's extensions, by file."""
    for path in [*(ROOT / "fhelpers").rglob("*.py"), *(ROOT / "book" / "_ext").glob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        own = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
        yield path.relative_to(ROOT).as_posix(), " ".join(" ".join(filter(None, own)).split())


def test_no_page_prints_infinity_or_no_number(sections):
    assert {slug: found for slug, text in sections.items() if (found := without_value(text))} == {}


def test_pages_and_docstrings_use_plain_words(pages):
    texts = {
        path.relative_to(pages).as_posix(): plain(article(path.read_text("utf-8")))
        for path in sorted((pages / "book").rglob("*.html"))
    }
    texts |= dict(docstrings())
    assert {name: found for name, text in texts.items() if (found := unclear(text))} == {}


def test_planted_words_and_numbers_that_are_none_are_found():
    assert without_value("<p>Here: 0.3 [-inf, 34.3], over 3 seeds</p>")
    assert without_value('<div class="fh-claim fh-x"><dl><dd>a figure, no number</dd></dl></div>')
    assert not without_value("<p>information on finances, and no number</p>")
    assert set(unclear("It has learnt them by heart.")) == {"learnt", "by heart"}


# --- findings and cards --------------------------------------------------------------------------

CLAIM = re.compile(r'<span class="fh-claim-id">([WK]\d+)</span>')


def silent(text):
    """Claims with a card on the page that its finding does not name."""
    finding = re.search(r"<strong>Finding\.</strong>.*?</p>", text, re.DOTALL)
    said = finding[0] if finding else ""
    return [id for id in CLAIM.findall(text) if not re.search(rf"\({id}[;)]", said)]


def unread(text):
    """Readings of a figure that do not say what to conclude, there or right behind."""
    head = r"<strong>How to read this\.</strong>"
    found = re.findall(rf"{head}(.*?)(?=<figure|<h[1-3]|{head}|$)", text, re.DOTALL)
    return [plain(each)[:80] for each in found if " So: " not in plain(each)]


def idle(text):
    """Outputs of a page that print a truth value, or nothing."""
    shown = re.findall(r'<div class="cell_output[^"]*">(.*?)</div>\s*</div>', text, re.DOTALL)
    return [each for each in map(plain, shown) if each in ("True", "False", "None", "")]


def test_a_finding_names_every_card_of_its_page(sections):
    named = {slug: text for slug, text in sections.items() if 'class="fh-claim ' in text}
    assert len(named) > 10
    assert {slug: found for slug, text in named.items() if (found := silent(text))} == {}


def test_every_reading_ends_with_what_to_conclude(sections):
    assert {slug: found for slug, text in sections.items() if (found := unread(text))} == {}


def test_no_cell_prints_a_truth_value_or_an_empty_box(sections):
    assert {slug: found for slug, text in sections.items() if (found := idle(text))} == {}


def dead(text):
    """Helpers that a page names without a link to their description."""
    line = re.search(r'<p class="fh-helpers">.*?</p>', text, re.DOTALL)
    code = re.findall(r"(<a [^>]*>)?<code[^>]*>(.*?)</code>", line[0] if line else "", re.DOTALL)
    return [plain(name) for link, name in code if "/api" not in link]


def test_sections_link_to_the_helpers_they_use(sections):
    assert sum('<p class="fh-helpers">' in text for text in sections.values()) > 14
    assert {slug: found for slug, text in sections.items() if (found := dead(text))} == {}


def test_a_silent_finding_an_open_end_and_an_idle_cell_are_found():
    card = '<span class="fh-claim-id">W4</span><span class="fh-claim-id">W5</span>'
    assert silent(f"<p><strong>Finding.</strong> undecided: it (W4).</p>{card}") == ["W5"]
    assert unread("<p><strong>How to read this.</strong> Black is low.</p>") == ["Black is low."]
    output = '<div class="cell_output docutils container"><div class="o"><pre>{}</pre></div></div>'
    assert idle(output.format("True")) == ["True"]
    assert idle(output.format("3 images")) == []
    used = '<p class="fh-helpers">{}<code class="xref">frequency.split</code></p>'
    assert dead(used.format("")) == ["frequency.split"]
    assert dead(used.format('<a class="reference" href="../api.html#split">')) == []


# --- in a browser --------------------------------------------------------------------------------

MEASURE = """() => {
  document.querySelectorAll("article details").forEach((each) => { each.open = false; });
  const place = (query) => {
    const found = document.querySelector(query)?.getBoundingClientRect();
    return found ? [found.top + scrollY, found.bottom + scrollY] : null;
  };
  return {height: document.documentElement.scrollHeight, figure: place(".fh-figure"),
          card: place(".fh-claim"), code: place(".above-input[open], .fh-foot"),
          finding: place("article .cell_output")};
}"""
CUT = """() => {
  document.querySelectorAll("article details").forEach((each) => { each.open = true; });
  const tables = [...document.querySelectorAll("article table")];
  const cut = tables.filter((table) => {
    const box = table.parentElement;
    return table.clientWidth > box.clientWidth + 1 || box.scrollWidth > box.clientWidth + 1;
  }).map((table) => table.getAttribute("aria-label") ?? table.textContent.trim().slice(0, 40));
  const broken = [];
  for (const table of tables) {
    const walker = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const word of walker.currentNode.data.matchAll(/[\\p{L}\\d.]+/gu)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, word.index);
        range.setEnd(walker.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map((each) => each.top)).size > 1)
          broken.push(word[0]);
      }
    }
  }
  return [cut, broken];
}"""
HUES = """() => [...document.querySelectorAll(".fh-claim, .fh-verdict")].flatMap((each) => {
  const style = getComputedStyle(each);
  return [style.color, style.borderLeftColor];
})"""


def opened(page, address, size=SMALL):
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.goto(address)
    page.evaluate("document.fonts.ready")
    return page


def misplaced(found):
    """What is wrong with the order and the length of a page, by the places of its parts."""
    told = []
    if found["height"] > TALLEST:
        told.append(f"{found['height']} pixels tall")
    if not found["figure"] or found["figure"][1] > TWO_SCREENS:
        told.append(f"key figure at {found['figure']}")
    if found["card"] and found["figure"] and found["card"][0] < found["figure"][0]:
        told.append("a card before the key figure")
    if found["code"] and found["figure"] and found["code"][0] < found["figure"][0]:
        told.append("set-up code before the key figure")
    return told


def coloured(colours):
    """Colours with a hue, of those that a browser computed."""
    channels = [tuple(map(int, re.findall(r"\d+", each)[:3])) for each in colours]
    return [each for each in channels if max(each) - min(each) > GREYS]


def test_the_key_figure_comes_first_no_page_is_too_long_and_no_table_is_cut(sections, server, page):
    told = {}
    for slug in sections:
        opened(page, f"{server}book/sections/{slug}.html")
        found = page.evaluate(MEASURE)
        print(f"{slug:26} {found['height']:6} key figure {found['figure']}")
        cut, broken = page.evaluate(CUT)
        told[slug] = misplaced(found) + [f"cut: {each}" for each in cut]
        told[slug] += [f"broken: {each}" for each in broken]
    assert {slug: faults for slug, faults in told.items() if faults} == {}


def test_verdicts_have_no_hue(sections, figures, server, page):
    slugs = [slug for slug, text in sections.items() if 'class="fh-claim ' in text]
    for slug in slugs[:3]:
        for mode in ("light", "dark"):
            page.emulate_media(color_scheme=mode)
            colours = opened(page, f"{server}book/sections/{slug}.html").evaluate(HUES)
            assert colours
            assert coloured(colours) == [], (slug, mode)
    hues = {colour for name, colour in COLOURS.items() if name != "original"}
    for name in ("scorecard", "scorecard-multiverse"):
        assert not hues & set(re.findall(r"#[0-9a-f]{6}", figures[name])), name


def test_planted_faults_of_layout_are_found(page):
    found = {"height": 9_001, "figure": [1500, 1700], "card": [200, 300], "code": [90, 99]}
    assert len(misplaced(found)) == 4
    assert misplaced({"height": 800, "figure": [100, 300], "card": None, "code": None}) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.set_content(
        "<article><div style='width: 300px'><table><td style='white-space: nowrap'>"
        f"{'wide ' * 100}</td></table></div><div><table style='width: 3ch; table-layout: fixed'>"
        "<td style='overflow-wrap: anywhere'>inconclusive</td></table></div>"
        "<p class='fh-verdict' style='color: #0072b2'>reproduced</p></article>"
    )
    cut, broken = page.evaluate(CUT)
    assert len(cut) == 1
    assert set(broken) == {"inconclusive"}
    assert coloured(page.evaluate(HUES))


def test_a_link_to_a_folded_figure_opens_it(sections, server, page):
    folded = re.compile(
        r'above-output(?:(?!</details>).)*?<figure[^>]* id="(fig-[\w-]+)"', re.DOTALL
    )
    slug, name = next(
        (slug, found[1]) for slug, text in sections.items() if (found := folded.search(text))
    )
    opened(page, f"{server}book/sections/{slug}.html")
    assert not page.locator(f"#{name} img:visible").count()
    page.evaluate(f"location.hash = '{name}'")
    page.wait_for_selector(f"#{name} img:visible")
