"""GATEConv of AttentiveFP: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import pytest
import torch
from torch_geometric.nn.models import AttentiveFP
from torch_geometric.nn.models.attentive_fp import GATEConv

import edgescope as es
from layer_reference import (
    EDGE_DIM,
    GRAPHS,
    MULTIGRAPH,
    NODE_DIM,
    TOLERANCE,
    assert_edges,
    assert_messages_add_up,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    observe,
    per_edge,
    softmax,
)


def layer_of():
    torch.manual_seed(0)
    # It works only where both widths agree.
    return GATEConv(NODE_DIM, NODE_DIM, EDGE_DIM).eval()


def formula(layer, x, edge_index, edge_attr):
    """Return every stage for the edges ``[2, E]``."""
    edges, x, edge_attr = edge_index.numpy(), numbers(x), numbers(edge_attr)

    def logit(edge):
        j, i = edges[:, edge]
        state = leaky_relu(linear(layer.lin1, np.concatenate([x[j], edge_attr[edge]])), 0.01)
        return leaky_relu(numbers(layer.att_l[0]) @ state + numbers(layer.att_r[0]) @ x[i], 0.01)

    logits = per_edge(edges.shape[1], (1, 1), logit)
    weights = softmax(logits, edges[1])

    def message(edge):
        return weights[edge] * linear(layer.lin2, x[edges[0, edge]][None])

    messages = per_edge(edges.shape[1], (1, layer.lin2.out_features), message)
    return {"logit": logits, "weight": weights, "message": messages}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_stage_agrees_with_the_formula_and_the_layer(graph):
    layer = layer_of()
    found = observe(layer, graph.x, graph.edge_index, graph.edge_attr)
    assert_stages(found, formula(layer, graph.x, graph.edge_index, graph.edge_attr))
    assert_edges(found, graph.edge_index.numpy())
    assert_messages_add_up(found)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_narrow_numbers_are_captured_as_they_are(dtype):
    layer = layer_of().to(dtype)
    x, edge_index, features = MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr
    found = observe(layer, x.to(dtype), edge_index, features.to(dtype))
    assert_stages(found, formula(layer, x, edge_index, features), dtype)


def test_weights_are_bit_for_bit_those_that_the_layer_aggregates_with():
    layer, x = layer_of(), MULTIGRAPH.x
    given = []
    hook = layer.register_message_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    found = observe(layer, x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr)
    hook.remove()
    assert torch.equal(found.stages["weight"].values.flatten(), given[0]["alpha"])


def test_attentive_fp_has_it_first_and_gat_layers_after_but_no_read_out():
    torch.manual_seed(0)
    model = AttentiveFP(NODE_DIM, 6, 1, EDGE_DIM, num_layers=3, num_timesteps=2).eval()
    batch = torch.zeros(5, dtype=torch.int64)
    with torch.no_grad(), es.capture(model) as tape:
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr, batch)
    paths = {site.partition(":")[0] for site in tape.sites}
    assert paths == {"gate_conv", "atom_convs.0", "atom_convs.1"}
    hidden = torch.nn.functional.leaky_relu_(model.lin1(MULTIGRAPH.x))
    wanted = formula(model.gate_conv, hidden, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr)
    for stage, values in wanted.items():
        found = tape[f"gate_conv:{stage}"].values
        np.testing.assert_allclose(numbers(found), values, rtol=1e-5, atol=1e-5)
