"""Reading files that others made: every error is a sentence with the file's name and line."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

MOST_PIXELS = 10_000 * 10_000  # no photograph of a data set has more: such a header is not believed


def quoted(value: object, room: int = 100) -> str:
    """A value as Python writes it, cut where it is too long for a sentence."""
    text = repr(value)
    return text if len(text) <= room else f"{text[: room - 1]}…"


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file or folder into ones that name it."""
    try:
        yield
    except FileNotFoundError:
        what = "is a link to nothing" if path.is_symlink() else "is missing"
        raise FileNotFoundError(f"{path} {what}: unpack its archive again") from None
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(f"{path} cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """An image file whose header was read; to be decoded inside, where errors get its name."""
    with reading(path):
        try:
            with Image.open(path) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} × {image.height} pixels")
                yield image
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path} is too large to be decoded: {error}") from error
        except (OSError, SyntaxError, EOFError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            text = f"{path} is damaged and cannot be read as an image: {error}"
            raise ValueError(text) from error


def rows(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """("FILE, line N", the columns between tabs) of every line that is not blank.

    Raises ValueError for a line that has fewer columns or is not UTF-8.
    """
    with reading(path), path.open("rb") as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines, start=1):
        place = f"{path}, line {number}"
        try:
            text = line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{place} is not UTF-8 text: {error.reason}") from error
        row = [cell.strip() for cell in text.split("\t")]
        if not any(row):
            continue
        if len(row) < columns or not all(row[:columns]):
            wanted = f"{columns} columns with tabs between"
            raise ValueError(f"{place} must have {wanted}, not {quoted(text)}")
        yield place, row


def jpegs(folder: Path) -> list[str]:
    """The names of a folder's JPEG files, without those that macOS hides beside them."""
    with reading(folder):
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    found = [name for name in names if name.lower().endswith((".jpeg", ".jpg"))]
    if not found:
        raise ValueError(f"{folder} holds no JPEG files: unpack its archive again")
    return found
