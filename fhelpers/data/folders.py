"""Data sets that are folders of image files, listed in a fixed shuffled order, decoded to one size.

They are known by a digest over the files' own bytes, which does not depend on the decoder.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm
from tqdm.contrib.concurrent import thread_map

from fhelpers import places
from fhelpers.data import files, kept
from fhelpers.data.dataset import SPLITS, Dataset, DatasetInfo, ImageData

BYTES = "utf-8", "surrogateescape"  # a name's own, where it is not UTF-8
THREADS = min(4, os.cpu_count() or 1)
Files = tuple[tuple[str, int], ...]  # (path below the data set's folder, label) of each image


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
        sha = hashlib.sha256(f"{self.base.resolve()} {self.size} {self.mode}".encode(*BYTES))
        for split, listed in self.files.items():
            for name, label in listed:
                path = self.base / name
                with files.reading(path):
                    stat = path.stat()
                line = f"{split} {name} {label} {stat.st_size} {stat.st_mtime_ns}\n"
                sha.update(line.encode(*BYTES))
        return sha.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every file's content, name and label, and the size and mode decoded to."""
        sha = hashlib.sha256(f"{self.size} {self.mode} {self.classes}\n".encode())
        listed = [(split, *entry) for split in self.files for entry in self.files[split]]
        paths = [self.base / name for _, name, _ in listed]
        contents = _in_threads(files.digest_of, paths, f"reading {self.base.name}")
        for entry, content in zip(listed, contents, strict=True):
            sha.update(f"{entry} {content}\n".encode())
        return sha.hexdigest()

    def decode(self, split: str, start: int = 0, stop: int | None = None) -> list[np.ndarray]:
        """Images start to stop of a split: uint8 (n, C, H, W) and labels uint8 (n,)."""
        listed = self.files[split][start:stop]
        images = np.empty((len(listed), self.channels, self.size, self.size), np.uint8)

        def decode(number: int) -> None:
            images[number] = _decode(self.base / listed[number][0], self.size, self.mode)

        _in_threads(decode, range(len(listed)), f"decoding {self.base.name}")
        return [images, np.array([label for _, label in listed], dtype=np.uint8)]


def shuffled(listed: Iterable[tuple[str, int]]) -> Files:
    """A fixed order that mixes the classes: by the digest of the name, so machines agree."""
    return tuple(sorted(listed, key=lambda entry: hashlib.sha256(entry[0].encode(*BYTES)).digest()))


def _in_threads(function, items: Sequence, description: str) -> list:
    """Map in threads (decoding and reading release the interpreter), with a bar when it is long."""
    bar = {"desc": description, "leave": False, "delay": 1, "tqdm_class": tqdm}
    return thread_map(function, items, max_workers=THREADS, **bar)


def _decode(path: Path, size: int, mode: str) -> np.ndarray:
    """One JPEG as uint8 (C, size, size): shorter side resized to ``size``, centre kept."""
    with files.opened(path) as file:
        image = file.convert(mode)
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array[None] if mode == "L" else array.transpose(2, 0, 1)


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
        shape = (folder.channels, folder.size, folder.size, len(folder.classes))
        counts = (len(folder.files[split]) for split in SPLITS)
        return DatasetInfo(self.name, *shape, *counts, self.digest(folder, root))

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
                path.parent.mkdir(exist_ok=True)
                places.write_text(path, f"{digest} {check}")
        return digest

    def load(self, split: str, limit: int | None, root: Path, **options) -> ImageData:
        folder = self.folder(root, options)
        count = self.limited(split, limit, len(folder.files[split]))
        path = self.path(folder, root) / f"{split}.safetensors"
        needed = len(folder.files[split]) * folder.channels * folder.size**2
        with kept.workspace(root, self.name, folder.base.name, needed) as workspace:
            there = kept.count(path)
            if there < count:  # decode only what is new: the kept file is a prefix of the wanted
                there = there if workspace else 0
                images, labels = map(torch.from_numpy, folder.decode(split, there, count))
                if workspace is None:
                    return ImageData(images, labels.long(), folder.classes)
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
    """A folder's files, looked at once per process: a section asks many times."""
    return dataset.listed(base, **dict(options))
