"""A planted overflow is predicted and found; the model and its inputs stay as they were."""

import copy

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch import nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, GCNConv, HeteroConv

import edgescope as es
from edgescope.intervene.number_formats.model_formats import KNOWN, ModelFormat
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.model_call import call_model
from support.hooks_of import hooks_of
from support.planted_overflow import EDGE, GRAPH, LARGE, PlantedOverflow, graphs, loader


def measured(model=None, batches=None, **options):
    options = {"formats": ["float16"], "metric": "mae", "where": 20, "progress": False} | options
    return es.precision(model or PlantedOverflow(), batches or loader(), **options)


def rows(found, remedy="none"):
    return {row["format"]: row for row in found.table().filter(remedy=remedy).rows(named=True)}


@pytest.fixture(scope="module")
def planted():
    formats = ["autocast-float16", "float16", "bfloat16", "int8"]
    return measured(formats=formats, baseline=PlantedOverflow(0.5), remedies=["clip", "mean"])


@pytest.mark.parametrize("form", ["float16", "autocast-float16"])
def test_a_planted_overflow_is_predicted_and_observed_on_its_edge(planted, form):
    row = rows(planted)[form]
    for of in ("predicted", "overflow"):
        assert row[of] == "attention.score"
        assert row[f"{of}_site"] == "attention:score"
        assert (row[f"{of}_graph"], row[f"{of}_edge"]) == (GRAPH, EDGE)
        assert (row[f"{of}_batch"], row[f"{of}_source"], row[f"{of}_target"]) == (1, 2, 3)
    assert row["agrees"]
    assert row["verdict"] == "overflows"
    assert f"{form} overflows at attention.score (batch 1, graph 6, edge 2)" in planted.conclusion()
    for remedy in ("clip", "mean"):
        repaired = rows(planted, remedy)[form]
        assert (repaired["overflow"], repaired["replaced"] > 0) == (None, True)
        assert repaired["verdict"] == "safe"


def test_formats_that_reach_as_far_as_float32_do_not_overflow(planted):
    for form in ("bfloat16", "int8 (simulated)", "float32"):
        assert rows(planted)[form]["overflow"] is None
        assert rows(planted)[form]["verdict"] != "overflows"
    assert rows(planted)["bfloat16"]["agrees"]
    plain = rows(planted)["float32"]
    assert (plain["change"], plain["moved"], plain["kept"]) == (0, 0, 1)


def test_headroom_is_that_of_the_captured_numbers(planted):
    model, held = PlantedOverflow().eval(), []
    with torch.no_grad():
        for batch in loader():
            with es.capture(model) as tape:
                call_model(model, batch)
            held.append({site: tape[site].values for site in tape.sites})
    table = planted.headroom("site")
    assert set(table["place"]) == set(held[0])
    for site in held[0]:
        values = np.concatenate([batch[site].numpy().reshape(-1) for batch in held])
        row = table.filter(place=site, format="float16").row(0, named=True)
        assert row["values"] == len(values)
        assert row["largest"] == np.abs(values).max()
        assert row["headroom_bits"] == pytest.approx(np.log2(65504 / np.abs(values).max()))
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        assert row["beyond"] == np.isinf(half).sum()
        assert row["vanishing"] == ((half == 0) & (values != 0)).sum()
    top = table.filter(place="attention:score", format="float16").row(0, named=True)
    assert (top["graph"], top["edge"], top["beyond"]) == (GRAPH, EDGE, 1)
    # A module that hands on what its part has computed is no place of its own.
    assert "attention.score" in set(planted.headroom("module")["place"])
    assert "attention[1]" not in set(planted.headroom("module")["place"])


def test_a_product_within_a_module_is_not_predicted_but_observed_and_folding_is_enough():
    found = measured(PlantedOverflow(edge=0.1), remedies=["fold"])
    row = rows(found)["float16"]
    assert (row["predicted"], row["overflow"], row["agrees"]) == (None, "attention.score", False)
    assert rows(found, "fold")["float16"]["verdict"] == "safe"
    assert rows(found, "fold")["float32"]["moved"] == 0
    assert found.conclusion().endswith("predicted nowhere); enough: fold")


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_the_batches_are_left_as_they_were(training):
    model, batches = PlantedOverflow().train(training), list(loader())
    state, given = copy.deepcopy(model.state_dict()), copy.deepcopy(batches)
    hooks, random = hooks_of(model), torch.get_rng_state()
    formats = ["float16", "autocast-bfloat16", "int8"]
    measured(model, batches, formats=formats, baseline=es.Untrained(members=1))
    now = model.state_dict()
    assert all(torch.equal(value, now[name]) for name, value in state.items())
    assert {value.dtype for value in now.values()} == {torch.float32}
    assert (model.training, hooks_of(model)) == (training, hooks)
    assert torch.equal(torch.get_rng_state(), random)
    for batch, before in zip(batches, given, strict=True):
        assert all(torch.equal(batch[key], before[key]) for key in before.to_dict())
        assert batch.edge_attr.dtype == torch.float32


