"""The runs of section 04."""

from fhelpers.runs import plans
from fhelpers.runs.scales import Plan


def plan(scale, dataset, seeds, *, radii=plans.RADII, epochs=0) -> Plan:
    """Kinds of network at equal data (W, §5.1)."""
    return plans.architectures(scale, dataset, seeds, radii=radii, epochs=epochs)
