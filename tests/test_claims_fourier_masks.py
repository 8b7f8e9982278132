"""K1 to K4 and K6 against planted records: yes, no, and not to be told."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fhelpers.claims import CLAIMS
from fhelpers.masks.recipes import BANDS
from fhelpers.sections.fourier_masks import readings

YES, NO, OPEN = "reproduced", "not reproduced", "undecided"
CENTRES = (np.arange(BANDS) + 0.5) * 180 / BANDS
ALONG = np.minimum(CENTRES % 90, 90 - CENTRES % 90) < readings.AXES
LOW = np.arange(BANDS) < BANDS / 4


def shared(total, inside, share):
    """Energies with `share` of `total` spread evenly over the bands `inside`."""
    return np.where(inside, share * total / inside.sum(), (1 - share) * total / (~inside).sum())


def mask_rows(label, seed, number, *, low, along, weight):
    rows = [{"part": "weight", "mask": number, "value": weight, "reached": True}]
    for part, values in (
        ("radial", shared(100, LOW, low)),
        ("within", shared(90, ALONG, along)),
    ):
        rows += [
            {"part": part, "mask": number, "band": band, "value": value, "whole": 5.0,
             "even": 90 / BANDS}
            for band, value in enumerate(values)
        ]  # fmt: skip
    about = {"label": label, "seed": seed, "split": "mask", "scope": "mask", "epoch": 9}
    return [about | row for row in rows]


def learning_rows(label, seed, number, *, low, weight, images=200):
    """How a mask was learned: its low share rises in a line while its weight falls from 1."""
    about = {
        "label": label, "seed": seed, "mask": number, "split": "learning", "part": "masked",
        "scope": "subset", "images": images,
    }  # fmt: skip
    return [
        about
        | {"epoch": epoch, "weight": 1 - step * (1 - weight), "low_share": 0.2 + step * (low - 0.2)}
        for epoch, step in enumerate(np.linspace(0, 1, 5))
    ]


def score_rows(label, seed, *, accuracy=0.8, kept=1.0, alike=0.4, images=2000):
    through = accuracy * kept
    both = min(accuracy, through) - 0.005
    rows = [
        {"part": "original", "accuracy": accuracy, "both": accuracy},
        {"part": "masked", "accuracy": through, "both": both, "similarity": alike,
         "deviation": 0.1, "compared": 500},
        {"part": "complement", "accuracy": 0.1, "both": 0.1, "similarity": 0.1,
         "deviation": 0.1, "compared": 500},
    ]  # fmt: skip
    about = {"label": label, "seed": seed, "split": "test", "scope": "all", "epoch": 9}
    return [about | {"images": images} | row for row in rows]


SHARES = {"natural": 0.4, "adversarial": 0.7, "scale": 0.4, "translate": 0.45, "rotate": 0.35}


def history(
    *,
    seeds=3,
    shares=None,
    along=(0.55, 0.65),
    weight=0.4,
    spread=0.004,
    folds=True,
    draw=0,
    images=2000,
    seen=None,
    **scores,
):
    """Masks of five networks with these shares of low energy and of energy along the axes.

    scores: of masks on other images than they were learned from; seen: what differs on those.
    """
    seen = seen or {}
    random, rows = np.random.default_rng(draw), []
    shares = SHARES | (shares or {})
    for seed, (name, low) in itertools.product(range(seeds), shares.items()):
        own = {"along": along[name == "adversarial"], "weight": weight}

        def wobble(low=low, own=own):
            return {"low": low + spread * random.normal()} | {
                key: value + spread * random.normal() for key, value in own.items()
            }

        for kind, number in [("mask", 0)] + [("folds", n) for n in range(5 if folds else 0)]:
            about, planted = (f"{kind}/{name}", seed, number), wobble()
            rows += mask_rows(*about, **planted)
            del planted["along"]
            rows += learning_rows(*about, **planted)
        changed = {k: v + spread * random.normal() for k, v in scores.items()}
        rows += score_rows(f"mask/{name}", seed, **changed, images=images)
        if name == "natural":
            changed = {k: v + spread * random.normal() for k, v in (scores | seen).items()}
            rows += score_rows("ontest/natural", seed, **changed, images=images)
    return pd.DataFrame(rows)  # once: a frame for each mask would take longer than the claims


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("claim", "effect", "expected"),
    [
        ("K1", {"kept": 1.01}, YES),
        ("K1", {"kept": 0.95}, NO),
        ("K1", {"kept": 0.99}, OPEN),
        ("K1", {"kept": 0.9, "seen": {"kept": 1.01}}, YES),
        ("K1", {"kept": 1.01, "seen": {"kept": 0.9}}, NO),
        ("K2", {}, YES),
        ("K2", {"shares": {"adversarial": 0.3}}, NO),
        ("K2", {"shares": {"adversarial": 0.4005}}, OPEN),
        ("K3", {}, YES),
        ("K3", {"along": (0.65, 0.55)}, YES),
        ("K3", {"along": (0.6, 0.6), "draw": 2}, NO),
        ("K3", {"along": (0.6, 0.61), "draw": 1}, OPEN),
        ("K4", {}, YES),
        ("K4", {"shares": {"rotate": 0.8}}, NO),
        ("K4", {"shares": {"scale": 0.7005}}, OPEN),
        ("K6", {"kept": 1.01}, YES),
        ("K6", {"kept": 1.01, "alike": 0.9}, NO),
        ("K6", {"kept": 0.9}, NO),
        ("K6", {"kept": 1.01, "alike": 0.5}, OPEN),
    ],
)
def test_verdicts_are_those_of_what_was_planted(claim, effect, expected, seeds):
    spread = {("K3", NO): 0.001, ("K3", OPEN): 0.02}.get((claim, expected), 0.004)
    verdict = CLAIMS[claim](history(seeds=seeds, spread=spread, **effect))
    assert verdict.verdict == expected, str(verdict)
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_claims_measure_what_was_planted(seeds):
    frame = history(seeds=seeds, spread=0, kept=0.9, alike=0.3)
    low = CLAIMS["K2"](frame).estimate
    assert low.value == pytest.approx(SHARES["adversarial"] - SHARES["natural"])
    assert CLAIMS["K3"](frame).estimate.value == pytest.approx(0.1)
    assert CLAIMS["K1"](frame).estimate.value == pytest.approx(0.9)
    parts = CLAIMS["K4"](frame).parts
    assert [part.estimate.value for part in parts][:3] == pytest.approx([0.3, 0.25, 0.35])
    assert [part.ours for part in parts] == 3 * [False] + 3 * [True]
    assert CLAIMS["K6"](frame).estimate.value == pytest.approx(0.3)


def test_the_directions_near_the_axes_add_up_to_what_k3_judges():
    frame, change = history(seeds=3), {"adversarial": 1, "natural": -1}
    rows = readings.by_direction(frame, change)
    along = rows.value[rows.near_axis].sum()
    assert along == pytest.approx(
        readings.contrast(readings.Facts(frame), change, readings.axis_share).value
    )
    assert along == pytest.approx(0.1, abs=0.01)
    assert rows.value.sum() == pytest.approx(0)
    assert list(rows.angle[rows.near_axis]) == pytest.approx(
        [5.625, 16.875, 73.125, 84.375, 95.625, 106.875, 163.125, 174.375]
    )
    assert rows[["low", "high"]].notna().all(axis=None)


def learned_to(adversarial, others):
    """One mask of each network, learned to these weights."""
    random = np.random.default_rng(0)
    rows = []
    for name, low in SHARES.items():
        about = (f"mask/{name}", 0, 0)
        weight = adversarial if name == "adversarial" else others
        noise = 1e-4 * random.normal()
        rows += mask_rows(*about, low=low + noise, along=0.5, weight=weight)
        rows += learning_rows(*about, low=low, weight=weight)
    return pd.DataFrame(rows)


def test_masks_are_also_compared_at_a_weight_that_all_of_them_had():
    """A's mask is learned to half the weight of the others: at theirs it was lower by half."""
    frame = learned_to(0.2, 0.6)
    assert readings.common_weight(frame, SHARES) == pytest.approx(0.6)
    parts = CLAIMS["K4"](frame).parts
    raw, matched = parts[0].estimate.value, parts[3].estimate.value
    assert raw == pytest.approx(0.3, abs=0.001)
    assert matched == pytest.approx(0.2 + 0.5 * 0.5 - 0.4)
    assert "at weight 0.60" in parts[3].name


