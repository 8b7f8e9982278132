"""Time PGD against foolbox's, and the Fourier heat map against a DataLoader for each frequency.

    python benchmarks/attacks.py

A ResNet-8 trained on CIFAR-10 at quick, 1,000 test images, everything in one process and on one
thread; the ways take turns, and medians over the rounds are compared. PGD: 20 steps from the image
itself, float32 both, at an ε at which some images resist. The heat map's plain way makes a data set
whose items are perturbed one by one, and a new DataLoader for each frequency, in float32 and in
torch's own memory layout; it is timed on some of the frequencies, and the map on the same. For a
whole map the plain way goes through every frequency, where half of them and their mirror images
are the same waves. Exits with status 1 if the robust accuracies of the two PGDs differ by more
than half a point.
"""

import copy
import statistics
import sys
import time

import foolbox
import torch
from torch.utils.data import DataLoader, Dataset

from fhelpers import attacks, data, heatmap
from fhelpers.runs import scales, store
from fhelpers.runs.measurements import as_pixels

IMAGES, ROUNDS, EPSILON, STEPS, FREQUENCIES = 1_000, 3, 2 / 255, 20, 12


class Perturbed(Dataset):
    """Images with one plane wave added, item by item."""

    def __init__(self, images, labels, wave, signs):
        self.images, self.labels, self.wave, self.signs = images, labels, wave, signs

    def __len__(self):
        return len(self.images)

    def __getitem__(self, item):
        image = self.images[item] + 4.0 * self.signs[item] * self.wave
        return image.clamp(0, 1), self.labels[item]


def foolbox_pgd(model, images, labels):
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    size = 2.5 * EPSILON / STEPS
    attack = foolbox.attacks.LinfPGD(steps=STEPS, abs_stepsize=size, random_start=False)
    return attack(wrapped, images, labels, epsilons=EPSILON)[1]


def own_pgd(model, images, labels):
    return attacks.pgd(model, images, labels, EPSILON, steps=STEPS, random_start=False)


def plain_map(model, images, labels):
    model = copy.deepcopy(model).to(memory_format=torch.contiguous_format)  # torch's own layout
    images = images.contiguous()
    _, waves = heatmap.waves(*images.shape[-2:])
    signs = torch.randint(0, 2, (*images.shape[:2], 1, 1)) * 2.0 - 1
    for wave in waves[:FREQUENCIES]:
        right = 0
        loader = DataLoader(Perturbed(images, labels, wave, signs), batch_size=100)
        with torch.no_grad():
            for batch, answers in loader:
                right += (model(batch).argmax(1) == answers).sum()


def own_map(model, images, labels):
    whole = heatmap.waves
    heatmap.waves = lambda height, width: [each[:FREQUENCIES] for each in whole(height, width)]
    try:
        heatmap.heat_map(model, images, labels)
    finally:
        heatmap.waves = whole


def alternating(ways: dict, *given) -> dict[str, float]:
    """Median seconds of each way, the ways taking turns, the first round not counted."""
    seconds = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way(*given)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> int:
    torch.set_num_threads(1)
    recipe = scales.natural("quick", "cifar10", [0], (4, 8, 12, 16))[0]
    run = store.carry_out(recipe)
    model = run.model()
    for parameter in model.parameters():  # or foolbox would pay for gradients that nobody needs
        parameter.requires_grad_(False)
    test = data.load(recipe.dataset, train=False, limit=IMAGES)
    images, labels = as_pixels(test.images), test.labels
    ways = {"foolbox": foolbox_pgd, "fhelpers": own_pgd}
    robust = {
        name: (model(way(model, images, labels)).argmax(1) == labels).float().mean().item()
        for name, way in ways.items()
    }
    seconds = alternating(ways, model, images, labels)
    print(f"PGD-{STEPS}, {IMAGES} images, ε = {255 * EPSILON:g}/255")
    for name in ways:
        print(f"  {name:9} {seconds[name]:7.2f} s   robust accuracy {robust[name]:.3f}")
    print(f"  foolbox takes {seconds['foolbox'] / seconds['fhelpers']:.2f} times as long")
    maps = {"plain": plain_map, "fhelpers": own_map}
    seconds = alternating(maps, model, images, labels)
    print(f"heat map, {IMAGES} images, {FREQUENCIES} of the frequencies")
    for name in maps:
        print(f"  {name:9} {seconds[name]:7.2f} s")
    ratio = seconds["plain"] / seconds["fhelpers"]
    bins, waves = images.shape[-2] * images.shape[-1], len(heatmap.waves(*images.shape[-2:])[0])
    print(f"  the plain way takes {ratio:.1f} times as long for each frequency")
    times = ratio * bins / waves
    print(f"  and {times:.1f} times for a map of {bins} frequencies, which are {waves} waves")
    return int(abs(robust["foolbox"] - robust["fhelpers"]) > 0.005)


if __name__ == "__main__":
    sys.exit(main())
