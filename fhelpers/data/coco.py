"""Folders in COCO's format: reading and checking them, and making one of Tiny ImageNet's boxes.

    ROOT/annotations/instances_val2017.json
    ROOT/val2017/*.jpg

The images of Tiny ImageNet are photographs with a box each. Those of its classes that COCO has too
become a folder that a detector with COCO's classes can be tried on where COCO itself is not.
"""

import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from fhelpers import places
from fhelpers.data import files
from fhelpers.data.objects import COCO_LIMITS, Truth

SPLIT = "val2017"  # W §7: the 5,000 images of COCO val
CLASSES = 10_000  # the largest category number that is believed

# Tiny ImageNet's classes that are among COCO's: WordNet id -> COCO's number and name
IN_COCO = {
    **dict.fromkeys(("n02814533", "n03100240", "n03670208", "n04285008"), (3, "car")),
    **dict.fromkeys(("n04146614", "n04487081"), (6, "bus")),
    "n02917067": (7, "train"),
    "n03796401": (8, "truck"),
    **dict.fromkeys(("n03447447", "n03662601"), (9, "boat")),
    "n03891332": (14, "parking meter"),
    **dict.fromkeys(("n01855672", "n02002724", "n02056570", "n02058221"), (16, "bird")),
    **dict.fromkeys(("n02123045", "n02123394", "n02124075"), (17, "cat")),
    **dict.fromkeys(
        ("n02085620", "n02094433", "n02099601", "n02099712", "n02106662", "n02113799"), (18, "dog")
    ),
    "n02415577": (20, "sheep"),
    "n02403003": (21, "cow"),
    "n02504458": (22, "elephant"),
    "n02132136": (23, "bear"),
    "n02769748": (27, "backpack"),
    "n04507155": (28, "umbrella"),
    "n02883205": (32, "tie"),
    **dict.fromkeys(("n02802426", "n04118538", "n04540053"), (37, "sports ball")),
    **dict.fromkeys(("n02823428", "n03983396", "n04557648"), (44, "bottle")),
    "n04597913": (50, "spoon"),
    "n07753592": (52, "banana"),
    "n07747607": (55, "orange"),
    "n07873807": (59, "pizza"),
    "n04099969": (62, "chair"),
    "n03201208": (67, "dining table"),
    "n04074963": (75, "remote"),
    "n03085013": (76, "keyboard"),
}


@dataclass(frozen=True)
class CocoFolder:
    """A folder that was read and found sound: its objects, and its images on demand.

    entries: what the annotation file says of each image; class_names by COCO's numbers from 1 on,
    "" where there is none; warnings: what was left out.
    """

    base: Path
    entries: tuple[dict, ...]
    truth: Truth
    class_names: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    limits: tuple[float, float] = COCO_LIMITS

    def __len__(self) -> int:
        return self.truth.images

    def image(self, number: int) -> torch.Tensor:
        """One image as float32 (3, H, W) in [0, 1]; grey ones get three equal channels.

        Raises ValueError, with its name, for a file that is damaged or of another size than the
        annotations say.
        """
        known = self.entries[number]
        path, size = self.base / SPLIT / known["file_name"], (known["width"], known["height"])
        with files.opened(path) as header:  # refused by its header, before anything is decoded
            if header.size != size:
                raise files.Unsound(
                    f"{path} has {header.width} × {header.height} pixels, but the annotations say "
                    f"{size[0]} × {size[1]}"
                )
            pixels = torch.from_numpy(np.array(header.convert("RGB")))
        return pixels.permute(2, 0, 1).float() / 255


def annotations(root: str | Path) -> Path:
    """The annotation file of a folder. Raises FileNotFoundError where it is missing."""
    path = places.absolute(root) / "annotations" / f"instances_{SPLIT}.json"
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{path} is missing: coco_root must name a folder with annotations/"
            f"instances_{SPLIT}.json and the images in {SPLIT}/"
        )
    return path


def digest(root: str | Path) -> str:
    """SHA-256 over the annotation file, which says what the images are; kept until it changes."""
    path = annotations(root)
    stat = path.stat()
    return digest_of_file(path, stat.st_size, stat.st_mtime_ns)


