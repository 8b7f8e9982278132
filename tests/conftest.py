"""What the whole test run shares: options, the reference notebooks' rules, executed pages."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import browsing
import pytest
import torch

from fhelpers.pages import notebooks

# As the workflow trains: one thread a process, here and in the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
# A notebook that has to train first would show a progress bar, which no reference holds.
os.environ["TQDM_DISABLE"] = "1"
# Fixtures that several files use.
browser, page = browsing.browser, browsing.page
pages, server = browsing.pages, browsing.server


def pytest_addoption(parser):
    """Add `--pages DIR`: the pages to check, instead of some built from smoke notebooks."""
    parser.addoption("--pages", metavar="DIR", help="check the pages already built in DIR")


def pytest_collectstart(collector):
    """References hold and compare plain text: drawings differ between versions of matplotlib."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "text/markdown", "stderr")


OTHER_PARAMETERS = {
    "scale": "smoke", "dataset": "planted", "seeds": [1, 2], "radii": [5, 9], "epochs": 2,
    "others": ["fashion-mnist"], "strengths": [1.0, 0.25], "sparsity_weight": 0.5,
    "rho": 0.5, "rhos": [0.0, 0.5], "epsilons": [0.02, 0.05], "radius": 9,
}  # fmt: skip


@pytest.fixture(scope="session")
def other_parameters():
    """Parameters that are not the notebooks' defaults."""
    return OTHER_PARAMETERS


def other_parameters_of(slug: str) -> dict:
    """Those of a notebook; the scorecard needs all runs of a seed, so it shares the references'."""
    other = OTHER_PARAMETERS | ({"seeds": [0]} if slug == "00_scorecard" else {})
    return {name: value for name, value in other.items() if name in notebooks.defaults(slug)}


@pytest.fixture(scope="session")
def other_pages(tmp_path_factory):
    """Every notebook executed with parameters that are not its defaults: {slug: path}."""
    folder = tmp_path_factory.mktemp("sections")

    def execute(slug: str) -> Path:
        given = other_parameters_of(slug)
        return notebooks.execute(slug, given, folder / f"{slug}.ipynb", progress=False)

    slugs = notebooks.slugs()
    # Kernels are processes of their own, and most of a page's time is its kernel's start.
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(slugs, pool.map(execute, slugs), strict=True))
