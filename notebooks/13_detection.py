# %% [markdown]
# (detection)=
# # Finding objects in filtered images

# %% tags=["parameters", "hide-cell"]
scale = "standard"
dataset = "cifar10"  # the backgrounds of the scenes; CIFAR-10 where these have no colour
seeds = [0]
radii = [8, 16, 24, 34]  # where images are split, in bins of their own spectrum
epochs = 0  # of the detector's training; 0: the scale's own
coco_root = ""  # full path of a folder in COCO's format, evaluated instead without training
weights = ""  # of the COCO detector: a file, or empty for torchvision's published ones

# %% tags=["hide-cell"]
import numpy as np

from fhelpers.average_precision import MEASURES, Detections, Score
from fhelpers.claims import CLAIMS, finding
from fhelpers.data.objects import Truth
from fhelpers.drawing import style
from fhelpers.runs.schedule import fetch
from fhelpers.sections.detection import cases, claims, figures, measure
from fhelpers.sections.detection.plan import plan

parameters = {"radii": radii, "epochs": epochs, "coco_root": coco_root, "weights": weights}
runs = fetch(plan(scale, dataset, seeds, **parameters))
print(f"runs for each of the seeds {seeds}: {', '.join(runs)}")

# %% tags=["hide-cell"]
radius = max(radii)
history = runs.history.query("split == 'images'")
recipe = runs["original"][0].recipe
shown = measure.images_of(recipe)
verdicts = [CLAIMS[name].of(runs) for name in ("W20", "W21", "W22")] + [claims.CONTROL(history)]
scores = claims.scored(history, "AP")
before, after = (runs[label][0].tensors() for label in ("original", f"r-{radius:g}"))
print(f"{len(shown)} test images, {len(shown.truth)} objects; {len(scores)} conditions")
print(f"measures outside 0 to 1: {(~scores.value.between(0, 1)).sum()}")

# %% tags=["remove-input", "nbval-ignore-output"]
style.finding(f"**Finding.** {finding(verdicts)} {figures.order_in_words(scores)}")

# %% tags=["hide-input", "nbval-ignore-output"]
left = claims.shares_kept(history)
style.show(
    figures.kept(left),
    name="detection-kept",
    caption=figures.kept_in_words(left, radius),
    alt=figures.ALT["kept"],
)

# %% [markdown]
# **How to read this.** On generated scenes, the mAP of our detector cannot be compared with the
# paper's, because images and objects differ; the share that remains after filtering can. 100 %
# would mean that filtering does not matter. So: where ours and the paper's diamond agree, this
# detector keeps about the share that the paper's keeps; whether other detectors do so, this page
# cannot say.

# %% tags=["remove-input", "nbval-ignore-output"]
for verdict in verdicts:
    style.card(verdict)

# %% tags=["remove-cell"]
# Rounded so far that other processors agree: a difference in a diff is a finding.
main = scores.assign(radius=scores.radius.fillna(0)).pivot(index="radius", columns="part")["value"]
print(main.round(1).to_string(na_rep=""))

# %% [markdown]
# ## What the paper did
#
# {cite:t}`wang2020high` ask whether what they saw in classifiers also holds for a network that has
# to find objects. They take RetinaNet {cite:p}`lin2017focal` with a ResNet-50 and a feature
# pyramid, trained on COCO {cite:p}`lin2014microsoft`, and run it on the 5,000 images of COCO's
# validation set: on the original images, on their low parts and on their high parts, with r = 128.
# Its mAP is 35.6 on the originals, 27.5 on low parts and 10.7 on high parts, in per cent. They show
# images on which it performs worse (their Figure 8), where small objects suffer most, and count
# 1684 images on which some object is recognised *better* without the high part (their Figure 9).
# They take this as a sign that removing the high part is not simply a loss of information.
#
# ## The set-up
#
# COCO, and a network trained on it for days, cannot be part of this book. So the page generates its
# own images: *scenes* of 128 × 128 pixels. The background is an enlarged image of another data set,
# CIFAR-10 unless you choose another one in colour, and on it lie one to six garments of
# Fashion-MNIST {cite:p}`xiao2017fashion`, cut out along their outlines, coloured and resized, with
# little overlap. Test scenes share neither backgrounds nor garments with training scenes. On
# planted backgrounds the objects are plain shapes instead. A RetinaNet with a ResNet-18 learns to
# find them. At the scale `quick` it is a narrow one, and there are five classes instead of ten.
# Where COCO is available, the same code evaluates it ({doc}`../run_it_yourself`).

