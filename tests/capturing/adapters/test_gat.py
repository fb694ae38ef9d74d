"""GATConv: what is captured is what the paper's formula gives for every edge."""

from torch_geometric.nn import GATConv

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
    lin = (layer.lin, layer.lin) if layer.lin is not None else (layer.lin_src, layer.lin_dst)
    z_source = per_head(linear(lin[0], seen.source), H)
    z_target = per_head(linear(lin[1], seen.target), H)
    a_source, a_target = numbers(layer.att_src[0]), numbers(layer.att_dst[0])

    def logit(edge):
        j, i = edges[:, edge]
        total = (a_source * z_source[j]).sum(-1) + (a_target * z_target[i]).sum(-1)
        if seen.features is not None:
            state = per_head(linear(layer.lin_edge, seen.features[edge][None]), H)[0]
            total = total + (numbers(layer.att_edge[0]) * state).sum(-1)
        return leaky_relu(total, layer.negative_slope)

    logits = per_edge(edges.shape[1], (H, 1), logit)
    weights = softmax(logits, edges[1])
    messages = per_edge(len(logits), (H, D), lambda edge: weights[edge] * z_source[edges[0, edge]])
    return {"logit": logits, "weight": weights, "message": messages}


@over(GATConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)
