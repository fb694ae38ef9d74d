"""Which layers leave out edge features, and what is offered against it."""

import pytest
import torch
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

import edgescope as es
from support.diagnose_models import Stack, build, gat, gatv2, graphs

RULE = "edge-features-ignored"


def diagnosed(model, batch=None):
    return es.diagnose(model, [batch or graphs()], select=RULE, progress=False)


def test_of_the_layers_of_pyg_only_gatconv_drops_features_without_a_word():
    batch = graphs()
    x, edges, attr = batch.x, batch.edge_index, batch.edge_attr
    layer = GATConv(8, 8)
    assert torch.equal(layer(x, edges, attr), layer(x, edges))
    with pytest.raises(AssertionError):
        GATv2Conv(8, 8)(x, edges, attr)
    with pytest.raises(RuntimeError):
        TransformerConv(8, 8)(x, edges, attr)


def test_dropped_features_are_found_and_cured_layer_by_layer():
    model = build(lambda: Stack(gat(), gat(), edges=True))
    findings = diagnosed(model)
    layers = [each for each in findings if each.layer]
    assert [each.where for each in layers] == ["layers.0", "layers.1"]
    assert [each.evidence["edge_dim"] for each in layers] == [3, 3]
    (whole,) = (each for each in findings if not each.layer)
    assert (whole.where, whole.mechanical) == ("model", None)
    assert whole.evidence["dropped"] == ["layers.0", "layers.1"]
    for each in layers:
        model = es.diagnose.try_remedy(model, each)
    assert diagnosed(model) == []


def test_nothing_is_offered_where_the_model_does_not_hand_features_on():
    class First(Stack):
        def forward(self, x, edge_index, edge_attr, batch=None):  # noqa: ARG002  (read by capture)
            return self.layers[1](self.layers[0](x, edge_index, edge_attr), edge_index)

    (found,) = diagnosed(build(lambda: First(gatv2(edge_dim=3), gatv2())))
    assert (found.severity, found.where, found.mechanical) == ("note", "layers.1", None)
    assert "does not pass edge_attr" in found.cause


def test_integer_features_need_an_embedding_which_is_no_mechanical_remedy():
    batch = graphs()
    batch.edge_attr = torch.randint(0, 4, (batch.num_edges,))
    found = diagnosed(build(lambda: Stack(gat(), edges=True)), batch)
    assert [each.mechanical for each in found] == [None, None]
    assert "embed the integers" in found[0].remedy
