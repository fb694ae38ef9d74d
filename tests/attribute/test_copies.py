"""Copies of graphs without some of their edges are what PyG joins one by one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch

import edgescope as es
from edgescope.attribute import without_edges
from edgescope.attribute.copies import Copies
from support.attribution_cases import random_batch


def decorated(seed):
    """A batch with features of nodes, edges and graphs, and texts."""
    graphs = random_batch(seed).to_data_list()
    for number, graph in enumerate(graphs):
        graph.position = torch.randn(graph.num_nodes, 2)
        graph.edge_length = torch.randn(graph.edge_index.size(1), 3)
        graph.y = torch.tensor([[float(number)]])
        graph.smiles = "C" * (number + 1)
        graph.identifiers = {"mol_id": f"M{number}", "cas": None}
        graph.by_name = {"charge": torch.randn(graph.num_nodes), "energy": torch.randn(1)}
    return Batch.from_data_list(graphs), graphs


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 100),
    chosen=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    draw=st.randoms(use_true_random=False),
)
def test_copies_equal_graphs_joined_one_by_one(seed, chosen, draw):
    batch, graphs = decorated(seed)
    copies = Copies(batch)
    edges, of = copies.edges_of(torch.tensor(chosen))
    keep = torch.tensor([draw.random() < 0.7 for _ in edges], dtype=torch.bool)
    made = copies.make(torch.tensor(chosen), keep)
    expected = []
    for number, graph in enumerate(chosen):
        mine = graphs[graph].clone()
        left = keep[of == number]
        for name in ("edge_index", "edge_attr", "edge_length"):
            mine[name] = mine[name][..., left] if name == "edge_index" else mine[name][left]
        expected.append(mine)
    expected = Batch.from_data_list(expected)
    assert made.num_graphs == len(chosen)
    for name in ("x", "edge_index", "edge_attr", "edge_length", "position", "y", "batch", "ptr"):
        assert made[name].equal(expected[name]), name
    assert made.smiles == expected.smiles
    assert made.identifiers == expected.identifiers
    assert all(made.by_name[name].equal(each) for name, each in expected.by_name.items())


def test_a_batch_without_edges_keeps_nodes_and_graphs():
    batch = random_batch(1)
    bare = without_edges(batch, torch.zeros(batch.edge_index.size(1), dtype=torch.bool))
    assert bare.edge_index.shape == (2, 0)
    assert bare.edge_attr.shape == (0,)
    assert bare.num_graphs == batch.num_graphs
    assert bare.x.equal(batch.x)


def test_edges_that_are_not_in_the_order_of_graphs_stay_with_their_graph():
    batch = random_batch(1)
    order = torch.randperm(batch.edge_index.size(1), generator=torch.Generator().manual_seed(0))
    shuffled = batch.clone()
    shuffled.edge_index, shuffled.edge_attr = batch.edge_index[:, order], batch.edge_attr[order]
    keep = torch.arange(len(order)) % 2 == 0
    made = without_edges(shuffled, keep)
    found = sorted(zip(*made.edge_index.tolist(), made.edge_attr.tolist(), strict=True))
    edges, types = shuffled.edge_index[:, keep], shuffled.edge_attr[keep]
    assert found == sorted(zip(*edges.tolist(), types.tolist(), strict=True))


@pytest.mark.parametrize("graph", range(3))
def test_one_graph_of_the_data_set_is_copied_as_a_batch(graph):
    molecules = es.data.load("solubility").test[:3]
    one = molecules[graph]
    made = Copies(one).make(torch.tensor([0, 0]))
    assert made.edge_index.equal(molecules.batch([graph, graph]).edge_index)
    assert made.x.equal(molecules.batch([graph, graph]).x)


def test_texts_of_graphs_are_copied_where_there_are_as_many_edges():
    batch = random_batch(1)
    batch.names = ["a", "b", "c"]
    batch.edge_index, batch.edge_attr = batch.edge_index[:, :3], batch.edge_attr[:3]
    made = Copies(batch).make(torch.tensor([2, 0]))
    assert made.names == ["c", "a"]
