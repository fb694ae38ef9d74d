"""The counts of a scan's sites by bin, small enough to stand in a page."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgescope.scanning.tables import ScanTables
from edgescope.statistics.bins import LogBins
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import AXES, JOINT_FLOOR

Runs = list[Any]


def runs(counts: NDArray[np.int64]) -> Runs:
    """Write counts as the number of the first filled bin and what follows from there.

    Returns:
        The first filled bin, then the counts to the last filled bin, with ``-n`` in the place of
        ``n`` zeros; an empty list if no bin is filled.

    Example:
        >>> import numpy as np
        >>> runs(np.array([0, 0, 3, 0, 0, 0, 1, 2, 0]))
        [2, 3, -3, 1, 2]
    """
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    written: Runs = [int(filled[0])]
    for gap, count in zip(np.diff(filled, prepend=filled[0] - 1), counts[filled], strict=True):
        if gap > 1:
            written.append(1 - int(gap))
        written.append(int(count))
    return written


def bin_rules(sketch: SiteSketch) -> dict[str, dict[str, tuple[int, int, int, int]]]:
    """Return the rules of a site's bins, per axis of every edge and of the heat maps."""
    layout = sketch.layout
    return {
        axis: {"edge": _rule(getattr(layout, axis)), "map": _rule(getattr(layout, f"joint_{axis}"))}
        for axis in AXES
    }


def _rule(bins: LogBins) -> tuple[int, int, int, int]:
    return bins.rule


def state_counts(of: ScanTables, site: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return how the largest ratios and magnitudes of a site's edges and graphs are distributed.

    Args:
        of: the scan, or its baseline.
        site: name of the site.
        names: the edge types, in the order of the page.

    Returns:
        Per axis ``edges``, how many of every type enter, ``types``, their counts by bin, and
        ``graphs``, those of the graphs' maxima; and ``seen``, the edges of every type. None stands
        for a type that the scan does not know.
    """
    sketch, known = of[site], of.info.edge_type_names
    place = [known.index(name) if name in known else None for name in names]

    def picked(values: list[Any]) -> list[Any]:
        return [None if at is None else values[at] for at in place]

    found: dict[str, Any] = {"seen": picked(sketch.counts["edges"].tolist())}
    for axis in AXES:
        found[axis] = {
            "edges": picked(sketch.counted_edges(axis).tolist()),
            "types": picked([runs(row) for row in sketch.counts[f"edge_{axis}"].numpy()]),
            "graphs": runs(sketch.counts[f"graph_{axis}"].numpy()),
        }
    return found


def map_counts(sketch: SiteSketch) -> dict[str, list[list[Runs]]]:
    """Return how ratios and magnitudes are distributed, per axis, edge type and channel.

    Ratios are those from :data:`~edgescope.statistics.sketch_layout.JOINT_FLOOR` on.
    """
    found = {}
    for axis in AXES:
        bins: LogBins = getattr(sketch.layout, f"joint_{axis}")
        counts = sketch.counts[f"joint_{axis}"].numpy()
        first = bins.edge_near(JOINT_FLOOR)[0] if axis == "ratio" else 0
        kept = np.where(np.arange(bins.size) >= first, counts, 0)
        found[axis] = [[runs(cell) for cell in own] for own in kept]
    return found
