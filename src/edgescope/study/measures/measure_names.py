"""Which measures there are."""

from collections.abc import Mapping

from edgescope.study.measures.measured_cell import Measure

MEASURES: Mapping[str, Measure] = {}
"""Name of every measure to its function."""
