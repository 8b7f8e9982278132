"""Claims about the masks of single images (K7, K8)."""

import pandas as pd

from fhelpers.claims.histories import MORE, minus
from fhelpers.claims.masks import rows_of
from fhelpers.claims.verdicts import Part, claim
from fhelpers.intervals import Estimate, accuracy

SURE = 0.9  # share right on M(x), which the mask is learned to keep
LOST = 0.1  # share: what counts as a loss
MANY = 0.5  # share of the attacks undone: more often than not


def right_on(history: pd.DataFrame, label: str, part: str, among: str = "right") -> Estimate:
    """Share of images that are classified right in one version, of those right as they are.

    among: "right", or "all" for the share of all images; "kept" for that of a classifier of masks.
    """
    rows = rows_of(history, label, part=part, among=among)
    return accuracy(rows.accuracy, int(rows.images.iloc[0]))


@claim(
    "K7",
    short="single-image masks hold the class and undo many attacks",
    text="Seen through its own mask, an image is classified right; through the frequencies that "
    "its mask leaves out, many images are not; and the mask undoes many attacks.",
    source="K, single-image masks",
    measure="among test images that N gets right as they are and wrong once attacked: share right "
    "on M(x), minus that through the complement (the frequencies whose weight is 0); share right "
    "on M(x_A)",
    rule=f"reproduced if the first interval lies above {LOST} and the second above {MANY}; beside "
    f"them: M(x), right by construction, above {SURE}, and ours: what is lost on x − M(x)",
    paper="M(x) 100.00, complement 55.52, x_A 0.00, M(x_A) 58.69 %, of 1,421 images",
    figure="single-versions",
    networks=("natural",),
)
def masks_of_images_hold(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label images/natural."""
    label = "images/natural"
    attacked, sure = (right_on(history, label, part) for part in ("attacked", "masked"))
    held = rows_of(history, label, part="original", among="all").reached.mean()
    return [
        Part("M(x) minus the complement", less_on(history, label, "complement"), LOST),
        Part("M(x_A)", right_on(history, label, "attacked-masked"), MANY),
        Part("M(x), by construction", sure, SURE, ours=True),
        Part("M(x) minus x − M(x)", less_on(history, label, "rest"), LOST, ours=True),
    ], (
        f"Correct on x_A itself: {100 * attacked.value:.0f} %. To the end, "
        f"{100 * held:.0f} % of the masks kept their image's class; for the others we take the "
        "last mask that did."
    )


def less_on(history: pd.DataFrame, label: str, part: str) -> Estimate:
    """Share right on M(x) minus that on another part."""
    return between(history, label, "masked", part, "right")


def between(history: pd.DataFrame, label: str, part: str, other: str, among: str) -> Estimate:
    """Accuracy on one part minus that on another, counted as independent over images."""
    both = [rows_of(history, label, part=p, among=among).sort_values("seed") for p in (part, other)]
    return minus(*(each.accuracy.to_numpy() for each in both), int(both[0].images.iloc[0]))


@claim(
    "K8",
    short="single-image masks carry the class",
    text="Masks of single images carry the class: a linear classifier of the masks beats the same "
    "classifier on scrambled classes.",
    source="K, linear classification of masks",
    measure="cross-validated accuracy of a linear classifier of the masks of N, on the classes "
    "that the masks keep minus on the same classes scrambled",
    rule="reproduced if the interval lies above 0",
    paper="82.24 % of the true labels, 20.56 % of scrambled ones",
    figure="single-map",
    networks=("natural",),
)
def masks_carry_the_class(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label images/natural."""
    more = gained(history, "images/natural", "kept")
    true = gained(history, "images/natural", "true")
    values = {
        part: rows_of(history, "images/natural", part=part, among="kept").accuracy.mean()
        for part in ("linear", "linear-scrambled")
    }
    return [Part("classes kept minus scrambled", more, MORE)], (
        f"A linear classifier gets {100 * values['linear']:.0f} % of the masks of N right, with "
        f"scrambled classes {100 * values['linear-scrambled']:.0f} %; on the true classes of the "
        f"images the difference is {true}."
    )


def gained(history: pd.DataFrame, label: str, classes: str) -> Estimate:
    """Accuracy of the linear classifier, on the classes minus on the same scrambled."""
    return between(history, label, "linear", "linear-scrambled", classes)
