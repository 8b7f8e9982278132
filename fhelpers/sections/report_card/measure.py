"""The frequency report of one of the book's own networks, as a run."""

from dataclasses import dataclass
from typing import ClassVar

from fhelpers.report.measure import FrequencyReport, default_radii, frequency_report
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.runs.recipes import check_against_data


@dataclass(frozen=True, kw_only=True)
class Report(OfNetwork, kind="report"):
    """The report of one of the book's own networks, as a run."""

    word: ClassVar[str] = "report"

    few: int = 1_000

    @property
    def work(self) -> int:
        return 8 * self.images + 300 * min(self.few, self.images)

    def carry_out(self, job: Job) -> Result:
        return measure(self, job)


def measure(recipe: Report, job: Job) -> Result:
    """Carry out a `Report`: the table as rows, both maps as tensors."""
    measured, (run,) = Result(), job.needed
    images, labels = recipe.test_set()
    options = {"few": recipe.few, "seed": recipe.seed, "name": recipe.network.slug}
    classes = check_against_data(recipe.network).classes
    found = frequency_report(run.model(), images, labels, classes=classes, **options)
    measured.rows = [row | {"scope": "report"} for row in found.table.to_dict("records")]
    measured.tensors = {"heat_map": found.heat_map, "mask": found.mask}
    job.progress(1)
    return measured


def of_run(run) -> FrequencyReport:
    """The report that a `Report` run holds."""
    recipe, history, tensors = run.recipe, run.history, run.tensors()
    columns = ["measure", "part", "at", "value", "low", "high", "images"]
    info = check_against_data(recipe.network)
    shape = [info.channels, info.height, info.width]
    about = {"model": recipe.network.slug, "images": recipe.images, "classes": info.classes}
    about |= {"few": min(recipe.few, recipe.images), "shape": shape, "chance": 1 / info.classes}
    radii = default_radii(info.height, info.width)
    about |= {"radii": radii, "precision": run.record["precision"]}
    return FrequencyReport(about, history[columns], tensors["heat_map"], tensors["mask"])
