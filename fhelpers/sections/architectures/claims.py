"""The claim about kinds of networks (W §5.1)."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import GAP, TEST, effect, lost_without_high, monitored_radii
from fhelpers.claims.verdicts import VERDICTS, Part, claim
from fhelpers.networks import NETWORKS

OTHERS = ("lenet", "alexnet", "vgg-11")
EQUAL = ("parameters", "multiply-adds")  # behind the label of a network with as many as the ResNet


def title(label: str) -> str:
    """The name of a network and, where its width was chosen to match the ResNet's, that count."""
    for count in EQUAL:
        if label.endswith(f"-{count}"):
            return f"{title(label.removesuffix(f'-{count}'))} with about as many {count}"
    return NETWORKS[label].title


def small_resnet(labels) -> str:
    """The label of the 6n + 2 network. Raises ValueError unless there is exactly one."""
    found = sorted({la for la in labels if la.startswith("resnet-")} - {"resnet-18"})
    if len(found) != 1:
        there = ", ".join(found) or "none"
        raise ValueError(f"One run of the 6n + 2 ResNet is needed, not {there}.")
    return found[0]


@claim(
    "W14",
    short="the ResNet leads LeNet, AlexNet and VGG in accuracy, gap and independence of "
    "the high part",
    text="At the networks' own sizes the ResNet has a higher test accuracy, a smaller "
    "generalisation gap and relies less on the high part than LeNet, AlexNet and VGG.",
    source="W, §5.1",
    measure="the 6n + 2 ResNet against each rival: test accuracy; gap; accuracy lost without the "
    "high part (test images, mean over the radii); of each the rival is listed that decides. Ours "
    "beside it, where trained: the same against networks of as many parameters and multiply-adds",
    rule=f"reproduced if all three intervals lie above {MORE:g} on the ResNet's side",
    figure="architectures-ends",
    networks=("resnet-*", *OTHERS),
)
def resnet_generalises_best(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels of one 6n + 2 ResNet and of `OTHERS`, with low parts.

    Ours needs those of `OTHERS` with a word of `EQUAL` behind it.
    """
    resnet, there = small_resnet(history.label), set(history.label)
    parts, every = leads(history, resnet, OTHERS), [resnet, *OTHERS]
    for count in EQUAL:
        if equal := [f"{name}-{count}" for name in OTHERS if f"{name}-{count}" in there]:
            parts += [replace(part, ours=True) for part in leads(history, resnet, equal)]
            every += equal
    scores = [f"{title(label)} {effect(history, {label: 1}, TEST).value:.3f}" for label in every]
    return parts, f"Test accuracy: {', '.join(scores)}."


def leads(history: pd.DataFrame, resnet: str, others: Sequence[str]) -> list[Part]:
    """The ResNet's lead in each measure over the rival that decides.

    That is the one with the worst verdict; of those with the same, the one with the smallest lead.
    """
    lost, parts = lost_without_high(monitored_radii(history)), []
    measures = {
        "test accuracy, ResNet minus": (TEST, 1),
        "gap, ResNet below": (GAP, -1),
        "accuracy lost without the high part, ResNet below": (lost, -1),
    }
    for name, (measure, sign) in measures.items():
        found = [
            Part(
                f"{name} {title(other)}", effect(history, {resnet: sign, other: -sign}, measure),
                MORE, chosen_from=len(others),
            )
            for other in others
        ]  # fmt: skip
        parts.append(min(found, key=lambda p: (VERDICTS.index(p.verdict), p.estimate.value)))
    return parts
