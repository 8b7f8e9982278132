"""The run store: every run is carried out once, kept with its record, and verified when it is used.

    results/<run_id>/              a finished run, with the files of `runs.records`
    results/published/<run_id>/    the same, committed; tensors packed, where the book shows them
    results/.unfinished/<run_id>/  a planned or interrupted one: recipe.json, checkpoint.pt

A finished folder appears by one rename, so it is either whole or absent. The store knows no kind
of run by name: each says itself what it needs and how it is carried out (`runs.kinds`).
"""

import errno
import gzip
import itertools
import json
import os
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from fhelpers import data, places
from fhelpers.data.files import quoted
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import kinds, records
from fhelpers.runs.checks import DamagedRun
from fhelpers.runs.kinds import Job, Runnable
from fhelpers.runs.records import Run


def finished(run_id: str, *, whole: bool = False) -> Run | None:
    """The finished run of that name, from the store or the published records.

    whole: only with all its files.
    """
    for place in (records.root(), records.published()):
        if os.path.exists(place / run_id / "record.json"):  # false for what can be no name, too
            run = Run(place / run_id)
            if not whole or run.whole:
                return run
    return None


def publish(run: Run, *, tensors: bool) -> Path:
    """Copy a finished run to the published records, with or without its tensors.

    Raises DamagedRun for a run that is not what was written, ValueError where another result is
    published under its name: what was measured on that one would belong to neither.
    """
    destination = records.published() / run.run_id
    there = (destination / "record.json").exists()
    if there and Run(destination).record["files"] != run.record["files"]:
        raise ValueError(
            f"{run.run_id} is published with another result: remove {run.path}, to keep the "
            f"published one, or {destination}, to replace it, and with either all runs that were "
            "measured on it"
        )
    copied = destination.with_name(f".{run.run_id}.{os.getpid()}")
    shutil.rmtree(copied, ignore_errors=True)
    copied.mkdir(parents=True)
    try:
        for file in ("record.json", *run.record["files"]):
            if file != records.TENSORS:
                shutil.copyfile(run.path / file, copied / file)
            elif tensors and (run.path / file).exists():
                packed = gzip.compress((run.path / file).read_bytes(), mtime=0)
                (copied / records.PACKED).write_bytes(packed)
            elif tensors:  # published before, and copied into this store
                shutil.copyfile(run.path / records.PACKED, copied / records.PACKED)
        shutil.rmtree(destination, ignore_errors=True)
        copied.replace(destination)
    finally:
        shutil.rmtree(copied, ignore_errors=True)
    return destination


def some_published(count: int, seed: int) -> list[Run]:
    """So many published runs, drawn at random; all where there are fewer.

    Left out are those on images that are not here and that only a person can fetch.
    """
    runs = [Run(file.parent) for file in sorted(records.published().glob("*/record.json"))]
    drawn = random.Random(seed).sample(runs, len(runs))
    return list(itertools.islice(filter(has_images, drawn), count))


def has_images(run: Run) -> bool:
    """Whether the data set of a run is here or can be fetched."""
    name = getattr(run.recipe, "dataset", None)
    entry = data.DATASETS.get(name)
    return entry is None or not entry.by_hand or data.available(name)


def unfinished(run_id: str) -> Path:
    return records.root() / ".unfinished" / run_id


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Say in one sentence that the store's disk is full and what to do."""
    try:
        yield
    except OSError as error:
        # Without `strerror` it is a sentence already, about the disk that holds the data.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.strerror is None:
            raise
        sentence = f"the disk with {records.root()} is full: free some space and call again"
        raise OSError(errno.ENOSPC, f"{sentence}; finished epochs are kept") from error


@naming_full_disk()
def plan(recipe: Runnable) -> str:
    """Note a run that is to be carried out, and those it needs; return its name.

    Raises ValueError, before anything trains, for what this machine cannot do.
    """
    for needed in recipe.needs:
        plan(needed)
    run_id = recipe.run_id
    if finished(run_id) is None:
        choose_compute(recipe.precision, recipe.device)
        folder = unfinished(run_id)
        with suppress(FileNotFoundError, FileExistsError):  # another process may just now finish it
            folder.mkdir(parents=True, exist_ok=True)
            places.write_text(folder / "recipe.json", records.as_text(kinds.as_json(recipe)))
        if finished(run_id) is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return run_id


def steps_done(run_id: str) -> int:
    """How many steps of an unfinished run its process last reported."""
    try:
        return int((unfinished(run_id) / "progress").read_text())
    except (OSError, ValueError):
        return 0


