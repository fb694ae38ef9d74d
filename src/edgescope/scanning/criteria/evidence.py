"""What a calibrated criterion rests on, and what it says of every site of a scan."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from edgescope.scanning.criteria.bounds import Bounds
from edgescope.scanning.criteria.calibration import AxisCalibration, calibrate
from edgescope.statistics.extremity import significance
from edgescope.statistics.members import largest
from edgescope.statistics.sketch import Ensemble, SiteSketch

_OF_SITE = ("threshold", "members_over", "supported", "exceedance", "p", "q")
"""Columns of the evidence that stand in the table of a scan as well, once per axis."""


def calibration(
    sites: Mapping[str, SiteSketch],
    ensemble: Ensemble,
    thresholds: Mapping[str, Bounds],
    rate: float,
    fdr: float,
) -> pl.DataFrame:
    """Return one row per site and axis: its threshold, and what the trained model does there.

    A site is massive on an axis if its largest edges lie farther beyond those of the members than
    a share ``fdr`` of untrained models does anywhere, and if some are over the threshold.

    Args:
        sites: per site the sketch of the model.
        ensemble: per site the sketches of the members of an untrained ensemble.
        thresholds: per site the ratio and the magnitude that must be exceeded, one of them.
        rate: share of an untrained model's edges over a threshold; half of it on each axis.
        fdr: share of untrained models at which any site may be called massive.
    """
    rate = rate / len(Bounds._fields)
    found = {axis: calibrate(ensemble, axis, rate) for axis in Bounds._fields}
    rare = significance(sites, ensemble, rate)
    rows = []
    for site, sketch in sites.items():
        for axis in Bounds._fields:
            judged = _judged(sketch, getattr(thresholds[site], axis), axis, rate)
            of_test = rare[site, axis]
            massive = of_test.q <= fdr and judged["over"] > 0
            rows.append(
                {"site": site, "axis": axis}
                | judged
                | _expected(found[axis][site])
                | {"p": of_test.p, "q": of_test.q, "massive": massive}
            )
    return pl.DataFrame(rows)


def by_site(evidence: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the columns that the evidence of a criterion adds to a site's row, by site.

    Args:
        evidence: as :meth:`edgescope.Rule.evidence` returns it.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in evidence.iter_rows(named=True):
        columns = found.setdefault(row["site"], {"massive": False})
        for name in _OF_SITE:
            if name in row:
                columns[f"{name}_{row['axis']}"] = row[name]
        columns["massive"] |= row["massive"]
    return found


def _judged(sketch: SiteSketch, threshold: float, axis: str, rate: float) -> dict[str, Any]:
    """Return how many edges exceed a threshold; it is a bin edge, so the count is exact."""
    counts, bins = largest(sketch, axis), getattr(sketch.layout, axis)
    over = int(counts[np.searchsorted(bins.edges, threshold) :].sum())
    edges = int(counts.sum())
    return {
        "threshold": threshold,
        "edges": edges,
        "over": over,
        "expected": rate * edges,
        "exceedance": over / edges if edges else float("nan"),
    }


def _expected(found: AxisCalibration) -> dict[str, Any]:
    """Return what a threshold rests on."""
    alone = np.array(found.members)
    return {
        "members": len(alone),
        "member_low": float(alone.min()),
        "member_median": float(np.median(alone)),
        "member_high": float(alone.max()),
        "spread": found.spread,
        "freedom": found.freedom,
        "skewness": found.skewness,
        "extrapolated": found.extrapolated,
        "members_over": found.members_over,
        "supported": found.supported,
    }
