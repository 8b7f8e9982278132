"""The runs of section 15."""

from fhelpers.masks.recipes import masks_of
from fhelpers.runs import plans
from fhelpers.runs.scales import Plan

LOADED = ("mask/*", "classes/natural")  # runs whose tensors the page shows


def plan(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Five networks and their masks (K).

    Labels: natural, adversarial, …, the networks; mask/natural, … their masks; folds/… masks of
    disjoint sets of images; of N alone classes/natural, masks of classes, and ontest/natural,
    learned on test images.
    """
    networks = plans.masked_networks(scale, dataset, seeds, epochs=epochs)
    plan = dict(networks)
    for name, group in networks.items():
        plan[f"mask/{name}"] = masks_of(scale, group, sparsity_weight)
    for name in ("natural", "adversarial", *plans.AUGMENTED):
        plan[f"folds/{name}"] = masks_of(scale, networks[name], sparsity_weight, scope="fold")
    for label, options in {"classes": {"scope": "class"}, "ontest": {"learned_on": "test"}}.items():
        plan[f"{label}/natural"] = masks_of(scale, networks["natural"], sparsity_weight, **options)
    return plan
