"""What an explanation is made of: directed edges, links, or nodes."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from edgescope.attribute.bonds import Bonds, Bools, Floats, Ints, bonds
from edgescope.data.edges.directions import batched_edges
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError, did_you_mean

Level = Literal["edge", "link", "node"]
"""A directed edge; both directions of it, with the mean of their importances; or a node, with the
mean of those of all edges that begin or end there."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """The ``N`` nodes of a data set that have an edge; the others have no importance.

    Attributes:
        edges: the directed edges.
        ends: among these nodes, source and target of every edge ``[2, E]``.
        number: which nodes of the data set they are ``[N]``.
        graph: graph of every one ``[N]``, ascending.
        graphs: number of graphs.
    """

    edges: Bonds
    ends: Ints
    number: Ints
    graph: Ints
    graphs: int

    @property
    def count(self) -> Ints:
        """Number of these nodes in every graph ``[G]``."""
        return np.bincount(self.graph, minlength=self.graphs)

    def merged(self, importance: Tensor) -> Floats:
        """Return the mean importance of the edges of every node ``[N]``.

        Raises:
            InputError: as :meth:`~edgescope.attribute.bonds.Bonds.merged`.
        """
        values = self.edges.merged(importance)
        sums = sum(np.bincount(end, values, len(self.graph)) for end in self.ends)
        mean: Floats = sums / np.bincount(self.ends.ravel(), minlength=len(self.graph))
        return mean

    def any_direction(self, chosen: Tensor) -> Bools:
        """Return which nodes are the end of a chosen edge ``[N]``, from edges ``[E]`` bool."""
        found = np.zeros(len(self.graph), dtype=bool)
        found[self.ends[:, chosen.cpu().numpy()]] = True
        return found


def units(dataset: GraphDataset, level: Level) -> Bonds | Nodes:
    """Return what explanations of a level are made of.

    Raises:
        InputError: if there is no such level.
    """
    if level not in get_args(Level):
        hint = did_you_mean(level, get_args(Level), f"expected {', '.join(get_args(Level))}")
        raise InputError(f"unknown level {level!r}, {hint}")
    if level == "node":
        return _nodes(dataset)
    return bonds(dataset, both_directions=level == "edge")


def _nodes(dataset: GraphDataset) -> Nodes:
    edges = bonds(dataset, both_directions=True)
    number, ends = np.unique(batched_edges(dataset).numpy(), return_inverse=True)
    ends = ends.reshape(2, -1)
    graph = np.zeros(len(number), dtype=np.int64)
    graph[ends] = edges.graph
    return Nodes(edges, ends, number, graph, len(dataset))


def node_importance(importance: Tensor, dataset: GraphDataset) -> Tensor:
    """Return the importance of every node ``[V]``: the mean of that of its edges.

    Args:
        importance: of every directed edge ``[E]``, aligned with ``dataset``.
        dataset: the graphs.

    Returns:
        float64; NaN for a node without an edge.

    Raises:
        InputError: if there is not one number per edge, or one of them is NaN.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> found = es.attribute.node_importance(graphs.edge_truth[:, 0], graphs)
        >>> found.shape == graphs.x.shape
        True
    """
    of = _nodes(dataset)
    found = torch.full((len(dataset.x),), torch.nan, dtype=torch.float64)
    found[torch.from_numpy(of.number)] = torch.from_numpy(of.merged(importance))
    return found
