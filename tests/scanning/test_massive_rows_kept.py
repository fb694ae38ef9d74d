"""Which rows a scan keeps, and which of them a criterion lists."""

import pytest
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Criterion


def test_smiles_are_kept_for_graphs_with_massive_activations(scan, graphs):
    listed = set(scan.massive()["graph"]) | set(scan.extremes()["graph"])
    assert listed <= set(scan.smiles)
    assert all(text == graphs[number].smiles for number, text in scan.smiles.items())


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


def test_a_criterion_below_what_was_kept_is_refused(scan):
    with pytest.raises(InputError, match="scan again with keep_ratio=50"):
        scan.massive(Criterion("loose", ratio=50.0))
