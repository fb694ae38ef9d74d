"""What is tried for every option and every form of input of the layers that pass messages."""

import inspect
from collections.abc import Sequence
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

LAYERS: tuple[type[nn.Module], ...] = (
    GATConv,
    GATv2Conv,
    TransformerConv,
    SuperGATConv,
    RGATConv,
    GATEConv,
    GENConv,
    AGNNConv,
    HEATConv,
    PointTransformerConv,
    GeneralConv,
    FAConv,
    FeaStConv,
    ResGatedGraphConv,
)
GATES = (FAConv, FeaStConv, ResGatedGraphConv)
"""Those whose weights do not come from a softmax over the edges of a node."""

NODE_DIM, EDGE_DIM, RELATIONS = 4, 3, 3

OPTIONS: dict[str, Sequence[Any]] = {
    "in_channels": (NODE_DIM, (NODE_DIM, 2), (NODE_DIM, NODE_DIM), -1),
    "out_channels": (3, 2, 1),
    "heads": (2, 1, 3),
    "concat": (True, False),
    "negative_slope": (0.2, 0.7, 0.0),
    "dropout": (0.0, 0.4),
    "add_self_loops": (False, True),
    "edge_dim": (None, EDGE_DIM, 1),
    "fill_value": ("mean", "add", "min", "max", "mul", 0.5, torch.tensor([-0.5])),
    "bias": (True, False),
    "residual": (False, True),
    "share_weights": (False, True),
    "beta": (False, True),
    "root_weight": (True, False),
    "attention_type": ("MX", "SD"),
    "neg_sample_ratio": (0.5, 1.0),
    "edge_sample_ratio": (1.0, 0.5),
    "is_undirected": (False, True),
    "num_relations": (RELATIONS,),
    "num_bases": (None, 2),
    "num_blocks": (None, 2),
    "mod": (None, "additive", "scaled", "f-additive", "f-scaled"),
    "attention_mechanism": ("across-relation", "within-relation"),
    "attention_mode": ("additive-self-attention", "multiplicative-self-attention"),
    "dim": (1, 2),
    "t": (1.0, 0.3, -2.0),
    "learn_t": (False, True),
    "p": (1.0,),
    "learn_p": (False,),
    "msg_norm": (False, True),
    "learn_msg_scale": (False, True),
    "norm": ("layer", "batch", None),
    "num_layers": (2, 1),
    "expansion": (2, 1),
    "eps": (1e-7, 0.1),
    "requires_grad": (True, False),
    "channels": (NODE_DIM, -1),
    "cached": (False, True),
    "normalize": (True, False),
    "num_node_types": (2,),
    "num_edge_types": (RELATIONS,),
    "edge_type_emb_dim": (3, 1),
    "edge_attr_emb_dim": (2, 1),
    "pos_nn": (None, "network"),
    "attn_nn": (None, "network", "one"),
    "in_edge_channels": (None, EDGE_DIM),
    "skip_linear": (False, True),
    "directed_msg": (True, False),
    "attention": (True,),
    "l2_normalize": (False, True),
    "act": (nn.Sigmoid(), torch.tanh, nn.ReLU(inplace=True), nn.PReLU()),
    # Of every layer that passes messages.
    "aggr": ("add", "mean", "max"),
    "flow": ("source_to_target", "target_to_source"),
}
"""Values of the options of a constructor by name, the ordinary one first."""

_OWN: dict[type[nn.Module], dict[str, Sequence[Any]]] = {
    SuperGATConv: {"in_channels": (NODE_DIM, -1)},
    RGATConv: {"in_channels": (NODE_DIM,), "out_channels": (2, 4)},
    GATEConv: {"in_channels": (NODE_DIM,), "out_channels": (NODE_DIM,), "edge_dim": (EDGE_DIM, 1)},
    FAConv: {"eps": (0.1, 0.0)},
    FeaStConv: {"in_channels": (NODE_DIM, -1)},
    HEATConv: {"in_channels": (NODE_DIM,), "edge_dim": (EDGE_DIM, 1)},
    PointTransformerConv: {"in_channels": (NODE_DIM, (NODE_DIM, 2), -1)},
    GeneralConv: {
        "in_channels": (NODE_DIM, (NODE_DIM, 2), -1),
        "attention_type": ("additive", "dot_product"),
    },
    ResGatedGraphConv: {"edge_dim": (None, EDGE_DIM)},
    GENConv: {
        "in_channels": (NODE_DIM, 3, (NODE_DIM, 2), -1),
        "out_channels": (3, 1),
        "aggr": ("softmax", "softmax_sg", SoftmaxAggregation(learn=True, channels=3)),
    },
}
"""Other values where a layer takes those alone."""

STATES: dict[type[nn.Module], Sequence[str]] = {
    GATConv: ("one", "twice", "pair", "sources alone"),
    GENConv: ("one", "twice", "pair", "sources alone"),
    SuperGATConv: ("one",),
    GATEConv: ("one",),
    AGNNConv: ("one",),
    FAConv: ("one",),
    HEATConv: ("one",),
}
"""How node states may be given: ``x``, ``(x, x)``, ``(x_s, x_t)`` or ``(x, None)``."""

# Shapes of the features of E edges of R relations, at a layer of H heads of C channels.
_PLAIN = ("[E, D]", "[E]", "[E, 1]")
_PROJECTED = (*_PLAIN, "[1, D]", "[D]", "[1, E, D]", "[E, 1, D]", "[1, R, D]")
_ADDED = ("[]", "[E, 1, 1]", "[C]", "[1, C]", "[H, C]", "[E, H, C]", "[E, C]", "[E]")


def options(layer: type[nn.Module]) -> dict[str, Sequence[Any]]:
    """Return what is tried for every option of a layer's constructor.

    Raises:
        KeyError: if it has an option that the tables do not know.
    """
    given = inspect.signature(layer.__init__).parameters.values()
    names = [each.name for each in given if each.kind is each.POSITIONAL_OR_KEYWORD]
    if any(each.kind is each.VAR_KEYWORD for each in given):
        names += [name for name in ("aggr", "flow") if name not in names]
    return {name: _OWN.get(layer, {}).get(name, OPTIONS[name]) for name in names if name != "self"}


def edge_shapes(layer: type[nn.Module], chosen: dict[str, Any]) -> Sequence[str]:
    """Return the names of the shapes of edge features that are tried; ``"none"`` is without."""
    if layer in {GeneralConv, ResGatedGraphConv, GATEConv, HEATConv}:  # if they are built for any
        built = chosen.get("in_edge_channels", chosen.get("edge_dim")) is not None
        return ("[E, D]",) if built else ("none",)
    if "edge_dim" not in chosen:
        return ("none",)
    if layer is GENConv:  # which may project, and adds what has as many channels
        return ("none", "[E, D]", "[1, D]", "[D]", "[1, E, D]", "[E, 1, D]")
    if chosen["edge_dim"] is None:
        return ("none", *_ADDED) if layer in {TransformerConv, GATConv} else ("none",)
    if chosen.get("add_self_loops"):
        return _PLAIN
    return ("none", *_PROJECTED) if layer is RGATConv else _PROJECTED
