"""GATEConv of AttentiveFP: what is captured is what the paper's formula gives for every edge."""

import numpy as np
import torch
from torch_geometric.nn.models import AttentiveFP
from torch_geometric.nn.models.attentive_fp import GATEConv

import edgescope as es
from support.layer_reference import (
    EDGE_DIM,
    MULTIGRAPH,
    NODE_DIM,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    per_edge,
    softmax,
)
from support.message_passing_cases import Example, over


def formula(layer, seen):
    """Return every stage for the edges that the layer saw."""
    edges, x = seen.edges, numbers(seen.source)

    def logit(edge):
        j, i = edges[:, edge]
        state = leaky_relu(linear(layer.lin1, np.concatenate([x[j], seen.features[edge]])), 0.01)
        return leaky_relu(numbers(layer.att_l[0]) @ state + numbers(layer.att_r[0]) @ x[i], 0.01)

    logits = per_edge(edges.shape[1], (1, 1), logit)
    weights = softmax(logits, edges[1])

    def message(edge):
        return weights[edge] * linear(layer.lin2, x[edges[0, edge]][None])

    messages = per_edge(edges.shape[1], (1, layer.lin2.out_features), message)
    return {"logit": logits, "weight": weights, "message": messages}


@over(GATEConv)
def test_every_stage_is_its_formula(example):
    layer = example.build()
    expected = formula(layer, example.seen_by(layer))
    assert_stages(example.observe(layer), expected, example.dtype)


def test_attentive_fp_has_it_first_and_gat_layers_after_but_no_read_out():
    torch.manual_seed(0)
    model = AttentiveFP(NODE_DIM, 6, 1, EDGE_DIM, num_layers=3, num_timesteps=2).eval()
    batch = torch.zeros(5, dtype=torch.int64)
    with torch.no_grad(), es.capture(model) as tape:
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index, MULTIGRAPH.edge_attr, batch)
    paths = {site.partition(":")[0] for site in tape.sites}
    assert paths == {"gate_conv", "atom_convs.0", "atom_convs.1"}
    seen = Example(GATEConv, {}, MULTIGRAPH).seen_by(model.gate_conv)
    hidden = torch.nn.functional.leaky_relu_(model.lin1(MULTIGRAPH.x))
    wanted = formula(model.gate_conv, seen._replace(source=hidden))
    for stage, values in wanted.items():
        found = tape[f"gate_conv:{stage}"].values
        np.testing.assert_allclose(numbers(found), values, rtol=1e-5, atol=1e-5)
