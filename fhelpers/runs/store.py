"""The run store: every run is carried out once, kept with its record, and verified when it is used.

    results/<run_id>/              a finished run: record.json, history.parquet, and where it has
                                   them model.safetensors and outcomes.parquet
    results/published/<run_id>/    the same, committed; tensors only where the book shows them
    results/.unfinished/<run_id>/  a planned or interrupted one: recipe.json, checkpoint.pt

A finished folder appears by one rename, so it is either whole or absent. The store knows no kind
of run by name: each says itself what it needs and how it is carried out (`runs.kinds`).
"""

import datetime
import errno
import hashlib
import inspect
import json
import os
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors.torch import load_file, save
from torch import nn

from fhelpers import places
from fhelpers.data.files import quoted
from fhelpers.networks.compute import Compute, choose_compute
from fhelpers.runs import kinds, provenance
from fhelpers.runs.checks import DamagedRun
from fhelpers.runs.kinds import Job, Result, Runnable

FORMAT = 2
TENSORS = "model.safetensors"
COLUMNS = ["epoch", "split", "part", "radius", "scope", "images", "accuracy", "loss"]
SETUP = ("dataset", "train_images", "model", "epochs", "optimiser", "learning_rate", "batch_size")


def root() -> Path:
    """Where runs are kept: FHELPERS_RESULTS, else results/ of the checkout."""
    return places.absolute(os.environ.get("FHELPERS_RESULTS") or places.home() / "results")


def published() -> Path:
    """Committed records of the default book, looked up after the store itself."""
    return places.home() / "results" / "published"


@dataclass(frozen=True)
class Run:
    """A finished run. Its files are verified on first use; weights load without executing code."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @cached_property
    def record(self) -> dict:
        """record.json: recipe, versions, machine, threads, precision, seconds, digests, warnings.

        Raises DamagedRun when any file of the run is missing or altered, or in another's folder.
        """
        try:
            text = (self.path / "record.json").read_text("utf-8")
            record = json.loads(text)
            if record["format"] != FORMAT:
                raise self.of_another_format(record["format"])
            as_written = text == as_text(record)
            digest, files = record.pop("digest"), record["files"]
            name = record["run_id"]
        except DamagedRun:
            raise
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise self.damaged("record.json cannot be read") from error
        if not as_written or digest != digest_of(as_text(record)):
            raise self.damaged("record.json was altered after it was written")
        if name != self.run_id or not name.endswith(kinds.digest_of(record["decided"])):
            raise self.damaged(f"its record is that of {name}")
        for file, expected in files.items():
            path = self.path / file
            if not path.is_file():
                if file == TENSORS and self.path.parent == published():
                    continue
                raise self.damaged(f"{file} is missing")
            if (found := digest_of_file(path)) != expected:
                raise self.damaged(f"{file} has digest {found[:12]}, not {expected[:12]}")
        return record

    def of_another_format(self, number: object) -> DamagedRun:
        return DamagedRun(
            f"the record of run {self.run_id} has the format {quoted(number)}, this version of the "
            f"package reads {FORMAT}: use the version that wrote it, or delete {self.path}"
        )

    def damaged(self, what: str) -> DamagedRun:
        return DamagedRun(f"run {self.run_id} is damaged: {what}; delete {self.path} to train anew")

    @property
    def recipe(self) -> Runnable:
        try:
            return kinds.from_json(self.record["recipe"])
        except DamagedRun:
            raise
        except ValueError as error:
            raise DamagedRun(f"run {self.run_id} cannot be used: {error}") from error

    @cached_property
    def history(self) -> pd.DataFrame:
        """Tidy history: one row per epoch, split, part, radius and scope."""
        _ = self.record
        return pd.read_parquet(self.path / "history.parquet")

    @property
    def whole(self) -> bool:
        """Whether all its files are here: a published record may have left out its tensors."""
        return TENSORS not in self.record["files"] or (self.path / TENSORS).exists()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of the run by name: weights, or what a measurement kept.

        Raises FileNotFoundError where they were not published.
        """
        if not self.whole:
            raise FileNotFoundError(
                f"{self.run_id} was published without its tensors: `fhelpers run {self.run_id}` "
                "carries it out again"
            )
        return load_file(self.path / TENSORS) if TENSORS in self.record["files"] else {}

    def model(self) -> nn.Module:
        """The trained network, in eval mode on the CPU."""
        model = self.recipe.rebuild()
        model.load_state_dict(self.tensors())
        return model.eval().to(memory_format=torch.channels_last)

    def correct(self, part: str, radius: float | None = None) -> np.ndarray:
        """Which test images the trained classifier got right on a part, bool (N,).

        Raises ValueError for a part or radius that was not evaluated.
        """
        if "outcomes.parquet" in self.record["files"]:
            rows = pd.read_parquet(self.path / "outcomes.parquet")
            at = rows.radius.isna() if radius is None else rows.radius == radius
            for row in rows[(rows.part == part) & at].itertuples():
                packed = np.frombuffer(row.correct, dtype=np.uint8)
                return np.unpackbits(packed, count=row.images).astype(bool)
        where = part if radius is None else f"{part} at r = {radius:g}"
        raise ValueError(f"run {self.run_id} was not evaluated on {where}")


