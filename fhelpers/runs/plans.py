"""Networks that several sections of the book train, by label.

Sections that ask for the same recipe share its run.
"""

import dataclasses
import math
from collections.abc import Callable

from fhelpers import data
from fhelpers.runs import schedule, store
from fhelpers.runs.checks import refuse
from fhelpers.runs.recipes import Recipe
from fhelpers.runs.scales import SCALES, Plan, data_options, each_kind

# Chosen on training images held out from training, by benchmarks/learning_rates.py at quick on
# CIFAR-10. Adam's is the scale's own, which was within sampling error of the best there.
OPTIMISER_RATES = {"sgd": 0.05, "adagrad": 0.02, "adadelta": 3.0, "rmsprop": 2e-3}
MODEL_RATES = {"lenet": 2e-3, "alexnet": 1e-3, "vgg-11": 5e-4}
RADII = (4, 8, 12, 16)  # W, Fig. 3
BATCH_SIZES = (32, 64, 128, 256, 512)
AUGMENTED = ("scale", "translate", "rotate")  # the models S, T and R of K
SUBSET = "tiny-imagenet-10"  # of ImageNet, whose runs are published for those who do not have it


def true_and_shuffled(
    scale, dataset, seeds, *, radii=(4, 8, 12, 16), epochs=0, memorising=0, **changes
) -> Plan:
    """True and shuffled labels, then one band at a time (W, Fig. 3 and Table 1).

    M_natural and M_shuffle, which are compared, learn as the scale's `pair` does. epochs: of
    M_natural and the band-trained models, 0 for the scale's own; memorising: of M_shuffle, 0 for
    longer in the scale's proportion; changes: to the fields of all recipes.
    """
    own = SCALES[scale]
    pair = dict(own.pair) | ({"epochs": epochs} if epochs else {}) | changes
    epochs = epochs or own.epochs
    longer = math.ceil(epochs * own.memorising_epochs / own.epochs)
    longer = memorising or max(longer, pair.get("epochs", 0))
    kinds = {"natural": pair, "shuffled": pair | {"labels": "shuffled", "epochs": longer}}
    for band in ("low", "high"):
        for radius in radii:
            trained = {"band": band, "band_radius": radius, "radii": (radius,)}
            kinds[f"{band}-{radius:g}"] = trained
    common = {"radii": radii, "epochs": epochs} | changes
    return each_kind(scale, dataset, seeds, kinds, **common)


def batch_sizes(scale, dataset, seeds, *, radii=RADII, sizes=BATCH_SIZES, epochs=0) -> Plan:
    """Batches of several sizes (W, §5.1, Fig. 4), without those larger than the training set."""
    own = SCALES[scale]
    possible = [size for size in sizes if size <= own.train_images]
    if not possible:
        allowed = f"a list with a size of at most {own.train_images}, the images of this scale"
        refuse("batch_sizes", sizes, allowed)
    kinds = {f"batch-{size}": {"batch_size": size} for size in possible}
    common = {"radii": radii, "epochs": epochs or own.short_epochs}
    return each_kind(scale, dataset, seeds, kinds, **common)


def optimisers(scale, dataset, seeds, *, radii=RADII, epochs=0) -> Plan:
    """M_natural, whose optimiser is Adam, and four other optimisers (W, §5.1)."""
    kinds = {"vanilla": {}}
    for name, rate in OPTIMISER_RATES.items():
        kinds[name] = {"optimiser": name, "learning_rate": rate}
    common = {"radii": radii, "epochs": epochs or SCALES[scale].short_epochs}
    return each_kind(scale, dataset, seeds, kinds, **common)


def heuristics(scale, dataset, seeds, *, radii=RADII, epochs=0) -> Plan:
    """M_natural ("Vanilla" in Fig. 5), training heuristics and optimisers (W, §5.1, Fig. 5)."""
    own = SCALES[scale]
    common = {"radii": radii, "epochs": epochs or own.short_epochs}
    attacked = {"adversary": "pgd", "epochs": epochs or own.attacked_epochs}
    kinds = {
        "vanilla": {},
        "dropout": {"dropout": 0.5},
        "mixup-0.5": {"mixup": 0.5},
        "mixup-1": {"mixup": 1.0},
        "batchnorm": {"batchnorm": "batch"},
        "adversarial": attacked,
        "adversarial-crop-flip": attacked | {"augmentation": "crop-flip"},
    }
    plan = each_kind(scale, dataset, seeds, kinds, **common)
    return plan | optimisers(scale, dataset, seeds, radii=radii, epochs=epochs)


