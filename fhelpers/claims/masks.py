"""Reading the histories of masks, which sections 15 to 17 share."""

import pandas as pd

FIVE = ("natural", "adversarial", "scale", "translate", "rotate")  # N, A, S, T, R of K
PAIR = FIVE[:2]
LETTERS = dict(zip(FIVE, "NASTR", strict=True))


def rows_of(history: pd.DataFrame, label: str, **where) -> pd.DataFrame:
    """The rows of a label with these values. Raises ValueError if there are none."""
    chosen = history.label == label
    for column, value in where.items():
        chosen &= history[column] == value if column in history else False
    if not chosen.any():
        named = ", ".join(f"{column} {value}" for column, value in where.items())
        raise ValueError(f"The history of {label!r} has no rows with {named}: pass runs.history.")
    return history[chosen]
