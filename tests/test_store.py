"""`fhelpers.runs.store`: runs are trained once, survive a kill, and are never used when altered."""

import contextlib
import errno
import functools
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from fhelpers import data, frequency
from fhelpers.networks import compute
from fhelpers.runs import classifier, kinds, records, schedule, store, training
from fhelpers.runs.kinds import Result, Runnable
from fhelpers.runs.recipes import Recipe

FILES = ["history.parquet", "model.safetensors", "outcomes.parquet", "record.json"]


def tiny(**changes):
    """A recipe of half a second: a small LeNet on a few dozen planted images."""
    values = {
        "dataset": "planted", "data_options": (("classes", 4),), "model": "lenet",
        "train_images": 40, "test_images": 20, "monitored_images": 10, "batch_size": 10,
        "learning_rate": 3e-3, "epochs": 2, "radii": (8,), "mixup": 0.5, "precision": "float32",
    }  # fmt: skip
    return Recipe(**values | changes)


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """An empty store, and one thread: bits depend on their number."""
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "results"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "results"
    torch.set_num_threads(threads)


@pytest.fixture
def trained(monkeypatch):
    """The recipes that were trained, in order."""
    carried_out = []
    original = classifier.train

    def noted(recipe, job):
        carried_out.append(recipe)
        return original(recipe, job)

    monkeypatch.setattr(classifier, "train", noted)
    return carried_out


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, to be copied and damaged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHELPERS_RESULTS", str(tmp_path_factory.mktemp("results")))
        return store.carry_out(tiny())


@pytest.fixture
def copied(finished, results):
    """The same run in this test's store."""
    folder = results / finished.run_id
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes((finished.path / name).read_bytes())
    return folder


def states():
    return dict(store.listing()[["run", "state"]].itertuples(index=False))


def assert_equal_runs(first, second):
    """Weights and histories equal to the bit."""
    pd.testing.assert_frame_equal(first.history, second.history, check_exact=True)
    ours, theirs = (load_file(run.path / "model.safetensors") for run in (first, second))
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# --- a finished run -------------------------------------------------------------------------------


def test_a_run_is_trained_once(trained, results):
    seen = []
    first = store.carry_out(tiny(), seen.append)
    again = store.carry_out(tiny())
    assert trained == [tiny()]
    assert seen == [0, 1, 2]
    assert first.path == again.path == results / tiny().run_id
    assert sorted(file.name for file in first.path.iterdir()) == FILES
    assert sorted(file.name for file in results.rglob("*") if file.is_file()) == FILES


def test_a_record_says_what_was_asked_and_what_came_out(finished):
    record = finished.record
    assert kinds.from_json(record["recipe"]) == finished.recipe == tiny()
    assert record["run_id"] == finished.run_id == finished.path.name
    assert (record["device"], record["precision"], record["threads"]) == ("cpu", "float32", 1)
    assert record["epochs"] == 2
    assert 0 < record["seconds"] < 100
    release = [each.partition("+")[0] for each in (record["versions"]["torch"], torch.__version__)]
    assert release[0] == release[1] != ""
    assert len(record["source"]) == 16
    assert record["decided"] == tiny().decided
    assert record["machine"]["cores"] >= 1
    assert "NaN" not in (finished.path / "record.json").read_text()


def test_a_history_is_tidy(finished):
    history = finished.history
    assert list(history.columns) == records.COLUMNS
    assert set(history.query("scope == 'subset'").epoch) == {0, 1, 2}
    assert set(history.part) == {"original", "low", "high", "low/max", "high/max"}
    assert history.radius.isna().equals(history.part == "original")


def test_the_trained_network_comes_back(finished):
    model = finished.model()
    assert not model.training
    test = data.load("planted", train=False, limit=20, classes=4)
    scored = training.score(model, test.pixels(), test.labels, "float32")
    row = finished.history.query("scope == 'all' and split == 'test' and part == 'original'")
    assert scored["accuracy"] == row.accuracy.item()
    assert scored["loss"] == pytest.approx(row.loss.item(), abs=1e-6)


