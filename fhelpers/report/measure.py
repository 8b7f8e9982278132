"""The frequency report of any classifier: the papers' question asked of one's own model (W §9).

W asks that accuracy on low-frequency counterparts be reported together with accuracy on the images
themselves. This report adds what else the two papers measure, each number with its interval over
images.
"""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from fhelpers import attacks, frequency, heatmap, masks
from fhelpers.intervals import Estimate, bootstrap, paired_difference, proportion
from fhelpers.networks import as_images, as_labels, evaluating
from fhelpers.networks.asking import said
from fhelpers.networks.compute import CHUNK, Compute, portion
from fhelpers.report.checks import Watched, check_model, doubts
from fhelpers.runs.checks import check_whole
from fhelpers.runs.training import correct

RADII = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20)  # of 32×32 images; others in proportion
SMALL_EPSILONS = (1 / 255, 2 / 255, 4 / 255)
BANDS = 16  # of a mask's energies
SHARES = {0.5: "half", 0.9: "90 %"}


@dataclass(frozen=True)
class FrequencyReport:
    """What `frequency_report` found.

    about: what was measured and on what; table: tidy, a row for each number, with the columns
    measure, part, at, value, low, high, images; heat_map and mask: (H, W), zero frequency in the
    centre. at: a radius in bins, an ε, the number of a mask's band, or the distance of a wave's
    ring in bins; for the measure "radius" the share of the accuracy to be reached, where value is a
    radius in bins, infinite if no part reaches it; else missing.
    """

    about: dict
    table: pd.DataFrame
    heat_map: Tensor
    mask: Tensor

    def to_json(self) -> str:
        """Everything as JSON: about, the table's rows and both maps. Missing numbers are null."""
        rows = json.loads(self.table.to_json(orient="records"))
        maps = {"heat_map": self.heat_map.tolist(), "mask": self.mask.tolist()}
        return json.dumps({"about": self.about, "table": rows} | maps, indent=1, allow_nan=False)


Row = tuple[str, str, float | None, Estimate]  # measure, part, at and value of a report


@dataclass(frozen=True)
class Observations:
    """What a model does with the images, before any interval is computed.

    correct: bool (1 + 2 R, N), on whole images, then on low and high parts at each of R radii;
    resists: bool (E, n), still correct under PGD at each of `SMALL_EPSILONS`, of the first n;
    through: bool (n - n // 2,), correct through the mask, of those it was not learned from;
    mask, heat_map: (H, W), zero frequency in the centre.
    """

    correct: Tensor
    resists: Tensor
    through: Tensor
    mask: Tensor
    heat_map: Tensor


