"""GATConv: what is captured is what the paper's formula gives for every edge."""

import pytest
import torch
from torch_geometric.nn import GATConv

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
    return GATConv(options.pop("width", NODE_DIM), **({"out_channels": 3} | options)).eval()


def formula(layer, source, target, edges, features):
    """Return every stage for the edges ``[2, E]`` from source states to target states."""
    H, D = layer.heads, layer.out_channels
    lin = (layer.lin, layer.lin) if layer.lin is not None else (layer.lin_src, layer.lin_dst)
    z_source, z_target = per_head(linear(lin[0], source), H), per_head(linear(lin[1], target), H)
    a_source, a_target = numbers(layer.att_src[0]), numbers(layer.att_dst[0])

    def logit(edge):
        j, i = edges[:, edge]
        total = (a_source * z_source[j]).sum(-1) + (a_target * z_target[i]).sum(-1)
        if features is not None and layer.lin_edge is not None:
            state = per_head(linear(layer.lin_edge, features[edge][None]), H)[0]
            total = total + (numbers(layer.att_edge[0]) * state).sum(-1)
        return leaky_relu(total, layer.negative_slope)

    logits = per_edge(edges.shape[1], (H, 1), logit)
    weights = softmax(logits, edges[1])
    messages = per_edge(len(logits), (H, D), lambda edge: weights[edge] * z_source[edges[0, edge]])
    return {"logit": logits, "weight": weights, "message": messages}


OPTIONS = {
    "plain": {},
    "heads": {"heads": 2},
    "one channel": {"heads": 2, "out_channels": 1},
    "edges": {"heads": 2, "edge_dim": EDGE_DIM},
    "edges filled with a number": {"edge_dim": EDGE_DIM, "fill_value": 0.5},
    "edges filled with a tensor": {"edge_dim": EDGE_DIM, "fill_value": torch.arange(3.0)},
    "no loops": {"heads": 2, "edge_dim": EDGE_DIM, "add_self_loops": False},
    "averaged heads, residual": {"heads": 2, "concat": False, "residual": True},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    features = graph.edge_attr if layer.edge_dim else None
    if layer.add_self_loops:
        fill = layer.fill_value
        fill = numbers(fill) if isinstance(fill, torch.Tensor) else fill
        edges, states, position = with_loops(graph.edge_index, features, len(graph.x), fill)
    else:
        edges, states, position = graph.edge_index.numpy(), numbers(graph.edge_attr), None
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
    feature = MULTIGRAPH.edge_attr[:, 0]
    edges, states, _ = with_loops(MULTIGRAPH.edge_index, feature, 5)
    found = observe(layer, MULTIGRAPH.x, MULTIGRAPH.edge_index, feature)
    assert_stages(found, formula(layer, MULTIGRAPH.x, MULTIGRAPH.x, edges, states))


@pytest.mark.parametrize("loops", [True, False])
def test_sources_and_targets_may_be_two_kinds_of_nodes(loops):
    layer = layer_of(width=(NODE_DIM, 2), heads=2, add_self_loops=loops)
    x, edge_index = (MULTIGRAPH.x, torch.randn(3, 2)), torch.tensor([[0, 4, 4, 1], [0, 2, 2, 1]])
    edges, _, position = with_loops(edge_index, None, 3)
    if not loops:
        edges, position = edge_index.numpy(), None
    found = observe(layer, x, edge_index)
    assert_stages(found, formula(layer, *x, edges, None))
    assert_edges(found, edges, position)
    assert_messages_add_up(found)
