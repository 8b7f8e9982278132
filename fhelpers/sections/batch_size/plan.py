"""The runs of section 03."""

from fhelpers.runs import plans
from fhelpers.runs.scales import Plan


def plan(
    scale, dataset, seeds, *, radii=plans.RADII, batch_sizes=plans.BATCH_SIZES, epochs=0
) -> Plan:
    """Batch sizes (W, §5.1, Fig. 4) and optimisers. Labels: batch-32, …, vanilla, sgd, …"""
    common = {"radii": radii, "epochs": epochs}
    batches = plans.batch_sizes(scale, dataset, seeds, sizes=batch_sizes, **common)
    return batches | plans.optimisers(scale, dataset, seeds, **common)
