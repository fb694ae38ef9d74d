"""RGATConv: what is captured is what the paper's formula gives for every edge and relation."""

import numpy as np
import torch
from torch_geometric.nn import RGATConv

from support.layer_reference import assert_stages, leaky_relu, linear, numbers, per_edge, softmax
from support.message_passing_cases import over


def projections(layer):
    """Return the matrix of every relation ``[F, H * D]``, written out from its decomposition."""
    if layer.num_bases is not None:
        return np.einsum("rb,bfd->rfd", numbers(layer.att), numbers(layer.basis))
    weights = numbers(layer.weight)
    if layer.num_blocks is None:
        return weights
    whole = np.zeros((layer.num_relations, layer.in_channels, layer.heads * layer.out_channels))
    F, D = weights.shape[2:]
    for block in range(layer.num_blocks):
        whole[:, block * F : (block + 1) * F, block * D : (block + 1) * D] = weights[:, block]
    return whole


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges, kind = layer.heads, layer.out_channels, seen.edges, seen.kind
    W, x, size = projections(layer), numbers(seen.source), edges.shape[1]
    additive = layer.attention_mode.startswith("additive")

    def logit(edge):
        j, i = edges[:, edge]
        query, key = (x[node] @ W[kind[edge]] for node in (i, j))
        parts = [query @ numbers(layer.q), key @ numbers(layer.k)]
        if seen.features is not None:
            parts.append(linear(layer.lin_edge, seen.features[edge]) @ numbers(layer.e))
        return leaky_relu(sum(parts), layer.negative_slope) if additive else np.prod(parts, axis=0)

    logits = per_edge(size, (H, layer.dim), logit)
    if layer.attention_mechanism == "within-relation":
        weights = softmax(logits, edges[1] * layer.num_relations + kind)
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


@over(RGATConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


@over(RGATConv)
def test_the_type_of_a_row_is_its_relation(example):
    for stage in example.observe(example.build()).stages.values():
        assert torch.equal(stage.edge_type, example.graph.edge_type)
