"""Every page in a browser at every width in both modes: nothing missing, nothing cut, no barrier.

`pytest tests/test_visits.py --pages _build/html` checks a real build instead of a smoke one.
"""

from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from browsing import appearance, html_files, serving

WIDTHS = {"desk": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
MODES = ("light", "dark")
# Both modes and both ends of the widths; faults of layout alone show in the others as well.
AXE_AT = (("desk", "light"), ("phone", "dark"))
MOST_BYTES = 3_000_000  # of a page with all that it loads
MOST_MILLISECONDS = 2_000  # until there is something to read
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def first_paint(page, address):
    """Open a page; the milliseconds until it shows something."""
    page.goto(address)
    return page.wait_for_function(FIRST_PAINT).json_value()


def visit(page, address):
    """Open one page at every width in both modes; its faults as sentences, and what it loaded."""
    troubles, loaded = [], {}
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
        "requestfinished": lambda request: loaded.update(
            {request.url: int(request.response().headers.get("content-length", 0))}
        ),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    painted = None
    for mode in MODES:
        page.emulate_media(color_scheme=mode)
        for name, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            if painted is None:
                painted = first_paint(page, address)
                if painted > MOST_MILLISECONDS:  # the machine was busy, or it is so each time
                    painted = first_paint(page, address)
            found = appearance(page)
            if (name, mode) in AXE_AT:
                page.wait_for_timeout(400)  # the theme's own answer to a new width
                found += faults(page)
            troubles += [f"{trouble} ({name}, {mode})" for trouble in found]
            if (name, mode) == ("desk", "light"):
                size = sum(loaded.values())
    if size > MOST_BYTES:
        troubles.append(f"the page loads {size / 1e6:.1f} MB")
    if painted > MOST_MILLISECONDS:
        troubles.append(f"the page shows nothing for {painted / 1000:.1f} s")
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return troubles, size, painted


def faults(page):
    """Faults that axe-core calls serious or critical, each with the first place where it is."""
    options = {"resultTypes": ["violations"], "preload": False}  # it would fetch style sheets again
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']}: {len(fault['nodes'])} × such as {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def test_every_page_opens_without_trouble(pages, server, page):
    own = html_files(pages).keys() - {"index.html"}  # which leads on to another page
    visits = {name: visit(page, server + name) for name in sorted(own)}
    largest = max(visits, key=lambda name: visits[name][1])
    slowest = max(visits, key=lambda name: visits[name][2])
    print(f"largest {largest}: {visits[largest][1] / 1e6:.2f} MB")
    print(f"slowest {slowest}: {visits[slowest][2] / 1000:.2f} s")
    assert not {name: found for name, (found, *_) in visits.items() if found}


# The checks above are worth something only if they can fail.


def test_a_page_with_every_fault_is_found_out(tmp_path, page):
    (tmp_path / "faulty.html").write_text(
        '<img alt="a picture that is not there" src="absent.png" style="min-width: 999px">'
        '<script src="http://127.0.0.2:8/foreign.js"></script><script>throw Error("mine")</script>'
        '<div class="fh-figure"></div>'
        f"<!-- {'x' * MOST_BYTES} -->"
    )
    with serving(tmp_path) as address:
        troubles = "\n".join(visit(page, address + "faulty.html")[0])
    expected = "missing|another server|mine|without size|0 images|pixels wide|html-has-lang|MB"
    for words in expected.split("|"):
        assert words in troubles, troubles
