"""Every message-passing layer with every option that changes its attention."""

from typing import Any

import torch
from torch import nn
from torch_geometric.nn import (
    AGNNConv,
    FAConv,
    FeaStConv,
    GATConv,
    GATv2Conv,
    GENConv,
    GeneralConv,
    HEATConv,
    PointTransformerConv,
    ResGatedGraphConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.aggr import SoftmaxAggregation
from torch_geometric.nn.models.attentive_fp import GATEConv

from support.layer_reference import EDGE_DIM, NODE_DIM

RELATIONS = 4  # one of them has no edges
TWO_KINDS = {"in_channels": (NODE_DIM, 2)}
EDGES = {"edge_dim": EDGE_DIM}
TWO = {"heads": 2}
MULTIPLY = {"attention_mode": "multiplicative-self-attention", "dim": 2}
TYPED = {
    "num_node_types": 2,
    "num_edge_types": RELATIONS,
    "edge_type_emb_dim": 3,
    "edge_attr_emb_dim": 2,
}
PRODUCT = {"attention_type": "dot_product"}
MESSAGES_OF_EDGES = {"in_edge_channels": EDGE_DIM}

DEFAULTS: dict[type[nn.Module], dict[str, Any]] = {
    GATConv: {},
    GATv2Conv: {},
    TransformerConv: {},
    SuperGATConv: TWO,
    RGATConv: TWO | {"num_relations": RELATIONS},
    GATEConv: {"out_channels": NODE_DIM} | EDGES,  # it works only where both widths agree
    GENConv: {"norm": "layer"},
    AGNNConv: {},
    FAConv: {"channels": NODE_DIM},
    FeaStConv: TWO,
    HEATConv: TWO | EDGES | TYPED,
    PointTransformerConv: {},
    GeneralConv: TWO | {"attention": True},
    ResGatedGraphConv: {},
}

OPTIONS: dict[type[nn.Module], dict[str, dict[str, Any]]] = {
    GATConv: {
        "plain": {},
        "heads": TWO,
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "one number per edge": TWO | {"edge_dim": 1},
        "edges filled with a number": EDGES | {"fill_value": 0.5},
        "edges filled with a tensor": EDGES | {"fill_value": torch.arange(3.0)},
        "no loops": TWO | EDGES | {"add_self_loops": False},
        "averaged heads, residual": TWO | {"concat": False, "residual": True},
        "two kinds of nodes": TWO | TWO_KINDS,
        "two kinds of nodes, no loops": TWO | TWO_KINDS | {"add_self_loops": False},
    },
    GATv2Conv: {
        "plain": {},
        "shared weights": TWO | {"share_weights": True},
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "one number per edge": TWO | {"edge_dim": 1},
        "edges filled with a number": EDGES | {"fill_value": 0.5},
        "no loops": TWO | EDGES | {"add_self_loops": False},
        "averaged heads, residual": TWO | {"concat": False, "residual": True},
        "two kinds of nodes, no loops": TWO | TWO_KINDS | {"add_self_loops": False},
    },
    TransformerConv: {
        "plain": {},
        "heads": TWO,
        "one channel": TWO | {"out_channels": 1},
        "edges": TWO | EDGES,
        "no bias": TWO | EDGES | {"bias": False},
        "beta": TWO | EDGES | {"beta": True},
        "averaged heads, no root": TWO | {"concat": False, "root_weight": False},
        "two kinds of nodes": TWO | EDGES | TWO_KINDS,
    },
    SuperGATConv: {
        "mixed": {},
        "product": {"attention_type": "SD"},
        "product, one head, one channel": {"attention_type": "SD", "heads": 1, "out_channels": 1},
        "no loops": {"add_self_loops": False},
        "averaged heads": {"attention_type": "SD", "concat": False, "negative_slope": 0.7},
    },
    RGATConv: {
        "plain": {},
        "one head, one channel": {"heads": 1, "out_channels": 1},
        "edges": EDGES,
        "one number per edge": {"edge_dim": 1},
        "within relation": EDGES | {"attention_mechanism": "within-relation"},
        "bases": {"num_bases": 2},
        "bases, edges": EDGES | {"num_bases": 2},
        "blocks": {"num_blocks": 2} | EDGES,
        "averaged heads": {"concat": False},
        "multiplicative": MULTIPLY,
        "multiplicative, edges": MULTIPLY | {"edge_dim": EDGE_DIM, "num_bases": 2},
    }
    | {
        f"{mod}, dim {mode.get('dim', 1)}": mode | {"mod": mod}
        for mod in ("additive", "scaled", "f-additive", "f-scaled")
        for mode in ({}, MULTIPLY)
    },
    GATEConv: {"plain": {}},
    GENConv: {
        "plain": {},
        "no edges": {"edge_dim": None},
        "edges as wide as the layer": {"out_channels": EDGE_DIM} | EDGES,
        "nodes as wide as the layer": {"out_channels": NODE_DIM} | EDGES,
        "edges": EDGES,
        "one channel": {"out_channels": 1} | EDGES,
        "temperature": {"t": 0.3} | EDGES,
        "learnt temperature": {"learn_t": True} | EDGES,
        "temperature per channel": EDGES | {"aggr": SoftmaxAggregation(learn=True, channels=3)},
        "half of the gradient": {"aggr": "softmax_sg", "t": 2.0} | EDGES,
        "messages normalised": {"msg_norm": True, "in_channels": 3} | EDGES,
        "two kinds of nodes": TWO_KINDS,
    },
    AGNNConv: {
        "plain": {},
        "no loops": {"add_self_loops": False},
        "no factor": {"requires_grad": False},
    },
    FAConv: {
        "plain": {},
        "no loops": {"add_self_loops": False},
        "cached": {"cached": True},
        "not normalised": {"normalize": False},
        "without the start": {"eps": 0.0},
    },
    FeaStConv: {
        "plain": {},
        "one head": {"heads": 1},
        "one channel": {"out_channels": 1},
        "no loops, no bias": {"add_self_loops": False, "bias": False},
    },
    HEATConv: {
        "plain": {},
        "one head, one channel": {"heads": 1, "out_channels": 1},
        "averaged heads, no root": {"concat": False, "root_weight": False},
        "steep": {"negative_slope": 0.7, "bias": False},
    },
    PointTransformerConv: {
        "plain": {},
        "one channel": {"out_channels": 1},
        "no loops": {"add_self_loops": False},
        "networks": {
            "pos_nn": nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3)),
            "attn_nn": nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 3)),
        },
        "one weight for all channels": {"attn_nn": nn.Linear(3, 1)},
        "two kinds of nodes": TWO_KINDS,
    },
    GeneralConv: {
        "plain": {},
        "one head, one channel": {"heads": 1, "out_channels": 1},
        "edges": MESSAGES_OF_EDGES,
        "undirected": MESSAGES_OF_EDGES | {"directed_msg": False},
        "product": PRODUCT,
        "product, edges, undirected": PRODUCT
        | MESSAGES_OF_EDGES
        | {"directed_msg": False, "bias": False},
        "norm, no bias": {"l2_normalize": True, "skip_linear": True, "bias": False},
        "two kinds of nodes": TWO_KINDS,
    },
    ResGatedGraphConv: {
        "plain": {},
        "one channel": {"out_channels": 1},
        "edges": EDGES,
        "tangent, no root": EDGES | {"act": torch.tanh, "root_weight": False},
        "in place": {"act": nn.ReLU(inplace=True)},
        "two kinds of nodes": TWO_KINDS | EDGES,
    },
}
