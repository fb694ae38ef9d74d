"""What depends on the order of values alone: ranks, their correlation, the area under a ROC curve.

All for many groups at once, such as the bonds of every graph, each among those of its own group.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Ordered(NamedTuple):
    """Values sorted by group and size."""

    order: Ints
    """Values ``[n]``, those of a group together, the smallest first."""
    start: Ints
    """Place in ``order`` of the first of the same group ``[n]``."""
    tie: Ints
    """Number of the set of equal values of the same group ``[n]``, ascending."""


def ordered(values: Array, group: Ints) -> Ordered:
    """Sort values ``[n]`` within their groups ``[n]``, and number the sets of equal ones."""
    order = np.lexsort((values, group))
    where, sorted_values = group[order], values[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = where[1:] != where[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    new[1:] |= sorted_values[1:] != sorted_values[:-1]
    return Ordered(order, start, new.cumsum() - 1)


def midranks(values: Array, group: Ints) -> Array:
    """Return the rank of every value within its group ``[n]``, from 1; equal values share one.

    Equal values have the mean of the ranks that they take up, as in ``scipy.stats.rankdata``.
    """
    order, start, tie = ordered(values, group)
    place = np.arange(len(order)) - start + 1.0
    shared = np.bincount(tie, place) / np.bincount(tie)
    ranks = np.empty(len(order))
    ranks[order] = shared[tie]
    return ranks


def spearman(first: Array, second: Array, group: Ints | None = None, groups: int = 1) -> Array:
    """Return Spearman's rank correlation of every group ``[groups]``.

    Equal values share a rank. NaN where it is undefined: for fewer than two values, where all of
    either are equal, and where a value is NaN.

    Args:
        first: values ``[n]``.
        second: values ``[n]``.
        group: group of every value ``[n]``; by default all are of one.
        groups: how many groups there are.

    Example:
        >>> import numpy as np
        >>> spearman(np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 5.0]))
        array([1.])
    """
    of = np.zeros(len(first), dtype=np.int64) if group is None else group
    middle = ((np.bincount(of, minlength=groups) + 1) / 2)[of]
    x, y = (midranks(values, of) - middle for values in (first, second))
    xy, xx, yy = (np.bincount(of, each, groups) for each in (x * y, x * x, y * y))
    lost = np.bincount(of, np.isnan(first) | np.isnan(second), groups) > 0
    with np.errstate(invalid="ignore"):  # 0 / 0 where ranks are all equal
        return np.where(lost, np.nan, xy / np.sqrt(xx * yy))


def roc_area(
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    group: Ints | None = None,
    groups: int = 1,
) -> Array:
    """Return the area under the ROC curve of every group, for several weightings of the rows.

    It is the share of pairs of a row with label 1 and a row with label 0 in which the first has
    the larger score, ties counted half (Mann and Whitney), each pair weighted by its product.

    Args:
        scores: ``[n]``, the larger the likelier the label 1.
        labels: ``[n]``, 0 or 1.
        weights: ``[R, n]``, whole numbers; by default one row of ones.
        group: group of every row ``[n]``; by default all are of one.
        groups: how many groups there are.

    Returns:
        ``[R, groups]``; NaN where only one of the labels has weight, or a score is NaN.

    Example:
        >>> import numpy as np
        >>> roc_area(np.array([0.1, 0.4, 0.8]), np.array([0, 1, 1]))
        array([[1.]])
    """
    weights = np.ones((1, len(scores))) if weights is None else weights
    area = np.full((len(weights), groups), np.nan)
    if not len(scores):
        return area
    of = np.zeros(len(scores), dtype=np.int64) if group is None else group
    order, _, tie = ordered(scores, of)
    ties = np.flatnonzero(np.diff(tie, prepend=-1))
    ones, zeros = (
        np.add.reduceat(weights[:, order] * which[order], ties, axis=1)
        for which in (labels, 1 - labels)
    )
    of_tie = of[order[ties]]
    first = np.flatnonzero(np.diff(of_tie, prepend=-1))  # of every group with rows
    before = zeros.cumsum(1) - zeros
    before -= np.repeat(before[:, first], np.diff(first, append=len(ties)), axis=1)
    right, one, zero = (
        np.add.reduceat(each, first, axis=1) for each in (ones * (before + zeros / 2), ones, zeros)
    )
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is but one label
        area[:, of_tie[first]] = right / (one * zero)
    area[:, of[np.isnan(scores)]] = np.nan
    return area
