"""Layers of attention written out in numpy, with a change of the values at any stage."""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

from edgescope.models import EdgeAttention
from support.layer_reference import (
    EDGE_DIM,
    NODE_DIM,
    Alone,
    leaky_relu,
    linear,
    numbers,
    per_head,
    softmax,
    with_loops,
)

HEADS, CHANNELS = 2, 3
WIDTH = HEADS * CHANNELS
NAMES = {"x": "node"}


class Own(nn.Module):
    """Edgescope's attention with features of nodes and edges as they are."""

    def __init__(self, **options):
        super().__init__()
        self.node, self.edge = nn.Linear(NODE_DIM, WIDTH), nn.Linear(EDGE_DIM, WIDTH)
        self.conv = EdgeAttention(WIDTH, HEADS, **options)

    def forward(self, x, edge_index, edge_attr):
        return self.conv(self.node(x), self.edge(edge_attr), edge_index)[0]


def own_reference(model, graph, change):
    layer, (source, target) = model.conv, graph.edge_index.numpy()
    node, edge = linear(model.node, graph.x), linear(model.edge, graph.edge_attr)
    query, key, value = (
        per_head(linear(part, node), HEADS) for part in (layer.query, layer.key, layer.value)
    )
    if layer.qk_norm:
        query, key = rms(query, layer.query_norm), rms(key, layer.key_norm)
    projected = per_head(linear(layer.edge, edge), HEADS)
    score = change("score", key[source] * query[target] / np.sqrt(CHANNELS) * projected)
    logit = change("logit", score.sum(-1, keepdims=True))
    limit, cap = layer.weight.limit, layer.weight.cap
    if limit is not None:
        logit = np.clip(logit, -limit, limit)
    elif cap is not None:
        logit = cap * np.tanh(logit / cap)
    sink = None if layer.sink is None else numbers(layer.sink.logit)[:, None]
    largest = np.full((len(node), HEADS, 1), -np.inf if sink is None else sink)
    np.maximum.at(largest, target, logit)
    # The clamp's floor is added to weights as they are, so nothing is subtracted there.
    largest = np.zeros_like(largest) if limit is not None else largest
    power = np.exp(logit - largest[target])
    total = np.zeros((len(node), HEADS, 1)) if sink is None else np.exp(sink - largest)
    np.add.at(total, target, power)
    weight = change("weight", power / (total + (0 if limit is None else 1e-6))[target])
    out = gathered(change("message", weight * value[source]), target, len(node))
    if layer.gate is not None:
        out = out / (1 + np.exp(-node @ numbers(layer.gate.weight).T - numbers(layer.gate.bias)))
    return out


def rms(values, norm):
    """Divide ``[V, H, D]`` by the root of the mean square over channels; times the gains."""
    return values / np.sqrt((values**2).mean(-1, keepdims=True) + norm.eps) * numbers(norm.weight)


def gathered(message, target, nodes):
    """Add up messages ``[E, H, D]`` at their targets, one after the other."""
    out = np.zeros((nodes, *message.shape[1:]))
    for edge, node in enumerate(target):
        out[node] += message[edge]
    return out.reshape(nodes, -1)


def gat_reference(model, graph, change):
    layer, nodes = model.conv, len(graph.x)
    (source, target), features, _ = with_loops(graph.edge_index, graph.edge_attr, nodes)
    state = per_head(linear(layer.lin, graph.x), HEADS)
    edge = per_head(linear(layer.lin_edge, features), HEADS)
    parts = (state[source] * numbers(layer.att_src), state[target] * numbers(layer.att_dst))
    total = sum(part.sum(-1) for part in (*parts, edge * numbers(layer.att_edge)))
    logit = change("logit", leaky_relu(total)[..., None])
    weight = change("weight", softmax(logit, target))
    return gathered(change("message", weight * state[source]), target, nodes)


def gatv2_reference(model, graph, change):
    layer, nodes = model.conv, len(graph.x)
    (source, target), features, _ = with_loops(graph.edge_index, graph.edge_attr, nodes)
    left, right = (per_head(linear(part, graph.x), HEADS) for part in (layer.lin_l, layer.lin_r))
    edge = per_head(linear(layer.lin_edge, features), HEADS)
    score = leaky_relu(left[source] + right[target] + edge) * numbers(layer.att)
    logit = change("logit", change("score", score).sum(-1, keepdims=True))
    weight = change("weight", softmax(logit, target))
    return gathered(change("message", weight * left[source]), target, nodes)


def transformer_reference(model, graph, change):
    layer, (source, target) = model.conv, graph.edge_index.numpy()
    query, key, value = (
        per_head(linear(part, graph.x), HEADS)
        for part in (layer.lin_query, layer.lin_key, layer.lin_value)
    )
    edge = per_head(linear(layer.lin_edge, graph.edge_attr), HEADS)
    score = change("score", query[target] * (key[source] + edge) / np.sqrt(CHANNELS))
    logit = change("logit", score.sum(-1, keepdims=True))
    weight = change("weight", softmax(logit, target))
    return gathered(change("message", weight * (value[source] + edge)), target, len(graph.x))


def alone(kind, **more):
    options = {"heads": HEADS, "edge_dim": EDGE_DIM, "bias": False}
    return Alone(kind(NODE_DIM, CHANNELS, **options, **more))


BOUNDS = {
    "no clamp": {"logit_limit": None},
    "soft cap": {"logit_limit": None, "logit_cap": 0.5},
    "normalised": {"qk_norm": True},
    "sink": {"sink": True},
    "sink, no clamp": {"logit_limit": None, "sink": True},
    "softmax off by one": {"logit_limit": None, "sink": "fixed"},
    "gated": {"gated_output": True},
    "all but a clamp": {"logit_limit": None, "logit_cap": 0.5, "qk_norm": True, "sink": True},
}


def bounded(name):
    """Edgescope's attention with other bounds, whose gains and sinks have learnt something."""
    model = Own(**BOUNDS[name])
    with torch.no_grad():
        for part, parameter in model.named_parameters():
            if "norm" in part or "sink" in part or "gate" in part:
                parameter.normal_()
    return model


LAYERS = {
    "EdgeAttention": (Own, own_reference),
    **{f"EdgeAttention, {name}": (partial(bounded, name), own_reference) for name in BOUNDS},
    "GATConv": (lambda: alone(GATConv), gat_reference),
    "GATv2Conv": (lambda: alone(GATv2Conv), gatv2_reference),
    "TransformerConv": (
        lambda: alone(TransformerConv, root_weight=False),
        transformer_reference,
    ),
}
STAGES = ("score", "logit", "weight", "message")
CASES = [(k, s) for k in LAYERS for s in STAGES if (k, s) != ("GATConv", "score")]


def made(name, seed=0):
    torch.manual_seed(seed)
    return LAYERS[name][0]().eval()
