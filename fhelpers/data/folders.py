"""Data sets that are folders of JPEG files: Imagenette, Tiny ImageNet and ten of its classes.

Their images are listed in a fixed shuffled order and decoded to one size. The first two are known
by a digest over the files' own bytes, which does not depend on the decoder; the decoded images of
the ten classes are pinned, so that they can be described where the folder is not.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from fhelpers import places
from fhelpers.data import files, kept, sources
from fhelpers.data.arrays import Parts, Pinned
from fhelpers.data.dataset import SPLITS, Dataset, DatasetInfo, ImageData

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
THREADS = min(4, os.cpu_count() or 1)
Files = tuple[tuple[str, int], ...]  # (path below the data set's folder, label) of each image


# ---------------------------------------------------------------- listing and decoding


@dataclass(frozen=True)
class Folder:
    """The files of a data set in their fixed order, and how they are to be decoded."""

    base: Path
    classes: tuple[str, ...]
    files: dict[str, Files]  # by split
    size: int  # height and width of the decoded images
    mode: str  # "RGB" or "L"

    @property
    def channels(self) -> int:
        """3 for colour, 1 for grey."""
        return len(self.mode)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a file is added, removed or written to; reads no file's content."""
        sha = hashlib.sha256(f"{self.base.resolve()} {self.size} {self.mode}".encode())
        for split, listed in self.files.items():
            for name, label in listed:
                path = self.base / name
                with files.reading(path):
                    stat = path.stat()
                sha.update(f"{split} {name} {label} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return sha.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every file's content, name and label, and the size and mode decoded to."""
        sha = hashlib.sha256(f"{self.size} {self.mode} {self.classes}\n".encode())
        listed = [(split, *entry) for split in self.files for entry in self.files[split]]
        contents = _in_threads(
            lambda entry: _sha256(self.base / entry[1]), listed, f"reading {self.base.name}"
        )
        for entry, content in zip(listed, contents, strict=True):
            sha.update(f"{entry} {content}\n".encode())
        return sha.hexdigest()

    def decode(self, split: str, start: int = 0, stop: int | None = None) -> list[np.ndarray]:
        """Images start to stop of a split: uint8 (n, C, H, W) and labels uint8 (n,)."""
        listed = self.files[split][start:stop]
        images = np.empty((len(listed), self.channels, self.size, self.size), np.uint8)
        decoded = _in_threads(
            lambda entry: _decode(self.base / entry[0], self.size, self.mode),
            listed,
            f"decoding {self.base.name}",
        )
        for i, image in enumerate(decoded):
            images[i] = image
        return [images, np.array([label for _, label in listed], dtype=np.uint8)]


def _shuffled(listed: Iterable[tuple[str, int]]) -> Files:
    """A fixed order that mixes the classes: by the digest of the name, so machines agree."""
    return tuple(sorted(listed, key=lambda entry: hashlib.sha256(entry[0].encode()).digest()))


def _in_threads(function, items: Sequence, description: str):
    """Map in threads (decoding and reading release the interpreter), with a bar when it is long."""
    bar = tqdm(total=len(items), desc=description, leave=False, delay=1)
    with bar, ThreadPoolExecutor(THREADS) as pool:
        for result in pool.map(function, items):
            yield result
            bar.update()


def _sha256(path: Path) -> str:
    with files.reading(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _decode(path: Path, size: int, mode: str) -> np.ndarray:
    """One JPEG as uint8 (C, size, size): shorter side resized to ``size``, centre kept."""
    with files.opened(path) as file:
        image = file.convert(mode)
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array[None] if mode == "L" else array.transpose(2, 0, 1)


# ---------------------------------------------------------------- folders as they are


class ImageFolder(Dataset):
    """A data set that is whatever files its folder holds.

    A kind of them has `find(root, **options)`, the folder or None, `obtain(root, **options)`, which
    fetches it or raises FileNotFoundError, and `listed(base, **options)`, the folder's files.
    """

    def folder(self, root: Path, options: dict) -> Folder:
        """The files of the folder that was found or fetched."""
        base = self.find(root, **options) or self.obtain(root, **options)
        return _listed(self, base, tuple(sorted(options.items())))

    def available(self, root: Path, **options) -> bool:
        return self.find(root, **options) is not None

    def describe(self, root: Path, **options) -> DatasetInfo:
        folder = self.folder(root, options)
        counts = (len(folder.files[split]) for split in SPLITS)
        shape = (folder.channels, folder.size, folder.size)
        return DatasetInfo(
            self.name, *shape, len(folder.classes), *counts, self.digest(folder, root)
        )

    def digest(self, folder: Folder, root: Path) -> str:
        """The folder's digest, computed once and remembered until a file changes."""
        path = self.path(folder, root) / "digest.txt"
        if path.is_file():
            digest, _, check = path.read_text(errors="replace").partition(" ")
            if check == hashlib.sha256(digest.encode()).hexdigest():  # else it was damaged
                return digest
        with kept.workspace(root, self.name, folder.base.name, 1_000_000) as workspace:
            digest = folder.digest
            if workspace is not None:
                check = hashlib.sha256(digest.encode()).hexdigest()
                (workspace / path.name).write_text(f"{digest} {check}")
                path.parent.mkdir(exist_ok=True)
                os.replace(workspace / path.name, path)
        return digest

    def load(self, split: str, limit: int | None, root: Path, **options) -> ImageData:
        folder = self.folder(root, options)
        count = self.limited(split, limit, len(folder.files[split]))
        path = self.path(folder, root) / f"{split}.safetensors"
        needed = len(folder.files[split]) * folder.channels * folder.size**2
        with kept.workspace(root, self.name, folder.base.name, needed) as workspace:
            there = kept.count(path)
            if workspace is None and there < count:
                images, labels = map(torch.from_numpy, folder.decode(split, 0, count))
                return ImageData(images, labels.long(), folder.classes)
            if there < count:  # decode only what is new: the kept file is a prefix of the wanted
                images, labels = map(torch.from_numpy, folder.decode(split, there, count))
                if there:
                    before = kept.read(path, there)
                    images, labels = torch.cat([before[0], images]), torch.cat([before[1], labels])
                digests = {"images": kept.sha256(images), "labels": kept.sha256(labels)}
                kept.write(path, images, labels, workspace, digests)
        images, labels = kept.read(path, count)
        return ImageData(images, labels.long(), folder.classes)

    def path(self, folder: Folder, root: Path) -> Path:
        """Where what was computed from the folder is kept."""
        return root / self.name / folder.fingerprint[:16]


@lru_cache
def _listed(dataset: ImageFolder, base: Path, options: tuple) -> Folder:
    """A folder's files, looked at once a process: a section asks many times."""
    return dataset.listed(base, **dict(options))


class Imagenette(ImageFolder):
    """torchvision's folder of the smallest published size that has enough pixels."""

    def check_values(self, classes=10, size=128, grey=False) -> None:
        if classes not in (5, 10):
            self.refuse("classes", classes, "10 or 5")
        self.check_whole("size", size, 28, max(IMAGENETTE_SIZES))
        self.check_switch("grey", grey)

    def find(self, root: Path, *, size: int = 128, **options) -> Path | None:
        sizes = [folder for side, (_, folder, _) in IMAGENETTE_SIZES.items() if side >= size]
        whole = (root / f for f in sizes if all((root / f / s).is_dir() for s in ("train", "val")))
        return next(whole, None)

    def obtain(self, root: Path, *, size: int = 128, **options) -> Path:
        published = next(known for side, known in IMAGENETTE_SIZES.items() if side >= size)
        with kept.workspace(root, self.name, self.title, published[2]) as workspace:
            if workspace is None:
                raise self.missing(root, "that folder cannot be written to")
            if self.find(root, size=size) is None:  # nobody fetched it while this one waited
                try:
                    _fetch_imagenette(root, workspace, *published[:2])
                except sources.Unreachable as error:
                    raise self.missing(root, str(error)) from error
        return self.find(root, size=size)

    def missing(self, root: Path, reason: str) -> FileNotFoundError:
        """The error for a folder that is not there, naming the ways to get it."""
        return FileNotFoundError(
            f"Imagenette is not under {root} ({reason}): put torchvision's folder imagenette2-160 "
            "there, or set FHELPERS_DATA to the folder that holds it, or allow the network for "
            "torchvision's download"
        )

    def listed(self, base: Path, *, classes: int = 10, size: int = 128, grey=False) -> Folder:
        chosen = list(WNIDS)[:classes]  # the first five are tench to church
        listed = {
            split: _shuffled(
                (f"{folder}/{wnid}/{file}", label)
                for label, wnid in enumerate(chosen)
                for file in files.jpegs(base / folder / wnid)
            )
            for split, folder in (("train", "train"), ("test", "val"))
        }
        return Folder(base, tuple(map(WNIDS.get, chosen)), listed, size, "L" if grey else "RGB")


def _fetch_imagenette(root: Path, workspace: Path, published: str, folder: str) -> None:
    """Unpack torchvision's archive below ``root``, or let torchvision download it first.

    Raises :class:`sources.Unreachable` when there is neither the archive nor a network.
    """
    from torchvision import datasets

    url, md5 = datasets.Imagenette._ARCHIVES[published]
    archive = root / f"{folder}.tgz"
    if archive.is_file():
        sources.unpack(archive, md5, workspace)
    elif sources.offline():
        raise sources.Unreachable("FHELPERS_OFFLINE forbids the network")
    else:
        with sources.torchvision_download(url):
            datasets.Imagenette(workspace, size=published, download=True)
    os.replace(workspace / folder, root / folder)


# ---------------------------------------------------------------- Tiny ImageNet


def _find_tiny(root: Path) -> Path | None:
    """The folder that FHELPERS_TINY_IMAGENET names, `root`'s tiny-imagenet-200, or `root`."""
    named = os.environ.get("FHELPERS_TINY_IMAGENET")
    candidates = [places.absolute(named)] if named else [root / "tiny-imagenet-200", root]
    return next((each for each in candidates if (each / "wnids.txt").is_file()), None)


def _missing_tiny(root: Path) -> FileNotFoundError:
    named = os.environ.get("FHELPERS_TINY_IMAGENET")
    place = places.absolute(named) if named else root / "tiny-imagenet-200"
    return FileNotFoundError(
        f"Tiny ImageNet's wnids.txt is not in {place} (it is not fetched automatically): put the "
        "folder tiny-imagenet-200 there, or set FHELPERS_TINY_IMAGENET to that folder, or set "
        "FHELPERS_DATA to the one above it"
    )


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
    there, validation = set(files.jpegs(images)), []
    for place, (file, wnid, *_) in files.rows(listing, 2):
        if wnid in label and file not in there:
            raise FileNotFoundError(f"{place} lists {file}, which is not in {images}: put it there")
        if wnid in label:
            validation.append((f"val/images/{file}", label[wnid]))
    without = set(label.values()) - {number for _, number in validation}
    if without:
        raise ValueError(f"{listing} lists no image of {wnids[min(without)]}: unpack it again")
    return {"train": _shuffled(train), "test": _shuffled(validation)}


class TinyImageNet(ImageFolder):
    """The official folder, with all its classes or the first `classes` of them."""

    by_hand: ClassVar[bool] = True

    def check_values(self, classes: int | None = None) -> None:
        if classes is not None:
            self.check_whole("classes", classes, 2)

    def find(self, root: Path, **options) -> Path | None:
        return _find_tiny(root)

    def obtain(self, root: Path, **options) -> Path:
        raise _missing_tiny(root)

    def listed(self, base: Path, *, classes: int | None = None) -> Folder:
        wnids = sorted({row[0] for _, row in files.rows(base / "wnids.txt", 1)})
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
        self.check_whole("classes", classes, 2, 10)
        self.check_switch("grey", grey)

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
        base = _find_tiny(root)
        return base is not None and all((base / "train" / wnid).is_dir() for wnid in self.wnids)

    def obtain(self, root: Path, workspace: Path | None) -> Parts:
        base = _find_tiny(root)
        if base is None:
            raise _missing_tiny(root)
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


# ---------------------------------------------------------------- what is known of each

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
