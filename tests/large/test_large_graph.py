"""LargeGraph: every edge is there once, where the tile and the source put it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.large import LargeGraph
from edgescope.large.passes import pieces
from edgescope.lib.errors import InputError
from support.large_cases import graphs


def dense(graph):
    return {
        name: getattr(graph, name).tolist()
        for name in ("source", "target", "input_edge", "edge_attr")
    }


@settings(deadline=None)
@given(graphs(), st.integers(1, 5))
def test_sorted_edges_are_the_users_edges_in_another_order(case, tile):
    x, edge_index, edge_attr = case
    graph = LargeGraph.from_edge_index(edge_index, edge_attr, len(x), tile=tile)
    order = torch.from_numpy(graph.input_edge).long()
    assert sorted(order.tolist()) == list(range(edge_index.size(1)))
    assert graph.source.tolist() == edge_index[0, order].tolist()
    assert graph.target.tolist() == edge_index[1, order].tolist()
    assert graph.edge_attr.tolist() == edge_attr[order].tolist()
    keys = list(zip(graph.target // tile, graph.source, graph.input_edge, strict=True))
    assert keys == sorted(keys)


@settings(deadline=None)
@given(graphs(), st.integers(1, 5))
def test_pieces_hold_every_edge_once_and_their_own_targets(case, tile):
    x, edge_index, edge_attr = case
    graph = LargeGraph.from_edge_index(edge_index, edge_attr, len(x), tile=tile)
    held = []
    for piece in pieces(graph):
        target = graph.target[piece.edges]
        assert 0 < len(target) <= 7
        assert piece.nodes.start <= target.min() <= target.max() < piece.nodes.stop <= len(x)
        held.extend(range(piece.edges.start, piece.edges.stop))
    assert held == list(range(graph.num_edges))


@pytest.mark.parametrize("edges", [0, 40_000])
def test_a_graph_on_disk_is_the_same(edges, tmp_path):
    random = np.random.default_rng(0)
    edge_index = random.integers(50, size=(2, edges))
    edge_attr = random.random((edges, 3)).astype(np.float16)
    here = LargeGraph.from_edge_index(edge_index, edge_attr, 50)
    LargeGraph.from_edge_index(edge_index, edge_attr, 50, tmp_path)
    there = LargeGraph.load(tmp_path)
    assert dense(here) == dense(there)
    assert (here.num_nodes, here.tile) == (there.num_nodes, there.tile)
    assert here.tile_start.tolist() == there.tile_start.tolist()


def test_the_old_name_of_load_works_and_says_the_new_one(tmp_path):
    edge_index = torch.tensor([[0, 1], [1, 0]])
    LargeGraph.from_edge_index(edge_index, torch.zeros(2).long(), 2, tmp_path)
    with pytest.warns(DeprecationWarning, match=r"LargeGraph\.load"):
        there = LargeGraph.open(tmp_path)
    assert dense(there) == dense(LargeGraph.load(tmp_path))


def test_half_a_graph_on_disk_is_refused(tmp_path):
    edge_index = torch.tensor([[0, 1], [1, 0]])
    LargeGraph.from_edge_index(edge_index, torch.zeros(2).long(), 2, tmp_path)
    (tmp_path / "sizes.npy").unlink()  # which is written last
    with pytest.raises(InputError, match=r"expected a file of a graph sorted with .*sizes\.npy"):
        LargeGraph.load(tmp_path)


@pytest.mark.parametrize(
    ("edge_index", "edge_attr", "nodes", "problem"),
    [
        (torch.zeros(3, 2).long(), torch.zeros(2).long(), 2, r"shape \[3, 2\].*integers \[2, E\]"),
        (torch.zeros(2, 2), torch.zeros(2).long(), 2, r"type float32, expected integers"),
        (
            torch.tensor([[0, 2], [1, 1]]),
            torch.zeros(2).long(),
            2,
            r"nodes 0 to 2, expected 0 to 1",
        ),
        (torch.tensor([[0], [-1]]), torch.zeros(1).long(), 2, r"nodes -1 to 0, expected"),
        (torch.zeros(2, 2).long(), torch.zeros(3).long(), 2, r"edge_attr of shape \[3\].*2 edges"),
        (torch.zeros(2, 2).long(), torch.zeros(2), 2, r"edge_attr of shape \[2\] and type float32"),
        (torch.zeros(2, 1).long(), torch.tensor([-3]), 2, r"the edge type -3, expected 0 or more"),
        (torch.zeros(2, 1).long(), torch.tensor([0]), 2**31, r"received 2147483648 nodes"),
    ],
)
def test_what_does_not_fit_is_refused(edge_index, edge_attr, nodes, problem):
    with pytest.raises(InputError, match=problem):
        LargeGraph.from_edge_index(edge_index, edge_attr, nodes)
