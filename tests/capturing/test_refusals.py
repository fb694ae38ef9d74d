"""Layers that cannot be captured are refused, in one line with the reason and the remedy."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch_geometric.nn import GATConv, GCNConv, GENConv, PerformerAttention, TransformerConv

import edgescope as es
from support.one_layer import EDGES, Model, X, gat, listed, refusal, weights


def test_a_layer_that_is_marked_as_no_part_of_the_graph_is_refused():
    model = Model(gat())
    model.conv.explain = False
    expected = "its edges are not those of the graph, as in a read-out; set its explain = None if"
    assert expected in refusal(model)
    assert expected in listed(model)
    model.conv.explain = None
    assert weights(model).values.shape == (10, 2, 1)


class Doubled(GATConv):
    def message(self, x_j, alpha):
        return 2 * super().message(x_j, alpha)


class Renamed(GATConv):
    def reset(self):
        """Say something that the formulas do not rely on."""


def patched() -> nn.Module:
    conv = gat()
    conv.message = lambda x_j, alpha: x_j * alpha.unsqueeze(-1)
    return conv


@pytest.mark.parametrize("make", [lambda: Doubled(8, 4), patched])
def test_a_layer_that_overrides_what_the_formulas_rely_on_is_refused(make):
    model = Model(make())
    expected = (
        "it overrides message of GATConv, so the formulas of GATConv need not hold; register an "
        "adapter for it with es.capture.register"
    )
    assert expected in refusal(model)
    assert listed(model) == expected


def test_a_subclass_that_overrides_nothing_of_that_is_captured():
    torch.manual_seed(0)
    plain = Model(gat())
    model = Model(Renamed(8, 4, heads=2))
    model.load_state_dict(plain.state_dict())
    assert torch.equal(weights(model).values, weights(plain).values)


def test_parametrised_layers_are_captured():
    torch.manual_seed(0)
    model = Model(gat())
    expected = weights(model).values
    parametrizations.weight_norm(model.conv.lin)
    parametrize.register_parametrization(model.conv, "att_src", nn.Identity())
    assert type(model.conv) is not GATConv
    torch.testing.assert_close(weights(model).values, expected)


def test_a_layer_whose_edge_projection_was_replaced_is_captured():
    class LowRank(nn.Module):
        def __init__(self, base: nn.Module) -> None:
            super().__init__()
            self.base = base
            self.down, self.up = nn.Linear(3, 1, bias=False), nn.Linear(1, 8, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + self.up(self.down(x))

    class Edges(Model):
        def forward(self, x, edge_index, edge_attr):
            found, (_, self.expected) = self.conv(
                x, edge_index, edge_attr, return_attention_weights=True
            )
            return found

    for conv in (gat(edge_dim=3, add_self_loops=False), TransformerConv(8, 4, 2, edge_dim=3)):
        conv.lin_edge = LowRank(conv.lin_edge)
        model = Edges(conv)
        found = weights(model, X, EDGES, torch.randn(6, 3))
        torch.testing.assert_close(found.values.squeeze(-1), model.expected)


def test_a_layer_that_computes_messages_in_pieces_is_refused():
    model = Model(gat(decomposed_layers=2))
    expected = "it computes each message in pieces; set decomposed_layers = 1"
    assert expected in refusal(model)
    assert listed(model) == expected
    model.conv.decomposed_layers = 1
    assert weights(model).values.shape == (10, 2, 1)


@pytest.mark.parametrize(
    ("conv", "reason"),
    [
        (GCNConv(8, 8), "no adapter knows this layer; write one and register it with es.capture"),
        (GENConv(8, 8, aggr="mean"), "it aggregates by MeanAggregation, which is no attention"),
        (PerformerAttention(8, 2), "linear attention computes nothing for a pair of nodes; only"),
    ],
)
def test_a_layer_without_attention_is_listed_with_the_reason(conv, reason):
    model = Model(conv)
    assert reason in listed(model)
    assert reason in refusal(model)


def test_a_model_without_any_such_layer_is_refused():
    model = nn.Linear(8, 8)
    expected = "Linear has no layer whose edges can be captured; es.capture.register makes a layer"
    assert refusal(model).startswith(expected)
    assert es.capture.sites(model).is_empty()


def test_what_is_captured_of_a_model_with_refused_layers_is_the_rest():
    model = nn.ModuleDict({"gcn": GCNConv(8, 8), "gat": gat(), "own": Doubled(8, 4)})
    table = es.capture.sites(model)
    assert table["site"].to_list() == ["gcn", "gat:logit", "gat:weight", "gat:message", "own"]
    assert table["reason"].is_null().to_list() == [False, True, True, True, False]
