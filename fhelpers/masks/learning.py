"""Fourier masks: which frequencies of its input a trained network needs (K).

A mask multiplies the spectrum of an image by one weight in [0, 1] for each frequency. It is learned
while the network stays frozen: the network's loss is to remain what it was, and as much of the mask
as possible is to go. What is left are the frequencies that this network cannot do without.

K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel, Anselmi (2022).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers.masks.module import FourierMask, low_share, through
from fhelpers.networks import answer, as_images, as_labels, device_of
from fhelpers.networks.compute import Compute, choose_compute, portion
from fhelpers.runs.checks import check_not_negative, check_positive, check_whole, is_number, refuse
from fhelpers.runs.training import Training, correct, fit, predict, shuffled

BOUND = 10.0  # of the loss's exponent, see `bounded_exp`
CHUNK = 250  # single-image masks learned at once: enough to keep a core busy and its cache full
LEAST = 8  # fewer images are summed in another order, and learning amplifies the rounding


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How a mask is learned. Raises ValueError for a value that is not possible."""

    sparsity_weight: float = 0.2  # λ of K's loss
    threshold: float = 0.99  # share of the accuracy without the mask that is to remain (K)
    patience: int = 7  # epochs in which the mask's weight has to stay the same (K)
    tolerance: float = 0.005  # and what counts as the same: so much of the whole mask's weight
    learning_rate: float = 0.05  # K: 1e-3, with fifty to a hundred times as many steps
    batch_size: int = 50  # K's released code: 1
    epochs: int = 20  # at most; for a single image an epoch is one step

    def __post_init__(self):
        check_not_negative("sparsity_weight", self.sparsity_weight)
        for name in ("tolerance", "learning_rate"):
            check_positive(name, getattr(self, name))
        if not (is_number(self.threshold) and 0 < self.threshold <= 1):
            refuse("threshold", self.threshold, "a share above 0 and at most 1")
        for name in ("patience", "batch_size", "epochs"):
            check_whole(name, getattr(self, name), 1)

    @classmethod
    def of(cls, recipe) -> "Learning":
        """That of a recipe with fields of the same names; the others are as by default."""
        names = [each.name for each in fields(cls) if hasattr(recipe, each.name)]
        return cls(**{name: getattr(recipe, name) for name in names})


def bounded_exp(exponent: Tensor) -> Tensor:
    """e^x up to `BOUND`, and from there on the straight line that touches it.

    K's loss overflows float32 where the cross-entropy changes by more than 9.4. This one equals it
    up to a change of √bound = 3.2; beyond, its slope stays what it was at the bound, so that the
    gradient still points the same way and is never infinite.
    """
    inside = exponent.clamp(max=BOUND)
    return inside.exp() * (1 + exponent - inside)


@contextmanager
def frozen(network: nn.Module) -> Iterator[nn.Module]:
    """The network without gradients of its own, and afterwards as it was.

    Raises ValueError for a network in training mode: its dropout would draw anew at each step and
    its BatchNorm would learn.
    """
    if any(module.training for module in network.modules()):
        raise ValueError("the network is in training mode: call network.eval() first")
    learnable = [each for each in network.parameters() if each.requires_grad]
    for each in learnable:
        each.requires_grad_(False)
    try:
        yield network
    finally:
        for each in learnable:
            each.requires_grad_(True)


@dataclass(frozen=True)
class Learned:
    """Masks and whether each kept what it had to.

    reached: bool (count,): the masked accuracy on the images learned from is at least `threshold`
    times that without the mask; for a single image, its class is still the same. A mask that did
    not reach it is a result like any other.
    answers: the class of each image that its mask had to keep, (N,).
    """

    mask: FourierMask
    reached: Tensor
    answers: Tensor
    training: Training


