"""A trial run leaves a model, its inputs and random numbers as they were."""

import random

import numpy as np
import torch
from torch import nn
from torch_geometric.data import Data

from edgescope.lib.trial_run import trial_run


class Restless(nn.Module):
    """Changes all that a forward pass can get hold of."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("last", torch.zeros(1))
        self.calls = 0
        self.seen = []
        self.named = {}

    def forward(self, data):
        self.count += 1
        self.last = data.x.sum()
        self.calls += 1
        self.seen.append(data.x)
        self.named["x"] = data.x
        self.new = data.x
        data.x = self.norm(data.x)
        data.edge_index.add_(1)
        random.random()
        np.random.rand()  # noqa: NPY002  (what models use)
        return data.x + torch.rand(1)


def test_all_that_a_run_changes_is_put_back():
    model = Restless().train()
    x, edges = torch.randn(4, 3), torch.tensor([[0, 1], [1, 2]])
    given = Data(x=x, edge_index=edges)
    last, running = model.last, model.norm.running_mean.clone()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with trial_run(model, given) as fresh:
        model(fresh())
        model(fresh())
        assert model.calls == 2
    assert model.calls == 0
    assert model.seen == []
    assert model.named == {}
    assert not hasattr(model, "new")
    assert model.last is last
    assert float(model.count) == 0
    assert torch.equal(model.norm.running_mean, running)
    assert int(model.norm.num_batches_tracked) == 0
    assert given.x is x
    assert edges.tolist() == [[0, 1], [1, 2]]
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]  # noqa: NPY002


def test_what_a_run_changes_is_put_back_when_it_raises():
    class Raises(Restless):
        def forward(self, data):
            super().forward(data)
            raise RuntimeError

    model = Raises()
    edges = torch.tensor([[0, 1], [1, 2]])
    try:
        with trial_run(model, Data(x=torch.randn(4, 3), edge_index=edges)) as fresh:
            model(fresh())
    except RuntimeError:
        pass
    assert model.calls == 0
    assert model.seen == []
    assert edges.tolist() == [[0, 1], [1, 2]]


def test_what_is_given_has_containers_of_its_own_and_the_same_tensors():
    x = torch.zeros(2)
    with trial_run(nn.Identity(), ([x], {"x": x})) as fresh:
        first, second = fresh(), fresh()
    assert first[0] is not second[0]
    assert first[1] is not second[1]
    assert first[0][0] is x
    assert second[1]["x"] is x
