"""Twins with equal outputs are counted as a loop over all pairs finds them, and explained."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GATv2Conv, SAGEConv, TransformerConv

from edgescope.diagnosis import diagnose
from edgescope.diagnosis.rules.identical_outputs import IdenticalOutputs


class Net(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index, edge_attr=None):
        if isinstance(self.conv, SAGEConv) or edge_attr is None:
            return self.conv(x, edge_index)
        return self.conv(x, edge_index, edge_attr)


def bipartite(targets=12, sources=3, seed=0, **more):
    """Return a graph in which all targets are twins."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(sources + targets, 4, generator=generator)
    edges = torch.cartesian_prod(torch.arange(sources), torch.arange(sources, sources + targets)).T
    return Data(x=x, edge_index=edges.contiguous(), num_nodes=len(x), **more)


def look(conv, graphs, **thresholds):
    rule = IdenticalOutputs(**thresholds)
    return diagnose(Net(conv), graphs, rules=[rule], progress=False, every=1)


def static_gat(side=0.0, **options):
    """Return a layer whose logits all lie on one side: attention sees the neighbour alone."""
    conv = GATConv(4, 3, add_self_loops=False, **options)
    with torch.no_grad():
        conv.lin.weight[0].zero_()
        conv.lin.weight[1:].normal_(generator=torch.Generator().manual_seed(0))
        conv.lin.weight[0, 0] = 1
        conv.att_src.zero_()
        conv.att_dst.zero_()
        conv.att_src[..., 0] = side
    return conv


def test_a_layer_in_the_linear_region_is_reported_with_its_proof():
    graph = bipartite()
    graph.x[:, 0] = graph.x[:, 0].abs() + 0.1
    (finding,) = look(static_gat(1.0), [graph])
    assert finding.severity == "warning"
    assert finding.where == "conv"
    assert finding.mechanical == "gatv2"
    expected = {"pairs": 11, "tied": 11, "certified": 11, "linear_region": 11, "uniform": 0}
    assert expected.items() <= finding.evidence.items()
    assert "11 of 11 pairs" in finding.message


def test_uniform_attention_is_told_from_the_linear_region():
    (finding,) = look(static_gat(0.0), [bipartite()])
    assert (finding.evidence["linear_region"], finding.evidence["uniform"]) == (0, 11)


@pytest.mark.parametrize("kind", [GATv2Conv, TransformerConv])
def test_layers_that_see_the_node_itself_are_not_reported(kind):
    options = {"add_self_loops": False} if kind is GATv2Conv else {"root_weight": False}
    torch.manual_seed(0)
    assert not look(kind(4, 8, **options), [bipartite(seed=seed) for seed in range(4)])


def test_a_transformer_without_queries_is_reported_without_a_certificate():
    conv = TransformerConv(4, 8, root_weight=False)
    nn.init.zeros_(conv.lin_query.weight)
    nn.init.zeros_(conv.lin_query.bias)
    (finding,) = look(conv, [bipartite()])
    assert finding.evidence["tied"] == 11
    assert "certified" not in finding.evidence
    assert finding.mechanical is None


@pytest.mark.parametrize("half", [False, True])
def test_ties_that_nothing_proves_are_reported_from_half_of_the_pairs_on(half):
    conv = TransformerConv(4, 8, root_weight=False)
    with torch.no_grad():
        conv.lin_query.weight.zero_()
        conv.lin_query.weight[:, 0] = 1  # only nodes with a first number see it
        conv.lin_query.bias.zero_()
    graph = bipartite()
    graph.x[3:, 0] = 0
    seeing = 4 if half else 10
    graph.x[3 : 3 + seeing, 0] = torch.arange(1, seeing + 1) / seeing
    found = look(conv, [graph])
    assert [each.evidence["tied"] for each in found] == ([7] if half else [])


def test_few_pairs_are_a_note():
    (finding,) = look(static_gat(), [bipartite(targets=3)])
    assert finding.severity == "note"
    assert look(static_gat(), [bipartite(targets=3)], few=2)[0].severity == "warning"


