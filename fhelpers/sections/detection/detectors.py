"""Detectors: torchvision's RetinaNet for generated scenes and for COCO, and how one is trained.

RetinaNet (Lin et al. 2017) is the detector of W §7. For scenes it has a ResNet-18 and is trained
here; for COCO it has a ResNet-50 and torchvision's published weights.
"""

from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import detection as zoo
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from fhelpers.average_precision import Detections
from fhelpers.data import scenes
from fhelpers.networks.compute import DEVICES, PRECISIONS
from fhelpers.networks.weights import load_weights
from fhelpers.runs import training
from fhelpers.runs.checks import check_choice, check_whole, refuse
from fhelpers.runs.kinds import Job, Result, Runnable

BATCH = 50  # images at a time when nothing is learnt


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
        return for_scenes(self.scenes, self.width, self.channels, self.seed)


def for_scenes(settings: scenes.Scenes, width: int, channels: int, seed: int) -> nn.Module:
    """RetinaNet with a ResNet-18 and a feature pyramid, for scenes in their own pixels.

    Three levels (strides 8, 16, 32) with anchors from an eleventh to half of the scene's side.
    Images are scaled about 0, not about their mean: a high part, whose mean is 0, then looks faint
    to the network and not dark.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = NarrowResNet(width)
        levels = {"layer2": "0", "layer3": "1", "layer4": "2"}
        pyramid = BackboneWithFPN(
            body, levels, [2 * width, 4 * width, 8 * width], channels, NoMoreLevels()
        )
        unit = settings.size / 128
        sizes = tuple(tuple(unit * s * 2 ** (k / 2) for k in (0, 1)) for s in (12, 24, 44))
        anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
        count = anchors.num_anchors_per_location()[0]
        norm = partial(nn.GroupNorm, 8)
        head = RetinaNetHead(channels, count, settings.classes + 1, norm_layer=norm)
        return zoo.RetinaNet(
            pyramid, settings.classes + 1, anchor_generator=anchors, head=head,
            min_size=settings.size, max_size=settings.size,
            image_mean=[0.0] * 3, image_std=[0.25] * 3,
            topk_candidates=300, detections_per_img=50,
        )  # fmt: skip


class NarrowResNet(ResNet):
    """torchvision's ResNet-18 with `width` channels in the first layer instead of 64."""

    def __init__(self, width: int):
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for level in range(4):
            layer = self._make_layer(BasicBlock, width << level, 2, stride=1 + (level > 0))
            setattr(self, f"layer{level + 1}", layer)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class NoMoreLevels(LastLevelMaxPool):
    """The pyramid's levels as they are; torchvision would add one for very large objects."""

    def forward(self, x, y, names):
        return x, names


def for_coco(weights: str = "") -> nn.Module:
    """torchvision's RetinaNet with a ResNet-50: its published COCO weights, or a local file's.

    weights: a state dictionary as .pth or .safetensors; "random" leaves the network untrained (for
    trying out a folder). Raises FileNotFoundError without the file or the network to fetch the
    weights, ValueError for a file of another network.
    """
    if weights == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return zoo.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    if not weights:
        return published()
    path = Path(weights).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"weights={weights!r}: there is no such file")
    model = zoo.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    try:
        load_weights(model, path)
    except ValueError as error:
        raise ValueError(
            f"{path} does not hold the weights of torchvision's retinanet_resnet50_fpn"
        ) from error
    return model


def published() -> nn.Module:
    """RetinaNet with torchvision's COCO weights, from its cache or the network."""
    from fhelpers.data import sources

    known = zoo.RetinaNet_ResNet50_FPN_Weights.COCO_V1
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(known.url).name
    try:
        if sources.offline() and not kept.is_file():
            raise OSError("FHELPERS_OFFLINE forbids the network")
        return zoo.retinanet_resnet50_fpn(weights=known, weights_backbone=None)
    except OSError as error:
        raise FileNotFoundError(
            f"torchvision's COCO weights cannot be fetched ({error}): put {kept.name} into "
            f"{kept.parent}, or name the file by the parameter weights"
        ) from error


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
