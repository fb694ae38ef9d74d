"""A scan carries what it looked at: to disk and back, through merges, shards and baselines."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv

import edgescope as es
from edgescope.capturing.coverage import Coverage
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.merge import merge_scans
from support.coverage_cases import WIDTH, Cosine, Net, Renumbered, Uniform, graphs
from support.earlier_versions import without_manifest
from support.scan_equality import differences


def mixed():
    """A model of which half is looked at: two layers, the second of which returns one channel."""
    torch.manual_seed(0)
    layers = GATv2Conv(WIDTH, WIDTH), Cosine(), Uniform(), GCNConv(WIDTH, WIDTH)
    return Net(*layers, GATConv(WIDTH, WIDTH)).eval()


def parts(number=4):
    """Batches of graphs that know their places in the whole."""
    batches = [graphs((5, 6), seed=seed) for seed in range(number)]
    for place, batch in enumerate(batches):
        batch.graph = torch.tensor([2 * place, 2 * place + 1])
    return batches


def scan(model, batches, **options):
    # What is discovered is no gap; here gaps are wanted.
    return es.scan(model, batches, keep_ratio=2.0, progress=False, discover=False, **options)


def edges_of(batches):
    """Return how many edges the layers see: a GAT replaces the self-loops by one per node."""
    return sum(int((b.edge_index[0] != b.edge_index[1]).sum()) + b.num_nodes for b in batches)


def test_a_scan_says_what_it_looked_at():
    batches = parts()
    coverage = scan(mixed(), batches).coverage
    assert [(e.path, e.layer, e.stages, e.ran) for e in coverage.seen] == [
        ("layers.0", "GATv2Conv", ("score",), True),
        ("layers.4", "GATConv", ("message",), True),
    ]
    assert [each.rows for each in coverage.seen] == [edges_of(batches)] * 2
    assert [(gap.path, gap.kind) for gap in coverage.unseen] == [
        ("layers.1", "attention"),
        ("layers.2", "attention"),
        ("layers.3", "message passing"),
    ]


def test_layers_that_are_left_out_say_why():
    torch.manual_seed(0)
    model = Net(GATConv(WIDTH, WIDTH), GATConv(WIDTH, WIDTH), GATConv(WIDTH, 1)).eval()
    with pytest.warns(EdgescopeWarning, match="one number per edge and head"):
        coverage = scan(model, parts()).coverage
    (gap,) = coverage.unseen
    assert (gap.path, gap.reason) == (
        "layers.2",
        "it holds one number per edge and head, so no ratio can be taken",
    )
    chosen = scan(model, parts(), sites="layers.1:message").coverage
    assert [each.path for each in chosen.seen] == ["layers.1"]
    assert {gap.reason for gap in chosen.unseen} == {"left out by sites="}


def test_coverage_comes_back_from_disk(tmp_path):
    found = scan(mixed(), parts())
    loaded = es.load_scan(found.save(tmp_path / "scan"))
    assert loaded.coverage == found.coverage
    assert not differences(loaded, found)


def test_a_scan_of_an_earlier_version_has_no_coverage_and_can_be_read_and_reported(tmp_path):
    folder = scan(mixed(), parts()).save(tmp_path / "scan")
    description = json.loads((without_manifest(folder) / "scan.json").read_text())
    del description["info"]["coverage"]
    (folder / "scan.json").write_text(json.dumps(description))
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        loaded = es.load_scan(folder)
    assert loaded.coverage is None
    page = loaded.report(tmp_path / "report.html").read_text()
    assert "Which attention of the model was looked at is not known of this scan." in page
    assert merge_scans([loaded, loaded], same_graphs=True).coverage is None


@settings(max_examples=10)
@given(st.permutations(range(4)), st.integers(1, 3))
def test_parts_merge_to_the_coverage_of_the_whole(order, cut):
    model, batches = mixed(), parts()
    whole = scan(model, batches).coverage
    one, two = ([batches[place] for place in some] for some in (order[:cut], order[cut:]))
    merged = merge_scans([scan(model, one), scan(model, two)])
    assert merged.coverage == whole


def hesitant():
    """A model of which a layer cannot be told apart, but only on the third batch."""

    class Hesitant(Renumbered):
        def forward(self, x, edge_index):
            return super().forward(x, edge_index) if len(x) == 12 else self.conv(x, edge_index)

    torch.manual_seed(0)
    return Net(GATv2Conv(WIDTH, WIDTH), Hesitant()).eval()


def batches_for_hesitant():
    batches = parts()
    batches[2] = graphs((5, 7), seed=9)
    batches[2].graph = torch.tensor([4, 5])
    return batches


def test_a_layer_that_cannot_be_told_apart_is_left_out_of_the_default():
    model, batches = hesitant(), batches_for_hesitant()
    with pytest.warns(EdgescopeWarning, match=r"layers\.1\.conv is left out, since it cannot be"):
        found = scan(model, batches)
    alone = scan(model, batches, sites="layers.0:score")
    assert list(found.sites) == ["layers.0:score"]
    assert [name for name in differences(found, alone) if name != "coverage"] == []
    assert found.coverage.seen == alone.coverage.seen
    (gap,) = found.coverage.unseen
    assert gap.reason.startswith("which row of layers.1.conv:message belongs to which edge cannot")


def test_a_layer_that_was_asked_for_is_not_left_out():
    with pytest.raises(InputError, match="belongs to which edge cannot be told"):
        scan(hesitant(), batches_for_hesitant(), sites=["layers.0:score", "layers.1.conv:message"])


@pytest.mark.parametrize("baseline", ["model", "ensemble", "scan"])
def test_a_baseline_leaves_out_what_the_model_does(baseline):
    model, batches = hesitant(), batches_for_hesitant()
    if baseline == "scan":
        with pytest.warns(EdgescopeWarning, match="is left out"):
            compared = scan(hesitant(), batches)
    else:
        compared = hesitant() if baseline == "model" else es.Untrained(members=2)
    with pytest.warns(EdgescopeWarning, match="is left out"):
        found = scan(model, batches, baseline=compared)
    assert list(found.sites) == list(found.baseline.sites) == ["layers.0:score"]
    assert all(list(member.sites) == ["layers.0:score"] for member in found.baseline.members)
    assert [each.path for each in found.baseline.coverage.seen] == ["layers.0"]
    assert "growth" in found.table().columns


def test_a_layer_that_only_the_model_cannot_tell_apart_is_left_out_of_its_baseline():
    class Moody(Renumbered):
        def __init__(self):
            super().__init__()
            self.register_buffer("trained", torch.tensor(True))

        def forward(self, x, edge_index):
            return super().forward(x, edge_index) if self.trained else self.conv(x, edge_index)

    torch.manual_seed(0)
    model, before = (Net(GATv2Conv(WIDTH, WIDTH), Moody()).eval() for _ in range(2))
    before.layers[1].trained.fill_(False)
    with pytest.warns(EdgescopeWarning, match="is left out"):
        found = scan(model, parts(), baseline=before)
    assert list(found.baseline.sites) == list(found.sites) == ["layers.0:score"]
    (gap,) = found.baseline.coverage.unseen
    assert gap.path == "layers.1.conv"


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5, 6])
def test_an_interrupted_scan_leaves_out_the_same_layer(tmp_path, stop):
    model, batches = hesitant(), batches_for_hesitant()
    with pytest.warns(EdgescopeWarning, match="is left out"):
        whole = scan(model, batches)
    calls = []

    def stopping(called, batch):
        calls.append(batch)
        if len(calls) == stop:
            raise StoppedError
        return called(batch.x, batch.edge_index)

    options = {"shards": tmp_path / "shards", "shard_every": 0.0}
    with pytest.raises(StoppedError):
        scan(model, batches, call=stopping, **options)
    with pytest.warns(EdgescopeWarning, match="is left out"):
        resumed = scan(model, batches, **options)
    assert not differences(resumed, whole)


def test_large_scans_say_what_they_looked_at():
    from edgescope import LargeGraph, scan_large

    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=3, num_bond_types=2, hidden_dim=8, num_heads=2, num_layers=2
    ).eval()
    edges = torch.randint(0, 9, (2, 30))
    graph = LargeGraph.from_edge_index(edges, torch.randint(0, 2, (30,)), num_nodes=9)
    found = scan_large(model, torch.randint(0, 3, (9,)), graph, progress=False)
    assert found.coverage.complete
    assert [each.rows for each in found.coverage.seen] == [30, 30]


def test_the_coverage_of_a_model_is_not_changed_by_a_batch_of_one_graph():
    batch = Batch.from_data_list(graphs().to_data_list()[:1])
    coverage = scan(mixed(), [batch]).coverage
    assert isinstance(coverage, Coverage)
    assert [gap.kind for gap in coverage.unseen] == ["attention", "attention", "message passing"]


def test_nothing_left_is_an_error_that_says_why():
    torch.manual_seed(0)
    model = nn.ModuleDict({"x": Net(Renumbered(), Cosine(), GATConv(WIDTH, 1))})["x"].eval()
    with pytest.raises(InputError) as refused:
        scan(model, parts())
    said = str(refused.value)
    assert "layers.0.conv: which row" in said
    assert "layers.2: it holds one number per edge and head" in said
    assert "layers.1 (Cosine): no adapter knows this layer" in said
