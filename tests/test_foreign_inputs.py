"""Images and labels as people have them: taken as they are meant, or refused in a sentence."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_foreign_models import LABELS, pixels, plain, report
from torch.nn import functional as F

from fhelpers import attacks, frequency, heatmap
from fhelpers.masks import learn_mask
from fhelpers.networks import as_images, as_labels
from fhelpers.runs.training import predict

IMAGES = pixels(6, size=9)
BYTES = (IMAGES * 255).round().byte()
SAME = {
    "float32": IMAGES,
    "float64": IMAGES.double(),
    "array": IMAGES.numpy(),
    "array, other byte order": IMAGES.numpy().astype(">f4"),
    "array, reversed": IMAGES.numpy()[::-1][::-1],
    "channels last in memory": IMAGES.contiguous(memory_format=torch.channels_last),
    "channels last": IMAGES.permute(0, 2, 3, 1),
    "channels last, array": np.ascontiguousarray(IMAGES.permute(0, 2, 3, 1).numpy()),
    "one ulp above 1": torch.where(IMAGES.max() == IMAGES, 1 + 2**-23, IMAGES),
    "float16": IMAGES.half(),
    "uint8": BYTES,
    "uint32 array, reversed": BYTES.numpy().astype(np.uint32)[::-1][::-1],
    "uint64 array": BYTES.numpy().astype(np.uint64),
    "int16": BYTES.short(),
    "lists": IMAGES.tolist(),
    "uint8, list of arrays": list(BYTES.permute(0, 2, 3, 1).numpy()),
    "from inference mode": torch.inference_mode()(lambda: IMAGES.clone())(),
    "with a gradient": IMAGES.clone().requires_grad_(),
    "every second row": IMAGES.repeat_interleave(2, 2)[:, :, ::2],
    "bfloat16": IMAGES.bfloat16(),
    "uint8, channels last": BYTES.permute(0, 2, 3, 1).numpy(),
    "int64": BYTES.long(),
    "uint16 array": BYTES.numpy().astype(np.uint16),
}


@pytest.mark.parametrize("name", SAME)
def test_images_are_taken_as_they_are_meant(name):
    found = as_images(SAME[name])
    exact = IMAGES if "int" not in name else BYTES.float() / 255
    if "ulp" in name:
        exact = torch.where(IMAGES.max() == IMAGES, 1.0, IMAGES)
    torch.testing.assert_close(found.float(), exact, atol=4e-3 * ("float16" in name), rtol=0)
    assert 0 <= found.min() <= found.max() <= 1
    model = plain(9)
    torch.testing.assert_close(predict(model, SAME[name]), model(found.float()))
    assert attacks.fgsm(model, SAME[name], LABELS[:6], 0.1).shape == IMAGES.shape
    assert heatmap.heat_map(model, SAME[name], LABELS[:6]).shape == (9, 9)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (IMAGES[0], r"4 axes .* float32 of shape \(3, 9, 9\) in \[.*images\[None\]"),
        (IMAGES[:, 0], r"images\[:, None\] for grey"),
        (255 * IMAGES, r"must lie in \[0, 1\].*divide by 255"),
        (IMAGES - 0.5, "leave normalisation to the model"),
        (IMAGES / 0, "must lie|NaN"),
        (IMAGES * math.nan, "NaN"),
        ((IMAGES > 0.5).byte(), r"uint8 .* in \[0, 1\], which may mean two things: use"),
        (BYTES.int() * 2, r"int32 of shape \(6, 3, 9, 9\) in \[\d+, \d+\]"),
        (IMAGES.cfloat(), "complex64"),
        (torch.rand(5, 4, 4, 3), "look alike"),
        (IMAGES.mul(127).char(), "int8 .*scale them"),
        (BYTES.numpy().astype(np.uint16) * 257, "int64 .*scale them"),
        (2 * IMAGES - 1, "leave normalisation to the model"),
        (IMAGES.to("meta"), "a dense tensor"),
        (IMAGES.to_sparse(), "a dense tensor"),
        (torch.quantize_per_tensor(IMAGES, 1 / 255, 0, torch.quint8), "a dense tensor"),
        (torch.nested.nested_tensor(list(IMAGES)), "a dense tensor"),
        (np.ma.masked_array(IMAGES.numpy(), IMAGES.numpy() > 0.5), "a dense tensor"),
        (pd.DataFrame(np.zeros((8, 4))), r"4 axes .* float64 of shape \(8, 4\)"),
        (IMAGES[:, :, :0], "they have no pixels"),
        (Image.fromarray(np.zeros((9, 9), np.uint8)), r"4 axes .*images\[None\]"),
        (iter(IMAGES), "stack them first"),
        (["a.png"], "stack them first"),
        (np.array([["a"]]), "stack them first"),
        ([IMAGES[0], IMAGES[1]], "stack them first"),
    ],
)
def test_images_that_may_mean_two_things_are_refused(images, says):
    with pytest.raises(ValueError, match=says) as caught:
        report(plain(9), images, LABELS[:6])
    assert "\n" not in str(caught.value)


def test_filters_refuse_channels_last_instead_of_filtering_other_axes():
    images = torch.rand(2, 32, 32, 3)
    for ask in (
        lambda: frequency.split(images, 4),
        lambda: frequency.svd_split(images, 4),
    ):
        with pytest.raises(ValueError, match=r"images\.permute\(0, 3, 1, 2\)"):
            ask()
    frequency.split(torch.rand(2, 3, 32, 3), 4)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.int(), LABELS.byte(), LABELS.float(), LABELS.numpy(), LABELS.tolist(),
        LABELS.numpy().astype(np.uint16), LABELS[:, None], F.one_hot(LABELS),
        F.one_hot(LABELS).float().numpy(), F.one_hot(LABELS).bool(), LABELS.half(), list(LABELS),
        pd.Series(LABELS.numpy(), index=range(10, 18)), LABELS.numpy()[::-1][::-1],
        pd.DataFrame({"class": LABELS.numpy()}), LABELS.numpy().astype(np.uint64),
    ],
)  # fmt: skip
def test_labels_are_taken_as_they_are_meant(labels):
    assert torch.equal(as_labels(labels), LABELS)
    assert as_labels(labels).dtype == torch.int64


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (LABELS + 1, "from 1 to 4; they seem to count from 1: subtract 1"),
        (LABELS - 1, "not from -1 to 2"),
        (LABELS * 0.5, r"whole numbers \(N,\), not float32 of shape \(8,\) in \[0, 1.5\]"),
        (torch.rand(8, 4), r"labels\.argmax\(1\)"),
        (LABELS.float() / 0, "whole numbers"),
        (LABELS[:5], "8 images need as many labels"),
        (LABELS.where(LABELS < 3, -100), "not from -100 to 2"),
        (torch.full((8,), 2**60), "not from 1152921504606846976 to"),
        (LABELS[None], r"whole numbers \(N,\), not int64 of shape \(1, 8\)"),
        (LABELS.cfloat(), "whole numbers"),
        (list("01230123"), "no numbers of one shape"),
        (LABELS.to("meta"), "a dense tensor"),
        (F.one_hot(LABELS).to_sparse(), "a dense tensor"),
        ([], "8 images need as many labels"),
        (torch.cat([LABELS, LABELS]), "8 images need as many labels"),
        (["cat"] * 8, "no numbers of one shape"),
        (None, "no numbers of one shape"),
    ],
)
def test_labels_that_may_mean_two_things_are_refused(labels, says):
    for ask in (
        lambda: report(plain(), labels=labels),
        lambda: attacks.fgsm(plain(), pixels(), labels, 0.1),
        lambda: heatmap.heat_map(plain(), pixels(), labels),
        lambda: learn_mask(plain().eval(), pixels(), labels),
    ):
        says = says.replace("8 images need as many labels", "as many labels|equally many")
        with pytest.raises(ValueError, match=says):
            ask()
