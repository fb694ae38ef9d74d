"""Attention weights are gathered of the graphs that the page draws, as the model computes them."""

import warnings

import polars as pl
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GATv2Conv, HeteroConv, ResGatedGraphConv, global_mean_pool

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.report import attention_pass


def model_of(molecules, plant):
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "hidden_dim": 16, "num_heads": 4}
    made = es.models.GraphTransformer(**molecules.model_sizes, **sizes).eval()
    with torch.no_grad():
        plant(made)
    return made


@pytest.fixture(scope="module")
def model(molecules, plant):
    return model_of(molecules, plant)


@pytest.fixture(scope="module")
def scan(model, molecules):
    return es.scan(model, es.data.loader(molecules, 5), progress=False)


@pytest.fixture(scope="module")
def maps(scan, model, molecules):
    return es.report.attention_maps(scan, model, es.data.loader(molecules, 5))


def test_values_are_those_that_capture_gives_graph_by_graph(maps, model, molecules):
    graphs = maps.rows["graph"].unique().to_list()
    assert len(graphs) > 5
    for graph in graphs[:4]:
        batch = next(iter(es.data.loader(molecules[[graph]], 1)))
        with es.capture(model) as tape:
            model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        own = maps.of(graph)
        assert {each.stage for each in own} == {"weight", "logit"}
        assert len(own) == 2 * 3
        for each in own:
            seen = tape[f"{each.layer}:{each.stage}"]
            assert each.sources == [str(node) for node in seen.source.tolist()]
            assert each.targets == [str(node) for node in seen.target.tolist()]
            torch.testing.assert_close(
                torch.from_numpy(each.values.copy()), seen.values[:, :, 0], rtol=1e-4, atol=1e-5
            )


def test_weights_of_a_node_sum_to_one(maps):
    sums = (
        maps.rows.filter(stage="weight")
        .group_by("layer", "graph", "target", "head")
        .agg(pl.col("value").sum())["value"]
    )
    assert sums.to_list() == pytest.approx([1.0] * len(sums), abs=1e-3)  # the layer adds 1e-6


def test_saved_maps_are_the_same_and_belong_to_their_scan(maps, scan, quiet, tmp_path):
    again = es.report.AttentionMaps.load(maps.save(tmp_path / "attention"))
    assert again.rows.equals(maps.rows)
    assert (again.values, again.no_values) == (maps.values, maps.no_values)
    again.check(scan)
    with pytest.raises(InputError, match="attention maps of another scan"):
        again.check(quiet)


def test_the_most_massive_graphs_are_kept_where_there_is_no_room_for_all(
    maps, scan, model, molecules, monkeypatch
):
    monkeypatch.setattr(attention_pass, "VALUES", maps.rows.height // 2)
    few = es.report.attention_maps(scan, model, es.data.loader(molecules, 5))
    assert 0 < few.rows.height <= maps.rows.height // 2
    assert few.rows["graph"][0] == maps.rows["graph"][0]


class Numbers(torch.nn.Module):
    """One number per graph, or what is asked for."""

    def __init__(self, outputs=1):
        super().__init__()
        self.conv = GATv2Conv(3, 4, add_self_loops=False)
        self.out = torch.nn.Linear(4, outputs)

    def forward(self, x, edge_index, batch):
        return self.out(global_mean_pool(self.conv(x, edge_index), batch))


def test_targets_and_outputs_are_told_where_both_are_one_number_per_graph():
    torch.manual_seed(0)
    graphs = [ring() for _ in range(4)]
    for number, graph in enumerate(graphs):
        graph.y = torch.tensor([float(number)])
    model, loader = Numbers().eval(), DataLoader(graphs, batch_size=3)
    low = es.Criterion("low", ratio=1.1)
    scan = es.scan(model, loader, criterion=low, progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    with torch.no_grad():
        outputs = [model(batch.x, batch.edge_index, batch.batch) for batch in loader]
    expected = torch.cat(outputs).squeeze(1).tolist()
    assert dict(maps.values) == {
        graph: (graph, pytest.approx(value)) for graph, value in enumerate(expected)
    }

    model = Numbers(2).eval()
    scan = es.scan(model, loader, criterion=low, progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    reason = "the model returns 1 x 2 numbers for 1 graph, not one each"
    assert (maps.values, maps.no_values) == ({}, reason)


def test_other_graphs_are_refused(scan, model, molecules):
    with pytest.raises(InputError, match="the loader gave 5 graphs, expected the 14"):
        es.report.attention_maps(scan, model, es.data.loader(molecules[:5], 5))


class Several(torch.nn.Module):
    """Two relations, and a last layer with one channel, which no scan takes."""

    def __init__(self):
        super().__init__()
        relations = [("author", "writes", "paper"), ("paper", "cites", "paper")]
        convs = {kind: GATConv((3, 3), 4, heads=2, add_self_loops=False) for kind in relations}
        self.conv = HeteroConv(convs)
        self.last = GATv2Conv(8, 1, heads=3)

    def forward(self, x_dict, edge_index_dict):
        states = self.conv(x_dict, edge_index_dict)["paper"]
        return self.last(states, edge_index_dict["paper", "cites", "paper"])


def two_relations(seed):
    torch.manual_seed(seed)
    data = HeteroData()
    data["author"].x, data["paper"].x = torch.randn(4, 3), torch.randn(5, 3)
    data["author", "writes", "paper"].edge_index = torch.stack(
        [torch.randint(4, (9,)), torch.randint(5, (9,))]
    )
    cites = torch.stack([torch.randint(5, (7,)), torch.randint(5, (7,))])
    data["paper", "cites", "paper"].edge_index = cites
    return data


def test_nodes_of_several_kinds_have_the_names_of_the_drawing():
    model = Several().eval()
    loader = DataLoader([two_relations(seed) for seed in range(3)], batch_size=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # the last layer has one channel
        scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=1.5), progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    by_layer = maps.rows.group_by("layer").agg(pl.col("source"), pl.col("target"))
    kinds = {
        layer: ({name.split()[0] for name in sources}, {name.split()[0] for name in targets})
        for layer, sources, targets in by_layer.iter_rows()
    }
    (writes,) = (layer for layer in kinds if "writes" in layer)
    assert kinds[writes] == ({"author"}, {"paper"})
    assert kinds["last"] == ({"paper"}, {"paper"})


class Plain(torch.nn.Module):
    """One layer."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def ring(nodes=6):
    first = torch.arange(nodes)
    return Data(x=torch.randn(nodes, 3), edge_index=torch.stack([first, first.roll(1)]))


def test_a_model_with_weights_by_channel_and_parts_of_a_graph_have_none_and_say_why():
    model, loader = (
        Plain(ResGatedGraphConv(3, 4)).eval(),
        DataLoader([ring(), ring(1)], batch_size=1),
    )
    scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=1.5), progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    assert maps.rows.is_empty()
    assert list(maps.left_out.values()) == ["its weights are several numbers per edge and head"]

    model = Plain(GATv2Conv(3, 4, add_self_loops=False)).eval()
    part = ring()
    part.e_id, part.n_id = torch.arange(6), torch.arange(6)
    loader = [part]
    scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=1.5), progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    assert maps.rows.is_empty()
    assert maps.left_out[""].startswith("the graph was scanned in parts")
