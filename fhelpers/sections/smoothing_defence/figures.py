"""Figures and tables of the section on the smoothing defence (W, §6.3, Table 2)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fhelpers.drawing import comparisons, style
from fhelpers.intervals import Estimate
from fhelpers.sections.smoothing_defence.claims import at, contrast, strengths

# W, Table 2: accuracies by network and ρ, columns clean, FGSM and PGD at ε = .03, .06, .09.
PAPER = {
    ("natural", 0.0): (0.856, 0.107, 0.069, 0.044, 0.003, 0.002, 0.002),
    ("natural", 0.1): (0.815, 0.149, 0.105, 0.073, 0.009, 0.002, 0.001),
    ("natural", 0.25): (0.743, 0.160, 0.110, 0.079, 0.021, 0.005, 0.005),
    ("natural", 0.5): (0.674, 0.170, 0.110, 0.083, 0.031, 0.016, 0.014),
    ("natural", 1.0): (0.631, 0.171, 0.140, 0.127, 0.086, 0.078, 0.078),
    ("adversarial", 0.0): (0.707, 0.435, 0.232, 0.137, 0.403, 0.138, 0.038),
    ("adversarial", 0.1): (0.691, 0.412, 0.192, 0.109, 0.379, 0.130, 0.047),
    ("adversarial", 0.25): (0.667, 0.385, 0.176, 0.097, 0.352, 0.116, 0.040),
    ("adversarial", 0.5): (0.653, 0.365, 0.180, 0.106, 0.334, 0.121, 0.062),
    ("adversarial", 1.0): (0.638, 0.356, 0.223, 0.186, 0.337, 0.175, 0.131),
}
PAPER_COLUMNS = [("clean", 0.0)] + [(a, e) for a in ("fgsm", "pgd") for e in (0.03, 0.06, 0.09)]
NETWORKS = {"natural": "original", "adversarial": "adversarial"}  # and their colours
ALT = {
    "curves": (
        "A panel for each attack and ε. Accuracy against ρ: a black curve for the natural network, "
        "a green one for the adversarially trained network, hollow diamonds for the paper's values."
    ),
    "forms": (
        "A panel for each network. Accuracy under PGD against ρ for each ε: solid curves are the "
        "published form of smoothing, dashed ones the form that keeps the kernels' gain."
    ),
    "checks": (
        "A panel for each defence and a row for each attack: a point with its interval is the "
        "accuracy under that attack."
    ),
    "rivals": (
        "A row for each defence. An open circle is the accuracy under the table's PGD, a filled "
        "point the accuracy under all checks together, a grey square the clean accuracy."
    ),
}
CHECKS = ("PGD", "more steps", "restarts", "margin loss", "transfer", "all together", "AutoAttack")


def paper_value(network: str, rho: float, attack: str, epsilon: float) -> float | None:
    """The published accuracy, None where the paper has none."""
    row = PAPER.get((network, round(rho, 6)))
    place = (attack, round(epsilon, 6))
    return row[PAPER_COLUMNS.index(place)] if row and place in PAPER_COLUMNS else None


def found(table: pd.DataFrame, network, rho, attack, epsilon, form="published") -> Estimate:
    place = at(network, rho, attack, epsilon) | {"form": form}
    return contrast(table, [(1.0, place)])


def columns_of(table: pd.DataFrame) -> list[tuple[str, float]]:
    _, epsilons = strengths(table)
    return [("clean", 0.0)] + [(a, e) for a in ("fgsm", "pgd") for e in epsilons]


def side_by_side(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Table 2 for one network: ours, and the paper's in brackets where it has a value."""
    rows = []
    for rho in sorted(table.rho.unique()):
        row = {"ρ": f"{rho:g}"}
        for attack, epsilon in columns_of(table):
            ours = found(table, network, rho, attack, epsilon).value
            theirs = paper_value(network, rho, attack, epsilon)
            heading = "clean" if attack == "clean" else f"{attack.upper()} {epsilon:g}"
            row[heading] = f"{ours:.3f}" + (f" ({theirs:.3f})" if theirs is not None else "")
        rows.append(row)
    return pd.DataFrame(rows)


