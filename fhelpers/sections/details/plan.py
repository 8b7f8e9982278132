"""The runs of section 11."""

from fhelpers import data
from fhelpers.runs import plans
from fhelpers.runs.scales import SCALES, Plan, each_kind, several

# What a switch changes in a recipe, and the networks that are trained anew with it. "divided"
# concerns the test images alone, and "drawn" turns round what the scale does.
SWITCHES: dict[str, tuple[dict, tuple[str, ...]]] = {
    "bias": ({"bias": True}, ("natural", "low", "high")),
    "undivided": ({"rescale": False}, ("low", "high")),
    "whole-divided": ({"rescale_whole": True}, ("natural",)),
    "divided": ({}, ()),
    "less-than": ({"inclusive": False}, ("natural", "low", "high")),
    "linear": ({"schedule": "linear"}, ("natural",)),
    "float32": ({"precision": "float32"}, ("natural",)),
    "drawn": ({}, ("natural",)),
    "running": ({"batchnorm": "running"}, ("batchnorm",)),
    "random-start": ({"random_start": True}, ("adversarial",)),
}


def plan(scale, dataset, seeds, *, radii=(4, 12), epochs=0) -> Plan:
    """The faithful networks, which other sections train too, and each with one switch turned.

    Labels: natural, low and high (trained on parts of the largest radius), batchnorm, adversarial;
    natural-bias, low-undivided, …
    """
    own, radius = SCALES[scale], max(radii, default=4)
    shared = plans.RADII if set(radii) <= set(plans.RADII) else tuple(radii)
    band = {"band_radius": radius, "radii": (radius,), "epochs": epochs or own.epochs}
    attacked = {"adversary": "pgd", "epochs": epochs or own.attacked_epochs}
    kinds = {
        "natural": {"radii": shared, "epochs": epochs or own.epochs},
        "low": band | {"band": "low"},
        "high": band | {"band": "high"},
        "batchnorm": {"radii": shared, "epochs": epochs or own.short_epochs, "batchnorm": "batch"},
        "adversarial": {"radii": shared} | attacked,
    }
    plan = each_kind(scale, dataset, seeds, kinds)
    first = plan["natural"][0] if plan["natural"] else None
    for switch, (change, networks) in SWITCHES.items():
        if switch == "drawn":
            if first and first.train_images == data.describe(dataset, **first.options).train:
                continue  # all images are used: there is nothing to draw
            change = {"drawn": not own.drawn}
        for name in networks:
            kind = kinds[name] | {"radii": tuple(r for r in kinds[name]["radii"] if r in radii)}
            plan[f"{name}-{switch}"] = several(scale, dataset, seeds, **kind | change)
    return plan
