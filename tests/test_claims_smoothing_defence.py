"""W17 to W19 on planted tables: effect +, 0 and −, one seed and several."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS
from fhelpers.claims.findings import doubted
from fhelpers.sections.smoothing_defence.claims import at, checks_of, contrast, table_of

VERDICTS = {1: "reproduced", 0: "undecided", -1: "not reproduced"}
RHOS, EPSILONS = (0.0, 0.25, 1.0), (0.03, 0.06, 0.09)


def table(accuracy, seeds=(0, 1, 2), images=2000, search=None):
    """Table 2 from accuracy(network, rho, attack, epsilon), with a little noise over seeds.

    search: the same for the attacks by search, if there are any.
    """
    generator = np.random.default_rng(2)
    words = [""] + ["-search"] * (search is not None)
    attacks = [("clean", 0.0)]
    attacks += [(a + word, e) for word in words for a in ("fgsm", "pgd") for e in EPSILONS]
    rows = []
    for seed, network, form, rho, (attack, epsilon) in itertools.product(
        seeds, ("natural", "adversarial"), ("published", "gain kept"), RHOS, attacks
    ):
        # The other form holds nonsense: a claim that read it would be wrong.
        of = search if attack.endswith("-search") else accuracy
        value = of(network, rho, attack, epsilon) if form == "published" else 0.9 - 0.8 * rho
        noisy = float(np.clip(value + 0.002 * generator.standard_normal(), 0, 1))
        place = {"seed": seed, "network": network, "form": form, "rho": rho}
        rows.append(place | {"attack": attack, "epsilon": epsilon, "accuracy": noisy})
    return pd.DataFrame(rows).assign(images=images)


def trades(effect):
    """Clean accuracy falls with ρ, robust accuracy of M_natural rises, by `effect`."""

    def accuracy(network, rho, attack, epsilon):
        return 0.5 - 0.2 * effect * rho if attack == "clean" else 0.3 + 0.2 * effect * rho

    return accuracy


@pytest.mark.parametrize("effect", [1, 0, -1])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w17(effect, seeds):
    verdict = CLAIMS["W17"](table(trades(effect), seeds))
    assert verdict.verdict == VERDICTS[effect]
    assert verdict.estimate.value == pytest.approx(0.2 * effect, abs=0.01)
    assert len(verdict.parts) == 4


def test_what_is_found_by_search_stands_beside_the_verdict():
    found = {
        name: CLAIMS[name](table(trades(1), search=lambda *place: 0.3)) for name in ("W17", "W18")
    }
    assert found["W17"].verdict == "reproduced"
    searched = [part for part in found["W17"].parts if part.ours]
    assert [part.name for part in searched] == ["FGSM by search, gained", "PGD by search, gained"]
    assert all(abs(part.estimate.value) < 0.01 for part in searched)
    assert [part.ours for part in found["W18"].parts] == [False, True]
    assert [part.ours for part in CLAIMS["W19"](table(trades(1), search=trades(1))).parts] == [
        False, False, True, True,
    ]  # fmt: skip


def test_both_tables_are_read_once():
    whole = table(trades(1), search=trades(1)).query("form == 'published'")
    search = whole.attack.str.endswith("-search") | (whole.attack == "clean")
    history = pd.concat(
        [
            whole[~whole.attack.str.endswith("-search")].assign(label="table-natural"),
            whole[search].assign(label="search-natural", images=100),
            whole.assign(label="checks-natural"),
        ]
    ).query("network == 'natural'")
    found = table_of(history.drop(columns="network"))
    assert set(found.network) == {"natural"}
    assert not found.duplicated(["seed", "rho", "attack", "epsilon"]).any()
    assert set(found.images[found.attack.str.endswith("-search")]) == {100}


def test_w17_is_not_reproduced_when_only_clean_accuracy_does_as_claimed():
    only_clean = table(lambda network, rho, attack, epsilon: 0.5 - 0.2 * rho)
    assert CLAIMS["W17"](only_clean).verdict == "not reproduced"


@pytest.mark.parametrize("effect", [1, 0, -1])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w18_compares_the_smoothed_natural_with_the_plain_adversarial_at_the_largest_epsilon(
    effect, seeds
):
    def accuracy(network, rho, attack, epsilon):
        if (network, rho, attack, epsilon) == ("natural", 1.0, "pgd", 0.09):
            return 0.3 + 0.1 * effect
        return 0.3 if (network, rho) == ("adversarial", 0.0) else 0.6

    verdict = CLAIMS["W18"](table(accuracy, seeds))
    assert verdict.verdict == VERDICTS[effect]
    assert verdict.estimate.value == pytest.approx(0.1 * effect, abs=0.01)


@pytest.mark.parametrize("kept", [0.2, 0.0])
def test_w18_stands_beside_what_all_checks_together_leave(kept):
    """M_adversarial as it is keeps 0.1; other defences, checks and ε hold nonsense."""
    places = itertools.product(
        (0, 1, 2), ("natural", "adversarial"), ("as it is", "smoothed"), ("PGD", "all together"),
        (0.03, 0.09),
    )  # fmt: skip
    rows = pd.DataFrame(places, columns=["seed", "network", "defence", "attack", "epsilon"])
    last = (rows.attack == "all together") & (rows.epsilon == 0.09)
    rows["accuracy"] = 0.9
    rows.loc[last & (rows.network == "adversarial") & (rows.defence == "as it is"), "accuracy"] = (
        0.1
    )
    rows.loc[last & (rows.network == "natural") & (rows.defence == "smoothed"), "accuracy"] = kept
    labelled = rows.assign(label="checks-" + rows.network, images=100).drop(columns="network")
    verdict = CLAIMS["W18"](table(trades(1)), checks_of(labelled))
    *_, together = verdict.parts
    assert together.ours
    assert together.estimate.value == pytest.approx(kept - 0.1)
    assert bool(doubted(verdict)) is (kept < 0.1)


@pytest.mark.parametrize("effect", [1, 0, -1])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w19(effect, seeds):
    def accuracy(network, rho, attack, epsilon):
        sign = {0.09: 1, 0.03: -1}.get(epsilon, 0)
        return 0.4 + 0.1 * effect * sign * rho * (network == "adversarial")

    assert CLAIMS["W19"](table(accuracy, seeds)).verdict == VERDICTS[effect]


def test_w19_is_not_reproduced_when_smoothing_helps_at_every_epsilon():
    helps = table(lambda network, rho, attack, epsilon: 0.4 + 0.1 * rho)
    assert CLAIMS["W19"](helps).verdict == "not reproduced"


def test_tables_that_cannot_decide_are_refused():
    whole = table(trades(1))
    with pytest.raises(ValueError, match="needs ρ = 0, a ρ above 0"):
        CLAIMS["W17"](whole[whole.rho == 0])
    with pytest.raises(ValueError, match="compares two ε"):
        CLAIMS["W19"](whole[whole.epsilon.isin([0.0, 0.03])])
    with pytest.raises(ValueError, match="one row per seed"):
        contrast(pd.concat([whole, whole]), [(1, at("natural", 0.0))])
    some = whole[~((whole.seed == 1) & (whole.network == "adversarial"))]
    with pytest.raises(ValueError, match="seed by seed"):
        contrast(some, [(1, at("natural", 0.0)), (-1, at("adversarial", 0.0))])
