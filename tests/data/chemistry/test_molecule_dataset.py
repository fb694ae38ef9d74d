"""Atom types, and many molecules in flat tensors."""

import json
import pickle

import numpy as np
import pytest
import torch

from edgescope.data import ZINC_VOCABULARY, AtomVocabulary, Molecule
from edgescope.lib.errors import InputError


def test_the_published_vocabulary_has_28_keys_in_the_published_order():
    assert len(ZINC_VOCABULARY) == 28
    wanted = ["C", "C H1", "P H1 +"]
    assert ZINC_VOCABULARY.encode(wanted).tolist() == [0, 4, 27]


def test_a_vocabulary_survives_json_and_pickle():
    assert AtomVocabulary(json.loads(json.dumps(ZINC_VOCABULARY))) == ZINC_VOCABULARY
    copy = pickle.loads(pickle.dumps(ZINC_VOCABULARY))  # noqa: S301  (our own)
    assert isinstance(copy, AtomVocabulary)


def test_frequent_atoms_come_first_and_ties_follow_their_text():
    assert AtomVocabulary.most_frequent({"N": 2, "C": 9, "F": 2, "Br": 2}) == ("C", "Br", "F", "N")


def test_an_unknown_atom_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"atom 'Xe' is not among the 2 atom types .* 'C', 'N'"):
        AtomVocabulary(["C", "N"]).encode(["C", "Xe"])


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(InputError, match="'C' occurs 2 times"):
        AtomVocabulary(["C", "N", "C"])


def test_one_molecule_carries_the_documented_fields(read_smiles):
    molecule = read_smiles(["CC", "C#CO"]).molecules[1]
    assert isinstance(molecule, Molecule)
    assert molecule.validate()
    assert molecule.x.tolist() == [0, 0, 1]
    assert molecule.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert molecule.edge_attr.tolist() == [3, 3, 1, 1]
    assert molecule.reverse_edge.tolist() == [1, 0, 3, 2]
    assert molecule.y.tolist() == [[1.0]]
    assert molecule.y.dtype == torch.float32
    assert (molecule.smiles, molecule.row, molecule.graph) == ("C#CO", 1, 1)


@pytest.mark.parametrize(
    ("index", "smiles"),
    [
        (slice(1, 3), ["CCC", "CCCC"]),
        ([3, 0, -1], ["CCCCC", "CC", "CCCCC"]),
        (torch.tensor([2, 2]), ["CCCC", "CCCC"]),
        (torch.tensor([True, False, False, True]), ["CC", "CCCCC"]),
        (np.array([1]), ["CCC"]),
        ([], []),
    ],
)
def test_several_molecules_are_a_data_set(read_smiles, index, smiles):
    part = read_smiles(["CC", "CCC", "CCCC", "CCCCC"]).molecules[index]
    assert part.smiles == smiles
    assert [len(molecule.x) for molecule in part] == [len(text) for text in smiles]
    assert [molecule.smiles for molecule in part] == smiles


@pytest.mark.parametrize("index", [4, -5, np.int64(4), [0, 4], torch.tensor([-5]), [0.5]])
def test_a_position_outside_is_an_index_error(read_smiles, index):
    with pytest.raises(IndexError):
        read_smiles(["CC", "CCC", "CCCC", "CCCCC"]).molecules[index]


def test_a_mask_of_another_length_is_an_index_error(diverse):
    with pytest.raises(IndexError, match="one truth value for each of"):
        diverse[torch.tensor([True, False])]


def test_rows_and_rejected_rows_keep_the_numbers_of_the_table(read_smiles):
    molecules = read_smiles(["C", "CC", "nonsense", "CCC", None]).molecules
    assert molecules.row.tolist() == [1, 3]
    assert molecules[1].y.item() == 3
    assert molecules.rejected.select("row", "smiles").rows() == [
        (0, "C"),
        (2, "nonsense"),
        (4, None),
    ]
    assert molecules.rejected["reason"][2] == "no SMILES in this row"


def test_another_vocabulary_renumbers_atoms_without_changing_them(diverse):
    reversed_keys = AtomVocabulary(reversed(diverse.vocabulary))
    other = diverse.with_vocabulary(reversed_keys)
    assert other.atom_counts() == {
        key: diverse.atom_counts()[key] for key in reversed_keys if key in diverse.atom_counts()
    }
    assert not torch.equal(other.x, diverse.x)
    assert torch.equal(other.with_vocabulary(diverse.vocabulary).x, diverse.x)


def test_an_atom_outside_a_vocabulary_is_named_with_its_molecule_and_row(read_smiles):
    molecules = read_smiles(["CC", "C", "CC[SnH3]"]).molecules
    with pytest.raises(InputError) as error:
        molecules.with_vocabulary(AtomVocabulary(["C", "O"]))
    message = str(error.value)
    assert (
        "row 2, CC[SnH3]: atom 'Sn H3' is not among the 2 atom types known here: 'C', 'O'"
        in message
    )
    assert "\n" not in message


def test_an_atom_type_that_does_not_occur_in_a_part_does_not_hinder_it(read_smiles):
    part = read_smiles(["CC", "CC[Sn]"]).molecules[:1]
    assert part.with_vocabulary(AtomVocabulary(["O", "C"])).x.tolist() == [1, 1]


def test_the_summary_counts_atoms_edges_and_bond_types(read_smiles):
    summary = read_smiles(["CC=O", "C#CCC", "C"]).molecules.summary()
    sizes = {"atoms": (3, 4, 3.5), "edges": (4, 6, 5.0)}
    for what, (smallest, largest, mean) in sizes.items():
        assert summary.pop(f"min_{what}") == smallest
        assert summary.pop(f"max_{what}") == largest
        assert summary.pop(f"mean_{what}") == mean
    counts = {"molecules": 2, "rejected": 1, "atoms": 7, "directed_edges": 10}
    assert summary == counts | {"single": 6, "double": 2, "triple": 2}


def test_a_data_set_can_be_sent_to_another_process(diverse):
    copy = pickle.loads(pickle.dumps(diverse))  # noqa: S301  (our own, as worker processes do)
    assert torch.equal(copy.edge_index, diverse.edge_index)
    assert copy.vocabulary == diverse.vocabulary