def test_the_mask_of_ones_is_no_mask_that_had_a_weight():
    """A's mask falls below the others' last weight within the first epoch: 0.6 is passed, not had.

    The weight of the others, at 0.6 after four epochs, lies between A's mask of ones and 0.3.
    """
    frame = learned_to(0.2, 0.6)
    learning = (frame.split == "learning") & (frame.epoch > 0)
    frame.loc[learning & (frame.label == "mask/adversarial"), "weight"] = [0.3, 0.25, 0.2, 0.2]
    assert readings.common_weight(frame, SHARES) is None
    verdict = CLAIMS["K4"](frame)
    assert [part.ours for part in verdict.parts] == 3 * [False]
    assert "no total weight that the masks of all five networks had" in verdict.note
    assert "0.60 (N), 0.20 (A), 0.60 (S)" in verdict.note


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0.8, 0.6, 0.4], 0.3),  # falling: halfway between the second and the third
        ([0.4, 0.6, 0.7], 0.15),  # rising
        ([0.6, 0.4, 0.8], 0.25),  # twice there: the last time, a quarter of the way
        ([0.5], 0.1),  # a single epoch
    ],
)
def test_the_low_share_is_that_of_the_last_time_that_a_mask_had_the_weight(weights, expected):
    shares = np.array([0.1, 0.2, 0.4])[: len(weights)]
    assert readings.low_share_at(0.5)({"path": (np.array(weights), shares)}) == pytest.approx(
        expected
    )


