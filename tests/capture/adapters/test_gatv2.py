"""GATv2Conv: what is captured is what the paper's formula gives for every edge."""

import pytest
import torch
from torch_geometric.nn import GATv2Conv

from layer_reference import (
    EDGE_DIM,
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
    layer = GATv2Conv(options.pop("width", NODE_DIM), **({"out_channels": 3} | options))
    torch.nn.init.normal_(layer.lin_l.bias)
    return layer.eval()


def formula(layer, source, target, edges, features):
    """Return every stage for the edges ``[2, E]`` from source states to target states."""
    H, D = layer.heads, layer.out_channels
    left, right = per_head(linear(layer.lin_l, source), H), per_head(linear(layer.lin_r, target), H)

    def score(edge):
        j, i = edges[:, edge]
        state = left[j] + right[i]
        if layer.lin_edge is not None:
            state = state + per_head(linear(layer.lin_edge, features[edge][None]), H)[0]
        return numbers(layer.att[0]) * leaky_relu(state, layer.negative_slope)

    scores = per_edge(edges.shape[1], (H, D), score)
    logits = scores.sum(-1, keepdims=True)
    weights = softmax(logits, edges[1])
    messages = per_edge(edges.shape[1], (H, D), lambda edge: weights[edge] * left[edges[0, edge]])
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


OPTIONS = {
    "plain": {},
    "shared weights": {"heads": 2, "share_weights": True},
    "one channel": {"heads": 2, "out_channels": 1},
    "edges": {"heads": 2, "edge_dim": EDGE_DIM},
    "edges filled with a number": {"edge_dim": EDGE_DIM, "fill_value": 0.5},
    "no loops": {"heads": 2, "edge_dim": EDGE_DIM, "add_self_loops": False},
    "averaged heads, residual": {"heads": 2, "concat": False, "residual": True},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    features = graph.edge_attr if layer.edge_dim else None
    edges, states, position = graph.edge_index.numpy(), numbers(graph.edge_attr), None
    if layer.add_self_loops:
        edges, states, position = with_loops(
            graph.edge_index, features, len(graph.x), layer.fill_value
        )
    found = observe(layer, graph.x, graph.edge_index, features, return_attention_weights=True)
    assert_stages(found, formula(layer, graph.x, graph.x, edges, states))
    assert_edges(found, edges, position)
    assert_messages_add_up(found)
    assert torch.equal(found.stages["weight"].values.squeeze(-1), found.output[1][1])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    layer = layer_of(heads=2, edge_dim=EDGE_DIM).to(dtype)
    x, features = MULTIGRAPH.x.to(dtype), MULTIGRAPH.edge_attr.to(dtype)
    edges, states, _ = with_loops(MULTIGRAPH.edge_index, features, len(x))
    found = observe(layer, x, MULTIGRAPH.edge_index, features)
    assert_stages(found, formula(layer, x, x, edges, states), dtype)


def test_one_number_per_edge_may_come_without_a_dimension():
    layer = layer_of(heads=2, edge_dim=1)
    x, feature = MULTIGRAPH.x, MULTIGRAPH.edge_attr[:, 0]
    edges, states, _ = with_loops(MULTIGRAPH.edge_index, feature, len(x))
    found = observe(layer, x, MULTIGRAPH.edge_index, feature)
    assert_stages(found, formula(layer, x, x, edges, states))


def test_sources_and_targets_may_be_two_kinds_of_nodes():
    layer = layer_of(width=(NODE_DIM, 2), heads=2, add_self_loops=False)
    x, edge_index = (MULTIGRAPH.x, torch.randn(3, 2)), torch.tensor([[0, 4, 4, 1], [0, 2, 2, 1]])
    found = observe(layer, x, edge_index)
    assert_stages(found, formula(layer, *x, edge_index.numpy(), None))
    assert_edges(found, edge_index.numpy())
    assert_messages_add_up(found)
