"""The runs of section 05."""

import math
from functools import cache

from fhelpers import data, networks
from fhelpers.networks.cost import cost
from fhelpers.runs import plans
from fhelpers.runs.scales import SCALES, Plan, several, vanilla

EQUAL = ("parameters", "multiply_adds")


def plan(scale, dataset, seeds, *, radii=plans.RADII, epochs=0) -> Plan:
    """Kinds of network at equal data (W, §5.1), at their own size and at that of the ResNet.

    Labels: those of `plans.architectures`; lenet-parameters, lenet-multiply-adds, …, as wide as
    brings them nearest to the ResNet's.
    """
    own = plans.architectures(scale, dataset, seeds, radii=radii, epochs=epochs)
    common = {"radii": tuple(radii), "epochs": epochs or SCALES[scale].short_epochs}
    resnet = vanilla(scale, dataset, 0)
    info = data.describe(dataset, **resnet.options)
    shape = (info.channels, info.height, info.width, info.classes)
    wanted = counted(resnet.model, resnet.width, *shape)
    for model, rate in plans.MODEL_RATES.items():
        for count in EQUAL:
            kind = {"width": nearest_width(model, shape, count, getattr(wanted, count))}
            kind |= {"model": model, "learning_rate": rate}
            label = f"{model}-{count.replace('_', '-')}"
            own[label] = several(scale, dataset, seeds, **common, **kind)
    return own


@cache
def counted(model: str, width: int | None, channels: int, height: int, columns: int, classes: int):
    """What a network costs."""
    made = networks.build(model, channels=channels, classes=classes, width=width)
    return cost(made, (channels, height, columns))


@cache
def nearest_width(model: str, shape: tuple[int, int, int, int], count: str, wanted: int) -> int:
    """The width at which a network's count comes closest to the wanted one, as a ratio.

    Both counts grow about as the square of the width, so few steps come within one of it.
    """

    def ratio(width: int) -> float:
        return wanted / getattr(counted(model, width, *shape), count)

    width = networks.NETWORKS[model].width
    for _ in range(3):
        width = max(2, round(width * math.sqrt(ratio(width))))
    return min((width - 1, width, width + 1), key=lambda near: abs(math.log(ratio(near))))
