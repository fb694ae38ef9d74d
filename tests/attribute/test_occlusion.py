"""Occlusion equals taking one edge away after the other."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.attribute import Occlusion
from edgescope.data.edges.directions import reverse_edges
from edgescope.lib.errors import InputError
from support.attribution_cases import data_set, foreign, own_model, random_batch, with_features


def run(model, graph):
    with torch.no_grad():
        return model(
            graph.x,
            graph.edge_index,
            graph.edge_attr,
            torch.zeros(len(graph.x), dtype=torch.long),
        )[0]


def drops_one_by_one(model, batch, column=None):
    """Drop of the output without every undirected edge, graph by graph and edge by edge."""
    found = []
    for graph in batch.to_data_list():
        whole = run(model, graph)
        at = int(whole.argmax()) if column is None else column
        reverse = reverse_edges(graph.edge_index)
        for edge in range(graph.edge_index.size(1)):
            keep = torch.ones(graph.edge_index.size(1), dtype=torch.bool)
            keep[edge] = False
            if reverse[edge] >= 0:
                keep[reverse[edge]] = False
            less = graph.clone()
            less.edge_index, less.edge_attr = graph.edge_index[:, keep], graph.edge_attr[keep]
            found.append(whole[at] - run(model, less)[at])
    return torch.stack(found) if found else torch.zeros(0, dtype=torch.float64)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 200), most=st.integers(1, 60))
def test_the_drop_is_that_of_one_edge_at_a_time(seed, most):
    model, batch = own_model(seed=seed).double(), random_batch(seed)
    found = Occlusion(signed=True, max_edges=most).attribute(model, batch)
    torch.testing.assert_close(found, drops_one_by_one(model, batch, 0), rtol=1e-9, atol=1e-9)


def test_a_foreign_model_is_explained_as_well():
    model, batch = foreign(), with_features(random_batch(1))
    found = Occlusion(signed=True).attribute(model, batch)
    torch.testing.assert_close(found, drops_one_by_one(model, batch, 0), rtol=1e-4, atol=1e-5)


def test_the_class_predicted_with_all_edges_is_explained():
    model, batch = own_model(out_dim=3), random_batch(1)
    found = Occlusion("predicted", signed=True).attribute(model, batch)
    torch.testing.assert_close(found, drops_one_by_one(model, batch), rtol=1e-4, atol=1e-5)


def test_by_default_the_magnitude_is_taken():
    model, batch = own_model(), random_batch(1)
    signed = Occlusion(signed=True).attribute(model, batch)
    assert bool((signed < 0).any())
    assert Occlusion().attribute(model, batch).equal(signed.abs())


def test_both_directions_get_one_importance():
    batch = random_batch(1)
    found = Occlusion().attribute(own_model(), batch)
    reverse = reverse_edges(batch.edge_index)
    paired = reverse >= 0
    assert bool(paired.any())
    assert found[paired].equal(found[reverse[paired]])


def test_features_are_replaced_and_the_edge_stays():
    data, model = data_set(), own_model()
    method = Occlusion(of="features", signed=True)
    method.prepare(model, data)
    batch = data.batch(slice(None))
    found = method.attribute(model, batch)
    mean = model.edge_embedding.weight.detach()[data.edge_attr].mean(0)
    with torch.no_grad():
        whole = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch).squeeze(1)
        for edge, other in enumerate(reverse_edges(batch.edge_index).tolist()):

            def blank(_, __, states, edges=(edge, other)):
                states = states.clone()
                states[[each for each in edges if each >= 0]] = mean
                return states

            handle = model.edge_embedding.register_forward_hook(blank)
            output = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch).squeeze(1)
            handle.remove()
            graph = batch.batch[batch.edge_index[0, edge]]
            expected = whole[graph] - output[graph]
            torch.testing.assert_close(found[edge], expected, rtol=1e-4, atol=1e-5)


def test_the_mean_state_is_needed_first():
    with pytest.raises(InputError, match=r"call prepare\(model, dataset\) first"):
        Occlusion(of="features").attribute(own_model(), random_batch(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "both"}, "of='both', expected 'presence' or 'features'"),
        ({"max_edges": 0}, "max_edges=0, expected at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Occlusion(**options)
