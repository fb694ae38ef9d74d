"""Scans of node states, held against numbers that plain torch's hooks and numpy give."""

import re

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader, NeighborLoader
from torch_geometric.nn import GATConv, HGTConv, TransformerConv

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.seeds import SeedScans
from support.interrupted_scan import InterruptedScanError, Loader
from support.sampled_cases import PythonSampler, large_graph, whole_numbers
from support.scan_equality import differences, numbered_graphs, small_model, small_scan

LOW = es.Criterion("low", ratio=3)
TYPES = ["C", "N", "O", "F", "S"]
PLACE = ["graph", "node", "channel"]


class Embedded(nn.Module):
    """Two layers on embedded node types; one channel is large on type 3."""

    def __init__(self, told=False):
        super().__init__()
        self.embed = nn.Embedding(5, 8)
        self.convs = nn.ModuleList([GATConv(8, 4, heads=2) for _ in range(2)])
        self.told = told

    def forward(self, x, edge_index):
        x = self.embed(x)
        for conv in self.convs:
            x = conv(x, edge_index)
        return x


class Told(Embedded):
    """The same, given the graph of every node."""

    def forward(self, x, edge_index, batch):  # noqa: ARG002  (read by capture)
        return super().forward(x, edge_index)


def embedded(kind=Embedded):
    torch.manual_seed(0)
    model = kind()
    with torch.no_grad():
        model.embed.weight[3, 5] = 400.0
    return model.eval()


GRAPHS = numbered_graphs(9)


def states(model, loader, **options):
    options = {"criterion": LOW, "sites": "*:state", "node_type_names": TYPES} | options
    return es.scan(model, loader, progress=False, **options)


