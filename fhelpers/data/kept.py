"""Decoded images kept on disk: whole files under their final names, compared with their digests."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fhelpers.data import sources

KINDS = ("images", "labels")


@contextlib.contextmanager
def workspace(root: Path, name: str, title: str, needed: int) -> Iterator[Path | None]:
    """An empty folder on the data's disk, for one process at a time; None where none can be made.

    Its name is fixed, so what a killed process left in it is removed by the next one.
    """
    try:
        (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:  # no permission, or a file system mounted read-only
        if sources.is_disk_full(error):
            there = next(each for each in (root, *root.parents) if each.exists())
            raise sources.disk_full(there, title, needed) from error
    if not (os.path.isdir(root / name) and os.access(root / name, os.W_OK)):
        yield None
        return
    folder = root / name / ".fetching"
    try:
        with FileLock(root / name / ".lock"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder.resolve()  # programs run inside it, whatever the current folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        if sources.is_disk_full(error):
            raise sources.disk_full(root, title, needed) from error
        raise


def clear(root: Path, name: str) -> None:
    """Remove what a killed process left, unless another one is at work there."""
    folder = root / name / ".fetching"
    if folder.exists():
        with contextlib.suppress(Timeout, OSError), FileLock(root / name / ".lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)


def write(path: Path, images, labels, folder: Path, metadata: dict | None = None) -> None:
    """Write uint8 images and labels so that ``path`` holds all of them or does not exist."""
    partial = folder / path.name
    save_file({"images": images, "labels": labels}, partial, metadata)
    partial.chmod(0o644)  # others may share the folder; the library lets only its owner read
    path.parent.mkdir(exist_ok=True)
    os.replace(partial, path)


_verified: dict[Path, tuple[int, ...]] = {}


def read(path: Path, count: int, expected: dict[str, str] | None = None) -> list[torch.Tensor]:
    """The first ``count`` images and labels of a kept file, compared with their digests.

    The whole file is hashed once per process, and again whenever it was replaced or written to.
    Without ``expected`` the digests are those that were written with it.
    """
    stat = path.stat()
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    with _opened(path) as file:
        expected = expected or file.metadata() or {}
        if _verified.get(path) == identity:
            return [file.get_slice(kind)[:count].clone() for kind in KINDS]
        tensors = [file.get_tensor(kind).clone() for kind in KINDS]
    for kind, tensor in zip(KINDS, tensors, strict=True):
        found = sha256(tensor)
        if found != expected.get(kind):
            raise sources.damaged(path, f"SHA-256 of the {kind}", expected.get(kind), found)
    _verified[path] = identity
    return [tensor if count == len(tensor) else tensor[:count].clone() for tensor in tensors]


def count(path: Path) -> int:
    """How many images a kept file holds, 0 where there is none."""
    if not path.is_file():
        return 0
    with _opened(path) as file:
        return file.get_slice("labels").get_shape()[0]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    """A kept file, whose header is refused by name when it is not what was written."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        size = f"{path.stat().st_size} bytes that cannot be read ({error})"
        raise sources.damaged(path, "content", "tensors", size) from error


def sha256(tensor: torch.Tensor) -> str:
    """Digest of the values and, where it is not uint8, of the type."""
    prefix = b"" if tensor.dtype == torch.uint8 else str(tensor.dtype).encode()
    sha = hashlib.sha256(prefix)
    sha.update(tensor.numpy())
    return sha.hexdigest()
