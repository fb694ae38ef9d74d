"""GENConv: what is captured is what softmax aggregation does with every channel of an edge."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import GENConv

import edgescope as es
from edgescope.errors import InputError
from layer_reference import (
    MULTIGRAPH,
    NODE_DIM,
    Alone,
    assert_stages,
    linear,
    numbers,
    observe,
    per_edge,
    softmax,
)
from message_passing_cases import over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    edges, D, features = seen.edges, layer.out_channels, seen.features
    state = linear(layer.lin_src, seen.source) if hasattr(layer, "lin_src") else seen.source
    state = numbers(state) if isinstance(state, torch.Tensor) else state
    if features is not None and hasattr(layer, "lin_edge"):
        features = linear(layer.lin_edge, features)

    def message(edge):
        total = state[edges[0, edge]] + (0 if features is None else features[edge])
        return np.maximum(total, 0) + layer.eps

    messages = per_edge(edges.shape[1], (1, D), message)
    t = layer.aggr_module.t
    logits = messages * (numbers(t) if isinstance(t, torch.Tensor) else t)
    weights = softmax(logits, edges[1])
    return {"logit": logits, "weight": weights, "message": weights * messages}


@over(GENConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


@pytest.mark.parametrize("aggregation", ["add", "powermean", ["softmax", "max"]])
def test_another_aggregation_is_refused_and_named(aggregation):
    model = Alone(GENConv(NODE_DIM, 3, aggr=aggregation))
    said = r"conv \(GENConv\): it aggregates by \w+Aggregation, which is no attention"
    with pytest.raises(InputError, match=said):
        es.capture(model).__enter__()
    assert "only softmax is" in es.capture.sites(model)["reason"].item()


def test_several_states_per_node_are_refused():
    x = torch.randn(5, 5, NODE_DIM)  # as many time steps as nodes
    with pytest.raises(InputError, match=r"messages of shape \[5, 9, 3\].* one vector per edge"):
        observe(GENConv(NODE_DIM, 3, norm="layer"), x, MULTIGRAPH.edge_index)
