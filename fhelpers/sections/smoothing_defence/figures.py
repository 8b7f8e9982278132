"""Figures and tables of the section on the smoothing defence (W, §6.3, Table 2)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhelpers import intervals
from fhelpers.drawing import charts, style, tables
from fhelpers.drawing.masks import looks
from fhelpers.sections.smoothing_defence import claims

NETWORKS = {"natural": style.COLOURS["original"], "adversarial": style.COLOURS["adversarial"]}
NAMES = {network: f"M_{network}" for network in NETWORKS}
LINES, MARKERS = {"published": "-", "gain kept": "--"}, {"published": "o", "gain kept": "s"}
RIVALS = {
    "PGD": ("PGD", style.INK, "^", ""),
    "all together": ("all checks together", style.INK, "o", ""),
    "clean": ("clean", style.GREY, "s", ""),
}
ALT = {
    "curves": "A panel for each attack and ε. Accuracy against ρ: a black curve for the natural "
    "network, a green one for the adversarially trained network, hollow diamonds for the paper. "
    "Under attack the axis is logarithmic above 1 %.",
    "forms": "A panel for each ε. Accuracy under PGD against ρ, black for the natural network and "
    "green for the adversarially trained one: solid curves are the published form of smoothing, "
    "dashed ones the form that keeps the kernels' gain.",
    "checks": "A panel for each defence and a row for each attack: a point with its interval is "
    "the accuracy under that attack.",
    "rivals": "A row for each defence. A triangle is the accuracy under PGD, a circle that under "
    "all checks together, a grey square the clean accuracy.",
}
CHECKS = ("PGD", "more steps", "restarts", "margin loss", "transfer", "all together", "AutoAttack")


def side_by_side(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Table 2 for one network: ours, and the paper's in brackets where it has a value."""
    frame = claims.tidied(table)
    own = frame[(frame.network == network) & (frame.form == "published")]
    theirs = own.paper.map(" ({:.3f})".format, na_action="ignore").fillna("")
    attacks = own.attack.str.upper() + own.epsilon.map(" {:g}".format)
    own = own.assign(
        text=own.value.map("{:.3f}".format) + theirs,
        column=attacks.replace("CLEAN 0", "clean"),
        ρ=own.rho.map("{:g}".format),
    )
    places = {"index": "ρ", "columns": "column", "values": "text"}
    wide = own.pivot_table(**places, aggfunc="first", sort=False)
    return wide.rename_axis(columns=None).reset_index()


