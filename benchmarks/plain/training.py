"""A training loop as most scripts write it, for `benchmarks/training.py` to compare with.

A DataLoader with two workers, ToTensor from PIL images, contiguous float32. It must not import
this project's package, which sets how freed memory is kept: that speeds up any loop beside it.

    python benchmarks/plain/training.py MODELS IMAGES

MODELS is the file that builds the network, IMAGES a .npz file with images (N, H, W, C) and labels.
Each line on stdin is a number of threads: it trains one epoch with them and prints the seconds.
"""

import runpy
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor


class Images(Dataset):
    """Images as torchvision's data sets give them: one at a time, through PIL."""

    def __init__(self, path):
        with np.load(path) as file:
            self.images, self.labels = file["images"], file["labels"].tolist()
        self.transform = ToTensor()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.images[i])), self.labels[i]


def main(models, images):
    model = runpy.run_path(models)["build"]("resnet-8", channels=3, classes=10)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    # Workers that stay alive between epochs: the gain must not come from starting them.
    loader = DataLoader(
        Images(images), batch_size=100, shuffle=True, num_workers=2, persistent_workers=True
    )
    for line in sys.stdin:
        torch.set_num_threads(int(line))
        start = time.perf_counter()
        model.train()
        for pixels, labels in loader:
            optimiser.zero_grad()
            F.cross_entropy(model(pixels), labels).backward()
            optimiser.step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
