"""What a page found: one sentence, composed from the verdicts of all its cards."""

from collections.abc import Iterable

from fhelpers.claims.verdicts import NOT_REPRODUCED, REPRODUCED, UNDECIDED, WEAKER, Part, Verdict

HEADS = {
    REPRODUCED: "reproduced",
    WEAKER: "weaker than claimed",
    NOT_REPRODUCED: "not reproduced",
    UNDECIDED: "undecided",
}
CONSTRUCTED = "true by construction"
DOUBTS = {
    NOT_REPRODUCED: "our own comparison does not bear it out",
    UNDECIDED: "our own comparison leaves it open",
    WEAKER: "our own comparison bears it out only in part",
}


def finding(verdicts: Iterable[Verdict]) -> str:
    """The claims by verdict, in words; networks that have not learned come first."""
    verdicts = list(verdicts)
    groups: dict[str, list[str]] = {head: [] for head in (*HEADS.values(), CONSTRUCTED)}
    for verdict in verdicts:
        identity = verdict.claim.identity and verdict.verdict == REPRODUCED
        groups[CONSTRUCTED if identity else HEADS[verdict.verdict]].append(in_words(verdict))
    listed = "; ".join(f"{head}: {joined(said)}" for head, said in groups.items() if said)
    if all(verdict.seeds == 1 for verdict in verdicts):
        listed = f"in this run, {listed}"
    stuck = dict.fromkeys(name for verdict in verdicts for name in verdict.stuck)
    failed = f"These networks have not learned: {', '.join(stuck)}. " if stuck else ""
    return f"{failed}{listed[0].upper()}{listed[1:]}."


def joined(clauses: list[str]) -> str:
    """Clauses with a single "and", before the last; each ends in brackets, so commas are clear."""
    *most, last = clauses
    return f"{', '.join(most)}, and {last}" if most else last


def in_words(verdict: Verdict) -> str:
    """A claim as a clause; one that holds, with the comparisons of ours that do not bear it out."""
    said = [verdict.claim.id]
    for word, parts in doubted(verdict).items():
        listed = ", ".join(f"{part.name} {part.text}" for part in parts)
        said.append(f"{DOUBTS[word]}: {listed}")
    return f"{verdict.claim.short} ({'; '.join(said)})"


def doubted(verdict: Verdict) -> dict[str, list[Part]]:
    """Of a claim that holds, the comparisons of ours that do not bear it out, by their verdicts."""
    ours = [part for part in verdict.parts if part.ours and verdict.verdict == REPRODUCED]
    found = {word: [part for part in ours if part.verdict == word] for word in DOUBTS}
    return {word: parts for word, parts in found.items() if parts}
