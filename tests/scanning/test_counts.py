"""Scan: what it counts is what the captured activations hold."""

import copy

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.statistics import edge_ratios
from support.scan_cases import SITES, captured


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


def test_graphs_are_numbered_as_the_batch_says(model, graphs):
    moved = [graph.clone() for graph in graphs[:4]]
    for number, graph in enumerate(moved):
        graph.graph = torch.tensor([100 + number])
    scan = es.scan(model, DataLoader(moved, 3))
    assert set(scan.massive()["graph"]) <= {100, 101, 102, 103}
