"""Batches stay as they are unless they have to move."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from edgescope.scanning.batches import on_device

CPU, META = torch.device("cpu"), torch.device("meta")


def graph(**more):
    edges = torch.tensor([[0, 1], [1, 0]])
    return Data(x=torch.ones(2, 1), edge_index=edges, smiles="CC", row=3, **more)


def hetero():
    data = HeteroData()
    data["a"].x = torch.ones(2, 1)
    data["a", "to", "a"].edge_index = torch.tensor([[0, 1], [1, 0]])
    return data


@pytest.mark.parametrize("batch", [graph(), Batch.from_data_list([graph(), graph()]), hetero()])
def test_what_is_there_already_stays_there(batch, monkeypatch):
    monkeypatch.setattr(type(batch), "to", None)
    found = on_device(batch, CPU)
    assert [list(store.values()) for store in found.stores] == [
        list(store.values()) for store in batch.stores
    ]


def test_what_a_model_puts_on_a_batch_does_not_reach_the_users_own():
    batch = graph()
    on_device(batch, CPU).state = torch.ones(2)
    assert "state" not in batch


@pytest.mark.parametrize("batch", [SimpleNamespace(x=1), (1, 2), {"a": 1}])
def test_what_cannot_be_moved_is_passed_on(batch):
    assert on_device(batch, CPU) == batch


class Pair(NamedTuple):
    one: object
    other: object


@pytest.mark.parametrize(
    "several",
    [
        (graph(), torch.ones(2)),
        [graph(), torch.ones(2)],
        Pair(graph(), torch.ones(2)),
    ],
)
def test_each_of_several_is_moved_and_a_graph_is_the_models_own(several):
    one, other = moved = on_device(several, META)
    assert type(moved) is type(several)
    assert (one.x.device, other.device) == (META, META)
    assert several[0].x.device == several[1].device == CPU


@pytest.mark.parametrize("batch", [graph(), Batch.from_data_list([graph(), graph()]), hetero()])
def test_what_is_elsewhere_is_moved_and_the_users_own_stays(batch):
    moved = on_device(batch, META)
    assert all(t.device == META for s in moved.stores for t in s.values() if torch.is_tensor(t))
    assert all(t.device == CPU for s in batch.stores for t in s.values() if torch.is_tensor(t))


@pytest.mark.parametrize("extra", [[torch.ones(1, device=META)], {"deep": torch.ones(1)}])
def test_what_could_hold_tensors_elsewhere_is_asked_to_move(extra, monkeypatch):
    batch = graph(extra=extra)
    asked = []
    monkeypatch.setattr(Data, "to", lambda data, device: asked.append(device) or data)
    on_device(batch, CPU)
    assert asked == [CPU]
