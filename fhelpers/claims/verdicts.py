"""What a claim is, and how measured effects become a verdict."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from fhelpers.claims import learning
from fhelpers.intervals import CONFIDENCE, ROUNDING, Estimate, at_confidence, over_seeds, quantile

REPRODUCED, WEAKER, NOT_REPRODUCED = "reproduced", "weaker", "not reproduced"
UNDECIDED = "undecided"
VERDICTS = (NOT_REPRODUCED, UNDECIDED, WEAKER, REPRODUCED)  # what decides first
SEEDS = 3  # a verdict over seeds needs as many
FOUND = 0.8  # how often an effect of the smallest size that a rule finds would be found


@dataclass(frozen=True)
class Part:
    """One measured effect: reproduced above `margin`, or below it where it is a `ceiling`.

    `ours`: an effect that the paper does not claim, listed beside the verdict and no part of it.
    `neutral`: the value that means no effect, 1 for a ratio. `chosen_from`: how many effects it was
    picked from as the deciding one; intervals are widened for all of them (`confidence_of`).
    """

    name: str
    estimate: Estimate
    margin: float
    ceiling: bool = False
    ours: bool = False
    neutral: float = 0.0
    chosen_from: int = 1

    @property
    def verdict(self) -> str:
        return decide(self.estimate, self.margin, ceiling=self.ceiling, neutral=self.neutral)

    @property
    def text(self) -> str:
        """The estimate in digits that show why the verdict is what it is."""
        return self.estimate.against(self.margin, self.neutral)

    def __str__(self) -> str:
        sign = "<" if self.ceiling else ">"
        rule = "ours" if self.ours else "rule"
        return f"{self.name} {self.text}, {rule} {sign} {self.margin:g}: {self.verdict}"


def whole_history(runs) -> tuple:
    """The inputs of a claim that takes the whole history of its section's runs."""
    return (runs.history,)


@dataclass(frozen=True)
class Claim:
    """A claim in our words, how it is measured, the rule of its verdict, the paper's own number.

    source: the place in the paper; paper: the published value as text, None where the paper only
    shows a figure; figure: the one that shows the effect, by its name on the section's page;
    check: tidy data -> (parts, note); inputs: the section's finished runs -> the data that `check`
    takes; networks: labels (* for any) of those that must have learned for there to be a verdict;
    identity: it holds by construction, so that its check tests the code and not the paper. Call the
    claim with data, or `of` with runs, for a `Verdict`. short: the claim as a clause, for a page's
    finding.
    """

    id: str
    short: str
    text: str
    source: str
    measure: str
    rule: str
    figure: str
    check: Callable[..., tuple[list[Part], str]]
    paper: str | None = None
    inputs: Callable[..., tuple] = whole_history
    networks: tuple[str, ...] = ()
    identity: bool = False

    @property
    def section(self) -> str:
        """The folder of the section that checks the claim."""
        return self.check.__module__.split(".")[-2]

    @property
    def published(self) -> str:
        """The paper's number in words, also where it has none."""
        return "an identity" if self.identity else self.paper or "a figure, without a number"

    def __call__(self, *data, **settings) -> "Verdict":
        """The verdict on data; of k effects each interval is at 1 − 0.05 / k."""
        parts, note = self.check(*data, **settings)
        if (confidence := confidence_of(parts)) > CONFIDENCE:
            with at_confidence(confidence):
                parts, note = self.check(*data, **settings)
        return Verdict(self, parts[0].estimate, conjunction(parts), note, tuple(parts))

    def of(self, runs, **settings) -> "Verdict":
        """The verdict on the finished runs of a section's plan; settings are those of `inputs`.

        Undecided where one of the claim's networks has not learned.
        """
        verdict = self(*self.inputs(runs, **settings))
        stuck = learning.not_learned(runs, self.networks)
        return verdict.without_intervals(stuck) if stuck else verdict


@dataclass(frozen=True)
class Verdict:
    """What a check found. `estimate` is that of the first part, `parts` holds them all.

    stuck: the networks that have not learned, so that nothing is judged.
    """

    claim: Claim
    estimate: Estimate
    verdict: str
    note: str
    parts: tuple[Part, ...]
    stuck: tuple[str, ...] = ()

    def without_intervals(self, stuck: tuple[str, ...]) -> "Verdict":
        """The same values undecided, because of these networks."""
        parts = tuple(map(without_interval, self.parts))
        found = {"estimate": parts[0].estimate, "parts": parts, "verdict": UNDECIDED}
        return replace(self, **found, stuck=stuck)

    @property
    def lines(self) -> dict[str, str]:
        """What was found, what is ours beside it, and the power of the rule, for a card."""
        lines = {"Here": listed(part for part in self.parts if not part.ours)}
        if ours := [part for part in self.parts if part.ours]:
            lines["Ours, beside it"] = listed(ours)
        if self.stuck:
            lines["Not judged"] = f"because these have not learned: {', '.join(self.stuck)}"
        if self.claim.identity:
            lines["Identity"] = "it holds by construction: this checks the code, not the paper"
        elif (found := self.power) > 0:
            found = f"an effect {found:.2g} beyond the margin would be found"
            lines["Power"] = f"{found} in 80 of 100 repetitions"
        return lines

    @property
    def power(self) -> float:
        """`smallest_found` of the part that decides, at the confidence of its interval."""
        with at_confidence(confidence_of(self.parts)):
            return smallest_found(deciding(self.parts).estimate)

    @property
    def seeds(self) -> int:
        """How many seeds the verdict rests on."""
        return self.estimate.n if self.estimate.over == "seeds" else 1

    @property
    def said(self) -> str:
        """The verdict as a card says it."""
        if self.claim.identity and self.verdict == REPRODUCED:
            return "identity"
        return self.verdict if self.seeds > 1 else f"in this run: {self.verdict}"

    def __str__(self) -> str:
        parts = "; ".join(str(part) for part in self.parts)
        return f"{self.claim.id} {self.said} ({self.estimate.sample}). {parts}. {self.note}"


