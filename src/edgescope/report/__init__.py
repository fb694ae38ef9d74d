"""One offline HTML file that says what a scan found, and what it did not find."""

from edgescope.report.write import write_report

__all__ = ["write_report"]
