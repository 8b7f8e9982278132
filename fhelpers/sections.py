"""The scales, and the runs that each section of the book needs.

A section is one function that maps (scale, dataset, seeds, its own parameters) to labelled
recipes, one a seed. Sections that ask for the same recipe share its run.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from fhelpers import coco, data, heatmap, noise, recipes, robustness
from fhelpers import detection as detecting
from fhelpers import tradeoff as trade
from fhelpers.detectors import DetectorRecipe
from fhelpers.image_masks import ImageMasksRecipe
from fhelpers.mask_runs import VARIANTS, MaskedTraining, MaskRecipe
from fhelpers.recipes import Recipe
from fhelpers.report import Report


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything a book at this scale uses."""

    train_images: int
    test_images: int
    watch_images: int
    model: str
    width: int | None
    learning_rate: float
    batch_size: int
    epochs: int  # with true labels
    memorising_epochs: int  # with shuffled labels, which take longer to learn (W, §4.2)
    short_epochs: int  # where a section compares many networks with each other
    attacked_epochs: int  # of adversarial training, which costs eight times as much
    narrow: int  # divides the widths of AlexNet and VGG-11
    attacked_images: int  # test images of Table 2
    few_images: int  # test images of what costs more an image: checks, heat maps, small steps
    planted: tuple = ()  # strengths of the planted cues


SCALES = {
    "smoke": Scale(
        train_images=300, test_images=300, watch_images=100, model="resnet-8", width=8,
        learning_rate=4e-3, batch_size=25, epochs=10, memorising_epochs=15,
        short_epochs=6, attacked_epochs=4, narrow=8, attacked_images=40, few_images=20,
        planted=(("low", 2.0), ("high", 3.0)),
    ),
    "quick": Scale(
        train_images=2_000, test_images=2_000, watch_images=250, model="resnet-8", width=None,
        learning_rate=2e-3, batch_size=50, epochs=24, memorising_epochs=60,
        short_epochs=14, attacked_epochs=10, narrow=4, attacked_images=500, few_images=150,
    ),
    "standard": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-8", width=None,
        learning_rate=1e-3, batch_size=100, epochs=30, memorising_epochs=90,
        short_epochs=30, attacked_epochs=20, narrow=1, attacked_images=2_000, few_images=1_000,
    ),
    "paper": Scale(
        train_images=50_000, test_images=10_000, watch_images=1_000, model="resnet-32", width=None,
        learning_rate=1e-4, batch_size=100, epochs=100, memorising_epochs=300,
        short_epochs=100, attacked_epochs=100, narrow=1, attacked_images=5_000, few_images=1_000,
    ),
}  # fmt: skip

Plan = dict[str, tuple[Recipe, ...]]


def vanilla(scale: str, dataset: str, seed: int, **changes) -> Recipe:
    """The scale's plain recipe (W, §4) with some fields changed.

    Sizes shrink to what a small data set holds. Raises ValueError for an unknown scale.
    """
    known(scale, dataset)
    size = dataclasses.asdict(SCALES[scale])
    for name in set(size) - {field.name for field in dataclasses.fields(Recipe)}:
        del size[name]
    size.update(dataset=dataset, seed=seed, data_options=data_options(scale, dataset))
    if "model" in changes:
        size["width"] = None  # the scale's width is meant for the scale's model
    size.update(changes)
    info = data.describe(dataset, **dict(size["data_options"]))
    for name, there in (("train_images", info.train), ("test_images", info.test)):
        if name not in changes:
            size[name] = min(size[name], there)
    return Recipe(**size)


def data_options(scale: str, dataset: str) -> tuple:
    """What a scale asks of a data set: strengths of planted cues, a size of images that it can pay.

    Four times the pixels cost four times the training; W's ImageNet subset has no stated size.
    """
    if dataset == "imagenette" and scale != "paper":
        return (("size", 64),)
    return SCALES[scale].planted if dataset == "planted" else ()


def known(scale: str, dataset: str) -> None:
    """Raise ValueError unless scale and data set are ones that the book has."""
    if scale not in SCALES:
        raise ValueError(f"scale {scale!r} is not known; choose one of {', '.join(SCALES)}")
    if dataset not in data.NAMES:
        raise ValueError(
            f"data set {dataset!r} is not known; choose one of {', '.join(data.NAMES)}"
        )


