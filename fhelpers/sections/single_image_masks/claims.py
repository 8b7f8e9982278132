"""Claims about the masks of single images (K7, K8)."""

import pandas as pd

from fhelpers.claims.masks import rows_of
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, difference, proportion

SURE = 0.9  # share right on M(x) among images that are right as they are
MOSTLY = 0.5  # more often right than not


def right_on(history: pd.DataFrame, label: str, part: str, among: str = "right") -> Estimate:
    """Share of images that are classified right in one version, of those right as they are.

    among: "right", or "all" for the share of all images.
    """
    rows = rows_of(history, label, part=part, among=among)
    accuracy, images = float(rows.accuracy.iloc[0]), int(rows.images.iloc[0])
    return estimate(rows.accuracy.to_list(), lambda: proportion(accuracy * images, images))


@claim(
    "K7",
    text="Seen through its own mask, an image is classified right, and so is its adversarial "
    "version; what the mask takes away is not.",
    source="K, single-image masks",
    measure="share classified right by N of M(x), M(x_A) and x − M(x), among test images that are "
    "right as they are",
    rule=f"reproduced if the first interval lies above {SURE}, the second above {MOSTLY} and the "
    f"third below {MOSTLY}",
    paper=None,
    figure="single-versions",
)
def masks_of_images_hold(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label images/natural."""
    label = "images/natural"
    attacked = right_on(history, label, "attacked").value
    held = rows_of(history, label, part="original", among="all").reached.mean()
    return [
        Part("M(x)", right_on(history, label, "masked"), SURE),
        Part("M(x_A)", right_on(history, label, "attacked-masked"), MOSTLY),
        Part("x − M(x)", right_on(history, label, "complement"), MOSTLY, ceiling=True),
    ], (
        f"Of x_A itself {attacked:.2f} are right. {held:.2f} of all masks kept their image's class "
        "to the end; the others are the last that did."
    )


@claim(
    "K8",
    text="Masks of single images carry the class: a linear classifier of the masks beats the same "
    "classifier on classes dealt out at random.",
    source="K, linear classification of masks",
    measure="cross-validated accuracy of a linear classifier of the masks of N, on the classes "
    "that the masks keep minus on the same classes dealt out at random",
    rule="reproduced if the interval lies above 0",
    paper=None,
    figure="single-map",
)
def masks_carry_the_class(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the label images/natural."""
    more = gained(history, "images/natural", "kept")
    true = gained(history, "images/natural", "true")
    values = {
        part: rows_of(history, "images/natural", part=part, among="kept").accuracy.mean()
        for part in ("linear", "linear-scrambled")
    }
    return [Part("classes kept minus classes dealt out", more, 0.0)], (
        f"From the masks of N a linear classifier tells {100 * values['linear']:.0f} % of the "
        f"classes, and {100 * values['linear-scrambled']:.0f} % of classes dealt out at random; on "
        f"the true classes of the images the difference is {true}."
    )


def gained(history: pd.DataFrame, label: str, classes: str) -> Estimate:
    """Accuracy of the linear classifier, on the classes minus on the same dealt out at random.

    Over seeds; with one seed over images, the two outcomes counted as independent.
    """
    found = {
        part: rows_of(history, label, part=part, among=classes).sort_values("seed")
        for part in ("linear", "linear-scrambled")
    }
    own, dealt = found["linear"], found["linear-scrambled"]
    changes = own.accuracy.to_numpy() - dealt.accuracy.to_numpy()
    n = int(own.images.iloc[0])
    return estimate(
        changes.tolist(),
        lambda: difference(own.accuracy.iloc[0] * n, n, dealt.accuracy.iloc[0] * n, n),
    )
