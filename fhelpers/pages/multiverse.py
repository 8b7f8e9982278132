"""Every verdict under other rules: margins halved and doubled, the other of ≤ and <, other radii.

Computed from records when the page is made; nothing of it is stored.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from fhelpers import sections
from fhelpers.claims import Part, Verdict, conjunction
from fhelpers.drawing import charts, style
from fhelpers.drawing.contrast import with_contrast
from fhelpers.pages.scorecard import Outcome
from fhelpers.pages.scorecard_figures import MARKS
from fhelpers.runs import store
from fhelpers.runs.records import Runs

MARGINS = {"as fixed": 1.0, "half": 0.5, "twice": 2.0}
BOUNDARIES = ("as fixed", "other")  # of ≤ and <
NEIGHBOURS = {"without smallest": 8, "without largest": 16}  # and what W1 takes instead of 12
# Claims about parts at several radii, of which one can be left out.
RADIAL = {f"W{n}" for n in (5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 25, 26)}
AXES = ["margin", "boundary", "radius"]
COLUMNS = {  # of the figure: the settings that differ from the fixed rule in one thing
    "as\nfixed": {},
    "half the\nmargin": {"margin": "half"},
    "twice the\nmargin": {"margin": "twice"},
    "interval\nmay end\non margin": {"boundary": "other"},
    "without\nsmallest r": {"radius": "without smallest"},
    "without\nlargest r": {"radius": "without largest"},
}
ALT = (
    "A row for each claim and a column for each change of its rule: half and twice the margin, "
    "intervals that may end on the margin, and the smallest or the largest radius left out. Marks "
    "as in the figure above; black where the verdict stands, grey where it changes. A number on "
    "the right gives the share of all combinations in which the verdict stands."
)


def without(runs: Runs, radius: float) -> Runs:
    """The runs as if no part had been taken at one radius: neither to judge nor to train."""
    at_radius, rows = re.compile(rf"(low|high)-{radius:g}$"), runs.history
    own = Runs({label: runs[label] for label in runs if not at_radius.search(label)})
    return own.with_history(rows[rows.label.isin(list(own)) & (rows.radius != radius)])


def settings(
    outcomes: Sequence[Outcome], runs: Mapping[str, Runs], less_than: Runs | None = None
) -> pd.DataFrame:
    """A row for each claim and setting of its rule: id, the three axes, verdict, stands.

    runs: by section; less_than: from `split_less_than`. Left out are identities, claims that were
    not computed, settings that change nothing and settings that are not possible.
    """
    rows = []
    for each in outcomes:
        if each.verdict is None or each.verdict.claim.identity:
            continue
        claim = each.verdict.claim
        for boundary, radius, parts, finish in judged(each.verdict, runs[claim.section], less_than):
            claimed = claimed_by(parts)
            for margin, factor in MARGINS.items():
                changed = [scaled(part, factor) for part in claimed]
                if all(changed) and (factor == 1 or changed != claimed):
                    word = conjunction(map(finish, changed))
                    rows.append((each.id, margin, boundary, radius, word, word == each.word))
    return pd.DataFrame(rows, columns=["id", *AXES, "verdict", "stands"])


def split_less_than(scale: str, dataset: str, seeds: Sequence[int]) -> Runs | None:
    """M_natural as trained and judged with < r in place of ≤ r, where those records exist.

    Of the seeds on which W1 is judged: others would be another difference.
    """
    of_w1 = sections.judged("decomposition", scale, dataset, seeds)["natural"]
    own = [recipe.seed for recipe in of_w1]
    group = sections.judged("details", scale, dataset, own)["natural-less-than"]
    found = [store.finished(recipe.run_id) for recipe in group]
    return Runs({"natural": found}) if all(found) else None


def judged(verdict: Verdict, runs: Runs, less_than: Runs | None) -> Iterator[tuple]:
    """(boundary, radius, parts, what to do to each part) for all that the records allow."""
    claim = verdict.claim
    for radius, found in [("as fixed", verdict), *elsewhere(verdict, runs)]:
        yield BOUNDARIES[0], radius, found.parts, replace
        if claim.id != "W1" or less_than is None:
            yield BOUNDARIES[1], radius, found.parts, closed
        elif found is verdict:
            yield BOUNDARIES[1], radius, claim.of(less_than).parts, replace


def claimed_by(parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if not part.ours]


def elsewhere(fixed: Verdict, runs: Runs) -> Iterator[tuple[str, Verdict]]:
    """(name, verdict) for each other choice of radii at which the claim can be judged.

    Left out is a radius that the claim does not look at: its parts stay what they are.
    """
    claim = fixed.claim
    if claim.id == "W1":
        yield from ((name, claim.of(runs, radius=radius)) for name, radius in NEIGHBOURS.items())
    if claim.id not in RADIAL:
        return
    radii = sorted(runs.history.radius.dropna().unique())
    for name, radius in zip(NEIGHBOURS, (radii[0], radii[-1]), strict=True):
        try:
            found = claim.of(without(runs, radius))
        except (ValueError, KeyError):
            continue
        if claimed_by(found.parts) != claimed_by(fixed.parts):
            yield name, found


def scaled(part: Part, factor: float) -> Part | None:
    """The part with a margin so many times as far from no effect; None where no share reaches it.

    A margin above one half is a share to be kept, such as 0.99, and measured from 1.
    """
    whole = 1.0 if 0.5 < part.margin < 1 else part.neutral
    margin = whole + factor * (part.margin - whole)
    possible = factor == 1 or margin == part.margin or abs(margin) < 1
    return replace(part, margin=margin) if possible else None


def closed(part: Part) -> Part:
    """The part with its margin on the claimed side: an interval may end on it."""
    aside = math.inf if part.ceiling else -math.inf
    return replace(part, margin=math.nextafter(part.margin, aside))


def shares(frame: pd.DataFrame) -> pd.Series:
    """{id: share of the settings in which the verdict stands}. frame: from `settings`."""
    return frame.groupby("id", sort=False).stands.mean()


@style.styled
def figure(frame: pd.DataFrame) -> Figure:
    """Each claim's verdict under each change of its rule. frame: from `settings`."""
    stands, ids = shares(frame), list(dict.fromkeys(frame.id))
    drawn, ((axes,),) = style.canvas(1, 1, 1.3 + 0.23 * len(ids))
    for column, change in enumerate(COLUMNS.values()):
        asked = dict.fromkeys(AXES, "as fixed") | change
        rows = frame[(frame[AXES] == pd.Series(asked)).all(axis=1)]
        for row in rows.itertuples():
            colour = style.INK if row.stands else with_contrast(style.GREY, 2.2)
            look = {"color": colour, "markersize": 6.5, "label": f"_{row.verdict}"}
            axes.plot(column, ids.index(row.id), MARKS[row.verdict], **look)
    look = {"ha": "center", "va": "center", "fontsize": 10}
    for place, share in enumerate(stands):
        axes.text(len(COLUMNS), place, f"{100 * share:.0f} %", **look)
    axes.set_xticks(range(len(COLUMNS) + 1), [*COLUMNS, "stands\nin"], fontsize=9.5)
    axes.set_yticks(range(len(ids)), ids, fontsize=9.5)
    axes.set(xlim=(-0.6, len(COLUMNS) + 0.5), ylim=(len(ids) - 0.4, -0.6))
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.grid(False)
    words = dict.fromkeys(frame.verdict)
    charts.key(drawn, [(word, style.INK, MARKS[word], "") for word in words], columnspacing=1.2)
    return drawn


def in_short(frame: pd.DataFrame) -> str:
    """How many verdicts stand in every setting, and which least, in a sentence."""
    stands = shares(frame)
    if stands.empty:
        return "No claim was computed."
    least: dict[str, list[str]] = {}
    for id, share in stands[stands < 1].nsmallest(3, keep="all").items():
        least.setdefault(f"{100 * share:.0f} %", []).append(id)
    said = style.listing(f"{', '.join(ids)} ({share})" for share, ids in least.items())
    rest = f" Least often: {said}." if least else ""
    return f"{(stands == 1).sum()} of {len(stands)} verdicts stand in every setting.{rest}"
