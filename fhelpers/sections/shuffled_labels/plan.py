"""The runs of section 02."""

from fhelpers.runs import plans
from fhelpers.runs.checks import refuse
from fhelpers.runs.scales import SCALES, Plan, data_options, several

BETWEEN = 8  # the radius between the two bands in which planted images have their cues


def plan(
    scale, dataset, seeds, *, radii=plans.RADII, ratios=(0.125, 0.25, 0.5, 0.75, 1), epochs=0
) -> Plan:
    """M_natural, M_shuffle, and networks trained on one band (W, Fig. 3 and Table 1).

    Beside them cue-0.5, …: networks on the true labels of planted images, which can be told from a
    low cue and from a high one that is so many times as strong.
    """
    if not ratios or min(ratios) <= 0:
        refuse("ratios", list(ratios), "one or more numbers above 0")
    plan = plans.true_and_shuffled(scale, dataset, seeds, radii=radii, epochs=epochs)
    low = dict(data_options(scale, "planted")).get("low", 1.0)
    shared = {"radii": (BETWEEN,), "epochs": epochs or SCALES[scale].epochs}
    shared |= dict(SCALES[scale].cues) if not epochs else {}
    for ratio in ratios:
        options = {"data_options": (("low", low), ("high", low * ratio))}
        plan[f"cue-{ratio:g}"] = several(scale, "planted", seeds, **shared, **options)
    return plan