@style.styled
def curves(table: pd.DataFrame) -> Figure:
    """Table 2 as curves: accuracy against ρ for each attack and ε, the paper's values beside."""
    _, epsilons = strengths(table)
    rhos = sorted(table.rho.unique())
    rows = [("clean", (0.0,)), ("fgsm", epsilons), ("pgd", epsilons)]
    figure, axes = style.canvas(3, len(epsilons), 6.4, sharex=True, sharey=True)
    for row, (attack, sizes) in zip(axes, rows, strict=True):
        for panel in row[len(sizes) :]:
            panel.set_visible(False)
        for panel, epsilon in zip(row, sizes, strict=False):
            for network, colour in NETWORKS.items():
                draw_curve(panel, table, network, colour, attack, epsilon, rhos)
            title = "clean" if attack == "clean" else f"{attack.upper()}, ε = {epsilon:g}"
            panel.set_title(title, fontsize=11.5, loc="left", fontweight="normal")
    style.percent(axes[0, 0], highest=1.0)
    for panel in axes[-1]:
        panel.set_xlabel("ρ")
    figure.supylabel("accuracy", fontsize=12)
    key(figure, paper=True)
    return figure


def draw_curve(axes, table, network, colour, attack, epsilon, rhos, form="published", **options):
    colour = style.COLOURS[colour]
    values = [found(table, network, rho, attack, epsilon, form) for rho in rhos]
    options = {"marker": "o", "markersize": 4.5, "linewidth": 1.9} | options
    axes.plot(rhos, [each.value for each in values], color=colour, **options)
    style.band(axes, rhos, [v.low for v in values], [v.high for v in values], colour)
    theirs = {rho: paper_value(network, rho, attack, epsilon) for rho in rhos}
    theirs = {rho: value for rho, value in theirs.items() if value is not None}
    if theirs and form == "published":
        name = f"M_{network}, the paper"
        style.paper_value(axes, list(theirs), list(theirs.values()), colour, name=name)


def key(figure: Figure, *, paper: bool) -> None:
    marks = [
        Line2D([], [], color=style.COLOURS[colour], marker="o", label=f"M_{network}")
        for network, colour in NETWORKS.items()
    ]
    if paper:
        hollow = {"marker": "D", "linestyle": "", "markerfacecolor": "none", "markersize": 8}
        marks.append(Line2D([], [], color=style.INK, label="the paper", **hollow))
    figure.legend(handles=marks, loc="outside upper left", ncols=3)


@style.styled
def forms(table: pd.DataFrame) -> Figure:
    """Both forms of eq. 3 under PGD: as published, and with the kernels' gain kept."""
    _, epsilons = strengths(table)
    rhos = sorted(table.rho.unique())
    figure, axes = style.canvas(1, len(epsilons), 2.9, sharey=True)
    for panel, epsilon in zip(axes[0], epsilons, strict=True):
        for network, colour in NETWORKS.items():
            for form, line in (("published", "-"), ("gain kept", "--")):
                options = {"linestyle": line, "marker": "o" if line == "-" else "s"}
                values = [found(table, network, r, "pgd", epsilon, form).value for r in rhos]
                panel.plot(rhos, values, color=style.COLOURS[colour], markersize=4.5, **options)
        panel.set_title(f"PGD, ε = {epsilon:g}", fontsize=11.5, loc="left", fontweight="normal")
        panel.set_xlabel("ρ")
    style.percent(axes[0, 0], highest=max(0.05, *(each.get_ylim()[1] for each in axes[0])))
    axes[0, 0].locator_params(axis="y", steps=[1, 2, 5, 10])  # whole per cents
    axes[0, 0].set_ylabel("accuracy")
    marks = [
        Line2D([], [], color=style.INK, marker="o", label="as published"),
        Line2D([], [], color=style.INK, marker="s", linestyle="--", label="gain kept"),
        *(Line2D([], [], color=style.COLOURS[c], label=f"M_{n}") for n, c in NETWORKS.items()),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=4, fontsize=10.5)
    return figure


def checked(history: pd.DataFrame, network: str) -> pd.DataFrame:
    """The rows of one network's checks."""
    return history[history.label == f"checks-{network}"]


def outcome(rows: pd.DataFrame, defence: str, check: str, epsilon: float) -> Estimate | None:
    """Accuracy of a defence under a check, None where it was not made."""
    place = {"defence": defence, "attack": check, "epsilon": epsilon}
    there = rows
    for column, value in place.items():
        there = there[there[column] == value]
    return contrast(rows, [(1.0, place)]) if len(there) else None


@style.styled
def checks(history: pd.DataFrame, epsilon: float) -> Figure:
    """Every check of M_natural(ρ), in both forms, and of M_adversarial, at one ε."""
    shown = {
        "M_natural(ρ)": ("natural", "smoothed"),
        "M_natural(ρ),\ngain kept": ("natural", "smoothed, gain kept"),
        "M_adversarial": ("adversarial", "as it is"),
    }
    figure, axes = style.canvas(1, len(shown), 1.5 + 0.34 * len(CHECKS), sharex=True, sharey=True)
    for panel, (title, (network, defence)) in zip(axes[0], shown.items(), strict=True):
        rows, colour = checked(history, network), style.COLOURS[NETWORKS[network]]
        for place, check in enumerate(CHECKS):
            if (estimate := outcome(rows, defence, check, epsilon)) is not None:
                comparisons.across(panel, place, estimate, colour)
        panel.set_title(title, fontsize=11.5, loc="left", fontweight="normal")
        panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        panel.locator_params(axis="x", nbins=4)
        comparisons.finish_rows(panel, {check: check for check in CHECKS})
    axes[0, 0].set_xlim(left=-0.01)
    figure.supxlabel(f"accuracy at ε = {epsilon:g}", fontsize=12)
    return figure


