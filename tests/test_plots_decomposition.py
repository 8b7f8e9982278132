"""The figures of the section on decomposition show what they were given."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers import frequency
from fhelpers.sections.decomposition import figures as decomposition
from fhelpers.sections.decomposition import measure


def images(count=3, channels=3, size=32):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def figures(radii, channels, seeds):
    pictures, labels = images(12, channels), torch.arange(12) % 3
    answers = answers_at(radii, seeds, labels)
    places, said = measure.most_confident(first(answers, radii[0]), labels, 8)
    parts = frequency.split_many(pictures, radii)
    low, high = (part[places] for part in parts[radii[0]])
    rows = [(p, r, 0.01, 0.0, 0.02) for r in radii for p in ("low", "high")]
    change = pd.DataFrame(rows, columns=["part", "radius", "value", "low", "high"])
    shares = pd.DataFrame({"radius": radii, "low": 0.7, "least": 0.5, "most": 0.9, "bins": 0.2})
    whole = pictures[:1]
    return {
        "primer": decomposition.primer(pictures[:4], list("abcd")),
        "split": decomposition.split(pictures[:2], {r: parts[r] for r in radii}),
        "energy": decomposition.energy(shares),
        "changes": decomposition.changes(change, "change"),
        "stretched": decomposition.stretched(
            {"high part": (whole[0], frequency.divide_by_max(whole)[0])}
        ),
        "cases": decomposition.cases(
            torch.stack([pictures[places], low, high], 1), decomposition.in_words(said, "abc")
        ),
        "counts": decomposition.counts(measure.found(correct(answers, labels), labels, radii), 12),
    }


def answers_at(radii, seeds, labels):
    """Logits right whole and on high parts for all images, on low parts for every other one."""
    random = np.random.default_rng(0)
    answers = {}
    for key in [measure.WHOLE, *((part, r) for part in ("low", "high") for r in radii)]:
        answers[key] = []
        for _ in range(seeds):
            said = labels.clone()
            if key[0] == "low":
                said[::2] = (said[::2] + 1) % 3
            sure = torch.tensor(random.uniform(1, 5, len(labels))).float()
            answers[key].append(torch.nn.functional.one_hot(said, 3) * sure[:, None])
    return answers


def first(answers, radius):
    """The first network's logits for whole images and for their parts at one radius."""
    keys = {"original": measure.WHOLE, "low": ("low", radius), "high": ("high", radius)}
    return {name: answers[key][0] for name, key in keys.items()}


