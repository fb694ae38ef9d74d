"""A stack of every layer that can be captured, for the benchmark of what capture costs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import (
    AGNNConv,
    FAConv,
    FeaStConv,
    GATConv,
    GATv2Conv,
    GENConv,
    GeneralConv,
    GPSConv,
    HANConv,
    HEATConv,
    HGTConv,
    HypergraphConv,
    PointTransformerConv,
    ResGatedGraphConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.models.attentive_fp import GATEConv
from torch_geometric.utils import to_dense_batch

import edgescope as es

WIDTH, HEADS, LAYERS, TYPES = 64, 8, 4, 4
RELATIONS = [("atom", f"bond{number}", "atom") for number in range(TYPES)]
METADATA = (["atom"], RELATIONS)


class Stack(nn.Module):
    """Four layers of one class on embedded atoms and bonds.

    Args:
        layer: makes a layer.
        takes: what the layer is called with; see :meth:`step`.
        atoms: number of atom types.
    """

    def __init__(self, layer: Callable[[], nn.Module], takes: str, atoms: int) -> None:
        super().__init__()
        self.atoms = nn.Embedding(atoms, WIDTH)
        self.bonds = nn.Embedding(TYPES, WIDTH)
        self.layers = nn.ModuleList(layer() for _ in range(LAYERS))
        self.takes = takes

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        state, kind = self.atoms(x.view(-1)), edge_attr.view(-1)
        for layer in self.layers:
            state = self.step(layer, state, edge_index, kind, batch).relu()
        return state

    def step(
        self, layer: nn.Module, state: Tensor, edge_index: Tensor, kind: Tensor, batch: Tensor
    ) -> Tensor:
        """Call one layer in the way of its class."""
        more: dict[str, Any] = {}
        match self.takes:
            case "edges":
                given = (state, edge_index)
            case "features":
                given = (state, edge_index, self.bonds(kind))
            case "types":
                given = (state, edge_index, kind, self.bonds(kind))
            case "all types":
                given = (state, edge_index, kind.new_zeros(len(state)), kind, self.bonds(kind))
            case "graphs":
                given, more = (state, edge_index, batch), {"edge_attr": self.bonds(kind)}
            case "start":
                given = (state, state, edge_index)
            case "positions":
                given = (state, state[:, :3], edge_index)
            case "hyperedges":
                given = (state, edge_index)
                more = {"hyperedge_attr": state, "num_edges": len(state)}
            case _:
                return self.padded(layer, state, batch)
        return layer(*given, **more)

    def padded(self, layer: nn.Module, state: Tensor, batch: Tensor) -> Tensor:
        """Call one layer on molecules padded to one length."""
        dense, mask = to_dense_batch(state, batch)
        if self.takes == "padded":
            return layer(dense, src_key_padding_mask=~mask)[mask]
        return layer(dense, dense, dense, key_padding_mask=~mask, need_weights=False)[0][mask]


class HeteroStack(Stack):
    """The same, with the bonds of each type as a relation."""

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: dict[tuple, Tensor]) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        state = self.atoms(x_dict["atom"].view(-1))
        for layer in self.layers:
            state = layer({"atom": state}, edge_index_dict)["atom"].relu()
        return state


class OwnLayer(nn.Module):
    """edgescope's attention, with the signature of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = es.models.EdgeAttention(WIDTH, HEADS)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Return the attended states ``[V, F]``."""
        return self.attention(x, edge_attr, edge_index)[0]


def conv(layer: type[nn.Module], **options: Any) -> Callable[[], nn.Module]:
    """Return what makes a layer of the common width."""
    return partial(layer, WIDTH, WIDTH // HEADS, heads=HEADS, **options)


def gps() -> nn.Module:
    """Return global attention around a TransformerConv."""
    return GPSConv(WIDTH, conv(TransformerConv, edge_dim=WIDTH)(), heads=HEADS)


CASES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "EdgeAttention": (OwnLayer, "features"),
    "GATConv": (conv(GATConv, edge_dim=WIDTH), "features"),
    "GATv2Conv": (conv(GATv2Conv, edge_dim=WIDTH), "features"),
    "TransformerConv": (conv(TransformerConv, edge_dim=WIDTH), "features"),
    "SuperGATConv": (conv(SuperGATConv), "edges"),
    "RGATConv": (conv(RGATConv, num_relations=TYPES, edge_dim=WIDTH), "types"),
    "GATEConv": (partial(GATEConv, WIDTH, WIDTH, WIDTH), "features"),
    "GENConv": (partial(GENConv, WIDTH, WIDTH, edge_dim=WIDTH), "features"),
    "AGNNConv": (AGNNConv, "edges"),
    "FAConv": (partial(FAConv, WIDTH), "start"),
    "FeaStConv": (partial(FeaStConv, WIDTH, WIDTH, heads=HEADS), "edges"),
    "HEATConv": (
        partial(HEATConv, WIDTH, WIDTH // HEADS, 1, TYPES, 8, WIDTH, 8, heads=HEADS),
        "all types",
    ),
    "PointTransformerConv": (partial(PointTransformerConv, WIDTH, WIDTH), "positions"),
    "GeneralConv": (
        partial(GeneralConv, WIDTH, WIDTH, WIDTH, heads=HEADS, attention=True),
        "features",
    ),
    "ResGatedGraphConv": (partial(ResGatedGraphConv, WIDTH, WIDTH, edge_dim=WIDTH), "features"),
    "HypergraphConv": (
        partial(HypergraphConv, WIDTH, WIDTH // HEADS, use_attention=True, heads=HEADS),
        "hyperedges",
    ),
    "HGTConv": (partial(HGTConv, WIDTH, WIDTH, METADATA, heads=HEADS), "relations"),
    "HANConv": (partial(HANConv, WIDTH, WIDTH, METADATA, heads=HEADS), "relations"),
    "MultiheadAttention": (
        partial(nn.MultiheadAttention, WIDTH, HEADS, batch_first=True),
        "dense",
    ),
    "TransformerEncoderLayer": (
        partial(nn.TransformerEncoderLayer, WIDTH, HEADS, 2 * WIDTH, batch_first=True),
        "padded",
    ),
    "GPSConv around TransformerConv": (gps, "graphs"),
}


def build(name: str, atoms: int) -> nn.Module:
    """Return four layers of the named class, for a number of atom types."""
    layer, takes = CASES[name]
    stack = HeteroStack if takes == "relations" else Stack
    return stack(layer, takes, atoms).eval()
