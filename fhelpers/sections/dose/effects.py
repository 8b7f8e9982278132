"""The effects behind claims of other sections at each number of training images."""

import fnmatch
import math
from collections.abc import Iterator, Mapping

import pandas as pd

from fhelpers.claims import CLAIMS, Verdict, conjunction, reliance
from fhelpers.claims.learning import chance_of, failed, trained_to
from fhelpers.drawing.names import NAMES
from fhelpers.runs.records import Runs, by_prefix
from fhelpers.sections.dose.plan import FIVE

# The networks that each claim is judged by; W7 takes from M_natural what guessing gets right.
NETWORKS = {
    "W1": ("natural",),
    "W5": ("natural", "shuffled"),
    "W7": ("natural", "low-*", "high-*"),
    "W12": ("vanilla", "batchnorm"),
    "W13": ("vanilla", "adversarial"),
    "W25": FIVE,
}
FIRST_PARTS = {"W25": 1}  # how many parts of a claim are asked: this page has one batch size
BY_EPOCH = ("W5", "W12")  # claims about the way to the end, not only the end
STEPS, ACCURACY = "equal steps", "equal training accuracy"


def by_amount(runs: Mapping) -> dict[int, Runs]:
    """{images: runs with the labels of their sections}, from labels such as 5000/natural."""
    return dict(sorted((int(images), own) for images, own in by_prefix(runs).items()))


def about(id: str, runs: Runs) -> Runs | None:
    """The networks that a claim is judged by, None where one of them was not trained."""
    own = {label: runs[label] for label in runs if matches(label, NETWORKS[id])}
    return Runs(own) if all(fnmatch.filter(own, pattern) for pattern in NETWORKS[id]) else None


def matches(label: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(label, pattern) for pattern in patterns)


def effects(runs: Mapping) -> pd.DataFrame:
    """A row for each claimed effect at each number of images, at equal steps and at equal accuracy.

    Columns images, series, claim, part (its number), name, value, low, high, n, over, margin,
    neutral, verdict (of the part), said (of the claim), level (the training accuracy at which all
    were cut), stuck (the networks that have not learned; without them nothing is judged).
    """
    amounts, rows = by_amount(runs), []
    for id in NETWORKS:
        groups = {n: own for n, each in amounts.items() if (own := about(id, each)) is not None}
        level, cut = cut_level(id, groups) if id != "W1" else (math.nan, {})
        for series, at, chosen in ((STEPS, math.nan, groups), (ACCURACY, level, cut)):
            for images, each in chosen.items():
                where = {"images": images, "series": series, "level": at}
                rows += [where | row for row in rows_of(judged(id, each))]
    return pd.DataFrame(rows)


def judged(id: str, runs: Runs) -> Verdict:
    """The claim's verdict on the runs at one number of images."""
    if id == "W1":  # judged at r = 12, or at the nearest radius that there is
        radii = runs["natural"][0].recipe.radii
        return CLAIMS[id].of(runs, radius=min(radii, key=lambda each: abs(each - 12)))
    return CLAIMS[id].of(runs)


def rows_of(verdict: Verdict) -> Iterator[dict]:
    """The parts that the paper claims, each as a row."""
    id, parts = verdict.claim.id, [part for part in verdict.parts if not part.ours]
    parts = parts[: FIRST_PARTS.get(id)]
    for number, part in enumerate(parts):
        yield {
            "claim": id, "part": number, "name": part.name, **vars(part.estimate),
            "margin": part.margin, "neutral": part.neutral, "verdict": part.verdict,
            "said": conjunction(parts), "stuck": ", ".join(verdict.stuck),
        }  # fmt: skip


def cut_level(id: str, groups: Mapping[int, Runs]) -> tuple[float, dict[int, Runs]]:
    """All networks of a claim as they were at one training accuracy: (it, {images: runs}).

    It is the highest whole per cent that they reach at every number of images. Numbers at which one
    of them has not learned are left out.
    """
    patterns, rows = CLAIMS[id].networks, {}
    for images, runs in groups.items():
        history = as_trained(runs.history)
        if not failed(history, patterns, chance_of(next(iter(runs.values()))[0])):
            rows[images] = history.assign(label=f"{images}/" + history.label)
    if not rows:
        return math.nan, {}
    history = pd.concat(rows.values(), ignore_index=True)
    labels = [la for la in history.label.unique() if matches(la.partition("/")[2], patterns)]
    level, ends = reliance.at_common_accuracy(history, labels)
    if id in BY_EPOCH:
        last = ends.groupby(["label", "seed"], as_index=False).epoch.first()
        way = history[history.scope == "subset"]
        way = way.merge(last, on=["label", "seed"], suffixes=("", "_"))
        ends = pd.concat([way[way.epoch < way.epoch_], ends.assign(scope="subset"), ends])
    else:  # when it was does not matter, and W13 asks that all ended together
        ends = ends.assign(epoch=1.0)
    prefix, network = (ends.label.str.partition("/")[column] for column in (0, 2))
    ends = ends.assign(label=network)
    return level, {n: groups[n].with_history(ends[prefix == str(n)]) for n in rows}


def as_trained(history: pd.DataFrame) -> pd.DataFrame:
    """The history in which training accuracy is that on the images as each network saw them.

    For a network trained on one part that part stands in the place of the whole image.
    """
    banded = history.label.isin(history.label[history.part == "input"].unique())
    own = banded & (history.split == "train")
    rows = history[~(own & (history.part == "original"))]
    return rows.assign(part=rows.part.mask(own & (rows.part == "input"), "original"))


def fitted(runs: Mapping) -> dict[int, float]:
    """The training accuracy of M_natural at each number of images."""
    return {n: trained_to(each.history, "natural") for n, each in by_amount(runs).items()}


def accuracies(runs: Mapping, published: Mapping[str, float]) -> pd.DataFrame:
    """Training and test accuracy of every network at every number of images, and the paper's."""
    columns = {}
    for images, each in by_amount(runs).items():
        history = each.history
        ends = {
            la: (trained_to(history, la), reliance.effect(history, {la: 1}, reliance.TEST).value)
            for la in each
        }
        if "vanilla" in each and each["vanilla"][0].recipe == each["natural"][0].recipe:
            del ends["vanilla"]
        columns[f"n = {images:,}"] = {la: "{:.2f} / {:.2f}".format(*ends[la]) for la in ends}
    table = pd.DataFrame(columns).fillna("–").rename_axis("network").reset_index()
    shown = table.network.replace("vanilla", "M_natural, as long as the others").map(named)
    return table.assign(network=shown, paper=table.network.map(published))


def named(label: str) -> str:
    """A network in words, from its label in the plan."""
    band, _, radius = label.partition("-")
    trained = f"trained on {band} parts, r = {radius}"
    return trained if band in ("low", "high") else NAMES.get(label, label)
