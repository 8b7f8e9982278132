"""The runs of page 19."""

from fhelpers import data
from fhelpers.heatmap import norm_for
from fhelpers.runs import plans
from fhelpers.runs.measurements import of_each
from fhelpers.runs.scales import SCALES, Plan, several
from fhelpers.sections.report_card.measure import Report

LOADED = ("report-*",)  # runs whose tensors the page shows


def plan(scale, dataset, seeds, *, epochs=0) -> Plan:
    """The reports of M_natural, M_adversarial and of BatchNorm's network (W, §9), first seed only.

    Labels: natural, adversarial, batchnorm, and report-… for each.
    """
    seeds = seeds[:1]
    plan = plans.attacked_pair(scale, dataset, seeds, epochs=epochs)
    short = {"radii": plans.RADII, "epochs": epochs or SCALES[scale].short_epochs}
    plan["batchnorm"] = several(scale, dataset, seeds, batchnorm="batch", **short)
    info = data.describe(dataset, **plan["natural"][0].options)
    few, norm = 2 * SCALES[scale].few_images, norm_for(info.height, info.width)
    reports = {la: of_each(Report, group, few=few, norm=norm) for la, group in plan.items()}
    return plan | {f"report-{label}": group for label, group in reports.items()}
