"""Claims about the smoothing defence (W §6.3, Table 2)."""

from collections.abc import Sequence

import pandas as pd

from fhelpers.claims.histories import MORE
from fhelpers.claims.reliance import weighted
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate

Term = tuple[float, dict]  # a weight and the columns' values that pick one accuracy a seed


def table_of(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of both tables with the column `network`, as the claims take them.

    Attacks by search, of fewer images, are named fgsm-search and pgd-search.
    """
    kind = history.label.str.partition("-")[0]
    rows = history[(kind == "table") | ((kind == "search") & (history.attack != "clean"))]
    return rows.assign(network=rows.label.str.partition("-")[2])


def checks_of(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of both networks' checks with the column `network`."""
    networks = ("natural", "adversarial")
    return pd.concat([checked(history, network).assign(network=network) for network in networks])


def tables(runs) -> tuple:
    """W's Table 2 of both networks."""
    return (table_of(runs.history),)


def tables_and_checks(runs) -> tuple:
    """W's Table 2 of both networks, and the checks."""
    return table_of(runs.history), checks_of(runs.history)


def contrast(table: pd.DataFrame, terms: Sequence[Term]) -> Estimate:
    """A weighted sum of accuracies, each picked from `table` by its columns' values.

    table: a row per seed, network, form, rho, attack and epsilon. Over seeds; with one seed over
    images. Raises ValueError when a term picks other than one row per seed.
    """
    seeds: dict[int, list[tuple[float, float, int]]] = {}
    for weight, chosen in terms:
        rows = table
        for column, value in chosen.items():
            rows = rows[rows[column] == value]
        if rows.empty or rows.seed.duplicated().any():
            words = ", ".join(f"{column} {value}" for column, value in chosen.items())
            raise ValueError(f"The table must have one row per seed with {words}.")
        for row in rows.itertuples():
            seeds.setdefault(row.seed, []).append((weight, row.accuracy, row.images))
    if len({len(found) for found in seeds.values()}) > 1:
        raise ValueError("Networks are compared seed by seed: run both with the same seeds.")
    effects = [sum(weight * share for weight, share, _ in found) for found in seeds.values()]
    return estimate(effects, lambda: weighted(next(iter(seeds.values()))))


def at(network: str, rho: float, attack: str = "clean", epsilon: float = 0.0) -> dict:
    """The place of one accuracy in the published form's table."""
    place = {"network": network, "form": "published", "rho": rho}
    return place | {"attack": attack, "epsilon": epsilon}


def strengths(table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """The ρ above 0 and the ε of the attacks, ascending. Raises ValueError without them."""
    rhos = sorted(rho for rho in table.rho.unique() if rho > 0)
    epsilons = sorted(table.epsilon[table.attack == "pgd"].unique())
    if not rhos or 0.0 not in set(table.rho) or not epsilons:
        raise ValueError("The table needs ρ = 0, a ρ above 0 and an ε: add them to its parameters.")
    return rhos, epsilons


def ways(table: pd.DataFrame, *attacks: str) -> list[tuple[str, str, bool]]:
    """(attack, words, ours) for the attacks at fixed ε, and where there is one for their search.

    The search finds the smallest ε that fools each image, as W's released code does.
    """
    found = [(attack, "", False) for attack in attacks]
    if "pgd-search" in set(table.attack):
        found += [(f"{attack}-search", " by search", True) for attack in attacks]
    return found


def gained(table: pd.DataFrame, network: str, attack: str, epsilons: Sequence[float]) -> Estimate:
    """Robust accuracy that the largest ρ adds, mean over ε."""
    rhos, _ = strengths(table)
    share = 1 / len(epsilons)
    terms = [
        (sign * share, at(network, rho, attack, epsilon))
        for sign, rho in ((1, rhos[-1]), (-1, 0.0))
        for epsilon in epsilons
    ]
    return contrast(table, terms)


@claim(
    "W17",
    short="smoothing the first layer trades clean for robust accuracy",
    text="Smoothing the first layer lowers clean accuracy as ρ grows and raises the robust "
    "accuracy of M_natural.",
    source="W, §6.3, Table 2",
    measure="M_natural: clean accuracy at ρ = 0 and at the smallest ρ minus that at the largest ρ; "
    "accuracy at the largest ρ minus that at ρ = 0, mean over ε, under FGSM and under PGD",
    rule="reproduced if all four intervals lie above 0; ours beside it: the same gains by the "
    "smallest ε of each image, on fewer images",
    paper="clean 0.856 to 0.631; mean over ε under FGSM 0.073 to 0.146, under PGD 0.002 to 0.081",
    figure="defence-curves",
    inputs=tables,
    networks=("natural",),
)
def smoothing_trades(table: pd.DataFrame) -> tuple[list[Part], str]:
    """`table`: rows as `contrast` takes them, with the network "natural"."""
    rhos, epsilons = strengths(table)
    largest = at("natural", rhos[-1])
    parts = []
    for rho in [0.0] + rhos[:1] * (len(rhos) > 1):
        fall = contrast(table, [(1, at("natural", rho)), (-1, largest)])
        parts.append(Part(f"clean, lost from ρ = {rho:g}", fall, MORE))
    for attack, words, ours in ways(table, "fgsm", "pgd"):
        name = f"{attack.partition('-')[0].upper()}{words}, gained"
        parts.append(Part(name, gained(table, "natural", attack, epsilons), MORE, ours=ours))
    return parts, f"ρ up to {rhos[-1]:g}, ε {', '.join(f'{e:g}' for e in epsilons)}."


@claim(
    "W18",
    short="at the largest ε the smoothed M_natural withstands PGD better than M_adversarial",
    text="At the largest ε the smoothed M_natural withstands PGD better than M_adversarial.",
    source="W, §6.3, Table 2",
    measure="accuracy under PGD at the largest ε: M_natural at the largest ρ minus M_adversarial",
    rule="reproduced if the interval lies above 0; ours beside it, on fewer images: by the "
    "smallest ε of each image; under all checks together, AutoAttack left out",
    paper="0.078 - 0.038 = 0.040",
    figure="defence-curves",
    inputs=tables_and_checks,
    networks=("natural", "adversarial"),
)
def beats_adversarial(
    table: pd.DataFrame, checks: pd.DataFrame | None = None
) -> tuple[list[Part], str]:
    """`table`: rows as `contrast` takes them, with both networks; `checks`: from `checks_of`."""
    rhos, epsilons = strengths(table)
    parts = []
    for attack, words, ours in ways(table, "pgd"):
        terms = [
            (1, at("natural", rhos[-1], attack, epsilons[-1])),
            (-1, at("adversarial", 0.0, attack, epsilons[-1])),
        ]
        name = f"robust accuracy{words}, difference"
        parts.append(Part(name, contrast(table, terms), MORE, ours=ours))
    if checks is not None:
        together = {"attack": "all together", "epsilon": epsilons[-1]}
        sides = {"natural": "smoothed", "adversarial": "as it is"}
        terms = [
            (weight, together | {"network": network, "defence": defence})
            for weight, (network, defence) in zip((1, -1), sides.items(), strict=True)
        ]
        name = "robust accuracy under all checks together, difference"
        parts.append(Part(name, contrast(checks, terms), MORE, ours=True))
    return parts, f"ρ = {rhos[-1]:g}, ε = {epsilons[-1]:g}."


@claim(
    "W19",
    short="smoothing helps M_adversarial at larger ε only",
    text="Smoothing helps M_adversarial only at larger ε.",
    source="W, §6.3, Table 2",
    measure="M_adversarial under PGD: accuracy at the largest ρ minus that at ρ = 0, at the "
    "largest and at the smallest ε",
    rule="reproduced if the interval at the largest ε lies above 0 and that at the smallest below; "
    "ours beside it: by the smallest ε of each image, on fewer images",
    paper="+0.093 at ε = 0.09, -0.066 at ε = 0.03",
    figure="defence-curves",
    inputs=tables,
    networks=("adversarial",),
)
def helps_at_larger_epsilon(table: pd.DataFrame) -> tuple[list[Part], str]:
    """`table`: rows as `contrast` takes them, with the network "adversarial"."""
    rhos, epsilons = strengths(table)
    if len(epsilons) < 2:
        raise ValueError("The claim compares two ε: give the page a larger and a smaller one.")
    parts = []
    for attack, words, ours in ways(table, "pgd"):
        for epsilon in (epsilons[-1], epsilons[0]):
            found = gained(table, "adversarial", attack, [epsilon])
            options = {"ceiling": epsilon == epsilons[0], "ours": ours}
            parts.append(Part(f"gained at ε = {epsilon:g}{words}", found, MORE, **options))
    return parts, f"ρ = {rhos[-1]:g}."


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
PLACE = ["network", "form", "attack", "epsilon", "rho"]  # of an accuracy in the table


def paper_value(network: str, rho: float, attack: str, epsilon: float) -> float | None:
    """The published accuracy, None where the paper has none."""
    row = PAPER.get((network, round(rho, 6)))
    place = (attack, round(epsilon, 6))
    return row[PAPER_COLUMNS.index(place)] if row and place in PAPER_COLUMNS else None


def tidied(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each accuracy: network, form, attack, epsilon, rho, paper, value, low, high."""
    table = table[table.attack.isin(["clean", "fgsm", "pgd"])]
    rows = []
    for place, own in table.groupby(PLACE):
        network, form, attack, epsilon, rho = place
        theirs = paper_value(network, rho, attack, epsilon) if form == "published" else None
        row = dict(zip(PLACE, place, strict=True)) | {"paper": theirs}
        rows.append(row | vars(contrast(own, [(1.0, {})])))
    return pd.DataFrame(rows).astype({"paper": float})


def checked(history: pd.DataFrame, network: str) -> pd.DataFrame:
    """The rows of one network's checks."""
    return history[history.label == f"checks-{network}"]


def outcome(rows: pd.DataFrame, defence: str, check: str, epsilon: float) -> Estimate | None:
    """Accuracy of a defence under a check, None where it was not made."""
    place = {"defence": defence, "attack": check, "epsilon": epsilon}
    there = (rows[list(place)] == list(place.values())).all(axis=1)
    return contrast(rows, [(1.0, place)]) if there.any() else None
