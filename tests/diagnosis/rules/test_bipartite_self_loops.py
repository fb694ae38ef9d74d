"""Between two sets of nodes no edge is a self-loop, and layers that replace some are found."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import GATConv, GATv2Conv, SuperGATConv, TransformerConv

import edgescope as es
from edgescope.capturing.node_sets import two_node_sets

WIDTH = 4


class Bipartite(nn.Module):
    """One layer from the nodes of one set to those of another."""

    def __init__(self, layer, same=False):
        super().__init__()
        self.conv = layer
        self.same = same

    def forward(self, x_s, x_t, edge_index):
        return self.conv(x_s if self.same else (x_s, x_t), edge_index)


def layer(kind, flow="source_to_target", **options):
    torch.manual_seed(0)
    width = WIDTH if kind is SuperGATConv else (WIDTH, WIDTH)
    return kind(width, 3, heads=2, flow=flow, **options)


def bipartite(edges, sources, targets, seed=0):
    random = torch.Generator().manual_seed(seed)
    return Data(
        x_s=torch.randn(sources, WIDTH, generator=random),
        x_t=torch.randn(targets, WIDTH, generator=random),
        edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T.contiguous(),
        num_nodes=max(sources, targets),
    )


def look(model, data, **options):
    return es.diagnose(
        model.eval(), [data], select="bipartite-self-loops", progress=False, **options
    )


@given(
    sources=st.integers(1, 5),
    targets=st.integers(1, 5),
    number=st.integers(1, 12),
    kind=st.sampled_from([GATConv, GATv2Conv]),
    data=st.data(),
)
def test_dropped_and_added_edges_are_those_of_the_layer(sources, targets, number, kind, data):
    ends = st.tuples(st.integers(0, sources - 1), st.integers(0, targets - 1))
    edges = data.draw(st.lists(ends, min_size=number, max_size=number))
    graph, model = bipartite(edges, sources, targets), Bipartite(layer(kind))
    with torch.no_grad():
        out = model.eval().conv(
            (graph.x_s, graph.x_t), graph.edge_index, return_attention_weights=True
        )
    seen = out[1][0]
    (finding,) = look(model, graph)
    real = sum(source == target for source, target in edges)
    assert finding.evidence["dropped"] == real
    assert finding.evidence["added"] == min(sources, targets) == seen.size(1) - (number - real)
    assert (finding.severity, finding.where) == ("error", "conv")


@pytest.mark.parametrize("kind", [GATConv, GATv2Conv])
def test_the_remedy_ends_it_and_keeps_the_weights(kind):
    graph = bipartite([(0, 0), (1, 0), (2, 1), (1, 1)], 3, 3)
    model = Bipartite(layer(kind))
    before = copy.deepcopy(model.state_dict())
    (finding,) = look(model, graph)
    assert finding.mechanical == "no-self-loops"
    changed = es.diagnose.try_remedy(model, finding)
    assert look(changed, graph) == []
    assert model.conv.add_self_loops
    assert not changed.conv.add_self_loops
    for name, value in changed.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.data_ptr() != model.state_dict()[name].data_ptr()


@pytest.mark.parametrize("kind", [GATConv, GATv2Conv, SuperGATConv])
def test_one_set_of_nodes_is_none_of_its_business(kind):
    torch.manual_seed(0)
    graph = bipartite([(0, 0), (1, 0), (2, 1)], 3, 3)
    assert look(Bipartite(kind(WIDTH, 3), same=True), graph) == []


def test_layers_that_keep_edges_as_given_are_right():
    graph = bipartite([(0, 0), (1, 0), (2, 1)], 3, 2)
    assert look(Bipartite(layer(TransformerConv)), graph) == []
    assert look(Bipartite(layer(GATConv, add_self_loops=False)), graph) == []


class Relations(nn.Module):
    """Layers of its own for every relation of a heterogeneous graph, without PyG's check."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.convs = nn.ModuleDict(
            {name: GATConv((WIDTH, WIDTH), 3, **options) for name in ("buys", "likes")}
        )

    def forward(self, x_dict, edge_index_dict):
        out = {}
        for (source, name, target), edges in edge_index_dict.items():
            out[name] = self.convs[name]((x_dict[source], x_dict[target]), edges)
        return out


def test_of_a_heterogeneous_model_the_relations_between_two_types_are_found():
    data = HeteroData()
    data["user"].x = torch.randn(4, WIDTH)
    data["item"].x = torch.randn(3, WIDTH)
    data["user", "buys", "item"].edge_index = torch.tensor([[0, 1, 3], [0, 2, 1]])
    data["user", "likes", "user"].edge_index = torch.tensor([[0, 1, 2], [0, 2, 1]])
    (finding,) = look(Relations(), data)
    assert finding.where == "convs.buys"
    assert (finding.evidence["dropped"], finding.evidence["added"]) == (1, 3)
    assert look(Relations(add_self_loops=False), data) == []


X = torch.arange(12.0).view(6, 2)


@pytest.mark.parametrize(
    ("pair", "two"),
    [
        (X, False),
        ((X, None), False),
        ((X, X), False),
        ((X, X[:3]), False),
        ((X, X[:3].clone()), False),
        ((X, X[3:]), True),
        ((X, X[:, :1]), True),
        ((X, X[:3] + 1), True),
        ((torch.ones(6, 2), torch.ones(4, 2)), True),
    ],
)
def test_two_sets_are_told_from_one(pair, two):
    assert two_node_sets(pair, Data(edge_index=torch.zeros(2, 1, dtype=torch.long))) is two


def test_two_states_of_all_nodes_of_a_batch_are_of_one_set():
    assert not two_node_sets((X, X + 1), Data(x=X))


def test_between_two_sets_no_rule_takes_an_edge_for_a_loop():
    """Rankings, sinks and loops leave self-loops out: between two sets there are none."""
    edges = [(source, target) for source in range(12) for target in range(12)]
    graph = bipartite(edges, 12, 12)
    model = Bipartite(layer(GATConv, add_self_loops=False))
    found = es.diagnose(model, [graph], select="static-attention", progress=False)
    assert found[0].evidence["comparable"] == 2 * (12 * 11 // 2)
    doubled = bipartite([(node, node) for node in range(12)] * 2, 12, 12)
    assert es.diagnose(model, [doubled], select="self-loops", progress=False) == []
