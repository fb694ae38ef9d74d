"""Nets of two layers of any class, and how a layer of each class is called in them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch_geometric.utils import to_dense_batch

from support.graph_cases import WIDTH


class Net(nn.Module):
    """Two layers of one class, with dropout between them, and one number per node."""

    def __init__(self, layer: Callable[[], nn.Module], run: Callable[..., Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer(), layer()])
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(WIDTH, 1)
        self.run = run

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor,
        edge_type: Tensor,
        batch: Tensor | None = None,
    ) -> Tensor:
        for layer in self.layers:
            x = self.dropout(self.run(layer, x, edge_index, edge_attr, edge_type, batch)).tanh()
        return self.head(x)


class HeteroNet(Net):
    """The same on a heterogeneous graph with one node type and a relation per edge type."""

    def forward(  # type: ignore[override]
        self,
        x_dict: dict[str, Tensor],
        edge_index_dict: dict[Any, Tensor],
        batch_dict: Any = None,  # noqa: ARG002  (read by capture)
    ) -> Tensor:
        for layer in self.layers:
            found = layer(x_dict, edge_index_dict)["a"]
            x_dict = {"a": self.dropout(x_dict["a"] if found is None else found).tanh()}
        return self.head(x_dict["a"])


def with_edges(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, edge_attr)


def without_edges(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index)


def with_types(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, edge_type, edge_attr)


def with_start(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, x, edge_index)


def with_all_types(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, (x[:, 0] > 0).long(), edge_type, edge_attr)


def with_positions(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, x[:, :3], edge_index)


def with_hyperedges(layer, x, edge_index, edge_attr, edge_type, batch):
    """Call a hypergraph layer with a hyperedge for each node, which has the node's state."""
    return layer(x, edge_index, hyperedge_attr=x, num_edges=len(x))


def gps(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, batch, edge_attr=edge_attr)


def gps_global(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, batch)


def dense_attention(layer, x, edge_index, edge_attr, edge_type, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, dense, dense, key_padding_mask=~mask, need_weights=False)[0][mask]


def dense_encoder(layer, x, edge_index, edge_attr, edge_type, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, src_key_padding_mask=~mask)[mask]
