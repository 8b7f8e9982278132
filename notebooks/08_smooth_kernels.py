# %% [markdown]
# (smooth-kernels)=
# # Smooth kernels

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
rho = 1.0  # how strongly kernels are smoothed, at least 0
epochs = 0  # of all networks; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers import data, heatmap, networks, smoothing
from fhelpers.claims import CLAIMS, finding
from fhelpers.drawing import comparisons, style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.smooth_kernels import claims, figures
from fhelpers.sections.smooth_kernels.plan import plan

runs = fetch(plan(scale, dataset, seeds, rho=rho, epochs=epochs))
trained = [label for label in runs if not label.startswith(("map-", "kernels-", "smoothed-"))]
print(f"{len(trained)} networks for each of the seeds {seeds}: {', '.join(trained)}")

# %% tags=["hide-cell"]
table = claims.kernels_of(runs.history)
verdict = CLAIMS["W16"].of(runs)
first = {
    label: networks.first_convolution(runs[label][0].model()).weight.detach() for label in trained
}
print(f"first layers: {[tuple(weight.shape) for weight in first.values()]}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding([verdict])}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.smoothness(table),
    name="kernels-smoothness",
    caption=figures.in_short(verdict),
    alt=figures.ALT["smoothness"],
)

# %% [markdown]
# **How to read this.** Further to the left is smoother. The left panel shows the mean difference
# between neighbouring weights, divided by their mean size; the right panel shows how much of what a
# kernel passes lies beyond half of the highest frequency that the pixels can represent, the
# *Nyquist frequency* (a kernel with a single non-zero weight: 81 %). Small dots are single filters;
# the large point is their mean with its 95 % interval, over seeds or, with one seed, over filters.
# Multiplying a kernel by a number changes neither measure. Compare the green rows with the black
# ones of the same kernel size. The rule takes the left panel and compares the networks filter by
# filter, which start alike; the right panel is our own check. So: adversarial training smooths
# kernels if green lies clearly to the left of black in the left panel at both kernel sizes.

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
for label, weight in first.items():
    both = weight, smoothing.smooth_kernel(weight, rho)
    before, after = (smoothing.high_share(each).mean() for each in both)
    print(f"{label}: smoothing leaves {after / before:.1f} of the share beyond half Nyquist")
for name, title in figures.NAMES.items():
    mean = runs[f"map-{name}"][0].tensors()["accuracy"].mean()
    least = 0.25 if name == "smoothed" else 0.5  # its smoothed form is the closer call
    print(f"{title}: mean accuracy over all waves beyond {least}: {bool(mean > least)}")

# %% [markdown]
# ## What the paper did
#
# The kernel of a convolution is a small filter, and its shape tells which frequencies it passes:
# the more neighbouring weights differ, the more of the high part passes. {cite:t}`wang2020high`
# compare the first layer of a network trained on clean images with that of one trained on
# adversarial images {cite:p}`madry2018towards` and find that the second has smoother kernels (their
# Figure 7). They add a first layer with 5×5 kernels, in which smoothness is easier to see. From
# this they derive a way to smooth kernels after training, which {doc}`09_smoothing_defence` tests.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost. "
    f"Labels that begin with map are Fourier heat maps. {comparisons.attacked_in_words(runs)}",
)

# %% [markdown]
# Smoothing adds to every weight ρ times the sum of its eight neighbours; beyond the edge of the
# kernel its outermost weights repeat (equation 3 of the paper):

# %%
corner = torch.zeros(1, 1, 3, 3)
corner[..., 0, 0] = 1
print("a kernel that is 1 in its corner and 0 elsewhere becomes")
print("\n".join(str(row) for row in smoothing.smooth_kernel(corner, rho)[0, 0].tolist()))
flat, chequered = torch.ones(1, 1, 3, 3), (torch.arange(9.0) % 2).view(1, 1, 3, 3) * 2 - 1
for name, kernel in {"corner": corner, "constant": flat, "chequered": chequered}.items():
    for when, weight in (("", kernel), (" smoothed", smoothing.smooth_kernel(kernel, rho))):
        rough, share = smoothing.adjacent_difference(weight), smoothing.high_share(weight)
        print(f"{name}{when}: difference of neighbours {rough.item():.2f}, ", end="")
        print(f"beyond half Nyquist {share.item():.2f}")

# %% [markdown]
# The sum is not normalised: a constant kernel grows by a factor of 1 + 8ρ. The next page examines
# what this does to a network.
#
# ## The kernels

# %% tags=["hide-input", "nbval-ignore-output"]
three = {f"M_{name}": first[name] for name in ("natural", "adversarial")}
style.show(
    figures.kernels(figures.before_and_after(three, rho)),
    name="kernels-three",
    caption="The paper's Figure 7: first-layer kernels, 3×3, as trained and after smoothing. "
    + verdict.note,
    alt=figures.ALT["kernels"],
)

# %% folded="The same kernels with 5×5 weights" tags=["nbval-ignore-output"]
five = {f"M_{name}": first[f"{name}-5"] for name in ("natural", "adversarial")}
style.show(
    figures.kernels(figures.before_and_after(five, rho)),
    name="kernels-five",
    caption="The same for networks whose first layer has 5×5 kernels.",
    alt=figures.ALT["kernels"],
)

