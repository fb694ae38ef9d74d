"""One graph of whose nodes a part has targets, and its edges by their target."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.graphs import GraphDataset


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


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NodeDataset(GraphDataset):
    """One graph of which a part of the nodes has targets here.

    The training, validation and test part are the same graph with the targets of other nodes.

    Attributes:
        x: ``[V]`` int64, node types; or ``[V, C]`` float32, features.
        edge_attr: ``[E]`` int64, edge types; or ``[E, K]`` float32, features.
        y: ``[V, T]`` float32, labels, NaN where one is missing and at nodes of other parts; or
            ``[V]`` int64, classes, -1 at nodes of other parts.
        mask: ``[V]`` bool, the nodes of this part.
        class_names: names of the classes, if the task is to tell classes.
        fanouts: how many neighbours a batch takes per hop, by default; empty if a batch is the
            whole graph.
        incoming: finds the edges into a node; shared by the parts.

    Example:
        >>> import edgescope as es
        >>> splits = es.data.load("ogbn-proteins", "FOLDER")  # doctest: +SKIP
        >>> int(splits.train.mask.sum())  # doctest: +SKIP
    """

    mask: Tensor
    incoming: Incoming
    class_names: tuple[str, ...] = ()
    fanouts: tuple[int, ...] = ()

    @property
    def num_nodes(self) -> int:
        """Number of nodes ``V`` of the graph."""
        return len(self.x)

    @property
    def edge_types(self) -> Tensor:
        """Type of every edge ``[E]``; all 0 where edges have features instead."""
        if self.edge_attr.is_floating_point():
            return torch.zeros(len(self.edge_attr), dtype=torch.long)
        return self.edge_attr

    @property
    def model_sizes(self) -> dict[str, Any]:
        """What the constructors of ``es.models`` ask for that only the data can tell."""
        edges: dict[str, Any] = {"num_bond_types": self.num_edge_types}
        if self.edge_attr.is_floating_point():
            edges = {"edge_dim": self.edge_attr.size(1)}
        outputs = len(self.class_names) or len(self.target_names)
        nodes: dict[str, Any] = {"num_atom_types": self.num_node_types}
        if self.x.is_floating_point():
            nodes = {"node_dim": self.x.size(1)}
        return {**nodes, **edges, "out_dim": outputs}

    def per_graph(self, chosen: Tensor) -> dict[str, Any]:
        """Return nothing: targets belong to nodes."""
        del chosen
        return {}

    def per_node(self, nodes: Tensor) -> dict[str, Tensor]:
        """Return what nodes carry beside ``x``, of the chosen ones."""
        return {"y": self.y[nodes], "mask": self.mask[nodes]}

    def summary(self) -> dict[str, int | float]:
        """Count nodes, the nodes of this part, and directed edges of each type."""
        counts = super().summary()
        chosen = {name: counts[name] for name in ("graphs", "nodes")}
        rest = {name: value for name, value in counts.items() if "_nodes" not in name}
        rest = {
            name: value for name, value in rest.items() if "_edges" not in name or "dir" in name
        }
        return {**chosen, "nodes_of_part": int(self.mask.sum()), **rest}
