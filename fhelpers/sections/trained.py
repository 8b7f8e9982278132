"""Sections 01 to 06 (W, §3 to §5): networks compared by what they were trained on, and how."""

import math

from fhelpers import data, recipes
from fhelpers.scales import SCALES, Plan, known, natural, scaled_radii, several


def decomposition(scale, dataset, seeds, *, radii=(4, 8, 12, 16)) -> Plan:
    """Section 01 (W, §3.1 and Fig. 2): the model whose mistakes on low parts are shown."""
    return {"natural": natural(scale, dataset, seeds, radii)}


def shuffled_labels(scale, dataset, seeds, *, radii=(4, 8, 12, 16), epochs=0) -> Plan:
    """Section 02 (W, Fig. 3 and Table 1): true and shuffled labels, then one band at a time.

    epochs: of M_natural and the band-trained models, 0 for the scale's own; M_shuffle trains
    longer in the scale's proportion.
    """
    plan = {"natural": natural(scale, dataset, seeds, radii, epochs)}
    own = SCALES[scale]
    epochs = epochs or own.epochs
    longer = math.ceil(epochs * own.memorising_epochs / own.epochs)
    shuffled = {"labels": "shuffled", "radii": tuple(radii), "epochs": longer}
    plan["shuffled"] = several(scale, dataset, seeds, **shuffled)
    for band in ("low", "high"):
        for radius in radii:
            changes = {"band": band, "band_radius": radius, "radii": (radius,), "epochs": epochs}
            plan[f"{band}-{radius:g}"] = several(scale, dataset, seeds, **changes)
    return plan


# Chosen on training images held out from training, by benchmarks/learning_rates.py at quick on
# CIFAR-10. Adam's is the scale's own, which was within sampling error of the best there.
OPTIMISER_RATES = {"sgd": 0.05, "adagrad": 0.02, "adadelta": 3.0, "rmsprop": 2e-3}
MODEL_RATES = {"lenet": 2e-3, "alexnet": 1e-3, "vgg-11": 5e-4}


def heuristics(
    scale, dataset, seeds, *, radii=(4, 8, 12, 16), batch_sizes=(32, 64, 128, 256, 512), epochs=0
) -> Plan:
    """Section 03 (W, §5.1, Fig. 4 and 5): batch sizes, heuristics and optimisers.

    Batch sizes that the scale's training set cannot fill are left out; the page says so.
    """
    own = SCALES[scale]
    if not any(size <= own.train_images for size in batch_sizes):
        allowed = f"a list with a size of at most {own.train_images}, the images of this scale"
        recipes.refuse("batch_sizes", batch_sizes, allowed)
    radii, longest = tuple(radii), epochs or own.short_epochs
    attacked = epochs or own.attacked_epochs
    kinds = {
        f"batch-{size}": {"batch_size": size} for size in batch_sizes if size <= own.train_images
    }
    kinds |= {
        "vanilla": {},
        "dropout": {"dropout": 0.5},
        "mixup-0.5": {"mixup": 0.5},
        "mixup-1": {"mixup": 1.0},
        "batchnorm": {"batchnorm": True},
        "adversarial": {"adversary": "pgd", "epochs": attacked},
        "adversarial-crop-flip": {
            "adversary": "pgd",
            "augmentation": "crop-flip",
            "epochs": attacked,
        },
    }
    kinds |= {
        name: {"optimiser": name, "learning_rate": rate} for name, rate in OPTIMISER_RATES.items()
    }
    common = {"radii": radii, "epochs": longest}
    return {
        label: several(scale, dataset, seeds, **(common | kind)) for label, kind in kinds.items()
    }


def architectures(scale, dataset, seeds, *, radii=(4, 8, 12, 16), epochs=0) -> Plan:
    """Section 04 (W, §5.1): other networks at equal data; ResNet-18 at the scale paper only."""
    own = SCALES[scale]
    common = {"radii": tuple(radii), "epochs": epochs or own.short_epochs}
    widths = {"alexnet": 64 // own.narrow, "vgg-11": 64 // own.narrow}
    plan = {own.model: several(scale, dataset, seeds, **common)}
    for model, rate in MODEL_RATES.items():
        kind = {"model": model, "width": widths.get(model), "learning_rate": rate}
        plan[model] = several(scale, dataset, seeds, **common, **kind)
    if scale == "paper":
        plan["resnet-18"] = several(scale, dataset, seeds, **common, model="resnet-18")
    return plan


def batchnorm(
    scale,
    dataset,
    seeds,
    *,
    radii=(4, 8, 12, 16),
    strengths=(1, 0.5, 0.25, 0.125, 0.0625),
    epochs=0,
) -> Plan:
    """Section 05 (W, §5.2, Fig. 6): BatchNorm on low parts, and on ever fainter planted cues.

    Labels: vanilla, batchnorm (whole images, the runs of section 03); vanilla-low-4,
    batchnorm-low-4, …; vanilla-cue-1, batchnorm-cue-1, … The runs without BatchNorm on low parts
    are those of section 02.
    """
    if not strengths or min(strengths) <= 0:
        recipes.refuse("strengths", list(strengths), "one or more numbers above 0")
    own, shared = SCALES[scale], (4, 8, 12, 16)  # section 03's radii: with them its runs serve here
    short = epochs or own.short_epochs
    whole = {"radii": shared if set(radii) <= set(shared) else tuple(radii), "epochs": short}
    plan = {}
    for name, switch in (("vanilla", {}), ("batchnorm", {"batchnorm": True})):
        plan[name] = several(scale, dataset, seeds, **whole, **switch)
        for radius in radii:
            kind = {"band": "low", "band_radius": radius, "radii": (radius,)}
            kind |= {"epochs": epochs or own.epochs} | switch
            plan[f"{name}-low-{radius:g}"] = several(scale, dataset, seeds, **kind)
        for strength in strengths:
            cue = {"data_options": (("low", 0.0), ("high", float(strength))), "radii": (8,)}
            kind = cue | {"epochs": short} | switch
            plan[f"{name}-cue-{strength:g}"] = several(scale, "planted", seeds, **kind)
    return plan


def other_datasets(
    scale,
    dataset,
    seeds,
    *,
    others=("cifar10", "mnist", "fashion-mnist", "imagenet"),
    radii=(4, 12),
    epochs=0,
) -> Plan:
    """Section 06 (W, §4): section 02 on every data set of the paper; radii grow with the images.

    Labels: cifar10/natural, mnist/low-3.5, … with the radius for that data set's image size. The
    first data set and CIFAR-10 are trained as long as in section 02, and where images have 32
    pixels its runs serve here. "imagenet" is Imagenette or else a Tiny ImageNet folder; without
    either it is left out, and the page says so.
    """
    shared = (4, 8, 12, 16)  # section 02's radii
    found = (data.imagenet_subset() if name == "imagenet" else name for name in others)
    plan = {}
    for name in dict.fromkeys([dataset, *filter(None, found)]):
        known(scale, name)
        own, length = scaled_radii(scale, name, radii), epochs or SCALES[scale].short_epochs
        if name in (dataset, "cifar10"):
            length = epochs
            own = shared if own == tuple(radii) and set(radii) <= set(shared) else own
        there = shuffled_labels(scale, name, seeds, radii=own, epochs=length)
        plan |= {f"{name}/{label}": group for label, group in there.items()}
    return plan
