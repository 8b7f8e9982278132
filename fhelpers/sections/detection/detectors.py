"""Detectors: how one of generated scenes is trained, and what any of them finds.

RetinaNet (Lin et al. 2017) is the detector of W §7; the networks themselves stand in `retinanet`.
"""

from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np
import torch
from torch import Tensor, nn

from fhelpers.average_precision import Detections
from fhelpers.data import scenes
from fhelpers.networks.compute import DEVICES, PRECISIONS
from fhelpers.runs import training
from fhelpers.runs.checks import check_choice, check_whole, refuse
from fhelpers.runs.kinds import Job, Result, Runnable

BATCH = 50  # images at a time when nothing is learned


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Runnable, kind="detector"):
    """Everything that decides the training of one detector of generated scenes."""

    dataset: str = "cifar10"  # the backgrounds
    data_options: tuple[tuple[str, object], ...] = ()
    size: int = 128  # pixels of a scene's side
    classes: int = 10  # of objects
    train_images: int = 2_000  # scenes
    model: str = "retinanet-resnet-18"
    width: int = 64  # channels of the ResNet-18's first layer; 64: as published
    channels: int = 96  # of the feature pyramid; torchvision's 256 takes four times as long
    batch_size: int = 16
    epochs: int = 4
    optimiser: str = "adamw"
    learning_rate: float = 1e-3  # the highest of a one-cycle schedule
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0  # initial weights, order of batches, mirrored scenes

    def __post_init__(self):
        for name in ("train_images", "width", "channels", "batch_size", "epochs"):
            check_whole(name, getattr(self, name), 1)
        check_whole("seed", self.seed, 0)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("device", self.device, DEVICES)
        if self.batch_size > self.train_images:
            refuse("batch_size", self.batch_size, "at most train_images")

    @property
    def scenes(self) -> scenes.Scenes:
        """The scenes that the detector learns from, and is tested on."""
        return scenes.Scenes(self.dataset, self.data_options, self.size, self.classes)

    @property
    def slug(self) -> str:
        words = ["scenes", self.dataset, self.model, f"k{self.classes}", f"n{self.train_images}"]
        return "-".join([*words, f"e{self.epochs}", f"s{self.seed}"])

    data_digest = property(attrgetter("scenes.digest"))
    steps = property(attrgetter("epochs"))

    @property
    def work(self) -> int:
        """A scene costs about as much as 18 images of a ResNet-8 at half width, more with it."""
        pixels = (self.size / 128) ** 2
        return round(18 * (self.width / 32) ** 2 * pixels * self.epochs * self.train_images)

    def carry_out(self, job: Job) -> Result:
        compute = job.compute
        found = scenes.generate(self.scenes, "train", self.train_images)
        model = self.rebuild().to(compute.device, memory_format=torch.channels_last)
        optimiser = torch.optim.AdamW(model.parameters(), self.learning_rate, weight_decay=1e-4)
        steps = self.epochs * -(-self.train_images // self.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=steps, pct_start=0.2
        )
        losses = []
        state = training.fit(
            training.Training(model, optimiser, schedule),
            batches_of(self, found, compute.device),
            partial(loss_of, compute, losses),
            epochs=self.epochs,
            seed=self.seed,
            watchers=[partial(watch, losses)],
            checkpoint=job.folder / "checkpoint.pt",
            progress=job.progress,
        )
        return state.result()

    def rebuild(self) -> nn.Module:
        from fhelpers.sections.detection import retinanet  # torchvision takes a second

        return retinanet.for_scenes(self.scenes, self.width, self.channels, self.seed)


# Training --------------------------------------------------------------------------------------


def batches_of(recipe: DetectorRecipe, found: scenes.SceneSet, device: str):
    """epoch -> shuffled batches of (images, targets); half of the scenes are mirrored."""
    targets = [target_of(found, number, device) for number in range(len(found))]

    def batches(epoch: int):
        for chosen in torch.randperm(len(found)).split(recipe.batch_size):
            images = found.images[chosen].to(device).float() / 255
            mirrored = torch.rand(len(chosen)) < 0.5
            images[mirrored] = images[mirrored].flip(-1)
            pairs = zip(chosen.tolist(), mirrored.tolist(), strict=True)
            yield (
                list(images),
                [mirror(targets[i], recipe.size) if m else targets[i] for i, m in pairs],
            )

    return batches


def target_of(found: scenes.SceneSet, number: int, device: str) -> dict[str, Tensor]:
    """The objects of one scene as torchvision wants them: corners of boxes, and labels."""
    own = found.truth.of_image(number)
    corners = np.concatenate([own.boxes[:, :2], own.boxes[:, :2] + own.boxes[:, 2:]], axis=1)
    boxes = torch.tensor(corners, dtype=torch.float32, device=device)
    return {"boxes": boxes, "labels": torch.tensor(own.label, device=device)}


def mirror(target: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    left, top, right, bottom = target["boxes"].unbind(1)
    return target | {"boxes": torch.stack([width - right, top, width - left, bottom], 1)}


def loss_of(compute, losses: list, model: nn.Module, batch) -> Tensor:
    """Focal loss of the classes plus that of the boxes (Lin et al. 2017); notes it in `losses`."""
    images, targets = batch
    with compute.autocast():
        parts = model(images, targets)
    total = sum(part.float() for part in parts.values())
    losses.append(total.detach())
    return total


def watch(losses: list, state: training.Training) -> None:
    """A row per epoch with the mean training loss."""
    if losses:
        row = {"epoch": state.epoch, "split": "train", "part": "original", "scope": "epoch"}
        state.rows.append(row | {"loss": float(np.mean([each.item() for each in losses]))})
        losses.clear()


# Detection -------------------------------------------------------------------------------------


@torch.inference_mode()
def detect(model: nn.Module, images: list[Tensor], compute, first: int = 0) -> Detections:
    """Run a detector over float images (3, H, W) on its device, numbered from `first`."""
    found = []
    model.eval()
    for start in range(0, len(images), BATCH):
        with compute.autocast():
            found += model(images[start : start + BATCH])
    counts = [len(each["scores"]) for each in found]
    numbers = np.repeat(np.arange(first, first + len(images)), counts)
    corners, labels, scores = (
        torch.cat([each[name] for each in found]).double().cpu().numpy()
        for name in ("boxes", "labels", "scores")
    )
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    return Detections(numbers, boxes, labels.astype(int), scores)