@lru_cache
def digest_of_file(path: Path, size: int, changed: int) -> str:
    return files.digest_of(path)


def read(root: str | Path, limit: int = 0) -> CocoFolder:
    """Read the first `limit` images (0: all) of a folder and check that they can be evaluated.

    Crowds are kept, as COCO scores them; boxes without area are left out with a warning. Raises
    FileNotFoundError for a missing annotation file or image, ValueError for annotations that
    cannot be read, that belong to no image or class, or that leave nothing to find.
    """
    path, base = annotations(root), places.absolute(root)
    content = parse(path)
    images = sorted(content["images"], key=lambda image: image["id"])[: limit or None]
    for image in images:
        if not os.path.isfile(file := base / SPLIT / image["file_name"]):
            what = f"{file} is missing, though {path.name} lists it"
            raise FileNotFoundError(f"{what}: unpack the images again")
    truth, warnings = objects(content, images, path)
    if not len(truth):
        raise ValueError(f"{path} annotates none of its {len(images)} images: nothing to find")
    names = {category["id"]: category["name"] for category in content["categories"]}
    class_names = tuple(names.get(i, "") for i in range(1, max(names) + 1))
    warnings += [f"{path.name}: {text}" for text in misnamed(class_names)]
    return CocoFolder(base, tuple(images), truth, class_names, tuple(warnings))


def misnamed(class_names: Sequence[str]) -> list[str]:
    """In a sentence each, the classes that the detectors trained on COCO know by other names."""
    from torchvision.models.detection import RetinaNet_ResNet50_FPN_Weights as published

    known = dict(enumerate(published.COCO_V1.meta["categories"]))
    return [
        f"category {number} is {files.quoted(name)}, in COCO it is {known.get(number, 'N/A')!r}"
        for number, name in enumerate(class_names, start=1)
        if name and name.casefold() != known.get(number, "N/A").casefold()
    ]


