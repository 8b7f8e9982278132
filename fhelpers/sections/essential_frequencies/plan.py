"""The runs of section 16."""

from fhelpers.masks.recipes import VARIANTS, MaskedTraining, masks_of
from fhelpers.runs import plans
from fhelpers.runs.scales import Plan

LOADED = ("mask/*",)  # runs whose tensors the page shows


def plan(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Training anew through the mask of N, what it is compared with, and M_shuffle (K).

    Labels: natural and shuffled, the networks whose masks are used (mask/…); through/mask,
    through/complement, … trained anew through variants of N's mask; shuffled/mask and
    shuffled/complement through M_shuffle's, with true labels. M_shuffle, which is to memorise, sees
    its images as they are.
    """
    natural_runs = plans.masked_networks(scale, dataset, seeds, epochs=epochs)["natural"]
    shuffled = tuple(plans.memorising(scale, recipe) for recipe in natural_runs)
    plan = {"natural": natural_runs, "shuffled": shuffled}
    of = {name: masks_of(scale, plan[name], sparsity_weight) for name in tuple(plan)}
    plan |= {f"mask/{name}": group for name, group in of.items()}
    asked = [("through", "natural", name) for name in VARIANTS]
    asked += [("shuffled", "shuffled", name) for name in ("mask", "complement")]
    for prefix, whose, variant in asked:
        plan[f"{prefix}/{variant}"] = tuple(
            MaskedTraining(network=network, mask=mask, variant=variant)
            for network, mask in zip(natural_runs, of[whose], strict=True)
        )
    return plan
