"""HypergraphConv: what is captured is what the paper's formula gives for every incidence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.data.hypergraph_data import HyperGraphData
from torch_geometric.nn import HypergraphConv

import edgescope as es
from edgescope.lib.errors import InputError
from support.layer_reference import (
    NODE_DIM,
    Observed,
    assert_edges,
    assert_stages,
    leaky_relu,
    linear,
    numbers,
    per_edge,
    per_head,
    softmax,
)

INCIDENCES = torch.tensor([[0, 1, 2, 1, 3, 1, 0, 0, 5], [0, 0, 0, 1, 1, 1, 3, 3, 2]])
"""Hyperedge 4 is empty, node 4 is in none, node 1 is twice in 1, and node 0 twice in 3."""
OPTIONS = {
    "plain": {},
    "heads": {"heads": 2, "bias": False},
    "averaged heads": {"heads": 2, "concat": False},
    "one channel": {"out_channels": 1, "negative_slope": 0.7},
}
modes = pytest.mark.parametrize("mode", ["node", "edge"])
over = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def layer_of(mode, **options):
    torch.manual_seed(0)
    given = {"in_channels": NODE_DIM, "out_channels": 3, "attention_mode": mode} | options
    layer = HypergraphConv(use_attention=True, **given).eval()
    for name, parameter in layer.named_parameters():
        if name == "bias":
            nn.init.uniform_(parameter, 0.5, 2)
    return layer


class Model(nn.Module):
    """A model that is one layer."""

    def __init__(self, layer):
        super().__init__()
        self.conv = layer

    def forward(self, x, edge_index, hyperedge_attr, hyperedge_weight=None, num_edges=None):
        return self.conv(x, edge_index, hyperedge_weight, hyperedge_attr, num_edges)


def states(nodes=6, hyperedges=5):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(size, NODE_DIM, generator=generator) for size in (nodes, hyperedges))


def observe(layer, x, incidences, attr, *more):
    """Return the stages of a call, what it returned and what both ways have aggregated."""
    model, sums = Model(layer), []
    hook = layer.register_aggregate_forward_hook(lambda _, __, out: sums.append(out))
    with torch.no_grad(), es.capture(model) as tape:
        output = model(x, incidences, attr, *more)
    hook.remove()
    stages = {site.partition(":")[2]: tape[site] for site in tape.sites}
    return Observed(stages, output, tuple(sums))


def formula(layer, x, incidences, attr):
    """Return every stage for the incidences, each of a node and a hyperedge."""
    H, D, (node, hyper) = layer.heads, layer.out_channels, incidences.numpy()
    size, own = len(node), per_head(linear(layer.lin, x), layer.heads)
    both = own, per_head(linear(layer.lin, attr), H)

    def score(row):
        ends = np.concatenate([both[0][node[row]], both[1][hyper[row]]], -1)
        return numbers(layer.att[0]) * ends

    scores = per_edge(size, (H, 2 * D), score)
    logits = leaky_relu(scores.sum(-1, keepdims=True), layer.negative_slope)
    weights = softmax(logits, hyper if layer.attention_mode == "node" else node)

    def received(edge):
        rows = np.flatnonzero(hyper == edge)
        return sum((there[row] for row in rows), np.zeros((H, D)))

    there = per_edge(
        size, (H, D), lambda row: weights[row] * own[node[row]] / (hyper == hyper[row]).sum()
    )
    back = per_edge(
        size, (H, D), lambda row: weights[row] * received(hyper[row]) / (node == node[row]).sum()
    )
    messages = there if layer.attention_mode == "node" else back
    return {"score": scores, "logit": logits, "weight": weights, "message": messages}


@modes
@over
def test_every_stage_is_its_formula(mode, options):
    layer, (x, attr) = layer_of(mode, **options), states()
    for incidences in (INCIDENCES, INCIDENCES[:, :1], INCIDENCES[:, :0]):
        found = observe(layer, x, incidences, attr, None, len(attr))
        assert_stages(found, formula(layer, x, incidences, attr))
        assert_edges(found, incidences.numpy())
        assert torch.equal(found.output, layer(x, incidences, None, attr, len(attr)))


@modes
def test_messages_add_up_to_what_their_own_way_aggregates(mode):
    layer, (x, attr) = layer_of(mode, heads=2), states()
    found = observe(layer, x, INCIDENCES, attr)
    message = found.stages["message"]
    there, back = found.aggregated
    aggregated = there if mode == "node" else back
    row = 1 if mode == "node" else 0
    assert message.identity.target_row == row
    total = torch.zeros_like(aggregated).index_add(0, INCIDENCES[row], message.values)
    torch.testing.assert_close(total, aggregated)


@modes
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_numbers_give_the_same_up_to_rounding(mode, dtype):
    layer, (x, attr) = layer_of(mode, heads=2).to(dtype), (s.to(dtype) for s in states())
    found = observe(layer, x, INCIDENCES, attr)
    assert_stages(found, formula(layer, x, INCIDENCES, attr), dtype)


@modes
def test_in_training_weights_are_those_before_dropout_and_messages_those_after(mode):
    layer, (x, attr) = layer_of(mode, dropout=0.4), states()
    before = observe(layer, x, INCIDENCES, attr)
    torch.manual_seed(0)
    after = observe(layer.train(), x, INCIDENCES, attr)
    assert torch.equal(before.stages["weight"].values, after.stages["weight"].values)
    gone = (after.stages["message"].values == 0).all(-1)
    assert 0 < gone.float().mean() < 1


@modes
def test_changing_one_incidence_changes_the_logit_of_its_own_row_alone(mode):
    layer, (x, attr) = layer_of(mode), states()
    before = observe(layer, x, INCIDENCES, attr).stages["logit"]
    for row in range(INCIDENCES.size(1)):
        moved = INCIDENCES.clone()
        moved[0, row] = 4  # which is in none
        after = observe(layer, x, moved, attr).stages["logit"]
        changed = (before.values != after.values).flatten()
        assert torch.equal(before.input_edge[changed], torch.tensor([row]))


@modes
def test_a_batch_of_hypergraphs_has_its_nodes_and_hyperedges_numbered_apart(mode):
    x, attr = states()
    graphs = [
        HyperGraphData(x=x, edge_index=INCIDENCES, edge_attr=attr),
        HyperGraphData(
            x=x[:2], edge_index=torch.tensor([[0, 1, 1], [0, 0, 1]]), edge_attr=attr[:2]
        ),
    ]

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = layer_of(mode)

        def forward(self, data):
            return self.conv(data.x, data.edge_index, hyperedge_attr=data.edge_attr)

    batch, model = Batch.from_data_list(graphs), Whole()
    with torch.no_grad(), es.capture(model) as tape:
        model(batch)
    found = tape["conv:weight"]
    sizes = [each.edge_index.size(1) for each in graphs]
    assert found.graph.tolist() == [0] * sizes[0] + [1] * sizes[1]
    assert found.input_edge.tolist() == [*range(sizes[0]), *range(sizes[1])]
    own = torch.cat([each.edge_index for each in graphs], 1)
    assert torch.equal(found.edge_index - found.identity.node_offset, own)


def test_hyperedges_numbered_as_nodes_in_a_batch_are_refused():
    class Batched(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = layer_of("node")

        def forward(self, x, edge_index, hyperedge_attr, batch):  # noqa: ARG002  (read by capture)
            return self.conv(x, edge_index, None, hyperedge_attr)

    model, (x, attr) = Batched(), states()
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    incidences = torch.tensor([[0, 1, 3, 4], [0, 0, 3, 3]])
    with (
        pytest.raises(InputError, match="from 6 nodes to 4 hyperedges, and the batch"),
        es.capture(model),
    ):
        model(x, incidences, attr, batch)


def test_another_name_of_the_incidences_is_told_by_inputs():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = layer_of("node")

        def forward(self, x, hyperedge_index, hyperedge_attr):
            return self.conv(x, hyperedge_index, None, hyperedge_attr)

    model, (x, attr) = Named(), states()
    with es.capture(model, inputs={"edge_index": "hyperedge_index"}) as tape:
        model(x, INCIDENCES, attr)
    assert tape["conv:weight"].input_edge.tolist() == list(range(INCIDENCES.size(1)))


def test_without_attention_it_is_refused_and_nothing_of_it_can_be_edited():
    plain = HypergraphConv(NODE_DIM, 3)
    reason = es.capture.sites(nn.Sequential(plain))["reason"].item()
    assert reason == "it is built without attention; build it with use_attention=True"
    assert not es.capture.sites(Model(layer_of("node")))["editable"].any()


@modes
def test_diagnosis_takes_no_incidence_for_an_edge_among_nodes(mode):
    x, attr = states(6, 6)
    graph = HyperGraphData(x=x, edge_index=INCIDENCES, edge_attr=attr)
    model = Model(layer_of(mode))
    found = es.diagnose(
        model, [graph], call=lambda m, g: m(g.x, g.edge_index, g.edge_attr), progress=False
    )
    rules = {finding.rule for finding in found}
    assert not rules & {
        "self-loops",
        "identical-outputs",
        "attention-sinks",
        "bipartite-self-loops",
    }
