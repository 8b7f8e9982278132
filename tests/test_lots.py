"""Runs in lots: how they are cut, what they ask of a cluster, and planning beside others."""

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhelpers import places
from fhelpers.networks import compute
from fhelpers.runs import schedule, store
from fhelpers.runs.kinds import Result, Runnable

ROOT = Path(__file__).parent.parent
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


@dataclass(frozen=True, kw_only=True)
class Link(Runnable, kind="link-in-tests"):
    """A run that takes no time, of a name and a work of its own."""

    name: int
    after: tuple = ()
    work: int = 1

    slug, data_digest = "link", "of nothing"

    @property
    def needs(self):
        return self.after

    def carry_out(self, job):
        return Result([{"value": 1.0}])


@st.composite
def books(draw):
    """{run: recipe} with needs first, and {run: first page that needs it} of a random book."""
    links: list[Link] = []
    for name in range(draw(st.integers(1, 12))):
        after = draw(st.lists(st.sampled_from(links), max_size=3, unique=True)) if links else []
        work = draw(st.integers(1, schedule.TOGETHER * 3 // 2))
        links.append(Link(name=name, after=tuple(after), work=work))
    pages = draw(st.lists(st.lists(st.sampled_from(links), min_size=1), min_size=1, max_size=4))
    needed = [schedule.everything(page) for page in pages]
    runs = {run_id: recipe for page in needed for run_id, recipe in page.items()}
    first = {run_id: min(n for n, page in enumerate(needed) if run_id in page) for run_id in runs}
    return runs, first


@given(books())
@settings(max_examples=60, deadline=None)
def test_every_run_stands_in_one_lot_and_after_what_it_needs(book):
    """So no lot waits for a later one, and within a lot needs come first."""
    runs, first = book
    lots = list(schedule.batches(runs, first))
    order = [run_id for lot in lots for run_id in lot]
    assert sorted(order) == sorted(runs)
    for run_id, recipe in runs.items():
        assert all(order.index(n.run_id) < order.index(run_id) for n in recipe.needs)
    for lot in lots:
        assert lot
        assert len({first[run_id] for run_id in lot}) == 1
        assert len(lot) == 1 or sum(recipe.work for recipe in lot.values()) <= schedule.TOGETHER


@given(books(), st.randoms())
@settings(max_examples=30, deadline=None)
def test_lots_do_not_depend_on_the_order_in_which_runs_are_listed(book, random):
    runs, first = book
    shuffled = list(runs.items())
    random.shuffle(shuffled)
    assert list(schedule.batches(dict(shuffled), first)) == list(schedule.batches(runs, first))


def test_time_on_a_cluster_grows_with_work_up_to_a_day():
    short, long, endless = (Link(name=0, work=work) for work in (1, 5_000_000, 10**9))
    assert schedule.minutes([short]) == 30
    assert 6 * 60 < schedule.minutes([long]) < 24 * 60  # 2.5 to 6 hours on one core
    assert schedule.minutes([endless]) == schedule.minutes([short, endless]) == 24 * 60


# --- the workflow ---------------------------------------------------------------------------------


def test_runs_on_one_gpu_take_turns(tmp_path):
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    rule = 'rule:\n output: "{0}"\n resources: gpu=1\n shell: "date +%s.%N > {0}; sleep 0.5; '
    rule += 'date +%s.%N >> {0}"\n'
    rules = "".join(rule.format(name) for name in ("first", "second"))
    (tmp_path / "Snakefile").write_text('rule all:\n input: "first", "second"\n' + rules)
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "2"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0
    times = [(tmp_path / name).read_text().split() for name in ("first", "second")]
    (_, end), (begin, _) = sorted([float(each) for each in both] for both in times)
    assert begin >= end


def test_the_cluster_test_says_when_it_is_skipped():
    script = (ROOT / "tests" / "slurm" / "one_node.sh").read_text()
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*nobody, "bash"], input=script, cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "skipped: not root\n")


# --- planning while others finish -----------------------------------------------------------------


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_finished_while_it_is_planned_is_no_plan_any_more(results, monkeypatch, when):
    recipe, written = Link(name=0), places.write_text
    state = {"left": 1}

    def meanwhile(path, text):
        if path.name == "recipe.json" and state["left"]:
            state["left"] = 0
            if when == "after":
                written(path, text)
            store.carry_out(recipe)
            if when == "before":
                return written(path, text)
            path.parent.mkdir()  # what a planner that came later still writes
        return written(path, text)

    monkeypatch.setattr(places, "write_text", meanwhile)
    assert store.plan(recipe) == recipe.run_id
    assert store.finished(recipe.run_id).record["run_id"] == recipe.run_id
    assert not store.unfinished(recipe.run_id).exists()
    assert list(store.listing().state) == ["done"]


def test_planners_do_not_disturb_runs_that_finish(results):
    recipes, failed, over = [Link(name=name) for name in range(60)], [], threading.Event()

    def plan_all():
        try:
            while not over.is_set():
                for recipe in recipes:
                    store.plan(recipe)
        except OSError as error:
            failed.append(error)

    planners = [threading.Thread(target=plan_all) for _ in range(2)]
    for planner in planners:
        planner.start()
    try:
        for recipe in recipes:
            store.carry_out(recipe)
    finally:
        over.set()
        for planner in planners:
            planner.join()
    assert failed == []
    assert sorted(store.listing().state.value_counts().items()) == [("done", len(recipes))]


@pytest.mark.parametrize("precision", schedule.PACE)
def test_what_is_missing_is_announced_with_an_estimate(monkeypatch, precision):
    monkeypatch.setattr(schedule, "workers", lambda: 2)
    monkeypatch.setattr(compute, "has_bfloat16", lambda device: precision == "bfloat16")
    pace = schedule.PACE[precision]
    few = {str(n): SimpleNamespace(work=pace * 60) for n in range(10)}
    assert schedule.announced(few).startswith("10 runs are missing and come first: about 5 minutes")
    many = {str(n): SimpleNamespace(work=pace * 3600) for n in range(5)}
    assert schedule.announced(many).endswith("about 2.5 hours on 2 cores")
    one = schedule.announced({"0": few["0"]})
    assert one == "1 run is missing and comes first: about 1 minute on 2 cores"


def test_what_others_need_whole_is_missing_where_it_was_published_without_tensors(monkeypatch):
    network = SimpleNamespace(run_id="network", needs=())
    other = SimpleNamespace(run_id="other", needs=())
    mask = SimpleNamespace(run_id="mask", needs=(network,))
    runs = {each.run_id: each for each in (network, other, mask)}
    there = {"network", "other"}  # none of them with its tensors
    monkeypatch.setattr(
        store, "finished", lambda run_id, whole=False: (run_id in there and not whole) or None
    )
    assert list(schedule.missing_of(runs)) == ["network", "mask"]
    there.add("mask")
    assert schedule.missing_of(runs) == {}
