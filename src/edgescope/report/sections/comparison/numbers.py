"""Two scans beside each other: what they are, their sites, and how far they lie apart."""

import math
from typing import Any
from warnings import warn

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.report.beside import Beside
from edgescope.report.numbers import finite, whole
from edgescope.report.sections.comparison.cautions import cautions, other_data
from edgescope.report.summary import marked
from edgescope.scanning.compare import compare
from edgescope.scanning.result import Scan
from edgescope.scanning.site_shares import edge_types
from edgescope.scanning.site_tables import edge_types as types_of_site


def collect_comparison(beside: Beside, scan: Scan, numbers: dict[str, Any]) -> dict[str, Any]:
    """Put another scan beside the one that is reported.

    Args:
        beside: the other scan.
        scan: the reported one.
        numbers: its numbers.

    Returns:
        ``names`` of the two; ``cautions``, what must be known to compare them; ``facts``, what they
        are, and ``summaries``, what is said of each; the rows of ``sites``, each scan's ``table``
        with the sites of both; ``types``, the share of every edge type over the threshold of the
        reported scan; ``maxima`` per graph of the sites that both have.

    Raises:
        InputError: if one is of edges and the other of nodes.
    """
    other = beside.scan
    if other.info.rows != scan.info.rows:
        raise InputError(
            f"received a scan of {other.info.rows}s beside one of {scan.info.rows}s, expected two "
            "of the same; scan the same sites of both models"
        )
    if said := other_data(scan, other):
        warn(f"{said}; the report compares them all the same", EdgescopeWarning, stacklevel=2)
    theirs = whole(other, run=dict(beside.run))
    names = (beside.own, beside.name)
    common = [site for site in scan.sites if site in other.sites]
    rows = [_site(site, scan, other, numbers, theirs) for site in {**scan.sites, **other.sites}]
    found: dict[str, Any] = {
        "names": list(names),
        "cautions": cautions(scan, other, names),
        "facts": _facts(numbers, theirs),
        "summaries": [numbers["summary"], theirs["summary"]],
        "axis": numbers["scanned"]["axis"],
        "sites": rows,
        "types": _types(scan, other, common, numbers["scanned"]["axis"]),
        "maxima": _maxima(common, numbers, theirs),
    }
    plain: dict[str, Any] = finite(found)
    return plain


def _facts(ours: dict[str, Any], theirs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the two are, fact by fact; what neither says is left out."""
    pairs: list[tuple[str, Any, Any]] = [
        (name, ours["scanned"][key], theirs["scanned"][key])
        for name, key in (
            ("model", "model"),
            ("data", "data"),
            ("graphs", "graphs"),
            ("criterion", "rule"),
            ("sites", "sites"),
        )
    ]
    massive = "sites with massive activations"
    pairs.append((massive, len(marked(ours)), len(marked(theirs))))
    for axis in ("ratio", "magnitude"):
        tops = (of["table"] for of in (ours, theirs))
        own, other = (max(row[f"max_{axis}"] or 0.0 for row in table) for table in tops)
        pairs.append((f"largest {axis}", own, other))
    names = {**ours["run"], **theirs["run"]}
    pairs += [(name, ours["run"].get(name), theirs["run"].get(name)) for name in names]
    return [
        {"what": what, "own": own, "other": other}
        for what, own, other in pairs
        if not (own in (None, "") and other in (None, ""))
    ]


def _site(
    site: str, scan: Scan, other: Scan, ours: dict[str, Any], theirs: dict[str, Any]
) -> dict[str, Any]:
    """Return a site as either scan has it, and how far its bulk and tail moved."""
    axis = ours["scanned"]["axis"]
    row: dict[str, Any] = {"site": site}
    found = {"own": (scan, ours), "other": (other, theirs)}
    limit = getattr(scan.info.criterion.bounds(site), axis) if site in scan.sites else math.inf
    for side, (of, numbers) in found.items():
        there = next((each for each in numbers["sites"] if each["site"] == site), None)
        row[side] = None
        if there is None:
            continue
        table = next(each for each in numbers["table"] if each["site"] == site)
        judged = there["judged"][axis] or {}
        row[side] = {
            "threshold": judged.get("threshold"),
            "share": judged.get("share"),
            "at_own": _share(of, site, limit, axis),
            "max_ratio": table["max_ratio"] or None,
            "max_magnitude": table["max_magnitude"],
            "nonfinite": table["nonfinite"],
            "massive": there in marked(numbers),
        }
    both = row["own"] is not None and row["other"] is not None
    row["thresholds_differ"] = both and row["own"]["threshold"] != row["other"]["threshold"]
    row |= dict.fromkeys(("shift", "shift_low", "shift_high"))
    if both and not other_data(scan, other) and _same_shape(scan, other, site):
        measured = getattr(compare(other[site], scan[site]), axis).row()
        row |= {
            name: measured[f"shift_median{name.removeprefix('shift')}"]
            for name in ("shift", "shift_low", "shift_high")
        }
    return row


def _same_shape(scan: Scan, other: Scan, site: str) -> bool:
    first, second = scan[site].layout, other[site].layout
    return (first.heads, first.channels) == (second.heads, second.channels)


def _share(scan: Scan, site: str, limit: float, axis: str) -> float | None:
    """Return the share of a scan's edges over a threshold of the reported scan."""
    if not math.isfinite(limit):
        return None
    edges = int(scan[site].counted_edges(axis).sum())
    return int(scan[site].edges_over(limit, axis)[0].sum()) / edges if edges else None


def _types(scan: Scan, other: Scan, common: list[str], axis: str) -> list[dict[str, Any]]:
    """Return the share over the reported scan's threshold, per common site and edge type."""
    rows = []
    for own in edge_types(scan, axis):
        if own["site"] not in common:
            continue
        limit = getattr(scan.info.criterion.bounds(own["site"]), axis)
        known = types_of_site(other[own["site"]], other.info.edge_type_names, limit, axis)
        beside = next((row for row in known if row["edge_type"] == own["edge_type"]), None)
        shown = ("edges", "over", "rate", "low", "high")
        rows.append(
            {
                "site": own["site"],
                "edge_type": own["edge_type"],
                "threshold": own["threshold"],
                "own": {name: own[name] for name in shown},
                "other": beside and {name: beside[name] for name in shown},
            }
        )
    return rows


def _maxima(
    common: list[str], ours: dict[str, Any], theirs: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the maxima per graph of the sites that both have, those with large ones first."""
    own, other = ({site["site"]: site for site in of["sites"]} for of in (ours, theirs))
    ratios = ours["scanned"]["axis"] == "ratio"
    found = [
        {
            "site": site,
            "threshold": own[site]["threshold"] if ratios else None,
            "own": own[site]["graph_maxima"]["trained"],
            "other": other[site]["graph_maxima"]["trained"],
        }
        for site in common
    ]
    return sorted(found, key=_largest, reverse=True)


def _largest(site: dict[str, Any]) -> float:
    """Return the largest ratio of any graph in either scan."""
    ratios: list[float] = [0.0, *site["own"]["ratio"], *site["other"]["ratio"]]
    return max(ratios)
