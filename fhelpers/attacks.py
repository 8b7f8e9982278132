"""Perturbations within an L∞ ball that raise a classifier's loss: FGSM and PGD.

Images and ε are in pixel units, [0, 1]. Gradients are taken for the input only, so a model's own
gradients stay untouched, and the model answers in eval mode while it is attacked.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fhelpers import frequency
from fhelpers.networks.asking import answer, evaluating, said, uses_batch_moments
from fhelpers.networks.compute import BATCH, portion
from fhelpers.networks.inputs import as_images, as_labels

__all__ = [
    "SuspectGradients", "ascend", "cross_entropy", "fgsm", "margin", "pgd", "smallest_epsilon",
]  # fmt: skip
EXAMINED = 16  # images on which a model is examined before it is attacked
LEVELS = 1_000  # Foolbox's FGSM tries ε = 1/1000, 2/1000, … 1
BRACKETS = (0.3, 0.45, 0.675, 1.0)  # where Foolbox's PGD looks for a first success, 1.5 apart
HALVINGS = 12  # of the bracket, which leave ε uncertain by 0.0003 at most


class SuspectGradients(UserWarning):
    """Something about the model makes an attack look weaker than it is."""


def check_epsilon(epsilon: float) -> None:
    """Raise ValueError unless ε is a number of pixel units in [0, 1]."""
    if not (isinstance(epsilon, Real) and math.isfinite(epsilon) and 0 <= epsilon <= 1):
        raise ValueError(f"epsilon is in pixel units and lies between 0 and 1, not {epsilon!r}")


def check_counts(**counts: int) -> None:
    """Raise ValueError unless all are whole numbers of at least 1."""
    for name, count in counts.items():
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            what = "it must be a whole number of at least 1"
            raise ValueError(f"{name}={count!r} is not possible: {what}")


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy of logits (N, classes).

    >>> round(attacks.cross_entropy(torch.zeros(1, 10), torch.tensor([3])).item(), 3)
    2.303
    """
    return F.cross_entropy(logits.float(), labels, reduction="sum")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Best wrong logit minus the right one, summed (Carlini and Wagner 2017).

    Unlike cross-entropy it keeps its gradient when the model is so sure that its softmax is 1.

    >>> attacks.margin(torch.tensor([[5.0, 2.0, 1.0]]), torch.tensor([0])).item()
    -3.0
    """
    right = logits.float().gather(1, labels[:, None])
    wrong = logits.float().scatter(1, labels[:, None], -math.inf).amax(1, keepdim=True)
    return (wrong - right).sum()


Loss = Callable[[Tensor, Tensor], Tensor]


def answers_and_gradient(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Loss = cross_entropy
) -> tuple[Tensor, Tensor]:
    """Logits (N, classes) and the gradient of the summed loss for the images alone.

    The gradient is 0 where torch cannot follow the answer back to the images. Raises ValueError
    where following it fails.
    """
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = answer(model, images)
        value = loss(logits, labels)
    if not value.requires_grad:
        return logits, torch.zeros_like(images)
    try:
        (gradient,) = torch.autograd.grad(value, images, allow_unused=True)
    except Exception as error:
        raise ValueError(f"the model's gradient cannot be computed: {said(error)}") from error
    return logits.detach(), torch.zeros_like(images) if gradient is None else gradient


def step(images: Tensor, current: Tensor, gradient: Tensor, size, epsilon) -> Tensor:
    """Move along the gradient's sign, then back into the ε-ball around the images and [0, 1].

    size and ε: numbers, or one for each image (N, 1, 1, 1).
    """
    moved = current + size * gradient.sign()
    return torch.clamp(torch.clamp(moved, images - epsilon, images + epsilon), 0, 1)


def random_point(images: Tensor, epsilon: float, generator: torch.Generator | None) -> Tensor:
    """A uniform point of the ε-ball around each image, inside [0, 1]."""
    noise = torch.rand(images.shape, generator=generator).to(images) * 2 - 1
    return torch.clamp(images + epsilon * noise, 0, 1)


def ascend(model, images, labels, epsilon, *, steps, step_size, start) -> Tensor:
    """Take `steps` signed gradient steps from `start`, for every image alike.

    This is what adversarial training needs: the strongest image found, fooled or not. images and
    start: (N, C, H, W) in [0, 1]; labels: int64 (N,); ε and step_size in pixel units, numbers or
    (N, 1, 1, 1). Returns images of the same shape within ε and [0, 1].

    >>> stronger = attacks.ascend(
    ...     model, images, labels, 8 / 255, steps=3, step_size=4 / 255, start=images
    ... )
    """
    current = start
    with evaluating(model):
        for _ in range(steps):
            _, gradient = answers_and_gradient(model, current, labels)
            current = step(images, current, gradient, step_size, epsilon)
    return current.detach()


def fgsm(model: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """One step of size ε along the gradient's sign (Goodfellow et al. 2015).

    images: (N, C, H, W) in [0, 1]; labels: int64 (N,); ε in pixel units.
    Returns images of the same shape within ε and [0, 1]. Raises ValueError and warns as `examine`.

    >>> attacked = attacks.fgsm(model, images, labels, 8 / 255)
    >>> (attacked - images).abs().max().item() <= 8 / 255 + 1e-6
    True
    """
    check_epsilon(epsilon)

    def attack(batch: Tensor, answers: Tensor) -> Tensor:
        _, gradient = answers_and_gradient(model, batch, answers)
        return step(batch, batch, gradient, epsilon, epsilon)

    return in_batches(attack, model, images, labels)


def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    steps: int = 10,
    step_size: float | None = None,
    random_start: bool = True,
    restarts: int = 1,
    loss: Loss = cross_entropy,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent (Madry et al. 2018), ending early for images already fooled.

    images: (N, C, H, W) in [0, 1]; labels: int64 (N,); ε and step_size in pixel units
    (step_size: 2.5 ε / steps unless given); loss: `cross_entropy` or `margin`; generator: on the
    CPU, for the random starts. Each restart begins at another random point and works only on the
    images that still resist.
    Returns images of the same shape within ε and [0, 1]. Raises ValueError for an ε, a number of
    steps or restarts that is not possible, and raises and warns as `examine`.

    >>> attacked = attacks.pgd(model, images, labels, 8 / 255, steps=3)
    >>> right = model(attacked).argmax(1) == labels
    """
    check_epsilon(epsilon)
    check_counts(steps=steps, restarts=restarts)
    size = 2.5 * epsilon / steps if step_size is None else step_size
    if not (isinstance(size, Real) and 0 <= size < math.inf):
        raise ValueError(f"step_size={size!r} is not possible: it must be a number of at least 0")

    def start(batch: Tensor) -> Tensor:
        return random_point(batch, epsilon, generator) if random_start else batch

    def attack(batch: Tensor, answers: Tensor) -> Tensor:
        found, left = batch.clone(), torch.arange(len(batch), device=batch.device)
        ball, stride = (torch.full_like(batch[:, :1, :1, :1], v) for v in (epsilon, size))
        for _ in range(restarts):
            left = climb(model, batch, answers, ball, steps, stride, start, loss, found, left)
        return found

    return in_batches(attack, model, images, labels)