def parse(path: Path) -> dict:
    """The content of an annotation file, with the fields that are needed.

    Raises ValueError where it is not JSON, a field is missing or of another type, or images are
    listed twice.
    """
    with files.reading(path):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        ids = sorted(image["id"] for image in content["images"])
        names = [str.strip(image["file_name"]) for image in content["images"]]
        known = [category["id"] for category in content["categories"]]
        _ = [str.strip(category["name"]) for category in content["categories"]]
        for image in content["images"]:
            _ = image["width"] + 0, image["height"] + 0
        for each in content["annotations"]:
            _ = hash((each["id"], each["image_id"], each["category_id"]))
            _ = each["area"] + 0.0, [side + 0.0 for side in each["bbox"]]
    except (LookupError, ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not in COCO's format: {files.quoted(error)}") from error
    if len(set(ids)) < len(ids) or len(set(names)) < len(names):
        raise ValueError(f"{path} lists an image twice")
    if not ids:
        raise ValueError(f"{path} lists no images: there is nothing to evaluate")
    for number in known:  # the numbers are labels, and 0 is the background
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= CLASSES:
            allowed = f"a whole number from 1 to {CLASSES}"
            raise ValueError(f"{path}: category {files.quoted(number)} must be {allowed}")
    if len(set(known)) < len(known):
        raise ValueError(f"{path} lists a category twice")
    listed = set(ids)
    for each in content["annotations"]:
        if each["image_id"] not in listed:
            raise ValueError(f"{path}: annotation {each['id']} points at no image of the list")
        if each["category_id"] not in known:
            raise ValueError(f"{path}: annotation {each['id']} is of no listed category")
    return content


def objects(content: dict, images: list[dict], path: Path) -> tuple[Truth, list[str]]:
    """The objects on some images, numbered in their order, and what was left out."""
    place = {image["id"]: number for number, image in enumerate(images)}
    own = [each for each in content["annotations"] if each["image_id"] in place]
    for each in own:
        box = each["bbox"]
        what = f"{path}: annotation {each['id']} has"
        if len(box) != 4 or not np.isfinite(box).all() or min(box[2:]) < 0:
            box = files.quoted(box)
            raise ValueError(f"{what} the box {box}; it must be x, y, width, height")
        if not 0 <= each["area"] < math.inf:
            raise ValueError(f"{what} the area {each['area']}; it must be 0 or larger")
        if each.get("iscrowd", 0) not in (0, 1, None):
            raise ValueError(f"{what} iscrowd={files.quoted(each['iscrowd'])}; it must be 0 or 1")
    kept = [each for each in own if min(each["bbox"][2:]) > 0]
    outside = [each for each in kept if reaches_out(each["bbox"], images[place[each["image_id"]]])]
    odd = {
        "without area were left out": [each for each in own if min(each["bbox"][2:]) == 0],
        "reach out of their images, as no box in x, y, width, height does": outside,
    }
    warnings = []
    for what, found in odd.items():
        listed = ", ".join(str(each["id"]) for each in found[:5]) + ", …" * (len(found) > 5)
        if found:
            warnings.append(f"{path.name}: {len(found)} boxes {what} (annotations {listed})")
    truth = Truth(
        np.array([place[each["image_id"]] for each in kept], dtype=int),
        np.array([each["bbox"] for each in kept], dtype=float).reshape(-1, 4),
        np.array([each["category_id"] for each in kept], dtype=int),
        np.array([each["area"] for each in kept], dtype=float),
        np.array([bool(each.get("iscrowd", 0)) for each in kept], dtype=bool),
        len(images),
    )
    return truth, warnings


def reaches_out(box: Sequence[float], image: dict) -> bool:
    """Whether a box leaves its image, by more than annotators' rounding."""
    left, top, width, height = box
    ends = (left + width - image["width"], top + height - image["height"])
    return max(-left, -top, *ends) > 1


def from_tiny_imagenet(source: Path, destination: Path) -> int:
    """Write the validation images of `source` whose class COCO has, with their boxes, as a folder.

    Categories have COCO's own numbers, so that its published detectors can be tried on them. Every
    image has one box; other objects on it are not annotated. Returns the number of images. Raises
    FileNotFoundError where `source` is not Tiny ImageNet's folder, ValueError where nothing of it
    is in COCO or `destination` holds such a folder already.
    """
    listing = source / "val" / "val_annotations.txt"
    if not listing.is_file():
        raise FileNotFoundError(f"{listing} is missing: name the folder tiny-imagenet-200 itself")
    target = destination / "annotations" / f"instances_{SPLIT}.json"
    if target.exists():
        raise ValueError(f"{target} is there already: name another folder, or delete this one")
    rows = [boxed(place, *row[:6]) for place, row in files.rows(listing, 6) if row[1] in IN_COCO]
    if not rows:
        raise ValueError(f"{listing} has no class that COCO has too")
    (destination / SPLIT).mkdir(parents=True, exist_ok=True)
    images, found = [], []
    for number, (place, name, wnid, box) in enumerate(rows, start=1):
        file = source / "val" / "images" / name
        if not file.exists():
            raise FileNotFoundError(f"{place} lists an image that is not there: {file} is missing")
        with files.opened(file) as image:
            width, height = image.size
        shutil.copyfile(file, destination / SPLIT / name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        entry = {"id": number, "image_id": number, "category_id": IN_COCO[wnid][0], "bbox": box}
        found.append(entry | {"area": box[2] * box[3], "iscrowd": 0})
    used = sorted({IN_COCO[wnid] for _, _, wnid, _ in rows})
    categories = [{"id": number, "name": name} for number, name in used]
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {"info": {}, "images": images, "annotations": found, "categories": categories}
    places.write_text(target, json.dumps(content))
    return len(images)


def boxed(place: str, name: str, wnid: str, *corners: str) -> tuple[str, str, str, list[int]]:
    """A line of the list with its box as x, y, width, height: both corners belong to the object."""
    try:
        left, top, right, bottom = map(int, corners)
    except ValueError as error:
        raise ValueError(f"{place} must end with the corners of a box: {error}") from error
    return place, name, wnid, [left, top, right - left + 1, bottom - top + 1]
