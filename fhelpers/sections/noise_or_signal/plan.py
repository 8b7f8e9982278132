"""The runs of section 14."""

from fhelpers.runs import plans
from fhelpers.runs.measurements import of_each
from fhelpers.runs.scales import Plan
from fhelpers.sections.noise_or_signal.measure import Cases

FIRST_LOADED = ("natural",)  # tensors that the page shows, of the first seed


def plan(scale, dataset, seeds, *, radius=12, epochs=0) -> Plan:
    """Fourier split against singular values, for every network (W, §8).

    Labels: those of the networks, and cases-… for each.
    """
    plan = plans.every_network(scale, dataset, seeds, epochs)
    measured = {f"cases-{label}": of_each(Cases, plan[label], radius=radius) for label in plan}
    return plan | measured
