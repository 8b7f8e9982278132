"""The API pages: every public function of the modules to take away, with an example that runs."""

import doctest
import importlib
import inspect
import re
from types import FunctionType

import pytest
import torch
from browsing import ROOT

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


@pytest.fixture(scope="module")
def beginning():
    """What the lines at the top of the page define."""
    (lines,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text("utf-8"), re.DOTALL)
    names = {}
    exec(lines, names)
    return names


def test_each_module_stands_on_a_page():
    listed = re.findall(
        r"automodule:: fhelpers\.(\w+)", "".join(map(ROOT.__class__.read_text, PAGES))
    )
    assert listed == MODULES
    assert len(FUNCTIONS) > 35


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_examples_run(module, name, beginning):
    function = public(module)[name]
    torch.manual_seed(0)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=dict(beginning))
    assert test.examples, f"{module}.{name} has no example"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