def several(scale, dataset, seeds, **changes) -> tuple[Recipe, ...]:
    """The plain recipe with some fields changed, once a seed."""
    return tuple(vanilla(scale, dataset, seed, **changes) for seed in seeds)


def natural(scale: str, dataset: str, seeds: Sequence[int], radii, epochs=0) -> tuple[Recipe, ...]:
    """M_natural, which several sections share: the longest training, watched at every radius."""
    epochs = epochs or SCALES[scale].epochs
    return several(scale, dataset, seeds, radii=tuple(radii), epochs=epochs)


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


def scaled_radii(scale: str, dataset: str, radii) -> tuple[float, ...]:
    """Radii given for 32×32 images, in proportion to a data set's image size."""
    info = data.describe(dataset, **dict(data_options(scale, dataset)))
    return tuple(radius * min(info.height, info.width) / 32 for radius in radii)


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
    found = (imagenet_subset() if name == "imagenet" else name for name in others)
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


def imagenet_subset() -> str | None:
    """The ImageNet subset that is at hand without a network: Imagenette, else Tiny ImageNet."""
    for name in ("imagenette", "tiny-imagenet"):
        if data.available(name):
            return name
    return None


def attacked_pair(scale, dataset, seeds, radii=(4, 8, 12, 16), epochs=0, **changes) -> Plan:
    """M_natural and M_adversarial, the two networks of W's §6: the runs of sections 02 and 03."""
    adversary = {"adversary": "pgd", "epochs": epochs or SCALES[scale].attacked_epochs}
    longest = epochs or SCALES[scale].epochs
    common = {"radii": tuple(radii)} | changes
    return {
        "natural": several(scale, dataset, seeds, **common, epochs=longest),
        "adversarial": several(scale, dataset, seeds, **common, **adversary),
    }


def images_at(scale: str, name: str, group: Sequence[Recipe]) -> int:
    """How many test images a scale measures, at most half of those that the networks have.

    The other half is for choices that must not see the images measured.
    """
    return min(getattr(SCALES[scale], name), group[0].test_images // 2)


def smooth_kernels(scale, dataset, seeds, *, rho=1.0, epochs=0) -> Plan:
    """Section 07 (W, Fig. 7): M_natural and M_adversarial with first kernels 3×3 and 5×5.

    Labels: natural, adversarial, natural-5, adversarial-5, and the heat maps of the first two and
    of M_natural(ρ): map-natural, map-adversarial, map-smoothed.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    larger = attacked_pair(scale, dataset, seeds, epochs=epochs, kernel_size=5)
    few = images_at(scale, "few_images", plan["natural"])
    mapped = {"natural": ("natural", 0.0), "adversarial": ("adversarial", 0.0)}
    for name, (label, own) in (mapped | {"smoothed": ("natural", float(rho))}).items():
        larger[f"map-{name}"] = tuple(
            heatmap.HeatMap(network=network, images=few, rho=own) for network in plan[label]
        )
    return plan | {f"{k}-5" if k in plan else k: group for k, group in larger.items()}


def smoothing_defence(
    scale,
    dataset,
    seeds,
    *,
    rhos=(0.0, 0.1, 0.25, 0.5, 1.0),
    epsilons=(0.03, 0.06, 0.09),
    epochs=0,
) -> Plan:
    """Section 08 (W, Table 2): the table and the checks of both networks.

    Labels: natural, adversarial, table-natural, checks-natural, … The checks look at the largest ρ
    and at the smallest and the largest ε.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    quick = {"attack_steps": 5} if scale == "smoke" else {}
    table = {"rhos": tuple(map(float, rhos)), "epsilons": tuple(map(float, epsilons))} | quick
    checked = {"rho": max(table["rhos"]), "epsilons": tuple(sorted({min(epsilons), max(epsilons)}))}
    auto = {"auto_images": 4, "long_steps": 10, "queries": 20} if scale == "smoke" else {}
    for name, group in list(plan.items()):
        many, few = (images_at(scale, size, group) for size in ("attacked_images", "few_images"))
        plan[f"table-{name}"] = tuple(
            robustness.RobustnessTable(network=network, images=many, **table) for network in group
        )
        plan[f"checks-{name}"] = tuple(
            robustness.DefenceChecks(network=network, images=few, **checked, **quick, **auto)
            for network in group
        )
    return plan


def every_network(scale, dataset, seeds, epochs=0) -> Plan:
    """M_natural and the networks of sections 03 and 04, other batch sizes left out."""
    plan = {"natural": natural(scale, dataset, seeds, (4, 8, 12, 16), epochs)}
    compared = heuristics(scale, dataset, seeds, epochs=epochs)
    plan |= {label: group for label, group in compared.items() if not label.startswith("batch-")}
    kinds = architectures(scale, dataset, seeds, epochs=epochs)
    del kinds[SCALES[scale].model]  # the same runs as vanilla
    return plan | kinds


def tradeoff(
    scale, dataset, seeds, *, radius=12, epsilons=(0.004, 0.008, 0.016, 0.031), epochs=0
) -> Plan:
    """Section 09 (W, Corollary 1): smallest perturbations of the networks of sections 03 and 04.

    Labels: those of the networks, natural among them, and corollary-… for each.
    """
    plan = every_network(scale, dataset, seeds, epochs)
    few = images_at(scale, "few_images", plan["natural"])
    settings = {"radius": radius, "epsilons": tuple(map(float, epsilons))}
    return plan | {
        f"corollary-{label}": tuple(
            trade.Corollary(network=network, images=few, **settings) for network in group
        )
        for label, group in plan.items()
    }


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
    "standard": {"train_images": 10_000, "epochs": 20, "tested": 2_000},
    "paper": {"channels": 256, "train_images": 20_000, "epochs": 36, "tested": 5_000},
}  # fmt: skip


