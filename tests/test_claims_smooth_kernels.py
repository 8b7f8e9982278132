"""W16 on planted records: effect +, 0 and −, one seed and several."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fhelpers.claims import CLAIMS

VERDICTS = {1: "reproduced", 0: "undecided", -1: "not reproduced"}


def kernels(effect, seeds=(0, 1, 2), filters=16, noise=0.02):
    """Two first layers whose adversarial kernels are smoother by `effect`."""
    generator = np.random.default_rng(1)
    rows = []
    for network, size, seed, number in itertools.product(
        ("natural", "adversarial"), (3, 5), seeds, range(filters)
    ):
        less = effect * (network == "adversarial")
        values = 1.0 - less + noise * generator.standard_normal(2)
        about = {"network": network, "kernel_size": size, "seed": seed, "filter": number}
        rows.append(about | {"difference": values[0], "high_share": values[1] / 2})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("effect", [1, 0, -1])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w16(effect, seeds):
    verdict = CLAIMS["W16"](kernels(0.2 * effect, seeds))
    assert verdict.verdict == VERDICTS[effect]
    assert verdict.estimate.over == ("filters" if len(seeds) == 1 else "seeds")
    assert verdict.estimate.value == pytest.approx(0.2 * effect, abs=0.02)
    assert [part.ours for part in verdict.parts] == [False, True, False, True]


def test_w16_with_one_seed_has_students_interval_over_filters():
    table = kernels(0.1, (0,), filters=8)
    gaps = table[table.kernel_size == 3].pivot(
        index="filter", columns="network", values="difference"
    )
    gaps = gaps.natural - gaps.adversarial
    half = stats.t.ppf(1 - 0.025 / 2, 7) * gaps.std() / 8**0.5  # two effects share the 5 %
    found = CLAIMS["W16"](table).estimate
    assert (found.low, found.high) == pytest.approx((gaps.mean() - half, gaps.mean() + half))


def test_w16_needs_both_networks_for_each_seed():
    table = kernels(0.1)
    with pytest.raises(ValueError, match="needs both networks"):
        CLAIMS["W16"](table[~((table.network == "natural") & (table.seed == 2))])
