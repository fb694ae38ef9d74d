"""The edges into a node, found without looking through all edges."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Incoming:
    """The edges of a graph by their target; sorted when first asked for.

    Args:
        edge_index: source and target of every edge ``[2, E]``.
        num_nodes: number of nodes ``V``.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        self.edge_index = edge_index
        self.num_nodes = num_nodes

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Positions of the edges, those into node 0 first ``[E]``."""
        return torch.sort(self.edge_index[1].int(), stable=True).indices.numpy()

    @cached_property
    def ptr(self) -> NDArray[np.int64]:
        """The edges into node ``v`` are ``order[ptr[v]:ptr[v + 1]]``; ``[V + 1]``."""
        degree = torch.bincount(self.edge_index[1], minlength=self.num_nodes)
        return np.concatenate([[0], degree.cumsum(0).numpy()])

    def sample(
        self, nodes: NDArray[np.int64], most: int, random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw edges into nodes, each edge at most once and every choice as likely.

        Args:
            nodes: the targets, each once.
            most: how many edges per node; -1 takes all.
            random: where chance comes from.

        Returns:
            Positions of the edges drawn.
        """
        first, degree = self.ptr[nodes], np.diff(self.ptr)[nodes]
        few = degree <= most if most >= 0 else np.ones(len(nodes), dtype=bool)
        sizes = degree[few]
        shift = np.repeat(first[few] - np.concatenate([[0], sizes.cumsum()[:-1]]), sizes)
        whole = np.arange(len(shift)) + shift
        drawn = _floyd(degree[~few], most, random) + first[~few, None]
        found: NDArray[np.int64] = self.order[np.concatenate([whole, drawn.ravel()])]
        return found


def _floyd(limits: NDArray[np.int64], size: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``size`` different numbers below each limit ``[N, size]``; limits are larger.

    Floyd's algorithm (Bentley and Floyd, Communications of the ACM 30, 1987, 754), for all limits
    at once: the number of steps is ``size``, whatever the limits.
    """
    chosen = np.empty((len(limits), max(size, 0)), dtype=np.int64)
    for step in range(chosen.shape[1]):
        last = limits - size + step
        number = random.integers(0, last + 1)
        taken = (chosen[:, :step] == number[:, None]).any(axis=1)
        chosen[:, step] = np.where(taken, last, number)
    return chosen