@style.styled
def curves(table: pd.DataFrame) -> Figure:
    """Table 2 as curves: accuracy against ρ for each attack and ε, the paper's values beside.

    Clean accuracy has an axis of its own; the others are logarithmic, but linear below 1 %.
    """
    frame = claims.tidied(table)
    shown = list(frame[frame.form == "published"].groupby(["attack", "epsilon"]))
    figure, axes = style.canvas(3, len(shown) // 2, 6.6, sharex=True, sharey="row")
    look = {"by": "network", "colours": NETWORKS, "names": NAMES, "linewidth": 1.9}
    for panel, ((attack, epsilon), rows) in zip([axes[0, 0], *axes[1:].flat], shown, strict=True):
        charts.curves(panel, rows, x="rho", markers="o", markersize=4.5, **look)
        for network, own in rows.dropna(subset="paper").groupby("network"):
            name = f"{NAMES[network]}, the paper"
            style.paper_value(panel, own.rho, own.paper, NETWORKS[network], name=name)
        panel.set_title("clean" if attack == "clean" else f"{attack.upper()}, ε = {epsilon:g}")
        if attack != "clean":
            panel.set_yscale("symlog", linthresh=0.01, linscale=0.5)
            panel.set(ylim=(-0.001, 1), yticks=[0, 0.01, 0.1, 1])
            panel.minorticks_off()
        style.in_percent(panel.yaxis)
    style.percent(axes[0, 0])
    axes[0, 0].margins(x=0.1)  # room for whole diamonds
    for panel in axes[0, 1:]:
        panel.set_axis_off()
    figure.supxlabel("ρ")
    figure.supylabel("accuracy")
    return charts.key(figure, [*charts.entries(axes[0, 0]), charts.PAPER])


@style.styled
def forms(table: pd.DataFrame) -> Figure:
    """Both forms of eq. 3 under PGD: as published, and with the kernels' gain kept."""
    frame = claims.tidied(table[table.attack == "pgd"])
    titles = {epsilon: f"PGD, ε = {epsilon:g}" for epsilon in frame.epsilon.unique()}
    look = {"by": ["network", "form"], "colours": NETWORKS, "styles": LINES, "markers": MARKERS}
    look["names"] = lambda network, form: f"{NAMES[network]}, {form}"

    def draw(panel: Axes, epsilon: float) -> None:
        rows = frame[frame.epsilon == epsilon]
        charts.curves(panel, rows, x="rho", markersize=4.5, **look)

    words = {"xlabel": "ρ", "ylabel": "accuracy"}
    figure, axes = charts.small_multiples(titles, 2.9, draw, columns=3, **words)
    highest = max(0.05, axes[0].get_ylim()[1])
    style.percent(axes[0], lowest=-0.03 * highest, highest=highest)  # whole points at 0 %
    axes[0].locator_params(axis="y", steps=[1, 2, 5, 10])  # whole per cents
    return charts.key(figure, ncols=2)


@style.styled
def checks(history: pd.DataFrame, epsilon: float) -> Figure:
    """Every check of the smoothed M_natural, in both forms, and of M_adversarial, at one ε."""
    titles = {
        ("natural", "smoothed"): "M_natural,\nsmoothed",
        ("natural", "smoothed, gain kept"): "M_natural,\ngain kept",
        ("adversarial", "as it is"): "M_adversarial",
    }

    def draw(panel: Axes, which: tuple[str, str]) -> None:
        network, defence = which
        rows, look = claims.checked(history, network), {"colours": NETWORKS[network]}
        made = intervals.estimates(
            lambda check: claims.outcome(rows, defence, check, epsilon), check=CHECKS
        )
        charts.dots(panel, made, at="check", order=CHECKS, names=titles[which], **look)
        style.in_percent(panel.xaxis)
        panel.locator_params(axis="x", nbins=2)

    height, words = 1.5 + 0.34 * len(CHECKS), f"accuracy at ε = {epsilon:g}"
    figure, axes = charts.small_multiples(titles, height, draw, columns=3, xlabel=words)
    axes[0].set_xlim(-0.01, min(1.0, axes[0].get_xlim()[1]))
    return figure


def rival_accuracies(history: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """Accuracy of M_natural's defences: columns check, defence, value, low, high, n, over."""
    rows = claims.checked(history, "natural")
    return intervals.estimates(
        lambda check, name: claims.outcome(rows, name, check, epsilon * (check != "clean")),
        check=list(RIVALS), defence=rows.defence.unique(),
    )  # fmt: skip


@style.styled
def rivals(history: pd.DataFrame, epsilon: float) -> Figure:
    """M_natural behind defences: its clean accuracy, what PGD leaves, what all checks leave."""
    frame = rival_accuracies(history, epsilon)
    look = {"xlabel": f"accuracy, clean and at ε = {epsilon:g}", **looks(RIVALS)}
    figure, axes = charts.rows(frame, at="defence", by="check", **look)
    axes.set_xlim(left=-0.01)
    return figure


def rivals_table(history: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """The defences with their settings and accuracies, for a table."""
    names = {check: f"{check}, ε = {epsilon:g}" for check in RIVALS if check != "clean"}
    frame = rival_accuracies(history, epsilon).replace({"check": names})
    wide = tables.spread(frame, ["defence"], "check")[["defence", "clean", *names.values()]]
    settings = claims.checked(history, "natural").groupby("defence").setting
    said = settings.agg(lambda own: ", ".join(f"{value:g}" for value in own.dropna().unique()))
    wide.insert(1, "setting", wide.defence.map(said).replace("", "–"))
    return wide


def effects_in_words(table: pd.DataFrame) -> str:
    """What the strongest smoothing changes, in percentage points: the effects of W17 to W19."""
    rhos, epsilons = claims.strengths(table)
    rho, largest = rhos[-1], epsilons[-1]
    clean = [(1, claims.at("natural", rho)), (-1, claims.at("natural", 0.0))]
    ahead = [(1, claims.at("natural", rho, "pgd", largest))]
    ahead += [(-1, claims.at("adversarial", 0.0, "pgd", largest))]
    fgsm, pgd = (claims.gained(table, "natural", each, epsilons) for each in ("fgsm", "pgd"))
    found = (claims.contrast(table, clean), fgsm, pgd, claims.contrast(table, ahead))
    lost, fgsm, pgd, ahead = (style.points(each.value) for each in found)
    others = (
        f"{style.points(claims.gained(table, 'adversarial', 'pgd', [each]).value)} at ε = {each:g}"
        for each in epsilons
    )
    return (
        f"In percentage points, smoothing with ρ = {rho:g} changes M_natural by {lost} clean, "
        f"{fgsm} under FGSM and {pgd} under PGD (mean over ε), and M_adversarial under PGD by "
        f"{style.listing(others)}. Under PGD at ε = {largest:g} the smoothed M_natural differs "
        f"from M_adversarial by {ahead}."
    )


def kept_in_words(history: pd.DataFrame, epsilon: float) -> str:
    """What PGD and what all checks together leave of both networks at one ε, in a sentence.

    It also says whether a clear lead under PGD is gone with all checks.
    """
    natural, adversarial = (claims.checked(history, network) for network in NETWORKS)
    found = [
        [claims.outcome(rows, defence, check, epsilon) for check in ("PGD", "all together")]
        for rows, defence in ((natural, "smoothed"), (adversarial, "as it is"))
    ]
    (seen, real), (other_seen, other_real) = ([each.value for each in pair] for pair in found)
    rho = natural.setting[natural.defence == "smoothed"].iloc[0]
    gone = found[0][0].low > found[1][0].high and real <= other_real
    return (
        f"At ε = {epsilon:g}, M_natural with ρ = {rho:g} keeps {100 * seen:.1f} % under PGD and "
        f"{100 * real:.1f} % under all checks together; M_adversarial keeps {100 * other_seen:.1f} "
        f"% and {100 * other_real:.1f} % ({natural.images.max():,} images)"
        f"{', so that the lead under PGD is gone' * gone}."
    )


def rivals_in_words(history: pd.DataFrame, epsilon: float) -> str:
    """Clean accuracies of the defences, and what smoothing and gain alone keep under PGD."""
    frame = rival_accuracies(history, epsilon).set_index(["check", "defence"])
    clean = (f"{name} ({100 * row.value:.0f})" for name, row in frame.loc["clean"].iterrows())
    images = claims.checked(history, "natural").images.max()
    gain, smoothed = (100 * frame.value["PGD", name] for name in ("gain alone", "smoothed"))
    return (
        f"M_natural behind simple defences, attacked at ε = {epsilon:g}, on {images:,} images. "
        f"Clean accuracy in per cent: {'; '.join(clean)}. Under PGD the gain alone "
        f"keeps {gain:.0f} %, smoothing {smoothed:.0f} %."
    )


def attacks_in_words(runs) -> str:
    """How the attacks of the tables and the checks are made, and on how many images."""
    kinds = ("table", "search", "checks")
    table, search, checks = (runs[f"{each}-natural"][0].recipe for each in kinds)
    return (
        f"PGD takes {table.attack_steps} steps of 2.5 ε / {table.attack_steps} from a random "
        f"start, and {checks.long_steps} steps of ε / 10 where it says *more steps*. The paper's "
        "text gives no number of steps; its released code starts at the image, takes 40 steps and "
        "searches the smallest ε for each image. Our values by search do so, with "
        f"{search.attack_steps} steps. Table 2 is measured on "
        f"{table.images:,} test images, search, checks and rivals on the first "
        f"{checks.images:,} of them, AutoAttack on the first {checks.auto_images:,}."
    )
