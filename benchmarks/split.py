"""Time `split_many` against the way the released code of paper W splits images.

    python benchmarks/split.py

The first 2,000 training images of CIFAR-10, low and high parts at r = 4, 8, 12, 16. Every way does
the same work at every radius; the ways take turns, and the medians over the rounds are compared.
NumPy's transforms use one thread, so the other ways get one as well; `split_many` is shown on all
cores too. Also shown are the two plain ways to write the split in PyTorch. Exits with status 1 if
the results differ by more than 1e-4, and with status 2 if CIFAR-10 is not there.
"""

import argparse
import statistics
import sys
import time
from functools import partial

import numpy as np
import torch

from fhelpers import data, frequency

RADII = (4, 8, 12, 16)
TOLERANCE = 1e-4


def released_loops(images, radius):
    """Low and high parts of a NumPy array (N, H, W, C), one channel of one image after another.

    As in the released code: the mask is filled pixel by pixel, once a radius; each part has its
    own forward transform; double precision.
    """
    count, height, width, channels = images.shape
    mask = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            mask[i, j] = np.sqrt((i - height / 2) ** 2 + (j - width / 2) ** 2) < radius
    parts = []
    for kept in (mask, 1 - mask):
        part = []
        for n in range(count):
            image = np.zeros((height, width, channels))
            for c in range(channels):
                centred = np.fft.fftshift(np.fft.fft2(images[n, :, :, c])) * kept
                image[:, :, c] = np.real(np.fft.ifft2(np.fft.ifftshift(centred)))
            part.append(image)
        parts.append(np.array(part))
    return parts


def plain_fft2(images, radius):
    mask = torch.fft.ifftshift(frequency.disc(*images.shape[-2:], radius, inclusive=False))
    low = torch.fft.ifft2(torch.fft.fft2(images) * mask).real
    return low, images - low


def plain_rfft2(images, radius):
    height, width = images.shape[-2:]
    mask = torch.fft.ifftshift(frequency.disc(height, width, radius, inclusive=False))
    low = torch.fft.irfft2(torch.fft.rfft2(images) * mask[:, : width // 2 + 1], s=(height, width))
    return low, images - low


def at_each_radius(method, images):
    """`method` at one radius after another, each timed: {radius: (parts, seconds)}."""
    return {radius: timed(method, images, radius) for radius in RADII}


def at_all_radii(images):
    """`split_many`; its one forward transform is shared, and so is its time."""
    parts, seconds = timed(frequency.split_many, images, RADII, inclusive=False)
    return {radius: (parts[radius], seconds / len(RADII)) for radius in RADII}


def on_threads(count, method, *arguments):
    """`method` with `count` threads for PyTorch."""
    torch.set_num_threads(count)
    return method(*arguments)


def timed(function, *arguments, **options):
    start = time.perf_counter()
    result = function(*arguments, **options)
    return result, time.perf_counter() - start


def difference(results, expected):
    """Largest absolute difference between tensors (N, C, H, W) and arrays (N, H, W, C)."""
    return max(
        float(np.abs(np.moveaxis(theirs, -1, 1) - ours.numpy()).max())
        for radius in RADII
        for ours, theirs in zip(results[radius][0], expected[radius][0], strict=True)
    )


def measure(images, rounds):
    """{way: {radius: median seconds}} and {way: largest difference to the released loops}."""
    pixels = np.ascontiguousarray(np.moveaxis(images.double().numpy(), 1, -1))
    cores = torch.get_num_threads()
    ways = {
        "released loops": partial(at_each_radius, released_loops, pixels),
        "fft2": partial(on_threads, 1, at_each_radius, plain_fft2, images),
        "rfft2": partial(on_threads, 1, at_each_radius, plain_rfft2, images),
        "split_many": partial(on_threads, 1, at_all_radii, images),
        f"… on {cores} cores": partial(on_threads, cores, at_all_radii, images),
    }
    # What a way returns is let go before the next one starts: none pays for another's memory. This
    # first round also pays for what only first calls cost, so it is not timed.
    expected = ways["released loops"]()
    differences = {way: difference(ways[way](), expected) for way in list(ways)[1:]}
    del expected
    seconds = {way: {radius: [] for radius in RADII} for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            spent = {radius: value for radius, (_, value) in run().items()}
            for radius in RADII:
                seconds[way][radius].append(spent[radius])
    medians = {
        way: {radius: statistics.median(values) for radius, values in by_radius.items()}
        for way, by_radius in seconds.items()
    }
    return medians, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        images = data.load("cifar10", train=True, limit=options.images).pixels()
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2

    medians, differences = measure(images, options.rounds)
    print(f"{len(images)} images, medians of {options.rounds} rounds")
    print("microseconds per image and radius (times as fast as the released loops)")
    heads = "".join(f"{f'r = {radius}':>18}" for radius in RADII)
    print(f"{'':16}{heads}{'difference':>14}")
    for way, by_radius in medians.items():
        cells = "".join(
            f"{spent / len(images) * 1e6:9.1f} {f'({base / spent:.0f}×)':>8}"
            for spent, base in zip(
                by_radius.values(), medians["released loops"].values(), strict=True
            )
        )
        error = f"{differences[way]:14.1e}" if way in differences else ""
        print(f"{way:16}{cells}{error}")
    return int(max(differences.values()) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
