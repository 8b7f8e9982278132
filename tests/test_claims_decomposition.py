"""W1 and W2 against planted outcomes with a known answer: yes, no, and not to be told."""

import math

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS
from fhelpers.sections.decomposition.claims import favourite

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"


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
        frame = pd.DataFrame(dict(zip(names, right, strict=True))).assign(seed=seed)
        frames.append(frame.assign(answer=np.arange(images) % 10))
    return pd.concat(frames, ignore_index=True)


def with_cases(count, *, seeds=1, images=20_000):
    """All images are right in every way but for so many like those of Figure 2."""
    right = np.ones(images, dtype=bool)
    frame = pd.DataFrame({"right_original": right, "right_high": right, "answer": 0})
    frame["right_low"] = np.arange(images) >= count
    return pd.concat([frame.assign(seed=seed) for seed in range(seeds)], ignore_index=True)


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize(("count", "expected"), [(0, NO), (15, WEAK), (16, YES), (900, YES)])
def test_w1_counts_images(seeds, count, expected):
    verdict = CLAIMS["W1"](with_cases(count, seeds=seeds))
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")
    assert verdict.estimate.value == pytest.approx(count / 20_000)
    assert verdict.note.startswith(f"{count} such images of 20,000")


@pytest.mark.parametrize(("count", "expected"), [(0, OPEN), (2, OPEN), (40, YES)])
def test_w1_takes_few_images_for_a_sample(count, expected):
    verdict = CLAIMS["W1"](with_cases(count, images=1_000))
    assert verdict.verdict == expected
    assert verdict.estimate.low < count / 1_000 < verdict.estimate.high or count == 0


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize(
    ("effect", "expected"),
    [({"planted": 0.1}, YES), ({}, OPEN), ({"easy": 0.4}, NO)],
    ids=["planted", "independent", "easy images"],
)
def test_w1_compares_with_independent_errors_beside_the_verdict(seeds, effect, expected):
    verdict = CLAIMS["W1"](outcomes(seeds=seeds, **effect))
    assert verdict.parts[1].ours
    assert verdict.parts[1].verdict == expected
    assert verdict.verdict == YES
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


def test_w1_counts_what_it_says():
    data = outcomes(seeds=1, planted=0.1)
    original, high, low = (data[f"right_{n}"] for n in ("original", "high", "low"))
    count, expected = (original & high & ~low).sum(), 0
    for _, own in data.groupby("answer"):
        expected += (own.right_original & ~own.right_low).sum() * own.right_high.mean()
    verdict = CLAIMS["W1"](data)
    assert verdict.parts[1].estimate.value == pytest.approx((count - expected) / len(data))
    assert verdict.note.startswith(f"{count:,} such images of 4,000, {expected:.0f} if")


def test_w1_does_not_take_hard_classes_for_dependence():
    generator = np.random.default_rng(4)
    answer = np.arange(8000) % 2
    shares = np.where(answer, 0.9, 0.2)
    right = generator.random((3, 8000)) < np.array([shares, shares, 1 - shares])
    names = ("right_original", "right_high", "right_low")
    data = pd.DataFrame(dict(zip(names, right, strict=True))).assign(seed=0, answer=answer)
    assert CLAIMS["W1"](data).parts[1].verdict == OPEN
    assert CLAIMS["W1"](data.assign(answer=0)).parts[1].verdict == YES


def test_w1_does_not_take_low_parts_like_their_images_for_a_signal_in_the_high_part():
    """Half of the classes are easy, low parts are nearly the images, and the high part is noise."""
    generator, answer = np.random.default_rng(5), np.arange(8000) % 10
    whole = generator.random(8000) < 0.5
    low = np.where(generator.random(8000) < 0.95, whole, ~whole)
    high = generator.random(8000) < 0.4
    names = {"right_original": whole, "right_low": low, "right_high": high}
    assert CLAIMS["W1"](pd.DataFrame(names).assign(seed=0, answer=answer)).parts[1].verdict == OPEN
    names["right_high"] = np.where(whole & ~low, generator.random(8000) < 0.8, high)
    assert CLAIMS["W1"](pd.DataFrame(names).assign(seed=0, answer=answer)).parts[1].verdict == YES


def test_a_network_with_one_answer_to_all_high_parts_has_no_excess_and_a_favourite():
    data = outcomes(seeds=1).assign(right_high=lambda frame: frame.answer == 6)
    verdict = CLAIMS["W1"](data)
    own = data[data.answer == 6]
    found = int((own.right_original & ~own.right_low).sum())
    assert verdict.estimate.value == pytest.approx(found / 4000)
    assert verdict.parts[1].estimate.value == pytest.approx(0, abs=1e-12)
    said = f"{found} of the {found} images of this kind are of one class; from the high part alone"
    right = "right for 400 of the 400 test images of this class and for 0 of the 3,600 others."
    assert f"{said} the network is {right}" in verdict.note


def test_the_favourite_is_named_and_where_there_is_none_nothing_is_said():
    right, answer = np.array([True, True, True, False]), np.array([0, 1, 1, 2])
    none, names = np.zeros(4, dtype=bool), ("cat", "dog", "frog")
    said = favourite(right, right, none, answer, names)
    assert said.startswith("2 of the 3 images of this kind are of the class “dog”;")
    assert "right for 2 of the 2 test images of this class and for 1 of the 2 others." in said
    assert favourite(right, none, none, answer, names) == ""
    assert favourite(right, right, none, np.zeros(4, dtype=int), names) == ""


def test_w1_is_open_when_seeds_disagree():
    data = outcomes(seeds=3, planted=0.1, spread=0.1)
    assert CLAIMS["W1"](data).parts[1].verdict == OPEN
    few = pd.concat([with_cases(n).assign(seed=seed) for seed, n in enumerate((0, 40, 0))])
    assert CLAIMS["W1"](few).verdict == OPEN


def test_w1_does_not_reject_independent_outcomes_too_often():
    wrong = 0
    for shift in range(40):
        data = outcomes(seeds=1, images=500).assign(
            right_low=np.random.default_rng(shift).random(500) < 0.5
        )
        wrong += CLAIMS["W1"](data).parts[1].verdict != OPEN
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
    assert CLAIMS["W2"].identity
    small, large = np.full(10, 3e-8), np.array([1e-8, 2e-5])
    assert CLAIMS["W2"](small, small).verdict == YES
    assert CLAIMS["W2"](small, large).verdict == NO
    assert CLAIMS["W2"](large, small).verdict == NO
    assert CLAIMS["W2"](small, large).estimate.value == 2e-5
    for wrong in ([], [math.nan], [-1.0]):
        with pytest.raises(ValueError, match="at least one image"):
            CLAIMS["W2"](small, wrong)
