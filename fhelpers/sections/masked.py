"""Sections 11 to 13 (K): masks of networks, networks of masks, masks of single images."""

import dataclasses
import math

from fhelpers.image_masks import ImageMasksRecipe
from fhelpers.mask_runs import VARIANTS, MaskedTraining, MaskRecipe
from fhelpers.recipes import Recipe
from fhelpers.scales import SCALES, Plan, several
from fhelpers.sections.trained import MODEL_RATES

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
