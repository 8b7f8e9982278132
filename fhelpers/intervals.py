"""95 % intervals, over seeds and over images, each as one `Estimate`.

Over seeds the question is what other trainings would give; over images it is what other images
would give with these same networks. Several seeds answer the first; one seed can answer only the
second, and its `Estimate` says so.
"""

import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

CONFIDENCE = 0.95
ROUNDING = 1e-6  # of accuracies, which records keep in float32: 0.95 is a little less there
_confidence: ContextVar[float] = ContextVar("confidence", default=CONFIDENCE)
RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 resamples each


def as_read(text: str) -> str:
    """The text with a true minus sign before its numbers, and no sign before those that are zero.

    >>> intervals.as_read("-0.02 [-0.04, -0.00], +0.0")
    '−0.02 [−0.04, 0.00], 0.0'
    """
    text = re.sub(r"(?<![\w.])[-+−](?=0(\.0+)?(?!\.?\d))", "", text)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def shows_sides(rounded: float, value: float, marks: Iterable[float]) -> bool:
    """Whether a rounded value lies on the same side of each of these numbers as the value."""
    return all(np.sign(rounded - mark) == np.sign(value - mark) for mark in marks)


@dataclass(frozen=True)
class Estimate:
    """A measured value and its interval [low, high].

    `n` counts what was sampled, `over` names it: "seeds" or "images". Where there is no interval
    low and high are NaN; where a run ended too early to give a bound, that bound is infinite.
    """

    value: float
    low: float
    high: float
    n: int
    over: str

    def __str__(self) -> str:
        return as_read(self._in_digits())

    def against(self, *marks: float) -> str:
        """As `str`, with enough digits to show on which side of these numbers its bounds lie."""
        return as_read(self._in_digits(marks))

    def _in_digits(self, marks: Sequence[float] = ()) -> str:
        if math.isnan(self.value):
            return "not measured"
        if math.isinf(self.value):
            return "beyond what was measured"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.3g} (no interval)"
        if self.low == self.value == self.high:  # a count, which is what it is
            texts = (f"{self.value:.{digits}g}" for digits in range(3, 18))
            return next(text for text in texts if shows_sides(float(text), self.value, marks))
        ends = {"at least": self.low, "at most": self.high}
        bounds = {word: end for word, end in ends.items() if math.isfinite(end)}
        half = max((abs(end - self.value) for end in bounds.values()), default=0.0)
        half = (self.high - self.low) / 2 if len(bounds) == 2 else half
        # One significant digit of the half-width: more would be noise, fewer would hide the width.
        digits = max(0, -math.floor(math.log10(half))) if half > 1e-6 else 0
        while digits < 6 and not all(
            shows_sides(round(end, digits), end, marks) for end in bounds.values()
        ):
            digits += 1
        form = f".{digits}f" if half > 1e-6 else ".3g"
        if len(bounds) == 2:
            return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"
        said = [f"{word} {end:{form}}" for word, end in bounds.items()]
        return f"{self.value:{form}} ({', '.join(said) or 'no bound'})"

    @property
    def sample(self) -> str:
        """What the interval is over: "over 2,000 images"."""
        return f"over {self.n:,} {self.over.removesuffix('s') if self.n == 1 else self.over}"


@contextmanager
def at_confidence(share: float) -> Iterator[None]:
    """Within it every interval of this module covers `share` instead of 95 %.

    A claim of k effects takes 1 − 0.05 / k, so that all its intervals together keep 95 %.
    """
    token = _confidence.set(share)
    try:
        yield
    finally:
        _confidence.reset(token)


def quantile() -> float:
    """The upper quantile of an interval at the present confidence, 0.975 at 95 %."""
    return (1 + _confidence.get()) / 2


def student(deviation, n):
    """Half of Student's t interval for a mean, elementwise: of n values with that deviation."""
    return special.stdtrit(n - 1, quantile()) * deviation / np.sqrt(n)


