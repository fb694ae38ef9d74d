"""Loaders that yield parts of one large graph: edges and nodes keep their numbers in the whole."""

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch, HeteroData
from torch_geometric.loader import (
    ClusterLoader,
    ImbalancedSampler,
    LinkNeighborLoader,
    NeighborLoader,
    RandomNodeLoader,
)
from torch_geometric.nn import GATv2Conv, HeteroConv, TransformerConv

import edgescope as es
from support.sampled_cases import (
    PythonSampler,
    RandomClusters,
    large_graph,
    numbered,
    whole_numbers,
)

PLACE = ["edge", "source", "target", "head", "channel"]
SEEN = [*PLACE, "edge_type", "value", "ratio"]


class Model(nn.Module):
    """One layer, whose scores on an edge depend on its two ends only."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index, edge_attr=None, batch=None):
        del edge_attr, batch  # which tell a scan the types and the trees of disjoint samples
        return self.conv(x, edge_index)


def transformer():
    return whole_numbers(Model(TransformerConv(6, 4, heads=2)))


def gat(**options):
    return whole_numbers(Model(GATv2Conv(6, 4, heads=2, **options)))


def scan(model, loader, **options):
    return es.scan(model, loader, keep_ratio=0.0, progress=False, **options)


def neighbours(data, number, loader=NeighborLoader, **options):
    sampling = {k: options.pop(k) for k in ("replace", "disjoint", "subgraph_type") if k in options}
    sampler = PythonSampler(data, number, **sampling)
    return loader(data, number, neighbor_sampler=sampler, **options)


def rows(found, site="conv:score"):
    return found.sites[site].rows.select(SEEN).sort(SEEN)


def assert_same_counts(found, whole, site="conv:score"):
    for name, counter in whole[site].counts.items():
        assert torch.equal(found[site].counts[name], counter), name
    assert torch.equal(found[site].maxima, whole[site].maxima)


def assert_all_in(found, whole, site="conv:score"):
    """Every row, of an edge seen however often, is that edge's row in a scan of the whole."""
    theirs, ours = rows(whole, site), rows(found, site)
    assert ours.height
    assert ours.unique().join(theirs, on=SEEN, how="anti", nulls_equal=True).is_empty()


@settings(max_examples=12, deadline=None)
@given(
    nodes=st.integers(1, 30),
    edges=st.integers(1, 90),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**16),
    disjoint=st.booleans(),
    shuffle=st.booleans(),
)
def test_parts_that_hold_every_edge_once_give_the_scan_of_the_whole(
    nodes, edges, size, seed, disjoint, shuffle
):
    data = large_graph(nodes, edges, seed)
    loader = neighbours(data, [-1], batch_size=size, shuffle=shuffle, disjoint=disjoint)
    found, whole = scan(transformer(), loader), scan(transformer(), [data])
    assert rows(found).equals(rows(whole))
    assert found.extremes().equals(whole.extremes())
    assert_same_counts(found, whole)
    assert (found.info.graphs, found.info.parts) == (1, True)


def by_link(data, number, **options):
    return neighbours(
        data, number, LinkNeighborLoader, edge_label_index=data.edge_index[:, :60], **options
    )


def imbalanced(data, number, **options):
    classes = (torch.arange(data.num_nodes) % 7 == 0).long()
    return neighbours(data, number, sampler=ImbalancedSampler(classes), **options)


def clusters(data, _, **options):
    partition = RandomClusters(numbered(data), num_parts=8, log=False)
    return ClusterLoader(partition, batch_size=3)


def compressed_clusters(data, _, **options):
    partition = RandomClusters(numbered(data), num_parts=5, log=False, sparse_format="csc")
    return ClusterLoader(partition, batch_size=2, shuffle=True)


def random_nodes(data, _, **options):
    return RandomNodeLoader(numbered(data), num_parts=3, shuffle=True)


def ego_graphs(data, _, **options):
    """What ShaDowKHopSampler yields: a batch of graphs, one around every root, that overlap."""
    parts = [numbered(data).subgraph(torch.tensor([v, v + 3, v + 9])) for v in range(20)]
    return [Batch.from_data_list(parts[n : n + 5]) for n in range(0, 20, 5)]


