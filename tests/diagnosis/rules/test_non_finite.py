"""What is not finite is found where it begins, and nothing that it spoils is judged."""

import copy
import json

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv, global_mean_pool

import edgescope as es
from support.diagnose_models import WIDTH as IN
from support.diagnose_models import Stack, build, gatv2, graphs, transformer
from support.graph_cases import EDGE_DIM, TYPES, WIDTH
from support.layer_cases import CASES as LAYERS
from support.layer_cases import build as build_layer

BAD = {"NaN": torch.nan, "infinity": torch.inf, "-infinity": -torch.inf}
BY_LAYER = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)


def in_turn(cases):
    """Run a test over layers, and over all kinds of what is not finite, one for each layer."""
    table = [
        pytest.param(case, list(BAD)[number % len(BAD)], id=case.name)
        for number, case in enumerate(cases)
    ]
    return pytest.mark.parametrize(("case", "kind"), table)


def batch_of(seed=0, graphs=3):
    random = torch.Generator().manual_seed(seed)

    def edges():
        source = torch.randint(0, 6, (14,), generator=random)
        return torch.stack([source, (source + torch.randint(1, 6, (14,), generator=random)) % 6])

    return Batch.from_data_list(
        [
            Data(
                x=torch.randn(6, WIDTH, generator=random),
                edge_index=edges(),
                edge_attr=torch.randn(14, EDGE_DIM, generator=random),
                edge_type=torch.randint(0, TYPES, (14,), generator=random),
            )
            for _ in range(graphs)
        ]
    )


def diagnosed(case, model, batches, **options):
    return es.diagnose(
        model,
        batches,
        call=lambda model, batch: model(**case.inputs(batch)),
        progress=False,
        every=1,
        **options,
    )


def only(findings, clean=()):
    """Return the one finding, after checking that no other rule judged what it spoils.

    What else is found is found in the model without the fault as well, in layers that it does not
    reach.
    """
    first, *others = findings
    assert first.rule == "non-finite", findings.text()
    before = [(each.rule, each.where, each.message) for each in clean]
    for each in others:
        assert (each.rule, each.where, each.message) in before
        assert each.layer not in first.evidence["not_judged"]
    return first


@BY_LAYER
def test_a_finite_model_has_no_such_finding(case):
    found = diagnosed(case, build_layer(case), [batch_of()], select="non-finite")
    assert found == []
    assert found.unjudged == {}


@BY_LAYER
def test_a_parameter_is_found_by_its_name(case):
    model = build_layer(case)
    clean = diagnosed(case, model, [batch_of()], ignore=FROM_ROWS)
    names = [name for name, each in model.named_parameters() if each.numel()]
    for number, name in enumerate([*names[:2], *names[-1:]]):
        kind = list(BAD)[number % len(BAD)]
        broken = copy.deepcopy(model)
        with torch.no_grad():
            broken.get_parameter(name).view(-1)[-1] = BAD[kind]
        before = copy.deepcopy(broken.state_dict())
        found = only(diagnosed(case, broken, [batch_of()], ignore=FROM_ROWS), clean)
        assert found.severity == "error"
        assert (found.evidence["cause"], found.evidence["name"]) == ("parameter", name)
        assert found.evidence["kind"] == kind
        assert found.evidence["not_finite"] == 1
        assert name.startswith(found.layer)
        after = broken.state_dict()
        for key, value in before.items():
            torch.testing.assert_close(after[key], value, rtol=0, atol=0, equal_nan=True)


@in_turn(LAYERS)
def test_an_input_is_found_with_its_batch_row_and_graph(case, kind):
    batches = [batch_of(seed) for seed in range(3)]
    batches[1].x[8, 2] = BAD[kind]
    (found,) = diagnosed(case, build_layer(case), batches, ignore=FROM_ROWS)
    expected = {"cause": "input", "name": "x", "row": 8, "graph": 1, "batch": 1, "kind": kind}
    if case.hetero:
        expected |= {"name": "x of a"} if "x of a" in found.message else {}
    assert expected.items() <= found.evidence.items()
    assert found.evidence["position"] == [8, 2]
    assert not batches[1].x[8, 2].isfinite()


FROM_ROWS = ["edge-features-ignored", "self-loops"]
"""Rules that judge the rows of layers, or what they do on other batches, and so may find something
beside."""

WITH_EDGES = [case for case in LAYERS if case.reads_edges and not case.hetero]


