"""Which graph of a batch rows belong to, where the model was not told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from edgescope.lib.errors import InputError
from edgescope.scanning.batches import BatchOfGraphs
from support.two_sided_cases import (
    bipartite,
    blind,
    edges_of,
    expected,
    joined,
    pairs,
    plain,
    sizes_and_edges,
    told,
    without_notes,
)

MANY = settings(max_examples=60, deadline=None)
FLOW = st.sampled_from([0, 1])


@MANY
@given(made=sizes_and_edges(two_sided=True), target_row=FLOW, data=st.data())
@pytest.mark.parametrize("follow", [(), ("x_s", "x_t"), ("x_t",)])
def test_rows_of_a_bipartite_batch_are_of_their_own_graphs(follow, made, target_row, data):
    batch = joined(bipartite(made), follow)
    edges = batch.edge_index
    rows = torch.tensor(data.draw(st.lists(st.integers(0, max(edges.size(1) - 1, 0)))), dtype=int)
    rows = rows if edges.size(1) else rows[:0]
    placed = BatchOfGraphs(batch, 7).identify(blind(edges, target_row=target_row, rows=rows))
    every = expected(made)
    assert told(placed) == [(7 + every[row][0], *every[row][1:]) for row in rows.tolist()]
    ends = [every[row][2:][:: 1 if target_row else -1] for row in rows.tolist()]
    own = zip(placed.own_source.tolist(), placed.own_target.tolist(), strict=True)
    assert list(own) == ends


def test_graph_0_of_three_has_its_twelve_edges():
    complete = [(3, 4, [(s, t) for s in range(3) for t in range(4)])] * 3
    batch = joined(bipartite(complete))
    placed = BatchOfGraphs(batch, 0).identify(blind(batch.edge_index))
    assert placed.graph.bincount().tolist() == [12, 12, 12]
    assert told(placed) == expected(complete)


@MANY
@given(made=sizes_and_edges(two_sided=True, graphs=(2, 4)))
def test_vectors_by_name_tell_as_much(made):
    batch = joined(bipartite(made), ("x_s", "x_t"))
    for names in (("x_s_batch", "x_t_batch"), ("x_s_ptr", "x_t_ptr")):
        bare = without_notes(batch, "edge_index", "x_s", "x_t", *names)
        placed = BatchOfGraphs(bare, 0).identify(blind(batch.edge_index))
        assert told(placed) == expected(made)


@MANY
@given(made=sizes_and_edges(two_sided=True, graphs=(2, 4)), remainder=st.integers(0, 2))
@pytest.mark.parametrize("follow", [(), ("x_t",), ("x_s", "x_t")])
def test_a_vector_of_other_nodes_is_never_taken(follow, made, remainder):
    """What PyG writes into ``batch`` is a guess; after a change of the edges only names tell."""
    batch = joined(bipartite(made), follow)
    kept = torch.arange(batch.edge_index.size(1)) % 3 != remainder
    batch.edge_index = batch.edge_index[:, kept]
    every = [each for each, keep in zip(expected(made), kept.tolist(), strict=True) if keep]
    placed = attempted(lambda: BatchOfGraphs(batch, 0).identify(blind(batch.edge_index)))
    # What is left may be all there was, or what fits a vector of just these nodes.
    if placed is not None:
        assert [(row[0], *row[2:]) for row in told(placed)] == [(r[0], *r[2:]) for r in every]
    assert placed is not None or len(follow) < 2


def attempted(place):
    """Return what was placed, or None if it is refused with the reason."""
    try:
        return place()
    except InputError as error:
        if "cannot be told from the batch" not in str(error):
            raise
        return None


@MANY
@given(made=sizes_and_edges(two_sided=False), other=sizes_and_edges(two_sided=False), row=FLOW)
@pytest.mark.parametrize("follow", [(), ("x_s", "x_t")])
def test_rows_of_a_pair_are_of_the_graph_of_their_input(follow, made, other, row):
    size = min(len(made), len(other))
    made, other = made[:size], other[:size]
    batch = joined(pairs(made, other), follow)
    here = BatchOfGraphs(batch, 0)
    for name, of in (("edge_index_s", made), ("edge_index_t", other)):
        assert told(here.identify(blind(getattr(batch, name), name, row))) == expected(of)


@MANY
@given(made=sizes_and_edges(two_sided=False), other=sizes_and_edges(two_sided=False))
def test_rows_of_batches_side_by_side_are_of_their_own(made, other):
    size = min(len(made), len(other))
    made, other = made[:size], other[:size]
    one, two = joined(plain(made)), joined(plain(other))
    ways = {
        ("a", "b"): {"a": one, "b": two},
        ("snapshots[0]", "snapshots[1]"): {"snapshots": [one, two]},
        ("[0]", "[1]"): (one, two),
    }
    for names, batch in ways.items():
        here = BatchOfGraphs(batch, 0)
        assert here.size == size
        for name, edges, of in zip(names, (one, two), (made, other), strict=True):
            assert told(here.identify(blind(edges.edge_index, name))) == expected(of)


def test_batches_side_by_side_of_different_sizes_are_refused():
    one, two = joined(plain([(2, 2, [(0, 1)])] * 2)), joined(plain([(2, 2, [(0, 1)])] * 3))
    with pytest.raises(InputError, match="inputs of 2 and 3 graphs"):
        BatchOfGraphs((one, two), 0)


def test_names_that_tell_nothing_are_refused_if_two_sets_of_edges_would_do():
    same = edges_of([(0, 1), (2, 3), (1, 0)])
    first = Data(edge_index=same[:, :2], num_nodes=4), torch.tensor([0, 0, 1, 1])
    second = Data(edge_index=same[:, :2], num_nodes=4), torch.tensor([1, 1, 0, 0])
    batch = []
    for data, vector in (first, second):
        data.batch = vector
        batch.append(data)
    with pytest.raises(InputError, match=r"are both \[0\].edge_index and \[1\].edge_index"):
        BatchOfGraphs(tuple(batch), 0).identify(blind(same[:, :2], "unknown"))


@MANY
@given(made=sizes_and_edges(two_sided=False, graphs=(2, 4)), seed=st.integers(0, 99))
def test_nodes_of_a_graph_need_not_stand_together(made, seed):
    """Numbers within a graph are by the order of its nodes."""
    batch = joined(plain(made))
    order = torch.randperm(len(batch.batch), generator=torch.Generator().manual_seed(seed))
    place = order.argsort()  # of the old nodes
    edges = place[batch.edge_index]
    loose = Data(x=batch.x[order], edge_index=edges, batch=batch.batch[order])
    loose.num_graphs = batch.num_graphs
    placed = BatchOfGraphs(loose, 0).identify(blind(edges))
    for row, (graph, position, first, second) in enumerate(told(placed)):
        assert graph == int(batch.batch[batch.edge_index[0, row]])
        assert expected(made)[row][:2] == (graph, position)
        nodes = (loose.batch == graph).nonzero().squeeze(1)
        assert [int(nodes[first]), int(nodes[second])] == edges[:, row].tolist()


@MANY
@given(made=sizes_and_edges(two_sided=False, graphs=(2, 4)))
def test_loops_that_a_layer_adds_are_of_the_graph_of_their_node(made):
    batch = joined(plain(made))
    nodes = torch.arange(len(batch.x))
    identity = blind(batch.edge_index)
    added = torch.full_like(nodes, -1)
    whole = identity._replace(
        edge_index=torch.cat([identity.edge_index, nodes.expand(2, -1)], dim=1),
        input_edge=torch.cat([identity.input_edge, added]),
        position=torch.cat([identity.position, added]),
        graph=torch.cat([identity.graph, torch.zeros_like(nodes)]),
        node_offset=torch.cat([identity.node_offset, torch.zeros(2, len(nodes), dtype=int)], 1),
    )
    found = told(BatchOfGraphs(batch, 0).identify(whole))
    assert found[: -len(nodes)] == expected(made)
    own = [(graph, -1, node, node) for graph, (n, _, _) in enumerate(made) for node in range(n)]
    assert found[-len(nodes) :] == own


def test_predictions_of_nodes_are_of_the_graphs_of_their_set():
    made = [(2, 1, [(0, 0)]), (3, 6, [(2, 1)])]  # 5 sources, 7 targets
    here = BatchOfGraphs(joined(bipartite(made), ("x_s", "x_t")), 4)
    assert here.graph_of(2).tolist() == [0, 1]
    assert here.graph_of(5).tolist() == [0, 0, 1, 1, 1]
    assert here.graph_of(7).tolist() == [0, 1, 1, 1, 1, 1, 1]
    with pytest.raises(InputError, match="3 predictions for a batch of 2 graphs, expected one per"):
        here.graph_of(3)


def test_predictions_of_nodes_of_one_of_two_sets_as_large_are_refused():
    made = [(2, 1, [(0, 0)]), (3, 4, [(2, 1)])]
    here = BatchOfGraphs(joined(bipartite(made), ("x_s", "x_t")), 4)
    with pytest.raises(InputError, match="several sets of that many nodes"):
        here.graph_of(5)


@pytest.mark.parametrize("name", ["row_ptr", "mini_batch"])
def test_what_is_called_like_a_vector_of_nodes_but_is_none_makes_no_graphs(name):
    graph = Data(x=torch.ones(3, 1), edge_index=edges_of([(0, 1)]))
    graph[name] = torch.tensor([0, 2, 3])
    assert BatchOfGraphs(graph, 0).size == 1
