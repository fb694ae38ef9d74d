"""How the bulk and the tail of activations moved, how they are spread, and their laws."""

from typing import Any

import numpy as np

from edgescope.lib.errors import InputError
from edgescope.report.section_protocol import Material, Section
from edgescope.report.section_registry import section
from edgescope.report.sections.statistics.figures import shifts
from edgescope.scanning.result import Scan
from edgescope.scanning.site_shares import main_axis


@section
class Statistics(Section):
    """Trained against untrained, concentration over channels and heads, and laws."""

    name, title, place = "statistics", "Statistics of the sites", 450

    def numbers(self, material: Material) -> dict[str, Any]:
        """Compare, count and fit.

        Returns:
            ``comparison``, the rows of ``scan.compare()``; ``measure`` and ``concentration``, the
            rows of ``scan.concentration()``; ``laws``, those of ``scan.laws()``; and ``absent``,
            why one of them, which is then None, is not there.
        """
        scan, measure = material.scan, main_axis(material.scan)
        comparison, concentration, absent = None, None, {}
        if scan.baseline is None:
            absent["comparison"] = "no untrained model was scanned to compare with"
        else:
            try:
                comparison = scan.compare().to_dicts()
            except InputError as error:  # a baseline of other heads or channels
                absent["comparison"] = str(error)
        if _bounded(scan, measure):
            concentration = scan.concentration(measure=measure).to_dicts()
        else:
            absent["concentration"] = f"the criterion does not bound the {measure} of every site"
        return {
            "comparison": comparison,
            "measure": measure,
            "concentration": concentration,
            "laws": scan.laws().to_dicts(),
            "absent": absent,
        }

    def figures(self, numbers: dict[str, Any]) -> dict[str, str]:
        """Draw how far the quantiles of every site moved, if any of it is known."""
        rows = numbers["statistics"]["comparison"] or []
        known = [row for row in rows if row["shift_median"] is not None]
        return {"shifts": shifts(known)} if known else {}

    def context(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return the laws of every site, the likeliest first."""
        laws: dict[str, list[dict[str, Any]]] = {}
        for row in numbers["statistics"]["laws"]:
            laws.setdefault(row["site"], []).append(row)
        return {"laws_of": laws}

    def readings(self, numbers: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002  (the base's)
        """Return how to read the figure."""
        return {
            "shifts": (
                "Each mark says by how many powers of ten a quantile of the edges' largest values "
                "lies above that of the untrained model, with its 95 % interval from resampled "
                "graphs if there is one: the median tells of the bulk, and 0.9999 of one edge in "
                "10,000. Quantiles that move together are a change of scale; a high one that moves "
                "alone is a tail of massive activations."
            )
        }


def _bounded(scan: Scan, measure: str) -> bool:
    """Say whether the criterion bounds a measure at every site."""
    bounds = [getattr(scan.info.criterion.bounds(site), measure) for site in scan.sites]
    return bool(np.isfinite(bounds).all())
