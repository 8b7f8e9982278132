"""Colours, cards, tables and how a figure reaches a page."""

import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_plots_decomposition import images

from fhelpers import claims, frequency, intervals
from fhelpers.claims.masks import lettered
from fhelpers.drawing import charts, style
from fhelpers.drawing.contrast import (
    DARK_PAGE,
    OVER_PICTURES,
    WHITE_PAGE,
    contrast,
    for_text,
    in_the_dark,
    with_contrast,
)
from fhelpers.drawing.svg import darkened, svg
from fhelpers.sections.decomposition import figures as decomposition

COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map("#{0[0]:02x}{0[1]:02x}{0[2]:02x}".format)


@pytest.fixture
def shown(monkeypatch):
    """What style displays, as (data, metadata)."""
    outputs = []
    monkeypatch.setattr(
        style, "display", lambda data, raw, metadata=None: outputs.append((data, metadata))
    )
    return outputs


# Colour --------------------------------------------------------------------------------------


def test_contrast_is_that_of_known_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's example


@given(COLOURS, st.floats(1.2, 12), st.sampled_from([WHITE_PAGE, DARK_PAGE]))
def test_with_contrast_reaches_the_contrast(colour, ratio, page):
    reached = contrast(with_contrast(colour, ratio, page), page)
    assert reached == pytest.approx(ratio, rel=0.04)  # eight bits a channel allow no more


@pytest.mark.parametrize("part", ["low", "high"])
def test_shades_grow_stronger_with_the_radius_on_both_pages(part):
    shades = style.shades(part, [16, 4, 12, 8])
    light = [contrast(shades[r], WHITE_PAGE) for r in (4, 8, 12, 16)]
    dark = [contrast(in_the_dark(shades[r]), DARK_PAGE) for r in (4, 8, 12, 16)]
    for ratios in (light, dark):
        assert ratios == sorted(ratios)
        assert min(b / a for a, b in pairwise(ratios)) > 1.15
        assert ratios[0] > 2.9  # enough for lines (WCAG 1.4.11)
    assert style.shades(part, [7]) == {7: style.COLOURS[part]}


@pytest.mark.parametrize("colour", [*style.COLOURS.values(), style.INK, style.GREY])
def test_every_colour_of_the_palette_is_seen_in_the_dark(colour):
    assert contrast(in_the_dark(colour), DARK_PAGE) > 4.5
    assert contrast(for_text(colour), WHITE_PAGE) > 4.4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.02, 0.12))
def test_spread_keeps_order_and_distance(heights, gap):
    placed = style.spread(sorted(heights), gap)
    assert all(b - a >= gap * 0.98 for a, b in pairwise(placed))
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9


# To the page ---------------------------------------------------------------------------------


def test_svg_is_reproducible_transparent_and_calls_no_other_host():
    first, second = (svg(decomposition.primer(images(2), ["a", "b"])) for _ in range(2))
    assert first == second
    assert "fill: #ffffff" not in first
    references = re.findall(r'(?:href|src)="([^"]+)"', first)
    assert references
    assert all(r.startswith(("#", "data:")) for r in references)


def test_darkened_moves_drawn_colours_and_leaves_photographs():
    light = svg(decomposition.split(images(1), frequency.split_many(images(1), [4, 8])))
    dark = darkened(light)
    pictures = re.compile(r"data:image/png;base64,[^\"]+")
    assert pictures.findall(light) == pictures.findall(dark)
    assert style.INK not in dark
    assert f"stroke: {OVER_PICTURES}" in dark  # circles on spectra stay light
    used = set(re.findall(r"(?:fill|stroke): (#\w{6})", dark)) - {OVER_PICTURES}
    assert all(contrast(colour, DARK_PAGE) < 14 for colour in used)


def test_show_gives_both_themes_alt_text_and_caption(shown):
    style.show(decomposition.primer(images(1), ["a"]), name="n", caption="5 < 6", alt='a "b"')
    ((data, metadata),) = shown
    page = data["text/html"]
    assert re.findall(r'<img class="([\w-]+)" alt="([^"]+)"', page) == [
        ("only-light", "a &quot;b&quot;"),
        ("only-dark", "a &quot;b&quot;"),
    ]
    for uri in re.findall(r'src="data:image/svg\+xml,([^"]+)"', page):
        assert ElementTree.fromstring(unquote(uri)).tag.endswith("svg")
    assert data["text/plain"] == "Figure n: 5 < 6"
    assert metadata["fhelpers"].items() >= {"name": "n", "caption": "5 < 6"}.items()


@pytest.mark.parametrize("missing", ["name", "caption", "alt"])
def test_show_refuses_what_is_empty(missing, shown):
    texts = {"name": "n", "caption": "c", "alt": "a", missing: " "}
    with pytest.raises(ValueError, match=f"The {missing} of a figure must not be empty"):
        style.show(decomposition.primer(images(1), ["a"]), **texts)
    assert not shown


