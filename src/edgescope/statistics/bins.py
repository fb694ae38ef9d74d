"""Logarithmic bins whose numbers are a shift of the float's bit pattern.

The bit pattern of a positive IEEE float grows with its value, and dropping its low bits groups
values into bins of nearly equal relative width: 2^k equal steps per octave when k bits of the
fraction are kept. Bins are laid out from an anchor, so that counts above the anchor, and above
its multiples by powers of two, are exact for a strict "greater than".
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number

FRACTION_BITS = 23
COARSEST_BITS = -7
"""Below this a bin would span all finite floats."""
LARGEST = 0x7F7FFFFF
"""Bit pattern of the largest finite float32."""


@dataclass(frozen=True)
class LogBins:
    """Bins over the non-negative finite float32 numbers.

    Bin ``k`` holds the values in ``(edges[k], edges[k + 1]]``; bin 0 also holds zero.

    Attributes:
        anchor: a value that is a bin edge, such as the threshold that is asked for most.
        bits: how many bits of the fraction are kept. With 7, a bin is between 1/256 and 1/128
            (0.78 %) of its value wide; with 0 it is an octave, and every bit less doubles the
            number of octaves per bin.

    Example:
        >>> from edgescope.statistics import LogBins
        >>> bins = LogBins(anchor=1000.0)
        >>> 1000.0 in bins.edges
        True
    """

    anchor: float
    bits: int = 7

    def __post_init__(self) -> None:
        """Refuse what would not be bins."""
        if not (self.anchor > 0 and np.isfinite(self.anchor)):
            raise ValueError(f"anchor must be positive and finite, received {self.anchor}")
        if not COARSEST_BITS <= self.bits <= FRACTION_BITS:
            raise ValueError(
                f"bits must be from {COARSEST_BITS} to {FRACTION_BITS}, received {self.bits}"
            )

    @property
    def shift(self) -> int:
        """Number of low bits that a bin ignores."""
        return FRACTION_BITS - self.bits

    @cached_property
    def _anchor_pattern(self) -> int:
        return int(np.float32(self.anchor).view(np.int32))

    @cached_property
    def _lowest(self) -> int:
        """Number, counted from the anchor, of the bin that holds zero."""
        return (-self._anchor_pattern - 1) >> self.shift

    @cached_property
    def size(self) -> int:
        """How many bins there are."""
        return ((LARGEST - self._anchor_pattern - 1) >> self.shift) - self._lowest + 1

    def index(self, values: Tensor) -> Tensor:
        """Return the bin of each value, as int32 of the same shape.

        Args:
            values: non-negative finite float32, contiguous; any shape.
        """
        pattern = values.view(torch.int32) - (self._anchor_pattern + 1)
        return pattern.bitwise_right_shift_(self.shift).sub_(self._lowest)

    @property
    def rule(self) -> tuple[int, int, int, int]:
        """What :meth:`index` computes with, for loops that do it themselves.

        Returns:
            ``(first, shift, lowest, size)``: the bin of a bit pattern ``p`` is
            ``((p - first) >> shift) - lowest``.
        """
        return self._anchor_pattern + 1, self.shift, self._lowest, self.size

    @property
    def edges(self) -> NDArray[np.float64]:
        """The bin edges ``[size + 1]``, from 0 to infinity; read-only."""
        return _edges(self)

    @property
    def centres(self) -> NDArray[np.float64]:
        """A value that stands for each bin ``[size]``: the geometric mean of its edges; read-only.

        Bin 0 is represented by 0, the last bin by its lower edge.
        """
        return _centres(self)

    def edge_near(self, threshold: float) -> tuple[int, float]:
        """Return the number and the value of the bin edge closest to ``threshold``.

        Raises:
            InputError: if the threshold is no number, or not positive and finite.
        """
        check_number(threshold, "threshold")
        if not (threshold > 0 and np.isfinite(threshold)):
            raise InputError(
                f"received the threshold {threshold}, expected a positive and finite number"
            )
        pattern = int(np.float32(threshold).view(np.int32)) - self._anchor_pattern
        number = ((pattern + (1 << (self.shift - 1))) >> self.shift) - self._lowest
        number = min(max(number, 1), self.size - 1)
        return number, float(self.edges[number])


# Every site has bins of its own, which are equal to those of the others.
@lru_cache(maxsize=32)
def _edges(bins: LogBins) -> NDArray[np.float64]:
    first, shift, lowest, size = bins.rule
    patterns = first - 1 + ((np.arange(size + 1, dtype=np.int64) + lowest) << shift)
    edges: NDArray[np.float64] = (
        np.clip(patterns, 0, LARGEST).astype(np.int32).view(np.float32).astype(np.float64)
    )
    edges[0], edges[-1] = 0.0, np.inf
    edges.flags.writeable = False
    return edges


@lru_cache(maxsize=32)
def _centres(bins: LogBins) -> NDArray[np.float64]:
    edges = bins.edges
    centres: NDArray[np.float64] = np.sqrt(edges[:-1] * edges[1:])
    centres[0], centres[-1] = 0.0, edges[-2]
    centres.flags.writeable = False
    return centres


def finest_bits(cells: int, budget: int) -> int:
    """Return how many fraction bits fit when every bin is kept for each of ``cells`` cells.

    Args:
        cells: number of histograms kept side by side, such as edge types x channels.
        budget: bytes that they may take together, at 8 bytes a count.

    Raises:
        ValueError: if not even the coarsest bins fit.
    """
    for bits in range(7, COARSEST_BITS - 1, -1):
        if cells * LogBins(1.0, bits).size * 8 <= budget:
            return bits
    raise ValueError(
        f"{cells} histograms do not fit into {budget} bytes; allow at least "
        f"{cells * LogBins(1.0, COARSEST_BITS).size * 8} bytes"
    )