def architectures(scale, dataset, seeds, *, radii=RADII, epochs=0) -> Plan:
    """Kinds of network at equal data (W, §5.1); ResNet-18 at the scale paper only."""
    own = SCALES[scale]
    widths = {"alexnet": 64 // own.narrow, "vgg-11": 64 // own.narrow}
    kinds: dict[str, dict] = {own.model: {}}
    for model, rate in MODEL_RATES.items():
        kinds[model] = {"model": model, "width": widths.get(model), "learning_rate": rate}
    if scale == "paper":
        kinds["resnet-18"] = {"model": "resnet-18"}
    common = {"radii": radii, "epochs": epochs or own.short_epochs}
    return each_kind(scale, dataset, seeds, kinds, **common)


def attacked_pair(scale, dataset, seeds, epochs=0, **changes) -> Plan:
    """M_natural and M_adversarial, the two networks of W's §6: the runs of sections 02 and 04."""
    own = SCALES[scale]
    kinds = {
        "natural": {"epochs": epochs or own.epochs},
        "adversarial": {"adversary": "pgd", "epochs": epochs or own.attacked_epochs},
    }
    return each_kind(scale, dataset, seeds, kinds, radii=RADII, **changes)


def every_network(scale, dataset, seeds, epochs=0) -> Plan:
    """M_natural, the heuristics, the optimisers and the kinds of network.

    All for equal epochs, but for adversarial training, which has the scale's own unless `epochs` is
    given.
    """
    plan = heuristics(scale, dataset, seeds, epochs=epochs)
    kinds = architectures(scale, dataset, seeds, epochs=epochs)
    del kinds[SCALES[scale].model]  # the same network as M_natural
    return {"natural": plan.pop("vanilla")} | plan | kinds


def masked_networks(scale, dataset, seeds, *, epochs=0, cropped=None) -> Plan:
    """The five models N, A, S, T and R of K, of the scale's network and of VGG-11.

    cropped: all see crops and flips, S, T and R before their own changes (K's released code); None:
    yes, but not at smoke, whose few planted images differ by where their waves lie. Without crops N
    is the run of section 02, and VGG-11 as N that of section 05. A is a run of section 04 either
    way. Below standard, VGG-11 comes as N and A only, and its A is attacked in three steps: more
    would not fit the scale. At standard all have BatchNorm, as in K, and learn more images in fewer
    epochs than networks without. At the scale paper Imagenette is K's own: five classes in grey,
    128 pixels, VGG-11 with BatchNorm and ResNet-18.
    """
    cropped = scale != "smoke" if cropped is None else cropped
    own, crop = SCALES[scale], {"augmentation": "crop-flip" if cropped else "none"}
    shared = crop | {"radii": RADII}  # as other sections watch them
    main = dict(own.masked)
    if main:
        there = data.describe(dataset, **dict(data_options(scale, dataset))).train
        main["train_images"] = min(main["train_images"], there)
    long = main.pop("epochs", own.epochs)
    short = min(long, own.short_epochs)
    second = main | {"model": "vgg-11", "width": 64 // own.narrow, "epochs": epochs or short}
    second["learning_rate"] = MODEL_RATES["vgg-11"]
    if (options := data.DATASETS[dataset].proposed("K")) and scale == "paper":
        main = {"data_options": options, "batchnorm": "running", "model": "resnet-18"}
        second |= main | {"model": "vgg-11"}
    attacked = {"adversary": "pgd", "epochs": epochs or min(long, own.attacked_epochs)}
    long = epochs or long
    kinds = {"natural": shared | {"epochs": long}, "adversarial": shared | attacked}
    for name in AUGMENTED:
        kinds[name] = {"augmentation": "crop-flip-" * cropped + name, "epochs": long}
    both = scale in ("standard", "paper")
    seconds = {name: kind | {"epochs": second["epochs"]} for name, kind in kinds.items()}
    seconds["adversarial"] = crop | attacked | ({} if both else {"attack_steps": 3})
    chosen = seconds if both else ("natural", "adversarial")
    kinds = {name: main | kind for name, kind in kinds.items()}
    kinds |= {f"vgg-11-{name}": second | seconds[name] for name in chosen}
    return each_kind(scale, dataset, seeds, kinds, radii=())


def memorising(scale: str, recipe: Recipe) -> Recipe:
    """M_shuffle beside a network of K, on no more images than it can memorise: section 02's run."""
    own = SCALES[scale]
    if own.masked:
        plain = {"train_images": own.train_images, "batchnorm": "none", "epochs": own.epochs}
        recipe = dataclasses.replace(recipe, **plain)
    longer = math.ceil(recipe.epochs * own.memorising_epochs / own.epochs)
    alike = {"labels": "shuffled", "augmentation": "none", "epochs": longer} | dict(own.pair)
    return dataclasses.replace(recipe, **alike)


def of_subset(seeds, planned: Callable[[list], Plan]) -> Plan:
    """`planned(seeds)`, runs on SUBSET, for the seeds for which this machine can show them.

    Those are all where the images are, else the ones whose runs are finished or published.
    """
    if not data.available(SUBSET):
        own = {
            seed: schedule.everything(r for group in planned([seed]).values() for r in group)
            for seed in seeds
        }
        seeds = [seed for seed, runs in own.items() if all(map(store.finished, runs))]
    return planned(seeds) if seeds else {}