def test_one_seed_without_folds_has_no_interval():
    verdict = CLAIMS["K2"](history(seeds=1, folds=False))
    assert verdict.verdict == OPEN
    assert math.isnan(verdict.estimate.low)


def test_the_interval_over_folds_is_students():
    frame = history(seeds=1)
    found = readings.contrast(readings.Facts(frame), {"natural": 1}, readings.low_share)
    each = [readings.low_share(f) for f in readings.facts(frame, "folds/natural").values()]
    half = 2.776 * np.std(each, ddof=1) / math.sqrt(5)
    assert found.high - found.value == pytest.approx(half, rel=1e-3)
    assert found.n == 1000


def test_the_interval_of_a_ratio_is_the_bootstraps():
    random = np.random.default_rng(0)
    original = random.random(2000) < 0.6
    masked = np.where(random.random(2000) < 0.1, random.random(2000) < 0.5, original)
    frame = pd.DataFrame(score_rows("mask/natural", 0))
    for part, right in (("original", original), ("masked", masked)):
        frame.loc[frame.part == part, "accuracy"] = right.mean()
        frame.loc[frame.part == part, "both"] = (right & original).mean()
    found = readings.kept(frame, "mask/natural")
    draws = random.integers(2000, size=(4000, 2000))
    ratios = masked[draws].mean(1) / original[draws].mean(1)
    assert (found.low, found.high) == pytest.approx(
        tuple(np.quantile(ratios, [0.025, 0.975])), abs=0.003
    )


def test_a_history_without_masks_is_refused():
    with pytest.raises(ValueError, match=r"'mask/natural' has no rows with .*pass runs.history"):
        CLAIMS["K1"](history().query("label != 'mask/natural'"))


def test_a_mask_that_keeps_nothing_has_no_low_energy():
    frame = history(spread=0)
    gone = frame.label.isin(["mask/adversarial", "folds/adversarial"]) & (frame.split == "mask")
    frame.loc[gone, "value"] = 0.0
    assert CLAIMS["K2"](frame).estimate.value == pytest.approx(-SHARES["natural"])


@pytest.mark.parametrize("images", [100, 2000])
def test_a_share_kept_without_a_discordant_image_still_has_an_interval(images):
    frame = pd.DataFrame(score_rows("ontest/natural", 0, images=images))
    frame["both"] = frame.accuracy  # every image is answered alike, with the mask and without
    found = readings.kept(frame, "ontest/natural")
    assert found.value == 1
    half = stats.norm.ppf(0.975) / images / 0.8  # as if one of them were not
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half))
