"""One graph whose nodes have targets, and the part of its nodes that counts."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgescope.data.graphs import GraphDataset
from edgescope.data.incoming import Incoming


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
        return {"num_atom_types": self.num_node_types, **edges, "out_dim": outputs}

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
