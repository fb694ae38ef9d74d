"""Scans on disk: everything comes back, and what would come back wrong is refused."""

import json

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.earlier_versions import without_manifest
from support.scan_equality import differences, numbered_graphs, small_model, small_scan

GRAPHS = numbered_graphs(6)


@pytest.fixture(scope="module")
def scan():
    untrained = es.Untrained(members=6, calibrate_batch_norm=False)
    options = {"criterion": es.Calibrated(rate=0.02), "keep_ratio": None}
    return small_scan(small_model(factor=3000.0), GRAPHS, baseline=untrained, **options)


def test_a_scan_with_an_ensemble_and_floors_per_site_comes_back(scan, tmp_path):
    loaded = es.load_scan(scan.save(tmp_path / "scan"))
    assert not differences(loaded, scan)
    assert len(loaded.baseline.members) == 6
    for member, expected in zip(loaded.baseline.members, scan.baseline.members, strict=True):
        assert not differences(member, expected)
    assert {site: loaded.floor(site) for site in loaded.sites} == {
        site: scan.floor(site) for site in scan.sites
    }
    assert loaded.massive().equals(scan.massive())
    assert loaded.table().equals(scan.table())


def test_an_ensemble_is_saved_by_itself_with_its_members_in_order(scan, tmp_path):
    loaded = es.load_scan(scan.baseline.save(tmp_path / "baseline"))
    assert not differences(loaded, scan.baseline)
    for member, expected in zip(loaded.members, scan.baseline.members, strict=True):
        assert not differences(member, expected)


def test_ratios_that_are_not_defined_come_back_as_such(tmp_path):
    model = small_model()
    with torch.no_grad():
        for row in range(11):
            model.layers[0].attention.edge.weight[row] = 0
        model.layers[0].attention.edge.weight[11] *= 3000
    scan = small_scan(
        model, GRAPHS, criterion=es.Criterion("large", ratio=0, magnitude=1.0), keep_ratio=None
    )
    assert scan.sites["layers.0.attention:score"].rows["ratio"].is_nan().any()
    assert not differences(es.load_scan(scan.save(tmp_path / "scan")), scan)


def test_a_scan_that_says_nothing_of_batch_norm_loads(scan, tmp_path):
    folder = scan.save(tmp_path / "scan")
    info = json.loads((folder / "scan.json").read_text())["info"]
    del info["batch_norm"]
    without_manifest(folder, info=info)
    loaded = load_unchecked(folder)
    assert loaded.info.batch_norm is None
    assert loaded.calibration().equals(scan.calibration())


def load_unchecked(folder):
    with pytest.warns(EdgescopeWarning, match=r"earlier version, which has no manifest\.json"):
        return es.load_scan(folder)


def test_folders_of_the_format_without_groups_are_refused(scan, tmp_path):
    folder = scan.save(tmp_path / "scan")
    without_manifest(folder, form=1)
    with pytest.raises(InputError, match=r"format 1, this version reads 3.*scan again"):
        es.load_scan(folder)


def test_a_folder_without_one_of_the_counters_is_refused(scan, tmp_path):
    """Zeros in its place would pass for counts."""
    folder = scan.save(tmp_path / "scan")
    counters = json.loads((folder / "scan.json").read_text())["counters"]
    assert "group_ratio" in counters
    without_manifest(folder, counters=[name for name in counters if name != "group_ratio"])
    with pytest.raises(InputError, match="holds a scan that cannot be read"):
        es.load_scan(folder)


def test_counts_beyond_32_bits_come_back_exactly(tmp_path):
    scan = small_scan(small_model(), GRAPHS)
    found = next(iter(scan.sites.values()))
    found.sketch.counts["ratio"][5] = 2**52 + 1
    assert not differences(es.load_scan(scan.save(tmp_path / "scan")), scan)


def test_a_scan_that_replaces_another_leaves_nothing_of_it(scan, tmp_path):
    scan.save(tmp_path / "scan")
    alone = small_scan(small_model(), GRAPHS)
    loaded = es.load_scan(alone.save(tmp_path / "scan"))
    assert loaded.baseline is None
    assert loaded.members == ()
    assert isinstance(loaded.extremes(), pl.DataFrame)
