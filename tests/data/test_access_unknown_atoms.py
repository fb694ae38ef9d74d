"""A molecule with an atom type that a model does not know is lost alone, and listed."""

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError


@pytest.fixture
def load(write):
    def from_text(text, **options):
        options = {"vocabulary": ["C", "O"], "split": (0, 0, 1), "progress": False} | options
        return es.data.load(write("table.csv", text), **options)

    return from_text


def test_one_unknown_atom_loses_that_row_and_says_why(load):
    splits = load("smiles,y\nCCO,1\nnot a molecule,2\nC[SiH3],3\nCC,4\n", target_columns="y")
    assert splits.test.smiles == ["CCO", "CC"]
    assert splits.test.y.flatten().tolist() == [1.0, 4.0]
    assert splits.test.vocabulary == ("C", "O")
    assert splits.rejected["row"].to_list() == [3, 4]
    assert splits.rejected["split"].to_list() == ["test", "test"]
    reason = splits.rejected["reason"][1]
    assert reason == "atom type 'Si H3' not among the 2 known here: C, O"


def test_all_unknown_atoms_of_a_row_are_named_and_of_many_known_ones_the_first(load):
    known = ["C", "O", "F", "Cl", "Br", "I", "P", "B", "H", "C H1"]
    (reason,) = load("smiles\nC[SiH2]N\nCC\n", vocabulary=known).rejected["reason"]
    assert reason == (
        "atom types 'N', 'Si H2' not among the 10 known here: C, O, F, Cl, Br, I, P, B and 2 more"
    )


def test_every_part_lists_its_own_rows(load):
    text = "smiles,part\nCC,train\nCN,train\nCCC,val\nCCS,val\nCO,test\nCF,test\n"
    splits = load(text, split="part")
    assert [part.smiles for part in splits] == [["CC"], ["CCC"], ["CO"]]
    assert [part.rejected["smiles"].to_list() for part in splits] == [["CN"], ["CCS"], ["CF"]]


def test_what_is_left_is_numbered_as_without_the_lost_rows(load):
    whole, without = (load(text).test for text in ("smiles\nCN\nCCO\n", "smiles\nCCO\n"))
    assert torch.equal(whole.x, without.x)
    assert torch.equal(whole.edge_index, without.edge_index)
    assert whole.row.tolist() == [3]


def test_if_all_rows_are_lost_they_are_refused_in_one_line(load):
    with pytest.raises(
        InputError, match=r"no molecule of table .* \(row 2, CN: atom type 'N' "
    ) as e:
        load("smiles\nCN\nCF\n")
    assert "\n" not in str(e.value)


def test_rewired_molecules_lose_the_same_rows(load):
    splits = load("smiles\nCN\nCCO\nCC\n", rewire={"how": "shuffle_types"})
    assert splits.test.smiles == ["CCO", "CC"]
    assert splits.rejected["row"].to_list() == [2]
