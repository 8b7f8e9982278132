"""Generated scenes: small pictures with objects whose classes, places and outlines are known.

A detector needs images with boxes, and COCO's are many gigabytes. A scene is a photograph of
another data set, enlarged, on which some coloured garments of Fashion-MNIST lie, each cut out along
its own outline. Over planted backgrounds the objects are generated shapes, so that nothing needs a
network. Scene i of a split is the same whatever else is asked for; training and test scenes share
neither an object nor a background.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from fhelpers import data
from fhelpers.data import planted
from fhelpers.data.dataset import check_whole
from fhelpers.data.objects import Truth

STREAMS = {"train": 0, "test": 1}
MOST_OBJECTS = 6  # in a scene; at least one
SMALLEST, LARGEST = 0.10, 0.45  # longer side of an object's box, in shares of the scene's side
OVERLAP = 0.2  # of the smaller box, at most
TRIES = 12  # places tried for an object before it is left out
# Fashion-MNIST's classes, those that are told apart most easily first
GARMENTS = (
    "Trouser", "Bag", "Ankle boot", "T-shirt/top", "Sandal",
    "Dress", "Sneaker", "Coat", "Pullover", "Shirt",
)  # fmt: skip
SHAPES = ("disc", "square", "triangle", "cross", "ring")
POOL = {"train": 20_000, "test": 10_000}  # of objects and of backgrounds to draw from
FEW = 200  # of those that have to be generated themselves


@dataclass(frozen=True)
class Scenes:
    """The parameters of a set of scenes. Raises ValueError for an impossible value.

    backgrounds: a data set of colour images; CIFAR-10 takes the place of a grey one.
    """

    backgrounds: str = "cifar10"
    options: tuple[tuple[str, object], ...] = ()  # of the backgrounds' data set
    size: int = 128  # pixels, height and width
    classes: int = 10  # of objects, from the first on
    seed: int = 0

    def __post_init__(self):
        classes = ("classes", 1, len(self.every_class))
        for name, least, most in (("size", 32, 1024), classes, ("seed", 0, 2**63 - 2)):
            check_whole("scenes", name, getattr(self, name), least, most)

    @property
    def generated(self) -> bool:
        """Whether objects and backgrounds are generated, with no data set behind them."""
        return data.known(self.backgrounds, {}).generated

    @property
    def source(self) -> str:
        """The data set whose images are the backgrounds."""
        if self.generated:
            return self.backgrounds
        info = data.describe(self.backgrounds, **dict(self.options))
        return self.backgrounds if info.channels == 3 else "cifar10"

    @property
    def source_options(self) -> dict:
        if self.generated:
            return dict(data.known(self.backgrounds, {}).proposed("plain"))  # clouds without a cue
        return dict(self.options) if self.source == self.backgrounds else {}

    @property
    def every_class(self) -> tuple[str, ...]:
        return SHAPES if self.generated else GARMENTS

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 1, 2, …; 0 is the background, as torchvision's detectors want it."""
        return self.every_class[: self.classes]

    @property
    def limits(self) -> tuple[float, float]:
        """Areas (px²) between small, medium and large: squares of 1/8 and 3/16 of the side.

        At 128 pixels these are 16² and 24². COCO's 32² and 96² belong to images of about 640 by
        480 pixels, in which an object of a twentieth of the width can still be recognised; here it
        would have six pixels.
        """
        return (self.size / 8) ** 2, (self.size * 3 / 16) ** 2

    @property
    def digest(self) -> str:
        """Changes whenever a background or an object does; how they are put together is code."""
        own = data.describe(self.source, **self.source_options).digest
        objects = "shapes" if self.generated else data.describe("fashion-mnist").digest
        return hashlib.sha256(f"{own} {objects}".encode()).hexdigest()


