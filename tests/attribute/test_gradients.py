"""Gradients with respect to the states of edges: against differences, sums and closed forms."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgescope.attribute import GradientTimesInput, IntegratedGradients
from edgescope.attribute.edge_states import EdgeStates, run_unchanged
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.attribution_cases import data_set, foreign, own_model, random_batch, with_features


class Additive(nn.Module):
    """The output of a graph is the sum over its edges of a function of their state."""

    def __init__(self, function=lambda state: state):
        super().__init__()
        self.edge_embedding = nn.Embedding(3, 4)
        self.idle = nn.Embedding(3, 4)
        self.function = function

    def forward(self, edge_index, edge_attr, batch):
        self.idle(edge_attr)
        each = self.function(self.edge_embedding(edge_attr)).sum(1)
        return each.new_zeros(int(batch.max()) + 1, 1).index_add(
            0, batch[edge_index[0]], each.unsqueeze(1)
        )


def additive(function=lambda state: state):
    torch.manual_seed(0)
    return Additive(function)


@pytest.mark.parametrize("method", [GradientTimesInput, IntegratedGradients])
def test_what_is_linear_in_the_states_is_attributed_exactly(method):
    model, batch = additive(), random_batch(1)
    found = method(signed=True).attribute(model, batch)
    expected = model.edge_embedding.weight.detach().sum(1)[batch.edge_attr]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(method().attribute(model, batch), expected.abs())


def test_integrated_gradients_of_a_polynomial_are_its_values():
    model, batch = additive(lambda state: state**5 - 2 * state**2), random_batch(1)
    found = IntegratedGradients(steps=3, signed=True).attribute(model, batch)
    states = model.edge_embedding.weight.detach()[batch.edge_attr]
    expected = (states**5 - 2 * states**2).sum(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def softplus(state, *_):
    return F.softplus(state)


@contextmanager
def smooth():
    """Without kinks, at which the rule of Gauss and Legendre converges slowly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "relu", softplus)
        patch.setattr(F, "leaky_relu", softplus)
        yield


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 1000), architecture=st.sampled_from(["GraphTransformer", "GATv2", "SAN"])
)
def test_attributions_of_a_graph_sum_to_what_the_output_differs_by(seed, architecture):
    model, batch = own_model(architecture, seed, scale=1.0).double(), random_batch(seed)
    states = EdgeStates()
    with smooth(), torch.no_grad():
        found = IntegratedGradients(steps=16, signed=True).attribute(model, batch)
        output, _ = run_unchanged(states, model, batch, call_model)
        blank = states.run(model, batch, call_model, torch.zeros_like)
    of = batch.batch[batch.edge_index[0]]
    total = torch.zeros(batch.num_graphs).double().index_add(0, of, found)
    np.testing.assert_allclose(total.numpy(), (output - blank).squeeze(1).numpy(), atol=1e-12)


@pytest.mark.parametrize("steps", [1, 4, 33])
def test_a_kink_on_the_way_costs_no_more_than_the_step_it_lies_in(steps):
    model, batch = additive(torch.relu), random_batch(1)
    start = torch.full((4,), -0.37)
    found = IntegratedGradients(steps=steps, baseline=start, signed=True).attribute(model, batch)
    states = model.edge_embedding.weight.detach()[batch.edge_attr]
    # The sum of the rule's weights up to a point is off by no more than the weight there.
    largest = np.polynomial.legendre.leggauss(steps)[1].max() / 2
    bound = largest * (states - start).abs().sum(1) + 1e-6
    assert ((found - states.relu().sum(1)).abs() <= bound).all()


def test_gradient_times_input_is_what_finite_differences_give():
    model, batch = own_model(num_layers=1, scale=1.0).double(), random_batch(1)
    found = GradientTimesInput(signed=True).attribute(model, batch)
    states, step = EdgeStates(), 1e-6
    with torch.no_grad():
        for edge in range(len(found)):
            outputs = []
            for sign in (1, -1):

                def stretch(state, edge=edge, sign=sign):
                    factor = torch.ones(len(state), 1).double()
                    factor[edge] += sign * step
                    return state * factor

                outputs.append(float(states.run(model, batch, call_model, stretch).sum()))
            slope = (outputs[0] - outputs[1]) / (2 * step)
            assert float(found[edge]) == pytest.approx(slope, abs=1e-7)


