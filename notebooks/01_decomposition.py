# %% [markdown]
# (decomposition)=
# # The two parts of an image

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]  # where images are split: distances from the centre of the spectrum
radius = 12  # the one for the examples and for claims W1 and W2

# %% tags=["hide-cell"]
from functools import partial

import pandas as pd
import torch

from fhelpers import frequency, intervals
from fhelpers.claims import CLAIMS, finding
from fhelpers.drawing import style
from fhelpers.runs import training
from fhelpers.runs.schedule import fetch
from fhelpers.sections.decomposition import claims, figures, measure
from fhelpers.sections.decomposition.plan import plan

runs = fetch(plan(scale, dataset, seeds, radii=radii, radius=radius))
recipe = runs["natural"][0].recipe
test = recipe.load(train=False)
print(f"{dataset}: {len(test):,} test images of {len(test.classes)} classes; seeds {seeds}")

# %% tags=["hide-cell"]
pixels, labels = test.pixels(), test.labels
keys = [measure.WHOLE]
keys += [(part, r) for part in ("low", "high") for r in sorted({*radii, radius})]
right = {key: [run.correct(*key) for run in runs["natural"]] for key in keys}
network = runs["natural"][0]
answers = partial(training.predict, network.model(), precision=network.precision)
print(f"{len(right)} versions of every test image, {len(seeds)} network(s)")

# %% tags=["remove-input", "nbval-ignore-output"]
found = measure.found(right, labels, sorted({*radii, radius})).set_index("radius")
first = measure.outcomes(right, labels, radius)[0]
kind = torch.from_numpy(first["original"] & first["high"] & ~first["low"])
low, high = frequency.split(pixels[kind], radius)
three = {"original": pixels[kind], "low": low, "high": high}
favourite = claims.favourite(**first, classes=test.classes)
verdicts = [CLAIMS["W1"].of(runs, radius=radius), CLAIMS["W2"].of(runs)]
style.finding(f"**Finding.** {finding(verdicts)}")

# %% tags=["hide-input", "nbval-ignore-output"]
places, said = measure.most_confident({k: answers(v) for k, v in three.items()}, labels[kind], 6)
style.show(
    figures.cases(
        torch.stack([part[places] for part in three.values()], 1),
        figures.in_words(said, test.classes),
    ),
    name="decomposition-cases",
    caption="The paper's Figure 2. "
    f"{'The first of the networks' if len(seeds) > 1 else 'The network'} classifies "
    f"{kind.sum():,} test images correctly whole "
    f"and from their high part, and incorrectly from their low part (r = {radius:g}). These are "
    f"the ones on which it is most confident. {favourite}",
    alt=figures.ALT["cases"],
)

