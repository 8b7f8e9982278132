"""Kills runs, fetches and workflows at random moments, and looks at what the next call makes of it.

    python tests/kill_campaign.py [--kills 20] [--seed 0] [run fetch workflow callers]

Each must end equal to one that was never interrupted, and leave nothing behind.
"""

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUN = """
import torch
torch.set_num_threads(1)
from fhelpers.runs import store
from fhelpers.runs.recipes import Recipe
print("ready", flush=True)
input()
store.carry_out(Recipe(
    dataset="planted", data_options=(("classes", 4),), model="lenet", train_images=200,
    test_images=40, monitored_images=20, batch_size=10, learning_rate=3e-3, epochs=6, radii=(8,),
    precision="float32",
))
"""
FETCH = """
from fhelpers import data
print("ready", flush=True)
input()
data.fetch("tiny-imagenet")
"""
WORKFLOW = """
import sys
from fhelpers.pages import workflow
print("ready", flush=True)
input()
given = {"scale": "smoke", "dataset": "planted", "seeds": [0]}
workflow.start(given, 2, ["book/sections/02_shuffled_labels.ipynb"])
"""
VOLATILE = ("record.json", ".ipynb")  # they hold dates and seconds


class Place:
    """A checkout of its own, with an empty store, an empty home and a folder of data."""

    def __init__(self, folder: Path):
        self.folder, self.checkout = folder, folder / "checkout"
        self.store, self.data, self.log = folder / "results", folder / "data", folder / "log"
        for name in ("fhelpers", "notebooks", "profiles"):
            shutil.copytree(ROOT / name, self.checkout / name)
        for name in ("Snakefile", "_toc.yml"):
            shutil.copy(ROOT / name, self.checkout)
        self.data.mkdir()

    def images(self, count: int) -> None:
        """A folder in Tiny ImageNet's layout, of coloured squares."""
        from PIL import Image

        base, rows = self.data / "tiny-imagenet-200", []
        for number, wnid in enumerate(("n00000001", "n00000002")):
            for part, names in (("train", base / "train" / wnid), ("val", base / "val")):
                (names / "images").mkdir(parents=True, exist_ok=True)
                for i in range(count):
                    name = f"{wnid}_{part}_{i}.JPEG"
                    colour = (90 * number, i % 256, i // 256)
                    Image.new("RGB", (64, 64), colour).save(names / "images" / name)
                    rows += [f"{name}\t{wnid}"] * (part == "val")
        (base / "wnids.txt").write_text("n00000001\nn00000002\n")
        (base / "words.txt").write_text("n00000001\tfirst\nn00000002\tsecond\n")
        (base / "val" / "val_annotations.txt").write_text("\n".join(rows) + "\n")

    def ready(self, code: str) -> subprocess.Popen:
        """A process group that has imported what some code needs, and waits."""
        own = {"FHELPERS_RESULTS": self.store, "FHELPERS_DATA": self.data, "FHELPERS_OFFLINE": "1"}
        own |= {"PYTHONPATH": self.checkout, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=self.checkout, process_group=0, text=True,
            env=os.environ | {name: str(value) for name, value in own.items()},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("a"),
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n", self.log.read_text()
        return process

    def finish(self, code: str) -> float:
        """The seconds that some code takes to its good end."""
        process, began = self.ready(code), time.monotonic()
        process.communicate("go\n")
        assert process.returncode == 0, self.log.read_text()[-3000:]
        return time.monotonic() - began

    def kill(self, code: str, after: float) -> bool:
        """Whether some code was killed, with all that it started, before it ended."""
        process = self.ready(code)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate("go\n", timeout=after)
        alive = process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return alive

    def contents(self) -> dict[str, str]:
        """{path: digest} of all that was made; what holds dates is named without its digest."""
        made = [self.store, *self.data.glob("tiny-imagenet"), self.checkout / "book" / "sections"]
        files = [file for folder in made for file in folder.rglob("*") if file.is_file()]
        return {
            str(file.relative_to(self.folder)): ""
            if file.name.endswith(VOLATILE)
            else digest_of(file)
            for file in files
        }

    def clear(self) -> None:
        """Remove what was made."""
        for folder in (self.store, self.data / "tiny-imagenet", self.checkout / "book/sections"):
            shutil.rmtree(folder, ignore_errors=True)


def digest_of(file: Path) -> str:
    """Of a file's bytes; of its tensors where it holds some, whose header has no fixed order."""
    from safetensors.numpy import load_file

    if file.suffix != ".safetensors":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    tensors = sorted(load_file(file).items())
    return hashlib.sha256(b"".join(name.encode() + each.data for name, each in tensors)).hexdigest()


def campaign(place: Place, code: str, kills: int, chance: random.Random) -> int:
    """How many of so many kills were followed by a call that went on and ended equal."""
    place.clear()
    seconds = place.finish(code)
    expected, equal = place.contents(), 0
    for number in range(kills):
        killed = False
        while not killed:
            place.clear()
            after = chance.random() * seconds
            killed = place.kill(code, after)
            seconds = seconds if killed else min(seconds, after)  # the machine had been busy
        place.finish(code)
        found = place.contents()
        equal += found == expected
        said = sorted(found.items() ^ expected.items()) or "equal"
        print(f"  {number + 1}: killed at {after:.2f} s: {said}", flush=True)
    return equal


def callers(place: Place, code: str) -> int:
    """How many of two calls at once end well and equal to one alone; a workflow refuses one."""
    place.clear()
    place.finish(code)
    expected = place.contents()
    place.clear()
    place.log.write_text("")
    processes = [place.ready(code) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    ended = [process.returncode for process in processes].count(0)
    refused = "another call is already building this book" in place.log.read_text()
    return (ended + refused) * (place.contents() == expected)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["run", "fetch", "workflow", "callers"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    codes, failed = {"run": RUN, "fetch": FETCH, "workflow": WORKFLOW}, 0
    with tempfile.TemporaryDirectory() as folder:
        place, chance = Place(Path(folder)), random.Random(asked.seed)
        place.images(200)
        for name in asked.what:
            if name == "callers":
                found = {each: callers(place, code) for each, code in codes.items()}
                failed += sum(count < 2 for count in found.values())
                print(f"two callers: {found} of 2 end as they should", flush=True)
            else:
                equal = campaign(place, codes[name], asked.kills, chance)
                failed += asked.kills - equal
                print(f"{name}: {equal} of {asked.kills} equal, nothing left behind", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
