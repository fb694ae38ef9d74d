"""GENConv: what is captured is what softmax aggregation does with every channel of an edge."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import GENConv, aggr

import edgescope as es
from edgescope.lib.errors import InputError
from support.layer_reference import (
    MULTIGRAPH,
    NODE_DIM,
    Alone,
    assert_messages_add_up,
    assert_stages,
    linear,
    numbers,
    observe,
    per_edge,
    softmax,
)
from support.message_passing_cases import over
from support.softmax_calls import softmax_calls


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
        es.capture(model, discover=False).__enter__()
    assert "only softmax is" in es.capture.sites(model)["reason"].item()


def test_several_states_per_node_are_refused():
    x = torch.randn(5, 5, NODE_DIM)  # as many time steps as nodes
    with pytest.raises(InputError, match=r"messages of shape \[5, 9, 3\].* one vector per edge"):
        observe(GENConv(NODE_DIM, 3, norm="layer"), x, MULTIGRAPH.edge_index)


def test_channels_are_no_heads_and_each_has_a_softmax_of_its_own():
    torch.manual_seed(0)
    found = observe(GENConv(NODE_DIM, 3, norm="layer"), MULTIGRAPH.x, MULTIGRAPH.edge_index)
    for stage in found.stages.values():
        assert stage.values.shape == (9, 1, 3)
    weight = found.stages["weight"]
    total = torch.zeros(5, 1, 3).index_add(0, weight.target, weight.values)
    torch.testing.assert_close(total[weight.target], torch.ones(9, 1, 3))
    shapes = es.capture.sites(Alone(GENConv(NODE_DIM, 3)))["shape"]
    assert shapes.to_list() == ["[E, 1, D]"] * 3


def test_under_an_explainers_mask_the_softmax_is_that_of_masked_messages():
    torch.manual_seed(0)
    layer = GENConv(NODE_DIM, 3, t=2.0, norm="layer")
    layer.explain = True
    layer._edge_mask, layer._apply_sigmoid = torch.rand(9), False
    with softmax_calls(GENConv) as calls:
        found = observe(layer, MULTIGRAPH.x, MULTIGRAPH.edge_index)
    ((logit, weight),) = calls
    assert torch.equal(found.stages["logit"].values.squeeze(1), logit)
    assert torch.equal(found.stages["weight"].values.squeeze(1), weight)
    assert_messages_add_up(found)


class Doubled(GENConv):
    def aggregate(self, inputs, index, ptr=None, dim_size=None):
        return super().aggregate(2 * inputs, index, ptr, dim_size)


class Remasked(GENConv):
    def explain_message(self, inputs, dim_size):
        return super().explain_message(2 * inputs, dim_size)


@pytest.mark.parametrize(("kind", "name"), [(Doubled, "aggregate"), (Remasked, "explain_message")])
def test_a_subclass_that_aggregates_in_another_way_is_refused(kind, name):
    with pytest.raises(InputError, match=f"it overrides {name} of GENConv"):
        es.capture(Alone(kind(NODE_DIM, 3)), discover=False).__enter__()


def test_another_class_of_the_name_of_softmax_aggregation_is_refused():
    class SoftmaxAggregation(aggr.SoftmaxAggregation):
        def forward(self, x, *args, **options):
            return super().forward(-x, *args, **options)

    model = Alone(GENConv(NODE_DIM, 3, aggr=SoftmaxAggregation()))
    with pytest.raises(InputError, match=r"by SoftmaxAggregation of \S*test_gen"):
        es.capture(model, discover=False).__enter__()
