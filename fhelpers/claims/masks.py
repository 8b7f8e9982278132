"""Reading the histories of masks, which sections 15 to 17 share."""

from collections.abc import Iterable

import pandas as pd

FIVE = ("natural", "adversarial", "scale", "translate", "rotate")  # N, A, S, T, R of K
PAIR = FIVE[:2]
LETTERS = dict(zip(FIVE, "NASTR", strict=True))


def short(name: str) -> str:
    """K's letter for a network: A, or VGG-11 A."""
    own = name.removeprefix("vgg-11-")
    return "VGG-11 " * (own != name) + LETTERS[own]


def lettered(labels: Iterable[str]) -> dict[str, str]:
    """Labels of K's networks and of their masks, in letters: N for natural, mask/N for its mask."""
    found = {}
    for label in labels:
        folder, slash, name = label.rpartition("/")
        if name.removeprefix("vgg-11-") in LETTERS:
            found[label] = f"{folder}{slash}{short(name)}"
    return found


def rows_of(history: pd.DataFrame, label: str, **where) -> pd.DataFrame:
    """The rows of a label with these values. Raises ValueError if there are none."""
    chosen = history.label == label
    for column, value in where.items():
        chosen &= history[column] == value if column in history else False
    if not chosen.any():
        named = ", ".join(f"{column} {value}" for column, value in where.items())
        raise ValueError(f"The history of {label!r} has no rows with {named}: pass runs.history.")
    return history[chosen]
