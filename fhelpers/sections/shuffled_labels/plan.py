"""The runs of section 02."""

from fhelpers.runs import plans
from fhelpers.runs.scales import Plan


def plan(scale, dataset, seeds, *, radii=plans.RADII, epochs=0) -> Plan:
    """M_natural, M_shuffle, and networks trained on one band (W, Fig. 3 and Table 1)."""
    return plans.true_and_shuffled(scale, dataset, seeds, radii=radii, epochs=epochs)