# %% folded="What was trained for this page, and what it cost" tags=["nbval-ignore-output"]
style.setup(
    runs.setup(),
    caption=f"What was computed for this page at scale {scale}, and what it cost. The paper uses "
    "a network trained on COCO's training set.",
)

# %% tags=["hide-cell"]
trained = runs.history.query("split == 'train'")
fell = [own.loss.iloc[-1] < own.loss.iloc[0] for _, own in trained.groupby("seed")]
print(f"training loss fell in {sum(fell)} of {len(fell)} trainings")

# %% folded="Four test images with their objects" tags=["nbval-ignore-output"]
first = range(min(4, len(shown)))
truths = [shown.truth.of_image(i) for i in first]
style.show(
    figures.images([shown.image(i) for i in first], truths, shown.class_names),
    name="detection-images",
    caption="Test images with their annotated objects, and up to four of their classes.",
    alt=figures.ALT["images"],
)

# %% [markdown]
# **The measure.** A detector returns boxes, each with a class and a score. A box is correct when it
# overlaps an object of its class by enough. The overlap is the share of their union that both
# cover, called intersection over union. *Average precision* summarises how many objects are found,
# and how few false alarms are among the most confident detections; *mAP* is its mean over the
# classes and over ten thresholds of overlap, from 0.5 to 0.95. AP50 uses the threshold 0.5 alone.
# Guessing gives about 0. All are computed as COCO's own tools do.
#
# *Small*, *medium* and *large* refer to areas. COCO divides at 32² and 96² pixels, in images of
# about 640 by 480. Scenes are smaller, so they divide at an eighth and at three sixteenths of their
# side, which at 128 pixels is 16² and 24².

# %%
small, large = shown.limits
area = shown.truth.area
print(f"small: below {small:g} px², large: above {large:g} px²")
sizes = {"small": area < small, "large": area > large}
print("no object is", ", ".join(name for name, own in sizes.items() if not own.any()) or "missing")

# %% [markdown]
# A case to compute by hand: two objects, one small and one large. The detector is most confident of
# a box that is exactly the small object, then of a false alarm, then of a box that is 52 % of the
# large one. At the threshold 0.5 both are found: the precision is 1 up to a recall of a half and
# then 2/3, so AP50 is (51 + 50 · 2/3) / 101 = 0.835. At all others only the first is found, which
# gives 51 / 101 = 0.505, and the mean of the ten is 0.538.

# %%
boxes = np.array([[0, 0, 20, 20], [0, 0, 100, 100]])
flags, one = np.zeros(2, bool), np.ones(3, int)
truth = Truth(np.arange(2), boxes, one[:2], boxes[:, 2] * boxes[:, 3], flags, 2)
offered = np.array([[0, 0, 20, 20], [200, 200, 9, 9], [0, 0, 52, 100]])
seen = Detections(np.array([0, 1, 1]), offered, one, np.array([0.9, 0.8, 0.7]))
values = zip(MEASURES, Score(truth, seen).values()[0], strict=True)
print(", ".join(f"{name} {value:.3f}" for name, value in values if np.isfinite(value)))

# %% [markdown]
# **The radius.** It counts bins of the image's own spectrum. The shorter side of a COCO image is
# usually 480 pixels, so r = 128 keeps waves of up to 128 crests over 480 pixels. In proportion that
# is r = 34 in a scene of 128 pixels, the largest radius that we try. The claims are judged at the
# largest radius.
#
# ## A change that removes nothing
#
# A detector's scores move with every change of an image, some up and some down. If an object is
# found better on a low part, this need not mean that the high part was in the way. So we compare
# with a *control*: the image, plus its own high part with all its waves shifted to random places.
# The control differs from the image exactly as much as the low part does, at each frequency and in
# each colour. But it removes no band: about a third of its waves become weaker and the others
# stronger, where the low part loses them all.

# %%
number, image = 0, shown.image(0)
made = {k: v[0] for k, v in measure.parts_of([image], radius, number).items()}
change = {part: (made[part] - image).square().mean().sqrt().item() for part in made}
print(f"the changes by low part and control differ by {abs(change['low'] - change['control']):.4f}")
error = (made["low"] + made["high"] - image).abs().max().item()
print(f"low and high part together differ from the image by {error:.4f}")

# %% folded="One test image and the versions shown to the detector" tags=["nbval-ignore-output"]
style.show(
    figures.parts(image, made, radius),
    name="detection-parts",
    caption=f"One test image and the versions shown to the detector, at r = {radius:g}. Low part "
    f"and control differ from the image by {change['low']:.3f} of the pixel range (root mean "
    "square).",
    alt=figures.ALT["parts"],
)