def correct(answers, labels):
    return {key: [(one.argmax(1) == labels).numpy() for one in each]
            for key, each in answers.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("radii", "channels", "seeds"), [([4, 8, 12, 16], 3, 1), ([6], 1, 3), ([2.5, 9], 1, 1)]
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width_and_leaves_no_trace(radii, channels, seeds):
    before = dict(mpl.rcParams)
    check(figures(radii, channels, seeds))
    assert dict(mpl.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_no_case_at_all_is_said():
    none = pd.DataFrame({"original": [], "low": [], "high": []})
    figure = decomposition.cases(torch.zeros(0, 3, 3, 32, 32), none)
    with mpl.rc_context({"svg.fonttype": "none"}):
        assert "No test image" in "".join(t.get_text() for ax in figure.axes for t in ax.texts)


def test_spectrum_of_a_wave_is_its_two_bins():
    x = torch.arange(32) / 32
    wave = (0.5 + 0.4 * torch.cos(2 * torch.pi * 5 * x)).expand(3, 32, 32)
    shown = decomposition.amplitude(wave)
    peaks = {tuple(place) for place in np.argwhere(shown > -decomposition.DECADES + 0.5)}
    assert peaks == {(16, 16), (16, 11), (16, 21)}
    assert shown[16, 21] == pytest.approx(math.log10(0.2 / 0.5), abs=1e-4)


def test_high_parts_are_drawn_around_grey():
    pictures = images(1) * 0
    figure = decomposition.split(pictures, frequency.split_many(pictures, [4]))
    low, high = (figure.axes[place].get_images()[0].get_array() for place in (1, 3))
    assert low.max() == 0
    assert high.min() == high.max() == 0.5


def test_energy_bars_are_the_shares():
    shares = pd.DataFrame(
        {"radius": [8, 4], "low": [0.9, 0.7], "least": 0.5, "most": 1.0, "bins": 0.1}
    )
    bars = decomposition.energy(shares).axes[0].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [
        (0, 0.7), (0.7, pytest.approx(0.3)), (0, 0.9), (0.9, pytest.approx(0.1)),
    ]  # fmt: skip


def test_most_confident_agrees_with_a_slow_search():
    random, labels = torch.Generator().manual_seed(1), torch.arange(300) % 4
    keys = [measure.WHOLE, ("low", 4), ("high", 4)]
    answers = {key: [torch.randn(300, 4, generator=random)] for key in keys}
    kind = []
    for place in range(300):
        shares = [answers[key][0][place].softmax(0) for key in keys]
        best = [int(share.argmax()) for share in shares]
        truth = int(labels[place])
        if best[0] == truth and best[2] == truth and best[1] != truth:
            kind.append((min(float(share.max()) for share in shares), place, best))
    kind.sort(reverse=True)
    places, said = measure.most_confident(first(answers, 4), labels, 5)
    assert places.tolist() == [place for _, place, _ in kind[:5]]
    assert said[["original", "low", "high"]].to_numpy().tolist() == [best for *_, best in kind[:5]]
    assert said.filter(like="sure").min(axis=1).to_list() == pytest.approx([k[0] for k in kind[:5]])
    found = measure.found(correct(answers, labels), labels, [4])
    assert found.value[0] == pytest.approx(len(kind) / 300)
    whole, low, high = ((answers[key][0].argmax(1) == labels) for key in keys)
    missed = (whole & ~low).double()
    within = [missed[labels == c].sum() * high[labels == c].double().mean() for c in range(4)]
    assert found.independent[0] == pytest.approx(sum(within).item() / 300)


def test_only_the_low_part_is_marked_as_wrong():
    said = pd.DataFrame({"original": ["cat 9 %"], "low": ["dog 8 %"], "high": ["cat 7 %"]})
    figure = decomposition.cases(torch.zeros(1, 3, 3, 32, 32), said)
    assert [axes.get_xlabel() for axes in figure.axes] == ["cat\n✓ 9 %", "dog\n✗ 8 %", "cat\n✓ 7 %"]


def test_in_words_keeps_a_class_of_two_words_together():
    said = {f"{part}{end}": [value] for part in ("original", "low", "high")
            for end, value in (("", 1), ("_sure", 0.876))}  # fmt: skip
    frame = decomposition.in_words(pd.DataFrame(said), ("cat", "ankle boot"))
    assert frame.low.to_list() == ["ankle-boot 88 %"]


def test_expected_shares_are_those_of_the_claim():
    labels = torch.arange(12) % 3
    answers = answers_at([4], 2, labels)
    answers["high", 4] = [torch.nn.functional.one_hot(torch.ones(12, dtype=int), 3).float()] * 2
    found = measure.found(correct(answers, labels), labels, [4]).iloc[0]
    # Low parts are wrong for every other image, high parts right for class 1: two images of it.
    assert found.value == pytest.approx(2 / 12)
    assert found.independent == pytest.approx(2 / 12)
    assert found.beyond == pytest.approx(0)


def test_radii_where_images_exceed_independence_are_named():
    def said(*beyond):
        rows = {"radius": [4.0, 8.0, 12.0][: len(beyond)], "beyond": beyond}
        return decomposition.where_above_independence(pd.DataFrame(rows))

    assert said(-0.05, 0.2, 0.3) == "r = 8 and 12"
    assert said(-0.05, 0.0) == "none"
    assert said(0.2) == "all"


def test_the_largest_change_is_told_and_how_many_are_certain():
    columns = ["part", "radius", "value", "low", "high"]
    rows = [("low", 4, 0.001, -0.01, 0.01), ("high", 8, -0.02, -0.03, -0.01)]
    both = measure.changed(pd.DataFrame(rows, columns=columns), "It")
    assert both == (
        "It changes accuracies by 2.0 percentage points at most, on high parts at r = 8; "
        "1 of 2 intervals exclude zero."
    )
    none = measure.changed(pd.DataFrame(rows[:1], columns=columns), "It")
    assert none == (
        "It changes no accuracy by more than 0.1 percentage points, and no interval excludes zero."
    )


def test_change_is_after_minus_before_over_seeds_or_images():
    before, after = np.array([True, False, False, False]), np.array([True, True, True, False])
    assert measure.change([before], [after]).value == pytest.approx(0.5)
    assert measure.change([before], [after]).over == "images"
    several = measure.change([before, before], [after, before])
    assert (several.value, several.over) == (pytest.approx(0.25), "seeds")
