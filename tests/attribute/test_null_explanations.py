"""Graphs in which nothing is the reason: equal importances are right, one that stands out not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.data.edges.directions import batched_edges, edge_graphs, merge_directions
from edgescope.lib.errors import InputError


@pytest.fixture(scope="module")
def graphs():
    """Graphs with truth, of which every second one has none: nothing is the reason."""
    whole = es.data.planted("marked", 60).test
    truth = whole.edge_truth.clone()
    truth[edge_graphs(whole) % 2 == 0] = 0
    truth[edge_graphs(whole) == 4] = torch.nan
    return replace(whole, edge_truth=truth)


def test_equal_importances_are_right_and_graphs_with_a_reason_are_left_out(graphs):
    found = es.attribute.on_null_explanations(torch.ones(len(graphs.edge_attr)), graphs)
    expected = [float("nan") if g % 2 or g == 4 else 1.0 for g in range(len(graphs))]
    np.testing.assert_array_equal(found.even, expected)
    assert found.graphs == np.sum(np.array(expected) == 1)


def test_shares_are_those_of_a_box_plot_drawn_graph_by_graph(graphs):
    random = torch.Generator().manual_seed(0)
    edge = torch.randn(len(graphs.edge_attr), generator=random) ** 5
    found = es.attribute.on_null_explanations(edge, graphs)
    merged = merge_directions(edge.double(), batched_edges(graphs)).numpy()
    ptr = graphs.edge_ptr.tolist()
    for graph in np.flatnonzero(~np.isnan(found.even)):
        # Both directions of every edge are there, so that each bond counts twice in both.
        own = np.unique(merged[ptr[graph] : ptr[graph + 1]])
        low, high = np.percentile(own, [25, 75])
        inside = np.abs(own - (low + high) / 2) <= 2 * (high - low)
        assert found.even[graph] == pytest.approx(inside.mean())


def test_data_without_truth_are_refused():
    graphs = replace(es.data.planted("marked", 60).test, edge_truth=None)
    with pytest.raises(InputError, match="does not say which edges matter"):
        es.attribute.on_null_explanations(torch.ones(len(graphs.edge_attr)), graphs)
