"""`fhelpers.heatmap`: waves of known frequency, a slow loop, a network that lives on one band."""

import math

import pytest
import torch
from torch import nn

from fhelpers import frequency, heatmap
from fhelpers.report import frequency_report


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (6, 9), (32, 32)])
def test_every_plane_wave_once_with_norm_1_and_its_energy_where_it_says(size):
    height, width = size
    bins = heatmap.half_plane(height, width)
    waves = heatmap.waves(bins, height, width)
    torch.testing.assert_close(waves.square().sum((1, 2)), torch.ones(len(waves)))
    energy = frequency.spectrum(waves).abs().square() / (height * width)
    covered = torch.zeros(height, width, dtype=torch.long)
    for (row, column), there in zip(bins.tolist(), energy, strict=True):
        places = {(row, column)}
        places.add(((2 * (height // 2) - row) % height, (2 * (width // 2) - column) % width))
        assert sum(there[place].item() for place in places) == pytest.approx(1, abs=1e-4)
        for place in places:
            covered[place] += 1
    assert (covered == 1).all()


class BandReader(nn.Module):
    """Answers 1 when the energy beyond radius 10 is above a threshold, else 0."""

    def forward(self, images):
        outside = ~frequency.disc(*images.shape[-2:], 10)
        energy = frequency.filter_spectrum(images.float(), outside).square().mean((1, 2, 3))
        return torch.stack([torch.full_like(energy, 0.003), energy], 1)


def test_a_network_that_reads_one_band_is_disturbed_there_and_nowhere_else():
    images = torch.full((6, 3, 32, 32), 0.5)
    labels = torch.zeros(6, dtype=torch.long)
    found = heatmap.heat_map(BandReader(), images, labels, norm=4.0)
    distance = frequency.radial_distance(32, 32)
    assert (found[distance > 10] == 0).all()
    assert (found[distance <= 10] == 1).all()


def test_the_map_against_a_loop_over_all_bins():
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(10, 3, 6, 6, generator=generator)
    labels = torch.randint(0, 3, (10,), generator=generator)
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    found = heatmap.heat_map(model, images, labels, norm=1.5, seed=5)
    signs = torch.randint(0, 2, (10, 3, 1, 1), generator=torch.Generator().manual_seed(5)) * 2.0 - 1
    bins = heatmap.half_plane(6, 6)
    waves = heatmap.waves(bins, 6, 6)
    for (row, column), wave in zip(bins.tolist(), waves, strict=True):
        right = 0
        for image, sign, label in zip(images, signs, labels, strict=True):
            perturbed = (image + 1.5 * sign * wave).clamp(0, 1)
            right += int(model(perturbed[None]).argmax(1).item() == label)
        # The map is computed in bfloat16 where the processor has it: one close call may differ.
        assert found[row, column] == pytest.approx(right / 10, abs=0.11)
    torch.testing.assert_close(found[1:, 1:], found[1:, 1:].flip(0, 1))


def test_norm_0_leaves_the_accuracy_everywhere():
    images = torch.rand(5, 1, 8, 8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    labels = model(images).argmax(1)
    found = heatmap.heat_map(model, images, labels, norm=0)
    assert (found >= 0.8).all()


def test_what_has_no_map_is_refused():
    images, labels = torch.rand(2, 3, 8, 8), torch.zeros(2, dtype=torch.long)
    for norm in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="norm must be a number of at least 0"):
            heatmap.heat_map(nn.Flatten(), images, labels, norm=norm)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        heatmap.heat_map(nn.Flatten(), images + 2, labels)
    with pytest.raises(ValueError, match=r"^there are no images$"):
        heatmap.heat_map(nn.Flatten(), images[:0], labels[:0])


def test_waves_in_portions_make_the_same_map(monkeypatch):
    images, labels = torch.rand(6, 3, 9, 8), torch.arange(6) % 3
    model = nn.Sequential(nn.Flatten(), nn.Linear(216, 3))
    whole = heatmap.heat_map(model, images, labels)
    monkeypatch.setattr(heatmap, "WAVES", 5 * 72)
    assert torch.equal(heatmap.heat_map(model, images, labels), whole)


@pytest.mark.parametrize(("size", "step"), [((12, 12), 3), ((13, 10), 2), ((9, 9), 4), ((8, 8), 1)])
def test_a_coarse_map_tries_some_frequencies_and_each_bin_has_the_nearest(size, step):
    images, labels = torch.rand(20, 1, *size), torch.arange(20) % 2
    model = nn.Sequential(nn.Flatten(), nn.Linear(size[0] * size[1], 2))
    exact = heatmap.heat_map(model, images, labels, norm=2.0)
    found = heatmap.heat_map(model, images, labels, norm=2.0, step=step)
    bins = heatmap.half_plane(*size, step).tolist()
    for row, column in bins:
        assert (row - size[0] // 2) % step == (column - size[1] // 2) % step == 0
        assert found[row, column] == exact[row, column]
    centre = (size[0] // 2, size[1] // 2)
    assert list(centre) in bins
    reach = (step - 1) // 2
    near = found[
        centre[0] - reach : centre[0] + reach + 1, centre[1] - reach : centre[1] + reach + 1
    ]
    assert (near == found[centre]).all()
    inner = found[1 - size[0] % 2 :, 1 - size[1] % 2 :]
    torch.testing.assert_close(inner, inner.flip(0, 1))


def test_small_images_are_tried_whole_and_large_ones_on_a_grid():
    assert heatmap.coarse_step(32, 32) == heatmap.coarse_step(64, 64) == 1
    assert heatmap.coarse_step(224, 224) == 7
    assert len(heatmap.half_plane(224, 224, 7)) < 600


@pytest.mark.parametrize("size", [(8, 8), (64, 16)])
def test_the_waves_of_a_report_change_each_pixel_as_much_as_those_of_small_images(size):
    images = torch.rand(8, 1, *size, generator=torch.Generator().manual_seed(4))
    labels = torch.arange(8) % 2
    model = nn.Sequential(
        nn.AvgPool2d((size[0] // 4, size[1] // 4)), nn.Flatten(), nn.Linear(16, 2)
    )
    found = frequency_report(
        model, images, labels, radii=[2], classes=2, few=8, precision="float32"
    )
    norm = found.about["norm"]
    assert norm / (size[0] * size[1]) ** 0.5 == pytest.approx(heatmap.NORM / 32)
    torch.testing.assert_close(found.heat_map, heatmap.heat_map(model, images, labels, norm=norm))
