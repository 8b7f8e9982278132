"""Which cue of planted images a network learns under each heuristic, where the answer is known.

Images have a class template below radius 8 or one beyond it, so accuracy on the two parts tells
which of them a network reads.
"""

import pytest

from fhelpers.data.planted import TEMPLATE_DEVIATION
from fhelpers.networks.compute import choose_compute
from fhelpers.runs.kinds import Job
from fhelpers.runs.recipes import Recipe

CLASSES, RADIUS = 4, 8
TEST_IMAGES = 200
# Guessing gives 1/4 with a deviation of 0.03 over these images.
CHANCE = pytest.approx(1 / CLASSES, abs=0.12)
HEURISTICS = {
    "vanilla": {},
    "dropout": {"dropout": 0.5},
    "mix-up": {"mixup": 1.0},
    "batchnorm": {"batchnorm": "batch"},
    "pgd": {"adversary": "pgd", "attack_steps": 3},
    "single-step": {"adversary": "single-step"},
}
ADVERSARIES = ("pgd", "single-step")


def accuracies(folder, heuristic, *, low=0.0, high=0.0, seed=0, **changes):
    """Test accuracy {"original": …, "low": …, "high": …} of a LeNet trained under a heuristic."""
    values = {
        "dataset": "planted", "data_options": (("low", low), ("high", high), ("classes", CLASSES)),
        "model": "lenet", "train_images": 300, "test_images": TEST_IMAGES, "monitored_images": 1,
        "learning_rate": 4e-3, "batch_size": 25, "epochs": 8, "radii": (RADIUS,), "seed": seed,
        "precision": "float32", "monitored_attacks": 1,
    }  # fmt: skip
    recipe = Recipe(**values | HEURISTICS[heuristic] | changes)
    folder.mkdir(exist_ok=True)
    done = recipe.carry_out(Job(folder, choose_compute(recipe.precision)))
    rows = [row for row in done.rows if row["split"] == "test" and row["scope"] == "all"]
    return {row["part"]: row["accuracy"] for row in rows}


@pytest.mark.parametrize("heuristic", HEURISTICS)
@pytest.mark.parametrize(("cue", "other"), [("low", "high"), ("high", "low")])
def test_every_heuristic_learns_the_only_cue_and_nothing_else(tmp_path, heuristic, cue, other):
    found = accuracies(tmp_path, heuristic, **{cue: 4.0})
    assert found["original"] > 0.95
    assert found[cue] > 0.9
    assert found[other] == CHANCE


def test_a_cue_smaller_than_the_attack_is_of_no_use_to_an_adversarially_trained_network(tmp_path):
    """With no other cue, the network without an adversary learns it and the others learn nothing.

    The cue's standard deviation is its strength times that of a template.
    """
    epsilon, strength = 28 / 255, 1.0
    assert strength * TEMPLATE_DEVIATION < epsilon
    faint = {"high": strength, "epochs": 10}
    vanilla = accuracies(tmp_path / "vanilla", "vanilla", **faint)
    assert vanilla["original"] > 0.9
    assert vanilla["low"] == CHANCE
    for adversary in ADVERSARIES:
        found = accuracies(tmp_path / adversary, adversary, **faint, epsilon=epsilon)
        assert found["original"] == CHANCE
    # An attack far smaller than the cue leaves it to be learned: what counts is the size.
    weak = accuracies(tmp_path / "weak", "pgd", **faint, epsilon=1 / 255)
    assert weak["original"] > 0.9
    # The large one leaves a strong cue to learn, in half the time: it is not training that fails.
    both = faint | {"low": 4.0, "epochs": faint["epochs"] // 2}
    strong = accuracies(tmp_path / "strong", "pgd", **both, epsilon=epsilon)
    assert strong["original"] > 0.9
    assert strong["high"] == CHANCE
