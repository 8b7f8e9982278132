"""Sections 07 to 09, 14 and 15 (W, §3.2, §6, §8 and §9): trained networks, measured."""

from fhelpers import heatmap, noise, robustness
from fhelpers import tradeoff as trade
from fhelpers.report import Report
from fhelpers.scales import SCALES, Plan, images_at, natural, several
from fhelpers.sections.trained import architectures, heuristics


def attacked_pair(scale, dataset, seeds, radii=(4, 8, 12, 16), epochs=0, **changes) -> Plan:
    """M_natural and M_adversarial, the two networks of W's §6: the runs of sections 02 and 03."""
    adversary = {"adversary": "pgd", "epochs": epochs or SCALES[scale].attacked_epochs}
    longest = epochs or SCALES[scale].epochs
    common = {"radii": tuple(radii)} | changes
    return {
        "natural": several(scale, dataset, seeds, **common, epochs=longest),
        "adversarial": several(scale, dataset, seeds, **common, **adversary),
    }


def smooth_kernels(scale, dataset, seeds, *, rho=1.0, epochs=0) -> Plan:
    """Section 07 (W, Fig. 7): M_natural and M_adversarial with first kernels 3×3 and 5×5.

    Labels: natural, adversarial, natural-5, adversarial-5, and the heat maps of the first two and
    of M_natural(ρ): map-natural, map-adversarial, map-smoothed.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    larger = attacked_pair(scale, dataset, seeds, epochs=epochs, kernel_size=5)
    few = images_at(scale, "few_images", plan["natural"])
    mapped = {"natural": ("natural", 0.0), "adversarial": ("adversarial", 0.0)}
    for name, (label, own) in (mapped | {"smoothed": ("natural", float(rho))}).items():
        larger[f"map-{name}"] = tuple(
            heatmap.HeatMap(network=network, images=few, rho=own) for network in plan[label]
        )
    return plan | {f"{k}-5" if k in plan else k: group for k, group in larger.items()}


def smoothing_defence(
    scale,
    dataset,
    seeds,
    *,
    rhos=(0.0, 0.1, 0.25, 0.5, 1.0),
    epsilons=(0.03, 0.06, 0.09),
    epochs=0,
) -> Plan:
    """Section 08 (W, Table 2): the table and the checks of both networks.

    Labels: natural, adversarial, table-natural, checks-natural, … The checks look at the largest ρ
    and at the smallest and the largest ε.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    quick = {"attack_steps": 5} if scale == "smoke" else {}
    table = {"rhos": tuple(map(float, rhos)), "epsilons": tuple(map(float, epsilons))} | quick
    checked = {"rho": max(table["rhos"]), "epsilons": tuple(sorted({min(epsilons), max(epsilons)}))}
    auto = {"auto_images": 4, "long_steps": 10, "queries": 20} if scale == "smoke" else {}
    for name, group in list(plan.items()):
        many, few = (images_at(scale, size, group) for size in ("attacked_images", "few_images"))
        plan[f"table-{name}"] = tuple(
            robustness.RobustnessTable(network=network, images=many, **table) for network in group
        )
        plan[f"checks-{name}"] = tuple(
            robustness.DefenceChecks(network=network, images=few, **checked, **quick, **auto)
            for network in group
        )
    return plan


def every_network(scale, dataset, seeds, epochs=0) -> Plan:
    """M_natural and the networks of sections 03 and 04, other batch sizes left out."""
    plan = {"natural": natural(scale, dataset, seeds, (4, 8, 12, 16), epochs)}
    compared = heuristics(scale, dataset, seeds, epochs=epochs)
    plan |= {label: group for label, group in compared.items() if not label.startswith("batch-")}
    kinds = architectures(scale, dataset, seeds, epochs=epochs)
    del kinds[SCALES[scale].model]  # the same runs as vanilla
    return plan | kinds


def tradeoff(
    scale, dataset, seeds, *, radius=12, epsilons=(0.004, 0.008, 0.016, 0.031), epochs=0
) -> Plan:
    """Section 09 (W, Corollary 1): smallest perturbations of the networks of sections 03 and 04.

    Labels: those of the networks, natural among them, and corollary-… for each.
    """
    plan = every_network(scale, dataset, seeds, epochs)
    few = images_at(scale, "few_images", plan["natural"])
    settings = {"radius": radius, "epsilons": tuple(map(float, epsilons))}
    return plan | {
        f"corollary-{label}": tuple(
            trade.Corollary(network=network, images=few, **settings) for network in group
        )
        for label, group in plan.items()
    }


def noise_or_signal(scale, dataset, seeds, *, radius=12, epochs=0) -> Plan:
    """Section 14 (W, §8): Fourier split against singular values, for every network.

    Labels: those of the networks, and cases-… for each.
    """
    plan = every_network(scale, dataset, seeds, epochs)
    return plan | {
        f"cases-{label}": tuple(
            noise.Cases(network=network, images=network.test_images, radius=radius)
            for network in group
        )
        for label, group in plan.items()
    }


def report_card(scale, dataset, seeds, *, epochs=0) -> Plan:
    """Page 15 (W, §9): the reports of M_natural, M_adversarial and of BatchNorm's network.

    Labels: natural, adversarial, batchnorm, and report-… for each.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    short = {"radii": (4, 8, 12, 16), "epochs": epochs or SCALES[scale].short_epochs}
    plan["batchnorm"] = several(scale, dataset, seeds, batchnorm=True, **short)
    few = 2 * SCALES[scale].few_images
    return plan | {
        f"report-{label}": tuple(
            Report(network=network, images=network.test_images, few=few) for network in group
        )
        for label, group in plan.items()
    }
