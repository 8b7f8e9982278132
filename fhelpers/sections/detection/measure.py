"""A detector on originals, on their low and high parts, and on a control (W §7).

An `Evaluation` is a run without training: it filters every image of a set, lets the detector look,
scores what it finds, and keeps the detections, the score of each object, and the scores for
resampled images, so that intervals and pictures cost a page nothing.

The control changes each image exactly as much as the low part does and removes nothing: it adds
the high part with the positions of its waves drawn at random. Amplitudes, and so the size of the
change in every band and channel, are those that the low part takes away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fhelpers import frequency
from fhelpers.average_precision import MEASURES, Detections, Score, resamples
from fhelpers.data import coco, scenes
from fhelpers.networks.compute import DEVICES
from fhelpers.runs.checks import check_choice, check_radius, check_whole, refuse
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.sections.detection import detectors
from fhelpers.sections.detection.detectors import DetectorRecipe

MARGIN = 0.1  # an object is found better, or worse, when its score moves by more than this
PARTS = ("low", "high", "control")
SURE = 0.3  # detections with a lower score are neither kept nor drawn
REPORTED = 100  # units of progress, whatever the number of images
OBJECT_FIELDS = ("image", "boxes", "label", "score")


@dataclass(frozen=True, kw_only=True)
class Evaluation(Runnable, kind="detection", version=2):
    """A detector on one set of images: on originals, or on what a radius makes of them."""

    detector: DetectorRecipe | None = None  # trained on scenes; None: torchvision's, for COCO
    coco_root: str = ""  # a folder in COCO's format; "": generated scenes
    weights: str = ""  # of the COCO detector: a file, "random", or "" for the published ones
    images: int = 0  # how many, from the first on; 0: all of a COCO folder
    radius: float | None = None  # in bins of the images' own spectra; None: the originals
    seed: int = 0  # that of the detector; the control is the same for all
    device: str = "auto"

    def __post_init__(self):
        check_whole("images", self.images, 0 if self.coco_root else 1)
        check_whole("seed", self.seed, 0)
        check_choice("device", self.device, DEVICES)
        if (self.detector is None) != bool(self.coco_root):
            refuse("coco_root", self.coco_root, "given exactly where no detector is")
        if self.radius is None:
            return
        check_radius("radii", self.radius)
        object.__setattr__(self, "radius", float(self.radius))
        farthest = np.hypot(*[self.detector.size // 2] * 2) if self.detector else np.inf
        if self.radius >= farthest:
            allowed = f"below {farthest:.1f}: from there on nothing is left of the high part"
            refuse("radii", self.radius, allowed)

    @property
    def slug(self) -> str:
        what = self.detector.slug if self.detector else f"coco-{Path(self.coco_root).name}"
        where = "originals" if self.radius is None else f"r{self.radius:g}"
        return f"detection-{where}-{what}-t{self.images}"

    @property
    def data_digest(self) -> str:
        if self.detector:
            return self.detector.data_digest
        return coco.digest(self.coco_root) + of_weights(self.weights)

    @property
    def precision(self) -> str:
        """As the detector was trained; the published COCO weights are meant for float32."""
        return self.detector.precision if self.detector else "float32"

    @property
    def needs(self) -> tuple:
        """Its detector, and of parts the same evaluation on originals."""
        detector = (self.detector,) if self.detector else ()
        return detector if self.radius is None else (*detector, replace(self, radius=None))

    steps = REPORTED

    @property
    def work(self) -> int:
        return 15 * (self.images or 5_000) * (1 if self.radius is None else len(PARTS))

    @property
    def dataset(self) -> str:
        return self.detector.dataset if self.detector else Path(self.coco_root).name

    @property
    def model(self) -> str:
        return self.detector.model if self.detector else "retinanet-resnet-50"

    def carry_out(self, job: Job) -> Result:
        """The measures of COCO for every part, as they are (scope "all") and for resampled images.

        The latter have the scope "draw". On parts also "gained" and "lost", the shares of images
        with an object found better, or worse, than on the original. Tensors: the surer detections,
        and every object's score.
        """
        from fhelpers.sections.detection import retinanet  # torchvision takes a second

        measured, compute, needed = Result(), job.compute, job.needed
        model = needed[0].model() if self.detector else retinanet.for_coco(self.weights)
        model = model.to(compute.device, memory_format=torch.channels_last)
        shown = images_of(self)
        check_reach(self, shown, measured)
        found: dict[str, list[Detections]] = {}
        for first, parts in chunks(shown, self.radius, compute.device):
            for part, images in parts.items():
                found.setdefault(part, []).append(detectors.detect(model, images, compute, first))
            job.progress(REPORTED * (first + len(images)) // (len(shown) + 1))
        before = needed[-1].tensors()["original/credit"].numpy() if self.radius else None
        for part, pieces in found.items():
            detections = joined(pieces)
            score = Score(shown.truth, detections, shown.limits)
            measured.rows += rows_of(self, part, score, before)
            sure = detections.score >= SURE
            measured.tensors |= {
                f"{part}/{name}": torch.from_numpy(getattr(detections, name)[sure])
                for name in OBJECT_FIELDS
            }
            measured.tensors[f"{part}/credit"] = torch.from_numpy(score.credit)
        job.progress(REPORTED)
        return measured


def of_weights(weights: str) -> str:
    """What names the weights of a COCO detector: "" for the published ones, a file's digest."""
    path = Path(weights).expanduser()
    if weights in ("", "random"):
        return weights
    if not path.is_file():
        raise FileNotFoundError(f"weights={weights!r}: there is no such file")
    stat = path.stat()
    return coco.digest_of_file(path, stat.st_size, stat.st_mtime_ns)


