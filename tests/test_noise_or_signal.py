"""Fourier split against singular values: ranks by a slow search, W23 on planted outcomes."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fhelpers import frequency
from fhelpers.claims import CLAIMS
from fhelpers.runs import scales
from fhelpers.sections.noise_or_signal import measure


@given(seed=st.integers(0, 50), radius=st.floats(1, 6), size=st.sampled_from([(9, 9), (8, 12)]))
@settings(max_examples=15, deadline=None)
def test_the_rank_of_equal_energy_is_the_nearest_of_all(seed, radius, size):
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed))
    low, _ = frequency.split(images, radius)
    ranks = measure.ranks_of_equal_energy(images, low)
    for image in range(2):
        for channel in range(3):
            wanted = low[image, channel].square().sum().item()
            misses = []
            for rank in range(1, min(size) + 1):
                leading, _ = frequency.svd_split(images, rank)
                misses.append(abs(leading[image, channel].square().sum().item() - wanted))
            best = misses[int(ranks[image, channel]) - 1]
            assert best == pytest.approx(min(misses), rel=1e-3, abs=1e-4)


def test_a_tensor_of_ranks_splits_each_channel_by_its_own():
    images = torch.rand(2, 3, 8, 8)
    ranks = torch.tensor([[1, 2, 3], [4, 8, 7]])
    leading, trailing = frequency.svd_split(images, ranks)
    torch.testing.assert_close(leading + trailing, images)
    for image in range(2):
        for channel in range(3):
            alone, _ = frequency.svd_split(images, int(ranks[image, channel]))
            torch.testing.assert_close(leading[image, channel], alone[image, channel])
            found = torch.linalg.matrix_rank(leading[image, channel], atol=1e-4)
            assert found == ranks[image, channel]
    for wrong in (ranks.float(), ranks[:1], ranks * 0):
        with pytest.raises(ValueError, match="whole numbers above 0"):
            frequency.svd_split(images, wrong)


def test_equal_coefficients_by_counting():
    for radius in (2, 6, 12, 30):
        rank = measure.rank_of_equal_coefficients(32, 32, radius)
        bins = int(frequency.disc(32, 32, radius).sum())
        counts = {k: k * (64 - k) for k in range(1, 33)}
        assert abs(counts[rank] - bins) == min(abs(count - bins) for count in counts.values())


def test_all_splits_add_up_and_the_first_parts_have_the_energy_they_should():
    images = torch.rand(4, 3, 32, 32)
    parts = measure.split_all(images, 8)
    assert tuple(parts) == measure.SPLITS
    for first, rest in parts.values():
        torch.testing.assert_close(first + rest, images, atol=1e-5, rtol=0)
    low, leading = parts["Fourier"][0], parts["SVD, equal energy"][0]
    ratio = leading.square().sum((2, 3)) / low.square().sum((2, 3))
    torch.testing.assert_close(ratio, torch.ones_like(ratio), atol=0.02, rtol=0)


def test_the_measurement_against_the_networks_own_answers(carried_out):
    network = scales.vanilla("smoke", "planted", 0)
    run = carried_out(measure.Cases(network=network, images=40))
    rows = run.history
    assert len(rows) == 3 * 40
    images, labels = run.recipe.test_set()
    model = carried_out(network).model()
    low, high = frequency.split(images, 12)
    fourier = rows[rows.part == "Fourier"].sort_values("image")
    for column, part in (("right_original", images), ("right_low", low), ("right_high", high)):
        by_hand = (model(part).argmax(1) == labels).numpy()
        assert (fourier[column].to_numpy() == by_hand).mean() > 0.94  # bfloat16 may differ


def outcomes(fourier, svd, seeds=(0, 1, 2), images=1000):
    """Planted outcomes with the given shares of cases by either split."""
    rows = []
    for seed in seeds:
        for split, share, more in (
            ("Fourier", fourier, seed),
            ("SVD, equal energy", svd, 2 - seed),
        ):
            count = round(share * images) + more  # seeds differ a little
            case = np.arange(images) < count
            rows.append(
                pd.DataFrame(
                    {
                        "seed": seed, "part": split, "image": np.arange(images),
                        "right_original": True, "right_high": case, "right_low": ~case,
                    }
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("fourier", "svd", "verdict"),
    [(0.3, 0.1, "reproduced"), (0.2, 0.2, "undecided"), (0.1, 0.3, "not reproduced")],
)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w23(fourier, svd, verdict, seeds):
    found = CLAIMS["W23"](outcomes(fourier, svd, seeds), 0.1)
    assert found.verdict == verdict
    assert found.estimate.value == pytest.approx(fourier - svd, abs=0.005)


def test_w23_needs_both_splits_of_the_same_images():
    rows = outcomes(0.2, 0.1)
    with pytest.raises(ValueError, match="Both splits must be of the same images"):
        CLAIMS["W23"](rows[~((rows.part == "Fourier") & (rows.image == 5))], 0.1)
    with pytest.raises(ValueError, match="no column right_low"):
        CLAIMS["W23"](rows.drop(columns="right_low"), 0.1)


def test_the_note_says_so_where_the_rests_are_answered_at_chance():
    rows = outcomes(0.12, 0.1)
    note = CLAIMS["W23"](rows, 0.1).note
    assert "for 12 and 10 % of the images, where guessing is right for 10 %: the counts" in note
    assert CLAIMS["W23"](rows, 0.02).note.endswith("where guessing is right for 2 %.")
