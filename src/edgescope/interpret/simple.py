"""The simple graphs that topology is measured on: undirected, without self-loops or duplicates."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from edgescope.data.batching import ragged
from edgescope.data.directions import batched_edges

if TYPE_CHECKING:
    from edgescope.data.graphs import GraphDataset

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SimpleGraphs:
    """All graphs of a data set as one disconnected simple graph of ``V`` nodes and ``M`` links.

    A link is a pair of different nodes with at least one directed edge between them, either way.

    Attributes:
        node_ptr: graph ``i`` has the nodes ``node_ptr[i]:node_ptr[i + 1]``, ``[N + 1]``.
        ends: the two nodes of every link ``[2, M]``, the smaller one first, in rising order.
        link: link of every directed edge of the data set ``[E]``; -1 for a self-loop.
    """

    node_ptr: Ints
    ends: Ints
    link: Ints

    @classmethod
    def of(cls, dataset: "GraphDataset") -> "SimpleGraphs":
        """Take the simple graphs of a data set."""
        pair = batched_edges(dataset).numpy()
        nodes = len(dataset.x)
        low, high = pair.min(axis=0), pair.max(axis=0)
        loop = low == high
        keys, place = np.unique((low * nodes + high)[~loop], return_inverse=True)
        link = np.full(len(loop), -1)
        link[~loop] = place
        ends = np.stack([keys // max(nodes, 1), keys % max(nodes, 1)])
        return cls(dataset.node_ptr.numpy(), ends, link)

    @property
    def num_nodes(self) -> int:
        """Number of nodes ``V``."""
        return int(self.node_ptr[-1])

    @property
    def num_links(self) -> int:
        """Number of links ``M``."""
        return len(self.ends[0])

    @cached_property
    def degree(self) -> Ints:
        """Number of different neighbours of every node ``[V]``."""
        return np.bincount(self.ends.ravel(), minlength=self.num_nodes)

    @cached_property
    def arcs(self) -> Ints:
        """Both directions of every link ``[2, 2M]``, sorted by source and then target."""
        both = np.concatenate([self.ends, self.ends[::-1]], axis=1)
        return both[:, np.lexsort(both[::-1])]

    @cached_property
    def arc_ptr(self) -> Ints:
        """The neighbours of node ``v`` are ``arcs[1, arc_ptr[v]:arc_ptr[v + 1]]``, ``[V + 1]``."""
        return np.concatenate([[0], self.degree.cumsum()]).astype(np.int64)

    def neighbours(self, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the neighbours of every one of ``nodes``, and which of them they belong to."""
        member, ptr = ragged(torch.from_numpy(self.arc_ptr), torch.from_numpy(nodes))
        owner = np.repeat(np.arange(len(nodes)), ptr.diff().numpy())
        return self.arcs[1, member.numpy()], owner

    def linked(self, first: Ints, second: Ints) -> NDArray[np.bool_]:
        """Say for pairs of nodes whether there is a link between them."""
        keys = self.arcs[0] * self.num_nodes + self.arcs[1]
        wanted = first * self.num_nodes + second
        place = np.searchsorted(keys, wanted)
        found: NDArray[np.bool_] = np.append(keys, -1)[place] == wanted
        return found

    def on_edges(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value of every directed edge's link ``[E]``; NaN for self-loops."""
        return np.append(values, np.nan)[self.link]
