"""Ranks of bonds among the bonds of their own graph, for all graphs at once."""

import numpy as np

from edgescope.attribute.bonds import Bonds, Floats, Ints


def places(values: Floats, of: Bonds, seed: int) -> Ints:
    """Return the place of every bond in its graph ``[B]``, 0 for the largest value.

    Equal values are put in an order drawn at random. It depends on the seed and the bond alone,
    so equal importances have equal places whatever method they are of.
    """
    key = np.random.default_rng(seed).permutation(len(values))
    order = np.lexsort((key, -values, of.graph))
    starts = np.cumsum(of.count) - of.count
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values)) - starts[of.graph[order]]
    return place


def share_of(share: float, count: Ints) -> Ints:
    """Return how many of ``count`` bonds a share is, to the nearest; halves are rounded up."""
    # A share such as 1 - 0.95 is off by a rounding error, which must not decide about a half.
    return np.floor(np.round(share * count, 9) + 0.5).astype(np.int64)
