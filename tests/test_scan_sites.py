"""Which sites a scan takes, and what it calls the types of their edges."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GATv2Conv, HeteroConv, TransformerConv
from torch_geometric.utils import add_self_loops

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Criterion

EVERYTHING = Criterion("everything", ratio=1.0)


def graphs(number=6, types=3):
    random = torch.Generator().manual_seed(0)
    found = []
    for _ in range(number):
        chosen = torch.randperm(36, generator=random)[:14]
        edges = torch.stack([chosen // 6, chosen % 6])
        found.append(
            Data(
                x=torch.randn(6, 8, generator=random),
                edge_index=edges[:, edges[0] != edges[1]],
            )
        )
        found[-1].kind = torch.randint(types, (found[-1].num_edges,), generator=random)
    return found


class Net(nn.Module):
    """Layers one after the other, on node features and edges alone."""

    def __init__(self, *layers):
        super().__init__()
        self.convs = nn.ModuleList(layers)

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        return x


class Typed(Net):
    """The same, given a type per edge under a name of its own."""

    def forward(self, x, edge_index, kind):
        return super().forward(x, edge_index) + kind.sum()


def scan(model, data=None, **options):
    loader = DataLoader(graphs(), 4) if data is None else data
    return es.scan(model, loader, progress=False, **{"criterion": EVERYTHING} | options)


def test_by_default_each_layer_gives_its_score_or_else_its_message():
    model = Net(GATConv(8, 4, heads=2), GATv2Conv(8, 4, heads=2), TransformerConv(8, 4))
    sites = ["convs.0:message", "convs.1:score", "convs.2:score"]
    assert list(scan(model).sites) == sites


def test_a_layer_with_one_channel_is_left_out_by_default_with_a_warning():
    model = Net(GATv2Conv(8, 4, heads=2), GATConv(8, 1))
    with pytest.warns(EdgescopeWarning, match=r"convs\.1:message holds one number") as told:
        found = scan(model, baseline=copy.deepcopy(model))
    assert len(told) == 1
    assert list(found.sites) == list(found.baseline.sites) == ["convs.0:score"]


@pytest.mark.parametrize("sites", ["convs.0:weight", ["*:score", "*:logit"], "convs.1:score"])
def test_a_site_without_vectors_is_refused_when_asked_for(sites):
    model = Net(GATv2Conv(8, 4, heads=2), GATv2Conv(8, 1))
    with pytest.raises(InputError, match=r"holds one number per edge and head.*'\*:message'"):
        scan(model, sites=sites)


def test_a_model_without_any_vector_is_refused():
    with pytest.raises(InputError, match="no site of Net holds a vector per edge"):
        scan(Net(GATConv(8, 1)))


def test_sites_are_chosen_by_a_function():
    model = Net(GATv2Conv(8, 4, heads=2), TransformerConv(8, 4))
    found = scan(model, sites=lambda site: site.stage == "message")
    assert list(found.sites) == ["convs.0:message", "convs.1:message"]


def test_every_call_of_a_layer_that_runs_several_times_is_a_site():
    shared = TransformerConv(8, 4, heads=2)
    found = scan(Net(shared, shared, shared))
    assert list(found.sites) == ["convs.0:score", "convs.0@2:score", "convs.0@3:score"]
    assert len({found[site].num_edges for site in found.sites}) == 1


def test_loops_that_the_model_itself_adds_are_added_edges():
    class AddsLoops(Net):
        def forward(self, x, edge_index):
            return super().forward(x, add_self_loops(edge_index)[0])

    model, data = AddsLoops(TransformerConv(8, 4, heads=2)), graphs()
    found = scan(model)
    assert found.info.edge_type_names == ("edge", "added")
    edges = [sum(graph.num_edges for graph in data), sum(graph.num_nodes for graph in data)]
    assert found["convs.0:score"].counts["edges"].tolist() == edges
    assert found.info.graphs == len(data)


def test_graphs_are_told_apart_for_a_model_that_is_not_given_them():
    """A node classifier takes no batch, though its loader joins several graphs."""
    model, data = Net(GATConv(8, 4, heads=2)), graphs()
    together, alone = scan(model), scan(model, data)
    columns = ["graph", "edge", "source", "target", "head", "channel", "edge_type"]
    rows = [set(found.massive().select(columns).iter_rows()) for found in (together, alone)]
    assert rows[0] == rows[1]
    for row in together.massive().filter(edge_type="edge").iter_rows(named=True):
        ends = data[row["graph"]].edge_index[:, row["edge"]].tolist()
        assert [row["source"], row["target"]] == ends


def test_edges_that_are_not_the_batchs_cannot_be_told_apart_without_batch():
    def turned(model, batch):
        return model(batch.x, batch.edge_index.flip(1))

    with pytest.raises(InputError, match="other edges than its batch of 4 graphs holds"):
        scan(Net(TransformerConv(8, 4)), call=turned)


def test_types_are_read_under_the_name_that_inputs_gives():
    model, data = Typed(TransformerConv(8, 4)), graphs()
    assert scan(model).info.edge_type_names == ("edge",)
    found = scan(model, inputs={"edge_type": "kind"})
    assert found.info.edge_type_names == ("type 0", "type 1", "type 2")
    expected = torch.cat([graph.kind for graph in data]).bincount()
    assert found["convs.0:score"].counts["edges"].tolist() == expected.tolist()


def test_names_of_types_that_the_model_is_not_given_are_refused_or_left_out():
    model, loader = Net(TransformerConv(8, 4)), DataLoader(Named(graphs()), 4)
    with pytest.raises(InputError, match="received 2 edge_type_names, but the model is not given"):
        scan(model, loader, edge_type_names=["single", "double"])
    assert scan(model, loader).info.edge_type_names == ("edge",)


class Named(list):
    """A data set whose edges have types, which a model need not be given."""

    edge_type_names = ("single", "double", "triple")


def test_a_type_beyond_the_named_ones_is_not_taken_for_an_added_edge():
    model = Typed(GATConv(8, 4))
    with pytest.raises(InputError, match="received edge types from 0 to 2, expected 0 to 1"):
        scan(model, inputs={"edge_type": "kind"}, edge_type_names=["single", "double"])


def test_a_type_of_the_users_cannot_be_called_added():
    names = ["single", "double", "added"]
    with pytest.raises(InputError, match="an edge type is called 'added'"):
        scan(Typed(GATConv(8, 4)), inputs={"edge_type": "kind"}, edge_type_names=names)


def test_a_first_batch_without_edges_settles_nothing():
    """Of integer features with several columns an empty table shows none, but has as many."""

    class Features(Net):
        def forward(self, x, edge_index, edge_attr):
            return super().forward(x, edge_index) + edge_attr.sum()

    data = graphs()
    data[0].edge_index = torch.zeros(2, 0, dtype=torch.int64)
    for graph in data:
        graph.edge_attr = torch.zeros(graph.num_edges, 3, dtype=torch.int64)
    with pytest.warns(EdgescopeWarning, match="column 0 of 3 of edge_attr was taken"):
        found = scan(Features(TransformerConv(8, 4)), data)
    assert found.info.edge_type_names == ("type 0",)
    assert found.info.graphs == len(data)


def test_graphs_without_any_edge_give_an_empty_scan():
    data = [Data(x=torch.randn(3, 8), edge_index=torch.zeros(2, 0, dtype=torch.int64))]
    assert scan(Net(TransformerConv(8, 4)), data).table()["edges"].to_list() == [0]


RELATIONS = [
    ("author", "writes", "paper"),
    ("paper", "cites", "paper"),
    ("paper", "names", "author"),
]


class Hetero(nn.Module):
    def __init__(self, loops):
        super().__init__()
        self.conv = HeteroConv(
            {
                RELATIONS[0]: GATConv((8, 8), 4, add_self_loops=False),
                RELATIONS[1]: GATConv(8, 4, add_self_loops=loops),
                RELATIONS[2]: TransformerConv((8, 8), 4),
            }
        )

    def forward(self, x_dict, edge_index_dict):
        return self.conv(x_dict, edge_index_dict)["paper"]


def papers(turned=False):
    data = HeteroData()
    data["author"].x, data["paper"].x = torch.randn(4, 8), torch.randn(5, 8)
    edges = [[[0, 1, 3, 3], [0, 2, 2, 4]], [[0, 1, 4], [1, 2, 0]], [[4, 0], [3, 1]]]
    for relation, ends in list(zip(RELATIONS, edges, strict=True))[:: -1 if turned else 1]:
        data[relation].edge_index = torch.tensor(ends)
    return data


@pytest.mark.parametrize("loops", [False, True])
def test_relations_are_the_edge_types_of_a_heterogeneous_graph(loops):
    found = scan(Hetero(loops), [papers(), papers(turned=True)])
    names = ("author writes paper", "paper cites paper", "paper names author")
    assert found.info.edge_type_names == (*names, *(["added"] if loops else []))
    counts = [found[site].counts["edges"].tolist() for site in found.sites]
    added = [[0], [10], [0]] if loops else [[], [], []]
    assert counts == [[8, 0, 0, *added[0]], [0, 6, 0, *added[1]], [0, 0, 4, *added[2]]]
    for row in found.massive().filter(edge_type=names[0]).iter_rows(named=True):
        ends = papers()[RELATIONS[0]].edge_index[:, row["edge"]].tolist()
        assert [row["source"], row["target"]] == ends


def test_heterogeneous_graphs_in_one_batch_need_their_batch():
    with pytest.raises(InputError, match="not which node belongs to which"):
        scan(Hetero(loops=False), DataLoader([papers(), papers()], 2))


def test_names_for_relations_are_refused():
    with pytest.raises(InputError, match="whose edge types are their relations"):
        scan(Hetero(loops=False), [papers()], edge_type_names=["writes", "cites"])


def test_a_batch_that_says_less_than_the_model_is_given_is_refused():
    class Grouped(Net):
        def forward(self, x, edge_index, batch):
            return super().forward(x, edge_index) + batch.sum()

    def split(model, graph):
        return model(graph.x, graph.edge_index, torch.tensor([0, 0, 0, 1, 1, 1]))

    with pytest.raises(InputError, match="would join nodes of the graphs 1 and 0"):
        scan(Grouped(TransformerConv(8, 4)), graphs(), call=split)


def test_the_graphs_of_the_loader_stay_as_they_are():
    data = graphs(2)
    before = [copy.copy(graph) for graph in data]
    scan(Net(TransformerConv(8, 4)), data)
    for old, new in zip(before, data, strict=True):
        assert old.keys() == new.keys()
        assert all(old[key] is new[key] for key in old.keys())  # noqa: SIM118  (Data is no mapping)
