"""Reading files that others made: every error is a sentence with the file's name and line."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

MOST_PIXELS = 10_000 * 10_000  # no photograph of a data set has more: such a header is not believed
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # whose readers run no other program


class Unsound(ValueError):
    """A file that was read and is not what it should be; the text names it."""


def quoted(value: object, room: int = 100) -> str:
    """A value as Python writes it, cut where it is too long for a sentence."""
    text = repr(value)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file's content, in hex; raises as `reading`."""
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file or folder into ones that name it.

    Raises ValueError for pipes and devices, which may never end.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Unsound(f"{path} is no file, but a pipe or a device: remove it")
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
    """An image file whose header was read; decode it inside, where every error names the file."""
    with reading(path):
        try:
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} × {image.height} pixels")
                if image.mode[0] in "IF":  # whole numbers of 16 or 32 bits, or floats
                    what = f"{path} has pixels of more than 8 bits ({image.mode})"
                    raise Unsound(f"{what}, which Pillow would clip: convert it to 8 bits")
                yield image
        except Image.DecompressionBombError as error:
            raise Unsound(f"{path} is too large to be decoded: {error}") from error
        except Exception as error:  # decoders raise whatever a content leads them to
            if isinstance(error, Unsound) or getattr(error, "errno", None) is not None:
                raise
            text = f"{path} is damaged and cannot be read as an image: {error}"
            raise Unsound(text) from error


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
