"""AGNNConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import torch
from torch_geometric.nn import AGNNConv

from support.layer_reference import MULTIGRAPH, assert_stages, numbers, observe, per_edge, softmax
from support.message_passing_cases import over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    edges, x = seen.edges, numbers(seen.source)
    direction = x / np.linalg.norm(x, axis=1, keepdims=True)

    def score(edge):
        j, i = edges[:, edge]
        return numbers(layer.beta) * direction[i] * direction[j]

    scores = per_edge(edges.shape[1], (1, x.shape[1]), score)
    logits = scores.sum(-1, keepdims=True)
    weights = softmax(logits, edges[1])
    messages = per_edge(edges.shape[1], (1, x.shape[1]), lambda e: weights[e] * x[edges[0, e]])
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


@over(AGNNConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


def test_a_node_without_a_direction_is_at_right_angles_to_all():
    x = MULTIGRAPH.x.clone()
    x[0] = 0
    found = observe(AGNNConv().eval(), x, MULTIGRAPH.edge_index)
    logit = found.stages["logit"]
    touched = (logit.edge_index == 0).any(0)
    assert torch.equal(logit.values[touched].flatten(), torch.zeros(int(touched.sum())))
    assert (logit.values[~touched] != 0).all()
