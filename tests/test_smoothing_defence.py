"""Smoothed networks under attack, and warnings of attacks: defences whose strength is known."""

import math
import warnings

import pytest
import torch
from torch import nn

from fhelpers import attacks, frequency, smoothing
from fhelpers.runs import scales
from fhelpers.sections.smoothing_defence import measure
from fhelpers.sections.smoothing_defence.plan import plan


class Scaled(nn.Module):
    """Two classes by the brighter half, logits times a gain: a large one hides the slope."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = gain

    def forward(self, images):
        halves = images.float().mean((1, 3)).unflatten(1, (2, -1)).mean(2)
        return self.gain * halves


def halves(brightness):
    """Images whose upper half is brighter by twice the given amounts, and their labels."""
    images = torch.full((len(brightness), 1, 8, 8), 0.5)
    amounts = torch.tensor(brightness)[:, None, None, None]
    images[:, :, :4] += amounts
    images[:, :, 4:] -= amounts
    return images, torch.zeros(len(brightness), dtype=torch.long)


def test_the_margin_loss_sees_through_a_gain_that_hides_the_gradient():
    images, labels = halves([0.02, 0.2])
    for gain in (1.0, 1e4):
        model = Scaled(gain)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", attacks.SuspectGradients)
            options = {"steps": 5, "random_start": False}
            plain = attacks.pgd(model, images, labels, 0.05, **options)
            sure = attacks.pgd(model, images, labels, 0.05, **options, loss=attacks.margin)
        resists = [(model(made).argmax(1) == labels).tolist() for made in (plain, sure)]
        assert resists[1] == [False, True]  # 0.02 < ε < 0.2: the truth
        assert resists[0] == ([False, True] if gain == 1.0 else [True, True])


def test_margin_against_its_definition():
    logits = torch.tensor([[1.0, 4.0, 2.0], [3.0, -1.0, 0.5]])
    assert attacks.margin(logits, torch.tensor([1, 2])).item() == pytest.approx((2 - 4) + (3 - 0.5))


class Restless(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :3] + torch.rand(len(images), 3)


class Certain(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :3].softmax(1)


class Deaf(nn.Module):
    def forward(self, images):
        return torch.ones(len(images), 3) + 0 * images.flatten(1)[:, :3]


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Restless(), "answers differently when asked twice"),
        (Certain(), "outputs look like probabilities"),
        (Deaf(), "gradients of all images examined are zero"),
    ],
)
@pytest.mark.parametrize("attack", [attacks.fgsm, attacks.pgd])
def test_what_makes_an_attack_look_weak_brings_a_warning(model, text, attack):
    images, labels = torch.rand(4, 3, 6, 6), torch.zeros(4, dtype=torch.long)
    with pytest.warns(attacks.SuspectGradients, match=text):
        attack(model, images, labels, 0.03)


def test_an_ordinary_network_brings_no_warning():
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    images, labels = torch.rand(4, 3, 6, 6), torch.zeros(4, dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attacks.pgd(model, images, labels, 0.03)


def test_what_cannot_be_attacked_is_refused_in_a_sentence():
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    images, labels = torch.rand(4, 3, 6, 6), torch.zeros(4, dtype=torch.long)
    for epsilon in (-0.1, 1.5, math.nan, "8/255"):
        with pytest.raises(ValueError, match="between 0 and 1"):
            attacks.fgsm(model, images, labels, epsilon)
    for wrong in (labels + 3, labels - 1):
        with pytest.raises(ValueError, match="labels must lie from 0 to 2, the classes"):
            attacks.pgd(model, images, wrong, 0.03)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        attacks.pgd(model, images * 255, labels, 0.03)
    with pytest.raises(ValueError, match="need as many labels"):
        attacks.pgd(model, images, labels[:2], 0.03)
    with pytest.raises(ValueError, match=r"must answer \(N, classes\)"):
        attacks.pgd(nn.Identity(), images, labels, 0.03)
    with pytest.raises(ValueError, match="steps=0 is not possible"):
        attacks.pgd(model, images, labels, 0.03, steps=0)
    with pytest.raises(ValueError, match="restarts=0 is not possible"):
        attacks.pgd(model, images, labels, 0.03, restarts=0)


def test_a_low_pass_in_front_is_what_it_says_and_has_a_gradient_in_its_band_only():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 4))
    images = torch.rand(3, 3, 16, 16)
    low, _ = frequency.split(images, 4)
    front = measure.LowPass(model, 4)
    torch.testing.assert_close(front(images), model(low), rtol=1e-4, atol=1e-4)
    _, gradient = attacks.answers_and_gradient(front, images, torch.zeros(3, dtype=torch.long))
    outside = frequency.filter_spectrum(gradient, ~frequency.disc(16, 16, 4))
    assert outside.abs().max() < 1e-5 * gradient.abs().max() + 1e-8


def test_noise_in_front_is_averaged():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4))
    images = torch.rand(2, 3, 8, 8)
    torch.manual_seed(0)
    noisy = measure.Noisy(model, 0.1)(images)
    torch.manual_seed(0)
    many = images.repeat(4, 1, 1, 1)
    each = model(many + 0.1 * torch.randn_like(many))
    torch.testing.assert_close(noisy[1], each[[1, 3, 5, 7]].mean(0))
    torch.testing.assert_close(noisy[0], each[[0, 2, 4, 6]].mean(0))


LABELS = ("natural", "table-natural", "search-natural", "checks-natural")


@pytest.fixture(scope="module")
def checked(carried_out):
    """The records of the page at smoke: network, table and checks of M_natural."""
    wanted = plan("smoke", "planted", [0])
    return {label: carried_out(wanted[label][0]) for label in LABELS}


def test_the_table_has_every_cell_once_and_agrees_with_attacking_by_hand(checked):
    recipe = checked["table-natural"].recipe
    rows = checked["table-natural"].history
    expected = len(measure.FORMS) * len(recipe.rhos) * (1 + 2 * len(recipe.epsilons))
    assert len(rows) == expected
    assert not rows.duplicated(["form", "rho", "attack", "epsilon"]).any()
    assert rows.accuracy.between(0, 1).all()
    images, labels = recipe.test_set()
    for rho in (0.0, 0.5):
        model = smoothing.smooth_first_layer(checked["natural"].model(), rho)
        made = {"clean": (0.0, images), "fgsm": (0.06, attacks.fgsm(model, images, labels, 0.06))}
        for attack, (epsilon, each) in made.items():
            cell = rows[(rows.form == "published") & (rows.rho == rho) & (rows.attack == attack)]
            cell = cell[cell.epsilon == epsilon].accuracy.item()
            by_hand = (model(each).argmax(1) == labels).float().mean().item()
            # The record was computed in bfloat16 where the processor has it.
            assert cell == pytest.approx(by_hand, abs=0.051)


def test_the_table_by_search_counts_images_that_need_more(checked):
    run = checked["search-natural"]
    rows, recipe = run.history, run.recipe
    assert recipe.search
    assert recipe.run_id.startswith("search-robustness-")
    assert set(rows.form) == {"published"}
    assert len(rows) == len(recipe.rhos) * (1 + 2 * len(recipe.epsilons))
    images, labels = recipe.test_set()
    for rho in recipe.rhos:
        cells = rows[rows.rho == rho].set_index(["attack", "epsilon"]).accuracy
        model = smoothing.smooth_first_layer(checked["natural"].model(), rho)
        clean = (model(images).argmax(1) == labels).double().mean().item()
        assert cells["clean", 0.0] == pytest.approx(clean)
        for attack in ("fgsm", "pgd"):
            needed = run.tensors()[f"{attack}/{rho:g}"]
            assert needed.shape == labels.shape
            for epsilon in recipe.epsilons:
                share = (needed > epsilon).double().mean().item()
                assert cells[f"{attack}-search", epsilon] == share


def test_checks_leave_at_most_what_the_weakest_of_them_leaves(checked):
    rows = checked["checks-natural"].history
    for _, group in rows[rows.attack != "clean"].groupby(["defence", "epsilon"]):
        found = group.set_index("attack").accuracy
        assert (
            found["all together"]
            <= found.drop(["all together", "AutoAttack"], errors="ignore").min()
        )
    defences = set(rows.defence)
    assert defences >= {"as it is", "smoothed", "gain alone", *measure.RIVALS}


def test_rivals_are_matched_on_other_images_than_those_measured(checked):
    recipe = checked["checks-natural"].recipe
    images, _ = recipe.test_set()
    others, _ = recipe.held_out()
    same = (images[:, None] == others[None]).flatten(2).all(2)
    assert not same.any()


def test_recipes_that_cannot_be_measured_are_refused():
    network = scales.vanilla("smoke", "planted", 0)
    with pytest.raises(ValueError, match="images=301 is not possible"):
        measure.RobustnessTable(network=network, images=301)
    with pytest.raises(ValueError, match="rho must be a number of at least 0"):
        measure.RobustnessTable(network=network, images=10, rhos=(-1.0,))
    with pytest.raises(ValueError, match="between 0 and 1"):
        measure.RobustnessTable(network=network, images=10, epsilons=(2.0,))
    with pytest.raises(ValueError, match="search='yes'"):
        measure.RobustnessTable(network=network, images=10, search="yes")
