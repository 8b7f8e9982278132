"""What visitors take along: every public function has an example, and the lines they read run."""

import doctest
import importlib
import inspect
import re
import sys
from types import FunctionType

import pytest
import torch
from browsing import ROOT
from torchvision.utils import save_image

from fhelpers import frequency

PAGES = [ROOT / "book" / name for name in ("api.md", "api_methods.md")]
MODULES = ["frequency", "data", "networks", "attacks", "smoothing", "masks", "heatmap", "report"]


def public(name):
    """The public functions of a module: those of `__all__`, or those it defines and describes."""
    module = importlib.import_module(f"fhelpers.{name}")
    own = getattr(module, "__all__", None) or [
        each
        for each, found in vars(module).items()
        if not each.startswith("_") and getattr(found, "__module__", "") == module.__name__
    ]
    found = {each: getattr(module, each) for each in own}
    return {k: f for k, f in found.items() if isinstance(f, FunctionType) and inspect.getdoc(f)}


FUNCTIONS = [(module, name) for module in MODULES for name in public(module)]


def lines_of(page):
    """The Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def beginning():
    """What the lines at the top of the first page define."""
    (lines,), names = lines_of(PAGES[0]), {}
    exec(lines, names)
    return names


def test_each_module_stands_on_a_page():
    text = "".join(page.read_text("utf-8") for page in PAGES)
    listed = re.findall(r"automodule:: fhelpers\.(\w+)", text)
    assert listed == MODULES
    assert len(FUNCTIONS) > 35


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_examples_run(module, name, beginning):
    function = public(module)[name]
    torch.manual_seed(0)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=dict(beginning))
    assert test.examples, f"{module}.{name} has no example"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


MODEL = """
from fhelpers import networks
model = networks.build("resnet-8", channels=3, classes=2, width=4).eval()
"""


def test_the_lines_to_take_along_run_on_a_model_of_ones_own(tmp_path, monkeypatch, capsys):
    for number in range(12):
        folder = tmp_path / "my_images" / ("cats", "dogs")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        save_image(torch.rand(3, 50, 40), folder / f"{number}.png")
    (tmp_path / "my_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {}
    for lines in lines_of(ROOT / "book" / "take_along.md"):
        exec(lines, names)
    sys.modules.pop("my_model")
    assert names["images"].shape == (12, 3, 32, 32)
    assert names["labels"].tolist() == [0] * 6 + [1] * 6
    assert torch.equal(names["low"], frequency.split(names["images"], 8)[0])
    assert "kept: " in capsys.readouterr().out
    for file in ("parts.png", "mask.png", "my_report/report.html", "my_report/report.json"):
        assert (tmp_path / file).is_file()
