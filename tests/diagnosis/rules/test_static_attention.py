"""Static attention: proven for GATConv, measured elsewhere, graver where neighbours are shared."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

import edgescope as es
from edgescope.diagnosis import diagnose
from edgescope.diagnosis.rules.static_attention import StaticAttention


class Net(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index, edge_attr=None):
        if edge_attr is None:
            return self.conv(x, edge_index)
        return self.conv(x, edge_index, edge_attr)


def bipartite(sources=10, targets=10, **more):
    x = torch.randn(sources + targets, 4, generator=torch.Generator().manual_seed(0))
    edges = torch.cartesian_prod(torch.arange(sources), torch.arange(sources, sources + targets)).T
    return Data(x=x, edge_index=edges.contiguous(), num_nodes=len(x), **more)


def look(conv, graphs, **thresholds):
    return diagnose(
        Net(conv), graphs, rules=[StaticAttention(**thresholds)], progress=False, every=1
    )


@pytest.mark.parametrize("slope", [0.2, 0.01, 3.0])
@pytest.mark.parametrize("heads", [1, 4])
def test_gatconv_is_static_whatever_its_weights(slope, heads):
    for seed in range(3):
        torch.manual_seed(seed)
        conv = GATConv(4, 8, heads=heads, negative_slope=slope, add_self_loops=False)
        (finding,) = look(conv, [bipartite()])
        assert finding.severity == "warning"
        assert finding.evidence["reordered"] == 0
        assert finding.evidence["comparable"] == heads * 45
        assert finding.mechanical == "gatv2"


@pytest.mark.parametrize("kind", [GATv2Conv, TransformerConv])
def test_dynamic_layers_are_not_reported(kind):
    torch.manual_seed(0)
    assert not look(kind(4, 8, heads=2), [bipartite()])


def test_a_transformer_whose_query_is_a_constant_is_measured_as_static():
    conv = TransformerConv(4, 8)
    nn.init.zeros_(conv.lin_query.weight)
    nn.init.normal_(conv.lin_query.bias)
    (finding,) = look(conv, [bipartite()])
    assert (finding.severity, finding.evidence["proven"]) == ("warning", 0)
    assert finding.mechanical is None
    assert not look(conv, [bipartite()], comparable=46)


def test_uniform_attention_ranks_nothing_and_is_left_to_its_own_rule():
    conv = TransformerConv(4, 8)
    nn.init.zeros_(conv.lin_query.weight)
    nn.init.zeros_(conv.lin_query.bias)
    assert not look(conv, [bipartite()])


def test_where_nodes_share_no_two_neighbours_gatconv_is_not_reported_unless_asked_for():
    ring = torch.arange(6)
    edges = torch.cat([torch.stack([ring, (ring + 1) % 6]), torch.stack([(ring + 1) % 6, ring])], 1)
    graph = Data(x=torch.randn(6, 4), edge_index=edges, num_nodes=6)
    assert not look(GATConv(4, 8), [graph])
    (finding,) = look(GATConv(4, 8), [graph], seldom=0)
    assert finding.severity == "note"
    assert finding.evidence["share_of_nodes_sharing"] == 0


def test_with_edge_features_gatconv_is_a_note_that_says_so():
    graph = bipartite(edge_attr=torch.randn(100, 2))
    (finding,) = look(GATConv(4, 8, edge_dim=2, add_self_loops=False), [graph])
    assert finding.severity == "note"
    assert "only edge features can" in finding.message
    assert finding.evidence["reordered"] > 0


def test_edge_features_that_a_layer_was_not_built_for_change_nothing():
    graph = bipartite(edge_attr=torch.randn(100, 2))
    assert look(GATConv(4, 8, add_self_loops=False), [graph])[0].severity == "warning"


def test_a_layer_over_all_pairs_of_nodes_is_not_looked_at():
    graph = Data(
        x=torch.tensor([0, 1, 2]),
        edge_index=torch.tensor([[0, 1], [1, 0]]),
        edge_attr=torch.tensor([1, 1]),
        num_nodes=3,
    )
    model = es.models.build(
        "GPS", num_atom_types=3, num_bond_types=2, hidden_dim=8, num_heads=2, num_layers=1
    )
    assert not diagnose(model, [graph], rules=[StaticAttention()], progress=False, every=1)
