"""W20 to W22 and the control against planted evaluations: yes, no, and not to be told."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from fhelpers.average_precision import MEASURES, resamples
from fhelpers.claims import CLAIMS
from fhelpers.sections.detection import claims as detection
from fhelpers.sections.detection.claims import CONTROL

YES, NO, OPEN, WEAKER = "reproduced", "not reproduced", "undecided", "weaker"
IMAGES, DRAWS = 300, 200
LEVELS = {"original": 0.36, "low": 0.28, "high": 0.11, "control": 0.30}
KEPT = {"small": 0.5, "medium": 0.8, "large": 0.95}


def evaluations(*, levels=LEVELS, kept=KEPT, gained=(0.34, 0.10), seeds=1, spread=0.0, noise=0.5):
    """Records in which each image has a value of its own, shared by all parts and resampled,
    and a smaller one for each part.

    levels: mAP by part; kept: what low parts keep of each size's; gained: on low parts and on the
    control. At the smaller radius everything is worse, so that a claim cannot look there.
    """
    random, rows = np.random.default_rng(0), []
    images = noise * random.standard_normal(IMAGES)
    images -= images.mean()
    apart = {part: random.standard_normal(IMAGES) for part in levels}
    weights = resamples(IMAGES, DRAWS) / IMAGES
    parts = [("original", math.nan), *itertools.product(("low", "high", "control"), (8.0, 34.0))]
    for seed, (part, radius) in itertools.product(range(seeds), parts):
        worse = 0.3 if radius == 8 else 1.0
        values = dict.fromkeys(MEASURES, levels[part] * worse)
        if part == "low":
            values |= {size: levels["original"] * share * worse for size, share in kept.items()}
        if part != "original":
            share = gained[part == "control"] * worse
            values |= {"gained": share, "lost": 2 * share}
        for measure, value in values.items():
            value += spread * random.standard_normal()
            own = value + 0.1 * weights @ (images + 0.3 * (apart[part] - apart[part].mean()))
            row = {"seed": seed, "part": part, "radius": radius, "measure": measure}
            row |= {"images": IMAGES}
            rows.append(row | {"scope": "all", "draw": -1, "value": value})
            rows += [row | {"scope": "draw", "draw": i, "value": v} for i, v in enumerate(own)]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, YES),
        ({"low": 0.40}, NO),
        ({"high": 0.34}, NO),
        ({"low": 0.3601}, OPEN),
        ({"high": 0.2801}, OPEN),
    ],
)
def test_w20(seeds, change, expected):
    # The small offsets lie within the spread that is planted.
    history = evaluations(levels=LEVELS | change, seeds=seeds, spread=0.004 * (seeds > 1))
    verdict = CLAIMS["W20"](history)
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


def test_w20_measures_what_was_planted_at_the_largest_radius():
    verdict = CLAIMS["W20"](evaluations())
    values = [part.estimate.value for part in verdict.parts]
    assert values == pytest.approx([0.08, 0.17])
    assert "36.0 on originals, 28.0 on low parts, 11.0 on high parts (r = 34)" in verdict.note


def test_resamples_are_paired_so_what_images_share_cancels():
    history = evaluations(noise=5)
    alone = detection.compare(history, lambda x: x, ("original", "AP"))
    together = detection.compare(history, np.subtract, ("original", "AP"), ("low", "AP"))
    assert together.high - together.low < 0.2 * (alone.high - alone.low)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, YES),
        ({"small": 0.99}, NO),
        ({"medium": 0.3}, NO),
        ({"large": 0.5}, None),
    ],
)
def test_w21(seeds, change, expected):
    # Over images equal losses cancel exactly: none of the interval is above 0.
    expected = expected or (NO if seeds == 1 else OPEN)
    history = evaluations(kept=KEPT | change, seeds=seeds, spread=0.003 * (seeds > 1))
    assert CLAIMS["W21"](history).verdict == expected


def test_w21_compares_shares_and_leaves_out_what_is_not_there():
    history = evaluations()
    verdict = CLAIMS["W21"](history)
    assert [part.estimate.value for part in verdict.parts] == pytest.approx([0.3, 0.45])
    assert "small 50 %, medium 20 %, large 5 %" in verdict.note
    none = history.assign(value=history.value.where(history.measure != "large"))
    assert CLAIMS["W21"](none).verdict == OPEN
    assert "large" not in CLAIMS["W21"](none).note
    nought = history.assign(value=history.value.where(history.measure != "small", 0.0))
    assert CLAIMS["W21"](nought).verdict == OPEN


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("gained", "expected"), [(0.34, YES), (0.02, WEAKER), (0.0, NO), (0.1, OPEN)]
)
def test_w22(seeds, gained, expected):
    history = evaluations(gained=(gained, 0.05), seeds=seeds, spread=0.003 * (seeds > 1), noise=0.3)
    verdict = CLAIMS["W22"](history)
    assert verdict.verdict == expected
    assert [part.ours for part in verdict.parts] == [False, True]
    if seeds == 1:
        assert f"{300 * gained:.0f} of 300 images gain on the low part, 15 after" in verdict.note


@pytest.mark.parametrize(
    ("gained", "expected"), [((0.3, 0.2), YES), ((0.2, 0.3), NO), ((0.25, 0.25), OPEN)]
)
def test_the_control_says_how_much_of_the_gain_is_chance(gained, expected):
    history = evaluations(gained=gained, seeds=3, spread=0.004)
    assert CONTROL(history).verdict == expected


def test_histories_that_cannot_answer_are_refused():
    history = evaluations(seeds=2)
    with pytest.raises(ValueError, match="no column draw"):
        CLAIMS["W20"](history.drop(columns="draw"))
    with pytest.raises(ValueError, match="no AP on the part 'high'"):
        CLAIMS["W20"](history[history.part != "high"])
    with pytest.raises(ValueError, match="no filtered images"):
        CLAIMS["W20"](history[history.part == "original"])
    with pytest.raises(ValueError, match="occurs twice"):
        CLAIMS["W20"](pd.concat([history, history]))
    with pytest.raises(ValueError, match="seed by seed"):
        CLAIMS["W20"](history[(history.part != "low") | (history.seed == 0)])


def test_an_interval_needs_most_resamples_and_lies_around_the_value():
    draws = np.r_[np.full(60, math.nan), np.linspace(0, 1, 41)]
    assert all(math.isnan(end) for end in detection.ends(draws, 0.5))
    assert detection.ends(draws[30:], 0.5) == pytest.approx((0.025, 0.975))
    assert detection.ends(draws[30:] + 0.2, 0.5) == pytest.approx((0.025, 0.975))
