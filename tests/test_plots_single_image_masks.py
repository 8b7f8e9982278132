"""The figures of the section on masks of single images show what they were given."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check
from test_claims_single_image_masks import single
from test_plots_fourier_masks import module

from fhelpers import frequency
from fhelpers.runs.recipes import Recipe
from fhelpers.sections.single_image_masks import figures as plots


def image_run(channels=3, size=32, count=6):
    """A finished run of single-image masks, without a store."""
    mask = module(size=(size, size), count=count)
    tensors = {
        "weight": mask.weight.detach(), "labels": torch.arange(count) % 3,
        "answers": torch.arange(count) % 2, "reached": torch.arange(count) != 1,
        "attacked": torch.rand(count, channels, size, size), "map": torch.randn(count, 2),
        "numbers": torch.arange(count),
    }  # fmt: skip
    dataset = "mnist" if channels == 1 else "cifar10"
    recipe = SimpleNamespace(network=Recipe(dataset=dataset), dataset=dataset)
    return SimpleNamespace(tensors=lambda: tensors, recipe=recipe)


def both(seeds):
    frame = single(seeds)
    return pd.concat([frame, frame.assign(label="images/adversarial")], ignore_index=True)


def figures(seeds, channels, size):
    run = image_run(channels, size)
    pair = (torch.rand(5, size, size), torch.rand(5, size, size))
    return {
        "gallery": plots.gallery(torch.rand(6, channels, size, size), run, [0, 2]),
        "versions": plots.versions(both(seeds), 0.1),
        "gains": plots.gain_by_band(plots.gains([pair] * seeds)),
        "map": plots.atlas(run, both(seeds), ["a", "b", "c"]),
    }


@pytest.mark.parametrize(("seeds", "channels", "size"), [(1, 3, 32), (2, 1, 28)])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(seeds, channels, size):
    drawn = figures(seeds, channels, size)
    assert set(drawn) == set(plots.ALT)
    check(drawn, 300_000)


def test_gains_count_images():
    natural = torch.zeros(4, 32, 32)
    adversarial = torch.zeros(4, 32, 32)
    low = frequency.radial_distance(32, 32) <= 4
    adversarial[:3, low] = 1
    natural[3, low] = 1
    frame = plots.gains([(natural, adversarial)])
    words = plots.gains_in_words(frame, [(natural, adversarial)])
    radial = frame[frame.part == "radial"].set_index("band").value
    assert radial[radial.index <= 2].unique().tolist() == [0.75]
    assert radial[radial.index > 2].unique().tolist() == [0.5]
    assert "75 % of the masks" not in words  # rings are averaged
    assert "These are 4 images" in words
    assert plots.gains([(natural[:0], adversarial[:0])]).empty


def test_masks_are_compared_of_images_that_both_networks_get_right_and_whose_masks_kept_them():
    natural, adversarial = image_run(), image_run()
    # Right: 0 and 1; the mask of 1 lost its class. The second network gets 0, 1 and 5 right.
    adversarial.tensors()["answers"] = torch.tensor([0, 1, 0, 1, 0, 2])
    natural.tensors()["answers"][5] = 2
    pair = plots.comparable(natural, adversarial)
    for run, masks in zip((natural, adversarial), pair, strict=True):
        torch.testing.assert_close(masks, plots.masks_of(run)[[0, 5]])
    natural.tensors()["reached"][:] = False
    none = [plots.comparable(natural, adversarial)]
    assert plots.gains_in_words(plots.gains(none), none).startswith("No image is right")
    plots.gain_by_band(plots.gains(none))


def test_masks_that_keep_the_mean_are_counted():
    run = image_run(count=5)
    zero = run.tensors()["weight"].shape[-1]
    middle = module(count=5).bins.view(32, 32)[16, 16]
    run.tensors()["weight"][:3, :, middle] = 0
    assert zero == 514
    assert "Of 5 masks of N, 2 give weight" in plots.means_in_words({"images/natural": [run]})


def test_a_map_that_orders_masks_by_weight_has_a_correlation_of_one():
    run = image_run()
    weights = plots.masks_of(run).mean((1, 2))
    run.tensors()["map"] = torch.stack([weights, 0 * weights], 1)
    assert plots.order_of_map(run) == pytest.approx(1)


def test_shown_images_are_right_and_kept_where_there_are_such():
    run = image_run()
    # The mask of 1 lost its class, and all others but 0 are wrong: they come last, in order.
    assert plots.mostly_right(run, 3) == [0, 1, 2]
    run.tensors()["reached"][1] = True
    run.tensors()["answers"][5] = 2
    assert plots.mostly_right(run, 4) == [0, 1, 5, 2]


def test_the_table_of_versions_has_both_networks_and_denominators():
    table = plots.versions_table(both(1))
    assert len(table) == 14
    assert table["version"].to_list()[:2] == ["x", "M(x)"]
    assert table["all images"].str.match(r"[01]\.\d+ [±\[]").all()


def test_the_gallery_shows_the_images_that_the_masks_belong_to():
    run, pixels = image_run(count=2), torch.rand(6, 3, 32, 32)
    run.tensors()["numbers"] = torch.tensor([4, 1])
    run.tensors()["weight"][:, :, ::2] = 0
    x, _, mask, kept, _, gone, rest = plots.gallery(pixels, run, [0]).axes
    shown = [np.asarray(panel.images[0].get_array()) for panel in (x, mask, kept, gone, rest)]
    np.testing.assert_allclose(shown[0], pixels[4].permute(1, 2, 0))
    assert ((shown[1] == 0) == (shown[3] == 1)).all()


def test_the_map_draws_every_mask_once_under_its_class():
    first, second, empty, _ = plots.atlas(image_run(), both(1), ["a", "b", "c"]).axes
    for panel, name in ((first, "_b"), (second, "_a")):
        points = {line.get_label(): len(line.get_xdata()) for line in panel.get_lines()}
        assert points == {name: 3, "_other classes": 3}
    assert not empty.get_lines()
