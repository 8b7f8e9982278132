"""How a classifier is trained from its recipe."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import attacks, data, networks
from fhelpers.data import ImageData
from fhelpers.networks.compute import Compute
from fhelpers.runs import monitoring
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.training import OPTIMISERS, Training, fit, shuffled

if TYPE_CHECKING:
    from fhelpers.runs.recipes import Recipe

AUGMENTATIONS = ("none", "crop-flip", "scale", "translate", "rotate")
AUGMENTATIONS += tuple(f"crop-flip-{name}" for name in AUGMENTATIONS[2:])  # one after the other


def prepare_labels(recipe: "Recipe", labels: Tensor) -> Tensor:
    """The training labels as they are, or permuted so that the class sizes stay (W, §4.2)."""
    if recipe.labels == "true":
        return labels
    generator = torch.Generator().manual_seed(recipe.seed)
    return labels[torch.randperm(len(labels), generator=generator)]


def images_of(recipe: "Recipe") -> dict[str, ImageData]:
    """{"train": …, "test": …}: a recipe's images, with the labels that it is trained on."""
    train, test = recipe.load(train=True), recipe.load(train=False)
    return {"train": replace(train, labels=prepare_labels(recipe, train.labels)), "test": test}


def augment(pixels: Tensor, augmentation: str) -> Tensor:
    """Change each image of a batch (N, C, H, W) at random.

    crop-flip: W's adversarial training; scale 0.5–1.5, translate up to 40 %, rotate up to 180°:
    the models S, T and R of K, which has both, one after the other. Places outside the image are
    black.
    """
    if (second := augmentation.removeprefix("crop-flip-")) != augmentation:
        return augment(augment(pixels, "crop-flip"), second)
    count, _, height, width = pixels.shape
    draw = torch.rand(count, 3)
    matrix = torch.zeros(count, 2, 3)
    if augmentation == "crop-flip":
        # By whole pixels: a crop of the image padded with 4 on each side.
        shift = (draw[:, :2] * 9).floor() - 4
        matrix[:, 0, 0] = 1 - 2 * (draw[:, 2] < 0.5).float()
        matrix[:, 1, 1] = 1
        matrix[:, 0, 2], matrix[:, 1, 2] = 2 * shift[:, 0] / width, 2 * shift[:, 1] / height
    elif augmentation == "rotate":
        angle = (draw[:, 0] * 2 - 1) * math.pi
        matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos(), -angle.sin() * height / width
        matrix[:, 1, 0], matrix[:, 1, 1] = angle.sin() * width / height, angle.cos()
    else:
        scale = 0.5 + draw[:, 0] if augmentation == "scale" else torch.ones(count)
        matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / scale
        if augmentation == "translate":
            matrix[:, :, 2] = (draw[:, :2] * 2 - 1) * 0.4 * 2
    grid = F.affine_grid(matrix.to(pixels), list(pixels.shape), align_corners=False)
    mode = "nearest" if augmentation == "crop-flip" else "bilinear"
    return F.grid_sample(pixels, grid, mode=mode, align_corners=False)


def mix(pixels: Tensor, labels: Tensor, alpha: float, classes: int) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al. 2018): pairs of images and of their one-hot labels, one λ a batch."""
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    partner = torch.randperm(len(pixels), device=pixels.device)
    one_hot = F.one_hot(labels, classes).float()
    mixed = share * pixels + (1 - share) * pixels[partner]
    return mixed, share * one_hot + (1 - share) * one_hot[partner]


def attack_for_training(recipe: "Recipe", model, pixels: Tensor, labels: Tensor) -> Tensor:
    """The strongest images found within ε: PGD, or one step from a random start (Wong et al. 2020).

    As in W's released code PGD starts at the image and takes steps of ε / steps; a random start is
    a switch. The model answers in eval mode, so that BatchNorm's averages see each batch once.
    """
    if recipe.adversary == "none":
        return pixels
    single = recipe.adversary == "single-step"
    steps = 1 if single else recipe.attack_steps
    size = 1.25 * recipe.epsilon if single else recipe.epsilon / steps
    random = single or recipe.random_start
    start = attacks.random_point(pixels, recipe.epsilon, None) if random else pixels
    return attacks.ascend(
        model, pixels, labels, recipe.epsilon, steps=steps, step_size=size, start=start
    )


def loss_of(recipe: "Recipe", classes: int, compute: Compute):
    """(model, batch) -> cross-entropy, on images changed, attacked or mixed as the recipe says."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, labels = batch
        if recipe.augmentation != "none":
            pixels = augment(pixels, recipe.augmentation)
        with compute.autocast():
            pixels = attack_for_training(recipe, model, pixels, labels)
            if recipe.mixup is not None:
                pixels, labels = mix(pixels, labels, recipe.mixup, classes)
            logits = model(pixels)
        return F.cross_entropy(logits.float(), labels)

    return loss


def train(recipe: "Recipe", job: Job, prepare: Callable[[Tensor], Tensor] | None = None) -> Result:
    """Carry out a classifier's recipe.

    prepare: uint8 training images -> pixels, `prepare_pixels` unless given. One loop trains and
    evaluates the monitored subsets; at the end all training and test images are
    evaluated once, on originals and on every part.
    """
    prepare = prepare or partial(monitoring.prepare_pixels, recipe)
    compute = job.compute
    sets = images_of(recipe)
    train, test = sets["train"], sets["test"]
    model = build(recipe).to(compute.device, memory_format=torch.channels_last)
    optimiser = OPTIMISERS[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)
    watchers = [monitoring.monitor_parts(recipe, sets, compute)]
    if recipe.adversary != "none":
        watchers.append(monitoring.monitor_overfitting(recipe, test, compute))
    pixels = prepare(train.images).to(compute.device)
    training = fit(
        Training(model, optimiser, schedule_of(recipe, optimiser)),
        shuffled(recipe.batch_size, pixels, train.labels.to(compute.device)),
        loss_of(recipe, len(train.classes), compute),
        epochs=recipe.epochs,
        seed=recipe.seed,
        watchers=[monitoring.sparsely(recipe, watch) for watch in watchers],
        checkpoint=job.folder / "checkpoint.pt",
        progress=job.progress,
    )
    for split, images in sets.items():
        options = {"precision": compute.precision, "divided": split == "test"}
        rows, outcomes = monitoring.score_parts(recipe, model, images, **options)
        about = {"epoch": training.epoch, "split": split, "scope": "all"}
        training.rows += [about | row for row in rows]
    return training.result(outcomes=outcomes)  # of the test set, which comes last


def schedule_of(recipe: "Recipe", optimiser: torch.optim.Optimizer):
    """How the learning rate changes from step to step: not at all, or in a line to 0."""
    if recipe.schedule == "constant":
        return None
    steps = recipe.epochs * math.ceil(recipe.train_images / recipe.batch_size)
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))


def build(recipe: "Recipe") -> nn.Module:
    """The recipe's untrained network."""
    info = data.describe(recipe.dataset, **recipe.options)
    own = {name: getattr(recipe, name) for name in ("width", "bias", "dropout", "kernel_size")}
    own |= {"batchnorm": recipe.batchnorm.replace("none", ""), "seed": recipe.seed}
    return networks.build(recipe.model, channels=info.channels, classes=info.classes, **own)