def over_seeds(values) -> Estimate:
    """Mean over seeds with Student's t interval; one value has no interval (NaN).

    `values`: one number per seed. Raises ValueError without values or with NaN or infinite ones.
    """
    values = np.asarray(values, dtype=float).ravel()
    if values.size == 0:
        raise ValueError("No seeds to average: pass at least one value.")
    if not np.isfinite(values).all():
        raise ValueError("A value over seeds is NaN or infinite: look at the run that produced it.")
    mean, n = float(values.mean()), values.size
    if n == 1:
        return Estimate(mean, math.nan, math.nan, 1, "seeds")
    half = float(student(values.std(ddof=1), n))
    return Estimate(mean, mean - half, mean + half, n, "seeds")


def wilson(successes, images) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limit of Wilson's score interval, elementwise.

    `successes` need not be whole: for a score in [0, 1] per image, such as an outcome averaged over
    epochs or radii, the interval is too wide rather than too narrow, because no such score varies
    more than a yes-or-no outcome with the same mean.
    Raises ValueError for no images, NaN, or successes outside [0, images].
    """
    successes, images = np.asarray(successes, dtype=float), np.asarray(images, dtype=float)
    if not (np.isfinite(images) & (images > 0)).all():
        raise ValueError("A proportion needs at least one image.")
    if not ((successes >= 0) & (successes <= images)).all():
        raise ValueError("Successes must lie between 0 and the number of images, and not be NaN.")
    z = special.ndtri(quantile())
    share = successes / images
    centre = share + z**2 / (2 * images)
    spread = z * np.sqrt(share * (1 - share) / images + (z / (2 * images)) ** 2)
    scale = 1 + z**2 / images
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # At none and at all right the formula meets the bound exactly; rounding must not cross it.
    return np.clip(low, 0, share), np.clip(high, share, 1)


def proportion(successes: float, images: int) -> Estimate:
    """Share of images with Wilson's interval over images; see `wilson` for what is refused."""
    low, high = wilson(successes, images)
    return Estimate(float(successes / images), float(low), float(high), int(images), "images")


def accuracy(values: Sequence[float], images: int) -> Estimate:
    """Mean of an accuracy over seeds with its interval; over images if there is one seed."""
    values = list(values)
    if len(values) != 1:
        return within(over_seeds(values), 0.0, 1.0)
    return proportion(round(values[0] * images), images)


def difference(
    successes: float, images: int, others: float, other_images: int, correlation: float = 0.0
) -> Estimate:
    """Difference of two proportions, independent unless a correlation is given, first minus second.

    Newcombe's interval over images (1998, Statistics in Medicine 17:873, method 10), which stays
    within [-1, 1] and keeps its level for shares near 0 or 1: the distances of each share to its
    own Wilson limits are combined as one would standard errors. On the same images it is too wide
    where the outcomes agree more often than by chance, as those of two networks do: outcomes image
    by image belong in `paired_difference`.
    """
    (low, other_low), (high, other_high) = wilson([successes, others], [images, other_images])
    share, other = successes / images, others / other_images

    def combined(one, two):
        # Rounding can take the sum of squares a hair below zero when the correlation is 1.
        return math.sqrt(max(one**2 - 2 * correlation * one * two + two**2, 0))

    value = float(share - other)
    down, up = combined(share - low, other_high - other), combined(high - share, other - other_low)
    n = min(int(images), int(other_images))
    return Estimate(value, value - down, value + up, n, "images")


