# %% [markdown]
# (noise-or-signal)=
# # Noise or signal

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
radius = 12
epochs = 0

# %% tags=["hide-cell"]
import torch

from fhelpers import data
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs import training
from fhelpers.runs.schedule import fetch
from fhelpers.sections.noise_or_signal import figures
from fhelpers.sections.noise_or_signal import measure as noise
from fhelpers.sections.noise_or_signal.claims import cases, outcomes
from fhelpers.sections.noise_or_signal.plan import plan

runs = fetch(plan(scale, dataset, seeds, radius=radius, epochs=epochs))
networks = [label for label in runs if not label.startswith("cases-")]
print(f"{len(networks)} networks for each of the seeds {seeds}: {', '.join(networks)}")

# %% tags=["hide-cell"]
rows = outcomes(runs.history)
natural = rows[rows.network == "natural"]
verdict = CLAIMS["W23"].of(runs)
print(f"{natural.image.nunique()} test images, {natural.part.nunique()} splits")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(verdict, natural)}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# Are high frequencies signal that a network uses, or is any small remainder of an image enough to
# give such pictures as the paper's Figure 2? {cite:t}`wang2020high` repeat the figure with
# singular values: the leading ones in place of low frequencies, the trailing ones in place of high
# frequencies. They report far fewer images that support the story, and take it as a sign that the
# Fourier split finds something that this other split does not.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost. "
    "Labels that begin with cases are counts over the whole test set of the scale.",
)

# %% [markdown]
# A fair comparison needs splits that take equally much. We compare with the low part at one radius
# in two ways: *equal energy*, the rank whose leading part comes nearest in its sum of squares,
# chosen for each channel of each image; and *equal coefficients*, one rank for all that takes as
# many numbers to write down as the disc has bins.

# %%
recipe = runs["natural"][0].recipe
options = {"limit": recipe.test_images, **recipe.options}
test = data.load(dataset, train=False, **options)
images = test.pixels()
rank = noise.rank_of_equal_coefficients(*images.shape[-2:], radius)
print(f"r = {radius} is as many coefficients as rank {rank}")
first, rest = noise.split_all(images[:50], radius)["SVD, equal energy"]
print(f"parts add up: {bool(torch.allclose(first + rest, images[:50], atol=1e-6))}")

# %% [markdown]
# ## How many such images

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.counts(natural),
    name="noise-counts",
    caption=f"M_natural: images that are right whole and from the rest but wrong from the first "
    f"part. {verdict.note}",
    alt=figures.ALT["counts"],
)

# %% [markdown]
# **How to read this.** Each point counts images that tell the story of the paper's Figure 2. The
# grey tick is what chance would give a network that answers images, first parts and remainders
# independently and as well as this one does. A point to the right of its tick is more than chance.
# What the claim compares is the first row with the second.

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(
    figures.numbers(natural),
    caption="The same in numbers, with how much of an image's energy the first part holds and how "
    "often it and the rest are answered rightly.",
)

# %% [markdown]
# ## Every network of the last sections

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.by_network(rows),
    name="noise-networks",
    caption=figures.order_in_words(rows),
    alt=figures.ALT["networks"],
)

# %% [markdown]
# **How to read this.** If the claim held for every network, the vermilion circle would be the
# rightmost mark of each row.
#
# ## Examples side by side

# %% tags=["hide-cell"]
seed = natural[natural.seed == seeds[0]].sort_values("image")
by_split = {split: cases(seed[seed.part == split]) for split in noise.SPLITS[:2]}
chosen = [int(image) for found in by_split.values() for image in found.nonzero()[0][:2]]
chosen = list(dict.fromkeys(chosen)) or [0]
print(f"there are examples: {any(found.any() for found in by_split.values())}")

# %% tags=["hide-cell", "nbval-ignore-output"]
some, model = images[chosen], runs["natural"][0].model()
split = noise.split_all(some, radius)
parts = {"image": some, "low": split["Fourier"][0], "high": split["Fourier"][1]}
parts |= dict(zip(("leading", "trailing"), split["SVD, equal energy"], strict=True))
said = {name: training.predict(model, part).argmax(1).tolist() for name, part in parts.items()}
shown = {"high", "trailing"}  # brightened about grey, since they have no mean of their own
drawn = {name: part + 0.5 if name in shown else part for name, part in parts.items()}
row = lambda k: {name: (drawn[name][k], test.classes[said[name][k]]) for name in parts}
pictures = [row(k) for k in range(len(some))]
print([test.classes[label] for label in test.labels[chosen]])

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.examples(pictures),
    name="noise-examples",
    caption="Images that tell the story by one split or the other, with M_natural's answers. High "
    "and trailing parts are shown about grey.",
    alt=figures.ALT["examples"],
)

# %% [markdown]
# **How to read this.** The first rows are cases of the Fourier split: the answer above *image* and
# *high* is the same, that above *low* is another. The others are cases of the split by singular
# values. Look at what *leading* loses and *low* keeps, and the other way round.
#
# **What differs, and why it may.** The paper gives no number, no rank and no radius for this
# comparison. Its remainders keep what its kind of split leaves; at equal energy a leading part is a
# coarse patchwork of rows and columns, which a network may find as strange as a low part.
#
# ## What we tried that the paper did not
#
# Two ways to make the splits comparable; the count that independent answers would give; every
# network that the book trains, not one.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | all networks are trained once for each |
# | `radius` | of the Fourier split; the others follow it |
# | `epochs` | of all networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 14_noise_or_signal -p radius 8
# ```
