"""A layer that runs several times in a forward pass, and a model that runs several times."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.lib.errors import InputError

EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
X = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))


class Repeats(nn.Module):
    """One layer under two names, run as often as asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GATConv(8, 4, heads=2, add_self_loops=False)
        self.same = self.conv
        self.steps = 2

    def forward(self, x, edge_index):
        for step in range(self.steps):
            x = (self.same if step else self.conv)(x, edge_index)
        return x


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Repeats().eval()


def test_a_layer_under_two_names_has_one_site_per_stage(model):
    sites = es.capture.sites(model)["site"].to_list()
    assert sites == ["conv:logit", "conv:weight", "conv:message"]


def test_each_call_of_a_layer_has_a_site_of_its_own(model):
    model.steps = 3
    with es.capture(model, "*:weight") as tape:
        model(X, EDGES)
    assert tape.sites == ["conv:weight", "conv@2:weight", "conv@3:weight"]
    assert [tape[site].site for site in tape.sites] == tape.sites
    x = X
    for site in tape.sites:
        x, (_, expected) = model.conv(x, EDGES, return_attention_weights=True)
        assert torch.equal(tape[site].values.squeeze(-1), expected)


def test_reduce_is_called_for_each_call(model):
    seen = []
    with es.capture(model, "*:weight", reduce=lambda found: seen.append(found.site)):
        model(X, EDGES)
    assert seen == ["conv:weight", "conv@2:weight"]


def test_each_call_is_identified_by_the_edges_that_it_saw(model):
    class Halves(Repeats):
        def forward(self, x, edge_index):
            return self.conv(self.conv(x, edge_index[:, :2]), edge_index[:, 2:])

    halves = Halves()
    with es.capture(halves, "*:weight") as tape:
        halves(X, EDGES)
    assert [tape[site].input_edge.tolist() for site in tape.sites] == [[0, 1], [2, 3]]


def test_a_later_pass_replaces_an_earlier_one(model):
    with es.capture(model) as tape:
        model(X, EDGES)
        model(2 * X, EDGES[:, :3])
    with es.capture(model) as alone:
        model(2 * X, EDGES[:, :3])
    assert tape.sites == alone.sites
    for site in tape.sites:
        assert torch.equal(tape[site].values, alone[site].values)
        assert torch.equal(tape[site].edge_index, alone[site].edge_index)


def test_a_call_of_an_earlier_pass_is_forgotten(model):
    with es.capture(model, "*:weight") as tape:
        model(X, EDGES)
        model.steps = 1
        model(X, EDGES)
        assert tape.sites == ["conv:weight"]
        with pytest.raises(KeyError, match="conv@2:weight was not captured"):
            tape["conv@2:weight"]
        model.steps = 2
        model(X, EDGES)
    assert tape.sites == ["conv:weight", "conv@2:weight"]


def test_the_calls_of_an_earlier_pass_do_not_count_against_the_budget(model):
    with es.capture(model, "*:weight", max_bytes=2 * 4 * 2 * 4) as tape:
        model(X, EDGES)
        model.steps = 1
        model(X, torch.cat([EDGES, EDGES.flip(0)], dim=1))
    assert tape["conv:weight"].values.shape == (8, 2, 1)


def test_after_a_pass_that_raised_a_layer_outside_a_pass_is_refused(model):
    with es.capture(model):
        with pytest.raises(Exception, match="shapes cannot be multiplied"):
            model(torch.ones(4, 7), EDGES)
        with pytest.raises(InputError, match="ran outside a call of the captured model"):
            model.conv(X, EDGES)


def test_a_pass_that_raises_leaves_nothing_of_an_earlier_one(model):
    with es.capture(model, "*:weight") as tape:
        model(X, EDGES)
        with pytest.raises(InputError):
            model.conv(X, EDGES)  # outside a pass: no pass begins, nothing is forgotten
        assert tape["conv:weight"].values.shape == (4, 2, 1)
        with pytest.raises(Exception, match="shapes cannot be multiplied"):
            model(torch.ones(4, 7), EDGES)
        with pytest.raises(KeyError, match="not been computed yet"):
            tape["conv:weight"]


def test_the_captured_model_may_be_run_by_another(model):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x, edge_index):
            return self.inner(self.inner(x, edge_index), edge_index)

    outer = Twice()
    with es.capture(model, "*:weight") as inside, es.capture(outer, "*:weight") as whole:
        outer(X, EDGES)
    assert inside.sites == ["conv:weight", "conv@2:weight"]
    assert whole.sites[-1] == "inner.conv@4:weight"
    assert torch.equal(inside["conv@2:weight"].values, whole["inner.conv@4:weight"].values)


def test_a_layer_can_be_captured_on_its_own(model):
    with es.capture(model.conv) as tape:
        model(X, EDGES)
    with es.capture(model) as whole:
        model(X, EDGES)
    assert tape.sites == [":logit", ":weight", ":message"]
    for site in tape.sites:  # the last call
        assert torch.equal(tape[site].values, whole[f"conv@2{site}"].values)


def test_edgescope_s_own_layer_can_be_captured_on_its_own():
    layer = es.models.EdgeAttention(8, 2)
    with es.capture(layer) as tape:
        layer(X, torch.randn(4, 8), EDGES)
    assert tape[":weight"].input_edge.tolist() == [0, 1, 2, 3]
