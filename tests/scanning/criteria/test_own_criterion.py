"""A criterion that is one class, here that of its page, goes through everything."""

import copy
import json
import subprocess
import sys

import polars as pl
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import criterion
from support.own_criterion import SOURCE, WORDS, installed, product
from support.scan_equality import differences, numbered_graphs, small_model

GRAPHS = numbered_graphs(12)
MODEL = small_model(factor=3000.0)


@pytest.fixture
def rule():
    """The class of the page, made anew."""
    return product()


def scanned(graphs=GRAPHS, batch_size=4, **options):
    options = {"edge_type_names": ["a", "b", "c"], "progress": False} | options
    return es.scan(MODEL, DataLoader(graphs, batch_size), **options)


def test_the_class_is_short():
    lines = SOURCE[SOURCE.index("@dataclass") :].splitlines()
    assert len([line for line in lines if line.strip()]) <= 15


def test_it_chooses_the_rows_it_says(rule):
    rows = scanned(criterion=rule(50.0)).massive()
    everything = scanned(criterion=rule(1e-12)).massive(rule(50.0))
    assert rows.height
    assert rows.equals(everything)
    assert (rows["ratio"] * rows["value"].abs() > 50).all()


def test_a_scan_by_it_is_saved_and_loaded(rule, tmp_path):
    scan = scanned(criterion=rule(50.0), baseline=small_model(seed=1))
    again = es.load_scan(scan.save(tmp_path / "scan"))
    assert again.info.criterion == rule(50.0)
    assert not differences(again, scan)
    assert again.table().equals(scan.table())
    assert again.massive().equals(scan.massive())


def test_parts_merge_to_the_whole(rule, tmp_path):
    parts = [scanned(GRAPHS[:5], criterion=rule(50.0)), scanned(GRAPHS[5:], criterion=rule(50.0))]
    whole = scanned(criterion=rule(50.0))
    parts[0].save(tmp_path / "part")
    assert not differences(es.load_scan(tmp_path / "part") + parts[1], whole)
    with pytest.raises(InputError, match="cannot merge scans with different criterion"):
        parts[0] + scanned(GRAPHS[5:], criterion=rule(60.0))


def test_an_interrupted_scan_goes_on_from_its_shards(rule, tmp_path):
    class KilledError(Exception): ...

    class Interrupted(DataLoader):
        def __iter__(self):
            batches = super().__iter__()
            yield next(batches)
            yield next(batches)
            raise KilledError

    options = {"criterion": rule(50.0), "shards": tmp_path / "shards", "shard_every": 0}
    options |= {"edge_type_names": ["a", "b", "c"], "progress": False}
    with pytest.raises(KilledError):
        es.scan(MODEL, Interrupted(GRAPHS, 4), **options)
    assert not differences(
        es.scan(MODEL, DataLoader(GRAPHS, 4), **options), scanned(criterion=rule(50.0))
    )


@pytest.mark.parametrize("value", ["zero", "clip"])
def test_ablation_replaces_what_it_calls_massive(rule, value):
    own = rule(50.0)
    scan = scanned(criterion=own)
    loader = DataLoader(GRAPHS, 4)
    options = {"value": value, "metric": "none", "repeats": 2, "progress": False}
    by_scan = es.ablate(MODEL, loader, where=scan, **options).table()
    by_rule = es.ablate(MODEL, loader, where=own, **options).table()
    assert by_scan.equals(by_rule)
    chosen = by_scan.filter(pl.col("selection") == "chosen", pl.col("site") != "all")
    assert chosen["activations"].sum() == scan.massive().height > 0


def test_what_is_clipped_is_not_massive(rule):
    own, site = rule(50.0), "layers.0.attention:score"
    median = torch.tensor([1e-3, 0.5, 1e4, torch.inf])
    limit = own.limit(site, median)
    assert (limit * limit / median <= 50.0 * (1 + 1e-6)).all()


def test_the_report_says_it_in_words(rule, tmp_path):
    graphs = [copy.copy(graph) for graph in GRAPHS]
    for graph in graphs:
        del graph.smiles  # the edges are drawn at random, and are no bonds
    path = scanned(graphs, criterion=rule(50.0)).report(tmp_path / "report.html")
    numbers = json.loads(path.with_suffix(".json").read_text())
    assert numbers["scanned"]["rule"] == f"{WORDS}50"
    assert f"{WORDS}50" in path.read_text(encoding="utf-8")


def test_a_process_without_the_class_refuses_the_scan(rule, tmp_path):
    scanned(criterion=rule(50.0)).save(tmp_path / "scan")
    code = f"import edgescope as es; es.load_scan({str(tmp_path / 'scan')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert "unknown kind of criterion 'product' (Product in my_criteria)" in last
    assert "import my_criteria before you load it, or install the package" in last


def test_an_installed_package_adds_it_by_name(tmp_path):
    with installed(tmp_path):
        assert "my_package" not in sys.modules
        scan = scanned(criterion="product")
        assert scan.info.criterion.least == 1000.0
        assert es.load_scan(scan.save(tmp_path / "scan")).info.criterion == criterion("product")
        with pytest.raises(InputError, match="one of paper2025, sun2024, calibrated, product"):
            criterion("prodct")


def test_a_package_that_cannot_be_imported_is_named_once(tmp_path):
    broken = r"'product' of my-package .*my_package:Product\).*No module named 'no_such_module'"
    with installed(tmp_path, "import no_such_module"):
        with (
            pytest.warns(EdgescopeWarning, match=broken) as told,
            pytest.raises(InputError, match="unknown criterion 'product'"),
        ):
            criterion("product")
        assert len(told) == 1
        with pytest.raises(InputError, match="unknown criterion 'product'"):
            criterion("product")  # which warns no more, as a warning is an error here


def test_the_shipped_criteria_import_no_other_package(tmp_path):
    with installed(tmp_path, "raise SystemExit"):
        assert criterion("calibrated").kind == "calibrated"
        scanned().save(tmp_path / "scan")
        assert es.load_scan(tmp_path / "scan").info.criterion == criterion("paper2025")


def test_a_name_is_of_one_class(rule):
    with pytest.raises(InputError, match=r"'product' as .*Another, but that is .*my_criteria.Prod"):

        class Another(rule):
            kind = "product"


def test_a_class_without_a_kind_is_scanned_with_but_not_stored(rule, tmp_path):
    class Unnamed(rule): ...

    scan = scanned(criterion=Unnamed(50.0))
    assert scan.massive().height == scanned(criterion=rule(50.0)).massive().height
    with pytest.raises(InputError, match="has no kind of its own; make it a frozen dataclass"):
        scan.save(tmp_path / "scan")
    assert not (tmp_path / "scan").exists()


def test_values_that_json_cannot_hold_are_refused_before_anything_is_written(rule, tmp_path):
    scan = scanned(criterion=rule(torch.tensor(50.0)))
    with pytest.raises(InputError, match="does not come back from JSON"):
        scan.save(tmp_path / "scan")
    assert not (tmp_path / "scan").exists()
