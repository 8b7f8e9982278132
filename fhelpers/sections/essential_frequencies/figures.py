"""Figures of the section on essential frequencies (K)."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fhelpers import masks as learning
from fhelpers.claims.reliance import TEST, Term, effect
from fhelpers.drawing import style
from fhelpers.drawing.masks import WHOLE
from fhelpers.masks.recipes import varied

# What each figure shows, for those who cannot see it. Captions hold the numbers.
ALT = {
    "variants": (
        "Masks over the spectrum, frequency zero in the centre: that of N, its complement, the "
        "same weights dealt out at random, a disc of the same weight, the weights permuted within "
        "each ring, and in the last two places the mask of M_shuffle and its complement."
    ),
    "through": (
        "A row for each mask that a network was trained through. A black circle marks its accuracy "
        "on whole test images, a blue square that on test images seen through the same mask, with "
        "intervals. A solid line marks the network trained on whole images, a dotted one chance."
    ),
}
VARIED = {
    "mask": "the mask of N",
    "complement": "its complement",
    "random": "random frequencies",
    "disc": "a disc",
    "permuted": "the mask permuted in rings",
}
SHUFFLED = {"mask": "M_shuffle's mask", "complement": "its complement"}


@style.styled
def variants(natural: learning.FourierMask, shuffled: learning.FourierMask, seed: int) -> Figure:
    """The masks that networks were trained through."""
    figure, axes = style.canvas(2, 4, 4.0)
    shown = {f"{name}\n(N)": varied(natural, name, seed) for name in VARIED}
    shown |= {f"{name}\n(M_shuffle)": varied(shuffled, name, seed) for name in SHUFFLED}
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, (name, mask) in zip(axes.flat, shown.items(), strict=False):
        panel.set_axis_on()
        weights = mask.masks().detach()[0].mean(0)
        drawn = style.picture(panel, weights, name, cmap=WHOLE, vmin=0, vmax=1)
        panel.set_xlabel(f"weight {mask.total_weight().item():.2f}", fontsize=10.5)
    figure.colorbar(drawn, ax=list(axes.flat), label="weight", shrink=0.7)
    return figure


def trained_through(history: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of networks trained through masks: columns mask, original, same (estimates)."""
    own = (Term(1, "test", "input"),)
    groups = [("through", name, words) for name, words in VARIED.items()]
    groups += [("shuffled", name, words) for name, words in SHUFFLED.items()]
    return pd.DataFrame(
        {
            "mask": words,
            "label": f"{prefix}/{name}",
            "original": effect(history, {f"{prefix}/{name}": 1}, TEST),
            "same": effect(history, {f"{prefix}/{name}": 1}, own),
        }
        for prefix, name, words in groups
    )


@style.styled
def through(frame: pd.DataFrame, whole: float, chance: float) -> Figure:
    """Accuracy of networks trained through masks. frame: from `trained_through`.

    whole: accuracy of the network trained on whole images; chance: of a guess.
    """
    figure, ((axes,),) = style.canvas(1, 1, 1.5 + 0.42 * len(frame))
    for place, row in enumerate(frame.itertuples()):
        for found, shift, marker, part in ((row.original, -0.12, "o", "original"),
                                           (row.same, 0.12, "s", "low")):  # fmt: skip
            colour = style.COLOURS[part]
            axes.plot([found.low, found.high], [place + shift] * 2, color=colour, linewidth=2)
            axes.plot(found.value, place + shift, marker, color=colour)
    axes.axvline(chance, color=style.GREY, linestyle=":", linewidth=1.6)
    axes.axvline(whole, color=style.GREY, linewidth=1.2, zorder=1)
    axes.axhline(len(VARIED) - 0.5, color=style.PALE, linewidth=1.2)
    axes.set_yticks(range(len(frame)), frame["mask"])
    axes.set(ylim=(len(frame) - 0.5, -0.5), xlim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_xlabel("accuracy on test images")
    axes.yaxis.grid(False)
    handles = [
        Line2D([], [], color=style.COLOURS[part], marker=marker, linestyle="", label=words)
        for part, marker, words in (
            ("original", "o", "tested on whole images"),
            ("low", "s", "tested through the same mask"),
        )
    ]
    handles += [
        Line2D([], [], color=style.GREY, linestyle=line, label=words)
        for line, words in (("-", "trained on whole images"), (":", "chance"))
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
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
