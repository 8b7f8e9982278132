"""`fhelpers.attacks` against foolbox, and against what every attack must keep to."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fhelpers import attacks, data, networks

CLASSES = 4
OPTIONS = {"low": 1.0, "high": 1.0, "classes": CLASSES}
EPSILON = 0.035


def planted(train, limit):
    loaded = data.load("planted", train=train, limit=limit, **OPTIONS)
    return loaded.pixels(), loaded.labels


@pytest.fixture(scope="module")
def victim():
    """A small network that has learnt planted images, in eval mode, and 200 test images."""
    images, labels = planted(True, 200)
    model = networks.build("lenet", channels=3, classes=CLASSES, seed=0)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(8):
        for chosen in torch.randperm(len(images), generator=order).split(20):
            optimiser.zero_grad()
            F.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimiser.step()
    optimiser.zero_grad()
    images, labels = planted(False, 200)
    assert accuracy(model.eval(), images, labels) > 0.9
    return model, images, labels


@torch.no_grad()
def accuracy(model, images, labels):
    return (model(images).argmax(1) == labels).float().mean().item()


@torch.no_grad()
def loss(model, images, labels):
    return F.cross_entropy(model(images), labels).item()


def linear_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, CLASSES))


# --- what every attack keeps to -------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    epsilon=st.floats(0, 1),
    steps=st.integers(1, 4),
    step_size=st.none() | st.floats(0, 2),
    random_start=st.booleans(),
    restarts=st.integers(1, 3),
    saturated=st.booleans(),
    seed=st.integers(0, 5),
)
def test_attacks_stay_within_the_ball_and_the_pixel_range(
    epsilon, steps, step_size, random_start, restarts, saturated, seed
):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(6, 3, 6, 6, generator=generator)
    images = images.round() if saturated else images
    labels = torch.randint(CLASSES, (6,), generator=generator)
    before, model = images.clone(), linear_model(seed)
    found = attacks.pgd(
        model, images, labels, epsilon, steps=steps, step_size=step_size,
        random_start=random_start, restarts=restarts, generator=generator,
    )  # fmt: skip
    for attacked in (found, attacks.fgsm(model, images, labels, epsilon)):
        assert attacked.shape == images.shape
        assert attacked.dtype == images.dtype
        assert not attacked.requires_grad
        assert (attacked - images).abs().max() <= epsilon + 1e-6
        assert attacked.min() >= 0
        assert attacked.max() <= 1
    assert torch.equal(images, before)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_mode_and_running_averages_stay_as_they_were(training):
    model = networks.build(
        "resnet-8", channels=3, classes=4, width=4, batchnorm="running", dropout=0.5
    )
    model.train(training)
    images, labels = planted(False, 4)
    kept = torch.full_like(networks.first_convolution(model).weight, 7.0)
    networks.first_convolution(model).weight.grad = kept.clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    attacks.fgsm(model, images, labels, 0.1)
    attacks.pgd(model, images, labels, 0.1, steps=2)
    attacks.ascend(model, images, labels, 0.1, steps=2, step_size=0.1, start=images)
    assert [layer.training for layer in model.modules()] == [training] * len(list(model.modules()))
    assert torch.equal(networks.first_convolution(model).weight.grad, kept)
    assert sum(p.grad is not None for p in model.parameters()) == 1
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_the_mode_comes_back_after_an_error_too():
    model = linear_model().train()
    with pytest.raises(ValueError, match="cannot be multiplied"):
        attacks.fgsm(model, torch.rand(2, 3, 9, 9), torch.zeros(2, dtype=torch.long), 0.1)
    assert model.training


def test_attacks_work_where_gradients_are_switched_off(victim):
    model, images, labels = victim
    with torch.no_grad():
        inside = attacks.fgsm(model, images[:8], labels[:8], EPSILON)
    assert torch.equal(inside, attacks.fgsm(model, images[:8], labels[:8], EPSILON))


def test_an_epsilon_of_0_returns_the_images(victim):
    model, images, labels = victim[0], victim[1][:20], victim[2][:20]
    assert torch.equal(attacks.fgsm(model, images, labels, 0), images)
    assert torch.equal(attacks.pgd(model, images, labels, 0, steps=3), images)


@pytest.mark.parametrize("epsilon", [-0.01, 1.01, 8, math.nan, math.inf, "0.1", None])
def test_an_impossible_epsilon_is_refused_in_one_sentence(epsilon):
    model, images, labels = linear_model(), torch.rand(2, 3, 6, 6), torch.tensor([0, 1])
    for attack in (attacks.fgsm, attacks.pgd):
        with pytest.raises(ValueError, match="between 0 and 1") as caught:
            attack(model, images, labels, epsilon)
        assert repr(epsilon) in str(caught.value)


# --- how strong they are --------------------------------------------------------------------------


def test_fgsm_of_a_linear_model_is_known_in_closed_form():
    """For two classes the gradient's sign is that of the weights' difference."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(27, 2))
    images = 0.3 + 0.4 * torch.rand(5, 3, 3, 3)
    labels = torch.tensor([0, 1, 0, 1, 0])
    weight = model[1].weight.detach()
    away = (weight[1 - labels] - weight[labels]).sign().view_as(images)
    torch.testing.assert_close(attacks.fgsm(model, images, labels, 0.2), images + 0.2 * away)
    # With a step of ε/2 PGD reaches the same corner in two steps and stays there.
    walked = attacks.ascend(model, images, labels, 0.2, steps=3, step_size=0.1, start=images)
    torch.testing.assert_close(walked, images + 0.2 * away)


