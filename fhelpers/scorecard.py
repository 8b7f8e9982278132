"""All claims of both papers at once: which held, by how much, and where to look.

Each claim is a function over the records of its section (`fhelpers.claims`). Here stands how each
one gets its data, so that the opening page and `fhelpers claims` show the same verdicts as the
sections do.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from fhelpers import data, frequency, scales, sections, smoothing, store
from fhelpers.claims import CLAIMS, Verdict
from fhelpers.claims.other_datasets import of_dataset
from fhelpers.plots import noise, smoothing_defence, tradeoff
from fhelpers.store import Runs

# The figure of each claim, by its name in the section.
FIGURES = {
    "W1": "decomposition-counts", "W2": "decomposition-split", "W3": "tradeoff-fooled",
    "W4": "shuffled-epochs", "W5": "shuffled-equal-accuracy", "W6": "shuffled-by-epoch",
    "W7": "shuffled-table1", "W8": "heuristics-batch-sizes", "W9": "heuristics-against-batch",
    "W10": "heuristics-bands", "W11": "heuristics-bands", "W12": "batchnorm-whole",
    "W13": "heuristics-five", "W14": "architectures-ends", "W15": "batchnorm-help",
    "W16": "kernels-smoothness", "W17": "defence-curves", "W18": "defence-curves",
    "W19": "defence-curves", "W20": "detection-map", "W21": "detection-kept",
    "W22": "detection-gained", "W23": "noise-counts", "W24": "other-datasets-compared",
    "K1": "masks-reliability", "K2": "masks-energies", "K3": "masks-energies",
    "K4": "masks-differences", "K5": "essential-through", "K6": "masks-images",
    "K7": "single-versions", "K8": "single-map",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """A claim's verdict, or the sentence that says why it could not be computed."""

    id: str
    verdict: Verdict | None
    failure: str = ""

    @property
    def word(self) -> str:
        return self.verdict.verdict if self.verdict else "not computed"


Inputs = Mapping[str, Callable[[], tuple]]


def chance_of(recipe) -> float:
    return 1 / data.describe(recipe.dataset, **dict(recipe.data_options)).classes


