"""The run store: every run is trained once, kept with its record, and verified when it is used.

    results/<scale>/<run_id>/            a finished run: record.json, history.parquet,
                                         model.safetensors
    results/<scale>/.unfinished/<run_id>/  a planned or interrupted one: recipe.json, checkpoint.pt

A finished folder appears by one rename, so it is either whole or absent. The store knows no kind
of recipe: each kind names the function that carries it out.
"""

import errno
import glob
import hashlib
import json
import multiprocessing
import os
import pkgutil
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors.torch import load_file, save
from torch import nn
from tqdm import tqdm

from fhelpers import places, recipes

FORMAT = 1
COLUMNS = ["epoch", "split", "part", "radius", "scope", "images", "accuracy", "loss"]
PACKAGES = ("fhelpers", "torch", "torchvision", "numpy")


def root() -> Path:
    """Where runs are kept: FHELPERS_RESULTS, else results/ of the checkout."""
    return Path(os.environ.get("FHELPERS_RESULTS") or places.home() / "results")


def published() -> Path:
    """Committed records of the standard runs, looked up after the store itself."""
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

        Raises DamagedRun when any file of the run is missing or altered.
        """
        try:
            text = (self.path / "record.json").read_text("utf-8")
            record = json.loads(text)
            as_written = text == as_text(record)
            digest, files = record.pop("digest"), record["files"]
        except (OSError, ValueError, KeyError) as error:
            raise self.damaged("record.json cannot be read") from error
        if not as_written or digest != digest_of(as_text(record)):
            raise self.damaged("record.json was altered after it was written")
        for name, expected in files.items():
            file = self.path / name
            if not file.is_file():
                raise self.damaged(f"{name} is missing")
            if (found := digest_of_file(file)) != expected:
                raise self.damaged(f"{name} has digest {found[:12]}, not {expected[:12]}")
        return record

    def damaged(self, what: str) -> DamagedRun:
        return DamagedRun(f"run {self.run_id} is damaged: {what}; delete {self.path} to train anew")

    @property
    def recipe(self):
        return recipes.from_json(self.record["recipe"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """Tidy history: one row per epoch, split, part, radius and scope."""
        _ = self.record
        return pd.read_parquet(self.path / "history.parquet")

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of the run by name: weights, or what a measurement kept."""
        _ = self.record
        return load_file(self.path / "model.safetensors")

    def model(self) -> nn.Module:
        """The trained network, in eval mode on the CPU."""
        recipe = self.recipe
        model = pkgutil.resolve_name(recipe.rebuilt_by)(recipe)
        model.load_state_dict(self.tensors())
        return model.eval().to(memory_format=torch.channels_last)


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
    recipe = runs[0].recipe
    fields = ("dataset", "train_images", "model", "epochs", "optimiser", "learning_rate")
    row = {"run": label} | {name: getattr(recipe, name, "") for name in fields}
    row["batch_size"] = getattr(recipe, "batch_size", "")
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


def finished(run_id: str, scale: str) -> Run | None:
    """The finished run of that name, from the store or the published records."""
    for place in (root(), published()):
        if (place / scale / run_id / "record.json").exists():
            return Run(place / scale / run_id)
    return None


def unfinished(run_id: str, scale: str) -> Path:
    return root() / scale / ".unfinished" / run_id


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
def plan(recipe, scale: str) -> str:
    """Note a run that is to be carried out, and those it needs; return its name.

    Raises ValueError, before anything trains, for what this machine cannot do.
    """
    for needed in recipe.needs:
        plan(needed, scale)
    run_id = recipe.run_id
    if finished(run_id, scale) is None:
        if recipe.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device='cuda' is not possible: torch sees no GPU on this machine")
        folder = unfinished(run_id, scale)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "recipe.json", as_text(recipes.as_json(recipe)))
    return run_id


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def find(run_id: str) -> tuple[object, str]:
    """The recipe and scale of a planned or finished run.

    Raises ValueError when no run has that name.
    """
    name = glob.escape(run_id)
    for place in (root(), published()):
        for file in place.glob(f"*/{name}/record.json"):
            return Run(file.parent).recipe, file.parent.parent.name
        for file in place.glob(f"*/.unfinished/{name}/recipe.json"):
            return recipes.from_json(json.loads(file.read_text("utf-8"))), file.parts[-4]
    raise ValueError(f"no run is called {run_id!r}; `fhelpers runs` lists those that are")


@naming_full_disk()
def carry_out(recipe, scale: str, progress: Callable[[int], None] = lambda epoch: None) -> Run:
    """Return the recipe's finished run, carrying it out first if need be.

    A second process that wants the same run waits for the first one's. An interrupted run goes
    on from its last checkpoint. Raises DamagedRun, never replaces what it does not recognise,
    and OSError in one sentence when the disk is full.
    """
    run_id = recipe.run_id
    run = finished(run_id, scale)
    if run is None:
        folder = unfinished(run_id, scale)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(folder)):
            run = finished(run_id, scale) or train(recipe, scale, folder, progress)
    _ = run.record
    return run


def lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def train(recipe, scale: str, folder: Path, progress) -> Run:
    """Carry out a recipe in its unfinished folder and move the result to its place."""
    plan(recipe, scale)
    needed = [carry_out(each, scale) for each in recipe.needs]

    def report(done: int) -> None:
        write_text(folder / "progress", str(done))
        progress(done)

    training, compute = pkgutil.resolve_name(recipe.carried_out_by)(recipe, folder, report, *needed)
    seconds = training.seconds
    destination = root() / scale / recipe.run_id
    result = folder / "result"
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    weights = {k: v.detach().cpu().contiguous() for k, v in training.model.state_dict().items()}
    (result / "model.safetensors").write_bytes(save(weights))
    history = pd.DataFrame(training.rows)
    history = history[
        [c for c in COLUMNS if c in history] + [c for c in history if c not in COLUMNS]
    ]
    history.to_parquet(result / "history.parquet", index=False)
    record = make_record(recipe, training, compute, seconds)
    record["files"] = {file.name: digest_of_file(file) for file in sorted(result.iterdir())}
    record["digest"] = digest_of(as_text(record))
    write_text(result / "record.json", as_text(record))
    # A folder without its record (a workflow may delete an output before it makes it) is no run.
    if destination.exists() and not (destination / "record.json").exists():
        shutil.rmtree(destination)
    result.replace(destination)
    shutil.rmtree(folder)
    return Run(destination)


def make_record(recipe, training, compute, seconds: float) -> dict:
    """What record.json says, but for the digests."""
    last = [row for row in training.rows if row.get("scope") == "all"]
    return {
        "format": FORMAT,
        "run_id": recipe.run_id,
        "recipe": recipes.as_json(recipe),
        "results": [{k: v for k, v in row.items() if v == v} for row in last],
        "epochs": training.epoch,
        "warnings": training.warnings,
        "seconds": round(seconds, 2),
        "device": compute.device,
        "precision": compute.precision,
        "threads": compute.threads,
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "sources": {name: recipes.source_digest(name)[:16] for name in recipe.decided_by},
    }


def machine() -> dict:
    """Processor, cores and system, but no name by which the machine could be found."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "gpu": gpu,
        "system": platform.system(),
    }


def fetch(wanted: Mapping, *, scale: str) -> Runs:
    """The runs of a plan: verified where they exist, trained where they do not.

    Missing runs train side by side, one thread each, behind one progress bar.
    """
    if not all(wanted.values()):
        raise ValueError("no runs are asked for: give at least one seed, such as seeds = [0]")
    missing = {}
    for recipe in (recipe for group in wanted.values() for recipe in group):
        run_id = plan(recipe, scale)
        if finished(run_id, scale) is None:
            missing[run_id] = recipe
    if missing:
        train_missing(missing, scale)
    return Runs(
        {label: [carry_out(recipe, scale) for recipe in group] for label, group in wanted.items()}
    )


def workers() -> int:
    """How many runs train at once: one a core, or one when there is a GPU."""
    if torch.cuda.is_available():
        return 1
    allowed = getattr(os, "sched_getaffinity", lambda process: range(os.cpu_count()))
    return len(allowed(0))


def train_missing(missing: dict, scale: str) -> None:
    """Carry out runs in worker processes and show how far they are and how long it will take."""
    total = sum(recipe.steps for recipe in missing.values())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers(), len(missing)), context, initializer=begin_worker)
    bar = tqdm(total=total, unit="epoch", desc=f"training {len(missing)} runs", smoothing=0.05)
    with bar, pool:
        # The longest first: begun last, it would keep one core busy and leave the others idle.
        longest_first = sorted(missing.values(), key=lambda recipe: -recipe.work)
        left = {pool.submit(carry_out, recipe, scale) for recipe in longest_first}
        try:
            while left:
                done, left = wait(left, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                bar.n = sum(epochs_done(recipe, scale) for recipe in missing.values())
                bar.refresh()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def begin_worker() -> None:
    """One thread a worker, and no work for a parent that was killed."""
    torch.set_num_threads(1)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def epochs_done(recipe, scale: str) -> int:
    """How many of a run's epochs are finished, read from what its process last reported."""
    if finished(recipe.run_id, scale) is not None:
        return recipe.steps
    progress = unfinished(recipe.run_id, scale) / "progress"
    try:
        return int(progress.read_text())
    except (OSError, ValueError):
        return 0


def listing() -> pd.DataFrame:
    """All runs that the store knows: scale, name, state, seconds and held-out accuracy."""
    rows = []
    for file in sorted(root().glob("*/*/record.json")):
        rows.append({"scale": file.parts[-3], "run": file.parts[-2], **state_of(Run(file.parent))})
    for file in sorted(root().glob("*/.unfinished/*/recipe.json")):
        folder = file.parent
        row = {"scale": file.parts[-4], "run": folder.name, "state": state_of_unfinished(folder)}
        if (folder / "progress").exists():
            row["epochs"] = (folder / "progress").read_text()
        rows.append(row)
    columns = ["scale", "run", "state", "epochs", "seconds", "accuracy"]
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
