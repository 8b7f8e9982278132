"""The runs of section 08."""

from fhelpers.heatmap import HeatMap
from fhelpers.runs import plans
from fhelpers.runs.measurements import of_each
from fhelpers.runs.scales import Plan, images_at
from fhelpers.sections.smooth_kernels.measure import Kernels

# Runs whose tensors the page shows, of the first seed.
FIRST_LOADED = ("natural*", "adversarial*", "map-*")


def plan(scale, dataset, seeds, *, rho=1.0, epochs=0) -> Plan:
    """M_natural and M_adversarial with first kernels 3×3 and 5×5 (W, Fig. 7).

    Labels: natural, adversarial, natural-5, adversarial-5; the smoothness of their kernels as
    trained (kernels-…) and smoothed with ρ (smoothed-…); the heat maps map-natural,
    map-adversarial and, of M_natural(ρ), map-smoothed.
    """
    pair = plans.attacked_pair(scale, dataset, seeds, epochs=epochs)
    larger = plans.attacked_pair(scale, dataset, seeds, epochs=epochs, kernel_size=5)
    networks = pair | {f"{label}-5": group for label, group in larger.items()}
    few = images_at(scale, "few_images", pair["natural"])
    kernels = {
        f"{word}-{label}": of_each(Kernels, group, images=1, rho=own)
        for word, own in (("kernels", 0.0), ("smoothed", float(rho)))
        for label, group in networks.items()
    }
    maps = {f"map-{label}": of_each(HeatMap, group, images=few) for label, group in pair.items()}
    smoothed = of_each(HeatMap, pair["natural"], images=few, rho=float(rho))
    return networks | kernels | maps | {"map-smoothed": smoothed}
