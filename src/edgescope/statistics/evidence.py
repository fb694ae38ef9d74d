"""What a calibrated criterion rests on, and what it says of every site of a scan."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from edgescope.statistics.calibrated import FEWEST_MEMBERS, CalibratedCriterion
from edgescope.statistics.calibration import AxisCalibration, calibrate
from edgescope.statistics.criteria import Both, Either
from edgescope.statistics.extremity import significance
from edgescope.statistics.members import largest
from edgescope.statistics.rules import Bounds, Ensemble, Rule
from edgescope.statistics.sketch import SiteSketch


def calibrated_parts(rule: Rule) -> Iterator[CalibratedCriterion]:
    """Yield the rule itself if it is calibrated, or those that it is composed of."""
    match rule:
        case CalibratedCriterion():
            yield rule
        case Both(first, second) | Either(first, second):
            yield from calibrated_parts(first)
            yield from calibrated_parts(second)


def large_enough(ensemble: Ensemble) -> bool:
    """Say whether there are members enough for a p-value at every site."""
    return bool(ensemble) and min(map(len, ensemble.values())) >= FEWEST_MEMBERS


def calibration(
    sites: dict[str, SiteSketch], ensemble: Ensemble, rule: CalibratedCriterion
) -> pl.DataFrame:
    """Return one row per site and axis: its threshold, and what the trained model does there.

    A site is massive on an axis if its largest edges lie farther beyond those of the members than
    a share ``rule.fdr`` of untrained models does anywhere, and if some are over the threshold.
    """
    rate = rule.rate / len(Bounds._fields)
    found = {axis: calibrate(ensemble, axis, rate) for axis in Bounds._fields}
    rare = significance(sites, ensemble, rate)
    rows = []
    for site, sketch in sites.items():
        for axis in Bounds._fields:
            judged = _judged(sketch, getattr(rule.bounds(site), axis), axis, rate)
            of_test = rare[site, axis]
            massive = of_test.q <= rule.fdr and judged["over"] > 0
            rows.append(
                {"site": site, "axis": axis}
                | judged
                | _expected(found[axis][site])
                | {"p": of_test.p, "q": of_test.q, "massive": massive}
            )
    return pl.DataFrame(rows)


def calibrated(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the columns that the calibrated criterion adds to a site's row, by site."""
    found: dict[str, dict[str, Any]] = {}
    for row in table.iter_rows(named=True):
        columns = found.setdefault(row["site"], {"massive": False})
        for name in ("threshold", "members_over", "supported", "exceedance", "p", "q"):
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
