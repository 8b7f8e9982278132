# %% [markdown]
# (scorecard)=
# # What held, and what did not

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]

# %% tags=["hide-cell"]
from fhelpers.drawing import style
from fhelpers.pages import scorecard, scorecard_figures

outcomes = scorecard.compute(scale, dataset, seeds)
frame = scorecard.table(outcomes, scale)
print(f"{len(frame)} claims; computed: {(frame.verdict != 'not computed').sum()}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**{scorecard_figures.summary(frame)}**")

# %% [markdown]
# Two papers make claims about what image frequencies have to do with how networks generalise
# {cite:p}`wang2020high,karantzas2022understanding`. This book turns each claim into a rule with a
# margin, which was fixed before any result was seen. It then trains the networks and reports each
# effect with its 95 % interval and a verdict. {doc}`../intro` explains the questions that the
# papers ask.
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
# not. An interval that crosses the line leaves the claim undecided. A mark at the edge stands for
# an effect beyond it. Where a claim has several parts, the figure shows the part that decides.
#
# ## Every claim

# %% tags=["remove-input", "nbval-ignore-output"]
scorecard_figures.show_table(frame)

# %% [markdown]
# **How to read this.** Each claim links to its figure. *Reproduced* means that the whole interval
# lies beyond the margin; *weaker*, that the direction holds but the effect stays below the margin;
# *not reproduced*, that no part of the interval reaches the margin and the direction is in doubt;
# *undecided*, everything else, and anything over two seeds. A verdict on a single seed is about
# that run only: its interval is over images and says nothing about training the networks again. At
# small scales a claim may fail because the networks are small and have seen few images.
#
# `fhelpers claims --scale quick --seeds "[0, 1, 2]"` prints the same verdicts and writes them to
# `claims.json`.

# %% tags=["remove-input"]
decided = frame[frame.id.isin(["W2"])].verdict.tolist()
print(f"the split is exact: {decided}")

# %% tags=["remove-input"]
sections = sorted(frame.section.unique())
print(f"claims of {len(sections)} sections, from {sections[0]} to {sections[-1]}")
