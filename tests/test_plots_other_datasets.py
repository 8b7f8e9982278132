"""The figures of the section on other data sets show what they were given."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import check

from fhelpers import data, frequency
from fhelpers.drawing.svg import svg
from fhelpers.sections.other_datasets import claims
from fhelpers.sections.other_datasets import figures as other_datasets
from fhelpers.sections.other_datasets.claims import repeated

COLUMNS = ["label", "seed", "epoch", "split", "part", "radius", "scope", "images", "accuracy"]


def planted(radii, seeds=(0,), chance=0.1, shared=True):
    """Records of section 02; without `shared` shuffled labels are never learnt."""
    random, rows = np.random.default_rng(0), []

    def add(*row):
        rows.append((*row[:-1], 2000, row[-1] + 0.004 * random.random()))

    for seed in seeds:
        for label, last, kept in (("natural", 6, 0.8), ("shuffled", 9, 0.03)):
            top = 0 if label == "shuffled" and not shared else 0.8
            start = chance + 0.01 if shared or label == "shuffled" else 0.5
            for epoch in range(last + 1):
                whole = start + top * min(1, epoch / 3) * (0.4 if not shared else 1)
                add(label, seed, epoch, "train", "original", math.nan, "subset", whole)
                for radius in radii:
                    low = chance + kept * (whole - chance)
                    add(label, seed, epoch, "train", "low", radius, "subset", low)
        for radius in radii:
            for band, end in (("low", 0.5 + radius / 100), ("high", chance)):
                label = f"{band}-{radius:g}"
                for split in ("train", "test"):
                    add(label, seed, 6, split, "input", radius, "all", 0.9)
                    add(label, seed, 6, split, "original", math.nan, "all", end)
    return pd.DataFrame(rows, columns=COLUMNS)


def compared(radii, seeds=(0,), **options):
    """Histories, verdicts, chances and the frame that figures are drawn from."""
    chances = {name: 1 / len_ for name, len_ in (("cifar10", 10), ("tiny-imagenet", 200))}
    radii = {"cifar10": radii, "tiny-imagenet": [2 * radius for radius in radii]}
    histories = {name: planted(own, seeds, chances[name], **options) for name, own in radii.items()}
    verdicts = {name: repeated(h, chances[name]) for name, h in histories.items()}
    return histories, verdicts, chances, claims.summary(histories, verdicts, chances, radii)


@pytest.mark.parametrize(
    ("radii", "seeds"), [([4, 12], (0,)), ([6], (0, 1)), ([4, 8, 12, 16], (2,))]
)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(radii, seeds):
    histories, _, chances, frame = compared(radii, seeds)
    images = {"cifar10": torch.rand(1, 3, 32, 32), "mnist": torch.rand(1, 1, 28, 28)}
    examples = {
        name: (image[0], {r: (low[0], high[0]) for r, (low, high) in parts.items()})
        for name, image in images.items()
        for parts in [frequency.split_many(image, radii)]
    }
    figures = {
        "pictures": other_datasets.pictures(examples),
        "summary": other_datasets.compared(frame),
        "by-epoch": other_datasets.by_epoch(histories, chances),
    }
    assert set(figures) == set(other_datasets.ALT)
    check(figures)


def test_one_data_set_alone_is_a_page_too():
    histories, _, chances, frame = compared([4, 12])
    one = {"cifar10": histories["cifar10"]}
    svg(other_datasets.compared(frame[frame.dataset == "cifar10"]))
    svg(other_datasets.by_epoch(one, chances))


def test_the_summary_is_what_the_claims_measure():
    histories, verdicts, chances, frame = compared([4, 12], (0, 1, 2))
    for name, own in verdicts.items():
        rows = frame[frame.dataset == name].set_index(["claim", "series"]).value
        lead = rows["W5", "true labels"] - rows["W5", "shuffled labels"]
        assert lead == pytest.approx(own["W5"][0].estimate.value)
        first, late = (part.estimate.value for part in own["W6"])
        assert rows["W6", "true labels"] - chances[name] == pytest.approx(first)
        assert rows["W6", "shuffled labels"] - chances[name] == pytest.approx(late)
        ends = histories[name].query("split == 'test' and part == 'original' and scope == 'all'")
        for band in ("low", "high"):
            expected = ends[ends.label.str.startswith(band)].groupby("label").accuracy.mean()
            assert sorted(rows["W7", band]) == pytest.approx(sorted(expected))


def test_data_sets_whose_networks_share_no_accuracy_are_said_and_drawn():
    *_, frame = compared([4, 12], shared=False)
    assert set(frame.claim) == {"W6", "W7"}
    svg(other_datasets.compared(frame))
    assert "On no data set" in other_datasets.leads_in_words(frame)


def test_texts_and_tables_name_every_data_set():
    histories, verdicts, _, frame = compared([4, 12])
    said = "✓ reproduced: accuracy on low parts, true minus shuffled labels 0."
    assert other_datasets.verdict_table(verdicts).W5.str.startswith(said).all()
    assert "on CIFAR-10 and" in other_datasets.leads_in_words(frame)
    assert "91 % on CIFAR-10" in other_datasets.ends_in_words(histories)


def test_high_parts_that_suffice_are_said_and_no_others():
    frame = compared([4, 12])[-1]
    assert other_datasets.high_in_words(frame) == ""
    high = (frame.dataset == "cifar10") & (frame.claim == "W7") & (frame.series == "high")
    frame.loc[high, ["value", "low"]] = [(0.404, 0.4), (0.486, 0.48)]
    text = other_datasets.high_in_words(frame)
    assert "trained on high parts classify 40 to 49 % on CIFAR-10 correctly" in text
    frame.loc[high, ["value", "low"]] = [(0.404, 0.4), (0.16, 0.14)]  # one is no more than near
    assert other_datasets.high_in_words(frame) == ""


@pytest.mark.parametrize("radii", [[6], [4, 12], [4, 8, 12, 16]])
def test_every_point_of_a_row_stands_alone_in_a_colour_of_the_key(radii):
    frame = compared(radii)[-1]
    figure = other_datasets.compared(frame[frame.dataset == "cifar10"])
    drawn = [line for panel in figure.axes for line in panel.lines if hasattr(line, "entry")]
    keyed = {line.get_color() for line in figure.legends[0].get_lines()}
    ends = {min(radii), max(radii)}
    for line in drawn:
        if "r = " not in line.entry[0] or float(line.entry[0].rpartition(" ")[2]) in ends:
            assert line.get_color() in keyed
    for panel in figure.axes:
        lines = [line for line in panel.lines if hasattr(line, "entry")]
        places = [y for line in lines for y in line.get_ydata()]
        assert len(set(places)) == len(places)


def test_the_same_radius_is_the_same_length_in_pixels():
    infos = {name: data.describe(name) for name in ("cifar10", "mnist")}
    table = other_datasets.scaled(infos, {"cifar10": [12, 4], "mnist": [3.5, 10.5]})
    assert table.radii.to_list() == ["4, 12", "3.5, 10.5"]
    assert table.iloc[:, -1].to_list() == ["8, 2.7"] * 2


def test_an_imagenet_subset_that_is_missing_is_never_passed_over():
    text = other_datasets.on_imagenet(["cifar10"], None)
    assert "FHELPERS_TINY_IMAGENET" in text
    assert "torchvision" in text
    for shown, found in (("imagenette", "imagenette"), ("tiny-imagenet", "imagenette")):
        text = other_datasets.on_imagenet(["mnist", shown], found)
        assert text.endswith(f"its subset {data.TITLES[shown]}.")
    assert "not asked for" in other_datasets.on_imagenet(["cifar10"], "tiny-imagenet")


def test_the_length_of_training_is_that_of_the_recipes():
    text = other_datasets.lengths_in_words({"cifar10": 24, "mnist": 16, "fashion-mnist": 16})
    assert "24 epochs on CIFAR-10; 16 epochs on MNIST and Fashion-MNIST." in text
    alike = other_datasets.lengths_in_words({"cifar10": 30, "mnist": 30})
    assert "for 30 epochs on CIFAR-10 and MNIST." in alike
