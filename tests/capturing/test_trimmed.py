"""Sampled neighbourhoods, trimmed layer by layer: every row is an edge of the whole graph."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    HeteroConv,
    HGTConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.utils import trim_to_layer

import edgescope as es
from edgescope.lib.errors import InputError
from support.hetero_cases import METADATA, NODE_DIMS, hetero_graphs
from support.sampled_cases import PythonSampler, large_graph

REPLACE_LOOPS = [GATConv, GATv2Conv, SuperGATConv]


class Trimmed(nn.Module):
    """Two layers; the second works on what it needs of a sample, as in PyG's examples."""

    def __init__(self, first, second):
        super().__init__()
        self.convs = nn.ModuleList([first, second])

    def forward(self, x, edge_index, nodes=None, edges=None):
        for number, conv in enumerate(self.convs):
            if nodes is not None:
                x, edge_index, _ = trim_to_layer(number, nodes, edges, x, edge_index)
            x = conv(x, edge_index)
        return x


class TrimmedHetero(Trimmed):
    """The same of a heterogeneous graph."""

    def forward(self, x_dict, edge_index_dict, nodes=None, edges=None):
        return super().forward(x_dict, edge_index_dict, nodes, edges)


def layers(kind):
    torch.manual_seed(0)
    return Trimmed(kind(6, 4, heads=2), kind(8, 4, heads=2)).eval().double()


def sampled(data, size, **options):
    sampler = PythonSampler(data, [-1, -1])
    return NeighborLoader(data, [-1, -1], neighbor_sampler=sampler, batch_size=size, **options)


def assert_rows_of(whole, part, batch):
    """Every row has the value that its edge, or added loop, has in the whole graph."""
    place = {each: row for row, each in enumerate(places(whole.identity))}
    rows = [place[each] for each in places(part.in_whole(batch).identity)]
    torch.testing.assert_close(part.values, whole.values[rows])


def places(identity):
    """Return position, relation, source and target of every row."""
    relation = torch.zeros_like(identity.graph) if identity.relation is None else identity.relation
    columns = identity.input_edge, relation, *identity.edge_index
    return zip(*(column.tolist() for column in columns), strict=True)


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from([*REPLACE_LOOPS, TransformerConv]),
    seed=st.integers(0, 2**16),
    edges=st.integers(1, 60),
    size=st.integers(1, 6),
)
def test_every_row_of_every_layer_is_its_edge_of_the_whole(kind, seed, edges, size):
    data, model = large_graph(20, edges, seed), layers(kind)
    data.x = data.x.double()
    with es.capture(model) as whole:
        model(data.x, data.edge_index)
    for batch in sampled(data, size):
        with es.capture(model) as tape:
            hops = batch.num_sampled_nodes, batch.num_sampled_edges
            model(batch.x, batch.edge_index, *hops)
        assert tape.sites == whole.sites
        for site in tape.sites:
            rows = tape[site]
            if site.endswith((":weight", ":message")):  # these depend on all edges of the target
                rows = into_seeds(rows, batch.batch_size)
            assert_rows_of(whole[site], rows, batch)


def into_seeds(activations, seeds):
    """Keep the rows that end at a seed, all of whose edges are in the sample."""
    kept = activations.edge_index[1] < seeds
    identity = activations.identity
    return activations._replace(
        values=activations.values[kept],
        identity=identity._replace(
            edge_index=identity.edge_index[:, kept],
            input_edge=identity.input_edge[kept],
            graph=identity.graph[kept],
            node_offset=identity.node_offset[:, kept],
            position=identity.position[kept],
        ),
    )


@pytest.mark.parametrize("kind", REPLACE_LOOPS)
def test_the_second_layer_sees_the_first_hop_without_its_loops(kind):
    data = large_graph(20, 60)
    model = layers(kind).float()
    batch = next(iter(sampled(data, 3)))
    with es.capture(model, "convs.1:weight") as tape:
        model(batch.x, batch.edge_index, batch.num_sampled_nodes, batch.num_sampled_edges)
    weight = tape["convs.1:weight"]
    first = batch.edge_index[:, : batch.num_sampled_edges[0]]
    kept = (first[0] != first[1]).nonzero().squeeze(1)
    nodes = sum(batch.num_sampled_nodes[:2])
    assert weight.input_edge.tolist() == [*kept.tolist(), *[-1] * nodes]
    assert weight.edge_index[0, len(kept) :].tolist() == list(range(nodes))


