"""The planted data set: generated images in which it is known which frequencies tell the class.

Every image is mid-grey plus 1/f noise plus the templates of its class. A class has one template in
a low band and one in a high band, drawn independently; either can be made stronger or removed.
With only the high cue, a method that claims to find where a network's evidence lies must answer
"in the high band"; that makes this set the test of every method in the book.

The same seed gives the same bytes on any machine. Random numbers are the raw output of Philox,
which is specified to the bit (NumPy's distributions are not). The noise is a convolution of
integers: the Fourier transform computes it with an error far below one half, so rounding returns
the exact integer whatever the processor and library, and all later steps are integer arithmetic.
"""

import hashlib
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from fhelpers.data.dataset import Dataset, DatasetInfo, ImageData, check_whole, refuse
from fhelpers.data.files import quoted

COUNTS = {"train": 50_000, "test": 10_000}
GREY = 128  # mid-grey as an integer: half a grey level would put every pixel on a rounding tie
FIXED_POINT = 16  # binary digits behind the point of a grey level, for noise and templates
TEMPLATE_DEVIATION = 0.10  # of a template of strength 1, in units of the pixel range
BRIGHTNESS = 4.0  # amplitude at d = 0, where 1/d has no value: photographs vary in brightness most
CHUNK = 500  # images at a time: keeps the float64 spectra in the processor's cache
LIMITS = {"classes": (2, 200), "size": (8, 512), "channels": (1, 8), "seed": (0, 2**63 - 1)}
STREAMS = {"train": 0, "test": 1, "low": 2, "high": 3}  # independent random streams of one seed


