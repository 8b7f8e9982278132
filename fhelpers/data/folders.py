"""Data sets that are folders of JPEG files: Imagenette and Tiny ImageNet.

Their images are listed in a fixed shuffled order, decoded to one size, and known by a digest over
the files' own bytes, which does not depend on the decoder.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from fhelpers.data import sources

IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
# Smallest side in pixels of each published size -> torchvision's name, folder, bytes to unpack it
IMAGENETTE_SIZES = {
    160: ("160px", "imagenette2-160", 220_000_000),
    320: ("320px", "imagenette2-320", 700_000_000),
    500: ("full", "imagenette2", 3_200_000_000),
}
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Folder:
    """The files of a data set in their fixed order, and how they are to be decoded."""

    base: Path
    classes: tuple[str, ...]
    files: dict[str, tuple[tuple[str, int], ...]]  # split -> (path below base, label)
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
        for split, files in self.files.items():
            for name, label in files:
                stat = (self.base / name).stat()
                sha.update(f"{split} {name} {label} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return sha.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every file's content, name and label, and the size and mode decoded to."""
        sha = hashlib.sha256(f"{self.size} {self.mode} {self.classes}\n".encode())
        files = [(split, *entry) for split in self.files for entry in self.files[split]]
        contents = _in_threads(
            lambda entry: hashlib.sha256((self.base / entry[1]).read_bytes()).hexdigest(),
            files,
            f"reading {self.base.name}",
        )
        for entry, content in zip(files, contents, strict=True):
            sha.update(f"{entry} {content}\n".encode())
        return sha.hexdigest()

    def decode(self, split: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Images start to stop of a split: uint8 (n, C, H, W) and labels uint8 (n,)."""
        files = self.files[split][start:stop]
        images = np.empty((len(files), self.channels, self.size, self.size), np.uint8)
        decoded = _in_threads(
            lambda entry: _decode(self.base / entry[0], self.size, self.mode),
            files,
            f"decoding {self.base.name}",
        )
        for i, image in enumerate(decoded):
            images[i] = image
        return images, np.array([label for _, label in files], dtype=np.uint8)


def find(name: str, root: Path, *, size: int = 128) -> Path | None:
    """The data set's folder, or None where it is not there.

    Imagenette: torchvision's folder below ``root``, of the smallest published size that has
    ``size`` pixels. Tiny ImageNet: the folder that FHELPERS_TINY_IMAGENET names, ``root``'s
    tiny-imagenet-200, or ``root`` itself.
    """
    if name == "imagenette":
        sizes = [folder for side, (_, folder, _) in IMAGENETTE_SIZES.items() if side >= size]
        whole = (root / f for f in sizes if all((root / f / s).is_dir() for s in ("train", "val")))
        return next(whole, None)
    named = os.environ.get("FHELPERS_TINY_IMAGENET")
    candidates = [Path(named).expanduser()] if named else [root / "tiny-imagenet-200", root]
    return next((c for c in candidates if (c / "wnids.txt").is_file()), None)


def missing(name: str, root: Path, reason: str) -> FileNotFoundError:
    """The error for a folder that is not there, naming the ways to get it."""
    if name == "imagenette":
        return FileNotFoundError(
            f"Imagenette is not under {root} ({reason}): put torchvision's folder imagenette2-160 "
            "there, or set FHELPERS_DATA to the folder that holds it, or allow the network for "
            "torchvision's download"
        )
    named = os.environ.get("FHELPERS_TINY_IMAGENET")
    return FileNotFoundError(
        f"Tiny ImageNet's wnids.txt is not in {named or root / 'tiny-imagenet-200'} ({reason}): "
        "put the folder tiny-imagenet-200 there, or set FHELPERS_TINY_IMAGENET to that folder, or "
        "set FHELPERS_DATA to the one above it"
    )


def published_imagenette(size: int) -> tuple[str, str, int]:
    """The smallest published Imagenette with ``size`` pixels: torchvision's name, folder, bytes."""
    return next(known for side, known in IMAGENETTE_SIZES.items() if side >= size)


def fetch_imagenette(root: Path, workspace: Path, *, size: int) -> None:
    """Unpack torchvision's archive below ``root``, or let torchvision download it first.

    Raises :class:`sources.Unreachable` when there is neither the archive nor a network.
    """
    from torchvision.datasets import Imagenette

    published, folder, _ = published_imagenette(size)
    url, md5 = Imagenette._ARCHIVES[published]
    archive = root / f"{folder}.tgz"
    if archive.is_file():
        sources.unpack(archive, md5, workspace)
    elif sources.offline():
        raise sources.Unreachable("FHELPERS_OFFLINE forbids the network")
    else:
        with sources.torchvision_download(url):
            Imagenette(workspace, size=published, download=True)
    os.replace(workspace / folder, root / folder)


def list_imagenette(
    base: Path, *, classes: int = 10, size: int = 128, grey: bool = False
) -> Folder:
    """List Imagenette; with ``classes=5`` its first five: tench to church (K uses five, grey)."""
    chosen = list(IMAGENETTE)[:classes]
    files = {
        split: _shuffled(
            (f"{folder}/{wnid}/{file}", label)
            for label, wnid in enumerate(chosen)
            for file in _jpegs(base / folder / wnid)
        )
        for split, folder in (("train", "train"), ("test", "val"))
    }
    return Folder(base, tuple(map(IMAGENETTE.get, chosen)), files, size, "L" if grey else "RGB")


def list_tiny_imagenet(base: Path, *, classes: int | None = None) -> Folder:
    """List Tiny ImageNet's official layout, all its classes or the first ``classes`` of them.

    The official test split has no labels, so the validation images are the test split here.
    """
    wnids = sorted((base / "wnids.txt").read_text().split())
    if classes is not None and classes > len(wnids):
        raise ValueError(f"tiny-imagenet: classes={classes}, but {base} has {len(wnids)} classes")
    label = {wnid: i for i, wnid in enumerate(wnids[:classes])}
    words = dict(line.split("\t", 1) for line in (base / "words.txt").read_text().splitlines())
    annotations = (base / "val" / "val_annotations.txt").read_text().splitlines()
    validation = (line.split("\t")[:2] for line in annotations)
    files = {
        "train": _shuffled(
            (f"train/{wnid}/images/{file}", label[wnid])
            for wnid in label
            for file in _jpegs(base / "train" / wnid / "images")
        ),
        "test": _shuffled(
            (f"val/images/{file}", label[wnid]) for file, wnid in validation if wnid in label
        ),
    }
    names = tuple(words.get(wnid, wnid).split(",")[0] for wnid in label)
    return Folder(base, names, files, 64, "RGB")


def _jpegs(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.lower().endswith((".jpeg", ".jpg"))]
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} is missing: the data set is incomplete, unpack its archive again"
        ) from None


def _shuffled(files) -> tuple[tuple[str, int], ...]:
    """A fixed order that mixes the classes: by the digest of the name, so machines agree."""
    return tuple(sorted(files, key=lambda entry: hashlib.sha256(entry[0].encode()).digest()))


def _in_threads(function, items: Sequence, description: str):
    """Map in threads (decoding and reading release the interpreter), with a bar when it is long."""
    bar = tqdm(total=len(items), desc=description, leave=False, delay=1)
    with bar, ThreadPoolExecutor(THREADS) as pool:
        for result in pool.map(function, items):
            yield result
            bar.update()


def _decode(path: Path, size: int, mode: str) -> np.ndarray:
    """One JPEG as uint8 (C, size, size): shorter side resized to ``size``, centre kept."""
    try:
        with Image.open(path) as file:
            image = file.convert(mode)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: unpack its archive again") from None
    except OSError as error:
        raise ValueError(f"{path} is damaged and cannot be decoded: {error}") from error
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array[None] if mode == "L" else array.transpose(2, 0, 1)
