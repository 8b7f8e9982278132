"""The runs of section 07."""

from fhelpers import data
from fhelpers.runs import plans
from fhelpers.runs.scales import SCALES, Plan, known, scaled_radii


def plan(
    scale,
    dataset,
    seeds,
    *,
    others=("cifar10", "mnist", "fashion-mnist", "imagenet"),
    radii=(4, 12),
    epochs=0,
) -> Plan:
    """Section 02 on every data set of the paper (W, §4); radii grow with the images.

    Labels: cifar10/natural, mnist/low-3.5, … with the radius for that data set's image size. The
    first data set and CIFAR-10 are trained as long as in section 02, and where images have 32
    pixels its runs serve here. "imagenet" is Imagenette or else a Tiny ImageNet folder; without
    either it is left out, and the page says so.
    """
    scaled, shared = SCALES[scale], plans.RADII  # section 02's radii
    found = (data.imagenet_subset() if name == "imagenet" else name for name in others)
    plan = {}
    for name in dict.fromkeys([dataset, *filter(None, found)]):
        known(scale, name)
        own, length = scaled_radii(scale, name, radii), {"epochs": epochs}
        if name in (dataset, "cifar10"):
            own = shared if own == tuple(radii) and set(radii) <= set(shared) else own
        elif scaled.other_epochs and not epochs:
            length = {"epochs": scaled.other_epochs, "memorising": scaled.memorising_epochs}
        else:
            length["epochs"] = epochs or scaled.short_epochs
        there = plans.true_and_shuffled(scale, name, seeds, radii=own, **length)
        plan |= {f"{name}/{label}": group for label, group in there.items()}
    return plan
