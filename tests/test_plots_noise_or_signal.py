"""The figures of the section on singular values show what they were given."""

import itertools
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers.drawing import numbers
from fhelpers.sections.noise_or_signal import claims
from fhelpers.sections.noise_or_signal import figures as noise
from fhelpers.sections.noise_or_signal.measure import SPLITS

IMAGES = 1000
SHARES = {"natural": (0.010, 0.005, 0.002), "batchnorm": (0.003, 0.006, 0.001)}


def outcomes(seeds=(0, 1, 2)):
    """Every image is correct whole and from the rest, and from the first part unless a case."""
    rows = []
    for (network, shares), seed in itertools.product(SHARES.items(), seeds):
        for split, share in zip(SPLITS, shares, strict=True):
            case = np.arange(IMAGES) < round(share * IMAGES) + seed - seeds[len(seeds) // 2]
            each = {"network": network, "seed": seed, "part": split, "image": np.arange(IMAGES)}
            each |= {"right_original": True, "right_high": True, "right_low": ~case, "energy": 0.9}
            each |= {"answer": np.arange(IMAGES) // 7}
            rows.append(pd.DataFrame(each))
    return pd.concat(rows, ignore_index=True)


def of_natural(rows):
    return rows[rows.network == "natural"]


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(seeds):
    before, rows = dict(mpl.rcParams), outcomes(seeds)
    pictures = [{name: (torch.rand(3, 8, 8), "cat") for name in ("image", "low")}] * 2
    drawn = {
        "counts": noise.counts(of_natural(rows)),
        "networks": noise.by_network(rows),
        "examples": noise.examples(pictures, ["Fourier only", "SVD only"]),
    }
    assert set(drawn) == set(noise.ALT)
    check(drawn)
    titles = [axes.get_title() for axes in drawn["examples"].axes]
    assert titles == ["image\ncat", "low\ncat", "cat", "cat"]
    assert dict(mpl.rcParams) == before


def test_points_are_the_shares_and_no_two_ticks_read_the_same():
    rows = outcomes()
    data = numbers.read(noise.by_network(rows))
    for network, name in (("natural", "M_natural"), ("batchnorm", "BatchNorm")):
        for split, share in zip(SPLITS, SHARES[network], strict=True):
            (found,) = data[(data.series == split) & (data.y_tick == name)].itertuples()
            assert found.x == pytest.approx(share, abs=0.0005)
            assert found.low < found.x < found.high
    data = numbers.read(noise.counts(of_natural(rows)))
    alone = data[data.series.str.contains("independent")].set_index("y_tick").x
    assert alone["Fourier"] == pytest.approx(0.01)
    for figure in (noise.counts(of_natural(rows)), noise.by_network(rows)):
        figure.draw_without_rendering()
        ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
        assert len(set(ticks)) == len(ticks)


def test_words_and_numbers_are_those_of_the_shares():
    rows = outcomes()
    table = noise.numbers(of_natural(rows))
    assert table.split.to_list() == list(SPLITS)
    assert table.cases[0].startswith("0.010 ")
    assert table["rest correct"].to_list() == [1.0] * 3
    said = noise.order_in_words(rows, 0.5)
    assert said.startswith(
        "The Fourier split gives the most such images in 1 of 2 networks: M_natural. "
    )
    assert said.endswith("by more than 5 points: BatchNorm (100 %) and M_natural (100 %).")
    assert noise.order_in_words(rows, 0.97).endswith("by more than 5 points: none.")


def test_the_commonest_class_among_the_cases_is_counted():
    rows = of_natural(outcomes(seeds=(0,)))  # the first 10 images are cases, or the first 5
    assert noise.in_one_class(rows, [*map(str, range(200))]) == (
        "The commonest class among the cases: 0, 7 of 10 (Fourier); 0, 5 of 5 (SVD, equal energy)."
    )


def test_answers_are_those_of_the_test_images_of_each_seed():
    tests = {seed: SimpleNamespace(labels=torch.arange(9) + 10 * seed) for seed in (0, 2)}
    trained = [
        SimpleNamespace(recipe=SimpleNamespace(seed=seed, load=lambda train, own=own: own))
        for seed, own in tests.items()
    ]
    rows = pd.DataFrame({"seed": [0, 2, 0, 2], "image": [8.0, 0.0, 3.0, 1.0]})
    assert claims.with_answers(rows, trained).answer.to_list() == [8, 20, 3, 21]


def test_what_chance_gives_is_counted_within_each_class():
    """Two classes: in one the rest is right for all images, in the other for none."""
    rows = pd.DataFrame({
        "seed": 0, "part": "Fourier", "answer": [0] * 10 + [1] * 10,
        "right_original": True, "right_high": [True] * 10 + [False] * 10,
        "right_low": [True] * 8 + [False] * 2 + [False] * 10,
    })  # fmt: skip
    # Without classes 12 images are right whole and not in their first part, of which half: 6.
    assert claims.expected(rows) == pytest.approx(2 / 20)
    both = pd.concat([rows, rows.assign(seed=1, right_low=True)])
    assert claims.expected(both) == pytest.approx(1 / 20)
