"""Scan: what it counts is what the captured activations hold."""

import copy

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.errors import EdgescopeWarning, InputError
from edgescope.statistics import Criterion, edge_ratios

SITES = ["layers.0.attention:score", "layers.1.attention:score"]


def random_graphs(number, seed=0, types=3):
    random = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(number):
        nodes = int(torch.randint(2, 9, (1,), generator=random))
        edges = int(torch.randint(1, 20, (1,), generator=random))
        graphs.append(
            Data(
                x=torch.randint(0, 5, (nodes,), generator=random),
                edge_index=torch.randint(0, nodes, (2, edges), generator=random),
                edge_attr=torch.randint(0, types, (edges,), generator=random),
                smiles="C" * nodes,
            )
        )
    return graphs


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    return es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2
    )


@pytest.fixture(scope="module")
def model(untrained):
    """A model with one giant channel: head 1, channel 3."""
    grown = copy.deepcopy(untrained)
    with torch.no_grad():
        for layer in grown.layers:
            layer.attention.edge.weight[7] *= 3000
    return grown


@pytest.fixture(scope="module")
def graphs():
    return random_graphs(40)


@pytest.fixture(scope="module")
def scan(model, untrained, graphs):
    return es.scan(model, DataLoader(graphs, 16), baseline=untrained)


def captured(model, graphs):
    """Capture graph by graph: site to values, graph, position and type of every edge."""
    model = copy.deepcopy(model).eval()
    found = {site: [] for site in SITES}
    for number, graph in enumerate(graphs):
        with torch.no_grad(), es.capture(model) as tape:
            model(graph.x, graph.edge_index, graph.edge_attr)
        for site in SITES:
            rows = tape[site]
            where = torch.full((graph.num_edges,), number)
            found[site].append((rows.values, where, rows.input_edge, rows.edge_type))
    return {
        site: [torch.cat(part) for part in zip(*parts, strict=True)]
        for site, parts in found.items()
    }


def test_the_massive_rows_are_those_of_a_capture_graph_by_graph(scan, model, graphs):
    expected = set()
    for site, (values, graph, edge, kind) in captured(model, graphs).items():
        ratios = edge_ratios(values)
        for row, position in (ratios.ratio > 1000).nonzero().tolist():
            head, channel = divmod(position, 4)
            kind_name = f"type {int(kind[row])}"
            expected.add((site, int(graph[row]), int(edge[row]), head, channel, kind_name))
    columns = ["site", "graph", "edge", "head", "channel", "edge_type"]
    assert set(scan.massive().select(columns).iter_rows()) == expected
    assert len(expected) > 100


def test_the_default_sites_of_our_own_model_are_its_scores(scan, graphs):
    assert list(scan.sites) == SITES
    assert scan.info.edge_type_names == ("type 0", "type 1", "type 2")


def test_rows_name_the_ends_of_the_edge_within_its_graph(scan, graphs):
    for row in scan.massive().sample(50, seed=0).iter_rows(named=True):
        ends = graphs[row["graph"]].edge_index[:, row["edge"]].tolist()
        assert [row["source"], row["target"]] == ends


def test_the_giant_channel_fills_its_cell_of_the_heat_map(scan):
    share = scan.heat_map(SITES[0])
    assert share.shape == (3, 4)
    assert share[1, 3] > 0.5
    assert share.sum() == pytest.approx(share[1, 3])


@pytest.mark.parametrize("threshold", [500.0, 1000.0, 4000.0])
def test_prevalence_by_type_is_that_of_the_captured_edges(scan, model, graphs, threshold):
    table = scan.by_edge_type(threshold)
    for site, (values, _, _, kind) in captured(model, graphs).items():
        hit = (edge_ratios(values).ratio > threshold).any(1)
        for number in range(3):
            row = table.row(
                by_predicate=(pl.col("site") == site) & (pl.col("edge_type") == f"type {number}"),
                named=True,
            )
            of_type = kind == number
            assert row["edges"] == of_type.sum()
            assert row["over"] == (hit & of_type).sum()
            assert row["threshold"] == threshold
            assert row["low"] <= row["rate"] <= row["high"]
            assert row["enrichment"] == pytest.approx(row["rate"] / hit.double().mean().item())


