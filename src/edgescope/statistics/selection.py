"""Networks of comparators that select the lower median of a fixed number of values.

A network compares the same pairs of places whatever the values are, so it runs on many edges at
once: the comparison of two places is one instruction for the 16 edges of a vector register.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=32)
def median_network(size: int) -> NDArray[np.int64]:
    """Return the comparators that put the lower median of ``size`` values in its place.

    The network is Batcher's merge exchange (Knuth, The Art of Computer Programming 3, section
    5.2.2, algorithm M), which sorts any number of values, without the comparators that the
    median does not depend on. It grows as ``size * log(size) ** 2``: 445 comparators for 64
    values, 8189 for 512.

    Args:
        size: number of values, at least 1.

    Returns:
        Pairs of places ``[n, 2]``, int64: the smaller value goes to the first. The median is then
        at place ``(size - 1) // 2``.
    """
    needed = {(size - 1) // 2}
    kept = []
    for pair in reversed(_merge_exchange(size)):
        if needed & set(pair):
            needed |= set(pair)
            kept.append(pair)
    return np.array(kept[::-1], dtype=np.int64).reshape(-1, 2)


def _merge_exchange(size: int) -> list[tuple[int, int]]:
    """Return the comparators of algorithm M, with the names of variables that it has in Knuth."""
    pairs = []
    p = top = 1 << max((size - 1).bit_length() - 1, 0)
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(size - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return pairs
