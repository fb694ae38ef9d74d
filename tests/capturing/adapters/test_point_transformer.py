"""PointTransformerConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import PointTransformerConv

import edgescope as es
from support.layer_reference import NODE_DIM, assert_stages, linear, numbers, per_edge, softmax
from support.message_passing_cases import over


def network(module, values):
    """Return what a network of linear layers and ReLUs makes of numbers."""
    if isinstance(module, nn.Sequential):
        for part in module:
            values = network(part, values)
        return values
    return np.maximum(values, 0) if isinstance(module, nn.ReLU) else linear(module, values)


def formula(layer, seen, pos):
    """Return every stage for the edges that the layer saw."""
    edges, D = seen.edges, layer.out_channels
    here, there = (numbers(each) for each in (pos if isinstance(pos, tuple) else (pos, pos)))
    source, target = linear(layer.lin_src, seen.source), linear(layer.lin_dst, seen.target)
    value = linear(layer.lin, seen.source)

    def position(edge):
        j, i = edges[:, edge]
        return network(layer.pos_nn, there[i] - here[j])

    def logit(edge):
        j, i = edges[:, edge]
        vector = target[i] - source[j] + position(edge)
        return vector if layer.attn_nn is None else network(layer.attn_nn, vector)

    channels = 1 if isinstance(layer.attn_nn, nn.Linear) else D
    logits = per_edge(edges.shape[1], (1, channels), logit)
    weights = softmax(logits, edges[1])

    def message(edge):
        return weights[edge] * (value[edges[0, edge]] + position(edge))

    messages = per_edge(edges.shape[1], (1, D), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(PointTransformerConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer), example.pos)
    assert_stages(example.observe(layer), expected, example.dtype)


def shared():
    return nn.Linear(3, 3)


class Holder(nn.Module):
    """A network that holds another one."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("networks", "reason"),
    [
        (lambda: {"attn_nn": torch.tanh}, "its attn_nn is a function"),
        (lambda: {"pos_nn": torch.tanh}, "its pos_nn is a function"),
        (lambda: dict.fromkeys(("pos_nn", "attn_nn"), shared()), "are one, or one is part"),
        (lambda: {"pos_nn": (inner := shared()), "attn_nn": Holder(inner)}, "is part of the other"),
    ],
)
def test_networks_whose_output_no_hook_tells_are_refused(networks, reason):
    layer = PointTransformerConv(NODE_DIM, 3, **networks())
    assert reason in es.capture.sites(nn.Sequential(layer))["reason"].item()
