"""Figures of the section on essential frequencies (K)."""

import textwrap
from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from fhelpers import masks as learning
from fhelpers.claims.masks import lettered, rows_of
from fhelpers.claims.reliance import TEST, Term, effect
from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import looks, maps, told_apart
from fhelpers.masks.recipes import varied
from fhelpers.sections.essential_frequencies.claims import AGAINST

ALT = {
    "variants": "Masks over the spectrum, frequency zero in the centre: that of N, the same "
    "weights shuffled over all frequencies, its complement, the weights shuffled over all but "
    "frequency zero, one minus the mask, a disc of the same weight, the weights permuted within "
    "each ring, and in the last two places the mask of M_shuffle and one minus that mask.",
    "through": "A row for each mask that a network was trained through. A black circle marks its "
    "accuracy on whole test images, a blue square that on test images seen through the same mask, "
    "with intervals. A solid line marks the network trained on whole images, a dotted one chance.",
}
VARIED = {"mask": "the mask of N"} | AGAINST
SHUFFLED = {"mask": "the mask of M_shuffle", "complement": "one minus that mask"}
SEEN = {  # as entries of a key
    "original": ("tested on whole images", style.COLOURS["original"], "o", ""),
    "same": ("tested through the same mask", style.COLOURS["low"], "s", ""),
}


@style.styled
def variants(natural: learning.FourierMask, shuffled: learning.FourierMask, seed: int) -> Figure:
    """The masks that networks were trained through."""
    sets = ((natural, VARIED), (shuffled, SHUFFLED))
    made = {
        textwrap.fill(words.removeprefix("the "), 15): varied(mask, name, seed)
        for mask, names in sets
        for name, words in names.items()
    }
    figure, axes = style.canvas(3, 3, 6.4)
    maps(axes.flat, {title: mask.masks().detach()[0].mean(0) for title, mask in made.items()})
    for panel, mask in zip(axes.flat, made.values(), strict=False):
        panel.set_xlabel(f"weight {mask.total_weight().item():.2f}", fontsize=11)
    return figure


