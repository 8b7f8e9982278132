"""The runs of section 17."""

from fhelpers.runs import plans
from fhelpers.runs.scales import Plan
from fhelpers.sections.single_image_masks.measure import ImageMasksRecipe

SINGLE_IMAGES = {"smoke": 40, "quick": 500, "standard": 1_000, "paper": 2_000}
LOADED = ("natural", "images/*")  # runs whose tensors the page shows


def plan(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Masks of single test images of N and A (K), for both of those that N gets right unless they
    are attacked. Labels: natural, images/natural, …
    """
    networks = plans.masked_networks(scale, dataset, seeds, epochs=epochs)
    plan = {name: networks[name] for name in ("natural", "adversarial")}
    for name in tuple(plan):
        plan[f"images/{name}"] = tuple(
            ImageMasksRecipe(
                network=network,
                images=min(SINGLE_IMAGES[scale], network.test_images),
                sparsity_weight=float(sparsity_weight),
                chooser=None if network == chooser else chooser,
            )
            for network, chooser in zip(plan[name], plan["natural"], strict=True)
        )
    return plan
