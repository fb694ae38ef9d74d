"""Chameleon and Squirrel from .npz files."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.data import load
from edgescope.lib.errors import InputError
from support.data_layouts import wikipedia


@pytest.fixture
def folder(tmp_path):
    wikipedia(tmp_path / "chameleon_directed.npz")
    return tmp_path


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = GATConv(6, 5, heads=2, add_self_loops=False)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def test_the_parts_are_one_graph_with_the_classes_of_their_own_nodes(folder):
    splits = load("chameleon", folder, split=3)
    with np.load(folder / "chameleon_directed.npz") as held:
        assert np.array_equal(splits.train.edge_index.numpy(), held["edges"].T)
        for name, part in splits._asdict().items():
            mask = held[f"{name}_masks"][3]
            assert np.array_equal(part.mask.numpy(), mask)
            assert np.array_equal(part.y[part.mask].numpy(), held["node_labels"][mask])
            assert (part.y[~part.mask] == -1).all()
    assert splits.test.metric == "accuracy"
    assert splits.test.model_sizes["out_dim"] == 5
    assert splits.test.split == "published division 3 of 10"


def test_a_batch_is_the_graph_with_mask_and_classes(folder):
    test = load("chameleon", folder).test
    (batch,) = es.data.loader(test)
    assert torch.equal(batch.x, test.x)
    assert torch.equal(batch.y, test.y)
    assert torch.equal(batch.mask, test.mask)
    assert torch.equal(test[0].mask, test.mask)


def test_it_can_be_scanned(folder):
    test = load("chameleon", folder).test
    found = es.scan(Classifier(), es.data.loader(test), sites="*:message", progress=False)
    assert found.info.edge_type_names == ("edge",)
    assert found.info.graphs == 1


@pytest.mark.parametrize("split", [10, -1, "random"])
def test_a_division_that_does_not_exist_is_refused(folder, split):
    with pytest.raises(InputError, match="for chameleon, expected 0 or 1 or"):
        load("chameleon", folder, split=split)


@pytest.mark.parametrize("name", ["chameleon-filtered", "squirrel-filtered"])
def test_the_graph_without_pages_that_stand_in_it_twice_has_a_file_of_its_own(tmp_path, name):
    wikipedia(tmp_path / f"{name.replace('-', '_')}_directed.npz", nodes=30)
    assert load(name, tmp_path).train.num_nodes == 30


def test_classes_need_the_loss_of_classes(folder, tmp_path):
    splits = load("chameleon", folder)
    with pytest.raises(InputError, match="of the kind 'classes'; set loss=cross_entropy"):
        es.train.fit(es.train.recipe("demo"), splits, tmp_path / "run", progress=False)


@pytest.mark.parametrize("damage", ["cut", "other", "text"])
def test_a_damaged_file_is_refused(folder, damage):
    path = folder / "chameleon_directed.npz"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other":
        np.savez(path, edges=np.zeros((1, 2)))
    else:
        path.write_text("no arrays")
    with pytest.raises(InputError, match=r"cannot read .*, expected the arrays") as error:
        load("chameleon", folder)
    assert "\n" not in str(error.value)
