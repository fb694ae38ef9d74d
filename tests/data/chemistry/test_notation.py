"""One molecule is one graph and one prediction, however its SMILES is written."""

import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import torch
from rdkit import Chem, rdBase
from torch_geometric.data import Data

import edgescope as es
from edgescope.data import MoleculeDataset
from edgescope.data.chemistry.atoms_and_bonds import Featuriser
from edgescope.data.chemistry.notation import canonical, plain

SEED = 20
WRITINGS = 22
MOLECULES = 170
"""Of each data set: more than 500 in all."""


def molecules_of(name: str, shared: Path) -> list[str]:
    """Draw molecules with bonds that RDKit can read."""
    if name == "solubility":
        texts = [text for part in es.data.load(name, progress=False) for text in part.smiles]
    else:
        folder = {"tox21": "tox21/tox21.csv.gz", "zinc12k": "zinc12k/val.csv"}[name]
        texts = pl.read_csv(shared / folder)["smiles"].to_list()
    random.Random(SEED).shuffle(texts)
    usable: list[str] = []
    with rdBase.BlockLogs():
        for text in texts:
            molecule = Chem.MolFromSmiles(text)
            if molecule is not None and plain(molecule, text, stereo=False)[0].GetNumBonds():
                usable.append(text)
            if len(usable) == MOLECULES:
                break
    return usable


def writings(smiles: str, draw: random.Random, *, stereo: bool) -> Iterator[str]:
    """Write a molecule in other ways: atom order, brackets, maps, hydrogens, bonds, marks."""
    molecule = Chem.MolFromSmiles(smiles)
    yield smiles
    yield Chem.MolToSmiles(molecule)
    while True:
        other = Chem.Mol(molecule)
        if draw.random() < 0.3:
            other = Chem.AddHs(other)
        if draw.random() < 0.3:
            for atom in other.GetAtoms():
                if draw.random() < 0.5:
                    atom.SetAtomMapNum(draw.randrange(1, 900))
        if not stereo and draw.random() < 0.3:
            other = marked(other, draw)
        elif not stereo and draw.random() < 0.3:
            Chem.RemoveStereochemistry(other)
        kekule = draw.random() < 0.4
        if kekule:
            Chem.Kekulize(other, clearAromaticFlags=True)
        yield Chem.MolToSmiles(
            other,
            canonical=False,
            doRandom=True,
            kekuleSmiles=kekule,
            allBondsExplicit=draw.random() < 0.3,
            allHsExplicit=draw.random() < 0.3,
        )


def marked(molecule: Chem.Mol, draw: random.Random) -> Chem.Mol:
    """Add stereo marks wherever there can be one."""
    other = Chem.Mol(molecule)
    tags = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
    for place, _ in Chem.FindMolChiralCenters(other, includeUnassigned=True):
        other.GetAtomWithIdx(place).SetChiralTag(draw.choice(tags))
    return other


def as_text(graph: Data) -> tuple[str, object]:
    """Write a graph so that equal texts mean isomorphic graphs; chemistry plays no part.

    Atoms become dummy atoms whose isotope stands for their features, and RDKit only ranks them.
    """
    rows = graph.x.view(graph.num_nodes, -1).tolist()
    known = sorted(map(list, {tuple(row) for row in rows}))
    molecule = Chem.RWMol()
    for row in rows:
        atom = Chem.Atom(0)
        atom.SetIsotope(known.index(row) + 1)
        molecule.AddAtom(atom)
    ends = graph.edge_index[:, ::2].T.tolist()
    bonds = graph.edge_attr[::2].view(len(ends), -1).tolist()
    kinds = sorted(map(list, {tuple(bond) for bond in bonds}))
    for (source, target), bond in zip(ends, bonds, strict=True):
        molecule.AddBond(source, target, Chem.BondType.values[kinds.index(bond) + 1])
    return Chem.MolToSmiles(molecule), (known, kinds)


def alike(graphs: MoleculeDataset) -> bool:
    """Say whether all graphs are the same."""
    first = as_text(graphs[0])
    return all(as_text(graph) == first for graph in graphs)


@pytest.fixture(scope="module")
def predicted() -> torch.nn.Module:
    torch.manual_seed(SEED)
    return es.models.GraphTransformer(
        num_atom_types=120, num_bond_types=5, hidden_dim=16, num_heads=2, num_layers=3
    ).eval()


