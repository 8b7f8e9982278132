"""What a claim is, and how measured effects become a verdict."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fhelpers.intervals import Estimate, over_seeds

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"


@dataclass(frozen=True)
class Part:
    """One measured effect: reproduced above `margin`, or below it where it is a `ceiling`."""

    name: str
    estimate: Estimate
    margin: float
    ceiling: bool = False

    @property
    def verdict(self) -> str:
        return decide(self.estimate, self.margin, ceiling=self.ceiling)

    def __str__(self) -> str:
        sign = "<" if self.ceiling else ">"
        return f"{self.name} {self.estimate}, claimed {sign} {self.margin:g}: {self.verdict}"


def whole_history(runs) -> tuple:
    """The inputs of a claim that takes the whole history of its section's runs."""
    return (runs.history,)


@dataclass(frozen=True)
class Claim:
    """A claim in our words, how it is measured, the rule of its verdict, the paper's own number.

    source: the place in the paper; paper: the published value as text, None where the paper only
    shows a figure; figure: the one that shows the effect, by its name on the section's page;
    check: tidy data -> (parts, note); inputs: the section's finished runs -> the data that `check`
    takes. Call the claim with data, or `of` with runs, for a `Verdict`.
    """

    id: str
    text: str
    source: str
    measure: str
    rule: str
    paper: str | None
    figure: str
    check: Callable[..., tuple[list[Part], str]]
    inputs: Callable[..., tuple] = whole_history

    @property
    def section(self) -> str:
        """The folder of the section that checks the claim."""
        return self.check.__module__.split(".")[-2]

    def __call__(self, *data, **settings) -> "Verdict":
        parts, note = self.check(*data, **settings)
        return Verdict(self, parts[0].estimate, conjunction(parts), note, tuple(parts))

    def of(self, runs, **settings) -> "Verdict":
        """The verdict on the finished runs of a section's plan; settings are those of `inputs`."""
        return self(*self.inputs(runs, **settings))


@dataclass(frozen=True)
class Verdict:
    """What a check found. `estimate` is that of the first part, `parts` holds them all."""

    claim: Claim
    estimate: Estimate
    verdict: str
    note: str
    parts: tuple[Part, ...]

    def row(self) -> dict:
        """One row of a table of claims, in plain values."""
        return {
            "id": self.claim.id,
            "claim": self.claim.text,
            "section": self.claim.section,
            "measure": self.claim.measure,
            "paper": self.claim.paper,
            "measured": str(self.estimate),
            "value": self.estimate.value,
            "low": self.estimate.low,
            "high": self.estimate.high,
            "n": self.estimate.n,
            "over": self.estimate.over,
            "verdict": self.verdict,
            "note": self.note,
        }

    def __str__(self) -> str:
        parts = "; ".join(str(part) for part in self.parts)
        n, over = self.estimate.n, self.estimate.over
        sampled = f"{n:,} {over.removesuffix('s') if n == 1 else over}"
        return f"{self.claim.id} {self.verdict} (over {sampled}). {parts}. {self.note}"


def decide(estimate: Estimate, margin: float, *, ceiling: bool = False) -> str:
    """The verdict on "effect > margin", or with `ceiling` on "effect < margin"."""
    above, below = estimate.low > margin, estimate.high < margin  # both False for NaN
    if ceiling:
        above, below = below, above
    return REPRODUCED if above else NOT_REPRODUCED if below else INCONCLUSIVE


def conjunction(parts) -> str:
    """The verdict on all parts together.

    *Reproduced* needs no stricter level than that of one part, since all must pass; each part adds
    its own 2.5 % to the chance of a wrong *not reproduced*.
    """
    verdicts = {part.verdict for part in parts}
    if NOT_REPRODUCED in verdicts:
        return NOT_REPRODUCED
    return INCONCLUSIVE if INCONCLUSIVE in verdicts else REPRODUCED


@dataclass(frozen=True)
class Judged:
    """The parts of a claim, and the verdict on all of them together."""

    parts: tuple[Part, ...]

    @property
    def verdict(self) -> str:
        return conjunction(self.parts)


def deciding(parts: Iterable[Part]) -> Part:
    """The part that the verdict hangs on: the worst, of equals that with the least on its side."""
    worst = {NOT_REPRODUCED: 0, INCONCLUSIVE: 1, REPRODUCED: 2}

    def place(part: Part) -> tuple[int, float]:
        value = distance(part)[1]
        return worst[part.verdict], -math.inf if math.isnan(value) else value

    return min(parts, key=place)


def distance(part: Part) -> tuple[float, float, float]:
    """Value and interval of a part on the common axis: (low, value, high).

    0 is the margin of the rule, the claimed side is positive, and the unit is half the width of the
    interval: beyond -1 and 1 the whole interval lies on one side. NaN where there is no interval.
    """
    estimate, sign = part.estimate, -1 if part.ceiling else 1
    ends = sorted(sign * (end - part.margin) for end in (estimate.low, estimate.high))
    value = sign * (estimate.value - part.margin)
    if not all(map(math.isfinite, (*ends, value))):
        reach = {True: math.inf, False: math.nan}
        return (math.nan, reach[math.isinf(value)] if value > 0 else math.nan, math.nan)
    half = (ends[1] - ends[0]) / 2
    if half == 0:
        return (math.copysign(math.inf, value),) * 3
    return ends[0] / half, value / half, ends[1] / half


def estimate(per_seed, over_images: Callable[[], Estimate]) -> Estimate:
    """Student's t over the effects of the seeds; with one seed the interval over images instead."""
    return over_seeds(per_seed) if len(per_seed) > 1 else over_images()


CLAIMS: dict[str, Claim] = {}


def claim(id: str, **words) -> Callable[[Callable], Claim]:
    """Make the decorated function the check of claim `id`, and register it."""

    def register(check: Callable) -> Claim:
        if id in CLAIMS:
            raise ValueError(f"Claim {id} is registered twice: give each check its own id.")
        CLAIMS[id] = Claim(id, check=check, **words)
        return CLAIMS[id]

    return register
