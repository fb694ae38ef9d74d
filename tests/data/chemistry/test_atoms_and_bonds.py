"""Molecules as read from SMILES, compared with RDKit bond for bond."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from edgescope.data.chemistry.atoms_and_bonds import Featuriser
from edgescope.data.chemistry.notation import UnusableError

RDKIT_TYPES = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}


@given(chosen=st.data())
def test_edges_2b_and_2b_plus_1_are_the_two_directions_of_rdkits_bond_b(
    chosen, read_smiles, diverse_smiles
):
    smiles = diverse_smiles[chosen.draw(st.integers(0, len(diverse_smiles) - 1))]
    molecule = read_smiles([smiles], as_written=True, bondless=True).molecules[0]
    expected = Chem.MolFromSmiles(molecule.smiles)
    Chem.Kekulize(expected, clearAromaticFlags=True)

    assert molecule.num_nodes == expected.GetNumAtoms()
    assert molecule.num_edges == 2 * expected.GetNumBonds()
    for number, bond in enumerate(expected.GetBonds()):
        there, back = molecule.edge_index[:, 2 * number : 2 * number + 2].T.tolist()
        assert there == [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
        assert back == there[::-1]
        types = molecule.edge_attr[2 * number : 2 * number + 2].tolist()
        assert [RDKIT_TYPES[kind] for kind in types] == 2 * [bond.GetBondType()]


@given(chosen=st.data())
def test_reverse_edge_is_an_involution_that_swaps_the_ends_and_keeps_the_type(chosen, diverse):
    molecule = diverse[chosen.draw(st.integers(0, len(diverse) - 1))]
    back = molecule.reverse_edge
    assert torch.equal(back[back], torch.arange(molecule.num_edges))
    assert torch.equal(molecule.edge_index[:, back], molecule.edge_index.flip(0))
    assert torch.equal(molecule.edge_attr[back], molecule.edge_attr)
    assert not molecule.has_self_loops()


def test_aromatic_bonds_exist_only_if_not_kekulised(read_smiles, diverse, diverse_smiles):
    aromatic = read_smiles(list(diverse_smiles), kekulize=False).molecules
    assert diverse.edge_type_names == ("none", "single", "double", "triple")
    assert set(diverse.edge_attr.tolist()) == {1, 2, 3}
    assert aromatic.edge_type_names == ("none", "single", "double", "triple", "aromatic")
    assert set(aromatic.edge_attr.tolist()) == {1, 2, 3, 4}
    # Which atoms and bonds there are does not depend on how they are written.
    assert torch.equal(aromatic.edge_index, diverse.edge_index)
    assert torch.equal(aromatic.x, diverse.x)
    assert aromatic.vocabulary == diverse.vocabulary


@pytest.mark.parametrize(
    ("smiles", "keys"),
    [
        ("[NH3+]CC(=O)[O-]", ["N H3 +", "C", "C", "O", "O -"]),
        ("c1cc[nH]c1", ["C", "C", "C", "N", "C"]),  # no explicit hydrogen once kekulised
        ("[Mg+2].CC", ["Mg +2", "C", "C"]),
        ("[C-]#[O+]", ["C -", "O +"]),
        ("O=[PH](O)O", ["O", "P H1", "O", "O"]),  # a valence that is not the lowest
        ("C[SiH3]", ["C", "Si H3"]),
    ],
)
def test_an_atom_key_is_symbol_telling_hydrogens_and_charge(smiles, keys):
    assert Featuriser()(smiles).atoms == keys
    assert Featuriser(as_written=True)(smiles).atoms == keys


@pytest.mark.parametrize(
    ("smiles", "keys", "written"),
    [
        ("C[C@H](N)O", ["C", "C", "N", "O"], ["C", "C H1", "N", "O"]),
        ("[CH3:1][NH:7]C", ["C", "N", "C"], ["C H3", "N H1", "C"]),
        ("[CH2]C", ["C H2 rad1", "C"], ["C H2", "C"]),
        ("[C]C", ["C rad3", "C"], ["C", "C"]),  # of the written key nobody can tell
        ("C[Hg][OH]", ["C", "Hg", "O"], ["C", "Hg", "O H1"]),
        ("[2H]OC", ["C", "O"], ["H", "O", "C"]),
    ],
)
def test_zincs_key_depends_on_the_writing_and_the_usual_one_does_not(smiles, keys, written):
    assert Featuriser()(smiles).atoms == keys
    assert Featuriser(as_written=True)(smiles).atoms == written


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C1CC(", "does not parse: syntax error around position 5"),
        ("CN(C)(C)(C)C", "Explicit valence for atom # 1 N, 5, is greater than permitted"),
        ("c1cccn1", "does not parse: Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4"),
        ("C1CC", "does not parse: unclosed ring"),
        ("C", "no bonds (1 atoms)"),
        ("[Na+].[Cl-]", "no bonds (2 atoms)"),
        ("N->[Pt]", "bond between atoms 0 and 1 is dative, expected single, double or triple"),
        ("C~C", "bond between atoms 0 and 1 is unspecified"),
    ],
)
def test_an_unusable_molecule_says_why_and_nothing_appears_on_standard_error(smiles, reason, capfd):
    with pytest.raises(UnusableError) as error:
        Featuriser()(smiles)
    assert reason in str(error.value)
    assert capfd.readouterr().err == ""