def test_nothing_in_a_finished_run_is_a_pickle(finished):
    for file in finished.path.iterdir():
        content = file.read_bytes()
        assert not content.startswith((b"PK", b"\x80"))
        assert b"data.pkl" not in content
        with pytest.raises((pickle.UnpicklingError, ValueError, KeyError, EOFError, IndexError)):
            pickle.loads(content)


def test_published_records_are_used_too(finished, trained, monkeypatch, tmp_path):
    monkeypatch.setattr(records, "published", lambda: finished.path.parent)
    assert store.carry_out(tiny()).path == finished.path
    assert store.find(finished.run_id) == tiny()
    assert trained == []
    assert not any(records.root().glob("**/record.json"))


# --- damaged records ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_one_altered_byte_is_found_and_named(copied, name, place, trained):
    file = copied / name
    content = bytearray(file.read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    file.write_bytes(content)
    for use in (
        lambda: store.carry_out(tiny()),
        lambda: records.Run(copied).history,
        lambda: records.Run(copied).model(),
        lambda: schedule.fetch({"natural": (tiny(),)}),
    ):
        with pytest.raises(store.DamagedRun) as caught:
            use()
        sentence = str(caught.value)
        assert copied.name in sentence
        assert name in sentence
        assert f"delete {copied}" in sentence
        assert "\n" not in sentence
    assert states() == {copied.name: "damaged"}
    assert bytes(content) == file.read_bytes()
    assert trained == []


@pytest.mark.parametrize(
    ("old", "new"), [("\n", " "), (": ", ":\t"), ('"epochs": 2', '"epochs": 3')]
)
def test_a_record_that_still_reads_well_is_found_altered(copied, old, new):
    file = copied / "record.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(store.DamagedRun, match=r"record\.json was altered after it was written"):
        _ = records.Run(copied).record


@pytest.mark.parametrize("name", FILES[:2])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(store.DamagedRun, match=f"{copied.name} is damaged: {name} is missing"):
        store.carry_out(tiny())


def test_a_record_rewritten_with_its_own_digest_missing_is_damaged(copied):
    file = copied / "record.json"
    record = json.loads(file.read_text())
    for without in ("digest", "files"):
        file.write_text(records.as_text({k: v for k, v in record.items() if k != without}))
        with pytest.raises(store.DamagedRun, match=r"record\.json"):
            _ = records.Run(copied).record


def test_a_folder_without_its_record_is_named_and_trained_anew(copied, finished, trained):
    (copied / "record.json").unlink()
    with pytest.warns(UserWarning, match=f"{copied} had no record.json: it was made anew"):
        assert_equal_runs(store.carry_out(tiny()), finished)
    assert trained == [tiny()]


# --- interruptions --------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
import torch
from fhelpers.runs import classifier, store
import test_store

torch.set_num_threads(1)
recipe = test_store.tiny(epochs=4)
original, batches = classifier.loss_of, [0]

def loss_of(*given):
    loss = original(*given)

    def counted(model, batch):
        batches[0] += 1
        if batches[0] == 2 * 4 + 3:  # in the middle of epoch 3
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(model, batch)

    return counted

classifier.loss_of = loss_of
store.carry_out(recipe)
"""


def python(code):
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, text=True, process_group=0,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("recorded", "native", "expected"),
    [
        ("bfloat16", True, "bfloat16"),
        ("bfloat16", False, "float32"),
        ("float32", True, "float32"),
        ("float32", False, "float32"),
    ],
)
def test_networks_answer_in_the_precision_of_their_record_unless_it_is_emulated(
    monkeypatch, recorded, native, expected
):
    monkeypatch.setattr(compute, "has_bfloat16", lambda device: native)
    monkeypatch.setattr(records.Run, "record", {"precision": recorded})
    assert records.Run(records.root()).precision == expected


def test_a_killed_run_resumes_and_ends_bit_equal(trained, monkeypatch, tmp_path):
    recipe = tiny(epochs=4)
    killed = python(KILLED)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    folder = store.unfinished(recipe.run_id)
    assert (folder / "checkpoint.pt").exists()
    assert (folder / "progress").read_text() == "2"
    assert states() == {recipe.run_id: "interrupted"}
    assert store.finished(recipe.run_id) is None

    seen = []
    resumed = store.carry_out(recipe, seen.append)
    assert seen == [2, 3, 4]
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "uninterrupted"))
    assert_equal_runs(resumed, store.carry_out(recipe))
    assert len(trained) == 2


WAITING = """
import torch
from fhelpers.runs import classifier, store
import test_store

torch.set_num_threads(1)
original = classifier.train

def train(*given):
    print("training", flush=True)
    input()
    return original(*given)

classifier.train = train
store.carry_out(test_store.tiny())
"""


def test_a_second_process_waits_for_the_first(trained, finished):
    first = python(WAITING)
    assert first.stdout.readline() == "training\n"
    assert states() == {tiny().run_id: "running"}
    found = []
    second = threading.Thread(target=lambda: found.append(store.carry_out(tiny())))
    second.start()
    second.join(0.5)
    assert second.is_alive()
    first.communicate("go on\n")
    second.join(60)
    assert first.returncode == 0
    assert trained == []
    assert_equal_runs(found[0], finished)


def test_runs_with_dots_in_their_names_have_locks_of_their_own():
    """`with_suffix` would give both the lock of `planted-…-mixup0`."""
    first, second = (
        store.lock_of(store.unfinished(tiny(mixup=alpha).run_id)) for alpha in (0.5, 0.25)
    )
    assert "mixup0.5" in first.name
    assert first != second
    assert first.name == f"{tiny(mixup=0.5).run_id}.lock"


# --- a full disk ----------------------------------------------------------------------------------


def full_disk(monkeypatch, method, is_meant):
    """Fail as a full disk does, after half of the content, for the paths that are meant."""
    original = getattr(Path, method)

    def write(path, content, *rest):
        if is_meant(path):
            original(path, content[: len(content) // 2], *rest)
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return original(path, content, *rest)

    monkeypatch.setattr(Path, method, write)


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("write_bytes", "checkpoint"),
        ("write_bytes", "model.safetensors"),
        ("write_text", "record.json"),
        ("write_text", "progress"),
        ("write_text", "recipe.json"),
    ],
)
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    results, finished, method, part
):  # fmt: skip
    written = []

    def is_meant(path):
        if part in path.name:
            written.append(path)
        # The first checkpoint still finds room.
        return part in path.name and (part != "checkpoint" or len(written) == 2)

    with pytest.MonkeyPatch.context() as patch:
        full_disk(patch, method, is_meant)
        with pytest.raises(OSError, match="is full: free some space and call again") as caught:
            store.carry_out(tiny())
    assert caught.value.errno == errno.ENOSPC
    assert str(results) in caught.value.strerror
    assert "\n" not in str(caught.value)
    assert store.finished(tiny().run_id) is None
    assert not [file for file in results.rglob("*.tmp") if file.is_file()]
    assert not [file for file in results.rglob(".*") if file.is_file()]
    checkpoint = store.unfinished(tiny().run_id) / "checkpoint.pt"
    if part == "checkpoint":
        content = io.BytesIO(training.unsealed(checkpoint))
        assert torch.load(content, weights_only=True)["epoch"] == 1

    seen = []
    assert_equal_runs(store.carry_out(tiny(), seen.append), finished)
    assert seen[0] == {"checkpoint": 1, "model.safetensors": 2, "record.json": 2}.get(part, 0)


def test_a_full_disk_is_named_while_planning_too(monkeypatch, results):
    full_disk(monkeypatch, "write_text", lambda path: True)
    with pytest.raises(OSError, match="is full: free some space and call again") as caught:
        schedule.fetch({"natural": (tiny(),)})
    assert str(results) in caught.value.strerror
    assert not [file for file in results.rglob("*") if file.is_file()]


def test_other_errors_of_the_file_system_pass_unchanged(monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(classifier, "train", refused)
    with pytest.raises(PermissionError):
        store.carry_out(tiny())


# --- many runs ------------------------------------------------------------------------------------


def test_fetch_trains_what_is_missing_side_by_side(copied, finished, capfd, monkeypatch, tmp_path):
    plan = {
        "natural": (tiny(), tiny(seed=1)),
        "shuffled": (tiny(labels="shuffled"), tiny(labels="shuffled", seed=1)),
    }
    before = (copied / "record.json").stat().st_mtime_ns
    monkeypatch.setattr(schedule, "tqdm", functools.partial(schedule.tqdm, disable=False))
    runs = schedule.fetch(plan)
    assert (copied / "record.json").stat().st_mtime_ns == before
    assert "training 3 runs" in capfd.readouterr().err
    assert list(runs) == list(plan)
    assert len(runs) == 2
    for label, group in plan.items():
        assert [run.recipe for run in runs[label]] == list(group)
        assert all(run.record["threads"] == 1 for run in runs[label])

    history = runs.history
    assert list(history.columns[:2]) == ["label", "seed"]
    assert set(history.groupby(["label", "seed"]).groups) == {
        (label, seed) for label in plan for seed in (0, 1)
    }
    own = history.query("label == 'natural' and seed == 0").drop(columns=["label", "seed"])
    pd.testing.assert_frame_equal(own.reset_index(drop=True), finished.history)

    setup = runs.setup().set_index("run")
    assert setup.loc["shuffled", "seeds"] == "0, 1"
    assert setup.loc["natural", "train_images"] == 40
    assert setup.loc["natural", "batch_size"] == 10
    assert "seconds of all seeds" in setup
    assert "seconds" in records.Runs({"natural": runs["natural"][:1]}).setup()
    twice = records.Runs({"natural": runs["natural"], "vanilla": runs["natural"]})
    assert list(twice.setup().run) == ["natural, vanilla"]

    # What was trained in a worker equals what is trained here.
    monkeypatch.setenv("FHELPERS_RESULTS", str(tmp_path / "here"))
    here = store.carry_out(tiny(seed=1))
    assert_equal_runs(runs["natural"][1], here)


def test_fetch_trains_nothing_when_all_is_there(copied, trained, capfd):
    assert schedule.fetch({"natural": (tiny(),)})["natural"][0].path == copied
    assert trained == []
    assert "training" not in capfd.readouterr().err


def test_an_error_in_a_worker_reaches_the_caller(monkeypatch):
    def threads(workers, context, initializer):
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr(schedule, "ProcessPoolExecutor", threads)
    hopeless = tiny(learning_rate=1e6, optimiser="sgd", mixup=None)
    with pytest.raises(FloatingPointError, match="the learning rate is too high"):
        schedule.fetch({"natural": (hopeless,)})


ENDLESS = """
from fhelpers.runs import schedule
import test_store

if __name__ == "__main__":
    schedule.fetch({"natural": (test_store.tiny(epochs=100_000),)})
"""


def test_workers_end_with_a_parent_that_was_killed():
    parent = python(ENDLESS)
    run_id = tiny(epochs=100_000).run_id
    try:
        wait_for(lambda: states().get(run_id) == "running")
        parent.kill()
        parent.wait()
        wait_for(lambda: states()[run_id] != "running")
    finally:
        with contextlib.suppress(ProcessLookupError):  # nothing of its group is left, as it should
            os.killpg(parent.pid, signal.SIGKILL)


def wait_for(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_no_seeds_is_one_sentence():
    with pytest.raises(ValueError, match=r"give at least one seed, such as seeds = \[0\]"):
        schedule.fetch({"natural": ()})


handed_over = []


@dataclass(frozen=True, kw_only=True)
class Dependent(Runnable, kind="dependent-in-tests"):
    """A kind of run that needs another one, as a mask needs its network."""

    needed: Recipe
    slug = "dependent"
    data_digest = "of nothing"

    @property
    def needs(self):
        return (self.needed,)

    def carry_out(self, job):
        handed_over[:] = job.needed
        return Result([{"value": 1.0}])


def test_what_a_run_needs_is_carried_out_first_and_handed_over(trained):
    recipe = Dependent(needed=tiny(seed=5))
    store.plan(recipe)
    assert states() == {recipe.run_id: "planned", tiny(seed=5).run_id: "planned"}
    run = store.carry_out(recipe)
    assert trained == [tiny(seed=5)]
    assert states() == {recipe.run_id: "done", tiny(seed=5).run_id: "done"}
    assert [run.run_id for run in handed_over] == [tiny(seed=5).run_id]
    assert run.tensors() == {}
    assert run.recipe == recipe
    with pytest.raises(ValueError, match="keeps no network"):
        run.model()


def test_a_run_is_named_by_the_runs_it_needs_too():
    first, other = (Dependent(needed=tiny(seed=seed)) for seed in (5, 6))
    assert first.run_id != other.run_id
    assert first.decided["needs"] == [tiny(seed=5).run_id]


def test_outcomes_tell_which_test_images_are_right(finished):
    test = data.load("planted", train=False, limit=20, classes=4)
    low, high = frequency.split(test.pixels(), 8)
    parts = {("original", None): test.pixels(), ("low", 8): low, ("high", 8.0): high}
    for (part, radius), pixels in parts.items():
        logits = training.predict(finished.model(), pixels, precision="float32")
        correct = finished.correct(part, radius)
        assert correct.dtype == bool
        assert correct.tolist() == (logits.argmax(1) == test.labels).tolist()
        rows = finished.history.query("scope == 'all' and split == 'test' and part == @part")
        assert correct.mean() == pytest.approx(rows.accuracy.item())
    with pytest.raises(ValueError, match="was not evaluated on low at r = 9"):
        finished.correct("low", 9)


# --- identity ------------------------------------------------------------------------------------


def test_a_run_in_the_folder_of_another_is_damaged(copied, results):
    other = results / tiny(seed=1).run_id
    copied.rename(other)
    with pytest.raises(store.DamagedRun, match=f"its record is that of {copied.name}"):
        store.carry_out(tiny(seed=1))


def test_a_recipe_in_the_folder_of_another_is_refused():
    planned, other = store.plan(tiny(seed=3)), store.plan(tiny(seed=4))
    source = store.unfinished(planned) / "recipe.json"
    source.replace(store.unfinished(other) / "recipe.json")
    with pytest.raises(ValueError, match=f"the recipe of run {other} is that of {planned}: delete"):
        store.find(other)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "classifier"}', '"text"', "null"])
def test_a_recipe_that_cannot_be_read_is_named(content):
    planned = store.plan(tiny(seed=3))
    file = store.unfinished(planned) / "recipe.json"
    file.write_text(content)
    with pytest.raises(
        ValueError, match=f"the recipe of run {planned} cannot be used .* delete"
    ) as caught:
        store.find(planned)
    assert "\n" not in str(caught.value)


# --- the order of runs ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Step(Runnable, kind="step-in-tests"):
    """A run of known work that leaves a note of when it was carried out."""

    name: str
    after: tuple = ()
    work: int = 1

    @property
    def slug(self):
        return f"step-{self.name}"

    data_digest = "of nothing"

    @property
    def needs(self):
        return self.after

    def carry_out(self, job):
        with (records.root() / "order").open("a") as file:
            file.write(f"{self.name} ")
        return Result([{"value": float(len(job.needed))}])


def chain():
    """first -> second -> third, and three runs that nobody waits for."""
    first = Step(name="first", work=2)
    second = Step(name="second", after=(first,), work=2)
    third = Step(name="third", after=(second,), work=2)
    return third, [Step(name=f"alone-{n}", work=3) for n in range(3)]


def test_what_begins_the_longest_chain_is_the_most_urgent():
    third, alone = chain()
    runs = schedule.everything([*alone, third])
    order = [recipe.name for recipe in runs.values()]
    assert order.index("first") < order.index("second") < order.index("third")
    urgency = {runs[run_id].name: value for run_id, value in schedule.urgency(runs).items()}
    assert (urgency["first"], urgency["second"], urgency["third"]) == (6, 4, 2)
    assert urgency["alone-0"] == 3
    assert [schedule.depth(recipe) for recipe in (*alone, third)] == [0, 0, 0, 2]


def test_one_worker_carries_out_needs_first_and_long_chains_before_short_ones(monkeypatch, results):
    monkeypatch.setattr(schedule, "workers", lambda: 1)
    monkeypatch.setattr(
        schedule, "ProcessPoolExecutor", lambda slots, *_, **__: ThreadPoolExecutor(slots)
    )
    results.mkdir()
    third, alone = chain()
    schedule.fetch({"steps": (*alone, third)})
    order = (results / "order").read_text().split()
    assert order[:2] == ["first", "second"]
    assert sorted(order) == sorted(["first", "second", "third", "alone-0", "alone-1", "alone-2"])


def test_a_killed_worker_is_one_sentence(monkeypatch):
    def broken(recipe, *, whole):
        assert whole  # what others need has to have its tensors
        raise BrokenProcessPool

    monkeypatch.setattr(
        schedule, "ProcessPoolExecutor", lambda slots, *_, **__: ThreadPoolExecutor(slots)
    )
    monkeypatch.setattr(store, "carry_out", broken)
    with pytest.raises(RuntimeError, match="a worker process was killed; call again"):
        schedule.fetch({"natural": (tiny(),)})


# --- the listing ----------------------------------------------------------------------------------


def test_the_listing_tells_the_state_of_every_run(copied, finished):
    store.plan(tiny(seed=3))
    listing = store.listing().set_index("run")
    assert dict(listing.state) == {copied.name: "done", tiny(seed=3).run_id: "planned"}
    row = listing.loc[copied.name]
    assert row.epochs == 2
    assert row.seconds == finished.record["seconds"]
    final = finished.history.query("scope == 'all' and split == 'test' and part == 'original'")
    assert float(row.accuracy) == pytest.approx(final.accuracy.item(), abs=5e-4)
    assert listing.loc[tiny(seed=3).run_id, "accuracy"] == ""


def test_an_empty_store_has_an_empty_listing(results):
    assert store.listing().empty
    assert not results.exists()


def test_planning_a_finished_run_leaves_it_alone(copied):
    store.plan(tiny())
    assert states() == {copied.name: "done"}


def test_runs_are_found_by_their_names(copied):
    assert store.find(copied.name) == tiny()
    planned = store.plan(tiny(seed=3))
    assert store.find(planned) == tiny(seed=3)


@pytest.mark.parametrize("name", ["", "nothing", "*", "planted*", "[a-z]*", "..", ".", "/", "**"])
def test_names_that_no_run_has_are_refused(copied, name):
    store.plan(tiny(seed=3))
    with pytest.raises(ValueError, match="no run is called") as caught:
        store.find(name)
    assert repr(name) in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_run_for_a_gpu_that_is_not_there_is_refused_before_any_other_trains(results):
    wanted = {"fine": (tiny(),), "impossible": (tiny(device="cuda", adversary="pgd"),)}
    with pytest.raises(ValueError, match="torch sees no GPU"):
        schedule.fetch(wanted)
    assert not list(results.glob("*/record.json"))
