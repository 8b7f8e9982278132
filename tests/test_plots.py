"""Figures, tables and cards: what they say must be what they were given, on every page."""

import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import jupytext
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fhelpers import claims, frequency, intervals
from fhelpers.drawing import numbers, style
from fhelpers.sections.decomposition import figures as decomposition
from fhelpers.sections.shuffled_labels import figures as shuffled_labels
from fhelpers.sections.shuffled_labels.claims import TABLE1

COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map("#{0[0]:02x}{0[1]:02x}{0[2]:02x}".format)
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("0[12]_*.py"))


@pytest.fixture
def shown(monkeypatch):
    """What style displays, as (data, metadata)."""
    outputs = []
    monkeypatch.setattr(
        style, "display", lambda data, raw, metadata=None: outputs.append((data, metadata))
    )
    return outputs


def images(count=3, channels=3, size=32):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def history(seeds=(0, 1, 2), radii=(4, 8, 12, 16), noise=0.01):
    """A planted history: shuffled labels are learnt five times as slowly and from high parts."""
    random, rows = np.random.default_rng(0), []
    add = lambda *row: rows.append((*row, 500, min(1, row[-1] + noise * random.random())))  # noqa: E731
    for seed in seeds:
        for label, last in (("natural", 10), ("shuffled", 30)):
            speed = 2 if label == "natural" else 10
            for epoch in range(last + 1):
                whole = 0.1 + 0.85 * (1 - math.exp(-epoch / speed))
                for split in ("train", "test"):
                    add(label, seed, epoch, split, "original", math.nan, "subset", whole)
                    for radius in radii:
                        kept = (radius / 23) ** (0.3 if label == "natural" else 2)
                        low = 0.1 + (whole - 0.1) * kept
                        add(label, seed, epoch, split, "low", radius, "subset", low)
                        add(label, seed, epoch, split, "high", radius, "subset", 0.2)
        for band in ("low", "high"):
            for radius in radii:
                label = f"{band}-{radius:g}"
                add(label, seed, 10, "train", band, radius, "all", 0.5)
                add(label, seed, 10, "train", "input", radius, "all", 0.9)
                add(label, seed, 10, "test", "input", radius, "all", 0.7)
                add(label, seed, 10, "test", "original", math.nan, "all", 0.3 + radius / 100)
    frame = pd.DataFrame(rows)
    frame.columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "true", "images",
                     "accuracy"]  # fmt: skip
    return frame


# Colour --------------------------------------------------------------------------------------


def test_contrast_is_that_of_known_pairs():
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert style.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's example


@given(COLOURS, st.floats(1.2, 12), st.sampled_from([style.WHITE_PAGE, style.DARK_PAGE]))
def test_with_contrast_reaches_the_contrast(colour, ratio, page):
    reached = style.contrast(style.with_contrast(colour, ratio, page), page)
    assert reached == pytest.approx(ratio, rel=0.04)  # eight bits a channel allow no more


@pytest.mark.parametrize("part", ["low", "high"])
def test_shades_grow_stronger_with_the_radius_on_both_pages(part):
    shades = style.shades(part, [16, 4, 12, 8])
    light = [style.contrast(shades[r], style.WHITE_PAGE) for r in (4, 8, 12, 16)]
    dark = [style.contrast(style.in_the_dark(shades[r]), style.DARK_PAGE) for r in (4, 8, 12, 16)]
    for ratios in (light, dark):
        assert ratios == sorted(ratios)
        assert min(b / a for a, b in pairwise(ratios)) > 1.15
        assert ratios[0] > 2.9  # enough for lines (WCAG 1.4.11)
    assert style.shades(part, [7]) == {7: style.COLOURS[part]}


@pytest.mark.parametrize("colour", [*style.COLOURS.values(), style.INK, style.GREY])
def test_every_colour_of_the_palette_is_seen_in_the_dark(colour):
    assert style.contrast(style.in_the_dark(colour), style.DARK_PAGE) > 4.5
    assert style.contrast(style.for_text(colour), style.WHITE_PAGE) > 4.4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.02, 0.12))