@dataclass(frozen=True)
class Planted:
    """The parameters of a planted data set.

    A band (a, b) holds the frequencies with a < d ≤ b, d the distance to the zero frequency, so
    (0, 4) leaves the mean brightness without a cue. Pixels are clipped to the range: at strengths
    up to 1 less than 0.1 % of a cue's energy leaves its band, at 2 about 0.2 %, at 3 over 1 %.
    Raises ValueError for an impossible value.
    """

    low: float = 1.0  # strength of the cue in the low band; 0: no cue there
    high: float = 1.0  # strength of the cue in the high band
    low_band: tuple[float, float] = (0, 4)
    high_band: tuple[float, float] = (10, 14)
    classes: int = 10
    noise: float = 0.10  # standard deviation of the 1/f noise, in units of the pixel range
    size: int = 32  # height and width
    channels: int = 3
    seed: int = 0

    def __post_init__(self):
        for name, (least, most) in LIMITS.items():
            check_whole("planted", name, getattr(self, name), least, most)
        for name in ("low", "high", "noise"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 100:
                refuse("planted", name, value, "a number from 0 to 100")
            object.__setattr__(self, name, float(value))  # 1 and 1.0 must give one digest
        for name in ("low_band", "high_band"):
            band = getattr(self, name)
            pair = isinstance(band, (tuple, list)) and len(band) == 2
            if not pair or not all(map(_is_number, band)):
                refuse("planted", name, band, "two numbers")
            object.__setattr__(self, name, tuple(map(float, band)))
            if band[0] < 0 or not _band_mask(self.size, *band).any():
                raise ValueError(
                    f"planted: {name} {quoted(band)} holds no frequency of an image of "
                    f"{self.size} pixels; give (a, b) with 0 <= a < b"
                )


def generate(planted: Planted, split: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate the first ``limit`` images of a split ("train" or "test").

    Returns uint8 pixels (limit, C, H, W) and int64 labels (limit,). Image i is the same whatever
    the limit. Both splits use the same templates; their noise differs. Labels go round the
    classes in turn, so any prefix is balanced.
    """
    labels = np.arange(limit) % planted.classes
    templates = _templates(planted)
    shape = (planted.channels, planted.size, planted.size)
    images = np.empty((limit, *shape), np.uint8)
    half = 1 << (FIXED_POINT - 1)
    bits = _random(planted.seed, split)
    spectrum, scale = _noise_filter(planted)
    for start in range(0, limit, CHUNK):
        stop = min(start + CHUNK, limit)
        # Whole chunks are drawn even at the end: a chunk's length must not move the next one.
        white = _white(bits, (CHUNK, *shape))[: stop - start]
        noise = np.fft.irfft2(np.fft.rfft2(white) * spectrum, s=shape[1:])
        fixed = np.rint(noise).astype(np.int64) >> scale
        fixed += templates[labels[start:stop]]
        fixed += (GREY << FIXED_POINT) + half
        images[start:stop] = np.clip(fixed >> FIXED_POINT, 0, 255)
    return images, labels.astype(np.int64)


@lru_cache
def digest(planted: Planted) -> str:
    """SHA-256 over the parameters and the first images of both splits.

    The images are in it so that a change of the generator changes the digest.
    """
    sha = hashlib.sha256(repr(asdict(planted)).encode())
    for split in COUNTS:
        sha.update(generate(planted, split, 2 * planted.classes)[0])
    return sha.hexdigest()


class Generated(Dataset):
    """The planted data set as an entry of the registry."""

    generated = True

    def check_values(self, **options) -> None:
        Planted(**options)

    def available(self, root: Path, **options) -> bool:
        return True

    def fetch(self, root: Path, **options) -> None:
        pass

    def describe(self, root: Path, **options) -> DatasetInfo:
        own = Planted(**options)
        shape = (own.channels, own.size, own.size)
        return DatasetInfo(self.name, *shape, own.classes, *COUNTS.values(), digest(own))

    def load(self, split: str, limit: int | None, root: Path, **options) -> ImageData:
        return _load(Planted(**options), split, self.limited(split, limit, COUNTS[split]))


@lru_cache(maxsize=4)
def _load(planted: Planted, split: str, count: int) -> ImageData:
    images, labels = map(torch.from_numpy, generate(planted, split, count))
    return ImageData(images, labels, tuple(f"class {i}" for i in range(planted.classes)))


PLANTED = Generated(
    name="planted",
    title="planted",
    options=tuple(each.name for each in fields(Planted)),
    proposals={"easy": (("low", 2.0), ("high", 3.0)), "plain": (("low", 0.0), ("high", 0.0))},
)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _squared_distance(size: int) -> np.ndarray:
    """Squared distance of each bin to the zero frequency, uncentred, exact integers."""
    axis = np.rint(np.fft.fftfreq(size) * size).astype(np.int64)
    return axis[:, None] ** 2 + axis[None, :] ** 2


@lru_cache
def _band_mask(size: int, inner: float, outer: float) -> np.ndarray:
    distance = _squared_distance(size)
    return (distance > inner * inner) & (distance <= outer * outer)


def _random(seed: int, stream: str) -> np.random.Philox:
    return np.random.Philox(key=np.array([seed, STREAMS[stream]], dtype=np.uint64))


def _white(bits: np.random.Philox, shape: tuple[int, ...]) -> np.ndarray:
    """White noise from raw bytes: odd integers from -255 to 255 as float64."""
    count = int(np.prod(shape))
    words = bits.random_raw(-(-count // 8)).astype("<u8")  # the same bytes on any processor
    return 2.0 * words.view(np.uint8)[:count].reshape(shape) - 255


def _noise_filter(planted: Planted) -> tuple[np.ndarray, int]:
    """Spectrum of the 1/f filter with integer coefficients, and its surplus binary digits.

    The convolution's values stay far below 2^53, where float64 holds every integer.
    """
    size = planted.size
    amplitude = 1 / np.sqrt(np.maximum(_squared_distance(size), 1))
    amplitude[0, 0] = BRIGHTNESS
    kernel = np.fft.ifft2(amplitude).real
    kernel *= planted.noise * 255 / (np.linalg.norm(kernel) * np.sqrt((256**2 - 1) / 3))
    surplus = 4
    kernel = np.rint(kernel * 2 ** (FIXED_POINT + surplus))
    return np.fft.rfft2(kernel), surplus


def _templates(planted: Planted) -> np.ndarray:
    """Class templates (classes, C, H, W) in grey levels times 2^FIXED_POINT, int64."""
    total = np.zeros((planted.classes, planted.channels, planted.size, planted.size), np.int64)
    for name in ("low", "high"):
        bits = _random(planted.seed, name)
        mask = _band_mask(planted.size, *getattr(planted, f"{name}_band"))
        cue = np.fft.ifft2(np.fft.fft2(_white(bits, total.shape)) * mask).real
        cue *= 1 / np.sqrt((cue**2).mean(axis=(1, 2, 3), keepdims=True))
        level = getattr(planted, name) * TEMPLATE_DEVIATION * 255 * 2**FIXED_POINT
        total += np.rint(cue * level).astype(np.int64)
    return total
