"""Bonds are found as by hand, and taken away with both their directions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.attribute.bonds import bonds, without_bonds
from edgescope.lib.errors import InputError
from support.judging_cases import bond_of_every_edge, datasets, graph_dataset


@given(datasets())
def test_two_edges_are_one_bond_if_they_join_the_same_nodes_as_the_same_copy(dataset):
    found, expected = bonds(dataset).edge.tolist(), bond_of_every_edge(dataset)
    together = set(zip(found, expected, strict=True))
    assert len(together) == len(set(found)) == len(set(expected))


@given(datasets())
def test_bonds_lie_graph_by_graph(dataset):
    found = bonds(dataset)
    assert found.graph.tolist() == sorted(found.graph.tolist())
    assert [found.graph[bond] for bond in found.edge] == [
        at[0] for at in bond_of_every_edge(dataset)
    ]


@given(datasets(), st.randoms(use_true_random=False))
def test_a_bond_has_the_mean_of_its_directions(dataset, random):
    importance = torch.tensor([random.random() for _ in dataset.edge_attr], dtype=torch.float64)
    found = bonds(dataset)
    by_bond = {}
    for bond, value in zip(bond_of_every_edge(dataset), importance.tolist(), strict=True):
        by_bond.setdefault(bond, []).append(value)
    expected = [sum(by_bond[at]) / len(by_bond[at]) for at in bond_of_every_edge(dataset)]
    assert found.merged(importance)[found.edge].tolist() == pytest.approx(expected)


@given(datasets(), st.integers(0, 99))
def test_what_is_left_are_the_edges_of_the_other_bonds_in_their_order(dataset, seed):
    of = bonds(dataset)
    removed = (
        torch.rand(len(of.graph), generator=torch.Generator().manual_seed(seed)) < 0.5
    ).numpy()
    rest = without_bonds(dataset, of, removed)
    for graph in range(len(dataset)):
        first, last = dataset.edge_ptr[graph : graph + 2].tolist()
        kept = [edge for edge in range(first, last) if not removed[of.edge[edge]]]
        assert torch.equal(rest[graph].edge_index, dataset.edge_index[:, kept])
        assert torch.equal(rest[graph].edge_attr, dataset.edge_attr[kept])
        assert rest[graph].num_nodes == dataset[graph].num_nodes


def test_every_direction_may_be_a_bond_of_its_own():
    dataset = graph_dataset([(2, [(0, 1), (1, 0)], [0, 0])])
    assert bonds(dataset, both_directions=True).edge.tolist() == [0, 1]


def test_an_importance_that_is_nan_is_refused_and_its_edge_named():
    dataset = graph_dataset([(2, [(0, 1)], [0]), (3, [(0, 1), (1, 2)], [0, 1])])
    with pytest.raises(InputError, match="edge 1 of graph 1 is nan"):
        bonds(dataset).merged(torch.tensor([0.0, 1.0, torch.nan]))


def test_importances_of_other_edges_are_refused():
    dataset = graph_dataset([(2, [(0, 1)], [0])])
    with pytest.raises(InputError, match=r"shape \[3\], expected one for each of 1 directed edges"):
        bonds(dataset).merged(torch.zeros(3))
