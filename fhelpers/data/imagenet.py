"""Subsets of ImageNet in folders of JPEG files: Imagenette, Tiny ImageNet and ten of its classes.

The first two are whatever files their folders hold. The decoded images of the ten classes are
pinned, so that they can be described where the folder is not.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch

from fhelpers import places
from fhelpers.data import files, kept, sources
from fhelpers.data.arrays import Parts, Pinned
from fhelpers.data.dataset import SPLITS, DatasetInfo, ImageData, check_switch, check_whole, refuse
from fhelpers.data.folders import Files, Folder, ImageFolder, shuffled

WNIDS = {
    "n01440764": "tench", "n02102040": "English springer", "n02979186": "cassette player",
    "n03000684": "chain saw", "n03028079": "church", "n03394916": "French horn",
    "n03417042": "garbage truck", "n03425413": "gas pump", "n03445777": "golf ball",
    "n03888257": "parachute",
}  # fmt: skip
# Smallest side in pixels of each published size -> torchvision's name, folder, bytes to unpack it
IMAGENETTE_SIZES = {
    160: ("160px", "imagenette2-160", 220_000_000),
    320: ("320px", "imagenette2-320", 700_000_000),
    500: ("full", "imagenette2", 3_200_000_000),
}
MOST_CLASSES = 256  # labels are kept as bytes


class Imagenette(ImageFolder):
    """torchvision's folder of the smallest published size that has enough pixels."""

    def check_values(self, classes=10, size=128, grey=False) -> None:
        if classes not in (5, 10):
            refuse(self.name, "classes", classes, "10 or 5")
        check_whole(self.name, "size", size, 28, max(IMAGENETTE_SIZES))
        check_switch(self.name, "grey", grey)

    def find(self, root: Path, *, size: int = 128, **options) -> Path | None:
        sizes = [folder for side, (_, folder, _) in IMAGENETTE_SIZES.items() if side >= size]
        whole = (root / f for f in sizes if all((root / f / s).is_dir() for s in ("train", "val")))
        return next(whole, None)

    def obtain(self, root: Path, *, size: int = 128, **options) -> Path:
        published = next(known for side, known in IMAGENETTE_SIZES.items() if side >= size)
        with kept.workspace(root, self.name, self.title, published[2]) as workspace:
            try:
                if self.find(root, size=size) is None:  # nobody fetched it while this one waited
                    _fetch_imagenette(root, workspace, *published[:2])
            except sources.Unreachable as error:
                raise FileNotFoundError(
                    f"Imagenette is not under {root} ({error}): put torchvision's folder "
                    "imagenette2-160 there, or set FHELPERS_DATA to the folder that holds it, or "
                    "allow the network for torchvision's download"
                ) from error
        return self.find(root, size=size)

    def listed(self, base: Path, *, classes: int = 10, size: int = 128, grey=False) -> Folder:
        chosen = list(WNIDS)[:classes]  # the first five are tench to church
        listed = {
            split: shuffled(
                (f"{folder}/{wnid}/{file}", label)
                for label, wnid in enumerate(chosen)
                for file in files.jpegs(base / folder / wnid)
            )
            for split, folder in (("train", "train"), ("test", "val"))
        }
        return Folder(base, tuple(map(WNIDS.get, chosen)), listed, size, "L" if grey else "RGB")


def _fetch_imagenette(root: Path, workspace: Path | None, published: str, folder: str) -> None:
    """Unpack torchvision's archive below ``root``, or let torchvision download it first.

    Raises :class:`sources.Unreachable` when there is neither the archive nor a network.
    """
    from torchvision import datasets

    if workspace is None:
        raise sources.Unreachable("that folder cannot be written to")
    url, md5 = datasets.Imagenette._ARCHIVES[published]
    archive = root / f"{folder}.tgz"
    filled = (root / folder).is_dir() and any((root / folder).iterdir())
    if filled and (archive.is_file() or not sources.offline()):
        raise ValueError(f"{root / folder} is incomplete: remove it and call again")
    if archive.is_file():
        sources.unpack(archive, md5, workspace)
    elif sources.offline():
        raise sources.Unreachable("FHELPERS_OFFLINE forbids the network")
    else:
        with sources.torchvision_download(url):
            datasets.Imagenette(workspace, size=published, download=True)
    os.replace(workspace / folder, root / folder)