def trained_through(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of networks trained through masks: columns mask, original, same (estimates)."""
    same, rows = (Term(1, "test", "input"),), []
    for folder, names in (("through", VARIED), ("shuffled", SHUFFLED)):
        for name, words in names.items():
            one = {f"{folder}/{name}": 1}
            found = {"original": effect(history, one, TEST), "same": effect(history, one, same)}
            rows.append({"mask": words, "label": f"{folder}/{name}"} | found)
    return pd.DataFrame(rows)


@style.styled
def through(frame: pd.DataFrame, whole: float, chance: float) -> Figure:
    """Accuracy of networks trained through masks. frame: from `trained_through`."""
    rows, order = told_apart(frame, "label", SEEN), frame.set_index("label")["mask"].to_dict()
    marks = [*SEEN.values(), ("trained on whole images", style.GREY)]
    look = {"xlabel": "accuracy on test images", "chance": chance, **looks(SEEN)}
    figure, axes = charts.rows(rows, at="label", order=order, by="seen", marks=marks, **look)
    axes.axvline(whole, color=style.GREY, linewidth=1.2, zorder=1)
    axes.axhline(len(VARIED) - 0.5, color=style.PALE, linewidth=1.2)
    return figure


def in_setup(labels: Iterable[str]) -> dict[str, str]:
    """Labels of the plan with the page's own words for networks and masks."""
    labels = list(labels)
    found = lettered(labels)
    for label in labels:
        folder, _, variant = label.partition("/")
        if folder in ("through", "shuffled") and variant in AGAINST:
            found[label] = f"{folder}/{AGAINST[variant].removeprefix('the ')}"
    return found


def through_in_words(frame: pd.DataFrame, whole: float) -> str:
    """What training through each mask gives on whole test images, in two sentences."""
    own = frame.set_index("label").original.map(lambda found: found.value)
    beside = {
        words: own["through/mask"] - own[f"through/{name}"]
        for name, words in {"disc": "the disc", "permuted": "the permuted mask"}.items()
    }
    gaps = style.listing(
        f"{abs(points)} point{'s' * (abs(points) > 1)} {'below' if points < 0 else 'above'} {words}"
        if (points := round(100 * gap))
        else f"within a point of {words}"
        for words, gap in beside.items()
    )
    listed = style.listing(
        f"{100 * row.original.value:.0f} % through {row.mask}"
        for row in frame.itertuples()
        if row.label.startswith("through/")
    )
    return (
        f"Trained on whole images, a network gets {100 * whole:.0f} % of whole test images right; "
        f"trained through masks, {listed}. The mask of N is {gaps}; the card has intervals."
    )


def zeros_in_words(masks: Iterable[learning.FourierMask]) -> str:
    """How many frequencies the complement holds, and what that means, in a sentence."""
    held = [learning.complement(mask).masks()[0, 0].detach() for mask in masks]
    counts, whole = [int(each.sum()) for each in held], held[0].numel()
    text = f"The complement holds {style.listing(counts)} of {whole:,} frequencies"
    if max(counts) > 0.05 * whole:
        return f"{text}."
    black = "black" if max(counts) == 0 else "black or almost black"
    return f"{text}: that half of K5 compares with training on {black} images."


def brightness_in_words(
    masks: Sequence[learning.FourierMask], seeds: Sequence[int], history: pd.DataFrame
) -> str:
    """How the random masks weight frequency zero, the mean of an image, and what that may do."""
    fixed = effect(history, {"through/random-but-zero": 1, "through/random": -1}, TEST)
    made = [varied(mask, "random", seed) for mask, seed in zip(masks, seeds, strict=True)]
    own, drawn = (style.listing([f"{_mean_kept(m):.2f}" for m in each]) for each in (masks, made))
    return (
        f"The mask of N gives frequency zero, the mean of an image, the weight {own}; the random "
        f"mask gives it {drawn}{' (by seed)' * (len(made) > 1)}. Where that weight is small, whole "
        "images are far brighter than those that the network was trained on, and its accuracy on "
        "them may fall for this reason alone. In the random mask with zero fixed, all weights but "
        f"this one are shuffled, which is also another draw. It gains {fixed} on whole images "
        "over the random mask; an interval that holds 0 leaves open whether the weight matters."
    )


def _mean_kept(mask: learning.FourierMask) -> float:
    height, width = mask.size
    return mask.masks()[0, 0, height // 2, width // 2].item()


def memorised_in_words(frame: pd.DataFrame, history: pd.DataFrame) -> str:
    """The same question asked of M_shuffle's mask, and how far that mask answers it."""
    own = frame.set_index("label")[["original", "same"]].map(lambda found: 100 * found.value)
    mask, rest = own.loc["shuffled/mask"], own.loc["shuffled/complement"]
    text = (
        f"A network trained with true labels gets {mask.original:.0f} % of whole test images right "
        "if it is trained through the mask of M_shuffle, against "
        f"{own.original['through/mask']:.0f} % through the mask of N, and {rest.original:.0f} % "
        "through one minus the mask of M_shuffle; on images seen through the same mask as in "
        f"training, {mask.same:.0f}, {own.same['through/mask']:.0f} and {rest.same:.0f} %."
    )
    rows = rows_of(history, "mask/shuffled", split="train", scope="all")
    right = 100 * rows.groupby("part").accuracy.mean()
    split = right["complement"] < right["masked"] / 2
    return (
        f"{text} M_shuffle itself gets {right['masked']:.0f} % of its training labels right "
        f"through its mask and {right['complement']:.0f} % through one minus the mask, so the mask "
        f"{'separates' if split else 'does not separate'} what M_shuffle needs from what it can do "
        "without."
    )


def apart_in_words(natural, shuffled) -> str:
    """In what else M_shuffle and N differ, in a sentence. natural, shuffled: their recipes."""
    named = {"batchnorm": "BatchNorm", "augmentation": "augmentation", "epochs": "epochs",
             "train_images": "number of images", "learning_rate": "learning rate"}  # fmt: skip
    other = [w for name, w in named.items() if getattr(natural, name) != getattr(shuffled, name)]
    text = f"M_shuffle differs from N in {style.listing(['labels', *other])}."
    if shuffled.batchnorm != "none":
        return text
    return (
        f"{text} Without BatchNorm, and with a bias in the last layer only, its answers hardly "
        "change when all frequencies are dimmed alike, so a mask can lose weight without choosing."
    )
