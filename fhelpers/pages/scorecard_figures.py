"""The opening page: every claim with its verdict, and all effects on one common axis."""

import html
import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from fhelpers.claims import CLAIMS
from fhelpers.claims.verdicts import Part, deciding, distance
from fhelpers.drawing import charts, style
from fhelpers.pages.scorecard import CLAIMS_JSON, Outcome, advice, to_json
from fhelpers.runs.scales import SCALES

ALT = (
    "A row for each claim, sorted by verdict: what was compared in words on the left, the effect "
    "with its interval in its own unit on the right, and between them a mark with its interval, to "
    "the right of the line where the effect lies on the claimed side of the rule's margin. Circles "
    "are reproduced claims, diamonds weaker ones, crosses those that are not reproduced, squares "
    "undecided ones; hollow marks rest on a single seed."
)
MARKS = {"reproduced": "o", "weaker": "D", "not reproduced": "X", "undecided": "s"}
FARTHEST = 6.0  # half-widths of the interval; what lies further is drawn at the edge
SIGNS = style.SIGNS | {"not computed": "–"}
WORDS = tuple(SIGNS)


@style.styled
def effects(outcomes: list[Outcome]) -> Figure:
    """All effects on one axis, as distances from their rules' margins, sorted by verdict."""
    rows, known = [], [each for each in outcomes if not CLAIMS[each.id].identity]
    for word in WORDS:
        own = [each for each in known if each.word == word]
        rows += [f"{SIGNS[word]} {word} ({len(own)})", *own] if own else []
    figure, ((axes,),) = style.canvas(1, 1, 0.8 + 0.41 * len(rows))
    names = []
    for place, row in enumerate(rows):
        names.append(row if isinstance(row, str) else draw(axes, place, row))
    axes.axvline(0, color=style.INK, linewidth=1, label="_margin")
    charts.name_rows(axes, names)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(text=label.get_text(), fontweight="bold" if isinstance(row, str) else "normal")
    axes.set(xlim=(-FARTHEST - 0.4, FARTHEST + 0.4), xticks=[0], xticklabels=["margin"])
    axes.set_xlabel("← short of the margin\u2003|\u2003beyond the margin →")
    axes.grid(False)
    return figure


def draw(axes, place: int, each: Outcome) -> str:
    """One claim's row: its deciding part, at the edge where it lies further out. Its words."""
    if not each.verdict:
        return f"not computed: {each.id}"
    part = deciding(each.verdict.parts)
    low, value, high = distance(part)
    words = f"{each.id}: {part.name}"
    words = "\n".join(textwrap.wrap(words, 34, max_lines=2, placeholder=" …"))
    beside = {"xycoords": ("axes fraction", "data"), "annotation_clip": False, "va": "center"}
    axes.annotate(effect_of(part), (1.03, place), fontsize=11, **beside)
    if not math.isnan(value):
        ends = np.clip([value, low, high], -FARTHEST, FARTHEST)
        shown = pd.DataFrame([ends], columns=["value", "low", "high"]).assign(at=place)
        charts.dots(
            axes, shown, at="at", order="scale", names=each.word, markers=MARKS[each.word],
            hollow=each.verdict.seeds == 1, markersize=7,
        )  # fmt: skip
    return words


def effect_of(part: Part) -> str:
    """A part's effect with its interval, in digits that show the side of margin and no effect."""
    return style.with_interval(part.estimate, marks=(part.margin, part.neutral))


def summary(frame: pd.DataFrame) -> str:
    """How many claims of each paper held, in two sentences."""
    sentences = []
    for paper, title in (("W", "Wang et al."), ("K", "Karantzas et al.")):
        rows = frame[(frame.paper == paper) & ~frame.identity]
        counts = [f"{(rows.verdict == word).sum()} {word}" for word in WORDS[:-1]]
        if left := int((rows.verdict == "not computed").sum()):
            counts.append(f"{left} not computed")
        sentences.append(f"Of {len(rows)} claims of {title}: {style.listing(counts)}.")
    constructed = style.listing(frame.id[frame.identity])
    return f"{' '.join(sentences)} Not counted, because it holds by construction: {constructed}."


def scales(outcomes: Mapping[str, Sequence[Outcome]], scale: str) -> pd.DataFrame:
    """A row for each claim and a column for each scale: its verdict there, and the effect.

    The effect is the one that decides at `scale`; at another scale it is that of the same name.
    """
    by_id = {each: {one.id: one for one in outcomes[each]} for each in SCALES if each in outcomes}
    rows = []
    for own in outcomes[scale]:
        claim = CLAIMS[own.id]
        if own.verdict and not claim.identity:
            part = deciding(own.verdict.parts).name
            found = {f"scale {each}": at_scale(by_id[each].get(own.id), part) for each in by_id}
            rows.append({"claim": f"{claim.short} ({own.id})", "effect": part, **found})
    return pd.DataFrame(rows)


