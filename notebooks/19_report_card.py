# %% [markdown]
# (report-card)=
# # A report card for any model

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"
seeds = [0]  # this page shows the first one
model = ""  # an external model, named as for `fhelpers report`
weights = ""  # of the external model, as for `fhelpers report`
epochs = 0  # of the book's own networks; 0: the scale's own

# %% tags=["hide-cell"]
import torch

from fhelpers.drawing import style
from fhelpers.report import frequency_report, page
from fhelpers.runs.schedule import fetch
from fhelpers.sections.report_card import measure
from fhelpers.sections.report_card.plan import plan

recipes = plan(scale, dataset, seeds, epochs=epochs)
if model:  # a model that cannot be loaded is named before anything is trained
    from fhelpers.report import models  # imported late: torchvision takes seconds

    test = recipes["natural"][0].load(train=False)
    asked = models.load_model(model, weights=weights or None, classes=test.classes)
runs = fetch(recipes)
names = {"natural": "M_natural", "adversarial": "M_adversarial", "batchnorm": "BatchNorm"}
reports = {name: measure.of_run(runs[f"report-{label}"][0]) for label, name in names.items()}
print(f"{len(reports)} reports of {sorted({len(r.table) for r in reports.values()})} numbers")

# %% tags=["remove-input", "nbval-ignore-output"]
first = reports["M_natural"]
style.finding(f"**Finding.** M_natural: {page.in_short(first)}")

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.parts(first),
    name="report-parts",
    caption=f"M_natural. {page.in_short(first)}",
    alt=page.ALT["parts"],
)

# %% [markdown]
# **How to read this.** The blue curve is what the paper asks for: the accuracy when only
# frequencies within the radius are left. The two vertical marks on it show where it reaches half
# and 90 % of the accuracy on whole images. A model whose curve reaches the black line early relies
# on coarse patterns; one that needs a large radius relies on fine ones. The vermilion curve is the
# accuracy when the low part is removed. So: the radius at which blue reaches 90 % is the number to
# report beside a model's accuracy.

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
for name in ("M_adversarial", "BatchNorm"):
    rows = reports[name].table[reports[name].table.measure.str.endswith("accuracy")]
    ends = rows.groupby("part", sort=False).value.agg(["min", "max"])
    print(f"{name}, least and most accuracy:")
    print(ends.round(1).to_string())

# %% [markdown]
# ## What the paper asks for
#
# {cite:t}`wang2020high` end with a request: a report of a model's accuracy should also give its
# accuracy on low-frequency counterparts, because two models of equal accuracy may rely on quite
# different frequencies. This page makes that report, and more of the same kind, for any classifier:
# from the command line or in Python.
#
# ```bash
# fhelpers report my_package:my_model --dataset cifar10 --to my_report
# ```
#
# ```python
# from fhelpers.report import frequency_report
#
# report = frequency_report(model, images, labels)   # pixels in [0, 1]; the model normalises
# report.table, report.to_json()
# ```
#
# The command writes `report.html`, one page that opens offline, `report.json` and `report.csv`. The
# model may be a torchvision model with a file of weights, a file of `torch.export` or TorchScript,
# a function that returns a module, or a run of this book.
#
# ## The set-up

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost.",
)

# %% [markdown]
# ## A model whose answers are known
#
# Before reports of trained networks, one of a linear model that looks for stripes with five crests
# across, on images that are these stripes or their negative. Where the stripes are missing it
# answers with the first class, which is right for half of the images.

# %%
stripes = torch.cos(2 * torch.pi * 5 * torch.arange(16) / 16).expand(1, 1, 16, 16)
linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2)).eval()
linear[1].weight.data = torch.cat([stripes.flatten(1), -stripes.flatten(1)]) / 8
linear[1].bias.data = torch.tensor([0.1, -0.1])
sign = torch.tensor([1.0, -1.0]).repeat(20).view(-1, 1, 1, 1)
sample = 0.5 + 0.01 * sign * stripes, (sign < 0).flatten().long()
known = frequency_report(linear, *sample, radii=[2, 4, 6], precision="float32").table
rows = (known.measure != "mask") & ((known.part != "wave") | (known["at"] == 5))
columns = ["measure", "part", "at", "value", "low", "high"]
print(known[rows][columns].round(3).to_string(index=False))

# %% [markdown]
# ## How to read a report
#
# ### Accuracy on parts

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.gained(first),
    name="report-gained",
    caption=f"M_natural. {page.band_in_short(first)}",
    alt=page.ALT["gained"],
)

