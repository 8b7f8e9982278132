"""The runs of section 09."""

from fhelpers.runs import plans
from fhelpers.runs.checks import refuse
from fhelpers.runs.measurements import of_each
from fhelpers.runs.scales import Plan, images_at
from fhelpers.sections.smoothing_defence.measure import DefenceChecks, RobustnessTable


def plan(
    scale, dataset, seeds, *, rhos=(0.0, 0.1, 0.25, 0.5, 1.0), epsilons=(0.03, 0.06, 0.09), epochs=0
) -> Plan:
    """W's Table 2 and the checks, of M_natural and M_adversarial.

    Labels: natural, adversarial, table-natural, search-natural, checks-natural, … The search finds
    the smallest ε of each image, which costs more, so on fewer images. The checks look at the
    largest ρ and at the smallest and the largest ε.
    """
    if 0.0 not in map(float, rhos) or max(rhos) <= 0:
        refuse("rhos", list(rhos), "0 and one number or more above it, such as [0.0, 1.0]")
    plan = plans.attacked_pair(scale, dataset, seeds, epochs=epochs)
    smoke = scale == "smoke"
    quick = {"attack_steps": 5} if smoke else {}
    table = {"rhos": tuple(map(float, rhos)), "epsilons": tuple(map(float, epsilons))} | quick
    checked = {"rho": max(table["rhos"]), "epsilons": tuple(sorted({min(epsilons), max(epsilons)}))}
    checked |= {"auto_images": 4, "long_steps": 10, "queries": 20} if smoke else {}
    for name, group in list(plan.items()):
        many, few = (images_at(scale, size, group) for size in ("attacked_images", "few_images"))
        plan[f"table-{name}"] = of_each(RobustnessTable, group, images=many, **table)
        search = table | {"search": True, "attack_steps": 5 if smoke else 40}
        plan[f"search-{name}"] = of_each(RobustnessTable, group, images=few, **search)
        plan[f"checks-{name}"] = of_each(DefenceChecks, group, images=few, **checked, **quick)
    return plan
