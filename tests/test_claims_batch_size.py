"""W8 and W9 against planted runs with a known answer."""

import numpy as np
import pandas as pd
import pytest
from test_claims_heuristics import NO, OPEN, YES, history, network, over

from fhelpers.claims import CLAIMS
from fhelpers.claims.reliance import batch_sizes
from fhelpers.sections.batch_size.claims import across_batch_sizes

FALLING = {"train": (0.9, 0.8, 0.7, 0.6), "test": (0.6, 0.57, 0.54, 0.51)}


def batches(**measures):
    """Runs of batch sizes 32 to 256 with a list of ends for each measure of `network`."""
    sizes = (32, 64, 128, 256)
    return {
        f"batch-{size}": network(**{name: values[i] for name, values in measures.items()})
        for i, size in enumerate(sizes)
    }


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (FALLING, YES),
        ({"train": [0.7] * 4, "test": [0.5] * 4}, OPEN),
        ({"train": FALLING["train"], "test": FALLING["test"][::-1]}, NO),  # worse on test images
        ({"train": (0.62, 0.61, 0.6, 0.59), "test": (0.6, 0.55, 0.5, 0.45)}, NO),  # gap grows
    ],
)
def test_w8(seeds, measures, expected):
    verdict = CLAIMS["W8"](history(batches(**measures), seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("lost", "expected"),
    [((0.3, 0.25, 0.2, 0.15), YES), ((0.2,) * 4, OPEN), ((0.15, 0.2, 0.25, 0.3), NO)],
)
def test_w9(seeds, lost, expected):
    verdict = CLAIMS["W9"](history(batches(lost=lost), seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


def test_w9_does_not_judge_equal_batch_sizes_too_often():
    runs, generator = history(batches(), spread=0), np.random.default_rng(1)
    runs, judged = runs[runs.scope.eq("all") & runs.split.eq("test")], 0
    for _ in range(40):
        noisy = runs.assign(accuracy=runs.accuracy + 0.01 * generator.normal(size=len(runs)))
        judged += CLAIMS["W9"](noisy).verdict != OPEN
    assert judged <= 6  # 2 expected of 40


def test_the_change_over_batch_sizes_is_read_off_the_fitted_line():
    ends = batches(train=(0.9, 0.5, 0.8, 0.6))
    verdict = CLAIMS["W8"](history(ends, spread=0))
    slope, _ = np.polyfit([5, 6, 7, 8], [0.9, 0.5, 0.8, 0.6], 1)
    assert verdict.estimate.value == pytest.approx(-3 * slope)
    assert "at 32 0.400, at 64 0.000" in verdict.note
    two = across_batch_sizes(["batch-500", "batch-20", "vanilla"])
    assert two == pytest.approx({"batch-20": 1, "batch-500": -1})


def test_large_batches_that_only_lag_behind_differ_at_no_equal_training_accuracy():
    """Every size takes the same way, on which the gap is half the training accuracy."""
    rows = [
        {"label": f"batch-{size}", "seed": 0, "epoch": epoch, "scope": scope, "split": split,
         "part": part, "radius": 8 if part == "low" else np.nan, "images": 4_000,
         "accuracy": share * epoch / 10}
        for size, last in ((32, 9), (64, 8), (128, 7), (256, 6))
        for epoch in range(1, last + 1)
        for scope in ("subset", "all")[: 1 + (epoch == last)]
        for split, part, share in (
            ("train", "original", 1), ("test", "original", 0.5), ("test", "low", 0.3),
        )
    ]  # fmt: skip
    for id, lost in (("W8", 0.5), ("W9", 0.2)):
        verdict = CLAIMS[id](pd.DataFrame(rows))
        (own,) = (part for part in verdict.parts if part.ours)
        assert verdict.verdict == YES
        assert own.name.partition(" at a ")[2].startswith("training accuracy of 0.60")
        assert own.estimate.value == pytest.approx(0, abs=1e-9)
        assert own.verdict == OPEN
        ends = [part for part in verdict.parts if not part.ours]
        assert ends[-1].estimate.value == pytest.approx(0.3 * lost)


def test_batch_sizes_are_ordered_as_numbers():
    assert batch_sizes(["batch-512", "batch-64", "batchnorm", "batch-128"]) == [64, 128, 512]


@pytest.mark.parametrize("id", ["W8", "W9"])
def test_one_batch_size_is_not_enough(id):
    with pytest.raises(ValueError, match="at least two batch sizes"):
        CLAIMS[id](history({"batch-32": network()}))
