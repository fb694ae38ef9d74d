"""GATv2Conv: what is captured is what the paper's formula gives for every edge."""

from torch_geometric.nn import GATv2Conv

from support.layer_reference import (
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    per_edge,
    per_head,
    softmax,
)
from support.message_passing_cases import over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges = layer.heads, layer.out_channels, seen.edges
    left = per_head(linear(layer.lin_l, seen.source), H)
    right = per_head(linear(layer.lin_r, seen.target), H)

    def score(edge):
        j, i = edges[:, edge]
        state = left[j] + right[i]
        if seen.features is not None:
            state = state + per_head(linear(layer.lin_edge, seen.features[edge][None]), H)[0]
        return numbers(layer.att[0]) * leaky_relu(state, layer.negative_slope)

    scores = per_edge(edges.shape[1], (H, D), score)
    logits = scores.sum(-1, keepdims=True)
    weights = softmax(logits, edges[1])
    messages = per_edge(edges.shape[1], (H, D), lambda edge: weights[edge] * left[edges[0, edge]])
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


@over(GATv2Conv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)
