"""From the rows of a scan to the edges of the data set."""

import pytest
import torch

import edgescope as es
from edgescope.interpret import massive_edges
from edgescope.lib.errors import InputError
from support.graph_sets import dataset_of

RATIO = 20.0  # of the fixture rule


def test_an_edge_is_massive_if_one_of_its_activations_is(scan, molecules, ratios):
    found = massive_edges(scan, molecules)
    assert found.mask.any()
    for site, expected in ratios.items():
        assert torch.equal(found[site], (expected > RATIO).flatten(1).any(1))
    assert found.added == found.unseen == (0, 0)


def test_another_criterion_may_be_asked_for(scan, molecules, ratios):
    found = massive_edges(scan, molecules, es.Criterion("larger", ratio=3 * RATIO))
    site = "layers.1.attention:score"
    assert torch.equal(found[site], (ratios[site] > 3 * RATIO).flatten(1).any(1))


def test_a_criterion_below_what_was_kept_is_refused_with_advice(scan, molecules):
    with pytest.raises(InputError, match="scan again with keep_ratio=5"):
        massive_edges(scan, molecules, es.Criterion("small", ratio=5))


def test_a_scan_that_did_not_keep_everything_is_refused(model, molecules, rule):
    loader = es.data.loader(molecules)
    short = es.scan(model, loader, criterion=rule, max_rows=3, progress=False)
    with pytest.raises(InputError, match=r"kept 3 of .* scan again with max_rows="):
        massive_edges(short, molecules)


def test_a_scan_of_other_graphs_is_refused(scan, molecules):
    with pytest.raises(InputError, match=r"the scan is of 40 graphs, solubility.* has 39"):
        massive_edges(scan, molecules[:39])
    with pytest.raises(InputError, match="give the data set that was scanned"):
        massive_edges(scan, molecules[list(range(39, -1, -1))])
    others = es.data.load("solubility", progress=False).train[:40]
    with pytest.raises(InputError, match="give the data set that was scanned"):
        massive_edges(scan, others)


def test_rows_that_a_layer_adds_are_counted_and_left_out():
    from torch_geometric.nn import GATv2Conv

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATv2Conv(3, 8, heads=1)

        def forward(self, x, edge_index):
            return self.conv(torch.eye(3)[x + torch.arange(len(x)) % 3], edge_index)

    torch.manual_seed(0)
    graphs = dataset_of([(3, [(0, 1), (1, 1), (1, 2)]), (2, [])])
    rule = es.Criterion("any", ratio=1.0)
    scan = es.scan(Net(), es.data.loader(graphs), criterion=rule, progress=False)
    found = massive_edges(scan, graphs)
    rows = scan.massive()
    assert found.added == (int((rows["edge"] < 0).sum()),)
    assert found.added[0] > 0
    # GATv2Conv replaces self-loops by its own, so it does not compute the graph's.
    seen = rows.filter(rows["edge"] >= 0)
    assert found.mask.sum() == seen.unique(["graph", "edge"]).height


def test_an_unknown_site_is_answered_with_those_there_are(scan, molecules):
    with pytest.raises(InputError, match=r"expected one of layers\.0"):
        massive_edges(scan, molecules)["nowhere"]
