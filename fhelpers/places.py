"""Where data and runs are kept unless the user says otherwise, and how a file gets there whole."""

import glob
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SETTINGS = ("FHELPERS_DATA", "FHELPERS_RESULTS", "FHELPERS_TINY_IMAGENET")


def absolute(path: str | Path) -> Path:
    """A path with ~ filled in, which stays the same place when the current folder changes."""
    try:
        return Path(os.path.expanduser(path)).absolute()
    except FileNotFoundError:
        raise FileNotFoundError("the current folder was removed: go to another one") from None


# Once, from the folder where the user stands: kernels and jobs of the workflow run elsewhere.
with suppress(FileNotFoundError):  # said when a place is asked for
    os.environ.update({n: str(absolute(os.environ[n])) for n in SETTINGS if os.getenv(n)})


def home() -> Path:
    """The checkout that this package is part of, else the current folder.

    A notebook opened by hand runs in notebooks/, a test in tests/: all share one data/ and one
    results/.
    """
    checkout = Path(__file__).parent.parent
    return checkout if (checkout / "Snakefile").exists() else Path.cwd()


def writable(path: Path, *, folder: bool = False) -> Path:
    """The absolute path of a file, or folder, that can be written; nothing is created.

    Raises ValueError where it cannot; call it before the work, not after.
    """
    path = absolute(path)
    try:
        (path if folder or not path.name else temporary(path)).lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # such as a name that is too long
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if there == path and not (path.is_dir() if folder else path.is_file()):
        raise ValueError(f"{path} is no {'folder' if folder else 'file'}: name another one")
    if there != path and not there.is_dir():
        raise ValueError(f"{there} is no folder, so {path} cannot be written: name another place")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{there} may not be written to: name another place")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to be written, which takes the place of `path` if all goes well, else disappears.

    What processes of this machine that were killed left of the same file is removed. Raises
    OSError with the path when it cannot be written.
    """
    written = temporary(path)
    prefix = written.name.removesuffix(str(os.getpid()))
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        if not is_alive(left.name.removeprefix(prefix)):
            left.unlink(missing_ok=True)
    try:
        yield written
        written.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        what = os.strerror(error.errno)
        raise OSError(error.errno, f"{path} cannot be written: {what}") from error
    finally:
        written.unlink(missing_ok=True)


def temporary(path: Path) -> Path:
    """Where this process writes a file before it gets its name."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is whole or absent."""
    with replacing(path) as file:
        file.write_text(text, "utf-8")


def is_alive(process: str) -> bool:
    """Whether a process of this machine has that number."""
    try:
        os.kill(int(process), 0)
    except (OSError, ValueError, OverflowError) as error:
        return not isinstance(error, ProcessLookupError)
    return True