def _tiny_files(base: Path, wnids: Sequence[str]) -> dict[str, Files]:
    """The images of some classes in the official layout, labels in the order of `wnids`.

    The official test split has no labels, so the validation images are the test split here.
    """
    label = {wnid: i for i, wnid in enumerate(wnids)}
    train = (
        (f"train/{wnid}/images/{file}", label[wnid])
        for wnid in wnids
        for file in files.jpegs(base / "train" / wnid / "images")
    )
    listing, images = base / "val" / "val_annotations.txt", base / "val" / "images"
    there, validation, seen = set(files.jpegs(images)), [], set()
    for place, (file, wnid, *_) in files.rows(listing, 2):
        if file in seen:
            raise ValueError(f"{place} lists {file} again: unpack its archive again")
        seen.add(file)
        if wnid in label and file not in there:
            raise FileNotFoundError(f"{place} lists {file}, which is not in {images}: put it there")
        if wnid in label:
            validation.append((f"val/images/{file}", label[wnid]))
    without = set(label.values()) - {number for _, number in validation}
    if without:
        raise ValueError(f"{listing} lists no image of {wnids[min(without)]}: unpack it again")
    return {"train": shuffled(train), "test": shuffled(validation)}


class TinyImageNet(ImageFolder):
    """The official folder, with all its classes or the first `classes` of them."""

    by_hand: ClassVar[bool] = True

    def check_values(self, classes: int | None = None) -> None:
        if classes is not None:
            check_whole(self.name, "classes", classes, 2)

    def candidates(self, root: Path) -> list[Path]:
        """The folder that FHELPERS_TINY_IMAGENET names, or tiny-imagenet-200 and `root`."""
        named = os.environ.get("FHELPERS_TINY_IMAGENET")
        return [places.absolute(named)] if named else [root / "tiny-imagenet-200", root]

    def find(self, root: Path, **options) -> Path | None:
        found = (each for each in self.candidates(root) if (each / "wnids.txt").is_file())
        return next(found, None)

    def obtain(self, root: Path, **options) -> Path:
        place = self.candidates(root)[0]
        raise FileNotFoundError(
            f"Tiny ImageNet's wnids.txt is not in {place} (it is not fetched automatically): put "
            "the folder tiny-imagenet-200 there, or set FHELPERS_TINY_IMAGENET to that folder, or "
            "set FHELPERS_DATA to the one above it"
        )

    def listed(self, base: Path, *, classes: int | None = None) -> Folder:
        wnids = sorted({row[0] for _, row in files.rows(base / "wnids.txt", 1)})
        if not 0 < len(wnids) <= MOST_CLASSES:
            what = f"{base / 'wnids.txt'} lists {len(wnids)} classes"
            raise ValueError(f"{what}, not 1 to {MOST_CLASSES}: unpack its archive again")
        if classes is not None and classes > len(wnids):
            raise ValueError(f"{self.name}: classes={classes}, but {base} has {len(wnids)} classes")
        wnids = wnids[:classes]
        words = {row[0]: row[1] for _, row in files.rows(base / "words.txt", 2)}
        names = tuple(words.get(wnid, wnid).split(",")[0] for wnid in wnids)
        return Folder(base, names, _tiny_files(base, wnids), 64, "RGB")


