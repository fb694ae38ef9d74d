"""Molecules kept on disk."""

import os
from pathlib import Path

import polars as pl
import pytest
import torch

from edgescope.data import load
from edgescope.data.molecule_tables import molecule_cache as cache_module
from edgescope.data.molecule_tables import table_molecules as parse
from edgescope.data.molecule_tables.molecule_cache import cache_folder, cache_key
from edgescope.data.molecule_tables.table_molecules import Reading
from edgescope.lib.errors import EdgescopeWarning

TABLE = "smiles,y\nCC,1\nCC(=O)O,\nC,3\nC#N,4\nc1ccccc1,5\nOCC,6\n"


@pytest.fixture
def parses(monkeypatch):
    """Counts how often SMILES are parsed."""
    counted = []
    original = parse.Featuriser.__call__

    def counting(self, smiles):
        counted.append(smiles)
        return original(self, smiles)

    monkeypatch.setattr(parse.Featuriser, "__call__", counting)
    return counted


def the_file() -> Path:
    (path,) = cache_folder().iterdir()
    return path


def assert_equal(first, second):
    for one, other in zip(first, second, strict=True):
        for field in ("node_ptr", "edge_ptr", "x", "edge_index", "edge_attr", "row"):
            assert torch.equal(getattr(one, field), getattr(other, field)), field
            assert getattr(one, field).dtype == torch.long
        assert torch.equal(one.y.nan_to_num(-1), other.y.nan_to_num(-1))
        assert one.rejected.equals(other.rejected)
        for field in ("smiles", "vocabulary", "edge_type_names", "target_names", "name"):
            assert getattr(one, field) == getattr(other, field), field


def test_the_second_load_parses_nothing_and_gives_the_same(write, parses):
    path = write("a.csv", TABLE)
    first = load(path, target_columns="y")
    assert len(parses) == 6
    second = load(path, target_columns="y")
    assert len(parses) == 6
    assert_equal(first, second)
    assert_equal(first, load(path, target_columns="y", cache=False))


def test_another_seed_or_vocabulary_needs_no_new_parse_but_other_options_do(write, parses):
    path = write("a.csv", TABLE)
    load(path)
    load(path, seed=7, vocabulary=["O", "N", "C"], split=(0.4, 0.3, 0.3))
    assert len(parses) == 6
    load(path, kekulize=False)
    assert len(parses) == 12


def test_changed_content_is_read_anew_and_the_same_content_elsewhere_is_not(write, parses):
    load(write("a.csv", TABLE))
    load(write("b.csv", TABLE))
    assert len(parses) == 6
    changed = load(write("a.csv", TABLE + "CCCC,7\n"))
    assert len(parses) == 13
    assert sum(map(len, changed)) == 6


def test_the_key_depends_on_the_version_of_the_featuriser(monkeypatch):
    before = cache_key("x", Reading())
    monkeypatch.setattr(cache_module, "FEATURISER_VERSION", 10**6)
    assert cache_key("x", Reading()) != before


@pytest.mark.parametrize("damage", ["cut", "noise", "one byte", "empty"])
def test_a_damaged_file_is_reported_and_written_anew(write, parses, damage):
    path = write("a.csv", TABLE)
    first = load(path, target_columns="y")
    content = the_file().read_bytes()
    middle = len(content) - len(content) // 4
    the_file().write_bytes(
        {
            "cut": content[:-10],
            "noise": os.urandom(100),
            "one byte": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
        }[damage]
    )
    with pytest.warns(EdgescopeWarning, match="are damaged"):
        assert_equal(first, load(path, target_columns="y"))
    assert the_file().read_bytes() == content
    assert len(parses) == 12


def test_a_folder_that_cannot_be_written_to_is_reported_and_the_molecules_are_given(write):
    path = write("a.csv", TABLE)
    blocked = write("not-a-folder", "")
    with pytest.warns(EdgescopeWarning, match="set EDGESCOPE_CACHE to a folder"):
        splits = load(path, cache=blocked / "cache")
    assert sum(map(len, splits)) == 5


def test_nothing_is_written_without_a_cache(write):
    load(write("a.csv", TABLE), cache=False)
    assert not cache_folder().exists()


def test_no_half_written_file_is_left_when_storing_fails(write, monkeypatch):
    def fail(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.warns(EdgescopeWarning, match="no space left"):
        load(write("a.csv", TABLE))
    assert list(cache_folder().iterdir()) == []


def test_rejected_rows_come_back_from_the_cache_with_their_types(write):
    path = write("a.csv", "smiles\n\nCC\nCCC\nCCO\n")
    load(path)
    assert load(path).rejected.schema["smiles"] == pl.String
