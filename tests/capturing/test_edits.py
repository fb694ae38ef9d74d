"""Editing: the forward pass goes on from the new values, and from nothing else."""

import copy
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch
from torch_geometric.nn import GATConv, GENConv, HANConv, SuperGATConv

import edgescope as es
from edgescope.capturing import edit
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.layer_reference import GRAPHS, MULTIGRAPH, NODE_DIM, Alone, numbers
from support.scan_equality import numbered_graphs, small_model
from support.written_out import (
    BOUNDS,
    CASES,
    CHANNELS,
    HEADS,
    LAYERS,
    Own,
    alone,
    made,
    own_reference,
)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize(("name", "stage"), CASES)
def test_an_edited_layer_is_the_layer_written_out_with_the_edited_values(name, stage, graph):
    model, random = made(name), np.random.default_rng(0)
    added = {}  # the same numbers for the layer and for the reference

    def change(at, values):
        if at != stage:
            return values
        if at not in added:
            chosen = random.random(values.shape) < 0.4
            added[at] = chosen * random.normal(size=values.shape)
        return values + added[at]

    expected = LAYERS[name][1](model, graph, change)
    with (
        torch.no_grad(),
        edit(
            model,
            f"conv:{stage}",
            lambda found: (
                found.values
                + torch.from_numpy(change(stage, numbers(found.values))).float()
                - found.values
            ),
        ),
    ):
        output = model(graph.x, graph.edge_index, graph.edge_attr)
    np.testing.assert_allclose(numbers(output), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", ["edit", "capture"])
@pytest.mark.parametrize(("name", "stage"), CASES)
def test_a_tape_shows_what_was_put_in_and_what_follows_whichever_was_first(name, stage, first):
    model, graph = made(name), MULTIGRAPH
    expected = {}

    def change(at, values):
        expected[at] = values * 0.3 if at == stage else values
        return expected[at]

    LAYERS[name][1](model, graph, change)
    blocks = {
        "edit": lambda: edit(model, f"conv:{stage}", lambda found: found.values * 0.3),
        "capture": lambda: es.capture(model),
    }
    with torch.no_grad(), ExitStack() as stack:
        order = [first, *(blocks.keys() - {first})]
        entered = {block: stack.enter_context(blocks[block]()) for block in order}
        model(graph.x, graph.edge_index, graph.edge_attr)
    tape = entered["capture"]
    for site in tape.sites:
        seen, wanted = numbers(tape[site].values), expected[site.partition(":")[2]]
        np.testing.assert_allclose(seen, wanted.reshape(seen.shape), rtol=1e-4, atol=1e-5)


def test_once_an_edit_is_over_weights_are_held_against_the_layers_own_again():
    model, graph = made("GATv2Conv"), MULTIGRAPH
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    with edit(model, "conv:score", lambda found: found.values * 0.3):
        model(*inputs)
    model.conv.register_edge_update_forward_hook(lambda _, __, weight: 2 * weight)
    with pytest.raises(InputError, match="weights"), es.capture(model):
        model(*inputs)


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_an_edit_to_the_same_values_changes_no_bit(name, stage):
    model, graph = made(name), MULTIGRAPH
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    before = model(*inputs)
    for same in (lambda found: found.values, lambda _: None):
        with edit(model, f"*:{stage}", same):
            assert torch.equal(model(*inputs), before)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_edits_at_all_stages_follow_one_another(name, seed):
    """Each stage sees what the one before it was changed to."""
    model, reference = made(name, seed), LAYERS[name][1]
    graph = MULTIGRAPH
    factors = {"score": -1.5, "logit": 0.3, "weight": 2.0, "message": -0.5}
    expected = reference(model, graph, lambda at, values: factors[at] * values)
    with (
        torch.no_grad(),
        edit(model, None, lambda found: found.values * factors[found.site.partition(":")[2]]),
    ):
        output = model(graph.x, graph.edge_index, graph.edge_attr)
    np.testing.assert_allclose(numbers(output), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bounds", [name for name in BOUNDS if "logit_limit" in BOUNDS[name]])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), stage=st.sampled_from(["score", "logit"]))
def test_logits_changed_by_hundreds_without_a_clamp_give_finite_and_right_outputs(
    bounds, seed, stage
):
    model, random = made(f"EdgeAttention, {bounds}", seed).double(), np.random.default_rng(seed)
    graph = copy.copy(MULTIGRAPH)
    graph.x, graph.edge_attr = graph.x.double(), graph.edge_attr.double()
    sizes = {stage: 400, "weight": 1, "message": 1}
    widths = {"score": CHANNELS, "message": CHANNELS}
    added = {
        at: size * random.normal(size=(graph.num_edges, HEADS, widths.get(at, 1)))
        for at, size in sizes.items()
    }

    def change(at, values):
        return values + added.get(at, 0.0)

    expected = own_reference(model, graph, change)

    def fn(found):
        return torch.from_numpy(change(found.site.partition(":")[2], numbers(found.values)))

    with torch.no_grad(), edit(model, None, fn):
        output = model(graph.x, graph.edge_index, graph.edge_attr)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(numbers(output), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", ["described", "released"])
def test_messages_with_an_explicit_bias_term_are_replaced(mode):
    torch.manual_seed(0)
    model, graph = Own(explicit_bias=mode), MULTIGRAPH
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    before = model(*inputs)
    with edit(model, "conv:message", lambda found: 2 * found.values):
        torch.testing.assert_close(model(*inputs), 2 * before)


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_an_edit_knows_the_same_activations_and_edges_as_a_capture(name, stage):
    model, graph = made(name), MULTIGRAPH
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    seen = []
    with es.capture(model, f"*:{stage}") as tape:
        model(*inputs)
    with edit(model, f"*:{stage}", seen.append):
        model(*inputs)
    found, expected = seen[0], tape[f"conv:{stage}"]
    assert found.site == expected.site
    torch.testing.assert_close(found.values.detach(), expected.values)
    for one, other in zip(found.identity, expected.identity, strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_an_edit_in_place_counts_as_the_returned_values():
    model, graph = made("GATv2Conv"), MULTIGRAPH
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    with torch.no_grad():
        with edit(model, "*:weight", lambda found: found.values.zero_()):
            assert not model(*inputs).any()
        with edit(model, "*:message", lambda found: found.values.zero_()):
            assert not model(*inputs).any()


def hooks_of(model):
    held = [vars(part).items() for part in model.modules()]
    return [(name, len(hooks)) for of in held for name, hooks in of if name.endswith("_hooks")]


@pytest.mark.parametrize("name", LAYERS)
def test_no_hook_is_left_behind_when_the_forward_pass_raises(name):
    model, graph = made(name), MULTIGRAPH
    before, state = hooks_of(model), copy.deepcopy(model.state_dict())
    inputs = (graph.x, graph.edge_index, graph.edge_attr)
    output = model(*inputs)

    def broken(_):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), edit(model, None, broken):
        model(*inputs)
    assert hooks_of(model) == before
    assert torch.equal(model(*inputs), output)
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_gradients_flow_through_an_edit():
    model, graph = made("GATv2Conv"), MULTIGRAPH
    factor = torch.tensor(1.0, requires_grad=True)
    with edit(model, "*:message", lambda found: found.values * factor):
        model(graph.x, graph.edge_index, graph.edge_attr).sum().backward()
    with torch.no_grad():
        output = model(graph.x, graph.edge_index, graph.edge_attr)
    assert factor.grad.item() == pytest.approx(output.sum().item(), rel=1e-4)
    assert model.conv.lin_l.weight.grad is not None


def test_zero_messages_in_half_precision_give_zero():
    model, graph = made("TransformerConv").half(), MULTIGRAPH
    with edit(model, "*:weight", lambda found: found.values.double() * 0):
        output = model(graph.x.half(), graph.edge_index, graph.edge_attr.half())
    assert output.dtype == torch.float16
    assert not output.any()


@pytest.mark.parametrize(
    ("layer", "stage"),
    [(GENConv(NODE_DIM, NODE_DIM), "message"), (SuperGATConv(NODE_DIM, 2), "weight")],
)
def test_a_stage_that_no_hook_can_replace_is_refused_with_those_that_can(layer, stage):
    with (
        pytest.raises(InputError, match=f"conv:{stage} cannot be edited.*can be edited"),
        edit(Alone(layer), f"*:{stage}", lambda _: None),
    ):
        pass


def test_the_message_of_another_layer_can_be_edited():
    layer = SuperGATConv(NODE_DIM, 2, bias=False).eval()
    with torch.no_grad():
        before = layer(MULTIGRAPH.x, MULTIGRAPH.edge_index)
        model = Alone(layer)
        with edit(model, "*:message", lambda found: 3 * found.values):
            output = model(MULTIGRAPH.x, MULTIGRAPH.edge_index)
    torch.testing.assert_close(output, 3 * before)


def test_a_layer_that_joins_relations_says_that_nothing_can_be_edited():
    han = HANConv(NODE_DIM, 4, metadata=(["a"], [("a", "to", "a")]))
    assert not es.capture.sites(Alone(han))["editable"].any()


def test_an_edit_of_another_shape_is_refused():
    model, graph = made("GATConv"), MULTIGRAPH
    with (
        pytest.raises(InputError, match="returned shape"),
        edit(model, "*:weight", lambda found: found.values.squeeze(-1)),
    ):
        model(graph.x, graph.edge_index, graph.edge_attr)


def test_dropout_in_training_mode_is_refused():
    model = alone(GATConv, dropout=0.5).train()
    with pytest.raises(InputError, match=r"model\.eval"), edit(model, "*:weight", lambda _: None):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr)


def test_a_site_that_did_not_run_is_refused():
    class Idle(Alone):
        def __init__(self, layer):
            super().__init__(layer)
            self.spare = copy.deepcopy(layer)

    model = Idle(GATConv(NODE_DIM, 2))
    with (
        pytest.raises(InputError, match="did not run spare:weight"),
        edit(model, "spare:weight", lambda _: None),
    ):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index)


def test_every_call_of_a_layer_has_its_own_name():
    class Twice(Alone):
        def forward(self, x, edge_index):
            return self.conv(self.conv(x, edge_index), edge_index)

    seen = []
    model = Twice(GATConv(NODE_DIM, NODE_DIM))
    with edit(model, "*:weight", lambda found: seen.append(found.site)):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index)
    assert seen == ["conv:weight", "conv@2:weight"]


def test_zeroing_the_messages_of_the_last_layer_is_a_model_whose_attention_gives_zero():
    model = small_model()
    batch = Batch.from_data_list(numbered_graphs(4))
    silent = copy.deepcopy(model)
    silent.layers[1].attention.register_forward_hook(
        lambda _, __, output: (torch.zeros_like(output[0]), output[1])
    )
    with torch.no_grad(), edit(model, "layers.1.*:message", lambda found: found.values * 0):
        found = call_model(model, batch)
    assert torch.equal(found, call_model(silent, batch))
