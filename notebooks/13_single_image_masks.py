# %% [markdown]
# (single-image-masks)=
# # One mask for one image

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
sparsity_weight = 0.2
epochs = 0

# %% tags=["hide-cell"]
from fhelpers import data
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.single_image_masks import figures
from fhelpers.sections.single_image_masks.plan import plan

settings = {"sparsity_weight": sparsity_weight, "epochs": epochs}
recipes = plan(scale, dataset, seeds, **settings)
print(f"{len(recipes)} runs for each of the seeds {seeds}: {', '.join(recipes)}")

# %% tags=["hide-cell"]
runs = fetch(recipes)
history, recipe = runs.history, recipes["images/natural"][0]
options = {"limit": recipe.images, **recipe.network.options}
test = data.load(dataset, train=False, **options)
verdicts = {name: CLAIMS[name].of(runs) for name in ("K7", "K8")}
print(f"a mask for each of {len(test)} test images: {', '.join(verdicts)}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(verdicts)}")

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts.values():
    style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# A mask can be learned for one image alone: the frequencies that a network needs to classify this
# picture and no other. {cite:t}`karantzas2022understanding` learn such masks M for images x, for a
# natural and an adversarially trained network, and look at five things that come of them: the image
# through its mask M(x), what the mask takes away, the adversarial image x_A, and that image through
# the mask, M(x_A). They ask which of these the network still gets right, where the masks of the two
# networks differ, and whether masks of one class resemble each other.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was computed for this page at scale {scale}, and what it cost. The rows with a "
    "stroke hold a mask for each image.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.wrong_in_words(runs))

# %% [markdown]
# The loss is that of {doc}`11_fourier_masks` with the class that the network gives the image. For a
# single image, keeping the accuracy means keeping this class. Where the mask of the last step does
# not, the last one that did is taken. The adversarial image x_A is found by projected gradient
# descent against the same network, within 3.5/255 of each pixel; the paper's code says 0.06 after
# normalisation, which is about that. The mask is learned on x and has never seen x_A.
#
# All images are learned at once. Their losses are added and no two masks share a weight, so each
# mask is what it would be had it been learned alone.

# %%
from fhelpers import masks

network, two = runs["natural"][0].model(), test.pixels()[:2]
learning = masks.Learning(epochs=5, sparsity_weight=sparsity_weight)
both = masks.learn_image_masks(network, two, learning).mask.masks()
alone = masks.learn_image_masks(network, two[1:], learning).mask.masks()
print(f"learned together or alone, the masks agree: {(both[1] - alone[0]).abs().max() < 1e-3}")

# %% [markdown]
# ## Images, masks, and what each lets through

# %% tags=["hide-input", "nbval-ignore-output"]
run = runs["images/natural"][0]
weights = figures.masks_of(run).mean((1, 2))
style.show(
    figures.gallery(test.pixels(), run, figures.mostly_right(run)),
    name="single-gallery",
    caption=f"Test images and their masks for N. Over all images, half of the masks have a total "
    f"weight below {weights.median():.3f}.",
    alt=figures.ALT["gallery"],
)

# %% [markdown]
# **How to read this.** In the masks, frequency zero is in the centre and bright is kept. Pixels
# that leave the range of a screen are clipped; what the mask takes away is drawn around mid-grey.
#
# ## What is still classified right

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.versions(history),
    name="single-versions",
    caption=verdicts["K7"].note,
    alt=figures.ALT["versions"],
)

# %% [markdown]
# **How to read this.** Only images that the network gets right as they are count here, so that x
# itself would be at 100 %. So is M(x), by construction, as each mask is one that keeps the class;
# how many of the masks still did so at their last step stands below the figure. What can fail is
# the rest: the paper expects M(x_A) at the top, too, and the complement at the bottom.

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(
    figures.versions_table(history),
    caption="Share classified right of each version, among all test images and among those that "
    "are right as they are.",
)

# %% [markdown]
# ## Where the masks of A differ from those of N

# %% tags=["hide-input", "nbval-ignore-output"]
kinds = [runs[f"images/{name}"] for name in ("natural", "adversarial")]
pairs = [tuple(map(figures.masks_of, pair)) for pair in zip(*kinds, strict=True)]
gains = figures.gains(pairs)
style.show(
    figures.gain_by_band(gains),
    name="single-gains",
    caption=figures.gains_in_words(gains),
    alt=figures.ALT["gains"],
)

# %% [markdown]
# **How to read this.** In each of 64 rings and 64 directions, every image has a mask for N and one
# for A. Above one half, most images need more energy there for A than for N. Where both masks are
# empty, as they are for most images far out, the image counts half on either side. The intervals
# are over seeds or, with one seed, over images.
#
# ## Do masks of one class resemble each other?

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.atlas(run, history, test.classes),
    name="single-map",
    caption=verdicts["K8"].note,
    alt=figures.ALT["map"],
)

# %% [markdown]
# **How to read this.** On the left every point is the mask of one image, placed by UMAP
# {cite:p}`mcinnes2018umap` so that masks that are alike lie together; the axes have no meaning,
# and the few farthest points are beyond the frame. The map knows nothing of classes. On the right
# a linear classifier sees masks only, learns the classes of four fifths of them and is tested on
# the last fifth, in turn. Dealing the classes out at random shows what it would reach without
# anything to find. Intervals are over images or over seeds.
#
# **What differs, and why it may.** The class of a mask is here the one that the network gives the
# image, because this is what the mask was made to keep; for the paper's accurate networks that is
# nearly always the true one. The released code learns one mask after the other and stops each for
# itself; here all take the same number of steps. Our linear classifier is a ridge regression, and
# the map is computed over all pairs of masks instead of a sample. Our networks at small scales
# are unsure of many images: it takes little to keep a class that was chosen by a narrow margin,
# and little to lose it.
#
# ## What we tried that the paper did not
#
# Hundreds of masks are learned at once, and the page checks that they are the same as alone. The
# images that the network gets wrong are counted and shown beside the others, and the complement of
# the adversarial image is tested as well.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | both networks and all masks are made once for each |
# | `sparsity_weight` | λ of {doc}`11_fourier_masks`: the larger, the less the masks let through |
# | `epochs` | of the networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 13_single_image_masks -p sparsity_weight 0.05
# ```
