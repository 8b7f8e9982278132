"""The papers pass their own rules: what they published, fed to our checks, is *reproduced*.

Each function marked `@published(id)` returns the data of that claim's check, made of the paper's
numbers, with the intervals of one seed and the paper's number of images. Where the paper has
numbers for some parts only, `parts` says how their names begin, and the others are not judged.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims.verdicts import REPRODUCED
from fhelpers.sections import all_claims
from fhelpers.sections.heuristics.claims import TABLE2_CLEAN
from fhelpers.sections.shuffled_labels.claims import TABLE1
from fhelpers.sections.smoothing_defence.claims import PAPER as TABLE2
from fhelpers.sections.smoothing_defence.claims import PAPER_COLUMNS as TABLE2_COLUMNS

IMAGES = 10_000  # test images of CIFAR-10
CASES: list = []


def published(id: str, parts: tuple[str, ...] = ()) -> Callable:
    """Register a function that returns the data of a claim's check, made of published numbers."""

    def register(function: Callable[[], tuple]) -> Callable:
        CASES.append(pytest.param(id, function, parts, id=f"{id}-{function.__name__}"))
        return function

    return register


def rows(label, accuracies, *, split="test", part="original", radius=math.nan, scope="all"):
    """One seed's rows of a classifier's history: {epoch: accuracy}."""
    frame = pd.DataFrame({"epoch": list(accuracies), "accuracy": list(accuracies.values())})
    about = {"label": label, "split": split, "part": part, "radius": radius, "scope": scope}
    return frame.assign(seed=0, images=IMAGES, **about)


# --- W -----------------------------------------------------------------------------------------


@published("W1")
def eight_images_of_figure_2():
    right = np.zeros((3, IMAGES), dtype=bool)
    right[:2, :8] = True  # whole, from the high part, from the low part
    names = ("right_original", "right_high", "right_low")
    return (pd.DataFrame(dict(zip(names, right, strict=True))).assign(seed=0, answer=0),)


@published("W4")
def a_hundred_epochs_and_three_hundred():
    epochs = np.arange(301)
    pace = {"natural": 100, "shuffled": 300}
    curves = {label: np.minimum(0.1 + 0.88 * epochs / end, 0.98) for label, end in pace.items()}
    watched = {"split": "train", "scope": "subset"}
    frames = [rows(label, dict(enumerate(curve)), **watched) for label, curve in curves.items()]
    return (pd.concat(frames),)


@published("W7")
def table_1():
    frames = [
        rows(f"{row.trained_on}-{row.radius}", {100: row.test}) for row in TABLE1.itertuples()
    ]
    return pd.concat(frames), 0.1


@published("W13", parts=("test accuracy",))
def clean_accuracies_of_table_2():
    names = {"vanilla": "vanilla", "adversarial-crop-flip": "adversarial"}
    frames = [rows(name, {100: TABLE2_CLEAN[label]}) for label, name in names.items()]
    unknown = [
        rows(name, {100: 0.5}, split=split, part=part, radius=radius)
        for name in names.values()
        for split, part, radius in [
            ("train", "original", math.nan),
            *(("test", part, radius) for part in ("low", "high") for radius in (4, 8, 12, 16)),
        ]
    ]
    return (pd.concat([*frames, *unknown]),)


PROBED = 1_000  # images that W attacked, as the three decimals of its Table 2 have it


def table_2():
    """W's Table 2 as rows of our table."""
    return pd.DataFrame(
        {"network": network, "rho": rho, "attack": attack, "epsilon": epsilon, "accuracy": value}
        for (network, rho), values in TABLE2.items()
        for (attack, epsilon), value in zip(TABLE2_COLUMNS, values, strict=True)
    ).assign(seed=0, form="published", images=PROBED)


for _id in ("W17", "W18", "W19"):
    published(_id)(lambda: (table_2(),))


