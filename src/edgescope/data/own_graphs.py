"""A data set of your own: graphs of PyG as they are, and the flat tensors that analyses read."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from edgescope.data.graphs import SINGLE_EDGE_TYPE, GraphDataset
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from torch_geometric.data import Data

SINGLE_NODE_TYPE = ("node",)
"""The node types of graphs whose nodes have none."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OwnGraphs(GraphDataset):
    """Graphs that somebody made; :func:`edgescope.data.from_graphs` makes it.

    A batch is what PyG's ``DataLoader`` makes of the same graphs, with all that they hold. Beside
    that it has ``graph`` ``[G]``, the positions of the graphs, and targets of graphs are ``y``
    ``[G, T]`` float32.

    Attributes:
        x: ``[V]`` int64, node types, or ``[V, C]`` int64; or ``[V, C]`` float, features.
        edge_attr: ``[E]`` int64, edge types, or ``[E, B]`` int64; or ``[E, B]`` float, features.
        graphs: the graphs themselves.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> import edgescope as es
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graphs = es.data.from_graphs([Data(x=torch.randn(3, 4), edge_index=ring, y=1.5)] * 10)
        >>> graphs[:4].batch([0, 1]).x.shape
        torch.Size([6, 4])
    """

    graphs: "tuple[Data, ...]"
    made_of: tuple[Tensor, Tensor, Tensor]
    """``x``, ``edge_index`` and ``edge_attr`` of the graphs: others are of changed graphs."""

    @property
    def node_types(self) -> Tensor:
        """Type of every node ``[V]``; all 0 where nodes have features instead."""
        if self.vocabulary == SINGLE_NODE_TYPE:
            return torch.zeros(len(self.x), dtype=torch.long)
        return super().node_types

    @property
    def edge_types(self) -> Tensor:
        """Type of every edge ``[E]``; all 0 where edges have features instead."""
        if self.edge_type_names == SINGLE_EDGE_TYPE:
            return torch.zeros(len(self.edge_attr), dtype=torch.long)
        return super().edge_types

    @property
    def model_sizes(self) -> dict[str, Any]:
        """What the constructors of ``es.models`` ask for that only the data can tell.

        Raises:
            InputError: if nodes have no types, which those models embed.
        """
        if self.x.is_floating_point():
            raise InputError(
                f"the nodes of {self.name} have real features, and edgescope's models embed types "
                "of nodes (integers x); use a model of your own"
            )
        sizes = super().model_sizes
        if self.edge_attr.is_floating_point():
            del sizes["num_bond_types"]
            sizes["edge_dim"] = self.edge_attr.size(1)
        return sizes

    def subset(self, index: slice | Sequence[int] | Tensor) -> Self:
        """Take several graphs, in the order given."""
        graphs = self._unchanged()
        part = super().subset(index)
        made_of = (part.x, part.edge_index, part.edge_attr)
        chosen = tuple(graphs[place] for place in self.positions(index).tolist())
        return replace(part, graphs=chosen, made_of=made_of)

    def with_edges(self, kept: Tensor) -> Self:
        """Return the same graphs with some of their edges, ``kept`` ``[E]``; all nodes stay."""
        parts = torch.split(kept, self.edge_ptr.diff().tolist())
        graphs = (
            graph.edge_subgraph(mask) for graph, mask in zip(self._unchanged(), parts, strict=True)
        )
        fewer = super().with_edges(kept)
        made_of = (fewer.x, fewer.edge_index, fewer.edge_attr)
        return replace(fewer, graphs=tuple(graphs), made_of=made_of)

    def _graph(self, index: int) -> "Data":
        graph = copy.copy(self._unchanged()[index])
        graph.graph = index
        if self.target_names:
            graph.y = self.y[index : index + 1]
        return graph

    def batch(self, index: slice | Sequence[int] | Tensor) -> Any:  # noqa: ANN401  (a PyG Batch)
        """Join several graphs as one disconnected graph, as PyG does.

        Raises:
            InputError: if no graph is chosen.
        """
        from torch_geometric.data import Batch

        chosen = self.positions(index)
        if not len(chosen):
            raise InputError("received no graph to make a batch of, expected at least one")
        return Batch.from_data_list([self._graph(place) for place in chosen.tolist()])

    def _unchanged(self) -> "tuple[Data, ...]":
        """Return the graphs, unless the flat tensors are of others by now."""
        now = (self.x, self.edge_index, self.edge_attr)
        if any(one is not other for one, other in zip(now, self.made_of, strict=True)):
            raise InputError(
                f"the edges or types of {self.name} were changed, but its graphs are your own and "
                "hold more than these; change the graphs themselves, and call es.data.from_graphs"
            )
        return self.graphs
