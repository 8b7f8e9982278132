# %% [markdown]
# (heuristics)=
# # Training heuristics and the bands they favour

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]  # where images are split
epochs = 0  # of every network; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers import data
from fhelpers.claims import CLAIMS, finding, reliance
from fhelpers.drawing import comparisons, style
from fhelpers.runs import classifier
from fhelpers.runs.schedule import fetch
from fhelpers.sections.heuristics import claims, figures
from fhelpers.sections.heuristics.plan import plan

runs = fetch(plan(scale, dataset, seeds, radii=radii, epochs=epochs))
print(f"{len(runs)} networks for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["vanilla"][0].recipe
chance = 1 / data.describe(dataset, **recipe.options).classes
names = ["W10", "W11", *["W13"] * (len(set(radii)) > 1), "W25"]  # W13 compares radii
verdicts = {name: CLAIMS[name].of(runs) for name in names}
value = lambda label, measure: 100 * reliance.effect(history, {label: 1}, measure).value
above = f"Percentage points that all bands beyond r = {min(radii):g} add to the test accuracy: "
beyond = reliance.lost_without_high([min(radii)])
print(f"chance {chance:.2f}: {', '.join(verdicts)}")

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
shown = {"vanilla": "M_natural"} | {label: label for label in ("batchnorm", "adversarial", "lenet")}
parts = {"whole": reliance.TEST, "low part": reliance.on_parts("low", [min(radii)])}
for part, measure in parts.items():
    found = {name: f"{abs(value(label, measure)) / 100:.0f}" for label, name in shown.items()}
    print(f"accuracy on {part}: {found}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding(verdicts.values())}")

# %% tags=["hide-input", "nbval-ignore-output"]
pair = {label: figures.EVERY[label] for label in ("vanilla", "batchnorm")}
high = reliance.on_parts("high", [min(radii)])
style.show(
    comparisons.bands(history, figures.EVERY, chance),
    name="heuristics-bands",
    caption=f"{above}{comparisons.listed(history, figures.EVERY, beyond)}. Per cent of high parts "
    f"(r = {min(radii):g}) classified correctly: {comparisons.listed(history, pair, high)}.",
    alt=figures.ALT["bands"],
)

# %% [markdown]
# **How to read this.** There is one column for each band, from low to high frequencies; the numbers
# above are distances from the centre of the spectrum, and the last column takes all bands beyond
# the smallest radius together. A larger number, and a deeper green, means that the network relies
# more on the band. At zero the band does not matter; below zero, in purple, it misleads the
# network. A gain is what a band adds once the lower ones are there: a network may gain less and yet
# classify more of the high parts alone correctly. So: compare a row with that of M_natural, which
# the paper's figure calls vanilla. A heuristic makes a network rely more on the high part if its
# last column is larger, and by more than the intervals.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts.values():
    style.card(verdict)

# %% [markdown]
# Two heuristics have pages of their own: {doc}`03_batch_size` (W8, W9) and BatchNorm
# ({doc}`06_batchnorm`, W12), which stands here beside the others. W25 takes in the networks of all
# three pages and of {doc}`05_architectures`.
#
# ## What the paper did
#
# {cite:t}`wang2020high` train the same network many times and change one heuristic at a time:
# dropout {cite:p}`srivastava2014dropout`, mix-up {cite:p}`zhang2018mixup`, BatchNorm
# {cite:p}`ioffe2015batch` and adversarial training {cite:p}`madry2018towards` (their Figure 5).
# After each epoch they test the network on whole images and on the low and high parts, of training
# and of test images. From the curves they read which heuristics make a network rely on high
# frequencies, and they find that small generalisation gaps go together with invariance to the high
# part. They give no numbers for this figure.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained for this page at scale {scale}, and what it cost. The paper trains "
    "on all 50,000 images for 100 epochs.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"{figures.trained_for(runs)} {figures.warned(runs, chance)}")

# %% [markdown]
# M_natural is the plain network, trained with Adam on whole images, without augmentation and
# without BatchNorm. Dropout sets half of the inputs of the fully connected layers to zero; a ResNet
# has one such layer, its last. Mix-up trains on weighted averages of two images and of their
# labels; the weight is drawn from a Beta(α, α) distribution, with α = 0.5 in the paper's text and α
# = 1 in its code. Adversarial training replaces every image by the worst one that ten steps of
# projected gradient descent (PGD) find within 8/255 of each pixel.
#
# Both methods on cases with a known answer. Mix-up: image k of ten is an even grey of k / 10, so
# the mixed labels say which grey a mixed image must have. Adversarial training: a network that adds
# up the left half of an image and subtracts the right half loses most when the left half falls by
# 8/255 and the right half rises by as much, as far as pixels stay in [0, 1].

# %%
torch.manual_seed(0)
greys = torch.arange(10.0) / 10
mixed, shares = classifier.mix(greys.view(-1, 1, 1, 1), torch.arange(10), 1.0, 10)
for grey, share in list(zip(mixed.flatten(), shares, strict=True))[:3]:
    print(f"grey {grey:.2f}; by its labels {share @ greys:.2f}, shares sum to {share.sum():.2f}")

# %%
halves = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
halves[1].weight.data = torch.tensor([[1.0, 1.0, -1.0, -1.0], [-1.0, -1.0, 1.0, 1.0]])
clean, attacking = torch.tensor([0.5, 0.01, 0.5, 0.99]).view(1, 1, 1, 4), runs["adversarial"][0]
attacked = classifier.attack_for_training(attacking.recipe, halves, clean, torch.tensor([0]))
print("in 255ths:", [f"{255 * change:+.2f}" for change in (attacked - clean).flatten().tolist()])

# %% tags=["hide-input", "nbval-ignore-output"]
tests = {name: value(label, reliance.TEST) for label, name in figures.HEURISTICS.items()}
style.show(
    comparisons.panels(history, figures.HEURISTICS, chance),
    name="heuristics-five",
    caption="The paper's Figure 5. Test accuracy at the end: "
    + style.listing(f"{name} {score:.0f} %" for name, score in tests.items())
    + f". {comparisons.on_monitored(history, figures.HEURISTICS)}",
    alt=figures.ALT["heuristics"],
)

# %% [markdown]
# **How to read this.** Black is the accuracy on whole test images, blue on their low parts and
# vermilion on their high parts, dashed at the small radius and solid at the large one; grey is the
# accuracy on training images. A curve that ends early belongs to a network trained for fewer epochs
# (see the set-up). So: where the blue curves lie close below the black one, the network needs
# little of the high part.

# %% tags=["hide-input", "nbval-ignore-output"]
published = claims.TABLE2_CLEAN if dataset == "cifar10" else {}
style.show(
    comparisons.ends(history, figures.EVERY, chance, published),
    name="heuristics-ends",
    caption=comparisons.gaps(history, figures.EVERY)
    + (" The paper's adversarial training has crop and flip." if published else ""),
    alt=figures.ALT["ends"],
)

# %% [markdown]
# **How to read this.** Each row is a network at the end of its training, and the length of the grey
# line is its generalisation gap. Hollow diamonds are the paper's test accuracies of M_natural and
# M_adversarial on CIFAR-10. The latter stands beside our training with crop and flip, because the
# released code crops and flips there. Both are from its Table 2; Figure 5 has no numbers. For other
# data sets there are none. So: a heuristic helps where its filled point is
# further to the right, and it closes the gap where its grey line is shorter.
#
# ## Which band each heuristic relies on
#
# Start with the lowest band alone and add the next ones until the image is whole. What a band adds
# to the accuracy is how much the network relies on it, given all lower bands. These gains and what
# the lowest band alone reaches above chance add up to the accuracy above chance on whole images.

# %%
gains = {band: value("batchnorm", measure) for band, measure in reliance.gained(radii).items()}
gains[next(iter(gains))] -= 100 * chance  # the lowest band stands alone
whole = 100 * chance + sum(gains.values())
print(f"BatchNorm: {len(gains)} bands; chance and all gains make {whole / 100:.1f}")

# %% folded="All heuristics at the end of training, as a table" tags=["nbval-ignore-output"]
over = verdicts["W10"].estimate.over
style.table(
    comparisons.scores(history, figures.EVERY, first="heuristic"),
    caption=f"Networks at the end of training, on {recipe.test_images:,} test images, with 95 % "
    f"intervals over {over}. The last column is the accuracy on test images minus "
    "that on their low parts, mean over the radii.",
)

# %% [markdown]
# ## Is adversarial training sound?
#
# Adversarial training can deceive itself: the network may learn to withstand only the attack it is
# trained with, often from one epoch to the next. We therefore attack some test images after each of
# the first ten epochs and at intervals from then on. The attack is close to that of training, ten
# steps of PGD, but begins at a random point and not at the image, and its steps are 2.5 times as
# long. A collapse becomes a warning in the record of the run, which is shown with the set-up above.

# %% folded="Accuracy under attack, epoch by epoch" tags=["nbval-ignore-output"]
style.show(
    figures.attacked(history, chance),
    name="heuristics-attacked",
    caption=figures.under_attack(history),
    alt=figures.ALT["attacked"],
)

# %% [markdown]
# **How to read this.** A curve on the right that falls towards zero while the same one on the left
# rises would be a collapse. Few images are attacked, so jumps of several percentage points mean
# nothing. So: without a collapse there is no sign that the robustness depends on where the attack
# starts or on its step size. Stronger and different attacks are on {doc}`09_smoothing_defence`.
#
# **What differs, and why it may.** The paper's network has 32 layers, saw all 50,000 training
# images and was trained for 100 epochs. In a smaller set-up the size of accuracies and gaps may
# differ, so compare directions rather than values. The paper describes what its curves show; here
# each statement became a measure with a margin (see {doc}`../intro`), and another reading of the
# same sentence could give another result. In particular, *relying on the high part* is measured
# here by the accuracy lost without it, as the paper argues for batch sizes. Accuracy on the high
# part alone is another measure, and the notes of the cards give it where the two may differ. The
# paper's figure also follows parts of training images; ours shows parts of test images only. In W25
# both measures contain the test accuracy, with opposite signs, so its sampling error lowers their
# correlation. With several seeds the interval says nothing about other networks. Where all networks
# fit their training images, the gap is 1 minus the test accuracy and says nothing new.
#
# ## What we tried that the paper did not
#
# ### The same training accuracy for all
#
# *Knowing less* can be mistaken for *relying less*, and not only with batch sizes. Here are the
# heuristics at equal training accuracy.

# %% tags=["hide-input", "nbval-ignore-output"]
level, cut = reliance.at_common_accuracy(history, figures.HEURISTICS)
style.show(
    comparisons.bands(cut, figures.HEURISTICS, chance),
    name="heuristics-bands-equal",
    caption=f"{comparisons.common(level, chance)} {above}"
    f"{comparisons.listed(cut, figures.HEURISTICS, beyond)}.",
    alt=figures.ALT["bands-equal"],
)

# %% [markdown]
# **How to read this.** As the figure of the bands above, but each network is evaluated when it
# first reached the common accuracy on clean training images. Only this accuracy is equalised. Test
# accuracies, the number of steps and, with mix-up and adversarial training, the images used for
# training still differ. So: a distance between rows that remains here is something that training
# accuracy alone does not explain.

# %% folded="M_natural and M_adversarial after equal epochs" tags=["nbval-ignore-output"]
epoch, both = reliance.at_common_epoch(history, *claims.MODELS)
style.table(
    comparisons.scores(both, claims.MODELS, first="network"),
    caption=f"M_natural and M_adversarial after the same {epoch} epochs: the gap when neither "
    "has trained for longer. Where one ended later, both rows are of the monitored subset.",
)

# %% [markdown]
# ### What the released code does differently
#
# The paper's code draws the weights of mix-up from Beta(1, 1), the uniform distribution between 0
# and 1, and it crops and flips images at random in adversarial training only. The effect of the
# attack then cannot be separated from that of cropping and flipping. Here mix-up is trained with
# both distributions, and M_adversarial without and with crop and flip.

# %% folded="Both variants of mix-up and of adversarial training" tags=["nbval-ignore-output"]
style.show(
    comparisons.panels(history, figures.VARIANTS, chance),
    name="heuristics-variants",
    caption=f"{comparisons.gaps(history, figures.VARIANTS)} "
    f"{comparisons.on_monitored(history, figures.VARIANTS)}",
    alt=figures.ALT["variants"],
)

# %% [markdown]
# **How to read this.** As the figure of the five heuristics. Compare the first panel with the
# second, and the third with the fourth. So: where two panels differ, the choice between text and
# code changes the result; where they look alike, these networks show no effect.
