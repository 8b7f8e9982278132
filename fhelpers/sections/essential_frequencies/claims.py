"""The claim about training through a mask (K5)."""

import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import TEST, effect
from fhelpers.claims.verdicts import Part, claim

AGAINST = {
    "random": "the random mask",
    "binary-complement": "the complement",  # as K's released code takes it
    "random-but-zero": "the random mask with zero fixed",
    "complement": "one minus the mask",
    "disc": "the disc",
    "permuted": "the permuted mask",
}
OURS = ("random-but-zero", "complement", "disc", "permuted")


@claim(
    "K5",
    short="training through the mask beats a random mask and the complement",
    text="The frequencies that a mask keeps are those that serve to generalise: trained on images "
    "seen through it, a network does better on whole test images than one trained through an "
    "equally sparse random mask or through the complement.",
    source="K, essential frequencies",
    measure="accuracy on original test images, trained through the mask minus trained through the "
    "random mask, and minus trained through the complement, the frequencies whose weight is 0",
    rule="reproduced if both intervals lie above 0; ours beside it: minus trained through a random "
    "mask that keeps the weight of frequency zero, through one minus the mask, through the disc of "
    "the same total weight, and through the mask permuted within its rings",
    paper="neither the abstract nor the code has an accuracy",
    figure="essential-through",
    networks=("natural", "through/mask"),
)
def generalises_through_the_mask(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels through/…: mask, random, binary-complement, and any of `OURS`."""
    there = [str(label) for label in dict.fromkeys(history.label)]
    parts = [
        Part(
            f"through the mask minus {words}",
            effect(history, {"through/mask": 1, f"through/{name}": -1}, TEST),
            MORE,
            ours=name in OURS,
        )
        for name, words in AGAINST.items()
        if name not in OURS or f"through/{name}" in there
    ]
    listed = ", ".join(
        f"{AGAINST.get(name, 'the mask')} {effect(history, {label: 1}, TEST).value:.3f}"
        for label in there
        if (name := label.removeprefix("through/")) != label
    )
    return parts, f"Accuracy on originals, trained through: {listed}."
