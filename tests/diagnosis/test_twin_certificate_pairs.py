"""Pairs of twins against a comparison of all pairs of nodes."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.diagnosis import twin_certificate as twins
from edgescope.diagnosis.twin_certificate import find_twins

NODES = 7


def neighbourhoods(edges, features):
    """Return the multiset of (source, feature) of every node."""
    found = [Counter() for _ in range(NODES)]
    for (source, target), feature in zip(edges, features, strict=True):
        found[target][source, feature] += 1
    return found


def groups(pairs):
    """Join pairs to groups of nodes."""
    joined = {}
    for left, right in pairs:
        group = joined.get(left, {left}) | joined.get(right, {right})
        joined |= dict.fromkeys(group, group)
    return {frozenset(group) for group in joined.values()}


edge = st.tuples(st.integers(0, 2), st.integers(0, NODES - 1))


@given(edges=st.lists(edge, max_size=25), data=st.data(), choices=st.integers(0, 3))
def test_twins_are_the_nodes_with_the_same_multiset_of_edges(edges, data, choices):
    feature = st.lists(st.integers(0, 1), min_size=len(edges), max_size=len(edges))
    features = data.draw(feature)
    hoods = neighbourhoods(edges, features)
    expected = {}
    for node, hood in enumerate(hoods):
        if len(hood) >= max(choices, 1):
            expected.setdefault(frozenset(hood.items()), set()).add(node)
    ends = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T
    attr = torch.tensor(features, dtype=torch.float).reshape(-1, 1)
    pairs = find_twins(ends, NODES, attr, choices=choices)
    assert groups(pairs.T.tolist()) == {frozenset(g) for g in expected.values() if len(g) > 1}
    assert pairs.size(1) == sum(len(g) - 1 for g in expected.values())
    assert (pairs[0] < pairs[1]).all()


def test_edges_in_another_order_make_the_same_twins():
    edges = torch.tensor([[0, 1, 2, 2, 0, 1], [3, 3, 3, 4, 4, 4]])
    assert find_twins(edges, 5).tolist() == [[3], [4]]


def test_a_source_that_counts_twice_for_one_node_makes_no_twins():
    edges = torch.tensor([[0, 1, 1, 0, 0, 1], [2, 2, 2, 3, 3, 3]])
    assert find_twins(edges, 4).tolist() == [[], []]


def test_edges_from_one_source_with_different_features_are_a_choice():
    edges = torch.tensor([[0, 0, 0, 0], [1, 1, 2, 2]])
    attr = torch.tensor([1.0, 2.0, 2.0, 1.0])
    assert find_twins(edges, 3, attr).tolist() == [[1], [2]]
    assert find_twins(edges, 3).tolist() == [[], []]


def test_with_self_loops_twins_are_neighbours_of_each_other():
    shared = [(0, 2), (0, 3), (2, 2), (3, 3)]
    assert find_twins(torch.tensor(shared).T, 4).tolist() == [[], []]
    joined = [*shared, (2, 3), (3, 2)]
    assert find_twins(torch.tensor(joined).T, 4).tolist() == [[2], [3]]


def test_features_that_are_not_a_number_are_like_no_other():
    edges = torch.tensor([[0, 1, 0, 1], [2, 2, 3, 3]])
    attr = torch.tensor([1.0, torch.nan, 1.0, torch.nan])
    assert find_twins(edges, 4, attr).tolist() == [[], []]


@pytest.mark.parametrize("attr", [None, torch.zeros(0, 3)])
def test_no_edges_make_no_twins(attr):
    assert find_twins(torch.zeros(2, 0, dtype=torch.long), 4, attr).shape == (2, 0)


def test_a_star_of_many_leaves_takes_no_square_of_the_comparisons(monkeypatch):
    leaves = 100_000
    node = torch.arange(leaves)
    edges = torch.stack([node % 2 + leaves, node]).repeat(1, 2)
    edges[0, leaves:] = leaves + 2
    compared = []

    def counting(kind, degree, pairs):
        compared.append(int(degree[pairs].sum()))
        return same_edges(kind, degree, pairs)

    same_edges = twins._same_edges
    monkeypatch.setattr(twins, "_same_edges", counting)
    assert find_twins(edges, leaves + 3).size(1) == leaves - 2
    assert sum(compared) <= 2 * edges.size(1)