def find(run_id: str) -> Runnable:
    """The recipe of a planned or finished run.

    Raises ValueError when no run has that name, or what its file describes has another.
    """
    if (run := finished(run_id)) is not None:
        return run.recipe
    file = unfinished(run_id) / "recipe.json"
    way_out = f"delete {file.parent}, and plan the run anew"
    if not file.exists():
        there = "`fhelpers runs`, and results/published for those that are published"
        raise ValueError(f"no run is called {quoted(run_id)}; see {there}")
    try:
        recipe = kinds.from_json(json.loads(file.read_text("utf-8")))
        named = recipe.run_id
    except FileNotFoundError:  # the data that the run needs
        raise
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedRun(
            f"the recipe of run {run_id} cannot be used ({quoted(str(error), 300)}): {way_out}"
        ) from error
    if named != run_id:
        raise DamagedRun(f"the recipe of run {run_id} is that of {named}: {way_out}")
    return recipe


@naming_full_disk()
def carry_out(
    recipe: Runnable, progress: Callable[[int], None] = lambda done: None, *, whole: bool = False
) -> Run:
    """Return the recipe's finished run, carrying it out first if need be.

    whole: also if it was published without its tensors.

    A second process that wants the same run waits for the first one's. An interrupted run goes
    on from its last checkpoint. Raises DamagedRun, never replaces what it does not recognise,
    and OSError in one sentence when the disk is full.
    """
    run_id = recipe.run_id
    run = finished(run_id, whole=whole)
    if run is None:
        folder = unfinished(run_id)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(folder)):
            run = finished(run_id, whole=whole) or make(recipe, folder, progress)
    if run.path.parent == records.root():  # not where published numbers are made whole again
        clear(run_id)
    if kinds.as_json(run.recipe) != kinds.as_json(recipe):
        raise run.damaged("its record is that of another recipe")
    return run


def lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def clear(run_id: str) -> None:
    """Remove what a finished run no longer needs, and what a killed process left of it.

    Whoever waits for the lock, or takes it after this, finds the run finished.
    """
    folder = unfinished(run_id)
    if folder.exists() or lock_of(folder).exists():
        with suppress(Timeout), FileLock(lock_of(folder), timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            lock_of(folder).unlink(missing_ok=True)


def make(recipe: Runnable, folder: Path, progress: Callable[[int], None]) -> Run:
    """Carry out a recipe in its unfinished folder and move the result to its place."""
    plan(recipe)
    folder.mkdir(exist_ok=True)  # also where a run published without its tensors is made whole
    needed = tuple(carry_out(each, whole=True) for each in recipe.needs)

    def report(done: int) -> None:
        places.write_text(folder / "progress", str(done))
        progress(done)

    compute, started = choose_compute(recipe.precision, recipe.device), time.process_time()
    result = recipe.carry_out(Job(folder, compute, needed, report))
    if recipe.steps == 1:  # done in one piece, which reports nothing on its way
        progress(1)
    result.seconds = result.seconds or time.process_time() - started
    made = folder / "result"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    records.write(recipe, result, compute, made)
    destination = records.root() / recipe.run_id
    # A folder without its record is no run; a workflow makes empty ones.
    if destination.exists() and not (destination / "record.json").exists():
        if any(destination.iterdir()):
            warnings.warn(f"{destination} had no record.json: it was made anew", stacklevel=2)
        shutil.rmtree(destination)
    made.replace(destination)
    return Run(destination)


def listing() -> pd.DataFrame:
    """The store's finished and planned runs, without the published ones.

    Name, state, epochs, seconds and accuracy on the test set.
    """
    rows = []
    for file in sorted(records.root().glob("*/record.json")):
        clear(file.parent.name)
        rows.append({"run": file.parent.name, **state_of(Run(file.parent))})
    for file in sorted(records.root().glob(".unfinished/*/recipe.json")):
        name = file.parent.name
        row = {"run": name, "state": state_of_unfinished(file.parent)}
        rows.append(row | ({"epochs": done} if (done := steps_done(name)) else {}))
    columns = ["run", "state", "epochs", "seconds", "accuracy"]
    return pd.DataFrame(rows, columns=columns).astype(object).fillna("")


def state_of(run: Run) -> dict:
    try:
        record = run.record
    except DamagedRun:
        return {"state": "damaged"}
    rows = run.history.reindex(columns=["scope", "split", "part", "accuracy"])
    whole = (rows.scope == "all") & (rows.split == "test") & (rows.part == "original")
    scores = rows.accuracy[whole].dropna().tolist()
    found = {"state": "done"} | {name: record[name] for name in ("epochs", "seconds")}
    return found | {"accuracy": f"{scores[0]:.3f}" if scores else ""}


def state_of_unfinished(folder: Path) -> str:
    """Planned, running (somebody holds its lock) or interrupted."""
    lock = lock_of(folder)
    if lock.exists():
        try:
            with FileLock(lock, timeout=0):
                pass
        except Timeout:
            return "running"
    return "interrupted" if (folder / "checkpoint.pt").exists() else "planned"
