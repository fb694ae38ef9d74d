"""SuperGATConv: what is captured is what the paper's two formulas give for every edge."""

import math

import numpy as np
import torch
from torch_geometric.nn import SuperGATConv

from support.layer_reference import (
    MULTIGRAPH,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    per_edge,
    per_head,
    softmax,
)
from support.message_passing_cases import Example, over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    H, D, edges = layer.heads, layer.out_channels, seen.edges
    mixed = layer.attention_type == "MX"
    z = per_head(linear(layer.lin, seen.source), H)

    def score(edge):
        j, i = edges[:, edge]
        return z[i] * z[j] / math.sqrt(D)

    def mixed_logit(edge):
        j, i = edges[:, edge]
        total = (numbers(layer.att_l[0]) * z[j] + numbers(layer.att_r[0]) * z[i]).sum(-1)
        return total / (1 + np.exp(-(z[i] * z[j]).sum(-1)))

    scores = per_edge(edges.shape[1], (H, D), score)
    total = scores.sum(-1, keepdims=True)
    if mixed:
        total = per_edge(edges.shape[1], (H, 1), mixed_logit)
    logits = leaky_relu(total, layer.negative_slope)
    weights = softmax(logits, edges[1])
    messages = per_edge(len(logits), (H, D), lambda edge: weights[edge] * z[edges[0, edge]])
    stages = {"logit": logits, "weight": weights, "message": messages}
    return stages if mixed else {"score": scores} | stages


@over(SuperGATConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


def test_the_self_supervised_task_of_training_leaves_no_rows():
    example = Example(SuperGATConv, {}, MULTIGRAPH)
    layer = example.build().train()
    found, seen = example.observe(layer), example.seen_by(layer)
    assert layer.att_x.size(0) > seen.edges.shape[1]  # edges and sampled non-edges
    assert torch.equal(found.stages["logit"].edge_index, torch.tensor(seen.edges))
    assert_stages(found, formula(layer, seen))
