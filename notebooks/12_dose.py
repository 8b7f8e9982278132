# %% [markdown]
# (dose)=
# # How much data

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]  # where images are split; two or more, which W7 and W13 compare
amounts = [0]  # numbers of training images beside the scale's own; [0]: those of the scale
epochs = 0  # at the scale's own number, others take as many steps; 0: the scale's own

# %% tags=["hide-cell"]
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs.scales import vanilla
from fhelpers.runs.schedule import fetch
from fhelpers.sections.dose import effects, figures
from fhelpers.sections.dose.plan import plan
from fhelpers.sections.shuffled_labels.claims import TABLE1

runs = fetch(plan(scale, dataset, seeds, radii=radii, amounts=amounts, epochs=epochs))
own = vanilla(scale, dataset, seeds[0]).train_images
for images, each in effects.by_amount(runs).items():
    print(f"{images:,} images{' (of this scale)' * (images == own)}: {', '.join(each)}")

# %% tags=["hide-cell"]
rows = effects.effects(runs)
taken = rows[rows.series == effects.STEPS]
for id, each in taken.groupby("claim", sort=False):
    print(f"{id}, effects: {each.part.nunique()}, at {style.listing(each.images.unique())} images")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(rows)} {figures.not_judged(rows)}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.effects(rows, first=True),
    name="dose-effects",
    caption="The first effect of each claim over the number of training images. "
    f"{figures.levels(rows)}",
    alt=figures.ALT["effects"],
)

