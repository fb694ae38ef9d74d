"""Contracts of capture, generated from two tables: layers x situations.

Whatever a model does while it is watched, it computes the same numbers, draws the same random
numbers, and gets the same gradients, bit for bit.
"""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.capturing.adapters.adapter import observing
from support.layer_cases import CASES
from support.situations import EVAL, SITUATIONS, TRAIN, Checkpointed, outcome, prepare, same

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
situations = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)


@cases
@situations
def test_a_model_computes_the_same_bits_when_it_is_captured(case, situation):
    expected = outcome(*prepare(case, situation), situation)
    model, inputs = prepare(case, situation)
    with es.capture(model):
        found = outcome(model, inputs, situation)
    assert same(found.output, expected.output)
    assert torch.equal(found.random_state, expected.random_state)
    assert found.training == expected.training
    differing = [
        name
        for name, gradient in expected.gradients.items()
        if not same(found.gradients[name], gradient)
    ]
    assert not differing


@cases
@situations
def test_captured_values_are_finite_detached_and_captured_once(case, situation):
    model, inputs = prepare(case, situation)
    found = []
    with es.capture(model, reduce=found.append) as tape:
        outcome(model, inputs, situation)
    assert [each.site for each in found] == tape.sites
    assert not any("@" in site for site in tape.sites)
    assert not any(each.values.requires_grad for each in found)
    assert all(each.values.isfinite().all() for each in found)


@cases
@pytest.mark.parametrize("name", ["no_grad", "inference_mode", "float64"])
def test_what_is_captured_does_not_depend_on_the_situation(case, name):
    situation = next(each for each in SITUATIONS if each.name == name)
    tapes = []
    for each in (EVAL, situation):
        model, inputs = prepare(case, each)
        with es.capture(model) as tape:
            outcome(model, inputs, each)
        tapes.append(tape)
    plain, found = tapes
    assert plain.sites == found.sites
    for site in plain.sites:
        assert torch.equal(plain[site].input_edge, found[site].input_edge)
        torch.testing.assert_close(
            found[site].values.float(), plain[site].values, rtol=1e-4, atol=1e-5
        )


@cases
def test_a_capture_within_a_capture_changes_nothing(case):
    expected = outcome(*prepare(case, TRAIN), TRAIN)
    model, inputs = prepare(case, TRAIN)
    with es.capture(model) as outer, es.capture(model) as inner:
        found = outcome(model, inputs, TRAIN)
    assert same(found.output, expected.output)
    assert torch.equal(found.random_state, expected.random_state)
    assert outer.sites == inner.sites
    assert all(torch.equal(outer[site].values, inner[site].values) for site in outer.sites)


@cases
def test_a_captured_model_trains_to_the_same_weights(case):
    weights = []
    for context in (nullcontext, es.capture):
        model, inputs = prepare(case, TRAIN)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        with context(model):
            for _ in range(2):
                optimiser.zero_grad()
                outcome(model, inputs, TRAIN)
                optimiser.step()
        weights.append(model.state_dict())
    assert all(same(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_call_of_the_captured_model_is_recorded_once(reentrant):
    model, inputs = prepare(CASES[0], TRAIN)
    found = []
    with es.capture(model, reduce=lambda each: found.append(each.site) or each) as tape:
        output = checkpoint(model, *inputs.values(), use_reentrant=reentrant)
        first = [tape[site] for site in tape.sites]
        output.sum().backward()
    assert found == tape.sites
    assert all(tape[each.site] is each for each in first)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_layer_is_recorded_once(reentrant):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([GATConv(8, 4, heads=2) for _ in range(3)])

        def forward(self, x, edge_index):
            for layer in self.layers:
                x = checkpoint(layer, x, edge_index, use_reentrant=reentrant)
            return x

    model = Deep()
    x = torch.randn(4, 8, requires_grad=True)
    with es.capture(model) as tape:
        model(x, torch.tensor([[0, 1, 2], [1, 2, 3]])).sum().backward()
    assert tape.sites == es.capture.sites(model)["site"].to_list()
    assert model.layers[0].att_src.grad is not None


def test_a_checkpointed_layer_of_a_model_that_differentiates_itself_is_recorded_once():
    class Forces(nn.Module):
        def __init__(self):
            super().__init__()
            self.energy = Checkpointed(prepare(CASES[0])[0], reentrant=False)

        def forward(self, x, edge_index, edge_attr, edge_type, batch):
            energy = self.energy(
                x=x, edge_index=edge_index, edge_attr=edge_attr, edge_type=edge_type, batch=batch
            )
            return torch.autograd.grad(energy.sum(), x, create_graph=True)[0]

    _, inputs = prepare(CASES[0])
    model = Forces()
    with es.capture(model) as tape:
        model(**inputs)
    assert not any("@" in site for site in tape.sites)


def test_a_weight_that_an_adapter_uses_before_the_model_under_autocast_gets_its_gradient():
    linear = nn.Linear(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with observing():
            linear(torch.ones(2, 8))
        linear(torch.ones(2, 8)).sum().backward()
    assert linear.weight.grad is not None
