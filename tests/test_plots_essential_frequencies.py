"""The figures of the section on training through masks show what they were given."""

import dataclasses

import pandas as pd
import pytest
import torch
from drawn import check
from test_claims_essential_frequencies import trained
from test_plots_fourier_masks import module

from fhelpers.masks.recipes import varied
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.essential_frequencies import figures as plots


def through(seeds):
    frame = trained(dict.fromkeys(plots.VARIED, 0.4) | {"mask": 0.45, "random": 0.3}, seeds)
    shuffled = frame[frame.label.isin(["through/mask", "through/complement"])]
    shuffled = shuffled.assign(label=shuffled.label.str.replace("through", "shuffled"))
    frame = pd.concat([frame, shuffled])
    frame = pd.concat([frame, frame.assign(part="input", accuracy=frame.accuracy + 0.1)])
    return plots.trained_through(frame)


def figures(seeds):
    return {
        "variants": plots.variants(module(), module(), 0),
        "through": plots.through(through(seeds), 0.45, 0.1),
    }


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(seeds):
    drawn = figures(seeds)
    assert set(drawn) == set(plots.ALT)
    check(drawn, 300_000)


def test_sentences_name_what_was_measured():
    words = plots.through_in_words(through(3), 0.47)
    assert "47 % of whole test images" in words
    assert "30 % through the random mask" in words
    assert words.endswith(
        "is 5 points above the disc and 5 points above the permuted mask; the card has intervals."
    )
    level = through(3).assign(original=through(3).original.iloc[0])
    assert "within a point of the disc" in plots.through_in_words(level, 0.47)


@pytest.mark.parametrize(
    ("complement", "said"), [(0.94, "does not separate"), (0.1, "mask separates")]
)
def test_whether_a_mask_separates_is_asked_of_both_of_its_sides(complement, said):
    frame = trained({"mask": 0.88, "complement": complement}, 1).assign(
        label="mask/shuffled", split="train", part=["masked", "complement"]
    )
    words = plots.memorised_in_words(through(3), frame)
    assert said in words
    assert f"88 % of its training labels right through its mask and {100 * complement:.0f}" in words


def test_the_complement_is_counted_and_called_dark_where_it_is_small():
    mask = module()
    assert "holds 0 of 1,024 frequencies: that half" in plots.zeros_in_words([mask])
    mask.weight.data[..., :20] = 0  # 20 pairs, or 19 and the zero frequency
    held = int(mask.masks().eq(0).sum())
    assert f"holds {held} of 1,024 frequencies: that half" in plots.zeros_in_words([mask])
    mask.weight.data[..., :200] = 0
    assert plots.zeros_in_words([mask]).endswith(" of 1,024 frequencies.")


def test_what_else_differs_between_the_two_networks_is_read_from_their_recipes():
    plain = Recipe(dataset="cifar10", labels="shuffled", epochs=5)
    same = dataclasses.replace(plain, labels="true")
    assert plots.apart_in_words(same, plain).startswith("M_shuffle differs from N in labels. ")
    other = dataclasses.replace(same, batchnorm="running", epochs=6)
    assert "N in labels, BatchNorm and epochs." in plots.apart_in_words(other, plain)
    assert "dimmed" in plots.apart_in_words(other, plain)
    assert "dimmed" not in plots.apart_in_words(same, other)


def test_the_setup_calls_masks_as_the_page_does():
    labels = ["natural", "mask/natural", "through/binary-complement", "shuffled/complement"]
    assert list(plots.in_setup(labels).values()) == [
        "N", "mask/N", "through/complement", "shuffled/one minus the mask",
    ]  # fmt: skip


def test_the_weights_of_frequency_zero_are_those_of_the_masks_that_were_drawn():
    mask = module()
    mask.weight.data.copy_(torch.linspace(0.1, 0.9, mask.weight.numel()).view_as(mask.weight))
    rows = trained({"random": 0.50, "random-but-zero": 0.58}, 3)
    words = plots.brightness_in_words([mask, mask], [0, 1], rows)
    zero = mask.masks()[0, 0, 16, 16].item()
    drawn = [varied(mask, "random", seed).masks()[0, 0, 16, 16].item() for seed in (0, 1)]
    assert f"the weight {zero:.2f} and {zero:.2f}; " in words
    assert f"gives it {drawn[0]:.2f} and {drawn[1]:.2f} (by seed)." in words
    assert len({f"{each:.2f}" for each in (zero, *drawn)}) == 3
    assert "It gains 0.08" in words
    assert "(by seed)" not in plots.brightness_in_words([mask], [0], rows)
