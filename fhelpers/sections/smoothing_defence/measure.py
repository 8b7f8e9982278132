"""How well a network with a smoothed first layer withstands attacks, and whether one may trust it.

`RobustnessTable` is W's Table 2. `DefenceChecks` asks what the table cannot tell: does smoothing
make a network robust, or does it only hide the gradient that the attack follows (Athalye et al.
2018)? Both are runs of the store.
"""

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from fhelpers import attacks, frequency, smoothing
from fhelpers.networks import evaluating
from fhelpers.runs import checks
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.training import correct

FORMS = {"published": False, "gain kept": True}  # of eq. 3: whether the kernel's gain is kept
DRAWS = 4  # noisy answers that are averaged into one
RESTARTS = 5  # of the attacks that should find what PGD missed


@dataclass(frozen=True, kw_only=True)
class RobustnessTable(OfNetwork, kind="robustness"):
    """W's Table 2 for one network: every ρ, clean and under FGSM and PGD at every ε.

    search: as W's released attacks do it, of the published form alone: each image's smallest ε
    that fools, and accuracy at ε as the share of images that need more.
    """

    rhos: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0)  # W, Table 2; 0 is the network itself
    epsilons: tuple[float, ...] = (0.03, 0.06, 0.09)  # W, Table 2
    attack_steps: int = 20  # of PGD; W does not state them, its released code takes 40
    search: bool = False

    def __post_init__(self):
        super().__post_init__()
        checks.check_switch("search", self.search)
        for rho in self.rhos:
            smoothing.smooth_kernel(torch.zeros(1, 1, 1, 1), rho)
        for epsilon in self.epsilons:
            attacks.check_epsilon(epsilon)
        checks.check_whole("attack_steps", self.attack_steps, 1)

    @property
    def slug(self) -> str:
        return "search-" * self.search + super().slug

    @property
    def work(self) -> int:
        if self.search:
            return self.images * len(self.rhos) * self.attack_steps
        attacked = len(self.epsilons) * self.attack_steps
        return self.images * len(FORMS) * len(self.rhos) * attacked // 10  # most fall early

    def carry_out(self, job: Job) -> Result:
        return (search_table if self.search else measure_table)(self, job)


@dataclass(frozen=True, kw_only=True)
class DefenceChecks(OfNetwork, kind="defence-checks"):
    """The smoothed network and its trivial rivals under attacks that no hidden gradient stops."""

    word: ClassVar[str] = "checks"

    rho: float = 1.0  # the strongest smoothing of W's Table 2
    epsilons: tuple[float, ...] = (0.03, 0.09)
    attack_steps: int = 20
    long_steps: int = 100  # of PGD with small steps and of AutoAttack's own PGDs
    auto_images: int = 50  # how many, from the first on, also meet AutoAttack, which costs far more
    queries: int = 300  # of AutoAttack's black-box attack, on each image

    work = property(lambda self: self.images * len(self.epsilons) * 14 * self.attack_steps)

    def carry_out(self, job: Job) -> Result:
        """A row for each defence, check and ε.

        Rivals are matched to the clean accuracy of the smoothed network on images of their own.
        """
        measured, compute = Result(), job.compute
        model, images, labels = self.on_device(job)
        held_out = tuple(each.to(compute.device) for each in self.held_out())
        for name, (defence, setting) in defences(model, self.rho, held_out, self.seed).items():
            about = {"defence": name, "setting": setting}
            torch.manual_seed(self.seed)
            accuracy = correct(defence, images, labels).float().mean().item()
            measured.rows.append(about | row("clean", 0.0, len(images), accuracy))
            for epsilon in self.epsilons:
                resists, heard = check_all(self, model, defence, images, labels, epsilon, compute)
                for check, still in resists.items():
                    accuracy = still.float().mean().item()
                    measured.rows.append(about | row(check, epsilon, len(still), accuracy))
                measured.warnings += [f"{name}, ε = {epsilon:g}: {text}" for text in heard]
        return measured


class LowPass(nn.Module):
    """A network that is shown low parts only."""

    def __init__(self, model: nn.Module, radius: float):
        super().__init__()
        self.model, self.radius = model, radius

    def forward(self, images: Tensor) -> Tensor:
        disc = frequency.disc(*images.shape[-2:], self.radius).to(images.device)
        with torch.autocast(images.device.type, enabled=False):
            low = frequency.filter_spectrum(images.float(), disc)
        return self.model(low)


class Noisy(nn.Module):
    """A network that sees Gaussian noise on its images and answers with the mean of some draws."""

    def __init__(self, model: nn.Module, deviation: float):
        super().__init__()
        self.model, self.deviation = model, deviation

    def forward(self, images: Tensor) -> Tensor:
        many = images.repeat(DRAWS, 1, 1, 1)
        logits = self.model(many + self.deviation * torch.randn_like(many))
        return logits.view(DRAWS, len(images), -1).mean(0)


RIVALS: dict[str, tuple[Callable[[nn.Module, float], nn.Module], tuple[float, ...]]] = {
    "low-pass in front": (LowPass, tuple(range(1, 23))),
    "noise in front": (Noisy, (0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32)),
    "smaller gain": (smoothing.scale_first_layer, (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)),
}


def measure_table(recipe: RobustnessTable, job: Job) -> Result:
    """Carry out a `RobustnessTable`: a row for each form of eq. 3, ρ, attack and ε."""
    measured, (model, images, labels) = Result(), recipe.on_device(job)
    for form, keep_gain in FORMS.items():
        for rho in recipe.rhos:
            smoothed = smoothing.smooth_first_layer(model, rho, keep_gain=keep_gain)
            about = {"form": form, "rho": float(rho)}
            for attack, epsilon, attacked in attack_all(
                recipe, smoothed, images, labels, job.compute
            ):
                accuracy = correct(smoothed, attacked, labels).float().mean().item()
                measured.rows.append(about | row(attack, epsilon, len(images), accuracy))
    job.progress(1)
    return measured


