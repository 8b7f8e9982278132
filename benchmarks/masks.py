"""Time learning masks against the released way, one image after the other.

    python benchmarks/masks.py

The trained network of section 01 at the scale quick (trained first if need be), on all cores:

- one mask for a network: this project's batches, in bfloat16 where the processor has it, against
  the loop of `plain/masks.py`, until it has the same masked accuracy on the images learned from and
  a mask as sparse;
- 256 masks of single images at once against the same steps one after the other, in the plain loop
  and in this project's own with one image at a time, and how far the masks are from those learned
  alone.

The plain loops run in a process of their own, which does not import this package. Nothing else
should run meanwhile. Exits with status 2 if CIFAR-10 is not there.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from fhelpers import data, masks
from fhelpers.networks import classifiers
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import scales, store, training

PLAIN = Path(__file__).parent / "plain" / "masks.py"
SLACK = 0.002  # of accuracy and of weight: two images of a thousand


def timed(job):
    start = time.perf_counter()
    found = job()
    return time.perf_counter() - start, found


def plain(*arguments):
    """What the plain loop prints."""
    command = [sys.executable, str(PLAIN), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the plain loop stopped: {done.stderr.strip().splitlines()[-1]}")
    return [float(word) for word in done.stdout.split()]


def handed_over(network, images, folder):
    """Files with the network and the images for the plain loop, which knows no package of ours."""
    weights, file = Path(folder) / "weights.pt", Path(folder) / "images.npz"
    torch.save(network.state_dict(), weights)
    np.savez(file, images=images.pixels().numpy(), labels=images.labels.numpy())
    return classifiers.__file__, weights, file


def line(what, value, bar=""):
    print(f"{what:66}{value:>12}  {bar}".rstrip(), flush=True)


def network_mask(network, images, files, longest):
    """One mask for a network, ours and the plain loop to the same accuracy and weight."""
    learning = masks.Learning(epochs=10)  # as in a MaskRecipe
    pixels = images.pixels()
    spent, learned = timed(lambda: masks.learn_mask(network, pixels, images.labels, learning))
    seen = masks.through(learned.mask, pixels)
    right = training.predict(network, seen).argmax(1) == images.labels
    accuracy, weight = right.float().mean().item(), learned.mask.total_weight().item()
    line(f"ours: seconds to {accuracy:.3f} right at weight {weight:.3f}", f"{spent:.1f}")
    limits = accuracy - SLACK, weight + SLACK, longest * spent
    other, reached, left = plain(*files, 1_000, *limits)
    done = left <= weight + SLACK and reached >= accuracy - SLACK
    words = "the same" if done else f"only {reached:.3f} right at weight {left:.3f}"
    line(f"plain loop: seconds to {words}", f"{other:.1f}")
    bar = "bar: at least 10" + ("" if done else "; it was stopped, so more than this")
    line("ours against the plain loop, times", f"{other / spent:.1f}", bar)


def image_masks(network, images, files, count, few):
    """Masks of single images at once, against one after the other for a few of them."""
    learning, pixels = masks.Learning(epochs=60), images.pixels()[:count]
    spent, learned = timed(lambda: masks.learn_image_masks(network, pixels, learning))
    line(f"ours: seconds for {count} single-image masks at once", f"{spent:.1f}")
    (other,) = plain(*files, "single", learning.epochs, few)
    line("plain loop: seconds for as many, one after the other", f"{other * count / few:.1f}")
    line("at once against the plain loop, times", f"{other * count / few / spent:.1f}",
         "bar: at least 8")  # fmt: skip
    own, found = timed(
        lambda: [masks.learn_image_masks(network, x, learning).mask for x in pixels[:few].split(1)]
    )
    line("at once against one call for each image, times", f"{own * count / few / spent:.1f}")
    together = learned.mask.masks()
    far = max((together[i] - mask.masks()[0]).abs().max().item() for i, mask in enumerate(found))
    line("largest difference from a mask learned alone", f"{far:.1e}", "bar: at most 1e-3")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000, help="for the mask of a network")
    parser.add_argument("--singles", type=int, default=256)
    parser.add_argument("--few", type=int, default=8, help="single images learned one by one")
    parser.add_argument("--longest", type=float, default=60, help="times as long, then stop")
    options = parser.parse_args()
    try:
        images = data.load("cifar10", train=True, limit=options.images)
        test = data.load("cifar10", train=False, limit=options.singles)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    recipe = scales.natural("quick", "cifar10", [0], (4, 8, 12, 16))[0]
    network = store.carry_out(recipe).model()
    print(f"ResNet-8, {torch.get_num_threads()} threads, {choose_compute().precision}")
    with tempfile.TemporaryDirectory() as folder:
        network_mask(network, images, handed_over(network, images, folder), options.longest)
        files = handed_over(network, test, folder)
        image_masks(network, test, files, options.singles, options.few)
    return 0


if __name__ == "__main__":
    sys.exit(main())
