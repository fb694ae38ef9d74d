"""TransformerConv: what is captured is what the paper's formula gives for every edge."""

import math

from torch_geometric.nn import TransformerConv

from support.layer_reference import assert_stages, linear, per_edge, per_head, softmax
from support.message_passing_cases import over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges = layer.heads, layer.out_channels, seen.edges
    query = per_head(linear(layer.lin_query, seen.target), H)
    key, value = (per_head(linear(lin, seen.source), H) for lin in (layer.lin_key, layer.lin_value))

    def state(edge):
        if seen.features is None:
            return 0
        return linear(layer.lin_edge, seen.features[edge][None]).reshape(H, D)

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


@over(TransformerConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)
