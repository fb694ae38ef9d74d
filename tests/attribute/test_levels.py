"""Edges, links and nodes as what explanations are made of, against one graph at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import edgescope as es
from edgescope.data.edges.directions import batched_edges, edge_graphs
from edgescope.lib.errors import InputError
from support.judging_cases import datasets, graph_dataset


def by_hand(dataset, values):
    """Return of every graph its nodes that have edges, each to the values of these."""
    found = [{} for _ in range(len(dataset))]
    graph = edge_graphs(dataset).tolist()
    for edge, ends in enumerate(batched_edges(dataset).T.tolist()):
        for end in ends:
            found[graph[edge]].setdefault(end, []).append(float(values[edge]))
    return found


@given(datasets(), st.integers(0, 2**16))
def test_a_node_has_the_mean_of_its_edges_and_is_true_if_one_of_them_is(dataset, seed):
    random = torch.Generator().manual_seed(seed)
    importance = torch.randint(0, 4, dataset.edge_attr.shape, generator=random).float()
    truth = torch.randint(0, 2, (len(importance), 1), generator=random).float()
    dataset = replace(dataset, edge_truth=truth)
    found = es.attribute.against_truth(importance, dataset, level="node").auroc
    nodes = es.attribute.node_importance(importance, dataset)
    held = set()
    for graph, (own, told) in enumerate(
        zip(by_hand(dataset, importance), by_hand(dataset, truth[:, 0]), strict=True)
    ):
        means = {node: np.mean(each) for node, each in own.items()}
        held |= means.keys()
        assert nodes[list(means)].tolist() == pytest.approx(list(means.values()))
        true = [max(told[node]) for node in means]
        expected = np.nan if len(set(true)) < 2 else roc_auc_score(true, list(means.values()))
        np.testing.assert_allclose(found[graph], expected)
    alone = [node for node in range(len(nodes)) if node not in held]
    assert nodes[alone].isnan().all()


def test_of_a_level_none_stands_out_where_its_importances_are_equal():
    """Directions that differ are no difference between links, nor links one between nodes."""
    ring = [(a, b) for n in range(6) for a, b in ((n, (n + 1) % 6), ((n + 1) % 6, n))]
    graphs = graph_dataset([(6, ring, [0] * 12)], truth=torch.zeros(12, 1))
    importance = torch.tensor([9.0, 1.0, *[5.0, 5.0] * 5])
    even = {
        level: es.attribute.on_null_explanations(importance, graphs, level=level).even[0]
        for level in ("edge", "link", "node")
    }
    assert even == {"edge": 10 / 12, "link": 1.0, "node": 1.0}


def test_what_level_is_called_was_another_name_and_unknown_ones_are_refused():
    graphs = es.data.planted("marked", 60).test
    truth = graphs.edge_truth[:, 0]
    with pytest.warns(DeprecationWarning, match="both_directions= is now level='edge'"):
        es.attribute.against_truth(truth, graphs, both_directions=True)
    with pytest.raises(InputError, match="unknown level 'nodes', did you mean 'node'"):
        es.attribute.against_truth(truth, graphs, level="nodes")
