"""Claims on training heuristics and kinds of networks, against planted runs with a known answer."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhelpers.claims import CLAIMS, decide, reliance
from fhelpers.intervals import Estimate, difference, proportion
from fhelpers.sections.heuristics.claims import across_batch_sizes, batch_sizes, larger_half

YES, NO, OPEN = "reproduced", "not reproduced", "inconclusive"
RADII = (4.0, 8.0, 12.0, 16.0)
SHARES = (1.5, 1.2, 0.8, 0.5)  # of the mean loss without the high part, by radius
EPOCHS = 6


def network(train=0.7, test=0.5, lost=0.2, high=0.15, low=None):
    """The accuracies of a network at its end: {(split, part, radius): accuracy}."""
    ends = {("train", "original", math.nan): train, ("test", "original", math.nan): test}
    for radius, share in zip(RADII, SHARES, strict=True):
        ends["test", "low", radius] = test - share * lost if low is None else low
        ends["train", "low", radius] = train - share * lost
        ends["test", "high", radius] = high
        ends["train", "high", radius] = high
    return ends


def history(ends, *, seeds=3, images=4000, spread=0.004):
    """Runs that rise from 0.1 in a straight line to their ends: {label: network(…)}."""
    generator, rows = np.random.default_rng(6), []
    for (label, accuracies), seed in itertools.product(ends.items(), range(seeds)):
        for (split, part, radius), end in accuracies.items():
            end = end + spread * generator.normal()
            steps = [(epoch, "subset", epoch / EPOCHS) for epoch in range(EPOCHS + 1)]
            for epoch, scope, done in [*steps, (EPOCHS, "all", 1.0)]:
                accuracy = float(np.clip(0.1 + (end - 0.1) * done, 0, 1))
                rows.append((label, seed, epoch, split, part, radius, scope, images, accuracy))
    columns = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def batches(**measures):
    """Runs of batch sizes 32 to 256 with a list of ends for each measure of `network`."""
    sizes = (32, 64, 128, 256)
    return {
        f"batch-{size}": network(**{name: values[i] for name, values in measures.items()})
        for i, size in enumerate(sizes)
    }


def over(verdict, seeds):
    return verdict.estimate.over == ("images" if seeds == 1 else "seeds")


# --- measures and their intervals ---------------------------------------------------------------


@given(st.integers(0, 300), st.integers(0, 500))
def test_two_shares_give_newcombes_difference_and_one_gives_wilsons_interval(first, second):
    ours = reliance.weighted([(1, first / 300, 300), (-1, second / 500, 500)])
    theirs = difference(first, 300, second, 500)
    ours_alone, alone = reliance.weighted([(1, first / 300, 300)]), proportion(first, 300)
    for one, other in ((ours, theirs), (ours_alone, alone)):
        assert (one.value, one.low, one.high) == pytest.approx(
            (other.value, other.low, other.high), abs=1e-9
        )
        assert (one.n, one.over) == (other.n, other.over)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(-3, 3), st.floats(-3, 3))
def test_the_interval_of_a_sum_turns_with_its_sign(first, second, weight, other):
    terms = [(weight, first, 200), (other, second, 100)]
    plus = reliance.weighted(terms)
    minus = reliance.weighted([(-w, share, images) for w, share, images in terms])
    assert (-plus.value, -plus.high, -plus.low) == pytest.approx(
        (minus.value, minus.low, minus.high)
    )


def test_intervals_of_sums_cover_what_they_say():
    generator, shares = np.random.default_rng(3), np.array([0.9, 0.5, 0.6, 0.45])
    weights = (1, -1, -1, 1)
    truth, covered = float(shares @ weights), 0
    for right in generator.binomial(200, shares, (400, 4)) / 200:
        found = reliance.weighted([(w, a, 200) for w, a in zip(weights, right, strict=True)])
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 400 <= 0.99


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.02, 0.03, (0.0, 0.03, YES)),
        (-0.04, -0.01, (0.01, 0.04, YES)),
        (-0.01, 0.06, (0.0, 0.06, OPEN)),
        (0.06, 0.09, (0.06, 0.09, NO)),
        (-0.2, -0.1, (0.1, 0.2, NO)),
        (-math.inf, 0.0, (0.0, math.inf, OPEN)),
    ],
)
def test_equivalence_needs_the_whole_interval_within_the_margin(low, high, expected):
    size = reliance.size_of(Estimate((low + high) / 2, low, high, 3, "seeds"))
    assert (size.low, size.high, decide(size, 0.05, ceiling=True)) == expected


def test_effects_are_differences_of_the_planted_ends():
    runs = history({"a": network(0.9, 0.6, 0.2), "b": network(0.7, 0.5, 0.1)}, spread=0)
    lost = reliance.lost_without_high(RADII)
    against = {"a": 1, "b": -1}
    values = [reliance.effect(runs, against, m).value for m in (reliance.GAP, lost)]
    assert values == pytest.approx([0.3 - 0.2, 0.2 - 0.1])
    only = reliance.lost_without_high([16])
    assert reliance.effect(runs, {"a": 1}, only).value == pytest.approx(0.5 * 0.2)
    assert reliance.effect(runs, {"a": 1}, reliance.on_parts("high", [4])).value == 0.15


def test_effects_pair_the_seeds():
    runs = history({"a": network(), "b": network()}, spread=0.05)
    b = runs.label == "b"
    runs.loc[b, "accuracy"] = (runs.accuracy[~b] - 0.02).to_numpy()
    found = reliance.effect(runs, {"a": 1, "b": -1}, reliance.TEST)
    assert (found.value, found.low, found.high) == pytest.approx((0.02, 0.02, 0.02))


def test_bands_add_up_to_the_whole_image():
    runs, measures = history({"a": network()}), reliance.gained([16, 4, 8])
    assert list(measures) == ["0–4", "4–8", "8–16", "over 16"]
    gains = [reliance.effect(runs, {"a": 1}, measure).value for measure in measures.values()]
    assert sum(gains) == pytest.approx(reliance.effect(runs, {"a": 1}, reliance.TEST).value)
    assert list(reliance.gained([6])) == ["0–6", "over 6"]


def test_runs_are_cut_where_they_first_know_the_same():
    runs = history({"fast": network(0.9, 0.6, 0.2), "slow": network(0.455, 0.3, 0.1)}, spread=0)
    level, cut = reliance.at_common_accuracy(runs, ["fast", "slow"])
    assert level == 0.45
    train = reliance.effect(cut, {"fast": 1, "slow": -1}, reliance.TRAIN)
    assert train.value == pytest.approx(0, abs=1e-9)
    done = (0.45 - 0.1) / (0.9 - 0.1)  # of the straight way to the end
    test = reliance.effect(cut, {"fast": 1}, reliance.TEST)
    assert test.value == pytest.approx(0.1 + done * (0.6 - 0.1))
    assert set(cut.groupby("label").epoch.nunique()) == {1}


def test_a_level_counts_when_it_is_first_reached():
    runs = history({"a": network(0.5, 0.4), "b": network(0.5, 0.4)}, spread=0)
    later = (runs.label == "a") & (runs.epoch > 3)
    runs.loc[later & (runs.part == "original"), "accuracy"] = 0.9
    _, cut = reliance.at_common_accuracy(runs, ["a", "b"])
    assert 3 < cut[cut.label == "a"].epoch.iloc[0] < 4


# --- W8 and W9: batch sizes ---------------------------------------------------------------------

FALLING = {"train": (0.9, 0.8, 0.7, 0.6), "test": (0.6, 0.57, 0.54, 0.51)}


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (FALLING, YES),
        ({"train": [0.7] * 4, "test": [0.5] * 4}, OPEN),
        ({"train": FALLING["train"], "test": FALLING["test"][::-1]}, NO),  # worse on test images
        ({"train": (0.62, 0.61, 0.6, 0.59), "test": (0.6, 0.55, 0.5, 0.45)}, NO),  # gap grows
    ],
)
def test_w8(seeds, measures, expected):
    verdict = CLAIMS["W8"](history(batches(**measures), seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("lost", "expected"),
    [((0.3, 0.25, 0.2, 0.15), YES), ((0.2,) * 4, OPEN), ((0.15, 0.2, 0.25, 0.3), NO)],
)
def test_w9(seeds, lost, expected):
    verdict = CLAIMS["W9"](history(batches(lost=lost), seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


def test_w9_does_not_judge_equal_batch_sizes_too_often():
    runs, generator = history(batches(), spread=0), np.random.default_rng(1)
    runs, judged = runs[runs.scope.eq("all") & runs.split.eq("test")], 0
    for _ in range(40):
        noisy = runs.assign(accuracy=runs.accuracy + 0.01 * generator.normal(size=len(runs)))
        judged += CLAIMS["W9"](noisy).verdict != OPEN
    assert judged <= 6  # 2 expected of 40


def test_the_change_over_batch_sizes_is_read_off_the_fitted_line():
    ends = batches(train=(0.9, 0.5, 0.8, 0.6))
    verdict = CLAIMS["W8"](history(ends, spread=0))
    slope, _ = np.polyfit([5, 6, 7, 8], [0.9, 0.5, 0.8, 0.6], 1)
    assert verdict.estimate.value == pytest.approx(-3 * slope)
    assert "at 32 0.400, at 64 0.000" in verdict.note
    two = across_batch_sizes(["batch-500", "batch-20", "vanilla"])
    assert two == pytest.approx({"batch-20": 1, "batch-500": -1})


def test_batch_sizes_are_ordered_as_numbers():
    assert batch_sizes(["batch-512", "batch-64", "batchnorm", "batch-128"]) == [64, 128, 512]


@pytest.mark.parametrize("id", ["W8", "W9"])
def test_one_batch_size_is_not_enough(id):
    with pytest.raises(ValueError, match="at least two batch sizes"):
        CLAIMS[id](history({"batch-32": network()}))


# --- W10, W11: dropout and mix-up ---------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("dropout", "expected"),
    [
        ({}, YES),
        ({"test": 0.51, "lost": 0.19}, YES),
        ({"test": 0.55}, OPEN),
        ({"test": 0.62}, NO),
        ({"test": 0.38}, NO),
        ({"lost": 0.35}, NO),
    ],
)
def test_w10(seeds, dropout, expected):
    runs = {"vanilla": network(), "dropout": network(**dropout)}
    verdict = CLAIMS["W10"](history(runs, seeds=seeds, images=20_000))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("mixup", "expected"),
    [
        ({"lost": 0.3}, YES),
        ({"test": 0.6, "lost": 0.3}, YES),
        ({}, OPEN),
        ({"lost": 0.1}, NO),
        ({"test": 0.38, "lost": 0.3}, NO),  # accuracy is not kept
    ],
)
def test_w11(seeds, mixup, expected):
    runs = {"vanilla": network(), "mixup-0.5": network(**mixup), "mixup-1": network(lost=0.9)}
    verdict = CLAIMS["W11"](history(runs, seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)
    assert "Beta(1, 1)" in verdict.note


def test_w11_does_not_need_the_released_variant():
    runs = history({"vanilla": network(), "mixup-0.5": network(lost=0.3)})
    assert "Beta" not in CLAIMS["W11"](runs).note


# --- W13: adversarial training ------------------------------------------------------------------

ATTACKED = {"train": 0.4, "test": 0.38, "lost": (0.15, 0.06, 0.015, 0.005)}
CHANCE = 0.1


def attacked(train, test, lost):
    """An adversarially trained network that loses so much without the high part of each radius."""
    ends = network(train, test)
    for radius, loss in zip(RADII, lost, strict=True):
        ends["test", "low", radius] = test - loss
    return ends


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, YES),
        ({"test": 0.6, "train": 0.62}, NO),  # better than vanilla
        ({"train": 0.7}, NO),  # the gap is wider
        ({"lost": (0.2, 0.2, 0.15, 0.15)}, NO),  # depends on the high part at large radii
        ({"lost": (0.0, 0.0, 0.0, 0.0)}, NO),  # not sensitive at the smallest radius
        ({"lost": (0.05, 0.02, 0.01, 0.0)}, OPEN),
        ({"train": 0.1, "test": 0.1, "lost": (0.0,) * 4}, OPEN),  # nothing learnt, nothing lost
        ({"train": 0.2, "test": 0.2, "lost": (0.1, 0.05, 0.0, 0.0)}, OPEN),  # hardly learnt
    ],
    ids=["paper", "better", "wider", "depends", "insensitive", "border", "chance", "margin"],
)
def test_w13(seeds, changes, expected):
    runs = {"vanilla": network(), "adversarial": attacked(**(ATTACKED | changes))}
    verdict = CLAIMS["W13"](history(runs, seeds=seeds), CHANCE)
    assert verdict.verdict == expected
    assert over(verdict, seeds)
    hardly = (ATTACKED | changes)["test"] < CHANCE + 0.15
    assert ("too little to judge" in verdict.note) == hardly


def test_w13_knows_what_a_guess_is_worth():
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)})
    assert CLAIMS["W13"](runs, 0.1).verdict == YES
    assert CLAIMS["W13"](runs, 0.33).verdict == OPEN


def test_w13_says_which_training_the_papers_number_belongs_to():
    runs = {"vanilla": network(), "adversarial": attacked(**ATTACKED)}
    assert "0.707" not in CLAIMS["W13"](history(runs), CHANCE).note
    runs["adversarial-crop-flip"] = attacked(0.45, 0.44, ATTACKED["lost"])
    note = CLAIMS["W13"](history(runs, spread=0), CHANCE).note
    assert "without crop and flip 0.380, with both 0.440; the paper's 0.707 belongs to" in note


def test_w13_needs_two_radii():
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)})
    with pytest.raises(ValueError, match="at least two radii"):
        CLAIMS["W13"](runs[runs.radius.isna() | runs.radius.eq(8)], CHANCE)


def test_w13_looks_at_the_larger_radii_and_at_the_smallest():
    runs = history({"vanilla": network(), "adversarial": attacked(**ATTACKED)}, spread=0)
    parts = CLAIMS["W13"](runs, CHANCE).parts
    assert "r = 12, 16" in parts[2].name
    assert "r = 4" in parts[3].name
    assert [part.estimate.value for part in parts[2:]] == pytest.approx([0.01, 0.15])
    unread = runs.radius.eq(8) | runs.part.eq("high")
    changed = runs.assign(accuracy=np.where(unread, 0.3, runs.accuracy))
    assert CLAIMS["W13"](changed, CHANCE).parts == parts
    assert larger_half([4, 8, 12, 16]) == [12, 16]
    assert larger_half([5, 9]) == [9]


# --- W14: kinds of networks ---------------------------------------------------------------------

KINDS = {
    "resnet-8": network(0.7, 0.6, 0.1),
    "lenet": network(0.8, 0.5, 0.2),
    "alexnet": network(0.9, 0.55, 0.25),
    "vgg-11": network(0.95, 0.54, 0.3),
}


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, YES),
        ({"vgg-11": network(0.95, 0.7, 0.3)}, NO),  # VGG is more accurate
        ({"lenet": network(0.51, 0.5, 0.2)}, NO),  # LeNet has a smaller gap
        ({"alexnet": network(0.9, 0.55, 0.02)}, NO),  # AlexNet relies less on the high part
        ({"lenet": KINDS["resnet-8"]}, OPEN),
    ],
    ids=["paper", "accuracy", "gap", "reliance", "equal"],
)
def test_w14(seeds, changes, expected):
    verdict = CLAIMS["W14"](history(KINDS | changes, seeds=seeds))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


def test_w14_compares_with_whichever_comes_closest():
    runs = history(KINDS | {"resnet-18": network(0.99, 0.9, 0.0)}, spread=0)
    parts = CLAIMS["W14"](runs).parts
    assert [part.name.rpartition(" ")[2] for part in parts] == ["alexnet", "lenet", "lenet"]
    assert [part.estimate.value for part in parts] == pytest.approx([0.05, 0.2, 0.1])


def test_w14_names_what_is_missing():
    runs = history(KINDS)
    with pytest.raises(ValueError, match="no run labelled 'vgg-11'"):
        CLAIMS["W14"](runs[runs.label != "vgg-11"])
    with pytest.raises(ValueError, match="One run of the 6n \\+ 2 ResNet is needed, not none"):
        CLAIMS["W14"](runs[runs.label != "resnet-8"])


# --- what they all have in common ---------------------------------------------------------------

EVERYTHING = KINDS | batches(**FALLING)
EVERYTHING |= {name: network() for name in ("vanilla", "dropout", "mixup-0.5", "adversarial")}
IDS = ["W8", "W9", "W10", "W11", "W13", "W14"]
SETTINGS = {"W13": {"chance": CHANCE}}


def check(id, runs):
    return CLAIMS[id](runs, **SETTINGS.get(id, {}))


@pytest.mark.parametrize("id", IDS)
def test_only_the_end_of_training_counts_and_the_order_of_rows_does_not(id):
    runs = history(EVERYTHING)
    noise = runs.assign(accuracy=np.where(runs.scope == "subset", 0.5, runs.accuracy))
    mixed = noise.sample(frac=1, random_state=0)
    assert check(id, mixed).parts == check(id, runs).parts


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("value", [math.nan, 1.2])
def test_accuracies_outside_their_range_are_refused(id, value):
    runs = history(EVERYTHING)
    with pytest.raises(ValueError, match="NaN or outside"):
        check(id, runs.assign(accuracy=np.where(runs.seed == 1, value, runs.accuracy)))


@pytest.mark.parametrize("id", ["W9", "W10", "W11", "W13", "W14"])
def test_low_parts_are_needed(id):
    runs = history(EVERYTHING)
    with pytest.raises(ValueError, match="no low parts"):
        check(id, runs[runs.part == "original"])
