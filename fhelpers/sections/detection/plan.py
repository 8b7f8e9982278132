"""Section 13 (W, §7): a detector on filtered images."""

import dataclasses

from fhelpers import data
from fhelpers.data import coco, scenes
from fhelpers.runs.checks import refuse
from fhelpers.runs.scales import Plan, data_options
from fhelpers.sections.detection import measure as detecting
from fhelpers.sections.detection.detectors import DetectorRecipe

# Of the detector and its scenes; `tested` scenes are evaluated. COCO knows no scales.
DETECTORS = {
    "smoke": {
        "size": 64, "classes": 2, "width": 8, "channels": 16, "train_images": 200, "epochs": 5,
        "batch_size": 8, "learning_rate": 1e-2, "tested": 40,
    },
    "quick": {
        "classes": 5, "width": 32, "channels": 64, "train_images": 5_000, "epochs": 3,
        "learning_rate": 2e-3, "tested": 400,
    },
    "standard": {"train_images": 10_000, "epochs": 6, "tested": 2_000},
    "paper": {"channels": 256, "train_images": 20_000, "epochs": 36, "tested": 5_000},
}  # fmt: skip

FIRST_LOADED = ("original", "r-*")  # tensors that the page shows, of the first seed


def plan(
    scale, dataset, seeds, *, radii=(8, 16, 24, 34), coco_root="", weights="", epochs=0
) -> Plan:
    """A detector on originals (W §7) and on the parts at each radius.

    Labels: detector, original, r-8, … Objects lie on images of `dataset`, where it has colour. With
    coco_root that folder is evaluated by torchvision's COCO detector instead, and nothing trains.
    """
    if weights and not coco_root:
        refuse("weights", weights, '"" without coco_root: scenes train their own detector')
    found: Plan = {}
    if coco_root:
        detecting.of_weights(weights)
        folder = coco.read(coco_root)  # refused now if it is unsound, not after an hour
        if not weights and (other := coco.misnamed(folder.class_names)):
            allowed = f"a folder with COCO's numbers, which the published weights have: {other[0]}"
            refuse("coco_root", coco_root, allowed)
        whole = {"coco_root": coco_root, "weights": weights, "seed": seeds[0]}
        found["original"] = (detecting.Evaluation(**whole),)
    else:
        own = dict(DETECTORS[scale])
        tested, own["epochs"] = own.pop("tested"), epochs or own["epochs"]
        own |= {"dataset": dataset, "data_options": data_options(scale, dataset)}
        if data.DATASETS[dataset].generated:  # clouds without a cue, and a shape for each class
            shapes = len(scenes.SHAPES)
            own |= {"data_options": (), "classes": min(own.get("classes", shapes), shapes)}
        found["detector"] = tuple(DetectorRecipe(seed=seed, **own) for seed in seeds)
        found["original"] = tuple(
            detecting.Evaluation(detector=detector, images=tested, seed=detector.seed)
            for detector in found["detector"]
        )
    for radius in radii:
        found[f"r-{radius:g}"] = tuple(
            dataclasses.replace(each, radius=radius) for each in found["original"]
        )
    return found
