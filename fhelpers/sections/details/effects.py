"""What each switch changes: accuracies with it minus those of the faithful networks."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from fhelpers.claims.verdicts import estimate
from fhelpers.intervals import Estimate, bootstrap, difference, paired_difference
from fhelpers.sections.details.plan import SWITCHES

Asked = tuple[str, str, str, float | None]  # switch, network, part, radius


def effects(runs: Mapping, radii: Sequence[float]) -> pd.DataFrame:
    """A row for each switch and quantity: the accuracy without and with it, and the difference.

    runs: those of the plan; radii: at which parts are judged. part: "original", "low", "high",
    "attacked", or "bands": trained on low minus trained on high parts, tested on whole images.
    `difference` is an Estimate, with the switch minus without: over seeds, and with one seed over
    images, pairwise wherever both networks saw the same ones.
    """
    rows = []
    for switch, network, part, radius in asked(runs, radii):
        before = scores(runs, network, "", part, radius)
        if switch == "divided":
            after = scores(runs, network, "", f"{part}/max", radius)
        else:
            after = scores(runs, network, f"-{switch}", part, radius)
        row = {"switch": switch, "network": network, "part": part, "radius": radius}
        row |= {"faithful": mean(before), "changed": mean(after)}
        paired = switch != "drawn" and part != "attacked"
        rows.append(row | {"difference": compared(after, before, paired=paired)})
    return pd.DataFrame(rows)


def asked(runs: Mapping, radii: Sequence[float]) -> Iterator[Asked]:
    """Which quantities a switch is judged by: those behind the claims about its networks."""
    whole, radii = ("original", None), sorted(radii)
    low, high = ([(part, radius) for radius in radii] for part in ("low", "high"))
    parts = {
        "natural": [whole, *low, *high],
        "low": [("bands", radii[-1])],
        "high": [],  # it counts where low does
        "batchnorm": [whole, *low, *high],
        "adversarial": [whole, ("attacked", None), *high],
    }
    for switch, (_, networks) in SWITCHES.items():
        if switch == "divided":
            yield from ((switch, "natural", *which) for which in (*low, *high))
        for network in networks:
            for which in parts[network] if f"{network}-{switch}" in runs else ():
                if switch != "less-than" or which != whole:  # which does not depend on a split
                    yield switch, network, *which


def scores(runs: Mapping, network: str, suffix: str, part: str, radius) -> list[np.ndarray]:
    """For every seed a score of each test image: bool, or for "bands" a difference of two."""
    if part == "bands":
        low, high = (scores(runs, band, suffix, "original", None) for band in ("low", "high"))
        return [a.astype(int) - b for a, b in zip(low, high, strict=True)]
    if part == "attacked":
        return [under_attack(run.history) for run in runs[f"{network}{suffix}"]]
    return [run.correct(part, radius) for run in runs[f"{network}{suffix}"]]


def under_attack(history: pd.DataFrame) -> np.ndarray:
    """So many True as images resisted at the end: the record does not say which, bool (images,)."""
    last = history[history.part == "attacked"].sort_values("epoch").iloc[-1]
    return np.arange(last.images) < round(last.accuracy * last.images)


def mean(scored: Sequence[np.ndarray]) -> float:
    return float(np.mean([one.mean() for one in scored]))


def compared(after: Sequence[np.ndarray], before: Sequence[np.ndarray], *, paired: bool):
    """The difference of two lists of scores, one array per seed; paired: of the same images."""

    def over_images() -> Estimate:
        one, other = after[0], before[0]
        if not paired:
            return difference(one.sum(), one.size, other.sum(), other.size)
        if one.dtype == bool:
            return paired_difference(one, other)
        return bootstrap(np.mean, one - other)

    return estimate(
        [mean([a]) - mean([b]) for a, b in zip(after, before, strict=True)], over_images
    )


def leaves_0_out(one: Estimate) -> bool:
    """Whether the interval lies on one side of 0; False without an interval."""
    return one.low > 0 or one.high < 0


def by_rounding(rows: pd.DataFrame) -> float:
    """How far rounding alone may drive networks apart: the furthest end of float32's intervals."""
    found = rows.difference[rows.switch == "float32"]
    ends = (max(abs(one.value), abs(one.low), abs(one.high)) for one in found)
    return max(ends, default=0.0)


def that_count(rows: pd.DataFrame) -> list[str]:
    """Switches with an effect whose whole interval lies beyond what rounding does."""
    least = by_rounding(rows)
    large = [one.low > least or one.high < -least for one in rows.difference]
    return list(dict.fromkeys(rows.switch[large]))
