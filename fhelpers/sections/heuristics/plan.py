"""The runs of section 04."""

from fhelpers.runs import plans
from fhelpers.runs.scales import SCALES, Plan

FIRST_LOADED = ("adversarial",)  # tensors that the explorer shows, of the first seed


def plan(scale, dataset, seeds, *, radii=plans.RADII, epochs=0) -> Plan:
    """Training heuristics (W, §5.1, Fig. 5), and the networks of sections 03 and 05 for W25.

    Labels: vanilla, dropout, …; batch-32, …, sgd, …; lenet, …
    """
    common = {"radii": radii, "epochs": epochs}
    kinds = plans.architectures(scale, dataset, seeds, **common)
    del kinds[SCALES[scale].model]  # the same network as M_natural
    batches = plans.batch_sizes(scale, dataset, seeds, **common)
    return batches | plans.heuristics(scale, dataset, seeds, **common) | kinds
