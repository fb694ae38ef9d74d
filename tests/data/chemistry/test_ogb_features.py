"""Several features per atom and bond, against RDKit and the examples that OGB prints."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from torch_geometric.nn import TransformerConv
from torch_geometric.utils import from_smiles

import edgescope as es
from edgescope.data.chemistry.notation import UnusableError
from edgescope.data.chemistry.ogb_features import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    OgbFeaturiser,
    element_names,
)


def read(smiles, **options):
    molecule = OgbFeaturiser(**options)(smiles)
    atoms = torch.tensor(molecule.atoms).view(-1, len(NODE_COLUMNS))
    return atoms, torch.tensor(molecule.bond_types).view(-1, len(EDGE_COLUMNS))


def test_the_example_that_ogb_prints_in_its_source():
    # ogb.utils.features: the chiral carbon and the double bond of this molecule.
    atoms, bonds = read("Cl[C@H](/C=C/C)Br", as_written=True)
    assert atoms[1].tolist() == [5, 2, 4, 5, 1, 0, 2, 0, 0]
    assert bonds[2].tolist() == [1, 2, 0]


@given(chosen=st.data())
def test_columns_hold_what_pygs_reader_says(chosen, diverse_smiles):
    # PyG's from_smiles has the same features with wider lists: other offsets, other orders.
    smiles = chosen.draw(st.sampled_from(diverse_smiles))
    atoms, bonds = read(smiles, as_written=True)
    theirs = from_smiles(smiles)
    assert torch.equal(atoms[:, 0] + 1, theirs.x[:, 0])  # theirs count the element 0
    assert torch.equal(atoms[:, [1, 2, 3, 4, 5, 7, 8]], theirs.x[:, [1, 2, 3, 4, 5, 7, 8]])
    assert torch.equal(bonds[:, 2], from_pairs(smiles, lambda bond: bond.GetIsConjugated()))
    names = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
    kinds = from_pairs(smiles, lambda bond: names.index(bond.GetBondType().name))
    assert torch.equal(bonds[:, 0], kinds)


def from_pairs(smiles, value):
    return torch.tensor([int(value(b)) for b in Chem.MolFromSmiles(smiles).GetBonds()]).long()


@given(chosen=st.data())
def test_every_value_has_a_place_in_its_column(chosen, diverse_smiles):
    strange = ["[Hg+2]", "[U]", "[SH6]", "[Na+].[Cl-]", "O->[Fe]", "[C-5]", "F[P-](F)(F)(F)(F)F"]
    atoms, bonds = read(chosen.draw(st.sampled_from(diverse_smiles + strange)))
    assert ((atoms >= 0) & (atoms < torch.tensor(list(NODE_COLUMNS.values())))).all()
    assert ((bonds >= 0) & (bonds < torch.tensor(list(EDGE_COLUMNS.values())))).all()


def test_values_outside_a_list_are_other():
    atoms, bonds = read("O->[Fe+6]")
    assert atoms[1, 3] == NODE_COLUMNS["charge"] - 1
    assert bonds[0, 0] == EDGE_COLUMNS["bond type"] - 1
    assert element_names()[0] == "H"
    assert element_names()[25] == "Fe"
    assert len(element_names()) == NODE_COLUMNS["element"]


def test_what_does_not_parse_is_unusable():
    with pytest.raises(UnusableError, match=r"does not parse: .*valence"):
        OgbFeaturiser()("[AlH3](C)C")


def test_a_table_read_so_has_columns_and_keeps_molecules_without_bonds(read_smiles):
    molecules = read_smiles(["CC#N", "[Hg+2]", "bad"], features="ogb").molecules
    assert molecules.x.shape == (4, 9)
    assert molecules.edge_attr.shape == (4, 3)
    assert molecules.edge_attr[:, 0].tolist() == [0, 0, 2, 2]
    assert molecules.edge_type_names == ("single", "double", "triple", "aromatic", "other")
    assert molecules.num_node_types == tuple(NODE_COLUMNS.values())
    assert molecules[1].edge_index.shape == (2, 0)
    assert molecules.rejected["row"].to_list() == [2]
    assert molecules.summary()["triple"] == 2
    batch = molecules.batch([1, 0])
    assert batch.x.shape == (4, 9)
    assert batch.edge_attr.shape == (4, 3)


class Columns(torch.nn.Module):
    """A model that is given several integers per atom and bond."""

    def __init__(self):
        super().__init__()
        self.node = torch.nn.ModuleList(torch.nn.Embedding(n, 8) for n in NODE_COLUMNS.values())
        self.edge = torch.nn.ModuleList(torch.nn.Embedding(n, 8) for n in EDGE_COLUMNS.values())
        self.conv = TransformerConv(8, 4, heads=2, edge_dim=8)

    def forward(self, x, edge_index, edge_attr):
        node = sum(table(x[:, place]) for place, table in enumerate(self.node))
        edge = sum(table(edge_attr[:, place]) for place, table in enumerate(self.edge))
        return self.conv(node, edge_index, edge)


def test_a_scan_counts_by_the_first_column_which_is_the_bond_type(read_smiles, diverse_smiles):
    molecules = read_smiles(list(diverse_smiles), features="ogb").molecules
    found = es.scan(Columns(), es.data.loader(molecules, 8), sites="conv:message", progress=False)
    assert found.info.edge_type_names == ("single", "double", "triple", "aromatic", "other")
    counts = found["conv:message"].counts["edges"].tolist()
    assert counts == torch.bincount(molecules.edge_attr[:, 0], minlength=5).tolist()
    assert min(counts[:4]) > 0
