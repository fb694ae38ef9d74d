"""FAConv: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import FAConv

import edgescope as es
from edgescope.lib.errors import InputError
from support.layer_reference import MULTIGRAPH, NODE_DIM, assert_stages, linear, numbers, per_edge
from support.message_passing_cases import over


def formula(layer, seen, given):
    """Return every stage for the edges that the layer saw; ``given`` are weights of the edges."""
    edges, x = seen.edges, numbers(seen.source)
    left, right = linear(layer.att_l, x), linear(layer.att_r, x)
    degree = np.bincount(edges[1], minlength=len(x)).astype(float)

    def factor(edge):
        if not layer.normalize:
            return numbers(given)[edge]
        j, i = edges[:, edge]
        return 0.0 if not degree[j] else 1 / np.sqrt(degree[i] * degree[j])

    logits = per_edge(edges.shape[1], (1, 1), lambda e: left[edges[0, e]] + right[edges[1, e]])
    weights = np.tanh(logits)

    def message(edge):
        return weights[edge] * factor(edge) * x[edges[0, edge]]

    messages = per_edge(edges.shape[1], (1, x.shape[1]), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(FAConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer), example.more.get("edge_weight"))
    assert_stages(example.observe(layer), expected, example.dtype)


def cached(**options):
    """Return a model of one layer that has seen the edges of ``MULTIGRAPH``."""
    torch.manual_seed(0)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = FAConv(NODE_DIM, cached=True, **options)

        def forward(self, x, edge_index):
            return self.conv(x, x, edge_index)

    model = Model().eval()
    model(MULTIGRAPH.x, MULTIGRAPH.edge_index)
    return model


def test_edges_from_the_cache_are_those_given_if_they_are_the_same():
    model, edges = cached(), MULTIGRAPH.edge_index.clone()
    with es.capture(model) as tape:
        model(MULTIGRAPH.x, edges)
    real = tape["conv:weight"].real
    position = tape["conv:weight"].input_edge[real]
    assert torch.equal(position, (edges[0] != edges[1]).nonzero().flatten())
    assert torch.equal(edges[:, position], tape["conv:weight"].edge_index[:, real])


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("block", [es.capture, lambda m: es.capture.edit(m, None, lambda _: None)])
def test_a_cache_of_other_edges_is_refused(loops, block):
    model = cached(add_self_loops=loops)
    other = MULTIGRAPH.edge_index.flip(1)
    with (
        pytest.raises(InputError, match=r"cached=True and works on the edges of its first call"),
        block(model),
    ):
        model(MULTIGRAPH.x, other)
    model.conv.reset_parameters()
    with block(model):
        model(MULTIGRAPH.x, other)
