"""Nitro and amine groups in graphs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from edgescope.data import GraphDataset, load
from edgescope.data.sources.tu import Mutag, nitro_and_amine

BONDS = {"AROMATIC": 0, "SINGLE": 1, "DOUBLE": 2, "TRIPLE": 3}


def graphs(*smiles: str, label: float = 1.0) -> GraphDataset:
    """Molecules in the layout of MUTAG."""
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    atoms = [Mutag.node_types.index(a.GetSymbol()) for m in molecules for a in m.GetAtoms()]
    edges, kinds, counts = [], [], [0]
    for molecule in molecules:
        for bond in molecule.GetBonds():
            ends = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
            edges += [ends, ends[::-1]]
            kinds += [BONDS[bond.GetBondType().name]] * 2
        counts.append(len(edges))
    return GraphDataset(
        node_ptr=torch.tensor([0, *(m.GetNumAtoms() for m in molecules)]).cumsum(0),
        edge_ptr=torch.tensor(counts),
        x=torch.tensor(atoms),
        edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T,
        edge_attr=torch.tensor(kinds, dtype=torch.long),
        y=torch.full((len(molecules), 1), label),
        vocabulary=Mutag.node_types,
        edge_type_names=Mutag.edge_types,
        target_names=("mutagenic",),
        name="test",
    )


def expected(smiles: str) -> set[tuple[int, int]]:
    """The true edges by RDKit's own patterns."""
    molecule = Chem.MolFromSmiles(smiles)
    found = set()
    for n, first, second in molecule.GetSubstructMatches(
        Chem.MolFromSmarts("[#7](~[#8;D1])~[#8;D1]")
    ):
        found |= {(n, first), (first, n), (n, second), (second, n)}
    for n, other in molecule.GetSubstructMatches(Chem.MolFromSmarts("[#7;D1]-[*]")):
        found |= {(n, other), (other, n)}
    return found


MOLECULES = [
    "O=[N+]([O-])c1ccccc1", "Nc1ccccc1", "Nc1ccc([N+](=O)[O-])cc1", "CC#N", "CN(C)C", "C", "NN",
    "CON=O", "CC(=O)O", "O=[N+]([O-])OC", "c1ccncc1", "CNC", "O=[N+]([O-])[N+](=O)[O-]", "CN=N",
]  # fmt: skip


@given(st.lists(st.sampled_from(MOLECULES), min_size=1, max_size=5))
def test_the_edges_found_are_those_of_rdkits_patterns(smiles):
    dataset = graphs(*smiles)
    truth = nitro_and_amine(dataset)
    for number, text in enumerate(smiles):
        edges = slice(*dataset.edge_ptr[number : number + 2].tolist())
        found = truth[edges, 0]
        pairs = dataset.edge_index[:, edges].T
        assert set(map(tuple, pairs[found == 1].tolist())) == expected(text)
        assert bool(found.isnan().all()) == (not expected(text))


def test_molecules_that_are_not_mutagenic_have_no_truth():
    assert nitro_and_amine(graphs("Nc1ccccc1", label=0.0)).isnan().all()


@pytest.fixture(scope="module")
def mutag(shared):
    return load("tu-mutag", shared / "data" / "tu")


def test_every_mutagenic_molecule_of_mutag_has_truth_of_even_edges(mutag):
    for part in mutag:
        graph = torch.arange(len(part)).repeat_interleave(part.edge_ptr.diff())
        known = ~part.edge_truth[:, 0].isnan()
        assert set(graph[known].tolist()) == set(part.y[:, 0].nonzero().flatten().tolist())
        assert part.edge_truth[known].sum() % 2 == 0
