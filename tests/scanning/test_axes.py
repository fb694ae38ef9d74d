"""Counts by magnitude, and of the edges that a whole criterion calls massive."""

import pytest
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from support.scan_cases import SITES, captured

LARGE = es.Criterion("large", ratio=0, magnitude=2.5)
BOTH = es.Criterion("both", ratio=100) & LARGE


@pytest.fixture(scope="module")
def judged(model, untrained, graphs):
    return es.scan(model, DataLoader(graphs, 16), baseline=untrained, criterion=BOTH)


def test_edges_are_counted_by_magnitude(model, graphs, scan):
    table = scan.by_edge_type(100.0, axis="magnitude")
    for site, (values, _, _, edge_type) in captured(model, graphs).items():
        over = values.abs().flatten(1).amax(1) > 100.0
        for row in table.filter(site=site).iter_rows(named=True):
            of_type = edge_type == scan.info.edge_type_names.index(row["edge_type"])
            assert row["threshold"] == 100.0
            assert row["edges"] == int(of_type.sum())
            assert row["over"] == int((over & of_type).sum())


def test_an_axis_without_a_bound_needs_a_threshold(scan):
    with pytest.raises(InputError, match=r"does not bound the magnitude at .*; pass threshold="):
        scan.by_edge_type(axis="magnitude")


def test_an_axis_that_does_not_exist_is_refused(scan):
    with pytest.raises(InputError, match="axis='growth', expected one of ratio, magnitude"):
        scan.by_edge_type(1.0, axis="growth")


def test_massive_edges_are_those_of_the_massive_rows(judged):
    rows = judged.massive().select("site", "graph", "edge").unique()
    found = judged.massive_edges()
    assert found["site"].to_list() == SITES
    assert found["complete"].all()
    for site, edges, massive, _ in found.iter_rows():
        assert edges == judged[site].num_edges
        assert massive == rows.filter(site=site).height > 0


def test_massive_edges_are_incomplete_where_rows_were_not_kept(model, graphs):
    loader = DataLoader(graphs, 16)
    few = es.scan(model, loader, criterion=BOTH, max_rows=3)
    high = es.scan(model, loader, criterion=BOTH, keep_ratio=1e6)
    for scan in (few, high):
        assert not scan.massive_edges()["complete"].any()