# %% [markdown]
# **How to read this.** These are the differences between neighbouring points of the blue curve.
# They add up to the accuracy on whole images. The first starts from nothing, so chance is part of
# it; bands also differ in width. A band below zero is one without which the model would do better.
# So: the highest points, the first less chance, are the bands that the model relies on.
#
# ### Single frequencies, and a mask

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.maps(first),
    name="report-maps",
    caption=f"M_natural. {page.maps_in_short(first)}",
    alt=page.ALT["maps"],
)

# %% [markdown]
# **How to read this.** On the left, dark pixels are frequencies that disturb the model when they
# are added ({doc}`08_smooth_kernels`); on the right, bright pixels are those that it needs
# ({doc}`15_fourier_masks`). The two need not agree: what disturbs a model is not always what it
# uses. So: where dark on the left meets bright on the right, the model is disturbed most easily in
# what it needs.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.energies(first),
    name="report-energies",
    caption=f"M_natural. {page.energies_in_short(first)}",
    alt=page.ALT["energies"],
)

# %% [markdown]
# **How to read this.** A band that the mask keeps whole is at 100 %. The left panel has 16 rings
# around frequency zero, the right panel 16 directions, where 0 is change from left to right. So:
# where a curve is low, the model can do without the band.
#
# ### Small perturbations

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.robust(first),
    name="report-robust",
    caption=f"M_natural. {page.robust_in_short(first)}",
    alt=page.ALT["robust"],
)

# %% [markdown]
# **How to read this.** A curve that falls to zero within 4/255 belongs to a model without
# adversarial training. One that does not fall at all deserves suspicion: see
# {doc}`09_smoothing_defence`. PGD climbs the margin between the best wrong logit and the right one,
# as in {doc}`10_tradeoff`: the cross-entropy has hardly any gradient where a network is very sure.
# So: compare the accuracy at ε = 1/255 between models, and take it for an upper bound.
#
# ## Three models of this book

# %% tags=["hide-input", "nbval-ignore-output"]
colours = {"M_natural": style.COLOURS["original"], "BatchNorm": style.GREY}
colours["M_adversarial"] = style.COLOURS["adversarial"]
epochs = [runs[label][0].recipe.epochs for label in names]
style.show(
    page.compared(reports, colours),
    name="report-compared",
    caption=" ".join(f"{name}: {page.in_short(each)}" for name, each in reports.items())
    + f" Trained for {style.listing(epochs)} epochs, in this order.",
    alt="Accuracy on low parts over accuracy on whole images against the radius, three models.",
)

# %% [markdown]
# **How to read this.** Each curve is divided by its model's accuracy on whole images, so that
# models of different accuracy can be compared. The dotted line is at 90 %. The three models may
# differ in their number of epochs, and that with BatchNorm uses the moments of each batch, in
# testing, too. So: where one curve lies above another at every radius, its model relies on coarser
# patterns; where two cross, no single radius ranks them.

# %% folded="The main numbers of the three models, as a table" tags=["nbval-ignore-output"]
table = page.summary(first).rename(columns={"value": "M_natural"})
for name in list(reports)[1:]:
    table = table.merge(page.summary(reports[name]).rename(columns={"value": name}), "left")
style.table(table, caption="The main numbers with 95 % intervals over images.")

# %% tags=["hide-cell"]
sums = [each.table[each.table.measure == "gained"].value.sum() for each in reports.values()]
wholes = [page.one(each, "accuracy", "original").value for each in reports.values()]
off = max(abs(a - b) for a, b in zip(sums, wholes, strict=True))
print(f"the sum of all bands differs from the accuracy by {off:.4f}")

# %% [markdown]
# ## An external model

# %% tags=["hide-cell"]
if model:
    count = len(test.classes)
    theirs = frequency_report(asked, test.pixels(), test.labels, classes=count, name=model)
print(f"a model from outside: {model or 'none'}")

# %% tags=["hide-input", "nbval-ignore-output"]
if model:
    style.show(
        page.parts(theirs),
        name="report-theirs",
        caption=f"{model}: {page.in_short(theirs)}",
        alt=page.ALT["parts"],
    )
else:
    style.finding(
        "No external model was given. Set this page's parameters `model` and `weights` to see one "
        "here beside the book's own."
    )

# %% [markdown]
# **What differs, and why it may.** Intervals are over test images: they show what other images
# would give, not what training again would. A mask is learned on a few hundred images and evaluated
# on as many others. Heat map and attacks take their settings from the pages that introduce them;
# the waves of the heat map grow with the image.
