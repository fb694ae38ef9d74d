"""What holds for every message-passing layer, whatever its formula."""

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GENConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
)
from torch_geometric.nn.models.attentive_fp import GATEConv
from torch_geometric.utils import scatter

from layer_reference import EDGE_DIM, MULTIGRAPH, NODE_DIM, assert_messages_add_up, observe

EDGES = {"edge_dim": EDGE_DIM}
LAYERS = {
    "GATConv": (GATConv, {"heads": 2, "fill_value": 0.0} | EDGES),
    "GATv2Conv": (GATv2Conv, {"heads": 2, "fill_value": 0.0} | EDGES),
    "TransformerConv": (TransformerConv, {"heads": 2} | EDGES),
    "SuperGATConv, MX": (SuperGATConv, {"heads": 2}),
    "SuperGATConv, SD": (SuperGATConv, {"heads": 2, "attention_type": "SD"}),
    "RGATConv": (RGATConv, {"heads": 2, "num_relations": 3} | EDGES),
    "GATEConv": (GATEConv, EDGES),
    "GENConv": (GENConv, {"norm": "layer"} | EDGES),
}
FLOWS = {name: case for name, case in LAYERS.items() if name != "GATEConv"}  # it takes none
WITH_DROPOUT = {name: case for name, case in LAYERS.items() if name != "GENConv"}


def layer_of(case, **more):
    torch.manual_seed(0)
    kind, options = case
    return kind(NODE_DIM, NODE_DIM, **options, **more).eval()


def run(layer, graph, edge_index=None):
    edge_index = graph.edge_index if edge_index is None else edge_index
    kind = {"edge_type": graph.edge_type} if isinstance(layer, RGATConv) else {}
    features = None if isinstance(layer, SuperGATConv) else graph.edge_attr
    return observe(layer, graph.x, edge_index, features, **kind)


@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_explanation_mode_changes_no_row(case):
    layer = layer_of(case)
    plain = run(layer, MULTIGRAPH)
    layer.explain = True
    layer._edge_mask, layer._apply_sigmoid = torch.ones(len(plain.stages["logit"].values)), False
    explained = run(layer, MULTIGRAPH)
    assert torch.equal(plain.output, explained.output)
    for name, stage in plain.stages.items():
        assert torch.equal(stage.values, explained.stages[name].values)
        assert torch.equal(stage.input_edge, explained.stages[name].input_edge)


@pytest.mark.parametrize("case", FLOWS.values(), ids=FLOWS)
def test_the_other_direction_of_flow_gives_the_rows_of_the_reversed_edges(case):
    layer = layer_of(case)
    wanted = run(layer, MULTIGRAPH, MULTIGRAPH.edge_index.flip(0))
    found = run(layer_of(case, flow="target_to_source"), MULTIGRAPH)
    for name, stage in wanted.stages.items():
        assert torch.equal(stage.values, found.stages[name].values)
        assert torch.equal(stage.input_edge, found.stages[name].input_edge)
        assert torch.equal(stage.edge_index.flip(0), found.stages[name].edge_index)
    assert_messages_add_up(found, side=0)


@pytest.mark.parametrize("case", WITH_DROPOUT.values(), ids=WITH_DROPOUT)
def test_in_training_weights_are_those_before_dropout_and_messages_those_after(case):
    layer = layer_of(case)
    plain = run(layer, MULTIGRAPH)
    layer.dropout = 0.4
    dropped = run(layer.train(), MULTIGRAPH)
    for stage in ("logit", "weight"):
        assert torch.equal(plain.stages[stage].values, dropped.stages[stage].values)
    weight = dropped.stages["weight"]
    total = scatter(weight.values, weight.edge_index[1])[weight.edge_index[1]]
    torch.testing.assert_close(total, torch.ones_like(total))
    before, after = plain.stages["message"].values, dropped.stages["message"].values
    gone = (after == 0).all(-1)
    assert 0 < gone.float().mean() < 1
    torch.testing.assert_close(after[~gone], before[~gone] / 0.6)
    assert_messages_add_up(dropped)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_nan_and_infinity_show_in_the_rows_of_its_node_and_in_no_others(case, number):
    layer, graph = layer_of(case), MULTIGRAPH.clone()
    clean = run(layer, graph)
    graph.x = graph.x.clone()
    graph.x[3, 1] = number
    found = run(layer, graph)
    for name in clean.stages.keys() & {"score", "logit"}:
        stage, before = found.stages[name], clean.stages[name].values
        touched = stage.edge_index[0] == 3
        if not isinstance(layer, GENConv):  # whose messages know nothing of their target
            touched |= stage.edge_index[1] == 3
        finite = stage.values.isfinite().flatten(1).all(1)
        assert torch.equal(finite, ~touched)
        assert torch.equal(stage.values[~touched], before[~touched])


@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_edges_may_come_as_an_edge_index_that_knows_its_order(case):
    order = MULTIGRAPH.edge_index[1].argsort(stable=True)
    graph = MULTIGRAPH.edge_subgraph(order)
    ordered = EdgeIndex(graph.edge_index, sparse_size=(5, 5), sort_order="col")
    plain, found = run(layer_of(case), graph), run(layer_of(case), graph, ordered)
    for name, stage in plain.stages.items():
        assert type(found.stages[name].edge_index) is torch.Tensor
        assert torch.equal(stage.edge_index, found.stages[name].edge_index)
        assert torch.equal(stage.input_edge, found.stages[name].input_edge)
        torch.testing.assert_close(stage.values, found.stages[name].values)
