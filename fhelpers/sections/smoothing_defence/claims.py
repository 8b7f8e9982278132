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


def tables(runs) -> tuple:
    """W's Table 2 of both networks."""
    return (table_of(runs.history),)


def contrast(table: pd.DataFrame, terms: Sequence[Term]) -> Estimate:
    """A weighted sum of accuracies, each picked from `table` by its columns' values.

    table: a row per seed, network, form, rho, attack and epsilon. Over seeds; with one seed over
    images. Raises ValueError when a term picks other than one row a seed.
    """
    seeds: dict[int, list[tuple[float, float, int]]] = {}
    for weight, chosen in terms:
        rows = table
        for column, value in chosen.items():
            rows = rows[rows[column] == value]
        if rows.empty or rows.seed.duplicated().any():
            words = ", ".join(f"{column} {value}" for column, value in chosen.items())
            raise ValueError(f"The table must have one row a seed with {words}.")
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
    parts = [
        Part(
            "clean, lost from ρ = 0",
            contrast(table, [(1, at("natural", 0.0)), (-1, largest)]),
            MORE,
        )
    ]
    if len(rhos) > 1:
        fall = contrast(table, [(1, at("natural", rhos[0])), (-1, largest)])
        parts.append(Part(f"clean, lost from ρ = {rhos[0]:g}", fall, MORE))
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
    rule="reproduced if the interval lies above 0; ours beside it: by the smallest ε of each "
    "image, on fewer images",
    paper="0.078 - 0.038 = 0.040",
    figure="defence-curves",
    inputs=tables,
    networks=("natural", "adversarial"),
)
def beats_adversarial(table: pd.DataFrame) -> tuple[list[Part], str]:
    """`table`: rows as `contrast` takes them, with both networks."""
    rhos, epsilons = strengths(table)

    parts = []
    for attack, words, ours in ways(table, "pgd"):
        terms = [
            (1, at("natural", rhos[-1], attack, epsilons[-1])),
            (-1, at("adversarial", 0.0, attack, epsilons[-1])),
        ]
        name = f"robust accuracy{words}, difference"
        parts.append(Part(name, contrast(table, terms), MORE, ours=ours))
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
