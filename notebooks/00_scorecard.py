# %% [markdown]
# (scorecard)=
# # What held, and what did not

# %% tags=["parameters", "remove-cell"]
scale = "standard"
dataset = "cifar10"
seeds = []  # without any, each claim is judged on the seeds that its own page shows

# %% tags=["remove-cell"]
from fhelpers.claims.verdicts import Part, conjunction
from fhelpers.drawing import style
from fhelpers.intervals import Estimate, over_seeds
from fhelpers.pages import multiverse, opening, scorecard, scorecard_figures

runs = scorecard.load(scale, dataset, seeds)
outcomes = scorecard.judge(runs)
frame = scorecard.table(outcomes, scale)
first = runs["decomposition"]["natural"][0]
print(f"{len(frame)} claims; computed: {(frame.verdict != 'not computed').sum()}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(opening.about(runs, scale))

# %% tags=["remove-input", "nbval-ignore-output"]
style.show(
    opening.split_in_two(first, 12),
    name="opening",
    caption=opening.caption(first, 12),
    alt=opening.ALT,
)

# %% tags=["remove-input", "nbval-ignore-output"]
opening.show(outcomes)

# %% [markdown]
# Two papers make claims about what image frequencies have to do with how networks generalise
# {cite:p}`wang2020high,karantzas2022understanding`. This book turns each claim into a rule with a
# margin. Some rules were rewritten after a first look at small networks; all were fixed before the
# first record of the scale `standard`, but for those that {doc}`../intro` lists. The book then
# trains the networks and reports each effect with its 95 % interval and a verdict.
# {doc}`../summary` is two pages to cite.
#
# ## All effects on one axis

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    scorecard_figures.effects(outcomes),
    name="scorecard",
    caption=scorecard_figures.summary(frame),
    alt=scorecard_figures.ALT,
)

# %% [markdown]
# **How to read this.** Each row names what was compared and, on the right, the effect in its own
# unit. As these units differ, the mark shows the distance from the margin of the claim's rule in
# half-widths of the effect's interval. The vertical line is the margin. A claim whose interval lies
# entirely to the right of the line is reproduced; one whose interval lies entirely to the left is
# not, or is weaker where the direction still holds. An interval that crosses the line leaves the
# claim undecided. A mark at the edge stands for an effect beyond it, and a hollow one rests on one
# seed: its interval leaves out the chance of training. Where a claim has several parts, the figure
# shows the part that decides. So: marks far to the right of the line are the clearest effects of
# these networks; those across the line need more seeds or larger networks.
#
# ## Every claim

# %% tags=["remove-input", "nbval-ignore-output"]
scorecard_figures.show_table(frame)

# %% [markdown]
# **How to read this.** Each claim links to its figure. *Reproduced* means that the whole interval
# lies beyond the margin; *weaker*, that the direction holds but the effect stays below the margin;
# *not reproduced*, that no part of the interval reaches the margin and no smaller effect in the
# claimed direction is clear either; *undecided*, everything else, and any result of only two seeds.
# A verdict on a single seed is about that run only: its interval is over images and says nothing
# about training the networks again. At small scales a claim may fail because the networks are small
# and have seen few images. So: read a verdict together with its interval, and never as one on the
# paper at its own scale.
#
# ## The same claims under other rules

# %% tags=["hide-input", "nbval-ignore-output"]
less_than = multiverse.split_less_than(scale, dataset, seeds)
rules = multiverse.settings(outcomes, runs, less_than)
style.show(
    multiverse.figure(rules),
    name="scorecard-multiverse",
    caption=multiverse.in_short(rules),
    alt=multiverse.ALT,
)

# %% [markdown]
# **How to read this.** Each rule holds choices that could have been made otherwise: how large a
# margin is, whether an interval may end on it, and at which radii parts are judged. The columns
# change one choice at a time; the number on the right is the share of all combinations in which the
# verdict stands. A grey mark is a verdict that changes. A missing mark means that the change is not
# possible, or changes nothing: margins of 0 cannot be halved, and many claims are not about parts
# at several radii. W1 is judged at the neighbouring radii 8 and 16; its fourth column assigns
# frequencies at exactly the radius to the high part, if networks of the same seeds were trained
# that way ({doc}`11_details`). So: a verdict that stands in all settings does not depend on these
# choices.
#
# ## The same claims at other scales

# %% tags=["remove-input", "nbval-ignore-output"]
everywhere = {scale: outcomes} | scorecard.elsewhere(scale, dataset, seeds)
style.finding(scorecard_figures.compared(everywhere, scale))

# %% folded="Every claim at each scale that has been computed" tags=["nbval-ignore-output"]
style.table(
    scorecard_figures.scales(everywhere, scale),
    caption="✓ reproduced, ≈ weaker, ✗ not reproduced, ? undecided, – not computed; then the "
    f"effect that decides at scale {scale}, with its interval.",
)

# %% [markdown]
# **How to read this.** A scale sets how many images, weights and steps the networks get: `quick`
# trains live in minutes, `standard` trains until M_natural fits its training set, and `paper` is
# the set-up of {cite:t}`wang2020high`. Only finished runs are compared; nothing is trained for this
# table. The effect is the one that decides at the scale of this book; it is left out where another
# network decides there, and stands without an interval where it was counted in a single network,
# where one of its networks has not learned, or where one seed gives none. So: where the effect has
# opposite signs at two scales and neither interval holds zero, the claim depends on the scale, that
# is on images, weights or steps, and not on frequencies alone; any other change of sign may be
# chance.
#
# `fhelpers claims --scale quick` prints every verdict at that scale and writes them to
# `claims.json`.
#
# Here is the rule at work on made-up intervals over five seeds, all with the margin 0.05. A claim
# of several parts takes the worst of their verdicts. The last line is an interval over three seeds.

# %%
parts = [
    Part(f"{low} to {high}", Estimate((low + high) / 2, low, high, 5, "seeds"), 0.05)
    for low, high in ((0.06, 0.10), (0.01, 0.04), (-0.02, 0.04), (0.04, 0.07))
]
for part in parts:
    print(f"{part.name}: {part.verdict}")
print(f"the last and the first together: {conjunction([parts[3], parts[0]])}")
print(f"0.10, 0.12 and 0.14 in three seeds: {over_seeds([0.10, 0.12, 0.14])}")

# %% tags=["hide-cell"]
exact = frame.set_index("id").verdict["W2"]
print(f"low and high part add up to the image: {exact}")

# %% tags=["hide-cell"]
sections = sorted(frame.section.unique())
print(f"claims of {len(sections)} sections, from {sections[0]} to {sections[-1]}")
