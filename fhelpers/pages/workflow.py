"""The workflow as `make book` calls it: one at a time, and on from where a killed one stopped."""

import fcntl
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fhelpers import places
from fhelpers.pages import forks


def start(given: dict, jobs: int, targets: Sequence[str] = ("book",)) -> NoReturn:
    """Replace this process with Snakemake, which makes the targets with these notebook parameters.

    Raises ValueError for impossible jobs, BlockingIOError while another call is at work.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    folder = places.home() / ".snakemake"
    folder.mkdir(exist_ok=True)
    # The system ends this lock with the process, however that ends; Snakemake's own stays behind.
    lock = os.open(folder / "book.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        what = "another call is already building this book: wait for it, or stop it"
        raise BlockingIOError(error.errno, what) from error
    os.set_inheritable(lock, True)
    command = [sys.executable, "-m", "snakemake", "--cores", str(jobs), *targets, "--nolock"]
    command += ["--rerun-incomplete", "--config"]
    command += [f"{name}={json.dumps(value)}" for name, value in given.items()]
    os.chdir(places.home())
    sys.stdout.flush()
    if sys.platform == "linux":  # a fork of macOS's own libraries may crash
        forks.start(closed=lock)
    os.execv(sys.executable, command)
