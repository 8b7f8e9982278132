"""Claims about true against shuffled labels and about training on one band (W §4.2, Table 1)."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fhelpers import frequency
from fhelpers.claims import histories, labels
from fhelpers.claims.histories import MORE, Curve, crossing, curves, epochs_to, lead, minus
from fhelpers.claims.labels import FAR, FIRST, NAMES, NEAR
from fhelpers.claims.learning import chance_of
from fhelpers.claims.reliance import size_of
from fhelpers.claims.verdicts import Part, claim
from fhelpers.intervals import ROUNDING, Estimate, each_over_seeds, wilson

# Table 1 of W: accuracy on the band it was trained on ("train") and on the original test set.
TABLE1 = pd.DataFrame(
    [
        ("low", 4, 0.9668, 0.6167),
        ("low", 8, 0.9786, 0.7154),
        ("low", 12, 0.9786, 0.7516),
        ("low", 16, 0.9839, 0.7714),
        ("high", 4, 0.9885, 0.2002),
        ("high", 8, 0.9768, 0.0920),
        ("high", 12, 0.9797, 0.0997),
        ("high", 16, 0.9384, 0.1281),
    ],
    columns=["trained_on", "radius", "train", "test"],
)
LEVELS = tuple(level / 100 for level in range(95, 45, -5))  # training accuracies, highest first
PAIR = ("natural", "shuffled")
EQUAL = 0.1  # of the logarithm: energies within a tenth of each other count as equal
EXAMPLES = 500  # images whose energy is measured: its shares vary little between images


def with_chance(runs) -> tuple:
    """The history with the images seen, and the share right by guessing."""
    return histories.with_seen(runs), chance_of(runs["natural"][0])


@claim(
    "W4",
    short="shuffled labels take more epochs to learn than true ones",
    text="To reach the same training accuracy a network needs more epochs on shuffled labels than "
    "on true ones.",
    source="W, §4.2",
    measure="epochs until a training accuracy is first reached, shuffled minus natural, at the "
    f"highest of the levels {LEVELS[-1]}, {LEVELS[-2]}, …, {LEVELS[0]} that all runs reach",
    rule="reproduced if the interval lies above 0; if no level is reached by all runs, the highest "
    "is taken that all runs of one kind reach, a run that never does counts as its last epoch, and "
    "the interval is open on that side",
    paper="300 epochs against 100 for a comparable training accuracy",
    figure="shuffled-epochs",
    networks=PAIR,
)
def extra_epochs(history: pd.DataFrame) -> tuple[list[Part], str]:
    """A run that stops before the level bounds the effect on one side only: its end is infinite."""
    runs = curves(history, "natural", "shuffled", split="train", part="original")
    name, level = "more epochs with shuffled labels", common_level(runs)
    if level is None:
        nothing = Estimate(math.nan, math.nan, math.nan, len(runs["natural"]), "seeds")
        note = f"With neither kind of labels do all runs reach a training accuracy of {LEVELS[-1]}."
        return [Part(name, nothing, MORE)], note
    seeds = zip(runs["shuffled"].values(), runs["natural"].values(), strict=True)
    more = lead([[_over_images(curve, level) for curve in pair] for pair in seeds])
    epochs = needed(runs, level)
    if math.inf in epochs["shuffled"]:
        more = replace(more, high=math.inf)
    if math.inf in epochs["natural"]:
        more = replace(more, low=-math.inf)
    levels = dict.fromkeys([level, LEVELS[-1]])  # the lag need not be the same at all of them
    said = "; of ".join(f"{each:g}: {_listed(needed(runs, each))}" for each in levels)
    return [Part(name, more, MORE)], f"Epochs to a training accuracy of {said}."


def needed(runs: dict[str, dict[int, Curve]], level: float) -> dict[str, list[float]]:
    """Epochs until each run of each label first has a training accuracy; inf if never."""
    return {label: [epochs_to(c, level) for c in seeds.values()] for label, seeds in runs.items()}


def _listed(epochs: dict[str, list[float]]) -> str:
    return ", ".join(f"{NAMES[label]} {_span(values)}" for label, values in epochs.items())


def common_level(runs: dict[str, dict[int, Curve]]) -> float | None:
    """The highest of `LEVELS` that every run reaches, else every run of one label, else None."""
    reached = [min(curve.accuracy.max() for curve in seeds.values()) for seeds in runs.values()]
    for accuracy in (min(reached), max(reached)):
        if levels := [level for level in LEVELS if level <= accuracy + ROUNDING]:
            return levels[0]
    return None


def _over_images(curve: Curve, level: float) -> Estimate:
    """A run's crossing, which lies between those of Wilson's upper and lower limits."""
    low, high = wilson(curve.accuracy * curve.images, curve.images)
    counted = min(epochs_to(curve, level), float(curve.epochs[-1]))
    early, late = (crossing(curve.epochs, limit, level) for limit in (high, low))
    return Estimate(counted, min(early, counted), late, curve.images, "images")


def _span(epochs: list[float]) -> str:
    finite = [epoch for epoch in epochs if math.isfinite(epoch)]
    never = f"never in {len(epochs) - len(finite)} of {len(epochs)} runs"
    mean = f"{np.mean(finite):.1f}" if finite else ""
    return mean if len(finite) == len(epochs) else f"{mean} {never}".strip()


@claim(
    "W5",
    short="at equal training accuracy true labels lead on low parts",
    text="At equal training accuracy a network trained on true labels is better on the low parts "
    "of its training images than one trained on shuffled labels, at small radii.",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts, natural minus shuffled, mean over the two smallest "
    "radii and over every training accuracy that both networks passed through",
    rule="reproduced if the interval lies above 0",
    figure="shuffled-equal-accuracy",
    networks=PAIR,
)
def low_parts_at_equal_accuracy(history: pd.DataFrame) -> tuple[list[Part], str]:
    """With one seed a mean over epochs and radii counts as one yes-or-no outcome per image."""
    return labels.low_parts_at_equal_accuracy(history)


@claim(
    "W6",
    short="the lowest frequencies serve true labels early and shuffled labels never",
    text="On the low parts of the smallest radius a network trained on shuffled labels stays near "
    "chance, and one trained on true labels is far above chance after the paper's first epoch.",
    source="W, §4.2, Figure 3",
    measure="training accuracy on low parts at the smallest radius, minus chance: of natural after "
    f"{FIRST:,} images seen, the paper's 500 steps of 100, between two epochs by interpolation and "
    "at its end if it sees fewer; of shuffled, mean of the last quarter of its epochs, where it "
    "has memorised most",
    rule=f"reproduced if natural is more than {FAR:g} above chance and shuffled less than {NEAR:g}",
    figure="shuffled-by-epoch",
    inputs=with_chance,
    networks=PAIR,
)
def smallest_low_parts(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes."""
    return labels.smallest_low_parts(history, chance)


