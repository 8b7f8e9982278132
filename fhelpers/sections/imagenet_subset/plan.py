"""The runs of section 18."""

from fhelpers.masks.images import image_masks_of
from fhelpers.masks.recipes import masks_of
from fhelpers.runs import plans
from fhelpers.runs.scales import Plan, several

NETWORKS = {
    "resnet": {},
    "vgg-11": {"model": "vgg-11", "width": 16, "learning_rate": plans.MODEL_RATES["vgg-11"]},
}
FIRST_LOADED = tuple(f"{name}/{kind}/natural" for name in NETWORKS for kind in ("mask", "images"))
# N of K at a size that a processor can pay. The learning rate falls, because accuracies on so few
# images would otherwise jump from epoch to epoch.
SUBSET = {
    "data_options": (("classes", 5), ("grey", True)), "batchnorm": "running",
    "augmentation": "crop-flip", "schedule": "linear", "epochs": 40, "radii": (),
}  # fmt: skip
PLANTED = SUBSET | {
    "data_options": (("classes", 5), ("channels", 1), ("size", 48)),
    "augmentation": "none", "width": 8, "learning_rate": 4e-3, "epochs": 6,
}  # fmt: skip
ON_TEST = {"learned_on": "test"}


def plan(scale, dataset, seeds, *, sparsity_weight=0.2) -> Plan:
    """N of K and its masks on small images, and twice on five grey classes of 64 pixels.

    Labels: small/natural, …, the runs of sections 15 and 17 on `dataset`; resnet/… and vgg-11/…
    those on Tiny ImageNet-10, the same at every scale but smoke, where planted images stand for
    them. Without its images and without published runs they are left out, and the page says so.
    """

    def masked(where, scale, group, learned, on_test, **changes) -> Plan:
        return {
            f"{where}/natural": group,
            f"{where}/mask/natural": masks_of(scale, group, sparsity_weight, **learned),
            f"{where}/ontest/natural": masks_of(scale, group, sparsity_weight, **on_test),
            f"{where}/images/natural": image_masks_of(scale, group, sparsity_weight, **changes),
        }

    def larger(scale, name, seeds, fields, learned, on_test) -> Plan:
        plan = {}
        for where, own in NETWORKS.items():
            group = several(scale, name, seeds, **own | fields)
            plan |= masked(where, scale, group, learned, on_test, pictures=True)
        return plan

    small = plans.masked_networks(scale, dataset, seeds)["natural"]
    plan = masked("small", scale, small, {}, ON_TEST)
    if scale == "smoke":
        return plan | larger(scale, "planted", seeds, PLANTED, {}, ON_TEST)
    # As many steps as a mask takes at standard on the images of CIFAR-10.
    steps = {"epochs": 20}, ON_TEST | {"epochs": 100, "batch_size": 25}
    return plan | plans.of_subset(
        seeds, lambda some: larger("standard", plans.SUBSET, some, SUBSET, *steps)
    )
