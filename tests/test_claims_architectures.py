"""W14 against planted runs with a known answer: yes, no, and not to be told."""

import pytest
from test_claims_heuristics import history, network, over

from fhelpers.claims import CLAIMS

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


def test_w14_at_equal_size_is_beside_the_verdict():
    better = {f"{name}-equal": network(0.7, 0.69, 0.05) for name in ("lenet", "alexnet")}
    verdict = CLAIMS["W14"](history(KINDS | better, spread=0))
    assert verdict.verdict == YES
    assert [part.ours for part in verdict.parts] == [False] * 3 + [True] * 3
    assert {part.verdict for part in verdict.parts if part.ours} == {NO}
    assert verdict.parts[3].name.endswith("-equal")
    assert "alexnet-equal 0.690" in verdict.note
