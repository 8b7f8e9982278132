"""Networks with their own code, as files of torch.export or TorchScript, that can do no harm.

Both formats hold a program, and what loads them trusts it: `torch.export.load` unpickles, evaluates
expressions and runs conditions that stand in the file, and either program may call functions that
write files. So a file is looked through before anything in it runs.
"""

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from fhelpers.networks.asking import said

# What a program of torch.export may be made of: members of the archive, operators, expressions of
# sizes, and names. Nothing else is copied, or accepted.
MEMBERS = re.compile(
    r"byteorder|archive_(format|version)|\.data/\w+|models/\w+\.json|data/sample_inputs/\w+\.pt"
    r"|data/(weights|constants)/((weight|tensor)_\d+|\w+_config\.json|\w+\.pt)"
)
OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|torchvision)\.(?!from_file|save)\w+\.\w+|torch\.sym_\w+|math\.\w+"
    r"|torch\.ops\.higher_order\.(wrap_with_(set_grad_enabled|autocast)|cond)"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_)"
)
EXPRESSION = re.compile(
    r"(?>'?[su]\d+'?|[a-z]+=|[A-Z][A-Za-z]*|\d+(\.\d+)?|[\s()+\-*/%,<>=!&|~])*+"
)
NAME = re.compile(r"[\w.\-+: ]*")
SPEC = re.compile(r'[\w.,:"\\\[\]{}\s]*')
CHECKS = {"target": OPERATORS, "as_operator": OPERATORS, "expr_str": EXPRESSION, "as_string": None}
CHECKS |= {"in_spec": SPEC, "out_spec": SPEC}
MANY = 2**31  # images, where nothing limits them
REMOVED = {"guards_code": [], "metadata": {}}  # conditions that would be run, and remarks
WRITES_FILES = re.compile(rb"\b(save|from_file)\s*\(")  # the only functions of TorchScript that do


class Refused(ValueError):
    """A file that would do what no network has to."""


def kind_of(path: Path) -> str:
    """ "program" for a file of torch.export, "script" for TorchScript, "" for anything else."""
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as file:
        parts = {name.partition("/")[2].partition("/")[0] for name in file.namelist()}
        old = "serialized_exported_program.json" in file.namelist()
    if "models" in parts or old:
        return "program"
    return "script" if "code" in parts else ""


def load(path: Path) -> nn.Module:
    """The network of a file of torch.export or TorchScript. Raises ValueError for all others."""
    try:
        return (load_program if kind_of(path) == "program" else load_script)(path)
    except Refused as error:
        raise ValueError(f"{path} would execute code, so it was not loaded: {error}") from error
    except Exception as error:
        raise ValueError(f"{path} cannot be loaded: {said(error)}") from error


def load_script(path: Path) -> nn.Module:
    with zipfile.ZipFile(path) as file:
        code = [name for name in file.namelist() if name.endswith(".py")]
        if found := [name for name in code if WRITES_FILES.search(file.read(name))]:
            raise Refused(f"{found[0]} in it writes files")
    return torch.jit.load(path, map_location="cpu")


def load_program(path: Path) -> nn.Module:
    """The program of a file of torch.export, from a copy that holds what was looked through."""
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(copy, "w") as kept:
        for name in file.namelist():
            member = name.partition("/")[2]
            if MEMBERS.fullmatch(member):
                text = file.read(name)
                kept.writestr(name, checked(text) if member.startswith("models/") else text)
    copy.seek(0)
    # Pickled members are read as weights, whatever torch.export asks for.
    with mock.patch.dict(os.environ, {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"}):
        return Program(torch.export.load(copy))


def checked(text: bytes) -> bytes:
    """The JSON of a program without what would be run. Raises Refused if code stands elsewhere."""
    program = json.loads(text)
    for key, value in strings(program):
        pattern = CHECKS.get(key, NAME)
        if pattern is not None and not pattern.fullmatch(value):
            raise Refused(f"{key} in it is {value[:80]!r}")
    return json.dumps(program).encode()


def strings(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """All strings in JSON values with the key that they stand under; empties what is REMOVED."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, key)
    elif isinstance(value, dict):
        for name in value.keys() & REMOVED.keys():
            value[name] = REMOVED[name]
        for name, each in value.items():
            yield "key", name
            yield from strings(each, name)


class Program(nn.Module):
    """A program of torch.export, which is given as many images at a time as it was exported for."""

    def __init__(self, exported: torch.export.ExportedProgram):
        super().__init__()
        self.program = exported.module(check_guards=False)
        for module in self.program.modules():
            module.training = False
        inputs = exported.graph_signature.user_inputs
        if len(inputs) != 1:
            raise ValueError(f"its program takes {len(inputs)} inputs, not images alone")
        node = next(node for node in exported.graph.nodes if node.name == inputs[0])
        size = node.meta["val"].shape[0]
        self.least, self.most = size, size
        if isinstance(size, torch.SymInt):
            allowed = exported.range_constraints.get(size.node.expr)
            ends = (allowed.lower, allowed.upper) if allowed else (1, MANY)
            self.least, self.most = (int(min(end, MANY)) for end in ends)

    def train(self, mode: bool = True) -> "Program":
        """Itself: its mode was decided when it was exported."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        answers = []
        for some in images.split(max(1, self.most)):
            numbers = torch.arange(max(len(some), self.least), device=some.device) % len(some)
            answers.append(self.program(some[numbers])[: len(some)])
        return torch.cat(answers)
