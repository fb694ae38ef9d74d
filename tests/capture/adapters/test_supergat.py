"""SuperGATConv: what is captured is what the paper's two formulas give for every edge."""

import math

import numpy as np
import pytest
import torch
from torch_geometric.nn import SuperGATConv

from layer_reference import (
    GRAPHS,
    MULTIGRAPH,
    NODE_DIM,
    TOLERANCE,
    assert_edges,
    assert_messages_add_up,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    observe,
    per_edge,
    per_head,
    softmax,
    with_loops,
)


def layer_of(**options):
    torch.manual_seed(0)
    return SuperGATConv(NODE_DIM, **({"out_channels": 3, "heads": 2} | options)).eval()


def formula(layer, x, edges):
    """Return every stage for the edges ``[2, E]``."""
    H, D, mixed = layer.heads, layer.out_channels, layer.attention_type == "MX"
    z = per_head(linear(layer.lin, x), H)

    def score(edge):
        j, i = edges[:, edge]
        return z[i] * z[j] / math.sqrt(D)

    def mixed_logit(edge):
        j, i = edges[:, edge]
        total = (numbers(layer.att_l[0]) * z[j] + numbers(layer.att_r[0]) * z[i]).sum(-1)
        return total / (1 + np.exp(-(z[i] * z[j]).sum(-1)))

    scores = per_edge(edges.shape[1], (H, D), score)
    total = scores.sum(-1, keepdims=True)
    if mixed:
        total = per_edge(edges.shape[1], (H, 1), mixed_logit)
    logits = leaky_relu(total, layer.negative_slope)
    weights = softmax(logits, edges[1])
    messages = per_edge(len(logits), (H, D), lambda edge: weights[edge] * z[edges[0, edge]])
    stages = {"logit": logits, "weight": weights, "message": messages}
    return stages if mixed else {"score": scores} | stages


OPTIONS = {
    "mixed": {},
    "product": {"attention_type": "SD"},
    "product, one head, one channel": {"attention_type": "SD", "heads": 1, "out_channels": 1},
    "no loops": {"add_self_loops": False},
    "averaged heads": {"attention_type": "SD", "concat": False, "negative_slope": 0.7},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    edges, position = graph.edge_index.numpy(), None
    if layer.add_self_loops:
        edges, _, position = with_loops(graph.edge_index, None, len(graph.x))
    found = observe(layer, graph.x, graph.edge_index)
    assert_stages(found, formula(layer, graph.x, edges))
    assert_edges(found, edges, position)
    assert_messages_add_up(found)


@pytest.mark.parametrize("kind", ["MX", "SD"])
def test_weights_are_bit_for_bit_what_the_layer_computes(kind):
    layer = layer_of(attention_type=kind)
    found = observe(layer, MULTIGRAPH.x, MULTIGRAPH.edge_index)
    edges = found.stages["weight"].edge_index
    z = layer.lin(MULTIGRAPH.x).view(-1, 2, 3)
    computed = layer.get_attention(edges[1], z[edges[1]], z[edges[0]], num_nodes=5)
    assert torch.equal(found.stages["weight"].values.squeeze(-1), computed)


@pytest.mark.parametrize("kind", ["MX", "SD"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype, kind):
    layer = layer_of(attention_type=kind).to(dtype)
    edges, _, _ = with_loops(MULTIGRAPH.edge_index, None, len(MULTIGRAPH.x))
    found = observe(layer, MULTIGRAPH.x.to(dtype), MULTIGRAPH.edge_index)
    assert_stages(found, formula(layer, MULTIGRAPH.x, edges), dtype)


def test_the_self_supervised_task_of_training_leaves_no_rows():
    layer = layer_of().train()
    found = observe(layer, MULTIGRAPH.x, MULTIGRAPH.edge_index)
    edges, _, _ = with_loops(MULTIGRAPH.edge_index, None, len(MULTIGRAPH.x))
    assert layer.att_x.size(0) > edges.shape[1]  # edges and sampled non-edges
    assert_stages(found, formula(layer, MULTIGRAPH.x, edges))
