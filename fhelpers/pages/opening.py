"""The first screen of the book: an image split in two, and what held, in words."""

import html
import math
from collections.abc import Mapping, Sequence

import torch
from IPython.display import display
from matplotlib.figure import Figure

from fhelpers import data, frequency, sections
from fhelpers.claims import CLAIMS, Part, findings
from fhelpers.claims.verdicts import NOT_REPRODUCED, UNDECIDED, WEAKER, deciding
from fhelpers.drawing import style
from fhelpers.drawing.names import NAMES
from fhelpers.pages.scorecard import Outcome
from fhelpers.runs.records import Run, Runs
from fhelpers.runs.training import predict
from fhelpers.sections.decomposition.claims import favourite

COLUMNS = {
    "Held": ("reproduced",),
    "Weaker, or not reproduced": ("weaker", "not reproduced"),
    "Undecided": ("undecided", "not computed"),
}
CHECKS = {
    WEAKER: "our check holds in part",
    NOT_REPRODUCED: "our check disagrees",
    UNDECIDED: "our check is open",
}
WIDE, HIGH = 72, 14  # pixels of a bar
ALT = (
    "One test image three times: as it is; its low part, blurred; its high part, faint outlines on "
    "grey. Beneath each stands what the network calls it, and how sure it is."
)


def example(run: Run, radius: float) -> int:
    """The number of a test image that is right whole and from its high part, not from its low part.

    The first one; where there is none, the first that is right whole.
    """
    whole, low = run.correct("original"), run.correct("low", radius)
    tried = (whole & run.correct("high", radius) & ~low, whole & ~low, whole)
    return int(next((wanted for wanted in tried if wanted.any()), whole).argmax())


@style.styled
def split_in_two(run: Run, radius: float) -> Figure:
    """An image, its low and its high part, and what the network sees in each."""
    test, number = run.recipe.load(train=False), example(run, radius)
    pixels = test.pixels()[number : number + 1]
    low, high = frequency.split(pixels, radius)
    seen, precision = torch.cat([pixels, low, high]), run.record["precision"]
    answers = predict(run.model(), seen, precision=precision).softmax(1)
    parts = {"the image": pixels, "its low part": low, "its high part": high + 0.5}
    images = [part[0] for part in parts.values()]
    figure, axes = style.pictures([images], 2.1, titles=[*parts])
    for panel, answer in zip(axes[0], answers, strict=True):
        said = test.classes[int(answer.argmax())].replace("_", " ")
        panel.set_xlabel(f"“{said}”, {100 * answer.max():.0f} % sure", fontsize=11.5)
    return figure


def caption(run: Run, radius: float) -> str:
    """What the example shows, and of which class most images like it are."""
    test = run.recipe.load(train=False)
    right = [run.correct("original"), *(run.correct(part, radius) for part in ("high", "low"))]
    most, _, more = favourite(*right, test.labels.numpy(), test.classes).partition(";")
    text = "One test image, split in two. Under each picture: what M_natural calls it."
    if not more:
        return text
    return (
        f"{text} It is right on the image and on its high part, and wrong on its low part. {most} "
        "({doc}`01_decomposition`)."
    )


def bar(part: Part) -> str:
    """A bar of an effect with its interval; a short tick is no effect, a long one the margin."""
    own = part.estimate
    ends = [x for x in (own.low, own.high, own.value) if math.isfinite(x)]
    if not ends:
        return ""
    least, most = min(*ends, part.neutral, part.margin), max(*ends, part.neutral, part.margin)

    def place(x: float) -> float:
        return round(4 + (WIDE - 8) * (x - least) / ((most - least) or 1), 1)

    middle, line = HIGH / 2, '<path d="M{0} {1}V{2}" stroke="currentColor"/>'
    drawn = line.format(place(part.neutral), middle - 3, middle + 3)
    drawn += line.format(place(part.margin), 0, HIGH)
    drawn += f'<path d="M4 {middle}H{WIDE - 4}" stroke="currentColor" opacity="0.3"/>'
    if math.isfinite(own.low) and math.isfinite(own.high):
        interval = f"M{place(own.low)} {middle}H{place(own.high)}"
        drawn += f'<path d="{interval}" stroke="currentColor" stroke-width="3"/>'
    if math.isfinite(own.value):
        drawn += f'<circle cx="{place(own.value)}" cy="{middle}" r="4" fill="currentColor"/>'
    return (
        f'<svg class="fh-bar" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" '
        f'aria-hidden="true">{drawn}</svg>'
    )


