"""The attention core against the equations, written out edge by edge."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.models import EdgeAttention


@st.composite
def graphs(draw):
    """Random graphs with self-loops, duplicate edges and isolated nodes."""
    nodes = draw(st.integers(1, 6))
    edge = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1))
    edges = draw(st.lists(edge, max_size=12))
    return nodes, torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t()


def by_hand(layer, node, edge, edge_index):
    """Return attended values and scores, from the equations in the module's docstring."""
    heads, channels = layer.num_heads, layer.head_dim

    def project(linear, states):
        out = states @ linear.weight.numpy().T
        out = out if linear.bias is None else out + linear.bias.numpy()
        return out.reshape(-1, heads, channels)

    query, key = project(layer.query, node), project(layer.key, node)
    value, projected = project(layer.value, node), project(layer.edge, edge)
    scores = np.zeros((edge_index.shape[1], heads, channels))
    total, normaliser = np.zeros((len(node), heads, channels)), np.zeros((len(node), heads, 1))
    for number, (source, target) in enumerate(edge_index.T):
        scores[number] = key[source] * query[target] / np.sqrt(channels) * projected[number]
        weight = np.exp(np.clip(scores[number].sum(-1, keepdims=True), -5, 5))
        total[target] += weight * value[source]
        normaliser[target] += weight
    return (total / (normaliser + 1e-6)).reshape(len(node), -1), scores


@settings(deadline=None)
@given(graphs(), st.integers(1, 3), st.integers(1, 4), st.booleans(), st.sampled_from([1.0, 30.0]))
def test_attention_is_what_the_equations_say(graph, heads, channels, use_bias, size):
    nodes, edge_index = graph
    torch.manual_seed(0)
    layer = EdgeAttention(heads * channels, heads, use_bias).double().requires_grad_(False)
    node = torch.randn(nodes, heads * channels, dtype=torch.float64) * size
    edge = torch.randn(edge_index.size(1), heads * channels, dtype=torch.float64)
    attended, score = layer(node, edge, edge_index)
    expected = by_hand(layer, node.numpy(), edge.numpy(), edge_index.numpy())
    np.testing.assert_allclose(attended, expected[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(score, expected[1], rtol=1e-9, atol=1e-12)


def test_a_node_without_edges_attends_to_nothing():
    layer = EdgeAttention(8, 2)
    attended, score = layer(torch.randn(3, 8), torch.zeros(0, 8), torch.zeros(2, 0).long())
    assert not attended.any()
    assert score.shape == (0, 2, 4)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    layer = EdgeAttention(4, 2).double()
    edge_index = torch.tensor([[0, 1, 2, 2, 0], [1, 0, 1, 2, 1]])
    states = (
        torch.randn(3, 4, dtype=torch.float64, requires_grad=True),
        torch.randn(5, 4, dtype=torch.float64, requires_grad=True),
    )
    assert torch.autograd.gradcheck(lambda node, edge: layer(node, edge, edge_index), states)
    assert torch.autograd.gradgradcheck(lambda node, edge: layer(node, edge, edge_index), states)


def test_widths_that_heads_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiple of num_heads, received 10 and 3"):
        EdgeAttention(10, 3)
