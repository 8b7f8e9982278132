"""The claim that what holds on CIFAR-10 holds on the paper's other data sets too (W §4)."""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from fhelpers.claims.shuffled_labels import FAR, NEAR
from fhelpers.claims.verdicts import CLAIMS, INCONCLUSIVE, NOT_REPRODUCED, Part, Verdict, claim
from fhelpers.intervals import Estimate

REPEATED = ("W5", "W6", "W7")
# The data sets that W, §4 names besides CIFAR-10; either folder serves as the ImageNet subset.
FURTHER = {
    "MNIST": ("mnist",),
    "Fashion-MNIST": ("fashion-mnist",),
    "ImageNet subset": ("imagenette", "tiny-imagenet"),
}
ORDER = (NOT_REPRODUCED, INCONCLUSIVE)  # what decides first
NOTHING = Estimate(math.nan, math.nan, math.nan, 0, "images")


def of_dataset(history: pd.DataFrame, name: str, radii: Iterable[float]) -> pd.DataFrame:
    """One data set's rows with the labels of section 02: "mnist/low-3.5" becomes "low-3.5".

    Only what was trained or watched at `radii` is kept, so that all data sets are judged at the
    same radii even where more are at hand.
    """
    radii = [float(radius) for radius in radii]
    prefix, _, label = zip(*history.label.str.partition("/").to_numpy(), strict=True)
    band_radius = pd.Series(label, index=history.index).str.extract(r"^(?:low|high)-(.+)$")[0]
    chosen = band_radius.isna() | band_radius.isin([f"{radius:g}" for radius in radii])
    seen = history.radius.isna() | history.radius.isin(radii)
    own = pd.Series(prefix, index=history.index) == name
    return history.assign(label=label)[own & chosen & seen]


def repeated(history: pd.DataFrame, chance: float) -> dict[str, Verdict]:
    """W5, W6 and, where there are two radii to compare, W7 on one data set."""
    verdicts = {"W5": CLAIMS["W5"](history), "W6": CLAIMS["W6"](history, chance)}
    if sum(label.startswith("low-") for label in set(history.label)) > 1:
        verdicts["W7"] = CLAIMS["W7"](history, chance)
    return verdicts


@claim(
    "W24",
    text="What W5, W6 and W7 say also holds on MNIST, on Fashion-MNIST and on a subset of "
    "ImageNet.",
    section="06_other_datasets",
    source="W, §4",
    measure="as W5, W6 and W7 on each of these data sets, radii in proportion to the image size; "
    "of each claim the part is listed that decides its verdict",
    rule="reproduced if all three are reproduced on each data set, not reproduced if one is not; "
    "a data set that was not at hand leaves it inconclusive",
    paper=None,
)
def holds_elsewhere(
    histories: Mapping[str, pd.DataFrame], chances: Mapping[str, float]
) -> tuple[list[Part], str]:
    """`histories`: {data set: from `of_dataset`}; `chances`: {data set: 1 / classes}.

    CIFAR-10 and planted images, on which the claim says nothing, are passed over.
    """
    parts, missing, said = [], [], []
    for title, names in FURTHER.items():
        found = [name for name in names if name in histories]
        if not found:
            missing.append(Part(f"{title}, not at hand", NOTHING, 0.0))
        for name in found:
            verdicts = repeated(histories[name], chances[name])
            for id in REPEATED:
                parts.append(deciding(f"{name}, {id}", verdicts.get(id)))
            each = (f"{id} {verdict.verdict}" for id, verdict in verdicts.items())
            said.append(f"{name}: {', '.join(each)}")
            if (classes := round(1 / chances[name])) != 10:
                said.append(
                    f"{name} has {classes} classes, and the margins {FAR:g} and {NEAR:g} above "
                    f"its chance of {chances[name]:.2g} are those fixed for 10"
                )
    note = "; ".join([*said, *(part.name for part in missing)])
    return [*parts, *missing], f"{note}."


def deciding(name: str, verdict: Verdict | None) -> Part:
    """The part of a verdict that decides it, under another name; nothing measured without one.

    The worst part, and of equally good ones that which is nearest to its margin.
    """
    if verdict is None:
        return Part(name, NOTHING, 0.0)
    rank = {word: place for place, word in enumerate(ORDER)}
    part = min(
        verdict.parts,
        key=lambda p: (rank.get(p.verdict, len(rank)), abs(p.estimate.value - p.margin)),
    )
    return Part(name, part.estimate, part.margin, part.ceiling)
