"""Time this project's training loop against a plain PyTorch loop, and what its extras cost.

    python benchmarks/training.py

ResNet-8, batches of 100 images of CIFAR-10, on all cores. Four things take turns, and medians over
the rounds are compared:

- this project's loop: whole tensors, channels_last, bfloat16 where the processor has it (and once
  more in float32, to tell the two gains apart);
- a plain loop: a DataLoader with two workers, ToTensor from PIL images, contiguous float32; on all
  cores, and on one thread beside its workers, whichever is faster here;
- the evaluation after each epoch at the scale `standard`: originals and low and high parts at four
  radii, of both splits, set against the training time of an epoch of all 50,000 images;
- adversarial training with ten steps of PGD.

Exits with status 2 if CIFAR-10 is not there.
"""

import argparse
import statistics
import sys
import time

import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from fhelpers import data, models, sections, training

EPOCH = 50_000  # images of a whole epoch
BATCH = 100
RADII = (4, 8, 12, 16)


def resnet_8():
    return models.build("resnet-8", channels=3, classes=10)


class PlainImages(Dataset):
    """Images as torchvision's data sets give them: decoded one at a time, as PIL images."""

    def __init__(self, images):
        self.arrays = images.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = images.labels.tolist()
        self.transform = ToTensor()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.arrays[i])), self.labels[i]


def plain_loop(images, threads):
    """Train one epoch per call, as most scripts do. Its workers stay alive between epochs."""
    loader = DataLoader(
        PlainImages(images), BATCH, shuffle=True, num_workers=2, persistent_workers=True
    )
    model = resnet_8()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run():
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        model.train()
        for pixels, labels in loader:
            optimiser.zero_grad()
            F.cross_entropy(model(pixels), labels).backward()
            optimiser.step()
        torch.set_num_threads(before)

    return run


def our_loop(images, **changes):
    """Train one epoch per call with `training.fit`, as runs do."""
    recipe = sections.vanilla(
        "standard", "cifar10", 0, train_images=len(images), batch_size=BATCH, **changes
    )
    compute = training.choose_compute(recipe.precision, recipe.device)
    model = resnet_8().to(compute.device, memory_format=torch.channels_last)
    optimiser = training.OPTIMISERS[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)
    state = training.Training(model, optimiser)
    pixels = training.prepare_pixels(recipe, images.images).to(compute.device)
    batches = training.batches_of(recipe, pixels, images.labels.to(compute.device))
    loss = training.loss_of(recipe, len(images.classes), compute)

    def run():
        training.fit(state, batches, loss, epochs=state.epoch + 1, seed=recipe.seed)

    return run


def evaluation(images, test):
    """Score what a run of the scale `standard` scores after each epoch, once per call."""
    recipe = sections.vanilla("standard", "cifar10", 0, radii=RADII)
    compute = training.choose_compute(recipe.precision, recipe.device)
    model = resnet_8().to(compute.device, memory_format=torch.channels_last)
    watch = training.watch_parts(recipe, {"train": images, "test": test}, compute)
    state = training.Training(model, torch.optim.SGD(model.parameters(), lr=0.0))
    return lambda: watch(state)


def measure(jobs, rounds):
    """{name: median seconds per call}; the first call of each, which sets it up, is not counted."""
    seconds = {name: [] for name in jobs}
    for counted in [False] + [True] * rounds:
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(spent) for name, spent in seconds.items()}


def first(images, count):
    return data.ImageData(images.images[:count], images.labels[:count], images.classes)


def line(what, value, bar=""):
    print(f"{what:58}{value:>12}  {bar}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="batches per round of a loop")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    count, attacked = options.steps * BATCH, max(1, options.steps // 4) * BATCH
    watched = sections.SCALES["standard"].watch_images
    try:
        images = data.load("cifar10", train=True, limit=max(count, watched))
        test = data.load("cifar10", train=False, limit=watched)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2

    seconds = measure(
        {
            "ours": our_loop(first(images, count)),
            "plain": plain_loop(first(images, count), torch.get_num_threads()),
            "plain, one thread": plain_loop(first(images, count), 1),
            "ours in float32": our_loop(first(images, count), precision="float32"),
            "evaluation": evaluation(images, test),
            "PGD-10": our_loop(first(images, attacked), adversary="pgd", attack_steps=10),
        },
        options.rounds,
    )
    per_image = {name: spent / count for name, spent in seconds.items()}
    precision = training.choose_compute().precision
    bar = "bar: at least 3" if precision == "bfloat16" else "no bar without bfloat16"
    print(f"ResNet-8, {torch.get_num_threads()} threads, {options.rounds} rounds")
    for name, shown in {
        "ours": f"ours in {precision}",
        "ours in float32": "ours in float32",
        "plain": "plain loop",
        "plain, one thread": "plain loop, one thread",
    }.items():
        line(f"images per second in training, {shown}", f"{1 / per_image[name]:,.0f}")
    gain = min(seconds["plain"], seconds["plain, one thread"]) / seconds["ours"]
    line("ours against the faster plain loop, times", f"{gain:.2f}", bar)
    share = seconds["evaluation"] / (per_image["ours"] * EPOCH)
    line(
        f"seconds to evaluate {2 * watched:,} images and their parts",
        f"{seconds['evaluation']:.2f}",
    )
    line("that against the training of an epoch", f"{100 * share:.1f} %", "bar: at most 25 %")
    cost = seconds["PGD-10"] / attacked / per_image["ours"]
    line("PGD-10 training against standard training, times", f"{cost:.2f}", "bar: at most 8.5")
    return 0


if __name__ == "__main__":
    sys.exit(main())
