# %% [markdown]
# (batchnorm)=
# # BatchNorm and signals of different size

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]  # of the low parts; three networks are trained for each
strengths = [1.0, 0.5, 0.25, 0.125, 0.0625]  # of the planted cue; two networks for each
epochs = 0  # of all networks; 0: the scale's own

# %% tags=["hide-cell"]
from dataclasses import replace

from fhelpers import data
from fhelpers.claims import CLAIMS, finding, reliance
from fhelpers.drawing import style
from fhelpers.runs import training
from fhelpers.runs.schedule import fetch
from fhelpers.sections.batchnorm import claims, figures
from fhelpers.sections.batchnorm.plan import plan

runs = fetch(plan(scale, dataset, seeds, radii=radii, strengths=strengths, epochs=epochs))
print(f"{len(runs)} networks for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["vanilla"][0].recipe
chance = 1 / data.describe(dataset, **recipe.options).classes
guessing = 1 / data.describe("planted").classes
verdicts = {name: CLAIMS[name].of(runs) for name in ("W12", "W15")[: 1 + (len(set(radii)) > 1)]}
verdicts["Hypothesis"] = claims.HYPOTHESIS(history, guessing)
helped, (level, needed) = figures.helped(history), claims.epochs_needed(history)
cue = claims.by_strength(history)
best = cue[(cue.network == "batchnorm") & (cue.strength == cue.strength.max())].value.iloc[0]
print(f"chance {chance:.2f}; {', '.join(verdicts)}; strongest cue with BatchNorm: {best:.1f}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding(verdicts.values())}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.help_by_radius(helped),
    name="batchnorm-help",
    caption="What BatchNorm adds to the test accuracy at the end of training on low parts, with "
    f"95 % intervals over {helped.over.iloc[0]}.",
    alt=figures.ALT["help"],
)

# %% [markdown]
# **How to read this.** Above zero BatchNorm helps, below zero it harms. The paper expects both
# curves to rise to the right. So: the paper's statement holds only if both curves rise.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts.values():
    style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
scored = {"whole images": "batchnorm"} | {f"low, r = {r:g}": f"batchnorm-low-{r:g}" for r in radii}
for name, label in scored.items():
    part = reliance.Term(1, "test", "original" if label == "batchnorm" else "input")
    found = reliance.effect(history, {label: 1}, (part,))
    print(f"BatchNorm, trained and tested on {name}: accuracy {found.value:.1f}")

# %% [markdown]
# ## What the paper did
#
# BatchNorm {cite:p}`ioffe2015batch` shifts and scales every channel of a network by the mean and
# the deviation of the current batch. {cite:t}`wang2020high` see that a network with BatchNorm
# trains faster and picks up more of both parts, and they suggest one reason for both: high parts
# are much fainter than low parts, and BatchNorm puts signals of different size on one scale, so
# that the network can pick up all of them at the same time. If so, BatchNorm should help little
# where all signals are large already. They therefore train with and without it on low parts only,
# at four radii, and test on whole images and on the same low parts (their Figure 6). They report
# that the smaller the radius, the less BatchNorm helps, and that it speeds up training least at r =
# 4.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained for this page at scale {scale}, and what it cost. The runs with a "
    "cue in their name are those on planted images. The paper trains for 100 epochs.",
)

# %% [markdown]
# The two networks of each pair start from the same seed, see the same batches and have the same
# learning rate. BatchNorm starts at scale 1 and offset 0, as in the paper.
#
# ## What BatchNorm does to images of low contrast
#
# BatchNorm gives each channel the mean 0 and the deviation 1 over each batch, from that batch's own
# mean and deviation (its *moments*), so that a network answers dim images of low contrast as
# strongly as clear ones. Running averages do so only for images of the contrast seen in training,
# and these networks have seen none yet. Here all pixels are divided by four, brightness and
# contrast alike; a faint pattern in images of full contrast follows below.

# %%
clear = recipe.load(train=False).pixels()[:50]
for kind in ("none", "batch", "running"):
    network = replace(recipe, batchnorm=kind).rebuild()
    spread = [training.predict(network, seen).std(0).mean().item() for seen in (clear, clear / 4)]
    print(f"BatchNorm {kind}: the logits' standard deviation is {spread[0]:.3f}, ", end="")
    print(f"at a quarter of the contrast {spread[1]:.3f}")

# %% [markdown]
# ## Whole images: how fast, and how much of each part

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.whole(history, chance),
    name="batchnorm-whole",
    caption=f"{verdicts['W12'].note} {figures.parts_in_words(verdicts['W12'])} "
    f"{figures.watched_in_words(recipe)} {figures.dips_in_words(history)}".strip(),
    alt=figures.ALT["whole"],
)

