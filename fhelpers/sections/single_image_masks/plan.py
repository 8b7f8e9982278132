"""The runs of section 17."""

from fhelpers.masks.images import image_masks_of
from fhelpers.runs import plans
from fhelpers.runs.scales import Plan

LOADED = ("images/*",)  # runs whose tensors the page shows
FIRST_LOADED = ("natural",)  # of the first seed


def plan(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Masks of single test images of N and A (K), for both of those that N gets right unless they
    are attacked. Labels: natural, images/natural, …
    """
    networks = plans.masked_networks(scale, dataset, seeds, epochs=epochs)
    plan = {name: networks[name] for name in ("natural", "adversarial")}
    for name in tuple(plan):
        group = image_masks_of(scale, plan[name], sparsity_weight, plan["natural"])
        plan[f"images/{name}"] = group
    return plan
