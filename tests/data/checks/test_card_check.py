"""Cards, and folders compared with them."""

import gzip
from dataclasses import fields, replace

import pytest

from edgescope.data import card, check, load, names
from edgescope.data.sources.tox21 import TASKS, Tox21
from edgescope.lib.errors import InputError
from support.data_layouts import proteins, tu, wikipedia


def test_every_data_set_has_a_card_whose_counts_add_up():
    for known in map(card, names()):
        assert all(getattr(known, field.name) not in ("", "not stated") for field in fields(known))
        if known.level == "node":
            assert sum(known.parts) == known.nodes
        if known.directed_edges is not None:
            assert sum(known.edge_types.values()) == known.directed_edges


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match=r"unknown data set 'tox12', .* did you mean 'tox21'"):
        card("tox12")
    with pytest.raises(InputError, match="did you mean 'squirrel'"):
        check("squirel")


@pytest.mark.parametrize("name", sorted(set(names()) - {"ogbn-proteins", "zinc"}))
def test_the_real_files_are_as_on_their_card(name, shared, tmp_path):
    found = check(name, None if name == "solubility" else shared / "data", progress=False)
    assert found.height
    stated = found.drop_nulls()
    assert stated["expected"].to_list() == stated["found"].to_list()


def test_the_metric_on_a_card_is_that_of_the_loaded_data(tmp_path):
    tu(tmp_path, "MUTAG", edge_labels=True)
    wikipedia(tmp_path / "squirrel_directed.npz")
    proteins(tmp_path)
    for name in ("tu-mutag", "squirrel", "ogbn-proteins"):
        splits, known = load(name, tmp_path), card(name)
        assert splits.train.metric == known.metric
        assert splits.train.task == known.task
        assert len(splits.train.target_names) == known.targets
        assert splits.train.edge_type_names == tuple(known.edge_types)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder of ten molecules in the layout of Tox21, and its card."""
    smiles = ["CCO", "c1ccccc1", "CC#N", "CCN", "OCC", "CCC", "CO", "CS", "CCl", "CF"]
    lines = [",".join([*TASKS, "mol_id", "smiles"])]
    lines += [",".join([*["0"] * 12, str(row), text]) for row, text in enumerate(smiles)]
    (tmp_path / "tox21.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    parts = {"train": [0, 1, 2, 3, 5, 6], "valid": [7, 8], "test": [4, 9]}
    (tmp_path / "scaffold_split").mkdir()
    for name, rows in parts.items():
        text = "\n".join(map(str, rows))
        (tmp_path / "scaffold_split" / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    edges = {"single": 26, "double": 0, "triple": 2, "aromatic": 12, "other": 0}
    known = replace(
        Tox21.card,
        parts=(6, 2, 2),
        nodes=29,
        directed_edges=40,
        edge_types=edges,
        rejected=0,
        leaks=1,
    )
    monkeypatch.setattr(Tox21, "card", known)
    return tmp_path, known, monkeypatch


def test_the_same_molecule_in_two_parts_is_named_with_its_rows(small):
    folder, known, patch = small
    assert check("tox21", folder)["found"].to_list()[:3] == [6, 2, 2]
    patch.setattr(Tox21, "card", replace(known, leaks=0))
    with pytest.raises(InputError) as error:
        check("tox21", folder)
    assert "leaks: CCO is in train (row 2) and test (row 6); 1 such cases" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_count_is_named(small):
    folder, known, patch = small
    patch.setattr(Tox21, "card", replace(known, parts=(7, 2, 2), nodes=30))
    with pytest.raises(InputError) as error:
        check("tox21", folder)
    message = "tox21 has 6 graphs in train, expected 7 (and 1 other counts differ); it is not"
    assert message in str(error.value)


def test_a_small_folder_is_not_the_published_set(tmp_path):
    with pytest.raises(InputError, match="ogbn-proteins has 30 nodes in train, expected 86619"):
        check("ogbn-proteins", proteins(tmp_path))
