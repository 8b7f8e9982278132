# %% [markdown]
# (batch-size)=
# # Batch size and optimiser

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
radii = [4, 8, 12, 16]  # where images are split
batch_sizes = [32, 64, 128, 256, 512]  # those larger than the training set are left out
epochs = 0  # of every network; 0: the scale's own

# %% tags=["hide-cell"]
from fhelpers import data
from fhelpers.claims import CLAIMS, finding, reliance
from fhelpers.drawing import comparisons, style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.batch_size import claims, figures
from fhelpers.sections.batch_size.plan import plan

recipes = plan(scale, dataset, seeds, radii=radii, batch_sizes=batch_sizes, epochs=epochs)
batches = figures.of_batches(recipes)
runs = fetch(recipes)
print(f"{len(runs)} networks for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["vanilla"][0].recipe
chance = 1 / data.describe(dataset, **recipe.options).classes
names = ["W8", "W9"] if len(batches) > 1 else []  # both compare batch sizes
verdicts = [CLAIMS[name].of(runs) for name in names]
said = finding(verdicts) if verdicts else "With one batch size there is nothing to compare."
value = lambda label, measure: 100 * reliance.effect(history, {label: 1}, measure).value
beyond = reliance.lost_without_high([min(radii)])
print(f"chance {chance:.2f}: {', '.join(names)}")

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
shown, low = [*[*batches][1:2], "vanilla"], reliance.on_parts("low", [min(radii)])
for part, measure in {"whole": reliance.TEST, "low part": low}.items():
    found = {label: f"{abs(value(label, measure)) / 100:.0f}" for label in shown}
    print(f"accuracy on {part}: {found}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {said}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.against(history),
    name="batch-size-against",
    caption=f"{figures.in_points(history)} {figures.ends_low(history)}",
    alt=figures.ALT["against"],
)

# %% [markdown]
# **How to read this.** Batches grow from left to right. The right panel shows the accuracy on whole
# test images minus the accuracy on their low parts: at zero, the network does as well without the
# high part and is called invariant to it. Bars are 95 % intervals, over seeds or, with one seed,
# over images. Gap and loss are in percentage points. So: W8 asks that straight lines fitted to the
# curves of the left and the middle panel fall, W9 the same of the mean over the radii in the right
# panel. Where a few sizes alone make a line fall, check how far those networks were trained.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts:
    style.card(verdict)
if not verdicts:
    style.finding(said)

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` train the same network with batches of several sizes, and once more with
# several optimisers. After each epoch they test it on whole images and on the low and high parts,
# of training and of test images (their Figure 4). They read from the curves that small batches give
# higher accuracies, and that large batches give a smaller generalisation gap and more invariance to
# the high part. They give no numbers for these figures.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained for this page at scale {scale}, and what it cost. The paper trains "
    "on all 50,000 images for 100 epochs.",
)

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.left_out(batch_sizes, recipes, recipe.train_images))

# %% [markdown]
# All batch sizes have the same learning rate, since the paper gives a single one. The optimisers
# have each their own. Adam has the scale's; the rates of the others are the best of a grid at
# `quick`, chosen on held-out training images of CIFAR-10 and never on test images
# (`python benchmarks/learning_rates.py`). At other scales and on other data they are used unchanged
# while Adam's follows the scale.
#
# The change with the batch size is read off a straight line over log2 of the size, so that every
# size counts and not the two at the ends alone. On accuracies with a known answer:

# %%
accuracies = {"batch-32": 0.60, "batch-64": 0.55, "batch-128": 0.50, "batch-256": 0.45}
weights = claims.across_batch_sizes(accuracies)
fall = sum(weights[label] * accuracy for label, accuracy in accuracies.items())
print(f"five points less with each doubling: {100 * fall:.0f} points from 32 to 256")

# %% [markdown]
# ## Batch sizes, epoch by epoch

# %% tags=["hide-input", "nbval-ignore-output"]
ends = [(label, value(label, reliance.TRAIN), value(label, reliance.TEST)) for label in batches]
style.show(
    comparisons.panels(history, batches, chance),
    name="batch-size-curves",
    caption="The paper's Figure 4. At the end, training and test accuracy are "
    + style.listing(f"{a:.0f} and {b:.0f} % ({batches[name]})" for name, a, b in ends)
    + f". {comparisons.on_monitored(history, batches)}",
    alt=figures.ALT["curves"],
)

# %% [markdown]
# **How to read this.** All panels share their axes. Black is the accuracy on whole test images,
# blue on their low parts and vermilion on their high parts, dashed at the small radius and solid at
# the large one. The grey curve is the accuracy on training images, so its distance from the black
# one is the generalisation gap. So: the distance from the black to a blue curve is the accuracy
# that depends on the high part; compare it between panels only where the black curves end alike.
#
# ## At equal training accuracy
#
# Equal epochs do not mean equal training. A network with large batches takes fewer steps, because
# each batch is one step. If such a network has learned less, its gap is small because it has less
# to lose on new images, and it loses little without the high part for the same reason. So we also
# compare the networks at equal training accuracy.

# %% tags=["hide-input", "nbval-ignore-output"]
level, cut = reliance.at_common_accuracy(history, batches)
style.show(
    figures.against(cut),
    name="batch-size-against-equal",
    caption=f"{comparisons.common(level, chance)} {figures.in_points(cut)}",
    alt=figures.ALT["against-equal"],
)

# %% [markdown]
# **How to read this.** As the first figure, but each network is evaluated when it first reached the
# common accuracy on its training images. Only training accuracy is equalised; test accuracy and the
# number of steps may still differ. These values come from the monitored subset, which has fewer
# images. So: training accuracy alone cannot explain a slope that remains here; where its interval
# on the card crosses zero, these data cannot tell.
#
# ## The optimiser

# %% tags=["hide-input", "nbval-ignore-output"]
rates = {name: runs[label][0].recipe.learning_rate for label, name in figures.OPTIMISERS.items()}
style.show(
    comparisons.panels(history, figures.OPTIMISERS, chance),
    name="batch-size-optimisers",
    caption="Five optimisers, each at its own learning rate: "
    + style.listing(f"{name} {rate:g}" for name, rate in rates.items())
    + f".{figures.not_chosen_here(scale, dataset)} "
    + comparisons.on_monitored(history, figures.OPTIMISERS),
    alt=figures.ALT["optimisers"],
)

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    comparisons.bands(history, figures.OPTIMISERS, chance),
    name="batch-size-optimiser-bands",
    caption=f"Percentage points that all bands beyond r = {min(radii):g} add to the test accuracy: "
    f"{comparisons.listed(history, figures.OPTIMISERS, beyond)}.",
    alt=figures.ALT["optimiser-bands"],
)

# %% [markdown]
# **How to read this.** Start with the lowest band alone and add the next ones until the image is
# whole; a cell holds what its band adds ({doc}`04_heuristics` explains the split). The first row is
# Adam {cite:p}`kingma2015adam`, the optimiser of M_natural. AdaGrad was introduced by
# {cite:t}`duchi2011adaptive`, AdaDelta by {cite:t}`zeiler2012adadelta`; SGD has a momentum of 0.9.
# So: the gains of all bands add up to the test accuracy above chance, and an optimiser with a lower
# test accuracy has less to gain from any band. Read the bands together with the table.

# %% folded="The optimisers at the end of training, as a table" tags=["nbval-ignore-output"]
over = reliance.effect(history, {"vanilla": 1}, reliance.TEST).over
style.table(
    comparisons.scores(history, figures.OPTIMISERS, first="optimiser"),
    caption=f"Optimisers at the end of training, on {recipe.test_images:,} test images, with 95 % "
    f"intervals over {over}. The last column is the accuracy on test images minus "
    "that on their low parts, mean over the radii.",
)

# %% [markdown]
# **What differs, and why it may.** The paper's network has 32 layers, saw all 50,000 training
# images and was trained for 100 epochs. In a smaller set-up the size of accuracies and gaps may
# differ, so compare directions rather than values. The paper describes what its curves show; here
# each statement became a measure with a margin (see {doc}`../intro`). The comparison at equal
# training accuracy is ours. The paper's figure also follows parts of training images; ours shows
# parts of test images only. The paper trains with the same five optimisers; no claim on this page
# is about them, but W25 counts their networks ({doc}`04_heuristics`).
