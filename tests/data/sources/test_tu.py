"""MUTAG and PROTEINS, and nitro and amine groups in graphs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

import edgescope as es
from edgescope.data import GraphDataset, load
from edgescope.data.sources.tu import Mutag, nitro_and_amine
from edgescope.lib.errors import InputError
from edgescope.models import GraphTransformer
from support.data_layouts import tu

SETS = {"tu-mutag": ("MUTAG", True), "tu-proteins": ("PROTEINS", False)}


@pytest.fixture(params=SETS)
def made(request, tmp_path):
    """Name and folder of a small set."""
    prefix, labels = SETS[request.param]
    return request.param, tu(tmp_path, prefix, edge_labels=labels)


def test_graphs_are_pygs_with_types_as_numbers(made):
    name, folder = made
    splits = load(name, folder)
    assert list(map(len, splits)) == [8, 1, 1]
    found = {len(graph.x): graph for part in splits for graph in part}
    assert sorted(found) == list(range(4, 14))
    for size, graph in found.items():
        assert graph.num_edges == 2 * size
        assert graph.y.tolist() == [[float((size - 4) % 2)]]
        expected = [(size - 4 + place) % len(splits.train.vocabulary) for place in range(size)]
        assert graph.x.tolist() == expected
    assert splits.train.task == "labels"
    assert splits.train.split == "random, seed 0"


def test_mutag_names_its_bonds_and_proteins_has_one_edge_type(made):
    name, folder = made
    train = load(name, folder).train
    if name == "tu-mutag":
        assert train.edge_type_names == Mutag.edge_types
        assert set(train.edge_attr.tolist()) == {0, 1, 2, 3}
    else:
        assert train.edge_type_names == ("edge",)
        assert set(train.edge_attr.tolist()) == {0}


def test_it_can_be_scanned_by_type_and_nothing_is_written_beside_it(made):
    name, folder = made
    train = load(name, folder).train
    model = GraphTransformer(**train.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    found = es.scan(model, es.data.loader(train, 4), progress=False)
    assert found.info.edge_type_names == train.edge_type_names
    assert {path.name for path in (folder / SETS[name][0]).iterdir()} == {"raw"}


def test_the_split_depends_on_the_seed(made):
    name, folder = made
    first, again, other = (load(name, folder, seed=seed).test.x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("A", "MUTAG_A.txt in .* edges and MUTAG_edge_labels.txt .* lines, expected one per edge"),
        ("edge_labels", "expected one per edge; get them again"),
        ("node_labels", "expected one per node in each"),
        ("graph_labels", "expected one per graph"),
    ],
)
def test_a_truncated_file_is_named(tmp_path, file, message):
    folder = tu(tmp_path, "MUTAG", edge_labels=True)
    path = folder / "MUTAG" / "raw" / f"MUTAG_{file}.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-2]) + "\n")
    with pytest.raises(InputError, match=message) as error:
        load("tu-mutag", folder)
    assert "\n" not in str(error.value)


def test_a_missing_folder_and_file_are_named(tmp_path):
    with pytest.raises(InputError, match="tu-mutag needs root, the folder that holds MUTAG/raw"):
        load("tu-mutag")
    folder = tu(tmp_path, "MUTAG", edge_labels=True)
    (folder / "MUTAG" / "raw" / "MUTAG_A.txt").unlink()
    with pytest.raises(InputError, match=r"found no MUTAG_A\.txt"):
        load("tu-mutag", folder)


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
