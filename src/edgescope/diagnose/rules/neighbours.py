"""The different neighbours of every node, however many edges lead to each of them.

Two nodes may be joined by several edges. A head cannot choose between such edges by the states of
nodes, so rules that ask how attention is shared among neighbours count a neighbour once, with all
that it gets. Giving every edge of a graph twice then changes nothing that they say.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.diagnose.rules.counting import sum_by


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
