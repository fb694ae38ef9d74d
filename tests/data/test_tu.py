"""MUTAG and PROTEINS in the layout of the TU collection."""

import pytest
import torch

import edgescope as es
from edgescope.data import load
from edgescope.data.tu import MUTAG_BONDS
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
        assert train.edge_type_names == MUTAG_BONDS
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
