"""Runs about the masks of networks: learning and scoring them, and training through one.

K: Karantzas, Besier, Ortega Caro, Pitkow, Tolias, Patel, Anselmi (2022).
"""

import dataclasses
from dataclasses import dataclass
from operator import attrgetter

import torch
from scipy.optimize import isotonic_regression
from torch import Tensor, nn

from fhelpers import data, frequency, masks
from fhelpers.frequency import structural_similarity
from fhelpers.networks.compute import CHUNK
from fhelpers.runs import classifier, training
from fhelpers.runs.checks import check_choice, refuse
from fhelpers.runs.kinds import Job, Result, Runnable
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.recipes import Recipe

MASK_IMAGES = {"smoke": 200, "quick": 1_000, "standard": 5_000, "paper": 50_000}
BANDS = 64  # of radial and angular energies (K)
FOLDS = 5  # disjoint sets of images, a mask each: how far a mask depends on the images it saw
COMPARED = 500  # test images, at most, whose structural similarity is taken
SCOPES = ("model", "class", "fold")
VARIANTS = (
    "mask", "complement", "random", "random-but-zero", "disc", "permuted", "binary-complement",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MaskRecipe(OfNetwork, kind="mask", version=2):
    """Everything that decides the masks learned for one network."""

    scope: str = "model"  # one mask, or one per class (K), or one for each of FOLDS sets of images
    learned_on: str = "train"  # "test" is K's way: learned and judged on the same images
    images: int = 1_000  # how many, from the first on
    per_channel: bool = False  # K has one mask for all channels
    sparsity_weight: float = 0.2  # λ (K)
    threshold: float = 0.99  # K
    patience: int = 7  # K
    learning_rate: float = 0.05
    batch_size: int = 50
    epochs: int = 10

    def __post_init__(self):
        check_choice("scope", self.scope, SCOPES)
        check_choice("learned_on", self.learned_on, ("train", "test"))
        there = getattr(self.network, f"{self.learned_on}_images")
        if not (isinstance(self.images, int) and FOLDS <= self.images <= there):
            refuse("images", self.images, f"from {FOLDS} to {there}, the network's own")
        _ = self.learning

    train_images = property(attrgetter("images"))
    precision = property(attrgetter("network.precision"))
    steps = property(attrgetter("epochs"))
    learning = property(masks.Learning.of)

    @property
    def slug(self) -> str:
        words = ["mask"] + [self.scope] * (self.scope != "model")
        words += ["channels"] * self.per_channel + ["ontest"] * (self.learned_on == "test")
        return "-".join([*words, f"w{self.sparsity_weight:g}", self.network.slug])

    work = property(lambda self: self.epochs * self.images)

    def carry_out(self, job: Job) -> Result:
        """Learn the masks and score them on training and test images."""
        (run,), compute = job.needed, job.compute
        network = run.model().to(compute.device)
        sets = classifier.images_of(self.network)
        source, count = sets[self.learned_on], self.images
        labels = source.labels[:count]
        groups = {
            "model": torch.zeros_like(labels),
            "class": labels,
            "fold": torch.arange(count) % FOLDS,
        }[self.scope]
        pixels = source.images[:count].float() / 255
        learned = masks.learn_mask(
            network, pixels, labels, self.learning, groups=groups, seed=self.seed,
            channels=pixels.shape[1] if self.per_channel else 1, compute=compute,
            checkpoint=job.folder / "checkpoint.pt", progress=job.progress,
        )  # fmt: skip
        found = learned.training
        found.rows += [{"epoch": found.epoch} | row for row in described(learned)]
        if self.scope != "fold":
            for split, images in sets.items():
                which = images.labels if self.scope == "class" else torch.zeros_like(images.labels)
                compared = COMPARED if split == "test" else 0
                rows = scored(network, learned.mask, images, which, compute, compared)
                found.rows += [
                    {"epoch": found.epoch, "split": split, "scope": "all"} | r for r in rows
                ]
        return found.result()

    def rebuild(self) -> masks.FourierMask:
        info = data.describe(self.dataset, **self.network.options)
        count = {"model": 1, "class": info.classes, "fold": FOLDS}[self.scope]
        channels = info.channels if self.per_channel else 1
        return masks.FourierMask(info.height, info.width, count=count, channels=channels)


def masks_of(scale, group, sparsity_weight, **changes) -> tuple:
    """A mask recipe for each network of a group, on as many images as the scale can pay.

    On test images it is learned from all of them, as K does.
    """
    whole = changes.get("learned_on") == "test"
    return tuple(
        MaskRecipe(
            network=network,
            images=network.test_images if whole else min(MASK_IMAGES[scale], network.train_images),
            sparsity_weight=float(sparsity_weight),
            **changes,
        )
        for network in group
    )


def described(learned: masks.Learned) -> list[dict]:
    """Weight, success and energies of each mask, a row each."""
    with torch.no_grad():
        learnt, weight = learned.mask.masks().mean(1), learned.mask.total_weight()
    kept = zip(weight.tolist(), learned.reached.tolist(), strict=True)
    rows = [
        {"split": "mask", "part": "weight", "scope": "mask", "mask": number, "value": value,
         "reached": reached}
        for number, (value, reached) in enumerate(kept)
    ]  # fmt: skip
    ones, bands = torch.ones(1, *learned.mask.size), {}
    for part, energy in ENERGIES.items():
        bands[part] = {"value": energy(learnt, BANDS), "whole": energy(ones, BANDS)}
    bands["within"] = within_rings(learnt)
    for part, columns in bands.items():
        for number in range(len(learnt)):
            own = {name: each[number % len(each)].tolist() for name, each in columns.items()}
            rows += [
                {"split": "mask", "part": part, "scope": "mask", "mask": number, "band": band}
                | {name: values[band] for name, values in own.items()}
                for band in range(BANDS)
            ]
    return rows


def within_rings(learnt: Tensor) -> dict[str, Tensor]:
    """Energy by angle of masks (n, H, W) within the spectrum's largest circle, (n, BANDS) each.

    value: of the masks; even: of the closest masks that depend on the distance alone and fall with
    it, since even a disc on a square grid has no even energy by angle; whole: of all frequencies.
    """
    size = learnt.shape[-2:]
    distance = frequency.radial_distance(*size)
    inside = distance <= min(size) / 2
    _, ring = distance[inside].unique(return_inverse=True)
    sizes, even = ring.bincount().double(), torch.zeros_like(learnt)
    for mask, kept in zip(learnt, even, strict=True):
        sums = torch.zeros_like(sizes).index_add(0, ring, mask[inside].double().square())
        fit = isotonic_regression(sums / sizes, weights=sizes, increasing=False).x
        kept[inside] = torch.tensor(fit.copy()).clamp(min=0).sqrt().float()[ring]
    shown = {"value": learnt * inside, "even": even, "whole": inside[None].float()}
    return {name: frequency.angular_energy(each, BANDS) for name, each in shown.items()}


ENERGIES = {"radial": frequency.radial_energy, "angular": frequency.angular_energy}


def scored(network, mask, images: data.ImageData, which, compute, compared: int) -> list[dict]:
    """Accuracy on images, on what their masks let through and on what they take away.

    which: int64 (N,), the mask of each image. `both` is the share right on the original and on the
    part; "similarity" the mean structural similarity of the first `compared` images to the part,
    with its deviation.
    """
    right: dict[str, list[Tensor]] = {"original": [], "masked": [], "complement": []}
    alike: dict[str, list[Tensor]] = {"masked": [], "complement": []}
    for chunk in torch.arange(len(images)).split(CHUNK):
        pixels, labels, own = (
            each[chunk].to(compute.device) for each in (images.images, images.labels, which)
        )
        pixels = pixels.float() / 255
        kept = masks.through(mask, pixels, own)
        parts = {"original": pixels, "masked": kept, "complement": pixels - kept}
        for part, seen in parts.items():
            right[part].append(training.correct(network, seen, labels, precision=compute.precision))
            if part in alike and chunk[0] < compared:
                alike[part].append(structural_similarity(pixels, seen))
    rows, original = [], torch.cat(right["original"])
    for part, outcomes in right.items():
        own = torch.cat(outcomes)
        row = {"part": part, "images": len(own), "accuracy": own.double().mean().item()}
        row["both"] = (own & original).double().mean().item()
        if alike.get(part):
            values = torch.cat(alike[part])[:compared]
            row |= {"similarity": values.mean().item(), "deviation": values.std().item()}
            row["compared"] = len(values)
        rows.append(row)
    return rows


# Training through a mask -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MaskedTraining(Runnable, kind="masked-training"):
    """A classifier trained anew on images seen through a mask, or through what it is compared with.

    variant: the mask; its complement 1 − M, or the binary one of the frequencies whose weight is 0
    (K's); its weights permuted over all frequencies, over all but frequency zero, or within each
    ring of radii that round to the same number; the disc of the same total weight.
    """

    network: Recipe  # trained anew
    mask: MaskRecipe  # of this or another network
    variant: str = "mask"

    def __post_init__(self):
        check_choice("variant", self.variant, VARIANTS)
        if self.mask.scope != "model":
            refuse("mask", self.mask.scope, 'a mask of scope "model"')

    setup = property(attrgetter("network"))
    seed = property(attrgetter("network.seed"))
    precision = property(attrgetter("network.precision"))
    device = property(attrgetter("network.device"))
    steps = property(attrgetter("network.steps"))
    work = property(attrgetter("network.work"))
    data_digest = property(attrgetter("network.data_digest"))
    needs = property(lambda self: (self.mask,))  # whose mask the images are seen through

    @property
    def slug(self) -> str:
        whose = "-shuffled" * (self.mask.network.labels != self.network.labels)
        return f"through{whose}-{self.variant}-{self.network.slug}"

    def carry_out(self, job: Job) -> Result:
        """Train through the mask; score on originals and through the same mask."""
        (run,) = job.needed
        mask = varied(run.model(), self.variant, self.seed)

        def prepare(images: Tensor) -> Tensor:
            chunks = (chunk.to(job.compute.device) for chunk in images.split(CHUNK))
            return torch.cat([masks.through(mask, chunk.float() / 255) for chunk in chunks])

        network = dataclasses.replace(self.network, radii=())
        found = classifier.train(network, job, prepare)
        model = network.rebuild().to(job.compute.device)
        model.load_state_dict(found.tensors)
        row = {"epoch": network.epochs, "scope": "all", "part": "input"}
        for split, images in classifier.images_of(network).items():
            seen = prepare(images.images)
            labels = images.labels.to(job.compute.device)
            score = training.score(model, seen, labels, job.compute.precision)
            found.rows.append(row | {"split": split, "images": len(images)} | score)
        return found

    def rebuild(self) -> nn.Module:
        return self.network.rebuild()


def varied(mask: masks.FourierMask, variant: str, seed: int) -> masks.FourierMask:
    """A mask of the same size made from another; see `MaskedTraining` for the variants."""
    made = masks.FourierMask(*mask.size, channels=mask.weight.shape[1])
    weight = mask.weight.detach()
    distance = torch.empty(weight.shape[-1])
    distance[mask.bins] = frequency.radial_distance(*mask.size).flatten()
    generator = torch.Generator().manual_seed(seed)
    order = torch.argsort(torch.rand(len(distance), generator=generator))
    if variant == "complement":
        weight = 1 - weight
    elif variant == "binary-complement":
        weight = masks.complement(mask).weight.detach()
    elif variant == "random":
        weight = weight[..., order]
    elif variant == "random-but-zero":
        rest, weight = distance > 0, weight.clone()
        weight[..., rest] = weight[..., order[rest[order]]]
    elif variant == "permuted":
        ring = distance.round()
        # Sorting by ring, once in order and once in a random one, pairs the weights of each ring.
        shuffled = order[torch.argsort(ring[order], stable=True)]
        weight = weight.clone().index_copy_(
            -1, torch.argsort(ring, stable=True), weight[..., shuffled]
        )
    elif variant == "disc":
        weight = disc(mask, distance)
    made.weight.data.copy_(weight)
    return made


def disc(mask: masks.FourierMask, distance: Tensor) -> Tensor:
    """Weights of the disc whose total weight is the mask's; its outermost ring is part of one."""
    bins = mask.bins.bincount().double()
    rings, ring = distance.unique(return_inverse=True)
    sizes = torch.zeros(len(rings), dtype=torch.float64).index_add_(0, ring, bins)
    left = mask.total_weight().item() * bins.sum() - (sizes.cumsum(0) - sizes)
    filled = (left / sizes).clamp(0, 1)
    return filled[ring].float().expand_as(mask.weight)