def test_the_table_sets_the_trained_model_beside_the_untrained(scan, model, untrained, graphs):
    after, before = captured(model, graphs), captured(untrained, graphs)
    for row in scan.table().iter_rows(named=True):
        new, old = (edge_ratios(found[row["site"]][0]) for found in (after, before))
        assert row["max_ratio"] == pytest.approx(new.ratio.max().item(), rel=1e-5)
        assert row["max_ratio_untrained"] == pytest.approx(old.ratio.max().item(), rel=1e-5)
        assert row["edges_over"] == (new.top_ratio > 1000).sum()
        assert row["edges_over_untrained"] == (old.top_ratio > 1000).sum()
        growth = new.magnitude.max() / old.magnitude.flatten().quantile(0.5, interpolation="lower")
        assert row["growth"] == pytest.approx(growth.item(), rel=0.005)


def test_growth_over_a_baseline_of_zeros_is_not_a_number(model, untrained, graphs):
    silent = copy.deepcopy(untrained)
    with torch.no_grad():
        silent.layers[0].attention.query.weight.zero_()
    table = es.scan(model, DataLoader(graphs[:5], 5), baseline=silent).table()
    assert np.isnan(table["growth"][0])
    assert es.scan(silent, DataLoader(graphs[:5], 5)).table()["undefined"][0] > 0


@pytest.mark.parametrize("size", [1, 7, 40])
def test_the_batch_size_does_not_matter(scan, model, graphs, size):
    other = es.scan(model, DataLoader(graphs, size))
    for site in SITES:
        mine, theirs = scan[site], other[site]
        # Sums in another order may move a value over the edge of a bin.
        assert mine.num_edges == theirs.num_edges
        np.testing.assert_allclose(mine.maxima, theirs.maxima, rtol=1e-4)
        moved = (mine.counts["ratio"] - theirs.counts["ratio"]).abs().sum()
        assert moved <= 0.02 * mine.counts["ratio"].sum()


def test_the_model_is_left_as_it_was(untrained, graphs):
    model = copy.deepcopy(untrained).train()
    model.layers[1].eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    es.scan(model, DataLoader(graphs[:3], 2))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_scan_comes_back_from_disk_as_it_was(scan, tmp_path):
    loaded = es.load_scan(scan.save(tmp_path / "scan"))
    assert loaded.info == scan.info
    assert loaded.smiles == scan.smiles
    assert loaded.table().equals(scan.table())
    assert loaded.massive().equals(scan.massive())
    assert loaded.extremes().equals(scan.extremes())
    assert loaded.by_edge_type(123.0).equals(scan.by_edge_type(123.0))
    for site in SITES:
        np.testing.assert_array_equal(loaded.heat_map(site, 2000.0), scan.heat_map(site, 2000.0))


