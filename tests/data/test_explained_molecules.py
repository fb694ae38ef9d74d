"""B-XAIC's layout, written here with RDKit: truth lands on the bonds that the file names."""

import polars as pl
import pytest
from rdkit import Chem

import edgescope as es
from edgescope.lib.errors import InputError

RING = Chem.MolFromSmarts("c1ccccc1")
MOLECULES = ("OCCc1ccccc1", "CCO", "N#Cc1ccccc1CBr", "CC=O", "BrCCl", "c1ccccc1O", "CCN", "CCBr")


@pytest.fixture
def folder(tmp_path):
    """Eight molecules: ``rings-count`` is about benzene with bonds, ``X`` about bromine atoms."""
    labels = []
    with Chem.SDWriter(str(tmp_path / "explanations.sdf")) as writer:
        for text in MOLECULES:
            molecule = Chem.MolFromSmiles(text)
            # Another order than RDKit's SMILES.
            count = molecule.GetNumAtoms()
            molecule = Chem.RenumberAtoms(molecule, list(reversed(range(count))))
            atoms = molecule.GetSubstructMatch(RING)
            bonds = [
                (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
                for bond in molecule.GetBonds()
                if bond.IsInRing()
            ]
            bromine = [a.GetIdx() for a in molecule.GetAtoms() if a.GetSymbol() == "Br"]
            molecule.SetProp("rings", ",".join(map(str, atoms)))
            molecule.SetProp("rings_edge", ",".join(f"{a}#{b}" for a, b in bonds))
            molecule.SetProp("X", ",".join(map(str, bromine)))
            writer.write(molecule)
            labels.append((int(bool(atoms)), int(bool(bromine))))
    parts = ["train"] * 4 + ["valid"] * 2 + ["test"] * 2
    table = {"rings-count": [a for a, _ in labels], "X": [b for _, b in labels], "split_0": parts}
    pl.DataFrame(table).write_csv(tmp_path / "data.csv")
    return tmp_path


def test_true_bonds_are_those_of_the_rings_and_without_one_nothing_is_the_reason(folder):
    splits = es.data.load_bxaic(folder, "rings-count", progress=False)
    assert [len(part) for part in splits] == [4, 2, 2]
    for part in splits:
        for number, smiles in enumerate(part.smiles):
            molecule = Chem.MolFromSmiles(smiles)
            graph = part[number]
            edges = slice(int(part.edge_ptr[number]), int(part.edge_ptr[number + 1]))
            expected = [
                float(molecule.GetBondBetweenAtoms(a, b).IsInRing())
                for a, b in graph.edge_index.T.tolist()
            ]
            assert part.edge_truth[edges, 0].tolist() == expected
            assert bool(graph.y[0, 0]) == any(expected)
    found = es.attribute.on_null_explanations(splits.train.edge_attr.float(), splits.train)
    assert found.graphs == 2


def test_true_atoms_become_bonds_by_the_rule(folder):
    for rule, count in (("either", 2), ("both", 0)):
        test = es.data.load_bxaic(folder, "X", truth_rule=rule, progress=False).test
        assert test.edge_truth.sum() == count


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "rings"}, "unknown task 'rings'"),
        ({"split": 5}, "received split=5"),
        ({"split": 1}, "no column 'split_1'"),
        ({"task": "indole"}, "no column 'indole'"),
    ],
)
def test_what_cannot_be_loaded_is_refused(folder, change, words):
    with pytest.raises(InputError, match=words):
        es.data.load_bxaic(folder, **({"task": "X", "progress": False} | change))


def test_files_that_do_not_fit_each_other_are_refused(folder):
    pl.read_csv(folder / "data.csv")[:5].write_csv(folder / "data.csv")
    with pytest.raises(InputError, match="has 8 molecules and"):
        es.data.load_bxaic(folder, "X", progress=False)