# %% [markdown]
# **How to read this.** Each panel is one effect that a claim is judged by, as its card on the
# claim's own page has it (W25: over five networks only). The horizontal axis is the number of
# training images n. Black points are networks after equal numbers of steps at every n, so that
# fewer images are seen more often. M_shuffle takes more steps than the others, and M_adversarial
# often fewer; M_natural is compared with it after the same number. Grey squares are the same
# networks as they were when they first reached the training accuracy that all networks of the claim
# reach at every n; W1 has none, since which image is right is recorded at the end only. Bars and
# bands are 95 % intervals, widened as on the cards where a claim has several effects. A dashed line
# is the margin of the rule, and the sign above is the verdict on the black point: ✓ reproduced, ≈
# weaker, ✗ not reproduced, ? undecided. Where a network has not learned, its point is hollow, has
# no interval and is undecided. Vertical lines mark the n of the scales `quick` and `standard`,
# where it lies within the range shown.

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.so(rows, own, effects.fitted(runs)))

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` train on all 50,000 images of CIFAR-10, 100 epochs or more, and do not ask
# what fewer images would do. Their networks fit the training set and reach 0.86 on test images.
# This book trains on fewer, so each of its verdicts raises the question whether it is about the
# claim or about the number of images. Here six claims are judged again, by the same rules, on
# networks that differ in that number and, since they take equal steps, in how often they see each
# image: W1 ({doc}`01_decomposition`), W5 and W7
# ({doc}`02_shuffled_labels`), W12 ({doc}`06_batchnorm`), W13 and W25 ({doc}`04_heuristics`).
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained for this page at scale {scale}, and what it cost. A label names the "
    "number of training images and the network. At the scale's own number the networks are those "
    "of the other pages, M_shuffle at standard excepted.",
)

# %% [markdown]
# The number of steps is that of the scale's own set-up: the fewer images there are, the more often
# each is seen. Monitoring is as frequent in steps.

# %%
for label in ("natural", "shuffled"):
    for images, each in effects.by_amount(runs).items():
        if label in each:
            r = each[label][0].recipe
            steps = r.epochs * -(-r.train_images // r.batch_size)
            print(f"{label}, {images:,} images: {r.epochs} epochs, {steps:,} steps")

# %% [markdown]
# Which networks each claim needs:

# %%
for id, labels in effects.NETWORKS.items():
    print(f"{id}, {CLAIMS[id].short}: {', '.join(map(effects.named, labels))}")

# %% [markdown]
# Not every network is trained at every number, because the page would cost more than all others
# together. M_natural is trained at every number, M_shuffle only up to the scale's own: with more
# images the same number of steps ends before their labels are memorised. All learn at the scale's
# rate; at `standard`, M_shuffle and the network beside it learn at half of it in
# {doc}`02_shuffled_labels`. The five networks of the paper's Figure 5 and those of its Table 1 are
# trained at the scale's own number and at the one furthest from it, and BatchNorm at the smallest
# too. At `smoke` and `quick`, what costs much is left to the scale's own number: adversarial
# training, dropout and mix-up, and of Table 1 all but the smallest and the largest radius are left
# out.
#
# ## How accurate the networks are

# %% tags=["hide-input", "nbval-ignore-output"]
table1 = TABLE1 if dataset == "cifar10" else TABLE1[:0]
published = {f"{row.trained_on}-{row.radius}": row.test for row in table1.itertuples()}
style.table(
    effects.accuracies(runs, published),
    caption="Accuracy on the training images (as the network saw them) / on whole test images, "
    "and the paper's on test images in its Table 1, for 50,000 images of CIFAR-10. Its Table 2 has "
    "0.86 for M_natural and 0.71 for M_adversarial, whose training crops and flips. A dash: not "
    "trained.",
)

# %% [markdown]
# ## The further effects

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.effects(rows, first=False),
    name="dose-further",
    caption="The further effects of W7, W12 and W13, in the same way: how much training on low "
    "parts gains from the smallest to the largest radius, and how far training on high parts is "
    "above chance; accuracy on low and on high parts with BatchNorm minus without; the gap of "
    "M_natural minus that of M_adversarial, what the adversarial network loses without the "
    "high part at the larger radii, and its accuracy on the high parts at the smallest radius "
    f"minus that of M_natural. {figures.not_judged(rows)}",
    alt=figures.ALT["further"],
)

# %% [markdown]
# **How to read this.** As above. W7 and W13 each have one effect that has to stay *below* its
# margin: training on high parts, and what is lost without the high part. So: a claim of several
# parts has the verdict of its worst part, and this figure shows which part that is at each number
# of images.
#
# ## The numbers

# %% folded="Every effect with its interval, as a table" tags=["nbval-ignore-output"]
style.table(
    figures.table(rows),
    caption="Every effect with its interval and, after equal steps, the verdict of the rule. "
    f"{figures.levels(rows)}",
)

# %% tags=["hide-cell"]
# Only what other processors agree on: a difference in a diff is a finding.
for id, part in (("W7", 2), ("W12", 0)):
    each = taken[(taken.claim == id) & (taken.part == part)]
    print(f"{each.name.iloc[0]}: {dict(zip(each.images, each.verdict, strict=True))}")
    cut = rows[(rows.claim == id) & (rows.series == effects.ACCURACY)]
    print(f"{id} is compared at a training accuracy of about {cut.level.round().unique().tolist()}")

# %% [markdown]
# **What differs, and why it may.** Equal steps are not equal training: with few images a network
# has seen each of them hundreds of times and fits them, with many it has not. Equal training
# accuracy removes that difference and brings in another, since the networks are then compared at
# different moments, and on the monitored images only, so that intervals are wider. The networks are
# the scale's: below `paper` they are far smaller than the paper's, most of all for n = 50,000. A
# claim's own page may show other seeds, and a different verdict for that reason alone. The line of
# `quick` says where its n lies, but that scale also takes fewer steps. W25 is here a rank
# correlation over the five networks of Figure 5 alone, where its own page has many more and the
# batch sizes beside them: with five, not even a perfect order can be told from chance here. With
# one seed an interval says what other images would give with these networks, and not what other
# trainings would.
#
# ## What we tried that the paper did not
#
# All of this: the paper has one number of images.
