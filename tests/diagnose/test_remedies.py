"""Remedies change a copy of a model, and nothing else."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, SAGEConv, TransformerConv

from edgescope.diagnose import Finding
from edgescope.diagnose.remedies import REMEDIES, try_remedy
from edgescope.errors import InputError

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
ATTR = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.blocks = nn.ModuleList([conv])

    def forward(self, x, edge_index, edge_attr=None):
        return self.blocks[0](x, edge_index, edge_attr)


def finding(mechanical, where="blocks.0", **evidence):
    return Finding("some-rule", "warning", where, "", evidence, "", "do this", mechanical)


FITS = {"gatv2": [GATConv], "residual": [GATConv, GATv2Conv]}
EVERY = [GATConv, GATv2Conv, TransformerConv]


@pytest.mark.parametrize("concat", [True, False])
@pytest.mark.parametrize(
    ("remedy", "kind"), [(name, kind) for name in REMEDIES for kind in FITS.get(name, EVERY)]
)
def test_the_copy_returns_as_many_channels_and_the_original_stays(remedy, kind, concat):
    model = Net(kind(4, 6, heads=2, concat=concat))
    before = copy.deepcopy(model)
    changed = try_remedy(model, finding(remedy), edge_dim=3)
    attr = ATTR if remedy == "edge-dim" else None
    assert changed(X, EDGES, attr).shape == model(X, EDGES).shape
    assert repr(model) == repr(before)
    old = before.state_dict()
    assert all(torch.equal(old[name], value) for name, value in model.state_dict().items())
    assert list(changed.state_dict()) != list(old) or remedy == "more-heads"


@pytest.mark.parametrize(
    "options",
    [
        {"heads": 3, "concat": False, "edge_dim": 3, "negative_slope": 0.1},
        {"add_self_loops": False, "bias": False, "dropout": 0.3},
        {"residual": True, "fill_value": "max", "flow": "target_to_source"},
    ],
)
def test_gatv2_is_built_as_gatconv_was(options):
    found = try_remedy(Net(GATConv(4, 6, **options)), finding("gatv2")).blocks[0]
    expected = GATv2Conv(4, 6, **options)
    assert type(found) is GATv2Conv
    for name in (
        "heads",
        "concat",
        "edge_dim",
        "negative_slope",
        "dropout",
        "add_self_loops",
        "fill_value",
        "residual",
        "flow",
    ):
        assert getattr(found, name) == getattr(expected, name)
    assert {name: p.shape for name, p in found.named_parameters()} == {
        name: p.shape for name, p in expected.named_parameters()
    }


def test_different_sources_and_targets_keep_their_sizes():
    found = try_remedy(Net(GATConv((4, 7), 6)), finding("gatv2")).blocks[0]
    assert found.in_channels == (4, 7)


def test_twice_the_heads_share_the_same_width():
    layer = try_remedy(Net(TransformerConv(4, 6, heads=2, bias=False)), finding("more-heads"))
    assert (layer.blocks[0].heads, layer.blocks[0].out_channels) == (4, 3)
    assert layer.blocks[0].lin_key.bias is None


def test_edge_features_matter_after_the_remedy_and_did_not_before():
    model = Net(GATConv(4, 6))
    changed = try_remedy(model, finding("edge-dim"), edge_dim=3)
    assert torch.equal(model(X, EDGES, ATTR), model(X, EDGES, -ATTR))
    assert not torch.allclose(changed(X, EDGES, ATTR), changed(X, EDGES, -ATTR))


def test_the_norm_leaves_every_node_with_mean_zero_and_variance_one():
    out = try_remedy(Net(GATConv(4, 60)), finding("norm"))(X, EDGES)
    assert torch.allclose(out.mean(1), torch.zeros(5), atol=1e-5)
    assert torch.allclose(out.var(1, unbiased=False), torch.ones(5), atol=1e-3)


def test_the_seed_decides_the_weights_and_the_callers_random_numbers_go_on():
    model = Net(GATConv(4, 6))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (try_remedy(model, finding("gatv2"), seed=seed) for seed in (1, 1, 2))
    assert torch.rand(1) == expected
    weights = [each.blocks[0].lin_l.weight for each in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_mode_and_precision_are_those_of_the_old_layer():
    changed = try_remedy(Net(GATConv(4, 6)).double().eval(), finding("gatv2"))
    assert not changed.blocks[0].training
    assert {each.dtype for each in changed.parameters()} == {torch.float64}


def test_a_layer_held_in_two_places_is_changed_in_both():
    model = Net(GATConv(4, 6))
    model.again = model.blocks[0]
    changed = try_remedy(model, finding("gatv2"))
    assert changed.again is changed.blocks[0]
    assert type(changed.again) is GATv2Conv


def test_a_model_that_is_the_layer_itself_is_changed():
    assert type(try_remedy(GATConv(4, 6), finding("gatv2", "model"))) is GATv2Conv


def test_a_finding_about_the_model_changes_the_layers_that_it_names():
    model = nn.Sequential(GATConv(4, 6), GATConv(6, 6), GATConv(6, 6))
    named = finding("edge-dim", "model", without=["0", "2"])
    assert [each.edge_dim for each in try_remedy(model, named, edge_dim=3)] == [3, None, 3]


def test_another_remedy_can_be_asked_for():
    assert try_remedy(Net(GATConv(4, 6)), finding(None), remedy="residual").blocks[0].residual


class Own(GATConv):
    """A subclass, whose own arguments nobody knows."""


@pytest.mark.parametrize(
    ("conv", "asked", "words"),
    [
        (GATConv(4, 6), finding(None), "needs a decision: do this"),
        (GATConv(4, 6), finding("prayer"), "received the remedy 'prayer'"),
        (GATConv(4, 6), finding("gatv2", "blocks.7"), "has not got"),
        (SAGEConv(4, 6), finding("gatv2"), "received a SAGEConv"),
        (Own(4, 6), finding("gatv2"), "received a Own"),
        (GATConv(4, 6, aggr="max"), finding("gatv2"), "aggr='max'"),
        (GATConv(4, 5), finding("more-heads"), "an even number"),
        (GATConv(4, 6, edge_dim=3), finding("edge-dim"), "expected one without"),
        (GATConv(4, 6), finding("edge-dim"), "pass edge_dim="),
        (GATConv(4, 6, residual=True), finding("residual"), "expected one without"),
        (TransformerConv(4, 6), finding("residual"), "received a TransformerConv"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(conv, asked, words):
    with pytest.raises(InputError, match=words):
        try_remedy(Net(conv), asked)


def test_a_norm_after_a_layer_that_returns_its_weights_is_refused():
    layer = try_remedy(GATConv(4, 6), finding("norm", "model"))
    with pytest.raises(InputError, match="more than node states"):
        layer(X, EDGES, return_attention_weights=True)