class Runs(Mapping):
    """Finished runs by label, in order of seeds, with their histories in one frame."""

    def __init__(self, runs: dict[str, list[Run]]):
        self.runs = runs

    def __getitem__(self, label: str) -> list[Run]:
        return self.runs[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    @cached_property
    def history(self) -> pd.DataFrame:
        """All histories, with the columns `label` and `seed` in front."""
        frames = [
            run.history.assign(label=label, seed=run.recipe.seed)
            for label, runs in self.items()
            for run in runs
        ]
        frame = pd.concat(frames, ignore_index=True)
        return frame[["label", "seed", *frame.columns.drop(["label", "seed"])]]

    def setup(self) -> pd.DataFrame:
        """What was trained and what it cost, a row per label, for a page's set-up table."""
        return pd.DataFrame([setup_row(label, runs) for label, runs in self.items()])


def setup_row(label: str, runs: list[Run]) -> dict:
    recipe = runs[0].recipe.setup
    row = {"run": label} | {name: getattr(recipe, name, "") for name in SETUP}
    row["seeds"] = ", ".join(str(run.recipe.seed) for run in runs)
    row["precision"] = runs[0].record["precision"]
    row["seconds"] = round(sum(run.record["seconds"] for run in runs))
    return row


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_text(values: dict) -> str:
    """The one way in which a record is written."""
    return json.dumps(values, indent=1)


def finished(run_id: str, *, whole: bool = False) -> Run | None:
    """The finished run of that name, from the store or the published records.

    whole: only with all its files.
    """
    for place in (root(), published()):
        if os.path.exists(place / run_id / "record.json"):  # false for what can be no name, too
            run = Run(place / run_id)
            if not whole or run.whole:
                return run
    return None


def publish(run: Run, *, tensors: bool) -> Path:
    """Copy a finished run to the published records, with or without its tensors.

    Raises DamagedRun for a run that is not what was written.
    """
    destination = published() / run.run_id
    copied = destination.with_name(f".{run.run_id}.{os.getpid()}")
    shutil.rmtree(copied, ignore_errors=True)
    copied.mkdir(parents=True)
    try:
        for file in ("record.json", *run.record["files"]):
            if tensors or file != TENSORS:
                shutil.copyfile(run.path / file, copied / file)
        shutil.rmtree(destination, ignore_errors=True)
        copied.replace(destination)
    finally:
        shutil.rmtree(copied, ignore_errors=True)
    return destination


def some_published(count: int, seed: int) -> list[Run]:
    """So many published runs, drawn at random; all where there are fewer."""
    runs = [Run(file.parent) for file in sorted(published().glob("*/record.json"))]
    return random.Random(seed).sample(runs, min(count, len(runs)))


def unfinished(run_id: str) -> Path:
    return root() / ".unfinished" / run_id


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Say in one sentence that the store's disk is full and what to do."""
    try:
        yield
    except OSError as error:
        # Without `strerror` it is a sentence already, about the disk that holds the data.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.strerror is None:
            raise
        sentence = f"the disk with {root()} is full: free some space and call again"
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
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process may just now finish the run
            write_text(folder / "recipe.json", as_text(kinds.as_json(recipe)))
        if finished(run_id) is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return run_id


def steps_done(run_id: str) -> int:
    """How many steps of an unfinished run its process last reported."""
    try:
        return int((unfinished(run_id) / "progress").read_text())
    except (OSError, ValueError):
        return 0


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is whole or absent."""
    with places.replacing(path) as file:
        file.write_text(text, "utf-8")


def find(run_id: str) -> Runnable:
    """The recipe of a planned or finished run.

    Raises ValueError when no run has that name, or what its file describes has another.
    """
    if (run := finished(run_id)) is not None:
        return run.recipe
    file = unfinished(run_id) / "recipe.json"
    way_out = f"delete {file.parent}, and plan the run anew"
    if not file.exists():
        raise ValueError(f"no run is called {quoted(run_id)}; `fhelpers runs` lists those that are")
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
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(folder)):
            run = finished(run_id, whole=whole) or make(recipe, folder, progress)
    if run.path.parent == root():  # not where published numbers are made whole again
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
    needed = tuple(carry_out(each, whole=True) for each in recipe.needs)

    def report(done: int) -> None:
        write_text(folder / "progress", str(done))
        progress(done)

    compute, started = choose_compute(recipe.precision, recipe.device), time.process_time()
    result = recipe.carry_out(Job(folder, compute, needed, report))
    result.seconds = result.seconds or time.process_time() - started
    made = folder / "result"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    write(recipe, result, compute, made)
    destination = root() / recipe.run_id
    # A folder without its record is no run; a workflow makes empty ones.
    if destination.exists() and not (destination / "record.json").exists():
        if any(destination.iterdir()):
            warnings.warn(f"{destination} had no record.json: it was made anew", stacklevel=2)
        shutil.rmtree(destination)
    made.replace(destination)
    return Run(destination)


def write(recipe: Runnable, result: Result, compute: Compute, folder: Path) -> None:
    """Write the files of a finished run; the record, which holds their digests, last."""
    tidy(result.rows).to_parquet(folder / "history.parquet", index=False)
    if result.tensors:
        tensors = {k: v.detach().cpu().contiguous() for k, v in result.tensors.items()}
        (folder / TENSORS).write_bytes(save(tensors))
    if result.outcomes:
        packed = [
            {"part": part, "radius": radius, "images": len(correct),
             "correct": np.packbits(correct.numpy()).tobytes()}
            for (part, radius), correct in result.outcomes.items()
        ]  # fmt: skip
        pd.DataFrame(packed).to_parquet(folder / "outcomes.parquet", index=False)
    record = make_record(recipe, result, compute)
    record["files"] = {file.name: digest_of_file(file) for file in sorted(folder.iterdir())}
    record["digest"] = digest_of(as_text(record))
    write_text(folder / "record.json", as_text(record))


def tidy(rows: list[dict]) -> pd.DataFrame:
    """Rows of a history as a frame, the common columns first."""
    history = pd.DataFrame(rows)
    first = [name for name in COLUMNS if name in history]
    return history[first + [name for name in history if name not in first]]


def make_record(recipe: Runnable, result: Result, compute: Compute) -> dict:
    """What record.json says, but for the digests."""
    return {
        "format": FORMAT,
        "run_id": recipe.run_id,
        "decided": recipe.decided,
        "recipe": kinds.as_json(recipe),
        "epochs": max((row.get("epoch", 1) for row in result.rows), default=1),
        "warnings": result.warnings,
        "finished": datetime.date.today().isoformat(),
        "seconds": round(result.seconds, 2),
        "device": compute.device,
        "precision": compute.precision,
        "threads": compute.threads,
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "source": provenance.source_digest(Path(inspect.getfile(type(recipe)))),
    }


def listing() -> pd.DataFrame:
    """All runs that the store knows: name, state, epochs, seconds and accuracy on the test set."""
    rows = []
    for file in sorted(root().glob("*/record.json")):
        clear(file.parent.name)
        rows.append({"run": file.parent.name, **state_of(Run(file.parent))})
    for file in sorted(root().glob(".unfinished/*/recipe.json")):
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
    accuracy = f"{scores[0]:.3f}" if scores else ""
    return {
        "state": "done",
        "epochs": record["epochs"],
        "seconds": record["seconds"],
        "accuracy": accuracy,
    }


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
