"""K7 and K8 against planted records: yes, no, and not to be told."""

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS
from fhelpers.sections.single_image_masks.claims import right_on

YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"


def single(seeds, *, linear=0.5, **changes):
    parts = {"original": 1.0, "masked": 0.99, "complement": 0.2, "attacked": 0.1,
             "attacked-masked": 0.8, "attacked-complement": 0.1} | changes  # fmt: skip
    random, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        for among, images in (("all", 500), ("right", 400)):
            for part, value in parts.items():
                value = min(max(value + 0.002 * random.normal(), 0), 1)
                rows.append((seed, part.replace("_", "-"), among, images, value, 0.9))
        for part, value in (("linear", linear), ("linear-scrambled", 0.15)):
            for among in ("kept", "true"):
                rows.append((seed, part, among, 500, value + 0.002 * random.normal(), 0.9))
    columns = ["seed", "part", "among", "images", "accuracy", "reached"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(label="images/natural", split="test", scope="all", epoch=1)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, YES),
        ({"masked": 0.7}, NO),
        ({"attacked-masked": 0.2}, NO),
        ({"complement": 0.8}, NO),
        ({"complement": 0.5}, OPEN),
    ],
)
def test_k7(seeds, changes, expected):
    verdict = CLAIMS["K7"](single(seeds, **changes))
    assert verdict.verdict == expected
    assert [part.estimate.value for part in verdict.parts][1] == pytest.approx(
        changes.get("attacked-masked", 0.8), abs=0.01
    )


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("linear", "expected"), [(0.5, YES), (0.05, NO), (0.1505, OPEN)])
def test_k8(seeds, linear, expected):
    verdict = CLAIMS["K8"](single(seeds, linear=linear))
    assert verdict.verdict == expected
    assert verdict.estimate.value == pytest.approx(linear - 0.15, abs=0.01)


def test_right_on_counts_the_images_asked_for():
    found = right_on(single(1), "images/natural", "masked", "all")
    assert found.n == 500