def by_hand(model, graphs, path, side):
    """Return graph, node, type, channel, value and ratio of every activation, graph by graph."""
    rows = []

    def note(_, args, output):
        seen.append((args[0] if side == "in" else output).detach().numpy().astype(np.float64))

    handle = model.get_submodule(path).register_forward_hook(note)
    for number, graph in enumerate(graphs):
        seen = []
        with torch.no_grad():
            Embedded.forward(model, graph.x, graph.edge_index)
        for node, values in enumerate(seen[0]):
            magnitude = np.abs(values)
            median = np.sort(magnitude)[(len(magnitude) - 1) // 2]
            for channel, value in enumerate(values):
                ratio = magnitude[channel] / median if median else np.nan
                rows.append((number, node, TYPES[graph.x[node]], channel, value, ratio))
    handle.remove()
    names = ["graph", "node", "node_type", "channel", "value", "ratio"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.mark.parametrize("kind", [Embedded, Told])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    ("site", "path", "side"),
    [("convs.0.in:state", "convs.0", "in"), ("convs.1:state", "convs.1", "out")],
)
def test_massive_rows_and_counts_are_those_of_a_hook_and_numpy(kind, size, site, path, side):
    model = embedded(kind)
    scan = states(model, DataLoader(GRAPHS, size))
    expected = by_hand(model, GRAPHS, path, side)
    found = scan.massive().filter(site=site)
    names = ["id_edge", "mol_id"]
    assert set(found.columns) - set(names) == {
        *("site", "graph", "node", "head", "channel", "value", "ratio", "node_type")
    }
    over = expected.filter(pl.col("ratio") > 3).sort(PLACE)
    found = found.sort(PLACE)
    assert found.height > 0
    assert found.select(*PLACE, "node_type").rows() == over.select(*PLACE, "node_type").rows()
    for name in ("value", "ratio"):
        np.testing.assert_allclose(found[name].to_numpy(), over[name].to_numpy(), rtol=1e-4)
    row = scan.table().row(by_predicate=pl.col("site") == site, named=True)
    assert row["nodes"] == expected.select("graph", "node").n_unique()
    assert row["nodes_over"] == over.select("graph", "node").n_unique()
    by_type = scan.by_node_type().filter(site=site)
    counted = expected.group_by("node_type").agg(
        pl.struct("graph", "node").n_unique().alias("nodes"),
        pl.struct("graph", "node").filter(pl.col("ratio") > 3).n_unique().alias("over"),
    )
    wanted = {name: (nodes, over) for name, nodes, over in counted.iter_rows()}
    rows = by_type.select("node_type", "nodes", "over").iter_rows()
    assert {name: (nodes, over) for name, nodes, over in rows} == wanted


def test_all_tables_say_nodes():
    scan = states(embedded(), DataLoader(GRAPHS, 4), baseline=embedded())
    tables = [scan.table(), scan.extremes(), scan.massive(), scan.massive_edges(), scan.nonfinite()]
    tables += [scan.compare(), scan.laws(), scan.concentration()]
    names = {name for table in tables for name in table.columns} - {"id_edge"}
    assert not [name for name in names if re.search("edge|source|target", name)]
    assert {"nodes", "nodes_over", "nodes_over_untrained"} <= set(scan.table().columns)
    assert scan.info.rows == "node"
    assert scan.massive_edges().columns == ["site", "nodes", "massive", "complete"]
    with pytest.raises(InputError, match=r"a row per node.*by_node_type\(\)"):
        scan.by_edge_type()
    of_edges = es.scan(embedded(), DataLoader(GRAPHS, 4), progress=False)
    with pytest.raises(InputError, match=r"a row per edge.*by_edge_type\(\)"):
        of_edges.by_node_type()


def test_a_scan_by_default_is_as_it_was():
    found = small_scan(small_model(), GRAPHS)
    assert list(found.sites) == ["layers.0.attention:score", "layers.1.attention:score"]
    assert found.info.rows == "edge"
    assert "edges" in found.table().columns


def test_nodes_and_edges_are_not_counted_together():
    with pytest.raises(InputError, match=r"a row per node and .* one per edge.*sites='\*:state'"):
        states(small_model(), DataLoader(GRAPHS, 4), sites=["*:state", "*:score"])


def test_names_of_the_other_kind_are_refused():
    loader = DataLoader(GRAPHS, 4)
    with pytest.raises(InputError, match="edge_type_names for sites that have a row per node"):
        states(embedded(), loader, edge_type_names=["a"])
    with pytest.raises(InputError, match="node_type_names for sites that have a row per edge"):
        es.scan(embedded(), loader, node_type_names=TYPES, progress=False)
    with pytest.raises(InputError, match="node types from 0 to 4, expected 0 to 1"):
        states(embedded(), loader, node_type_names=["C", "N"])


def test_parts_merge_into_the_whole_and_files_keep_it(tmp_path):
    model, sites = small_model(factor=3000.0), "layers.1*:state"
    whole = states(model, DataLoader(GRAPHS, 4), sites=sites)
    parts = [states(model, DataLoader(part, 2), sites=sites) for part in (GRAPHS[:4], GRAPHS[4:])]
    assert not differences(es.merge_scans(parts[::-1]), whole)
    again = es.load_scan(whole.save(tmp_path / "scan"))
    assert not differences(again, whole)
    assert again.massive().equals(whole.massive())
    with pytest.raises(InputError, match="both hold node"):
        es.merge_scans([parts[0], parts[0]])


def test_parts_of_nodes_and_of_edges_do_not_merge():
    model = small_model()
    with pytest.raises(InputError, match="cannot merge scans of different sites"):
        es.merge_scans([states(model, GRAPHS), small_scan(model, GRAPHS, criterion=LOW)])


def test_an_interrupted_scan_goes_on(tmp_path):

    def at(number):
        if number == 3:
            raise InterruptedScanError

    def scanned(*args):
        loader, *shards = args
        return es.scan(
            small_model(factor=3000.0),
            loader,
            sites="layers.0.attention:state",
            node_type_names=TYPES,
            shards=shards[0] if shards else None,
            shard_every=0.0,
            keep_ratio=50.0,
            max_rows=9,
            progress=False,
        )

    with pytest.raises(InterruptedScanError):
        scanned(Loader(at), tmp_path / "shards")
    assert not differences(scanned(Loader(), tmp_path / "shards"), scanned(Loader()))


def test_thresholds_are_calibrated_on_untrained_models():
    scan = states(
        embedded(),
        DataLoader(GRAPHS, 4),
        criterion="calibrated",
        baseline=es.Untrained(members=6),
        sites="convs.0*:state",
    )
    evidence = scan.calibration()
    assert set(evidence["site"]) == {"convs.0.in:state", "convs.0:state"}
    # One type is set apart by one channel, which no initialisation is.
    row = evidence.row(
        by_predicate=(pl.col("site") == "convs.0.in:state") & (pl.col("axis") == "magnitude"),
        named=True,
    )
    threes = sum(int((graph.x == 3).sum()) for graph in GRAPHS)
    assert row["over"] == threes > 0
    assert row["nodes"] == sum(len(graph.x) for graph in GRAPHS)


def test_coverage_names_the_layers():
    scan = states(embedded(), DataLoader(GRAPHS, 4))
    seen = [(each.path, each.stages, each.ran) for each in scan.coverage.seen]
    assert seen == [("convs.0", ("state",), True), ("convs.1", ("state",), True)]
    assert scan.coverage.complete
    one = states(embedded(), DataLoader(GRAPHS, 4), sites="convs.1.in:state")
    assert [each.path for each in one.coverage.seen] == ["convs.1"]
    assert [each.path for each in one.coverage.unseen] == ["convs.0"]


def test_node_types_of_heterogeneous_graphs():
    class Typed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = HGTConv(4, 6, (["a", "b"], [("a", "to", "b"), ("b", "of", "a")]), heads=2)

        def forward(self, x_dict, edge_index_dict):
            return self.conv(x_dict, edge_index_dict)

    graphs = []
    for nodes in (2, 4):
        graph = HeteroData()
        graph["a"].x, graph["b"].x = torch.randn(nodes, 4), torch.randn(3, 4)
        graph["a", "to", "b"].edge_index = torch.tensor([[0, 1], [2, 0]])
        graph["b", "of", "a"].edge_index = torch.tensor([[2], [0]])
        graphs.append(graph)
    scan = states(Typed().eval(), graphs, node_type_names=None)
    assert scan.info.edge_type_names == ("a", "b")
    counted = scan.by_node_type().filter(site="conv:state").select("node_type", "nodes")
    assert counted.rows() == [("a", 6), ("b", 6)]


def test_nodes_of_a_sampled_part_have_their_numbers_in_the_whole():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = TransformerConv(6, 4, heads=2)

        def forward(self, x, edge_index):
            return self.conv(x, edge_index)

    data = large_graph()
    data.x[17] = torch.tensor([1.0, 1, 1, 1, 1, 900])
    loader = NeighborLoader(
        data, [2, 2], neighbor_sampler=PythonSampler(data, [2, 2]), batch_size=8
    )
    scan = states(
        whole_numbers(Model()), loader, node_type_names=None, criterion=es.Criterion("c", ratio=500)
    )
    found = scan.massive().filter(site="conv.in:state")
    assert set(found["node"]) == {17}
    assert set(found["graph"]) == {0}
    assert scan.info.parts
    batch = next(iter(loader))
    model = Model()
    with torch.no_grad(), es.capture(model, "conv.in:state") as tape:
        model(batch.x, batch.edge_index)
    whole = tape["conv.in:state"].in_whole(batch)
    assert torch.equal(whole.values[:, 0], data.x[whole.node])
    assert whole.node.equal(batch.n_id)


def test_non_finite_states_are_counted_by_node():
    model = embedded()
    with torch.no_grad():
        model.embed.weight[2, 0] = torch.inf
    scan = states(model, DataLoader(GRAPHS, 4), sites="convs.0.in:state")
    twos = [int((graph.x == 2).sum()) for graph in GRAPHS]
    found = scan.nonfinite().select("graph", "nodes").rows()
    assert found == [(number, count) for number, count in enumerate(twos) if count]


def test_one_channel_has_no_ratio():
    graph = Data(x=torch.randn(3, 3), edge_index=torch.tensor([[0, 1], [1, 2]]))
    with pytest.raises(InputError, match=":state holds one number per node"):
        states(GATConv(3, 1).eval(), [graph], node_type_names=None)


def test_states_of_several_seeds():
    loader = DataLoader(GRAPHS, 4)
    scans = SeedScans({name: states(small_model(seed), loader) for seed, name in enumerate("ab")})
    assert scans.findings().columns[:2] == ["site", "node_type"]
    found = scans.findings(by_edge_type=False)
    assert set(found["site"]) == set(scans.scans["a"].sites)


def test_what_is_about_edges_refuses_a_scan_of_nodes():
    molecules = es.data.load("solubility").test[:12]
    model = es.models.GATv2(**molecules.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    loader = es.data.loader(molecules)
    scan = states(model, loader, node_type_names=None)
    with pytest.raises(InputError, match="a scan of node states, expected one of edges"):
        es.interpret.massive_edges(scan, molecules)
    with pytest.raises(InputError, match="a scan of node states, expected one of edges"):
        es.diagnose(model, loader, scan=scan)
    with pytest.raises(InputError, match="a scan of node states, expected one of edges"):
        es.ablate(model, loader, where=scan)
    with pytest.raises(InputError, match="holds the states of nodes, and this is about edges"):
        es.ablate(model, loader, sites="*:state")


def test_a_batch_whose_graphs_nobody_tells_is_refused():
    model = embedded()
    batch = Batch.from_data_list(GRAPHS[:2])
    del batch.batch, batch.ptr, batch._slice_dict, batch._inc_dict
    with pytest.raises(InputError, match="batch"):
        states(model, [batch])
