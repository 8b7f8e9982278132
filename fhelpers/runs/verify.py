"""Carrying out a finished run anew, to see whether its record still holds."""

import dataclasses
import math
import tempfile
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from fhelpers.networks.compute import choose_compute
from fhelpers.runs import records, store
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.records import Run


def carry_out_anew(run: Run) -> Result:
    """The result of a run's recipe, with the threads and the precision of its record.

    The run itself is left as it is. Runs that it needs come from the store, and are carried out
    into it first where they or their tensors are missing.
    """
    record, recipe = run.record, run.recipe
    needed = tuple(store.carry_out(each, whole=True) for each in recipe.needs)
    compute = choose_compute(record["precision"], record["device"])
    compute = dataclasses.replace(compute, threads=record["threads"])
    before = torch.get_num_threads()
    torch.set_num_threads(record["threads"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            return recipe.carry_out(Job(Path(folder), compute, needed))
    finally:
        torch.set_num_threads(before)


def largest_difference(run: Run, result: Result) -> float:
    """The largest difference between a run's numbers and a result's: 0 where they are bit-equal.

    Infinite where they cannot be compared: other rows, words or shapes. Tensors that were not
    published cannot be compared.
    """
    differences = [difference_of_rows(run.history, records.tidy(result.rows))]
    kept = run.tensors() if run.whole else {}
    for name, tensor in kept.items():
        other = result.tensors.get(name)
        if other is None or other.shape != tensor.shape:
            return math.inf
        differences.append(difference_of_tensors(tensor, other.detach().cpu()))
    return max(differences)


def difference_of_tensors(first: Tensor, second: Tensor) -> float:
    first, second = first.double(), second.double()
    if (first.isnan() != second.isnan()).any():
        return math.inf
    gap = (first - second).abs()[(first != second) & ~first.isnan()]
    return gap.max().item() if len(gap) else 0.0


def difference_of_rows(first: pd.DataFrame, second: pd.DataFrame) -> float:
    if first.shape != second.shape or list(first) != list(second):
        return math.inf
    largest = 0.0
    for name in first:
        ours, theirs = first[name], second[name]
        if pd.api.types.is_numeric_dtype(ours) and pd.api.types.is_numeric_dtype(theirs):
            pair = (torch.tensor(each.to_numpy(float)) for each in (ours, theirs))
            largest = max(largest, difference_of_tensors(*pair))
        elif not ours.equals(theirs.astype(ours.dtype)):
            return math.inf
    return largest
