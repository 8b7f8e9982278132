"""The runs of section 07."""

from fhelpers import data
from fhelpers.runs import plans
from fhelpers.runs.scales import SCALES, Plan, known, scaled_radii

OTHERS = ("cifar10", "mnist", "fashion-mnist", "imagenet")
JUDGED = {"others": [name for name in OTHERS if name != "cifar10"]}  # which W24 passes over
PUBLISHED = ("quick", "standard")  # scales that show the same runs on Tiny ImageNet-10
ON_SUBSET = {  # so that they fit their images, which are four times as large, in as many steps
    "train_images": 2_000, "batch_size": 50, "learning_rate": 2e-3, "schedule": "linear",
    "epochs": 80, "memorising": 120,
}  # fmt: skip


def plan(scale, dataset, seeds, *, others=OTHERS, radii=(4, 12), epochs=0) -> Plan:
    """Section 02 on every data set of the paper (W, §4); radii grow with the images.

    Labels: cifar10/natural, mnist/low-3.5, … with the radius for that data set's image size. The
    first data set and CIFAR-10 are trained as long as in section 02, and where images have 32
    pixels its runs serve here. "imagenet" is Tiny ImageNet-10 where this machine can show its runs,
    at quick those of standard; otherwise Imagenette or a Tiny ImageNet folder, and without either
    it is left out, and the page says so.
    """

    def on(name: str, scale: str = scale, seeds=seeds, **changes) -> Plan:
        known(scale, name)
        scaled, shared = SCALES[scale], plans.RADII  # section 02's radii
        own, length = scaled_radii(scale, name, radii), {"epochs": epochs}
        if name in (dataset, "cifar10"):
            own = shared if own == tuple(radii) and set(radii) <= set(shared) else own
        elif scaled.other_epochs and not epochs:
            full = dict(scaled.pair).get("epochs", scaled.memorising_epochs)
            length = {"epochs": scaled.other_epochs, "memorising": full}
        else:
            length["epochs"] = epochs or scaled.short_epochs
        there = plans.true_and_shuffled(scale, name, seeds, **{"radii": own} | length | changes)
        return {f"{name}/{label}": group for label, group in there.items()}

    def imagenet() -> Plan:
        longer = {"epochs": epochs} if epochs else {}
        if scale in PUBLISHED and (
            there := plans.of_subset(
                seeds, lambda some: on(plans.SUBSET, "standard", some, **ON_SUBSET | longer)
            )
        ):
            return there
        found = data.imagenet_subset()
        return on(found) if found else {}

    plan = {}
    for name in dict.fromkeys([dataset, *others]):
        if name != "imagenet":
            plan |= on(name)
        elif plans.SUBSET not in (dataset, *others):
            plan |= imagenet()
    return plan
