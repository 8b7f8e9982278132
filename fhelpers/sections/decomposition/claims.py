"""Claims about the decomposition of images into low and high parts (W §3.1, Figure 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fhelpers.claims.histories import MORE, OUTCOMES, by_chance
from fhelpers.claims.verdicts import Part, claim, estimate
from fhelpers.intervals import Estimate, bootstrap, proportion, within

EIGHT = 7.5 / 10_000  # half an image less than the eight of Figure 2, so that eight are enough
WHOLE = 10_000  # test images of CIFAR-10: fewer are a sample of them
TOLERANCE = 1e-6  # of pixels in [0, 1]: about ten times the rounding of float32


def correct_on_parts(runs, radius: float = 12) -> tuple:
    """A row per seed and test image: its class, and on which parts M_natural is right."""
    frames = []
    for run in runs["natural"]:
        right = {"right_original": run.correct("original")}
        right |= {f"right_{part}": run.correct(part, radius) for part in ("high", "low")}
        labels = run.recipe.load(train=False).labels.numpy()
        frames.append(pd.DataFrame({"seed": run.recipe.seed, **right, "answer": labels}))
    return (pd.concat(frames, ignore_index=True),)


def split_errors(runs) -> tuple:
    """By how much sum and imaginary part of each test image are off."""
    tensors = runs["split"][0].tensors()
    return tensors["sum_error"], tensors["imaginary"]


@claim(
    "W1",
    short="some images are recognised from their high part but not from their low part",
    text="There are test images that a network gets right whole and from their high part alone but "
    "wrong from their low part.",
    source="W, Figure 2",
    measure="share of test images right on x and x_h and wrong on x_l; ours beside it: that share "
    "minus what it would be if, within each class, an image right on x and wrong on x_l were right "
    "on x_h as often as any other",
    rule="reproduced if there are at least eight of 10,000 (more than seven and a half, for other "
    f"numbers of test images); in one network all {WHOLE:,} are counted and not sampled, so that "
    "the interval is a point. Ours: above 0",
    paper="shows eight of 10,000",
    figure="decomposition-counts",
    inputs=correct_on_parts,
    networks=("natural",),
)
def high_part_images(outcomes: pd.DataFrame) -> tuple[list[Part], str]:
    """`outcomes`: a row per seed and test image; seed, answer and the bool ones of `OUTCOMES`.

    Ours is a difference and not a ratio: it stays defined where no such image is found or
    expected. It can be negative: an image that is easy whole is often easy in its low part too.
    """
    if missing := [name for name in ("seed", "answer", *OUTCOMES) if name not in outcomes]:
        raise ValueError(f"The outcomes have no column {', '.join(missing)}.")
    if outcomes.empty or any(outcomes[name].dtype != bool for name in OUTCOMES):
        raise ValueError("Outcomes must be True or False (not NaN) for at least one image.")
    columns = [*OUTCOMES, "answer"]
    seeds = [[rows[c].to_numpy() for c in columns] for _, rows in outcomes.groupby("seed")]
    found = [_found(*seed) for seed in seeds]
    images, counted = len(seeds[0][0]), found[0]
    point = Estimate(counted, counted, counted, images, "images")
    sampled = images < WHOLE
    share = estimate(found, lambda: proportion(counted * images, images) if sampled else point)
    excess = beyond_chance(seeds)
    chance = np.mean([by_chance(*seed) for seed in seeds]) * images
    note = (
        f"{np.mean(found) * images:,.0f} such images of {images:,}, {chance:,.0f} if being right "
        "on the high part were independent of the rest within each class."
    )
    parts = [
        Part("share of images", within(share, 0.0, 1.0), EIGHT),
        Part("beyond independence within each class", excess, MORE, ours=True),
    ]
    said = favourite(*seeds[0])
    return parts, f"{note} {'First seed: ' * (len(seeds) > 1 and bool(said))}{said}".strip()


def _found(original, high, low, answer=None) -> float:
    return float((original & high & ~low).mean())


def _excess(*outcomes) -> float:
    return _found(*outcomes) - by_chance(*outcomes)


def beyond_chance(seeds: Sequence[Sequence[np.ndarray]]) -> Estimate:
    """The share found minus that by chance; of each seed the arguments of `histories.by_chance`."""
    return estimate([_excess(*seed) for seed in seeds], lambda: bootstrap(_excess, *seeds[0]))


def favourite(original, high, low, answer, classes: Sequence[str] = ()) -> str:
    """Which class has most of the images found, and whether its high parts are special.

    Arguments as for `histories.by_chance`, and the names of the classes; one network. Empty
    without images.
    """
    count = np.bincount(answer, original & high & ~low)
    own = answer == count.argmax()
    if not count.any() or own.all():
        return ""
    name = f"the class “{classes[count.argmax()].replace('_', ' ')}”" if classes else "one class"
    return (
        f"{count.max():,.0f} of the {count.sum():,.0f} images of this kind are of {name}; from the "
        f"high part alone the network is right for {(high & own).sum():,} of the {own.sum():,} "
        f"test images of this class and for {(high & ~own).sum():,} of the {(~own).sum():,} others."
    )


@claim(
    "W2",
    short="low part and high part add up to the image",
    text="Low part and high part add up to the image, and both are real once the rounding left in "
    "the imaginary part is discarded.",
    source="W, §3.1",
    measure="the larger of max |x_l + x_h - x| and max |Im F⁻¹(M F(x))|, pixels being in [0, 1]",
    rule=f"reproduced if below {TOLERANCE:g}; computed and not sampled, so the interval is a point",
    figure="decomposition-split",
    inputs=split_errors,
    identity=True,
)
def decomposition_error(sum_error, imaginary) -> tuple[list[Part], str]:
    """`sum_error`, `imaginary`: (images,) largest absolute error, imaginary part of each image."""
    errors = [np.asarray(values, dtype=float).ravel() for values in (sum_error, imaginary)]
    if any(values.size == 0 or not (values >= 0).all() for values in errors):
        raise ValueError("Errors of the split must be numbers >= 0, for at least one image.")
    worst = float(max(values.max() for values in errors))
    exact = Estimate(worst, worst, worst, errors[0].size, "images")
    note = f"Sum {errors[0].max():.1e}, imaginary part {errors[1].max():.1e}."
    return [Part("largest error", exact, TOLERANCE, ceiling=True)], note
