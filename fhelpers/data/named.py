"""Named image data sets as whole tensors, checked against their digests.

    train = load("cifar10", train=True, limit=2000)
    train.pixels()          # float32 (2000, 3, 32, 32) in [0, 1]

The first call finds or fetches the files (:mod:`fhelpers.sources` says where), decodes them once
and keeps the tensors at ``root/<name>/``; later calls read those in a fraction of a second. What
is kept is written under a temporary name, renamed, and compared with its digest when read.
"""

import contextlib
import hashlib
import inspect
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fhelpers import places
from fhelpers.data import folders, planted, sources
from fhelpers.data.sources import PINNED, SPLITS

NAMES = (*PINNED, "imagenette", "tiny-imagenet", "planted")
KINDS = ("images", "labels")
OPTIONS = {
    "imagenette": ("classes", "size", "grey"),
    "tiny-imagenet": ("classes",),
    "planted": tuple(inspect.signature(planted.Planted).parameters),
}


@dataclass(frozen=True)
class ImageData:
    """Images uint8 (N, C, H, W), labels int64 (N,) and the names of the classes."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self) -> torch.Tensor:
        """The images as float32 in [0, 1], the form that filters, attacks and models take."""
        return self.images.float().div_(255)


@dataclass(frozen=True)
class DatasetInfo:
    """What can be said about a data set without reading its images."""

    name: str
    channels: int
    height: int
    width: int
    classes: int
    train: int  # images
    test: int
    digest: str  # changes whenever an image, a label or an option does


def load(name: str, *, train: bool, limit: int | None = None, root=None, **options) -> ImageData:
    """Load the first ``limit`` images (None: all) of a split of the data set ``name``.

    The order is fixed: the published one, or a fixed shuffle for folders of files, so that any
    prefix mixes the classes. ``root`` is where files are looked for and kept (default:
    FHELPERS_DATA, else data/ of the checkout).

    Options: imagenette ``classes`` (10 or 5), ``size`` (pixels, 128), ``grey`` (False);
    tiny-imagenet ``classes`` (all); planted: the fields of :class:`fhelpers.planted.Planted`.

    Raises ValueError for an unknown name or option, too large a limit or a damaged file,
    FileNotFoundError when the data can neither be found nor fetched, OSError on a full disk.
    """
    _check_name(name, options)
    root, split = _root(root), "train" if train else "test"
    if name == "planted":
        settings = planted.Planted(**options)
        count = _checked_limit(name, split, limit, planted.COUNTS[split])
        return _planted(settings, split, count)
    if name in PINNED:
        count = _checked_limit(name, split, limit, PINNED[name].counts[split])
        return _load_pinned(name, split, count, root)
    folder = _folder(name, root, options)
    count = _checked_limit(name, split, limit, len(folder.files[split]))
    return _load_folder(name, folder, split, count, root)


def describe(name: str, *, root=None, **options) -> DatasetInfo:
    """Shape, sizes and digest of a data set, without reading images where they are pinned.

    For a folder of files the digest is computed from their contents once, and remembered until a
    file changes. Raises like :func:`load`.
    """
    _check_name(name, options)
    if name in PINNED:
        known = PINNED[name]
        counts = known.counts
        return DatasetInfo(
            name, *known.shape, len(known.classes), counts["train"], counts["test"], known.digest
        )
    if name == "planted":
        p = planted.Planted(**options)
        shape, counts = (p.channels, p.size, p.size), planted.COUNTS
        return DatasetInfo(name, *shape, p.classes, *counts.values(), planted.digest(p))
    root = _root(root)
    folder = _folder(name, root, options)
    shape = (folder.channels, folder.size, folder.size)
    counts = [len(folder.files[split]) for split in SPLITS]
    digest = _folder_digest(name, folder, root)
    return DatasetInfo(name, *shape, len(folder.classes), *counts, digest)


def available(name: str, root=None, **options) -> bool:
    """Whether the data set can be loaded from files already there; never uses the network."""
    _check_name(name, options)
    root = _root(root)
    if name == "planted":
        return True
    if name in PINNED:
        kept = all(_cache(name, split, root).is_file() for split in SPLITS)
        return kept or sources.in_layout(name, root)
    return folders.find(name, root, **_size(options)) is not None


def imagenet_subset() -> str | None:
    """The ImageNet subset that is at hand without a network: Imagenette, else Tiny ImageNet."""
    for name in ("imagenette", "tiny-imagenet"):
        if available(name):
            return name
    return None


def fetch(name: str, root=None, **options) -> DatasetInfo:
    """Make a data set ready for use: find or fetch its files and decode them. Says what it is."""
    _check_name(name, options)
    for split in SPLITS if name != "planted" else ():
        load(name, train=split == "train", root=root, **options)
    return describe(name, root=root, **options)


# ---------------------------------------------------------------- names, options, limits


def _check_name(name: str, options: dict) -> None:
    if name not in NAMES:
        raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(NAMES)}")
    allowed = OPTIONS.get(name, ())
    for option in options:
        if option not in allowed:
            choice = f"its options are {', '.join(allowed)}" if allowed else "it has no options"
            raise ValueError(f"unknown option {option!r} of the data set {name}: {choice}")
    if name == "planted":
        planted.Planted(**options)  # checks its own values
    if name == "imagenette":
        _check_imagenette(**options)
    if name == "tiny-imagenet":
        _check_whole(name, "classes", options.get("classes"), 2)


def _check_imagenette(classes=10, size=128, grey=False) -> None:
    if classes not in (5, 10):
        raise ValueError(f"imagenette: classes must be 10 or 5, not {classes!r}")
    _check_whole("imagenette", "size", size, 28)
    largest = max(folders.IMAGENETTE_SIZES)
    if size > largest:
        raise ValueError(f"imagenette: size must be at most {largest} pixels, not {size}")
    if not isinstance(grey, bool):
        raise ValueError(f"imagenette: grey must be True or False, not {grey!r}")


def _check_whole(name: str, what: str, value, least: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and (not whole or value < least):
        raise ValueError(f"{name}: {what} must be a whole number from {least}, not {value!r}")


def _checked_limit(name: str, split: str, limit: int | None, count: int) -> int:
    _check_whole(name, "limit", limit, 1)
    if limit is not None and limit > count:
        raise ValueError(
            f"limit {limit} is larger than the data set: {name} has {count} {split} images"
        )
    return count if limit is None else limit


def _root(root) -> Path:
    return Path(root or os.environ.get("FHELPERS_DATA") or places.home() / "data").expanduser()


def _size(options: dict) -> dict:
    return {k: v for k, v in options.items() if k == "size"}


@lru_cache(maxsize=4)
def _planted(settings: planted.Planted, split: str, count: int) -> ImageData:
    images, labels = planted.generate(settings, split, count)
    names = tuple(f"class {i}" for i in range(settings.classes))
    return ImageData(torch.from_numpy(images), torch.from_numpy(labels), names)


# ---------------------------------------------------------------- pinned sets


def _cache(name: str, split: str, root: Path) -> Path:
    return root / name / f"{split}.safetensors"


def _load_pinned(name: str, split: str, count: int, root: Path) -> ImageData:
    known, path = PINNED[name], _cache(name, split, root)
    expected = {kind: known.digests[split, kind] for kind in KINDS}
    if not path.is_file():
        with _workspace(root, name, known.title, known.bytes_needed()) as workspace:
            if not path.is_file():  # another process may have fetched it while this one waited
                parts = sources.obtain(name, root, workspace)
                if workspace is None:
                    images, labels = (part[:count].clone() for part in _tensors(name, parts, split))
                    return ImageData(images, labels.long(), known.classes)
                for each in SPLITS:
                    _write(_cache(name, each, root), *_tensors(name, parts, each), workspace)
    images, labels = _read(path, count, expected)
    return ImageData(images, labels.long(), known.classes)


def _tensors(name: str, parts: sources.Parts, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = (torch.from_numpy(parts[split, kind][0].copy()) for kind in KINDS)
    return images.view(-1, *PINNED[name].shape), labels


@contextlib.contextmanager
def _workspace(root: Path, name: str, title: str, needed: int) -> Iterator[Path | None]:
    """An empty folder on the data's disk, for one process at a time; None where none can be made.

    Its name is fixed, so what a killed process left in it is removed by the next one.
    """
    try:
        (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if sources.is_disk_full(error):
            raise sources.disk_full(_existing(root), title, needed) from error
        writable = False  # no permission, or a file system mounted read-only
    else:
        writable = os.access(root / name, os.W_OK)
    if not writable:
        yield None
        return
    workspace = root / name / ".fetching"
    try:
        with FileLock(root / name / ".lock"):
            shutil.rmtree(workspace, ignore_errors=True)
            workspace.mkdir()
            try:
                yield workspace.resolve()  # programs run inside it, whatever the current folder
            finally:
                shutil.rmtree(workspace, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        if sources.is_disk_full(error):
            raise sources.disk_full(root, title, needed) from error
        raise


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.absolute().parents) if p.exists())


def _write(path: Path, images, labels, workspace: Path, metadata: dict | None = None) -> None:
    """Write uint8 images and labels so that ``path`` holds all of them or does not exist."""
    partial = workspace / path.name
    save_file({"images": images, "labels": labels}, partial, metadata)
    partial.chmod(0o644)  # others may share the folder; the library lets only its owner read
    path.parent.mkdir(exist_ok=True)
    os.replace(partial, path)


_verified: dict[Path, tuple[int, ...]] = {}


def _read(path: Path, count: int, expected: dict[str, str] | None = None) -> list[torch.Tensor]:
    """The first ``count`` images and labels of a kept file, compared with their digests.

    The whole file is hashed once a process, and again whenever it was replaced or written to.
    Without ``expected`` the digests are those that were written with it.
    """
    stat = path.stat()
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    with _opened(path) as file:
        expected = expected or file.metadata() or {}
        if _verified.get(path.absolute()) == identity:
            return [file.get_slice(kind)[:count].clone() for kind in KINDS]
        tensors = [file.get_tensor(kind).clone() for kind in KINDS]
    for kind, tensor in zip(KINDS, tensors, strict=True):
        found = _sha256(tensor)
        if found != expected.get(kind):
            raise sources.damaged(path, f"SHA-256 of the {kind}", expected.get(kind), found)
    _verified[path.absolute()] = identity
    return [tensor if count == len(tensor) else tensor[:count].clone() for tensor in tensors]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    """A kept file, whose header is refused by name when it is not what was written."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        size = f"{path.stat().st_size} bytes that cannot be read ({error})"
        raise sources.damaged(path, "content", "tensors", size) from error