def images_of(recipe: Evaluation):
    """The images of an evaluation with their objects: a SceneSet or a CocoFolder."""
    if recipe.detector:
        return scenes.generate(recipe.detector.scenes, "test", recipe.images)
    return coco.read(recipe.coco_root, recipe.images)


# Filtering -------------------------------------------------------------------------------------


def parts_of(images: Sequence[Tensor], radius: float | None, first: int) -> dict[str, list[Tensor]]:
    """Images (3, H, W), numbered from `first`, and what the radius makes of each, by part.

    Those of one size are filtered together. Where the radius exceeds an image's spectrum its low
    part is the image, its high part is 0 and so is the control's change.
    """
    if radius is None:
        return {"original": list(images)}
    parts: dict[str, list] = {part: [None] * len(images) for part in PARTS}
    sizes = [tuple(image.shape) for image in images]
    for size in dict.fromkeys(sizes):
        places = [i for i, own in enumerate(sizes) if own == size]
        stack = torch.stack([images[i] for i in places])
        low, high = frequency.split(stack, radius)
        moved = stack + scattered(high, [first + i for i in places])
        for part, made in zip(PARTS, (low, high, moved), strict=True):
            for i, image in zip(places, made, strict=True):
                parts[part][i] = image
    return parts


def scattered(high: Tensor, numbers: Sequence[int]) -> Tensor:
    """High parts (N, 3, H, W) with the phases of their waves shifted at random, amplitudes kept.

    The shifts are the same for the three channels, so that colours stay together, and depend on
    an image's number only.
    """
    noise = []
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        noise.append(torch.randn(1, *high.shape[-2:], generator=generator))
    turn = torch.fft.rfft2(torch.stack(noise).to(high))
    turn = turn / turn.abs().clamp_min(1e-12)
    return torch.fft.irfft2(torch.fft.rfft2(high) * turn, s=high.shape[-2:])


# Evaluation ------------------------------------------------------------------------------------


def check_reach(recipe: Evaluation, shown, measured: Result) -> None:
    """Note what was left out of a COCO folder, and how many images have nothing beyond the radius.

    Raises ValueError if none of them has.
    """
    if recipe.detector:
        return
    measured.warnings += shown.warnings
    if recipe.radius is None:
        return
    inside = [
        each["file_name"]
        for each in shown.entries
        if np.hypot(each["height"] // 2, each["width"] // 2) <= recipe.radius
    ]
    if len(inside) == len(shown):
        allowed = f"smaller: no image reaches beyond it, the first being {inside[0]}"
        refuse("radii", recipe.radius, allowed)
    if inside:
        measured.warnings.append(
            f"{len(inside)} images, such as {inside[0]}, have no frequency beyond r = "
            f"{recipe.radius:g}: their low part is the image"
        )


def chunks(shown, radius, device: str) -> Iterator[tuple[int, dict[str, list[Tensor]]]]:
    """The parts of all images, some at a time: (number of the first image, parts)."""
    for first in range(0, len(shown), detectors.BATCH):
        last = min(first + detectors.BATCH, len(shown))
        images = [shown.image(i).to(device) for i in range(first, last)]
        yield first, parts_of(images, radius, first)


def joined(pieces: Sequence[Detections]) -> Detections:
    """Detections of several lots of images as one."""
    columns = ([getattr(each, name) for each in pieces] for name in OBJECT_FIELDS)
    return Detections(*map(np.concatenate, columns))


def rows_of(recipe: Evaluation, part: str, score: Score, before: np.ndarray | None) -> list[dict]:
    """The measures of one part, and the same for each resample."""
    names, draws = list(MEASURES), score.resampled()
    values = score.values()[0]
    if before is not None:
        moved = changed(score, before)
        names += list(moved)
        weights = resamples(score.images, len(draws)) / score.images
        values = np.concatenate([values, [each.mean() for each in moved.values()]])
        draws = np.concatenate([draws, weights @ np.stack(list(moved.values()), 1)], axis=1)
    radius = np.nan if recipe.radius is None else recipe.radius
    common = {"epoch": 1, "split": "images", "part": part, "radius": radius}
    common |= {"images": score.images}
    rows = [
        common | {"scope": "all", "measure": name, "draw": -1, "value": value}
        for name, value in zip(names, values.tolist(), strict=True)
    ]
    return rows + [
        common | {"scope": "draw", "measure": name, "draw": draw, "value": value}
        for draw, line in enumerate(draws.tolist())
        for name, value in zip(names, line, strict=True)
    ]


def changed(score: Score, before: np.ndarray) -> dict[str, np.ndarray]:
    """Which images have an object found better ("gained") or worse ("lost") than before: (N,)."""
    counts = ~score.truth.crowd
    change = score.credit[counts] - before[counts]
    image = score.truth.image[counts]
    return {
        name: (np.bincount(image[moved], minlength=score.images) > 0).astype(float)
        for name, moved in (("gained", change > MARGIN), ("lost", change < -MARGIN))
    }