def search_table(recipe: RobustnessTable, job: Job) -> Result:
    """Carry out a `RobustnessTable` by search; tensors: each image's smallest ε by attack and ρ."""
    measured, (model, images, labels) = Result(), recipe.on_device(job)
    for rho in recipe.rhos:
        smoothed = smoothing.smooth_first_layer(model, rho)
        for attack in ("fgsm", "pgd"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", attacks.SuspectGradients)
                options = {"attack": attack, "steps": recipe.attack_steps}
                needed = attacks.smallest_epsilon(smoothed, images, labels, **options)
            measured.tensors[f"{attack}/{rho:g}"] = needed.cpu()
            columns = [("clean", 0.0)] if attack == "fgsm" else []
            columns += [(f"{attack}-search", epsilon) for epsilon in recipe.epsilons]
            for name, epsilon in columns:
                accuracy = (needed > epsilon).double().mean().item()
                about = {"form": "published", "rho": float(rho)}
                measured.rows.append(about | row(name, epsilon, len(images), accuracy))
    return measured


def attack_all(recipe, model, images, labels, compute) -> Iterable[tuple[str, float, Tensor]]:
    """Name, ε and images of Table 2's columns: clean, FGSM and PGD at every ε."""
    yield "clean", 0.0, images
    with compute.autocast(), warnings.catch_warnings():
        # What a hidden gradient does to these two attacks is the subject of `DefenceChecks`.
        warnings.simplefilter("ignore", attacks.SuspectGradients)
        for epsilon in recipe.epsilons:
            yield "fgsm", epsilon, attacks.fgsm(model, images, labels, epsilon)
        for epsilon in recipe.epsilons:
            generator = torch.Generator().manual_seed(recipe.seed)
            options = {"steps": recipe.attack_steps, "generator": generator}
            yield "pgd", epsilon, attacks.pgd(model, images, labels, epsilon, **options)


def row(attack: str, epsilon: float, images: int, accuracy: float) -> dict:
    about = {"split": "test", "scope": "all", "attack": attack, "epsilon": float(epsilon)}
    return about | {"images": images, "accuracy": accuracy}


def defences(model, rho, held_out, seed) -> dict[str, tuple[nn.Module, float]]:
    """The network itself, its smoothed forms, and rivals of the same clean accuracy: with settings.

    "gain alone" multiplies the kernels by the 1 + 8ρ that eq. 3 adds to their gain.
    """
    smoothed = smoothing.smooth_first_layer(model, rho)
    found = {
        "as it is": (model, math.nan),
        "smoothed": (smoothed, rho),
        "smoothed, gain kept": (smoothing.smooth_first_layer(model, rho, keep_gain=True), rho),
        "gain alone": (smoothing.scale_first_layer(model, 1 + 8 * rho), 1 + 8 * rho),
    }
    wanted = correct(smoothed, *held_out).float().mean()
    for name, (rival, settings) in RIVALS.items():
        torch.manual_seed(seed)
        shares = [correct(rival(model, s), *held_out).float().mean() for s in settings]
        setting = float(settings[int((torch.stack(shares) - wanted).abs().argmin())])
        found[name] = (rival(model, setting), setting)
    return found


def check_all(recipe, model, defence, images, labels, epsilon, compute):
    """{check: which images resist it} for one defence, and what the attacks warned of.

    Besides PGD as in the table: many more steps; restarts; a margin loss, whose gradient does not
    vanish when the network is sure; images made for the network without its defence; AutoAttack on
    the first images. "all together" counts those that resist all but AutoAttack.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    steps = recipe.attack_steps
    options = {
        "PGD": {"steps": steps},
        "more steps": {"steps": recipe.long_steps, "step_size": epsilon / 10},
        "restarts": {"steps": steps, "restarts": RESTARTS},
        "margin loss": {"steps": steps, "restarts": RESTARTS, "loss": attacks.margin},
    }
    resists = {}
    with compute.autocast(), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", attacks.SuspectGradients)
        for check, settings in options.items():
            made = attacks.pgd(defence, images, labels, epsilon, generator=generator, **settings)
            resists[check] = correct(defence, made, labels)
        warnings.simplefilter("ignore", attacks.SuspectGradients)
        made = attacks.pgd(model, images, labels, epsilon, steps=steps, generator=generator)
        resists["transfer"] = correct(defence, made, labels)
    resists["all together"] = torch.stack(list(resists.values())).all(0)
    if not isinstance(defence, Noisy):  # AutoAttack's standard attacks expect a fixed answer
        few = slice(recipe.auto_images)
        made = auto_attack(recipe, defence, images[few], labels[few], epsilon)
        resists["AutoAttack"] = correct(defence, made, labels[few])
    return resists, sorted({str(each.message) for each in heard})


def auto_attack(recipe, model, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Images attacked by three parts of AutoAttack (Croce and Hein 2020), in float32.

    Two step-size-free PGDs and the black-box Square attack, which sees no gradient; the rest of the
    standard set costs ten times as much and seldom finds more on networks of this size.
    """
    from pyautoattack import AutoAttack  # of the extra "book": only these runs need it

    parts = ["apgd-ce", "apgd-dlr", "square"]
    options = {"eps": epsilon, "seed": recipe.seed, "device": str(images.device)}
    attack = AutoAttack(model, attacks=parts, version="custom", **options)
    attack.square.n_queries = recipe.queries
    attack.apgd.n_restarts, attack.apgd.n_iter = 1, recipe.long_steps
    with evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return attack.run_standard_evaluation(images.contiguous(), labels)[0]