def test_the_same_is_found_again():
    first, again = (measured(metric="none", baseline=es.Untrained(members=1)) for _ in range(2))
    assert_frame_equal(first.table(), again.table())
    assert_frame_equal(first.headroom(), again.headroom())


def test_passes_are_as_many_as_it_says():
    calls = []

    def call(model, batch):
        calls.append(1)
        return call_model(model, batch)

    options = {"formats": ["float16", "bfloat16"], "baseline": PlantedOverflow(0.5), "call": call}
    found = measured(**options)
    assert len(calls) == found.info.passes * found.info.batches
    # Every format with three remedies and without, but float32 without, which is the first pass;
    # and one of the untrained model.
    assert found.info.passes == 3 * 4 + 1


class Solver(nn.Module):
    """A model with an operation that torch has in full precision only."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(2))

    def forward(self, x):
        return (x @ torch.linalg.inv(self.weight)).sum(1, keepdim=True)


def test_a_format_that_torch_cannot_run_is_not_run_and_its_reason_is_given():
    batches = [Data(x=torch.randn(1, 2), y=torch.zeros(1, 1)) for _ in range(9)]
    found = measured(Solver(), batches, formats=["float16", "bfloat16"])
    for form in ("float16", "bfloat16"):
        row = rows(found)[form]
        assert (row["verdict"], row["metric"], row["moved"]) == ("not run", None, None)
        assert "linalg" in row["reason"]
        assert f"{form} was not run (" in found.conclusion()
    # Without attention there is nothing to replace, which is said as well.
    assert "no layer whose edges can be captured" in rows(found, "mean")["float16"]["reason"]
    assert rows(found, "fold")["float16"]["verdict"] == "not possible"


def test_autocast_that_torch_would_turn_off_is_not_run(monkeypatch):
    unknown = ModelFormat("autocast-float64", torch.float64, autocast=True)
    monkeypatch.setitem(KNOWN, "autocast-float64", unknown)
    row = rows(measured(formats=["autocast-float64"], remedies=[]))["autocast-float64"]
    assert row["verdict"] == "not run"
    assert "autocast" in row["reason"]


class Attends(nn.Module):
    """Attention of some width, on real features, for every node."""

    def __init__(self, heads=1, channels=1, layer=GATv2Conv):
        super().__init__()
        torch.manual_seed(0)
        options = {"heads": heads} if layer is GATv2Conv else {}
        self.conv = layer(3, channels, **options)
        self.read = nn.Linear(heads * channels, 1)

    def forward(self, x, edge_index):
        return self.read(self.conv(x, edge_index))


def one_by_one(number=9, edges=True, change=None):
    random = torch.Generator().manual_seed(0)
    made = []
    for position in range(number):
        x = torch.randn(3, 3, generator=random)
        if change is not None and position == 2:
            x[1, 0] = change
        edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]]) if edges else torch.zeros(2, 0).long()
        made.append(Data(x=x, edge_index=edge_index, y=torch.zeros(3, 1)))
    return DataLoader(made, batch_size=3)


@pytest.mark.parametrize(
    ("model", "batches"),
    [
        (Attends(), one_by_one()),
        (Attends(2, 4), one_by_one(edges=False)),
        (Attends(layer=GCNConv, channels=2), one_by_one()),
    ],
    ids=["one head and channel", "no edges", "no attention"],
)
def test_small_and_empty_models_are_measured(model, batches):
    found = measured(model, batches, formats=["float16", "int8"])
    assert {row["overflow"] for row in rows(found).values()} == {None}
    assert rows(found)["float16"]["moved"] < 1e-2
    assert found.headroom()["largest"].drop_nulls().is_finite().all()


def test_what_is_not_finite_in_float32_is_no_overflow_and_left_out():
    model = Attends(2, 4)
    found = measured(model, one_by_one(change=torch.nan), formats=["float16", "int8"])
    # Node 1 is a neighbour of 2, and each attends to itself.
    assert found.info.nonfinite == 2
    assert {row["overflow"] for row in rows(found).values()} == {None}
    assert all(row["metric"] is not None for row in rows(found).values())
    assert found.headroom()["nonfinite"].max() > 0
    with pytest.raises(InputError, match="nothing finite"):
        measured(
            model, [Data(x=torch.full((2, 3), torch.nan), edge_index=torch.zeros(2, 0).long())]
        )


def test_a_model_of_zeros_has_endless_headroom():
    model = Attends(2, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = measured(model, one_by_one(), formats=["float16"], metric="none")
    zero = found.headroom().filter(pl.col("largest") == 0)
    assert zero.height
    assert zero["headroom_bits"].null_count() == zero.height
    assert rows(found)["float16"]["verdict"] == "safe"


def test_a_heterogeneous_model_is_measured_without_a_metric():
    class Hetero(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            relation = ("a", "to", "b")
            conv = GATv2Conv((2, 3), 4, add_self_loops=False)
            self.conv = HeteroConv({relation: conv})

        def forward(self, x_dict, edge_index_dict):
            return self.conv(x_dict, edge_index_dict)["b"].mean(0, keepdim=True)

    made = []
    for _ in range(9):
        data = HeteroData()
        data["a"].x, data["b"].x = torch.randn(3, 2), torch.randn(2, 3)
        data["a", "to", "b"].edge_index = torch.tensor([[0, 1, 2], [0, 1, 1]])
        made.append(data)
    found = measured(Hetero(), made, formats=["float16"], metric="none")
    row = rows(found)["float16"]
    assert (row["metric"], row["verdict"]) == (None, "safe")
    assert 0 < row["moved"] < 0.01
    assert found.info.guess > row["moved"]
    assert any("score" in place for place in found.headroom("site")["place"])


def test_sites_can_be_asked_for():
    found = measured(sites=["*:message", "*:state"], remedies=["mean"])
    assert [place.rpartition(":")[2] for place in found.headroom("site")["place"].unique()].count(
        "message"
    ) == 1
    assert rows(found)["float16"]["overflow"] == "attention.score"
    state = found.headroom("site").filter(pl.col("place").str.ends_with("state"))
    assert state["edge"].is_not_null().all()
    with pytest.raises(InputError, match="no site matches"):
        measured(sites="nothing")


def test_a_site_that_a_remedy_cannot_take_is_said():
    found = measured(sites=["*:weight"], remedies=["mean"])
    row = rows(found, "mean")["float16"]
    assert row["verdict"] == "not possible"
    assert "none of the sites" in row["reason"]


def test_nothing_chosen_is_not_run_again():
    found = measured(where=1e9, remedies=["mean"])
    assert found.info.passes == 2
    assert rows(found, "mean")["float16"]["reason"] == "nothing was chosen by ratio above 1e+09"


def test_a_scan_chooses_and_another_one_is_refused():
    model = PlantedOverflow()
    scan = es.scan(model, loader(), criterion=es.Criterion("r", ratio=20), progress=False)
    found = measured(model, where=scan, remedies=["mean"])
    same = measured(model, where=20, remedies=["mean"])
    assert found.info.chosen == same.info.chosen > 0
    assert_frame_equal(found.table(), same.table())
    with pytest.raises(InputError, match="pass the loader that was scanned"):
        measured(model, loader(8), where=scan)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["float8"]}, "unknown format 'float8'"),
        ({"remedies": ["gate"]}, "unknown remedy 'gate'"),
        ({"remedies": ["clip"]}, "pass baseline="),
        ({"quantile": 0.0}, "received quantile=0.0"),
        ({"tolerance": -1}, "received tolerance=-1"),
        ({"metric": "rmse"}, "unknown metric 'rmse'"),
        ({"guess": [1.0, 2.0]}, "received guess="),
        ({"baseline": 3}, "as baseline"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        measured(**options)


def test_the_reason_why_a_layer_is_left_out_is_warned_of():
    class Renumbers(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATv2Conv(3, 2, add_self_loops=False)

        def forward(self, x, edge_index):
            made = torch.tensor(edge_index.tolist())
            return self.conv(x, made).sum(1, keepdim=True)

    with pytest.warns(EdgescopeWarning, match="conv: "):
        found = measured(Renumbers(), one_by_one(), formats=["float16"])
    assert "conv" in found.info.left_out
    assert found.headroom("site").height == 0
    assert rows(found)["float16"]["verdict"] in {"safe", "undecided"}


def test_guessing_is_the_best_constant_unless_one_is_given():
    truth = np.array([graph.y.item() for graph in graphs()])
    found = measured(remedies=[])
    assert found.info.guess == pytest.approx(np.abs(truth - np.median(truth)).mean())
    assert measured(remedies=[], guess=7.0).info.guess == pytest.approx(np.abs(truth - 7).mean())
    change = abs(found.info.before - found.info.guess)
    assert found.info.margin == pytest.approx(0.01 * change)
    assert LARGE**2 > 65_504


def test_graphs_in_a_tuple_are_of_the_format_too():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATv2Conv(2, 4, edge_dim=2)

        def forward(self, pair):
            sums = [self.conv(of.x, of.edge_index, of.edge_attr).sum(0) for of in pair]
            return (sums[0] - sums[1]).unsqueeze(0)

    def graph(seed):
        random = torch.Generator().manual_seed(seed)
        edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
        return Data(
            x=torch.rand(3, 2, generator=random),
            edge_index=edges,
            edge_attr=torch.rand(3, 2, generator=random),
        )

    pairs = [(graph(seed), graph(seed + 100)) for seed in range(8)]
    options = {"formats": ["bfloat16"], "where": 20, "metric": "none", "progress": False}
    found = es.precision(Pairs(), DataLoader(pairs, batch_size=1), remedies=[], **options)
    row = found.table().filter(format="bfloat16").row(0, named=True)
    assert (row["verdict"] == "not run", row["nonfinite"]) == (False, 0)
    assert pairs[0][0].x.dtype == torch.float32
