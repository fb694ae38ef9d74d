"""Remedies change a copy of a model, and nothing else."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, SAGEConv, TransformerConv

import edgescope as es
from edgescope.diagnosis import Finding
from edgescope.diagnosis.layer_remedies import REMEDIES, applicable
from edgescope.diagnosis.remedies import try_remedy
from edgescope.lib.errors import EdgescopeWarning, InputError

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


EVERY = [GATConv, GATv2Conv, TransformerConv]
TWO = [GATConv, GATv2Conv]
FITS = {"gatv2": [GATConv], "residual": TWO, "self-loops": TWO, "no-self-loops": TWO}


@pytest.mark.parametrize("concat", [True, False])
@pytest.mark.parametrize(
    ("remedy", "kind"), [(name, kind) for name in REMEDIES for kind in FITS.get(name, EVERY)]
)
def test_the_copy_returns_as_many_channels_and_the_original_stays(remedy, kind, concat):
    options = {"add_self_loops": False} if remedy == "self-loops" else {}
    model = Net(kind(4, 6, heads=2, concat=concat, **options))
    before = copy.deepcopy(model)
    changed = try_remedy(model, finding(remedy), edge_dim=3)
    attr = ATTR if remedy == "edge-dim" else None
    assert changed(X, EDGES, attr).shape == model(X, EDGES).shape
    assert repr(model) == repr(before)
    old = before.state_dict()
    assert all(torch.equal(old[name], value) for name, value in model.state_dict().items())
    assert not torch.allclose(changed(X, EDGES, attr), model(X, EDGES))


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


def test_the_norm_takes_away_the_scale_of_the_states():
    layer = try_remedy(Net(GATConv(4, 6)), finding("norm")).blocks[0]
    torch.testing.assert_close(layer(1000 * X, EDGES), layer(X, EDGES), atol=1e-3, rtol=1e-3)


def test_a_finding_knows_how_many_features_an_edge_has():
    changed = try_remedy(Net(GATConv(4, 6)), finding("edge-dim", edge_dim=3))
    assert changed.blocks[0].edge_dim == 3


def test_a_remedy_is_applicable_where_it_can_be_tried_and_draws_no_random_numbers():
    layers = [kind(4, 6, add_self_loops=loops) for kind in TWO for loops in (True, False)]
    layers += [TransformerConv(4, 6)]
    state = torch.get_rng_state()
    fitting = {
        (name, type(layer))
        for name in REMEDIES
        for layer in layers
        if applicable(name, layer, **({"edge_dim": 3} if name == "edge-dim" else {}))
    }
    assert torch.equal(torch.get_rng_state(), state)
    assert fitting == {(name, kind) for name in REMEDIES for kind in FITS.get(name, EVERY)}


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


def test_a_finding_may_name_the_layers_to_change():
    model = nn.Sequential(GATConv(4, 6), GATConv(6, 6), GATConv(6, 6))
    changed = try_remedy(model, finding("residual", "1", layers=["0", "2"]))
    assert [each.residual for each in changed] == [True, False, True]


def test_another_remedy_can_be_asked_for():
    assert try_remedy(Net(GATConv(4, 6)), finding(None), remedy="residual").blocks[0].residual


class Own(GATConv):
    """A subclass, whose own arguments nobody knows."""


@pytest.mark.parametrize(
    ("conv", "asked", "words"),
    [
        (GATConv(4, 6), finding(None), "needs a decision: do this"),
        (GATConv(4, 6), finding("prayer"), "received the remedy 'prayer'"),
        (GATConv(4, 6), finding("gatv2", "blocks.7"), "lacks"),
        (SAGEConv(4, 6), finding("gatv2"), "received a SAGEConv"),
        (Own(4, 6), finding("gatv2"), "received a Own"),
        (GATConv(4, 6, aggr="max"), finding("gatv2"), "aggr='max'"),
        (GATConv(4, 5), finding("more-heads"), "an even number"),
        (GATConv(4, 6, edge_dim=3), finding("edge-dim"), "expected one without"),
        (GATConv(4, 6), finding("edge-dim"), "pass edge_dim="),
        (GATConv(4, 6, residual=True), finding("residual"), "expected one without"),
        (TransformerConv(4, 6), finding("residual"), "received a TransformerConv"),
        (GATConv(4, 6), finding("self-loops"), "expected one without"),
        (GATConv((4, 5), 6), finding("norm"), "add norms yourself"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(conv, asked, words):
    with pytest.raises(InputError, match=words):
        try_remedy(Net(conv), asked)


def test_a_norm_of_a_pair_of_states_is_refused():
    layer = try_remedy(GATConv(4, 6), finding("norm", "model"))
    with pytest.raises(InputError, match="cannot normalise"):
        layer((X, X), EDGES)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([GATConv(4, 2, heads=2), GATConv(4, 4), SAGEConv(4, 4)])

    def forward(self, x, edge_index):
        for block in self.blocks:
            x = block(x, edge_index)
        return x


def kinds(model):
    return [type(block).__name__ for block in model.blocks]


def test_of_several_findings_each_remedy_that_needs_no_decision_is_applied_once():
    found = [
        finding("norm", "blocks.0"),
        finding("gatv2", "blocks.0, head 1 of 2"),
        finding(None, "blocks.2"),
        finding("gatv2", "blocks.0"),
        finding("residual", "blocks.1"),
    ]
    model = Deep()
    changed = try_remedy(model, found)
    assert kinds(model) == ["GATConv", "GATConv", "SAGEConv"]
    assert kinds(changed) == ["Normalised", "GATConv", "SAGEConv"]
    assert any(isinstance(each, GATv2Conv) for each in changed.blocks[0].modules())
    assert changed.blocks[1].residual
    assert changed(X, EDGES).shape == model(X, EDGES).shape


def test_all_findings_of_a_diagnosis_are_tried_at_once():
    from torch_geometric.data import Data

    torch.manual_seed(0)
    model = Net(GATConv(4, 6))
    graph = Data(x=X, edge_index=EDGES, edge_attr=ATTR)
    found = es.diagnose(model, graph, progress=False)
    assert "edge-dim" in [each.mechanical for each in found]
    changed = es.diagnose.try_remedy(model, found)
    layers = [each for each in changed.modules() if getattr(each, "edge_dim", None)]
    assert [each.edge_dim for each in layers] == [3]


def test_a_remedy_that_does_not_fit_is_left_out_with_a_warning():
    found = [finding("gatv2", "blocks.0"), finding("gatv2", "blocks.2")]
    with pytest.warns(EdgescopeWarning, match=r"a remedy was left out: .*SAGEConv"):
        assert kinds(try_remedy(Deep(), found)) == ["GATv2Conv", "GATConv", "SAGEConv"]
    with pytest.raises(InputError, match="SAGEConv"):
        try_remedy(Deep(), found[1:])


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "received no finding, so there is no remedy to try"),
        ([finding(None), finding(None)], "the remedies of all 2 findings need a decision"),
        ([finding(None)], "the remedy of some-rule at blocks.0 needs a decision"),
        (["gatv2"], "expected a finding or the findings"),
        ("gatv2", "expected a finding or the findings"),
        (None, "expected a finding or the findings"),
    ],
)
def test_nothing_to_try_is_an_error(found, says):
    with pytest.raises(InputError, match=says):
        try_remedy(Deep(), found)
