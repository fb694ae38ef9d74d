"""What may change places with what when massive edges are permuted.

Edges of a graph depend on each other, and the two directions of a bond most of all. So it is whole
pairs of nodes that change places, each with the pattern of what is massive on its edges, and only
within their graph: however massive edges cluster in some graphs, the permuted ones do as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import batched_edges, edge_graphs, reverse_edges
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.kinds import Null
from edgescope.interpret.topology import Ints, SimpleGraphs

EXACT_DEGREE = 8
"""Larger degrees are held fixed up to a factor of two only."""


@dataclass(frozen=True)
class Pairs:
    """The edges of a data set by the pair of nodes that they join, whichever way.

    Edges of a pair run forward, from the end with the lower degree to the other (from the node
    with the smaller number if degrees are equal), or back.

    Attributes:
        pair: pair of every edge ``[E]``.
        slot: place of every edge in its pair ``[E]``: those that run forward come first.
        graph: graph of every pair ``[P]``.
        degrees: lower and higher degree of the ends of every pair ``[2, P]``, in bins; or of what
            stands for degrees.
        forward: number of edges that run forward of every pair ``[P]``.
        edges: number of edges of every pair ``[P]``.
        reverse: the edge that runs the other way ``[E]``; an edge without one is its own.
        edge_type: type of every edge ``[E]``.
    """

    pair: Ints
    slot: Ints
    graph: Ints
    degrees: Ints
    forward: Ints
    edges: Ints
    reverse: Ints
    edge_type: Ints

    @classmethod
    def of(cls, dataset: GraphDataset, held: Ints | None = None) -> "Pairs":
        """Find the pairs of a data set.

        Args:
            dataset: whose edges they are.
            held: a number of every node ``[V]`` that stands for its degree, such as its element.
        """
        whole = batched_edges(dataset)
        ends, reverse = whole.numpy(), reverse_edges(whole).numpy()
        nodes = max(len(dataset.x), 1)
        degree = SimpleGraphs.of(dataset).degree if held is None else held
        key, pair = np.unique(ends.min(axis=0) * nodes + ends.max(axis=0), return_inverse=True)
        low, high = key // nodes, key % nodes
        swap = degree[low] > degree[high]
        first = np.where(swap, high, low)
        back = ends[0] != first[pair]
        edges = np.bincount(pair, minlength=len(key))
        forward = np.bincount(pair[~back], minlength=len(key))
        order = np.lexsort((back, pair))
        start = np.concatenate([[0], edges.cumsum()])[:-1]
        slot = np.empty_like(pair)
        slot[order] = np.arange(len(pair)) - start[pair[order]]
        degrees = np.sort(np.stack([degree[low], degree[high]]), axis=0)
        graph = np.empty(len(key), dtype=np.int64)
        graph[pair] = edge_graphs(dataset).numpy()
        return cls(
            pair,
            slot,
            graph,
            _degree_bins(degrees) if held is None else degrees,
            forward,
            edges,
            np.where(reverse < 0, np.arange(len(pair)), reverse),
            dataset.edge_types.numpy(),
        )

    def strata(self, null: Null, applicable: Tensor) -> Ints:
        """Return the stratum of every pair ``[P]``: pairs of one may change places.

        Pairs of a stratum belong to one graph, have as many edges either way, and are alike in
        what ``null`` leaves as it is and in which of their edges are ``applicable`` ``[E]``.
        """
        columns = [self.graph, self.forward, self.edges]
        if "degree" in null:
            columns += [*self.degrees]
        if "type" in null:
            columns += [*self._by_slot(self.edge_type)]
        columns += [*self._by_slot(applicable.numpy().astype(np.int64))]
        stratum: Ints = np.unique(np.stack(columns), axis=1, return_inverse=True)[1].reshape(-1)
        return stratum

    def _by_slot(self, values: Ints) -> Ints:
        """Return the values of the edges of every pair ``[slots, P]``; -1 where there is none."""
        table = np.full((int(self.edges.max(initial=0)), len(self.edges)), -1)
        table[self.slot, self.pair] = values
        return table


def _degree_bins(degrees: NDArray[np.int64]) -> Ints:
    large = np.floor(np.log2(np.maximum(degrees, 1) / EXACT_DEGREE)).astype(np.int64)
    return np.where(degrees <= EXACT_DEGREE, degrees, EXACT_DEGREE + 1 + large)