def detection(
    scale, dataset, seeds, *, radii=(8, 16, 24, 34), coco_root="", weights="", epochs=0
) -> Plan:
    """Section 10 (W §7): a detector on originals and on the parts at each radius.

    Labels: detector, original, r-8, … Objects lie on images of `dataset`, where it has colour. With
    coco_root that folder is evaluated by torchvision's COCO detector instead, and nothing trains.
    """
    if weights and not coco_root:
        recipes.refuse("weights", weights, '"" without coco_root: scenes train their own detector')
    plan = {}
    if coco_root:
        coco.annotations(coco_root)  # refused now if it is not there, not after an hour
        detecting.of_weights(weights)
        whole = {"coco_root": coco_root, "weights": weights, "seed": seeds[0]}
        plan["original"] = (detecting.Evaluation(**whole),)
    else:
        own = dict(DETECTORS[scale])
        tested, own["epochs"] = own.pop("tested"), epochs or own["epochs"]
        own |= {"dataset": dataset, "data_options": data_options(scale, dataset)}
        if dataset == "planted":  # clouds without a cue, and a shape for each class
            own |= {"data_options": (), "classes": min(own.get("classes", 5), 5)}
        plan["detector"] = tuple(DetectorRecipe(seed=seed, **own) for seed in seeds)
        plan["original"] = tuple(
            detecting.Evaluation(detector=detector, images=tested, seed=detector.seed)
            for detector in plan["detector"]
        )
    for radius in radii:
        plan[f"r-{radius:g}"] = tuple(
            dataclasses.replace(each, radius=radius) for each in plan["original"]
        )
    return plan


AUGMENTED = ("scale", "translate", "rotate")  # the models S, T and R of K
MASK_IMAGES = {"smoke": 200, "quick": 1_000, "standard": 5_000, "paper": 50_000}
SINGLE_IMAGES = {"smoke": 40, "quick": 500, "standard": 1_000, "paper": 2_000}


