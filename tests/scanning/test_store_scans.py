"""A scan on disk: it comes back as it was, and damages nothing."""

import numpy as np
import pytest
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from support.scan_cases import SITES


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
