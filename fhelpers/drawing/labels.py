"""What figures of true and shuffled labels, and of training on one band, have in common."""

from collections.abc import Sequence

import pandas as pd

from fhelpers import intervals
from fhelpers.drawing import charts

NAMES = {"natural": "true labels", "shuffled": "shuffled labels"}
LINES = {"natural": "-", "shuffled": "--"}


def monitored(history: pd.DataFrame, label: str) -> pd.DataFrame:
    """Training accuracy of a label's runs after each epoch, over seeds."""
    rows = history[(history.label == label) & (history.split == "train")]
    rows = rows[(rows.scope == "subset") & rows.part.isin(["original", "low"])]
    by = ["part", "radius", "epoch"]
    return charts.over_seeds(rows, by, "accuracy")


def band_trained(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Table 1 from our runs: columns trained_on, radius, split, value, low, high, over.

    split "train": accuracy on the training images as they were trained on, one part of each;
    "test": on whole test images; "same": on that part of the test images. With one seed the
    interval is over images.
    """
    final = history[history.scope == "all"]
    seen = {"train": ("train", "input"), "test": ("test", "original"), "same": ("test", "input")}
    rows = []
    for band in ("low", "high"):
        for radius in radii:
            own = final[final.label == f"{band}-{radius:g}"]
            for split, (images, part) in seen.items():
                scores = own[(own.split == images) & (own.part == part)]
                estimate = intervals.accuracy(scores.accuracy, int(scores.images.iloc[0]))
                names = {"trained_on": band, "radius": radius, "split": split}
                rows.append(names | vars(estimate))
    return pd.DataFrame(rows)
