"""A planted cause is found, whatever the model; the models and their inputs stay as they were."""

import copy

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, TransformerConv

import edgescope as es
from edgescope.lib.model_call import call_model
from support.example_models import GPS, transformer
from support.hand_written import graphs as real_graphs
from support.hand_written import model as hand_written
from support.hooks_of import hooks_of
from support.planted_causes import (
    ARCHITECTURES,
    Attends,
    all_of_two_tensors,
    finest,
    graphs,
    loader,
    planted,
    traced,
    trained_from,
    two_tensors,
)


@pytest.fixture(scope="module")
def pair():
    return two_tensors()


@pytest.fixture(scope="module")
def whole():
    return all_of_two_tensors()


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_tensor_is_found_among_all_that_have_changed(seed):
    model, untrained, name, rule = planted(list(ARCHITECTURES)[seed % 4], seed)
    found = traced(model, untrained, where=rule)
    assert found.info.changed > 20
    for does in ("removes", "creates"):
        row = finest(found)[does]
        assert (row["units"], row["others"], row["proof"]) == (name, "", "smallest")
        assert row["share"] >= 0.9
        assert name in found.conclusion()
    exact = found.table("sets").filter(pl.col("level").str.starts_with("exact"))
    first = found.table("sites").filter(level="model", unit="trained")["massive"][0]
    if exact.height:
        assert exact["units"].to_list() == [name, name]
    else:  # it is none of what the first site depends on, or that is no function of types
        assert not first or found.info.exact


def test_of_two_tensors_each_removes_and_both_together_create(whole):
    query, key = (f"layers.0.attention.{name}.weight" for name in ("query", "key"))
    sets = finest(whole)
    assert {sets["removes"]["units"], sets["removes"]["others"]} == {query, key}
    assert (sets["creates"]["units"], sets["creates"]["size"]) == (f"{query}; {key}", 2)
    exact = finest(whole, "exact at layers.0.attention:score")
    assert {exact["removes"]["units"], exact["removes"]["others"]} == {query, key}
    assert exact["creates"]["units"] == f"{query}; {key}"
    assert all(row["proof"] == "smallest" for row in (*sets.values(), *exact.values()))


def test_the_first_site_is_enumerated_by_the_types_that_occur(whole, pair):
    types = whole.table("types")
    batch = next(iter(loader(batch_size=9)))
    ends = batch.x[batch.edge_index]
    kinds = {*zip(ends[0].tolist(), ends[1].tolist(), batch.edge_attr.tolist(), strict=True)}
    rows = {(int(r["source"]), int(r["target"]), int(r["edge"])) for r in types.rows(named=True)}
    assert rows == kinds
    assert types["edges"].sum() == batch.num_edges
    with torch.no_grad(), es.capture(pair[0], "layers.0.attention:score") as tape:
        call_model(pair[0], batch)
    values = tape["layers.0.attention:score"].values
    massive = (values.abs().flatten(1).amax(1) / values.abs().flatten(1).median(1).values) > 100_000
    assert types.filter("massive")["edges"].sum() == int(massive.sum())
    assert types["largest"][0] == pytest.approx(float(values.abs().max()))


def test_the_rows_are_those_of_models_made_by_hand(whole, pair):
    trained, untrained = pair
    row = whole.table().filter(level="module", unit="layers.0.attention.key", direction="rewound")
    by_hand = copy.deepcopy(trained)
    by_hand.layers[0].attention.key.load_state_dict(untrained.layers[0].attention.key.state_dict())
    scan = es.scan(by_hand, loader(), criterion=es.Criterion("r", ratio=100_000), progress=False)
    assert row["massive"][0] == scan.massive_edges()["massive"].sum()
    with torch.no_grad():
        moved = [
            (call_model(by_hand, batch) - call_model(trained, batch)).abs() for batch in loader()
        ]
    assert row["moved"][0] == pytest.approx(torch.cat(moved).mean().item(), rel=1e-5)
    ends = whole.table().filter(level="model")
    plain = es.scan(trained, loader(), criterion=es.Criterion("r", ratio=100_000), progress=False)
    assert ends["massive"].to_list() == [plain.massive_edges()["massive"].sum(), 0]
    assert ends["share"].to_list() == [0, 1]


