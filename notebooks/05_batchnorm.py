# %% [markdown]
# (batchnorm)=
# # BatchNorm and signals of different size

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]
strengths = [1.0, 0.5, 0.25, 0.125, 0.0625]
epochs = 0

# %% tags=["hide-cell"]
from torch.optim.swa_utils import update_bn

from fhelpers import data
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs import training
from fhelpers.runs.schedule import fetch
from fhelpers.sections.batchnorm import figures
from fhelpers.sections.batchnorm.claims import HYPOTHESIS
from fhelpers.sections.batchnorm.plan import plan

parameters = {"radii": radii, "strengths": strengths, "epochs": epochs}
runs = fetch(plan(scale, dataset, seeds, **parameters))
print(f"{len(runs)} networks for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["vanilla"][0].recipe
chance = 1 / data.describe(dataset, **recipe.options).classes
guessing = 1 / data.describe("planted").classes
verdicts = {name: CLAIMS[name].of(runs) for name in ("W12", "W15")[: 1 + (len(set(radii)) > 1)]}
verdicts["Hypothesis"] = HYPOTHESIS(history, guessing)
helped, (level, needed) = figures.helped(history), figures.epochs_needed(history)
cue = figures.by_strength(history)
best = cue[(cue.network == "batchnorm") & (cue.strength == cue.strength.max())].value.iloc[0]
print(f"chance {chance:.2f}; {', '.join(verdicts)}; strongest cue with BatchNorm: {best:.1f}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(verdicts, helped)}")

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts.values():
    style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# BatchNorm {cite:p}`ioffe2015batch` shifts and scales every channel of a network by the mean and
# the deviation of the current batch. {cite:t}`wang2020high` see that a network with BatchNorm
# trains faster and relies more on high frequencies, and they suppose one reason for both: high
# parts are much fainter than low parts, and BatchNorm puts signals of different size on one scale,
# so that the network can pick them all up at once. If that is so, BatchNorm should have little to
# offer where all signals are large already. So they train with and without it on low parts only,
# at four radii, and test on whole images and on the same low parts (their Figure 6). They report
# that the smaller the radius, the less BatchNorm helps, and that at r = 4 it speeds up training
# the least.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained for this page at scale {scale}, and what it cost. The runs with a "
    "cue in their name are those on planted images. The paper trains for 100 epochs.",
)

# %% [markdown]
# The two networks of each pair start from the same seed, see the same batches and have the same
# learning rate. BatchNorm starts at scale 1 and offset 0, as in the paper.
#
# ## Whole images: faster, and with the high part

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.whole(history, chance),
    name="batchnorm-whole",
    caption=f"Trained on whole images. {verdicts['W12'].note}",
    alt=figures.ALT["whole"],
)

# %% [markdown]
# **How to read this.** On the left, a curve further to the left is a network that learns sooner. On
# the right is what each network loses when the high part of the test images is taken away: the
# higher, the more it relies on what lies beyond the radius. A network that knows more has more to
# lose, so a higher curve can also mean a better network; {doc}`03_heuristics` compares at equal
# accuracy.
#
# ## Trained on low parts only

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.by_epoch(history, chance),
    name="batchnorm-by-epoch",
    caption=figures.help_in_words(helped),
    alt=figures.ALT["by-epoch"],
)

# %% [markdown]
# **How to read this.** The paper's Figure 6. A panel for each radius: the networks in it have seen
# nothing but low parts of that radius. Compare the dashed curve with the solid one of the same
# colour: the difference is what BatchNorm does. Blue is the test on low parts of test images,
# prepared as the training images were; black is the test on whole images, which such a network has
# never met. Bands are 95 % intervals over seeds; with one seed there is none.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.help_by_radius(helped),
    name="batchnorm-help",
    caption="What BatchNorm adds to the test accuracy at the end of training on low parts, with "
    f"95 % intervals over {helped.over.iloc[0]}.",
    alt=figures.ALT["help"],
)

# %% [markdown]
# **How to read this.** Above zero BatchNorm helps, below it harms. The paper expects both curves to
# rise to the right.
#
# ## How much sooner

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.speed(needed, level),
    name="batchnorm-speed",
    caption=figures.speed_in_words(needed, level),
    alt=figures.ALT["speed"],
)

# %% [markdown]
# **How to read this.** Each row is one radius. The filled circle is the network without BatchNorm,
# the open square the one with it, both on the low parts they were trained on. The accuracy to be
# reached is the same in all rows: the highest multiple of 5 % that every network passes by more
# than its sampling error. At the right edge stands how many times as many epochs the network
# without BatchNorm needs. The paper expects the smallest number in the first row.
#
# ## The supposition, tested on planted images
#
# The paper infers what BatchNorm does from networks trained on low parts. It can be tested
# directly. The planted images hold nothing that tells their class but a fine pattern, the *high
# cue*, whose size we choose. We make it fainter step by step and ask which network still learns
# it. If BatchNorm lifts faint signals, it should go on where the other has given up.

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
# that strength; the learning rate is the same throughout. Where a curve crosses the grey line is
# the faintest cue that the network learns, between two strengths by interpolation. If size did not
# matter to a network, its curve would be flat.
#
# ## What else may be behind it
#
# A network with BatchNorm keeps averages of what it met in training and uses them in the test. One
# that was trained on low parts only keeps the averages of low parts. If it then fails on whole
# images, it may have learnt the wrong thing, or the right thing on the wrong scale. To tell these
# apart, we let the trained networks look at whole training images once, without labels, take the
# averages anew, and change nothing else.

# %%
options = {"limit": min(recipe.train_images, 2_000), **recipe.options}
batches = data.load(dataset, train=True, **options).pixels().split(100)
test = data.load(dataset, train=False, **(options | {"limit": recipe.test_images}))
refreshed = {radius: [] for radius in radii}
for radius, accuracies in refreshed.items():
    for model in (run.model() for run in runs[f"batchnorm-low-{radius:g}"]):
        update_bn(batches, model)
        right = training.predict(model, test.pixels()).argmax(1) == test.labels
        accuracies.append(right.double().mean().item())
print(f"averages taken anew, r = {radius:g}: {sum(accuracies) / len(accuracies):.1f} right")

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(
    figures.at_the_end(history, refreshed),
    caption="Test accuracy of the networks trained on low parts, on whole images and on the same "
    f"low parts. The interval is over {helped.over.iloc[0]}.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.averages_in_words(history, refreshed))

# %% [markdown]
# **What differs, and why it may.** The paper shows Figure 6 without numbers, so its curves can be
# compared with ours in their order only. Its network is larger and sees all 50,000 images for 100
# epochs. With fewer images and epochs (see the set-up) a network without BatchNorm may still be on
# its way up at the end, and BatchNorm's head start then counts as help. As in the paper's code, low
# parts are divided by their maximum for training, and whole test images are not. Both networks have
# one learning rate, chosen for the one without BatchNorm; BatchNorm usually bears a higher one.
#
# ## What we tried that the paper did not
#
# The paper judges by eye how much BatchNorm helps and how much it speeds up. Here both are numbers
# with intervals, and the rules of the verdicts were fixed beforehand. The planted cues test the
# supposition itself, and the averages taken anew separate what a network has learnt from the scale
# on which it expects its input.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | all networks are trained once for each |
# | `radii` | of the low parts; two networks are trained for each |
# | `strengths` | of the planted cue; two networks are trained for each |
# | `epochs` | of all networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 05_batchnorm -p radii "[4, 16]" -p strengths "[1.0, 0.25]"
# ```
