"""Section 08's records: the smoothness of every filter of the first layer."""

import dataclasses

import numpy as np
import pytest
import torch

from fhelpers import smoothing
from fhelpers.claims import CLAIMS
from fhelpers.networks import first_convolution
from fhelpers.runs import records, store
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.smooth_kernels.claims import kernels_of
from fhelpers.sections.smooth_kernels.measure import Kernels

NETWORK = Recipe(
    dataset="planted", train_images=40, test_images=20, monitored_images=10, model="resnet-8",
    width=4,
    learning_rate=4e-3, batch_size=10, epochs=1, radii=(8,),
)  # fmt: skip
LABELS = {
    "natural": {}, "adversarial": {"augmentation": "crop-flip"},
    "natural-5": {"kernel_size": 5}, "adversarial-5": {"kernel_size": 5, "mixup": 0.5},
}  # fmt: skip
RHO = 0.5


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two networks with either size of kernels, two seeds; measured as trained and smoothed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHELPERS_RESULTS", str(tmp_path_factory.mktemp("results")))
        networks = {
            label: [dataclasses.replace(NETWORK, seed=seed, **changes) for seed in (0, 1)]
            for label, changes in LABELS.items()
        }
        found = {
            f"{word}-{label}": [Kernels(network=network, rho=rho) for network in group]
            for word, rho in (("kernels", 0.0), ("smoothed", RHO))
            for label, group in networks.items()
        }
        done = {
            label: [store.carry_out(recipe) for recipe in group]
            for label, group in (networks | found).items()
        }
        yield records.Runs(done)


def weight_of(run):
    return first_convolution(run.model()).weight.detach()


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_record_holds_the_smoothness_of_each_filter(runs, label, seed):
    weight = weight_of(runs[label][seed])
    smoothed = smoothing.smooth_kernel(weight, RHO)
    for word, rho, expected in (("kernels", 0, weight), ("smoothed", RHO, smoothed)):
        rows = runs[f"{word}-{label}"][seed].history
        assert rows["filter"].to_list() == [0, 1, 2, 3]
        assert set(rows.kernel_size) == {weight.shape[-1]}
        assert set(rows.smoothed) == {rho}
        for name, measure in (
            ("difference", smoothing.adjacent_difference), ("high_share", smoothing.high_share),
        ):  # fmt: skip
            np.testing.assert_allclose(rows[name], measure(expected), rtol=1e-5)


def test_the_table_tells_networks_sizes_and_smoothing_apart(runs):
    table = kernels_of(runs.history)
    counts = table.groupby(["network", "kernel_size", "seed", "smoothed"]).size()
    assert len(counts) == 2 * 2 * 2 * 2
    assert set(counts) == {4}
    assert set(table.network) == {"natural", "adversarial"}


def test_w16_looks_at_kernels_as_trained(runs):
    parts = CLAIMS["W16"].of(runs).parts
    gaps = []
    for size in ("", "-5"):
        for measure in (smoothing.adjacent_difference, smoothing.high_share):
            means = [
                torch.stack([measure(weight_of(run)).mean() for run in runs[f"{name}{size}"]])
                for name in ("natural", "adversarial")
            ]
            gaps.append((means[0] - means[1]).mean().item())
    assert [part.estimate.value for part in parts] == pytest.approx(gaps, abs=1e-6)
    assert min(map(abs, gaps)) > 1e-5  # the networks do differ
    assert [part.name[:3] for part in parts] == ["3×3", "3×3", "5×5", "5×5"]
    # Without smoothing the smoothed kernels are the same ones, and not counted twice.
    unsmoothed = runs.with_history(runs.history.assign(smoothed=0.0))
    assert [part.estimate for part in CLAIMS["W16"].of(unsmoothed).parts] == [
        part.estimate for part in parts
    ]
