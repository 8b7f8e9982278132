"""The frequency report of one of the book's own networks, as a run."""

from dataclasses import dataclass

from fhelpers.heatmap import NORM
from fhelpers.report.measure import FrequencyReport, Observations, default_radii, observe, report_of
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.recipes import check_against_data


@dataclass(frozen=True, kw_only=True)
class Report(OfNetwork, kind="report", version=3):
    """The report of one of the book's own networks, as a run."""

    few: int = 1_000
    norm: float = NORM  # of the heat map's waves

    work = property(lambda self: 8 * self.images + 300 * min(self.few, self.images))

    def carry_out(self, job: Job) -> Result:
        """Its numbers as rows, and what its intervals rest on as tensors."""
        model, images, labels = self.on_device(job)
        radii = default_radii(*images.shape[-2:])
        options = {"few": self.few, "seed": self.seed, "norm": self.norm}
        seen = observe(model, images, labels, radii, job.compute, **options)
        table = report_of(seen, about(self, job.compute.precision)).table
        rows = table.drop(columns=["low", "high"]).assign(scope="report").to_dict("records")
        return Result(rows, vars(seen))


def about(recipe: Report, precision: str) -> dict:
    """What a report says of its model and data."""
    info = check_against_data(recipe.network)
    shape = [info.channels, info.height, info.width]
    radii = default_radii(info.height, info.width)
    found = {"model": recipe.network.slug, "classes": info.classes, "shape": shape, "radii": radii}
    return found | {"precision": precision, "norm": recipe.norm}


def of_run(run) -> FrequencyReport:
    """The report that a `Report` run holds, its intervals computed anew."""
    return report_of(Observations(**run.tensors()), about(run.recipe, run.record["precision"]))
