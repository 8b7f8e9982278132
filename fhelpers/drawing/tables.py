"""Estimates of many things as a tidy frame, and such a frame as a table of texts."""

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import pandas as pd

from fhelpers.drawing import style
from fhelpers.intervals import Estimate


def estimates(
    measure: Callable[..., Estimate | None], /, **each: Iterable[Hashable] | Mapping[Hashable, str]
) -> pd.DataFrame:
    """A row for each combination of what is given: columns of that, value, low, high, n, over.

    measure: takes one of each, in their order; combinations for which it gives None are left out.
    A mapping is from what is measured to what its column says.
    """
    rows = []
    for combination in itertools.product(*each.values()):
        if (found := measure(*combination)) is not None:
            said = (
                known[value] if isinstance(known, Mapping) else value
                for known, value in zip(each.values(), combination, strict=True)
            )
            rows.append(dict(zip(each, said, strict=True)) | vars(found))
    return pd.DataFrame(rows, columns=[*each, *Estimate.__annotations__])


def spread(frame: pd.DataFrame, rows: Sequence[str], columns: str) -> pd.DataFrame:
    """Estimates as texts with intervals: a row for each of `rows`, a column for each of `columns`.

    In the order in which they come. What a column "paper" holds stands in brackets behind them.
    """
    texts = [style.with_interval(row, getattr(row, "paper", None)) for row in frame.itertuples()]
    named = {"index": list(rows), "columns": columns, "values": "text"}
    wide = frame.assign(text=texts).pivot_table(**named, aggfunc="first", sort=False)
    return wide.rename_axis(columns=None).reset_index()