def test_spread_keeps_order_and_distance(heights, gap):
    placed = style.spread(sorted(heights), gap)
    assert all(b - a >= gap * 0.98 for a, b in pairwise(placed))
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9


# To the page ---------------------------------------------------------------------------------


def test_svg_is_reproducible_transparent_and_calls_no_other_host():
    first, second = (style.svg(decomposition.primer(images(2), ["a", "b"])) for _ in range(2))
    assert first == second
    assert "fill: #ffffff" not in first
    references = re.findall(r'(?:href|src)="([^"]+)"', first)
    assert references
    assert all(r.startswith(("#", "data:")) for r in references)


def test_darkened_moves_drawn_colours_and_leaves_photographs():
    light = style.svg(decomposition.split(images(1), frequency.split_many(images(1), [4, 8])))
    dark = style.darkened(light)
    pictures = re.compile(r"data:image/png;base64,[^\"]+")
    assert pictures.findall(light) == pictures.findall(dark)
    assert style.INK not in dark
    assert f"stroke: {style.OVER_PICTURES}" in dark  # circles on spectra stay light
    used = set(re.findall(r"(?:fill|stroke): (#\w{6})", dark)) - {style.OVER_PICTURES}
    assert all(style.contrast(colour, style.DARK_PAGE) < 14 for colour in used)


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
    frame = pd.DataFrame({"a_b": ["<i>", "y"], "x": [0.12345, math.nan], "n": [12345, 2]})
    style.table(frame, caption="Some & more.")
    data = shown[0][0]
    assert "Some &amp; more.</p>" in data["text/html"]
    assert (
        '<th scope="col" class="fh-word">a b</th><th scope="col" class="fh-number">x</th>'
        in data["text/html"]
    )
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", data["text/html"])
    assert cells == ["&lt;i&gt;", "0.123", "12,345", "y", "–", "2"]
    assert "0.123" in data["text/plain"]
    with pytest.raises(ValueError, match="caption of a table"):
        style.table(frame, caption="")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["0.1 [-0.2, 0.3]", "–", "1.2e-05", "0.430 (0.856)"], "number"),
        (["3×3 natural", "5×5 natural"], ""),
        (["resnet-8", "vgg-11"], "word"),
    ],
)
def test_columns_are_set_as_numbers_words_or_text(texts, kind, shown):
    style.table(pd.DataFrame({"x": texts}), caption="c")
    found = re.search(r'<th scope="col"(?: class="fh-(\w+)")?>', shown[0][0]["text/html"])
    assert (found.group(1) or "") == kind


def test_intervals_in_tables_have_three_places_and_may_be_missing():
    estimate = SimpleNamespace(value=0.5, low=0.25, high=0.75)
    assert style.with_interval(estimate) == "0.500 [0.250, 0.750]"
    estimate.low = math.nan
    assert style.with_interval(estimate) == "0.500"


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
    estimate = intervals.Estimate(0.25, 0.2, 0.3, 1000, "images")
    verdict = SimpleNamespace(
        claim=SimpleNamespace(id="W9", text="A < B.", measure="B − A", rule="> 0", paper=None),
        parts=(SimpleNamespace(name="difference", estimate=estimate),),
        estimate=estimate, verdict=outcome, note="A note.",
    )  # fmt: skip
    style.card(verdict)
    data = shown[0][0]
    assert f'class="fh-claim fh-{outcome.replace(" ", "-")}"' in data["text/html"]
    assert f">{sign}</span> {outcome}</span>" in data["text/html"]
    assert "A &lt; B." in data["text/html"]
    for text in (data["text/html"], data["text/plain"]):
        assert "W9" in text
        assert f"difference {estimate} (over 1,000 images)" in text
        assert "A note." in text


def test_card_takes_a_real_verdict(shown):
    style.card(claims.CLAIMS["W2"](np.array([1e-8]), np.array([1e-8])))
    assert "fh-reproduced" in shown[0][0]["text/html"]


# Every figure, whatever the parameters -------------------------------------------------------


