"""What holds for every message-passing layer, with every option and on every graph."""

import inspect

import pytest
import torch
from torch_geometric.nn import (
    FAConv,
    FeaStConv,
    GATConv,
    GATv2Conv,
    GENConv,
    ResGatedGraphConv,
    RGATConv,
    TransformerConv,
)
from torch_geometric.nn.aggr import basic

from support.attention_options import OPTIONS
from support.layer_reference import MULTIGRAPH, assert_edges, assert_messages_add_up
from support.message_passing_cases import Example, over

TELLS_WEIGHTS = (GATConv, GATv2Conv, TransformerConv, RGATConv, FAConv)
GATES = (FAConv, FeaStConv, ResGatedGraphConv)  # without a softmax over the edges of a node
NORMALISED = [layer for layer in OPTIONS if layer not in GATES]
FLAT_FEATURES = (GATConv, GATv2Conv, RGATConv)


@over()
def test_every_row_is_the_edge_that_it_names(example):
    layer = example.build()
    seen = example.seen_by(layer)
    assert_edges(example.observe(layer), seen.edges, seen.position)


@over()
def test_messages_add_up_to_what_the_layer_aggregates(example):
    reduce = "mean" if example.layer is FeaStConv else "sum"
    assert_messages_add_up(example.observe(example.build()), reduce=reduce)


@over(*TELLS_WEIGHTS)
def test_weights_are_bit_for_bit_those_that_the_layer_returns(example):
    found = example.observe(example.build(), return_attention_weights=True)
    weight = found.stages["weight"].values.flatten(1)
    assert torch.equal(weight.flatten(), found.output[1][1].flatten())


@over(*NORMALISED)
def test_logits_and_weights_are_bit_for_bit_those_of_the_layers_softmax(example, monkeypatch):
    calls = []
    module = basic if example.layer is GENConv else inspect.getmodule(example.layer)
    softmax = module.softmax

    def watched(logit, *args, **options):
        calls.append((logit.clone(), softmax(logit, *args, **options)))
        return calls[-1][1].clone()

    with monkeypatch.context() as patch:
        patch.setattr(module, "softmax", watched)
        found = example.observe(example.build())
    # Within relations there is a softmax for each; without edges some layers take none.
    rows = example.graph.edge_type.argsort(stable=True) if len(calls) > 1 else slice(None)
    for number, stage in enumerate(("logit", "weight")):
        values = found.stages[stage].values[rows].flatten()
        taken = [call[number].flatten() for call in calls] or [values.new_empty(0)]
        assert torch.equal(values, torch.cat(taken))


@pytest.mark.parametrize("layer", FLAT_FEATURES)
def test_one_number_per_edge_may_come_without_a_dimension(layer):
    example = Example(layer, OPTIONS[layer]["one number per edge"], MULTIGRAPH)
    wanted = example.observe(example.build())
    found = example.observe(example.build(), MULTIGRAPH.edge_attr[:, 0])
    assert found.stages.keys() == wanted.stages.keys()
    for name, stage in wanted.stages.items():
        assert torch.equal(found.stages[name].values, stage.values)
        assert torch.equal(found.stages[name].input_edge, stage.input_edge)
