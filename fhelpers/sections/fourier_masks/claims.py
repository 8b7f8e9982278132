"""Claims about the masks of networks: K1 to K4 and K6.

`history` is that of section 15: masks are labelled mask/<network>, folds/<network>.
"""

import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.masks import FIVE, LETTERS, PAIR, short
from fhelpers.claims.reliance import size_of
from fhelpers.claims.verdicts import Part, claim
from fhelpers.sections.fourier_masks.readings import (
    AXES,
    LOW,
    Facts,
    axis_share,
    by_direction,
    common_weight,
    contrast,
    energies,
    kept,
    low_share,
    low_share_at,
    masked,
    shares,
    similarity,
    weight,
    weights,
)

# Share of the accuracy that a mask is to keep (K; its own five lost 0.8 % at most). A mask that
# keeps less does not keep it, so this is the neutral value as well.
KEPT = 0.99
SPARSE = 0.65  # of the frequencies' total weight
UNEVEN = 0.01  # share of the energy: directions that differ by less count as alike
UNLIKE = 0.5  # structural similarity below which two images do not look alike
SEEN, UNSEEN = "ontest/natural", "mask/natural"  # of N: learned on test and on training images
SPARSER = "The sparser a mask, the larger a share of its energy a few bands can hold"


@claim(
    "K1",
    short="a sparse mask keeps the accuracy",
    text="A sparse mask over the frequencies keeps a network's accuracy.",
    source="K, mask reliability",
    measure="accuracy on the images that the mask of N was learned from, seen through it, divided "
    "by that without it",
    rule=f"reproduced if the interval lies above {KEPT}: less than 1 % is lost; ours beside it: "
    f"the same for a mask learned on training images, and its total weight below {SPARSE} "
    "of 1",
    paper="VGG-11, five classes, in %: N 89.56 to 89.20, A 79.62 to 78.97, S 86.62 to 86.72, "
    "T 85.86 to 85.35, R 68.47 to 68.17",
    figure="masks-reliability",
    networks=("natural",),
)
def sparse_and_enough(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels ontest/natural and mask/natural; others are named in the note."""
    unseen, sparse = kept(history, UNSEEN), weight(history, "natural")
    parts = [
        Part("accuracy through the mask of N, as a share", kept(history, SEEN), KEPT, neutral=KEPT),
        Part("the same, mask learned on training images", unseen, KEPT, neutral=KEPT, ours=True),
        Part("total weight of the mask of N", sparse, SPARSE, ceiling=True, ours=True),
    ]
    others = [name for name in masked(history) if name != "natural"]
    left = {name: 100 * kept(history, f"mask/{name}").value for name in others}
    listed = ", ".join(
        f"{short(name)} {share:.0f} % at weight {weight(history, name).value:.2f}"
        for name, share in left.items()
    )
    said = (
        "Share of the other networks' accuracy on test images that remains through masks learned "
        f"on training images: {listed}."
    )
    return parts, said if listed else ""


@claim(
    "K2",
    short="adversarial training shifts the mask to low frequencies",
    text="The mask of an adversarially trained network has a larger share of low radial energy "
    "than that of a naturally trained one.",
    source="K, radial energies",
    measure=f"share of the mask's energy in the {100 * LOW:.0f} % of the bands nearest to "
    "frequency zero, A minus N",
    rule="reproduced if the interval lies above 0",
    paper="energies by ring, A − N: up to +0.09 in the low bands, down to −0.20 in the middle ones",
    figure="masks-energies",
    networks=PAIR,
)
def adversarial_is_lower(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of natural and adversarial."""
    read = Facts(history)
    more = contrast(read, {"adversarial": 1, "natural": -1}, low_share)
    ones, *_ = energies(history, UNSEEN, "radial", "whole").values()  # the same for all masks
    note = (
        f"The lowest quarter of the distances holds {shares(read, low_share, PAIR)}; of a mask "
        f"of ones it would hold {100 * low_share({'radial': ones}):.0f} %. {SPARSER}; the total "
        f"weights are {weights(read, PAIR)}."
    )
    return [Part("share of low radial energy, A minus N", more, MORE)], note


@claim(
    "K3",
    short="adversarial training shifts the mask by direction, too",
    text="How adversarial training moves the mask differs by direction.",
    source="K, angular energies",
    measure="in the rings that the spectrum holds whole (r of at most half a side): share of the "
    f"mask's energy in directions within {AXES} degrees of the horizontal or the vertical axis, "
    "minus that of the closest mask whose energy falls with the distance alone, since a disc on a "
    "square grid differs by angle too; A minus N, without its sign",
    rule=f"reproduced if the interval lies above {UNEVEN}",
    paper="differences by direction of up to 0.03, largest on the axes",
    figure="masks-direction",
    networks=PAIR,
)
def direction_matters(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of natural and adversarial."""
    read = Facts(history)
    change = contrast(read, {"adversarial": 1, "natural": -1}, axis_share)
    held = [100 * contrast(read, {name: 1}, axis_share).value for name in PAIR]
    rows = by_direction(history, {"adversarial": 1, "natural": -1}).query("near_axis")
    flat, upright = rows.value.groupby((rows.angle - 90).abs() < AXES).sum()
    parts = [Part("share along the axes, size of A minus N", size_of(change), UNEVEN)]
    return parts, (
        f"More near the axes than a mask without direction would hold: {held[0]:.1f} % of N's "
        f"energy and {held[1]:.1f} % of A's; A minus N {change}, near 90 degrees {upright:+.2f} "
        f"and near 0 {flat:+.2f}. {SPARSER}; the total weights are {weights(read, PAIR)}."
    )


@claim(
    "K4",
    short="random scales, translations and rotations do not shift the mask as attacks do",
    text="Random scales, translations or rotations in training do not give the low-frequency bias "
    "that adversarial training gives.",
    source="K, radial energies",
    measure=f"share of the mask's energy in the {100 * LOW:.0f} % of the bands nearest to "
    "frequency zero: A − N minus S − N, minus T − N and minus R − N",
    rule="reproduced if all three intervals lie above 0; ours beside it: the same when the masks, "
    "after an epoch of learning or more, had the same total weight, if they ever had",
    paper="energies by ring: A − N up to +0.09 in the low bands; S − N ±0.02 to 0.04; T − N about "
    "±0.02; R − N −0.02 in the low bands, +0.04 in the high ones",
    figure="masks-differences",
    networks=FIVE,
)
def augmentation_is_not_lower(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels mask/… and folds/… of all five networks."""
    common, read = common_weight(history, FIVE), Facts(history)
    ways = {"": low_share}
    if common is not None:
        ways[f" at weight {common:.2f}"] = low_share_at(common)
    parts = [
        Part(
            f"A − N minus {LETTERS[name]} − N, share of low radial energy{words}",
            contrast(read, {"adversarial": 1, name: -1}, measure),
            MORE,
            ours=bool(words),
        )
        for words, measure in ways.items()
        for name in ("scale", "translate", "rotate")
    ]
    note = f"The lowest quarter of the distances holds {shares(read, low_share, FIVE)}."
    if common is None:
        note += (
            " After an epoch of learning there was no total weight that the masks of all five "
            f"networks had (at the end it is {weights(read, FIVE)}), so their shares are not "
            "compared at equal weight."
        )
    return parts, note


@claim(
    "K6",
    short="masked images look unlike the originals and are still classified",
    text="Images seen through the mask do not look like the originals, while the network still "
    "classifies them.",
    source="K, masked images",
    measure="structural similarity of test images to themselves seen through the mask of N that "
    "was learned from them; accuracy on the latter divided by that on the former",
    rule=f"reproduced if the similarity's interval lies below {UNLIKE} and that of the quotient "
    f"above {KEPT}; ours beside it: both for a mask learned on training images",
    figure="masks-images",
    networks=("natural",),
)
def unlike_but_classified(history: pd.DataFrame) -> tuple[list[Part], str]:
    """`history` of the labels ontest/natural and mask/natural."""
    parts = []
    for label, words in ((SEEN, ""), (UNSEEN, ", mask learned on training images")):
        options, keeps = {"ours": bool(words)}, f"accuracy through the mask, as a share{words}"
        alike, ratio = similarity(history, label), kept(history, label)
        parts += [
            Part(f"structural similarity{words}", alike, UNLIKE, ceiling=True, **options),
            Part(keeps, ratio, KEPT, neutral=KEPT, **options),
        ]
    gone = similarity(history, UNSEEN, part="complement")
    return parts, f"What the mask takes away has a similarity of {gone.value:.2f} to the originals."
