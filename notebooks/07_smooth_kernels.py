from fhelpers.sections.smooth_kernels.claims import kernels_of

# %% [markdown]
# (smooth-kernels)=
# # Smooth kernels

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
rho = 1.0
epochs = 0

# %% tags=["hide-cell"]

from fhelpers import data, networks, smoothing
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.smooth_kernels import figures
from fhelpers.sections.smooth_kernels.plan import plan

runs = fetch(plan(scale, dataset, seeds, rho=rho, epochs=epochs))
trained = [label for label in runs if not label.startswith(("map-", "kernels-", "smoothed-"))]
print(f"{len(trained)} networks for each of the seeds {seeds}: {', '.join(trained)}")

# %% tags=["hide-cell"]
table = kernels_of(runs.history)
verdict = CLAIMS["W16"].of(runs)
first = {label: networks.first_convolution(runs[label][0].model()).weight for label in trained}
print(f"first layers: {[tuple(weight.shape) for weight in first.values()]}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(verdict)}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# A convolution's kernel is a small filter, and which frequencies it lets through can be read off
# its shape: the more neighbouring weights differ, the more of the high part passes.
# {cite:t}`wang2020high` look at the first layer of a network trained on plain images and of one
# trained on attacked images {cite:p}`madry2018towards` and find that the second has smoother
# kernels (their Figure 7). They add a first layer with 5×5 kernels, in which smoothness is easier
# to see. From this they derive a way to smooth kernels after training, which
# {doc}`08_smoothing_defence` puts to the test.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost. "
    "Labels that begin with map are Fourier heat maps.",
)

# %% [markdown]
# Smoothing adds to every weight ρ times the sum of its eight neighbours; beyond the edge of the
# kernel its outermost weights repeat (equation 3 of the paper):

# %%
weight = first["natural"][:1, :1].detach()
smoothed = smoothing.smooth_kernel(weight, rho)
neighbours = weight.sum() - weight[0, 0, 1, 1]
print((smoothed[0, 0, 1, 1] - weight[0, 0, 1, 1] - rho * neighbours).abs().item() < 1e-5)

# %% [markdown]
# The sum is not normalised: a constant kernel grows by 1 + 8ρ. What that does to a network is a
# question of its own, which the next page asks.
#
# ## The kernels

# %% tags=["hide-input", "nbval-ignore-output"]
three = {f"M_{name}": first[name].detach() for name in ("natural", "adversarial")}
style.show(
    figures.kernels(figures.before_and_after(three, rho)),
    name="kernels-three",
    caption="First-layer kernels, 3×3, as they were trained and after smoothing. " + verdict.note,
    alt=figures.ALT["kernels"],
)

# %% tags=["hide-input", "nbval-ignore-output"]
five = {f"M_{name}": first[f"{name}-5"].detach() for name in ("natural", "adversarial")}
style.show(
    figures.kernels(figures.before_and_after(five, rho)),
    name="kernels-five",
    caption="The same for networks whose first layer has 5×5 kernels.",
    alt=figures.ALT["kernels"],
)

# %% [markdown]
# **How to read this.** The paper's Figure 7. Each square is one filter, its three input channels
# shown as red, green and blue (or grey, for grey images) and stretched from its smallest to its
# largest weight, so that even a kernel that is almost constant shows some pattern. Squares that
# change gradually are smooth, chequered ones are not. Eyes judge this badly; the next figure
# measures it.
#
# ## How smooth they are

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.smoothness(table),
    name="kernels-smoothness",
    caption=figures.in_short(verdict),
    alt=figures.ALT["smoothness"],
)

# %% [markdown]
# **How to read this.** Further to the left is smoother. On the left, the mean difference between
# neighbouring weights over their mean size; on the right, how much of what a kernel lets through
# lies beyond half of the highest frequency that the pixels can carry (a kernel of a single weight:
# 81 %). Small dots are single filters; the large point is their mean with its 95 % interval, over
# seeds, or over filters when there is one seed. Neither measure changes when a kernel is multiplied
# by a number. Compare the green rows with the black ones of the same kernel size.

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(figures.means(table), caption="The means of the figure.")

# %% tags=["remove-input"]
gains = [smoothing.high_share(smoothing.smooth_kernel(w.detach(), rho)) for w in first.values()]
before = [smoothing.high_share(w.detach()) for w in first.values()]
less = [bool(b.mean() > a.mean()) for b, a in zip(before, gains, strict=True)]
style.finding(f"Smoothing lowered the high share of {sum(less)} of {len(less)} first layers.")

# %% [markdown]
# ## What the kernels let through

# %% tags=["hide-input", "nbval-ignore-output"]
shown = figures.before_and_after(three, rho)
style.show(
    figures.transfer(shown),
    name="kernels-transfer",
    caption="Transfer functions of whole 3×3 first layers, over their own mean.",
    alt=figures.ALT["transfer"],
)

# %% [markdown]
# **How to read this.** Zero frequency is in the centre, the finest patterns are in the corners. A
# bright centre with dark corners is a layer that passes coarse patterns and holds fine ones back.
# Smoothing acts on every kernel alike, so what it does should be seen here at once.
#
# ## Which frequency hurts most
#
# Kernels are only the first layer. What the whole network makes of a frequency can be asked
# directly: add one single wave to every test image and count the right answers
# {cite:p}`yin2019fourier`. Each pixel of the map is one wave.

# %% tags=["hide-input", "nbval-ignore-output"]
found = {t: runs[f"map-{name}"][0].tensors()["accuracy"] for name, t in figures.NAMES.items()}
style.show(
    figures.maps(found),
    name="kernels-maps",
    caption=figures.maps_in_words(found),
    alt=figures.ALT["maps"],
)

# %% tags=["hide-input", "nbval-ignore-output"]
history = runs.history[runs.history.label.str.startswith("map-")]
clean = history[history.part == "original"].groupby("label").accuracy.mean()
chance = 1 / data.describe(dataset, **dict(runs["natural"][0].recipe.data_options)).classes
style.show(
    figures.profile(history, clean, chance),
    name="kernels-profile",
    caption="The same by distance of the wave from the centre, all directions together.",
    alt=figures.ALT["profile"],
)

# %% [markdown]
# **How to read this.** In the maps a dark pixel is a wave that the network cannot bear. The waves
# all have the same size, an L2 norm of 4 in each channel, and a sign drawn for each image. Below,
# each curve is the mean over all waves at that distance; the diamond at its left is the accuracy
# with nothing added. A curve that stays high to the right belongs to a network that ignores fine
# patterns.
#
# **What differs, and why it may.** The paper shows kernels and no numbers. At this scale
# M_adversarial has trained for fewer epochs than M_natural, since each costs eight times as much
# (see the set-up); both start from the same weights, so part of what they share may be their start.
# The released code augments M_adversarial's images by cropping and flipping and M_natural's not;
# here neither is augmented.
#
# ## What we tried that the paper did not
#
# Two measures of smoothness with intervals in place of a look; transfer functions; the effect of
# smoothing on the same scale; heat maps of the whole networks.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | all networks are trained once for each |
# | `rho` | how strongly kernels are smoothed, at least 0 |
# | `epochs` | of all networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 07_smooth_kernels -p rho 0.5 -p seeds "[0, 1, 2]"
# ```
