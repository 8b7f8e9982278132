"""The claim about smooth first-layer kernels (W §6.2)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, over_seeds

MEASURES = {"difference": "difference of neighbours", "high_share": "beyond half Nyquist"}


def kernels_of(history: pd.DataFrame) -> pd.DataFrame:
    """A row per first-layer filter: network, kernel_size, seed, filter, measures, smoothed (ρ)."""
    rows = history[history.label.str.startswith(("kernels-", "smoothed-"))]
    network = rows.label.str.removesuffix("-5").str.partition("-")[2]
    whole = {name: rows[name].astype(int) for name in ("kernel_size", "filter")}
    return rows.assign(network=network, **whole)


def kernels(runs) -> tuple:
    """The smoothness of every first-layer filter of both networks."""
    rows = kernels_of(runs.history)
    return (rows[rows.label.str.startswith("kernels-")],)


@claim(
    "W16",
    short="adversarial training makes the first kernels smoother",
    text="The first layer's kernels of an adversarially trained network are smoother.",
    source="W, §6.2, Figure 7",
    measure="natural minus adversarial, mean over filters: difference of neighbouring weights over "
    "their mean size, and share of transfer energy beyond half the Nyquist frequency",
    rule="reproduced if the interval of the difference of neighbours lies above 0 for each kernel "
    "size; ours beside it: the share of energy",
    figure="kernels-smoothness",
    inputs=kernels,
    networks=("natural*", "adversarial*"),
)
def smoother_kernels(kernels: pd.DataFrame) -> tuple[list[Part], str]:
    """`kernels`: a row per filter; columns network, kernel_size, seed, filter and the measures.

    networks: "natural" and "adversarial". Filters are paired, since both networks start from the
    same weights. With one seed the interval is over filters.
    """
    parts = []
    for size in sorted(kernels.kernel_size.unique()):
        rows = kernels[kernels.kernel_size == size]
        for measure, name in MEASURES.items():
            both = rows.pivot(index=["seed", "filter"], columns="network", values=measure)
            if both.isna().any(axis=None):
                raise ValueError("Each filter needs both networks: pass the same seeds for both.")
            gap = both.natural - both.adversarial
            seeds = [each.to_numpy() for _, each in gap.groupby("seed")]
            ours = measure != "difference"  # the paper judges by what the kernels look like
            parts.append(Part(f"{size}×{size} {name}", over_filters(seeds), MORE, ours=ours))
    return parts, f"{len(seeds[0])} filters in each first layer."


def over_filters(seeds: Sequence[np.ndarray]) -> Estimate:
    """The mean over filters: over seeds, and with one seed over filters."""
    means = [seed.mean() for seed in seeds]
    return estimate(means, lambda: replace(over_seeds(seeds[0]), over="filters"))