def frequency_report(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    radii: Sequence[float] | None = None,
    classes: int | None = None,
    name: str = "model",
    few: int = 1_000,
    seed: int = 0,
    precision: str = "auto",
    progress: Callable[[str], None] = lambda part: None,
) -> FrequencyReport:
    """Which frequencies a classifier relies on (W §4, §5 and §9; K; Yin et al. 2019).

    model: logits (N, classes) from pixels in [0, 1], on any device; images: (N, C, H, W); labels:
    (N,), both also in the forms that `as_images` and `as_labels` know; radii: where low and high
    part divide, `RADII` in proportion to the image size unless given; classes: how many the model
    must have, by default as many as the labels; few: how many images (the first ones) serve the
    costly measures: heat map, attacks and mask. The mask is learned on one half of these and judged
    on the other. name: how the report calls the model; seed: of the attacks' random starts, the
    mask and the heat map's signs; precision: float32, bfloat16, or "auto" for what the machine does
    fastest and the model takes; progress: called with the name of each part of the work as it
    begins. The model stays as it was.
    Of images above 64 pixels the heat map tries some frequencies only; about["step"] says which,
    about["norm"] how large its waves are: in proportion to the image.
    Raises ValueError for `few` below 2, and as `check_model`, `as_images` and `as_labels` do.

    >>> found = frequency_report(model, images[..., :8, :8], labels, radii=[2, 4], classes=10)
    >>> found.table.measure.unique()[:3].tolist()
    ['accuracy', 'gained', 'radius']
    """
    images, labels = as_images(images).float(), as_labels(labels)
    check_whole("few", few, 2)
    if classes is None:
        classes = int(labels.max()) + 1 if len(labels) else 0
    given = [] if radii is None else sorted(map(float, set(radii)))
    radii = given or default_radii(*images.shape[-2:])
    size = images.shape[-2:]
    waves = {"step": heatmap.coarse_step(*size), "norm": heatmap.norm_for(*size)}
    options = {"few": few, "seed": seed} | waves
    model = Watched(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", attacks.SuspectGradients)  # they stand among the doubts
        compute = check_model(model, images, labels, classes, precision)
        found = doubts(model, images, labels, compute)
        seen = observe(model, images, labels, radii, compute, **options, progress=progress)
    shape = list(images.shape[1:])
    about = {"model": name, "classes": classes, "shape": shape, "radii": radii}
    about |= {"precision": compute.precision, "doubts": found} | waves
    return report_of(seen, about)


def observe(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    radii: Sequence[float],
    compute: Compute,
    *,
    few: int,
    seed: int,
    norm: float,
    step: int = 1,
    progress: Callable[[str], None] = lambda part: None,
) -> Observations:
    """Everything that a report rests on; arguments as for `frequency_report`, which checks them.

    norm, step: of the heat map.
    """
    progress("accuracy on parts")
    on_parts = correct_on_parts(model, images, labels, radii, compute)
    images, labels = (each[:few].to(compute.device) for each in (images, labels))
    half = len(images) // 2
    first = images[:half], labels[:half]
    progress("attacks")
    resists = correct_under_attack(model, images, labels, seed, compute)
    progress("learning a mask")
    with evaluating(model):
        try:
            learned = masks.learn_mask(model, *first, seed=seed, compute=compute)
        except (ArithmeticError, RuntimeError) as error:
            raise ValueError(f"no mask can be learned of the model: {said(error)}") from error
        kept = masks.through(learned.mask, images[half:])
        through = correct(model, kept, labels[half:], precision=compute.precision)
    mask = learned.mask.masks().detach()[0].mean(0)
    progress("heat map")
    options = {"norm": norm, "step": step, "seed": seed, "precision": compute.precision}
    waves = heatmap.heat_map(model, images, labels, **options)
    return Observations(on_parts, resists.cpu(), through.cpu(), mask, waves)


def report_of(seen: Observations, about: Mapping) -> FrequencyReport:
    """The report on observations: every number with its interval over images.

    about: model, classes, shape, radii, precision and norm; of a model from outside also step and
    doubts.
    """
    few = seen.resists.shape[1]
    counts = {"images": seen.correct.shape[1], "few": few, "chance": 1 / about["classes"]}
    rows = [*accuracies(seen.correct.numpy(), about["radii"])]
    for epsilon, still in zip(SMALL_EPSILONS, seen.resists, strict=True):
        rows.append(("robust accuracy", "PGD-10", epsilon, share_of(still)))
    rows += through_mask(seen, few // 2)
    for ring, share in heatmap.by_ring(seen.heat_map).items():
        rows.append(("accuracy", "wave", ring, proportion(share * few, few)))
    table = pd.DataFrame(
        {"measure": measure, "part": part, "at": at, "value": found.value,
         "low": found.low, "high": found.high, "images": found.n}
        for measure, part, at, found in rows
    )  # fmt: skip
    return FrequencyReport({**about, **counts}, table, seen.heat_map, seen.mask)


def share_of(right) -> Estimate:
    """The share of True with its interval over images. right: bool (images,)."""
    return proportion(int(right.sum()), len(right))


def default_radii(height: int, width: int) -> list[float]:
    return [radius * min(height, width) / 32 for radius in RADII]


def correct_on_parts(model, images, labels, radii, compute: Compute) -> Tensor:
    """Which images are classified correctly whole and from their parts: bool (1 + 2 radii, N)."""
    pieces = []
    size = portion(images, CHUNK)
    for pair in zip(images.split(size), labels.split(size), strict=True):
        chunk, answers = (each.to(compute.device) for each in pair)
        split = frequency.split_many(chunk, radii)
        parts = [chunk, *(split[r][0] for r in radii), *(split[r][1] for r in radii)]
        right = [correct(model, part, answers, precision=compute.precision) for part in parts]
        pieces.append(torch.stack(right).cpu())
    return torch.cat(pieces, 1)


def accuracies(correct: np.ndarray, radii: Sequence[float]) -> Iterator[Row]:
    """Accuracies on all parts, what each band adds, and how far one must go for half and 90 %."""
    whole, low, high = correct[0], correct[1 : 1 + len(radii)], correct[1 + len(radii) :]
    yield "accuracy", "original", None, share_of(whole)
    for place, radius in enumerate(radii):
        yield "accuracy", "low", radius, share_of(low[place])
        yield "accuracy", "high", radius, share_of(high[place])
    yield "gained", "band", radii[0], share_of(low[0])
    for place, radius in enumerate(radii[1:], 1):
        yield "gained", "band", radius, paired_difference(low[place], low[place - 1])
    yield "gained", "beyond", radii[-1], paired_difference(whole, low[-1])
    for share, words in SHARES.items():
        if low.mean(1).max() < share * whole.mean():
            nowhere = Estimate(math.inf, math.nan, math.nan, len(whole), "images")
            yield "radius", words, share, nowhere
            continue

        def reached(lows, wholes, share=share):
            means = np.ones(len(lows)) @ lows / len(lows)  # a mean over the first axis is slower
            return radius_of(radii, means, share * wholes.mean())

        if whole.any():
            yield "radius", words, share, bootstrap(reached, low.T.astype(float, order="C"), whole)


def radius_of(radii: Sequence[float], accuracies: np.ndarray, level: float) -> float:
    """The first radius at which low parts reach a level, between two radii by interpolation.

    Below the smallest radius the accuracy is taken to rise from 0 at radius 0; in a resample in
    which a level is not reached it counts as the largest radius.
    """
    xs, ys = np.concatenate([[0.0], radii]), np.concatenate([[0.0], accuracies])
    over = np.nonzero(ys >= level)[0]
    if not len(over):
        return float(xs[-1])
    place = int(over[0])
    if place == 0:
        return 0.0
    rise = ys[place] - ys[place - 1]
    return float(xs[place - 1] + (xs[place] - xs[place - 1]) * (level - ys[place - 1]) / rise)


def correct_under_attack(model, images, labels, seed: int, compute: Compute) -> Tensor:
    """Which images are still classified correctly under PGD with ten steps: bool (ε, N).

    It climbs the margin: cross-entropy has no gradient where a network is very sure (BatchNorm).
    """
    still = []
    for epsilon in SMALL_EPSILONS:
        generator = torch.Generator().manual_seed(seed)
        with compute.autocast():
            options = {"steps": 10, "loss": attacks.margin, "generator": generator}
            made = attacks.pgd(model, images, labels, epsilon, **options)
        still.append(correct(model, made, labels, precision=compute.precision))
    return torch.stack(still)


def through_mask(seen: Observations, learned_from: int) -> Iterator[Row]:
    """Accuracy through the mask, its weight, and how much of each band it keeps."""

    def exact(value: float) -> Estimate:
        return Estimate(value, math.nan, math.nan, learned_from, "images")

    yield "accuracy", "through mask", None, share_of(seen.through)
    yield "mask", "weight", None, exact(float(seen.mask.abs().mean()))
    energies = {"radial": frequency.radial_energy, "angular": frequency.angular_energy}
    for part, energy in energies.items():
        whole = energy(torch.ones_like(seen.mask), BANDS).clamp(min=1)
        for band, share in enumerate((energy(seen.mask, BANDS) / whole).tolist()):
            yield "mask", f"{part} energy kept", band, exact(share)