@dataclass(frozen=True)
class SceneSet:
    """Images uint8 (N, 3, H, W) and the objects on them; areas are those of the silhouettes."""

    images: torch.Tensor
    truth: Truth
    class_names: tuple[str, ...]
    limits: tuple[float, float]

    def __len__(self) -> int:
        return len(self.images)

    def image(self, number: int) -> torch.Tensor:
        """One image as float32 (3, H, W) in [0, 1]."""
        return self.images[number].float() / 255


def generate(scenes: Scenes, split: str, count: int, first: int = 0) -> SceneSet:
    """Scenes `first` to `first + count` of a split ("train" or "test"), images numbered from 0.

    Raises ValueError for another split or no scenes.
    """
    if split not in STREAMS:
        raise ValueError(f"split {split!r} is not known; choose train or test")
    if count < 1 or first < 0:
        raise ValueError(f"{count} scenes from {first} are not possible: ask for one or more")
    images, objects = [], []
    for number in range(count):
        image, placed = compose(scenes, split, first + number)
        images.append(torch.from_numpy(image.transpose(2, 0, 1).copy()))
        objects += [(number, *each) for each in placed]
    columns = np.array(objects, dtype=float).reshape(-1, 7)
    truth = Truth(
        columns[:, 0].astype(int), columns[:, 1:5], columns[:, 5].astype(int), columns[:, 6],
        np.zeros(len(columns), bool), count,
    )  # fmt: skip
    return SceneSet(torch.stack(images), truth, scenes.class_names, scenes.limits)


def compose(scenes: Scenes, split: str, number: int) -> tuple[np.ndarray, list[tuple]]:
    """One scene: uint8 (H, W, 3), and (x, y, width, height, label, area) of each object."""
    key = np.array([scenes.seed, 2 * number + STREAMS[split]], dtype=np.uint64)
    # Philox is specified to the bit, and so are doubles made of its output.
    draw = np.random.Generator(np.random.Philox(key=key)).random
    pool = backgrounds(scenes, split)
    chosen = Image.fromarray(pool[int(draw() * len(pool))])
    canvas = np.array(chosen.resize((scenes.size, scenes.size), Image.Resampling.BICUBIC), float)
    placed = []
    for _ in range(1 + int(draw() * MOST_OBJECTS)):
        label = 1 + int(draw() * scenes.classes)
        candidates = objects(scenes, split)[label - 1]
        grey, alpha = resized(candidates[int(draw() * len(candidates))], scenes.size, draw())
        colour, height, width = 0.3 + 0.7 * draw(3), *alpha.shape
        for x, y in draw((TRIES, 2)):
            x, y = int(x * (scenes.size - width + 1)), int(y * (scenes.size - height + 1))
            if all(shared((x, y, width, height), other) <= OVERLAP for other in placed):
                area = float((alpha > 0.5).sum())
                placed.append((x, y, width, height, label, area))
                view = canvas[y : y + height, x : x + width]
                # Outside the silhouette grey is 0, so resizing has weighted it with the opacity.
                view += grey[..., None] * colour - alpha[..., None] * view
                break
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), placed


def shared(box, other) -> float:
    """Intersection of two boxes (x, y, width, height, …) over the smaller one's area."""
    across, down = (
        max(0, min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i]))
        for i in (0, 1)
    )
    return across * down / min(box[2] * box[3], other[2] * other[3])


def resized(picture: np.ndarray, size: int, draw: float) -> tuple[np.ndarray, np.ndarray]:
    """An object at a random size: grey levels and opacity (0 to 1), both (height, width).

    Sizes are drawn evenly on a logarithmic scale. The object fills its box: the crop is that of
    its silhouette, made before and again after resizing.
    """
    longer = size * SMALLEST * (LARGEST / SMALLEST) ** draw
    grey, mask = picture
    scale = longer / max(mask.shape)
    shape = tuple(max(3, round(side * scale)) for side in mask.shape[::-1])
    grey, alpha = (
        np.asarray(Image.fromarray(part).resize(shape, Image.Resampling.BILINEAR), float)
        for part in (grey, mask)
    )
    alpha = alpha / 255
    (crop, *_) = ndimage.find_objects((alpha > 0.5).astype(int)) or [...]
    return grey[crop], alpha[crop]


