"""Scans of graphs with two sets of nodes, and of several graphs in one call."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from torch import nn
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, TransformerConv

import edgescope as es
from edgescope.capturing import EdgeActivations
from edgescope.interpret import massive_edges
from edgescope.lib.errors import InputError
from edgescope.scanning.collector import Collector
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.merge import merge_sites
from edgescope.scanning.result import Scan, ScanInfo
from support.flow_cases import BACK, FORWARD
from support.graph_sets import dataset_of
from support.two_sided_cases import bipartite, blind, joined, pairs, sizes_and_edges

RULE = es.Criterion("some", ratio=3.0)
FEW = settings(max_examples=15, deadline=None)
FOLLOW = (None, ["x_s", "x_t"])


class TwoSided(nn.Module):
    """A layer from sources to targets; a prediction per target, or per source if it is reversed."""

    def __init__(self, layer, flow):
        super().__init__()
        torch.manual_seed(0)
        options = {"add_self_loops": False} if layer is GATv2Conv else {}
        self.conv = layer((6, 6), 4, heads=2, flow=flow, **options)

    def forward(self, x_s, x_t, edge_index):
        ends = (x_s, x_t) if self.conv.flow == FORWARD else (x_t, x_s)
        return self.conv(ends, edge_index).sum(1, keepdim=True)


MODELS = [TwoSided(layer, FORWARD).eval() for layer in (GATv2Conv, TransformerConv)]


def named(model):
    return type(model.conv).__name__


def some(made):
    return any(edges for _, _, edges in made)


@FEW
@given(made=sizes_and_edges(two_sided=True, graphs=(2, 6)).filter(some), size=st.integers(2, 3))
@pytest.mark.parametrize("follow", FOLLOW)
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_graphs_with_two_sets_of_nodes_may_share_a_batch(model, follow, made, size):
    graphs = bipartite(made)
    one, several = (
        es.scan(
            model,
            DataLoader(graphs, batch_size=each, follow_batch=follow),
            criterion=RULE,
            progress=False,
        )
        for each in (1, size)
    )
    where = ["site", "graph", "edge", "source", "target", "head", "channel"]
    assert_frame_equal(
        one.massive().sort(where), several.massive().sort(where), rel_tol=1e-4, abs_tol=1e-6
    )
    for row in several.massive().iter_rows(named=True):
        edges = made[row["graph"]][2]
        assert edges[row["edge"]] == (row["source"], row["target"])


def test_a_reversed_flow_between_two_sets_of_nodes_is_refused():
    graphs = bipartite([(2, 3, [(0, 1), (1, 2)])])
    with pytest.raises(InputError, match="PyG does not say which end of an edge is in which"):
        es.scan(TwoSided(TransformerConv, BACK).eval(), graphs, criterion=RULE, progress=False)


def test_graph_0_of_three_has_its_twelve_edges():
    made = [(3, 4, [(s, t) for s in range(3) for t in range(4)])] * 3
    model = TwoSided(TransformerConv, FORWARD).eval()
    keep = es.Criterion("any", ratio=1.0)
    for follow in FOLLOW:
        loader = DataLoader(bipartite(made), batch_size=3, follow_batch=follow)
        found = es.scan(model, loader, criterion=keep, progress=False).massive()
        edges = found.unique(["graph", "edge"]).group_by("graph").len().sort("graph")
        assert edges.rows() == [(0, 12), (1, 12), (2, 12)]


@FEW
@given(made=sizes_and_edges(two_sided=True, graphs=(2, 6)).filter(some))
@pytest.mark.parametrize("model", MODELS, ids=named)
def test_interventions_find_the_rows_of_a_scan_again(model, made):
    loader = DataLoader(bipartite(made), batch_size=2, follow_batch=["x_s", "x_t"])
    scan = es.scan(model, loader, criterion=RULE, progress=False)
    options = {"value": "zero", "controls": (), "metric": "none", "progress": False}
    try:
        by_scan, by_rule = (
            es.ablate(model, loader, where=where, **options).table() for where in (scan, RULE)
        )
    except InputError as error:  # two sets of as many nodes
        if "several sets of that many nodes" not in str(error):
            raise
        return
    assert_frame_equal(by_scan, by_rule)


def test_an_interpretation_of_graphs_with_two_sets_of_nodes_is_refused():
    made = [(2, 3, [(0, 2), (1, 1)]), (2, 3, [(1, 0), (0, 1)])]
    model = TwoSided(TransformerConv, FORWARD).eval()
    scan = es.scan(model, DataLoader(bipartite(made), 2), criterion=RULE, progress=False)
    same = dataset_of([(3, edges) for _, _, edges in made])
    with pytest.raises(InputError, match="are two sets of nodes"):
        massive_edges(scan, same)


def paired(seed=0, number=5):
    """Pairs of graphs, and what layers of a model would compute on each."""
    random = torch.Generator().manual_seed(seed)
    sides = []
    for _ in range(2):
        made = []
        for _ in range(number):
            nodes = int(torch.randint(2, 5, (1,), generator=random))
            edges = torch.randint(0, nodes, (2, 6), generator=random).t().tolist()
            made.append((nodes, nodes, [tuple(edge) for edge in edges]))
        sides.append(made)
    return sides


def collected(left, right, batch_size, target_row=1, seed=0, swap=()):
    """What a scan collects if the layer runs on both graphs of every pair; swapped in some."""
    collector = Collector(EdgeTypes((), None, None, False), 2.0, 1000, 2**16, False)
    random = torch.Generator().manual_seed(seed)
    values = {
        name: [torch.randn(len(one[2]), 2, 3, generator=random) for one in side]
        for name, side in (("edge_index_s", left), ("edge_index_t", right))
    }
    for start in range(0, len(left), batch_size):
        part = slice(start, start + batch_size)
        batch = joined(pairs(left[part], right[part]))
        collector.start(batch, "edge_index")
        names = ["edge_index_s", "edge_index_t"]
        names = names[::-1] if start in swap else names
        for site, name in zip(("conv:score", "conv@2:score"), names, strict=True):
            identity = blind(getattr(batch, name), name, target_row)
            collector.reduce(EdgeActivations(site, torch.cat(values[name][part]), identity))
    info = ScanInfo("Pairs", "", len(left), ("edge",), es.Criterion("two", ratio=2.0), 2.0, 1000, 0)
    return Scan({site: collector.result(site) for site in collector.sites}, info)


@pytest.mark.parametrize("target_row", [0, 1])
def test_rows_say_of_which_input_they_are_and_graphs_are_pairs(target_row):
    left, right = paired()
    scan = collected(left, right, 2, target_row)
    found = scan.massive()
    assert found.columns[:4] == ["site", "input", "graph", "edge"]
    assert dict(scan.table().select("site", "input").rows()) == {
        "conv:score": "edge_index_s",
        "conv@2:score": "edge_index_t",
    }
    assert set(scan.extremes()["input"]) == {"edge_index_s", "edge_index_t"}
    for row in found.iter_rows(named=True):
        side = {"edge_index_s": left, "edge_index_t": right}[row["input"]]
        ends = row["source"], row["target"]
        assert side[row["graph"]][2][row["edge"]] == (ends if target_row else ends[::-1])
    assert_frame_equal(found, collected(left, right, 1, target_row).massive())


def test_a_call_may_work_on_other_inputs_in_other_batches(tmp_path):
    left, right = paired(1)
    scan = collected(left, right, 1, swap=(1, 3))
    first = scan.massive().filter(site="conv:score")
    told = dict(first.select("graph", "input").unique().rows())
    expected = {0: "edge_index_s", 1: "edge_index_t", 2: "edge_index_s", 3: "edge_index_t"}
    assert {graph: told[graph] for graph in expected if graph in told} == {
        graph: name for graph, name in expected.items() if graph in told
    }
    assert len(told) > 2
    assert scan.table()["input"][0] == "edge_index_s, edge_index_t"
    again = es.load_scan(scan.save(tmp_path / "scan"))
    assert_frame_equal(again.massive(), scan.massive())
    assert again["conv:score"].num_edges == scan["conv:score"].num_edges
    assert again.sites["conv:score"].of == scan.sites["conv:score"].of


def test_merging_keeps_the_inputs_and_refuses_another_flow():
    left, right = paired(2)
    one, other = (collected(left, right, 2, seed=seed) for seed in (0, 1))
    both = merge_sites([one.sites["conv:score"], other.sites["conv@2:score"]], 1000)
    assert both.of.inputs == ("edge_index_s", "edge_index_t")
    assert set(both.rows["input"]) == {"edge_index_s", "edge_index_t"}
    with pytest.raises(InputError, match="one calls row 0 of edge_index the target at conv:score"):
        es.merge_scans([one, collected(left, right, 2, target_row=0)], same_graphs=True)


def test_what_needs_one_graph_per_item_refuses_several():
    left, right = paired()
    scan = collected(left, right, 2)
    with pytest.raises(
        InputError, match=r"several graphs in one call \(edge_index_s, edge_index_t"
    ):
        massive_edges(scan, dataset_of([(each[0], each[2]) for each in left]))


def test_a_report_names_the_inputs(tmp_path):
    left, right = paired()
    scan = collected(left, right, 2)
    scan.smiles = dict.fromkeys(range(5), "CC")
    page = scan.report(tmp_path / "report.html").read_text()
    assert "</a> (edge_index_t)</th>" in page
    assert "the model was given several graphs in one call (edge_index_s, edge_index_t)" in page


def test_one_input_is_not_named():
    left, _ = paired()
    model = TwoSided(TransformerConv, FORWARD).eval()
    found = es.scan(model, DataLoader(bipartite(left), 2), criterion=RULE, progress=False)
    assert "input" not in found.massive().columns
    assert "input" not in found.table().columns
    assert "input" not in found.extremes().columns


def test_a_layer_that_turns_its_flow_between_batches_is_refused():
    left, right = paired()
    collector = Collector(EdgeTypes((), None, None, False), 2.0, 1000, 2**16, False)
    for target_row in (1, 0):
        batch = joined(pairs(left[:2], right[:2]))
        collector.start(batch, "edge_index")
        identity = blind(batch.edge_index_s, "edge_index_s", target_row)
        seen = EdgeActivations("conv:score", torch.randn(len(identity.graph), 2, 3), identity)
        if target_row:
            collector.reduce(seen)
        else:
            with pytest.raises(InputError, match="conv:score changed its flow between two batches"):
                collector.reduce(seen)


class Shared(nn.Module):
    """One layer that is called on one graph or another."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = TransformerConv(6, 4, heads=2)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index).sum(1, keepdim=True)


def both(model, batch):
    """Call a model on both graphs of a pair."""
    one, other = (
        model(getattr(batch, f"x_{side}"), getattr(batch, f"edge_index_{side}"))
        for side in ("s", "t")
    )
    return one.mean().view(1, 1) - other.mean().view(1, 1)


def test_calls_of_a_model_on_one_batch_are_told_apart():
    left, right = paired(3)
    left[1] = (2, 2, [])  # a call without rows is a call
    loader = DataLoader(pairs(left, right), batch_size=1)
    model = Shared().eval()
    scan = es.scan(model, loader, criterion=RULE, call=both, progress=False)
    found = scan.massive()
    assert set(found["input"]) == {"", "call 2"}
    for row in found.iter_rows(named=True):
        side = right if row["input"] else left
        assert side[row["graph"]][2][row["edge"]] == (row["source"], row["target"])
    options = {"value": "zero", "controls": (), "metric": "none", "progress": False, "call": both}
    by_scan, by_rule = (
        es.ablate(model, loader, where=where, **options).table() for where in (scan, RULE)
    )
    assert_frame_equal(by_scan, by_rule)
