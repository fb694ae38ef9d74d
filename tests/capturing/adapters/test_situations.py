"""What holds for every message-passing layer, whatever its formula."""

from dataclasses import replace

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.nn import (
    AGNNConv,
    FAConv,
    FeaStConv,
    GATConv,
    GATv2Conv,
    GENConv,
    GeneralConv,
    HEATConv,
    PointTransformerConv,
    ResGatedGraphConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.models.attentive_fp import GATEConv
from torch_geometric.utils import scatter

from support.attention_options import EDGES, MESSAGES_OF_EDGES, TWO
from support.layer_reference import MULTIGRAPH, assert_messages_add_up
from support.message_passing_cases import Example

LAYERS = {
    "GATConv": Example(GATConv, TWO | EDGES | {"fill_value": 0.0}, MULTIGRAPH),
    "GATv2Conv": Example(GATv2Conv, TWO | EDGES | {"fill_value": 0.0}, MULTIGRAPH),
    "TransformerConv": Example(TransformerConv, TWO | EDGES, MULTIGRAPH),
    "SuperGATConv, MX": Example(SuperGATConv, TWO, MULTIGRAPH),
    "SuperGATConv, SD": Example(SuperGATConv, TWO | {"attention_type": "SD"}, MULTIGRAPH),
    "RGATConv": Example(RGATConv, TWO | EDGES, MULTIGRAPH),
    "GATEConv": Example(GATEConv, EDGES, MULTIGRAPH),
    "GENConv": Example(GENConv, EDGES, MULTIGRAPH),
    "AGNNConv": Example(AGNNConv, {}, MULTIGRAPH),
    "FAConv": Example(FAConv, {}, MULTIGRAPH),
    "FeaStConv": Example(FeaStConv, {}, MULTIGRAPH),
    "HEATConv": Example(HEATConv, {}, MULTIGRAPH),
    "PointTransformerConv": Example(PointTransformerConv, {}, MULTIGRAPH),
    "GeneralConv": Example(GeneralConv, MESSAGES_OF_EDGES, MULTIGRAPH),
    "GeneralConv, product": Example(GeneralConv, {"attention_type": "dot_product"}, MULTIGRAPH),
    "ResGatedGraphConv": Example(ResGatedGraphConv, EDGES, MULTIGRAPH),
}
FLOWS = {name: example for name, example in LAYERS.items() if name != "GATEConv"}  # it takes none
NO_DROPOUT = {
    GENConv,
    AGNNConv,
    FeaStConv,
    PointTransformerConv,
    GeneralConv,
    ResGatedGraphConv,
}
WITH_DROPOUT = {n: example for n, example in LAYERS.items() if example.layer not in NO_DROPOUT}


def over(table):
    return pytest.mark.parametrize("example", table.values(), ids=table)


def on(example, **changes):
    """Return the same layer on the same graph with other parts."""
    return replace(example, graph=MULTIGRAPH.clone().update(changes))


@over(LAYERS)
def test_explanation_mode_changes_no_row(example):
    layer = example.build()
    plain = example.observe(layer)
    layer.explain = True
    layer._edge_mask, layer._apply_sigmoid = torch.ones(len(plain.stages["logit"].values)), False
    explained = example.observe(layer)
    assert torch.equal(plain.output, explained.output)
    for name, stage in plain.stages.items():
        assert torch.equal(stage.values, explained.stages[name].values)
        assert torch.equal(stage.input_edge, explained.stages[name].input_edge)


@over(FLOWS)
def test_the_other_direction_of_flow_gives_the_rows_of_the_reversed_edges(example):
    layer = example.build()
    wanted = on(example, edge_index=MULTIGRAPH.edge_index.flip(0)).observe(layer)
    found = example.observe(example.build(flow="target_to_source"))
    for name, stage in wanted.stages.items():
        assert torch.equal(stage.values, found.stages[name].values)
        assert torch.equal(stage.input_edge, found.stages[name].input_edge)
        assert torch.equal(stage.edge_index.flip(0), found.stages[name].edge_index)
    assert_messages_add_up(found, 0, "mean" if example.layer is FeaStConv else "sum")


@over(WITH_DROPOUT)
def test_in_training_weights_are_those_before_dropout_and_messages_those_after(example):
    layer = example.build()
    plain = example.observe(layer)
    layer.dropout = 0.4
    dropped = example.observe(layer.train())
    for stage in ("logit", "weight"):
        assert torch.equal(plain.stages[stage].values, dropped.stages[stage].values)
    weight = dropped.stages["weight"]
    total = scatter(weight.values, weight.edge_index[1])[weight.edge_index[1]]
    if example.layer is not FAConv:  # whose weights are gates
        torch.testing.assert_close(total, torch.ones_like(total))
    before, after = plain.stages["message"].values, dropped.stages["message"].values
    gone = (after == 0).all(-1)
    assert 0 < gone.float().mean() < 1
    torch.testing.assert_close(after[~gone], before[~gone] / 0.6)
    assert_messages_add_up(dropped)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@over(LAYERS)
def test_nan_and_infinity_show_in_the_rows_of_its_node_and_in_no_others(example, number):
    layer, x = example.build(), MULTIGRAPH.x.clone()
    clean = example.observe(layer)
    x[3, 1] = number
    found = on(example, x=x).observe(layer)
    for name in clean.stages.keys() & {"score", "logit"}:
        stage, before = found.stages[name], clean.stages[name].values
        touched = stage.edge_index[0] == 3
        additive = getattr(layer, "attention_type", "") == "additive"
        if not (isinstance(layer, GENConv) or additive):  # whose messages do not know their target
            touched |= stage.edge_index[1] == 3
        finite = stage.values.isfinite().flatten(1).all(1)
        assert torch.equal(finite, ~touched)
        assert torch.equal(stage.values[~touched], before[~touched])


@over(LAYERS)
def test_edges_may_come_as_an_edge_index_that_knows_its_order(example):
    order = MULTIGRAPH.edge_index[1].argsort(stable=True)
    graph, layer = MULTIGRAPH.edge_subgraph(order), example.build()
    ordered = EdgeIndex(graph.edge_index, sparse_size=(5, 5), sort_order="col")
    plain = replace(example, graph=graph).observe(layer)
    graph.edge_index = ordered
    found = replace(example, graph=graph).observe(layer)
    for name, stage in plain.stages.items():
        assert type(found.stages[name].edge_index) is torch.Tensor
        assert torch.equal(stage.edge_index, found.stages[name].edge_index)
        assert torch.equal(stage.input_edge, found.stages[name].input_edge)
        torch.testing.assert_close(stage.values, found.stages[name].values)
