# %% [markdown]
# (single-image-masks)=
# # One mask for one image

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
sparsity_weight = 0.2  # λ of {doc}`15_fourier_masks`: the larger, the less the masks let through
epochs = 0  # of the networks; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers import masks
from fhelpers.claims import CLAIMS, finding
from fhelpers.claims.masks import lettered
from fhelpers.drawing import style
from fhelpers.masks.images import cross_validated
from fhelpers.runs.schedule import fetch
from fhelpers.sections.single_image_masks import figures
from fhelpers.sections.single_image_masks.plan import plan

runs = fetch(plan(scale, dataset, seeds, sparsity_weight=sparsity_weight, epochs=epochs))
print(f"{len(runs)} runs for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["images/natural"][0].recipe
test = recipe.network.load(train=False)
verdicts = {name: CLAIMS[name].of(runs) for name in ("K7", "K8")}
print(f"a mask for each of {recipe.images} test images: {', '.join(verdicts)}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding(verdicts.values())}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.versions(history, 1 / len(test.classes)),
    name="single-versions",
    caption=f"{figures.versions_in_words(history)} Hollow diamonds: N in the paper (other data).",
    alt=figures.ALT["versions"],
)

# %% [markdown]
# **How to read this.** Only images whose original the network classifies correctly count here, so x
# itself would be at 100 %. So is M(x), by construction, because each mask is one that keeps the
# class; the caption says how many of the masks still did so at their last step. For N, hardly any
# x_A is correct, because images were selected for that wherever enough of them were found (see the
# set-up). Nothing fixes the other versions. C keeps the frequencies whose weight is 0; everything
# that the mask takes away, partly or wholly, is x − M(x). So: where C(x) is often correct too, the
# mask holds enough and not all that the network could use.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts.values():
    style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
rows = history[(history.among == "all") & (history.label == "images/natural")].set_index("part")
for part in ("original", "masked", "complement", "attacked", "attacked-rest"):
    print(f"{part}: {rows.accuracy[part].mean():.0f} classified correctly")

# %% [markdown]
# ## What the paper did
#
# A mask can be learned for a single image: the frequencies that a network needs to classify this
# image and no other. {cite:t}`karantzas2022understanding` learn such masks M for images x, for a
# network with standard and one with adversarial training, N and A of {doc}`15_fourier_masks`, and
# look at the image through its mask, M(x), what the mask removes, the adversarial image x_A, and
# that image through the mask, M(x_A). They ask which of these the network still classifies
# correctly, where the masks of the two networks differ, and whether masks of one class resemble
# each other.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    names=lettered(runs),
    caption=f"What was computed for this page at scale {scale}, and what it cost. Rows with a "
    "slash in their name hold a mask for each image.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.wrong_in_words(runs))

# %% [markdown]
# The loss is that of {doc}`15_fourier_masks` with the class that the network predicts for the
# image. For a single image, keeping the accuracy means keeping this class. Where the mask of the
# last step does not, we take the last one that did. The adversarial image x_A is found by projected
# gradient descent against the same network, within 3.5/255 of each pixel; the paper's code uses
# 0.06 after normalisation, which is about the same. The mask is learned on x and has never seen
# x_A.
#
# As in the released code, the images are selected: N classifies them correctly and is fooled by
# their attacked version. Where too few are, the first test images serve instead. They are selected
# in single precision; where all the rest is computed in bfloat16 (see the foot of the page), a few
# of them are misclassified after all. A gets masks for the same images, many of which it
# misclassifies.
#
# The masks of all images are learned at once. Their losses are added and no two masks share a
# weight, so each mask is what it would be had it been learned alone.

# %%
network, two = runs["natural"][0].model(), test.pixels()[:2]
learning = masks.Learning(epochs=5, sparsity_weight=sparsity_weight)
both = masks.learn_image_masks(network, two, learning).mask.masks()
alone = masks.learn_image_masks(network, two[1:], learning).mask.masks()
apart = (both[1] - alone[0]).abs().max().item()
print(f"learned together or alone, the masks differ by {apart:.2f}")

# %% [markdown]
# Cases with a known answer. A linear network looks for stripes with five crests across: the mask of
# a striped image keeps two bins of 256. A complement lets through what the mask stops altogether,
# here the first of ten weights from 0 to 1. A linear classifier tells apart masks that differ by
# class, and no others.

# %%
stripes = torch.cos(2 * torch.pi * 5 * torch.arange(16) / 16).expand(1, 1, 16, 16)
linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2)).eval()
linear[1].weight.data = torch.cat([stripes.flatten(1), -stripes.flatten(1)]) / 4
linear[1].bias.data = torch.tensor([-0.1, 0.1])
mask = masks.learn_image_masks(linear, 0.5 + 0.1 * stripes, masks.Learning(epochs=60)).mask
weights = mask.masks().detach()
print(f"{(weights > 0).sum()} bins kept, weights {weights.min():.4f} to {weights.max():.1f}")

