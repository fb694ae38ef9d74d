"""Findings do not depend on which row of the edges holds the end that attends."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GATv2Conv, MessagePassing, SuperGATConv, TransformerConv

import edgescope as es
from support.diagnose_cases import CASES
from support.diagnose_models import Stack, build, check_alike, gat, gatv2, graphs, transformer


def reversed_model(model):
    """Return a copy of a model whose layers aggregate at the other end."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, MessagePassing):
            module.flow = "target_to_source"
    return model


def reversed_batch(batch):
    """Return a copy of a batch whose edges run the other way."""
    batch = copy.copy(batch)
    batch.edge_index = batch.edge_index.flip(0)
    return batch


def plain(model):
    """Fill the features of self-loops with zeros: PyG takes their mean over one row of the edges,
    whatever the flow."""
    for module in model.modules():
        if hasattr(module, "fill_value"):
            module.fill_value = 0.0
    return model


def described(findings):
    return [
        (each.rule, each.severity, each.where, each.cause, each.remedy, each.mechanical)
        for each in findings
    ]


def check_both(model, batch, **options):
    """Diagnose a model, and the same with everything reversed; return the findings of the first."""
    model = plain(model).eval()
    other, turned = reversed_model(model), reversed_batch(batch)
    with torch.no_grad():
        torch.testing.assert_close(call(other, turned), call(model, batch), equal_nan=True)
    found, again = (
        es.diagnose(*each, progress=False, **options)
        for each in ((model, [batch]), (other, [turned]))
    )
    assert described(found) == described(again)
    for one, two in zip(found, again, strict=True):
        check_alike(dict(one.evidence), dict(two.evidence))
    return found


def call(model, batch):
    return model(batch.x, batch.edge_index, batch.edge_attr)


PASSING = [
    case
    for case in CASES
    if case.rule != "hgt-relation-order"
    and any(isinstance(each, MessagePassing) for each in build(case.bad).modules())
]


@pytest.mark.parametrize("which", ["bad", "good"])
@pytest.mark.parametrize("case", PASSING, ids=[f"{case.rule}: {case.what}" for case in PASSING])
def test_every_rule_finds_the_same_whichever_end_aggregates(case, which):
    batch = case.batch() if which == "bad" else (case.good_batch or case.batch)()
    found = check_both(build(getattr(case, which)), batch)
    assert (case.rule in {each.rule for each in found}) == (which == "bad")


def zero_queries(layer):
    nn.init.zeros_(layer.lin_query.weight)
    nn.init.zeros_(layer.lin_query.bias)
    return layer


def test_a_transformer_without_queries_is_uniform_in_both_flows():
    found = check_both(
        build(lambda: Stack(zero_queries(transformer()))), graphs(), select="uniform-attention"
    )
    assert [each.where for each in found] == ["layers.0, all 2 heads"]


def into_all(sources=10, targets=20):
    """Return a graph in which the same sources lead to all targets, and a feature of each edge."""
    x = torch.randn(sources + targets, 8, generator=torch.Generator().manual_seed(0))
    edges = torch.cartesian_prod(torch.arange(sources), torch.arange(sources, sources + targets)).T
    attr = torch.zeros(edges.size(1), 3)
    return Data(x=x, edge_index=edges.contiguous(), edge_attr=attr, num_nodes=len(x))


LAYERS = {
    "GATConv": lambda: GATConv(8, 4, heads=2, add_self_loops=False),
    "GATConv, loops": lambda: GATConv(8, 4, heads=2),
    "GATConv, edges": lambda: GATConv(8, 4, heads=2, add_self_loops=False, edge_dim=3),
    "GATv2Conv": lambda: GATv2Conv(8, 4, heads=2, add_self_loops=False),
    "SuperGATConv": lambda: SuperGATConv(8, 4, heads=2, add_self_loops=False),
    "TransformerConv": lambda: TransformerConv(8, 4, heads=2, root_weight=False),
    "TransformerConv, no queries": lambda: zero_queries(
        TransformerConv(8, 4, heads=2, root_weight=False)
    ),
}


UNIFORM = {"TransformerConv, no queries"}
"""Layers that rank nothing."""


@pytest.mark.parametrize("name", LAYERS)
def test_twins_and_rankings_are_the_same_whichever_end_aggregates(name):
    layer = LAYERS[name]
    model = build(lambda: Stack(layer()))
    model.edges = getattr(model.layers[0], "edge_dim", None) is not None
    found = check_both(model, into_all(), rules=blind_rules(), every=1)
    assert "static-attention" in {each.rule for each in found} or name in UNIFORM
    assert name not in UNIFORM or "identical-outputs" in {each.rule for each in found}


def blind_rules():
    """Return the rules on twins and rankings with thresholds at which they report what they see."""
    from edgescope.diagnosis.rules import IdenticalOutputs, StaticAttention

    return [
        IdenticalOutputs(share=0.0, unproven=0.0),
        StaticAttention(seldom=0, reordered=1.0, comparable=1),
    ]


def test_the_rules_can_tell_the_ends_apart():
    """With one of the two reversed only, other nodes attend, and the finding is another."""
    model, batch = plain(build(lambda: Stack(LAYERS["GATConv"]()))), into_all(10, 5)
    right = es.diagnose(model, [batch], rules=blind_rules(), progress=False)
    wrong = es.diagnose(model, [reversed_batch(batch)], rules=blind_rules(), progress=False)
    assert [dict(each.evidence) for each in right] != [dict(each.evidence) for each in wrong]


def test_missing_loops_are_found_in_layers_of_mixed_flows():
    first, second = gatv2(add_self_loops=False), gat(add_self_loops=False)
    second.flow = "target_to_source"
    found = es.diagnose(
        Stack(first, second, gatv2()), [graphs()], select="self-loops", progress=False
    )
    assert [each.where for each in found] == ["layers.0", "layers.1"]
