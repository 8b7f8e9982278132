"""The frequency report of any classifier: `frequency_report` measures, `page.write` shows it."""

from fhelpers.report.measure import FrequencyReport, frequency_report

__all__ = ["FrequencyReport", "frequency_report"]
