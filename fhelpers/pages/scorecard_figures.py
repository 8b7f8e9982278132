"""The opening page: every claim with its verdict, and all effects on one common axis."""

import html
import math

import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from fhelpers.claims.verdicts import deciding, distance
from fhelpers.drawing import charts, style
from fhelpers.pages.scorecard import Outcome, advice

ALT = (
    "A row for each claim. A mark with its interval shows how far the measured effect lies from "
    "the claim's margin, in half-widths of its interval: the claimed side is to the right of the "
    "line. Circles are reproduced claims, diamonds weaker ones, crosses those that are not "
    "reproduced, squares undecided ones; hollow marks rest on a single seed."
)
MARKS = {"reproduced": "o", "weaker": "D", "not reproduced": "X", "undecided": "s"}
MARKS["not computed"] = "_"
COLOURS = dict.fromkeys(MARKS, style.INK) | dict.fromkeys(("undecided", "not computed"), style.GREY)
FARTHEST = 6.0  # half-widths; what lies further is drawn at the edge
SIGNS = style.SIGNS | {"not computed": "–"}
WORDS = tuple(MARKS)


@style.styled
def effects(outcomes: list[Outcome]) -> Figure:
    """All effects on one axis: distance from the rule's margin in half-widths of the interval."""
    figure, ((axes,),) = style.canvas(1, 1, 0.9 + 0.27 * len(outcomes))
    for place, each in enumerate(outcomes):
        draw(axes, place, each)
    axes.axvline(0, color=style.INK, linewidth=1, label="_margin")
    axes.set_yticks(range(len(outcomes)), [each.id for each in outcomes], fontsize=10)
    axes.set(ylim=(len(outcomes) - 0.4, -0.6), xlim=(-FARTHEST - 0.4, FARTHEST + 0.4))
    axes.set_xticks([-4, -2, 0, 2, 4], ["−4", "−2", "margin", "2", "4"])
    axes.set_xlabel("← other side        half-widths of the interval        claimed side →")
    axes.tick_params(axis="y", length=0)
    key = [(word, COLOURS[word], MARKS[word], "") for word in WORDS[:-1]]
    charts.key(figure, key, columnspacing=1.2, handletextpad=0.2)
    return figure


def draw(axes, place: int, each: Outcome) -> None:
    """One claim's row: its deciding part, at the edge where it lies further out."""
    colour, look = COLOURS[each.word], {"markersize": 7, "label": f"_{each.word}"}
    low, value, high = distance(deciding(each.verdict.parts)) if each.verdict else (math.nan,) * 3
    if math.isnan(value):
        axes.annotate("no interval", (0.15, place), va="center", fontsize=9.5, color=style.GREY)
        return
    if abs(value) > FARTHEST:
        arrow = ">" if value > 0 else "<"
        axes.plot(math.copysign(FARTHEST, value), place, arrow, color=colour, **look)
        return
    hollow = {} if each.verdict.seeds > 1 else charts.HOLLOW
    shown = pd.Series({"value": value, "low": max(low, -FARTHEST), "high": min(high, FARTHEST)})
    charts.mark(axes, place, shown, colour, marker=MARKS[each.word], **look, **hollow)


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


def choices(name: str, title: str, options: dict[str, str]) -> str:
    """A row of radio buttons: the page's style sheet hides the rows that do not fit."""
    buttons = "".join(
        f'<label><input type="radio" name="fh-{name}" value="{value}" id="fh-{name}-{value}"'
        f"{' checked' if value == 'all' else ''}> {html.escape(text)}</label>"
        for value, text in options.items()
    )
    return f"<fieldset><legend>{title}</legend>{buttons}</fieldset>"


def show_table(frame: pd.DataFrame) -> None:
    """Display all claims with filters by paper and verdict, and links to their figures."""
    papers = {"all": "both", "W": "Wang et al.", "K": "Karantzas et al."}
    verdicts = {"all": "all"} | {word.replace(" ", "-"): word for word in WORDS[:-1]}
    filters = choices("paper", "Paper", papers) + choices("verdict", "Verdict", verdicts)
    rows = "".join(row_of(row) for row in frame.to_dict("records"))
    heads = ("claim", "verdict", "effect that decides, with interval")
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    page = (
        f'<div class="fh-score">{filters}<div class="fh-table"><table aria-label="All claims">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )
    plain = "\n".join(f"{row.id} {row.verdict}" for row in frame.itertuples())
    display({"text/html": page, "text/plain": plain}, raw=True)


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
        side = "<" if row["ceiling"] else ">"
        lines.append(f"{row['effect']}: {row['text']}, claimed {side} {row['margin']:g}")
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