def in_batches(attack: Callable[[Tensor, Tensor], Tensor], model, images, labels) -> Tensor:
    """What an attack makes of images and labels, some at a time; raises and warns as `examine`."""
    images, labels = as_images(images), as_labels(labels)
    with evaluating(model):
        examine(model, images, labels)
        # Always as many where images share their moments.
        size = BATCH if uses_batch_moments(model) else portion(images)
        return torch.cat(list(map(attack, images.split(size), labels.split(size))))


def climb(model, images, labels, epsilon, steps, size, start, loss, found, left) -> Tensor:
    """One ascent of the images numbered `left`; write what it ends with into `found`.

    epsilon, size: (N, 1, 1, 1), of all images.

    The forward pass that a gradient needs also tells who is fooled already, so that knowing it
    costs nothing. Returns the numbers of the images that still resist.
    """
    together = uses_batch_moments(model)  # then none can be left out, and those fooled stay still
    asked = torch.arange(len(images), device=images.device) if together else left
    current, resists = start(images[asked]), torch.isin(asked, left)
    for done in range(steps + 1):
        if not resists.any():
            break
        if done < steps:
            logits, gradient = answers_and_gradient(model, current, labels[asked], loss)
        else:
            with torch.no_grad():
                logits = answer(model, current)
        found[asked[resists]] = current[resists]
        resists &= logits.argmax(1) == labels[asked]
        if done < steps:
            moved = step(images[asked], current, gradient, size[asked], epsilon[asked])
            current = torch.where(resists[:, None, None, None], moved, current)
        if not together:
            asked, current, resists = asked[resists], current[resists], resists[resists]
    return asked[resists]


