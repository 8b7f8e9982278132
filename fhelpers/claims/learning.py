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


def learned(history: pd.DataFrame, label: str, chance: float) -> bool:
    """Whether its training accuracy is more than `LEARNED` above chance; so too if unrecorded."""
    return not trained_to(history, label) <= chance + LEARNED


def failed(history: pd.DataFrame, patterns: tuple[str, ...], chance: float) -> list[str]:
    """The networks that have not learned, each with its accuracy; patterns: labels, * for any."""
    labels = dict.fromkeys(history.label[history.split == "train"])
    return [
        f"{label} (training accuracy {trained_to(history, label):.2f})"
        for label in labels
        if any(fnmatch(label, pattern) for pattern in patterns)
        and not learned(history, label, chance)
    ]


def not_learned(runs, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of finished runs, as `failed` names them."""
    about = [label for label in runs if any(fnmatch(label, pattern) for pattern in patterns)]
    return tuple(failed(runs.history, patterns, chance_of(runs[about[0]][0]))) if about else ()