# %% [markdown]
# **How to read this.** In the left panel, a curve further to the left belongs to a network that
# learns sooner. The right panel shows the accuracy on low (blue) and on high parts (vermilion) of
# test images: where the dashed line lies above the solid one, the network with BatchNorm picks up
# more of that part. BatchNorm takes the moments of the tested batch here, so it also rescales high
# parts, which are faint, when they are tested; a lead on them may come from that alone. A more
# accurate network has more of both, so compare the two distances; {doc}`04_heuristics` compares at
# equal accuracy. So: BatchNorm favours the high part only if it lifts the vermilion curve by more
# than the blue one.
#
# ## Trained on low parts only

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.by_epoch(history, chance),
    name="batchnorm-by-epoch",
    caption=f"The paper's Figure 6. {figures.help_in_words(helped)} "
    f"{figures.watched_in_words(recipe)}",
    alt=figures.ALT["by-epoch"],
)

# %% [markdown]
# **How to read this.** Each column shows one radius; its networks were trained on low parts of that
# radius only. Compare the dashed curve with the solid one of the same panel: the difference is the
# effect of BatchNorm. Blue is the accuracy on low parts of test images, prepared as the training
# images were; black is the accuracy on whole test images, which these networks have never seen.
# Bands are 95 % intervals over seeds; with one seed there are none. So: where dashed and solid
# curves of a colour coincide, BatchNorm changes nothing at that radius.

# %% [markdown]
# ## How much sooner

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.speed(needed, level),
    name="batchnorm-speed",
    caption=figures.speed_in_words(needed, level),
    alt=figures.ALT["speed"],
)

# %% [markdown]
# **How to read this.** Each row is one radius. The circle is the network without BatchNorm, the
# square the one with it, both on the low parts they were trained on. The accuracy to be reached is
# the same in all rows: the highest multiple of 5 % that every network passes by more than its
# sampling error. The number at the right edge is the ratio of the epochs needed, without BatchNorm
# to with it. The paper expects the smallest number in the first row. So: the larger the number, the
# more BatchNorm speeds up training at that radius.
#
# ## The hypothesis, tested on planted images
#
# The paper infers what BatchNorm does from networks trained on low parts. We can test it directly.
# In the planted images only a fine pattern, the *high cue*, depends on the class, and we choose its
# strength. We make it fainter step by step and ask which network learns it within the same number
# of epochs. If BatchNorm amplifies faint signals, the network with BatchNorm should learn cues that
# are too faint for the other.

# %% tags=["hide-input"]
same = [data.load("planted", train=False, limit=1, low=0.0, high=s).pixels()[0] for s in strengths]
style.show(
    figures.cues(same, strengths),
    name="batchnorm-cues",
    caption="One planted image with its high cue at each strength. The clouds do not depend on the "
    "class.",
    alt=figures.ALT["cues"],
)

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.faintest(cue, guessing),
    name="batchnorm-faintest",
    caption=verdicts["Hypothesis"].note,
    alt=figures.ALT["faintest"],
)

# %% [markdown]
# **How to read this.** Each point is a network that was trained and tested on images with a cue of
# that strength; the learning rate is the same throughout. The faintest cue that a network learns is
# where its curve crosses the grey line, interpolated between two strengths; no interval covers this
# interpolation. A network that is still learning when training ends may only need longer. If the
# strength of the cue did not matter to a network, its curve would be flat. So: if the curve of
# BatchNorm crosses the line further towards the faint cues, a network with BatchNorm learns fainter
# signals within the same epochs; that the other would never learn them does not follow.
#
# ## Other explanations
#
# Which moments does BatchNorm use on test images? In the released code it takes the moments of the
# batch that is tested, and so do the networks of this page. Usually a network keeps running
# averages of what it saw in training and uses them instead. If it was trained on low parts only,
# these are averages of low parts. When it then fails on whole images, it may have learned the wrong
# thing, or the right thing on the wrong scale. To separate the two, we train the same networks with
# running averages as well.

# %% folded="Test accuracy with each kind of moments, as a table" tags=["nbval-ignore-output"]
style.table(
    figures.at_the_end(history),
    caption="Test accuracy of the networks trained on low parts, on whole images and on the same "
    f"low parts, with 95 % intervals over {helped.over.iloc[0]}. With BatchNorm the moments are "
    "those of the tested batch, in the last column running averages of training.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.averages_in_words(history))

# %% [markdown]
# **What differs, and why it may.** The paper shows Figure 6 without numbers, so only the order of
# its curves can be compared with ours. Its network has 32 layers and sees all 50,000 images for 100
# epochs. Where a network without BatchNorm is still improving at the end, the head start of
# BatchNorm counts as help; where both fit their training images, only the difference in
# generalisation is left. As in the paper's code, low parts are divided by their maximum for
# training, and whole test images are not. Both networks have the same learning rate, chosen for the
# one without BatchNorm; BatchNorm usually tolerates a higher one.
#
# ## What we tried that the paper did not
#
# The paper judges by eye how much BatchNorm helps and how much it speeds up training. Here both are
# numbers with intervals, and the verdicts follow rules whose history is in {doc}`../intro`. The
# planted cues test the hypothesis itself, and the
# networks with running averages separate what a network has learned from the scale on which it
# expects its input.
