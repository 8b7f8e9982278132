"""The claim about training through a mask (K5)."""

import pandas as pd

from fhelpers.claims.reliance import TEST, effect
from fhelpers.claims.verdicts import Part, claim


@claim(
    "K5",
    text="The frequencies that a mask keeps are those that serve to generalise: trained on images "
    "seen through it, a network does better on whole test images than one trained through an "
    "equally sparse random mask or through the complement.",
    source="K, essential frequencies",
    measure="accuracy on original test images, trained through the mask minus trained through the "
    "random mask, and minus trained through the complement",
    rule="reproduced if both intervals lie above 0",
    paper=None,
    figure="essential-through",
)
def generalises_through_the_mask(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels through/mask, through/random and through/complement."""
    parts = [
        Part(
            f"through the mask minus {words}",
            effect(history, {"through/mask": 1, f"through/{name}": -1}, TEST),
            0.0,
        )
        for name, words in (("random", "the random mask"), ("complement", "the complement"))
    ]
    labels = [str(label) for label in dict.fromkeys(history.label)]
    listed = ", ".join(
        f"{label.removeprefix('through/')} {effect(history, {label: 1}, TEST).value:.3f}"
        for label in labels
        if label.startswith("through/")
    )
    return parts, f"Accuracy on originals, trained through: {listed}."