def silhouettes(images: np.ndarray) -> list[np.ndarray]:
    """Objects, each (2, height, width) uint8 and cropped: its grey levels, and 255 where it is.

    The background of Fashion-MNIST is black; dark places enclosed by the garment belong to it.
    """
    within = np.zeros((3, 3, 3))  # holes are filled in each image by itself
    within[1] = ndimage.generate_binary_structure(2, 1)
    return [*map(cut_out, images, ndimage.binary_fill_holes(images > 8, within))]


def cut_out(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Grey levels, and 255 where the mask is, cropped to it: (2, height, width) uint8."""
    (crop,) = ndimage.find_objects(mask.astype(int))
    return np.stack([grey, 255 * mask.astype(np.uint8)])[:, *crop]


@lru_cache(maxsize=4)
def backgrounds(scenes: Scenes, split: str) -> np.ndarray:
    """The images that scenes of a split lie on: uint8 (N, height, width, 3)."""
    info = data.describe(scenes.source, **scenes.source_options)
    count = FEW if scenes.generated else min(POOL[split], getattr(info, split))
    found = data.load(scenes.source, train=split == "train", limit=count, **scenes.source_options)
    return found.images.permute(0, 2, 3, 1).contiguous().numpy()


@lru_cache(maxsize=4)
def objects(scenes: Scenes, split: str) -> list[list[np.ndarray]]:
    """Objects of each class, cut out: [class][object] -> (2, height, width) uint8."""
    if scenes.generated:
        return shapes(scenes, split)
    found = data.load("fashion-mnist", train=split == "train", limit=POOL[split])
    images, labels = found.images[:, 0].numpy(), found.labels.numpy()
    wanted = [found.classes.index(name) for name in scenes.class_names]
    cut = [silhouettes(images[labels == label]) for label in wanted]
    return [[each for each in group if min(each.shape[1:]) >= 3] for group in cut]


def shapes(scenes: Scenes, split: str) -> list[list[np.ndarray]]:
    """Generated objects: plain shapes, stretched, with a cloudy surface of their own."""
    settings = planted.Planted(low=0.0, high=0.0, channels=1, seed=scenes.seed + 1)
    clouds, _ = planted.generate(settings, split, FEW)
    bits = np.random.Philox(key=np.array([scenes.seed, 2**32 + STREAMS[split]], dtype=np.uint64))
    stretch = 1 + 0.4 * np.random.Generator(bits).random((scenes.classes, FEW, 2))
    rows, columns = np.mgrid[-1 : 1 : clouds.shape[2] * 1j, -1 : 1 : clouds.shape[3] * 1j]
    groups = []
    for name, sides in zip(scenes.class_names, stretch, strict=True):
        group = []
        for cloud, (down, across) in zip(clouds[:, 0], sides, strict=True):
            mask = inside(name, rows * down, columns * across)
            grey = np.where(mask, np.clip(cloud.astype(int) + 60, 1, 255), 0).astype(np.uint8)
            group.append(cut_out(grey, mask))
        groups.append(group)
    return groups


def inside(name: str, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Where a shape is, in coordinates from -1 to 1, y downwards."""
    distance = np.hypot(x, y)
    if name in ("disc", "ring"):
        return (distance <= 0.95) & (distance >= (0.55 if name == "ring" else 0))
    if name == "square":
        return np.maximum(abs(x), abs(y)) <= 0.8
    if name == "triangle":
        return (abs(y) <= 0.9) & (abs(x) <= (y + 0.9) / 2)
    return (np.minimum(abs(x), abs(y)) <= 0.3) & (np.maximum(abs(x), abs(y)) <= 0.95)
