"""In which order runs are carried out: needs before what needs them, long chains first."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import groupby, islice
from threading import Thread

import torch
from tqdm import tqdm

from fhelpers.networks.compute import choose_compute
from fhelpers.runs import records, store
from fhelpers.runs.kinds import Runnable

# Work a second of one processor core: 1,990 measured at quick and 2,560 at standard where it
# computes in bfloat16, 430 at standard where it does not.
PACE = {"bfloat16": 2_000, "float32": 430}
TOGETHER = 150_000  # work of runs that share a process, which takes seconds to start: 1 to 3 min
SLOWEST = 6_000  # work that a slow core does in a minute on a large network


def everything(recipes: Iterable[Runnable]) -> dict[str, Runnable]:
    """{run_id: recipe} of the recipes and of all that they need, needs first."""
    found: dict[str, Runnable] = {}
    for recipe in recipes:
        if (run_id := recipe.run_id) not in found:
            found |= everything(recipe.needs) | {run_id: recipe}
    return found


def urgency(runs: Mapping[str, Runnable]) -> dict[str, int]:
    """{run_id: work of the longest chain that begins with it}, of runs with needs first."""
    chain = {run_id: recipe.work for run_id, recipe in runs.items()}
    for run_id, recipe in reversed(runs.items()):
        for needed in recipe.needs:
            name = needed.run_id
            chain[name] = max(chain[name], runs[name].work + chain[run_id])
    return chain


def depth(recipe: Runnable) -> int:
    """How many runs have to be done one after the other before this one can begin."""
    return max((1 + depth(needed) for needed in recipe.needs), default=0)


def batches(
    runs: Mapping[str, Runnable], pages: Mapping[str, int]
) -> Iterator[dict[str, Runnable]]:
    """All runs, finished or not, in lots that share a process, each lot with needs first.

    A run stands with those that the same page is the first to need (`pages`: its number), so no
    two lots wait for each other. Every process that plans the same book cuts and numbers the lots
    alike, however far the runs are.
    """

    def place(run_id: str) -> tuple:
        return pages[run_id], depth(runs[run_id]), -runs[run_id].work, run_id

    for _, group in groupby(sorted(runs, key=place), pages.get):
        lot, work = {}, 0
        for run_id in group:
            if lot and work + runs[run_id].work > TOGETHER:
                yield lot
                lot, work = {}, 0
            lot[run_id] = runs[run_id]
            work += runs[run_id].work
        yield lot


def minutes(lot: Iterable[Runnable]) -> int:
    """How many minutes a cluster should allow for these runs: generous, but at most a day.

    Many clusters allow no more, and a run that was cut off goes on from its last epoch.
    """
    return min(30 + sum(recipe.work for recipe in lot) // SLOWEST, 24 * 60)


def missing_of(runs: Mapping[str, Runnable]) -> dict[str, Runnable]:
    """Those of runs, needs first, that are still to be carried out, in the same order.

    A run that was published without its tensors is among them where another one needs these.
    """
    found, needed = {}, set()
    for run_id, recipe in reversed(runs.items()):
        if store.finished(run_id, whole=run_id in needed) is None:
            found[run_id] = recipe
            needed |= {each.run_id for each in recipe.needs}
    return dict(reversed(found.items()))


def announced(missing: Mapping[str, Runnable]) -> str:
    """How many runs are missing and about how long they will take here, in a sentence."""
    pace = PACE[choose_compute().precision] * workers()
    hours = sum(recipe.work for recipe in missing.values()) / pace / 3600
    minutes = max(1, round(60 * hours))
    long = f"{hours:.1f} hours" if hours >= 1 else f"{minutes} minute{'s' * (minutes > 1)}"
    one = len(missing) == 1
    start = "1 run is missing and comes" if one else f"{len(missing)} runs are missing and come"
    return f"{start} first: about {long} on {workers()} core{'s' * (workers() > 1)}"


def fetch(wanted: Mapping[str, Iterable[Runnable]]) -> records.Runs:
    """The runs of a plan: verified where they exist, carried out where they do not.

    Missing runs are carried out side by side, one thread each, behind one progress bar.
    """
    if not wanted or not all(wanted.values()):
        raise ValueError("no runs are asked for: give at least one seed, such as seeds = [0]")
    runs = everything(recipe for group in wanted.values() for recipe in group)
    missing = missing_of(runs)
    for recipe in missing.values():
        store.plan(recipe)
    if missing:
        carry_out_all(missing)
    return records.Runs(
        {label: [store.carry_out(recipe) for recipe in group] for label, group in wanted.items()}
    )


def workers() -> int:
    """How many runs are carried out at once: one per core, or one when there is a GPU."""
    if torch.cuda.is_available():
        return 1
    allowed = getattr(os, "sched_getaffinity", lambda process: range(os.cpu_count()))
    return len(allowed(0))


def carry_out_all(missing: Mapping[str, Runnable]) -> None:
    """Carry out runs in worker processes, those that begin the longest chains first.

    A bar shows how far they are and how long it will take.
    """
    total = sum(recipe.steps for recipe in missing.values())
    context, slots = multiprocessing.get_context("spawn"), min(workers(), len(missing))
    chain = urgency(everything(missing.values()))
    waiting = {run_id: missing[run_id] for run_id in sorted(missing, key=lambda each: -chain[each])}
    needs = {run_id: {each.run_id for each in recipe.needs} for run_id, recipe in missing.items()}
    running, done = {}, 0
    pool = ProcessPoolExecutor(slots, context, initializer=begin_worker)
    bar = tqdm(total=total, unit="epoch", desc=f"training {len(missing)} runs", smoothing=0.05)
    with bar, pool:
        try:
            while waiting or running:
                blocked = waiting.keys() | running.keys()
                ready = (run_id for run_id in waiting if not needs[run_id] & blocked)
                for run_id in [*islice(ready, slots - len(running))]:
                    running[run_id] = pool.submit(store.carry_out, waiting.pop(run_id), whole=True)
                wait(running.values(), timeout=1, return_when=FIRST_COMPLETED)
                for run_id in [name for name, future in running.items() if future.done()]:
                    running.pop(run_id).result()
                    done += missing[run_id].steps
                bar.n = done + sum(map(store.steps_done, running))
                bar.refresh()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a worker process was killed; call again: finished epochs are kept"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def begin_worker() -> None:
    """One thread for each worker, and no work for a parent that was killed."""
    torch.set_num_threads(1)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
