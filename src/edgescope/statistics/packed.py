"""Counters that are kept for later: only the cells that are not zero."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.statistics.sketch import SiteSketch


class _Cells(NamedTuple):
    """The cells of a counter that are not zero."""

    place: Tensor
    """Where they are in the flattened counter ``[n]``."""
    value: Tensor
    """What they hold ``[n]``."""
    shape: torch.Size
    """Shape of the counter."""


class PackedCounts(Mapping[str, Tensor]):
    """The counters of a sketch, made whole one at a time, whenever one is asked for.

    A site's counters take about 12 MB for 64 channels and 4 edge types, nearly all of it zeros;
    a model of ten layers and an ensemble of ten would hold 1.2 GB of them.

    Args:
        counts: the counters, of any shape.
    """

    def __init__(self, counts: Mapping[str, Tensor]) -> None:
        self._cells: dict[str, _Cells] = {}
        for name, counter in counts.items():
            flat = counter.flatten()
            place = flat.nonzero().squeeze(1)
            self._cells[name] = _Cells(place, flat[place], counter.shape)

    def __getitem__(self, name: str) -> Tensor:
        """Return a counter as it was, int64; a new tensor every time."""
        place, value, shape = self._cells[name]
        whole = torch.zeros(shape, dtype=value.dtype)
        whole.view(-1)[place] = value
        return whole

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the counters."""
        return iter(self._cells)

    def __len__(self) -> int:
        """Return how many counters there are."""
        return len(self._cells)


def packed(sketch: SiteSketch) -> SiteSketch:
    """Return the same sketch with its counters packed."""
    return SiteSketch(sketch.layout, PackedCounts(sketch.counts), sketch.maxima)
