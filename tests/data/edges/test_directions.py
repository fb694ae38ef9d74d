"""The two directions of an edge: who is whose reverse, and one value for both."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import edgescope as es
from edgescope.data.edges.directions import (
    MERGES,
    batched_edges,
    edge_graphs,
    merge_directions,
    reverse_edges,
    undirected_edges,
)
from edgescope.lib.errors import InputError


@st.composite
def edge_lists(draw):
    node = st.integers(0, 3)
    return draw(st.lists(st.tuples(node, node), max_size=14))


def tensor(edges):
    return torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t()


def reverse_by_search(edges):
    """The k-th edge from u to v belongs to the k-th from v to u; a loop to itself."""
    found = []
    for place, (source, target) in enumerate(edges):
        if source == target:
            found.append(place)
            continue
        copy = edges[:place].count((source, target))
        opposite = [i for i, edge in enumerate(edges) if edge == (target, source)]
        found.append(opposite[copy] if copy < len(opposite) else -1)
    return found


@given(edge_lists())
def test_every_edge_finds_its_copy_in_the_other_direction(edges):
    assert reverse_edges(tensor(edges)).tolist() == reverse_by_search(edges)


@given(edge_lists())
def test_the_reverse_of_the_reverse_is_the_edge(edges):
    reverse = reverse_edges(tensor(edges))
    paired = (reverse >= 0).nonzero().flatten()
    assert reverse[reverse[paired]].equal(paired)


@given(edge_lists())
def test_an_undirected_edge_is_an_edge_and_its_reverse(edges):
    first, edge = undirected_edges(tensor(edges))
    leaders = [
        place if other < 0 else min(place, other)
        for place, other in enumerate(reverse_by_search(edges))
    ]
    assert first[edge].tolist() == leaders
    assert first.tolist() == sorted(set(leaders))


@given(edge_lists(), st.sampled_from(MERGES))
def test_both_directions_get_one_value(edges, merge):
    values = torch.arange(len(edges), dtype=torch.float32) ** 2 - 5
    expected = []
    for place, other in enumerate(reverse_by_search(edges)):
        pair = [float(values[place])]
        if merge != "none" and other not in {-1, place}:
            pair.append(float(values[other]))
        expected.append({"max": max(pair), "sum": sum(pair)}.get(merge, sum(pair) / len(pair)))
    assert merge_directions(values, tensor(edges), merge).tolist() == expected


def test_node_numbers_far_apart_do_not_collide():
    far = 2_000_000_000
    assert reverse_edges(torch.tensor([[far, 0, 1], [0, far, 0]])).tolist() == [1, 0, -1]


def test_batched_edges_are_those_of_a_batch_of_everything():
    data = es.data.load("solubility").test[:7]
    assert batched_edges(data).equal(data.batch(slice(None)).edge_index)


def test_the_graph_of_every_edge_is_that_of_its_source():
    batch = (data := es.data.load("solubility").test[:7]).batch(slice(None))
    assert edge_graphs(data).equal(batch.batch[batch.edge_index[0]])


def test_an_unknown_rule_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="unknown merge 'min', expected one of mean, max"):
        merge_directions(torch.zeros(0), tensor([]), "min")


def test_values_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"shape \[3\] for 1 edges"):
        merge_directions(torch.zeros(3), tensor([(0, 1)]))
