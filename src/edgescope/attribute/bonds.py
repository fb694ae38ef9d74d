"""Undirected edges of a data set, each a bond, and their places within their graph."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import batched_edges, edge_graphs, undirected_edges
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Bonds:
    """The ``B`` bonds of the graphs of a data set, graph by graph.

    Two directed edges between the same nodes in opposite directions are one bond; of duplicates
    the k-th one way and the k-th the other way. An edge without a reverse and a self-loop are
    bonds of their own.

    Attributes:
        edge: bond of every directed edge ``[E]``.
        graph: graph of every bond ``[B]``, ascending.
        graphs: number of graphs.
    """

    edge: Ints
    graph: Ints
    graphs: int

    @property
    def count(self) -> Ints:
        """Number of bonds of every graph ``[G]``."""
        return np.bincount(self.graph, minlength=self.graphs)

    def merged(self, importance: Tensor) -> Floats:
        """Return the mean importance of the directions of every bond ``[B]``.

        Args:
            importance: of every directed edge ``[E]``.

        Raises:
            InputError: if there is not one number per edge, or one of them is NaN; the message
                names the edge.
        """
        if importance.shape != self.edge.shape:
            raise InputError(
                f"received importances of shape {list(importance.shape)}, expected one for each "
                f"of {len(self.edge)} directed edges of the data set"
            )
        values = importance.detach().cpu().numpy().astype(np.float64)
        with np.errstate(invalid="ignore"):  # an infinity either way is NaN, which is refused
            sums = np.bincount(self.edge, values, len(self.graph))
        mean: Floats = sums / np.bincount(self.edge, minlength=len(self.graph))
        if np.isnan(mean).any():
            edge = int(np.flatnonzero(np.isnan(mean)[self.edge])[0])
            graph = int(self.graph[self.edge[edge]])
            place = edge - int(np.searchsorted(self.graph[self.edge], graph))
            raise InputError(
                f"the importance of edge {place} of graph {graph} is {values[edge]:g} and gives no "
                "rank, expected numbers; set it to a number or leave the graph out"
            )
        return mean

    def any_direction(self, chosen: Tensor) -> Bools:
        """Return which bonds have a chosen direction ``[B]``, from edges ``[E]`` bool."""
        found = np.zeros(len(self.graph), dtype=bool)
        found[self.edge[chosen.cpu().numpy()]] = True
        return found


def bonds(dataset: GraphDataset, *, both_directions: bool = False) -> Bonds:
    """Find the undirected edges of a data set.

    Args:
        dataset: the graphs.
        both_directions: whether every direction is a bond of its own.
    """
    graph = edge_graphs(dataset)
    first = edge = torch.arange(len(graph))
    if not both_directions:
        first, edge = undirected_edges(batched_edges(dataset))
    return Bonds(edge.numpy(), graph[first].numpy(), len(dataset))


def without_bonds(dataset: GraphDataset, of: Bonds, removed: Bools) -> GraphDataset:
    """Return a data set without some of its bonds; all nodes stay.

    Args:
        dataset: the graphs.
        of: their bonds.
        removed: which bonds go ``[B]``.
    """
    return dataset.with_edges(torch.from_numpy(~removed[of.edge]))


def places(values: Floats, of: Bonds, seed: int) -> Ints:
    """Return the place of every bond in its graph ``[B]``, 0 for the largest value.

    Equal values are put in an order drawn at random. It depends on the seed and the bond alone,
    so equal importances have equal places whatever method they are of.
    """
    key = np.random.default_rng(seed).permutation(len(values))
    order = np.lexsort((key, -values, of.graph))
    starts = np.cumsum(of.count) - of.count
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values)) - starts[of.graph[order]]
    return place


def share_of(share: float, count: Ints) -> Ints:
    """Return how many of ``count`` bonds a share is, to the nearest; halves are rounded up."""
    # A share such as 1 - 0.95 is off by a rounding error, which must not decide about a half.
    return np.floor(np.round(share * count, 9) + 0.5).astype(np.int64)
