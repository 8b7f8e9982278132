"""What a claim is, and how measured effects become a verdict."""

from collections.abc import Callable
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


@dataclass(frozen=True)
class Claim:
    """A claim in our words, how it is measured, the rule of its verdict, the paper's own number.

    `section` is the notebook that checks it and `source` the place in the paper; `paper` is the
    published value as text, None where the paper only shows a figure. `check` takes tidy data and
    returns the parts and a note; call the claim itself with the same data for a `Verdict`.
    """

    id: str
    text: str
    section: str
    source: str
    measure: str
    rule: str
    paper: str | None
    check: Callable[..., tuple[list[Part], str]]

    def __call__(self, *data, **settings) -> "Verdict":
        parts, note = self.check(*data, **settings)
        return Verdict(self, parts[0].estimate, conjunction(parts), note, tuple(parts))


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


def estimate(per_seed, over_images: Callable[[], Estimate]) -> Estimate:
    """Student's t over the effects of the seeds; with one seed the interval over images instead."""
    return over_seeds(per_seed) if len(per_seed) > 1 else over_images()


CLAIMS: dict[str, Claim] = {}


def claim(id: str, **words) -> Callable:
    """Register the decorated function as the check of claim `id`; it stays callable by itself."""

    def register(check):
        if id in CLAIMS:
            raise ValueError(f"Claim {id} is registered twice: give each check its own id.")
        CLAIMS[id] = Claim(id, check=check, **words)
        return check

    return register
