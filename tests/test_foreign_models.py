"""Models, weights, images and labels as people have them: the right value, or a sentence."""

import itertools
import math
import os
import re
import warnings
from argparse import Namespace
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fhelpers import attacks, frequency, heatmap, networks
from fhelpers.masks import learn_mask
from fhelpers.networks import as_images, as_labels
from fhelpers.networks.compute import Compute
from fhelpers.networks.weights import load_weights
from fhelpers.report import checks, frequency_report
from fhelpers.report import models as outside
from fhelpers.report import page as pages
from fhelpers.runs.training import predict

CLASSES = tuple("abcd")
LABELS = torch.arange(8) % 4


def pixels(count=8, channels=3, size=8, seed=0):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def plain(size=8, channels=3):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.Flatten(),
                         nn.Linear(4 * size * size, 4))  # fmt: skip


def report(model, images=None, labels=LABELS, **options):
    images = pixels() if images is None else images
    options = {"few": 4, "radii": (2,), "classes": 4, "precision": "float32"} | options
    return frequency_report(model, images, labels, **options)


# --- a model is asked as it was checked -----------------------------------------------------------


class View(nn.Module):
    """Cannot take images whose channels are last in memory."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(192, 4)

    def forward(self, x):
        return self.layer(x.view(len(x), -1))


class InPlace(View):
    """Normalises the images that it is given, themselves."""

    def forward(self, x):
        return super().forward(x.sub_(0.5).div_(0.25))


@pytest.mark.parametrize("model", [View(), InPlace(), plain()])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_no_layout_is_forced_and_no_image_is_changed(model, layout):
    images = pixels().contiguous(memory_format=layout)
    before = images.clone()
    expected = model(before.clone(memory_format=torch.contiguous_format)).detach()
    torch.testing.assert_close(predict(model, images), expected)
    labels = expected.argmax(1)
    made = attacks.pgd(model, images, labels, 0.01, steps=1)
    assert (made - images).abs().max() <= 0.01 + 1e-6
    heatmap.heat_map(model, images, labels, norm=0).eq(1).all()
    learn_mask(model.eval(), images, labels, compute=Compute("cpu", "float32", 1))
    assert torch.equal(images, before)
    found = report(model, images, labels)
    assert found.table.value.iloc[0] == 1


def test_own_networks_are_asked_with_the_channels_last():
    seen = []
    network = networks.build("lenet", channels=3, classes=4)
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    predict(network, pixels(size=32))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_frozen_script_is_asked_in_both_precisions(precision, tmp_path):
    torch.jit.freeze(torch.jit.script(plain().eval())).save(tmp_path / "m.pt")
    loaded = outside.load_model(str(tmp_path / "m.pt"), classes=CLASSES)
    torch.testing.assert_close(
        predict(loaded, pixels(), precision=precision), plain()(pixels()), atol=0.03, rtol=0.03
    )
    report(loaded, precision=precision)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_in_another_precision_is_asked_in_it(dtype):
    found = predict(plain().to(dtype), pixels())
    torch.testing.assert_close(found, plain()(pixels()), atol=0.05, rtol=0.05)
    report(plain().to(dtype))


def test_nothing_is_guessed_from_the_order_of_modules():
    model = nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    torch.testing.assert_close(predict(model, pixels()), model(pixels()))
    report(model)


def test_modes_and_frozen_weights_come_back():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1),
                          nn.Flatten(), nn.Dropout(0.5))  # fmt: skip
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    modes = [module.training for module in model.modules()]
    wanted = [weight.requires_grad for weight in model.parameters()]
    report(model)
    attacks.fgsm(model, pixels(), LABELS, 0.01)
    assert [module.training for module in model.modules()] == modes
    assert [weight.requires_grad for weight in model.parameters()] == wanted


# --- sentences ------------------------------------------------------------------------------------


class Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [AssertionError(), AssertionError("first\nlast"), IndexError("last"), KeyError("last"),
     TypeError("last"), OSError(2, "last"), ZeroDivisionError("last"), NotImplementedError("last")],
)  # fmt: skip
def test_any_error_of_a_model_becomes_one_sentence(error):
    name = type(error).__name__
    for ask in (report, lambda m: predict(m, pixels())):
        with pytest.raises(ValueError, match=f"fails on images of shape .*{name}") as caught:
            ask(Raises(error))
        assert "\n" not in str(caught.value)
        assert ("last" in str(caught.value)) == bool(error.args)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: {"logits": x}, "it answers a dict"),
        (lambda x: (x, x), "it answers a tuple"),
        (lambda x: x, r"it answers \(2, 3, 8, 8\)"),
        (lambda x: x.mean(), r"it answers \(\)"),
        (lambda x: x.flatten(1)[:, :4].squeeze(), r"for 1 image it answers \(4,\)"),
        (lambda x: x.flatten(1)[:1, :4], r"for 2 images it answers \(1, 4\)"),
    ],
)
def test_answers_of_another_form_are_named(answer, says):
    model = plain()
    model.forward = answer
    with pytest.raises(ValueError, match=says):
        report(model)


class Sized(nn.Module):
    """Takes one size only, as a vision transformer does."""

    def __init__(self, size, noted=False):
        super().__init__()
        self.layer, self.size = nn.Linear(3 * size**2, 4), size
        if noted:
            self.config = Namespace(image_size=size)

    def forward(self, x):
        torch._assert(x.shape[-1] == self.size, "wrong height")
        return self.layer(x.flatten(1))


@pytest.mark.parametrize(("size", "noted"), [(224, False), (28, False), (72, True)])
def test_a_model_for_another_size_is_asked_for_it(size, noted):
    with pytest.raises(ValueError, match=rf"it takes {size} × {size} pixels$"):
        report(Sized(size, noted))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def model(classes): pass", "missing 1 required positional argument: 'classes'"),
        ("def model(): raise KeyError('net')", "KeyError: 'net'"),
        ("def model(): import sys; sys.exit(3)", "SystemExit: 3"),
        ("def model(): return 7", "returned a int, not a torch.nn.Module"),
        ("import nowhere_at_all", "cannot be imported: ModuleNotFoundError"),
        ("assert False, 'no luck'", "cannot be imported: AssertionError: no luck"),
        ("def model(: pass", "cannot be imported: SyntaxError"),
        ("other = 1", "cannot be imported: AttributeError"),
    ],
)
def test_any_error_of_a_function_becomes_one_sentence(body, says, tmp_path, monkeypatch):
    name = f"theirs_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.chdir(tmp_path)  # found because one stands there
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        outside.load_model(f"{name}:model", classes=CLASSES)
    assert f"{name}:model" in str(caught.value)


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("nosuchmodel", "model 'nosuchmodel' is not known"),
        ("missing.pt2", "missing.pt2 is not there"),
        ("nosuchpackage:model", "cannot be imported"),
        ("math:sqrt", "exactly one argument"),
        ("fasterrcnn_resnet50_fpn", "is no classifier"),
        ("resnet18", "resnet18 needs weights"),
    ],
)
def test_names_that_lead_nowhere(named, text):
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        outside.load_model(named, classes=CLASSES)


# --- what is doubtful stands in the report --------------------------------------------------------


class Answers(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.model, self.change = plain(), change

    def forward(self, x):
        return self.change(self.model, x)


def without_gradient(model, x):
    with torch.no_grad():
        return model(x)


DOUBTFUL = {
    "probabilities": (Answers(lambda m, x: m(x).softmax(1)), "look like probabilities"),
    "changing": (Answers(lambda m, x: m(x) + torch.rand(len(x), 4)), "when asked twice"),
    "no gradient": (Answers(without_gradient), "gradients of all images examined are zero"),
    "detached": (Answers(lambda m, x: m(x.detach())), "gradients of all images examined are zero"),
    "batch": (Answers(lambda m, x: m(x - x.mean(0))), "depends on the others of its batch"),
    "moments": (
        nn.Sequential(plain(), nn.BatchNorm1d(4, track_running_stats=False)),
        "depends on the others of its batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_is_doubtful_stands_in_json_and_page(name, monkeypatch):
    model, says = DOUBTFUL[name]
    monkeypatch.setattr(pages, "FIGURES", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error", attacks.SuspectGradients)  # not on stderr besides
        found = report(model)
    assert any(says in doubt for doubt in found.about["doubts"])
    assert says in found.to_json()
    assert says in pages.page(found)
    assert "<li>" not in pages.page(report(plain()))


# --- checkpoints as people have them --------------------------------------------------------------


def state():
    return plain().state_dict()


CHECKPOINTS = {
    "state dict": lambda: state(),
    "net": lambda: {"net": state(), "acc": 93.1, "epoch": 7},
    "state_dict": lambda: {"state_dict": state(), "best": torch.tensor(0.9), "epoch": 7},
    "model": lambda: {"model": state(), "args": Namespace(lr=0.1), "optimizer": adam()},
    "module.": lambda: {"net": {f"module.{k}": v for k, v in state().items()}},
    "two prefixes": lambda: {f"module._orig_mod.{k}": v for k, v in state().items()},
    "half": lambda: {k: v.half() for k, v in state().items()},
    "list": lambda: [state(), 3],
    "in a list": lambda: [{"net": state(), "epoch": 1}],
    "beside others": lambda: {"model": state(), "metrics": {"acc": torch.tensor(0.5)}},
}


def adam():
    model = plain()
    optimiser = torch.optim.Adam(model.parameters())
    model(pixels()).sum().backward()
    optimiser.step()
    return optimiser.state_dict()


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("old", [False, True])
def test_checkpoints_load_where_they_are_clear(name, old, tmp_path):
    torch.save(CHECKPOINTS[name](), tmp_path / "c.pth", _use_new_zipfile_serialization=not old)
    torch.manual_seed(7)
    model = nn.Sequential(*(type(m)(*args) for m, args in zip(
        plain(), ((3, 4, 3, 1, 1), (), (), (256, 4)), strict=True)))  # fmt: skip
    load_weights(model, tmp_path / "c.pth")
    tolerance = {"atol": 1e-2, "rtol": 1e-2} if name == "half" else {}
    torch.testing.assert_close(model(pixels()), plain()(pixels()), **tolerance)


def refusals():
    whole = CHECKPOINTS["net"]()
    yield {"net": {"a": 1}, "acc": 2, "epoch": 3}, "this file holds the keys net, acc, epoch"
    yield {"model": state(), "ema": state()}, "more than one set .* the keys model, ema"
    yield {k: v for k, v in state().items() if "0" not in k}, "does not fit Sequential: .*Missing"
    yield state() | {"0.weight": torch.zeros(1)}, "does not fit Sequential: .*size mismatch"
    yield torch.zeros(3), "this file holds a Tensor"
    yield {}, "no weights that fit"
    yield whole | {"net": 1}, "the keys net, acc, epoch"


@pytest.mark.parametrize(("value", "says"), list(refusals()))
def test_checkpoints_that_do_not_fit_are_named(value, says, tmp_path):
    torch.save(value, tmp_path / "c.pth")
    with pytest.raises(ValueError, match=says) as caught:
        load_weights(plain(), tmp_path / "c.pth")
    assert "c.pth" in str(caught.value)


@pytest.mark.parametrize("name", ["c.pth", "c.pt2", "c.safetensors", "c.ckpt"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "is a text file"),
        (b"\x80\x02half", "damaged"),
        (b"PK\x03\x04half", "damaged"),
        (bytes(range(256)) * 3, "damaged"),
    ],
)
def test_files_that_are_none_are_named(name, content, says, tmp_path):
    file = tmp_path / name
    file.write_bytes(content)
    for ask in (
        lambda: load_weights(plain(), file),
        lambda: outside.load_model(str(file), classes=CLASSES),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            ask()
        assert name in str(caught.value)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0.01, 0.99), kind=st.sampled_from(["new", "old", "program"]))
@pytest.mark.filterwarnings("ignore")
def test_a_truncated_file_is_damaged_or_whole(share, kind, tmp_path):
    file = tmp_path / ("c.pt2" if kind == "program" else "c.pth")
    if kind == "program":
        torch.export.save(torch.export.export(plain().eval(), (pixels(2),)), file)
    else:
        torch.save(state(), file, _use_new_zipfile_serialization=kind == "new")
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    load = partial(load_weights, plain())
    if kind == "program":
        load = partial(outside.load_model, classes=CLASSES)
    with pytest.raises(ValueError, match=re.escape(file.name)):
        load(file if kind != "program" else str(file))


def test_a_checkpoint_given_as_the_model_says_what_it_lacks(tmp_path):
    torch.save(CHECKPOINTS["net"](), tmp_path / "c.pth")
    with pytest.raises(
        ValueError, match=r"no network in it \(.* keys net, acc, epoch\).*--weights"
    ):
        outside.load_model(str(tmp_path / "c.pth"), classes=CLASSES)
    with pytest.raises(ValueError, match="cannot be read"):
        outside.load_model(str(tmp_path), classes=CLASSES)


def test_weights_are_for_functions_and_torchvision_and_refused_elsewhere(tmp_path, monkeypatch):
    torch.save(CHECKPOINTS["module."](), tmp_path / "c.pth")
    (tmp_path / "mine_here.py").write_text("from test_foreign_models import plain as net\n")
    monkeypatch.chdir(tmp_path)
    loaded = outside.load_model("mine_here:net", weights="c.pth", classes=CLASSES)
    torch.testing.assert_close(loaded(pixels()), plain()(pixels()))
    torch.jit.save(torch.jit.trace(plain(), pixels()), "m.pt")
    for named in ("m.pt", "some-run-12345678"):
        with pytest.raises(ValueError, match=f"{named} takes no --weights"):
            outside.load_model(named, weights="c.pth", classes=CLASSES)


def test_torchvision_models_with_weights_from_a_file(tmp_path):
    from torchvision.models import get_model

    model = get_model("squeezenet1_1", num_classes=4).eval()
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": model.state_dict()}, file)
    loaded = outside.load_model("squeezenet1_1", weights=str(file), classes=CLASSES)
    images = pixels(2, size=64)
    torch.testing.assert_close(loaded(images), model(images))
    with pytest.raises(ValueError, match="does not fit SqueezeNet"):
        outside.load_model("squeezenet1_1", weights=str(file), classes=tuple("abcde"))


@pytest.mark.parametrize("name", ["imagenette", "tiny-imagenet-10"])
def test_published_networks_answer_for_the_classes_of_an_imagenet_subset(name, monkeypatch):
    """The published weights themselves are not here: random ones show the columns and the scale."""
    from fhelpers.data import folders

    classes = {
        "imagenette": tuple(folders.WNIDS.values()),
        "tiny-imagenet-10": folders.TINY_IMAGENET_10.classes,
    }[name]
    wanted = {  # places in the sorted list of ImageNet's 1,000 classes
        "imagenette": [0, 217, 482, 491, 497, 566, 569, 571, 574, 701],
        "tiny-imagenet-10": [1, 207, 458, 485, 621, 675, 704, 873, 879, 890],
    }[name]
    seen = []

    class Recorder(nn.Module):
        def forward(self, x):
            seen.append(x)
            return torch.arange(1000.0).expand(len(x), -1)

    monkeypatch.delenv("FHELPERS_OFFLINE", raising=False)
    monkeypatch.setattr(outside, "get_model", lambda name, weights: Recorder())
    model = outside.load_model("resnet18", weights="DEFAULT", classes=classes)
    assert model(torch.full((2, 3, 64, 64), 0.5)).tolist() == [wanted] * 2
    assert seen[0].shape == (2, 3, 224, 224)
    expected = (0.5 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0][0, :, 7, 9], expected)
    with pytest.raises(ValueError, match="'airplane' is none: use imagenette"):
        outside.load_model("resnet18", weights="DEFAULT", classes=("airplane", "tench"))


def test_without_a_network_the_published_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(OSError, match=r"put resnet18-\w+\.pth into"):
        outside.load_model("resnet18", weights="DEFAULT", classes=("tench",))


@pytest.mark.parametrize(("batch", "dynamic"), [(1, None), (3, None), (4, (2, 5)), (2, (1, 64))])
def test_a_program_is_given_as_many_images_as_it_was_exported_for(batch, dynamic, tmp_path):
    shapes = dynamic and ({0: torch.export.Dim("batch", min=dynamic[0], max=dynamic[1])},)
    exported = torch.export.export(plain().eval(), (pixels(batch),), dynamic_shapes=shapes)
    torch.export.save(exported, tmp_path / "m.pt2")
    loaded = outside.load_model(str(tmp_path / "m.pt2"), classes=CLASSES)
    images = pixels(70)
    torch.testing.assert_close(predict(loaded, images), plain()(images))
    gradient = attacks.answers_and_gradient(loaded, images, LABELS[:1].expand(70))[1]
    own = attacks.answers_and_gradient(plain(), images, LABELS[:1].expand(70))[1]
    torch.testing.assert_close(gradient, own)


def test_a_program_in_hand_is_asked_like_any_module():
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(plain().eval(), (pixels(2),), dynamic_shapes=({0: batch},))
    report(exported.module())


# --- images and labels ----------------------------------------------------------------------------

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
    torch.testing.assert_close(found.float(), exact, atol=1e-3 * (name == "float16"), rtol=0)
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
        (["a.png"], "stack them first"),
        (np.array([["a"]]), "stack them first"),
        ([IMAGES[0], IMAGES[1]], "stack them first"),
    ],
)
def test_images_that_may_mean_two_things_are_refused(images, says):
    with pytest.raises(ValueError, match=says) as caught:
        report(plain(9), images, LABELS[: len(images)])
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
        F.one_hot(LABELS).float().numpy(), F.one_hot(LABELS).bool(),
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
        (["cat"] * 8, "no numbers of one shape"),
        (None, "no numbers of one shape"),
    ],
)
def test_labels_that_may_mean_two_things_are_refused(labels, says):
    for ask in (lambda: report(plain(), labels=labels), lambda: attacks.fgsm(
        plain(), pixels(), labels, 0.1
    )):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            ask()


# --- fuzz -----------------------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("FHELPERS_FUZZ", "12"))  # 500 take about a minute or two


@st.composite
def modules(draw):
    """A small module for (N, C, H, W) images, in any precision, layout and mode."""
    channels, size = draw(st.sampled_from([1, 3])), draw(st.sampled_from([5, 6, 8]))
    width, classes = draw(st.sampled_from([1, 3, 4])), draw(st.integers(2, 4))
    layers = [nn.Conv2d(channels, width, draw(st.sampled_from([1, 3])), padding=1)]
    extra = st.sampled_from([
        lambda: nn.BatchNorm2d(width), lambda: nn.BatchNorm2d(width, track_running_stats=False),
        lambda: nn.Dropout(0.5), lambda: nn.ReLU(inplace=True), lambda: nn.GroupNorm(1, width),
        lambda: nn.MaxPool2d(2), lambda: nn.Upsample(scale_factor=2), nn.Sigmoid,
        lambda: nn.Conv2d(width, width, 3, padding=1),
    ])  # fmt: skip
    layers += [make() for make in draw(st.lists(extra, max_size=3))]
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, classes)]
    layers += draw(st.sampled_from([[], [nn.Softmax(1)], [nn.LogSoftmax(1)]]))
    model = nn.Sequential(*layers)
    model = model.to(draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16])))
    model = model.to(memory_format=draw(st.sampled_from([torch.channels_last,
                                                         torch.contiguous_format])))  # fmt: skip
    for module in model.modules():
        module.training = draw(st.booleans())
    return model, channels, size, classes


@settings(max_examples=EXAMPLES, deadline=None)
@given(made=modules(), seed=st.integers(0, 9), form=st.integers(0, 5), last=st.booleans())
@example(made=(nn.Sequential(nn.Flatten(), nn.Linear(25, 2)), 1, 5, 2), seed=0, form=0, last=True)
def test_a_random_module_is_reported_on_as_it_answers(made, seed, form, last):
    """The right accuracy on whole images and on low parts, whatever form all comes in."""
    model, channels, size, classes = made
    torch.manual_seed(seed)
    exact = torch.randint(0, 256, (12, channels, size, size)).float() / 255
    labels = torch.randint(0, classes, (12,))
    forms = (
        lambda x: x, lambda x: (x * 255).round().byte(), lambda x: x.numpy(), torch.Tensor.double,
        lambda x: (x * 255).round().int(),
        lambda x: x.contiguous(memory_format=torch.channels_last),
    )  # fmt: skip
    given_images = forms[form](exact.permute(0, 2, 3, 1) if last else exact)
    modes = [module.training for module in model.modules()]
    found = frequency_report(
        model, given_images, labels, radii=(2,), classes=classes, few=6, precision="float32"
    )
    assert [module.training for module in model.modules()] == modes
    dtype = next(model.parameters()).dtype
    parts = {"original": exact, "low": frequency.split(exact, 2)[0]}
    model.eval()
    for part, images in parts.items():
        logits = model(images.to(dtype)).float()
        close = logits.topk(2).values.diff().abs().min() < 0.02 * logits.abs().max()
        if not close:  # another layout may decide a close call otherwise
            rows = found.table[(found.table.measure == "accuracy") & (found.table.part == part)]
            assert rows.value.iloc[0] == (logits.argmax(1) == labels).double().mean().item()
    values = found.table.value.to_numpy()
    assert np.isfinite(values).all()


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    depth=st.lists(st.sampled_from(["net", "state_dict", "list", "module.", "noise"]), max_size=3),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.float64]),
    old=st.booleans(),
)
def test_a_random_checkpoint_loads_right_or_is_named(depth, dtype, old, tmp_path_factory):
    value = {k: v.to(dtype) for k, v in state().items()}
    for step in depth:
        if step == "module.":
            value = (
                {f"module.{k}": v for k, v in value.items()} if isinstance(value, dict) else value
            )
        elif step == "list":
            value = [value]
        elif step == "noise":
            value = {"epoch": 3, "args": Namespace(a=1), "weights": value}
        else:
            value = {step: value, "acc": 0.5}
    file = tmp_path_factory.mktemp("fuzz") / "c.pth"
    torch.save(value, file, _use_new_zipfile_serialization=not old)
    model = plain()
    nn.init.zeros_(model[0].weight)
    if len(depth) < 3 and "module." not in depth:
        load_weights(model, file)
        torch.testing.assert_close(model(pixels()), plain()(pixels()), atol=0.01, rtol=0.01)
        return
    with suppress(ValueError):
        load_weights(model, file)
    right = torch.allclose(model(pixels()), plain()(pixels()), atol=0.01, rtol=0.01)
    assert right or not model[0].weight.any()  # whole, or not at all


def test_what_a_model_takes_is_found_among_channels_and_sizes():
    compute = Compute("cpu", "float32", 1)
    for channels, size in itertools.product((1, 3), (28, 64)):
        model = nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, 4))
        hint = checks.what_it_takes(model, pixels(2, 3, 32), compute)
        assert f"{size} × {size} pixels" in hint
        assert ("1 channel" in hint) == (channels == 1)