@claim(
    "W7",
    short="training on low parts generalises to whole images and training on high parts "
    "hardly does",
    text="Trained on low parts a network generalises to whole images, the better the larger the "
    "radius; trained on high parts it hardly does.",
    source="W, §4.2, Table 1",
    measure="test accuracy on originals: trained on low minus trained on high parts, at the radius "
    "where this is smallest; trained on low parts, largest minus smallest radius; trained on high "
    "parts, mean over radii minus chance",
    rule=f"reproduced if the first exceeds {FAR:g}, the second 0, and the third is below {NEAR:g}",
    paper="0.62 to 0.77 trained on low parts, 0.09 to 0.20 trained on high parts",
    figure="shuffled-table1",
    inputs=with_chance,
    networks=("low-*", "high-*"),
)
def trained_on_one_band(history: pd.DataFrame, chance: float) -> tuple[list[Part], str]:
    """`chance`: share right by guessing, 1 / classes. Labels: low-<radius> and high-<radius>."""
    return labels.trained_on_one_band(history, chance)


def with_energies(runs) -> tuple:
    """The history, and the energy of each part that was monitored."""
    recipe = runs["natural"][0].recipe
    pixels = recipe.load(train=True).images[:EXAMPLES].float() / 255
    return runs.history, energies(pixels, recipe.radii)


