"""A mask learned as the released code of K does it, for `benchmarks/masks.py` to compare with.

One image a step, a real weight for each bin of the whole complex spectrum, gradients for the
network's weights as well, Adam with a step of 1e-3, and an evaluation of all images after each
epoch. It must not import this project's package, which sets how freed memory is kept.

    python benchmarks/plain/masks.py MODELS WEIGHTS IMAGES EPOCHS ACCURACY WEIGHT SECONDS
    python benchmarks/plain/masks.py MODELS WEIGHTS IMAGES single STEPS COUNT

MODELS is the file that builds the network, WEIGHTS its saved state, IMAGES a .npz file with images
(N, C, H, W) in [0, 1] and labels. The first form stops once the masked accuracy and the mask's
weight are reached, or after so many epochs or seconds, and prints seconds, accuracy and weight. The
second learns a mask for each of COUNT images, one after the other, and prints the seconds.
"""

import runpy
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Mask(nn.Module):
    def __init__(self, height, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(height, width))

    def forward(self, images):
        spectrum = torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1)) * self.weight
        return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real


def step(network, mask, optimiser, schedule, image, label, sparsity=0.2):
    with torch.no_grad():
        before = F.cross_entropy(network(image), label)
    change = F.cross_entropy(network(mask(image)), label) - before
    loss = torch.exp(change**2) + sparsity * mask.weight.abs().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
    mask.weight.data.clamp_(0, 1)


def started(images, steps, rate):
    mask = Mask(*images.shape[-2:])
    optimiser = torch.optim.Adam(mask.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps + 1, pct_start=0.1)
    return mask, optimiser, schedule


@torch.no_grad()
def accuracy(network, mask, images, labels):
    right = [network(mask(x)).argmax(1) == y for x, y in zip(images, labels, strict=True)]
    return torch.cat(right).float().mean().item()


def whole(network, images, labels, epochs, wanted, most, seconds):
    pairs = images.split(1), labels.split(1)
    parts = started(images, epochs * len(images), 1e-3)
    start, weight, reached = time.perf_counter(), 1.0, 0.0
    for _ in range(epochs):
        for i in torch.randperm(len(images)).tolist():
            step(network, *parts, pairs[0][i], pairs[1][i])
            if time.perf_counter() - start > seconds:
                break
        weight = parts[0].weight.mean().item()
        spent = time.perf_counter() - start
        reached = accuracy(network, parts[0], *pairs) if weight <= most or spent > seconds else 0.0
        if spent > seconds or (weight <= most and reached >= wanted):
            break
    print(time.perf_counter() - start, reached, weight)


def single(network, images, labels, steps, count):
    start = time.perf_counter()
    for image, label in zip(images[:count].split(1), labels[:count].split(1), strict=True):
        parts = started(images, steps, 0.05)
        for _ in range(steps):
            step(network, *parts, image, label)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    models, weights, file, *rest = sys.argv[1:]
    with np.load(file) as arrays:
        images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    network = runpy.run_path(models)["build"]("resnet-8", channels=3, classes=10).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    torch.manual_seed(0)
    if rest[0] == "single":
        single(network, images, labels, int(rest[1]), int(rest[2]))
    else:
        whole(network, images, labels, int(rest[0]), *map(float, rest[1:]))