# %% [markdown]
# **How to read this.** Each square is one filter. Its three input channels are shown as red, green
# and blue (or grey, for grey images) and stretched from its smallest to its largest weight, so that
# even an almost constant kernel shows some pattern. Squares that change gradually are smooth,
# chequered ones are not. So: pictures of kernels suggest, and only the measures in the first figure
# decide.
#
# ## How smooth they are

# %% folded="The means of the first figure, as a table" tags=["nbval-ignore-output"]
style.table(figures.means(table), caption="The means of the figure.")

# %% tags=["remove-input"]
after = [smoothing.high_share(smoothing.smooth_kernel(w, rho)) for w in first.values()]
before = [smoothing.high_share(w) for w in first.values()]
less = [bool(b.mean() > a.mean()) for b, a in zip(before, after, strict=True)]
style.finding(
    f"Smoothing lowered the share beyond half Nyquist in {sum(less)} of {len(less)} first layers"
    + " of the first seed" * (len(seeds) > 1)
    + "."
)

# %% [markdown]
# ## What the kernels let through

# %% tags=["hide-input", "nbval-ignore-output"]
passed = figures.gains(figures.before_and_after(three, rho))
style.show(
    figures.transfer(passed),
    name="kernels-transfer",
    caption="Transfer functions of whole 3×3 first layers, each divided by its own mean. "
    + figures.corners_in_words(passed),
    alt=figures.ALT["transfer"],
)

# %% [markdown]
# **How to read this.** Zero frequency is in the centre, the finest patterns are in the corners. A
# bright centre with dark corners is a layer that passes coarse patterns and suppresses fine ones.
# Smoothing acts on every kernel alike, so its effect should be obvious here. So: a layer is smooth
# as a whole only if its corners are dark.
#
# ## Which frequency hurts most
#
# Kernels are only the first layer. To see how the whole network responds to a frequency, we add a
# single wave to test images and measure the accuracy {cite:p}`yin2019fourier`. Each pixel of the
# map is one wave. A network that looks for stripes with four crests across and two down, and for
# nothing else, is disturbed by that wave alone, which stands at two mirrored pixels of its map.

# %%
crests = (4 * torch.arange(16) + 2 * torch.arange(16)[:, None]) / 16
stripes = torch.cos(2 * torch.pi * crests).expand(1, 1, 16, 16)
seeing = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2, bias=False))
seeing[1].weight.data = torch.cat([stripes.flatten(1), -stripes.flatten(1)])
striped = (0.5 + 0.1 * stripes).expand(20, -1, -1, -1)
found = heatmap.heat_map(seeing, striped, torch.zeros(20, dtype=torch.long))
for row, column in (found < 1).nonzero().tolist():
    print(f"{column - 8:+d} across, {8 - row:+d} up: accuracy {found[row, column]:.2f}")

# %% tags=["hide-input", "nbval-ignore-output"]
found = {t: runs[f"map-{name}"][0].tensors()["accuracy"] for name, t in figures.NAMES.items()}
style.show(
    figures.maps(found),
    name="kernels-maps",
    caption=f"{figures.maps_in_words(found)} Measured on "
    f"{runs['map-natural'][0].recipe.images:,} test images{', first seed' * (len(seeds) > 1)}.",
    alt=figures.ALT["maps"],
)

# %% tags=["hide-input", "nbval-ignore-output"]
history = runs.history[runs.history.label.str.startswith("map-")]
clean = history[history.part == "original"].groupby("label").accuracy.mean()
chance = 1 / data.describe(dataset, **runs["natural"][0].recipe.options).classes
style.show(
    figures.profile(history, clean, chance),
    name="kernels-profile",
    caption="The same by distance of the wave from the centre, averaged over all directions. "
    + figures.falls_in_words(history, clean),
    alt=figures.ALT["profile"],
)

# %% [markdown]
# **How to read this.** In the maps, a dark pixel is a wave that the network does not tolerate. All
# waves have the same size, an L2 norm of 4 in each channel, and a sign drawn for each image and
# channel. Below, each curve is the mean over all waves at that distance; the diamond at its left is
# the accuracy on clean images. Bands are 95 % intervals, over seeds or, with one seed, over images.
# A curve that stays high towards the right belongs to a network that ignores fine patterns. So: a
# network is robust to the frequencies where its curve stays near the diamond.
#
# **What differs, and why it may.** The paper shows kernels and no numbers. Below the scale `paper`
# M_adversarial is trained for fewer epochs than M_natural, since each of its epochs costs several
# times as much (see the set-up), unless the parameter `epochs` sets both. Both start from the same
# initial weights, so what they share may come in part from there. The released code crops and flips
# the images of M_adversarial but not those of M_natural; here neither network has augmentation.
#
# ## What we tried that the paper did not
#
# Two measures of smoothness with intervals instead of a judgement by eye; transfer functions; the
# effect of smoothing on the same scale; heat maps of the whole networks.