def paired_difference(first, second) -> Estimate:
    """Difference of the shares of two outcomes of the same images, first minus second.

    `first`, `second`: bool (images,). Newcombe's interval for paired data (1998, Statistics in
    Medicine 17:2635, method 10): that of `difference`, narrowed by the correlation of the outcomes.
    Raises ValueError for other shapes, other types or no images.
    """
    first, second = _outcomes(first), _outcomes(second)
    if first.shape != second.shape:
        raise ValueError("Paired outcomes must belong to the same images: their numbers differ.")
    n = first.size
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    excess = both * neither - only_first * only_second
    if excess > 0:  # Newcombe's continuity correction, towards no correlation
        excess = max(excess - n / 2, 0)
    margins = math.prod([int(o.sum()) for o in (first, ~first, second, ~second)])
    correlation = excess / math.sqrt(margins) if margins else 0.0
    return difference(int(first.sum()), n, int(second.sum()), n, correlation)


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """Difference of two independent estimates over images, first minus second.

    Their distances to their ends are combined like standard errors (Zou and Donner 2008).
    """
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - down, value + up, min(first.n, second.n), "images")


def bootstrap(statistic: Callable[..., float], *arrays) -> Estimate:
    """Percentile bootstrap of `statistic(*arrays)` over images, from a fixed seed.

    `arrays`: their first axis is the same images; whole images are drawn, so what belongs together
    stays together. Raises ValueError for no images, unequal lengths, and NaN in the arrays or from
    the statistic.
    """
    arrays = [np.asarray(array) for array in arrays]
    images = {len(array) for array in arrays}
    if len(images) != 1 or 0 in images:
        raise ValueError("The bootstrap needs arrays over the same images, at least one of them.")
    if any(array.dtype.kind == "f" and np.isnan(array).any() for array in arrays):
        raise ValueError("An array for the bootstrap holds NaN: remove or repair those images.")
    n, generator = images.pop(), np.random.default_rng(0)
    # One resample at a time: all 2,000 x 10,000 indices at once would take 160 MB.
    draws = (generator.integers(n, size=n) for _ in range(RESAMPLES))
    replicates = np.array([statistic(*(array.take(draw, 0) for array in arrays)) for draw in draws])
    value = float(statistic(*arrays))
    if not np.isfinite(value) or not np.isfinite(replicates).all():
        raise ValueError("The bootstrapped statistic is NaN or infinite on these images.")
    low, high = np.quantile(replicates, [1 - quantile(), quantile()])
    return Estimate(value, float(low), float(high), n, "images")


def within(estimate: Estimate, least: float, most: float) -> Estimate:
    """The same estimate with its interval cut off at the values that are possible at all."""
    return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))


def shifted(estimate: Estimate, by: float) -> Estimate:
    """The same estimate with `by` added to the value and to both bounds."""
    moved = {name: getattr(estimate, name) + by for name in ("value", "low", "high")}
    return replace(estimate, **moved)


def estimates(
    measure: Callable[..., Estimate | None], /, **each: Iterable[Hashable] | Mapping[Hashable, str]
) -> pd.DataFrame:
    """A row for each combination of what is given: columns of that, value, low, high, n, over.

    measure: takes one of each, in their order; combinations for which it gives None are left out.
    A mapping is from what is measured to what its column says.
    """
    rows = []
    for combination in itertools.product(*each.values()):
        if (found := measure(*combination)) is not None:
            said = (
                known[value] if isinstance(known, Mapping) else value
                for known, value in zip(each.values(), combination, strict=True)
            )
            rows.append(dict(zip(each, said, strict=True)) | vars(found))
    return pd.DataFrame(rows, columns=[*each, *Estimate.__annotations__])


def _outcomes(values) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype != bool or values.ndim != 1 or values.size == 0:
        raise ValueError("Outcomes must be a non-empty one-dimensional array of True and False.")
    return values


def each_over_seeds(frame: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Mean of a column over seeds, with its interval: the columns of `by`, value, low, high.

    Each group as `over_seeds` has it, all at once. Raises ValueError for NaN or infinite values.
    """
    if not np.isfinite(frame[column].to_numpy(float)).all():
        raise ValueError(f"{column} over seeds is NaN or infinite: look at the run it is from.")
    groups = frame.groupby(list(by), dropna=False, sort=False)[column]
    mean, half = groups.mean(), student(groups.std(), groups.size())
    return pd.DataFrame({"value": mean, "low": mean - half, "high": mean + half}).reset_index()
