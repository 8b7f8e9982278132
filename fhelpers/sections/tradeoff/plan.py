"""The runs of section 10."""

from fhelpers.runs import plans
from fhelpers.runs.measurements import of_each
from fhelpers.runs.scales import Plan, images_at
from fhelpers.sections.tradeoff.measure import Corollary

FIRST_LOADED = ("corollary-natural",)  # tensors that the page shows, of the first seed


def plan(
    scale, dataset, seeds, *, radius=12, epsilons=(0.004, 0.008, 0.016, 0.031), epochs=0
) -> Plan:
    """Smallest perturbations of the networks of sections 03 to 05 (W, Corollary 1).

    Labels: those of the networks, natural among them, and corollary-… for each.
    """
    plan = plans.every_network(scale, dataset, seeds, epochs)
    few = images_at(scale, "few_images", plan["natural"])
    settings = {"images": few, "radius": radius, "epsilons": tuple(map(float, epsilons))}
    measured = {f"corollary-{label}": of_each(Corollary, plan[label], **settings) for label in plan}
    return plan | measured