@style.styled
def rivals(history: pd.DataFrame, epsilon: float) -> Figure:
    """M_natural's defences of matching clean accuracy: what PGD leaves, what all checks leave."""
    rows = checked(history, "natural")
    names = {name: name for name in rows.defence.unique()}
    figure, ((axes,),) = style.canvas(1, 1, 1.6 + 0.36 * len(names))
    for place, name in enumerate(names):
        clean = outcome(rows, name, "clean", 0.0)
        axes.plot(clean.value, place, marker="s", color=style.GREY, markersize=6, linestyle="")
        seen, real = (outcome(rows, name, c, epsilon) for c in ("PGD", "all together"))
        comparisons.across(axes, place - 0.13, seen, style.INK, markerfacecolor=style.WHITE_PAGE)
        comparisons.across(axes, place + 0.13, real, style.INK)
    comparisons.finish_rows(axes, names)
    axes.set(xlabel=f"accuracy, clean and at ε = {epsilon:g}", xlim=(-0.01, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    dot = {"marker": "o", "linestyle": "", "color": style.INK, "markersize": 6.5}
    marks = [
        Line2D([], [], label="PGD of the table", **dot, markerfacecolor=style.WHITE_PAGE),
        Line2D([], [], label="all checks together", **dot),
        Line2D([], [], marker="s", linestyle="", color=style.GREY, label="clean"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=3)
    return figure


# What the notebook puts into words --------------------------------------------------------------


def rivals_table(history: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """The defences with their settings and accuracies, for a table."""
    rows = checked(history, "natural")
    listed = []
    for name in rows.defence.unique():
        settings = rows.setting[rows.defence == name].dropna().unique()
        columns = {"clean": ("clean", 0.0)}
        columns |= {f"{c}, ε = {epsilon:g}": (c, epsilon) for c in ("PGD", "all together")}
        found = {title: outcome(rows, name, *place) for title, place in columns.items()}
        setting = ", ".join(f"{value:g}" for value in settings) or "–"
        values = {title: style.with_interval(estimate) for title, estimate in found.items()}
        listed.append({"defence": name, "setting": setting} | values)
    return pd.DataFrame(listed)


def trust(history: pd.DataFrame, epsilons) -> dict[float, tuple[Estimate, Estimate]]:
    """For each ε what PGD and what all checks together leave of M_natural(ρ)."""
    rows = checked(history, "natural")
    return {
        epsilon: tuple(outcome(rows, "smoothed", c, epsilon) for c in ("PGD", "all together"))
        for epsilon in epsilons
    }


def trust_in_words(history: pd.DataFrame, epsilons) -> str:
    """How much of the defence is left when one looks closely, in a sentence or two."""
    parts = [
        f"at ε = {epsilon:g} PGD leaves M_natural(ρ) {100 * seen.value:.1f} %, all checks together "
        f"{100 * real.value:.1f} %"
        for epsilon, (seen, real) in trust(history, epsilons).items()
    ]
    text = f"{'; '.join(parts)}."
    return text[0].upper() + text[1:]


def in_short(verdicts: Mapping, history: pd.DataFrame, epsilon: float) -> str:
    """The page's finding, in one or two sentences."""
    words = {
        "reproduced": "withstands PGD better than M_adversarial",
        "not reproduced": "withstands PGD worse than M_adversarial",
        "inconclusive": "cannot be told from M_adversarial under PGD",
    }
    seen, real = trust(history, [epsilon])[epsilon]
    hidden = seen.value - real.value
    share = hidden / seen.value if seen.value > 0 else 0.0
    if seen.value <= 0.01:
        trusted = "there is next to nothing left for closer checks to take away"
    elif share > 0.5:
        trusted = (
            f"but most of what it withstands is a hidden gradient: {100 * real.value:.1f} % of "
        )
        trusted += f"images are left under closer checks, of {100 * seen.value:.1f} %"
    else:
        trusted = f"and {100 * real.value:.1f} % of {100 * seen.value:.1f} % are left under closer "
        trusted += "checks"
    compared = words[verdicts["W18"].verdict]
    return f"At ε = {epsilon:g} the smoothed natural network {compared}; {trusted}."
