"""Molecules whose true bonds are known: from atoms to bonds, and the files."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from edgescope.data import load
from edgescope.data.sources.graph_attribution import MOST_ALTERNATIVES, bond_truth
from edgescope.lib.errors import InputError

SMILES = ["CCO", "c1ccccc1CC", "c1ccccc1-c1ccccc1", "CC", "OCC", "CCC", "CCN", "CCCl", "CCF", "CO"]
CARBON_RINGS = Chem.MolFromSmarts("c1ccccc1")


def rings(smiles: str) -> np.ndarray:
    """A column per non-empty set of benzene rings ``[V, A]``, a single 0 without any."""
    molecule = Chem.MolFromSmiles(smiles)
    matches = molecule.GetSubstructMatches(CARBON_RINGS)
    atoms = np.zeros((molecule.GetNumAtoms(), max(1, 2 ** len(matches) - 1)), dtype=np.float32)
    for column in range(1, 2 ** len(matches)):
        for number, match in enumerate(matches):
            if column >> number & 1:
                atoms[list(match), column - 1] = 1
    return atoms


@pytest.fixture
def folder(tmp_path):
    """A folder with ten molecules in the layout of benzene; the last three are for testing."""
    truth = [rings(smiles) for smiles in SMILES]
    width = max(each.shape[1] for each in truth)
    padded = [np.pad(t, ((0, 0), (0, width - t.shape[1])), constant_values=np.nan) for t in truth]
    np.savez_compressed(
        tmp_path / "benzene.npz",
        smiles=np.array(SMILES),
        y=np.array([float(each.max()) for each in truth], dtype=np.float32),
        atom_ptr=np.cumsum([0, *(len(each) for each in truth)]),
        atom_attr=np.concatenate(padded).astype(np.float32),
        n_attr=np.array([each.shape[1] for each in truth], dtype=np.int16),
        train_index=np.arange(7),
        test_index=np.arange(7, 10),
    )
    return tmp_path


def rewrite(folder, **changes):
    """Replace arrays of the file; None leaves one out."""
    with np.load(folder / "benzene.npz") as file:
        arrays = {key: file[key] for key in file.files} | changes
    kept = {key: value for key, value in arrays.items() if value is not None}
    np.savez_compressed(folder / "benzene.npz", **kept)


def of(splits, smiles):
    """The truth of a molecule's edges and the molecule."""
    for part in splits:
        if smiles in part.smiles:
            one = part[[part.smiles.index(smiles)]]
            return one.edge_truth, one
    raise AssertionError(smiles)


def test_true_bonds_are_those_of_the_rings_and_rings_are_alternatives(folder):
    truth, molecule = of(load("benzene", folder), "c1ccccc1-c1ccccc1")
    assert truth.dtype == torch.float32
    edges = {tuple(sorted(edge)) for edge in molecule.edge_index.T[truth[:, 0] == 1].tolist()}
    others = {tuple(sorted(edge)) for edge in molecule.edge_index.T[truth[:, 1] == 1].tolist()}
    six = {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)}
    shifted = {(6 + a, 6 + b) for a, b in six}
    assert {frozenset(edges), frozenset(others)} == {frozenset(six), frozenset(shifted)}


def test_by_either_a_ring_takes_its_neighbouring_bonds(folder):
    both, either = (
        of(load("benzene", folder, truth_rule=rule), "c1ccccc1CC")[0] for rule in ("both", "either")
    )
    assert (int(both[:, 0].sum()), int(either[:, 0].sum())) == (12, 14)
    assert both[:, 1:].isnan().all()


def test_a_molecule_without_true_atoms_has_no_truth(folder):
    truth, molecule = of(load("benzene", folder), "CCO")
    assert truth.isnan().all()
    assert molecule.y.item() == 0


def test_validation_molecules_come_from_the_training_molecules_by_the_seed(folder):
    first, again, other = (load("benzene", folder, seed=seed) for seed in (0, 0, 3))
    assert first.test.row.tolist() == other.test.row.tolist() == [7, 8, 9]
    assert sorted([*first.train.row.tolist(), *first.val.row.tolist()]) == list(range(7))
    assert first.val.row.tolist() == again.val.row.tolist()
    assert {tuple(load("benzene", folder, seed=s).val.row.tolist()) for s in range(9)} > {(0,)}


