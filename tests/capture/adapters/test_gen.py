"""GENConv: what is captured is what softmax aggregation does with every channel of an edge."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import GENConv
from torch_geometric.nn.aggr import SoftmaxAggregation

import edgescope as es
from edgescope.errors import InputError
from layer_reference import (
    EDGE_DIM,
    GRAPHS,
    MULTIGRAPH,
    NODE_DIM,
    TOLERANCE,
    Alone,
    assert_edges,
    assert_messages_add_up,
    assert_stages,
    linear,
    numbers,
    observe,
    per_edge,
    softmax,
)


def layer_of(**options):
    torch.manual_seed(0)
    options = {"out_channels": 3, "norm": "layer"} | options
    layer = GENConv(options.pop("width", NODE_DIM), **options).eval()
    if isinstance(layer.aggr_module.t, torch.Tensor):
        torch.nn.init.uniform_(layer.aggr_module.t, 0.5, 2)
    return layer


def formula(layer, source, edge_index, edge_attr):
    """Return every stage for the edges ``[2, E]`` from source states."""
    edges, D = edge_index.numpy(), layer.out_channels
    state = linear(layer.lin_src, source) if hasattr(layer, "lin_src") else numbers(source)
    if edge_attr is not None:
        lin = getattr(layer, "lin_edge", None)
        edge_attr = numbers(edge_attr) if lin is None else linear(lin, edge_attr)

    def message(edge):
        total = state[edges[0, edge]] + (0 if edge_attr is None else edge_attr[edge])
        return np.maximum(total, 0) + layer.eps

    messages = per_edge(edges.shape[1], (1, D), message)
    t = layer.aggr_module.t
    logits = messages * (numbers(t) if isinstance(t, torch.Tensor) else t)
    weights = softmax(logits, edges[1])
    return {"logit": logits, "weight": weights, "message": weights * messages}


OPTIONS = {
    "plain": {},
    "no edges": {"edge_dim": None},
    "edges as wide as the layer": {"out_channels": EDGE_DIM, "edge_dim": EDGE_DIM},
    "nodes as wide as the layer": {"out_channels": NODE_DIM, "edge_dim": EDGE_DIM},
    "one channel": {"out_channels": 1, "edge_dim": EDGE_DIM},
    "temperature": {"t": 0.3, "edge_dim": EDGE_DIM},
    "learnt temperature": {"learn_t": True, "edge_dim": EDGE_DIM},
    "temperature per channel": {
        "edge_dim": EDGE_DIM,
        "aggr": SoftmaxAggregation(learn=True, channels=3),
    },
    "half of the gradient": {"aggr": "softmax_sg", "t": 2.0, "edge_dim": EDGE_DIM},
    "messages normalised": {"msg_norm": True, "edge_dim": EDGE_DIM, "width": 3},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_stage_agrees_with_the_formula_and_the_layer(options, graph):
    layer = layer_of(**options)
    x = graph.x[:, : options.get("width", NODE_DIM)]
    features = graph.edge_attr if options.get("edge_dim") else None
    found = observe(layer, x, graph.edge_index, features)
    assert_stages(found, formula(layer, x, graph.edge_index, features))
    assert_edges(found, graph.edge_index.numpy())
    assert_messages_add_up(found)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    layer = layer_of(edge_dim=EDGE_DIM).to(dtype)
    x, edge_index, features = MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr
    found = observe(layer, x.to(dtype), edge_index, features.to(dtype))
    assert_stages(found, formula(layer, x, edge_index, features), dtype)


def test_sources_and_targets_may_be_two_kinds_of_nodes():
    layer = layer_of(width=(NODE_DIM, 2))
    x, edge_index = (MULTIGRAPH.x, torch.randn(3, 2)), torch.tensor([[0, 4, 4, 1], [0, 2, 2, 1]])
    found = observe(layer, x, edge_index)
    assert_stages(found, formula(layer, x[0], edge_index, None))
    assert_edges(found, edge_index.numpy())
    assert_messages_add_up(found)


@pytest.mark.parametrize("aggregation", ["add", "powermean", ["softmax", "max"]])
def test_another_aggregation_is_refused_and_named(aggregation):
    model = Alone(GENConv(NODE_DIM, 3, aggr=aggregation))
    with pytest.raises(InputError, match=r"conv: it aggregates by \w+Aggregation, which is no att"):
        es.capture(model).__enter__()
    assert "only softmax is" in es.capture.sites(model)["reason"].item()


def test_several_states_per_node_are_refused():
    x = torch.randn(5, 5, NODE_DIM)  # as many time steps as nodes
    with pytest.raises(InputError, match=r"messages of shape \[5, 9, 3\].* one vector per edge"):
        observe(layer_of(), x, MULTIGRAPH.edge_index)
