"""The runs of section 06."""

from fhelpers.runs import plans
from fhelpers.runs.checks import refuse
from fhelpers.runs.scales import SCALES, Plan, several


def plan(
    scale, dataset, seeds, *, radii=plans.RADII, strengths=(1, 0.5, 0.25, 0.125, 0.0625), epochs=0
) -> Plan:
    """BatchNorm (W, §5.2, Fig. 6) on low parts, and on ever fainter planted cues.

    Labels: vanilla, batchnorm (whole images, the runs of section 04); vanilla-low-4,
    batchnorm-low-4, …; averages-low-4, … with BatchNorm that keeps running averages for the test;
    vanilla-cue-1, batchnorm-cue-1, … The runs without BatchNorm on low parts are those of section
    02.
    """
    if not strengths or min(strengths) <= 0:
        refuse("strengths", list(strengths), "one or more numbers above 0")
    own, shared = SCALES[scale], plans.RADII  # section 04's radii: with them its runs serve here
    short = epochs or own.short_epochs
    whole = {"radii": shared if set(radii) <= set(shared) else tuple(radii), "epochs": short}
    long = epochs or own.epochs
    plan = {}
    for name, kind in (("vanilla", "none"), ("batchnorm", "batch"), ("averages", "running")):
        if kind != "running":
            plan[name] = several(scale, dataset, seeds, **whole, batchnorm=kind)
        for radius in radii:
            band = {"band": "low", "band_radius": radius, "radii": (radius,), "epochs": long}
            plan[f"{name}-low-{radius:g}"] = several(scale, dataset, seeds, **band, batchnorm=kind)
        for strength in strengths if kind != "running" else ():
            cue = {"data_options": (("low", 0.0), ("high", float(strength))), "radii": (8,)}
            cue |= {"epochs": short, "batchnorm": kind} | (dict(own.cues) if not epochs else {})
            plan[f"{name}-cue-{strength:g}"] = several(scale, "planted", seeds, **cue)
    return plan
