"""Sums that rules share: over batches, over the neighbours of a node."""

import torch
from torch import Tensor


class Sums:
    """Named sums in float64 on the CPU, that grow batch by batch."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add ``values``, whose shape is the same each time."""
        values = values.detach().to("cpu", torch.float64)
        self._sums[name] = self._sums[name] + values if name in self._sums else values

    def keep(self, name: str, value: Tensor) -> None:
        """Note a value that is the same each time."""
        self._sums[name] = value

    def __getitem__(self, name: str) -> Tensor:
        """Return a sum."""
        return self._sums[name]

    def __contains__(self, name: object) -> bool:
        """Say whether anything was added under a name."""
        return name in self._sums


def sum_by(values: Tensor, group: Tensor, size: int) -> Tensor:
    """Return the sums of the rows ``[E, ...]`` of each group ``[size, ...]``."""
    return values.new_zeros(size, *values.shape[1:]).index_add_(0, group, values)


def largest_by(values: Tensor, group: Tensor, size: int) -> Tensor:
    """Return the largest of the rows ``[E, H]`` of each group ``[size, H]``; -inf without rows."""
    index = group.unsqueeze(1).expand_as(values)
    start = values.new_full((size, values.size(1)), -torch.inf)
    return start.scatter_reduce_(0, index, values, "amax")


def all_finite(values: Tensor) -> bool:
    """Return whether no number is NaN or infinite; true if there is none."""
    if not values.numel() or not values.is_floating_point():
        return True
    low, high = values.detach().aminmax()  # a NaN anywhere is both
    return bool(low.isfinite() & high.isfinite())


def largest_magnitude(values: Tensor) -> float:
    """Return the largest magnitude, 0 without numbers."""
    if not values.numel():
        return 0.0
    low, high = values.detach().aminmax()
    return max(abs(float(low)), abs(float(high)))


def scaled(values: Tensor, by: float | None = None) -> Tensor:
    """Return values in float64 over a magnitude, by default the largest of them; zeros stay.

    Sums of squares and of products can then neither overflow nor vanish, whatever the values are.
    """
    largest = largest_magnitude(values) if by is None else by
    return values.detach().double() / (largest or 1.0)