@contextmanager
def undisturbed() -> Iterator[None]:
    """With gradients where the caller switched them off, and without drawing from their numbers."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        yield


@undisturbed()
def learn_mask(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    learning: Learning | None = None,
    *,
    groups: Tensor | None = None,
    channels: int = 1,
    seed: int = 0,
    compute: Compute | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int], None] = lambda epoch: None,
) -> Learned:
    """Learn one mask for all images, or one for each group of them, such as a class (K).

    network: in eval mode; images: (N, C, H, W) in [0, 1]; labels: int64 (N,), those it was trained
    on; groups: int64 (N,), which mask an image belongs to; channels: 1, or C for a mask of each
    channel. Minimises, mean over the images, exp((CE(masked) − CE(original))²) + λ ‖M‖₁ / ‖M₀‖₁,
    where K has one image in a batch; in an incomplete batch λ weighs more in proportion, and so it
    does on a small group. Stops when the accuracy is at least `threshold` times that
    without a mask and the mask's weight has settled, or after all epochs. Resumes from
    `checkpoint`. Raises ValueError as `frequency.check_images` and `frozen` do, and for labels or
    groups that do not fit.

    >>> learned = masks.learn_mask(model, images, labels, masks.Learning(epochs=2))
    >>> learned.mask.masks().shape
    torch.Size([1, 1, 32, 32])
    """
    learning = learning or Learning()
    compute = compute or choose_compute(device=device_of(network, images))
    images, labels = (each.to(compute.device) for each in (as_images(images), as_labels(labels)))
    groups = torch.zeros_like(labels) if groups is None else groups.to(compute.device)
    if labels.shape != images.shape[:1] or groups.shape != labels.shape or not len(images):
        raise ValueError("images, labels and groups must be equally many, at least one")
    if groups.is_floating_point() or groups.is_complex() or (groups < 0).any():
        raise ValueError("groups must be whole numbers from 0 on")
    groups = groups.long()
    sizes = groups.bincount()
    if (sizes == 0).any():
        raise ValueError(f"group {int(sizes.argmin())} has no image: number the groups from 0 on")
    mask = FourierMask(*images.shape[-2:], count=len(sizes), channels=channels).to(compute.device)
    with frozen(network):
        before = losses(network, images, labels, compute)
        watch = Watch(network, mask, groups, before, learning)
        batches = shuffled(learning.batch_size, images, labels, groups, before[0])
        training = start(mask, learning, -(-len(images) // learning.batch_size) * learning.epochs)
        fit(
            training, batches, watch.loss_of(compute), epochs=learning.epochs, seed=seed,
            watchers=[watch], checkpoint=checkpoint, progress=progress,
        )  # fmt: skip
        seen = through(mask, images, groups)
        right = correct(network, seen, labels, precision=compute.precision)
    kept = per_group(right, groups).cpu() >= learning.threshold * watch.unmasked
    return Learned(mask.cpu(), kept, labels.cpu(), training)


def start(mask: FourierMask, learning: Learning, steps: int) -> Training:
    """Adam on the mask, clamped after each step, with OneCycle and 10 % warm-up (K)."""
    optimiser = torch.optim.Adam(mask.parameters(), lr=learning.learning_rate)
    optimiser.register_step_post_hook(lambda *_: mask.clamp_())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning.learning_rate, total_steps=steps + 1, pct_start=0.1
    )
    return Training(mask, optimiser, schedule)


def losses(network: nn.Module, images: Tensor, labels: Tensor, compute: Compute):
    """Cross-entropy of each image without a mask and whether it is right, both (N,)."""
    logits = predict(network, images, precision=compute.precision)
    labels = as_labels(labels, logits.shape[1])
    return F.cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels


def price(network, mask, batch, compute: Compute) -> tuple[Tensor, Tensor]:
    """What the mask changes for each image of a batch, and whether it is right: both (n,)."""
    images, labels, groups, before = batch
    with compute.autocast():
        logits = answer(network, mask(images, groups)).float()
    change = F.cross_entropy(logits, labels, reduction="none") - before
    return bounded_exp(change.square()), logits.argmax(1) == labels


class Watch:
    """The loss of `learn_mask`, the history of its epochs, and when to stop."""

    def __init__(self, network, mask, groups: Tensor, before, learning: Learning):
        self.network, self.mask, self.learning = network, mask, learning
        self.sizes = groups.bincount()
        self.unmasked = per_group(before[1], groups).cpu()
        self.right = torch.zeros(len(self.sizes), device=groups.device)

    def loss_of(self, compute: Compute):
        share = len(self.sizes) / self.learning.batch_size

        def loss(mask: FourierMask, batch) -> Tensor:
            prices, right = price(self.network, mask, batch, compute)
            self.right += right.float() @ F.one_hot(batch[2], len(self.sizes)).float()
            # An image counts the same whatever its group, so λ weighs more on small groups. Masks
            # share no weight: the sum teaches each of them what it would learn alone.
            return prices.sum() * share + self.learning.sparsity_weight * mask.total_weight().sum()

        return loss

    def __call__(self, training: Training) -> None:
        """Note accuracy, weight and low energy of each mask; accuracy is that seen in learning."""
        weight, low = self.mask.total_weight().tolist(), low_share(self.mask).tolist()
        accuracy = (self.right / self.sizes).tolist() if training.epoch else self.unmasked.tolist()
        self.right.zero_()
        for number, size in enumerate(self.sizes.tolist()):
            row = {"epoch": training.epoch, "split": "learning", "part": "masked"}
            row |= {"scope": "subset", "mask": number, "images": size}
            row |= {"weight": weight[number], "low_share": low[number]}
            training.rows.append(row | {"accuracy": accuracy[number]})
        training.finished = self.settled(training.rows)

    def settled(self, rows: list[dict]) -> bool:
        """K's rule, for every mask: accurate enough, and the same for `patience` epochs."""
        count = len(self.sizes)
        recent = rows[-count * (self.learning.patience + 1) :]
        if len(recent) < count * (self.learning.patience + 1):
            return False
        weights = torch.tensor([row["weight"] for row in recent]).view(-1, count)
        if ((weights.amax(0) - weights.amin(0)) > self.learning.tolerance).any():
            return False
        accuracy = torch.tensor([row["accuracy"] for row in recent[-count:]])
        return bool((accuracy >= self.learning.threshold * self.unmasked).all())