def _sha256(tensor: torch.Tensor) -> str:
    """Digest of the values and, where it is not uint8, of the type."""
    prefix = b"" if tensor.dtype == torch.uint8 else str(tensor.dtype).encode()
    sha = hashlib.sha256(prefix)
    sha.update(tensor.numpy())
    return sha.hexdigest()


# ---------------------------------------------------------------- folders of files


def _folder(name: str, root: Path, options: dict) -> folders.Folder:
    base = folders.find(name, root, **_size(options))
    if base is None:
        base = _fetch_folder(name, root, options)
    return _listed(name, base, tuple(sorted(options.items())))


@lru_cache
def _listed(name: str, base: Path, options: tuple) -> folders.Folder:
    """A folder's files, looked at once a process: a section asks many times."""
    lister = folders.list_imagenette if name == "imagenette" else folders.list_tiny_imagenet
    return lister(base, **dict(options))


def _fetch_folder(name: str, root: Path, options: dict) -> Path:
    if name == "tiny-imagenet":
        raise folders.missing(name, root, "it is not fetched automatically")
    size = options.get("size", 128)
    *_, needed = folders.published_imagenette(size)
    with _workspace(root, name, "Imagenette", needed) as workspace:
        if workspace is None:
            raise folders.missing(name, root, "that folder cannot be written to")
        if folders.find(name, root, size=size) is None:  # nobody fetched it while this one waited
            try:
                folders.fetch_imagenette(root, workspace, size=size)
            except sources.Unreachable as error:
                raise folders.missing(name, root, str(error)) from error
    return folders.find(name, root, size=size)


