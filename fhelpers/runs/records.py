"""What a run leaves: the files of its folder, how they are written, verified and read.

<run_id>/record.json          what was asked and done, where, and the digests of the other files
<run_id>/history.parquet      tidy: a row for each epoch, split, part, radius and scope
<run_id>/model.safetensors    weights, or what a measurement kept; published as model.safetensors.gz
<run_id>/outcomes.parquet     which test images were right on each part, packed
"""

import datetime
import gzip
import hashlib
import inspect
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load, load_file, save
from torch import nn

from fhelpers import places
from fhelpers.data import files
from fhelpers.networks.compute import Compute, choose_compute
from fhelpers.runs import kinds, provenance
from fhelpers.runs.checks import DamagedRun
from fhelpers.runs.kinds import Result, Runnable

FORMAT = 2
TENSORS = "model.safetensors"
PACKED = f"{TENSORS}.gz"  # among the published records: masks shrink to a third
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
                raise DamagedRun(
                    f"the record of run {self.run_id} has the format "
                    f"{files.quoted(record['format'])}, this version of the package reads "
                    f"{FORMAT}: use the version that wrote it, or delete {self.path}"
                )
            as_written = text == as_text(record)
            digest, listed = record.pop("digest"), record["files"]
            name = record["run_id"]
        except DamagedRun:
            raise
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise self.damaged("record.json cannot be read") from error
        if not as_written or digest != digest_of(as_text(record)):
            raise self.damaged("record.json was altered after it was written")
        if name != self.run_id or not name.endswith(kinds.digest_of(record["decided"])):
            raise self.damaged(f"its record is that of {name}")
        for file, expected in listed.items():
            if (found := self.digest(file)) is None:
                if file == TENSORS and self.path.parent == published():
                    continue
                raise self.damaged(f"{file} is missing")
            if found != expected:
                raise self.damaged(f"{file} has digest {found[:12]}, not {expected[:12]}")
        return record

    def digest(self, file: str) -> str | None:
        """The digest of a file as it was written; None where it is missing."""
        if (self.path / file).is_file():
            return files.digest_of(self.path / file)
        packed = file == TENSORS and (self.path / PACKED).is_file()
        return hashlib.sha256(self.unpacked()).hexdigest() if packed else None

    def unpacked(self) -> bytes:
        """The file of the tensors, from its packed form. Raises DamagedRun if that is damaged."""
        try:
            return gzip.decompress((self.path / PACKED).read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(f"{PACKED} cannot be read") from error

    def damaged(self, what: str) -> DamagedRun:
        return DamagedRun(f"run {self.run_id} is damaged: {what}; delete {self.path} to train anew")

    @property
    def precision(self) -> str:
        """The record's precision, or float32 where this machine would have to emulate it."""
        own = self.record["precision"]
        return own if own == choose_compute().precision else "float32"

    @cached_property
    def recipe(self) -> Runnable:
        recorded = self.record["recipe"]
        try:
            return kinds.from_json(recorded)
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
        held = any((self.path / name).exists() for name in (TENSORS, PACKED))
        return held or TENSORS not in self.record["files"]

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors of the run by name: weights, or what a measurement kept.

        Raises FileNotFoundError where they were not published.
        """
        if not self.whole:
            raise FileNotFoundError(
                f"{self.run_id} was published without its tensors: `fhelpers run {self.run_id}` "
                "carries it out again"
            )
        if TENSORS not in self.record["files"]:
            return {}
        file = self.path / TENSORS
        return load_file(file) if file.exists() else load(self.unpacked())

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


class Runs(dict[str, list[Run]]):
    """Finished runs by label, in order of seeds, with their histories in one frame."""

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

    def with_history(self, history: pd.DataFrame) -> "Runs":
        """The same runs as if another history were theirs."""
        runs = Runs(self)
        runs.history = history
        return runs

    def setup(self) -> pd.DataFrame:
        """What was trained and what it cost, for a page's set-up table.

        A row per label; labels of the same runs share one.
        """
        labels: dict[tuple, list[str]] = {}
        for label, runs in self.items():
            labels.setdefault(tuple(run.path for run in runs), []).append(label)
        rows = ((", ".join(names), self[names[0]]) for names in labels.values())
        frame = pd.DataFrame([setup_row(*row) for row in rows])
        several = any(len(runs) > 1 for runs in self.values())
        return frame.rename(columns={"seconds": "seconds of all seeds"}) if several else frame


def by_prefix(runs: Mapping[str, list[Run]]) -> dict[str, Runs]:
    """{prefix: its runs}, from labels such as 5000/natural, which become natural."""
    found: dict[str, Runs] = {}
    for label, group in runs.items():
        prefix, _, own = label.partition("/")
        found.setdefault(prefix, Runs())[own] = group
    return found


def setup_row(label: str, runs: list[Run]) -> dict:
    recipe = runs[0].recipe.setup
    row = {"run": label} | {name: getattr(recipe, name, "") for name in SETUP}
    row["seeds"] = ", ".join(str(run.recipe.seed) for run in runs)
    row["precision"] = ", ".join(dict.fromkeys(run.record["precision"] for run in runs))
    row["seconds"] = round(sum(run.record["seconds"] for run in runs))
    return row


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_text(values: dict) -> str:
    """The one way in which a record is written."""
    return json.dumps(values, indent=1)


def write(recipe: Runnable, result: Result, compute: Compute, folder: Path) -> None:
    """Write the files of a finished run; the record, which holds their digests, last."""
    tidy(result.rows).to_parquet(folder / "history.parquet", index=False, compression="zstd")
    if result.tensors:
        tensors = {k: v.detach().cpu().contiguous() for k, v in result.tensors.items()}
        (folder / TENSORS).write_bytes(save(tensors))
    if result.outcomes:
        packed = [
            {"part": part, "radius": radius, "images": len(correct),
             "correct": np.packbits(correct.numpy()).tobytes()}
            for (part, radius), correct in result.outcomes.items()
        ]  # fmt: skip
        pd.DataFrame(packed).to_parquet(
            folder / "outcomes.parquet", index=False, compression="zstd"
        )
    record = make_record(recipe, result, compute)
    record["files"] = {file.name: files.digest_of(file) for file in sorted(folder.iterdir())}
    record["digest"] = digest_of(as_text(record))
    places.write_text(folder / "record.json", as_text(record))


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
        **vars(compute),  # device, precision, threads
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "source": provenance.source_digest(Path(inspect.getfile(type(recipe)))),
    }