def per_group(right: Tensor, groups: Tensor) -> Tensor:
    """Share of right answers in each group, from bool (N,): (count,)."""
    return groups.bincount(weights=right.double()).float() / groups.bincount()


@undisturbed()
def learn_image_masks(
    network: nn.Module,
    images: Tensor,
    learning: Learning | None = None,
    *,
    compute: Compute | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Learned:
    """Learn a mask for every image by itself, hundreds at once (K, single-image masks).

    network: in eval mode; images: (N, C, H, W) in [0, 1]. Each mask keeps the class that the
    network gives its image, right or wrong; compare `answers` with the labels to count those. The
    images' losses are added and share no weight, and Adam and clamping act on each weight alone,
    so every mask is what it would be if it were learned alone, but for rounding. An epoch of a
    single image is one step, and all are taken, because OneCycle ends at rest. An image that loses
    its class on the way gets the last mask that kept it, and counts as not `reached`. `progress`
    counts finished images. Raises ValueError as `learn_mask` does.

    >>> learned = masks.learn_image_masks(model, images, masks.Learning(epochs=2))
    >>> learned.mask.total_weight().shape
    torch.Size([20])
    """
    learning = learning or Learning(epochs=60)
    compute = compute or choose_compute(device=device_of(network, images))
    images = as_images(images).to(compute.device)
    masks = FourierMask(*images.shape[-2:], count=len(images))
    answers = predict(network, images, precision=compute.precision).argmax(1)
    reached, training = torch.zeros(len(images), dtype=torch.bool), None
    with frozen(network):
        for chunk in torch.arange(len(images)).split(portion(images, CHUNK)):
            padded = chunk[torch.arange(max(len(chunk), LEAST)) % len(chunk)]
            training, kept, right = learn_together(
                network, images[padded], answers[padded], learning, compute
            )
            masks.weight.data[chunk] = kept[: len(chunk)]
            reached[chunk] = right[: len(chunk)]
            progress(int(chunk[-1]) + 1)
    return Learned(masks, reached, answers.cpu(), training)


def learn_together(network, images, answers, learning: Learning, compute: Compute):
    """A mask for each image: the training, the weights that kept the class, whether the last do."""
    numbers = torch.arange(len(images), device=images.device)
    mask = FourierMask(*images.shape[-2:], count=len(images)).to(compute.device)
    before, _ = losses(network, images, answers, compute)
    batch = images.contiguous(memory_format=torch.channels_last), answers, numbers, before
    kept = mask.weight.detach().clone()

    def keep(right: Tensor) -> None:
        kept[right] = mask.weight.detach()[right]

    def loss(mask: FourierMask, batch) -> Tensor:
        prices, right = price(network, mask, batch, compute)
        keep(right)
        return prices.sum() + learning.sparsity_weight * mask.total_weight().sum()

    training = start(mask, learning, learning.epochs)
    fit(training, lambda epoch: [batch], loss, epochs=learning.epochs, seed=0)
    with torch.no_grad():
        _, right = price(network, mask, batch, compute)
    keep(right)
    return training, kept.cpu(), right.cpu()
