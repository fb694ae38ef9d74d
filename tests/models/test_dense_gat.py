"""The dense layer against PyG's GATConv, a loop in numpy and figures computed by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.models.dense_gat import DenseGAT

X = torch.tensor([[[0.0, 1], [2, 3], [4, 5], [6, 7]]])
ADJACENCY = torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]])


def tutorial_layer(att, channels):
    """Return the layer of the tutorial's example: W the identity, no bias, ``[a_t | a_s]``."""
    att = torch.tensor(att)
    layer = DenseGAT(2, channels, heads=len(att), bias=False)
    with torch.no_grad():
        layer.projection.weight.copy_(torch.eye(2))
        layer.att_dst.copy_(att[:, :channels])
        layer.att_src.copy_(att[:, channels:])
    return layer


@st.composite
def layers_and_graphs(draw):
    """Draw a layer in double precision, and a batch of multigraphs, some nodes alone."""
    seed = draw(st.integers(0, 2**31 - 1))
    torch.manual_seed(seed)
    layer = DenseGAT(
        draw(st.integers(1, 4)),
        draw(st.integers(1, 3)),
        heads=draw(st.integers(1, 3)),
        concat=draw(st.booleans()),
        negative_slope=draw(st.sampled_from([0.0, 0.2, 1.0])),
        bias=draw(st.booleans()),
    ).double()
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    batch, nodes = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    x = torch.randn(batch, nodes, layer.in_channels, dtype=torch.float64)
    adjacency = torch.randint(0, 3, (batch, nodes, nodes)) * (torch.rand(batch, nodes, 1) < 0.8)
    return layer, x, adjacency


def sparse(x, adjacency):
    """Return the batch as one graph of ``[B * V, F]`` nodes, parallel edges repeated."""
    graph, target, source = adjacency.nonzero(as_tuple=True)
    ends = torch.stack([source, target]) + graph * x.size(1)
    return x.flatten(0, 1), ends.repeat_interleave(adjacency[graph, target, source], dim=1)


@given(case=layers_and_graphs())
def test_the_layer_equals_gatconv_on_any_multigraph(case):
    layer, x, adjacency = case
    nodes, edges = sparse(x, adjacency)
    expected = layer.to_conv()(nodes, edges)
    assert torch.allclose(layer(x, adjacency).flatten(0, 1), expected, rtol=0, atol=1e-6)


@given(case=layers_and_graphs())
def test_gradients_equal_those_of_gatconv(case):
    layer, x, adjacency = case
    conv, dense_x = layer.to_conv(), x.clone().requires_grad_()
    nodes, edges = sparse(x, adjacency)
    nodes = nodes.clone().requires_grad_()
    layer(dense_x, adjacency).sin().sum().backward()
    conv(nodes, edges).sin().sum().backward()
    pairs = [
        (dense_x.grad.flatten(0, 1), nodes.grad),
        (layer.projection.weight.grad, conv.lin.weight.grad),
        (layer.att_src.grad, conv.att_src.grad[0]),
        (layer.att_dst.grad, conv.att_dst.grad[0]),
    ]
    if layer.bias is not None:
        pairs.append((layer.bias.grad, conv.bias.grad))
    assert all(torch.allclose(ours, theirs, rtol=0, atol=1e-6) for ours, theirs in pairs)


@given(case=layers_and_graphs())
def test_the_weights_are_those_that_a_loop_over_nodes_finds(case):
    layer, x, adjacency = case
    _, weights = layer(x, adjacency, return_weights=True)
    w = layer.projection.weight.detach().numpy()
    for b, i, h in np.ndindex(*x.shape[:2], layer.heads):
        state = (x[b].numpy() @ w.T).reshape(x.size(1), layer.heads, -1)[:, h]
        logit = state[i] @ layer.att_dst[h].detach().numpy()
        logit = logit + state @ layer.att_src[h].detach().numpy()
        logit = np.where(logit > 0, logit, layer.negative_slope * logit)
        term = adjacency[b, i].numpy() * np.exp(logit)
        expected = term / term.sum() if term.sum() else term
        assert np.allclose(weights[b, i, :, h].detach().numpy(), expected, atol=1e-12)


def test_gatconv_and_back_keeps_every_weight():
    conv = GATConv(3, 4, heads=2, concat=False, add_self_loops=False)
    back = DenseGAT.from_conv(conv).to_conv()
    state = conv.state_dict()
    assert all(torch.equal(state[name], value) for name, value in back.state_dict().items())


def test_self_loops_that_gatconv_adds_are_the_diagonal_of_the_adjacency():
    conv = GATConv(2, 3)
    loops = ADJACENCY.clone()
    nodes, edges = sparse(X, loops)
    dense = DenseGAT.from_conv(conv)
    assert torch.allclose(dense(X, loops)[0], conv(nodes, edges), atol=1e-6)


def test_one_head_of_the_tutorial_gives_plain_means():
    layer = tutorial_layer([[0.1, -0.1, 0.1, -0.1]], channels=2)
    expected = [[1.0, 2.0], [3.0, 4.0], [4.0, 5.0], [4.0, 5.0]]
    assert layer(X, ADJACENCY)[0].tolist() == [pytest.approx(row, abs=5e-5) for row in expected]


def test_two_heads_of_the_tutorial_tell_the_last_two_nodes_apart():
    layer = tutorial_layer([[-0.2, 0.3], [0.1, -0.1]], channels=1)
    expected = [[1.2913, 1.9800], [4.2344, 3.7725], [4.6798, 4.8362], [4.5043, 4.7351]]
    assert layer(X, ADJACENCY)[0].tolist() == [pytest.approx(row, abs=5e-5) for row in expected]


def test_a_node_without_neighbours_gets_the_bias_and_finite_gradients():
    layer = DenseGAT(2, 3)
    torch.nn.init.normal_(layer.bias)
    x = X.clone().requires_grad_()
    out = layer(x, torch.zeros(1, 4, 4))
    out.sum().backward()
    assert torch.equal(out[0], layer.bias.expand(4, 3))
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_weights_start_within_glorots_bound_and_the_output_bias_at_zero():
    torch.manual_seed(0)
    layer = DenseGAT(30, 20, heads=2)
    for values, fans in ((layer.projection.weight, 30 + 40), (layer.att_src, 2 + 40)):
        bound = 1.414 * (6 / fans) ** 0.5
        assert 0.9 * bound < values.abs().max() <= bound
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("x", "adjacency", "words"),
    [
        (X[0], ADJACENCY, "received x of shape"),
        (X, ADJACENCY[0], "received an adjacency of shape"),
        (X, ADJACENCY * 0.5, "no numbers of edges"),
        (X, -ADJACENCY, "no numbers of edges"),
    ],
)
def test_input_that_does_not_fit_is_refused(x, adjacency, words):
    with pytest.raises(InputError, match=words):
        DenseGAT(2, 2)(x, adjacency)


@pytest.mark.parametrize("options", [{"edge_dim": 2}, {"residual": True}])
def test_a_gatconv_with_more_than_this_layer_has_is_refused(options):
    with pytest.raises(InputError, match="expected none of them"):
        DenseGAT.from_conv(GATConv(2, 2, **options))


def test_a_layer_with_a_bias_in_its_projection_is_no_gatconv():
    with pytest.raises(InputError, match="projection_bias"):
        DenseGAT(2, 2, projection_bias=True).to_conv()


def test_no_heads_are_refused():
    with pytest.raises(InputError, match="heads=0"):
        DenseGAT(2, 2, heads=0)


def test_the_layer_is_among_the_models():
    assert es.models.DenseGAT is DenseGAT
