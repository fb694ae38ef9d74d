"""Graphs with several types of nodes and relations, as plain graphs whose edges have types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.data.own_graphs import OwnGraphs
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RelationGraphs(OwnGraphs):
    """Heterogeneous graphs; :func:`edgescope.data.from_graphs` makes it of ``HeteroData``.

    A batch is one of the graphs as they are. For analyses nodes and edges lie end to end, those of
    the first type first, as ``HeteroData.to_homogeneous`` has them.

    Attributes:
        edge_start: ``[N, R]`` int64, position in its graph of the first edge of every relation.
        source_start: ``[N, R]`` int64, number in its graph of the first node that sends along it.
        target_start: the same of the nodes that receive.

    Example:
        >>> import torch
        >>> from torch_geometric.data import HeteroData
        >>> import edgescope as es
        >>> graph = HeteroData()
        >>> graph["author"].x, graph["paper"].x = torch.randn(2, 4), torch.randn(3, 4)
        >>> graph["author", "writes", "paper"].edge_index = torch.tensor([[0, 1], [2, 0]])
        >>> graphs = es.data.from_graphs([graph])
        >>> graphs.edge_type_names, graphs.edge_index.tolist()
        (('author writes paper',), [[0, 1], [4, 2]])
    """

    edge_start: Tensor
    source_start: Tensor
    target_start: Tensor

    def subset(self, index: slice | Sequence[int] | Tensor) -> Self:
        """Take several graphs, in the order given."""
        graphs = self._unchanged()
        return type(self)(
            **_flat([graphs[place] for place in self.positions(index).tolist()], self.name)
        )

    def with_edges(self, kept: Tensor) -> Self:
        """Refuse: what is kept of a relation is not known by its place in the whole graph.

        Raises:
            InputError: always.
        """
        del kept
        raise InputError(
            f"{self.name} is of heterogeneous graphs, whose edges are not removed one by one"
        )

    def in_graph(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of a scan with the numbers of edges and nodes that they have here.

        Args:
            rows: with ``graph``, ``edge``, ``source``, ``target`` and ``edge_type``, whose numbers
                are those within a relation and the node types that it joins.
        """
        numbers = {name: place for place, name in enumerate(self.edge_type_names)}
        known = rows["edge_type"].replace_strict(numbers, default=-1, return_dtype=pl.Int64)
        graph, relation = rows["graph"].to_numpy(), known.to_numpy()
        inside = (relation >= 0) & (graph >= 0) & (graph < len(self))
        inside &= rows["edge"].to_numpy() >= 0  # and none that a layer added
        starts = {
            "edge": self.edge_start,
            "source": self.source_start,
            "target": self.target_start,
        }
        return rows.with_columns(
            pl.Series(
                name,
                rows[name].to_numpy()
                + np.where(inside, start.numpy()[graph * inside, relation * inside], 0),
            )
            for name, start in starts.items()
        )


def relation_graphs(graphs: "Sequence[HeteroData]", name: str) -> RelationGraphs:
    """Make a data set of heterogeneous graphs.

    Raises:
        InputError: if they are not all heterogeneous with the same types and relations.
    """
    for number, graph in enumerate(graphs):
        if not hasattr(graph, "edge_types") or graph.metadata() != graphs[0].metadata():
            raise InputError(
                f"graph {number} is {said(graph)} with other types of nodes or relations than "
                "graph 0; give all graphs the same, also where a relation has no edge"
            )
    return RelationGraphs(**_flat(graphs, name))


def _flat(graphs: "Sequence[HeteroData]", name: str) -> dict[str, Any]:
    """Return the fields of a data set of heterogeneous graphs."""
    node_types, relations = graphs[0].metadata()
    sizes = torch.tensor([[graph[kind].num_nodes for kind in node_types] for graph in graphs])
    counts = torch.tensor(
        [[graph[relation].edge_index.size(1) for relation in relations] for graph in graphs]
    )
    before = {kind: (sizes.cumsum(1) - sizes)[:, place] for place, kind in enumerate(node_types)}
    sources = torch.stack([before[source] for source, _, _ in relations], 1)
    targets = torch.stack([before[target] for _, _, target in relations], 1)
    ends = [
        graph[relation].edge_index + torch.stack([sources[i, k], targets[i, k]]).unsqueeze(1)
        for i, graph in enumerate(graphs)
        for k, relation in enumerate(relations)
    ]
    edge_index = torch.cat(ends, 1)
    x = torch.arange(len(node_types)).repeat(len(graphs)).repeat_interleave(sizes.flatten())
    kinds = torch.arange(len(relations)).repeat(len(graphs))
    edge_attr = kinds.repeat_interleave(counts.flatten())
    return {
        "node_ptr": torch.nn.functional.pad(sizes.sum(1).cumsum(0), (1, 0)),
        "edge_ptr": torch.nn.functional.pad(counts.sum(1).cumsum(0), (1, 0)),
        "x": x,
        "edge_index": edge_index,
        "edge_attr": edge_attr,
        "y": torch.zeros(len(graphs), 0),
        "vocabulary": tuple(node_types),
        "edge_type_names": tuple(" ".join(relation) for relation in relations),
        "target_names": (),
        "name": name,
        "graphs": tuple(graphs),
        "made_of": (x, edge_index, edge_attr),
        "edge_start": counts.cumsum(1) - counts,
        "source_start": sources,
        "target_start": targets,
    }
