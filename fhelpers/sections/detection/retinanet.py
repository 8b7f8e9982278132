"""torchvision's RetinaNet: with a ResNet-18 for generated scenes, with a ResNet-50 for COCO.

The first is trained here; the second has torchvision's published weights. Whoever needs one of them
imports this module late, because importing torchvision takes a second.
"""

from functools import partial
from pathlib import Path

import torch
from torch import nn
from torchvision.models import detection as zoo
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from fhelpers.data import scenes
from fhelpers.networks.weights import load_weights, published


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
        way_out = ", or name the file by the parameter weights"
        known = zoo.RetinaNet_ResNet50_FPN_Weights.COCO_V1
        return published(known, zoo.retinanet_resnet50_fpn, way_out, weights_backbone=None)
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
