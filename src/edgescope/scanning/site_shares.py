"""How often the edges of every type exceed a site's threshold, beside the baseline."""

import math
from typing import Any

from edgescope.scanning import site_tables
from edgescope.scanning.tables import ScanTables


def main_axis(scan: ScanTables) -> str:
    """Return what figures and shares are about: the ratio, wherever the criterion bounds it."""
    bounded = [math.isfinite(scan.info.criterion.bounds(site).ratio) for site in scan.sites]
    return "ratio" if any(bounded) else "magnitude"


def edge_types(scan: ScanTables, axis: str, threshold: float | None = None) -> list[dict[str, Any]]:
    """Return the rows of ``scan.by_edge_type()``, each with the baseline's rate beside it.

    Sites at which the criterion has no bound on the axis are left out.

    Args:
        scan: the scan.
        axis: ``"ratio"`` or ``"magnitude"``.
        threshold: what to exceed at every site; that of the criterion by default.
    """
    names, rows = scan.info.edge_type_names, []
    for site in scan.sites:
        bound = getattr(scan.info.criterion.bounds(site), axis)
        limit = bound if threshold is None else threshold
        if not math.isfinite(limit):
            continue
        before: dict[str, dict[str, Any]] = {}
        if scan.baseline is not None:
            known = scan.baseline.info.edge_type_names
            of_baseline = site_tables.edge_types(scan.baseline[site], known, limit, axis)
            before = {row["edge_type"]: row for row in of_baseline}
        for row in site_tables.edge_types(scan[site], names, limit, axis):
            beside: dict[str, Any] = {}
            if scan.baseline is not None:
                untrained = before.get(row["edge_type"], {})
                columns = ("edges", "over", "rate", "low", "high")
                beside = {f"{name}_untrained": untrained.get(name) for name in columns}
            rows.append({"site": site} | row | beside)
    return rows
