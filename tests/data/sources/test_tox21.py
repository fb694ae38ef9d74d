"""Tox21 from MoleculeNet's table: labels with holes, features, splits."""

import gzip

import numpy as np
import pytest
import torch

from edgescope.data import load
from edgescope.data.sources.tox21 import TASKS
from edgescope.lib.errors import InputError

SMILES = ["CCO", "c1ccccc1", "[Hg+2]", "C[AlH3]C", "CC#N", "Cc1ccccc1", "CCN", "C1CC1", "CCC", "CO"]


@pytest.fixture
def folder(tmp_path):
    """Ten rows in the real layout; row 3 does not parse, task 3 of row 0 is missing."""
    lines = [",".join([*TASKS, "mol_id", "smiles"])]
    for row, smiles in enumerate(SMILES):
        labels = [str((row + task) % 2) for task in range(12)]
        labels[3] = "" if row == 0 else labels[3]
        lines.append(",".join([*labels, f"TOX{row}", smiles]))
    (tmp_path / "tox21.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return tmp_path


def write_split(folder, **rows):
    (folder / "scaffold_split").mkdir(exist_ok=True)
    for name, numbers in rows.items():
        text = "\n".join(map(str, numbers)) + "\n"
        path = folder / "scaffold_split" / f"{name}.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))


GOOD = {"train": [0, 1, 2, 3, 4, 5], "valid": [6, 9], "test": [7, 8]}


def test_the_given_scaffold_split_is_taken_row_for_row(folder):
    write_split(folder, **GOOD)
    splits = load("tox21", folder)
    assert [part.row.tolist() for part in splits] == [[2, 3, 4, 6, 7], [8, 11], [9, 10]]
    assert splits.rejected.select("split", "row").rows() == [("train", 5)]
    assert {part.split for part in splits} == {"scaffold, as given"}
    assert splits.train.target_names == TASKS
    assert (splits.train.task, splits.train.metric) == ("labels", "roc_auc")
    assert splits.train.x.shape[1] == 9
    assert splits.train.y[0].isnan().nonzero().tolist() == [[3]]


def test_types_instead_of_columns_suit_models_with_one_embedding(folder):
    splits = load("tox21", folder, features="types", split="random")
    assert splits.train.x.dim() == splits.train.edge_attr.dim() == 1
    assert splits.train.edge_type_names == ("none", "single", "double", "triple")
    assert sum(map(len, splits)) == 9


def test_a_random_split_depends_on_its_seed_which_is_told(folder):
    first, again, other = (load("tox21", folder, split="random", seed=s) for s in (0, 0, 1))
    rows = [[part.row.tolist() for part in splits] for splits in (first, again, other)]
    assert rows[0] == rows[1] != rows[2]
    assert first.test.split == "random, seed 0"


def test_the_cache_gives_the_columns_back(folder):
    first, again = load("tox21", folder), load("tox21", folder)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.edge_attr, other.edge_attr)
        assert one.node_columns == other.node_columns
        assert one.vocabulary == other.vocabulary


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": [6, 9, 0]}, r"valid\.csv\.gz holds row 0, which is also in the train part"),
        ({"test": [7]}, "hold 9 of 10 rows, expected each row in one of them; row 8 is missing"),
        ({"test": [7, 8, 10]}, "holds 7 to 10, expected numbers from 0 to 9"),
        ({"test": [7, 8, 8]}, "holds a number twice"),
        ({"test": ["seven"]}, "expected one whole number per line"),
    ],
)
def test_a_split_that_leaks_or_lacks_rows_is_refused(folder, change, message):
    write_split(folder, **{**GOOD, **change})
    with pytest.raises(InputError, match=message) as error:
        load("tox21", folder)
    assert "\n" not in str(error.value)


def test_a_truncated_table_is_refused(folder):
    path = folder / "tox21.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="check that the file is complete"):
        load("tox21", folder)


def test_an_unknown_split_is_refused(folder):
    with pytest.raises(InputError, match="split='cold' for tox21, expected 'scaffold' or 'random'"):
        load("tox21", folder, split="cold")


def test_a_vocabulary_is_refused_where_atoms_have_columns(folder):
    with pytest.raises(InputError, match=r"9 features per atom, .* features='types'"):
        load("tox21", folder, vocabulary=["C", "O"])


def test_the_computed_scaffold_split_is_ogbs_row_for_row(shared, tmp_path):
    source = shared / "data" / "tox21"
    (tmp_path / "tox21.csv.gz").write_bytes((source / "tox21.csv.gz").read_bytes())
    computed = load("tox21", tmp_path, progress=False)
    given = load("tox21", source, progress=False)
    assert computed.train.split == "scaffold, computed"
    for one, other in zip(computed, given, strict=True):
        assert np.array_equal(one.row.numpy(), other.row.numpy())
    assert computed.rejected["split"].to_list() == given.rejected["split"].to_list()