def detection(values: dict[tuple[str, str], float], images=5_000):
    """An evaluation whose measures differ from draw to draw as those of so many images do."""
    random, frames = np.random.default_rng(0), []
    for (part, measure), value in values.items():
        draws = value + np.sqrt(value * (1 - value) / images) * random.standard_normal(500)
        row = {"part": part, "measure": measure, "radius": math.nan if part == "original" else 128}
        ends = pd.DataFrame({"scope": "all", "draw": [-1], "value": value})
        own = pd.DataFrame({"scope": "draw", "draw": range(500), "value": draws})
        frames.append(pd.concat([ends, own]).assign(seed=0, images=images, **row))
    return (pd.concat(frames),)


@published("W20")
def map_of_originals_and_parts():
    return detection({("original", "AP"): 0.356, ("low", "AP"): 0.275, ("high", "AP"): 0.107})


@published("W22")
def images_of_figure_9():
    share = 1684 / 5000
    return detection({("low", "gained"): share, ("control", "gained"): share})


# --- K -----------------------------------------------------------------------------------------

FIVE_CLASSES = 1_950  # validation images of five classes of Imagenette, about
SINGLE = 1_421  # images with a mask of their own


@published("K1")
def accuracies_without_and_with_the_mask():
    about = {"seed": 0, "split": "test", "scope": "all", "images": FIVE_CLASSES}
    scores = pd.DataFrame(
        [
            # That few images change sides is ours: a mask undoes about as many errors as it makes.
            {"part": "original", "accuracy": 0.8956, "both": 0.8956},
            {"part": "masked", "accuracy": 0.8920, "both": 0.8900},
        ]
    ).assign(**about)
    frames = [scores.assign(label=label) for label in ("ontest/natural", "mask/natural")]
    return (pd.concat([*frames, energies_of("natural", 0.5)]),)


def energies_of(name, *energies):
    """A mask for each list of energies by ring, all of the same weight: one a seed."""
    frames = []
    for seed, values in enumerate(energies):
        bands = np.broadcast_to(values, 64)
        about = {"label": f"mask/{name}", "seed": seed, "mask": 0}
        columns = {"band": range(64), "value": bands, "even": bands, "whole": 1.0, "split": "mask"}
        frames += [pd.DataFrame(about | {"split": "mask", "part": "weight", "value": [0.5]})]
        frames += [pd.DataFrame(about | columns | {"part": part}) for part in ("radial", "within")]
        learning = {"epoch": [0, 1], "weight": [1.0, 0.5], "low_share": [0.2, 0.5]}
        frames += [pd.DataFrame(about | learning | {"split": "learning"})]
    return pd.concat(frames)


@published("K2")
def differences_in_energy():
    """One network each: the spread over three is ours, a tenth of the largest difference."""
    band = np.arange(64)
    change = 0.09 * (band < 16) - 0.20 * ((band >= 16) & (band < 40))
    wobble = [0.01 * np.where(band < 16, sign, 0) for sign in (-1, 0, 1)]
    natural = energies_of("natural", *(0.5 + each for each in wobble))
    adversarial = energies_of("adversarial", *(0.5 + change + each for each in wobble[::-1]))
    return (pd.concat([natural, adversarial]),)


def single(**accuracies):
    """Rows of single-image masks: {part: accuracy}."""
    rows = pd.DataFrame({"part": list(accuracies), "accuracy": list(accuracies.values())})
    about = {"label": "images/natural", "seed": 0, "images": SINGLE, "reached": 1.0}
    every = [rows.assign(among=among, **about) for among in ("all", "right", "kept", "true")]
    return (pd.concat(every).assign(part=lambda frame: frame.part.str.replace("_", "-")),)


@published("K7")
def versions_of_single_images():
    found = {"masked": 1.0, "complement": 0.5552, "attacked": 0.0, "attacked_masked": 0.5869}
    return single(original=1.0, rest=0.5552, **found)


@published("K8")
def linear_classifier_of_the_masks():
    return single(linear=0.8224, linear_scrambled=0.2056)


# --- the test itself, after all that is published ------------------------------------------------


@pytest.mark.parametrize(("id", "data", "judged"), CASES)
def test_the_paper_passes_its_own_rule(id, data, judged):
    parts = [part for part in all_claims()[id](*data()).parts if not part.ours]
    found = {p.name: p.verdict for p in parts if not judged or p.name.startswith(judged)}
    assert len(found) >= max(1, len(judged))
    assert set(found.values()) == {REPRODUCED}, found