def smallest_epsilon(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    attack: str,
    steps: int = 40,
    halvings: int = HALVINGS,
) -> Tensor:
    """The smallest ε (N,) at which an attack fools the model, as Foolbox searched it in 2018.

    attack: "fgsm" tries the ε of a grid along the gradient's sign; "pgd" takes `steps` of ε / 30
    from the image itself and halves the range of ε `halvings` times. 0 for images that are wrong
    anyway, inf where nothing in [0, 1] fools. Raises and warns as `pgd`.

    >>> attacks.smallest_epsilon(model, images, labels, attack="fgsm").shape
    torch.Size([20])
    """
    searches = {"fgsm": along_the_sign, "pgd": by_halving}
    if attack not in searches:
        raise ValueError(f"attack={attack!r} is not possible: it must be one of fgsm, pgd")
    check_counts(steps=steps, halvings=halvings)
    options = {"steps": steps, "halvings": halvings} if attack == "pgd" else {}
    return in_batches(partial(searches[attack], model, **options), model, images, labels)


def along_the_sign(model, images: Tensor, labels: Tensor) -> Tensor:
    """The first of LEVELS ε at which one step of FGSM fools, (N,)."""
    logits, gradient = answers_and_gradient(model, images, labels)
    found, batch = torch.zeros(len(images), device=images.device), portion(images)
    found[logits.argmax(1) == labels] = math.inf
    grid = torch.arange(1, LEVELS + 1, device=images.device) / LEVELS
    everyone = torch.arange(len(images), device=images.device)
    while len(grid) and found.isinf().any():
        # Many ε at once, unless the images of a batch share their moments.
        together = uses_batch_moments(model)
        left = everyone if together else everyone[found.isinf()]
        tried, grid = grid.tensor_split([1 if together else max(1, batch // len(left))])
        moved = images[left] + tried.view(-1, 1, 1, 1, 1) * gradient[left].sign()
        with torch.no_grad():
            answers = answer(model, moved.clamp(0, 1).flatten(0, 1)).argmax(1)
        answers = answers.view(len(tried), -1)
        fooling = torch.where(answers == labels[left], math.inf, tried[:, None])
        found[left] = torch.minimum(found[left], fooling.amin(0))
    return found


def by_halving(model, images: Tensor, labels: Tensor, *, steps: int, halvings: int) -> Tensor:
    """The smallest ε at which PGD from the image was seen to fool, (N,)."""

    def resisting(epsilon: Tensor, tried: Tensor, steps: int = steps) -> Tensor:
        ball = epsilon.view(-1, 1, 1, 1).to(images.dtype)
        options = (ball, steps, ball / 30, lambda batch: batch, cross_entropy, images.clone())
        return climb(model, images, labels, *options, tried)

    fools = torch.zeros(len(images), device=images.device)
    left = resisting(fools, torch.arange(len(images), device=images.device), steps=0)
    right = left
    for epsilon in BRACKETS:
        if len(left):
            fools[left] = epsilon
            left = resisting(fools, left)
    fools[left] = math.inf
    searched, safe = right[fools[right].isfinite()], torch.zeros_like(fools)
    for _ in range(halvings if len(searched) else 0):
        middle = (safe + fools).nan_to_num(posinf=0.0) / 2
        resists = torch.zeros_like(fools, dtype=torch.bool)
        resists[resisting(middle, searched)] = True
        safe = torch.where(resists, middle, safe)
        fools = torch.where(resists | fools.isinf(), fools, middle)
    return fools


def examine(model: nn.Module, images: Tensor, labels: Tensor) -> list[str]:
    """Refuse what cannot be attacked; return, and warn of, what makes an attack look weak.

    Looks at the first images only, in the mode in which the model is. Raises ValueError for images
    outside [0, 1], labels of another length or outside the classes, and as `answer`. Warns
    (`SuspectGradients`) of a model that answers differently twice, of outputs that are
    probabilities already, and of gradients that are all zero (Athalye et al. 2018).
    """
    frequency.check_images(images)
    if not len(images):
        raise ValueError("there are no images")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images need as many labels, not {tuple(labels.shape)}")
    few, doubts = images[:EXAMINED], []
    with torch.no_grad():
        first, second = answer(model, few).float(), answer(model, few).float()
    as_labels(labels, first.shape[1])
    if not first.isfinite().all():
        raise ValueError("the model's answers hold NaN or infinite numbers: look at its weights")
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-3):
        doubts.append(
            "the model answers differently when asked twice: a single gradient says little about "
            "it, so the robust accuracy found is an upper bound"
        )
    if first.min() >= 0 and 0 < first.max() <= 1:
        doubts.append(
            "the model's outputs look like probabilities: a second softmax flattens the loss, so "
            "the attack is weaker than it should be; attack the logits"
        )
    if not answers_and_gradient(model, few, labels[:EXAMINED])[1].any():
        doubts.append(
            "the gradients of all images examined are zero: the attack cannot see where to go, and "
            "the robust accuracy found says nothing"
        )
    for text in doubts:
        warnings.warn(text, SuspectGradients, stacklevel=4)  # where the attack is called
    return doubts