def test_table_rounds_escapes_and_marks_what_is_missing(shown):
    frame = pd.DataFrame({"a_b": ["<i>", "y"], "x": [0.1256, math.nan], "n": [12345, 2]})
    style.table(frame, caption="Some & more.")
    data = shown[0][0]
    assert "Some &amp; more.</p>" in data["text/html"]
    assert (
        '<th scope="col" class="fh-word">a b</th><th scope="col" class="fh-number">x</th>'
        in data["text/html"]
    )
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", data["text/html"])
    assert cells == ["&lt;i&gt;", "0.13", "12,345", "y", "–", "2"]
    assert "0.13" in data["text/plain"]
    with pytest.raises(ValueError, match="caption of a table"):
        style.table(frame, caption="")


def test_a_table_without_rows_is_its_heads(shown):
    style.table(pd.DataFrame(columns=["a", "b_c"]), caption="Nothing.")
    page = shown[0][0]["text/html"]
    assert "<td" not in page
    assert re.findall(r"<th[^>]*>([^<]*)</th>", page) == ["a", "b c"]


def test_heads_have_spaces_but_networks_keep_their_names(shown):
    style.table(
        pd.DataFrame(columns=["train_images", "M_natural", "gap of M_shuffle"]), caption="c"
    )
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", shown[0][0]["text/html"])
    assert heads == ["train images", "M_natural", "gap of M_shuffle"]


def test_whatever_a_page_says_has_true_minus_signs_and_no_signed_zeros(shown):
    claim = claims.Claim("W9", "", "", "", "a minus b", "> 0", "", check=len, paper="-0.2")
    parts = (claims.Part("difference", intervals.Estimate(-0.02, -0.3, 0.26, 9, "images"), 0.0),)
    style.card(claims.Verdict(claim, parts[0].estimate, "undecided", "at 128 -0.013", parts))
    style.finding("a -0.5 [-0.04, -0.00], cifar10-resnet-8")
    style.table(pd.DataFrame({"x": [-0.5, -0.0], "y": ["-0.000 ± 0.001", "-1"]}), caption="c")
    figure, _ = style.chart(1)
    style.show(figure, name="n", caption="from -0.0 to -3", alt="a")
    card, finding, table, drawn = (data["text/plain"] for data, _ in shown)
    for text in ("−0.2", "0.0 [−0.3, 0.3]", "at 128 −0.013"):
        assert text in card
    assert finding == "a −0.5 [−0.04, 0.00], cifar10-resnet-8"
    assert table.split() == ["c", "x", "y", "−0.50", "0.000", "±", "0.001", "0.00", "−1"]
    assert drawn.endswith("from 0.0 to −3")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["0.1 [−0.2, 0.3]", "–", "1.2e-05", "−0.43 ± 0.02 (0.86)"], "number"),
        (["3×3 natural", "5×5 natural"], ""),
        (["resnet-8", "vgg-11"], "word"),
    ],
)
def test_columns_are_set_as_numbers_words_or_text(texts, kind, shown):
    style.table(pd.DataFrame({"x": texts}), caption="c")
    found = re.search(r'<th scope="col"(?: class="fh-(\w+)")?>', shown[0][0]["text/html"])
    assert (found.group(1) or "") == kind


@pytest.mark.parametrize(
    ("ends", "paper", "text"),
    [
        ((0.25, 0.5, 0.75), None, "0.50 ± 0.25"),
        ((0.338, 0.358, 0.378), 0.62, "0.36 ± 0.02 (0.62)"),
        ((0.0, 0.012, 0.071), 0.002, "0.01 [0.00, 0.07] (0.002)"),  # uneven
        ((0.4982, 0.5, 0.5018), None, "0.500 ± 0.002"),
        ((math.nan, -0.5, 0.75), 0.1, "−0.50 (0.10)"),
        ((-0.0012, -0.0002, 0.0008), None, "0.000 ± 0.001"),
    ],
)
def test_tables_give_two_digits_with_the_interval_and_the_paper_in_brackets(ends, paper, text):
    low, value, high = ends
    estimate = SimpleNamespace(value=value, low=low, high=high)
    assert style.with_interval(estimate, paper) == text


@pytest.mark.parametrize(
    ("ends", "mark", "text"),
    [
        ((0.0013, 0.0123, 0.0233), 0.0, "0.012 ± 0.011"),
        ((-0.0013, 0.0123, 0.0259), 0.0, "0.012 ± 0.014"),
        ((0.077, 0.088, 0.102), 0.1, "0.088 [0.077, 0.102]"),
        ((-math.inf, 0.5, 0.601), 0.6, "0.500 [−∞, 0.601]"),
        ((0.3, 0.36, 0.42), 0.0, "0.36 ± 0.06"),
    ],
)
def test_tables_give_the_digits_it_takes_to_see_the_side_of_a_margin(ends, mark, text):
    low, value, high = ends
    estimate = SimpleNamespace(value=value, low=low, high=high)
    assert style.with_interval(estimate, marks=[mark]) == text


def test_numbers_beyond_one_can_keep_a_place():
    wide = SimpleNamespace(value=2.14, low=0.0, high=4.78)
    assert style.with_interval(wide) == "2 [0, 5]"
    assert style.with_interval(wide, least=1) == "2.1 [0.0, 4.8]"


