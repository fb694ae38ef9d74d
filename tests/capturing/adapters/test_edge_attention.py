"""EdgeAttention: what is captured is what the published formula gives for every edge."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import edgescope as es
from support.layer_reference import (
    GRAPHS,
    MULTIGRAPH,
    TOLERANCE,
    assert_edges,
    assert_stages,
    linear,
    numbers,
    observe_model,
    per_edge,
    per_head,
)

WIDTH, HEADS = 6, 2


class Model(nn.Module):
    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.node, self.edge = nn.Linear(4, WIDTH), nn.Linear(3, WIDTH)
        self.attention = es.models.EdgeAttention(WIDTH, HEADS, **options)

    def forward(self, x, edge_index, edge_attr):
        node, edge = self.node(x), self.edge(edge_attr)
        self.seen = node, edge
        return self.attention(node, edge, edge_index)[0]


def formula(layer, node, edge, edge_index):
    """Return every stage and the output for the edges ``[2, E]``."""
    H, D, edges = layer.num_heads, layer.head_dim, edge_index.numpy()
    query, key, value = (
        per_head(linear(lin, node), H) for lin in (layer.query, layer.key, layer.value)
    )
    state = per_head(linear(layer.edge, edge), H)

    def score(edge):
        j, i = edges[:, edge]
        return key[j] * query[i] / math.sqrt(D) * state[edge]

    scores = per_edge(edges.shape[1], (H, D), score)
    logits = scores.sum(-1, keepdims=True)
    powers = np.exp(np.clip(logits, -5, 5))
    weights, output = np.zeros_like(powers), np.zeros((len(node), H, D))
    messages = per_edge(edges.shape[1], (H, D), lambda _: np.zeros((H, D)))
    for row, (j, i) in enumerate(edges.T):
        weights[row] = powers[row] / (powers[edges[1] == i].sum(0) + 1e-6)
        messages[row] = weights[row] * value[j]
        output[i] += messages[row]
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}, output


@pytest.mark.parametrize("scale", [1, 100], ids=["within the limit", "clamped"])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_stage_agrees_with_the_formula_and_messages_add_up_to_the_output(graph, scale):
    model = Model(use_bias=True).eval()
    found = observe_model(model, graph.x * scale, graph.edge_index, graph.edge_attr)
    expected, output = formula(model.attention, *model.seen, graph.edge_index)
    assert_stages(found, expected, tolerance=1e-5 * scale**2)
    assert_edges(found, graph.edge_index.numpy())
    np.testing.assert_allclose(numbers(found.output), output.reshape(-1, WIDTH), 1e-4, 1e-4)


def test_the_logit_is_the_one_before_the_clamp():
    found = observe_model(Model(), MULTIGRAPH.x * 100, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr)
    score, logit = found.stages["score"].values, found.stages["logit"].values
    assert torch.equal(score.sum(-1, keepdim=True), logit)
    assert logit.abs().max() > 100


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    model = Model().to(dtype)
    x, features = MULTIGRAPH.x.to(dtype), MULTIGRAPH.edge_attr.to(dtype)
    found = observe_model(model, x, MULTIGRAPH.edge_index, features)
    expected, _ = formula(model.attention, *model.seen, MULTIGRAPH.edge_index)
    assert_stages(found, expected, dtype)
