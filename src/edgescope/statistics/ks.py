"""The Kolmogorov-Smirnov distance between the ratios of a site and a law, from the histogram."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.sketch import SiteSketch

Array = NDArray[np.float64]

_BLOCK = 16
"""Knots between those at which the law is computed in any case."""


def distance_to_law(sketch: SiteSketch, law: Callable[[Array], Array]) -> float:
    """Return the largest difference between the shares of ratios above a value.

    It is taken at the edges of the bins, and on either side of the ratio 1: that is the ratio of
    the median of every edge, 1 of ``F`` values, and by far the largest step. The rest of its
    bin is taken as even on a logarithmic scale.

    The law is computed at every 16th edge first, and then only where the distance could be larger
    than the largest found: both shares fall as the ratio grows, so between two edges they cannot
    differ by more than the larger of one at the first and the smaller of the other at the second.

    Args:
        sketch: what was counted at the site; at least one ratio.
        law: gives the share above each of some rising ratios ``[n]``.
    """
    ratio, above = _knots(sketch)
    chosen = np.unique(np.append(np.arange(0, len(ratio), _BLOCK), len(ratio) - 1))
    expected = law(ratio[chosen])
    largest = float(np.abs(above[chosen] - expected).max())
    limit = np.maximum(above[chosen[:-1]] - expected[1:], expected[:-1] - above[chosen[1:]])
    open_blocks = np.flatnonzero(limit > largest)
    if len(open_blocks):
        within = np.concatenate([np.arange(chosen[b] + 1, chosen[b + 1]) for b in open_blocks])
        largest = max(largest, float(np.abs(above[within] - law(ratio[within])).max(initial=0)))
    return largest


def _knots(sketch: SiteSketch) -> tuple[Array, Array]:
    """Return rising ratios ``[n]`` and the share of the ratios above each."""
    counts = sketch.counts["ratio"].numpy()
    is_filled = counts > 0
    is_end = np.zeros(len(counts) + 1, dtype=np.bool_)
    is_end[:-1] = is_filled
    is_end[1:] |= is_filled
    ends = np.flatnonzero(is_end)
    first = ends[0]  # nothing lies below it
    below = np.concatenate([[0], counts[first : ends[-1]].cumsum()])[ends - first]
    total = below[-1]
    above = (total - below) / total
    ratio = sketch.layout.ratio.edges[ends]
    one = int(np.searchsorted(ratio, 1.0))  # the edge at or above 1
    in_bin = counts[ends[one] - 1] if 0 < one < len(ends) else 0
    if not in_bin:
        return ratio, above
    medians = min(int(sketch.defined_edges().sum()), in_bin) / total
    rest = in_bin / total - medians
    low, high = ratio[one - 1], ratio[one]
    over = above[one] + rest * np.log(high) / np.log(high / low)
    return np.insert(ratio, one, [1.0, 1.0]), np.insert(above, one, [over + medians, over])
