"""One small model for every layer that can be captured, and random graphs to run them on.

The tests of capture go through this table, so a new adapter is tested by adding a case here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GENConv,
    GPSConv,
    HANConv,
    HeteroConv,
    HGTConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.models.attentive_fp import GATEConv
from torch_geometric.utils import to_dense_batch

import edgescope as es

WIDTH, HEADS, EDGE_DIM, TYPES = 8, 2, 3, 3
RELATIONS = [("a", f"r{number}", "a") for number in range(TYPES)]
METADATA = (["a"], RELATIONS)


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


@dataclass(frozen=True)
class Case:
    """A model to capture.

    Attributes:
        name: the layer's class, and what is special about it.
        build: makes the model.
        first: path of the sites of its first layer.
        reads_edges: whether the first layer's score and logit depend on edge features.
        replaces_loops: whether the layer drops the input's self-loops and adds its own.
        pairs: whether its rows are pairs of nodes rather than edges.
        hetero: whether the model takes a heterogeneous graph.
    """

    name: str
    build: Callable[[], nn.Module]
    first: str = "layers.0"
    reads_edges: bool = True
    replaces_loops: bool = False
    pairs: bool = False
    hetero: bool = False

    def inputs(self, data: Data) -> dict[str, Any]:
        """Return the arguments of the model for a graph or a batch of graphs."""
        batch = data.batch if isinstance(data, Batch) else None
        if not self.hetero:
            names = ("x", "edge_index", "edge_attr", "edge_type")
            return {name: data[name] for name in names} | {"batch": batch}
        edges = {
            relation: data.edge_index[:, data.edge_type == number]
            for number, relation in enumerate(RELATIONS)
        }
        inputs = {"x_dict": {"a": data.x}, "edge_index_dict": edges}
        return inputs if batch is None else inputs | {"batch_dict": {"a": batch}}


def _with_edges(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, edge_attr)


def _without_edges(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index)


def _with_types(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, edge_type, edge_attr)


def _gps(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, batch, edge_attr=edge_attr)


def _gps_global(layer, x, edge_index, edge_attr, edge_type, batch):
    return layer(x, edge_index, batch)


def _dense_attention(layer, x, edge_index, edge_attr, edge_type, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, dense, dense, key_padding_mask=~mask, need_weights=False)[0][mask]


def _dense_encoder(layer, x, edge_index, edge_attr, edge_type, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, src_key_padding_mask=~mask)[mask]


class _OwnAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Linear(EDGE_DIM, WIDTH)
        self.attention = es.models.EdgeAttention(WIDTH, HEADS)

    def forward(self, x, edge_index, edge_attr):
        return self.attention(x, self.edge(edge_attr), edge_index)[0]


def _conv(layer: type, **options: Any) -> Callable[[], nn.Module]:
    return partial(layer, WIDTH, WIDTH // HEADS, heads=HEADS, dropout=0.1, **options)


def _net(layer: Callable[[], nn.Module], run: Callable[..., Tensor] = _with_edges):
    return partial(Net, layer, run)


def _transformer() -> nn.Module:
    return TransformerConv(WIDTH, WIDTH // HEADS, heads=HEADS, edge_dim=EDGE_DIM)


def _gps_local() -> nn.Module:
    return GPSConv(WIDTH, _transformer(), heads=HEADS, norm=None)


def _encoder(**options: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=not options)


def _hetero_gat() -> nn.Module:
    return HeteroConv(
        {r: _conv(GATConv, add_self_loops=False)() for r in RELATIONS},
        aggr="sum",
    )


LOOPS = {"replaces_loops": True}
CASES = [
    Case("EdgeAttention", _net(_OwnAttention), "layers.0.attention"),
    Case("GATConv", _net(_conv(GATConv, edge_dim=EDGE_DIM, fill_value=0.0)), **LOOPS),
    Case("GATConv, no loops", _net(_conv(GATConv, edge_dim=EDGE_DIM, add_self_loops=False))),
    Case("GATConv, no edges", _net(_conv(GATConv), _without_edges), reads_edges=False, **LOOPS),
    Case("GATv2Conv", _net(_conv(GATv2Conv, edge_dim=EDGE_DIM, fill_value=0.0)), **LOOPS),
    Case("TransformerConv", _net(_conv(TransformerConv, edge_dim=EDGE_DIM, beta=True))),
    Case("SuperGATConv, MX", _net(_conv(SuperGATConv), _without_edges), reads_edges=False, **LOOPS),
    Case(
        "SuperGATConv, SD",
        _net(_conv(SuperGATConv, attention_type="SD"), _without_edges),
        reads_edges=False,
        **LOOPS,
    ),
    Case(
        "RGATConv, additive",
        _net(_conv(RGATConv, num_relations=TYPES, edge_dim=EDGE_DIM), _with_types),
    ),
    Case(
        "RGATConv, multiplicative",
        _net(
            partial(
                RGATConv,
                WIDTH,
                2,
                num_relations=TYPES,
                heads=HEADS,
                dim=2,
                edge_dim=EDGE_DIM,
                attention_mode="multiplicative-self-attention",
                attention_mechanism="within-relation",
            ),
            _with_types,
        ),
    ),
    Case("GATEConv", _net(partial(GATEConv, WIDTH, WIDTH, EDGE_DIM, dropout=0.1))),
    Case("GENConv", _net(partial(GENConv, WIDTH, WIDTH, edge_dim=EDGE_DIM, norm="layer"))),
    Case(
        "GPSConv, local part",
        _net(_gps_local, _gps),
        "layers.0.conv",
    ),
    Case(
        "GPSConv, global part",
        _net(partial(GPSConv, WIDTH, None, heads=HEADS, norm=None), _gps_global),
        "layers.0.attn",
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "MultiheadAttention",
        _net(
            partial(nn.MultiheadAttention, WIDTH, HEADS, dropout=0.1, batch_first=True),
            _dense_attention,
        ),
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "TransformerEncoder",
        _net(_encoder, _dense_encoder),
        "layers.0.layers.0.self_attn",
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "TransformerEncoder, norm first",
        _net(partial(_encoder, norm_first=True), _dense_encoder),
        "layers.0.layers.0.self_attn",
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "HGTConv",
        partial(HeteroNet, partial(HGTConv, WIDTH, WIDTH, METADATA, heads=HEADS), None),
        reads_edges=False,
        hetero=True,
    ),
    Case(
        "HANConv",
        partial(HeteroNet, partial(HANConv, WIDTH, WIDTH, METADATA, heads=HEADS), None),
        reads_edges=False,
        hetero=True,
    ),
    Case(
        "HeteroConv of GATConv",
        partial(HeteroNet, _hetero_gat, None),
        "layers.0.convs.<a___r0___a>",
        reads_edges=False,
        hetero=True,
    ),
]


def build(case: Case, seed: int = 0) -> nn.Module:
    """Return the case's model with weights that depend on the seed only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return case.build()


@st.composite
def graphs(draw, min_edges: int = 0, max_nodes: int = 5) -> Data:
    """Graphs with self-loops, duplicate edges and isolated nodes, with random features."""
    nodes = draw(st.integers(1, max_nodes))
    end = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(end, end), min_size=min_edges, max_size=8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    return Data(
        x=torch.randn(nodes, WIDTH, generator=generator),
        edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous(),
        edge_attr=torch.randn(len(edges), EDGE_DIM, generator=generator),
        edge_type=torch.randint(TYPES, (len(edges),), generator=generator),
    )
