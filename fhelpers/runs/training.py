"""The training loop and prediction.

`fit` is the only loop of the project: batches in, loss out, and watchers for what is looked at
after each epoch. Classifiers, detectors and masks all go through it.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import places
from fhelpers.networks import answer, as_images, device_of, evaluating, uses_batch_moments
from fhelpers.networks.compute import MOMENTS_BATCH, choose_compute, portion
from fhelpers.runs.checks import DamagedRun
from fhelpers.runs.kinds import Result

SEAL = "fhelpers checkpoint 1"  # the first words of one; the number rises with its format
OPTIMISERS = {
    "adam": torch.optim.Adam,
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
}


@dataclass
class Training:
    """What `fit` advances and a checkpoint holds."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    rows: list[dict] = field(default_factory=list)  # the history so far
    warnings: list[str] = field(default_factory=list)
    epoch: int = 0  # epochs finished
    finished: bool = False  # a watcher may end the training early
    earlier: float = 0.0  # seconds that interrupted processes spent on it
    started: float = field(default_factory=time.process_time)

    @property
    def seconds(self) -> float:
        """Processor time spent so far, in this process and in those it continues."""
        return self.earlier + time.process_time() - self.started

    def result(self, **more) -> Result:
        """What the training leaves: history, weights, warnings and time; more: such as outcomes."""
        weights = {k: v.detach() for k, v in self.model.state_dict().items()}
        return Result(self.rows, weights, self.warnings, self.seconds, **more)

    def parts(self) -> list:
        return [part for part in (self.model, self.optimiser, self.schedule) if part is not None]

    def save(self, path: Path) -> None:
        """Write a checkpoint of the run that its folder is named after."""
        state = {"parts": [part.state_dict() for part in self.parts()], "rows": self.rows}
        state |= {"warnings": self.warnings, "epoch": self.epoch, "finished": self.finished}
        content = io.BytesIO()
        torch.save(state | {"seconds": self.seconds}, content)
        with places.replacing(path) as file:
            # torch would report a full disk as a broken file; Python names it.
            file.write_bytes(sealed(path.parent.name, content.getvalue()))

    def load(self, path: Path) -> None:
        """Continue from a checkpoint, which is verified, and read without executing code.

        Raises DamagedRun for anything but what `save` wrote for the same run.
        """
        try:
            state = torch.load(io.BytesIO(unsealed(path)), weights_only=True)
            for part, saved in zip(self.parts(), state["parts"], strict=True):
                part.load_state_dict(saved)
            self.rows, self.warnings = state["rows"], state["warnings"]
            self.epoch, self.finished = state["epoch"], state["finished"]
            self.earlier = state["seconds"]
        except Exception as error:  # torch's readers raise whatever a content leads them to
            what = str(error) if isinstance(error, DamagedRun) else "cannot be read"
            raise DamagedRun(
                f"the checkpoint of run {path.parent.name} {what}: delete {path} to begin anew"
            ) from error


def sealed(run_id: str, content: bytes) -> bytes:
    """A checkpoint's content behind a line with its run and the SHA-256 of both."""
    digest = hashlib.sha256(run_id.encode() + content).hexdigest()
    return f"{SEAL} {digest} {run_id}\n".encode() + content


def unsealed(path: Path) -> bytes:
    """The content of a checkpoint. Raises DamagedRun, which says what it is instead."""
    line, _, content = path.read_bytes().partition(b"\n")
    if not line.startswith(f"{SEAL} ".encode()):
        raise DamagedRun("is damaged, or of another version of this package")
    run_id = line.decode(errors="replace").split(" ", 4)[-1]
    if sealed(run_id, content) != line + b"\n" + content:
        raise DamagedRun("is damaged")
    if run_id != path.parent.name:
        raise DamagedRun(f"is that of {run_id}")
    return content


def fit(
    training: Training,
    batches: Callable[[int], Iterable],
    loss: Callable[[nn.Module, object], Tensor],
    *,
    epochs: int,
    seed: int,
    watchers: Sequence[Callable[[Training], None]] = (),
    checkpoint: Path | None = None,
    progress: Callable[[int], None] = lambda epoch: None,
) -> Training:
    """Train until `epochs` are done or a watcher sets `finished`.

    batches: epoch (from 1) -> the epoch's batches; loss: (model, batch) -> scalar. The random
    state is a function of seed and epoch alone, so that a run resumed from its checkpoint ends
    bit-equal to one that was never interrupted. Watchers see epoch 0 too, before any training.
    Raises FloatingPointError when the loss stops being a number.
    """
    if checkpoint is not None and checkpoint.exists():
        training.load(checkpoint)
    elif training.epoch == 0:
        for watch in watchers:
            watch(training)
    progress(training.epoch)
    while training.epoch < epochs and not training.finished:
        torch.manual_seed(seed * 1_000_003 + training.epoch + 1)
        training.model.train()
        total = torch.zeros(())
        for batch in batches(training.epoch + 1):
            value = loss(training.model, batch)
            training.optimiser.zero_grad(set_to_none=True)
            value.backward()
            training.optimiser.step()
            if training.schedule is not None:
                training.schedule.step()
            total = total + value.detach()
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss stopped being a number in epoch {training.epoch + 1}: "
                "the learning rate is too high for this network and optimiser"
            )
        training.epoch += 1
        for watch in watchers:
            watch(training)
        if checkpoint is not None:
            training.save(checkpoint)
        progress(training.epoch)
    return training


def shuffled(size: int, images: Tensor, *others: Tensor) -> Callable[[int], Iterator[tuple]]:
    """epoch -> shuffled batches of images and of what belongs to them; the last may be smaller."""

    def batches(epoch: int) -> Iterator[tuple]:
        order = torch.randperm(len(images)).to(images.device)
        for chosen in order.split(size):
            batch = images[chosen].contiguous(memory_format=torch.channels_last)
            yield batch, *(each[chosen] for each in others)

    return batches


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, *, precision: str = "float32") -> Tensor:
    """Logits (N, classes), float32, of images (N, C, H, W) in eval mode and in batches.

    Where the images are; the model may be on another device. Raises ValueError as `answer` does,
    and for images that are not (N, C, H, W).
    """
    images = as_images(images, bounded=False)
    compute = choose_compute(precision, device_of(model, images))
    size = MOMENTS_BATCH if uses_batch_moments(model) else portion(images)
    with evaluating(model), compute.autocast():
        return torch.cat([answer(model, batch).float() for batch in images.split(size)])


def correct(model, images: Tensor, labels: Tensor, *, precision: str = "float32") -> Tensor:
    """Which images are classified correctly, bool (N,); raises as `predict`."""
    return predict(model, images, precision=precision).argmax(1) == labels


def score(model: nn.Module, images: Tensor, labels: Tensor, precision: str) -> dict:
    """Accuracy and mean cross-entropy over all images."""
    logits = predict(model, images, precision=precision)
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return {"accuracy": accuracy, "loss": F.cross_entropy(logits, labels).item()}