# %% [markdown]
# **How to read this.** Below each picture stand the network's prediction and its confidence. "Most
# confident" means that the smallest of the three confidences is largest. A few such images can
# always be picked from thousands; whether they mean anything depends on how many there are. So:
# such images exist or they do not; the counts below say whether they are more than coincidence.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts:
    style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` take each image apart with a Fourier transform. All frequencies within a
# distance r of the centre of the spectrum form the low part, all others the high part; each colour
# channel is split separately. They then test a trained network on the image, on its low part and on
# its high part. Their Figure 2 shows eight CIFAR-10 test images that the network classifies
# correctly from the high part, which looks like faint noise to people, and incorrectly from the low
# part, which looks like the image to people.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup().query("run == 'natural'"),
    caption=f"What was trained for this page at scale {scale}, and what it cost. The paper names a "
    "ResNet-18; its released code trains 32 layers on all 50,000 images for 100 epochs.",
)

# %% [markdown]
# ## What a spectrum is
#
# Any image is a sum of waves. A wave has a direction, a number of crests across the image (its
# *frequency*) and a height (its *amplitude*). The Fourier transform finds the amplitude of every
# wave, and the spectrum is a map of these amplitudes: the centre stands for the mean brightness of
# the image, and each step outwards adds one crest. Waves with few crests make up broad shapes;
# waves with many make up edges and texture.
#
# Here are three images that each consist of a single wave: two crests across, eight crests down,
# and six in each direction.

# %%
height, width = pixels.shape[-2:]
rows = torch.arange(height)[:, None] / height
columns = torch.arange(width)[None, :] / width
single = [
    0.5 + 0.45 * torch.cos(2 * torch.pi * (across * columns + down * rows))
    for across, down in ((2, 0), (0, 8), (6, 6))
]
waves = torch.stack(single)[:, None].expand(-1, pixels.shape[1], -1, -1)
print(f"{len(waves)} waves of {height} × {width} pixels")

# %% tags=["hide-input"]
names = ["2 across", "8 down", "6 each way", "test image"]
style.show(
    figures.primer(torch.cat([waves, pixels[:1]]), names),
    name="decomposition-primer",
    caption="A single wave is two points in the spectrum, as far from the centre as it has crests. "
    "A real image holds all waves, and the slow ones are the largest.",
    alt=figures.ALT["primer"],
)

# %% [markdown]
# **How to read this.** Each pixel of a spectrum, called a *bin*, stands for a wave; a wave has two,
# one on either side of the centre. Colour shows the amplitude on a logarithmic scale: from one mark
# on the colour bar to the next is a factor of ten. So: the place of a bright point tells the
# direction and the fineness of a pattern, and its colour how strong it is.
#
# ## The split
#
# A circle of radius r around the centre divides the waves: those inside form the *low part*, those
# outside the *high part*. In code, the split is one line.

# %%
parts = frequency.split_many(pixels[:2], radii)
wave_std = waves[1].std().item()
for r, (low, high) in parts.items():
    error = (low + high - pixels[:2]).abs().max().item()
    left = [part.std().item() / wave_std for part in frequency.split(waves[1:2], r)]
    print(f"r = {r:g}: low + high differs from the image by {error:.4f}; ", end="")
    print("of 8 down the low part has {:.2f}, the high part {:.2f}".format(*left))

# %% tags=["hide-input"]
style.show(
    figures.split(pixels[:2], parts),
    name="decomposition-split",
    caption=f"Two test images taken apart at r = {style.listing(f'{r:g}' for r in sorted(radii))}. "
    "The larger the circle, the more of what we recognise is in the low part.",
    alt=figures.ALT["split"],
)

# %% [markdown]
# **How to read this.** The radius grows from left to right; each spectrum shows all the circles.
# Blue frames mark low parts, vermilion frames high parts; a darker frame (lighter on a dark page)
# marks a larger radius. High parts are differences around zero, so they are drawn on grey: anything
# lighter than grey is above zero. So: a small circle leaves a blurred image and a large one leaves
# little to the high part; every result of this book depends on where the circle is drawn.
#
# ## Where the energy is
#
# The energy of a part is the sum of its squared values. The two parts share no wave, so their
# energies add up to the energy of the image, and we can say what share of it each part holds. The
# mean brightness is left out because it says nothing about what the image shows.

# %%
swing = pixels - pixels.mean((2, 3), keepdim=True)
power = frequency.spectrum(swing).abs().square().sum(1)
rows = []
for r in radii:
    disc = frequency.disc(height, width, r)
    share = (power * disc).sum((1, 2)) / power.sum((1, 2)).clamp_min(1e-12)
    least, most = share.quantile(torch.tensor([0.05, 0.95])).tolist()
    rows.append((r, share.mean().item(), least, most, disc.float().mean().item()))
shares = pd.DataFrame(rows, columns=["radius", "low", "least", "most", "bins"])
print(shares.round(2).to_string(index=False))

# %% tags=["hide-input"]
first = shares.sort_values("radius").iloc[0]
style.show(
    figures.energy(shares),
    name="decomposition-energy",
    caption=f"The {100 * first.bins:.0f} % of the spectrum within r = {first.radius:g} hold "
    f"{100 * first.low:.0f} % of the energy of a test image, on average.",
    alt=figures.ALT["energy"],
)

# %% [markdown]
# **How to read this.** Blue is the low part's share of the energy, averaged over the test images;
# the white line spans the middle 90 % of them. The dark tick is the share of bins inside the
# circle: if all waves had the same amplitude, the blue bar would end there. So: photographs hold
# most of their energy in few slow waves, so the high part is faint, whatever it may mean to a
# network.
#
# ## Images recognised from the high part but not from the low part

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.counts(found.reset_index(), len(test)),
    name="decomposition-counts",
    caption="Images classified correctly whole and from the high part but not from the low part. "
    "Radii at which they are clearly more than independence within each class would give: "
    f"{figures.where_above_independence(found.reset_index())}.",
    alt=figures.ALT["counts"],
)

# %% [markdown]
# **How to read this.** The grey bar takes, class by class, the images that are right whole and
# wrong on the low part, times the share of the class that is right on the high part. A network that
# gives one class as its answer to most high parts, whatever they show, is at the bar. Above it,
# correct predictions for high parts concentrate on those images; below it, they avoid them. The
# paper shows eight examples and gives no count. So: only at the radii that the caption names, where
# each network's images exceed its own bar, is there evidence that the high part of the image
# itself, and not a favourite class, gives the answer.

# %% folded="Accuracy on whole images and on each part, as a table" tags=["nbval-ignore-output"]
shares = {key: [each.mean() for each in seeds] for key, seeds in right.items()}
score = {key: intervals.accuracy(each, len(test)) for key, each in shares.items()}
shown = {"the whole image": measure.WHOLE}
shown |= {f"{part} part, r = {r:g}": (part, r) for part in ("low", "high") for r in radii}
rows = [(name, style.with_interval(score[key])) for name, key in shown.items()]
style.table(
    pd.DataFrame(rows, columns=["shown to the network", "accuracy [95 % interval]"]),
    caption=f"Accuracy on {len(test):,} test images, after training on whole images only.",
)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
keys = measure.WHOLE, ("low", min(radii)), ("high", max(radii))
main = {name: score[key].value for name, key in shown.items() if key in keys}
print(pd.Series(main, name="accuracy").round().to_string())

# %% [markdown]
# **What differs, and why it may.** The paper's network has 32 layers and saw all 50,000 training
# images of CIFAR-10; a smaller one that saw fewer (see the set-up) is usually less accurate, though
# one that has memorised its training images can be very sure of wrong answers. The radius is 12, as
# published, unless this page's parameter says otherwise. A high part alone is far from anything the
# network was trained on, and its predictions for high parts can collapse onto a few classes.
# Whether they are correct then depends on the class rather than on the image, which can move the
# count either way.
#
# ## What we tried that the paper did not
#
# ### At most r, or less than r?
#
# The paper assigns a wave to the low part when its distance is at most r (≤). The released code
# requires less than r (<). The few waves at exactly distance r change sides.

# %% folded="How many waves change sides, as a table"
rows = []
for r in radii:
    within = int(frequency.disc(height, width, r, inclusive=True).sum())
    closer = int(frequency.disc(height, width, r, inclusive=False).sum())
    rows.append((f"{r:g}", within, closer, within - closer))
columns = ["radius", "bins with ≤", "bins with <", "difference"]
style.table(pd.DataFrame(rows, columns=columns), caption="Waves in the low part, both ways.")

# %% tags=["hide-cell", "nbval-ignore-output"]
few = pixels[:1_000]
correct = lambda images: (answers(images).argmax(1) == labels[:1_000]).numpy()
rows = []
for r in radii:
    both = (frequency.split(few, r, inclusive=closed) for closed in (False, True))
    for part, less, at_most in zip(("low", "high"), *both, strict=True):
        effect = measure.change([correct(less)], [correct(at_most)])
        rows.append({"part": part, "radius": r, **vars(effect)})
inclusive = pd.DataFrame(rows)
print(f"largest change of accuracy: {100 * inclusive.value.abs().max():.1f} percentage points")

# %% folded="What the choice between ≤ and < changes, at each radius" tags=["nbval-ignore-output"]
style.show(
    figures.changes(inclusive, "accuracy with ≤ minus with <"),
    name="decomposition-inclusive",
    caption=f"{measure.changed(inclusive, 'The choice between ≤ and <')} On {len(few):,} test "
    f"images{', first seed' * (len(seeds) > 1)}.",
    alt=figures.ALT["inclusive"],
)

# %% [markdown]
# **How to read this.** Above zero, the network is more accurate with the paper's ≤. Bars are 95 %
# intervals. So: the other convention changes an accuracy by no more than the bars reach.
#
# ### Dividing by the maximum
#
# The released code divides each filtered image by its own maximum before using it. This changes low
# parts little. A high part is usually faint, so its maximum is small and the division makes it
# stronger.

# %% tags=["hide-input"]
low, high = frequency.split(pixels[:1], radius)
stretched = {}
for name, image in {"image": pixels[:1], "low part": low, "high part": high}.items():
    divided = frequency.divide_by_max(image)
    stretched[name] = image[0], divided[0]
    channels = [f"{value:.2f}" for value in divided[0].amax((1, 2)).tolist()]
    print(f"{name}: divided by {(image.max() / divided.max()).item():.2f}; ", end="")
    print(f"largest value of each channel then {', '.join(channels)}")

# %% folded="Images before and after the division by their maximum" tags=["nbval-ignore-output"]
largest = [part.amax((1, 2, 3)).median().item() for part in frequency.split(pixels, radius)]
times = [1 / max(value, 1e-6) for value in largest]
style.show(
    figures.stretched(stretched),
    name="decomposition-stretched",
    caption=f"Division by the maximum multiplies low parts by {times[0]:.2f} and high parts by "
    f"{times[1]:.1f} (median of the test images, r = {radius:g}).",
    alt=figures.ALT["stretched"],
)

# %% tags=["hide-cell", "nbval-ignore-output"]
rows = []
for r in radii:
    for part in ("low", "high"):
        after = [run.correct(f"{part}/max", r) for run in runs["natural"]]
        effect = measure.change(right[part, r], after)
        rows.append({"part": part, "radius": r, **vars(effect)})
divided = pd.DataFrame(rows)
print(f"largest change of accuracy: {100 * divided.value.abs().max():.1f} percentage points")

# %% folded="What the division changes, at each radius" tags=["nbval-ignore-output"]
style.show(
    figures.changes(divided, "accuracy after minus before"),
    name="decomposition-divided",
    caption=measure.changed(divided, "Division by the maximum"),
    alt=figures.ALT["divided"],
)

# %% [markdown]
# **How to read this.** In the released code, filtered images are divided in training and in
# testing, and so are whole training images; only whole test images are not. A network trained on
# divided parts therefore meets a different contrast on whole test images. M_natural has no biases
# except those of its last layer: an image times a constant gives the same features times that
# constant, and only the last biases weigh more or less. So: contrast explains no larger difference
# between the parts than the bars reach; a network with biases throughout would have to be tested
# again.