@pytest.mark.parametrize("kind", REPLACE_LOOPS)
def test_no_edge_in_the_first_hop(kind):
    data = large_graph(20, 60)  # the last nodes have none
    model = layers(kind).float()
    batch = next(iter(sampled(data, 3, input_nodes=torch.tensor([17, 19]))))
    with es.capture(model, "convs.1:weight") as tape:
        model(batch.x, batch.edge_index, batch.num_sampled_nodes, batch.num_sampled_edges)
    weight = tape["convs.1:weight"].in_whole(batch)
    assert weight.input_edge.tolist() == [-1, -1]
    assert weight.edge_index.tolist() == [[17, 19], [17, 19]]


@pytest.mark.parametrize("kind", [*REPLACE_LOOPS, TransformerConv])
def test_the_first_of_several_edges_between_the_same_nodes(kind):
    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = kind(6, 4, heads=2)

        def forward(self, x, edge_index):
            return self.conv(x[:2], edge_index[:, :2])

    edges = torch.tensor([[0, 0, 0, 2], [1, 1, 1, 0]])
    model = First()
    with es.capture(model, "conv:weight") as tape:
        model(torch.ones(3, 6), edges)
    assert [each for each in tape["conv:weight"].input_edge.tolist() if each >= 0] == [0, 1]


def test_a_copy_of_some_edges_among_fewer_nodes_is_still_refused():
    class Pooled(Trimmed):
        def forward(self, x, edge_index):
            x = self.convs[0](x, edge_index)
            kept = edge_index[:, (edge_index < 10).all(0)]
            return self.convs[1](x[:10], kept)

    torch.manual_seed(0)
    model = Pooled(GATConv(6, 4, heads=2), GATConv(8, 4, heads=2))
    data = large_graph(20, 60)
    with pytest.raises(InputError, match="so nodes were renumbered"), es.capture(model):
        model(data.x, data.edge_index)


def hetero_layers(kind):
    torch.manual_seed(0)
    if kind is HGTConv:
        convs = HGTConv(NODE_DIMS, 8, METADATA, heads=2), HGTConv(8, 8, METADATA, heads=2)
        return TrimmedHetero(*convs).eval().double()
    both = []
    for width in (NODE_DIMS, dict.fromkeys(NODE_DIMS, 8)):
        of = {}
        for source, name, target in METADATA[1]:
            loops = {"add_self_loops": source == target} if kind is GATv2Conv else {}
            dims = width[source], width[target]
            of[source, name, target] = kind(dims, 4, heads=2, **loops)
        both.append(HeteroConv(of))
    return TrimmedHetero(*both).eval().double()


@pytest.mark.parametrize("kind", [GATv2Conv, TransformerConv, HGTConv])
@settings(max_examples=12, deadline=None)
@given(
    data=hetero_graphs(min_edges=1), size=st.integers(1, 4), seeds=st.sampled_from(list(NODE_DIMS))
)
def test_every_row_of_every_layer_of_a_heterogeneous_sample(kind, data, size, seeds):
    model = hetero_layers(kind)
    for node_type in NODE_DIMS:
        data[node_type].x = data[node_type].x.double()
    with es.capture(model, "*:score") as whole:
        model(data.x_dict, data.edge_index_dict)
    for batch in sampled(data, size, input_nodes=seeds):
        hops = batch.num_sampled_nodes_dict, batch.num_sampled_edges_dict
        with es.capture(model, "*:score") as tape:
            model(batch.x_dict, batch.edge_index_dict, *hops)
        for site in tape.sites:
            assert_rows_of(whole[site], tape[site], batch)


def test_a_relation_without_an_edge_in_the_sample():
    model = hetero_layers(GATv2Conv)
    data = HeteroData()
    for kind, width in NODE_DIMS.items():
        data[kind].x = torch.randn(4, width).double()
    for relation in METADATA[1]:
        data[relation].edge_index = torch.tensor([[3], [1]])
    data["author", "writes", "paper"].edge_index = torch.tensor([[3], [2]])
    batch = next(iter(sampled(data, 1, input_nodes=("paper", torch.tensor([2])))))
    assert not batch["paper", "cites", "paper"].num_edges
    hops = batch.num_sampled_nodes_dict, batch.num_sampled_edges_dict
    with es.capture(model, "convs.1*:score") as tape:
        model(batch.x_dict, batch.edge_index_dict, *hops)
    site = next(site for site in tape.sites if "cites" in site)
    loops = tape[site].in_whole(batch)
    assert loops.input_edge.tolist() == [-1]
    assert loops.edge_index.tolist() == [[2], [2]]
