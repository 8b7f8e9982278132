"""The published records: finished runs of the default book, committed with it."""

import importlib
import zipfile
from collections.abc import Iterable
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

from fhelpers import places, sections
from fhelpers.pages import notebooks
from fhelpers.runs import records, schedule, store
from fhelpers.runs.checks import refuse


def publish(scale: str, dataset: str, seeds: list[int]) -> tuple[list[Path], int]:
    """Copy what is finished of a book's runs; return the folders, and how many are missing.

    The patterns in LOADED of a section's plan match the labels of runs whose tensors its page
    shows, those in FIRST_LOADED where it shows the first seed's only. Other tensors stay behind:
    they would fill the repository. Raises ValueError for seeds that do not begin with 0: another
    seed would pass for the first.
    """
    if seeds[:1] != [0]:
        refuse("seeds", seeds, "a list that begins with 0, the first seed of the published book")
    runs, loaded = {}, set()
    asked = {"scale": scale, "dataset": dataset, "seeds": seeds}
    for slug in sections.slugs():
        plan = notebooks.plan(slug, asked)
        runs |= schedule.everything(recipe for group in plan.values() for recipe in group)
        module = importlib.import_module(sections.plan_of(slug).__module__)
        for name, several in {"LOADED": None, "FIRST_LOADED": 1}.items():
            patterns = getattr(module, name, ())
            shown = [label for label in plan if any(fnmatch(label, each) for each in patterns)]
            loaded |= {recipe.run_id for label in shown for recipe in plan[label][:several]}
    found = [run for run_id in runs if (run := store.finished(run_id)) is not None]
    folders = [
        run.path
        if run.path.parent == records.published()
        else store.publish(run, tensors=run.run_id in loaded)
        for run in found
    ]
    return folders, len(runs) - len(found)


def archive(run_ids: Iterable[str], claims: str, file: Path) -> Path:
    """Write the finished runs of these names, without their tensors, and claims.json to a zip file.

    Raises DamagedRun for a run that is not what was written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        places.replacing(file) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as written,
    ):
        written.writestr("claims.json", claims)
        for run in filter(None, map(store.finished, run_ids)):
            for name in ("record.json", *run.record["files"]):
                if name != records.TENSORS:
                    written.write(run.path / name, f"{run.run_id}/{name}")
    return file
