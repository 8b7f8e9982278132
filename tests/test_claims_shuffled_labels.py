"""W4 to W7 and W26 against planted runs with a known answer: yes, no, and not to be told."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from fhelpers.claims import CLAIMS
from fhelpers.claims.histories import curves
from fhelpers.claims.labels import at_equal_accuracy
from fhelpers.claims.reliance import smallest_radii
from fhelpers.sections.shuffled_labels.claims import energies, nearest_in_energy

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"
IMAGES = 2000


def rows(label, seed, accuracies, *, split="train", part="original", radius=math.nan, first=0):
    return pd.DataFrame(
        {
            "label": label,
            "seed": seed,
            "epoch": np.arange(first, first + len(accuracies)),
            "split": split,
            "part": part,
            "radius": radius,
            "scope": "subset",
            "images": IMAGES,
            "accuracy": np.clip(accuracies, 0, 1),
            "loss": 1.0,
        }
    )


def two_labels(*, seeds=3, slower=3.0, follows=0.1, spread=0.01, epochs=60):
    """Natural and shuffled runs that rise to 1 exponentially, shuffled `slower` times as slowly.

    On low parts natural keeps 0.8 of its rise above chance at every radius, shuffled `follows`.
    `spread` is the deviation between seeds of both the rise and the share kept.
    """
    generator, frames = np.random.default_rng(7), []
    for seed, (label, pace, kept) in itertools.product(
        range(seeds), [("natural", 4.0, 0.8), ("shuffled", 4.0 * slower, follows)]
    ):
        pace, kept = pace * (1 + spread * generator.normal()), kept + spread * generator.normal()
        rise = 0.9 * (1 - np.exp(-np.arange(epochs + 1) / pace))
        frames.append(rows(label, seed, 0.1 + rise))
        for radius in (4.0, 8.0, 16.0):
            frames.append(rows(label, seed, 0.1 + kept * rise, part="low", radius=radius))
    return pd.concat(frames, ignore_index=True)


def bands(*, seeds=3, low=(0.60, 0.70, 0.75), high=(0.15, 0.10, 0.10), spread=0.005):
    """Band-trained runs at r = 4, 8, 12 and their test accuracies on originals."""
    generator, frames = np.random.default_rng(8), []
    for seed, (band, scores) in itertools.product(range(seeds), [("low", low), ("high", high)]):
        for radius, score in zip((4, 8, 12), scores, strict=True):
            score = score + spread * generator.normal()
            frames.append(rows(f"{band}-{radius}", seed, [score], split="test", first=20))
    return pd.concat(frames, ignore_index=True).assign(scope="all")


# --- W4 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("slower", "expected"), [(3.0, YES), (1.0, OPEN), (0.4, NO)])
def test_w4(seeds, slower, expected):
    verdict = CLAIMS["W4"](two_labels(seeds=seeds, slower=slower, spread=0.03))
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


@pytest.mark.parametrize("seeds", [1, 3])
def test_w4_measures_the_planted_difference(seeds):
    # Accuracy 0.95 is a rise of 0.85 / 0.9, which takes ln(18) paces.
    verdict = CLAIMS["W4"](two_labels(seeds=seeds, slower=3.0, spread=0))
    assert verdict.estimate.value == pytest.approx(math.log(18) * 8.0, rel=0.01)
    assert "0.95" in verdict.note


def capped(history, label, top):
    """The history with all accuracies of a label scaled so that they never exceed `top`."""
    factor = np.where(history.label == label, top, 1.0)
    return history.assign(accuracy=history.accuracy * factor)


def test_w4_takes_the_highest_level_that_all_runs_reach():
    history = two_labels()
    slowest = history.label.eq("shuffled") & history.seed.eq(1)
    history.loc[slowest, "accuracy"] *= 0.78
    assert "accuracy of 0.75:" in CLAIMS["W4"](history).note


@pytest.mark.parametrize("seeds", [1, 3])
def test_w4_with_a_run_that_never_gets_there_is_open_on_that_side(seeds):
    history = two_labels(seeds=seeds)
    verdict = CLAIMS["W4"](capped(history, "shuffled", 0.4))
    assert verdict.verdict == YES
    assert verdict.estimate.high == math.inf
    assert f"never in {seeds} of {seeds} runs" in verdict.note
    verdict = CLAIMS["W4"](capped(history, "natural", 0.4))
    assert verdict.verdict == NO
    assert verdict.estimate.low == -math.inf


def test_w4_does_not_hold_an_early_end_against_the_claim():
    """Shuffled stopped before natural had arrived: that says nothing either way."""
    history = two_labels(slower=3.0)
    stopped = history[(history.label == "natural") | (history.epoch <= 3)]
    assert CLAIMS["W4"](stopped).verdict == OPEN


def test_w4_without_any_level_is_open():
    history = two_labels()
    verdict = CLAIMS["W4"](history.assign(accuracy=history.accuracy * 0.4))
    assert verdict.verdict == OPEN
    assert math.isnan(verdict.estimate.value)
    assert "With neither kind of labels" in verdict.note


# --- W5 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("follows", "expected"), [(0.1, YES), (0.8, OPEN), (0.98, NO)])
def test_w5(seeds, follows, expected):
    verdict = CLAIMS["W5"](two_labels(seeds=seeds, follows=follows))
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


def test_w5_compares_at_equal_accuracy_and_not_at_equal_epochs():
    """Slower by a factor of five, yet no worse on low parts once as good on originals."""
    history = two_labels(slower=5.0, follows=0.8, spread=0)
    assert CLAIMS["W5"](history).estimate.value == pytest.approx(0, abs=1e-9)


def test_at_equal_accuracy_returns_the_planted_lines():
    found = at_equal_accuracy(two_labels(follows=0.3, spread=0), 4.0)
    assert list(found.columns) == ["seed", "level", "natural", "shuffled"]
    assert sorted(set(found.seed)) == [0, 1, 2]
    assert found.level.min() == pytest.approx(0.10)
    assert found.level.max() > 0.98
    np.testing.assert_allclose(found.natural, 0.1 + 0.8 * (found.level - 0.1), atol=1e-9)
    np.testing.assert_allclose(found.shuffled, 0.1 + 0.3 * (found.level - 0.1), atol=1e-9)


def test_at_equal_accuracy_counts_only_the_first_time_a_level_is_reached():
    frames = []
    for label in ("natural", "shuffled"):
        frames.append(rows(label, 0, [0.1, 0.5, 0.2, 0.5, 0.9]))
        frames.append(rows(label, 0, [0.1, 0.3, 0.9, 0.9, 0.7], part="low", radius=4.0))
    found = at_equal_accuracy(pd.concat(frames), 4.0).set_index("level").natural
    assert found[0.5] == pytest.approx(0.3)
    assert found[0.7] == pytest.approx(0.5)


def test_w5_uses_the_two_smallest_radii_only():
    history = two_labels(spread=0)
    changed = history.assign(accuracy=np.where(history.radius == 16, 0.1, history.accuracy))
    assert CLAIMS["W5"](changed).estimate == CLAIMS["W5"](history).estimate
    assert "r = 4" in CLAIMS["W5"](history).note
    assert "r = 16" not in CLAIMS["W5"](history).note


def test_w5_without_common_training_accuracy_is_open():
    history = two_labels()
    apart = history[(history.label == "shuffled") | (history.epoch > 40)]
    apart = apart.assign(accuracy=apart.accuracy * np.where(apart.label == "shuffled", 0.5, 1))
    verdict = CLAIMS["W5"](apart)
    assert verdict.verdict == OPEN
    assert "no training accuracy" in verdict.note


# --- W6 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("slower", "follows", "natural", "expected"),
    [
        (3.0, 0.0, 1.0, YES),
        (3.0, 0.4, 1.0, NO),  # shuffled leaves chance
        (3.0, 0.0, 0.45, WEAK),  # natural is hardly above it after an epoch
        (3.0, 0.0, 0.3, NO),  # natural is not above it
        (3.0, 0.055, 1.0, OPEN),  # shuffled at the margin
    ],
)
def test_w6(seeds, slower, follows, natural, expected):
    history = two_labels(seeds=seeds, slower=slower, follows=follows)
    verdict = CLAIMS["W6"](capped(history, "natural", natural), chance=0.1)
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


@pytest.mark.parametrize(
    ("images", "epoch"), [(50_000, 1.0), (20_000, 2.5), (2_000, 25), (500, 60)]
)
def test_w6_looks_at_natural_after_as_many_images_as_the_paper_s_first_epoch(images, epoch):
    history = two_labels(spread=0)
    seen = history.assign(seen=history.epoch * images)
    verdict = CLAIMS["W6"](seen, chance=0.1)
    rise = 0.72 * (1 - np.exp(-np.arange(61) / 4))
    assert verdict.estimate.value == pytest.approx(np.interp(epoch, np.arange(61), rise))
    assert ("ends after 60%" in verdict.note) == (images == 500)
    assert verdict.parts[0].name == "true labels above chance at r = 4 after 50,000 images"


def test_w6_takes_a_straight_line_between_epochs_that_are_close():
    history = two_labels(spread=0)
    seen = history.assign(seen=history.epoch * 2_000)
    every_fourth = seen[(seen.epoch <= 10) | (seen.epoch % 4 == 0)]
    (natural, _) = CLAIMS["W6"](every_fourth, chance=0.1).parts
    ends = 0.72 * (1 - np.exp(-np.array([24, 28]) / 4))
    assert natural.estimate.value == pytest.approx(np.interp(25, [24, 28], ends))
    with pytest.raises(ValueError, match="no epoch 25, nor any close to it"):
        CLAIMS["W6"](seen[(seen.epoch <= 10) | (seen.epoch % 20 == 0)], chance=0.1)


def test_w6_measures_epoch_one_and_the_last_quarter_at_the_smallest_radius():
    history = two_labels(slower=3.0, follows=0.2, spread=0)
    natural, shuffled = CLAIMS["W6"](history, chance=0.1).parts
    assert natural.estimate.value == pytest.approx(0.8 * 0.9 * (1 - math.exp(-1 / 4)))
    late = 0.9 * (1 - np.exp(-np.arange(46, 61) / 12))
    assert shuffled.estimate.value == pytest.approx(0.2 * late.mean())
    elsewhere = history.assign(accuracy=np.where(history.radius > 4, 0.9, history.accuracy))
    assert CLAIMS["W6"](elsewhere, chance=0.1).parts == (natural, shuffled)


# --- W7 and Table 1 ----------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, YES),
        ({"high": (0.55, 0.10, 0.10)}, NO),  # high parts do generalise
        ({"low": (0.75, 0.70, 0.60)}, NO),  # worse with a larger radius
        # low parts generalise hardly, and not at all
        ({"low": (0.14, 0.17, 0.20), "high": (0.1, 0.1, 0.1), "spread": 0.002}, WEAK),
        ({"low": (0.08, 0.15, 0.2), "high": (0.1, 0.1, 0.1), "spread": 0.002}, NO),
        ({"low": (0.70, 0.70, 0.70)}, OPEN),
        ({"high": (0.15, 0.15, 0.15)}, OPEN),  # at the margin
    ],
    ids=[
        "paper",
        "high generalises",
        "falls",
        "hardly generalises",
        "nothing generalises",
        "flat",
        "margin",
    ],
)
def test_w7(seeds, change, expected):
    verdict = CLAIMS["W7"](bands(seeds=seeds, **change), chance=0.1)
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")


def test_w7_measures_the_worst_radius():
    verdict = CLAIMS["W7"](bands(high=(0.1, 0.3, 0.1), spread=0), chance=0.1)
    gap, growth, high = (part.estimate.value for part in verdict.parts)
    assert (gap, growth, high) == pytest.approx((0.4, 0.15, 0.2 / 3))


def test_w7_reads_only_the_full_test_set():
    history = bands(spread=0)
    noise = history.assign(scope="subset", accuracy=0.5)
    train = history.assign(split="train", accuracy=0.5)
    both = pd.concat([history, noise, train, noise.assign(part="low", radius=4.0)])
    assert CLAIMS["W7"](both, chance=0.1).parts == CLAIMS["W7"](history, chance=0.1).parts


# --- W26 ---------------------------------------------------------------------------------------

ENERGY = {("low", 4.0): 0.5, ("low", 8.0): 0.7, ("high", 4.0): 0.5, ("high", 8.0): 0.3}


def with_high_parts(natural, shuffled, *, seeds=3, spread=0.004):
    """On high parts the networks are so much worse than on low ones, from epoch 1 on."""
    history, generator = two_labels(seeds=seeds, follows=0.4), np.random.default_rng(5)
    low = history[(history.part == "low") & history.radius.isin([4, 8])]
    noise = low.seed.map(dict(enumerate(spread * generator.normal(size=seeds))))
    by = low.label.map({"natural": natural, "shuffled": shuffled}) + noise
    high = low.assign(part="high", accuracy=(low.accuracy - by).clip(0, 1))
    return pd.concat([history, high], ignore_index=True)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("natural", "shuffled", "expected"),
    [
        (0.2, 0.0, YES),
        (0.2, 0.12, NO),  # shuffled prefers low parts too
        (0.2, -0.12, NO),  # or high ones
        (-0.1, 0.0, NO),
        (0.05, 0.0, OPEN),
        (0.2, 0.05, OPEN),
    ],
)
def test_w26(seeds, natural, shuffled, expected):
    verdict = CLAIMS["W26"](with_high_parts(natural, shuffled, seeds=seeds), ENERGY)
    assert verdict.verdict == expected
    assert verdict.estimate.over == ("images" if seeds == 1 else "seeds")
    assert verdict.estimate.value == pytest.approx(natural, abs=0.01)
    assert "r = 4 and high part at r = 4, with 0.50 and 0.50 of the energy." in verdict.note


def test_w26_counts_every_epoch_alike_however_seldom_it_is_monitored():
    whole = with_high_parts(0.2, 0.0, spread=0)
    early = (whole.label == "natural") & (whole.part == "high") & (whole.epoch <= 10)
    whole.loc[early, "accuracy"] += 0.1
    seldom = whole[(whole.epoch <= 11) | (whole.epoch % 5 == 0)]
    every, few = (CLAIMS["W26"](each, ENERGY).estimate.value for each in (whole, seldom))
    assert few == pytest.approx(every, abs=2e-3)
    assert seldom.epoch.nunique() < 25  # of 60: a mean over these alone would be 0.03 lower


def test_w4_reaches_a_level_that_float32_stores_a_little_lower():
    steps = np.array([0.1, 0.5, 0.95])
    frames = [rows(label, seed, steps) for label in ("natural", "shuffled") for seed in range(3)]
    exact = pd.concat(frames, ignore_index=True)
    stored = exact.assign(accuracy=exact.accuracy.astype("float32").astype(float))
    assert stored.accuracy[2] < 0.95
    for history in (exact, stored):
        assert "0.95: true labels 2.0, shuffled labels 2.0" in CLAIMS["W4"](history).note


def test_w26_takes_the_nearest_energies_and_says_that_they_are_not_equal():
    energy = ENERGY | {("high", 4.0): 0.2}
    assert nearest_in_energy(energy) == (4.0, 8.0)
    note = CLAIMS["W26"](with_high_parts(0.2, 0.0), energy).note
    assert "0.50 and 0.30 of the energy: not equal, but the nearest there are." in note


def test_energies_are_shares_without_the_mean():
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = energies(images, (4.0, 8.0))
    for radius in (4.0, 8.0):
        assert found["low", radius] + found["high", radius] == pytest.approx(1, abs=1e-5)
    assert found["low", 4.0] == pytest.approx(48 / 1023, rel=0.2)  # white noise: the bins' share
    darker = energies(images / 2, (4.0,))
    assert darker["low", 4.0] == pytest.approx(found["low", 4.0], rel=1e-3)


# --- what a history must have ------------------------------------------------------------------


def check(id, history):
    return CLAIMS[id](history, **({"chance": 0.1} if id in ("W6", "W7") else {}))


@pytest.mark.parametrize("id", ["W4", "W5", "W6"])
@pytest.mark.parametrize("label", ["natural", "shuffled"])
def test_a_missing_label_is_named(id, label):
    history = two_labels()
    with pytest.raises(ValueError, match=f"no run labelled '{label}'"):
        check(id, history[history.label != label])


def test_w7_names_the_missing_band():
    history = bands()
    with pytest.raises(ValueError, match="no run labelled 'high-8'"):
        check("W7", history[history.label != "high-8"])
    with pytest.raises(ValueError, match="at least two radii"):
        check("W7", history[history.label.str.endswith("-8")])
    with pytest.raises(ValueError, match="at least two radii"):
        check("W7", two_labels())


@pytest.mark.parametrize("id", ["W4", "W5", "W6", "W7"])
@pytest.mark.parametrize("value", [math.nan, 1.5, -0.1])
def test_accuracies_outside_their_range_are_refused(id, value):
    history = bands() if id == "W7" else two_labels()
    spoiled = history.assign(accuracy=np.where(history.seed == 1, value, history.accuracy))
    with pytest.raises(ValueError, match="NaN or outside"):
        check(id, spoiled)


@pytest.mark.parametrize("id", ["W4", "W5", "W6", "W7"])
def test_labels_must_have_the_same_seeds(id):
    history = bands() if id == "W7" else two_labels()
    label = history.label.iloc[-1]
    with pytest.raises(ValueError, match="seed by seed"):
        check(id, history[(history.label != label) | (history.seed != 2)])


@pytest.mark.parametrize("id", ["W6", "W7"])
@pytest.mark.parametrize("chance", [0, 1, 10, math.nan])
def test_chance_is_a_share(id, chance):
    with pytest.raises(ValueError, match="between 0 and 1"):
        CLAIMS[id](bands() if id == "W7" else two_labels(), chance=chance)


def test_incomplete_histories_are_refused():
    history = two_labels()
    with pytest.raises(ValueError, match="no column scope"):
        check("W4", history.drop(columns="scope"))
    with pytest.raises(ValueError, match="no low parts"):
        check("W5", history[history.part != "low"])
    with pytest.raises(ValueError, match="has no rows"):
        check("W5", history[(history.label == "shuffled") | (history.part == "original")])
    with pytest.raises(ValueError, match="an epoch twice"):
        check("W4", pd.concat([history, history]))
    with pytest.raises(ValueError, match="no epoch 1"):
        check("W6", history[history.epoch != 1])
    with pytest.raises(ValueError, match="same epochs"):
        check("W5", history[(history.epoch != 5) | (history.part == "original")])


def test_the_order_of_rows_does_not_matter():
    history = two_labels()
    mixed = history.sample(frac=1, random_state=0)
    for id in ("W4", "W5", "W6"):
        assert check(id, mixed) == check(id, history)
    assert smallest_radii(mixed, "natural", 2) == [4.0, 8.0]
    runs = curves(mixed, "natural", "shuffled", split="train", part="original")
    assert [list(seeds) for seeds in runs.values()] == [[0, 1, 2], [0, 1, 2]]