def test_twins_in_the_same_state_are_not_counted():
    graph = bipartite()
    graph.x[3:] = graph.x[3]
    assert not look(static_gat(), [graph])


def test_nodes_with_one_neighbour_are_not_counted():
    assert not look(static_gat(), [bipartite(sources=1)])


def test_self_loops_that_the_layer_adds_part_nodes_that_are_no_neighbours():
    conv = static_gat()
    conv.add_self_loops = True
    assert not look(conv, [bipartite()])


def test_nodes_with_different_edge_features_are_no_twins():
    conv = TransformerConv(4, 8, root_weight=False, edge_dim=1)
    for linear in (conv.lin_query, conv.lin_edge):
        nn.init.zeros_(linear.weight)
    nn.init.zeros_(conv.lin_query.bias)
    edges = 12 * 3
    assert look(conv, [bipartite(edge_attr=torch.zeros(edges, 1))])
    assert not look(conv, [bipartite(edge_attr=torch.arange(edges).view(-1, 1) / 1.0)])


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_batches_add_up(data):
    sizes = data.draw(st.lists(st.integers(2, 6), min_size=1, max_size=4))
    graphs = [bipartite(targets=size, seed=seed) for seed, size in enumerate(sizes)]
    (finding,) = look(static_gat(), graphs)
    assert finding.evidence["pairs"] == sum(size - 1 for size in sizes)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), heads=st.integers(1, 2), edge=st.booleans())
def test_counts_are_those_of_a_loop_over_pairs(seed, heads, edge):
    torch.manual_seed(seed)
    nodes, loops = 6, bool(seed % 2)
    conv = GATConv(
        4, 3, heads=heads, add_self_loops=loops, edge_dim=1 if edge else None, fill_value="max"
    )
    edges = torch.unique(torch.randint(0, nodes, (2, 30)) // torch.tensor([[2], [1]]), dim=1)
    attr = torch.randint(0, 2, (edges.size(1), 1)).float() if edge else None
    graph = Data(x=torch.randn(nodes, 4), edge_index=edges, edge_attr=attr, num_nodes=nodes)
    found = look(
        conv.double(), [graph.apply(lambda t: t.double() if t.is_floating_point() else t)], share=0
    )
    with torch.no_grad():
        out, (seen, _) = conv(graph.x, edges, graph.edge_attr, return_attention_weights=True)
    hoods = _neighbourhoods(seen, edges, attr, nodes, loops, conv)
    twins = [
        pair
        for pair in itertools.combinations(range(nodes), 2)
        if hoods[pair[0]] == hoods[pair[1]] and len(set(hoods[pair[0]])) > 1
    ]
    groups = {frozenset(k for k in range(nodes) if hoods[k] == hoods[i]) for i, _ in twins}
    chained = [pair for group in groups for pair in itertools.pairwise(sorted(group))]
    tied = [pair for pair in chained if torch.allclose(out[pair[0]], out[pair[1]], atol=1e-9)]
    if not tied:
        assert not found
    else:
        assert found[0].evidence["pairs"] == len(chained)
        assert found[0].evidence["tied"] == len(tied) == found[0].evidence["certified"]


def _neighbourhoods(seen, edges, attr, nodes, loops, conv):
    """Return the sorted (source, feature) of every node, loops as the layer makes them."""
    kept = [(s, t, i) for i, (s, t) in enumerate(edges.T.tolist()) if not (loops and s == t)]
    value = [
        0.0 if attr is None else float(each)
        for each in (attr if attr is not None else range(edges.size(1)))
    ]
    hoods = [[] for _ in range(nodes)]
    for source, target, number in kept:
        hoods[target].append((source, value[number]))
    if loops:
        for node in range(nodes):
            own = [feature for _, feature in hoods[node]]
            hoods[node].append((node, max(own, default=0.0)))
    assert sum(map(len, hoods)) == seen.size(1)
    return [sorted(hood) for hood in hoods]
