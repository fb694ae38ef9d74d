"""Matching: every edge that a layer saw is found, or it is refused; never is one mistaken."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch_geometric.utils import (
    add_remaining_self_loops,
    add_self_loops,
    remove_self_loops,
    sort_edge_index,
)

from edgescope.capturing.edge_match import match_edges
from edgescope.lib.errors import InputError

ADDED = -1.0


def edges_of(*pairs):
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).t().contiguous()


@st.composite
def multigraphs(draw, max_nodes=4, max_edges=7, loops=True):
    """Edges ``[2, M]`` and a number of nodes, with self-loops and duplicates."""
    nodes = draw(st.integers(1, max_nodes))
    end = st.integers(0, nodes - 1)
    pair = st.tuples(end, end).filter(lambda edge: loops or edge[0] != edge[1])
    return edges_of(*draw(st.lists(pair, max_size=max_edges))), nodes


def keep(edges, ids, nodes, draw):
    return edges.clone(), ids


def drop_loops(edges, ids, nodes, draw):
    return remove_self_loops(edges, ids)


def append_loops(edges, ids, nodes, draw):
    return add_self_loops(edges, ids, fill_value=ADDED, num_nodes=nodes)


def replace_loops(edges, ids, nodes, draw):
    return append_loops(*remove_self_loops(edges, ids), nodes, draw)


def complete_loops(edges, ids, nodes, draw):
    return add_remaining_self_loops(edges, ids, fill_value=ADDED, num_nodes=nodes)


def permute(edges, ids, nodes, draw):
    """Reorder the edges, but keep those between the same nodes in their order."""
    pairs = list(map(tuple, edges.t().tolist()))
    left = {pair: iter([row for row, p in enumerate(pairs) if p == pair]) for pair in pairs}
    order = draw(st.permutations(pairs))
    rows = torch.tensor([next(left[pair]) for pair in order], dtype=torch.int64)
    return edges[:, rows], ids[rows]


def sort(edges, ids, nodes, draw):
    by_target = draw(st.booleans())
    return sort_edge_index(edges, ids, nodes, sort_by_row=not by_target)


def renumber(edges, ids, nodes, draw):
    return torch.tensor(draw(st.permutations(range(nodes))))[edges], ids


def choose(edges, ids, nodes, draw):
    some = st.lists(st.booleans(), min_size=edges.size(1), max_size=edges.size(1))
    mask = torch.tensor(draw(some), dtype=torch.bool)
    return edges[:, mask], ids[mask]


def reverse(edges, ids, nodes, draw):
    return edges.flip(0), ids


ADDING = [append_loops, replace_loops, complete_loops]
CHANGES = [keep, drop_loops, permute, sort, choose]


def changed(edges, nodes, changes, draw):
    """Apply changes to edges that carry their number; return the edges and their numbers."""
    ids = torch.arange(edges.size(1)).float()
    for change in changes:
        edges, ids = change(edges, ids, nodes, draw)
    return edges, ids.long()


def one_loop_each(edges):
    loops = edges[0, edges[0] == edges[1]].tolist()
    return len(loops) == len(set(loops))


def kth_occurrence(seen, given, replaces_loops):
    """Return the position of every edge in plain Python: the first one not yet taken, or -1."""
    left = {}
    for position, (source, target) in enumerate(given.t().tolist()):
        if not (replaces_loops and source == target):
            left.setdefault((source, target), []).append(position)
    return [left[edge].pop(0) if left.get(edge) else -1 for edge in map(tuple, seen.t().tolist())]


@given(multigraphs(), st.data())
def test_edges_that_carry_a_number_through_any_change_are_right_or_refused(graph, data):
    edges, nodes = graph
    before, after = (data.draw(st.lists(st.sampled_from(CHANGES), max_size=2)) for _ in range(2))
    adding = data.draw(st.sampled_from([None, *ADDING]))
    # Of several loops of a node PyG keeps one, and does not say which.
    assume(adding is not complete_loops or one_loop_each(edges))
    seen, ids = changed(edges, nodes, [*before, *([adding] if adding else []), *after], data.draw)
    try:
        found = match_edges(seen, edges)
    except InputError:
        return
    assert found.tolist() == ids.tolist()


@given(multigraphs(), st.data())
def test_edges_with_their_ends_exchanged_are_right_or_refused(graph, data):
    edges, nodes = graph
    assume(one_loop_each(edges))
    change = data.draw(st.sampled_from([keep, drop_loops, *ADDING]))
    seen, ids = changed(edges, nodes, [reverse, change], data.draw)
    try:
        found = match_edges(seen, edges)
    except InputError:
        return
    assert found.tolist() == ids.tolist()


@given(multigraphs(), st.data(), st.booleans())
def test_whatever_is_returned_is_the_kth_occurrence(graph, data, replaces_loops):
    edges, nodes = graph
    end = st.integers(0, nodes - 1)
    seen = edges_of(*data.draw(st.lists(st.tuples(end, end), max_size=7)))
    square = data.draw(st.booleans())
    try:
        found = match_edges(seen, edges, square=square, replaces_loops=replaces_loops)
    except InputError:
        return
    assert found.tolist() == kth_occurrence(seen, edges, replaces_loops)
    assert replaces_loops or square or (found >= 0).all()


@settings(deadline=None)
@given(multigraphs(), st.data())
def test_a_layer_that_replaces_loops_is_never_refused(graph, data):
    edges, nodes = graph
    change = data.draw(st.sampled_from([drop_loops, append_loops, complete_loops, keep]))
    seen, ids = changed(edges, nodes, [change, replace_loops], data.draw)
    assert match_edges(seen, edges, replaces_loops=True).tolist() == ids.tolist()
    assert match_edges(seen, edges, replaces_loops=True, square=False).tolist() == ids.tolist()


@settings(deadline=None)
@given(multigraphs(), st.sampled_from([drop_loops, append_loops]))
def test_loops_dropped_or_appended_are_never_refused(graph, change):
    edges, nodes = graph
    seen, ids = changed(edges, nodes, [change], None)
    assert match_edges(seen, edges).tolist() == ids.tolist()


@settings(deadline=None)
@given(multigraphs())
def test_the_edges_themselves_are_never_refused_nor_a_copy_without_loops(graph):
    edges, _ = graph
    every = list(range(edges.size(1)))
    assert match_edges(edges, edges).tolist() == every
    assert match_edges(edges.clone(), edges, square=False).tolist() == every
    if not (edges[0] == edges[1]).any():
        assert match_edges(edges.clone(), edges).tolist() == every
        assert match_edges(edges.int(), edges).tolist() == every


@settings(deadline=None)
@given(multigraphs(loops=False), st.data())
def test_a_simple_graph_may_come_in_part(graph, data):
    edges = graph[0].unique(dim=1)
    seen, ids = changed(edges, graph[1], [choose], data.draw)
    assert match_edges(seen, edges).tolist() == ids.tolist()


@given(multigraphs(loops=False), st.data())
def test_edges_between_renumbered_nodes_are_right_or_refused(graph, data):
    edges, nodes = graph
    complete = torch.combinations(torch.arange(nodes), 2).t()
    edges = data.draw(st.sampled_from([edges, torch.cat([complete, complete.flip(0)], dim=1)]))
    seen, ids = changed(edges, nodes, [renumber], data.draw)
    try:
        found = match_edges(seen, edges)
    except InputError:
        return
    assert found.tolist() == ids.tolist()


REFUSALS = {
    "an edge from 1 to 0 that was not given": ([(1, 0)], [(0, 1)]),
    "an edge from 0 to 1 that was not": ([(0, 1), (0, 1)], [(0, 1)]),
    "of several edges from 0 to 1 it saw only some": ([(0, 1)], [(0, 1), (0, 1)]),
    "another order than they were given, so nodes may": (
        [(1, 2), (2, 0), (0, 1)],
        [(0, 1), (1, 2), (2, 0)],
    ),
    "renumbered or directions exchanged": ([(0, 1), (1, 0)], [(1, 0), (0, 1)]),
    "order the edges before the model is called": ([(0, 2), (1, 2)], [(1, 2), (0, 2)]),
    "self-loop of node 1 there is the one given or a new": ([(0, 1), (1, 1)], [(0, 1), (1, 1)]),
}


@pytest.mark.parametrize(("message", "case"), REFUSALS.items(), ids=REFUSALS)
def test_what_is_uncertain_is_refused_and_says_which_edge(message, case):
    seen, given_edges = (edges_of(*edges) for edges in case)
    with pytest.raises(InputError, match=message):
        match_edges(seen, given_edges)


def test_between_two_kinds_of_nodes_an_edge_of_equal_numbers_is_no_loop():
    edges = edges_of((0, 0), (1, 1), (0, 1))
    assert match_edges(edges[:, [1, 2]], edges, square=False).tolist() == [1, 2]
    with pytest.raises(InputError, match="from 2 to 2 that was not given"):
        match_edges(edges_of((0, 0), (2, 2)), edges, square=False)


@pytest.mark.parametrize("replaces_loops", [True, False])
def test_without_edges_only_added_loops_are_found(replaces_loops):
    options = {"replaces_loops": replaces_loops}
    assert match_edges(edges_of(), edges_of(), **options).tolist() == []
    assert match_edges(edges_of(), edges_of((0, 1)), **options).tolist() == []
    assert match_edges(edges_of((0, 0), (1, 1)), edges_of(), **options).tolist() == [-1, -1]


def test_a_view_of_the_first_edges_is_them_also_with_loops_and_duplicates():
    edges = edges_of((0, 1), (1, 1), (0, 1), (2, 0), (0, 1))
    assert match_edges(edges.narrow(1, 0, 3), edges).tolist() == [0, 1, 2]
