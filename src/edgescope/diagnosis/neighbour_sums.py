"""Sums over batches and neighbours that rules share, and the different neighbours of a node.

Two nodes may be joined by several edges. A head cannot choose between such edges by the states of
nodes, so rules that ask how attention is shared among neighbours count a neighbour once, with all
that it gets. Giving every edge of a graph twice then changes nothing that they say.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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


class Neighbours(NamedTuple):
    """The neighbours that every softmax is taken over, each once; ``P`` in all."""

    of_row: Tensor
    """Which of them every row leads to ``[E]``."""
    softmax: Tensor
    """The softmax that they belong to ``[P]``."""
    sender: Tensor
    """The node that they are ``[P]``."""
    rows: Tensor
    """How many rows lead to them ``[P]``."""
    number: Tensor
    """How many of them every softmax has ``[N]``."""


@dataclass(frozen=True)
class Groups:
    """How the rows of a call of a layer fall into softmaxes; layers with the same rows share it.

    Attributes:
        softmax: which softmax a row belongs to ``[E]``.
        sender: which node a row leads to, the end that is attended to ``[E]``: a number that no
            other node has, also where node types are numbered each on their own.
        parallel: whether several rows may join the same two nodes.
    """

    softmax: Tensor
    sender: Tensor
    parallel: bool = True

    @cached_property
    def degree(self) -> Tensor:
        """Number of rows of every softmax ``[N]``."""
        return self.softmax.bincount()

    @cached_property
    def neighbours(self) -> Neighbours:
        """The different neighbours of every softmax."""
        rows = len(self.softmax)
        if self.parallel and rows:
            key = self.softmax * (int(self.sender.max()) + 1) + self.sender
            pair, of_row, count = torch.unique(key, return_inverse=True, return_counts=True)
            if len(pair) < rows:
                first = torch.full_like(pair, rows).scatter_reduce_(
                    0, of_row, torch.arange(rows, device=key.device), "amin"
                )
                softmax = self.softmax[first]
                number = softmax.bincount(minlength=len(self.degree))
                return Neighbours(of_row, softmax, self.sender[first], count, number)
        every = torch.arange(rows, device=self.softmax.device)
        return Neighbours(every, self.softmax, self.sender, torch.ones_like(every), self.degree)

    def shares(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Return what every neighbour gets ``[P, H]``, and what equal weights would give ``[P]``.

        Args:
            share: weights of the rows ``[E, H]``, with a sum of 1 over each softmax.
        """
        found = self.neighbours
        equal = found.rows.to(share.dtype) / self.degree[found.softmax]
        if len(found.softmax) == len(share):
            return share, equal
        return sum_by(share, found.of_row, len(found.softmax)), equal
