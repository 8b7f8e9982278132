"""The networks of both papers, for images of 28 pixels and more with one or three channels.

Every network maps pixels in [0, 1] of shape (N, C, H, W) to logits of shape (N, classes). Its first
layer normalises, so that attacks, filters and reports all work on the pixels that a person sees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Normalize(nn.Module):
    """Shift and scale pixels: (x - mean) / std, the same for every channel.

    The networks of W take pixels as they are (§4), which is the default; a filter that removes
    the mean then leaves an image near 0, not near a strong negative value.
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0):
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


@dataclass(frozen=True)
class Switches:
    """What a network may have besides its layers.

    batchnorm: "" for none, "batch" with the moments of the batch in training and evaluation alike
    (W's released code), "running" with averages in evaluation; bias: of convolutions; dropout: the
    probability of leaving out a value before fully connected layers; kernel_size: of the first.
    """

    batchnorm: str
    bias: bool
    dropout: float
    kernel_size: int

    def norm(self, channels: int) -> nn.Module:
        """BatchNorm that starts at scale 1 and offset 0 (W, §5.1), or nothing."""
        if not self.batchnorm:
            return nn.Identity()
        return nn.BatchNorm2d(channels, track_running_stats=self.batchnorm == "running")

    def convolution(self, inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
        """A convolution that keeps the image's size, or divides it by its stride."""
        return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=self.bias)


