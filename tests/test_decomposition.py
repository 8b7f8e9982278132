"""Section 01's records: how exactly parts add up, and which test images a network got right."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from fhelpers import data, frequency
from fhelpers.claims import CLAIMS
from fhelpers.runs import records, store
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.training import predict
from fhelpers.sections import PLANS
from fhelpers.sections.decomposition.measure import SplitErrors

CUES = (("low", 2.0), ("high", 3.0))
ERRORS = SplitErrors(dataset="planted", data_options=CUES, images=12, radius=6)
RADIUS = 8.0
NETWORK = Recipe(
    dataset="planted", data_options=CUES, train_images=200, test_images=150, monitored_images=20,
    model="resnet-8", width=8, learning_rate=4e-3, batch_size=20, epochs=12, radii=(RADIUS,),
    precision="float32",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path))


def pixels(count):
    return data.load("planted", train=False, limit=count, **dict(CUES)).pixels()


# --- how exactly the parts add up --------------------------------------------------------------


def test_the_errors_are_those_of_the_split():
    images = pixels(12)
    low, high = frequency.split(images, 6)
    kept = store.carry_out(ERRORS).tensors()
    torch.testing.assert_close(
        kept["sum_error"], (low + high - images).abs().amax((1, 2, 3)), rtol=0, atol=1e-7
    )
    assert {name: values.shape for name, values in kept.items()} == {
        "sum_error": (12,), "imaginary": (12,),
    }  # fmt: skip
    assert max(values.max() for values in kept.values()) < 1e-6


def test_parts_that_do_not_add_up_are_found_image_by_image(monkeypatch):
    gaps = torch.linspace(0, 0.11, 12)

    def lossy(images, radius):
        assert radius == 6
        low = images / 2
        return low, images - low - gaps[:, None, None, None]

    monkeypatch.setattr(frequency, "split", lossy)
    run = store.carry_out(ERRORS)
    torch.testing.assert_close(run.tensors()["sum_error"], gaps, rtol=0, atol=1e-6)
    verdict = CLAIMS["W2"].of({"split": [run]})
    assert verdict.verdict == "not reproduced"
    assert verdict.estimate.value == pytest.approx(0.11, abs=1e-6)
    assert verdict.estimate.n == 12


def test_an_imaginary_part_is_measured_before_it_is_discarded(monkeypatch):
    """Through a half of the spectrum that has no mirror image."""
    half = torch.arange(32)[:, None].expand(32, 32) > 16
    monkeypatch.setattr(frequency, "disc", lambda *size, **options: half)
    spectrum = np.fft.fftshift(np.fft.fft2(pixels(12).numpy()), axes=(-2, -1)) * half.numpy()
    expected = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(-2, -1))).imag)
    run = store.carry_out(ERRORS)
    found = run.tensors()["imaginary"].numpy()
    np.testing.assert_allclose(found, expected.max((1, 2, 3)), atol=1e-5)
    assert found.min() > 0.01
    verdict = CLAIMS["W2"].of({"split": [run]})
    assert verdict.verdict == "not reproduced"
    assert verdict.estimate.value == pytest.approx(found.max())


def test_the_plan_measures_the_test_images_of_the_network_at_the_pages_radius():
    plan = PLANS["decomposition"]("smoke", "planted", [0, 1], radii=(4,), radius=7)
    (errors,) = plan["split"]
    natural = plan["natural"][0]
    assert (errors.images, errors.radius) == (natural.test_images, 7)
    assert (errors.dataset, dict(errors.data_options)) == (natural.dataset, natural.options)
    assert natural.radii == (4, 7)


@pytest.mark.parametrize(
    ("changes", "says"), [({"images": 0}, "images=0 is not"), ({"radius": 0}, "radius=0 is not")]
)
def test_impossible_errors_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(ERRORS, **changes)


def test_a_radius_beyond_the_images_is_refused_before_anything_is_measured():
    (errors,) = PLANS["decomposition"]("smoke", "planted", [0], radius=24)["split"]
    with pytest.raises(ValueError, match=r"radius=24.0 is not .* below 22\.6"):
        _ = errors.run_id


# --- W1 from packed outcomes -------------------------------------------------------------------


def test_w1_is_what_the_network_answers_on_split_images():
    recipes = [NETWORK, dataclasses.replace(NETWORK, seed=1)]
    runs = records.Runs({"natural": [store.carry_out(recipe) for recipe in recipes]})
    images = pixels(150)
    labels = data.load("planted", train=False, limit=150, **dict(CUES)).labels
    low, high = frequency.split(images, RADIUS)
    frames = []
    for run in runs["natural"]:
        model = run.model()
        right = {
            f"right_{name}": (predict(model, seen, precision="float32").argmax(1) == labels).numpy()
            for name, seen in (("original", images), ("high", high), ("low", low))
        }
        frames.append(pd.DataFrame(right).assign(seed=run.recipe.seed, answer=labels.numpy()))
    made_anew = pd.concat(frames, ignore_index=True)
    (packed,) = CLAIMS["W1"].inputs(runs, radius=RADIUS)
    pd.testing.assert_frame_equal(packed, made_anew[list(packed)])
    shares = packed.drop(columns=["seed", "answer"]).mean()
    assert shares.nunique() == 3, shares  # or a column in the place of another would not be seen
    assert CLAIMS["W1"].of(runs, radius=RADIUS) == CLAIMS["W1"](made_anew)
    with pytest.raises(ValueError, match="was not evaluated on high at r = 12"):
        CLAIMS["W1"].of(runs)
