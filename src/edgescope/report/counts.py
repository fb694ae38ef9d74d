"""What the criterion asks at every site, and how many edges meet it."""

import math
from typing import Any

import polars as pl

from edgescope.scanning.criteria import Bounds, Rule
from edgescope.scanning.result import Scan


def is_plain(rule: Rule) -> bool:
    """Say whether one bound on the ratio, or one on the magnitude, is all that a rule asks."""
    asked = rule.everywhere
    return asked is not None and not (asked.ratio and asked.magnitude)


def site_axis(found: dict[str, Any]) -> str:
    """Return what the heat maps and shares of a site are about.

    It is the ratio, unless only magnitudes are over their threshold.

    Args:
        found: what :func:`judged` says of the site.
    """
    ratio, magnitude = found["ratio"], found["magnitude"]
    if ratio is None or magnitude is None:
        return "magnitude" if ratio is None and magnitude is not None else "ratio"
    return "magnitude" if magnitude["over"] and not ratio["over"] else "ratio"


def judged(scan: Scan, table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what the criterion says of every site.

    Args:
        scan: the scan.
        table: its ``table()``, which a calibrated criterion takes long for.

    Returns:
        Per site: for ``ratio`` and ``magnitude`` the counts over the site's threshold, None if it
        has none; ``massive``, the edges that the whole rule calls massive, counted one by one,
        and whether that count is ``complete``; ``significant``, whether a calibrated criterion
        calls the site massive, None if the criterion is another.
    """
    called = {row["site"]: row for row in scan.massive_edges().iter_rows(named=True)}
    significant: dict[str, bool] = {}
    if "massive" in table.columns:
        significant = dict(table.select("site", "massive").iter_rows())
    return {
        site: {
            **{axis: _over(scan, site, axis) for axis in Bounds._fields},
            "massive": called[site]["massive"],
            "complete": called[site]["complete"],
            "significant": significant.get(site),
        }
        for site in scan.sites
    }


def calibration(scan: Scan) -> list[dict[str, Any]]:
    """Return the evidence of every part of the scan's criterion that tests sites.

    None of it is there without an ensemble, such as after a scan with thresholds from elsewhere.
    """
    found = []
    for part in scan.info.criterion.parts():
        if scan.baseline is None or not scan.can_test(part):
            continue
        rows = scan.calibration(part)
        found.append(
            {
                "name": part.name,
                "words": part.test_in_words(len(scan.baseline.members)),
                "rate": part.stated_rate,
                "fdr": getattr(part, "fdr", None),
                "members": len(scan.baseline.members),
                "beyond": int(rows["extrapolated"].sum()) if "extrapolated" in rows.columns else 0,
                "rows": rows.to_dicts(),
            }
        )
    return found


def _over(scan: Scan, site: str, axis: str) -> dict[str, Any] | None:
    """Return the edges over the threshold of a site on one axis, if the criterion has one."""
    limit = getattr(scan.info.criterion.bounds(site), axis)
    if not math.isfinite(limit):
        return None
    found: dict[str, Any] = {}
    states = {"": scan} | ({"_untrained": scan.baseline} if scan.baseline else {})
    for ending, of in states.items():
        over, found["threshold"] = of[site].edges_over(limit, axis)
        edges = int(of[site].counted_edges(axis).sum())
        found[f"edges{ending}"], found[f"over{ending}"] = edges, int(over.sum())
        found[f"share{ending}"] = int(over.sum()) / edges if edges else math.nan
    return found
