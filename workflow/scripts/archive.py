"""All records of a book and its verdicts in one zip file, for the rule `records`."""

from pathlib import Path

from fhelpers.pages import published, scorecard

job = snakemake
verdicts = scorecard.as_shown(Path(job.input.page))
published.archive(job.params.run_ids, verdicts, Path(job.output[0]))
