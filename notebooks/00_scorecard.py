# %% [markdown]
# (scorecard)=
# # What held, and what did not

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]

# %% tags=["hide-cell"]
from fhelpers.drawing import style
from fhelpers.pages import scorecard
from fhelpers.pages import scorecard_figures as plots

outcomes = scorecard.compute(scale, dataset, seeds)
frame = scorecard.table(outcomes, scale)
print(f"{len(frame)} claims; computed: {(frame.verdict != 'not computed').sum()}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**{plots.summary(frame)}**")

# %% [markdown]
# Two papers make claims about what image frequencies have to do with how networks generalise
# {cite:p}`wang2020high,karantzas2022understanding`. This book turns each claim into a rule with a
# margin, fixed before the number was seen, trains the networks, and reports what came out: the
# effect with its 95 % interval and a verdict. Who wants to know what the papers ask should begin
# with {doc}`../intro`.
#
# ## All effects on one axis

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    plots.effects(outcomes),
    name="scorecard",
    caption=plots.summary(frame),
    alt=plots.ALT,
)

# %% [markdown]
# **How to read this.** Effects have different units, so each is drawn as its distance from the
# margin of its rule, in half-widths of its own interval. The upright line is the margin. A bar that
# lies wholly to its right is a claim that was reproduced, wholly to its left one that was not; one
# that crosses it leaves the claim undecided. Arrows point to what lies beyond the edge. Where a
# claim has several parts, the one that decides is shown.
#
# ## Every claim

# %% tags=["remove-input", "nbval-ignore-output"]
plots.show_table(frame)

# %% [markdown]
# **How to read this.** Each claim links to its figure. *Reproduced* means that the whole interval
# lies on the claimed side of the margin, *not reproduced* that it lies on the other side,
# *inconclusive* that the interval covers the margin. At small scales a claim may fail because the
# networks are small and have seen few images: the last column says which scale and how many seeds
# are behind a verdict. With one seed the interval is over test images and says nothing about
# another training.

# %% tags=["remove-input"]
decided = frame[frame.id.isin(["W2"])].verdict.tolist()
print(f"the split is exact: {decided}")

# %% tags=["remove-input"]
sections = sorted(frame.section.unique())
print(f"claims of {len(sections)} sections, from {sections[0]} to {sections[-1]}")

# %% [markdown]
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | all networks are trained once for each; several make intervals over seeds |
#
# ```bash
# fhelpers claims --scale quick --seeds "[0, 1, 2]"    # the table, and claims.json
# ```
