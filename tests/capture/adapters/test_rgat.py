"""RGATConv: what is captured is what the paper's formula gives for every edge and relation."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import RGATConv

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
    softmax,
)

RELATIONS = 4  # one of them has no edges


def layer_of(**options):
    torch.manual_seed(0)
    options = {"out_channels": 3, "num_relations": RELATIONS, "heads": 2} | options
    layer = RGATConv(NODE_DIM, **options).eval()
    for parameter in (layer.w, layer.l1, layer.b1, layer.l2, layer.b2):
        torch.nn.init.uniform_(parameter)  # the modes' parameters start as ones or unset
    return layer


def projections(layer):
    """Return the matrix of every relation ``[F, H * D]``, written out from its decomposition."""
    if layer.num_bases is not None:
        return np.einsum("rb,bfd->rfd", numbers(layer.att), numbers(layer.basis))
    weights = numbers(layer.weight)
    if layer.num_blocks is None:
        return weights
    whole = np.zeros((RELATIONS, layer.in_channels, layer.heads * layer.out_channels))
    F, D = weights.shape[2:]
    for block in range(layer.num_blocks):
        whole[:, block * F : (block + 1) * F, block * D : (block + 1) * D] = weights[:, block]
    return whole


def formula(layer, x, edge_index, edge_type, edge_attr):
    """Return every stage for the edges ``[2, E]``."""
    H, D, edges, kind = layer.heads, layer.out_channels, edge_index.numpy(), edge_type.numpy()
    W, x, size = projections(layer), numbers(x), edge_index.size(1)
    additive = layer.attention_mode.startswith("additive")

    def logit(edge):
        j, i = edges[:, edge]
        query, key = (x[node] @ W[kind[edge]] for node in (i, j))
        parts = [query @ numbers(layer.q), key @ numbers(layer.k)]
        if layer.lin_edge is not None:
            parts.append(linear(layer.lin_edge, edge_attr[edge]) @ numbers(layer.e))
        return leaky_relu(sum(parts), layer.negative_slope) if additive else np.prod(parts, axis=0)

    logits = per_edge(size, (H, layer.dim), logit)
    if layer.attention_mechanism == "within-relation":
        weights = softmax(logits, edges[1] * RELATIONS + kind)
    else:
        weights = softmax(logits, edges[1])
    degree = np.bincount(edges[1], minlength=len(x))

    def message(edge):
        j, i = edges[:, edge]
        state = (x[j] @ W[kind[edge]]).reshape(H, 1, D)
        weight = weights[edge][:, :, None]
        if layer.mod == "additive":
            return weight * state + numbers(layer.w) * state
        if layer.mod == "f-additive":
            return (weight + (weight > 0)) * state
        if layer.mod == "f-scaled":
            return degree[i] * weight * state
        if layer.mod == "scaled":
            hidden = np.maximum(degree[i] * numbers(layer.l1) + numbers(layer.b1), 0)
            return weight * state * (hidden @ numbers(layer.l2) + numbers(layer.b2))
        return weight * state

    messages = per_edge(size, (H, layer.dim * D), message)
    return {"logit": logits, "weight": weights, "message": messages}


def run(layer, x, graph, features, **options):
    return observe(layer, x, graph.edge_index, features, edge_type=graph.edge_type, **options)


MULTIPLY = {"attention_mode": "multiplicative-self-attention", "dim": 2}
OPTIONS = {
    "plain": {},
    "one head, one channel": {"heads": 1, "out_channels": 1},
    "edges": {"edge_dim": EDGE_DIM},
    "within relation": {"edge_dim": EDGE_DIM, "attention_mechanism": "within-relation"},
    "bases": {"num_bases": 2},
    "blocks": {"num_blocks": 2, "edge_dim": EDGE_DIM},
    "averaged heads": {"concat": False},
    "multiplicative": MULTIPLY,
    "multiplicative, edges": MULTIPLY | {"edge_dim": EDGE_DIM, "num_bases": 2},
} | {
    f"{mod}, dim {mode.get('dim', 1)}": mode | {"mod": mod}
    for mod in ("additive", "scaled", "f-additive", "f-scaled")
    for mode in ({}, MULTIPLY)
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    features = graph.edge_attr if layer.edge_dim else None
    found = run(layer, graph.x, graph, features, return_attention_weights=True)
    assert_stages(
        found, formula(layer, graph.x, graph.edge_index, graph.edge_type, graph.edge_attr)
    )
    assert_edges(found, graph.edge_index.numpy())
    assert_messages_add_up(found)
    assert torch.equal(found.stages["weight"].values.flatten(1), found.output[1][1])
    for stage in found.stages.values():
        assert torch.equal(stage.edge_type, graph.edge_type)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    layer = layer_of(edge_dim=EDGE_DIM, num_bases=2).to(dtype)
    x, features = MULTIGRAPH.x.to(dtype), MULTIGRAPH.edge_attr.to(dtype)
    found = run(layer, x, MULTIGRAPH, features)
    expected = formula(layer, x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_type, features)
    assert_stages(found, expected, dtype)


def test_one_number_per_edge_may_come_without_a_dimension():
    layer, graph = layer_of(edge_dim=1), MULTIGRAPH
    found = run(layer, graph.x, graph, graph.edge_attr[:, 0])
    feature = graph.edge_attr[:, :1]
    assert_stages(found, formula(layer, graph.x, graph.edge_index, graph.edge_type, feature))
