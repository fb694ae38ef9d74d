"""ResGatedGraphConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import ResGatedGraphConv

import edgescope as es
from edgescope.attribute.attention_weights import AttentionWeight
from edgescope.diagnosis import Rule
from edgescope.lib.errors import InputError
from support.layer_reference import (
    MULTIGRAPH,
    NODE_DIM,
    Alone,
    assert_stages,
    linear,
    numbers,
    per_edge,
)
from support.message_passing_cases import over

GATES = {nn.Sigmoid: lambda v: 1 / (1 + np.exp(-v)), nn.ReLU: lambda v: np.maximum(v, 0)}


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    edges, D = seen.edges, layer.out_channels
    source, target = numbers(seen.source), numbers(seen.target)
    gate = GATES.get(type(layer.act), np.tanh)

    def of(part, state, edge):
        own = [] if seen.features is None else seen.features[edge]
        return linear(part, np.concatenate([state, own]))

    def logit(edge):
        j, i = edges[:, edge]
        return of(layer.lin_key, target[i], edge) + of(layer.lin_query, source[j], edge)

    logits = per_edge(edges.shape[1], (1, D), logit)
    weights = gate(logits)

    def message(edge):
        return weights[edge] * of(layer.lin_value, source[edges[0, edge]], edge)

    messages = per_edge(edges.shape[1], (1, D), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(ResGatedGraphConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


class OwnGate(nn.Sigmoid):
    """A gate of the user's own."""


@pytest.mark.parametrize("act", [nn.RReLU(), OwnGate(), lambda v: v, nn.Dropout(), None])
def test_a_gate_that_may_not_give_the_same_again_is_refused(act):
    layer = ResGatedGraphConv(NODE_DIM, 3, act=act)
    reason = es.capture.sites(nn.Sequential(layer))["reason"].item()
    assert "is no activation of torch" in reason


def test_a_gate_that_a_hook_of_the_users_changes_is_noticed():
    model = Alone(ResGatedGraphConv(NODE_DIM, 3, act=nn.Sigmoid()).eval())
    model.conv.act.register_forward_hook(lambda _, __, out: out * 2)
    with (
        pytest.raises(InputError, match="the messages of ResGatedGraphConv are not what"),
        es.capture(model),
    ):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index)


def test_the_gate_is_asked_without_the_users_hooks():
    model = Alone(ResGatedGraphConv(NODE_DIM, 3, act=nn.Sigmoid()).eval())
    calls = []
    model.conv.act.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad(), es.capture(model):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index)
    assert len(calls) == 1


def test_gates_are_no_shares_for_diagnosis_nor_for_importances_by_weights():
    model = Alone(ResGatedGraphConv(NODE_DIM, 3).eval())
    graph = Data(x=MULTIGRAPH.x, edge_index=MULTIGRAPH.edge_index, num_nodes=5)
    seen = []

    class Shares(Rule):
        id, title, severity = "shares", "what the weights are", "note"
        needs = frozenset({"weight", "logit", "message"})

        def observe(self, layer):
            seen.append((layer.logit, layer.weight, layer.message))

    es.diagnose(model, [graph], rules=[Shares()], progress=False)
    ((logit, weight, message),) = seen
    assert logit is None
    assert weight is None
    assert len(message) == MULTIGRAPH.num_edges
    method = AttentionWeight()
    with pytest.raises(InputError, match="are no shares of the edges into a node: act"):
        method.explain(model, graph, lambda m, g: m(g.x, g.edge_index))
