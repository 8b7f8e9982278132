"""The claim about kinds of networks (W §5.1)."""

import pandas as pd

from fhelpers.claims.reliance import GAP, TEST, effect, lost_without_high, watched_radii
from fhelpers.claims.verdicts import Part, claim

OTHERS = ("lenet", "alexnet", "vgg-11")


def small_resnet(labels) -> str:
    """The label of the 6n + 2 network. Raises ValueError unless there is exactly one."""
    found = sorted({la for la in labels if la.startswith("resnet-")} - {"resnet-18"})
    if len(found) != 1:
        raise ValueError(
            f"One run of the 6n + 2 ResNet is needed, not {', '.join(found) or 'none'}."
        )
    return found[0]


@claim(
    "W14",
    text="The ResNet has a higher test accuracy, a smaller generalisation gap and relies less on "
    "the high part than LeNet, AlexNet and VGG.",
    source="W, §5.1",
    measure="the 6n + 2 ResNet against whichever other network comes closest, each time: test "
    "accuracy; gap; accuracy lost without the high part (test images, mean over the radii)",
    rule="reproduced if all three intervals lie on the ResNet's side of 0",
    paper=None,
    figure="architectures-ends",
)
def resnet_generalises_best(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history`: labels of one 6n + 2 ResNet and of `OTHERS`, with low parts."""
    resnet, parts = small_resnet(history.label), []
    lost = lost_without_high(watched_radii(history))
    measures = {
        "test accuracy, ResNet minus": (TEST, 1),
        "gap, ResNet below": (GAP, -1),
        "accuracy lost without the high part, ResNet below": (lost, -1),
    }
    for name, (measure, sign) in measures.items():
        leads = {other: effect(history, {resnet: sign, other: -sign}, measure) for other in OTHERS}
        closest = min(leads, key=lambda other: leads[other].value)
        parts.append(Part(f"{name} {closest}", leads[closest], 0.0))
    scores = ", ".join(
        f"{label} {effect(history, {label: 1}, TEST).value:.3f}" for label in (resnet, *OTHERS)
    )
    return parts, f"Test accuracy: {scores}."
