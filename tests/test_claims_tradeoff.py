"""W3 on planted perturbations: yes, no, and not to be told."""

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS


def perturbations(share, seeds=(0, 1, 2), images=200, low_change=1e-8):
    """Smallest perturbations of the high part: a share lies within 8/255, some are wrong anyway."""
    rows = []
    for seed in seeds:
        within = round(share * images) + seed  # seeds differ a little
        sizes = [0.01] * within + [np.inf] * (images - within) + [0.0] * 20
        rows += [{"seed": seed, "part": "high", "size": size} for size in sizes]
        rows += [{"seed": seed, "part": "low", "size": 0.001}] * images
    return pd.DataFrame(rows).assign(low_change=low_change)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.5, "reproduced"), (0.01, "inconclusive"), (0.0, "not reproduced")]
)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w3(share, verdict, seeds):
    images = 200 if share else 2000
    found = CLAIMS["W3"](perturbations(share, seeds, images))
    assert found.verdict == verdict
    assert found.estimate.value == pytest.approx(share, abs=0.02)


def test_w3_does_not_count_pairs_whose_low_parts_differ():
    assert CLAIMS["W3"](perturbations(0.5, low_change=1e-3)).verdict == "not reproduced"


def test_w3_needs_images():
    with pytest.raises(ValueError, match="No rightly answered image"):
        CLAIMS["W3"](perturbations(0.0)[lambda rows: rows["size"] == 0])
