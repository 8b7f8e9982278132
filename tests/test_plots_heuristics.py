"""Figures of networks, heuristics and architectures: what they say is what they were given."""

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import jupytext
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from fhelpers import sections
from fhelpers.claims import CLAIMS, reliance
from fhelpers.drawing import comparisons, style
from fhelpers.networks.cost import Cost
from fhelpers.sections.architectures import figures as architectures
from fhelpers.sections.heuristics import figures as heuristics
from fhelpers.sections.heuristics.claims import TABLE2_CLEAN

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
KINDS = ("resnet-8", "lenet", "alexnet", "vgg-11")
LABELS = (*heuristics.EVERY, *heuristics.OPTIMISERS, *KINDS, "batch-32", "batch-64", "batch-256")
COSTS = {label: Cost(20_000 * 4**i, 9_000_000 // 2**i) for i, label in enumerate(KINDS)}
LAST, SHORT, IMAGES = 8, 5, 400


def end(label, split, part, radius=math.nan):
    """The accuracy that a planted run ends with: a function of everything it depends on."""
    rank = list(dict.fromkeys(LABELS)).index(label)
    whole = 0.4 + 0.02 * rank + (0.1 if split == "train" else 0)
    if part == "original":
        return whole
    return whole * (1 - math.exp(-radius / (2 + rank))) if part == "low" else 0.3 / radius


def history(seeds=1, radii=(4, 8, 12, 16)):
    random, rows = np.random.default_rng(0), []
    places = [("original", math.nan), *itertools.product(("low", "high"), radii)]
    for label, seed in itertools.product(dict.fromkeys(LABELS), range(seeds)):
        last = SHORT if label.startswith("adversarial") else LAST
        for split, (part, radius) in itertools.product(("train", "test"), places):
            goal = end(label, split, part, radius) + 0.01 * (seed - (seeds - 1) / 2)
            for epoch in range(last + 1):
                now = 0.1 + (goal - 0.1) * epoch / last
                rows.append((label, seed, epoch, split, part, radius, "subset", 100, now))
            rows.append((label, seed, last, split, part, radius, "all", IMAGES, goal))
        if label.startswith("adversarial"):
            for epoch in range(last + 1):
                now = 0.1 + 0.02 * epoch + 0.001 * random.random()
                rows.append((label, seed, epoch, "test", "attacked", math.nan, "subset", 100, now))
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def figures(frame):
    batches, kinds = heuristics.of_batches(frame.label), architectures.named(KINDS)
    _, cut = reliance.at_common_accuracy(frame, batches)
    return {
        "batches": comparisons.panels(frame, batches, 0.1),
        "heuristics": comparisons.panels(frame, heuristics.HEURISTICS, 0.1),
        "against": heuristics.against_batch(frame),
        "equal": heuristics.against_batch(cut),
        "ends": comparisons.ends(frame, heuristics.EVERY, 0.1, TABLE2_CLEAN),
        "bands": comparisons.bands(frame, heuristics.EVERY, 0.1),
        "attacked": heuristics.attacked(frame, 0.02),
        "kinds": comparisons.ends(frame, kinds, 0.1, {}),
        "cost": architectures.against_cost(frame, COSTS),
    }


@pytest.mark.parametrize(("seeds", "radii"), [(1, (4, 8, 12, 16)), (3, (6,)), (2, (2.5, 9))])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds, radii):
    before = dict(mpl.rcParams)
    for name, figure in figures(history(seeds, radii)).items():
        text = style.svg(figure)
        assert figure.get_figwidth() == style.WIDTH, name
        assert len(text) < 250_000, name
        ElementTree.fromstring(text)
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_one_batch_size_is_a_page_too():
    frame = history()
    frame = frame[~frame.label.isin(["batch-64", "batch-256"])]
    style.svg(heuristics.against_batch(frame))
    style.svg(comparisons.panels(frame, heuristics.of_batches(frame.label), 0.1))


def test_panels_hold_every_part_of_both_splits_over_seeds():
    frame = history(seeds=3)
    figure = comparisons.panels(frame, heuristics.HEURISTICS, 0.1)
    names = list(heuristics.HEURISTICS)
    for place, panel in enumerate(figure.axes):
        split, label = ("train", "test")[place // len(names)], names[place % len(names)]
        drawn = {line.get_color(): line for line in panel.get_lines()}
        for part in ("original", "low", "high"):
            radius = math.nan if part == "original" else 12
            colour = style.COLOURS[part] if part == "original" else None
            line = drawn[colour or style.shades(part, (4, 8, 12, 16))[12]]
            assert line.get_ydata()[-1] == pytest.approx(end(label, split, part, radius))
            last = SHORT if label == "adversarial" else LAST
            assert line.get_xdata()[-1] == last
        assert panel.get_xlim() == (0, LAST)
        assert panel.get_ylim() == figure.axes[0].get_ylim()


def points_of(axes, marker="o"):
    """The single points of a panel, from top to bottom or left to right."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.get_lines()
        if line.get_marker() == marker and len(line.get_xdata()) == 1
    ]


def test_ends_are_the_accuracies_with_the_papers_beside_them():
    figure = comparisons.ends(history(), heuristics.EVERY, 0.1, TABLE2_CLEAN)
    (axes,) = figure.axes
    found = points_of(axes)
    for row, label in enumerate(heuristics.EVERY):
        train, test = found[2 * row : 2 * row + 2]
        assert train == pytest.approx((end(label, "train", "original"), row))
        assert test == pytest.approx((end(label, "test", "original"), row))
    (diamonds,) = [line for line in axes.get_lines() if line.get_marker() == "D"]
    named = dict(zip(heuristics.EVERY.values(), range(7), strict=True))
    rows = [named["vanilla"], named["with crop and flip"]]  # as in the released code
    assert list(zip(diamonds.get_xdata(), diamonds.get_ydata(), strict=True)) == [
        (0.856, rows[0]),
        (0.707, rows[1]),
    ]
    for published, there in ((TABLE2_CLEAN, True), ({}, False)):
        (key,) = comparisons.ends(history(), heuristics.EVERY, 0.1, published).legends
        assert ("test, in the paper" in [text.get_text() for text in key.get_texts()]) == there


def test_bands_are_steps_from_chance_to_the_whole_image():
    figure = comparisons.bands(history(radii=(4, 8)), heuristics.HEURISTICS, 0.1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["0–4", "4–8", "over 8"]
    gains = np.array([[x for x, _ in points_of(axes)] for axes in figure.axes])
    whole = [end(label, "test", "original") for label in heuristics.HEURISTICS]
    assert 0.1 + gains.sum(axis=0) == pytest.approx(np.array(whole))
    assert gains[0] == pytest.approx(
        np.array([end(la, "test", "low", 4) - 0.1 for la in heuristics.HEURISTICS])
    )
    for axes, first in zip(figure.axes, gains[:, 0], strict=True):
        assert any(
            line.get_color() == style.PALE and line.get_xdata()[0] == pytest.approx(first)
            for line in axes.get_lines()
        )


def test_batch_figures_hold_accuracy_gap_and_loss():
    accuracy, gap, lost = heuristics.against_batch(history()).axes
    sizes = (32, 64, 256)
    tests = [(size, end(f"batch-{size}", "test", "original")) for size in sizes]
    assert np.array(points_of(accuracy)[3:]) == pytest.approx(np.array(tests))
    assert [y for _, y in points_of(gap)] == pytest.approx([0.1] * 3)
    at_four = [end(f"batch-{s}", "test", "original") - end(f"batch-{s}", "test", "low", 4)
               for s in sizes]  # fmt: skip
    assert [y for _, y in points_of(lost)[:3]] == pytest.approx(at_four)


def test_attacked_curves_are_those_under_attack():
    figure = heuristics.attacked(history(seeds=2), 0.1)
    for panel in figure.axes:
        curves = {line.get_color(): line.get_ydata() for line in panel.get_lines()}
        green = curves[style.COLOURS["adversarial"]]
        assert green == pytest.approx(0.1 + 0.02 * np.arange(SHORT + 1), abs=0.002)
    assert "ends with 20 % without crop and flip" in heuristics.under_attack(history())


def test_cost_has_each_network_at_its_size():
    figure = architectures.against_cost(history(), COSTS)
    for place, label in enumerate(KINDS):
        marker = architectures.MARKERS.get(label, "o")
        test = end(label, "test", "original")
        assert points_of(figure.axes[0], marker) == [(COSTS[label].parameters, pytest.approx(test))]
        assert points_of(figure.axes[3], marker)[0] == (
            COSTS[label].multiply_adds,
            pytest.approx(0.1),
        ), place
    ticks = {architectures.in_short(value) for value in (50_000, 2e6)}
    assert ticks == {"50 k", "2 M"}


# Words and tables ----------------------------------------------------------------------------


def test_scores_give_each_measure_with_its_interval():
    table = comparisons.scores(history(seeds=3), heuristics.OPTIMISERS, first="optimiser")
    assert table.optimiser.to_list() == list(heuristics.OPTIMISERS.values())
    assert table["gap"].str.startswith("0.100 [").all()
    assert table["test accuracy"][0].startswith(f"{end('vanilla', 'test', 'original'):.3f} [")


def test_equal_epochs_are_those_of_the_shorter_training():
    epoch, table = heuristics.at_equal_epochs(history(seeds=2))
    assert epoch == SHORT
    vanilla = 0.1 + (end("vanilla", "train", "original") - 0.1) * SHORT / LAST
    assert table["training accuracy"].to_list() == pytest.approx(
        [vanilla, end("adversarial", "train", "original")]
    )
    assert table.gap[1] == pytest.approx(0.1)


def run(epochs=4, warnings=(), under_attack=(0.1, 0.3, 0.25)):
    recipe = SimpleNamespace(seed=2, epochs=epochs)
    rows = [("attacked", epoch, accuracy) for epoch, accuracy in enumerate(under_attack)]
    rows += [("original", epoch, 0.9) for epoch in range(epochs + 1)]
    frame = pd.DataFrame(rows, columns=["part", "epoch", "accuracy"])
    return SimpleNamespace(recipe=recipe, record={"warnings": list(warnings)}, history=frame)


def test_warnings_of_the_runs_are_told_with_their_run():
    quiet = {label: [run()] for label in ("vanilla", *heuristics.ATTACKED)}
    nothing = "No run left a warning about its accuracy under PGD."
    assert heuristics.warned(quiet, 0.1) == nothing
    loud = quiet | {"adversarial": [run(), run(warnings=["epoch 3: it fell"])]}
    assert "adversarial, seed 2: epoch 3: it fell" in heuristics.warned(loud, 0.1)
    assert "could not be judged" not in heuristics.warned(loud, 0.1)


@pytest.mark.parametrize("under_attack", [(0.1, 0.15, 0.2), (0.9, 0.1, 0.1), ()])
def test_a_network_that_never_withstood_the_attack_is_not_called_sound(under_attack):
    runs = {label: [run()] for label in ("vanilla", *heuristics.ATTACKED)}
    runs["adversarial-crop-flip"] = [run(under_attack=under_attack)]
    text = heuristics.warned(runs, 0.1)
    assert "could not be judged for adversarial-crop-flip, seed 2:" in text
    assert "(20 %)" in text
    assert "No run left" not in text


def test_fewer_epochs_and_missing_batch_sizes_are_said():
    same = {"vanilla": [run()], "adversarial": [run()]}
    assert "All networks are trained for 4 epochs" in heuristics.trained_for(same)
    fewer = same | {"vanilla": [run(9)]}
    assert "has 4 epochs and everything else 9" in heuristics.trained_for(fewer)
    plan = sections.heuristics("smoke", "planted", [0])
    wanted = (32, 64, 128, 256, 512)
    assert "batch size 512, more than the 300" in heuristics.left_out(wanted, plan, 300)
    assert "All batch sizes" in heuristics.left_out((32, 64), plan, 300)
    with pytest.raises(ValueError, match="none fits into"):
        heuristics.of_batches(["vanilla", "batchnorm"])


def test_the_plan_has_all_that_the_pages_show():
    plan = sections.heuristics("smoke", "planted", [0])
    shown = {*heuristics.EVERY, *heuristics.VARIANTS, *heuristics.OPTIMISERS, *heuristics.ATTACKED}
    assert shown <= set(plan)
    assert shown | set(heuristics.of_batches(plan)) == set(plan)
    for scale in ("smoke", "paper"):
        kinds = sections.architectures(scale, "planted", [0])
        assert set(architectures.named(kinds)) == set(kinds)


def test_a_level_near_chance_is_said_to_mean_little():
    assert "says little" in comparisons.common(0.12, 0.1)
    assert "equally much" in comparisons.common(0.5, 0.1)


def test_captions_list_every_value_and_name_no_winner():
    names = {"vanilla": "one,\nagain", "batchnorm": "two"}
    text = comparisons.losses(history(), names)
    losses = {
        label: np.mean([end(label, "test", "original") - end(label, "test", "low", radius)
                        for radius in (4, 8, 12, 16)])
        for label in ("vanilla", "batchnorm")
    }  # fmt: skip
    first, second = (round(100 * losses[label]) for label in names)
    assert text.endswith(f": one, again ({first}) and two ({second}).")
    assert comparisons.gaps(history(), names).endswith(": one, again (10) and two (10).")
    nothing = history().assign(accuracy=0.5)
    nothing.loc[nothing.split.eq("test") & nothing.part.eq("original"), "accuracy"] = 0.501
    assert comparisons.gaps(nothing, names).endswith(": one, again (0) and two (0).")
    assert [comparisons.points(x) for x in (-0.001, 0.001, -0.02, 0.02)] == ["0", "0", "-2", "+2"]


def test_the_findings_are_sentences_with_the_numbers():
    frame = history()
    verdicts = {name: CLAIMS[name](frame) for name in ("W8", "W9", "W11")}
    verdicts["W13"] = CLAIMS["W13"](frame, 0.1)
    text = heuristics.in_short(verdicts)
    cost = end("adversarial", "test", "original") - end("vanilla", "test", "original")
    assert f"adversarial training changes test accuracy by {comparisons.points(cost)}" in text
    assert text.startswith("From the largest batch")
    del verdicts["W8"], verdicts["W9"]
    assert heuristics.in_short(verdicts).startswith("Against vanilla")
    del verdicts["W13"]  # with one radius
    assert "adversarial" not in heuristics.in_short(verdicts)
    others = architectures.others_in_short(frame, {"lenet": "LeNet", "alexnet": "AlexNet"})
    tests = [round(100 * end(label, "test", "original")) for label in ("lenet", "alexnet")]
    assert f"test accuracy is {tests[0]} to {tests[1]} %" in others


def test_widths_that_are_not_published_are_said():
    widths = dict.fromkeys(KINDS)
    assert "as published" in architectures.widths_in_words(widths)
    narrow = architectures.widths_in_words(widths | {"alexnet": 16, "vgg-11": 64})
    assert "AlexNet by a factor of 4." in narrow
    assert "VGG" not in narrow
    table = architectures.costs_table(COSTS, widths | {"alexnet": 16})
    assert table["channels of the first layer"].to_list()[2] == "16 (published: 64)"
    assert table.parameters.to_list() == [cost.parameters for cost in COSTS.values()]
    large = Cost(10 * COSTS["resnet-8"].parameters, 37 * COSTS["resnet-8"].multiply_adds)
    text = architectures.resnet18_in_words(COSTS, large)
    assert "37 times the multiply-adds of this page's ResNet-8 and has 10 times its para" in text
    assert "among them" in architectures.resnet18_in_words(COSTS | {"resnet-18": large}, large)
    text = architectures.cost_in_short(COSTS, "resnet-8")
    assert "fewer than 3 of the 3" in text
    assert "more than 3" in text


# The notebooks that use them -----------------------------------------------------------------

PAGES = {"03_heuristics": heuristics, "04_architectures": architectures}


@pytest.mark.parametrize("slug", PAGES)
def test_cells_are_short_define_nothing_and_print(slug):
    for cell in jupytext.read(NOTEBOOKS / f"{slug}.py").cells:
        if cell.cell_type != "code":
            continue
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 10, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
        if "parameters" not in cell.metadata.get("tags", ()):
            assert re.search(r"print\(|style\.(show|table|setup|card|finding)\(", cell.source)


@pytest.mark.parametrize("slug", PAGES)
def test_every_alt_text_is_used_once(slug):
    used = re.findall(r'alt=plots\.ALT\["([\w-]+)"\]', (NOTEBOOKS / f"{slug}.py").read_text())
    assert sorted(used) == sorted(PAGES[slug].ALT)
