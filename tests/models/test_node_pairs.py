"""The full graph and its random-walk kernel, and which of its rows are edges."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.models import full_graph, random_walk_kernel
from support.model_cases import batches, random_model, two_graphs
from support.model_reference import kernel


@settings(deadline=None)
@given(batches())
def test_every_pair_within_a_graph_is_there_and_edges_come_first(graph):
    _, edge_index, edge_attr, batch = graph
    full = full_graph(edge_index, edge_attr, batch)
    size = edge_index.size(1)
    assert torch.equal(full.edge_index[:, :size], edge_index)
    assert torch.equal(full.edge_attr[:size], edge_attr)
    assert full.edge_real.tolist() == [True] * size + [False] * (len(full.edge_attr) - size)
    assert not full.edge_attr[size:].any()
    nodes = range(len(batch))
    expected = {(j, i) for i in nodes for j in nodes if i != j and batch[i] == batch[j]}
    have = set(map(tuple, edge_index.t().tolist()))
    added = list(map(tuple, full.edge_index[:, size:].t().tolist()))
    assert len(added) == len(set(added))
    assert set(added) == expected - have


@settings(deadline=None)
@given(batches())
def test_the_kernel_is_the_power_of_one_step(graph):
    _, edge_index, edge_attr, batch = graph
    pairs = full_graph(edge_index, edge_attr, batch).edge_index
    found = random_walk_kernel(edge_index, pairs, batch, gamma=0.3, steps=5)
    expected = kernel(edge_index.numpy(), len(batch), 0.3, 5)
    np.testing.assert_allclose(found[:, 0], expected[pairs[1], pairs[0]], atol=1e-12)


def test_nodes_of_a_graph_need_not_follow_each_other():
    batch = torch.tensor([0, 1, 0])
    edge_index, edge_attr = torch.tensor([[0, 2], [2, 0]]), torch.tensor([1, 1])
    assert full_graph(edge_index, edge_attr, batch).edge_index.tolist() == [[0, 2], [2, 0]]
    kernel_of = random_walk_kernel(edge_index, edge_index, batch, gamma=0.5, steps=1)
    assert kernel_of.flatten().tolist() == [0.5, 0.5]


@pytest.mark.parametrize("architecture", ["SAN", "GraphiT"])
@settings(deadline=None, max_examples=12)
@given(graph=batches())
def test_a_graph_prepared_in_any_order_gives_what_the_model_prepares_itself(architecture, graph):
    model = random_model(architecture, full_graph=True)
    x, edge_index, edge_attr, batch = graph
    full = full_graph(edge_index, edge_attr, batch)
    walk = random_walk_kernel(edge_index, full.edge_index, batch)
    order = torch.randperm(len(full.edge_real))
    edges = full.edge_index[:, order], full.edge_attr[order], batch
    found = model(x, *edges, edge_real=full.edge_real[order].long(), edge_kernel=walk[order])
    torch.testing.assert_close(found, model(*graph))
    without_kernel = model(x, *edges, edge_real=full.edge_real[order])
    torch.testing.assert_close(without_kernel, model(*graph))


@pytest.mark.parametrize("architecture", ["SAN", "GraphiT"])
def test_a_batch_gives_what_its_graphs_give_alone(architecture):
    model = random_model(architecture, full_graph=True)
    x, edge_index, edge_attr, _ = two_graphs()
    first = model(x[:3], edge_index[:, :4], edge_attr[:4])
    second = model(x[3:], edge_index[:, 4:] - 3, edge_attr[4:])
    torch.testing.assert_close(model(*two_graphs()), torch.cat([first, second]))


@pytest.mark.parametrize("prepared", [False, True])
@settings(deadline=None, max_examples=12)
@given(graph=batches())
def test_added_pairs_are_captured_as_no_edges_of_the_input(prepared, graph):
    model = random_model("SAN", full_graph=True)
    x, edge_index, edge_attr, batch = graph
    full = full_graph(edge_index, edge_attr, batch)
    real = full.edge_real
    with es.capture(model) as tape:
        if prepared:
            model(x, full.edge_index, full.edge_attr, batch, edge_real=real)
        else:
            model(*graph)
    identity = tape["layers.0.attention:score"].identity
    assert torch.equal(identity.edge_index, full.edge_index)
    assert torch.equal(identity.input_edge >= 0, real)
    assert torch.equal(identity.graph, batch[full.edge_index[1]])
    assert torch.equal(identity.edge_type[real], edge_attr)
    if not prepared:
        first = torch.cat(
            [torch.arange(int(n)) for n in batch[edge_index[1]].bincount()] or [real[:0]]
        )
        order = batch[edge_index[1]].argsort(stable=True)
        assert torch.equal(identity.input_edge[real][order], first)


def test_a_scan_counts_added_pairs_as_a_type_of_their_own():
    from torch_geometric.data import Data

    x, edge_index, edge_attr, _ = two_graphs()
    model = random_model("GraphiT", full_graph=True).float()
    scan = es.scan(model, [Data(x=x, edge_index=edge_index, edge_attr=edge_attr)], progress=False)
    table = scan.by_edge_type().filter(site="layers.0.attention:score")
    assert dict(table.select("edge_type", "edges").rows()) == {
        "type 1": 2,
        "type 2": 2,
        "type 3": 2,
        "added": 14,  # of 20 pairs of five nodes, as without batch they are one graph
    }


def test_marked_edges_are_refused_by_a_model_of_the_given_edges():
    x, edge_index, edge_attr, batch = two_graphs()
    with pytest.raises(InputError, match="received edge_real, but this SAN was built with full_gr"):
        random_model("SAN")(x, edge_index, edge_attr, batch, edge_real=torch.ones(6))


def test_a_graph_too_large_for_all_its_pairs_is_refused():
    with pytest.raises(InputError, match="400,000,000 pairs of nodes, more than 100,000,000"):
        full_graph(torch.zeros(2, 0).long(), torch.zeros(0).long(), num_nodes=20_000)


def test_the_number_of_nodes_must_be_known():
    with pytest.raises(InputError, match="neither batch nor num_nodes"):
        full_graph(torch.zeros(2, 0).long(), torch.zeros(0).long())
