"""Everything the report says, as one dictionary that JSON can hold.

The page and its figures are drawn from this dictionary and from nothing else, so what they show
is in the JSON file too. A number that is not finite, such as the parameter of a fit that failed,
is None.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.lib.model_call import said_arguments
from edgescope.lib.version import __version__
from edgescope.report.coverage import coverage_numbers
from edgescope.report.gallery import choose
from edgescope.report.judged import calibration, edge_types, is_plain, judged, main_axis, site_axis
from edgescope.report.names import short_names, site_pattern
from edgescope.report.not_found import not_found
from edgescope.report.summary import busiest, summary
from edgescope.report.words import rule_in_words
from edgescope.scanning.edge_types import ADDED
from edgescope.scanning.result import Scan
from edgescope.statistics.criteria import Criterion
from edgescope.statistics.sketch import SiteSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 2
"""Raised when the meaning of a key changes."""

GROUPED_BINS = 16
"""Fine bins that are drawn as one bar: an eighth of an octave."""

NONFINITE_SHOWN = 8
"""Graphs with a NaN or an infinity that are listed per site; all of them are counted."""


def collect(scan: Scan, title: str | None, run: dict[str, Any] | None) -> dict[str, Any]:
    """Gather the numbers of a report.

    Args:
        scan: the scan to report.
        title: headline of the report; made of the model and the data by default.
        run: facts about the training run, shown as they are.

    Returns:
        A dictionary of strings, numbers, lists and dictionaries. Its keys are described in
        ``docs/report.md``.
    """
    info, sites = scan.info, list(scan.sites)
    table, short, axis = scan.table(), short_names(sites), main_axis(scan)
    found = judged(scan, table)
    heading = f"{info.model} on {info.data}" if info.data else info.model
    numbers: dict[str, Any] = {
        "format": FORMAT,
        "edgescope": __version__,
        "title": heading if title is None else title,
        "scanned": _scanned(scan, axis, found),
        "coverage": coverage_numbers(scan),
        "caution": None,  # what is known beside a scan is not known of it
        "run": {str(key): _plain(value) for key, value in (run or {}).items()},
        "table": table.to_dicts(),
        "by_edge_type": edge_types(scan, axis),
        "by_magnitude": edge_types(scan, "magnitude") if axis == "ratio" else [],
        "calibration": calibration(scan),
        "extremes": scan.names.rows(scan.extremes()),
        "site_pattern": site_pattern(sites),
        "sites": [
            {
                "site": site,
                "id": f"site-{place}",
                "short": short[site],
                "judged": found[site],
                "axis": site_axis(found[site]),
                "threshold": (found[site][axis] or {}).get("threshold"),
                **_site(scan, site, site_axis(found[site])),
            }
            for place, site in enumerate(sites)
        ],
        "gallery": choose(scan),
        "nonfinite": _nonfinite(scan),
    }
    numbers = finite(numbers)
    numbers["busiest"] = busiest(numbers)
    numbers["summary"] = summary(numbers)
    numbers["not_found"] = not_found(numbers)
    return numbers


def finite(value: Any) -> Any:  # noqa: ANN401  (a tree of plain values)
    """Put None in place of every NaN and infinity, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:  # noqa: ANN401  (a fact about the user's run)
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _scanned(scan: Scan, axis: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    info, baseline, rule = scan.info, scan.baseline, scan.info.criterion
    # A layer that drops self-loops, or one that looks at pairs, does not see all edges.
    seen = np.stack([found.sketch.counts["edges"].numpy() for found in scan.sites.values()])
    types = dict(zip(info.edge_type_names, seen.max(axis=0).tolist(), strict=True))
    truncated = [s for s, of in scan.sites.items() if of.seen > of.rows.height]
    thresholds = {(of[axis] or {}).get("threshold") for of in found.values()}
    one = rule if isinstance(rule, Criterion) else None
    return {
        "model": info.model,
        "data": info.data,
        "graphs": info.graphs,
        "edges": sum(edges for name, edges in types.items() if name != ADDED),
        "edge_types": types,
        "sites": len(scan.sites),
        "inputs": list(dict.fromkeys(n for of in scan.sites.values() for n in of.of.inputs)),
        "two_node_sets": any(of.of.two_node_sets for of in scan.sites.values()),
        "criterion": rule.name,
        "rule": rule_in_words(rule),
        "plain": is_plain(rule),
        "axis": axis,
        "measure": "ratio" if one and one.ratio else "excess",
        "ratio": one and one.ratio,
        "magnitude": one and one.magnitude,
        "threshold": thresholds.pop() if len(thresholds) == 1 else None,
        "keep_ratio": info.keep_ratio,
        "truncated": truncated,
        "unlisted": [s for s, of in found.items() if not of["complete"] and s not in truncated],
        "seconds": info.seconds,
        "arguments": list(info.arguments),
        "called": said_arguments(info.arguments),
        "types_from": info.types_from,
        "baseline": baseline
        and {
            "model": baseline.info.model,
            "graphs": baseline.info.graphs,
            "members": len(baseline.members),
        },
    }


def _site(scan: Scan, site: str, axis: str) -> dict[str, Any]:
    states = {"trained": scan} | ({"untrained": scan.baseline} if scan.baseline else {})
    return {
        "gamma": {state: vars(of.gamma(site)) for state, of in states.items()},
        "histogram": _histogram({state: of[site] for state, of in states.items()}),
        "graph_maxima": {state: _graph_maxima(of[site]) for state, of in states.items()},
        "heat_maps": _heat_maps(scan, site, axis),
    }


def _histogram(sketches: dict[str, SiteSketch]) -> dict[str, Any]:
    """Group the fine bins of the ratio; the criterion's anchor stays an edge between groups.

    Returns:
        ``edges`` ``[n + 1]`` of the ratio, and per state the ``counts`` ``[n]``, the number of
        ratios in the bin of ``zero`` (at most 1e-38) and the ``total``.
    """
    bins = sketches["trained"].layout.ratio
    anchor, _ = bins.edge_near(bins.anchor)
    starts = np.arange(anchor % GROUPED_BINS or GROUPED_BINS, bins.size, GROUPED_BINS)
    starts = np.append(1, starts)  # bin 0 holds the ratios of zero
    grouped, states = [], {}
    for state, sketch in sketches.items():
        counts = sketch.counts["ratio"].numpy()
        grouped.append(np.add.reduceat(counts, starts))
        states[state] = {"zero": int(counts[0]), "total": int(counts.sum())}
    filled = np.flatnonzero(np.sum(grouped, axis=0))
    shown = slice(int(filled[0]), int(filled[-1]) + 1) if len(filled) else slice(0, 0)
    edges = np.append(bins.edges[starts], bins.edges[-2])
    for state, counts in zip(states, grouped, strict=True):
        states[state]["counts"] = counts[shown].tolist()
    return {"edges": edges[shown.start : shown.stop + 1].tolist(), **states}


def _graph_maxima(sketch: SiteSketch) -> dict[str, Any]:
    """Return the largest ratio per graph as the filled bins' centres and how many graphs each."""
    counts: NDArray[np.int64] = sketch.counts["graph_ratio"].numpy()
    filled = np.flatnonzero(counts)[::-1]
    return {
        "ratio": sketch.layout.ratio.centres[filled].tolist(),
        "graphs": counts[filled].tolist(),
    }


def _heat_maps(scan: Scan, site: str, axis: str) -> dict[str, Any]:
    sketch, types = scan[site], []
    counted = sketch.counted_edges(axis)
    limit = threshold = getattr(scan.info.criterion.bounds(site), axis)
    for position, name in enumerate(scan.info.edge_type_names):
        if counted[position] and math.isfinite(limit):
            share, threshold = sketch.heat_map(limit, position, axis)
            edges = int(counted[position])
            types.append({"edge_type": name, "edges": edges, "share": share.tolist()})
    largest = max((np.max(entry["share"]) for entry in types), default=0.0)
    return {"threshold": threshold, "largest": float(largest), "types": types}


def _nonfinite(scan: Scan) -> list[dict[str, Any]]:
    """Return, for every site and state that has any, how many edges are not finite and where."""
    found = []
    states = {"trained": scan} | ({"untrained": scan.baseline} if scan.baseline else {})
    for state, of in states.items():
        for site, results in of.sites.items():
            edges = int(results.sketch.counts["nonfinite"].sum())
            if edges:
                listed = of.names.rows(results.nonfinite.head(NONFINITE_SHOWN))
                graphs = results.nonfinite.height
                found.append(
                    {
                        "site": site,
                        "state": state,
                        "edges": edges,
                        "graphs": graphs,
                        "first": listed,
                    }
                )
    return found