def _load_folder(name: str, folder: folders.Folder, split: str, count: int, root) -> ImageData:
    path = root / name / folder.fingerprint[:16] / f"{split}.safetensors"
    needed = len(folder.files[split]) * folder.channels * folder.size**2
    with _workspace(root, name, folder.base.name, needed) as workspace:
        kept = _count(path)
        if workspace is None and kept < count:
            images, labels = map(torch.from_numpy, folder.decode(split, 0, count))
            return ImageData(images, labels.long(), folder.classes)
        if kept < count:  # decode only what is new: the kept file is a prefix of the wanted one
            images, labels = map(torch.from_numpy, folder.decode(split, kept, count))
            if kept:
                before = _read(path, kept)
                images, labels = torch.cat([before[0], images]), torch.cat([before[1], labels])
            digests = {"images": _sha256(images), "labels": _sha256(labels)}
            _write(path, images, labels, workspace, digests)
    images, labels = _read(path, count)
    return ImageData(images, labels.long(), folder.classes)


def _count(path: Path) -> int:
    if not path.is_file():
        return 0
    with _opened(path) as file:
        return file.get_slice("labels").get_shape()[0]


def _folder_digest(name: str, folder: folders.Folder, root: Path) -> str:
    path = root / name / folder.fingerprint[:16] / "digest.txt"
    if path.is_file():
        return path.read_text()
    with _workspace(root, name, folder.base.name, 1_000_000) as workspace:
        digest = folder.digest
        if workspace is not None:
            (workspace / path.name).write_text(digest)
            path.parent.mkdir(exist_ok=True)
            os.replace(workspace / path.name, path)
    return digest
