"""Tidy frames of estimates as tables of texts."""

from collections.abc import Sequence

import pandas as pd

from fhelpers.drawing import style


def spread(
    frame: pd.DataFrame, rows: Sequence[str], columns: str, *, least: int = 0
) -> pd.DataFrame:
    """Estimates as texts with intervals: a row for each of `rows`, a column for each of `columns`.

    In the order in which they come. What a column "paper" holds stands in brackets behind them.
    `least`: as for `style.with_interval`.
    """
    texts = [
        style.with_interval(row, getattr(row, "paper", None), least=least)
        for row in frame.itertuples()
    ]
    named = {"index": list(rows), "columns": columns, "values": "text"}
    wide = frame.assign(text=texts).pivot_table(**named, aggfunc="first", sort=False)
    return wide.rename_axis(columns=None).reset_index()
