"""The figures of the section on masks of networks show what they were given."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check
from test_claims_fourier_masks import history

from fhelpers import intervals
from fhelpers.masks import FourierMask
from fhelpers.sections.fourier_masks import figures as plots
from fhelpers.sections.fourier_masks import measure, readings


def every_network(**settings):
    """The planted history of five networks, two of VGG-11, and N learned on test images."""
    frame = history(**settings)
    if "angular" not in set(frame.part):  # the claims look at directions within whole rings
        frame = pd.concat([frame, frame[frame.part == "within"].assign(part="angular")])
    others = [
        frame[frame.label == f"mask/{name}"].assign(label=f"mask/vgg-11-{name}")
        for name in ("natural", "adversarial")
    ]
    train = frame[frame.label == "mask/natural"]
    train = pd.concat([train, train[train.split == "test"].assign(split="train")])
    frame = frame[frame.label != "mask/natural"]
    return pd.concat(
        [train, frame, *others, train.assign(label="ontest/natural")], ignore_index=True
    )


def some_masks(*names, size=(32, 32)):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(size, generator=generator) for name in names}


def module(channels=1, size=(32, 32), count=1):
    mask = FourierMask(*size, count=count, channels=channels)
    torch.manual_seed(0)
    mask.weight.data.uniform_()
    return mask


def figures(seeds, channels, size):
    frame = every_network(seeds=seeds, kept=0.98)
    pixels = torch.rand(3, channels, size, size)
    return {
        "masks": plots.masks(some_masks("natural", "adversarial", "scale")),
        "reliability": plots.accuracies(measure.reliability(frame), 0.1),
        "energies": plots.energies(frame),
        "direction": plots.direction(
            readings.by_direction(frame, {"adversarial": 1, "natural": -1})
        ),
        "differences": plots.differences(frame),
        "classes": plots.class_masks(torch.rand(10, size, size), [f"class {i}" for i in range(10)]),
        "images": plots.images(pixels, dict.fromkeys("NA", module(1, (size, size)))),
        "nonlinearity": plots.nonlinearity(measure.harmonics()),
    }


@pytest.mark.parametrize(("seeds", "channels", "size"), [(1, 3, 32), (2, 1, 28)])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(seeds, channels, size):
    drawn = figures(seeds, channels, size)
    assert set(drawn) == set(plots.ALT)
    check(drawn, 300_000)


def test_masks_are_shown_with_their_differences_to_the_first():
    found = some_masks("natural", "adversarial", "scale")
    axes = [panel for panel in plots.masks(found).axes if panel.images]
    shown = [np.asarray(panel.images[0].get_array()) for panel in axes]
    expected = [*found.values(), *(found[n] - found["natural"] for n in ("adversarial", "scale"))]
    assert len(shown) == 5
    for image in expected:
        assert any(np.allclose(image, other) for other in shown)
    for panel in axes[3:]:
        low, high = panel.images[0].get_clim()
        assert low == -high  # a diverging map has its middle at zero


@pytest.mark.parametrize("seeds", [1, 3])
def test_differences_are_of_the_energy_kept(seeds):
    frame = every_network(seeds=seeds, spread=0.001)
    figure = plots.differences(frame)
    label = "folds" if seeds == 1 else "mask"
    rows = frame[frame.part == "radial"]
    means = rows.groupby(["label", rows.band // 4]).value.mean() / 5
    expected = means[f"{label}/adversarial"] - means[f"{label}/natural"]
    lines = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert any(len(y) == 16 and np.allclose(y, expected) for y in lines)
    assert len(figure.axes) == 8
    assert len(figure.axes[0].collections) == 1  # the interval


def test_one_seed_without_folds_draws_no_interval():
    frame = every_network(seeds=1, folds=False)
    assert not plots.differences(frame).axes[0].collections


def test_rings_without_a_frequency_are_left_out():
    frame = every_network(seeds=1)
    empty = (frame.part == "radial") & (frame.band // 4 == 3)
    frame.loc[empty, ["value", "whole"]] = 0
    line = plots.energies(frame).axes[0].get_lines()[0]
    assert len(line.get_xdata()) == 15
    assert np.isfinite(line.get_ydata()).all()


def test_what_a_mask_lets_through_and_takes_away_are_the_image():
    pixels, mask = torch.rand(1, 3, 32, 32) * 0.4 + 0.3, module()
    mask.weight.data.fill_(0.5)
    panels = plots.images(pixels, {"N": mask}).axes
    x, kept, taken = (np.asarray(panel.images[0].get_array()) for panel in panels[:3])
    means = [shown.mean((0, 1)) for shown in (x, kept, taken)]
    np.testing.assert_allclose(means[1:], [means[0]] * 2, atol=1e-5)  # and so both can be seen
    np.testing.assert_allclose(x + means[0], kept + taken, atol=1e-5)
    assert 0 < float(panels[1].get_xlabel()) < 1


def test_nonlinearities_make_the_harmonics_of_theory():
    frame = measure.harmonics(amplitude=2.0)
    assert frame["sine"].to_list() == pytest.approx([0, 2] + [0] * 8, abs=1e-9)
    # Half a rectified sine: its mean A / π at zero, 2·A / (π (k² − 1)) at even k.
    assert frame["ReLU"][0] == pytest.approx(2 / math.pi, rel=1e-3)
    assert frame["ReLU"][1] == pytest.approx(1, rel=1e-3)
    assert frame["ReLU"][2] == pytest.approx(2 * 2 / (math.pi * 3), rel=1e-3)
    assert frame["ReLU"][3] == pytest.approx(0, abs=1e-6)
    for name in ("tanh", "hard tanh"):
        assert frame[name][::2].abs().max() < 1e-9
        assert frame[name][3] > 0.05


def test_sentences_name_what_was_measured():
    frame = every_network(kept=0.9, spread=0)
    found = measure.reliability(frame)
    recipe = SimpleNamespace(threshold=0.99, patience=7, epochs=9)
    assert "after 9 epochs. All masks keep" in plots.threshold_in_words(found, recipe)
    missed = found.assign(reached=[0.0, *[1.0] * (len(found) - 1)])
    assert "1 of 7 ended below 99 %: N." in plots.threshold_in_words(missed, recipe)
    planted = {"spread": 0, "shares": {"adversarial": 0.68}}
    near = plots.energies_in_words(every_network(seeds=3, **planted))
    # Of 100 in all, 40 and 68 lie in the lowest sixteen of 64 bands, which hold 5 each.
    assert "N keeps 50 % and A 85 %, of one in the upper half 25 % and 13 %" in near
    assert "five masks a network" not in near
    more = plots.differences_in_words(every_network(seeds=1, **planted))
    assert "A +35 and −12, S 0 and 0, T +6 and −2 and R −6 and +2. Both more near" in more
    assert "Both more near zero and less beyond: A and T. With one seed" in more


@pytest.mark.filterwarnings("error")
def test_masks_of_classes_are_described_by_what_they_have_in_common():
    ends = pd.DataFrame({"split": "mask", "part": "weight", "value": [0.2, 0.5, 0.0],
                         "reached": [True, False, False]})  # fmt: skip
    starts = pd.DataFrame({"split": "learning", "epoch": 0, "images": [30.0, 40.0, 30.0]})
    frame = pd.concat([ends, starts]).assign(label="classes/natural")
    one = torch.arange(16.0).view(4, 4)
    said = plots.classes_in_words(frame, torch.stack([one, -one, 0 * one]), 0.99)
    assert "from 30 to 40 images" in said
    assert "between 0.00 and 0.50; 2 of 3 ended below 99 %" in said
    assert said.endswith("Correlations between two of them range from -1.00 to 0.00.")


@pytest.mark.parametrize(
    ("images", "shares", "said"),
    [
        ((50, 80), ((0.9, 0.9), (0.9, 0.9)), "of 0.0 and 0.0 percentage points"),
        ((50, 80), ((0.92, 0.91), (0.93, 0.95)), "by more between the two masks, +4.0 points"),
        ((50, 50), ((0.92, 0.91), (0.93, 0.95)), "of +1.0 and +2.0 percentage points"),
    ],
)
def test_what_differs_between_two_masks_is_not_put_down_to_the_images_that_judge_them(
    images, shares, said
):
    columns = ["share kept, training", "share kept, test"]
    text = plots.gain_of_test_set(pd.DataFrame(shares, columns=columns).assign(images=images))
    assert said in intervals.as_read(text)
    assert ("50 and 80 images" in text) == ("by more" in said)


def test_four_neighbouring_directions_are_drawn_as_one():
    frame = every_network(seeds=1)
    rows = frame[(frame.label == "folds/natural") & (frame.part == "angular")]
    sums = rows.assign(band=rows.band // 4).groupby(["mask", "band"])[["value", "whole"]].sum()
    expected = (sums.value / sums.whole).groupby("band").mean()
    line = plots.energies(frame).axes[1].get_lines()[0]
    assert len(line.get_xdata()) == 16
    np.testing.assert_allclose(line.get_ydata(), expected)
