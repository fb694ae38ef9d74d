"""TransformerConv: what is captured is what the paper's formula gives for every edge."""

import math

import pytest
import torch
from torch_geometric.nn import TransformerConv

from layer_reference import (
    EDGE_DIM,
    GRAPHS,
    MULTIGRAPH,
    NODE_DIM,
    TOLERANCE,
    assert_edges,
    assert_messages_add_up,
    assert_stages,
    linear,
    observe,
    per_edge,
    per_head,
    softmax,
)


def layer_of(**options):
    torch.manual_seed(0)
    width = options.pop("width", NODE_DIM)
    return TransformerConv(width, **({"out_channels": 3} | options)).eval()


def formula(layer, source, target, edge_index, edge_attr):
    """Return every stage for the edges ``[2, E]`` from source states to target states."""
    H, D, edges = layer.heads, layer.out_channels, edge_index.numpy()
    query = per_head(linear(layer.lin_query, target), H)
    key, value = (per_head(linear(lin, source), H) for lin in (layer.lin_key, layer.lin_value))

    def state(edge):
        if layer.lin_edge is None:
            return 0
        return linear(layer.lin_edge, edge_attr[edge][None]).reshape(H, D)

    def score(edge):
        j, i = edges[:, edge]
        return query[i] * (key[j] + state(edge)) / math.sqrt(D)

    scores = per_edge(edges.shape[1], (H, D), score)
    logits = scores.sum(-1, keepdims=True)
    weights = softmax(logits, edges[1])

    def message(edge):
        return weights[edge] * (value[edges[0, edge]] + state(edge))

    messages = per_edge(edges.shape[1], (H, D), message)
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


OPTIONS = {
    "plain": {},
    "heads": {"heads": 2},
    "one channel": {"heads": 2, "out_channels": 1},
    "edges": {"heads": 2, "edge_dim": EDGE_DIM},
    "no bias": {"heads": 2, "edge_dim": EDGE_DIM, "bias": False},
    "beta": {"heads": 2, "edge_dim": EDGE_DIM, "beta": True},
    "averaged heads, no root": {"heads": 2, "concat": False, "root_weight": False},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    features = graph.edge_attr if layer.edge_dim else None
    found = observe(layer, graph.x, graph.edge_index, features, return_attention_weights=True)
    assert_stages(found, formula(layer, graph.x, graph.x, graph.edge_index, graph.edge_attr))
    assert_edges(found, graph.edge_index.numpy())
    assert_messages_add_up(found)
    assert torch.equal(found.stages["weight"].values.squeeze(-1), found.output[1][1])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    layer = layer_of(heads=2, edge_dim=EDGE_DIM).to(dtype)
    x, edge_index, features = MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr
    found = observe(layer, x.to(dtype), edge_index, features.to(dtype))
    assert_stages(found, formula(layer, x, x, edge_index, features), dtype)


def test_sources_and_targets_may_be_two_kinds_of_nodes():
    layer = layer_of(width=(NODE_DIM, 2), heads=2, edge_dim=EDGE_DIM)
    x, edge_index = (MULTIGRAPH.x, torch.randn(3, 2)), torch.tensor([[0, 4, 4, 1], [0, 2, 2, 1]])
    features = torch.randn(4, EDGE_DIM)
    found = observe(layer, x, edge_index, features)
    assert_stages(found, formula(layer, *x, edge_index, features))
    assert_edges(found, edge_index.numpy())
    assert_messages_add_up(found)
