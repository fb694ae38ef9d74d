"""Ranks of bonds among the bonds of their own graph, for all graphs at once."""

from typing import NamedTuple

import numpy as np

from edgescope.attribute.bonds import Bonds, Floats, Ints


class Ordered(NamedTuple):
    """Bonds sorted by graph and value."""

    order: Ints
    """Bonds ``[B]``, those of a graph together, the smallest value first."""
    start: Ints
    """Place in ``order`` of the first bond of the same graph ``[B]``."""
    tie: Ints
    """Number of the group of equal values of the same graph ``[B]``, ascending."""


def ordered(values: Floats, graph: Ints) -> Ordered:
    """Sort values ``[B]`` within their graphs ``[B]``, and number the groups of equal ones."""
    order = np.lexsort((values, graph))
    where, sorted_values = graph[order], values[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = where[1:] != where[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    new[1:] |= sorted_values[1:] != sorted_values[:-1]
    return Ordered(order, start, new.cumsum() - 1)


def midranks(values: Floats, graph: Ints) -> Floats:
    """Return the rank of every value within its graph ``[B]``, from 1; equal values share one.

    Equal values have the mean of the ranks that they take up, as in ``scipy.stats.rankdata``.
    """
    order, start, tie = ordered(values, graph)
    place = np.arange(len(order)) - start + 1.0
    shared = np.bincount(tie, place) / np.bincount(tie)
    ranks = np.empty(len(order))
    ranks[order] = shared[tie]
    return ranks


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
