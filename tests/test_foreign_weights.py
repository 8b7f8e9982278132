"""Checkpoints and weights as people have them: loaded right, or a sentence."""

import os
import re
import struct
import tarfile
import zipfile
from argparse import Namespace
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_foreign_models import CLASSES, EXAMPLES, LABELS, pixels, plain
from torch import nn

from fhelpers.networks.weights import load_weights
from fhelpers.report import models as outside


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
    "averaged": lambda: (
        {"n_averaged": torch.tensor(5)} | {f"module.{k}": v for k, v in state().items()}
    ),
    "lightning": lambda: {
        "state_dict": {f"net.{k}": v for k, v in state().items()} | {"loss.weight": torch.ones(4)},
        "callbacks": {},
        "loops": {},
        "optimizer_states": [],
    },
    "averages only": lambda: {"ema_state_dict": state(), "step": torch.tensor(3)},
    "student": lambda: {"student": state(), "teacher": {"x.w": torch.ones(1)}},
    "parameters": lambda: {k: nn.Parameter(v) for k, v in state().items()},
    "bfloat16": lambda: {k: v.bfloat16() for k, v in state().items()},
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
    tolerance = {"atol": 1e-2, "rtol": 1e-2} if name in ("half", "bfloat16") else {}
    torch.testing.assert_close(model(pixels()), plain()(pixels()), **tolerance)


def refusals():
    whole = CHECKPOINTS["net"]()
    yield {"net": {"a": 1}, "acc": 2, "epoch": 3}, "this file holds the keys net, acc, epoch"
    yield {"model": state(), "ema": state()}, "more than one set .* the keys model, ema"
    yield (
        {k: v for k, v in state().items() if "0" not in k},
        "does not fit Sequential: it lacks 0.weight",
    )
    yield state() | {"0.weight": torch.zeros(1)}, r"0.weight is \(1,\), in the model \(4,"
    yield state() | {"more": torch.zeros(1)}, "does not fit Sequential: the model has no more"
    yield {k: v.char() for k, v in state().items()}, r"\w is int8 of \(4\S+, in the model \(4"
    yield {k: v.cfloat() for k, v in state().items()}, "is complex64 of "
    yield {k: v.to("meta") for k, v in state().items()}, "does not fit Sequential"
    yield {f"{p}.{k}": v for k, v in state().items() for p in "ab"}, "more than one set"
    yield {"optimizer": adam()}, "no weights that fit: this file holds the keys optimizer"
    yield {"net": state(), "acc": np.float64(0.9)}, r"multiarray\.scalar.*save the state dict"
    yield {k: v.numpy() for k, v in state().items()}, "save the state dict alone"
    yield {"k" * 5_000: 1}, r"the keys k{40}; save"
    yield None, "this file holds a NoneType"
    others = {f"x.{n}": torch.ones(1) for n in range(9)}
    yield {f"net.{k}": v for k, v in state().items()} | others, "it lacks 0.weight"
    yield {"a": {"b": {"c": state()}}}, "this file holds the keys a"
    yield torch.zeros(3), "this file holds a Tensor"
    yield {}, "no weights that fit"
    yield whole | {"net": 1}, "the keys net, acc, epoch"


@pytest.mark.parametrize(("value", "says"), list(refusals()))
def test_checkpoints_that_do_not_fit_are_named(value, says, tmp_path):
    torch.save(value, tmp_path / "c.pth")
    with pytest.raises(ValueError, match=says) as caught:
        load_weights(plain(), tmp_path / "c.pth")
    assert "c.pth" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_weights_that_do_not_fit_leave_a_model_as_it_was(tmp_path):
    for value in ({k: 2 * v for k, v in state().items() if k != "3.bias"}, state() | {"x": LABELS}):
        torch.save(value, tmp_path / "c.pth")
        model = plain()
        with pytest.raises(ValueError, match="does not fit"):
            load_weights(model, tmp_path / "c.pth")
        assert str(model.state_dict()) == str(state())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkdir, "cannot be read: it is no file"),
        (os.mkfifo, "cannot be read: it is no file"),
        (lambda path: path.symlink_to("gone"), "is not there"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "cannot be read: it is no file"),
        (lambda path: np.savez(path.open("wb"), a=np.zeros(3)), "damaged or no file of weights"),
        (lambda path: np.save(path.open("wb"), np.zeros(3)), "damaged"),
        (lambda path: zipped(path, "readme.txt", b"no"), "damaged or no file of weights"),
        (lambda path: zipped(path, "a/data.pkl", b"no"), "damaged or no file of weights"),
        (lambda path: tarfile.open(path, "w").close(), "damaged"),
        (lambda path: path.write_bytes(struct.pack("<Q", 2**60) + b"{" + bytes(99)), "damaged"),
        (lambda path: path.write_text("<html>", "utf-16"), "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_named_and_not_waited_for(make, says, tmp_path):
    file = tmp_path / "c.pth"
    make(file)
    for ask in (
        lambda: load_weights(plain(), file),
        lambda: outside.load_model(str(file), classes=CLASSES),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=says) as caught:
            ask()
        assert "c.pth" in str(caught.value)


def zipped(path, name, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, content)


@pytest.mark.parametrize("name", ["x" * 300 + ".pth", "~nobody_here/c.pth", "x" * 300, "a\nb.pth"])
def test_a_name_that_no_file_can_have_is_one_sentence(name):
    with pytest.raises((ValueError, FileNotFoundError)):
        outside.load_model(name, classes=CLASSES)


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
    from fhelpers.data import imagenet

    classes = {
        "imagenette": tuple(imagenet.WNIDS.values()),
        "tiny-imagenet-10": imagenet.TINY_IMAGENET_10.classes,
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