def test_the_loss_rises(victim):
    model, images, labels = victim
    clean = loss(model, images, labels)
    single = loss(model, attacks.fgsm(model, images, labels, EPSILON), labels)
    options = {"steps": 5, "step_size": EPSILON / 2, "start": images}
    many = loss(model, attacks.ascend(model, images, labels, EPSILON, **options), labels)
    assert clean < single < many


def test_every_fooled_image_is_returned_fooled(victim):
    model, images, labels = victim
    found = attacks.pgd(model, images, labels, EPSILON, generator=torch.Generator().manual_seed(0))
    # The network's own mistakes count as fooled: a bounded attack never makes it better.
    resisting = model(found).argmax(1) == labels
    assert 0.05 < resisting.float().mean() < 0.9
    plain = attacks.ascend(
        model, images, labels, EPSILON, steps=10, step_size=EPSILON / 4,
        start=attacks.random_point(images, EPSILON, torch.Generator().manual_seed(0)),
    )  # fmt: skip
    left_by_plain = model(plain).argmax(1) == labels
    assert not (resisting & ~left_by_plain).any()


def test_images_fooled_at_the_first_step_are_not_moved_again(victim):
    model, images, labels = victim
    options = {"step_size": EPSILON, "random_start": False}
    once = attacks.pgd(model, images, labels, EPSILON, steps=1, **options)
    fooled = model(once).argmax(1) != labels
    assert 5 < fooled.sum() < 195
    often = attacks.pgd(model, images, labels, EPSILON, steps=4, **options)
    same = (once == often).flatten(1).all(1)
    assert torch.equal(same, fooled)


def test_restarts_only_help(victim):
    model, images, labels = victim
    options = {"steps": 3, "step_size": EPSILON / 3}
    robust = [
        accuracy(
            model,
            attacks.pgd(
                model, images, labels, EPSILON, restarts=restarts,
                generator=torch.Generator().manual_seed(1), **options,
            ),
            labels,
        )
        for restarts in (1, 4)
    ]  # fmt: skip
    assert robust[1] <= robust[0]


def test_a_generator_makes_pgd_repeatable(victim):
    model, images, labels = victim[0], victim[1][:30], victim[2][:30]

    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return attacks.pgd(model, images, labels, 0.02, steps=2, generator=generator)

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


@pytest.mark.parametrize("epsilon", [0.03, 0.04])
def test_robust_accuracies_equal_those_of_foolbox(victim, epsilon):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        foolbox = pytest.importorskip("foolbox")
    model, images, labels = victim
    theirs = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    steps, size = 10, epsilon / 4
    single = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    many = foolbox.attacks.LinfPGD(steps=steps, abs_stepsize=size, random_start=False)
    ours = {
        single: attacks.fgsm(model, images, labels, epsilon),
        many: attacks.pgd(
            model, images, labels, epsilon, steps=steps, step_size=size, random_start=False
        ),
    }
    for attack, attacked in ours.items():
        _, found, fooled = attack(theirs, images, labels, epsilons=epsilon)
        robust = 1 - fooled.float().mean().item()
        assert accuracy(model, attacked, labels) == pytest.approx(robust, abs=0.005)
        if attack is single:
            # The gradient of a batch's mean and sum have one sign, but for rounding near 0.
            assert (found - attacked).abs().gt(1e-5).float().mean() < 1e-3


# --- the smallest ε -------------------------------------------------------------------------------


def searched_slowly(model, image, label, attack, steps, halvings):
    """The smallest ε of one image, as Foolbox's attacks of 2018 looked for it."""

    def fools(epsilon):
        if attack == "fgsm":
            made = attacks.fgsm(model, image, label, epsilon)
        else:
            made = attacks.pgd(
                model, image, label, epsilon, steps=steps, step_size=epsilon / 30,
                random_start=False,
            )  # fmt: skip
        return bool((model(made).argmax(1) != label).item())

    if model(image).argmax(1) != label:
        return 0.0
    if attack == "fgsm":
        return next((n / 1000 for n in range(1, 1001) if fools(n / 1000)), math.inf)
    good = next((each for each in attacks.BRACKETS if fools(each)), math.inf)
    bad = 0.0
    for _ in range(halvings if good < math.inf else 0):
        middle = (bad + good) / 2
        good, bad = (middle, bad) if fools(middle) else (good, middle)
    return good


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_smallest_epsilon_is_what_a_loop_over_single_images_finds(victim, attack):
    model, images, labels = victim[0], victim[1][:12], victim[2][:12].clone()
    labels[3] = (labels[3] + 1) % CLASSES  # wrong as it is
    options = {"steps": 5, "halvings": 6}
    found = attacks.smallest_epsilon(model, images, labels, attack=attack, **options)
    slow = [
        searched_slowly(model, images[n : n + 1], labels[n : n + 1], attack, **options)
        for n in range(12)
    ]
    assert found[3] == 0
    torch.testing.assert_close(found, torch.tensor(slow), atol=1e-6, rtol=0)