def test_edges_that_the_output_does_not_depend_on_get_0():
    model, batch = additive(), random_batch(1)
    for method in (GradientTimesInput(at="idle"), IntegratedGradients(at="idle")):
        assert not method.attribute(model, batch).any()


def test_only_the_column_explained_counts():
    model, batch = own_model(out_dim=3), random_batch(1)
    second = GradientTimesInput(1).attribute(model, batch)

    def only_second(model, batch):
        return call_model(model, batch)[:, 1:2]

    torch.testing.assert_close(
        GradientTimesInput().attribute(model, batch, call=only_second), second
    )
    assert not second.equal(GradientTimesInput(0).attribute(model, batch))


def test_the_class_predicted_is_that_of_the_graph_as_it_is():
    model, batch = own_model(out_dim=3), random_batch(1)
    winners = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch).argmax(1)
    found = IntegratedGradients("predicted", steps=4).attribute(model, batch)
    of = batch.batch[batch.edge_index[0]]
    for graph, winner in enumerate(winners.tolist()):
        expected = IntegratedGradients(winner, steps=4).attribute(model, batch)
        torch.testing.assert_close(found[of == graph], expected[of == graph])


def test_real_valued_features_of_a_foreign_model_are_explained_themselves():
    model, batch = foreign(), with_features(random_batch(1))
    found = GradientTimesInput(signed=True).attribute(model, batch)
    leaf = batch.edge_attr.clone().requires_grad_()
    model(batch.x, batch.edge_index, leaf, batch.batch).sum().backward()
    torch.testing.assert_close(found, (leaf.grad * batch.edge_attr).sum(1))


def test_added_pairs_of_a_full_graph_keep_their_states():
    model, batch = own_model("SAN", full_graph=True), random_batch(1, loops=False)
    states = EdgeStates()
    with torch.no_grad():
        output, seen = run_unchanged(states, model, batch, call_model)
        again = states.run(model, batch, call_model, lambda _: seen)
    assert len(seen) == batch.edge_index.size(1)
    assert again.equal(output)


def test_the_mean_baseline_is_the_mean_state_of_the_data_set():
    data, model = data_set(), own_model()
    method = IntegratedGradients(baseline="mean")
    method.prepare(model, data)
    expected = model.edge_embedding.weight.detach()[data.edge_attr].mean(0)
    found = method.reference.like(torch.zeros(2, 8))
    torch.testing.assert_close(found, expected.expand(2, -1))


def test_a_state_given_as_baseline_gets_no_attribution_to_itself():
    model, batch = own_model(), random_batch(1)
    state = model.edge_embedding.weight.detach()[1]
    found = IntegratedGradients(baseline=state, steps=3).attribute(model, batch)
    same = batch.edge_attr == 1
    assert not found[same].any()
    assert bool(found[~same].any())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IntegratedGradients(steps=0), "steps=0, expected at least 1"),
        (lambda: IntegratedGradients(baseline="median"), "unknown baseline 'median'"),
    ],
)
def test_options_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


class Strange(Additive):
    """Whose modules are no embedding of edges, each in its way."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(1, 1)
        self.pair = nn.Identity()
        self.short = nn.Identity()

    def forward(self, edge_index, edge_attr, batch):
        self.pair((edge_attr, edge_attr))
        state = self.idle(self.idle(edge_attr).argmin(1) % 3)
        self.short(state[1:])
        return super().forward(edge_index, edge_attr, batch)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("missing", "Strange has no module missing"),
        ("unused", "did not run unused"),
        ("pair", "pair does not return real-valued states"),
        ("idle", "idle runs several times"),
        ("short", r"short returned \d+ states for \d+ edges"),
    ],
)
def test_a_module_that_does_not_embed_edges_is_refused(at, message):
    with pytest.raises(InputError, match=message):
        GradientTimesInput(at=at).attribute(Strange(), random_batch(1))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (IntegratedGradients(baseline="mean"), "the mean state of edges is not known"),
        (IntegratedGradients(baseline=torch.zeros(3)), r"baseline of shape \[3\].*8 channels"),
    ],
)
def test_a_baseline_that_is_not_known_or_does_not_fit_is_refused(method, message):
    with pytest.raises(InputError, match=message):
        method.attribute(own_model(), random_batch(1))


def test_a_model_without_states_of_edges_is_refused():
    with pytest.raises(InputError, match="has no module edge_embedding and the batch no real"):
        GradientTimesInput().attribute(foreign(), random_batch(1))
