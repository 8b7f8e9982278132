"""The claim that what holds on CIFAR-10 holds on the paper's other data sets too (W §4)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers import data
from fhelpers.claims import labels
from fhelpers.claims.histories import with_seen
from fhelpers.claims.labels import FAR, NAMES, NEAR, at_equal_accuracy, band_trained
from fhelpers.claims.learning import chance_of, failed
from fhelpers.claims.reliance import smallest_radii
from fhelpers.claims.verdicts import (
    Part,
    claim,
    conjunction,
    deciding,
    effects,
    without_interval,
)  # fmt: skip
from fhelpers.intervals import Estimate, accuracy, shifted

PAIR, BANDS = ("natural", "shuffled"), ("low-*", "high-*")
REPEATED = {"W5": PAIR, "W6": PAIR, "W7": BANDS}  # and the networks that must have learned
# The data sets that W, §4 names besides CIFAR-10; either folder serves as the ImageNet subset.
FURTHER = {
    "MNIST": ("mnist",),
    "Fashion-MNIST": ("fashion-mnist",),
    "ImageNet subset": tuple(n for n, e in data.DATASETS.items() if e.subset_of == "ImageNet"),
}
NOTHING = Estimate(math.nan, math.nan, math.nan, 0, "images")


def of_dataset(history: pd.DataFrame, name: str, radii: Iterable[float]) -> pd.DataFrame:
    """One data set's rows with the labels of section 02: "mnist/low-3.5" becomes "low-3.5".

    Only what was trained or evaluated at `radii` is kept, so that all data sets are judged at the
    same radii even where more are available.
    """
    radii = [float(radius) for radius in radii]
    prefix, _, label = zip(*history.label.str.partition("/").to_numpy(), strict=True)
    band_radius = pd.Series(label, index=history.index).str.extract(r"^(?:low|high)-(.+)$")[0]
    chosen = band_radius.isna() | band_radius.isin([f"{radius:g}" for radius in radii])
    seen = history.radius.isna() | history.radius.isin(radii)
    own = pd.Series(prefix, index=history.index) == name
    return history.assign(label=label)[own & chosen & seen]


def repeated(history: pd.DataFrame, chance: float) -> dict[str, list[Part]]:
    """W5, W6 and, where there are two radii to compare, W7 on one data set.

    Without intervals, and so undecided, where one of their networks has not learned.
    """
    found = {
        "W5": labels.low_parts_at_equal_accuracy(history)[0],
        "W6": labels.smallest_low_parts(history, chance)[0],
    }
    if sum(label.startswith("low-") for label in set(history.label)) > 1:
        found["W7"] = labels.trained_on_one_band(history, chance)[0]
    for id in found:
        if failed(history, REPEATED[id], chance):
            found[id] = [without_interval(part) for part in found[id]]
    return found


def by_dataset(runs, radii: Iterable[float] = (4, 12)) -> tuple:
    """{data set: history as in section 02} and {data set: chance}; radii are for 32×32 images."""
    histories, chances, history = {}, {}, with_seen(runs)
    for name in dict.fromkeys(label.partition("/")[0] for label in runs):
        run = runs[f"{name}/natural"][0]
        info = data.describe(name, **run.recipe.options)
        own = [radius * min(info.height, info.width) / 32 for radius in radii]
        histories[name] = of_dataset(history, name, own)
        chances[name] = chance_of(run)
    return histories, chances


@claim(
    "W24",
    short="the same holds on MNIST, Fashion-MNIST and a subset of ImageNet",
    text="What W5, W6 and W7 say also holds on MNIST, on Fashion-MNIST and on a subset of "
    "ImageNet.",
    source="W, §4",
    measure="as W5, W6 and W7 on each of these data sets, radii in proportion to the image size; "
    "of each claim the part is listed that decides its verdict",
    rule="reproduced if all three are reproduced on each data set, not reproduced if one is not; "
    "a data set that is not available leaves it undecided",
    paper="stated, without numbers",
    figure="other-datasets-compared",
    inputs=by_dataset,
)
def holds_elsewhere(
    histories: Mapping[str, pd.DataFrame], chances: Mapping[str, float]
) -> tuple[list[Part], str]:
    """`histories`: {data set: from `of_dataset`}; `chances`: {data set: 1 / classes}.

    CIFAR-10 and planted images, on which the claim says nothing, are passed over.
    """
    parts, missing, said = [], [], []
    for wanted, names in FURTHER.items():
        found = [name for name in names if name in histories]
        if not found:
            missing.append(Part(f"{wanted}, not available", NOTHING, 0.0))
        for name in found:
            own, title = repeated(histories[name], chances[name]), data.TITLES[name]
            parts += [decided_by(f"{title}, {id}", own.get(id)) for id in REPEATED]
            each = (f"{id} {conjunction(some)}" for id, some in own.items())
            said.append(f"{title}: {', '.join(each)}")
            if stuck := failed(histories[name], (*PAIR, *BANDS), chances[name]):
                why = f"because these have not learned: {', '.join(stuck)}"
                said.append(f"{title}, not judged {why}")
            if (classes := round(1 / chances[name])) != 10:
                said.append(
                    f"{title} has {classes} classes, and the margins {FAR:g} and {NEAR:g} above "
                    f"its chance of {chances[name]:.2g} are those fixed for 10"
                )
    note = "; ".join([*said, *(part.name for part in missing)])
    return [*parts, *missing], f"{note}."


def decided_by(name: str, parts: list[Part] | None) -> Part:
    """The part that decides a verdict, `name` before its own; nothing measured without any."""
    if parts is None:
        return Part(name, NOTHING, 0.0)
    part = deciding(parts)
    return replace(part, name=f"{name}: {part.name}", chosen_from=effects(parts))


def summary(
    histories: Mapping[str, pd.DataFrame],
    verdicts: Mapping[str, Mapping[str, list[Part]]],
    chances: Mapping[str, float],
    radii: Mapping[str, Sequence[float]],
) -> pd.DataFrame:
    """The accuracies behind W5, W6 and W7 on each data set.

    Columns dataset, claim, series ("true labels", "shuffled labels", "low", "high"), radius (of
    W7), chance, value, low, high, n, over.
    """
    rows = []
    for name, history in histories.items():
        found = [("W5", label, vars(mean)) for label, mean in equal_accuracy(history).items()]
        for label, part in zip(NAMES.values(), verdicts[name]["W6"], strict=True):
            found.append(("W6", label, vars(shifted(part.estimate, chances[name]))))
        trained = band_trained(history, sorted(radii[name])).query("split == 'test'")
        for row in trained.drop(columns="split").to_dict("records"):
            found.append(("W7", row.pop("trained_on"), row))
        where = {"dataset": name, "chance": chances[name], "radius": np.nan}
        rows += [{**where, "claim": id, "series": series, **row} for id, series, row in found]
    return pd.DataFrame(rows)


def equal_accuracy(history: pd.DataFrame) -> dict[str, Estimate]:
    """Accuracy on low parts, mean over W5's radii and levels: {"true labels": estimate, …}.

    Empty where the two networks share no training accuracy.
    """
    rows = pd.concat([at_equal_accuracy(history, r) for r in smallest_radii(history, "natural", 2)])
    if rows.seed.nunique() < history.seed.nunique():
        return {}
    images = int(history[(history.scope == "subset") & (history.split == "train")].images.min())
    means = rows.groupby("seed")[list(NAMES)].mean()
    return {name: accuracy(means[label], images) for label, name in NAMES.items()}