@in_turn(WITH_EDGES)
def test_edge_features_are_found_with_their_edge(case, kind):
    batch = batch_of()
    batch.edge_attr[20, 1] = BAD[kind]
    found = diagnosed(case, build_layer(case), [batch], ignore=FROM_ROWS)
    if case.name.startswith("RGATConv"):
        assert [each.rule for each in found] in ([], ["non-finite"])
    if found:
        expected = {"cause": "input", "name": "edge_attr", "row": 20, "graph": 1, "kind": kind}
        assert expected.items() <= only(found).evidence.items()


@pytest.mark.parametrize("kind", BAD)
def test_a_buffer_is_found_by_its_name(kind):
    model = nn.Sequential()
    model = Between(nn.BatchNorm1d(IN))
    model.between.running_mean[3] = BAD[kind]
    found = only(es.diagnose(model.eval(), [graphs()], ignore="edge-features-ignored"))
    assert (found.evidence["cause"], found.evidence["name"]) == ("buffer", "between.running_mean")
    assert (found.evidence["first_seen"], found.where) == ("between", "between")


class Between(nn.Module):
    """Something between two attention layers."""

    def __init__(self, between, first=None):
        super().__init__()
        torch.manual_seed(0)
        self.first = gatv2() if first is None else first
        self.between = between
        self.second = gatv2()

    def forward(self, x, edge_index):
        return self.second(self.between(self.first(x, edge_index)), edge_index)


class Exp(nn.Module):
    def forward(self, x):
        return (x * 1000).exp()


class Root(nn.Module):
    def forward(self, x):
        return (x - 1e6).sqrt()


@pytest.mark.parametrize(("module", "kind"), [(Exp(), "infinity"), (Root(), "NaN")])
def test_a_module_between_layers_is_found_as_the_first_place(module, kind):
    found = only(es.diagnose(Between(module).eval(), [graphs()], ignore="edge-features-ignored"))
    expected = {"cause": "computed", "name": "between", "stage": "output", "kind": kind}
    assert expected.items() <= found.evidence.items()
    assert "second" in found.evidence["not_judged"]
    assert "first" not in found.evidence["not_judged"]


def test_what_is_computed_between_modules_is_said_to_be():
    class Loose(Between):
        def forward(self, x, edge_index):
            x = self.first(x, edge_index)
            return self.second((x * 1000).exp(), edge_index)

    found = only(es.diagnose(Loose(nn.Identity()).eval(), [graphs()], ignore="edge-*"))
    assert found.evidence["cause"] == "between"
    assert found.evidence["first_seen"].startswith("second")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("make", [lambda: transformer(bias=False), gatv2], ids=["logit", "linear"])
def test_overflow_is_found_where_it_happens(make, dtype):
    """Parameters and inputs are finite; a product is too large for its type."""
    model, batch = build(lambda: Stack(make())).to(dtype), graphs()
    most = torch.finfo(dtype).max
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "query" in name or "key" in name:
                parameter.mul_(most**0.5)
            elif "lin_l" in name:
                parameter.mul_(most / float(parameter.abs().max()) / 2)
    batch.x, batch.edge_attr = batch.x.to(dtype), batch.edge_attr.to(dtype)
    found = only(es.diagnose(model, [batch], ignore="edge-features-ignored"))
    linear = any("lin_l" in name for name, _ in model.named_parameters())
    assert found.evidence["cause"] == "computed"
    assert found.evidence["first_seen"] == ("layers.0.lin_l" if linear else "layers.0")
    assert found.evidence["stage"] in ({"output"} if linear else {"score", "logit"})
    assert found.evidence["layers"] == ["layers.0"]
    assert str(dtype).removeprefix("torch.") in found.message


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("kind", [GATConv, GATv2Conv, TransformerConv])
def test_a_message_is_found_with_its_edge(kind, value):
    model = build(lambda: Stack(kind(IN, 4, heads=2)))

    def spoil(layer, inputs, message):
        message = message.clone()
        message[17] = value
        return message

    model.layers[0].register_message_forward_hook(spoil)
    batch = graphs()
    found = only(es.diagnose(model, [batch], ignore="edge-features-ignored"))
    expected = {"cause": "computed", "name": "layers.0", "stage": "message", "row": 17}
    assert expected.items() <= found.evidence.items()
    assert found.evidence["graph"] == int(batch.batch[batch.edge_index[1, 17]])


