"""How rules are chosen, and what diagnosis does with unusual models and data."""

import json

import pytest
import torch
from torch_geometric.data import Batch, Data

import edgescope as es
from edgescope.diagnosis.rules import DeadHead, UniformAttention
from edgescope.lib.errors import InputError
from support.diagnose_models import Stack, build, gat, gatv2, graphs, transformer
from support.graph_cases import EDGE_DIM, TYPES, WIDTH
from support.layer_cases import CASES as LAYERS
from support.layer_cases import build as build_layer


def graph(nodes, edges):
    return Data(
        x=torch.randn(nodes, 8),
        edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T,
        edge_attr=torch.randn(len(edges), 3),
        batch=torch.zeros(nodes, dtype=torch.long),
    )


UNUSUAL = {
    "no edges": graph(4, []),
    "one node": graph(1, []),
    "one node with a loop": graph(1, [(0, 0)]),
    "isolated nodes": graph(5, [(0, 1), (1, 0)]),
    "duplicate edges": graph(2, [(0, 1), (0, 1), (1, 0)]),
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize("layer", [gatv2, transformer])
def test_unusual_graphs_are_diagnosed(data, layer):
    findings = es.diagnose(build(lambda: Stack(layer(), layer())), [data])
    evidence = [each["evidence"] for each in json.loads(findings.json())["findings"]]
    assert "null" not in json.dumps(evidence)  # as which a number that is not finite is written


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize("kind", [gat, gatv2, transformer])
def test_unusual_graphs_with_edge_features_are_diagnosed(data, kind):
    model = build(lambda: Stack(kind(edge_dim=3), kind(edge_dim=3), edges=True))
    assert es.diagnose(model, [data]).batches == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_states_that_are_not_finite_are_no_finding_of_their_own(value):
    batch = graphs()
    batch.x[0, 0] = value
    assert isinstance(es.diagnose(build(lambda: Stack(gatv2(), gatv2())), [batch]).text(), str)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_every_layer_that_can_be_captured_can_be_diagnosed(case):
    random = torch.Generator().manual_seed(0)
    data = Batch.from_data_list(
        [
            Data(
                x=torch.randn(6, WIDTH, generator=random),
                edge_index=torch.randint(0, 6, (2, 14), generator=random),
                edge_attr=torch.randn(14, EDGE_DIM, generator=random),
                edge_type=torch.randint(0, TYPES, (14,), generator=random),
            )
            for _ in range(3)
        ]
    )
    findings = es.diagnose(
        build_layer(case), [data], call=lambda model, batch: model(**case.inputs(batch))
    )
    assert findings.batches == 1


def test_only_one_batch_in_six_is_looked_at():
    model, batches = build(lambda: Stack(gatv2())), [graphs(2, seed=seed) for seed in range(7)]
    assert es.diagnose(model, batches).batches == 2
    assert es.diagnose(model, batches, every=1).batches == 7
    assert es.diagnose(model, batches, every=1, max_batches=2).batches == 2


def test_counts_add_up_over_batches():
    model = build(lambda: Stack(gatv2()))
    parts = [graphs(3, seed=seed) for seed in (0, 1)]
    whole = Batch.from_data_list([each for part in parts for each in part.to_data_list()])
    rules = [UniformAttention(entropy=0.0)]
    (split,) = es.diagnose(model, parts, rules=rules, every=1)
    (joined,) = es.diagnose(model, [whole], rules=rules)
    assert split.evidence["nodes"] == joined.evidence["nodes"]
    assert split.evidence["entropy"] == pytest.approx(joined.evidence["entropy"], rel=1e-6)


def test_nodes_with_one_edge_or_alike_neighbours_do_not_count_as_uniform():
    batch = graph(4, [(0, 1), (1, 2), (3, 2)])
    batch.x[3] = batch.x[1]
    model = build(lambda: Stack(transformer()))
    assert es.diagnose(model, [batch], rules=[UniformAttention(entropy=0.0)]) == []


def test_rules_are_selected_and_ignored_by_pattern():
    model = build(lambda: Stack(gatv2()))
    found = es.diagnose(model, [graphs()], select=["*-head*"], ignore=["duplicate-*"])
    assert found.rules == ("dead-head",)


def test_a_rule_of_ones_own_thresholds_is_used():
    model, batch = build(lambda: Stack(gatv2())), graphs()
    assert es.diagnose(model, [batch], rules=[UniformAttention()]) == []
    assert es.diagnose(model, [batch], rules=[UniformAttention(entropy=0.1)])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"select": "no-rule"}, "no rule is called 'no-rule'"),
        ({"select": "dead-head", "ignore": "dead-*"}, "no rule is left"),
        ({"rules": [DeadHead(), DeadHead()]}, "two rules of the same identifier"),
        ({"every": 0}, "every=0, expected 1 or more"),
        ({"max_batches": 0}, "max_batches=0, expected 1 or more"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        es.diagnose(build(lambda: Stack(gatv2())), [graphs()], **options)


def test_a_loader_without_batches_is_refused():
    with pytest.raises(InputError, match="gave no batch"):
        es.diagnose(build(lambda: Stack(gatv2())), [])


def test_something_that_can_be_gone_through_once_is_refused():
    with pytest.raises(InputError, match="only once"):
        es.diagnose(build(lambda: Stack(gatv2())), iter([graphs()]))


def test_a_scan_says_what_is_massive():
    data = es.data.load("solubility").test
    model = es.models.GraphTransformer(
        **data.model_sizes, hidden_dim=8, num_heads=2, num_layers=1
    ).eval()
    loader = es.data.loader(data[:40], batch_size=20)
    scan = es.scan(model, loader, criterion=es.Criterion("any", ratio=1.5), progress=False)
    (found,) = es.diagnose(model, loader, scan=scan, select="massive-activations")
    (row,) = scan.massive_edges().iter_rows(named=True)
    assert found.evidence["massive"] == row["massive"] > 0
    assert found.layer == "layers.0.attention:score"


def test_a_layer_that_runs_twice_is_looked_at_twice():
    layer = build(gatv2)
    found = es.diagnose(Stack(layer, layer), [graphs()], rules=[UniformAttention(entropy=0.0)])
    assert [each.layer for each in found] == ["layers.0", "layers.0@2"]