class PreActivationBlock(nn.Module):
    """Two 3×3 convolutions, each behind norm and ReLU; the shortcut has no weights.

    Where the block halves the image, the shortcut averages 2×2 pixels and pads the new channels
    with zeros on both sides, as W's released network does.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, switches: Switches, first: bool):
        super().__init__()
        # The stem already ends in norm and ReLU, so the very first block starts without them.
        self.norm1 = nn.Identity() if first else switches.norm(inputs)
        self.activate1 = nn.Identity() if first else nn.ReLU()
        self.conv1 = switches.convolution(inputs, outputs, 3, stride)
        self.norm2 = switches.norm(outputs)
        self.conv2 = switches.convolution(outputs, outputs, 3)
        added = outputs - inputs
        self.stride, self.padding = stride, (added // 2, added - added // 2)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.stride == 2:
            shortcut = F.avg_pool2d(x, 2, ceil_mode=True)
            shortcut = F.pad(shortcut, (0, 0, 0, 0, *self.padding))
        x = self.conv1(self.activate1(self.norm1(x)))
        return shortcut + self.conv2(F.relu(self.norm2(x)))


def resnet_6n2(depth, channels, classes, width, switches):
    """W's released network (§4): 6n + 2 layers, widths 16, 32, 64, pre-activation order."""
    layers = [
        switches.convolution(channels, width, switches.kernel_size),
        switches.norm(width),
        nn.ReLU(),
    ]
    inputs = width
    for stage, outputs in enumerate((width, 2 * width, 4 * width)):
        for block in range((depth - 2) // 6):
            stride = 2 if stage > 0 and block == 0 else 1
            first = stage == 0 and block == 0
            layers.append(PreActivationBlock(inputs, outputs, stride, switches, first))
            inputs = outputs
    layers += [switches.norm(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(switches.dropout), nn.Linear(inputs, classes))


def resnet_18(channels, classes, width, switches):
    """torchvision's ResNet-18 with a stem for small images: one convolution and no pooling."""
    from torchvision.models import resnet18  # imported late: it takes a second

    network = resnet18(num_classes=classes, width_per_group=64, norm_layer=switches.norm)
    network.conv1 = switches.convolution(channels, width, switches.kernel_size)
    network.maxpool = nn.Identity()
    network.fc = nn.Sequential(nn.Dropout(switches.dropout), nn.Linear(512, classes))
    return network


def plain(plan, channels, classes, width, switches):
    """Convolutions and poolings after a plan, then fully connected layers with dropout.

    plan: width -> steps, outputs of fully connected layers, places of a side that reach them. A
    step is (outputs, kernel size) of a convolution, or "pool"; the first kernel is the switches'.
    Poolings round up, so that 28 pixels survive five of them.
    """
    steps, hidden, pool_to = plan(width)
    layers, inputs = [], channels
    for step in steps:
        if step == "pool":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            size = step[1] if layers else switches.kernel_size
            layers += [switches.convolution(inputs, step[0], size), switches.norm(step[0])]
            layers.append(nn.ReLU())
            inputs = step[0]
    layers += [nn.AdaptiveAvgPool2d(pool_to), nn.Flatten()]
    inputs *= pool_to**2
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(switches.dropout)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def lenet_plan(width):
    return [(width, 5), "pool", (16 * width // 6, 5), "pool"], [20 * width, 14 * width], 5


def alexnet_plan(width):
    plan = [(width, 3), "pool", (3 * width, 3), "pool", (6 * width, 3), (4 * width, 3)]
    return [*plan, (4 * width, 3), "pool"], [16 * width, 16 * width], 2


def vgg_11_plan(width):
    plan = []
    for outputs, repeats in ((1, 1), (2, 1), (4, 2), (8, 2), (8, 2)):
        plan += [(outputs * width, 3)] * repeats + ["pool"]
    return plan, [8 * width, 8 * width], 1


@dataclass(frozen=True)
class Network:
    """An entry of the registry: how a network is called and built, and its published size.

    make: (channels, classes, width, switches) -> module.
    """

    title: str
    make: Callable[..., nn.Module]
    width: int  # channels of the first layer
    kernel_size: int  # of the first layer
    bias: bool = True  # of convolutions
    fixed_width: bool = False


# Every network of the book by name, as published: an entry here is all that a new one needs.
NETWORKS = {
    "resnet-8": Network("ResNet-8", partial(resnet_6n2, 8), 16, 3, bias=False),
    "resnet-20": Network("ResNet-20", partial(resnet_6n2, 20), 16, 3, bias=False),
    "resnet-32": Network("ResNet-32", partial(resnet_6n2, 32), 16, 3, bias=False),
    "resnet-18": Network("ResNet-18", resnet_18, 64, 3, fixed_width=True),
    "lenet": Network("LeNet", partial(plain, lenet_plan), 6, 5),
    "alexnet": Network("AlexNet", partial(plain, alexnet_plan), 64, 3),
    "vgg-11": Network("VGG-11", partial(plain, vgg_11_plan), 64, 3),
}


def build(
    name: str,
    *,
    channels: int,
    classes: int,
    width: int | None = None,
    batchnorm: str = "",
    bias: bool | None = None,
    dropout: float = 0.0,
    kernel_size: int | None = None,
    seed: int = 0,
) -> nn.Module:
    """Build an untrained network: logits (N, classes) from pixels (N, channels, H, W) in [0, 1].

    name: one of `NETWORKS`; resnet-8, resnet-20 and resnet-32 are W's released 6n + 2 network with
    n = 1, 3, 5. width: channels of the first layer, the others in proportion. batchnorm, bias,
    dropout and kernel_size as in `Switches`; None: as published. Weights are Xavier-uniform, biases
    0 (W, §4); kernels have their channels last, which is faster. Raises ValueError for a name,
    width or kernel size that is not possible.

    >>> networks.build("lenet", channels=3, classes=10)(images).shape
    torch.Size([20, 10])
    """
    if name not in NETWORKS:
        raise ValueError(f"model {name!r} is not known; choose one of {', '.join(NETWORKS)}")
    entry = NETWORKS[name]
    width = entry.width if width is None else width
    kernel_size = entry.kernel_size if kernel_size is None else kernel_size
    if batchnorm not in ("", "batch", "running"):
        raise ValueError(f"batchnorm={batchnorm!r} is not possible: '' for none, batch or running")
    if width < 1:
        raise ValueError(f"width={width} is not possible: it must be at least 1")
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size} is not possible: it must be odd, such as 3")
    if entry.fixed_width and width != entry.width:
        raise ValueError(f"{name} comes in its own width of {entry.width} only; leave width out")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        switches = Switches(batchnorm, entry.bias if bias is None else bias, dropout, kernel_size)
        network = entry.make(channels, classes, width, switches)
        network.apply(initialise)
    return nn.Sequential(Normalize(), network).to(memory_format=torch.channels_last)


def initialise(layer: nn.Module) -> None:
    """Xavier-uniform weights and zero biases (W, §4)."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def first_convolution(model: nn.Module) -> nn.Conv2d:
    """The first convolution in the order of the model's modules.

    In the book's networks it is the one that sees the image. Raises ValueError for a model without
    one.

    >>> networks.first_convolution(model).weight.shape
    torch.Size([4, 3, 3, 3])
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return layer
    raise ValueError("the model has no two-dimensional convolution, so it has no first kernels")
