"""Time this project's training loop against a plain PyTorch loop, and what its extras cost.

    python benchmarks/training.py

ResNet-8, batches of 100 images of CIFAR-10, on all cores. These take turns, and medians over the
rounds are compared:

- this project's loop: whole tensors, channels_last, freed memory kept, bfloat16 where the processor
  has it (and once more in float32, to tell the gains apart);
- the plain loop of `plain/training.py`, in a process of its own, on all cores and on one thread
  beside its two workers; the faster of the two is compared with;
- the evaluation after each epoch at the scale `standard`: originals and low and high parts at four
  radii, of both splits, set against the training time of an epoch of all 50,000 images;
- adversarial training with ten steps of PGD.

Nothing else should run meanwhile: with other work on the cores, threads wait for each other and all
ratios are wrong. Exits with status 2 if CIFAR-10 is not there.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from fhelpers import data, networks
from fhelpers.networks import classifiers
from fhelpers.networks.compute import choose_compute
from fhelpers.runs import classifier, monitoring, scales, training

PLAIN = Path(__file__).parent / "plain" / "training.py"
EPOCH = 50_000  # images of a whole epoch
BATCH = 100
RADII = (4, 8, 12, 16)


def resnet_8(compute):
    model = networks.build("resnet-8", channels=3, classes=10)
    return model.to(compute.device, memory_format=torch.channels_last)


def our_loop(images, **changes):
    """A call trains one epoch with `training.fit`, as runs do, and returns the seconds."""
    recipe = scales.vanilla(
        "standard", "cifar10", 0, train_images=len(images), batch_size=BATCH, **changes
    )
    compute = choose_compute(recipe.precision, recipe.device)
    model = resnet_8(compute)
    optimiser = training.OPTIMISERS[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)
    state = training.Training(model, optimiser)
    pixels = monitoring.prepare_pixels(recipe, images.images).to(compute.device)
    batches = training.shuffled(recipe.batch_size, pixels, images.labels.to(compute.device))
    loss = classifier.loss_of(recipe, len(images.classes), compute)
    return timed(
        lambda: training.fit(state, batches, loss, epochs=state.epoch + 1, seed=recipe.seed)
    )


def evaluation(images, test):
    """A call scores what a run of the scale `standard` scores after each epoch."""
    recipe = scales.vanilla("standard", "cifar10", 0, radii=RADII)
    compute = choose_compute(recipe.precision, recipe.device)
    watch = monitoring.monitor_parts(recipe, {"train": images, "test": test}, compute)
    model = resnet_8(compute)
    state = training.Training(model, torch.optim.SGD(model.parameters(), lr=0.0))
    return timed(lambda: watch(state))


def timed(job):
    def run():
        start = time.perf_counter()
        job()
        return time.perf_counter() - start

    return run


@contextmanager
def plain_loop(images):
    """threads -> a call that lets the plain loop's process train one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        pixels = images.images.permute(0, 2, 3, 1).contiguous().numpy()
        np.savez(path, images=pixels, labels=images.labels.numpy())
        command = [sys.executable, str(PLAIN), classifiers.__file__, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, bufsize=1, **pipes) as process:

            def run(threads):
                process.stdin.write(f"{threads}\n")
                return float(process.stdout.readline())

            yield lambda threads: lambda: run(threads)
            process.stdin.close()


def measure(jobs, rounds):
    """{name: median seconds}; the first call of each, which sets it up, is not counted."""
    seconds = {name: [] for name in jobs}
    for counted in [False] + [True] * rounds:
        for name, job in jobs.items():
            spent = job()
            if counted:
                seconds[name].append(spent)
    return {name: statistics.median(spent) for name, spent in seconds.items()}


def first(images, count):
    return data.ImageData(images.images[:count], images.labels[:count], images.classes)


def report(seconds, count, attacked, watched):
    """Print what was measured beside the bars."""
    precision = choose_compute().precision
    per_image = {name: spent / count for name, spent in seconds.items()}
    for name, shown in {
        "ours": f"ours in {precision}",
        "ours in float32": "ours in float32",
        "plain": "plain loop",
        "plain, one thread": "plain loop, one thread",
    }.items():
        line(f"images per second in training, {shown}", f"{1 / per_image[name]:,.0f}")
    gain = min(seconds["plain"], seconds["plain, one thread"]) / seconds["ours"]
    bar = "bar: at least 3" if precision == "bfloat16" else "no bar without bfloat16"
    line("ours against the faster plain loop, times", f"{gain:.2f}", bar)
    line(
        f"seconds to evaluate {2 * watched:,} images and their parts",
        f"{seconds['evaluation']:.2f}",
    )
    share = seconds["evaluation"] / (per_image["ours"] * EPOCH)
    line("that against the training of an epoch", f"{100 * share:.1f} %", "bar: at most 25 %")
    cost = seconds["PGD-10"] / attacked / per_image["ours"]
    line("PGD-10 training against standard training, times", f"{cost:.2f}", "bar: at most 8.5")


def line(what, value, bar=""):
    print(f"{what:58}{value:>12}  {bar}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="batches per round of a loop")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    count, attacked = options.steps * BATCH, max(1, options.steps // 4) * BATCH
    watched = scales.SCALES["standard"].monitored_images
    try:
        images = data.load("cifar10", train=True, limit=max(count, watched))
        test = data.load("cifar10", train=False, limit=watched)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2

    threads = torch.get_num_threads()
    with plain_loop(first(images, count)) as plain:
        jobs = {
            "ours": our_loop(first(images, count)),
            "plain": plain(threads),
            "plain, one thread": plain(1),
            "ours in float32": our_loop(first(images, count), precision="float32"),
            "evaluation": evaluation(first(images, watched), test),
            "PGD-10": our_loop(first(images, attacked), adversary="pgd", attack_steps=10),
        }
        seconds = measure(jobs, options.rounds)
    print(f"ResNet-8, {threads} threads, {options.rounds} rounds")
    report(seconds, count, attacked, watched)
    return 0


if __name__ == "__main__":
    sys.exit(main())