def energies(pixels, radii) -> dict[tuple[str, float], float]:
    """{(part, radius): share of the energy of images (N, C, H, W), their means taken away}.

    The mean of a channel holds most of an image's energy and nothing of its pattern.
    """

    def energy(images):
        return (images - images.mean((-2, -1), keepdim=True)).square().sum().item()

    return {
        (name, radius): energy(part) / energy(pixels)
        for radius, split in frequency.split_many(pixels, radii).items()
        for name, part in zip(("low", "high"), split, strict=True)
    }


def nearest_in_energy(energy: dict[tuple[str, float], float]) -> tuple[float, float]:
    """The radii of the low and of the high part whose energies have the ratio nearest to 1."""
    parts = {name: [r for part, r in energy if part == name] for name in ("low", "high")}
    pairs = itertools.product(parts["low"], parts["high"])
    return min(pairs, key=lambda pair: _ratio(energy, *pair))


def _ratio(energy, low: float, high: float) -> float:
    tiny = 1e-12  # a part may be empty
    return abs(math.log((energy["low", low] + tiny) / (energy["high", high] + tiny)))


@claim(
    "W26",
    short="shuffled labels favour neither part and true labels the low part",
    text="While it trains, a network on shuffled labels has no preference between low and high "
    "parts; one on true labels prefers low parts.",
    source="W, §4.2",
    measure="training accuracy on low minus on high parts, mean over the epochs of training, at "
    "the radii where the energies of the two (without each channel's mean) are nearest: of "
    "natural; its size for shuffled",
    rule=f"reproduced if natural is above {NEAR:g} and shuffled within {NEAR:g} of 0",
    figure="shuffled-by-epoch",
    inputs=with_energies,
    networks=PAIR,
)
def preference_between_parts(
    history: pd.DataFrame, energy: dict[tuple[str, float], float]
) -> tuple[list[Part], str]:
    """`energy`: from `energies`; `history`: train low and high parts at its radii."""
    low, high = nearest_in_energy(energy)
    natural, shuffled = (low_minus_high(history, label, low, high) for label in PAIR)
    shares = f"{energy['low', low]:.2f} and {energy['high', high]:.2f}"
    note = f"Low part at r = {low:g} and high part at r = {high:g}, with {shares} of the energy"
    note += "." if _ratio(energy, low, high) < EQUAL else ": not equal, but the nearest there are."
    return [
        Part("true labels, low minus high", natural, NEAR),
        Part("shuffled labels, size of low minus high", size_of(shuffled), NEAR, ceiling=True),
    ], f"{note} Shuffled labels, low minus high: {shuffled}."


def low_minus_high(history: pd.DataFrame, label: str, low: float, high: float) -> Estimate:
    """Mean accuracy while training on the low part at one radius minus the high at another.

    Over all epochs: those that were not monitored, most of them late, are interpolated.
    """
    means, images = [], []
    for part, radius in (("low", low), ("high", high)):
        seeds = curves(history, label, split="train", part=part, radius=radius)[label].values()
        means.append(np.array([while_training(c) for c in seeds]))
        images.append(min(c.images for c in seeds))
    return minus(*means, *images)


def while_training(curve: Curve) -> float:
    """Mean accuracy over the epochs of a training, its start left out."""
    return float(np.interp(np.arange(1, curve.epochs[-1] + 1), curve.epochs, curve.accuracy).mean())


def at_levels(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """Accuracy on low parts at equal training accuracy: columns radius, seed, level, label, a."""
    frames = []
    for radius in radii:
        wide = labels.at_equal_accuracy(history, radius).assign(radius=radius)
        keys = ["radius", "seed", "level"]
        frames.append(wide.melt(keys, list(NAMES), "label", value_name="a"))
    return pd.concat(frames, ignore_index=True)


def compared(history: pd.DataFrame, radii: Sequence[float]) -> pd.DataFrame:
    """`at_levels` over seeds: columns radius, label, level, value, low, high.

    Only levels that every seed passed through, so that no step in a curve is a change of seeds.
    """
    tidy = at_levels(history, radii)
    seeds = tidy.groupby(["radius", "level"]).seed.transform("nunique")
    tidy = tidy[seeds == history.seed.nunique()]
    return each_over_seeds(tidy, ["radius", "label", "level"], "a")
