"""Figures of the section on an ImageNet subset (K)."""

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from fhelpers import data
from fhelpers.claims.findings import finding
from fhelpers.claims.learning import chance_of
from fhelpers.claims.masks import rows_of
from fhelpers.claims.verdicts import Verdict
from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import looks, through
from fhelpers.frequency import filter_spectrum, structural_similarity
from fhelpers.masks.images import single_masks

ALT = {
    "pictures": "Two images for each network: the image, the network's mask, the image through it, "
    "the image's own mask, the image through that, the adversarial image, and that through the "
    "image's own mask; all with the image's mean.",
    "effects": "A row for each effect that the two claims judge. Grey circles are the small "
    "images, black squares the ResNet and black triangles the VGG-11 on the larger ones, with "
    "intervals. A dotted tick marks what the claim asks for, a hollow diamond the paper's value.",
}
PUBLISHED = {  # K: VGG-11 N for K6, single-image masks of N for K7
    "K6: accuracy through the mask, as a share": 0.8920 / 0.8956,
    "K7: M(x) minus the complement": 1 - 0.5552,
    "K7: M(x_A)": 0.5869,
}
LOOKS = {"small": (style.GREY, "o"), "resnet": (style.INK, "s"), "vgg-11": (style.INK, "^")}


def names(groups: Mapping) -> dict[str, str]:
    """How the page calls each network: its kind, and what it sees. groups: from `by_prefix`."""
    found = {}
    for where, runs in groups.items():
        recipe = runs["natural"][0].recipe
        side = data.describe(recipe.dataset, **recipe.options).height
        kind = "VGG-11" if recipe.model.startswith("vgg") else "ResNet"
        found[where] = f"{kind}, {data.TITLES[recipe.dataset]}, {side} pixels"
    return found


def effects(verdicts: Mapping[str, Mapping[str, Verdict]]) -> pd.DataFrame:
    """What K6 and K7 judge for each network: columns effect, network, margin, value, low, high.

    verdicts: {network: {claim: verdict}}.
    """
    return pd.DataFrame(
        {"effect": f"{id}: {part.name}", "network": where, "margin": part.margin}
        | {"ceiling": part.ceiling} | vars(part.estimate)
        for where, own in verdicts.items()
        for id, verdict in own.items()
        for part in verdict.parts
        if not part.ours
    )  # fmt: skip


@style.styled
def compared(frame: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """The effects side by side. frame: from `effects`; names: from `names`."""
    order = {effect: textwrap.fill(effect, 24) for effect in frame.effect.unique()}
    entries = {where: (title, *LOOKS[where], "") for where, title in names.items()}
    asked = ("what the claim asks for", *charts.CHANCE[1:])
    marks = [*entries.values(), charts.PAPER, asked]
    look = {"by": "network", "dodge": 0.2, "height": 0.6, "marks": marks, **looks(entries)}
    figure, axes = charts.rows(
        frame, at="effect", order=order, xlabel="similarity or share", **look
    )
    for place, margin in enumerate(frame.groupby("effect", sort=False).margin.first()):
        ends = [place - 0.42, place + 0.42]
        axes.plot([margin] * 2, ends, label="_margin", **style.DOTTED)
    theirs = {n: PUBLISHED[effect] for n, effect in enumerate(order) if effect in PUBLISHED}
    style.paper_value(axes, [*theirs.values()], [n + 0.34 for n in theirs])
    axes.set_xlim(0, 1.02)
    return figure


@style.styled
def pictures(groups: Mapping, names: Mapping[str, str]) -> Figure:
    """Images of the larger data set through the masks of each network and through their own.

    The images are those that the runs keep, so that the data set need not be there.
    """
    rows, kinds, alike = [], [], []
    for where in (where for where in groups if where != "small"):
        run, module = groups[where]["images/natural"][0], groups[where]["mask/natural"][0].model()
        found, mask = run.tensors(), module.masks().detach()[0, 0]
        # Those that reach the accuracy first; with few such, the first of the others.
        missed = ~found["reached"][: len(found["pictures"])].bool()
        kept = missed.long().argsort(stable=True)[:2].tolist()
        kinds += [names[where].partition(",")[0], *[""] * (len(kept) - 1)]
        for place in kept:
            x, x_a = found["pictures"][place], found["attacked"][place]
            m = single_masks(run).masks().detach()[place, 0]
            rows.append([x, mask, through(x, mask), m, through(x, m), x_a, through(x_a, m)])
            alike.append(structural_similarity(x[None], filter_spectrum(x, mask)[None]).item())
    titles = ["x", "M", "M(x)", "m", "m(x)", "x_A", "m(x_A)"]
    figure, axes = style.pictures(rows, 0.5 + 0.95 * len(rows), titles=titles, names=kinds)
    for panel, each in zip(axes[:, 2], alike, strict=True):
        panel.set_xlabel(f"{each:.2f}", fontsize=11)
    return figure


def in_words(verdicts: Mapping[str, Mapping[str, Verdict]], names: Mapping[str, str]) -> str:
    """What the claims say of each network, the larger images first; or that these are missing."""
    larger = [where for where in verdicts if where != "small"]
    if not larger:
        return (
            "**No ImageNet subset is shown.** Its runs are not published at these parameters, and "
            "its images are not installed: put the official folder of Tiny ImageNet at "
            "`data/tiny-imagenet-200`, or set `FHELPERS_TINY_IMAGENET` to where it is, and build "
            "the page again. What follows is about the small images alone."
        )
    each = (f"*{names[where]}.* {finding(verdicts[where].values())}" for where in larger)
    return f"**Finding.** {' '.join(each)}"


def verdict_table(
    verdicts: Mapping[str, Mapping[str, Verdict]], names: Mapping[str, str]
) -> pd.DataFrame:
    """Verdicts and all effects, ours included: a row for each network and claim."""
    return pd.DataFrame(
        {
            "network": names[where],
            "claim": id,
            "verdict": f"{style.SIGNS[verdict.verdict]} {verdict.verdict}",
            "effects": "; ".join(f"{part.name} {part.text}" for part in verdict.parts),
        }
        for where, own in verdicts.items()
        for id, verdict in own.items()
    )


def apart_in_words(verdicts: Mapping[str, Mapping[str, Verdict]], names: Mapping[str, str]) -> str:
    """How the similarity through the mask depends on network and images, in a sentence."""
    pairs = {
        names[where]: [p.estimate.value for p in own["K6"].parts if "similarity" in p.name]
        for where, own in verdicts.items()
    }
    listed = "; ".join(f"{name}: {a:.2f} and {b:.2f}" for name, (a, b) in pairs.items())
    return (
        "Structural similarity of test images to themselves through a mask learned on test images, "
        f"as drawn, and through one learned on training images: {listed}."
    )


def accuracies_in_words(groups: Mapping, names: Mapping[str, str]) -> str:
    """How often each network is right on whole test images, and how often chance is."""
    said = []
    for where, runs in groups.items():
        own = rows_of(runs.history, "mask/natural", split="test", scope="all", part="original")
        right, chance = own.accuracy.mean(), chance_of(runs["natural"][0])
        said.append(f"{names[where]}: {100 * right:.0f} %, chance {100 * chance:.0f} %")
    return (
        f"Correct on whole test images: {'; '.join(said)}. Where C(x) is right as often as chance, "
        "M(x) minus the complement cannot exceed 100 % minus chance."
    )