def test_a_table_that_would_be_cut_is_set_smaller(shown):
    for count in (5, 6):
        style.table(pd.DataFrame([range(count)]), caption="c")
    assert ["fh-wide" in data["text/html"] for data, _ in shown] == [False, True]


def test_a_figure_says_where_the_code_is_that_drew_it(shown):
    style.show(decomposition.primer(images(1), ["a"]), name="n", caption="c", alt="a")
    file, _, line = shown[0][1]["fhelpers"]["code"].partition("#L")
    lines = (style.ROOT / file).read_text().splitlines()
    assert lines[int(line) - 1 : int(line) + 1][-1].startswith("def primer(")


def test_text_in_figures_is_text_and_not_cut():
    figure, ((axes,),) = style.canvas(1, 1, 2)
    axes.set_title("x = 12.3456")
    assert ">x = 12.3456</text>" in svg(figure)


def test_intervals_that_are_open_on_one_side_are_drawn_on_a_logarithmic_axis():
    ends = {"low": [0.5, 1.5, 2.5], "high": [1.5, np.inf, np.nan]}
    frame = pd.DataFrame({"name": ["a", "b", "c"], "value": [1.0, 2.0, 3.0], "part": "x"} | ends)
    figure, ((axes,),) = style.canvas(1, 1, 2.0)
    axes.set_xscale("log")
    charts.dots(axes, frame, at="name", by="part")
    figure.draw_without_rendering()
    drawn = {round(float(x), 6) for line in axes.lines for x in line.get_xdata()}
    assert {1.0, 2.0, 3.0} <= drawn


def test_setup_calls_a_network_as_figures_do(shown):
    runs = ["natural, vanilla", "mixup-0.5", "5000/natural"]
    style.setup(pd.DataFrame({"run": runs, "epochs": [5, 6, 7]}), caption="What was trained.")
    lines = [line.strip() for line in shown[0][0]["text/plain"].splitlines()[2:]]
    names = [line.removesuffix(str(epochs)).strip() for epochs, line in enumerate(lines, 5)]
    assert names == ["M_natural", "mix-up, α = 0.5", "5000/natural"]


def test_setup_of_pages_on_masks_calls_networks_by_their_letters(shown):
    runs = ["natural", "vgg-11-adversarial", "mask/rotate", "shuffled", "shuffled/mask"]
    frame = pd.DataFrame({"run": runs, "epochs": range(5, 10)})
    style.setup(frame, names=lettered(runs), caption="What was trained.")
    lines = [line.strip() for line in shown[0][0]["text/plain"].splitlines()[2:]]
    names = [line.removesuffix(str(epochs)).strip() for epochs, line in enumerate(lines, 5)]
    assert names == ["N", "VGG-11 A", "mask/R", "M_shuffle", "shuffled/mask"]


def test_setup_says_once_what_is_the_same(shown):
    frame = pd.DataFrame({"run": ["a", "b"], "data_set": ["x", "x"], "epochs": [5, 8]})
    style.setup(frame, caption="What was trained.")
    style.setup(frame[:1], caption="What was trained.")
    both, one = (data["text/html"] for data, _ in shown)
    assert "The same for all: data set x.</p>" in both
    assert re.findall(r"<td[^>]*>([^<]*)</td>", both) == ["a", "5", "b", "8"]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", one) == ["run", "a", "data set", "x", "epochs", "5"]


@pytest.mark.parametrize(("outcome", "sign"), style.SIGNS.items())
def test_card_carries_the_verdict_in_words_and_shape(outcome, sign, shown):
    words = {"short": "", "text": "A < B.", "source": "", "measure": "B − A", "rule": "> 0"}
    claim = claims.Claim("W9", **words, paper=None, figure="", check=len)

    def verdict(n, over):
        estimate = intervals.Estimate(0.25, 0.2, 0.3, n, over)
        parts = (claims.Part("difference", estimate, 0.0),)
        return claims.Verdict(claim, estimate, outcome, "A note.", parts)

    style.card(verdict(3, "seeds"))
    style.card(verdict(1000, "images"))  # a single network decides nothing for good
    (several, _), (one, _) = shown
    assert f'class="fh-claim fh-{outcome.replace(" ", "-")}"' in several["text/html"]
    assert f">{sign}</span> {outcome}</span>" in several["text/html"]
    assert "A &lt; B." in several["text/html"]
    assert f">{sign}</span> in this run: {outcome}</span>" in one["text/html"]
    for text in (one["text/html"], one["text/plain"]):
        assert "W9" in text
        assert "difference 0.25 [0.20, 0.30] (over 1,000 images)" in text
        assert "A note." in text


def test_card_takes_a_real_verdict(shown):
    style.card(claims.CLAIMS["W2"](np.array([1e-8]), np.array([1e-8])))
    assert "fh-reproduced" in shown[0][0]["text/html"]
    assert "</span> identity</span>" in shown[0][0]["text/html"]
    assert "no number" not in shown[0][0]["text/html"]
