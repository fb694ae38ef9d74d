"""Edits that must agree with something else: another input, or no change at all."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

import edgescope as es
from support.layer_options import calls
from support.layer_reference import MULTIGRAPH, NODE_DIM, Alone

layers = pytest.mark.parametrize("kind", [GATConv, GATv2Conv, TransformerConv])


def taken(call):
    """Return whether the layer takes the call, with one row of numbers for every edge."""
    if call.edge_index.size(1) == 1 and "edge_attr" in call.arguments:
        return False  # PyG takes features of other edges too
    try:
        call.run(call.build())
    except Exception:  # noqa: BLE001  (whatever the layer raises)
        return False
    return call.target_row == 1 or not isinstance(call.x, tuple) or call.x[0] is call.x[1]


def edited(call, fn):
    model = call.build()
    with es.capture.edit(model, "conv:logit", fn):
        return call.run(model)


def outputs(call, model=None):
    found = call.run(call.build()) if model is None else model
    return found[0] if isinstance(found, tuple) else found


@layers
@given(data=st.data())
def test_a_constant_added_to_all_logits_of_a_node_changes_nothing(kind, data):
    call = data.draw(calls(kind, dtype=torch.float64, training=False))
    assume(taken(call))
    random = torch.Generator().manual_seed(0)

    def add(found):
        heads = found.values.size(1)
        size = int(found.target.max()) + 1 if len(found.target) else 0
        constant = 3 * torch.randn(size, heads, 1, generator=random)
        return found.values + constant.to(found.values)[found.target]

    # A layer of its own accord may give NaN, as TransformerConv does for features of no edge.
    torch.testing.assert_close(
        outputs(call, edited(call, add)), outputs(call), rtol=1e-4, atol=1e-4, equal_nan=True
    )


@layers
@given(data=st.data())
def test_a_logit_of_minus_infinity_takes_the_edge_away(kind, data):
    options = {"add_self_loops": False, "aggr": "add", "training": False}
    edges = data.draw(st.sampled_from([6, 9]))
    call = data.draw(calls(kind, dtype=torch.float64, edges=edges, **options))
    target = call.edge_index[call.target_row]
    several = [edge for edge in range(edges) if (target == target[edge]).sum() > 1]
    features = call.arguments.get("edge_attr")
    if features is not None and features.dim() == 2 and call.options["edge_dim"] is None:
        assume(len(features) == 1)  # added to heads, not to edges
    assume(several)
    assume(taken(call))
    gone = data.draw(st.sampled_from(several))
    kept = torch.arange(edges) != gone
    arguments = dict(call.arguments)
    if features is not None and features.dim():
        of_edges = next((at for at in (0, 1) if features.shape[at : at + 1] == (edges,)), None)
        if of_edges is not None:
            arguments["edge_attr"] = features.index_select(of_edges, kept.nonzero().flatten())
    without = replace(call, edge_index=call.edge_index[:, kept], arguments=arguments)
    expected = outputs(without)

    def forbid(found):
        mask = ~kept.view(-1, 1, 1)
        return found.values.masked_fill(mask, -torch.inf)

    found = outputs(call, edited(call, forbid))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [GATv2Conv, TransformerConv])
def test_a_score_of_other_states_gives_the_weights_of_those(kind):
    torch.manual_seed(0)
    model = Alone(kind(NODE_DIM, 3, heads=2)).eval()
    x, other = MULTIGRAPH.x, MULTIGRAPH.x.flip(0)
    with es.capture(model) as tape:
        model(other, MULTIGRAPH.edge_index)
    weight, (source, target) = tape["conv:weight"].values, tape["conv:weight"].edge_index
    layer = model.conv
    value = (layer.lin_value if kind is TransformerConv else layer.lin_l)(x).view(-1, 2, 3)
    aggregated = torch.zeros(5, 2, 3).index_add(0, target, weight * value[source]).flatten(1)
    expected = aggregated + (layer.lin_skip(x) if kind is TransformerConv else layer.bias)
    with es.capture.edit(model, "conv:score", lambda _: tape["conv:score"].values):
        found = model(x, MULTIGRAPH.edge_index)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", [GATConv, TransformerConv])
def test_features_in_any_shape_that_the_layer_takes_are_those_of_the_edges(kind):
    """One row for all edges, one vector, or a dimension in front: all are as written out."""
    torch.manual_seed(0)
    options = {"add_self_loops": False} if kind is GATConv else {}
    layer = kind(NODE_DIM, 9, heads=1, edge_dim=3, **options).eval()
    model, edges = Alone(layer), MULTIGRAPH.edge_index
    features, own = MULTIGRAPH.edge_attr, MULTIGRAPH.edge_attr[:1]
    shapes = [(features[None], features), (own, own.expand(9, 3)), (features[:, None], features)]
    if kind is TransformerConv:
        shapes.append((own[0], own.expand(9, 3)))
    for given_as, written_out in shapes:
        tapes = []
        for attributes in (given_as, written_out):
            with es.capture(model) as tape:
                model(MULTIGRAPH.x, edges, attributes)
            tapes.append(tape)
        for site in tapes[0].sites:
            torch.testing.assert_close(tapes[0][site].values, tapes[1][site].values)


def test_features_without_edge_dim_are_part_of_the_value_of_transformer_conv():
    torch.manual_seed(0)
    model = Alone(TransformerConv(NODE_DIM, 3, heads=2, root_weight=False)).eval()
    features = torch.randn(9, 1, 3)
    half = torch.full((9, 2, 1), 0.5)
    with es.capture.edit(model, "conv:weight", lambda _: half):
        found = model(MULTIGRAPH.x, MULTIGRAPH.edge_index, features)
    source, target = MULTIGRAPH.edge_index
    value = model.conv.lin_value(MULTIGRAPH.x).view(-1, 2, 3)[source] + features
    expected = torch.zeros(5, 2, 3).index_add(0, target, value / 2).flatten(1)
    torch.testing.assert_close(found, expected)


@layers
def test_messages_may_be_edited_in_training_as_they_come_after_dropout(kind):
    torch.manual_seed(0)
    model = Alone(kind(NODE_DIM, 3, heads=2, dropout=0.5)).train()
    inputs = (MULTIGRAPH.x, MULTIGRAPH.edge_index)
    sent = []

    def triple(found):
        sent.append((found.values, found.target))
        return 3 * found.values

    torch.manual_seed(1)
    before = model(*inputs)
    torch.manual_seed(1)
    with es.capture.edit(model, "conv:message", triple):
        after = model(*inputs)
    ((message, target),) = sent
    added = torch.zeros(5, 2, 3).index_add(0, target, 2 * message).flatten(1)
    torch.testing.assert_close(after, before + added)