def test_saving_again_replaces_the_scan(scan, model, graphs, tmp_path):
    folder = tmp_path / "scan"
    es.scan(model, DataLoader(graphs[:5], 5)).save(folder)
    scan.save(folder)
    assert es.load_scan(folder).info.graphs == 40
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_a_folder_with_other_files_is_not_overwritten(scan, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not a scan; choose an empty or a new folder"):
        scan.save(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize("damage", ["missing", "truncated", "other json"])
def test_a_damaged_scan_is_refused(scan, tmp_path, damage):
    folder = scan.save(tmp_path / "scan")
    if damage == "missing":
        (folder / "counts.parquet").unlink()
    elif damage == "truncated":
        whole = (folder / "counts.parquet").read_bytes()
        (folder / "counts.parquet").write_bytes(whole[: len(whole) // 2])
    else:
        (folder / "scan.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="cannot be read"):
        es.load_scan(folder)


def test_a_folder_without_a_scan_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a scan folder"):
        es.load_scan(tmp_path)


def test_smiles_are_kept_for_graphs_with_massive_activations(scan, graphs):
    listed = set(scan.massive()["graph"]) | set(scan.extremes()["graph"])
    assert listed <= set(scan.smiles)
    assert all(text == graphs[number].smiles for number, text in scan.smiles.items())


def test_a_non_finite_activation_is_reported_with_its_site_and_graph(untrained, graphs):
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        model.node_embedding.weight[4] = float("inf")
    struck = [n for n, graph in enumerate(graphs) if (graph.x[graph.edge_index] == 4).any()]
    scan = es.scan(model, DataLoader(graphs, 16))
    first = scan.nonfinite().filter(pl.col("site") == SITES[0])
    assert first["graph"].to_list() == struck
    row = scan.table().row(0, named=True)
    assert row["nonfinite"] == first["edges"].sum()
    assert row["edges"] == sum(graph.num_edges for graph in graphs)
    assert np.isfinite(row["max_ratio"])


def test_more_rows_than_are_kept_are_announced_also_after_loading(model, graphs, tmp_path):
    scan = es.scan(model, DataLoader(graphs, 16), max_rows=10)
    assert scan.by_edge_type()["over"].sum() > 20
    for same in (scan, es.load_scan(scan.save(tmp_path / "scan"))):
        with pytest.warns(EdgescopeWarning, match="only the 10 largest ratios were kept"):
            rows = same.massive()
        assert rows.height == 20


def test_another_criterion_applies_to_the_same_scan(scan):
    strict = scan.massive(Criterion("strict", ratio=4000.0))
    assert 0 < strict.height < scan.massive().height
    assert (strict["ratio"] > 4000).all()
    assert (scan.massive("sun2024")["value"].abs() > 100).all()


def test_rows_are_kept_from_the_ratio_that_the_criterion_asks_for(model, graphs):
    loose = es.scan(model, DataLoader(graphs, 16), criterion=Criterion("loose", ratio=50.0))
    assert loose.massive()["ratio"].min() < 1000
    assert (loose.massive()["ratio"] > 50).all()


def test_a_site_that_the_model_does_not_run_is_named(model, graphs):
    class Shallow(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = copy.deepcopy(model)
            self.unused = es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr, batch):
            return self.inner(x, edge_index, edge_attr, batch)

    with pytest.raises(InputError, match="did not run unused:score; leave it out with sites="):
        es.scan(Shallow(), DataLoader(graphs, 16))


def test_a_criterion_below_what_was_kept_is_refused(scan):
    with pytest.raises(InputError, match="scan again with keep_ratio=50"):
        scan.massive(Criterion("loose", ratio=50.0))


def test_graphs_are_numbered_as_the_batch_says(model, graphs):
    moved = [graph.clone() for graph in graphs[:4]]
    for number, graph in enumerate(moved):
        graph.graph = torch.tensor([100 + number])
    scan = es.scan(model, DataLoader(moved, 3))
    assert set(scan.massive()["graph"]) <= {100, 101, 102, 103}


def test_a_model_that_takes_the_batch_whole_is_scanned(model, graphs, scan):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, data):
            return self.inner(data.x, data.edge_index, data.edge_attr, data.batch)

    whole = es.scan(Whole(), DataLoader(graphs, 16))
    assert whole.massive()["ratio"].equals(scan.massive()["ratio"])


def test_a_baseline_of_another_architecture_is_refused(model, graphs):
    deeper = es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=3
    )
    with pytest.raises(InputError, match=r"the baseline has sites .* scan the same architecture"):
        es.scan(model, DataLoader(graphs, 16), baseline=deeper)


def test_an_empty_loader_is_refused(model):
    with pytest.raises(InputError, match="the loader gave no batch"):
        es.scan(model, DataLoader([], 4), edge_type_names=["a", "b", "c"])


def test_a_loader_that_can_be_used_only_once_is_refused(model, graphs):
    with pytest.raises(InputError, match="received a generator, which can be gone through only"):
        es.scan(model, (batch for batch in DataLoader(graphs, 16)))


def test_a_threshold_of_zero_is_refused(scan):
    with pytest.raises(InputError, match="received the threshold 0, expected a positive"):
        scan.by_edge_type(0)


def test_an_edge_type_beyond_the_named_ones_is_refused(model, graphs):
    with pytest.raises(InputError, match="received edge types from 0 to 2, expected 0 to 1"):
        es.scan(model, DataLoader(graphs, 16), edge_type_names=["none", "single"])


def test_unknown_names_are_refused(scan):
    with pytest.raises(InputError, match=r"the scan has no site 'layers\.9'"):
        scan["layers.9"]
    with pytest.raises(InputError, match="unknown edge type 'triple'"):
        scan.heat_map(SITES[0], edge_type="triple")
