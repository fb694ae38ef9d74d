"""Statistics that are functions of a histogram, for many histograms at once.

Counts have shape ``[R, B]``: one row for each resample, one column for each bin. They need not be
whole numbers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgescope.statistics.bins import LogBins

Array = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative slack with which a share of the counts is compared, against rounding of ``q * N``."""


class Cells(NamedTuple):
    """Bins of a histogram, of which the empty ones may be left out."""

    lower: Array
    """Lower edge of every bin ``[B]``; a value equal to it lies in the bin below."""
    upper: Array
    """Upper edge of every bin ``[B]``."""
    centre: Array
    """A value that stands for every bin ``[B]``: the geometric mean of its edges."""


def cells(bins: LogBins, chosen: NDArray[np.int64]) -> Cells:
    """Return the bins with the numbers ``chosen``."""
    return Cells(bins.edges[chosen], bins.edges[chosen + 1], bins.centres[chosen])


def parents(fine: LogBins, coarse: LogBins) -> NDArray[np.int64]:
    """Return the coarse bin that holds each fine bin ``[B]``; both have the same anchor."""
    # The lowest bins hold zero only: both their edges are 0.
    return np.maximum(np.searchsorted(coarse.edges, fine.edges[1:], side="left") - 1, 0)


def ecdf_difference(first: Array, second: Array) -> Array:
    """Return the difference of two distribution functions at the bins' upper edges ``[R, B]``.

    NaN where one of the histograms is empty.
    """
    with np.errstate(invalid="ignore"):
        share_first = first / first.sum(-1, keepdims=True)
        share_second = second / second.sum(-1, keepdims=True)
    difference: Array = (share_first - share_second).cumsum(-1)
    return difference


def quantile(counts: Array, bins: Cells, q: float) -> Array:
    """Return the ``q``-quantile of each histogram ``[R]``: the lowest value with ``F(x) >= q``.

    It lies in the bin that holds the exact one, placed as if the bin's values were even on a
    logarithmic scale; NaN if the histogram is empty.
    """
    total = counts.sum(-1)
    running = counts.cumsum(-1)
    wanted = q * total * (1 - _ROUNDING)
    place = (running >= wanted[:, None]).argmax(-1)
    inside = np.take_along_axis(counts, place[:, None], -1)[:, 0]
    before = np.take_along_axis(running, place[:, None], -1)[:, 0] - inside
    with np.errstate(all="ignore"):  # the outermost bins reach to 0 and infinity
        share = ((wanted - before) / inside).clip(0, 1)
        value = bins.lower[place] * (bins.upper[place] / bins.lower[place]) ** share
    value = np.where(np.isfinite(value) & (bins.lower[place] > 0), value, bins.centre[place])
    return np.where(total > 0, value, np.nan)


def bin_of_quantile(counts: Array, q: float) -> int:
    """Return the column of one histogram ``[B]`` that holds its ``q``-quantile."""
    return int((counts.cumsum() >= q * counts.sum() * (1 - _ROUNDING)).argmax())


def share_over(counts: Array, column: int) -> Array:
    """Return the share of each histogram above the upper edge of a bin ``[R]``; NaN if empty."""
    with np.errstate(invalid="ignore"):
        share: Array = counts[:, column + 1 :].sum(-1) / counts.sum(-1)
    return share


def tail_index(counts: Array, bins: Cells, column: int) -> Array:
    r"""Return Hill's estimate of the tail index above the upper edge of a bin ``[R]``.

    With :math:`u` that edge and :math:`k` values above it,

    .. math:: \hat\alpha = k \Big/ \sum_{i=1}^{k} \log \frac{x_{(i)}}{u},

    (Hill, Ann. Statist. 3, 1975) with the centre of its bin for every value: at most 0.4 % of a
    value off, so that the estimate is off by at most :math:`0.004\,\hat\alpha` of itself. NaN if
    nothing is above the edge, or if the edge is 0.
    """
    above = counts[:, column + 1 :]
    if not bins.upper[column]:
        return np.full(len(counts), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        index: Array = above.sum(-1) / (
            above @ np.log(bins.centre[column + 1 :] / bins.upper[column])
        )
    return index
