"""How the activations of a site are distributed, in plain values."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgescope.scanning.tables import ScanTables
from edgescope.statistics.gamma import EPSILON
from edgescope.statistics.sketch import SiteSketch

GROUPED_BINS = 16
"""Fine bins that are drawn as one bar: an eighth of an octave."""


def distributions(scan: ScanTables, site: str, axis: str) -> dict[str, Any]:
    """Return the laws, histogram, maxima per graph and heat maps of a site, in plain values.

    Args:
        scan: the scan; what is said of its baseline stands beside.
        site: name of the site.
        axis: what the heat maps are about, ``"ratio"`` or ``"magnitude"``.
    """
    states = {"trained": scan} | ({"untrained": scan.baseline} if scan.baseline else {})
    return {
        "gamma": {state: vars(of.gamma(site)) for state, of in states.items()},
        "histogram": histogram({state: of[site] for state, of in states.items()}),
        "graph_maxima": {state: graph_maxima(of[site]) for state, of in states.items()},
        "heat_maps": _heat_maps(scan, site, axis),
    }


def histogram(sketches: dict[str, SiteSketch]) -> dict[str, Any]:
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


def graph_maxima(sketch: SiteSketch) -> dict[str, Any]:
    """Return the largest ratio per graph as the filled bins' centres and how many graphs each."""
    counts: NDArray[np.int64] = sketch.counts["graph_ratio"].numpy()
    filled = np.flatnonzero(counts)[::-1]
    return {
        "ratio": sketch.layout.ratio.centres[filled].tolist(),
        "graphs": counts[filled].tolist(),
    }


def _heat_maps(scan: ScanTables, site: str, axis: str) -> dict[str, Any]:
    sketch, types = scan[site], []
    counted = sketch.counted_edges(axis)
    limit = threshold = getattr(scan.info.criterion.bounds(site), axis)
    for position, name in enumerate(scan.info.edge_type_names):
        if counted[position] and math.isfinite(limit):
            lowest = max(limit, sketch.layout.lowest_joint(axis))
            share, threshold = sketch.heat_map(lowest, position, axis)
            edges = int(counted[position])
            types.append({"edge_type": name, "edges": edges, "share": share.tolist()})
    largest = max((np.max(entry["share"]) for entry in types), default=0.0)
    return {"threshold": threshold, "largest": float(largest), "types": types}


def densities_of(
    counted: Mapping[str, Any],
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return the edges of bars in ``y = -log10(ratio)``, rising, and the density of every state.

    Args:
        counted: what :func:`histogram` returned.

    Returns:
        Edges ``[n + 1]``, and densities per decade ``[n]`` of the states that have any ratio.
    """
    edges = np.asarray(counted["edges"])[::-1]
    # Ratios below EPSILON have all but the same y: they are in one bar.
    starts = np.flatnonzero((edges[:-1] >= EPSILON) | (edges[:-1] == edges[:1]))
    y = -np.log10(np.append(edges[starts], edges[-1:]) + EPSILON)
    densities = {}
    for state in ("untrained", "trained"):
        if state in counted and counted[state]["total"]:
            counts = np.asarray(counted[state]["counts"], dtype=float)[::-1]
            counts = np.add.reduceat(counts, starts)
            densities[state] = counts / counted[state]["total"] / np.diff(y)
    return y, densities