# %% [markdown]
# ## Originals, low parts and high parts

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.by_radius(scores),
    name="detection-map",
    caption=f"{verdicts[0].note} {figures.order_in_words(scores)}",
    alt=figures.ALT["map"],
)

# %% [markdown]
# **How to read this.** The black line is the detector's mAP on whole images. The blue curve is its
# mAP on low parts, the vermilion curve on high parts. The grey curve is the control. Bands are 95 %
# intervals over images, or over seeds where there are several. So: the distance from blue to black
# is the cost of removing the high part, and from blue to grey what is special about removing it.

# %% folded="All measures at the largest radius, as a table" tags=["nbval-ignore-output"]
style.table(
    figures.overview(history),
    caption=f"All measures at r = {radius:g}, with 95 % intervals, and the paper's mAP on COCO "
    "at r = 128. A dash means that there is no object of this size.",
)

# %% [markdown]
# ## Which objects suffer

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.sizes(claims.by_size(history)),
    name="detection-sizes",
    caption=verdicts[1].note,
    alt=figures.ALT["sizes"],
)

# %% [markdown]
# **How to read this.** Each row is a size class, at the largest radius; at 0 % the low part is as
# good as the image. If the small objects are furthest to the right, they suffer most, as the paper
# says. We compare *shares* of the mAP: in points, a class that is rarely found anyway has little to
# lose. So: small objects depend on the high part most if their interval lies to the right of the
# others; where intervals meet, this page cannot tell.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.cases(cases.most(shown, radius, before, after, better=False)),
    name="detection-losing",
    caption="The paper's Figure 8, with our detector: images on which an object loses most of its "
    f"score on the low part, r = {radius:g}.",
    alt=figures.ALT["losing"],
)

# %% [markdown]
# **How to read this.** The thick box marks the object whose score changed most; below each picture
# stands the score of its best correct detection. Thin boxes are detections with a score of at least
# 0.3, the most confident at each place: solid where correct, dashed where wrong. So: examples show
# what a loss looks like; how often it happens is in the note of the card *Control*.
#
# ## Images that gain

# %% folded="Images that gain most" tags=["nbval-ignore-output"]
style.show(
    figures.cases(cases.most(shown, radius, before, after, better=True)),
    name="detection-gaining",
    caption="The paper's Figure 9, with our detector: images on which an object gains most score "
    f"on the low part, r = {radius:g}.",
    alt=figures.ALT["gaining"],
)

# %% [markdown]
# **How to read this.** Such images can always be picked from many. Whether they mean anything
# depends on how many there are, and on how many there would be after a change that has nothing to
# do with frequency. So: a gain means something only beside the count of the control.

# %% tags=["hide-input", "nbval-ignore-output"]
style.show(
    figures.gained(claims.scored(history, "gained"), radius),
    name="detection-gained",
    caption=verdicts[2].note,
    alt=figures.ALT["gained"],
)

# %% [markdown]
# **How to read this.** An image gains when the best correct box of some object scores more than 0.1
# higher than on the original (a missed object counts as 0). The blue curve counts gains on low
# parts, the grey one on the control. The two changes have the same size, but they need not disturb
# the detector equally: the control adds a pattern where the low part takes detail away, and its own
# mAP is shown above. The paper's count is drawn at the largest radius; the paper does not say how
# large the difference must be for an object to count as recognised better. So: blue above grey
# would be evidence that removing the high part helps; blue level with grey is weak evidence either
# way where the control harms the detector more.
#
# **What differs, and why it may.** Scenes are both easier and harder than photographs: objects are
# cut out with sharp edges, float freely, and have no context. Backgrounds of 32 pixels, enlarged
# four times, hold next to nothing beyond r = 23; the high part there consists of the objects' own
# outlines and texture. This favours high parts. The radius scales with an image's side and COCO's
# limits of size do not: small objects of scenes measure up to an eighth of the side, COCO's up to a
# fifteenth, so that ours may keep more of their detail on low parts. Our detector is small and has
# seen far fewer images than the paper's (see the set-up). It subtracts no mean colour, so that a
# high part looks like a faint pattern about 0; the paper's detector subtracts one, so that a high
# part looks dark. A COCO folder is evaluated as in the paper.
#
# ## What we tried that the paper did not
#
# The paper has one radius, no intervals, and no comparison for its count of gains. Here we try
# several radii, give every score an interval (with one seed from resampling the images 400 times),
# and set the count beside that of a change of the same size that removes nothing.
