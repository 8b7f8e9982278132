# %% [markdown]
# (other-datasets)=
# # The same on other data sets

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"  # compared first, and trained as long as on the page on shuffled labels
seeds = [0]
others = ["cifar10", "mnist", "fashion-mnist", "imagenet"]  # the data sets to compare with
radii = [4, 12]  # where images of 32 × 32 are split
epochs = 0  # with true labels, shuffled labels get more; 0: the scale's own

# %% tags=["hide-cell"]
import pandas as pd

from fhelpers import data, frequency
from fhelpers.claims import CLAIMS, finding, labels
from fhelpers.claims.verdicts import confidence_of
from fhelpers.drawing import style
from fhelpers.intervals import at_confidence
from fhelpers.runs import scales
from fhelpers.runs.schedule import fetch
from fhelpers.sections.other_datasets import claims, figures
from fhelpers.sections.other_datasets.plan import plan

runs = fetch(plan(scale, dataset, seeds, others=others, radii=radii, epochs=epochs))
names = list(dict.fromkeys(label.partition("/")[0] for label in runs))
print(f"{len(runs)} networks for each of the seeds {seeds}, on {style.listing(names)}")

# %% tags=["hide-cell"]
options = {name: runs[f"{name}/natural"][0].recipe.options for name in names}
infos = {name: data.describe(name, **options[name]) for name in names}
own_radii = {name: scales.scaled_radii(scale, name, radii) for name in names}
histories, chances = claims.by_dataset(runs, radii)
verdict = CLAIMS["W24"].of(runs, radii=radii)
with at_confidence(confidence_of(verdict.parts)):  # as wide as on the card
    verdicts = {name: claims.repeated(histories[name], chances[name]) for name in names}
    frame = claims.summary(histories, verdicts, chances, own_radii)
print(f"{dataset}: chance {chances[dataset]:.2f}; {', '.join(verdicts[dataset])}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding([verdict])}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.compared(frame),
    name="other-datasets-compared",
    caption=f"{figures.leads_in_words(frame)} {figures.high_in_words(frame)}".strip()
    + f" {verdict.note}",
    alt=figures.ALT["summary"],
)

