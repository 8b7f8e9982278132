"""W1 and W2 against planted outcomes with a known answer: yes, no, and not to be told."""

import math

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS

YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"


def outcomes(*, seeds=3, images=4000, planted=0.0, easy=0.0, spread=0.0):
    """Independent outcomes but for shares of images `planted` like Figure 2 and `easy` all over."""
    generator, frames = np.random.default_rng(9), []
    for seed in range(seeds):
        right = generator.random((3, images)) < np.array([[0.8], [0.4], [0.5]])
        kind = generator.random(images)
        share = planted + spread * (seed - (seeds - 1) / 2)
        right[:, kind < easy] = True
        right[:, kind > 1 - share] = np.array([[True], [True], [False]])
        names = ("right_original", "right_high", "right_low")
        frames.append(pd.DataFrame(dict(zip(names, right, strict=True))).assign(seed=seed))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize(
    ("effect", "expected"),
    [({"planted": 0.1}, YES), ({}, OPEN), ({"easy": 0.4}, NO)],
    ids=["planted", "independent", "easy images"],
)
def test_w1(seeds, effect, expected):
    verdict = CLAIMS["W1"](outcomes(seeds=seeds, **effect))
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


def test_w1_counts_what_it_says():
    data = outcomes(seeds=1, planted=0.1)
    original, high, low = (data[f"right_{n}"] for n in ("original", "high", "low"))
    count = (original & high & ~low).sum()
    independent = original.mean() * high.mean() * (~low).mean() * len(data)
    verdict = CLAIMS["W1"](data)
    assert verdict.estimate.value == pytest.approx((count - independent) / len(data))
    assert verdict.note.startswith(f"{count:,} such images of 4,000, {independent:.0f} if")


def test_w1_is_open_when_seeds_disagree():
    assert CLAIMS["W1"](outcomes(seeds=2, planted=0.1, spread=0.18)).verdict == OPEN


def test_w1_does_not_reject_independent_outcomes_too_often():
    wrong = 0
    for shift in range(40):
        data = outcomes(seeds=1, images=500).assign(
            right_low=np.random.default_rng(shift).random(500) < 0.5
        )
        wrong += CLAIMS["W1"](data).verdict != OPEN
    assert wrong <= 6  # 2 expected of 40


def test_w1_refuses_what_is_not_an_outcome():
    data = outcomes(seeds=1)
    with pytest.raises(ValueError, match="no column right_low"):
        CLAIMS["W1"](data.drop(columns="right_low"))
    with pytest.raises(ValueError, match="not NaN"):
        CLAIMS["W1"](data.assign(right_low=math.nan))
    with pytest.raises(ValueError, match="at least one image"):
        CLAIMS["W1"](data.head(0))


def test_w2():
    small, large = np.full(10, 3e-8), np.array([1e-8, 2e-5])
    assert CLAIMS["W2"](small, small).verdict == YES
    assert CLAIMS["W2"](small, large).verdict == NO
    assert CLAIMS["W2"](large, small).verdict == NO
    assert CLAIMS["W2"](small, large).estimate.value == 2e-5
    for wrong in ([], [math.nan], [-1.0]):
        with pytest.raises(ValueError, match="at least one image"):
            CLAIMS["W2"](small, wrong)
