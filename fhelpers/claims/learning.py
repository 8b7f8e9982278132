"""Whether a network has learned at all: without that no claim about it can be judged."""

from fnmatch import fnmatch

import pandas as pd

from fhelpers import data

LEARNED = 0.2  # above chance: with less, differences between networks are differences of failures


def chance_of(run) -> float:
    """Share of images that guessing gets right: 1 / classes of a run's data set."""
    recipe = run.recipe
    return 1 / data.describe(recipe.dataset, **recipe.options).classes


def trained_to(history: pd.DataFrame, label: str) -> float:
    """Accuracy on the images trained on (their band) at the end, of the seed where it is lowest.

    NaN where none was recorded.
    """
    rows = history[(history.label == label) & (history.split == "train")]
    own = rows[rows.part == ("input" if rows.part.eq("input").any() else "original")]
    last = own[own.epoch == own.groupby("seed").epoch.transform("max")]
    return float(last.groupby("seed").accuracy.mean().min())


def failed(history: pd.DataFrame, patterns: tuple[str, ...], chance: float) -> list[str]:
    """The networks that have not learned, each with its accuracy; patterns: labels, * for any.

    Those whose training accuracy is at most `LEARNED` above chance, where it was recorded.
    """
    trained = history[history.split == "train"].groupby("label", sort=False)
    ends = {
        label: trained_to(rows, label)
        for label, rows in trained
        if any(fnmatch(label, pattern) for pattern in patterns)
    }
    return [
        f"{label} (training accuracy {end:.2f})"
        for label, end in ends.items()
        if end <= chance + LEARNED
    ]


def not_learned(runs, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of finished runs, as `failed` names them."""
    about = [label for label in runs if any(fnmatch(label, pattern) for pattern in patterns)]
    return tuple(failed(runs.history, patterns, chance_of(runs[about[0]][0]))) if about else ()
