"""HEATConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
from torch_geometric.nn import HEATConv

from support.layer_reference import assert_stages, leaky_relu, linear, numbers, per_edge, softmax
from support.message_passing_cases import over


def formula(layer, seen, node_type):
    """Return every stage for the edges that the layer saw."""
    H, D, edges, slope = layer.heads, layer.out_channels, seen.edges, layer.negative_slope
    x, own = numbers(seen.source), layer.hetero_lin
    state = np.array([x[n] @ numbers(own.weight)[kind] for n, kind in enumerate(node_type)])
    if own.bias is not None:
        state = state + numbers(own.bias)[node_type]
    embedded = leaky_relu(numbers(layer.edge_type_emb.weight), slope)

    def features(edge):
        return leaky_relu(linear(layer.edge_attr_emb, seen.features[edge]), slope)

    def logit(edge):
        j, i = edges[:, edge]
        parts = [state[i], state[j], embedded[seen.kind[edge]], features(edge)]
        return leaky_relu(linear(layer.att, np.concatenate(parts)), slope)[:, None]

    logits = per_edge(edges.shape[1], (H, 1), logit)
    weights = softmax(logits, edges[1])

    def message(edge):
        value = linear(layer.lin, np.concatenate([state[edges[0, edge]], features(edge)]))
        return weights[edge] * value

    messages = per_edge(edges.shape[1], (H, D), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(HEATConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer), example.node_type.numpy())
    assert_stages(example.observe(layer), expected, example.dtype)
