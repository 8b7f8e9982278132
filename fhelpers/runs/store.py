"""The run store: every run is carried out once, kept with its record, and verified when it is used.

    results/<run_id>/              a finished run: record.json, history.parquet, and where it has
                                   them model.safetensors and outcomes.parquet
    results/published/<run_id>/    the same, committed with the book
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
from fhelpers.networks.compute import Compute, choose_compute
from fhelpers.runs import kinds, provenance
from fhelpers.runs.kinds import Job, Result, Runnable

FORMAT = 2
COLUMNS = ["epoch", "split", "part", "radius", "scope", "images", "accuracy", "loss"]
SETUP = ("dataset", "train_images", "model", "epochs", "optimiser", "learning_rate", "batch_size")


def root() -> Path:
    """Where runs are kept: FHELPERS_RESULTS, else results/ of the checkout."""
    return Path(os.environ.get("FHELPERS_RESULTS") or places.home() / "results")


def published() -> Path:
    """Committed records of the default book, looked up after the store itself."""
    return places.home() / "results" / "published"


class DamagedRun(ValueError):
    """A record that is not what was written, named with the way out."""


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
            as_written = text == as_text(record)
            digest, files = record.pop("digest"), record["files"]
            name = record["run_id"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.damaged("record.json cannot be read") from error
        if not as_written or digest != digest_of(as_text(record)):
            raise self.damaged("record.json was altered after it was written")
        if name != self.run_id or not name.endswith(kinds.digest_of(record["decided"])):
            raise self.damaged(f"its record is that of {name}")
        for file, expected in files.items():
            path = self.path / file
            if not path.is_file():
                raise self.damaged(f"{file} is missing")
            if (found := digest_of_file(path)) != expected:
                raise self.damaged(f"{file} has digest {found[:12]}, not {expected[:12]}")
        return record

    def damaged(self, what: str) -> DamagedRun:
        return DamagedRun(f"run {self.run_id} is damaged: {what}; delete {self.path} to train anew")

    @property
    def recipe(self) -> Runnable:
        return kinds.from_json(self.record["recipe"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """Tidy history: one row per epoch, split, part, radius and scope."""
        _ = self.record
        return pd.read_parquet(self.path / "history.parquet")

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of the run by name: weights, or what a measurement kept."""
        path = self.path / "model.safetensors"
        return load_file(path) if "model.safetensors" in self.record["files"] else {}

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


def finished(run_id: str) -> Run | None:
    """The finished run of that name, from the store or the published records."""
    for place in (root(), published()):
        if (place / run_id / "record.json").exists():
            return Run(place / run_id)
    return None


def some_published(count: int, seed: int) -> list[Run]:
    """So many published runs, drawn at random; all where there are fewer."""
    runs = [Run(file.parent) for file in sorted(published().glob("*/record.json"))]
    return random.Random(seed).sample(runs, min(count, len(runs)))


def unfinished(run_id: str) -> Path:
    return root() / ".unfinished" / run_id


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Say in one sentence which disk is full and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sentence = f"the disk with {root().absolute()} is full: free some space and call again"
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
        write_text(folder / "recipe.json", as_text(kinds.as_json(recipe)))
    return run_id


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def find(run_id: str) -> Runnable:
    """The recipe of a planned or finished run.

    Raises ValueError when no run has that name, or what its file describes has another.
    """
    if (run := finished(run_id)) is not None:
        return run.recipe
    try:
        text = (unfinished(run_id) / "recipe.json").read_text("utf-8")
        recipe = kinds.from_json(json.loads(text))
        named = recipe.run_id
    except FileNotFoundError:
        raise ValueError(
            f"no run is called {run_id!r}; `fhelpers runs` lists those that are"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        folder = unfinished(run_id)
        raise ValueError(f"{folder}/recipe.json cannot be used ({error}): delete it") from error
    if named != run_id:
        raise ValueError(
            f"{unfinished(run_id)}/recipe.json is the recipe of {named}: delete it, and "
            "plan the run anew"
        )
    return recipe


@naming_full_disk()
def carry_out(recipe: Runnable, progress: Callable[[int], None] = lambda done: None) -> Run:
    """Return the recipe's finished run, carrying it out first if need be.

    A second process that wants the same run waits for the first one's. An interrupted run goes
    on from its last checkpoint. Raises DamagedRun, never replaces what it does not recognise,
    and OSError in one sentence when the disk is full.
    """
    run_id = recipe.run_id
    run = finished(run_id)
    if run is None:
        folder = unfinished(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(folder)):
            run = finished(run_id) or make(recipe, folder, progress)
    _ = run.record
    return run


def lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def make(recipe: Runnable, folder: Path, progress: Callable[[int], None]) -> Run:
    """Carry out a recipe in its unfinished folder and move the result to its place."""
    plan(recipe)
    needed = tuple(carry_out(each) for each in recipe.needs)

    def report(done: int) -> None:
        write_text(folder / "progress", str(done))
        progress(done)

    compute, started = choose_compute(recipe.precision, recipe.device), time.perf_counter()
    result = recipe.carry_out(Job(folder, compute, needed, report))
    result.seconds = result.seconds or time.perf_counter() - started
    made = folder / "result"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    write(recipe, result, compute, made)
    destination = root() / recipe.run_id
    # A folder without its record (a workflow may delete an output before it makes it) is no run.
    if destination.exists() and not (destination / "record.json").exists():
        shutil.rmtree(destination)
    made.replace(destination)
    shutil.rmtree(folder)
    return Run(destination)


def write(recipe: Runnable, result: Result, compute: Compute, folder: Path) -> None:
    """Write the files of a finished run; the record, which holds their digests, last."""
    tidy(result.rows).to_parquet(folder / "history.parquet", index=False)
    if result.tensors:
        tensors = {k: v.detach().cpu().contiguous() for k, v in result.tensors.items()}
        (folder / "model.safetensors").write_bytes(save(tensors))
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
    last = [row for row in result.rows if row.get("scope") == "all"]
    return {
        "format": FORMAT,
        "run_id": recipe.run_id,
        "decided": recipe.decided,
        "recipe": kinds.as_json(recipe),
        "results": [{k: v for k, v in row.items() if v == v} for row in last],
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
        rows.append({"run": file.parent.name, **state_of(Run(file.parent))})
    for file in sorted(root().glob(".unfinished/*/recipe.json")):
        folder = file.parent
        row = {"run": folder.name, "state": state_of_unfinished(folder)}
        if (folder / "progress").exists():
            row["epochs"] = (folder / "progress").read_text()
        rows.append(row)
    columns = ["run", "state", "epochs", "seconds", "accuracy"]
    return pd.DataFrame(rows, columns=columns).astype(object).fillna("")


def state_of(run: Run) -> dict:
    try:
        record = run.record
    except DamagedRun:
        return {"state": "damaged"}
    scores = [
        row["accuracy"]
        for row in record["results"]
        if row.get("split") == "test" and row.get("part") == "original"
    ]
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
