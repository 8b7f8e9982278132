# %% [markdown]
# (report-card)=
# # The report card of any model

# %% tags=["parameters", "hide-cell"]
scale = "quick"
dataset = "cifar10"
seeds = [0]
model = ""
weights = ""
epochs = 0

# %% tags=["hide-cell"]
from fhelpers import data
from fhelpers.drawing import style
from fhelpers.report import frequency_report, page
from fhelpers.report import models as outside
from fhelpers.runs.schedule import fetch
from fhelpers.sections.report_card.measure import of_run
from fhelpers.sections.report_card.plan import plan

runs = fetch(plan(scale, dataset, seeds, epochs=epochs))
names = {"natural": "M_natural", "adversarial": "M_adversarial", "batchnorm": "BatchNorm"}
reports = {name: of_run(runs[f"report-{label}"][0]) for label, name in names.items()}
print(f"{len(reports)} reports of {sorted({len(r.table) for r in reports.values()})} numbers")

# %% tags=["remove-input", "nbval-ignore-output"]
first = reports["M_natural"]
style.finding(f"**Finding.** M_natural: {page.in_short(first)}")

# %% [markdown]
# ## What the paper asks for
#
# {cite:t}`wang2020high` end with a request: whoever reports a model's accuracy should report its
# accuracy on low-frequency counterparts beside it, because two models of equal accuracy may live on
# quite different frequencies. This page makes that report, and more of the same kind, for any
# classifier: from the command line or in Python.
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
# The command writes `report.html`, one page that needs no network, `report.json` and `report.csv`.
# The model may be a torchvision model with a file of weights, a file of `torch.export` or
# TorchScript, a function that returns a module, or a run of this book.
#
# ## The set-up

# %% tags=["remove-input", "nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was trained and measured for this page at scale {scale}, and what it cost.",
)

# %% [markdown]
# ## How to read a report
#
# ### Accuracy on parts

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.parts(first),
    name="report-parts",
    caption=f"M_natural. {page.in_short(first)}",
    alt=page.ALT["parts"],
)

# %% [markdown]
# **How to read this.** The blue curve is what the paper asks for: accuracy when only what lies
# within the radius is left. The two upright marks on it show where it reaches half and 90 % of the
# accuracy on whole images. A model whose curve reaches the black line early uses coarse patterns;
# one that needs a large radius lives on fine ones. The vermilion curve is accuracy on what is left
# when the low part is taken away.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.gained(first),
    name="report-gained",
    caption=f"M_natural. {page.band_in_short(first)}",
    alt=page.ALT["gained"],
)

# %% [markdown]
# **How to read this.** The differences between neighbouring points of the blue curve. They add up
# to the accuracy on whole images. A band below zero is one that the model would do better without.
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
# **How to read this.** On the left, dark pixels are frequencies that the model cannot bear when
# they are added ({doc}`07_smooth_kernels`); on the right, bright pixels are those that it needs
# ({doc}`11_fourier_masks`). The two need not agree: what disturbs is not always what is used.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.energies(first),
    name="report-energies",
    caption=f"M_natural. {page.energies_in_short(first)}",
    alt=page.ALT["energies"],
)

# %% [markdown]
# ### Small perturbations

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    page.robust(first),
    name="report-robust",
    caption=f"M_natural. {page.robust_in_short(first)}",
    alt=page.ALT["robust"],
)

# %% [markdown]
# **How to read this.** A curve that falls to zero within 4/255 belongs to a model that was not
# trained against attacks. One that does not fall at all deserves suspicion: see
# {doc}`08_smoothing_defence`.
#
# ## Three models of this book

# %% tags=["hide-input", "nbval-ignore-output"]
colours = {"M_natural": style.COLOURS["original"], "BatchNorm": style.COLOURS["shuffled"]}
colours["M_adversarial"] = style.COLOURS["adversarial"]
style.show(
    page.compared(reports, colours),
    name="report-compared",
    caption=" ".join(f"{name}: {page.in_short(each)}" for name, each in reports.items()),
    alt="Accuracy on low parts over accuracy on whole images against the radius, three models.",
)

# %% [markdown]
# **How to read this.** Each curve is divided by its model's accuracy on whole images, so that
# models of different accuracy can be compared. The dotted line is at 90 %.

# %% tags=["hide-input", "nbval-ignore-output"]
table = page.summary(first).rename(columns={"value": "M_natural"})
for name in list(reports)[1:]:
    table = table.merge(page.summary(reports[name]).rename(columns={"value": name}), "left")
style.table(table, caption="The main numbers with 95 % intervals over images.")

# %% tags=["remove-input"]
sums = [each.table[each.table.measure == "gained"].value.sum() for each in reports.values()]
wholes = [page.one(each, "accuracy", "original").value for each in reports.values()]
print("bands add up:", all(abs(a - b) < 1e-6 for a, b in zip(sums, wholes, strict=True)))

# %% [markdown]
# ## A model from outside

# %% tags=["hide-cell"]
if model:
    recipe = runs["natural"][0].recipe
    options = {"limit": recipe.test_images, **recipe.options}
    test = data.load(dataset, train=False, **options)
    count = len(test.classes)
    asked = outside.load_model(model, weights=weights or None, classes=count)
    theirs = frequency_report(asked, test.pixels(), test.labels, classes=count, name=model)
print(f"a model from outside: {bool(model)}")

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
        "No model from outside was named. Give this page the parameters `model` and `weights` to "
        "see one here beside the book's own."
    )

# %% [markdown]
# **What differs, and why it may.** Intervals are over test images: they say what other images would
# give, not what another training would. A mask is learned on some hundred images and judged on as
# many others. Heat map and attacks take their settings from the pages that introduce them.
#
# ## Change it
#
# | parameter | what it is |
# |---|---|
# | `scale` | `smoke`, `quick`, `standard` or `paper`: how many images, how long |
# | `dataset` | `cifar10`, `mnist`, `fashion-mnist`, `planted`, … |
# | `seeds` | of the book's own networks; the page shows the first |
# | `model`, `weights` | a model from outside, as for `fhelpers report` |
# | `epochs` | of the book's own networks, 0 for the scale's own |
#
# ```bash
# fhelpers notebook 15_report_card -p model my_package:my_model
# ```