def item(each: Outcome) -> str:
    """A claim in words with its effect, linked to its figure, and whether our own check agrees."""
    claim = CLAIMS[each.id]
    page = f"{sections.slug_of(claim.section)}.html"
    said = claim.short[0].upper() + claim.short[1:]
    word = f", {each.word}" if each.word in ("weaker", "not computed") else ""
    for doubt in list(findings.doubted(each.verdict) if each.verdict else ())[:1]:
        word += f'; <a href="{page}">{CHECKS[doubt]}</a>'
    link = f"{page}#fig-{claim.figure}"
    shown = f'<a href="{link}">{html.escape(said)}</a> <small>{each.id}{word}</small>'
    if each.verdict and not claim.identity:
        part = deciding(each.verdict.parts)
        side = "below" if part.ceiling else "above"
        rule = f"{part.name}, has to lie {side} {part.margin:g}"
        shown += f'<span class="fh-effect" title="{html.escape(rule)}">{bar(part)} '
        limit = f" (has to lie below {part.margin:g})" if part.ceiling else ""
        shown += f"{html.escape(part.text)} · {html.escape(part.name)}{limit}</span>"
    return f"<li>{shown}</li>"


def columns(outcomes: Sequence[Outcome]) -> str:
    """The claims in three columns by verdict, identities apart."""
    known = [each for each in outcomes if not CLAIMS[each.id].identity]
    shown = ""
    for title, words in COLUMNS.items():
        own = [each for each in known if each.word in words]
        if WEAKER in words and not any(each.word == WEAKER for each in own):
            title = "Not reproduced"
        items = "".join(map(item, own)) or "<li>none</li>"
        shown += f"<section><h3>{title} ({len(own)})</h3><ul>{items}</ul></section>"
    apart = "".join(item(each) for each in outcomes if CLAIMS[each.id].identity)
    below = f'<div class="fh-apart">True by construction:<ul>{apart}</ul></div>' if apart else ""
    return f'<div class="fh-verdicts">{shown}</div>{below}'


def show(outcomes: Sequence[Outcome]) -> None:
    """Display the columns; as text, a line for each claim."""
    plain = "\n".join(f"{each.id} {each.word}: {CLAIMS[each.id].short}" for each in outcomes)
    display({"text/html": columns(outcomes), "text/plain": plain}, raw=True)


def about(runs: Mapping[str, Runs], scale: str) -> str:
    """One line on what this book is and how large its networks are. runs: by section."""
    recipe = runs["decomposition"]["natural"][0].recipe
    weights = sum(p.numel() for p in recipe.rebuild().parameters())
    counts = {len(group) for own in runs.values() for group in own.values()}
    fewest, most = min(counts), max(counts)
    seeds = f"{most} seed{'s' * (most > 1)}"
    seeds = seeds if fewest == most else f"{fewest} to {seeds}"
    return (
        f"This book reproduces two papers on what image frequencies have to do with how networks "
        f"generalise. Its networks are small: M_natural is a {NAMES[recipe.model]} with "
        f"{weights:,} weights, trained on {recipe.train_images:,} images of "
        f"{data.TITLES[recipe.dataset]} (scale `{scale}`). Each kind of network was trained with "
        f"{seeds}."
    )