def test_putting_everything_back_is_the_untrained_model_to_the_bit(whole, pair):
    assert whole.info.checked
    last = whole.table().filter(level="model", unit="untrained").row(0, named=True)
    with torch.no_grad():
        known = [(call_model(pair[1], b) - b.y).abs().double() for b in loader()]
    assert last["metric"] == pytest.approx(torch.cat(known).mean().item(), rel=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GATv2Conv(8, 4, heads=2, edge_dim=3),
        lambda: TransformerConv(8, 8, edge_dim=3),
    ],
    ids=["GATv2Conv", "TransformerConv"],
)
def test_layers_of_pyg_are_traced_and_patched(make):
    torch.manual_seed(0)
    untrained = Attends(make).eval()
    model = trained_from(untrained)
    with torch.no_grad():
        model.convs[0].lin_edge.weight[5] *= 1e4
    found = traced(model, untrained, where=200, patches=True)
    sets = finest(found)
    assert {row["units"] for row in sets.values()} == {"convs.0.lin_edge.weight"}
    assert found.info.itself == 0
    assert found.table("effects").height == 2 * len(found.info.sites)
    assert "not a product" in next(iter(found.info.left_out.values()))


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_a_model_of_local_and_global_layers_is_traced():
    torch.manual_seed(0)
    untrained = GPS(transformer).eval()
    model = trained_from(untrained)
    with torch.no_grad():
        model.convs[0].conv.lin_edge.weight[3] *= 1e4
    batches = graphs()
    for graph in batches:
        graph.pe = torch.rand(graph.num_nodes, 20)
    found = traced(model, untrained, DataLoader(batches, 9), where=200, patches=True)
    assert {row["units"] for row in finest(found).values()} == {"convs.0.conv.lin_edge.weight"}
    assert found.info.itself == 0


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
def test_a_hand_written_model_is_traced_by_discovery():
    untrained = hand_written(0).eval()
    model = trained_from(untrained)
    with torch.no_grad():
        model.second.project.bias[1] = 8
    rule = es.Criterion("m", ratio=0, magnitude=4)
    found = traced(model, untrained, DataLoader(real_graphs(), 6), where=rule, patches=True)
    assert {row["units"] for row in finest(found).values()} == {"second.project.bias"}
    assert "real numbers" in found.info.exact


@pytest.mark.parametrize("training", [True, False])
def test_models_and_batches_are_left_as_they_were(training):
    untrained = ARCHITECTURES["GraphTransformer"]()
    model = trained_from(untrained).train(training)
    untrained.train(training)
    batches = list(loader())
    given = copy.deepcopy(batches)
    states = [copy.deepcopy(each.state_dict()) for each in (model, untrained)]
    hooks, random = [hooks_of(each) for each in (model, untrained)], torch.get_rng_state()
    traced(model, untrained, batches, where=5, patches=True, levels=["layer"], steps=2)
    for each, state in zip((model, untrained), states, strict=True):
        now = each.state_dict()
        assert all(torch.equal(value, now[name]) for name, value in state.items())
        assert each.training == training
        assert all(parameter.requires_grad for parameter in each.parameters())
    assert [hooks_of(each) for each in (model, untrained)] == hooks
    assert torch.equal(torch.get_rng_state(), random)
    for batch, before in zip(batches, given, strict=True):
        assert all(torch.equal(batch[key], before[key]) for key in before.to_dict())


def test_the_same_is_found_again_and_a_state_dict_gives_the_same(pair):
    options = {"where": 2000, "patches": True, "levels": ["layer"], "steps": 2}
    first, again = traced(*pair, **options), traced(*pair, **options)
    other = traced(pair[0], pair[1].state_dict(), **options)
    for name in first.tables:
        assert_frame_equal(first.table(name), again.table(name))
        assert_frame_equal(first.table(name), other.table(name))
    assert (first.info.checked, other.info.checked) == (True, False)
    assert traced(pair[0], es.Untrained(members=1), where=100_000, levels=["layer"]).info.checked


def test_passes_are_as_many_as_it_says(pair):
    calls = []

    def call(model, batch):
        calls.append(1)
        return call_model(model, batch)

    options = {"where": 100_000, "levels": ["layer"], "steps": 3}
    found = traced(*pair, patches=True, call=call, donor=loader(batch_size=9), **options)
    assert len(calls) == found.info.all_passes
    # Every site: from the untrained model, two edges alone, from other inputs, and back.
    sites = len(found.info.sites)
    assert found.info.passes["patching"] == 3 + 5 * sites
    assert found.info.passes["patching, gradients"] == sites * (1 + found.info.steps)
    few = traced(*pair, where=100_000, max_passes=5)
    assert few.info.passes["rewinding"] <= 5
    assert few.info.stopped
    assert "the search was stopped" in few.conclusion()


def test_a_scan_stands_for_its_criterion(pair):
    rule = es.Criterion("r", ratio=100_000)
    scan = es.scan(pair[0], loader(batch_size=9), criterion=rule, progress=False)
    one, other = (traced(*pair, where=where, levels=["layer"]) for where in (scan, rule))
    assert one.info.where == other.info.where == "r"
    assert_frame_equal(one.table(), other.table())