def of_decomposition(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    """W1 takes the Fourier rows that section 14 measures: the same outcomes, already computed."""
    recipe = runs["natural"][0].recipe
    plan = sections.noise_or_signal(scale, recipe.dataset, seeds)
    cases = {"cases-natural": plan["cases-natural"]}
    radius = 12

    def outcomes() -> tuple:
        rows = store.fetch(cases, scale=scale).history
        return (rows[rows.part == "Fourier"],)

    def errors() -> tuple:
        options = {"limit": recipe.test_images, **dict(recipe.data_options)}
        images = data.load(recipe.dataset, train=False, **options).pixels()
        low, high = frequency.split(images, radius)
        kept = frequency.spectrum(images) * frequency.disc(*images.shape[-2:], radius)
        back = torch.fft.ifft2(torch.fft.ifftshift(kept, dim=(-2, -1)))
        gap = (low + high - images).abs().amax((1, 2, 3))
        return gap, back.imag.abs().amax((1, 2, 3))

    return {"W1": outcomes, "W2": errors}


def of_shuffled_labels(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    chance = chance_of(runs["natural"][0].recipe)
    alone = dict.fromkeys(("W4", "W5"), lambda: (runs.history,))
    return alone | dict.fromkeys(("W6", "W7"), lambda: (runs.history, chance))


def of_heuristics(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    chance = chance_of(runs["vanilla"][0].recipe)
    alone = dict.fromkeys(("W8", "W9", "W10", "W11"), lambda: (runs.history,))
    return alone | {"W13": lambda: (runs.history, chance)}


def of_other_datasets(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    names = list(dict.fromkeys(label.partition("/")[0] for label in runs))
    radii = sections.other_datasets.__kwdefaults__["radii"]

    def repeated() -> tuple:
        own = {name: scales.scaled_radii(scale, name, radii) for name in names}
        histories = {name: of_dataset(runs.history, name, own[name]) for name in names}
        chances = {name: chance_of(runs[f"{name}/natural"][0].recipe) for name in names}
        return histories, chances

    return {"W24": repeated}


def of_smooth_kernels(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    def kernels() -> tuple:
        networks = [label for label in runs if not label.startswith("map-")]
        trained = {label: [run.model() for run in runs[label]] for label in networks}
        return (smoothing.kernel_table(trained, seeds),)

    return {"W16": kernels}


def of_smoothing_defence(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    table = lambda: (smoothing_defence.table_of(runs.history),)  # noqa: E731
    return dict.fromkeys(("W17", "W18", "W19"), table)


def of_tradeoff(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    def natural() -> tuple:
        rows = tradeoff.perturbations(runs.history)
        return (rows[rows.network == "natural"],)

    return {"W3": natural}


def of_noise(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    def natural() -> tuple:
        rows = noise.outcomes(runs.history)
        return (rows[rows.network == "natural"],)

    return {"W23": natural}


def of_detection(runs: Runs, scale: str, seeds: Sequence[int]) -> Inputs:
    rows = lambda: (runs.history.query("split == 'images'"),)  # noqa: E731
    return dict.fromkeys(("W20", "W21", "W22"), rows)


def history_of(*ids: str) -> Callable[[Runs, str, Sequence[int]], Inputs]:
    """Inputs of claims that take the section's whole history."""
    return lambda runs, scale, seeds: dict.fromkeys(ids, lambda: (runs.history,))


INPUTS = {
    "01_decomposition": of_decomposition,
    "02_shuffled_labels": of_shuffled_labels,
    "03_heuristics": of_heuristics,
    "04_architectures": history_of("W14"),
    "05_batchnorm": history_of("W12", "W15"),
    "06_other_datasets": of_other_datasets,
    "07_smooth_kernels": of_smooth_kernels,
    "08_smoothing_defence": of_smoothing_defence,
    "09_tradeoff": of_tradeoff,
    "10_detection": of_detection,
    "11_fourier_masks": history_of("K1", "K2", "K3", "K4", "K6"),
    "12_essential_frequencies": history_of("K5"),
    "13_single_image_masks": history_of("K7", "K8"),
    "14_noise_or_signal": of_noise,
}


def compute(scale: str, dataset: str, seeds: Sequence[int]) -> list[Outcome]:
    """Every claim's outcome from the records of its section, training what is missing.

    A claim that cannot be computed is an outcome too, with a sentence; the others go on. Raises
    ValueError for a scale, data set or seeds that are not possible.
    """
    found = {}
    for slug, inputs_of in INPUTS.items():
        plan = sections.of_section(slug, {"scale": scale, "dataset": dataset, "seeds": seeds})
        runs = store.fetch(plan, scale=scale)
        for id, inputs in inputs_of(runs, scale, seeds).items():
            found[id] = outcome(id, inputs)
    return [found[id] for id in FIGURES]


def outcome(id: str, inputs: Callable[[], tuple]) -> Outcome:
    try:
        return Outcome(id, CLAIMS[id](*inputs()))
    except (ValueError, KeyError, ArithmeticError) as error:
        return Outcome(id, None, " ".join(str(error).split()))


def deciding(verdict: Verdict):
    """The part that the verdict hangs on: the one whose interval is least on the claimed side."""
    return min(verdict.parts, key=lambda part: distance(part)[1])


def distance(part) -> tuple[float, float, float]:
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


def table(outcomes: Sequence[Outcome], scale: str) -> pd.DataFrame:
    """One row a claim, in plain values: what `claims.json` and the opening page hold."""
    rows = []
    for each in outcomes:
        claim = CLAIMS[each.id]
        row = {"id": each.id, "paper": "W" if each.id[0] == "W" else "K", "claim": claim.text}
        row |= {"section": claim.section, "figure": FIGURES[each.id], "source": claim.source}
        row |= {"measure": claim.measure, "rule": claim.rule, "published": claim.paper}
        row |= {"verdict": each.word, "scale": scale, "failure": each.failure}
        if each.verdict:
            part = deciding(each.verdict)
            row |= {"effect": part.name, "margin": part.margin, "ceiling": part.ceiling}
            row |= {"value": part.estimate.value, "low": part.estimate.low}
            row |= {"high": part.estimate.high, "n": part.estimate.n, "over": part.estimate.over}
            row |= {"text": str(part.estimate), "note": each.verdict.note}
        rows.append(row)
    return pd.DataFrame(rows)


def to_json(frame: pd.DataFrame) -> str:
    """The table as JSON, missing and infinite numbers as null."""
    return json.dumps(json.loads(frame.to_json(orient="records")), indent=1, ensure_ascii=False)


def advice(row: Mapping) -> str:
    """What it would take to decide a claim that is not decided."""
    if row["verdict"] == "not computed":
        return row["failure"]
    if row["verdict"] != "inconclusive":
        return ""
    more = {"smoke": "scale quick", "quick": "scale standard", "standard": "more seeds"}
    return f"Not decided at scale {row['scale']}: needs {more.get(row['scale'], 'more seeds')}."