def confidence_of(parts: Iterable[Part]) -> float:
    """The confidence of each interval with which all claimed effects together keep 95 %."""
    return 1 - (1 - CONFIDENCE) / max(1, effects(parts))


def effects(parts: Iterable[Part]) -> int:
    """How many effects the claimed parts stand for, with all that each was chosen from."""
    return sum(part.chosen_from for part in parts if not part.ours)


def listed(parts: Iterable[Part]) -> str:
    """Parts with their values, and what was sampled: once where it is the same for all."""
    parts = list(parts)
    texts = [f"{part.name} {part.text}" for part in parts]
    samples = [part.estimate.sample for part in parts]
    if len(set(samples)) == 1:
        return f"{'; '.join(texts)} ({samples[0]})"
    return "; ".join(f"{text} ({over})" for text, over in zip(texts, samples, strict=True))


def decide(
    estimate: Estimate, margin: float, *, ceiling: bool = False, neutral: float = 0.0
) -> str:
    """The verdict on "effect > margin", margin ≥ neutral, or with `ceiling` on "effect < margin".

    Reproduced where the whole interval is on the claimed side. Otherwise: weaker where all of it is
    above `neutral` and below the margin, so that the direction holds; not reproduced where none of
    it is above the margin, or with `ceiling` none below; undecided without an interval, over fewer
    than three seeds, and in every other case.
    """
    low, high = estimate.low, estimate.high
    if math.isnan(low) or math.isnan(high) or (estimate.over == "seeds" and estimate.n < SEEDS):
        return UNDECIDED
    if ceiling:
        return REPRODUCED if high < margin else NOT_REPRODUCED if low >= margin else UNDECIDED
    if low > margin:
        return REPRODUCED
    if high > margin:
        return UNDECIDED
    return WEAKER if low > neutral else NOT_REPRODUCED


def smallest_found(estimate: Estimate) -> float:
    """How far an effect has to lie beyond the margin to be found in 80 of 100 repetitions.

    From the width of the interval, as if another repetition had the same; NaN without an interval.
    """
    half = (estimate.high - estimate.low) / 2
    if not math.isfinite(half):
        return math.nan
    shares = np.array([FOUND, quantile()])
    seeds = estimate.over == "seeds"
    found, end = special.stdtrit(estimate.n - 1, shares) if seeds else special.ndtri(shares)
    return float(half * (1 + found / end))


def without_interval(part: Part) -> Part:
    return replace(part, estimate=replace(part.estimate, low=math.nan, high=math.nan))


def conjunction(parts: Iterable[Part]) -> str:
    """The verdict on what the paper claims: that of its worst part, in the order of `VERDICTS`."""
    return min((part.verdict for part in parts if not part.ours), key=VERDICTS.index)


def deciding(parts: Iterable[Part]) -> Part:
    """The part that decides: that of the worst verdict, among equals the least far on its side."""

    def place(part: Part) -> tuple[int, float]:
        value = distance(part)[1]
        return VERDICTS.index(part.verdict), -math.inf if math.isnan(value) else value

    return min((part for part in parts if not part.ours), key=place)


def distance(part: Part) -> tuple[float, float, float]:
    """Value and interval of a part on the common axis: (low, value, high).

    0 is the margin of the rule, the claimed side is positive, and the unit is half the width of the
    interval: beyond -1 and 1 the whole interval lies on one side. NaN where there is no interval.
    """
    estimate, sign = part.estimate, -1 if part.ceiling else 1
    ends = sorted(sign * (end - part.margin) for end in (estimate.low, estimate.high))
    value = sign * (estimate.value - part.margin)
    if not all(map(math.isfinite, (*ends, value))):
        return (math.nan, value if value == math.inf else math.nan, math.nan)
    half = (ends[1] - ends[0]) / 2
    if half == 0:
        return (math.inf if value > 0 else -math.inf,) * 3
    return ends[0] / half, value / half, ends[1] / half


def estimate(per_seed, over_images: Callable[[], Estimate]) -> Estimate:
    """Student's t over the effects of the seeds; with one seed the interval over images instead.

    A seed draws its own images where there are fewer than all, so that an interval over seeds
    holds both sources of chance. Seeds that agree exactly, as accuracies of 0 do, say nothing of
    either: there the interval is as wide as that over images.
    """
    if len(per_seed) == 1:
        return over_images()
    found = over_seeds(per_seed)
    if np.ptp(per_seed) > ROUNDING:
        return found
    one = over_images()
    low, high = (found.value + end - one.value for end in (one.low, one.high))
    return replace(found, low=low, high=high)


CLAIMS: dict[str, Claim] = {}


def claim(id: str, **words) -> Callable[[Callable], Claim]:
    """Make the decorated function the check of claim `id`, and register it."""

    def register(check: Callable) -> Claim:
        if id in CLAIMS:
            raise ValueError(f"Claim {id} is registered twice: give each check its own id.")
        CLAIMS[id] = Claim(id, check=check, **words)
        return CLAIMS[id]

    return register