@pytest.mark.parametrize("size", [1e19, 1e37])
@pytest.mark.parametrize("make", [transformer, gatv2])
def test_large_numbers_whose_squares_overflow_are_judged_as_they_are(make, size):
    """All is finite in the model, so no rule may see infinities, nor call it zero."""
    model, batch = build(lambda: Stack(make(bias=False))), graphs()
    small = es.diagnose(model, [batch], ignore=["edge-*", "saturated-*"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "value" in name or "skip" in name:
                parameter.mul_(size)
            elif "lin_l" in name:  # weights stay about the same if what they see does
                parameter.mul_(1)
    large = es.diagnose(model, [batch], ignore=["edge-*", "saturated-*"])
    assert [(each.rule, each.where) for each in large] == [
        (each.rule, each.where) for each in small
    ]
    assert large.unjudged == {}


def test_labels_that_are_missing_are_none_of_its_business():
    batch = graphs()
    batch.y = torch.full((batch.num_graphs, 2), torch.nan)
    assert es.diagnose(build(lambda: Stack(gatv2())), [batch], select="non-finite") == []


def test_missing_labels_are_not_blamed_for_something_else():
    batch = graphs()
    batch.y = torch.full((batch.num_graphs, 2), torch.nan)
    batch.x[5] = torch.inf
    found = only(es.diagnose(build(lambda: Stack(gatv2())), [batch], ignore="edge-*"))
    assert (found.evidence["name"], found.evidence["row"]) == ("x", 5)


def test_a_parameter_that_is_never_used_is_reported_too():
    model = build(lambda: Stack(gatv2()))
    model.idle = nn.Linear(2, 2)
    nn.init.constant_(model.idle.bias, torch.nan)
    found = only(es.diagnose(model, [graphs()], ignore="edge-*"))
    assert (found.evidence["name"], found.where) == ("idle.bias", "idle")
    assert "no batch used it" in found.message


def test_what_is_not_judged_is_said_without_the_rule_too():
    model, batch = build(lambda: Stack(gatv2(), gatv2())), graphs()
    batch.x[0] = torch.nan
    found = es.diagnose(model, [batch], select=["rank-collapse", "dead-head"])
    assert found == []
    assert found.unjudged == {
        "dead-head": ("layers.0", "layers.1"),
        "rank-collapse": ("input", "layers.0", "layers.1"),
    }
    said = "Numbers of layers.0, layers.1 are not finite, so dead-head did not judge them."
    assert said in found.text(120)
    assert json.loads(found.json())["unjudged"]["dead-head"] == ["layers.0", "layers.1"]


def test_readouts_of_graphs_are_found_by_graph():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv = gatv2()
            self.head = nn.Linear(IN, 1)

        def forward(self, x, edge_index, scale, batch):
            return self.head(global_mean_pool(self.conv(x, edge_index), batch) * scale)

    batch = graphs()
    batch.scale = torch.ones(batch.num_graphs, 1)
    batch.scale[4] = torch.inf
    found = only(es.diagnose(Pooled(), [batch], ignore="edge-*"))
    assert {"cause": "input", "name": "scale", "graph": 4}.items() <= found.evidence.items()


NAMED = {"mol_id": ["TOX1", "<b>\x1b[2J", None], "cas": [None, "50-00-0", None]}


@pytest.mark.parametrize("graph", range(3))
@pytest.mark.parametrize("where", ["input", "model"])
def test_a_graph_is_named_by_its_identifiers_in_every_format(graph, where):
    case = next(case for case in WITH_EDGES if case.name.startswith("GATv2"))
    batch = batch_of()
    batch.identifiers = NAMED
    if where == "input":
        batch.x[6 * graph + 1, 0] = torch.nan
    else:
        batch.x[6 * graph : 6 * graph + 6] = 3e38
    (found, *_) = findings = diagnosed(case, build_layer(case), [batch], select="non-finite")
    assert found.evidence["graph"] == graph
    cells = {column: texts[graph] for column, texts in NAMED.items()}
    assert found.evidence["identifiers"] == cells
    shown = ["graph 0 (TOX1) of", r"graph 1 (<b>\x1b[2J, 50-00-0) of", "graph 2 of"][graph]
    assert shown in found.message
    assert shown.replace("\\", "\\\\") in findings.json()
    log = json.loads(findings.sarif())["runs"][0]["results"][0]
    assert shown in log["message"]["text"]
    assert log["properties"]["evidence"]["identifiers"] == cells
    assert "<b>\x1b" not in findings.html()
    assert shown in " ".join(findings.text().split())
