"""Noise on embeddings: both kinds equally strong, ascent at least as bad, the model untouched."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from support.scan_equality import numbered_graphs, small_model


@pytest.fixture
def loader():
    graphs = numbered_graphs(6)
    for number, graph in enumerate(graphs):
        graph.y = torch.tensor([[float(number % 3)]])
    return DataLoader(graphs, batch_size=3)


class Linear(nn.Module):
    """Predicts the sum of one embedding: the loss of any noise can be written down."""

    def __init__(self):
        super().__init__()
        self.node_embedding = nn.Embedding(4, 3)

    def forward(self, x):
        return self.node_embedding(x).sum().view(1, 1)


def linear_graph():
    """A graph on which the loss grows with the prediction."""
    return [Data(x=torch.tensor([0, 1, 2]), y=torch.tensor([[-100.0]]), num_nodes=3)]


@settings(max_examples=12, deadline=None)
@given(std=st.floats(0.01, 2), steps=st.integers(1, 30), step=st.floats(0.2, 2))
def test_ascent_on_a_linear_model_finds_the_noise_that_is_worst(std, steps, step):
    torch.manual_seed(0)
    found = es.noise_attack(Linear(), linear_graph(), std=std, steps=steps, step=step)
    clean = found.losses["none"][0]
    worst = clean + 9 * std  # all nine numbers at +std: what a root mean square of std allows
    assert all(loss <= worst * (1 + 1e-5) for loss in found.losses["ascent"])
    if steps * step >= 20:
        assert min(found.losses["ascent"]) == pytest.approx(worst, rel=1e-3)


def test_the_random_noise_has_the_stated_standard_deviation():
    class Seeing(Linear):
        def forward(self, x):
            states = self.node_embedding(x)
            noises.append(states.detach() - self.node_embedding.weight[x].detach())
            return states.sum().view(1, 1)

    noises = []
    es.noise_attack(Seeing(), linear_graph(), std=0.7, steps=1, restarts=3)
    sizes = [noise.square().mean().sqrt().item() for noise in noises]
    assert {round(size, 5) for size in sizes} == {0.0, 0.7}


def test_ascent_is_at_least_as_bad_as_the_random_noise_it_starts_from(loader):
    found = es.noise_attack(small_model(), loader, std=0.5, restarts=4)
    assert len(found.gain) == 4
    assert all(gain >= 0 for gain in found.gain)
    assert max(found.gain) > 0.01


def test_the_table_holds_mean_and_spread_over_restarts(loader):
    found = es.noise_attack(small_model(), loader, restarts=3, steps=2)
    rows = {row["noise"]: row for row in found.table().iter_rows(named=True)}
    assert list(rows) == ["none", "random", "ascent", "gain"]
    random = torch.tensor(found.losses["random"], dtype=torch.float64)
    assert rows["random"]["mean"] == pytest.approx(random.mean().item())
    assert rows["random"]["sd"] == pytest.approx(random.std().item())
    assert rows["none"]["sd"] is None
    assert math.isclose(rows["gain"]["mean"], rows["ascent"]["mean"] - rows["random"]["mean"])


def test_the_loss_without_noise_is_the_models_own(loader):
    model = small_model()
    found = es.noise_attack(model, loader, steps=1, restarts=1)
    errors = [(model(b.x, b.edge_index, b.edge_attr, b.batch) - b.y).abs().detach() for b in loader]
    assert found.losses["none"][0] == pytest.approx(torch.cat(errors).mean().item(), rel=1e-5)


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(loader):
    first, again, other = (
        es.noise_attack(small_model(), loader, steps=2, restarts=2, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.losses["random"] != other.losses["random"]


def test_the_model_is_left_as_it_was(loader):
    model = small_model().train()
    model.node_embedding.weight.requires_grad = False
    before = copy.deepcopy(model.state_dict())
    es.noise_attack(model, loader, steps=1, restarts=1)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    asked = [name for name, each in model.named_parameters() if not each.requires_grad]
    assert asked == ["node_embedding.weight"]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_an_embedding_that_nothing_depends_on_keeps_its_random_noise():
    class Idle(Linear):
        def __init__(self):
            super().__init__()
            self.edge_embedding = nn.Linear(3, 3)

        def forward(self, x):
            self.edge_embedding(torch.ones(2, 3))
            return super().forward(x)

    found = es.noise_attack(Idle(), linear_graph(), restarts=1)
    assert found.gain[0] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"std": 0.0}, "std=0.0, expected a number above 0"),
        ({"restarts": 0}, "restarts=0"),
        ({"at": ["nowhere"]}, "GraphTransformer has no module nowhere; name the modules"),
        ({"at": ["layers.0.attention"]}, "does not return a tensor of real numbers"),
        ({"at": ["layers.0.attention.score.x"]}, "has no module"),
        ({"loss": "l3"}, "unknown loss 'l3', expected one of l1, masked_bce"),
    ],
)
def test_bad_input_is_refused(loader, options, words):
    with pytest.raises(InputError, match=words):
        es.noise_attack(small_model(), loader, **options)


def test_data_without_targets_is_refused(loader):
    graphs = [graph for graph in loader.dataset if graph.y.fill_(math.nan) is not None]
    with pytest.raises(InputError, match="no batch has a known target"):
        es.noise_attack(small_model(), DataLoader(graphs, batch_size=3), restarts=1)