LOADERS = [
    neighbours,
    by_link,
    imbalanced,
    clusters,
    compressed_clusters,
    random_nodes,
    ego_graphs,
]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("options", [{}, {"replace": True}, {"disjoint": True}])
@pytest.mark.parametrize("model", [transformer, gat], ids=["edges kept", "loops replaced"])
def test_every_row_is_the_row_of_its_edge_in_the_whole(loader, options, model):
    torch.manual_seed(0)
    data = large_graph()
    found = scan(model(), loader(data, [3, 2], batch_size=8, **options))
    assert_all_in(found, scan(model(), [data]))
    for row in rows(found).filter(pl.col("edge") >= 0).iter_rows(named=True):
        assert data.edge_index[:, row["edge"]].tolist() == [row["source"], row["target"]]


def test_an_edge_is_counted_each_time_that_it_is_sampled():
    data = large_graph()
    loader = neighbours(data, [-1, -1], batch_size=4)
    found = scan(transformer(), loader)
    seen = torch.cat([batch.e_id for batch in loader]).bincount(minlength=data.num_edges)
    assert found["conv:score"].num_edges == int(seen.sum()) > data.num_edges
    kept = rows(found).filter(head=0, channel=0)["edge"].value_counts().sort("edge")
    assert kept["count"].to_list() == seen[kept["edge"].to_list()].tolist()


def test_a_list_of_sampled_parts_serves_as_well_and_fixes_the_sample():
    torch.manual_seed(0)
    data = large_graph()
    batches = list(neighbours(data, [2], batch_size=8))
    assert_all_in(scan(transformer(), batches), scan(transformer(), [data]))
    assert rows(scan(transformer(), batches)).equals(rows(scan(transformer(), batches)))


def test_the_edge_types_are_those_of_the_whole_graph_whatever_is_sampled_first():
    data = large_graph(types=1)
    data.edge_attr[0] = 4
    others = (torch.arange(data.num_nodes) != data.edge_index[1, 0]).nonzero().squeeze(1)
    found = scan(transformer(), neighbours(data, [1], batch_size=2, input_nodes=others))
    assert found.info.edge_type_names == ("type 0", "type 4")


def hetero(seed=0, edges=30):
    random = torch.Generator().manual_seed(seed)
    data = HeteroData()
    for kind, size in {"paper": 12, "author": 9}.items():
        data[kind].x = torch.randint(-4, 5, (size, 6), generator=random).float()
    for source, name, target in [
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "written by", "author"),
    ]:
        ends = [
            torch.randint(0, len(data[k].x), (edges,), generator=random) for k in (source, target)
        ]
        data[source, name, target].edge_index = torch.stack(ends)
    return data


class Hetero(nn.Module):
    def __init__(self):
        super().__init__()
        loops = {("paper", "cites", "paper"): GATv2Conv(6, 4, heads=2)}
        others = [("author", "writes", "paper"), ("paper", "written by", "author")]
        plain = {kind: TransformerConv(6, 4, heads=2) for kind in others}
        self.conv = HeteroConv(loops | plain)

    def forward(self, x_dict, edge_index_dict):
        return self.conv(x_dict, edge_index_dict)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    size=st.integers(1, 12),
    number=st.sampled_from([[-1], [-1, -1], [2, 1]]),
    kind=st.sampled_from(["paper", "author"]),
    disjoint=st.booleans(),
)
def test_the_rows_of_heterogeneous_parts_are_those_of_the_whole(seed, size, number, kind, disjoint):
    data, model = hetero(seed), whole_numbers(Hetero(), seed)
    loader = neighbours(data, number, input_nodes=kind, batch_size=size, disjoint=disjoint)
    found, whole = scan(model, loader), scan(model, [data])
    for site in found.sites:
        theirs = whole.sites[site].rows.select(SEEN)
        ours = found.sites[site].rows.select(SEEN)
        assert ours.unique().join(theirs, on=SEEN, how="anti", nulls_equal=True).is_empty()
        if number == [-1] and len(ours):
            own = [n for n in found.info.edge_type_names if n.endswith(f" {kind}")]
            types = [found.info.edge_type_names.index(n) for n in own]
            once = ours.filter(pl.col("edge_type").is_in(types))
            assert once.height == theirs.filter(pl.col("edge_type").is_in(types)).height
