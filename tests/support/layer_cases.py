"""One small model for every layer that can be captured.

The tests of capture go through this table, so a new adapter is tested by adding a case here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
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
    HeteroConv,
    HGTConv,
    HypergraphConv,
    PointTransformerConv,
    ResGatedGraphConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.models.attentive_fp import GATEConv

import edgescope as es
from support.graph_cases import EDGE_DIM, TYPES, WIDTH
from support.layer_nets import (
    HeteroNet,
    Net,
    dense_attention,
    dense_encoder,
    gps,
    gps_global,
    with_all_types,
    with_edges,
    with_hyperedges,
    with_positions,
    with_start,
    with_types,
    without_edges,
)

HEADS = 2
RELATIONS = [("a", f"r{number}", "a") for number in range(TYPES)]
METADATA = (["a"], RELATIONS)


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
        two_ways: whether a message is made of what its source has received from all its nodes.
    """

    name: str
    build: Callable[[], nn.Module]
    first: str = "layers.0"
    reads_edges: bool = True
    replaces_loops: bool = False
    pairs: bool = False
    hetero: bool = False
    two_ways: bool = False

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


class _OwnAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.edge = nn.Linear(EDGE_DIM, WIDTH)
        self.attention = es.models.EdgeAttention(WIDTH, HEADS)

    def forward(self, x, edge_index, edge_attr):
        return self.attention(x, self.edge(edge_attr), edge_index)[0]


def _conv(layer: type, **options: Any) -> Callable[[], nn.Module]:
    return partial(layer, WIDTH, WIDTH // HEADS, heads=HEADS, dropout=0.1, **options)


def _net(layer: Callable[[], nn.Module], run: Callable[..., Tensor] = with_edges):
    return partial(Net, layer, run)


def _transformer() -> nn.Module:
    return TransformerConv(WIDTH, WIDTH // HEADS, heads=HEADS, edge_dim=EDGE_DIM)


def _gps_local() -> nn.Module:
    return GPSConv(WIDTH, _transformer(), heads=HEADS, norm=None)


def _encoder(**options: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=not options)


def _points() -> nn.Module:
    position = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, WIDTH))
    return PointTransformerConv(WIDTH, WIDTH, position, nn.Linear(WIDTH, WIDTH))


def _hyper(**options: Any) -> nn.Module:
    return HypergraphConv(
        WIDTH, WIDTH // HEADS, use_attention=True, heads=HEADS, dropout=0.1, **options
    )


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
    Case("GATConv, no edges", _net(_conv(GATConv), without_edges), reads_edges=False, **LOOPS),
    Case("GATv2Conv", _net(_conv(GATv2Conv, edge_dim=EDGE_DIM, fill_value=0.0)), **LOOPS),
    Case("TransformerConv", _net(_conv(TransformerConv, edge_dim=EDGE_DIM, beta=True))),
    Case("SuperGATConv, MX", _net(_conv(SuperGATConv), without_edges), reads_edges=False, **LOOPS),
    Case(
        "SuperGATConv, SD",
        _net(_conv(SuperGATConv, attention_type="SD"), without_edges),
        reads_edges=False,
        **LOOPS,
    ),
    Case(
        "RGATConv, additive",
        _net(_conv(RGATConv, num_relations=TYPES, edge_dim=EDGE_DIM), with_types),
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
            with_types,
        ),
    ),
    Case("GATEConv", _net(partial(GATEConv, WIDTH, WIDTH, EDGE_DIM, dropout=0.1))),
    Case("GENConv", _net(partial(GENConv, WIDTH, WIDTH, edge_dim=EDGE_DIM, norm="layer"))),
    Case("AGNNConv", _net(AGNNConv, without_edges), reads_edges=False, **LOOPS),
    Case(
        "AGNNConv, no loops",
        _net(partial(AGNNConv, add_self_loops=False), without_edges),
        reads_edges=False,
    ),
    Case(
        "FAConv", _net(partial(FAConv, WIDTH, dropout=0.1), with_start), reads_edges=False, **LOOPS
    ),
    Case(
        "FAConv, no loops",
        _net(partial(FAConv, WIDTH, add_self_loops=False), with_start),
        reads_edges=False,
    ),
    Case(
        "FeaStConv",
        _net(partial(FeaStConv, WIDTH, WIDTH, heads=HEADS), without_edges),
        reads_edges=False,
        **LOOPS,
    ),
    Case(
        "HEATConv",
        _net(
            partial(HEATConv, WIDTH, WIDTH // HEADS, 2, TYPES, 3, EDGE_DIM, 2, HEADS, dropout=0.1),
            with_all_types,
        ),
    ),
    Case("PointTransformerConv", _net(_points, with_positions), reads_edges=False, **LOOPS),
    Case(
        "GeneralConv, additive",
        _net(partial(GeneralConv, WIDTH, WIDTH, EDGE_DIM, heads=HEADS, attention=True)),
    ),
    Case(
        "GeneralConv, product",
        _net(
            partial(
                GeneralConv,
                WIDTH,
                WIDTH,
                EDGE_DIM,
                heads=HEADS,
                attention=True,
                attention_type="dot_product",
                directed_msg=False,
            )
        ),
    ),
    Case("ResGatedGraphConv", _net(partial(ResGatedGraphConv, WIDTH, WIDTH, edge_dim=EDGE_DIM))),
    Case(
        "ResGatedGraphConv, no edges",
        _net(partial(ResGatedGraphConv, WIDTH, WIDTH), without_edges),
        reads_edges=False,
    ),
    Case("HypergraphConv, node", _net(_hyper, with_hyperedges), reads_edges=False),
    Case(
        "HypergraphConv, edge",
        _net(partial(_hyper, attention_mode="edge"), with_hyperedges),
        reads_edges=False,
        two_ways=True,
    ),
    Case(
        "GPSConv, local part",
        _net(_gps_local, gps),
        "layers.0.conv",
    ),
    Case(
        "GPSConv, global part",
        _net(partial(GPSConv, WIDTH, None, heads=HEADS, norm=None), gps_global),
        "layers.0.attn",
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "MultiheadAttention",
        _net(
            partial(nn.MultiheadAttention, WIDTH, HEADS, dropout=0.1, batch_first=True),
            dense_attention,
        ),
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "TransformerEncoder",
        _net(_encoder, dense_encoder),
        "layers.0.layers.0.self_attn",
        reads_edges=False,
        pairs=True,
    ),
    Case(
        "TransformerEncoder, norm first",
        _net(partial(_encoder, norm_first=True), dense_encoder),
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
