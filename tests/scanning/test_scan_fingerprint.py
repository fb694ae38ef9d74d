"""Fingerprints tell models and batches apart, and nothing else."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, HeteroData

from edgescope.lib.errors import InputError
from edgescope.scanning.scan_fingerprint import batch_fingerprint, model_fingerprint
from support.scan_equality import numbered_graphs, small_model


def test_a_model_is_known_by_its_parameters_and_buffers():
    model = small_model()
    seen = {model_fingerprint(model)}
    assert model_fingerprint(copy.deepcopy(model)) in seen
    for tensor in [*model.parameters(), *model.buffers()]:
        with torch.no_grad():
            tensor.view(-1)[0] += 1
        assert model_fingerprint(model) not in seen
        seen.add(model_fingerprint(model))


def test_a_model_without_values_yet_is_refused():
    with pytest.raises(InputError, match="run the model on one batch"):
        model_fingerprint(nn.LazyLinear(3))


def test_the_same_batch_made_again_has_the_same_fingerprint():
    made = [Batch.from_data_list(numbered_graphs(4)) for _ in range(2)]
    assert batch_fingerprint(made[0]) == batch_fingerprint(made[1])


@pytest.mark.parametrize("name", ["x", "edge_index", "edge_attr", "smiles", "graph", "batch"])
def test_a_change_anywhere_in_a_batch_shows(name):
    batch = Batch.from_data_list(numbered_graphs(4))
    before = batch_fingerprint(batch)
    if name == "smiles":
        batch.smiles[2] = "N"
    else:
        batch[name].view(-1)[0] += 1
    assert batch_fingerprint(batch) != before


def test_no_two_of_these_look_alike():
    ones = torch.ones(2, 2)
    items = [
        *(ones, ones.double(), ones.view(4), ones.bool(), ones.bfloat16(), ones.to_sparse()),
        *(ones.numpy(), np.ones(4, np.float32), torch.zeros(0), torch.zeros(0, 2)),
        *(torch.tensor(1), 1, 1.0, True, "1", b"1", None, [1], [[1]], [1, 1], ["11"], {"a": 1}),
        *({"a": {"b": 1}}, {"b": 1}, {1: 1}),
    ]
    assert len({batch_fingerprint(item) for item in items}) == len(items)


def test_heterogeneous_graphs_and_tuples_count():
    data = HeteroData()
    data["author"].x = torch.ones(2, 1)
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1], [0, 0]])
    before = batch_fingerprint((data, data))
    data["author", "writes", "paper"].edge_index[0, 0] = 1
    assert batch_fingerprint((data, data)) != before


def test_batches_in_another_order_have_another_fingerprint():
    assert batch_fingerprint(1, batch_fingerprint(2)) != batch_fingerprint(2, batch_fingerprint(1))