def test_truth_goes_with_its_graphs_in_any_subset(folder):
    whole = load("benzene", folder).train
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    part = whole.subset(order)
    for place, number in enumerate(order.tolist()):
        mine = slice(*part.edge_ptr[place : place + 2].tolist())
        origin = slice(*whole.edge_ptr[number : number + 2].tolist())
        assert torch.equal(
            part.edge_truth[mine].nan_to_num(-1), whole.edge_truth[origin].nan_to_num(-1)
        )


@st.composite
def molecules(draw):
    """Bonds, and alternatives of true atoms."""
    size = draw(st.integers(1, 6))
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    bonds = np.array(draw(st.lists(ends, max_size=8)), dtype=np.int64).reshape(-1, 2)
    columns = draw(st.lists(st.lists(st.booleans(), min_size=size, max_size=size), max_size=6))
    return bonds, np.array(columns, dtype=np.float32).reshape(-1, size).T


@given(molecules(), st.sampled_from(["both", "either"]))
def test_bond_truth_is_the_set_of_alternatives_found_one_by_one(molecule, rule):
    bonds, atoms = molecule
    test = all if rule == "both" else any
    expected = {
        tuple(float(test(atoms[end, column] for end in bond)) for bond in bonds)
        for column in range(atoms.shape[1])
    }
    expected = {column for column in expected if any(column)}
    found = bond_truth(bonds, atoms, rule)
    assert found.shape == (len(bonds), len(expected))
    assert set(map(tuple, found.T.tolist())) == expected
    assert (np.diff(found.sum(axis=0)) >= 0).all()


def test_of_too_many_alternatives_the_smallest_and_the_union_are_kept():
    size = 6
    bonds = np.stack([np.arange(0, 2 * size, 2), np.arange(1, 2 * size, 2)], axis=1)
    columns = [[number >> bond & 1 for bond in range(size)] for number in range(1, 2**size)]
    atoms = np.array(columns, dtype=np.float32).T.repeat(2, axis=0)
    found = bond_truth(bonds, atoms)
    assert found.shape == (size, MOST_ALTERNATIVES)
    assert found.sum(axis=0).tolist() == [1] * 6 + [2] * 15 + [3] * 9 + [6]


def test_an_unknown_rule_and_a_rule_without_truth_are_refused(folder):
    with pytest.raises(InputError, match="received truth_rule='one', expected both or either"):
        load("benzene", folder, truth_rule="one")
    with pytest.raises(InputError, match="truth_rule='both' for solubility, whose true atoms"):
        load("solubility", truth_rule="both")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_attr": None}, "has no array 'n_attr', expected smiles"),
        ({"y": np.zeros(3)}, "^y of .* does not fit its 10 SMILES"),
        ({"test_index": np.arange(6, 10)}, "^train_index and test_index of .* does not fit"),
        ({"atom_attr": np.zeros((4, 1))}, "cannot read .* shape"),
        ({"atom_attr": np.array(["a", None], dtype=object)}, "cannot read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(folder, changes, message):
    rewrite(folder, **changes)
    with pytest.raises(InputError, match=message) as error:
        load("benzene", folder)
    assert "\n" not in str(error.value)


def test_truth_of_another_number_of_atoms_names_the_molecule(folder):
    rewrite(folder, smiles=np.array(["CCOC", *SMILES[1:]]))
    with pytest.raises(
        InputError, match=r"row 0 of .* the truth of 3 atoms, expected 4 as in CCOC"
    ):
        load("benzene", folder)


def test_a_file_cut_short_is_refused(folder):
    path = folder / "benzene.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="cannot read"):
        load("benzene", folder)


@pytest.mark.parametrize("name", ["benzene", "logic7", "logic8"])
def test_in_the_real_files_exactly_the_positive_molecules_have_truth(name, shared, tmp_path):
    for part in load(name, shared / "data", progress=False):
        graph = torch.arange(len(part)).repeat_interleave(part.edge_ptr.diff())
        known = torch.zeros(len(part), dtype=torch.bool)
        known[graph[(part.edge_truth == 1).any(dim=1)]] = True
        assert torch.equal(known, part.y[:, 0] == 1)
