"""GeneralConv: what is captured is what the layer's formula gives for every edge."""

import math

from torch import nn
from torch_geometric.nn import GeneralConv

import edgescope as es
from support.layer_reference import (
    NODE_DIM,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    per_edge,
    softmax,
)
from support.message_passing_cases import over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges = layer.heads, layer.out_channels, seen.edges
    source, target = numbers(seen.source), numbers(seen.target)

    def unweighted(edge, own, other):
        found = linear(layer.lin_msg, other)
        if not layer.directed_msg:
            found = found + linear(layer.lin_msg_i, own)
        if seen.features is not None:
            found = found + linear(layer.lin_edge, seen.features[edge])
        return found.reshape(H, D)

    def score(edge):
        j, i = edges[:, edge]
        there = unweighted(edge, target[i], source[j])
        if layer.attention_type == "additive":
            return numbers(layer.att_msg)[0] * there
        return there * unweighted(edge, source[j], target[i]) / math.sqrt(D)

    scores = per_edge(edges.shape[1], (H, D), score)
    logits = leaky_relu(scores.sum(-1, keepdims=True), 0.2)
    weights = softmax(logits, edges[1])

    def message(edge):
        j, i = edges[:, edge]
        return weights[edge] * unweighted(edge, target[i], source[j])

    messages = per_edge(edges.shape[1], (H, D), message)
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


@over(GeneralConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


def test_without_attention_it_is_refused():
    layer = GeneralConv(NODE_DIM, 3)
    reason = es.capture.sites(nn.Sequential(layer))["reason"].item()
    assert reason == "it is built without attention; build it with attention=True"
