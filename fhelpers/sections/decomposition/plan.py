"""The runs of section 01."""

from fhelpers.runs.checks import check_radius
from fhelpers.runs.plans import RADII
from fhelpers.runs.scales import Plan, data_options, natural
from fhelpers.sections.decomposition.measure import SplitErrors

LOADED = ("split",)  # runs whose tensors the page shows
FIRST_LOADED = ("natural",)  # of the first seed


def plan(scale, dataset, seeds, *, radii=RADII, radius=12) -> Plan:
    """The network whose mistakes on low parts are shown (W, §3.1 and Fig. 2).

    Labels: natural, and split: how exactly the two parts of the test images add up.
    """
    check_radius("radius", radius)
    for each in radii:
        check_radius("radii", each)
    evaluated = tuple(sorted({*map(float, radii), float(radius)}))
    networks = natural(scale, dataset, seeds, evaluated)
    images = networks[0].test_images
    options = data_options(scale, dataset)
    split = SplitErrors(dataset=dataset, data_options=options, images=images, radius=radius)
    return {"natural": networks, "split": (split,)}
