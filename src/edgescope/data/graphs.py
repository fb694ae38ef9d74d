"""Many graphs in a few flat tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from edgescope.data.flat_groups import chosen_positions, note_parts, ragged, sizes
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import METRICS, Task

if TYPE_CHECKING:
    from torch_geometric.data import Data

NO_EDGE = "none"
"""Name of the type of a pair without an edge, which no edge of a data set has."""

SINGLE_EDGE_TYPE = ("edge",)
"""The edge types of a graph whose edges have none."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GraphDataset(Dataset["Data"]):
    """Graphs laid end to end: ``V`` nodes and ``E`` directed edges of ``N`` graphs in all.

    ``dataset[i]`` is a ``torch_geometric`` ``Data``; ``dataset[10:20]``, ``dataset[[4, 2]]`` and
    ``dataset[mask]`` are data sets. Nothing is kept per edge but numbers, so a data set is cheap
    to cut.

    Attributes:
        node_ptr: ``[N + 1]`` int64, graph ``i`` has the nodes ``node_ptr[i]:node_ptr[i + 1]``.
        edge_ptr: ``[N + 1]`` int64, the same for its edges.
        x: ``[V]`` int64, node types; or ``[V, C]`` int64, several features of a node, each with
            a few values, of which the first is its type.
        edge_index: ``[2, E]`` int64, source and target, counted from the graph's first node.
        edge_attr: ``[E]`` int64, edge types; or ``[E, B]`` int64, as for nodes.
        y: ``[N, T]`` float32, targets, NaN where one is missing.
        vocabulary: what the node types mean.
        edge_type_names: what the edge types mean; the position is the type.
        target_names: ``T`` names of targets.
        name: where the graphs come from, such as ``"zinc12k/test"``.
        task: what the targets are, where it is known.
        split: how the parts were made, such as ``"random, seed 0"``; empty if not told.
        node_columns: name of each column of ``x`` and its number of values, if it has several.
        edge_columns: the same for ``edge_attr``.
        edge_truth: ``[E, A]`` float32, which edges decide the target, where it is known: 1 if an
            edge does, 0 if not. The columns are alternative explanations, each valid by itself,
            NaN where a graph has fewer; a graph without known truth has NaN only.
        node_added: ``[V]`` bool, which nodes :func:`edgescope.data.rewire` added, if it added any.
        edge_added: ``[E]`` bool, the same for edges. Graphs and batches carry both.
        added_types: how many of the last node types and edge types it added.
        identifiers: ``N`` texts by the name of each column that tells which molecule it is.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("edge_type", 20).train
        >>> part = graphs[:3]
        >>> len(part), part[0].edge_index.shape[0]
        (3, 2)
    """

    node_ptr: Tensor
    edge_ptr: Tensor
    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    y: Tensor
    vocabulary: tuple[str, ...]
    edge_type_names: tuple[str, ...]
    target_names: tuple[str, ...]
    name: str
    task: Task | None = None
    split: str = ""
    node_columns: Mapping[str, int] = field(default_factory=dict)
    edge_columns: Mapping[str, int] = field(default_factory=dict)
    edge_truth: Tensor | None = None
    node_added: Tensor | None = None
    edge_added: Tensor | None = None
    added_types: tuple[int, int] = (0, 0)
    identifiers: Mapping[str, list[str | None]] = field(default_factory=dict)

    pairs: ClassVar[bool] = False
    """Whether edges ``2b`` and ``2b + 1`` are the two directions of one edge."""

    @property
    def graph_class(self) -> "type[Data]":
        """What a single graph is."""
        from torch_geometric.data import Data

        return Data  # type: ignore[no-any-return]  # PyG publishes no types

    def __len__(self) -> int:
        """Count the graphs."""
        return len(self.node_ptr) - 1

    def __repr__(self) -> str:
        """Say what the data set is and how large."""
        return (
            f"{type(self).__name__}({self.name}: {len(self):,} graphs, {len(self.x):,} nodes, "
            f"{len(self.edge_attr):,} directed edges)"
        )

    @property
    def metric(self) -> str | None:
        """Name of the metric that belongs to the task."""
        return None if self.task is None else METRICS[self.task]

    @property
    def node_types(self) -> Tensor:
        """Type of every node ``[V]``."""
        return self.x[:, 0] if self.node_columns else self.x

    @property
    def edge_types(self) -> Tensor:
        """Type of every edge ``[E]``."""
        return self.edge_attr[:, 0] if self.edge_columns else self.edge_attr

    @property
    def num_node_types(self) -> int | tuple[int, ...]:
        """How many types of nodes there are, or how many values each column of ``x`` has."""
        return tuple(self.node_columns.values()) or len(self.vocabulary)

    @property
    def num_edge_types(self) -> int | tuple[int, ...]:
        """How many types of edges there are, or how many values each column has."""
        return tuple(self.edge_columns.values()) or len(self.edge_type_names)

    @property
    def model_sizes(self) -> dict[str, Any]:
        """What the constructors of ``es.models`` ask for that only the data can tell."""
        return {
            "num_atom_types": self.num_node_types,
            "num_bond_types": self.num_edge_types,
            "out_dim": len(self.target_names),
        }

    def per_graph(self, chosen: Tensor) -> dict[str, Any]:
        """Return what single graphs carry beside nodes and edges, of the chosen ones."""
        found: dict[str, Any] = {"y": self.y[chosen]}
        if self.identifiers:
            places = chosen.tolist()
            found["identifiers"] = {
                column: [cells[i] for i in places] for column, cells in self.identifiers.items()
            }
        return found

    @overload
    def __getitem__(self, index: int) -> "Data": ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> Self: ...
    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Data | Self":
        """Take one graph, or several as a data set.

        Args:
            index: a position, a slice, a list of positions, or a tensor of positions or of truth
                values; negative positions count from the end.

        Raises:
            IndexError: if a position lies outside the data set.
        """
        if isinstance(index, int | np.integer):
            return self._graph(int(self.positions([int(index)])))
        return self.subset(index)

    def _graph(self, index: int) -> "Data":
        nodes = slice(int(self.node_ptr[index]), int(self.node_ptr[index + 1]))
        edges = slice(int(self.edge_ptr[index]), int(self.edge_ptr[index + 1]))
        graph = self.graph_class(
            x=self.x[nodes], edge_index=self.edge_index[:, edges], edge_attr=self.edge_attr[edges]
        )
        per_node = self.per_node(torch.arange(nodes.start, nodes.stop))
        for name, value in (per_node | self.per_edge(edges)).items():
            graph[name] = value
        if self.pairs:
            graph.reverse_edge = torch.arange(edges.stop - edges.start) ^ 1
        for name, value in self.per_graph(torch.tensor([index])).items():
            if name == "y":  # a row, which PyG joins to a table
                graph[name] = value
            elif isinstance(value, Mapping):
                graph[name] = {key: cells[0] for key, cells in value.items()}
            else:
                graph[name] = value[0].item() if isinstance(value, Tensor) else value[0]
        graph.graph = index
        return graph

    def positions(self, index: slice | Sequence[int] | Tensor) -> Tensor:
        """Turn any way of naming several graphs into their positions, ``[G]`` int64.

        Raises:
            IndexError: if a position lies outside the data set.
        """
        return chosen_positions(index, len(self), self.name)

    def per_node(self, nodes: Tensor) -> dict[str, Tensor]:
        """Return what nodes carry beside ``x``, of the chosen ones."""
        return {} if self.node_added is None else {"node_added": self.node_added[nodes]}

    def per_edge(self, edges: Tensor | slice) -> dict[str, Any]:
        """Return what edges carry beside their ends and ``edge_attr``, of the chosen ones."""
        return {} if self.edge_added is None else {"edge_added": self.edge_added[edges]}

    def renamed(self, name: str) -> Self:
        """Return the same data under another name."""
        return replace(self, name=name)

    def subset(self, index: slice | Sequence[int] | Tensor) -> Self:
        """Take several graphs, in the order given."""
        chosen = self.positions(index)
        nodes, node_ptr = ragged(self.node_ptr, chosen)
        edges, edge_ptr = ragged(self.edge_ptr, chosen)
        return replace(
            self,
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
            x=self.x[nodes],
            edge_index=self.edge_index[:, edges],
            edge_attr=self.edge_attr[edges],
            edge_truth=None if self.edge_truth is None else self.edge_truth[edges],
            node_added=None if self.node_added is None else self.node_added[nodes],
            **self.per_edge(edges),
            **self.per_graph(chosen),
        )

    def with_edges(self, kept: Tensor) -> Self:
        """Return the same graphs with some of their edges, ``kept`` ``[E]``; all nodes stay."""
        position = torch.nn.functional.pad(kept.cumsum(0), (1, 0))
        return replace(
            self,
            edge_ptr=position[self.edge_ptr],
            edge_index=self.edge_index[:, kept],
            edge_attr=self.edge_attr[kept],
            edge_truth=None if self.edge_truth is None else self.edge_truth[kept],
            **self.per_edge(kept),
        )

    def batch(self, index: slice | Sequence[int] | Tensor) -> Any:  # noqa: ANN401  (a PyG Batch)
        """Join several graphs as one disconnected graph.

        ``Batch.from_data_list`` makes one small tensor per graph and field and then joins them;
        here each field of the batch is one index operation on the whole data set.

        Returns:
            What ``Batch.from_data_list([dataset[i] for i in index])`` gives, field by field; single
            graphs can be taken out again. ``graph`` ``[G]`` holds the positions in ``index``.

        Raises:
            InputError: if no graph is chosen.
        """
        from torch_geometric.data import Batch

        chosen = self.positions(index)
        if not len(chosen):
            raise InputError("received no graph to make a batch of, expected at least one")
        nodes, node_ptr = ragged(self.node_ptr, chosen)
        edges, edge_ptr = ragged(self.edge_ptr, chosen)
        graphs = torch.arange(len(chosen))
        edge_graph = torch.repeat_interleave(graphs, edge_ptr.diff())
        per_graph = self.per_graph(chosen)
        per_edge = ["edge_index", "edge_attr"]

        batch = Batch(_base_cls=self.graph_class)
        batch.x = self.x[nodes]
        batch.edge_index = self.edge_index[:, edges] + node_ptr[edge_graph]
        batch.edge_attr = self.edge_attr[edges]
        if self.pairs:
            # Every graph has an even number of edges then, so the pairs stay pairs when joined.
            batch.reverse_edge = torch.arange(len(edges)) ^ 1
            per_edge.append("reverse_edge")
        per_node, more = self.per_node(nodes), self.per_edge(edges)
        for name, values in (per_node | more | per_graph).items():
            batch[name] = values
        batch.graph = chosen
        batch.batch = torch.repeat_interleave(graphs, node_ptr.diff())
        batch.ptr = node_ptr

        note_parts(
            batch, {"node": node_ptr, "edge": edge_ptr}, (*per_node,), [*per_edge, *more], per_graph
        )
        return batch

    def summary(self) -> dict[str, int | float]:
        """Count graphs, nodes, directed edges of each type, and sizes.

        The smallest, largest and mean size are NaN for a data set without graphs.
        """
        types = torch.bincount(self.edge_types, minlength=len(self.edge_type_names)).tolist()
        counts = zip(self.edge_type_names, types, strict=True)
        return {
            "graphs": len(self),
            "nodes": len(self.x),
            "directed_edges": len(self.edge_attr),
            **{name: count for name, count in counts if count or name != NO_EDGE},
            **sizes("nodes", self.node_ptr),
            **sizes("edges", self.edge_ptr),
        }
