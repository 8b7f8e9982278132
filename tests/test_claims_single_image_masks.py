"""K7 and K8 against planted records: yes, no, and not to be told."""

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS
from fhelpers.sections.single_image_masks.claims import right_on

YES, NO, OPEN, WEAKER = "reproduced", "not reproduced", "undecided", "weaker"


def single(seeds, *, linear=0.5, **changes):
    parts = {"original": 1.0, "masked": 0.99, "complement": 0.2, "rest": 0.3, "attacked": 0.0,
             "attacked-masked": 0.8, "attacked-complement": 0.1} | changes  # fmt: skip
    random, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        for among, images in (("all", 500), ("right", 400)):
            for part, value in parts.items():
                value = min(max(value + 0.002 * random.normal(), 0), 1)
                rows.append((seed, part, among, images, value, 0.9))
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
        ({"attacked-masked": 0.2}, WEAKER),
        ({"attacked-masked": 0.0}, NO),
        ({"complement": 0.8}, YES),
        ({"complement": 0.89}, OPEN),
        ({"masked": 0.7, "complement": 0.8}, NO),
        ({"rest": 0.99}, YES),
    ],
)
def test_k7(seeds, changes, expected):
    verdict = CLAIMS["K7"](single(seeds, **changes))
    assert verdict.verdict == expected, str(verdict)
    values = {part.name: part.estimate.value for part in verdict.parts}
    assert values["M(x_A)"] == pytest.approx(changes.get("attacked-masked", 0.8), abs=0.01)
    lost = changes.get("masked", 0.99) - changes.get("complement", 0.2)
    assert verdict.estimate.value == pytest.approx(lost, abs=0.01)
    assert [part.ours for part in verdict.parts] == [False, False, True, True]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("linear", "expected"), [(0.5, YES), (0.05, NO), (0.1505, OPEN)])
def test_k8(seeds, linear, expected):
    verdict = CLAIMS["K8"](single(seeds, linear=linear))
    assert verdict.verdict == expected
    assert verdict.estimate.value == pytest.approx(linear - 0.15, abs=0.01)


def test_right_on_counts_the_images_asked_for():
    found = right_on(single(1), "images/natural", "masked", "all")
    assert found.n == 500