@dataclass(frozen=True, eq=False, kw_only=True)
class TenClasses(Pinned):
    """Ten classes of Tiny ImageNet with as many images each, known by their decoded pixels."""

    wnids: tuple[str, ...]
    by_hand: ClassVar[bool] = True
    advice: ClassVar[str] = (
        "unpack its archive again; if that changes nothing, Pillow decodes JPEG files differently "
        "here than with libjpeg-turbo"
    )

    def check_values(self, classes: int = 10, grey: bool = False) -> None:
        check_whole(self.name, "classes", classes, 2, 10)
        check_switch(self.name, "grey", grey)

    def describe(self, root: Path, *, classes: int = 10, grey: bool = False) -> DatasetInfo:
        whole = super().describe(root)
        if classes == 10 and not grey:
            return whole
        counts = {split: self.counts[split] * classes // 10 for split in SPLITS}
        digest = hashlib.sha256(f"{whole.digest} {classes} {grey}".encode()).hexdigest()
        channels = 1 if grey else whole.channels
        return replace(whole, channels=channels, classes=classes, digest=digest, **counts)

    def load(
        self, split: str, limit: int | None, root: Path, *, classes: int = 10, grey: bool = False
    ) -> ImageData:
        count = self.limited(split, limit, self.counts[split] * classes // 10)
        found = super().load(split, count if classes == 10 else None, root)
        images, labels = found.images, found.labels
        if classes < 10:
            chosen = (labels < classes).nonzero()[:count, 0]
            images, labels = images[chosen], labels[chosen]
        return ImageData(_grey(images) if grey else images, labels, self.classes[:classes])

    def at_hand(self, root: Path) -> bool:
        base = TINY_IMAGENET.find(root)
        return base is not None and all((base / "train" / wnid).is_dir() for wnid in self.wnids)

    def obtain(self, root: Path, workspace: Path | None) -> Parts:
        base = TINY_IMAGENET.find(root) or TINY_IMAGENET.obtain(root)
        folder = Folder(base, self.classes, _tiny_files(base, self.wnids), self.shape[1], "RGB")
        parts = {}
        for split, place in (("train", base / "train"), ("test", base / "val" / "images")):
            found = Counter(self.wnids[label] for _, label in folder.files[split])
            for wnid, count in found.items():
                if count != self.counts[split] // 10:
                    expected = f"not {self.counts[split] // 10}: unpack its archive again"
                    raise ValueError(f"{place} has {count} images of {wnid}, {expected}")
            for kind, array in zip(kept.KINDS, folder.decode(split), strict=True):
                parts[split, kind] = array, place
        return parts


def _grey(images: torch.Tensor) -> torch.Tensor:
    """Colour images as grey ones, by the integer weights with which Pillow converts."""
    red, green, blue = images.int().unbind(1)
    return (19595 * red + 38470 * green + 7471 * blue + 32768 >> 16).byte().unsqueeze(1)


IMAGENETTE = Imagenette(
    name="imagenette",
    title="Imagenette",
    options=("classes", "size", "grey"),
    proposals={"small": (("size", 64),), "K": (("classes", 5), ("grey", True), ("size", 128))},
    subset_of="ImageNet",
)
TINY_IMAGENET = TinyImageNet(
    name="tiny-imagenet", title="Tiny ImageNet", options=("classes",), subset_of="ImageNet"
)
TINY_IMAGENET_10 = TenClasses(
    name="tiny-imagenet-10",
    title="Tiny ImageNet-10",
    options=("classes", "grey"),
    subset_of="ImageNet",
    shape=(3, 64, 64),
    counts={"train": 5_000, "test": 500},
    digests={
        ("train", "images"): "da7449f2309dc94ab4036682cd6c6068e42dbcfd99a25ca39c59b55d66764b1c",
        ("train", "labels"): "f052b1e41bc9608604a5e9f68ba3a86cfe5efe4b934a3ffede2386ebece906e8",
        ("test", "images"): "f4bb4c8f1de6f8b5aafc15d02c93810d55946c9b1692808844d121996ff01298",
        ("test", "labels"): "92f44f80c8205eaa3fa38149d651c1c6c6e7f58b7119a85112ef440d257b66df",
    },
    wnids=(
        "n01443537", "n02099601", "n02892201", "n02988304", "n03649909",
        "n03796401", "n03891332", "n04486054", "n04507155", "n04540053",
    ),
    classes=(
        "goldfish", "golden retriever", "brass", "CD player", "lawn mower",
        "moving van", "parking meter", "triumphal arch", "umbrella", "volleyball",
    ),
)  # fmt: skip