def masked_networks(scale, dataset, seeds, *, epochs=0) -> Plan:
    """The five models N, A, S, T and R of K, of the scale's network and of VGG-11.

    N is the run of section 01, A that of section 03, and VGG-11 as N that of section 04. Below
    standard, VGG-11 comes as N and A only, and its A is attacked in three steps: five would not fit
    the scale. At the scale paper Imagenette is K's own: five classes in grey, 128 pixels, VGG-11
    with BatchNorm and ResNet-18.
    """
    own, shared = SCALES[scale], {"radii": (4, 8, 12, 16)}  # as other sections watch them
    main, second = {}, {"model": "vgg-11", "width": 64 // own.narrow}
    second |= {"learning_rate": MODEL_RATES["vgg-11"], "epochs": epochs or own.short_epochs}
    if dataset == "imagenette" and scale == "paper":
        main = {"data_options": (("classes", 5), ("grey", True), ("size", 128))}
        main |= {"batchnorm": True, "model": "resnet-18"}
        second |= main | {"model": "vgg-11"}
    attacked = {"adversary": "pgd", "epochs": epochs or own.attacked_epochs}
    kinds = {"natural": shared | {"epochs": epochs or own.epochs}, "adversarial": shared | attacked}
    kinds |= {name: {"augmentation": name, "epochs": epochs or own.epochs} for name in AUGMENTED}
    both = scale in ("standard", "paper")
    seconds = {name: kind | {"epochs": second["epochs"]} for name, kind in kinds.items()}
    seconds["adversarial"] = attacked | ({} if both else {"attack_steps": 3})
    plan = {
        name: several(scale, dataset, seeds, **({"radii": ()} | main | kind))
        for name, kind in kinds.items()
    }
    for name in seconds if both else ("natural", "adversarial"):
        kind = {"radii": ()} | second | seconds[name]
        plan[f"vgg-11-{name}"] = several(scale, dataset, seeds, **kind)
    return plan


def masks_of(scale, group, sparsity_weight, **changes) -> tuple:
    """A mask recipe for each network of a group, on as many images as the scale can pay."""
    on = f"{changes.get('learned_on', 'train')}_images"
    return tuple(
        MaskRecipe(
            network=network,
            images=min(MASK_IMAGES[scale], getattr(network, on)),
            sparsity_weight=float(sparsity_weight),
            **changes,
        )
        for network in group
    )


def fourier_masks(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Section 11 (K): five networks and their masks.

    Labels: natural, adversarial, …, the networks; mask/natural, … their masks; folds/… masks of
    disjoint sets of images; classes/… masks of classes; ontest/natural learned on test images.
    """
    networks = masked_networks(scale, dataset, seeds, epochs=epochs)
    plan = dict(networks)
    for name, group in networks.items():
        plan[f"mask/{name}"] = masks_of(scale, group, sparsity_weight)
    for name in ("natural", "adversarial", *AUGMENTED):
        plan[f"folds/{name}"] = masks_of(scale, networks[name], sparsity_weight, scope="fold")
    for name in ("natural", "adversarial"):
        plan[f"classes/{name}"] = masks_of(scale, networks[name], sparsity_weight, scope="class")
    ontest = masks_of(scale, networks["natural"], sparsity_weight, learned_on="test")
    return plan | {"ontest/natural": ontest}


def essential_frequencies(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Section 12 (K): training anew through the mask of N, what it is compared with, and M_shuffle.

    Labels: natural and shuffled, the networks whose masks are used (mask/…); through/mask,
    through/complement, … trained anew through variants of N's mask; shuffled/mask and
    shuffled/complement through M_shuffle's, with true labels.
    """
    natural_runs = masked_networks(scale, dataset, seeds, epochs=epochs)["natural"]
    shuffled = tuple(memorising(scale, recipe) for recipe in natural_runs)
    plan = {"natural": natural_runs, "shuffled": shuffled}
    of = {name: masks_of(scale, plan[name], sparsity_weight) for name in tuple(plan)}
    plan |= {f"mask/{name}": group for name, group in of.items()}
    asked = [("through", "natural", name) for name in VARIANTS]
    asked += [("shuffled", "shuffled", name) for name in ("mask", "complement")]
    for prefix, whose, variant in asked:
        plan[f"{prefix}/{variant}"] = tuple(
            MaskedTraining(network=network, mask=mask, variant=variant)
            for network, mask in zip(natural_runs, of[whose], strict=True)
        )
    return plan


def memorising(scale: str, recipe: Recipe) -> Recipe:
    """M_shuffle beside a given M_natural: the run of section 02."""
    own = SCALES[scale]
    longer = math.ceil(recipe.epochs * own.memorising_epochs / own.epochs)
    return dataclasses.replace(recipe, labels="shuffled", epochs=longer)


def single_image_masks(scale, dataset, seeds, *, sparsity_weight=0.2, epochs=0) -> Plan:
    """Section 13 (K): masks of single test images of N and A. Labels: images/natural, …"""
    networks = masked_networks(scale, dataset, seeds, epochs=epochs)
    plan = {name: networks[name] for name in ("natural", "adversarial")}
    for name in tuple(plan):
        plan[f"images/{name}"] = tuple(
            ImageMasksRecipe(
                network=network,
                images=min(SINGLE_IMAGES[scale], network.test_images),
                sparsity_weight=float(sparsity_weight),
            )
            for network in plan[name]
        )
    return plan


def noise_or_signal(scale, dataset, seeds, *, radius=12, epochs=0) -> Plan:
    """Section 14 (W, §8): Fourier split against singular values, for every network.

    Labels: those of the networks, and cases-… for each.
    """
    plan = every_network(scale, dataset, seeds, epochs)
    return plan | {
        f"cases-{label}": tuple(
            noise.Cases(network=network, images=network.test_images, radius=radius)
            for network in group
        )
        for label, group in plan.items()
    }


def report_card(scale, dataset, seeds, *, epochs=0) -> Plan:
    """Page 15 (W, §9): the reports of M_natural, M_adversarial and of BatchNorm's network.

    Labels: natural, adversarial, batchnorm, and report-… for each.
    """
    plan = attacked_pair(scale, dataset, seeds, epochs=epochs)
    short = {"radii": (4, 8, 12, 16), "epochs": epochs or SCALES[scale].short_epochs}
    plan["batchnorm"] = several(scale, dataset, seeds, batchnorm=True, **short)
    few = 2 * SCALES[scale].few_images
    return plan | {
        f"report-{label}": tuple(
            Report(network=network, images=network.test_images, few=few) for network in group
        )
        for label, group in plan.items()
    }


def scorecard(scale, dataset, seeds) -> Plan:
    """The opening page: the runs of all sections that check claims, labels slug/label."""
    return {
        f"{slug}/{label}": group
        for slug, section in SECTIONS.items()
        if slug not in ("00_scorecard", "15_report_card")
        for label, group in section(scale, dataset, seeds).items()
    }


SECTIONS = {
    "00_scorecard": scorecard,
    "01_decomposition": decomposition,
    "02_shuffled_labels": shuffled_labels,
    "03_heuristics": heuristics,
    "04_architectures": architectures,
    "05_batchnorm": batchnorm,
    "06_other_datasets": other_datasets,
    "07_smooth_kernels": smooth_kernels,
    "08_smoothing_defence": smoothing_defence,
    "09_tradeoff": tradeoff,
    "10_detection": detection,
    "11_fourier_masks": fourier_masks,
    "12_essential_frequencies": essential_frequencies,
    "13_single_image_masks": single_image_masks,
    "14_noise_or_signal": noise_or_signal,
    "15_report_card": report_card,
}


def of_section(slug: str, parameters: dict) -> Plan:
    """The plan of a section for a notebook's parameters; those of no concern to it are left out.

    Raises ValueError for a section that the book does not have.
    """
    if slug not in SECTIONS:
        raise ValueError(f"section {slug!r} is not known; choose one of {', '.join(SECTIONS)}")
    known(parameters["scale"], parameters["dataset"])
    seeds = parameters["seeds"]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} is not possible: give one or more, each once, such as [0]")
    if not parameters.get("radii", [4]):
        recipes.refuse("radii", parameters["radii"], "a list of one radius or more, such as [4, 8]")
    if parameters.get("epochs", 0) < 0:
        recipes.refuse("epochs", parameters["epochs"], "at least 1, or 0 for the scale's own")
    section = SECTIONS[slug]
    names = section.__code__.co_varnames[: section.__code__.co_argcount]
    names += tuple(section.__kwdefaults__ or ())
    plan = section(**{name: value for name, value in parameters.items() if name in names})
    queue = [recipe for group in plan.values() for recipe in group]
    for recipe in queue:
        queue += recipe.needs
        if isinstance(recipe, Recipe):
            recipes.check_against_data(recipe)
    return plan
