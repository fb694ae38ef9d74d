"""HANConv: every stage is its formula, and the rows of all relations come together."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import HANConv
from torch_geometric.utils import scatter

import edgescope as es
from edgescope.lib.errors import InputError
from support.hetero_cases import (
    RELATIONS,
    HeteroLayer,
    hetero_graphs,
    joint_layer,
    observe,
    some_relations,
)
from support.layer_reference import assert_stages, leaky_relu, linear, numbers, per_head, softmax

make = partial(joint_layer, HANConv)


def reference(layer, x_dict, edge_index_dict):
    """The node-level attention of Wang et al., relation by relation and edge by edge."""
    heads = layer.heads
    states = {kind: per_head(linear(layer.proj[kind], x), heads) for kind, x in x_dict.items()}
    stages = {"logit": [], "weight": [], "message": []}
    for relation, edge_index in edge_index_dict.items():
        source_type, _, target_type = relation
        of_source, of_target = (
            numbers(vectors["__".join(relation)])[0] for vectors in (layer.lin_src, layer.lin_dst)
        )
        sources, targets = edge_index.numpy()
        logit = [
            (states[source_type][source] * of_source).sum(-1)
            + (states[target_type][target] * of_target).sum(-1)
            for source, target in zip(sources, targets, strict=True)
        ]
        logit = leaky_relu(np.array(logit).reshape(-1, heads, 1), layer.negative_slope)
        weight = softmax(logit, targets)
        stages["logit"].append(logit)
        stages["weight"].append(weight)
        stages["message"].append(weight * states[source_type][sources])
    return {stage: np.concatenate(parts) for stage, parts in stages.items()}


@given(hetero_graphs(), some_relations, st.sampled_from([1, 2, 3]))
def test_every_stage_is_its_formula(data, relations, heads):
    layer = make(heads)
    edges = {relation: data[relation].edge_index for relation in relations}
    found = observe(layer, data.x_dict, edges)
    assert_stages(found, reference(layer, data.x_dict, edges))


@given(hetero_graphs())
def test_messages_of_a_relation_add_up_to_what_the_layer_aggregates_for_it(data):
    found = observe(make(), data.x_dict, data.edge_index_dict)
    message = found.stages["message"]
    for number, (relation, aggregated) in enumerate(zip(RELATIONS, found.aggregated, strict=True)):
        rows = message.edge_type == number
        total = scatter(
            message.values[rows].flatten(1),
            message.edge_index[1, rows],
            dim_size=len(data[relation[2]].x),
        )
        torch.testing.assert_close(total, aggregated)


def test_weights_are_those_before_dropout_and_messages_those_after():
    layer = make(dropout=0.5).train()
    x = {"author": torch.randn(20, 3), "paper": torch.randn(1, 4)}
    edges = {("author", "writes", "paper"): torch.stack([torch.arange(20), torch.zeros(20).long()])}
    model = HeteroLayer(layer)
    with es.capture(model) as tape:
        model(x, edges)
    assert torch.allclose(tape["conv:weight"].values.sum(0), torch.ones(2, 1))
    dropped = (tape["conv:message"].values == 0).all(-1)
    assert dropped.any()
    assert not dropped.all()


def test_a_second_call_in_the_same_pass_is_recorded_apart():
    class Twice(HeteroLayer):
        def forward(self, x_dict, edge_index_dict):
            return self.conv(x_dict, edge_index_dict), self.conv(x_dict, edge_index_dict)

    model = Twice(make())
    x = {"paper": torch.randn(2, 4), "author": torch.randn(2, 3)}
    with es.capture(model, "*:logit") as tape:
        model(x, {relation: torch.zeros(2, 1).long() for relation in RELATIONS[:2]})
    assert tape.sites == ["conv:logit", "conv@2:logit"]
    assert tape["conv@2:logit"].edge_type.tolist() == [0, 1]


def test_a_call_after_one_that_raised_starts_anew():
    model = HeteroLayer(make())
    x = {"paper": torch.randn(2, 4)}
    edges = {("paper", "cites", "paper"): torch.zeros(2, 3).long()}
    with es.capture(model) as tape:
        with pytest.raises(KeyError, match="author"):
            model(x, edges | {("author", "writes", "paper"): torch.zeros(2, 1).long()})
        model(x, edges)
    assert tape["conv:logit"].input_edge.tolist() == [0, 1, 2]


def test_a_layer_that_passes_messages_once_for_two_relations_is_refused(monkeypatch):
    layer = make()
    propagate = layer.propagate
    calls = []

    def propagate_once(edge_index, **options):
        calls.append(edge_index)
        return propagate(edge_index, **options) if len(calls) == 1 else torch.zeros(2, 6)

    monkeypatch.setattr(layer, "propagate", propagate_once)
    x = {"paper": torch.randn(2, 4), "author": torch.randn(2, 3)}
    with pytest.raises(InputError, match="passed messages 1 times for 2 relations"):
        observe(layer, x, {relation: torch.zeros(2, 1).long() for relation in RELATIONS[:2]})
