"""No accepted format executes what stands in a file: each payload would create a file."""

import io
import json
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fhelpers import networks
from fhelpers.networks.weights import load_weights
from fhelpers.report import models as outside

CLASSES = tuple("abcd")


class Explosive:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval()


def saved(value, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A harmless file of torch.export, as {member: bytes}."""
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    batch = torch.export.Dim("batch", min=1)
    shapes = ({0: batch},)
    exported = torch.export.export(network(), (torch.rand(3, 3, 2, 2),), dynamic_shapes=shapes)
    torch.export.save(exported, path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def member_of(members, end):
    return next(name for name in members if name.endswith(end))


def written(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return str(path)


def edited(members, edit):
    """The members with the program's JSON changed by a function."""
    name = member_of(members, "models/model.json")
    document = json.loads(members[name])
    edit(document)
    return members | {name: json.dumps(document).encode()}


def test_a_harmless_program_and_a_harmless_checkpoint_load(program, tmp_path):
    images = torch.rand(5, 3, 2, 2)
    loaded = outside.load_model(written(tmp_path / "good.pt2", program), classes=CLASSES)
    torch.testing.assert_close(loaded(images), network()(images))


OPEN = "torch.os.mkdir"


def call(document):
    """A node of the program that calls any function that can be reached from torch."""
    node = document["graph_module"]["graph"]["nodes"][-1]
    text = {"name": "path", "arg": {"as_string": "exploded"}, "kind": 1}
    node |= {"target": OPEN, "inputs": [text]}


def expression(document):
    def walk(value):
        if isinstance(value, dict):
            if "expr_str" in value:
                value["expr_str"] = "__import__('os').mkdir('exploded') or 7"
            list(map(walk, value.values()))
        elif isinstance(value, list):
            list(map(walk, value))

    assert "expr_str" in json.dumps(document)
    walk(document)


def guard(document):
    document["guards_code"] = ["__import__('os').mkdir('exploded') is None"]


def argument_name(document):
    graph = document["graph_module"]["graph"]
    old = graph["inputs"][-1]["as_tensor"]["name"]
    new = f"{old}=__import__('os').mkdir('exploded')"
    text = json.dumps(document).replace(json.dumps(old), json.dumps(new))
    document |= json.loads(text)


@pytest.mark.parametrize("edit", [call, expression, argument_name])
def test_code_in_the_graph_of_a_program_is_refused(edit, program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path / "bad.pt2", edited(program, edit))
    with pytest.raises(ValueError, match=r"bad\.pt2 would execute code, so it was not loaded"):
        outside.load_model(file, classes=CLASSES)(torch.rand(3, 3, 2, 2))
    assert not (tmp_path / "exploded").exists()


def test_conditions_of_a_program_are_not_run(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path / "bad.pt2", edited(program, guard))
    outside.load_model(file, classes=CLASSES)(torch.rand(3, 3, 2, 2))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("how", ["torch.save", "old torch.save", "pickle", "protocol 0"])
@pytest.mark.parametrize(
    "place", ["data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/model.pt"]
)
def test_pickled_members_of_a_program_are_read_as_weights(
    how, place, program, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    value = {"weight": Explosive()}
    content = {
        "torch.save": lambda: saved(value),
        "old torch.save": lambda: saved(value, _use_new_zipfile_serialization=False),
        "pickle": lambda: pickle.dumps(value),
        "protocol 0": lambda: pickle.dumps(value, protocol=0),
    }[how]()
    root = member_of(program, "byteorder").removesuffix("byteorder")
    file = written(tmp_path / "bad.pt2", program | {root + place: content})
    with pytest.raises(ValueError, match=r"bad\.pt2"):
        outside.load_model(file, classes=CLASSES)
    assert not (tmp_path / "exploded").exists()


def test_pickled_weights_and_objects_of_a_program(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, prefix in (("weights", "weight_0"), ("constants", "opaque_obj_0")):
        name = member_of(program, f"data/{place}/model_{place}_config.json")
        config = json.loads(program[name])
        entry = {"path_name": prefix, "is_param": True, "use_pickle": True, "tensor_meta": None}
        config["config"] = {**config["config"], next(iter(config["config"]), "extra"): entry}
        root = name.rpartition("/")[0]
        payload = saved(Explosive()) if place == "weights" else pickle.dumps(Explosive())
        changed = {name: json.dumps(config).encode(), f"{root}/{prefix}": payload}
        file = written(tmp_path / "bad.pt2", program | changed)
        with pytest.raises(ValueError, match=r"bad\.pt2"):
            outside.load_model(file, classes=CLASSES)
    assert not (tmp_path / "exploded").exists()


def test_an_old_or_compiled_program_is_not_loaded(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = {"version": b"8.8", "serialized_exported_program.json": b"{}"}
    old |= {f"serialized_{n}.pt": saved(Explosive()) for n in ("state_dict", "example_inputs")}
    with pytest.raises(ValueError, match=r"old\.pt2"):
        outside.load_model(written(tmp_path / "old.pt2", old), classes=CLASSES)
    root = member_of(program, "byteorder").removesuffix("byteorder")
    library = {f"{root}data/aotinductor/model/model.so": b"\x7fELF"}
    outside.load_model(written(tmp_path / "library.pt2", program | library), classes=CLASSES)
    assert not (tmp_path / "exploded").exists()


class Saving(nn.Module):
    def forward(self, images):
        torch.save(images, "exploded")
        return images.flatten(1)[:, :4]


class Mapping(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :4] + torch.from_file("exploded", True, 8).sum()


@pytest.mark.parametrize("module", [Saving, Mapping])
def test_a_script_that_writes_files_is_refused(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.jit.script(module()).save("bad.pt")
    with pytest.raises(ValueError, match=r"bad\.pt would execute code.* writes files"):
        outside.load_model("bad.pt", classes=CLASSES)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["bad.pt", "bad.pth", "bad.ckpt", "bad.bin", "bad.safetensors"])
@pytest.mark.parametrize("old", [False, True])
def test_checkpoints_are_read_as_weights(name, old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = {"net": network().state_dict(), "hook": Explosive()}
    (tmp_path / name).write_bytes(saved(value, _use_new_zipfile_serialization=not old))
    says = r"bad\.\w+ is damaged|would execute code"
    with pytest.raises(ValueError, match=says):
        outside.load_model(name, classes=CLASSES)
    with pytest.raises(ValueError, match=says):
        load_weights(network(), tmp_path / name)
    with pytest.raises(ValueError, match=says):
        outside.load_model("squeezenet1_1", weights=name, classes=CLASSES)
    assert not (tmp_path / "exploded").exists()


def test_a_whole_pickled_model_is_refused_by_the_class_that_it_names(tmp_path):
    torch.save(network(), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"would execute code .*\(torch\.nn\.modules"):
        outside.load_model(str(tmp_path / "whole.pt"), classes=CLASSES)


def test_safetensors_load_as_weights(tmp_path):
    own = networks.build("lenet", channels=1, classes=4, width=2)
    save_file(
        {k: v.contiguous() for k, v in own.state_dict().items()}, tmp_path / "w.safetensors"
    )  # fmt: skip
    other = networks.build("lenet", channels=1, classes=4, width=2, seed=3)
    load_weights(other, tmp_path / "w.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), other.parameters(), strict=True))
