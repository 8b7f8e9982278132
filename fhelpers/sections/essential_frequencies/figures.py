"""Figures of the section on essential frequencies (K)."""

import pandas as pd
from matplotlib.figure import Figure

from fhelpers import masks as learning
from fhelpers.claims.reliance import TEST, Term, effect
from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import looks, maps, told_apart
from fhelpers.masks.recipes import varied

ALT = {
    "variants": "Masks over the spectrum, frequency zero in the centre: that of N, its "
    "complement, the same weights shuffled over all frequencies, a disc of the same weight, the "
    "weights permuted within each ring, and in the last two places the mask of M_shuffle and its "
    "complement.",
    "through": "A row for each mask that a network was trained through. A black circle marks its "
    "accuracy on whole test images, a blue square that on test images seen through the same mask, "
    "with intervals. A solid line marks the network trained on whole images, a dotted one chance.",
}
VARIED = {
    "mask": "the mask of N",
    "binary-complement": "what the mask leaves out",
    "complement": "one minus the mask",
    "random": "random frequencies",
    "disc": "a disc",
    "permuted": "the mask permuted in rings",
}
SHUFFLED = {"mask": "M_shuffle's mask", "complement": "its complement"}
SEEN = {  # as entries of a key
    "original": ("tested on whole images", style.COLOURS["original"], "o", ""),
    "same": ("tested through the same mask", style.COLOURS["low"], "s", ""),
}


@style.styled
def variants(natural: learning.FourierMask, shuffled: learning.FourierMask, seed: int) -> Figure:
    """The masks that networks were trained through."""
    made = {"\n".join([*name.split("-"), "(N)"]): varied(natural, name, seed) for name in VARIED}
    made |= {f"{name}\n(M_shuffle)": varied(shuffled, name, seed) for name in SHUFFLED}
    figure, axes = style.canvas(2, 4, 4.3)
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


def through_in_words(frame: pd.DataFrame, whole: float) -> str:
    """What training through each mask gives on whole test images, in a sentence."""
    listed = style.listing(
        f"{100 * row.original.value:.0f} % through {row.mask}"
        for row in frame.itertuples()
        if row.label.startswith("through/")
    )
    return (
        f"Trained on whole images, a network gets {100 * whole:.0f} % of whole test images right; "
        f"trained through masks, {listed}."
    )


def memorised_in_words(frame: pd.DataFrame) -> str:
    """The same question asked of M_shuffle's mask, in a sentence."""
    own = frame.set_index("label").original
    mask, rest = own["shuffled/mask"].value, own["shuffled/complement"].value
    which = "more" if mask > rest else "less"
    return (
        f"Through the frequencies that M_shuffle needs, a network trained with true labels gets "
        f"{100 * mask:.0f} % of whole test images right, {which} than the {100 * rest:.0f} % "
        "through those that M_shuffle can do without."
    )
