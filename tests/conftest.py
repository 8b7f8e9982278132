"""What the whole test run shares: options, the reference notebooks' rules, executed pages."""

import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import browsing
import forked
import pytest
import smoke
import standin
import torch
from filelock import FileLock

from fhelpers.pages import execution, notebooks
from fhelpers.runs import records, store

# As the workflow trains: one thread a process, here and in the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
# A notebook that has to train first would show a progress bar, which no reference holds.
os.environ["TQDM_DISABLE"] = "1"
# Fixtures that several files use.
browser, page = browsing.browser, browsing.page
pages, server = browsing.pages, browsing.server


def pytest_configure(config):
    """Register the stand-in now: torch counts the devices at the first backward pass."""
    standin.register()
    forked.install()


def pytest_addoption(parser):
    """Add `--pages DIR`: the pages to check, instead of some built from smoke notebooks."""
    parser.addoption("--pages", metavar="DIR", help="check the pages already built in DIR")


def pytest_collectstart(collector):
    """References hold and compare plain text: drawings differ between versions of matplotlib."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "text/markdown", "stderr")


# Files whose tests look at the built pages; the first one's process builds them for the others.
BOOK = ("test_book.py", "test_other_pages.py", "test_built_pages.py", "test_furniture.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several processes (`-n 2`), each takes the next file, in the order of the items."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items):
    """The book comes first, since it takes longest; what else looks at its pages comes last."""

    def place(item) -> int:
        return 0 if item.path.name == BOOK[0] else 2 if item.path.name in BOOK else 1

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)  # workers report what they collected only after this
def pytest_collection_finish(session):
    """Carry out what notebooks need before the first test. What fails is for the tests to find."""
    config = session.config
    if config.option.collectonly:
        return

    def say(sentence):
        with config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
            print(sentence, file=sys.stderr, flush=True)

    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    built = "other_pages" in used or ("pages" in used and not config.option.pages)
    references = {item.path.stem for item in session.items if item.path.suffix == ".ipynb"}
    try:
        smoke.carry_out(sorted(references), notebooks.slugs() if built else (), say)
    except Exception as error:
        warnings.warn(f"not all smoke runs could be carried out: {error}", stacklevel=1)


@pytest.fixture(scope="session")
def carried_out(request, tmp_path_factory):
    """recipe -> its run: one of the pages', or carried out once for all tests of this run."""
    roots = records.root(), browsing.shared(request, tmp_path_factory) / "results"

    def run_of(recipe):
        with pytest.MonkeyPatch.context() as patch:
            for root in roots:
                patch.setenv("FHELPERS_RESULTS", str(root))
                if found := store.finished(recipe.run_id):
                    return found
            return store.carry_out(recipe)

    return run_of


@pytest.fixture(scope="session")
def other_pages(request, tmp_path_factory):
    """Every notebook executed with parameters that are not its defaults: {slug: path}."""
    folder = browsing.shared(request, tmp_path_factory) / "sections"
    paths = {slug: folder / f"{slug}.ipynb" for slug in notebooks.slugs()}

    def execute(slug: str) -> None:
        execution.execute(slug, smoke.other_parameters(slug), paths[slug], progress=False)

    # Kernels are processes of their own, and most of a page's time is its kernel's start.
    with FileLock(f"{folder}.lock"), ThreadPoolExecutor(2) as pool:
        list(pool.map(execute, [slug for slug, path in paths.items() if not path.exists()]))
    return paths
