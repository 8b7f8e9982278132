"""The figures of the section on accuracy and robustness show what they were given."""

import itertools
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check
from matplotlib.text import Text

from fhelpers.claims import CLAIMS
from fhelpers.drawing import numbers
from fhelpers.drawing.names import NAMES
from fhelpers.sections.tradeoff import figures as tradeoff

IMAGES, EPSILON = 101, 0.01
NETWORKS = tuple(label for label in NAMES if label != "vanilla")  # the page has natural instead
FACTORS = {"high": 2, "low": 4, "all": 1}


def perturbations(seeds=(0,), networks=("natural", "batchnorm", "lenet")):
    """Sizes from 0 to 2, 4 and 8 255ths by network; image 0 is misclassified; lenet withstands."""
    rows = []
    for (rank, network), seed in itertools.product(enumerate(networks), seeds):
        for part, factor in FACTORS.items():
            sizes = factor * 2**rank * np.arange(IMAGES) / (IMAGES - 1) / 255 + 1e-4 * seed
            sizes[0] = 0
            sizes = np.where((network == "lenet") & (sizes > 0), math.inf, sizes)
            each = {"network": network, "seed": seed, "part": part, "image": np.arange(IMAGES)}
            rows.append(pd.DataFrame(each | {"size": sizes, "low_change": 0.0}))
    return pd.concat(rows, ignore_index=True)


def history(seeds=(0,), networks=NETWORKS):
    rows = []
    for (rank, label), seed in itertools.product(enumerate(networks), seeds):
        clean = 0.3 + 0.03 * rank + 0.01 * seed
        whole = {"seed": seed, "epoch": 3, "split": "test", "radius": math.nan, "images": 200}
        rows.append(whole | {"label": label, "part": "original", "scope": "all", "accuracy": clean})
        attack = {"label": f"corollary-{label}", "part": "attacked", "scope": "all"}
        for epsilon in (EPSILON, 2 * EPSILON):
            rows.append(whole | attack | {"epsilon": epsilon, "accuracy": clean - 20 * epsilon})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds):
    before, rows = dict(mpl.rcParams), perturbations(seeds)
    images = torch.rand(4, 3, 8, 8)
    tensors = {"images": images, "perturbations": images / 100}
    tensors |= {"labels": torch.arange(4), "answers": torch.arange(4).flip(0)}
    drawn = {
        "pairs": tradeoff.pairs(tensors, images, "abcd"),
        "fooled": tradeoff.fooled(rows[rows.network == "natural"]),
        "sizes": tradeoff.sizes(rows),
        "scatter": tradeoff.scatter(history(seeds), EPSILON),
    }
    assert set(drawn) == set(tradeoff.ALT)
    check(drawn)
    titles = [axes.get_title() for axes in drawn["pairs"].axes]
    assert titles == [*"abcd", *[""] * 4, *"dcba", *[""] * 4]
    assert dict(mpl.rcParams) == before


def test_fooled_is_the_share_of_smaller_perturbations():
    rows = perturbations()
    data = numbers.read(tradeoff.fooled(rows[rows.network == "natural"]))
    for part, name in tradeoff.BANDS.items():
        curve = data[data.series == name]
        expected = np.minimum(1, np.floor(100 * curve.x / FACTORS[part] + 1e-6) / 100)
        assert curve.y.to_numpy() == pytest.approx(expected.to_numpy(), abs=0.011)
        assert (curve.low <= curve.y).all()
        assert (curve.high >= curve.y).all()


def test_medians_are_those_of_the_correctly_classified_images():
    rows = perturbations(seeds=(0, 1, 2))
    frame = tradeoff.medians(rows).set_index(["network", "part"])
    for (rank, network), (part, factor) in itertools.product(
        enumerate(("natural", "batchnorm")), FACTORS.items()
    ):
        value = factor * 2**rank / 2 + 255 * 1e-4
        assert frame.value[network, part] == pytest.approx(value, abs=0.1)
    data = numbers.read(tradeoff.sizes(rows))
    high = data[data.series == "high part only"].set_index("y_tick")
    assert high.x["BatchNorm"] == pytest.approx(frame.value["batchnorm", "high"], rel=1e-4)
    assert "LeNet" not in high.index
    table = tradeoff.sizes_table(rows).set_index("network")
    assert table.columns.to_list() == list(tradeoff.BANDS.values())
    assert (table.loc["LeNet"] == "over 32").all()
    text = tradeoff.order_in_words(rows)
    assert text.startswith(
        "In 0 of 3 networks a smaller perturbation suffices in the low part, in 0 of them with "
    )
    assert ": M_natural (1.0); BatchNorm (2.0); LeNet (over 32). Intervals" in text
    assert text.endswith("neighbours in this order overlap in 0 of 2 pairs.")
    assert "neighbours" not in tradeoff.order_in_words(rows[rows.network == "natural"])
    swapped = rows.replace({"part": {"high": "low", "low": "high"}})
    assert "low part, in 2 of them with intervals that do" in tradeoff.order_in_words(swapped)
    finding = tradeoff.in_short(CLAIMS["W3"](rows[rows.network == "natural"]), rows)
    assert "M_natural's correct predictions" in finding
    assert "half of them change at 1.0/255 in the high part and at 2.0/255" in finding


@pytest.mark.parametrize("crowd", [1, 0.02])
def test_names_stand_beside_their_points_without_covering_others(crowd):
    frame = history()
    middle = frame.accuracy.mean()
    frame["accuracy"] = middle + crowd * (frame.accuracy - middle)
    figure = tradeoff.scatter(frame, EPSILON)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    points = {text.get_text(): text.xy for text in axes.texts}
    assert list(points) == [NAMES[label] for label in NETWORKS]
    data = numbers.read(figure).set_index("series")
    for name, (x, y) in points.items():
        assert (data.x[name], data.y[name]) == pytest.approx((x, y))
    for text, (x, y) in zip(axes.texts, points.values(), strict=True):  # a line leads to the point
        spot, end = axes.transData.transform((x, y)), text.arrow_patch.get_path().vertices[-1]
        assert np.hypot(*(spot - end)) < 6
    if crowd == 1:
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the lines
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(("seeds", "over"), [((0,), "200 images"), ((0, 1, 2), "3 seeds")])
def test_the_caption_says_over_what_intervals_are(seeds, over):
    said = tradeoff.samples(history(seeds), EPSILON)
    assert said == f"Intervals are over {over}."


def test_the_caption_tells_intervals_over_fewer_attacked_images_apart():
    rows = history()
    rows.loc[rows.part == "attacked", "images"] = 100
    said = tradeoff.samples(rows, EPSILON)
    assert "over 200 images along the horizontal axis and over 100 images along the other" in said
