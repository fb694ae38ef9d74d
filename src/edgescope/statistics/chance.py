r"""How often a within-edge ratio is large by arithmetic alone.

The ratio divides the largest of the ``F`` magnitudes of an edge by their lower median. With two
values the lower median is the smaller of the two, with three it is the middle one: such a median is
close to zero often, and then the ratio is large though nothing is.

How often follows from the law of the magnitudes alone. Here they are independent products of three
standard normal numbers, as a score ``query * key * edge`` of an untrained layer is
(arXiv 2409.03463, section 2), which has more mass near zero than a product of two or one. With
:math:`G` their distribution function, the lower median is the ``k``-th smallest,
:math:`k = \lfloor (F - 1) / 2 \rfloor + 1`. Given that it is :math:`m`, the ``F - k`` larger ones
are independent draws above it (order statistics, David and Nagaraja 2003, section 2.5), so

.. math::

    P(\text{ratio} > R) = 1 - E\left[\left(\frac{G(R m) - G(m)}{1 - G(m)}\right)^{F - k}\right].
"""

from functools import lru_cache
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

STEP = 0.01
"""Width of the cells, in natural logarithms of magnitudes, over which laws are added up."""

LOWEST, HIGHEST = -32.0, 3.0
"""Logarithms of the magnitudes of a normal number that are kept: beyond lie 1e-14 of them."""

FACTORS = 3
"""Independent normal numbers whose product is a channel of a score."""


@lru_cache(maxsize=64)
def chance_of_ratio(width: int, ratio: float) -> float:
    """Return the share of edges whose ratio exceeds ``ratio`` by arithmetic alone.

    Args:
        width: magnitudes per edge ``F``; a single one is its own median, and never exceeds it.
        ratio: the ratio, 1 or more.

    Example:
        >>> from edgescope.statistics.chance import chance_of_ratio
        >>> chance_of_ratio(2, 1000.0) > 1e-3  # more than one edge in a thousand
        True
        >>> chance_of_ratio(64, 1000.0) < 1e-9
        True
    """
    from scipy.special import betaln

    rank = (width - 1) // 2 + 1
    above = width - rank
    if not above:
        return 0.0
    cells = _law()
    below = np.cumsum(cells) - cells / 2
    later = np.interp(
        np.arange(len(cells)) + log(ratio) / STEP, np.arange(len(cells)), below, right=1.0
    )
    over = np.clip(1 - below, 1e-300, 1)
    # Of what is above the median, the share up to the ratio; written by what is beyond it.
    beyond = np.clip((1 - later) / over, 0, 1)
    with np.errstate(divide="ignore"):
        density = (rank - 1) * np.log(below) + above * np.log(over) - betaln(rank, above + 1)
        exceeds = -np.expm1(above * np.log1p(-beyond))
    return min(float(np.sum(np.exp(density) * cells * exceeds)), 1.0)


@lru_cache(maxsize=1)
def _law() -> NDArray[np.float64]:
    """Return the share of products of normal numbers in every cell of their log magnitude."""
    at = np.arange(LOWEST, HIGHEST, STEP) + STEP / 2
    one = np.exp(at - np.exp(2 * at) / 2) * 2 / sqrt(2 * pi) * STEP
    cells = one
    for _ in range(FACTORS - 1):
        cells = np.convolve(cells, one)
    law: NDArray[np.float64] = cells / cells.sum()
    return law
