"""The heterogeneous graph of a call: its edges by relation, and the graphs of a batch by type."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, HeteroData

from edgescope.capturing.call_graphs import read_graph_input
from edgescope.lib.errors import InputError
from support.hetero_cases import columns

WRITES, CITES = ("author", "writes", "paper"), ("paper", "cites", "paper")
EDGES = {WRITES: columns([(0, 1), (2, 0)]), CITES: columns([(0, 1), (1, 1), (0, 1)])}
X = {"author": torch.zeros(3, 2), "paper": torch.zeros(2, 4)}


def read(forward, *args, names=None, **kwargs):
    model = nn.Module()
    model.forward = forward
    return read_graph_input(model, args, kwargs, names)


def sizes(edges):
    return tuple(nodes.size for nodes in edges.nodes)


def by_type(x_dict, edge_index_dict, batch_dict=None): ...


def plainly_named(x, edge_index, batch=None): ...


def otherwise_named(nodes, edges): ...


def with_one_batch(x_dict, edge_index_dict, batch): ...


def by_keyword(**graph): ...


def whole(graph): ...


def among_others(features, graph): ...


def data():
    graph = HeteroData()
    for kind, x in X.items():
        graph[kind].x = x
    for relation, edge_index in EDGES.items():
        graph[relation].edge_index = edge_index
    return graph


@pytest.mark.parametrize(
    "found",
    [
        read(by_type, X, EDGES),
        read(plainly_named, X, edge_index=EDGES),
        read(by_keyword, x_dict=X, edge_index_dict=EDGES),
        read(otherwise_named, X, EDGES, names={"x": "nodes", "edge_index": "edges"}),
        read(whole, data()),
        read(among_others, torch.zeros(1), data()),
    ],
    ids=["x_dict", "x", "keywords", "other names", "HeteroData", "among others"],
)
def test_edges_are_found_by_relation_with_the_number_of_nodes_at_each_end(found):
    assert found.relations == (WRITES, CITES)
    assert [sizes(edges) for edges in found.inputs] == [(3, 2), (2, 2)]
    assert [edges.square for edges in found.inputs] == [False, True]
    assert [edges.name for edges in found.inputs] == ["", ""]
    # The very tensors, by which a layer's relation is told.
    assert all(edges.edge_index is EDGES[edges.relation] for edges in found.inputs)


def test_a_graph_without_features_is_read():
    graph = data()
    del graph["author"].x, graph["paper"].x
    found = read(whole, graph)
    assert sizes(found.inputs[0]) == (None, None)


@pytest.mark.parametrize("in_one", [True, False])
def test_the_graphs_of_a_batch_are_those_of_the_target(in_one):
    batch = Batch.from_data_list([data(), data()])
    if in_one:
        found = read(whole, batch)
    else:
        found = read(plainly_named, batch.x_dict, batch.edge_index_dict, batch.batch_dict)
    edges = found.inputs[0]
    graph = edges.graph
    assert graph.tolist() == [0, 0, 1, 1]
    assert edges.input_edge.tolist() == [0, 1, 0, 1]
    assert edges.node_offset(edges.edge_index, graph).tolist() == [[0, 0, 3, 3], [0, 0, 2, 2]]


def test_nodes_without_features_are_counted_by_their_graphs():
    found = read(
        by_type,
        {"paper": X["paper"], "author": None},
        EDGES,
        {"paper": torch.zeros(2).long(), "author": torch.zeros(3).long()},
    )
    assert sizes(found.inputs[0]) == (3, 2)


def test_one_batch_for_all_node_types_is_refused():
    with pytest.raises(InputError, match=r"batch as one tensor.*dictionary by node type"):
        read(with_one_batch, X, EDGES, torch.zeros(2).long())


def test_a_batch_of_some_node_types_only_is_refused():
    with pytest.raises(InputError, match=r"nodes of paper but not of author.*author writes paper"):
        read(
            by_type,
            X,
            EDGES,
            {"paper": torch.zeros(2).long()},
        )


@pytest.mark.parametrize("relation", ["author__writes__paper", ("author", "paper"), (0, 1, 2)])
def test_edges_under_something_else_than_a_relation_are_refused(relation):
    with pytest.raises(InputError, match="key them by a tuple of source node type"):
        read(by_type, X, {relation: EDGES[CITES]})


def test_a_sparse_adjacency_is_refused():
    adjacency = torch.eye(2).to_sparse_csr()
    with pytest.raises(InputError, match="sparse adjacency matrix"):
        read(by_type, X, EDGES | {CITES: adjacency})