def foolbox_fools(model, images, labels, epsilons, **pgd):
    """Whether foolbox's FGSM, or its PGD with these options, fools: bool (epsilons, N)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        foolbox = pytest.importorskip("foolbox")
    attack = foolbox.attacks.LinfPGD if pgd else foolbox.attacks.LinfFastGradientAttack
    theirs = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    return attack(random_start=False, **pgd)(theirs, images, labels, epsilons=epsilons)[2]


def test_the_smallest_epsilon_of_fgsm_is_foolboxs(victim):
    model, images, labels = victim[0], victim[1][:30], victim[2][:30]
    grid = [step / attacks.LEVELS for step in range(1, 61)]
    fools = foolbox_fools(model, images, labels, grid)
    first = torch.where(fools.any(0), (fools.int().argmax(0) + 1) / attacks.LEVELS, math.inf)
    ours = attacks.smallest_epsilon(model, images, labels, attack="fgsm")
    ours[ours > grid[-1]] = math.inf
    right = model(images).argmax(1) == labels
    assert (first[right] < math.inf).sum() > 10
    assert not ours[~right].any()
    torch.testing.assert_close(ours[right], first[right], atol=1.01 / attacks.LEVELS, rtol=0)


def test_the_smallest_epsilon_of_pgd_fools_by_foolbox_and_a_smaller_one_does_not(victim):
    model, images, labels = victim[0], victim[1][:10], victim[2][:10]
    steps, halvings = 20, 8
    options = {"attack": "pgd", "steps": steps, "halvings": halvings}
    found = attacks.smallest_epsilon(model, images, labels, **options)
    searched = ((found > 0) & found.isfinite()).nonzero().flatten().tolist()
    assert len(searched) >= 5
    grid = attacks.BRACKETS[0] / 2**halvings
    for image in searched:
        one = slice(image, image + 1)
        said = []
        for epsilon in (found[image].item(), found[image].item() - grid):
            pgd = {"steps": steps, "abs_stepsize": epsilon / 30}
            said.append(foolbox_fools(model, images[one], labels[one], [epsilon], **pgd).item())
        assert said == [True, False]


def test_what_needs_more_than_epsilon_withstands_it_and_the_other_way_round(victim):
    model, images, labels = victim[0], victim[1][:80], victim[2][:80]
    needed = attacks.smallest_epsilon(model, images, labels, attack="fgsm")
    for epsilon in (0.02, 0.035):
        robust = model(attacks.fgsm(model, images, labels, epsilon)).argmax(1) == labels
        # A search also finds a smaller ε that fools where the larger one no longer does.
        assert robust[needed > epsilon].all()
        assert (needed > epsilon).float().mean() == pytest.approx(
            robust.float().mean().item(), abs=0.05
        )


def test_where_nothing_fools_no_epsilon_is_found():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(27, 2))
    model[1].weight.data.zero_()
    model[1].bias.data = torch.tensor([1.0, 0.0])
    images, labels = torch.rand(3, 3, 3, 3), torch.tensor([0, 1, 0])
    for attack in ("fgsm", "pgd"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", attacks.SuspectGradients)
            found = attacks.smallest_epsilon(model, images, labels, attack=attack, halvings=3)
        assert found.tolist() == [math.inf, 0.0, math.inf]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_images_that_share_their_moments_are_attacked_together(attack):
    model = networks.build("resnet-8", channels=3, classes=4, width=4, batchnorm="batch").eval()
    images, _ = planted(False, 6)
    with torch.no_grad():
        labels = model(images).argmax(1)
    options = {"attack": attack, "steps": 4, "halvings": 3}
    found = attacks.smallest_epsilon(model, images, labels, **options)
    assert (found > 0).all()
    assert found.isfinite().any()
    again = attacks.smallest_epsilon(model, images, labels, **options)
    assert torch.equal(found, again)


def test_an_impossible_search_is_refused():
    model, images, labels = linear_model(), torch.rand(2, 3, 6, 6), torch.tensor([0, 1])
    for options in (
        {"attack": "deepfool"},
        {"attack": "pgd", "steps": 0},
        {"attack": "pgd", "halvings": 0},
    ):
        with pytest.raises(ValueError, match="is not possible: it must be"):
            attacks.smallest_epsilon(model, images, labels, **options)
    for steps in (2.5, True, 0):
        with pytest.raises(ValueError, match="it must be a whole number of at least 1"):
            attacks.pgd(model, images, labels, 0.1, steps=steps)
    with pytest.raises(ValueError, match=r"^there are no images$"):
        attacks.pgd(model, images[:0], labels[:0], 0.1)