def at_scale(each: Outcome | None, name: str) -> str:
    """A claim's verdict as a sign, with the effect of this name."""
    if each is None or each.verdict is None:
        return SIGNS["not computed"]
    parts = {part.name: part for part in each.verdict.parts}
    effect = f" {effect_of(parts[name])}" if name in parts else ""
    return SIGNS[each.word] + effect


def compared(outcomes: Mapping[str, Sequence[Outcome]], scale: str) -> str:
    """How many verdicts of the other scales agree with those of `scale`, and which do not."""
    own, sentences = {each.id: each.word for each in outcomes[scale]}, []
    here = {each.id: each.seeds for each in outcomes[scale]}
    for other in SCALES:
        if other == scale or other not in outcomes:
            continue
        both = [each for each in outcomes[other] if not CLAIMS[each.id].identity]
        changed = [f"{each.id} ({each.word})" for each in both if each.word != own[each.id]]
        less = sum(each.seeds < here[each.id] for each in both)
        said = f"At scale {other}, {len(both) - len(changed)} of {len(both)} verdicts are the same"
        said += f"; different: {style.listing(changed)}." if changed else "."
        fewer = f" There, {less} of the {len(both)} rest on fewer seeds." if less else ""
        sentences.append(said + fewer)
    return " ".join(sentences) or "No other scale has finished runs to compare with."


def choices(name: str, title: str, options: dict[str, str]) -> str:
    """A row of radio buttons: the page's style sheet hides the rows that do not fit."""
    buttons = "".join(
        f'<label><input type="radio" name="fh-{name}" value="{value}" id="fh-{name}-{value}"'
        f"{' checked' if value == 'all' else ''}> {html.escape(text)}</label>"
        for value, text in options.items()
    )
    return f"<fieldset><legend>{title}</legend>{buttons}</fieldset>"


def show_table(frame: pd.DataFrame) -> None:
    """Display all claims with filters by paper and verdict, and links to their figures.

    The output's metadata hold claims.json, so that nobody has to judge them again.
    """
    papers = {"all": "both", "W": "Wang et al.", "K": "Karantzas et al."}
    verdicts = {"all": "all"} | {word.replace(" ", "-"): word for word in WORDS[:-1]}
    filters = choices("paper", "Paper", papers) + choices("verdict", "Verdict", verdicts)
    rows = "".join(row_of(row) for row in frame.to_dict("records"))
    heads = ("claim", "verdict", "effect that decides, with interval")
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    page = (
        f'<details class="fh-score"><summary>All {len(frame)} claims, with filters</summary>'
        f'{filters}<div class="fh-table"><table aria-label="All claims">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
    plain = "\n".join(f"{row.id} {row.verdict}" for row in frame.itertuples())
    display(
        {"text/html": page, "text/plain": plain}, raw=True, metadata={CLAIMS_JSON: to_json(frame)}
    )


def row_of(row: dict) -> str:
    """A claim with the link to its figure, its verdict, and what the verdict rests on."""
    word, sign = row["verdict"], SIGNS[row["verdict"]]
    said = "identity" if row["identity"] and word == "reproduced" else word
    link = f"{row['section']}.html#fig-{row['figure']}"
    claim = (
        f'<a href="{link}"><span class="fh-claim-id">{row["id"]}</span></a> '
        f"{html.escape(row['claim'])}"
    )
    lines = []
    if isinstance(row.get("text"), str):
        side = "below" if row["ceiling"] else "above"
        lines.append(f"{row['effect']}: {row['text']}, has to lie {side} {row['margin']:g}")
        lines.append(f"{row['sample'].capitalize()}, scale {row['scale']}.")
    lines.append(f"The paper: {row['published']}.")
    if told := advice(row):
        lines.append(told)
    kind = word.replace(" ", "-")
    behind = "".join(f"<span>{html.escape(line)}</span>" for line in lines)
    return (
        f'<tr data-paper="{row["paper"]}" data-verdict="{kind}"><td>{claim}</td>'
        f'<td class="fh-{kind}"><span class="fh-verdict"><span class="fh-sign" aria-hidden="true">'
        f"{sign}</span> {said}</span></td><td>{behind}</td></tr>"
    )
