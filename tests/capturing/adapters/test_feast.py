"""FeaStConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import torch
from torch_geometric.nn import FeaStConv

from support.layer_reference import (
    BIPARTITE,
    NODE_DIM,
    assert_edges,
    assert_messages_add_up,
    assert_stages,
    linear,
    numbers,
    observe,
    per_edge,
    per_head,
)
from support.message_passing_cases import Seen, over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges = layer.heads, layer.out_channels, seen.edges
    source, target = numbers(seen.source), numbers(seen.target)
    value = per_head(linear(layer.lin, source), H)

    def logit(edge):
        j, i = edges[:, edge]
        return numbers(layer.u.weight) @ (source[j] - target[i]) + numbers(layer.c)

    logits = per_edge(edges.shape[1], (H, 1), lambda edge: logit(edge)[:, None])
    powers = np.exp(logits - logits.max(1, keepdims=True)) if logits.size else logits
    weights = powers / powers.sum(1, keepdims=True)

    def message(edge):
        return (weights[edge] * value[edges[0, edge]]).sum(0)[None]

    messages = per_edge(edges.shape[1], (1, D), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(FeaStConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


def test_between_two_sets_of_nodes_an_edge_to_the_same_number_is_dropped_as_a_loop():
    torch.manual_seed(0)
    layer = FeaStConv(NODE_DIM, 3, heads=2).eval()
    (graph,) = BIPARTITE.values()
    x = (graph.x[0], torch.randn(3, NODE_DIM))
    found = observe(layer, x, graph.edge_index)
    edges = np.array([[4, 4, 0, 1, 2], [2, 2, 0, 1, 2]])
    position = np.array([1, 2, -1, -1, -1])
    assert_edges(found, edges, position)
    assert_stages(found, formula(layer, Seen(*x, edges, None, edges[0], position)))
    assert_messages_add_up(found, reduce="mean")
