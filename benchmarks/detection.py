"""Time the evaluation of scenes on filtered images against that on the images as they are.

    python benchmarks/detection.py

A thousand generated scenes over CIFAR-10 go through the detector of the scale `quick`, with random
weights, and are scored: as they are, and as low parts at r = 34. The same steps are timed for both:
making the parts, detecting, matching and scoring. They take turns, and medians over the rounds are
compared, so that only ratios matter and not the machine. Random weights find nothing, which would
make the rest of the evaluation, and so the filter's share, come out wrong; the score threshold is
lowered until as many boxes are kept as by a trained network. Also shown is what making high part
and control adds, which a run needs at every radius. Exits with status 2 if the data are not there.
"""

import argparse
import statistics
import sys
import time

import torch

from fhelpers import frequency
from fhelpers.average_precision import Score
from fhelpers.data import scenes
from fhelpers.networks.compute import choose_compute
from fhelpers.sections.detection import detectors
from fhelpers.sections.detection import measure as detection
from fhelpers.sections.detection.plan import plan

RADIUS = 34


def low_only(images, first):
    """Low parts as an evaluation makes them, without high part and control."""
    return list(frequency.split(torch.stack(images), RADIUS)[0])


def as_they_are(images, first):
    return detection.parts_of(images, None, first)["original"]


def evaluation(model, compute, shown, prepare):
    """A call evaluates all scenes and returns seconds."""

    def run():
        start, found = time.perf_counter(), []
        for first in range(0, len(shown), detectors.BATCH):
            last = min(first + detectors.BATCH, len(shown))
            images = prepare([shown.image(i) for i in range(first, last)], first)
            found.append(detectors.detect(model, images, compute, first))
        Score(shown.truth, detection.joined(found), shown.limits).values()
        return time.perf_counter() - start

    return run


def filtering(shown):
    """A call makes all three parts of all scenes and returns seconds."""

    def run():
        start = time.perf_counter()
        for first in range(0, len(shown), detectors.BATCH):
            last = min(first + detectors.BATCH, len(shown))
            detection.parts_of([shown.image(i) for i in range(first, last)], RADIUS, first)
        return time.perf_counter() - start

    return run


def measure(jobs, rounds):
    """{name: seconds of each round}; the first call of each is not counted."""
    seconds = {name: [] for name in jobs}
    for counted in [False] + [True] * rounds:
        for name, job in jobs.items():
            spent = job()
            if counted:
                seconds[name].append(spent)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    recipe = plan("quick", "cifar10", [0])["detector"][0]
    try:
        shown = scenes.generate(recipe.scenes, "test", options.scenes)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    model = recipe.rebuild().to(memory_format=torch.channels_last)
    model.score_thresh = 0.009
    compute = choose_compute(device="cpu")
    jobs = {
        "as they are": evaluation(model, compute, shown, as_they_are),
        "low parts": evaluation(model, compute, shown, low_only),
        "three parts": filtering(shown),
    }
    seconds = measure(jobs, options.rounds)
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    ratio = medians["low parts"] / medians["as they are"]
    each = {name: f"{1_000 * spent / options.scenes:.2f}" for name, spent in medians.items()}
    print(f"{options.scenes:,} scenes, {compute.threads} threads, {compute.precision}")
    print(f"ms a scene, as it is                {each['as they are']:>8}")
    print(f"ms a scene, filtered at r = {RADIUS}      {each['low parts']:>8}")
    print(f"filtered against as they are, times {ratio:>8.3f}  bar: at most 1.15")
    print(f"ms a scene for all three parts alone{each['three parts']:>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
