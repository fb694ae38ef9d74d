"""What a layer says itself is held against the formula for it."""

import pytest
import torch
from torch_geometric.nn import GATConv, GATv2Conv, RGATConv, TransformerConv
from torch_geometric.utils import softmax

import edgescope as es
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.lib.errors import InputError
from support.layer_reference import MULTIGRAPH, NODE_DIM, Alone

GRAPH = MULTIGRAPH
LAYERS = (GATConv, GATv2Conv, TransformerConv)
layers = pytest.mark.parametrize("kind", LAYERS)


def model_of(kind):
    torch.manual_seed(0)
    return Alone(kind(NODE_DIM, 3, heads=2)).eval()


@pytest.fixture
def wrong(monkeypatch):
    """Give a layer's adapter a formula that does not hold."""

    def spoil(kind):
        adapter, _ = find_adapter(kind(NODE_DIM, 3))
        own = type(adapter).logit
        monkeypatch.setattr(type(adapter), "logit", lambda *args: 1.5 * own(*args))

    return spoil


@layers
def test_captured_weights_other_than_the_layers_own_are_refused(kind, wrong):
    model = model_of(kind)
    wrong(kind)
    message = r"the weights of .* not what edgescope's formula"
    with pytest.raises(InputError, match=message), es.capture(model, "conv:weight"):
        model(GRAPH.x, GRAPH.edge_index)


@layers
@pytest.mark.parametrize("stage", ["logit", "weight"])
def test_an_edit_by_a_formula_that_does_not_hold_is_refused(kind, stage, wrong):
    model = model_of(kind)
    wrong(kind)
    doubled = es.capture.edit(model, f"conv:{stage}", lambda found: 2 * found.values)
    with pytest.raises(InputError, match="are not what edgescope's formula"), doubled:
        model(GRAPH.x, GRAPH.edge_index)


@layers
def test_a_second_edit_of_the_weights_is_refused_rather_than_undoing_the_first(kind):
    model = model_of(kind)
    first = es.capture.edit(model, "conv:logit", lambda found: 2 * found.values)
    second = es.capture.edit(model, "conv:weight", lambda found: 2 * found.values)
    with first, second, pytest.raises(InputError, match="put all edits into one function"):
        model(GRAPH.x, GRAPH.edge_index)


@layers
def test_a_tape_beside_an_edit_shows_the_weights_that_follow_from_it(kind):
    model, inputs = model_of(kind), (GRAPH.x, GRAPH.edge_index)
    with es.capture(model, "conv:logit") as alone:
        model(*inputs)
    doubled = es.capture.edit(model, "conv:logit", lambda found: 2 * found.values)
    with doubled, es.capture(model, ["conv:logit", "conv:weight"]) as beside:
        model(*inputs)
    logit = 2 * alone["conv:logit"].values
    assert torch.equal(beside["conv:logit"].values, logit)
    target = alone["conv:logit"].identity.edge_index[1]
    torch.testing.assert_close(beside["conv:weight"].values, softmax(logit, target))


@layers
def test_weights_that_a_layer_returns_are_those_that_it_goes_on_with(kind):
    model = model_of(kind)
    given = torch.rand(9 if kind is TransformerConv else 6 + 5, 2, 1)
    with es.capture.edit(model, "conv:weight", lambda _: given):
        _, (_, returned) = model(GRAPH.x, GRAPH.edge_index, return_attention_weights=True)
    assert torch.equal(returned, given.squeeze(-1))


def test_a_row_of_values_for_no_edge_is_refused():
    """PyG reads three rows of features for one edge, and goes on with the first."""
    layer = TransformerConv(NODE_DIM, 3, heads=2, edge_dim=1)
    edge, features = torch.tensor([[0], [1]]), torch.randn(1, 3, 1)
    model = Alone(layer)
    message = r"\[3, 2, 3\] for 1 edges, expected one row per edge"
    with pytest.raises(InputError, match=message), es.capture(model):
        model(GRAPH.x, edge, features)


def test_features_of_relations_are_those_of_the_edges_of_each():
    """RGATConv takes ``[1, R, D]`` as one row of features for every relation."""
    torch.manual_seed(0)
    layer = RGATConv(NODE_DIM, 3, num_relations=3, heads=2, edge_dim=2).eval()
    of_relations = torch.randn(3, 2)
    of_edges = of_relations[GRAPH.edge_type]
    found = []
    for features in (of_relations[None], of_edges):
        model = Alone(layer)
        with es.capture(model, "conv:logit") as tape:
            model(GRAPH.x, GRAPH.edge_index, features, edge_type=GRAPH.edge_type)
        found.append(tape["conv:logit"].values)
    torch.testing.assert_close(*found)
