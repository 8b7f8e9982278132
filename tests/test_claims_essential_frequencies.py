"""K5 against planted records: yes, no, and not to be told."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS

YES, NO, OPEN = "reproduced", "not reproduced", "undecided"


def trained(accuracies, seeds):
    random, rows = np.random.default_rng(0), []
    for seed, (name, accuracy) in itertools.product(range(seeds), accuracies.items()):
        value = accuracy + 0.004 * random.normal()
        rows.append((f"through/{name}", seed, 24, "test", "original", math.nan, "all", 2000, value))
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("random", "complement", "expected"), [(0.3, 0.1, YES), (0.6, 0.1, NO), (0.4005, 0.1, OPEN)]
)
def test_k5(seeds, random, complement, expected):
    frame = trained({"mask": 0.4, "random": random, "binary-complement": complement}, seeds)
    verdict = CLAIMS["K5"](frame)
    assert verdict.verdict == expected
    assert "the complement 0.1" in verdict.note


def test_the_disc_and_the_permuted_mask_stand_beside_the_verdict():
    there = {"mask": 0.4, "random": 0.3, "binary-complement": 0.1}
    there |= {"complement": 0.6, "disc": 0.6, "permuted": 0.6}
    verdict = CLAIMS["K5"](trained(there, 3))
    assert verdict.verdict == YES
    assert [part.ours for part in verdict.parts] == [False, False, True, True, True]
