"""Positional encodings: eigenpairs of each graph, and what the models make of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.models.positions import flip_signs, laplacian_eigenpairs
from support.model_cases import batches, random_model, two_graphs

OPTIONS = {
    "GraphTransformer": {"laplacian_eigenvectors": 3},
    "SAN": {"laplacian_eigenvectors": 4, "lpe_dim": 4, "lpe_heads": 2, "lpe_layers": 2},
}


@settings(deadline=None)
@given(batches())
def test_eigenpairs_solve_the_laplacian_of_each_graph(graph):
    _, edge_index, _, batch = graph
    values, vectors = laplacian_eigenpairs(edge_index, batch, 3)
    for number in range(int(batch.max()) + 1):
        nodes = (batch == number).nonzero().squeeze(1)
        size, kept = len(nodes), min(len(nodes), 3)
        adjacency = np.zeros((size, size))
        for j, i in edge_index.t().tolist():
            if batch[i] == number:
                adjacency[i - nodes[0], j - nodes[0]] += 0.5
                adjacency[j - nodes[0], i - nodes[0]] += 0.5
        scale = np.maximum(adjacency.sum(1), 1) ** -0.5
        laplacian = np.eye(size) - scale[:, None] * adjacency * scale
        found, entries = values[nodes][0].numpy(), vectors[nodes].numpy()
        np.testing.assert_allclose(found[:kept], np.linalg.eigvalsh(laplacian)[:kept], atol=1e-9)
        assert np.isnan(found[kept:]).all()
        assert np.isnan(entries[:, kept:]).all()
        entries = entries[:, :kept]
        np.testing.assert_allclose(laplacian @ entries, entries * found[:kept], atol=1e-9)
        np.testing.assert_allclose(entries.T @ entries, np.eye(kept), atol=1e-9)


def test_the_first_eigenvector_may_be_left_out():
    _, edge_index, _, batch = two_graphs()
    both = laplacian_eigenpairs(edge_index, batch, 2)
    without = laplacian_eigenpairs(edge_index, batch, 1, skip_first=True)
    assert torch.equal(both[0][:, 1:], without[0])
    assert torch.equal(both[1][:, 1:], without[1])


def test_signs_are_flipped_by_whole_eigenvectors():
    torch.manual_seed(0)
    vectors = torch.rand(5, 20) + 1
    factor = flip_signs(vectors) / vectors
    assert torch.equal(factor, factor[:1].expand_as(factor))
    assert set(factor[0].tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_batch_gives_what_its_graphs_give_alone(name):
    model = random_model(name, **OPTIONS[name])
    x, edge_index, edge_attr, _ = two_graphs()
    first = model(x[:3], edge_index[:, :4], edge_attr[:4])
    second = model(x[3:], edge_index[:, 4:] - 3, edge_attr[4:])
    torch.testing.assert_close(model(*two_graphs()), torch.cat([first, second]))


@pytest.mark.parametrize("name", OPTIONS)
@settings(deadline=None, max_examples=12)
@given(graph=batches())
def test_any_graph_has_finite_predictions(name, graph):
    assert random_model(name, **OPTIONS[name])(*graph).isfinite().all()


@pytest.mark.parametrize("name", OPTIONS)
def test_training_sees_other_signs_and_evaluation_does_not(name):
    torch.manual_seed(0)
    model = random_model(name, **OPTIONS[name])
    graph = two_graphs()
    assert torch.equal(model(*graph), model(*graph))
    model.positions.train()
    _, edge_index, _, batch = graph
    found = {tuple(model.positions(edge_index, batch)[0].tolist()) for _ in range(12)}
    assert len(found) > 1


@pytest.mark.parametrize("name", OPTIONS)
def test_the_encoding_is_trained_and_is_no_site(name):
    model = random_model(name, **OPTIONS[name]).train()
    with es.capture(model) as tape:
        model(*two_graphs()).square().sum().backward()
    assert all(site.startswith("layers.") for site in tape.sites)
    assert all(parameter.grad is not None for parameter in model.positions.parameters())


def test_encodings_tell_apart_what_types_and_neighbours_cannot():
    ring = [(i, (i + 1) % 6) for i in range(6)]
    rings = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    x, types = torch.zeros(6).long(), torch.ones(12).long()

    def predict(model, pairs):
        edges = torch.tensor(pairs + [(j, i) for i, j in pairs]).t()
        return model(x, edges, types)

    plain = random_model("SAN")
    torch.testing.assert_close(predict(plain, ring), predict(plain, rings))
    encoded = random_model("SAN", **OPTIONS["SAN"])
    assert not torch.allclose(predict(encoded, ring), predict(encoded, rings), rtol=1e-3)


def test_on_the_full_graph_positions_are_those_of_the_edges():
    model = random_model("SAN", full_graph=True, **OPTIONS["SAN"])
    x, edge_index, edge_attr, batch = two_graphs()
    full = es.models.full_graph(edge_index, edge_attr, batch)
    prepared = model(x, full.edge_index, full.edge_attr, batch, edge_real=full.edge_real)
    torch.testing.assert_close(prepared, model(*two_graphs()))


def test_a_graph_too_large_is_refused():
    with pytest.raises(InputError, match="a graph of 2,001 nodes, expected at most 2,000"):
        laplacian_eigenpairs(torch.zeros(2, 0).long(), torch.zeros(2001).long(), 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lpe_dim": 16}, "lpe_dim must be from 1 to 15, received 16"),
        ({"lpe_heads": 3}, "lpe_dim must be a multiple of lpe_heads, received 4 and 3"),
    ],
)
def test_widths_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        random_model("SAN", **OPTIONS["SAN"] | options)