def figures_of_decomposition(radii, channels, seeds):
    pictures, labels = images(12, channels), torch.arange(12) % 3
    answers = answers_at(radii, seeds, labels)
    places, said = decomposition.most_confident(answers, labels, radii[0], 8)
    parts = frequency.split_many(pictures, radii)
    low, high = (part[places] for part in parts[radii[0]])
    rows = [(p, r, 0.01, 0.0, 0.02) for r in radii for p in ("low", "high")]
    change = pd.DataFrame(rows, columns=["part", "radius", "value", "low", "high"])
    shares = pd.DataFrame({"radius": radii, "low": 0.7, "least": 0.5, "most": 0.9, "bins": 0.2})
    whole = pictures[:1]
    return {
        "primer": decomposition.primer(pictures[:4], list("abcd")),
        "split": decomposition.split(pictures[:2], {r: parts[r] for r in radii}),
        "energy": decomposition.energy(shares),
        "changes": decomposition.changes(change, "change"),
        "stretched": decomposition.stretched(
            {"high part": (whole[0], frequency.divide_by_max(whole)[0])}
        ),
        "cases": decomposition.cases(
            torch.stack([pictures[places], low, high], 1), decomposition.in_words(said, "abc")
        ),
        "counts": decomposition.counts(decomposition.found(answers, labels, radii), 12),
    }


def answers_at(radii, seeds, labels):
    """Logits right whole and on high parts for all images, on low parts for every other one."""
    random = np.random.default_rng(0)
    answers = {}
    for key in [decomposition.WHOLE, *((part, r) for part in ("low", "high") for r in radii)]:
        answers[key] = []
        for _ in range(seeds):
            said = labels.clone()
            if key[0] == "low":
                said[::2] = (said[::2] + 1) % 3
            sure = torch.tensor(random.uniform(1, 5, len(labels))).float()
            answers[key].append(torch.nn.functional.one_hot(said, 3) * sure[:, None])
    return answers


def figures_of_shuffled_labels(radii, seeds):
    frame = history(range(seeds), radii)
    return {
        "epochs": shuffled_labels.epochs_needed(frame),
        "by_epoch": shuffled_labels.by_epoch(frame, 0.1),
        "equal": shuffled_labels.at_equal_accuracy(frame, 0.02),
        "table1": shuffled_labels.table1(shuffled_labels.band_trained(frame, radii), TABLE1, 0.1),
    }