# %%
graded = masks.FourierMask(4, 4)
graded.weight.data[:] = torch.linspace(0, 1, graded.weight.shape[-1])
stopped = masks.complement(graded).weight.flatten().tolist()
print("weights of the complement:", [f"{weight:.1f}" for weight in stopped])
classes, generator = torch.arange(60) % 3, torch.Generator().manual_seed(0)
features = torch.eye(3)[classes] + 0.1 * torch.randn(60, 3, generator=generator)
scrambled = classes[torch.randperm(60, generator=generator)]
for name, own in {"true": classes, "scrambled": scrambled}.items():
    right = cross_validated(features, own, 0).float().mean()
    print(f"{name} classes: {right:.1f} classified correctly")

# %% [markdown]
# ## Images, masks, and what each mask lets through

# %% tags=["hide-input", "nbval-ignore-output"]
run, first = runs["images/natural"][0], ", first seed" * (len(seeds) > 1)
weights = figures.masks_of(run).mean((1, 2))
style.show(
    figures.gallery(test.pixels(), run, figures.mostly_right(run)),
    name="single-gallery",
    caption=f"Test images and their masks for N{first}. The median of the masks' total weights, "
    f"over all images, is {weights.median():.3f}.",
    alt=figures.ALT["gallery"],
)

# %% [markdown]
# **How to read this.** In the masks, frequency zero is in the centre and bright frequencies are
# kept. The complement C holds the frequencies whose weight is exactly 0. Pixels outside the
# displayable range are clipped. Where a mask removes the image's mean, it is added back so that we
# can see something; the network sees the image without it. So: compare M(x), which is enough for
# the network, with what you would call the subject.
#
# ## What is still classified correctly

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.means_in_words(runs))

# %% folded="The shares of all versions, as a table" tags=["nbval-ignore-output"]
style.table(
    figures.versions_table(history),
    caption="Share of each version that is classified correctly, among all images that have a mask "
    "and among those whose original is classified correctly.",
)

# %% [markdown]
# ## Where the masks of A differ from those of N

# %% tags=["hide-input", "nbval-ignore-output"]
kinds = [runs[f"images/{name}"] for name in ("natural", "adversarial")]
pairs = [figures.comparable(*pair) for pair in zip(*kinds, strict=True)]
gains = figures.gains(pairs)
style.show(
    figures.gain_by_band(gains),
    name="single-gains",
    caption=figures.gains_in_words(gains, pairs),
    alt=figures.ALT["gains"],
)

# %% [markdown]
# **How to read this.** Every image has a mask for N and one for A, compared here in each of 16
# rings and 16 directions. Above one half, most images need more energy in that band for A than for
# N. Where both masks are empty, as for most images far from the centre, the image counts half on
# either side. The intervals are over seeds or, with one seed, over images. Where the masks of one
# network are sparser as a whole, all bands fall or rise together. So: read the shape, not the
# height: adversarial training shifts what a network needs towards the bands where the curve is
# high.
#
# ## Do masks of one class resemble each other?

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.atlas(run, history, test.classes),
    name="single-map",
    caption=f"{verdicts['K8'].note} Distance on the map and difference in total weight have a "
    f"rank correlation of {figures.order_of_map(run):.2f}{first}. Hollow diamonds: the paper "
    "(other data).",
    alt=figures.ALT["map"],
)

# %% [markdown]
# **How to read this.** On the maps, every point is the mask of one image. Similar masks lie
# together: the map minimises the objective of UMAP {cite:p}`mcinnes2018umap` over all pairs of
# masks, but is not UMAP itself. The axes have no meaning, and the few most distant points are
# outside the frame. The map uses no class labels; the nearer the rank correlation in the caption is
# to 1, the more it orders masks by nothing but their total weight. In the last panel, a linear
# classifier is trained on four fifths of the masks to predict the class and tested on the last
# fifth, in turn. Scrambling the classes shows what it would reach if there were nothing to find.
# Intervals are over images or over seeds. So: masks tell the class only as far as true classes
# exceed scrambled ones.
#
# **What differs, and why it may.** The class of a mask is here the one that the network predicts
# for the image, because this is what the mask was made to keep. In the paper it is the true class,
# since it takes only images that are classified correctly; here the mask of an image that the
# network misreads has a class other than the image's. The released code learns one mask after the
# other and stops each one separately; here all take the same number of steps. Our linear classifier
# is a ridge regression, and its scrambled labels stay the same throughout; the released code draws
# them anew each time an image is used, so its 20.56 % is about labels that nothing could learn. Its
# map shows the outputs of that classifier, which has seen the classes; ours shows the masks
# themselves, over all pairs instead of a sample. At small scales our networks are uncertain about
# many images: it takes little to keep a class that won by a narrow margin, and little to lose it.
#
# ## What we tried that the paper did not
#
# Hundreds of masks are learned at once, and the page checks that they are the same as when learned
# alone. Misclassified images are counted and shown beside the others, and the complement of the
# adversarial image is tested as well.
