# %% [markdown]
# (tradeoff)=
# # Accuracy and robustness

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radius = 12  # where images are split
epsilons = [0.004, 0.008, 0.016, 0.031]  # of PGD in the last figure, in pixel units
epochs = 0  # of all networks; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers import data, frequency
from fhelpers.claims import CLAIMS, finding
from fhelpers.drawing import style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.tradeoff import claims, figures, measure
from fhelpers.sections.tradeoff.plan import plan

runs = fetch(plan(scale, dataset, seeds, radius=radius, epsilons=epsilons, epochs=epochs))
networks = [label for label in runs if not label.startswith("corollary-")]
print(f"{len(networks)} networks for each of the seeds {seeds}: {', '.join(networks)}")

# %% tags=["hide-cell"]
history = runs.history
rows = claims.perturbations(history)
natural = rows[rows.network == "natural"]
verdict = CLAIMS["W3"].of(runs)
middle = sorted(epsilons)[(len(epsilons) - 1) // 2]
options = runs["natural"][0].recipe.options
classes = data.load(dataset, train=False, limit=1, **options).classes
print(f"{natural.part.nunique()} kinds of perturbation at r = {radius}; {len(classes)} classes")

# %% tags=["remove-input", "nbval-ignore-output"]
further = CLAIMS["W27"].of(runs)
style.finding(f"**Finding.** {finding([verdict, further])}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.fooled(natural),
    name="tradeoff-fooled",
    caption="M_natural: share of its correct predictions that a perturbation of at most ε changes. "
    f"{figures.in_short(verdict, rows)}",
    alt=figures.ALT["fooled"],
)

# %% [markdown]
# **How to read this.** The further to the left a curve rises, the smaller the perturbations that
# suffice. If the network relied on the low part alone, the vermilion curve would stay flat; if it
# relied on fine patterns alone, the blue one would. A perturbation without such a limit may have
# the frequencies of both parts, so the black curve comes first. The search tries sizes that double,
# so that curves may have shelves just above ½, 1, 2 …, and values below ½ are loose upper bounds.
# Bands are 95 % intervals. So: read the vermilion curve at an ε too small to see: for that share of
# images the corollary holds.

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(further)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
main = rows[rows.network == "lenet"].groupby("part")["size"].median().mul(255).round(-1)
print(f"LeNet, median size in 255ths: {main.to_dict()}")
attacked = history[(history.part == "attacked") & (history.epsilon == max(epsilons))]
for name in ("lenet", "natural", "adversarial"):
    accuracy = attacked[attacked.label == f"corollary-{name}"].accuracy.mean()
    print(f"{name}: accuracy {accuracy:.0f} under PGD at ε = {max(epsilons):g}")

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` assume that a person sees only the low part of an image while a network
# sees both parts (assumption A1), and that for some image the network's prediction differs from
# that for its low part (A2). Then, they argue in Corollary 1, something that no person sees can
# change the prediction: two images with the same low part and different predictions exist, and
# accuracy that relies on the high part costs robustness. The paper proves this and shows no such
# pair. In §5.1 it adds that networks with BatchNorm are more vulnerable to attacks.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost. "
    "Labels that begin with corollary are searches for the smallest perturbations.",
)

# %% [markdown]
# For each correctly classified image we search for the smallest perturbation that changes the
# prediction: within the high part alone, within the low part alone, and without such a limit. The
# search increases the margin of the best wrong logit over the correct one by gradient steps that
# are projected onto the band, at sizes from 0.5/255 to 32/255, and then shrinks what it found by
# halving. Size is the root mean square over the image's values: for this norm the projection is
# exact. The result is an upper bound on the smallest perturbation.

# %%
tensors = runs["corollary-natural"][0].tensors()
found, images = tensors["perturbations"], tensors["images"]
first = " (first seed)" * (len(seeds) > 1)
low = frequency.filter_spectrum(images, frequency.disc(*images.shape[-2:], radius))
same = frequency.filter_spectrum(images + found, frequency.disc(*images.shape[-2:], radius))
moved = sum((low - same).abs().amax((1, 2, 3)) > 2e-6)
stayed = sum(tensors["answers"] == tensors["labels"])
print(f"perturbed images whose low part changes: {moved}; whose prediction stays: {stayed}")

# %% [markdown]
# The search on a case with a known answer: for a linear network the smallest perturbation within a
# band points along the part of its weights that lies in the band, and its size follows from the
# margin.

# %%
slow, fast = (torch.cos(torch.pi * k * torch.arange(16) / 8).expand(1, 1, 16, 16) for k in (2, 7))
linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2, bias=False))
weight = 2 * slow + fast
linear[1].weight.data = torch.cat([weight.flatten(1), -weight.flatten(1)])
image = 0.5 + 0.02 * weight
for band, along in {"low": 2 * slow, "high": fast, "all": weight}.items():
    size, _ = measure.smallest_perturbations(linear, image, torch.zeros(1).long(), band, 4)
    known = (weight * image).sum() / along.norm() / 16
    print(f"{band}: {255 * size.item():.1f}/255 found; known {255 * known:.1f}/255")

# %% [markdown]
# ## One low part, two predictions

# %% tags=["hide-input", "nbval-ignore-output"]
if len(found):
    style.show(
        figures.pairs(tensors, low, classes),
        name="tradeoff-pairs",
        caption="Images that M_natural classifies correctly and neighbours of theirs that it "
        f"misclassifies, with the same low part at r = {radius}{first}. {verdict.note}",
        alt=figures.ALT["pairs"],
    )
else:
    style.finding(
        "M_natural classified no image correctly that a perturbation of the high part could change."
    )

# %% [markdown]
# **How to read this.** Compare the first row with the third: they should look alike. Above the
# first row stands the class, above the third the network's prediction. The second row shows their
# difference, stretched until its largest value is black or white; the last row is what, by
# assumption A1, a person sees of both. So: where the first and the third row look alike, a change
# that a person would miss flips the prediction.
#
# ## Other networks

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.sizes(rows),
    name="tradeoff-sizes",
    caption=figures.order_in_words(rows),
    alt=figures.ALT["sizes"],
)

# %% [markdown]
# **How to read this.** Further to the right is a network that is harder to fool. A vermilion square
# to the left of the blue circle is a network whose predictions depend more on the high part than on
# the low part. Marks left of ½ are loose upper bounds, since the search starts there, and their
# true order may differ. So: a training that moves both marks to the right makes a network harder to
# fool in both bands.

# %% folded="The ε that fools half of the images, as a table" tags=["nbval-ignore-output"]
style.table(
    figures.sizes_table(rows),
    caption="The ε that fools half of the images, root mean square in 255ths, with its interval.",
)

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.scatter(history, middle),
    name="tradeoff-scatter",
    caption="Accuracy and robustness of all networks under PGD: 10 steps on the margin in the L∞ "
    f"ball of ε = {middle:g}. {figures.samples(history, middle)}",
    alt=figures.ALT["scatter"],
)

# %% [markdown]
# **How to read this.** A trade-off would put the points on a line that falls to the right. Green
# triangles are adversarially trained networks. Thin lines join a name to its point. The networks
# differ in more than their heuristic: those that were trained for fewer epochs or learned more
# slowly may be to the left for that reason. PGD climbs the margin, as the search above does. On the
# cross-entropy, whose gradient vanishes where a network is very sure of its answers, it can stall,
# and make a network such as BatchNorm look more robust than it is. So: a trade-off is shown only by
# networks that are equally well trained and still lie on a falling line.

# %% tags=["hide-cell"]
changed = rows.low_change[(rows.part == "high") & (rows["size"] > 0)]
print(f"low parts that change by more than 1e-6: {(changed > 1e-6).sum()}")

# %% [markdown]
# **What differs, and why it may.** The paper gives no ε and no norm for Corollary 1. The pixels of
# a perturbed image may leave [0, 1] by as much as the perturbation is large, as those of low and
# high parts do; the accuracy under PGD in the last figure is measured on valid images. A gradient
# search can fail where a perturbation exists, so curves may lie too far to the right, especially
# for networks whose gradient is hidden. BatchNorm divides by the moments of the unperturbed images
# while the search runs, so that no image is fooled by what is done to another. The accuracy under
# PGD takes the moments of the attacked batch, as the paper's released code does in testing.
#
# ## What we tried that the paper did not
#
# All measurements: the paper proves that such pairs exist and says that BatchNorm goes with
# vulnerability, and gives no number for either. It does not ask how far apart the pairs are, or
# whether the low part is any safer; the caption of the figure with all networks says in how many it
# is not.
