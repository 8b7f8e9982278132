"""W14 against planted runs with a known answer: yes, no, and not to be told."""

import math
from functools import cache

import pytest
from test_claims_heuristics import history, network, over

from fhelpers import networks
from fhelpers.claims import CLAIMS
from fhelpers.claims.verdicts import confidence_of
from fhelpers.networks.cost import cost
from fhelpers.sections.architectures.plan import plan

YES, WEAK, NO, OPEN = "reproduced", "weaker", "not reproduced", "undecided"

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
    verdict = CLAIMS["W14"](history(KINDS | changes, seeds=seeds, spread=0.002))
    assert verdict.verdict == expected
    assert over(verdict, seeds)


def test_w14_compares_with_whichever_comes_closest():
    runs = history(KINDS | {"resnet-18": network(0.99, 0.9, 0.0)}, spread=0)
    parts = CLAIMS["W14"](runs).parts
    assert [part.name.rpartition(" ")[2] for part in parts] == ["AlexNet", "LeNet", "LeNet"]
    assert [part.estimate.value for part in parts] == pytest.approx([0.05, 0.2, 0.1])


def test_w14_is_open_where_the_lead_over_one_rival_is():
    """The smallest lead is certain, a larger one is not: it decides, at the confidence of nine."""
    runs = history(KINDS, seeds=3, spread=0.001)
    unsure = (runs.label == "lenet") & (runs.seed == 0)
    runs.loc[unsure, "accuracy"] = (runs.accuracy[unsure] - 0.2).clip(lower=0)
    verdict = CLAIMS["W14"](runs)
    first = verdict.parts[0]
    assert (first.name, first.verdict) == ("test accuracy, ResNet minus LeNet", OPEN)
    assert first.estimate.value > 0.05  # the lead over AlexNet, the smallest
    assert confidence_of(verdict.parts) == pytest.approx(1 - 0.05 / 9)


def test_w14_names_what_is_missing():
    runs = history(KINDS)
    with pytest.raises(ValueError, match="no run labelled 'vgg-11'"):
        CLAIMS["W14"](runs[runs.label != "vgg-11"])
    with pytest.raises(ValueError, match="One run of the 6n \\+ 2 ResNet is needed, not none"):
        CLAIMS["W14"](runs[runs.label != "resnet-8"])


def test_w14_at_equal_size_is_beside_the_verdict():
    better = {f"{name}-parameters": network(0.7, 0.69, 0.05) for name in ("lenet", "alexnet")}
    worse = {"vgg-11-multiply-adds": network(0.9, 0.3, 0.3)}
    verdict = CLAIMS["W14"](history(KINDS | better | worse, spread=0))
    assert verdict.verdict == YES
    assert [part.ours for part in verdict.parts] == [False] * 3 + [True] * 6
    assert [part.verdict for part in verdict.parts if part.ours] == [NO] * 3 + [YES] * 3
    assert verdict.parts[3].name.endswith(" with about as many parameters")
    assert "AlexNet with about as many parameters 0.690" in verdict.note


@pytest.mark.parametrize(("scale", "farthest"), [("smoke", 0.5), ("standard", 0.16)])
@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg-11"])
@pytest.mark.parametrize("count", ["parameters", "multiply-adds"])
def test_networks_of_equal_size_are_as_wide_as_brings_them_nearest(scale, farthest, name, count):
    runs = plan(scale, "cifar10", [0])
    (recipe,), field = runs[f"{name}-{count}"], count.replace("-", "_")
    wanted = getattr(counted(runs["resnet-8"][0]), field)
    widths = (recipe.width, recipe.width - 1, recipe.width + 1)
    own, *others = (
        abs(math.log(getattr(counted(recipe, width), field) / wanted)) for width in widths
    )
    assert own < farthest
    assert own <= min(others)


@cache
def counted(recipe, width=None):
    """The cost of a recipe's network, of another width if one is given."""
    width = recipe.width if width is None else width
    model = networks.build(recipe.model, channels=3, classes=10, width=width)
    return cost(model, (3, 32, 32))
