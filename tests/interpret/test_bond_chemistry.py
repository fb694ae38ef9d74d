"""Chemical groups of bonds, against RDKit asked in another way."""

from dataclasses import replace

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import Fragments

import edgescope as es
from edgescope.interpret import CHEMISTRY, edge_groups
from edgescope.lib.errors import InputError

BY = list(CHEMISTRY)


@pytest.fixture(scope="module")
def molecules():
    return es.data.load("solubility", progress=False).test[:60]


@pytest.fixture(scope="module")
def groups(molecules):
    return edge_groups(molecules, BY, progress=False)


def groups_of(groups, kind, edge):
    held = groups[kind].member[edge].nonzero().flatten().tolist()
    return {groups[kind].names[number] for number in held}


def test_every_bond_is_what_its_atoms_say(molecules, groups):
    """Bonds are found by their two atoms here, by their position there."""
    for number, smiles in enumerate(molecules.smiles):
        molecule = Chem.MolFromSmiles(smiles)
        rings = molecule.GetRingInfo().BondRings()
        for edge in range(int(molecules.edge_ptr[number]), int(molecules.edge_ptr[number + 1])):
            source, target = molecules.edge_index[:, edge].tolist()
            bond = molecule.GetBondBetweenAtoms(source, target)
            sizes = [len(ring) for ring in rings if bond.GetIdx() in ring]
            smallest = min(sizes, default=0)
            ends = [molecule.GetAtomWithIdx(atom) for atom in (source, target)]
            pair = "-".join(sorted(atom.GetSymbol() for atom in ends))
            step = ends[1].GetAtomicNum() - ends[0].GetAtomicNum()
            heavier = "to the heavier element" if step > 0 else "to the lighter element"
            expected = {
                "aromaticity": "aromatic" if bond.GetIsAromatic() else "not aromatic",
                "conjugation": "conjugated" if bond.GetIsConjugated() else "not conjugated",
                "ring": "ring" if sizes else "chain",
                "ring_size": {0: "no ring"}.get(
                    smallest, str(smallest) if smallest < 7 else "7 or more"
                ),
                "element_pair": pair,
                "element_direction": heavier if step else "within an element",
            }
            assert {kind: groups_of(groups, kind, edge) for kind in expected} == {
                kind: {name} for kind, name in expected.items()
            }


def test_a_fragment_has_bonds_where_rdkit_counts_it(molecules, groups):
    kind = groups["functional_group"]
    assert set(kind.names) >= {"fr_ester", "fr_C=O", "fr_halogen"}
    graph = torch.repeat_interleave(torch.arange(len(molecules)), molecules.edge_ptr.diff())
    for number, smiles in enumerate(molecules.smiles):
        molecule = Chem.MolFromSmiles(smiles)
        for name, covered in zip(
            kind.names, kind.member[graph == number].any(0).tolist(), strict=True
        ):
            count = getattr(Fragments, name.replace("=", "_").replace("-", "_"))
            assert covered == (count(molecule) > 0), (smiles, name)


def test_a_fragment_covers_the_bonds_of_its_pattern():
    molecules = table_of("CCOC(C)=O")
    kind = edge_groups(molecules, ["functional_group"], progress=False)["functional_group"]
    ester = kind.member[:, kind.names.index("fr_ester")]
    # The pattern is C-C(=O)-O-C: every bond but the one at the end of the ethyl group.
    assert ester.tolist() == [False, False] + [True] * 8
    # A single atom, as a halogen's pattern, stands for all of its bonds.
    halogen = edge_groups(table_of("CCCl"), ["functional_group"], progress=False)
    column = halogen["functional_group"].names.index("fr_halogen")
    assert halogen["functional_group"].member[:, column].tolist() == [False, False, True, True]


def test_kekulised_rings_are_aromatic_all_round():
    groups = edge_groups(table_of("c1ccccc1"), ["aromaticity", "bond_type"], progress=False)
    assert groups["aromaticity"].member[:, 1].all()
    assert set(groups["bond_type"].codes.tolist()) == {1, 2}


def test_edges_without_a_bond_belong_to_no_chemical_group():
    molecule = table_of("CCO")
    index = torch.cat([molecule.edge_index, torch.tensor([[0, 2], [2, 0]])], dim=1)
    types = torch.cat([molecule.edge_attr, torch.tensor([1, 1])])
    added = replace(molecule, edge_index=index, edge_attr=types, edge_ptr=torch.tensor([0, 6]))
    for kind in edge_groups(added, BY, progress=False):
        assert kind.applicable.tolist() == [True] * 4 + [False] * 2
        assert not kind.member[4:].any()


def test_graphs_without_smiles_are_refused_with_a_way_out():
    from support.graph_sets import dataset_of

    with pytest.raises(InputError, match="no SMILES, which chemical groups need; leave them out"):
        edge_groups(dataset_of([(2, [(0, 1)])]), ["ring"])


def test_smiles_of_another_molecule_are_refused():
    molecule = table_of("CCO")
    with pytest.raises(InputError, match=r"3 nodes, its SMILES 'CCCCO' has 5 atoms"):
        edge_groups(replace(molecule, smiles=["CCCCO"]), ["ring"], progress=False)


def table_of(smiles):
    """Return a molecule as a data set, by way of the reader of tables."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(f"smiles\n{smiles}\n")
        return es.data.load(path, split=(0.0, 0.0, 1.0), cache=False, progress=False).test