# %% [markdown]
# **How to read this.** Each row is a data set, each point an accuracy with an interval as wide as
# on the card, over seeds or, with one seed, over images. The dotted tick is chance. *Top (W5)*:
# accuracy on low parts of training images where the two networks have the same accuracy on whole
# images, mean over the two smallest radii and over all accuracies that both pass through; the claim
# is that black is to the right. *Middle (W6)*: low parts of the smallest radius. Black is taken
# after 50,000 training images, as many as in the paper's first epoch, or at the end of a shorter
# training; purple is the mean over the last quarter of the epochs. The claim is that black is well
# to the right of the tick and purple at it. *Bottom (W7)*: whole test images; the claim is that
# blue is to the right, the more so the larger the radius, and that vermilion stays at the tick. Of
# vermilion the mean over the radii is judged, whose interval may be narrower than those drawn. So:
# a result of the paper carries over to a data set where all three claims hold in its row.

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.on_imagenet(names, data.imagenet_subset()))

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
main = frame[(frame.dataset == dataset) & frame.claim.isin(["W6", "W7"])]
print(main[["claim", "series", "radius", "value"]].round({"value": 0}).to_string(index=False))

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` make their case on CIFAR-10 {cite:p}`krizhevsky2009learning` and state that
# it also holds on MNIST {cite:p}`lecun1998gradient`, Fashion-MNIST {cite:p}`xiao2017fashion` and a
# subset of ImageNet {cite:p}`deng2009imagenet`. This page repeats {doc}`02_shuffled_labels` on each
# of them: one network on true labels, one on shuffled labels, and networks trained on low or on
# high parts alone. That page explains the three claims and how they are measured. The subset of
# ImageNet, `imagenet` for short, is Tiny ImageNet-10: ten classes of Tiny ImageNet, 64 × 64 pixels,
# whose records are published with this book and are the same at the scales `quick` and `standard`.
# Where these records cannot be used, `imagenet` is whichever of Imagenette and Tiny ImageNet is
# installed.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
lengths = {name: runs[f"{name}/natural"][0].recipe.epochs for name in names}
style.setup(
    runs.setup().drop(columns="dataset"),
    caption=f"What was trained for this page at scale {scale}, and what it cost. "
    f"{figures.lengths_in_words(lengths)}",
)

# %% [markdown]
# ## A comparison with a known answer
#
# W5 compares two networks at equal training accuracy. Suppose that one learns twice as fast as the
# other and that, of what it classifies correctly, it keeps everything on low parts, the other one
# half. They share the training accuracies from 0 to 0.5. At an accuracy a the low parts differ by
# a / 2: by 0.125 on average.

# %%
speed, kept = {"natural": 0.1, "shuffled": 0.05}, {"natural": 1.0, "shuffled": 0.5}
about = {"seed": 0, "split": "train", "scope": "subset", "images": 100}
rows = [
    about | {"label": name, "epoch": epoch, "part": part, "radius": 4, "accuracy": whole * share}
    for name in speed
    for epoch, whole in ((epoch, epoch * speed[name]) for epoch in range(11))
    for part, share in (("original", 1.0), ("low", kept[name]))
]
for part in labels.low_parts_at_equal_accuracy(pd.DataFrame(rows))[0]:
    print(f"{part.name}: {part.estimate.value:.3f}, interval {part.estimate}")

# %% [markdown]
# ## Which radius is the same radius
#
# A radius counts waves across the whole image. With four waves across 32 pixels, each is 8 pixels
# long; with four waves across 64 pixels, each is 16 pixels long, so the same radius blurs a larger
# image more. We keep the length in pixels: the radii given for 32 × 32 images are multiplied by the
# image's side and divided by 32. The low part then also keeps the same share of the spectrum. For
# 32 × 32 images the radii are used as given. They are fewer than those of
# {doc}`02_shuffled_labels`, so W5 and W7 are means over other radii here.

# %%
style.table(figures.scaled(infos, own_radii), caption="Radii in proportion to the image size.")

# %% tags=["hide-cell"]
examples = {}
for name in filter(figures.can_be_shown, names):
    image = data.load(name, train=False, limit=1, **options[name]).pixels()
    parts = frequency.split_many(image, own_radii[name])
    examples[name] = image[0], {r: (low[0], high[0]) for r, (low, high) in parts.items()}
print(f"one test image and {2 * len(parts)} parts of it from each data set")

# %% tags=["hide-input"]
style.show(
    figures.pictures(examples),
    name="other-datasets-pictures",
    caption=figures.shown_in_words(names),
    alt=figures.ALT["pictures"],
)

# %% [markdown]
# **How to read this.** Within a column, all images are blurred or sharpened by the same number of
# pixels, though the radius differs. High parts are drawn on grey, which is zero. So: compare, at
# equal wavelength in pixels, how much of its subject a low part still shows.
#
# ## All data sets at once

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(
    figures.verdict_table(verdicts),
    caption="The verdicts on each data set, with the effect that decides: the part of the claim "
    "that fails or, if none does, is nearest to failing. W24 asks for all effects of the three "
    "claims on each data set, so that intervals are wider than 95 %, as on its card: a verdict may "
    "differ from that of the page on shuffled labels for this reason, because the radii do, and "
    "because that page may show other seeds.",
)

# %% [markdown]
# ## Epoch by epoch

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.by_epoch(histories, chances),
    name="other-datasets-by-epoch",
    caption=f"The paper's Figure 3 on each data set. {figures.ends_in_words(histories)}",
    alt=figures.ALT["by-epoch"],
)

# %% [markdown]
# **How to read this.** Only the smallest radius is shown. Where the solid blue curve follows the
# solid black one, low parts suffice for true labels. The dashed curves are for shuffled labels:
# black shows how much has been memorised, blue how much of it remains when only the low part is
# shown. So: solid blue well above dashed blue is what low parts carry of true labels and not of
# memorised ones.
#
# **What differs, and why it may.** The paper gives no numbers for these data sets, and does not say
# how it chose the radii for other image sizes. With the radius fixed in pixels, as here, the low
# part of a large image shows more of its subject; fixed in waves, it would be blurred as much
# relative to the subject. Data sets also differ in how much of an image lies beyond a radius; the
# bottom panel of the comparison shows what that leaves to learn from. The learning rates are those
# chosen on CIFAR-10; on Tiny ImageNet-10 it falls to zero and batches are smaller, so that fewer
# images, each of which costs four times as much, are fitted in about as many steps; 50,000 images
# are then more than the paper's 500 steps. The set-up gives the numbers of images and epochs. Where
# shuffled labels were not memorised, W5 compares at low training accuracies only, and W6 is easy to
# meet.
#
# ## What we tried that the paper did not
#
# The paper states that the results carry over. Here each of the three claims has a verdict on each
# data set by the same rule, which shows which of them carry over, and to which data.