@pytest.mark.parametrize("name", ["solubility", "tox21", "zinc12k"])
def test_every_writing_is_the_same_graph_and_the_same_prediction(
    name, shared, read_smiles, predicted
):
    draw = random.Random(SEED)
    chosen = molecules_of(name, shared / "data")
    assert len(chosen) == MOLECULES
    for smiles in chosen:
        every = writings(smiles, draw, stereo=False)
        texts = [next(every) for _ in range(WRITINGS)]
        read = read_smiles(texts).molecules
        assert not read.rejected.height, (smiles, read.rejected)
        assert alike(read), (smiles, texts)
        batch = read.batch(slice(None))
        with torch.no_grad():
            values = predicted(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        assert torch.allclose(values, values[:1].expand_as(values), atol=1e-4), smiles
        # The atoms are those of the SMILES that is kept, in its order.
        kept = Chem.MolFromSmiles(read.smiles[-1])
        elements = [read.vocabulary[kind].split()[0] for kind in read[-1].x.tolist()]
        assert elements == [atom.GetSymbol() for atom in kept.GetAtoms()]


@pytest.mark.parametrize("name", ["solubility", "tox21"])
def test_features_of_several_columns_do_not_depend_on_the_writing(name, shared, read_smiles):
    draw = random.Random(SEED)
    for smiles in molecules_of(name, shared / "data")[:40]:
        every = writings(smiles, draw, stereo=True)
        read = read_smiles([next(every) for _ in range(10)], features="ogb").molecules
        assert not read.rejected.height
        assert alike(read), smiles


@pytest.mark.parametrize(
    ("smiles", "other"),
    [
        ("CCN", "CC[NH3+]"),  # a charge
        ("CC(=O)O", "CC(=O)[O-]"),
        ("CCC", "CC[CH2]"),  # a radical
        ("C[C]", "CC"),
        ("CO", "C[O]"),
        ("C[SH2]C", "CSC"),  # a valence
    ],
)
def test_a_charge_or_a_radical_is_another_graph(smiles, other, read_smiles):
    read = read_smiles([smiles, other], bondless=True).molecules
    one, two = read
    assert sorted(one.x.tolist()) != sorted(two.x.tolist())


@pytest.mark.parametrize(
    ("smiles", "other", "what"),
    [
        ("C[13CH3]", "CC", "isotopes"),
        ("[2H]OC", "CO", "isotopes"),
        ("C[C@H](N)O", "C[C@@H](N)O", "stereo marks"),
        ("F/C=C/F", "FC=CF", "stereo marks"),
    ],
)
def test_what_a_graph_does_not_hold_is_said(smiles, other, what, read_smiles):
    read = read_smiles([smiles, other]).molecules
    one, two = read
    assert sorted(one.x.tolist()) == sorted(two.x.tolist())
    assert any(f"{what}, which features='types' do not see" in note for note in read.notes)
    plain_writing = read_smiles(["CC", "[CH3:4][OH]", "[H]OC"]).molecules
    assert plain_writing.notes == ()


def test_the_choice_of_double_bonds_of_an_aromatic_ring_is_the_same_for_every_order(read_smiles):
    # Of o-xylene there are two: the methyl groups on a double bond, or on a single one.
    read = read_smiles(["Cc1ccccc1C", "c1ccc(C)c(C)c1", "CC1=C(C)C=CC=C1", "CC1=CC=CC=C1C"])
    assert alike(read.molecules)


def test_atoms_keep_their_places_in_the_canonical_writing():
    molecule = Chem.MolFromSmiles("OC(=O)c1ccncc1")
    again, place = canonical(molecule)
    assert sorted(place) == list(range(molecule.GetNumAtoms()))
    for atom in molecule.GetAtoms():
        assert again.GetAtomWithIdx(place[atom.GetIdx()]).GetSymbol() == atom.GetSymbol()
    for bond in molecule.GetBonds():
        ends = (place[bond.GetBeginAtomIdx()], place[bond.GetEndAtomIdx()])
        assert again.GetBondBetweenAtoms(*ends) is not None


WRITTEN = [
    *(
        "c1ccc2c(c1)ccc1ccccc12",
        "c1ccc2[nH]c3ccccc3c2c1",
        "O=c1[nH]cnc2nc[nH]c12",
        "CC.[Na+].[Cl-]",
    ),
    *("[2H]OC", "C[13CH3]", "[CH3:1]C[NH2:2]", "F/C=C/F", "C[C@H](N)C(=O)O", "[H]/C(C)=C/C"),
    *("[H]c1ccccc1", "C1=CC=CC=C1O", "[O-][n+]1ccccc1", "c1cc[se]c1", "c1:c:c:c:c:c1", "CC[O]"),
]
"""Marks, isotopes, maps, hydrogens, rings in either writing, and what has none of these."""


def by_hand(smiles):
    """Read a molecule in full each time: all that may be there taken away, its canonical SMILES
    read, kekulised."""
    molecule = Chem.MolFromSmiles(smiles)
    for atom in molecule.GetAtoms():
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    Chem.RemoveStereochemistry(molecule)
    molecule = Chem.RemoveHs(molecule)
    again = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
    order = list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    Chem.Kekulize(again, clearAromaticFlags=True)
    kinds = []
    for bond in molecule.GetBonds():
        ends = (order.index(bond.GetBeginAtomIdx()), order.index(bond.GetEndAtomIdx()))
        kinds.append(int(again.GetBondBetweenAtoms(*ends).GetBondTypeAsDouble()))
    return [atom.GetSymbol() for atom in molecule.GetAtoms()], kinds


@pytest.mark.parametrize("smiles", WRITTEN)
def test_what_is_left_out_where_nothing_can_be_there_changes_no_bond(smiles):
    read = Featuriser()(smiles)
    symbols, kinds = by_hand(smiles)
    if Chem.MolFromSmiles(smiles).GetNumAtoms() == len(symbols):  # else in another order
        assert [atom.split()[0] for atom in read.atoms] == symbols
        assert read.bond_types == kinds
    assert sorted(read.bond_types) == sorted(kinds)


def test_the_same_for_many_molecules(diverse_smiles):
    for smiles in diverse_smiles:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is not None and molecule.GetNumBonds():
            test_what_is_left_out_where_nothing_can_be_there_changes_no_bond(smiles)
