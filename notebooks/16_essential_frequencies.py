# %% [markdown]
# (essential-frequencies)=
# # Do the frequencies that a mask keeps help to generalise?

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]
sparsity_weight = 0.2  # λ of {doc}`15_fourier_masks`: the larger, the less the masks let through
epochs = 0  # of N and of the networks trained from scratch; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers import data, frequency, masks
from fhelpers.claims import CLAIMS, finding
from fhelpers.claims.reliance import TEST, effect
from fhelpers.drawing import style
from fhelpers.masks.recipes import VARIANTS, varied
from fhelpers.runs.schedule import fetch
from fhelpers.sections.essential_frequencies import figures
from fhelpers.sections.essential_frequencies.claims import AGAINST
from fhelpers.sections.essential_frequencies.plan import plan

runs = fetch(plan(scale, dataset, seeds, sparsity_weight=sparsity_weight, epochs=epochs))
print(f"{len(runs)} runs for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
history, recipe = runs.history, runs["natural"][0].recipe
chance = 1 / data.describe(dataset, **recipe.options).classes
whole = effect(history, {"natural": 1}, TEST).value
verdict, frame = CLAIMS["K5"].of(runs), figures.trained_through(history)
of_n = [run.model() for run in runs["mask/natural"]]
print(f"chance {chance:.2f}; {len(frame)} networks trained through masks")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding([verdict])}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.through(frame, whole, chance),
    name="essential-through",
    caption=f"{figures.through_in_words(frame, whole)} {figures.zeros_in_words(of_n)}",
    alt=figures.ALT["through"],
)

# %% [markdown]
# **How to read this.** Black answers the paper's question: accuracy on whole test images, which
# such a network has never seen. Blue is the control: test images through the same mask. Where blue
# is far to the right of black, whole images differ too much from what the network was trained on,
# in brightness or in added frequencies, for what it learned to help; where both are at chance,
# there was nothing to learn. The random mask and the complement are the claim; the next four rows
# are ours and ask which property of the mask matters. The random mask with zero fixed leaves the
# mean of an image as the mask does; if the disc does as well, the mask is no more than a low-pass
# filter; if the permuted mask does as well, only distance counts. The random masks are one draw
# each for each seed: with one seed the intervals, over images, say nothing about other draws. So:
# credit the learned mask only with what it has over the disc.

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
for row in frame[frame.label.isin(["through/mask", "through/disc"])].itertuples():
    print(f"{row.label}: {row.original.value:.0f} on originals, {row.same.value:.0f} through it")

# %% [markdown]
# ## What the paper did
#
# A mask shows which frequencies a trained network needs to keep its predictions. It does not show
# that the network learned from the same frequencies. So {cite:t}`karantzas2022understanding` train
# a new network on images seen through the mask and test it on the originals. If it generalises,
# generalisation relies on the essential frequencies. They report that it does.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    names=figures.in_setup(runs),
    caption=f"What was computed for this page at scale {scale}, and what it cost. Rows that begin "
    "with mask are masks; those that begin with through/ or shuffled/ are networks trained from "
    "scratch, through variants of the mask of N or of M_shuffle.",
)

# %% [markdown]
# Every network that is trained from scratch has the recipe of N, the network with standard training
# of {doc}`15_fourier_masks`: the same images, initial weights, batches and number of epochs. Only
# its input differs. The mask of N is compared with six others. The *random mask* has the same
# weights, shuffled over all frequencies; the *complement* holds the frequencies whose weight is 0.
# These two are the paper's. In the *random mask with zero fixed*, the weights of all frequencies
# but zero are shuffled. *One minus the mask* lets through all that the mask takes away; the *disc*
# is the low part with the same total weight; and in the *permuted mask* the weights are permuted
# among frequencies of the same distance, so that it keeps only how much of each distance the mask
# lets through.
#
# We ask the same of the mask of M_shuffle, the network of {doc}`02_shuffled_labels` that is trained
# on shuffled labels: does what this mask lets through help a network to generalise, too?

# %% tags=["hide-input", "nbval-ignore-output"]
first = {name: runs[f"mask/{name}"][0].model() for name in ("natural", "shuffled")}
weight = {name: mask.total_weight().item() for name, mask in first.items()}
style.show(
    figures.variants(first["natural"], first["shuffled"], seeds[0]),
    name="essential-variants",
    caption=f"The masks that networks were trained through. The mask of N has a total weight of "
    f"{weight['natural']:.2f}, that of M_shuffle {weight['shuffled']:.2f}"
    f"{' (first seed)' * (len(seeds) > 1)}.",
    alt=figures.ALT["variants"],
)

# %% [markdown]
# **How to read this.** Frequency zero is in the centre. The complement and the two masks called one
# minus differ in total weight from the mask that they belong to. So: the random masks, the disc and
# the permuted mask differ from the mask of N in which frequencies they let through, not in how
# much.
#
# ## Trained through a mask, tested on originals

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.memorised_in_words(frame, history))

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.apart_in_words(recipe, runs["shuffled"][0].recipe))

# %% [markdown]
# The same variants of a mask that is known: its weights fall with the distance, from 1 at frequency
# zero to 0 at the edge of the spectrum. The complement then holds the corners and nothing else, and
# only the permuted mask has the same energy at each distance.

# %%
known = masks.FourierMask(16, 16)
distance = torch.empty_like(known.weight[0, 0])
distance[known.bins] = frequency.radial_distance(16, 16).flatten()
known.weight.data[:] = (1 - distance / 8).clamp(min=0)
for name in VARIANTS:
    made = varied(known, name, 0).masks().detach()[0, 0]
    energy = frequency.radial_energy(made, 4)
    print(f"{AGAINST.get(name, 'the mask')}: total weight {made.mean():.2f}, ", end="")
    print(f"weights {made.min():.2f} to {made.max():.2f}")
    print(f"  energy by distance: {[f'{share:.2f}' for share in (energy / energy.sum()).tolist()]}")

# %% [markdown]
# **What differs, and why it may.** The abstract and the code of the paper contain no accuracies for
# this experiment, so there is no number to compare with; its claim is the card at the top. A random
# mask keeps some low frequencies by chance, and low frequencies hold most of an image: this makes
# it hard to beat, the more so the larger the total weight. Whole images are shown without
# rescaling, as in the paper.

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(figures.brightness_in_words(of_n, seeds, history))

# %% [markdown]
# ## What we tried that the paper did not
#
# The random mask with zero fixed, one minus the mask, the disc and the permuted mask, the control
# on images through the same mask, and M_shuffle: the paper asks which frequencies a network needs,
# and M_shuffle is a network that needs them for something other than generalising.
