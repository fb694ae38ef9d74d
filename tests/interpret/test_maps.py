"""Heat maps by group, against ratios of one graph at a time."""

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.interpret import edge_groups, heat_maps
from edgescope.lib.errors import InputError

SITE = "layers.1.attention:score"
ANIONS = ["fr_C=O", "fr_COO", "fr_ester", "fr_benzene"]


@pytest.fixture(scope="module")
def groups(molecules):
    labels = {"mine": torch.arange(molecules.edge_index.size(1)) % 3 - 1}
    by = ["bond_type", "ring", "functional_group"]
    return edge_groups(molecules, by, labels=labels, progress=False)


@pytest.fixture(scope="module")
def loader(molecules):
    return es.data.loader(molecules, batch_size=16)


@pytest.mark.parametrize(
    ("kind", "only"), [("ring", None), ("mine", None), ("functional_group", ANIONS)]
)
def test_shares_are_those_of_the_edges_of_the_group(model, loader, groups, ratios, kind, only):
    found = heat_maps(model, loader, groups, kind, only=only, progress=False)
    for group in only or groups[kind].names:
        member = groups[kind].member[:, groups[kind].names.index(group)]
        threshold = found.scan[SITE].heat_map(20.0)[1]  # the nearest edge of a bin
        expected = (ratios[SITE][member] > threshold).double().mean(0)
        np.testing.assert_allclose(found.at(SITE, group, 20.0), expected)
        rows = found.prevalence(20.0)
        row = rows.filter(site=SITE, group=group).row(0, named=True)
        over = (ratios[SITE][member] > row["threshold"]).flatten(1).any(1)
        assert (row["edges"], row["over"]) == (len(over), int(over.sum()))


def test_bond_types_give_what_a_scan_gives(model, loader, groups, scan):
    found = heat_maps(model, loader, groups, "bond_type", progress=False)
    np.testing.assert_array_equal(
        found.at(SITE, "double", 20.0), scan.heat_map(SITE, 20.0, edge_type="double")
    )


def test_a_group_without_edges_has_no_shares(model, loader, groups):
    found = heat_maps(model, loader, groups, "bond_type", progress=False)
    assert np.isnan(found.at(SITE, "none", 20.0)).all()
    assert found.prevalence().filter(group="none")["rate"].is_nan().all()


def test_sites_may_be_chosen(model, loader, groups):
    found = heat_maps(model, loader, groups, "ring", sites=[SITE], progress=False)
    assert list(found.scan.sites) == [SITE]


def test_groups_that_overlap_in_too_many_ways_are_refused(model, loader, groups, monkeypatch):
    monkeypatch.setattr("edgescope.interpret.maps.MAX_COMBINATIONS", 3)
    with pytest.raises(InputError, match=r"overlap in \d+ ways, expected 3 at most; name fewer"):
        heat_maps(model, loader, groups, "functional_group", progress=False)


@pytest.mark.parametrize("only", [[], ["fr_nothing"]])
def test_unknown_groups_are_refused(model, loader, groups, only):
    with pytest.raises(InputError, match="expected some of fr_C=O"):
        heat_maps(model, loader, groups, "functional_group", only=only)


def test_an_unknown_group_is_answered_with_those_there_are(model, loader, groups):
    found = heat_maps(model, loader, groups, "ring", progress=False)
    with pytest.raises(InputError, match="unknown group 'square' of ring, expected one of chain"):
        found.at(SITE, "square")


def test_other_graphs_are_refused(model, groups):
    others = es.data.load("solubility", progress=False).train[:40]
    with pytest.raises(InputError, match="lacks; give a loader over the data set"):
        heat_maps(model, es.data.loader(others), groups, "ring", progress=False)


def test_batches_in_another_order_are_told_apart_by_their_positions(model, groups, molecules):
    plain = heat_maps(model, es.data.loader(molecules), groups, "ring", progress=False)
    shuffled = es.data.loader(molecules, batch_size=7, shuffle=True, seed=3)
    found = heat_maps(model, shuffled, groups, "ring", progress=False)
    np.testing.assert_array_equal(found.at(SITE, "ring", 20.0), plain.at(SITE, "ring", 20.0))


def test_rows_that_a_layer_adds_are_in_no_group():
    from torch_geometric.nn import GATv2Conv

    from support.graph_sets import dataset_of

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATv2Conv(3, 8, heads=1)

        def forward(self, x, edge_index):
            return self.conv(torch.eye(3)[torch.arange(len(x)) % 3], edge_index)

    graphs = dataset_of([(3, [(0, 1), (1, 2)]), (3, [(2, 0)]), (1, [])])
    groups = edge_groups(graphs, [], labels={"mine": [0, 1, 1]}, progress=False)
    found = heat_maps(Net(), es.data.loader(graphs), groups, "mine", progress=False)
    assert found.prevalence(1.0)["edges"].to_list() == [1, 2]
    assert found.scan.info.edge_type_names[-1] == "added"