@pytest.mark.parametrize(
    ("radii", "channels", "seeds"), [([4, 8, 12, 16], 3, 1), ([6], 1, 3), ([2.5, 9], 1, 1)]
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(radii, channels, seeds):
    before = dict(mpl.rcParams)
    figures = figures_of_decomposition(radii, channels, seeds)
    figures |= figures_of_shuffled_labels(radii, seeds)
    for name, figure in figures.items():
        text = style.svg(figure)
        assert figure.get_figwidth() == style.WIDTH, name
        assert len(text) < 250_000, name
        ElementTree.fromstring(text)
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_no_case_at_all_is_said():
    none = pd.DataFrame({"original": [], "low": [], "high": []})
    figure = decomposition.cases(torch.zeros(0, 3, 3, 32, 32), none)
    with mpl.rc_context({"svg.fonttype": "none"}):
        assert "No test image" in "".join(t.get_text() for ax in figure.axes for t in ax.texts)


def test_models_that_share_no_training_accuracy_still_give_a_page(shown):
    frame = history((0,))
    frame.loc[frame.label == "shuffled", "accuracy"] = 0.05
    style.svg(shuffled_labels.at_equal_accuracy(frame, 0.1))
    style.table(shuffled_labels.at_highest_common(frame, [4, 8, 12, 16]), caption="Nothing.")
    assert "<td" not in shown[0][0]["text/html"]


# What is drawn is what was given --------------------------------------------------------------


def test_spectrum_of_a_wave_is_its_two_bins():
    x = torch.arange(32) / 32
    wave = (0.5 + 0.4 * torch.cos(2 * torch.pi * 5 * x)).expand(3, 32, 32)
    shown = decomposition.amplitude(wave)
    peaks = {tuple(place) for place in np.argwhere(shown > -decomposition.DECADES + 0.5)}
    assert peaks == {(16, 16), (16, 11), (16, 21)}
    assert shown[16, 21] == pytest.approx(math.log10(0.2 / 0.5), abs=1e-4)


def test_high_parts_are_drawn_around_grey():
    pictures = images(1) * 0
    figure = decomposition.split(pictures, frequency.split_many(pictures, [4]))
    low, high = (figure.axes[place].get_images()[0].get_array() for place in (1, 3))
    assert low.max() == 0
    assert high.min() == high.max() == 0.5


def test_energy_bars_are_the_shares():
    shares = pd.DataFrame(
        {"radius": [8, 4], "low": [0.9, 0.7], "least": 0.5, "most": 1.0, "bins": 0.1}
    )
    bars = decomposition.energy(shares).axes[0].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [
        (0, 0.7), (0.7, pytest.approx(0.3)), (0, 0.9), (0.9, pytest.approx(0.1)),
    ]  # fmt: skip


def test_most_confident_agrees_with_a_slow_search():
    random, labels = torch.Generator().manual_seed(1), torch.arange(300) % 4
    keys = [decomposition.WHOLE, ("low", 4), ("high", 4)]
    answers = {key: [torch.randn(300, 4, generator=random)] for key in keys}
    kind = []
    for place in range(300):
        shares = [answers[key][0][place].softmax(0) for key in keys]
        best = [int(share.argmax()) for share in shares]
        truth = int(labels[place])
        if best[0] == truth and best[2] == truth and best[1] != truth:
            kind.append((min(float(share.max()) for share in shares), place, best))
    kind.sort(reverse=True)
    places, said = decomposition.most_confident(answers, labels, 4, 5)
    assert places.tolist() == [place for _, place, _ in kind[:5]]
    assert said[["original", "low", "high"]].to_numpy().tolist() == [best for *_, best in kind[:5]]
    assert said.filter(like="sure").min(axis=1).to_list() == pytest.approx([k[0] for k in kind[:5]])
    found = decomposition.found(answers, labels, [4])
    assert found.value[0] == pytest.approx(len(kind) / 300)
    shares = [(answers[key][0].argmax(1) == labels).double().mean().item() for key in keys]
    assert found.independent[0] == pytest.approx(shares[0] * (1 - shares[1]) * shares[2])


def test_only_the_low_part_is_marked_as_wrong():
    said = pd.DataFrame({"original": ["cat 9 %"], "low": ["dog 8 %"], "high": ["cat 7 %"]})
    figure = decomposition.cases(torch.zeros(1, 3, 3, 32, 32), said)
    assert [axes.get_xlabel() for axes in figure.axes] == ["cat\n✓ 9 %", "dog\n✗ 8 %", "cat\n✓ 7 %"]


def test_in_words_keeps_a_class_of_two_words_together():
    said = {f"{part}{end}": [value] for part in ("original", "low", "high")
            for end, value in (("", 1), ("_sure", 0.876))}  # fmt: skip
    frame = decomposition.in_words(pd.DataFrame(said), ("cat", "ankle boot"))
    assert frame.low.to_list() == ["ankle-boot 88 %"]


def test_change_is_after_minus_before_over_seeds_or_images():
    before, after = np.array([True, False, False, False]), np.array([True, True, True, False])
    assert decomposition.change([before], [after]).value == pytest.approx(0.5)
    assert decomposition.change([before], [after]).over == "images"
    several = decomposition.change([before, before], [after, before])
    assert (several.value, several.over) == (pytest.approx(0.25), "seeds")


def test_curves_are_means_over_seeds():
    frame = history()
    rows = shuffled_labels.watched(frame, "shuffled").query("part == 'low' and radius == 8")
    own = frame.query("label == 'shuffled' and split == 'train' and part == 'low' and radius == 8")
    expected = own[own.scope == "subset"].groupby("epoch").accuracy.mean()
    assert rows.value.to_list() == pytest.approx(expected.to_list())
    figure = shuffled_labels.by_epoch(frame, 0.1)
    drawn = [line.get_ydata() for line in figure.axes[1].get_lines()]
    assert any(len(y) == len(expected) and np.allclose(y, expected) for y in drawn)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_equal_epochs_are_the_shorter_training_s_last():
    epoch, both = shuffled_labels.at_equal_epochs(history())
    assert epoch == 10
    assert both.shown.to_list()[:2] == ["whole images", "low parts, r = 4"]
    assert (both["true labels"] > both["shuffled labels"]).all()


def test_highest_common_accuracy_is_reached_by_both():
    rows = shuffled_labels.at_highest_common(history(), [4, 16])
    top = history().query("label == 'shuffled' and part == 'original' and split == 'train'")
    assert rows["whole images, both"].max() <= top.groupby("seed").accuracy.max().mean()
    assert (rows["true labels"] > rows["shuffled labels"]).all()


def test_a_seed_that_learns_nothing_does_not_hide_the_others():
    """Then no level is shared by all seeds, and there is no mean to draw."""
    frame = history((0, 1, 2))
    frame.loc[(frame.label == "shuffled") & (frame.seed == 2), "accuracy"] = 0.1
    assert shuffled_labels.compared(frame, [4]).level.nunique() <= 1
    drawn = numbers.read(shuffled_labels.at_equal_accuracy(frame, 0.1))
    for label in ("true labels", "shuffled labels"):
        for seed in (0, 1):
            own = drawn[
                (drawn.series == f"{label}, seed {seed}") & (drawn.panel == "low parts, r = 4")
            ]
            assert own.x.max() > 0.8
    assert shuffled_labels.at_highest_common(frame, [4])["whole images, both"].item() > 0.5


def test_table1_shows_the_paper_where_it_has_numbers():
    scores = shuffled_labels.band_trained(history(radii=(4, 6)), [4, 6])
    figure = shuffled_labels.table1(scores, TABLE1, 0.1)
    diamonds = [
        y for axes in figure.axes for line in axes.get_lines()
        if line.get_marker() == "D" for y in line.get_ydata()
    ]  # fmt: skip
    assert sorted(diamonds) == sorted(TABLE1[TABLE1.radius == 4][["train", "test"]].to_numpy().flat)
    table = shuffled_labels.beside_paper(scores, TABLE1)
    assert table["whole test images, paper"].to_list()[0] == 0.6167
    assert table["whole test images, paper"].isna().to_list() == [False, True, False, True]
    assert scores.over.unique().tolist() == ["seeds"]
    means = scores.groupby("split").value.mean()
    assert means[["train", "same"]].to_list() == pytest.approx([0.9, 0.7], abs=0.011)
    assert means.test == pytest.approx(0.35, abs=0.011)
    same = shuffled_labels.on_the_same_part(scores)["the same parts of them"]
    assert same.str[:3].isin(["0.7"]).all()
    one = shuffled_labels.band_trained(history((0,)), [4])
    assert one.over.unique().tolist() == ["images"]
    assert (one.high > one.value).all()


def test_the_finding_is_a_sentence_even_without_a_comparison():
    frame = history()
    scores = shuffled_labels.band_trained(frame, [4, 16])
    verdicts = {name: claims.CLAIMS[name](frame) for name in ("W4", "W5")}
    text = shuffled_labels.in_short(verdicts, scores)
    assert "percentage points more of low parts" in text
    frame.loc[frame.label == "shuffled", "accuracy"] = 0.05
    verdicts = {name: claims.CLAIMS[name](frame) for name in ("W4", "W5")}
    assert "nan" not in shuffled_labels.in_short(verdicts, scores)


# The notebooks that use them -----------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_define_nothing_and_print(path):
    for cell in jupytext.read(path).cells:
        if cell.cell_type != "code":
            continue
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 10, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
        if "parameters" not in cell.metadata.get("tags", ()):
            assert re.search(r"print\(|style\.(show|table|setup|card|finding)\(", cell.source)


@pytest.mark.parametrize(
    ("path", "module"), list(zip(NOTEBOOKS, [decomposition, shuffled_labels], strict=True))
)
def test_every_alt_text_is_used_once(path, module):
    used = re.findall(r'alt=plots\.ALT\["([\w-]+)"\]', path.read_text())
    assert sorted(used) == sorted(module.ALT)
