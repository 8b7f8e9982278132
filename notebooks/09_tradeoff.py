from fhelpers.sections.tradeoff.claims import perturbations

# %% [markdown]
# (tradeoff)=
# # Accuracy and robustness

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
radius = 12
epsilons = [0.004, 0.008, 0.016, 0.031]
epochs = 0

# %% tags=["hide-cell"]
from fhelpers import data, frequency
from fhelpers.claims import CLAIMS
from fhelpers.drawing import style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.tradeoff import figures
from fhelpers.sections.tradeoff.plan import plan

parameters = {"radius": radius, "epsilons": epsilons, "epochs": epochs}
runs = fetch(plan(scale, dataset, seeds, **parameters))
networks = [label for label in runs if not label.startswith("corollary-")]
print(f"{len(networks)} networks for each of the seeds {seeds}: {', '.join(networks)}")

# %% tags=["hide-cell"]
history = runs.history
rows = perturbations(history)
natural = rows[rows.network == "natural"]
verdict = CLAIMS["W3"].of(runs)
middle = sorted(epsilons)[(len(epsilons) - 1) // 2]
options = dict(runs["natural"][0].recipe.data_options)
classes = data.load(dataset, train=False, limit=1, **options).classes
print(f"{natural.part.nunique()} kinds of perturbation at r = {radius}; {len(classes)} classes")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {figures.in_short(verdict, rows)}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.card(verdict)

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` suppose that a person sees only the low part of an image while a network
# sees both (assumption A1), and that a network gives some image another answer than its low part
# (A2). Then, they argue in Corollary 1, the network can be made to change its answer by something
# that no person sees: two images with one low part and two answers exist, and accuracy that rests
# on the high part is paid for with robustness. The paper proves this and shows no such pair.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost. "
    "Labels that begin with corollary are searches for the smallest perturbations.",
)

# %% [markdown]
# For each image that a network gets right we search the smallest perturbation that changes the
# answer: within the high part alone, within the low part alone, and without such a limit. The
# search climbs the margin between the best wrong logit and the right one by gradient steps that are
# projected onto the band, at sizes from 0.5/255 to 32/255, then shrinks what it found by halving.
# Size is the root mean square over the image's values: for this norm the projection is exact. What
# is found is an upper bound of the smallest perturbation.

# %%
tensors = runs["corollary-natural"][0].tensors()
found, images = tensors["perturbations"], tensors["images"]
low = frequency.filter_spectrum(images, frequency.disc(*images.shape[-2:], radius))
same = frequency.filter_spectrum(images + found, frequency.disc(*images.shape[-2:], radius))
print(f"low parts stay the same: {bool((low - same).abs().max() < 2e-6) if len(found) else True}")
print(f"answers change: {bool((tensors['answers'] != tensors['labels']).all())}")

# %% [markdown]
# ## One low part, two answers

# %% tags=["hide-input", "nbval-ignore-output"]
if len(found):
    style.show(
        figures.pairs(tensors, low, classes),
        name="tradeoff-pairs",
        caption=f"Images that M_natural gets right and their neighbours that it gets wrong, with "
        f"the same low part at r = {radius}. {verdict.note}",
        alt=figures.ALT["pairs"],
    )
else:
    style.finding("M_natural got no image right that a perturbation of the high part could change.")

# %% [markdown]
# **How to read this.** Compare the first row with the third: they should look alike. Above the
# first row stands the class, above the third what the network says. The second row shows their
# difference, stretched until its largest value is black or white; the last row is what, by
# assumption A1, a person sees of both.
#
# ## How large it has to be

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.fooled(natural),
    name="tradeoff-fooled",
    caption=f"M_natural: share of its right answers that a perturbation of at most ε changes. "
    f"{figures.in_short(verdict, rows)}",
    alt=figures.ALT["fooled"],
)

# %% [markdown]
# **How to read this.** The further to the left a curve rises, the less it takes. If the network
# lived on its low part, the vermilion curve would stay flat; if fine patterns were all it saw, the
# blue one would. The high part has more frequencies than the low part at this radius, and an
# unlimited perturbation has all of them, so the black curve comes first. Bands are 95 % intervals.
#
# ## Every network of the last sections

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.sizes(rows),
    name="tradeoff-sizes",
    caption=figures.order_in_words(rows),
    alt=figures.ALT["sizes"],
)

# %% [markdown]
# **How to read this.** Further to the right is a network that is harder to fool. A vermilion square
# to the left of the blue circle is a network whose answers hang on the high part more than on the
# low part.

# %% tags=["hide-input", "nbval-ignore-output"]
style.table(
    figures.sizes_table(rows),
    caption="The ε that fools half of the images, root mean square in 255ths, with its interval.",
)

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.scatter(history, middle),
    name="tradeoff-scatter",
    caption=f"Accuracy and robustness of all networks under PGD: 10 steps in the L∞ ball of "
    f"ε = {middle:g}.",
    alt=figures.ALT["scatter"],
)

# %% [markdown]
# **How to read this.** A trade-off would put the points on a line that falls to the right. Green
# triangles were trained on attacked images. Networks differ in more than their heuristic: those
# that trained for fewer epochs or learned more slowly are to the left for that reason alone.

# %% tags=["remove-input"]
changed = rows.low_change[(rows.part == "high") & (rows["size"] > 0)]
print(f"no low part changes by more than 1e-6: {bool((changed <= 1e-6).all())}")

# %% [markdown]
# **What differs, and why it may.** The paper gives no ε and no norm for Corollary 1. The pixels of
# a perturbed image may leave [0, 1] by as much as the perturbation is large, as those of low and
# high parts do; the accuracy under PGD in the last figure is of valid images. A search by gradient
# can fail where a perturbation exists, so that curves may lie too far to the right, the more so for
# networks whose gradient is hidden.
#
# ## What we tried that the paper did not
#
# All of it: the paper's argument is that such pairs exist. How far away they are, and whether the
# low part is any safer, it does not ask.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | all networks are trained once for each |
# | `radius` | where low and high part divide |
# | `epsilons` | of PGD in the last figure, in pixel units |
# | `epochs` | of all networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 09_tradeoff -p radius 8 -p dataset fashion-mnist
# ```
