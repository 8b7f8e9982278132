"""Which planted cue true labels are learned from: the measure, the sentence and the figure."""

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers import data, frequency
from fhelpers.sections import PLANS
from fhelpers.sections.shuffled_labels import figures, measure

RATIOS = (0.25, 0.5, 1.0)


def history(lean, images=400):
    """Networks on cues whose accuracy on the low part exceeds that on the high one by `lean`."""
    rows = [
        (f"cue-{ratio:g}", 0, epoch, "train", part, 8.0, "subset", images, 0.5 + sign * own / 2)
        for ratio, own in zip(RATIOS, lean, strict=True)
        for epoch in range(4)
        for part, sign in (("low", 1), ("high", -1))
    ]
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def test_the_noise_of_planted_images_falls_as_one_over_the_distance():
    """Its power in a band is the sum of 1 / d² over the bins of the band."""
    distance = frequency.radial_distance(32, 32)
    power = torch.where(distance > 0, 1 / distance.clamp(min=1) ** 2, 0.0)
    expected = power[distance <= 8].sum() / power[distance > 8].sum()
    assert measure.noise_ratio() == pytest.approx(expected.item(), rel=0.03)


def test_the_advantage_is_the_ratio_of_the_cues_signal_to_noise():
    """Cue and noise are taken apart by hand, for images with both cues at equal strength."""
    noise, both = (
        data.load("planted", train=True, limit=500, low=strength, high=strength).pixels()
        for strength in (0, 1)
    )
    power = {}
    for name, images in (("noise", noise), ("cue", both - noise)):
        images = 0.5 + (images - images.mean((-2, -1), keepdim=True)) / 2
        power[name] = [part.var().item() for part in frequency.split(images, 8)]
    (low, high), (low_noise, high_noise) = power["cue"], power["noise"]
    found = measure.preferences(history((0.0, 0.0, 0.0))).set_index("ratio").advantage
    assert found[1.0] == pytest.approx(high / high_noise / (low / low_noise), rel=0.03)
    assert found[0.5] == pytest.approx(found[1.0] / 4)


def test_the_preference_is_the_difference_of_accuracies_over_the_epochs():
    found = measure.preferences(history((0.6, 0.0, -0.4)))
    assert found.value.to_numpy() == pytest.approx(np.array([0.6, 0.0, -0.4]))
    assert (found.over == "images").all()
    assert found.low[0] > 0 > found.high[2]
    assert found.low[1] < 0 < found.high[1]


@pytest.mark.parametrize(
    ("lean", "said"),
    [
        ((0.6, 0.0, -0.4), "where they are the more distinctive"),
        ((0.6, 0.5, 0.4), "prefer the low cue throughout"),
        (
            (0.6, 0.0, 0.0),
            "prefer the low cue at 1 of 3 ratios, and neither of them clearly at the others",
        ),
        ((-0.6, -0.5, -0.4), "prefer the high cue throughout"),
        ((0.0, 0.0, 0.0), "prefer neither cue throughout"),
    ],
)
def test_the_sentence_says_which_cue_comes_first(lean, said):
    found = measure.preferences(history(lean))
    assert said in measure.in_short(found)
    check({"cues": figures.cues(found)})


def test_each_ratio_is_a_network_on_true_labels():
    plan = PLANS["shuffled_labels"]("quick", "cifar10", [0, 1], ratios=RATIOS)
    cued = {label: group for label, group in plan.items() if label.startswith("cue-")}
    assert list(cued) == ["cue-0.25", "cue-0.5", "cue-1"]
    for ratio, group in zip(RATIOS, cued.values(), strict=True):
        assert [recipe.seed for recipe in group] == [0, 1]
        assert {recipe.labels for recipe in group} == {"true"}
        assert {recipe.options["high"] / recipe.options["low"] for recipe in group} == {ratio}


@pytest.mark.parametrize("ratios", [(), (0.5, 0.0), (-1,)])
def test_a_cue_that_is_none_is_refused(ratios):
    with pytest.raises(ValueError, match="one or more numbers above 0"):
        PLANS["shuffled_labels"]("quick", "cifar10", [0], ratios=ratios)
